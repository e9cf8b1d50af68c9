"""Questions and answers: store → values that say all a page, the JSON API and the command line show."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import orjson

from contextcompany._version import __version__
from contextcompany.observatory import cursors, filters, originals, prices, searching, sql
from contextcompany.observatory.contexts import (
    About,
    Failure,
    Feedback,
    Run,
    RunPage,
    Session,
    SpanDetail,
    SpanLine,
    Stat,
    ToolCall,
    Whole,
)
from contextcompany.observatory.filters import LOST_AFTER_S, FilterError
from contextcompany.observatory.fold import SUSPENDED, spoken
from contextcompany.observatory.rows import LineRow, RunRow, SpanRow, node_of
from contextcompany.observatory.tree import parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contextcompany.observatory.filters import Condition
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.otlp import Log
    from contextcompany.observatory.store import Reader, Store

__all__ = [
    "GROUPS",
    "MAX_PAGE",
    "ORDERS",
    "SORTS",
    "FilterError",
    "about",
    "details",
    "facts",
    "failures",
    "feedback",
    "lines",
    "lost",
    "matching",
    "run",
    "runs",
    "runs_like",
    "sessions",
    "shown",
    "span",
    "stat",
    "stats",
    "tool_calls",
    "top_of",
    "trace_ids",
    "trace_of",
]

MAX_PAGE: Final = 500
"""The longest page of any list."""

SORTS: Final = {
    "start": "run.start_ns",
    "duration": "coalesce(run.duration_ns, -1)",
    "cost": "coalesce(run.cost, -1)",
    "tokens": "coalesce(run.input_tokens, 0) + coalesce(run.output_tokens, 0)",
    "steps": "run.steps",
    "tools": "run.tool_calls",
    "spans": "run.spans",
    "errors": "run.errors",
}
"""By what runs can be sorted, largest first."""

ORDERS: Final = (*SORTS, *(f"-{each}" for each in SORTS))
"""How runs can be sorted; with a `-`, smallest first."""

_END: Final = 2**63 - 1
_LAST: Final = "\U0010ffff"
"""Behind any other character."""


# --- runs ------------------------------------------------------------------------------------------------------------


def runs(
    store: Store,
    filter_: str = "",
    *,
    sort: str = "start",
    after: str | None = None,
    limit: int = 50,
    only: list[str] | None = None,
    now_ns: int | None = None,
    lost_after_s: float = LOST_AFTER_S,
) -> RunPage:
    """A page of the runs that a filter lets through.

    Args:
        store: Where they are.
        filter_: See `filters`.
        sort: One of `ORDERS`.
        after: `next` of the page before.
        limit: Runs on the page, at most `MAX_PAGE`.
        only: Trace ids of the runs that are looked at; None: all.
        now_ns: The time that `since:1h` counts from; the current one unless it is given.
        lost_after_s: When an open run is lost.

    Raises:
        FilterError: the filter, the order or `after` is wrong.
    """
    now = time.time_ns() if now_ns is None else now_ns
    parsed = filters.parse(filter_, now, lost_after_s)
    if sort not in ORDERS:
        raise FilterError(sort, f"`{sort}` is no order. Known are {', '.join(ORDERS)}.")
    key = SORTS[sort.removeprefix("-")]
    follows, direction = (">", "ASC") if sort.startswith("-") else ("<", "DESC")
    where, values = parsed.where, parsed.values
    if only is not None:
        where += " AND run.trace_id IN (SELECT value FROM json_each(?))"
        values.append(orjson.dumps(only).decode())
    if after is not None:
        where += f" AND ({key}, run.id) {follows} (?, ?)"
        values += cursors.read(after, sort, float, int)
    where += f" ORDER BY {key} {direction}, run.id {direction}"
    limit = max(1, min(limit, MAX_PAGE))
    with store.read() as reader:
        rows = [RunRow(*row) for row in reader.rows("runs", *values, limit + 1, where=where)]
        (change,) = reader.row("newest_change")
        found = None if not parsed.searches else searching.how_far(reader, parsed.searches, now)
        listed = shown(reader, rows[:limit], now, lost_after_s)
    cursor = _cursor(sort, rows[limit - 1]) if len(rows) > limit else None
    return RunPage(listed, cursor, found, str(change))


def trace_ids(store: Store, filter_: str | None = "", *, now_ns: int | None = None) -> Iterator[str]:
    """The traces of all runs that a filter lets through, in the order in which they arrived, read as they are taken.

    Without a filter, of everything, traces without GenAI included.

    Raises:
        FilterError: the filter is wrong.
    """
    if filter_ is None:
        return (row.trace_id for row in _matching(store, []))
    return (row.trace_id for row in matching(store, filter_, now_ns=now_ns))


def matching(
    store: Store, filter_: str, *, also: Condition | None = None, now_ns: int | None = None
) -> Iterator[RunRow]:
    """All runs that a filter and another condition let through, as `trace_ids` gives them."""
    parsed = filters.parse(filter_, time.time_ns() if now_ns is None else now_ns)
    return _matching(store, [*parsed.conditions, *([also] if also else [])])


def _matching(store: Store, conditions: list[Condition]) -> Iterator[RunRow]:
    where = " AND ".join([*(f"({each.text})" for each in conditions), "run.id > ?"]) + " ORDER BY run.id"
    values = [value for each in conditions for value in each.values]
    last = 0
    while True:
        with store.read() as reader:
            rows = [RunRow(*row) for row in reader.rows("runs", *values, last, MAX_PAGE, where=where)]
        yield from rows
        if len(rows) < MAX_PAGE:
            return
        last = rows[-1].id


def run(store: Store, run_id: str, *, now_ns: int | None = None, lost_after_s: float = LOST_AFTER_S) -> Whole | None:
    """A run by its id or its trace's, with its spans but not what was said; None when there is none."""
    with store.read() as reader:
        row = reader.row("run_by_id", run_id)
        if row is None:
            return None
        found = RunRow(*row)
        spans = [LineRow(*each) for each in reader.rows("lines_of_run", found.id)]
        said = [Feedback(*each) for each in reader.rows("feedback_of_trace", found.trace_id)]
        (about,) = shown(reader, [found], time.time_ns() if now_ns is None else now_ns, lost_after_s)
    newest = max([(each.seen_ns, each.id) for each in spans], default=(0, 0))
    return Whole(about, lines(spans), said, cursors.change(newest))


