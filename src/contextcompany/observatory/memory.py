"""What the thread that writes remembers of the file, so that it need not look: ids of bodies, runs and senders.

Another process may write to the same file (`contextcompany delete`); all is forgotten then.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import sql
from contextcompany.observatory.database import put
from contextcompany.observatory.preparing import deflated, dumps
from contextcompany.observatory.rows import RunRow, SpanRow

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from contextcompany.observatory.preparing import Prepared

__all__ = ["Known", "Memory"]

_MAX_KNOWN_BODIES: Final = 100_000
_MAX_KNOWN_PIECES: Final = 100_000
_MAX_KNOWN_ENVELOPES: Final = 1000


class Known(NamedTuple):
    """What is remembered of a run."""

    id: int
    pieces: dict[tuple[int, int], int]
    """Number by previous piece and body."""


class Memory:
    """All of it. For one thread, within transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.bodies: OrderedDict[bytes, int] = OrderedDict()
        """Ids of bodies by digest; other threads may look whether a digest is there."""
        self._runs: OrderedDict[str, Known] = OrderedDict()
        self._envelopes: dict[str, int] = {}
        self._next = [0, 0, 0, 0]
        self._data_version = -1

    def notice_others(self) -> None:
        """Forget what another process may have changed."""
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self.forget()
            self._data_version = version

    def doubt(self) -> None:
        """A transaction was taken back: what is remembered may not be there."""
        self._data_version = -1

    def forget(self) -> None:
        """Forget all that is remembered of the file."""
        self.bodies.clear()
        self._runs.clear()
        self._envelopes.clear()
        self._next = [value + 1 for value in self.row("next_ids")]

    def trim(self) -> None:
        """Forget what was not needed for the longest time, where it is too much."""
        _trim(self.bodies, len(self.bodies) - _MAX_KNOWN_BODIES)
        while len(self._runs) > 1 and sum([len(run.pieces) + 8 for run in self._runs.values()]) > _MAX_KNOWN_PIECES:
            _trim(self._runs, len(self._runs) // 4 + 1)

    def rows(self, name: str, *values: Any) -> list[Any]:
        """The answer of `read/{name}`."""
        return self.connection.execute(sql.text(f"read/{name}"), values).fetchall()

    def row(self, name: str, *values: Any) -> Any:
        """The first row of the answer."""
        return self.connection.execute(sql.text(f"read/{name}"), values).fetchone()

    def ids_of_bodies(self, group: list[Prepared]) -> dict[bytes, int]:
        """Ids of all bodies of the group; those that are new are put into the file."""
        ids: dict[bytes, int] = {}
        unknown = []
        for prepared in group:
            for digest in (*prepared.texts, *prepared.bodies):
                if digest in ids:
                    continue
                if known := self.bodies.get(digest):
                    ids[digest] = known
                    self.bodies.move_to_end(digest)
                else:
                    ids[digest] = 0
                    unknown.append(digest)
        for at in range(0, len(unknown), 128):
            some = unknown[at : at + 128]
            ids.update(self.rows("bodies_by_digest", *some, *[None] * (128 - len(some))))
        new = []
        for prepared in group:
            for digest in (*prepared.texts, *prepared.bodies):
                if not ids[digest]:
                    size, data = prepared.bodies.get(digest) or deflated(prepared.texts[digest])
                    ids[digest] = self.next_id(2)
                    new.append((ids[digest], digest, size, data))
        put(self.connection, "put_bodies", new)
        self.bodies.update(ids)
        return ids

    def next_id(self, table: int) -> int:
        """An id that was never given: 0 for runs, 1 for spans, 2 for bodies, 3 for logs."""
        id_ = self._next[table]
        self._next[table] = id_ + 1
        return id_

    def known(self, trace_id: str, id_: int | None) -> Known:
        """What is remembered of a run, or is read now; without an id, a new run."""
        known = self._runs.get(trace_id)
        if known is None:
            pieces = {} if id_ is None else {row[:2]: row[2] for row in self.rows("pieces_of_run", id_)}
            known = self._runs[trace_id] = Known(self.next_id(0) if id_ is None else id_, pieces)
        self._runs.move_to_end(trace_id)
        return known

    def runs(self, trace_ids: Iterable[str]) -> dict[str, RunRow]:
        """The runs of these traces that are in the file."""
        rows = self.rows("runs_of_traces", dumps([*trace_ids]))
        return {row[1]: RunRow(*row) for row in rows}

    def spans(self, run: int) -> list[SpanRow]:
        """All spans of a run."""
        return [SpanRow(*row) for row in self.rows("spans_of_run", run)]

    def some_spans(self, run: int, span_ids: list[str]) -> list[SpanRow]:
        """Some spans of a run."""
        return [SpanRow(*row) for row in self.rows("some_spans_of_run", run, dumps(span_ids))]

    def envelope(self, content: str) -> int:
        """The id of a resource and scope, which are put into the file when they are new."""
        if content not in self._envelopes:
            if len(self._envelopes) > _MAX_KNOWN_ENVELOPES:
                self._envelopes.clear()
            id_: int = self.connection.execute(sql.text("write/put_envelope"), (content,)).fetchone()[0]
            self._envelopes[content] = id_
        return self._envelopes[content]


def _trim(known: OrderedDict[Any, Any], count: int) -> None:
    for _ in range(count):
        known.popitem(last=False)
