"""Runs that go: because somebody says so, for their age, or for room. What runs here runs on the thread that writes."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from functools import partial
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import sql
from contextcompany.observatory.database import put, put_counts
from contextcompany.observatory.preparing import dumps, text_of
from contextcompany.observatory.rows import SpanRow
from contextcompany.observatory.settling import Rollups
from contextcompany.observatory.texts import words

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from contextcompany.observatory.store import Reader
    from contextcompany.observatory.writing import Writer

__all__ = ["Pruned", "Retention", "delete", "is_due", "prune", "write_down"]

_RUNS_AT_ONCE: Final = 50
_SPANS_AT_ONCE: Final = 500
"""Runs, and spans of them, that go in one transaction, for which writes wait; a larger run goes alone."""

_ROUNDS: Final = 5
_FILLED: Final = 0.9
"""How much of what is allowed is left filled, so that it is not done all the time."""

_PAGES_MERGED: Final = 200
"""Pages of the index of search that are written in one transaction."""

_PAGES_AT_ONCE: Final = 1024
"""Pages of 4 KB that are given back to the disk at a time."""


class Retention(NamedTuple):
    """What is kept."""

    max_age_s: float | None = None
    """Runs that started earlier go, if nothing of them came since."""
    max_bytes: int | None = None
    """When the file uses more, the oldest runs go."""


class _Run(NamedTuple):
    """As much of a run as deleting needs."""

    id: int
    start_ns: int
    spans: int
    size: int


class Pruned(NamedTuple):
    """What went."""

    runs: int
    size: int
    """Bytes by which the file became smaller."""


def delete(writer: Writer, trace_ids: Iterable[str]) -> int:
    """Delete runs, with all that was said in them and what they added to the counts per hour; returns how many."""
    ids = [*trace_ids]
    count = 0
    for at in range(0, len(ids), _RUNS_AT_ONCE):
        some = dumps(ids[at : at + _RUNS_AT_ONCE])
        while gone := writer.do(partial(_delete, writer, some)):
            count += gone
    _shrink(writer)
    return count


def is_due(reader: Reader, retention: Retention) -> bool:
    """Whether something is too old, or there is too much."""
    _, used = reader.row("pages")
    if retention.max_bytes is not None and used > retention.max_bytes:
        return True
    return retention.max_age_s is not None and bool(reader.rows("aged_runs", _limit_ns(retention.max_age_s), 1))


def prune(writer: Writer, retention: Retention) -> Pruned:
    """Delete what is too old, and the oldest where there is too much. The counts per hour stay."""
    before, _ = writer.do(lambda: _rows(writer.connection, "pages")[0])
    count = 0
    if retention.max_age_s is not None:
        limit = _limit_ns(retention.max_age_s)
        while gone := writer.do(partial(_prune, writer, "aged_runs", limit)):
            count += gone.runs
        writer.do(lambda: _script(writer.connection, "delete_old_logs", limit))
    if retention.max_bytes is not None:
        count += _make_room(writer, retention.max_bytes)
    _shrink(writer)
    after, _ = writer.do(lambda: _rows(writer.connection, "pages")[0])
    return Pruned(count, max(0, before - after))


def write_down(writer: Writer, retention: Retention) -> None:
    """Say in the file what is kept."""
    statement = sql.text("write/put_meta")
    writer.connection.execute(statement, (retention.max_age_s or 0, "max_age_s"))
    writer.connection.execute(statement, (retention.max_bytes or 0, "max_bytes"))


def _limit_ns(max_age_s: float) -> int:
    return time.time_ns() - int(max_age_s * 1e9)


def _delete(writer: Writer, trace_ids: str) -> int:
    return _go(writer, _few(_rows(writer.connection, "runs_by_trace", trace_ids)))


def _make_room(writer: Writer, max_bytes: int) -> int:
    """Delete the oldest runs until the file uses no more than `max_bytes`, by a tenth if anything."""
    count = 0
    for _ in range(_ROUNDS):
        _, used = writer.do(lambda: _rows(writer.connection, "pages")[0])
        if used <= max_bytes:
            break
        whole = writer.do(lambda: _rows(writer.connection, "size_of_runs")[0][0])
        share = whole * (1 - _FILLED * max_bytes / used)
        while share > 0 and (gone := writer.do(partial(_prune, writer, "oldest_runs", enough=share))):
            count += gone.runs
            share -= gone.size
        # What search forgot takes room until its parts are put together.
        for table in ("body", "span"):
            writer.do(partial(_merge, writer.connection, table, -_PAGES_MERGED))
            while writer.do(partial(_merge, writer.connection, table, _PAGES_MERGED)):
                pass
    return count


def _merge(connection: sqlite3.Connection, table: str, pages: int) -> bool:
    """Whether there is more to put together: https://sqlite.org/fts5.html#the_merge_command."""
    before = connection.total_changes
    connection.execute(sql.text(f"write/merge_{table}"), (pages,))
    return connection.total_changes - before >= 2


