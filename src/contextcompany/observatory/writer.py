"""One thread that writes what requests bring: those that come together share a transaction."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from contextcompany.observatory.otlp import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_WAITING", "Busy", "Sink", "Store", "Writer"]

MAX_WAITING: Final = 2048
"""Requests that may wait for the thread."""

MAX_GROUP: Final = 2000
"""Spans and logs from which on no more requests join a transaction: those in it wait until all of it is written."""


class Busy(Exception):  # noqa: N818 - says what the sink is
    """A sink takes nothing at the moment."""

    def __init__(self, retry_after: float = 1.0) -> None:
        super().__init__("Too much waits to be written. Try again.")
        self.retry_after = retry_after
        """Seconds after which it may."""


class Sink(Protocol):
    """Where what was received goes."""

    async def write(self, batch: Batch) -> None:
        """Keep the batch: it is durable when this returns.

        Raises:
            Busy: there is too much to do.
        """


class Store(Protocol):
    """What keeps batches."""

    def write(self, batch: Batch) -> None:
        """Keep the batch: it is durable when this returns. Called by one thread."""


class _Waiting(NamedTuple):
    batch: Batch
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Writer:
    """A `Sink` on a `Store`. Its thread runs until `close()`, which writes what waits before it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._is_closed = False
        self._thread = Thread(target=self._run, name="contextcompany-observatory-writer", daemon=True)
        self._thread.start()

    async def write(self, batch: Batch) -> None:
        """See `Sink.write`; what the store raises is raised here."""
        if self._is_closed or self._queue.qsize() >= MAX_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(batch, loop, done))
        await done

    def close(self) -> None:
        """Write what waits, and end the thread; may be called twice."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next()
            if group:
                self._write(group)

    def _next(self) -> tuple[list[_Waiting], bool]:
        """What waits, up to a size; and whether more may come."""
        waiting = self._queue.get()
        group: list[_Waiting] = []
        size = 0
        while waiting is not None:
            group.append(waiting)
            size += len(waiting.batch.spans) + len(waiting.batch.logs)
            if size >= MAX_GROUP:
                return group, True
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _write(self, group: Sequence[_Waiting]) -> None:
        if len(group) > 1:
            try:
                self._store.write(_joined([each.batch for each in group]))
            except Exception:  # noqa: BLE001, S110 - one of them, or all: each is told its own below
                pass
            else:
                for each in group:
                    _tell(each, None)
                return
        for each in group:
            try:
                self._store.write(each.batch)
            except Exception as error:  # noqa: BLE001, PERF203 - raised where it is waited for
                _tell(each, error)
            else:
                _tell(each, None)


def _joined(batches: Sequence[Batch]) -> Batch:
    return Batch(
        [span for batch in batches for span in batch.spans], [log for batch in batches for log in batch.logs], []
    )


def _tell(waiting: _Waiting, error: Exception | None) -> None:
    def tell() -> None:
        if waiting.done.cancelled():
            return
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        waiting.loop.call_soon_threadsafe(tell)
