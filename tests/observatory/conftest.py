"""A store of the test's own, and an Observatory on loopback that keeps what it receives in memory or in that store."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread

import pytest

from contextcompany.observatory import server
from contextcompany.observatory.app import create_app
from contextcompany.observatory.intake import Intake
from contextcompany.observatory.otlp import Batch, Log, Span
from contextcompany.observatory.sink import StoreSink
from contextcompany.observatory.store import Store


class Memory:
    """A sink that keeps batches in a list, and does before that what a test wants."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.error: Exception | None = None
        self.is_stuck = False
        self._changed = Condition()

    async def write(self, batch: Batch) -> None:
        while self.is_stuck:  # noqa: ASYNC110 - set by another thread, which asyncio's events are not for
            await asyncio.sleep(0.005)
        if self.error is not None:
            raise self.error
        with self._changed:
            self.batches.append(batch)
            self._changed.notify_all()

    @property
    def spans(self) -> list[Span]:
        return [span for batch in list(self.batches) for span in batch.spans]

    @property
    def logs(self) -> list[Log]:
        return [log for batch in list(self.batches) for log in batch.logs]


class Observatory:
    """Runs in a thread until `close()`, as `serve` runs it in a process."""

    def __init__(self, *, token: str | None = None, intake: Intake | None = None, store: Store | None = None) -> None:
        self.sink = Memory() if store is None else StoreSink(store)
        self.intake = intake or Intake()
        listening = server.listen("127.0.0.1", 0, None)
        self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        app = create_app(self.sink, store=store, host="127.0.0.1", token=token, intake=self.intake)
        self._server = server.Server(app)
        self._thread = Thread(target=self._server.run, args=([listening],))
        self._thread.start()

    def close(self) -> None:
        """Stop; connections that are open are ended."""
        if isinstance(self.sink, Memory):
            self.sink.is_stuck = False
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, whole when the test is over."""
    with Store.open(tmp_path / "observatory.db") as opened:
        yield opened
        assert opened.problems() == []


@pytest.fixture
def observatory() -> Iterator[Observatory]:
    """One of the test's own."""
    started = Observatory()
    yield started
    started.close()


@pytest.fixture
def served(store: Store) -> Iterator[Observatory]:
    """One that keeps what it receives in `store`, and answers from it."""
    started = Observatory(store=store)
    yield started
    started.close()


@pytest.fixture
def observatories() -> Iterator[type[Observatory]]:
    """Makes them as the test wants."""
    made: list[Observatory] = []

    def make(**options) -> Observatory:
        made.append(Observatory(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()