def _prune(writer: Writer, query: str, *values: int, enough: float = inf) -> Pruned | None:
    """Delete some of the runs that a query finds, no more than have so many bytes; None when there are none."""
    runs = _few(_rows(writer.connection, query, *values, _RUNS_AT_ONCE), enough)
    if not runs:
        return None
    _go(writer, runs, keeps_counts=True)
    add, maximum = sql.text("write/add_meta"), sql.text("write/set_meta")
    writer.connection.execute(add, (len(runs), "pruned_runs"))
    writer.connection.execute(maximum, (max(run.start_ns for run in runs), "pruned_before"))
    return Pruned(len(runs), sum(run.size for run in runs))


def _few(rows: list[Any], enough: float = inf) -> list[_Run]:
    """The first of them: as many as go at once, or are enough."""
    runs = [_Run(*row) for row in rows]
    spans = [*accumulate(run.spans for run in runs)]
    sizes = [*accumulate(run.size for run in runs)]
    return runs[: min(max(1, bisect_right(spans, _SPANS_AT_ONCE)), bisect_left(sizes, enough) + 1)]


def _go(writer: Writer, runs: list[_Run], *, keeps_counts: bool = False) -> int:
    if not runs:
        return 0
    connection = writer.connection
    ids = dumps([run.id for run in runs])
    indexed = dict(_rows(connection, "meta"))
    rollups = Rollups()
    for run in runs:
        rows = [SpanRow(*row) for row in _rows(connection, "spans_of_run", run.id)]
        for row in rows:
            if row.is_settled and not keeps_counts:
                rollups.add(row, -1)
        put(connection, "unindex_span", [(row.id, row.words) for row in rows if row.id <= indexed["indexed_span"]])
    bodies = _rows(connection, "unshared_bodies", ids)
    said = [(id_, words(text_of(data))) for id_, data in bodies if id_ <= indexed["indexed_body"]]
    put(connection, "unindex_body", said)
    connection.execute(sql.text("write/delete_bodies"), (dumps([id_ for id_, _ in bodies]),))
    _script(connection, "delete_runs", ids)
    put_counts(connection, rollups)
    writer.memory.forget()
    return len(runs)


def _rows(connection: sqlite3.Connection, name: str, *values: Any) -> list[Any]:
    return connection.execute(sql.text(f"read/{name}"), values).fetchall()


def _script(connection: sqlite3.Connection, name: str, *values: Any) -> None:
    """Several statements, each with the same values."""
    for statement in sql.statements(sql.text(f"write/{name}")):
        connection.execute(statement, values)


def _shrink(writer: Writer) -> None:
    """Give free pages back to the disk, some at a time."""
    while writer.do_outside(partial(_give_back, writer.connection)):
        pass


def _give_back(connection: sqlite3.Connection) -> bool:
    """Whether there are more."""
    # As a script: `execute` frees one page, however many are asked for.
    connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE}); PRAGMA wal_checkpoint(PASSIVE);")
    size, used = _rows(connection, "pages")[0]
    return bool(size > used)