def trace_of(store: Store, run_id: str) -> str | None:
    """The trace id of a run by its id or its trace's; None when there is none."""
    found = top_of(store, run_id)
    return None if found is None else found[0]


def top_of(store: Store, run_id: str) -> tuple[str, str] | None:
    """The trace and the span that a run is shown as, by its id or its trace's; None when there is none."""
    with store.read() as reader:
        row = reader.row("run_by_id", run_id)
    return None if row is None else (RunRow(*row).trace_id, RunRow(*row).top)


def runs_like(store: Store, beginning: str, *, limit: int = 50, now_ns: int | None = None) -> list[Run]:
    """Runs whose id, or whose trace's, begins like this, newest first."""
    trace = beginning.replace("-", "").lower()
    values = (trace, trace + _LAST, *(beginning, beginning + _LAST) * 2, max(1, min(limit, MAX_PAGE)))
    where = sql.text("filters/run_like") + " ORDER BY run.start_ns DESC, run.id DESC"
    with store.read() as reader:
        rows = [RunRow(*row) for row in reader.rows("runs", *values, where=where)]
        return shown(reader, rows, time.time_ns() if now_ns is None else now_ns)


def lost(store: Store, *, limit: int = 50, now_ns: int | None = None, lost_after_s: float = LOST_AFTER_S) -> list[Run]:
    """Runs that are open and of which nothing came for a while, newest first."""
    return runs(store, "status:lost", limit=limit, now_ns=now_ns, lost_after_s=lost_after_s).runs


def shown(reader: Reader, rows: list[RunRow], now_ns: int, lost_after_s: float = LOST_AFTER_S) -> list[Run]:
    """Rows of the table, with what depends on the time, and what was thought of them."""
    ids = orjson.dumps([row.trace_id for row in rows]).decode()
    scores = {
        trace_id: (label or (None if value is None else f"{value:g}"), count)
        for trace_id, label, value, count, _ in reader.rows("scores_of_traces", ids)
    }
    waiting = dict(reader.rows("waiting", ids, SUSPENDED))
    lost_before_ns = now_ns - int(lost_after_s * 1e9)
    return [
        _shown(row, *scores.get(row.trace_id, (None, 0)), waiting.get(row.trace_id), lost_before_ns) for row in rows
    ]


def _shown(row: RunRow, feedback: str | None, feedback_count: int, waiting_ns: int | None, lost_before_ns: int) -> Run:
    state = row.status
    if row.is_open:
        state = "lost" if row.seen_ns < lost_before_ns and waiting_ns is None else "running"
    known = row._asdict() | {"state": state, "is_counting": row.settled_spans < row.spans}
    known |= {"feedback": feedback, "feedback_count": feedback_count, "waiting_ns": waiting_ns}
    return Run(**{name: known[name] for name in Run._fields})


