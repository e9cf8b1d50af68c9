"""One address where an OTLP receiver listens, or not; what has arrived stays known when it stops listening."""

import socket
from collections import Counter
from dataclasses import replace
from random import Random
from threading import Lock
from typing import Any, NamedTuple

from receiver import Receiver, Request, Span

__all__ = ["Arrived", "Endpoint"]


class Arrived(NamedTuple):
    """What came last under the ids of a span."""

    name: str
    parent: str
    """Its ids, or empty for a root."""
    incomplete: str
    """Why it is marked incomplete, or empty."""
    status: str
    pid: int
    """That recorded it."""


class Endpoint:
    """`up()` listens, `down()` refuses connections, `hang()` takes them and says nothing; it starts as up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.spans: dict[str, Arrived] = {}
        self.times: Counter[str] = Counter()
        """How often each span came."""
        self.senders: dict[int, set[int]] = {}
        """The processes whose spans came by one connection, by its port."""
        self.errors: list[str] = []
        """What came and was no OTLP; it was answered with 400."""
        self.moods: Random | None = None
        self._listener: Receiver | socket.socket | None = None
        self._listener = self.receiver = _Listener(self, 0)
        self.url = self._listener.url
        self._port = int(self.url.rpartition(":")[2])

    def up(self) -> None:
        if isinstance(self._listener, Receiver):
            self._listener.answer()
        else:
            self.down()
            self._listener = self.receiver = _Listener(self, self._port)

    def down(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def hang(self) -> None:
        self.down()
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=100)

    def unreliable(self, rng: Random) -> None:
        """From now on 5 % of requests hang, 5 % are refused for now, and 5 % are kept but get no answer."""
        self.moods = rng

    def reliable(self) -> None:
        """As it was at first."""
        self.moods = None

    def take(self, request: Request, spans: list[Span], errors: list[str]) -> None:
        """Note what a request brought."""
        with self._lock:
            self.errors += errors
            for span in spans:
                ids = f"{span.trace_id}-{span.span_id}"
                pid = int(span.attributes.get("tcc.metadata.pid", 0))
                self.times[ids] += 1
                self.senders.setdefault(request.port, set()).add(pid)
                self.spans[ids] = Arrived(
                    name=span.name,
                    parent=span.parent_id and f"{span.trace_id}-{span.parent_id}",
                    incomplete=span.attributes.get("tcc.incomplete_reason", ""),
                    status=span.status[0],
                    pid=pid,
                )


class _Listener(Receiver):
    """Tells the endpoint and keeps nothing, so that it can run for hours."""

    def __init__(self, endpoint: Endpoint, port: int) -> None:
        self._endpoint = endpoint
        super().__init__(port)

    def _receive(self, request: Request) -> Any:
        moods = self._endpoint.moods
        with self._changed:
            mood = 1.0 if moods is None else moods.random()
            if mood < 0.05:
                self.answer(503, headers={"retry-after": "0"}, times=1)
            elif mood < 0.10:
                self.answer(delay=20, times=1)
            answer = super()._receive(request)
            self._endpoint.take(request, self._spans, self._errors)
            if self._errors:
                answer = replace(answer, status=400)
            for kept in (self._requests, self._spans, self._logs, self._errors):
                kept.clear()
        if 0.10 <= mood < 0.15:
            raise ConnectionResetError  # after all of it was taken
        return answer
