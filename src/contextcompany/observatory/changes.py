"""What has happened since: the changes of runs, in the order in which they could be seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import orjson

from contextcompany.observatory import filters, queries
from contextcompany.observatory.contexts import Changes, Feedback, RunChanges
from contextcompany.observatory.filters import LOST_AFTER_S
from contextcompany.observatory.rows import LineRow, RunRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.store import Store

__all__ = ["MAX_BEHIND", "newest", "of_run", "of_runs", "of_trace"]

MAX_BEHIND: Final = 10_000
"""Changes that are told one by one. What was deleted longer ago is forgotten, as sql/migrations says."""


def newest(store: Store) -> int:
    """The number of the newest change of any run."""
    with store.read() as reader:
        number: int = reader.row("newest_change")[0]
    return number


def of_trace(store: Store, trace_id: str) -> int:
    """The number of the newest change of a run; 0 when nothing is known of it."""
    with store.read() as reader:
        row = reader.row("change_of_trace", trace_id)
    return row[0] if row else 0


def of_runs(
    store: Store,
    filter_: str,
    since: int,
    *,
    limit: int = 100,
    now_ns: int | None = None,
    lost_after_s: float = LOST_AFTER_S,
) -> Changes:
    """What has happened to runs since a change, the oldest first.

    Raises:
        FilterError: the filter is wrong.
    """
    now = time.time_ns() if now_ns is None else now_ns
    parsed = filters.parse(filter_, now, lost_after_s)
    with store.read() as reader:
        (last,) = reader.row("newest_change")
        if not last - MAX_BEHIND <= since <= last:
            return Changes([], [], last, is_all=True, is_behind=True)
        rows = [] if since == last else reader.rows("changes", *parsed.values, since, limit, where=parsed.where)
        let = [RunRow(*run) for _, _, is_let, *run in rows if is_let and run[0] is not None]
        passed = queries.shown(reader, let, now, lost_after_s)
    known = {run.trace_id for run in passed}
    at = rows[-1][0] if rows else since
    return Changes(passed, [trace_id for _, trace_id, *_ in rows if trace_id not in known], at, at >= last)


def of_run(
    store: Store, trace_id: str, since: tuple[int, int], *, hung_ns: int = 0, limit: int = 500
) -> RunChanges | None:
    """What has happened in a run; None when the run is gone.

    Args:
        store: Where it is.
        trace_id: Its trace.
        since: `change` of what was told before: when the last of the spans came, and its row.
        hung_ns: `newest_ns` of what was told before. What came later may be the parent of spans that were told.
        limit: How many spans are told, beside those that hang elsewhere.
    """
    with store.read() as reader:
        rows = reader.rows("runs_of_traces", orjson.dumps([trace_id]).decode())
        if not rows:
            return None
        found = RunRow(*rows[0])
        spans = [LineRow(*each) for each in reader.rows("lines_of_run", found.id)]
        said = [Feedback(*each) for each in reader.rows("feedback_of_trace", trace_id)]
        (about,) = queries.shown(reader, [found], time.time_ns())
    new = sorted([(row.seen_ns, row.id) for row in spans if (row.seen_ns, row.id) > since])
    until = new[:limit][-1] if new else since
    told = {row.span_id for row in _changed(spans, since, until, hung_ns)}
    lines = [line for line in queries.lines(spans) if line.span_id in told]
    return RunChanges(about, lines, said, until, max([row.seen_ns for row in spans]), len(new) <= limit)


def _changed(rows: list[LineRow], since: tuple[int, int], until: tuple[int, int], hung_ns: int) -> Iterator[LineRow]:
    changed = {row.span_id: row for row in rows if since < (row.seen_ns, row.id) <= until}
    for row in rows:
        parent = changed.get(row.parent_id) if (row.seen_ns, row.id) <= since else None
        # A span that was told hangs elsewhere when its parent comes after it.
        hangs_elsewhere = parent is not None and parent.id > row.id and parent.seen_ns > hung_ns
        if row.span_id in changed or hangs_elsewhere:
            yield row