def lines(rows: list[LineRow]) -> list[SpanLine]:
    """The spans of a run, each after the one it hangs under."""
    by_id = {row.span_id: row for row in rows}
    depths: dict[str, int] = {"": -1}
    made = []
    for span_id, parent_id in parents(map(node_of, rows)).items():
        depths[span_id] = depths[parent_id] + 1
        made.append(_line(by_id[span_id], parent_id, depths[span_id]))
    return made


def _line(row: LineRow, parent_id: str, depth: int) -> SpanLine:
    first_ns, waits = orjson.loads(row.moments) if row.moments else _NO_MOMENTS
    unknown = orjson.loads(row.unknown) if row.unknown else _NOTHING_UNKNOWN
    return SpanLine(row[0], parent_id, depth, *row[1:20], unknown, first_ns, waits)  # both have these in one order


_NO_MOMENTS: Final[tuple[None, list[list[int]]]] = (None, [])
_NOTHING_UNKNOWN: Final[list[str]] = []  # of all spans, never changed: garbage collection looks at each list


def _cursor(sort: str, row: RunRow) -> str:
    values = {
        "start": row.start_ns,
        "duration": -1 if row.duration_ns is None else row.duration_ns,
        "cost": -1 if row.cost is None else row.cost,
        "tokens": (row.input_tokens or 0) + (row.output_tokens or 0),
        "steps": row.steps,
        "tools": row.tool_calls,
        "spans": row.spans,
        "errors": row.errors,
    }
    return cursors.write(sort, values[sort.removeprefix("-")], row.id)


# --- spans -----------------------------------------------------------------------------------------------------------


def span(store: Store, trace_id: str, span_id: str) -> SpanDetail | None:
    """A span with all that was received of it; None when there is none."""
    with store.read() as reader:
        row = reader.row("wire", trace_id, span_id)
        if row is None:
            return None
        made = originals.read_span(originals.span_of_row(reader, *row[1:]))
        spans = [SpanRow(*each) for each in reader.rows("some_spans_of_run", row[1], orjson.dumps([span_id]).decode())]
        rows = [each for each in reader.rows("logs_of_trace", trace_id) if each[0] == span_id]
        logs = [originals.read_log(originals.log_of_row(reader, *each[1:])) for each in rows]
    return SpanDetail(_heard(store.reading.fold(made), logs), made, logs, spans[0].not_counted)


def facts(store: Store, trace_id: str, span_ids: Iterable[str]) -> Iterator[tuple[str, Fact]]:
    """What these spans of a run say, by their ids and in this order, read as they are taken."""
    return ((each.span.span_id, each.fact) for each in details(store, trace_id, span_ids))


def details(store: Store, trace_id: str, span_ids: Iterable[str]) -> Iterator[SpanDetail]:
    """All that was received of these spans of a run, in this order, read as they are taken; not what counts."""
    logs: dict[str, list[Log]] = defaultdict(list)
    for log in map(originals.read_log, originals.logs_of_run(store, trace_id)):
        logs[log.span_id].append(log)
    for made in map(originals.read_span, originals.spans_of_run(store, trace_id, span_ids)):
        said = logs.get(made.span_id, [])
        yield SpanDetail(_heard(store.reading.fold(made), said), made, said, None)


def _heard(fact: Fact, logs: list[Log]) -> Fact:
    """What a span says, or its log records when it has no messages itself."""
    if fact.input is not None or fact.output is not None or not logs:
        return fact
    asked, answered = spoken(logs)
    return fact._replace(input=asked, output=answered)


def tool_calls(
    store: Store,
    tool: str | None = None,
    *,
    after: tuple[int, int] = (_END, 0),
    limit: int = 50,
    with_content: bool = False,
) -> list[ToolCall]:
    """Tool calls of all runs, newest first.

    Args:
        store: Where they are.
        tool: Of this tool only.
        after: `start_ns` and `id` of the last one of the page before.
        limit: How many, at most `MAX_PAGE`.
        with_content: Whether to read what each was given and what came out.
    """
    limit = _at_most(limit)
    with store.read() as reader:
        if tool is None:
            rows = reader.rows("tool_calls", *after, limit)
        else:
            rows = reader.rows("tool_calls_of", tool, *after, limit)
        made = [ToolCall(*row) for row in rows]
        if not with_content:
            return made
        wires = [reader.row("wire", each.trace_id, each.span_id)[1:] for each in made]
        spans = [originals.read_span(originals.span_of_row(reader, *wire)) for wire in wires]
        facts = [*map(store.reading.fold, spans)]
    return [call._replace(args=fact.args, result=fact.result) for call, fact in zip(made, facts, strict=True)]


def failures(store: Store, *, since_ns: int = 0, limit: int = 50) -> list[Failure]:
    """What failed, alike errors together, the most frequent first."""
    with store.read() as reader:
        return [Failure(*row) for row in reader.rows("failures", since_ns, _at_most(limit))]


# --- sessions, feedback ----------------------------------------------------------------------------------------------


def sessions(store: Store, *, after: tuple[int, str] = (_END, ""), limit: int = 50) -> list[Session]:
    """Sessions, the one with the newest run first; `after` is `last_ns` and `session_id` of the page before."""
    with store.read() as reader:
        return [Session(*row) for row in reader.rows("sessions", *after, _at_most(limit))]


def feedback(store: Store, *, after: tuple[int, int] = (_END, 0), limit: int = 50) -> list[Feedback]:
    """Feedback, newest first, also about runs that have not arrived; `after` is `time_ns` and `id` of the last one."""
    with store.read() as reader:
        return [Feedback(*row) for row in reader.rows("feedback", *after, _at_most(limit))]


def _at_most(limit: int) -> int:
    """One more than a page tells whether there are more."""
    return max(1, min(limit, MAX_PAGE + 1))


# --- counts ----------------------------------------------------------------------------------------------------------

GROUPS: Final = {"agent": "run", "model": "step", "tool": "tool_call"}
"""By what can be counted, and the kind of span that says it."""

_HOUR_NS: Final = 3600 * 10**9


def stats(store: Store, *, by: str = "", since_ns: int, until_ns: int, hours: int = 1) -> list[Stat]:
    """Counts over time, from the hour of `since_ns` to that of `until_ns`.

    Args:
        store: Where they are.
        by: `agent`, `model` or `tool`; empty counts runs all together.
        since_ns: From when.
        until_ns: Until when.
        hours: How many hours are counted together.

    Raises:
        ValueError: `by` is something else.
    """
    if by and by not in GROUPS:
        raise ValueError(f"`by` must be agent, model or tool, got {by!r}.")
    values = (max(1, hours), by, GROUPS.get(by, "run"), since_ns // _HOUR_NS, until_ns // _HOUR_NS + 1)
    histograms: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    with store.read() as reader:
        for hour, name, bucket, count in reader.rows("latencies", *values):
            histograms[hour, name].append((bucket, count))
        rows = reader.rows("stats", *values)
    return [stat(row[0] * _HOUR_NS, row[1:], histograms[row[0], row[1]]) for row in rows]


def stat(start_ns: int, counts: tuple[Any, ...], histogram: list[tuple[int, int]]) -> Stat:
    """Counts from a moment on, with the quantiles of how long it took: spans by the bucket of their duration."""
    at = (_quantile(histogram, part) for part in (0.5, 0.95, 0.99))
    return Stat(start_ns, *counts, *at)


def _quantile(histogram: list[tuple[int, int]], part: float) -> int | None:
    """The middle of the bucket in which it lies."""
    left = part * sum(count for _, count in histogram)
    for bucket, count in histogram:
        left -= count
        if left <= 0 < count:
            return int(1000 * 2 ** ((bucket + 0.5) / 4))
    return None


# --- the file --------------------------------------------------------------------------------------------------------


def about(store: Store) -> About:
    """The file, and what is in it."""
    with store.read() as reader:
        size, used = reader.row("pages")
        runs, spans, texts, oldest, newest, schema_version = reader.row("about")
        meta = dict(reader.rows("meta"))
        behind = searching.how_far(reader, [], time.time_ns())
    log = store.path.with_name(f"{store.path.name}-wal")
    return About(
        path=str(store.path),
        bytes=size,
        free_bytes=size - used,
        log_bytes=log.stat().st_size if log.exists() else 0,
        runs=runs,
        spans=spans,
        texts=texts,
        oldest_ns=oldest,
        newest_ns=newest,
        max_age_s=meta["max_age_s"] or None,
        max_bytes=meta["max_bytes"] or None,
        pruned_runs=meta["pruned_runs"],
        pruned_before_ns=meta["pruned_before"] or None,
        refused_snapshots=meta["refused_snapshots"],
        trailing=behind.trailing,
        trailing_s=behind.trailing_s,
        price_table=prices.price_table(),
        schema_version=schema_version,
        version=__version__,
    )
