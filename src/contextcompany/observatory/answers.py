"""What the JSON API answers to each question: a store and the values of its parameters → a context."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import orjson

from contextcompany.observatory import (
    comparing,
    completion,
    cursors,
    dashboards,
    exchanges,
    exporting,
    filters,
    finding,
    graphs,
    queries,
    searching,
    timeline,
)
from contextcompany.observatory import sessions as sessions_
from contextcompany.observatory.contexts import (
    About,
    Columns,
    Comparison,
    Completion,
    Dashboard,
    Failures,
    FeedbackPage,
    Found,
    Histogram,
    Hits,
    RunPage,
    SessionDetail,
    SessionPage,
    SpanDetail,
    SpanLine,
    Stats,
    ToolCallPage,
    Whole,
)
from contextcompany.observatory.feed import OneRun, Runs
from contextcompany.observatory.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contextcompany.observatory.exchanges import Talk
    from contextcompany.observatory.exporting import Export
    from contextcompany.observatory.graphs import Graph
    from contextcompany.observatory.store import Store

__all__ = [
    "Given",
    "MissingError",
    "about",
    "compare",
    "conversation",
    "dashboard",
    "events",
    "export",
    "export_run",
    "failures",
    "feedback",
    "graph",
    "histogram",
    "missing_run",
    "run",
    "run_events",
    "runs",
    "search",
    "search_run",
    "session",
    "sessions",
    "span",
    "span_as_received",
    "stats",
    "tool_calls",
    "values",
]

_T = TypeVar("_T")
_DAY_NS: Final = 24 * 3600 * 10**9

Given: TypeAlias = "Mapping[str, Any]"
"""Values of parameters, those of the path included, by name."""


class MissingError(LookupError):
    """What was asked for is not here. The message says what was looked for."""


def runs(store: Store, given: Given) -> RunPage:
    """Runs that a filter lets through, newest first or in another order, a page at a time."""
    return queries.runs(store, given["filter"], sort=given["sort"], after=given["after"], limit=given["limit"])


def run(store: Store, given: Given) -> Whole | Columns:
    """A run with all its spans in order, each after the one it hangs under, but not what was said in them."""
    whole = _whole(store, given["run_id"])
    if not given["columns"]:
        return whole
    lists = zip(*whole.spans, strict=True) if whole.spans else ((),) * len(SpanLine._fields)
    return Columns(whole.run, dict(zip(SpanLine._fields, map(list, lists), strict=True)), whole.feedback, whole.change)


def span(store: Store, given: Given) -> SpanDetail:
    """All that is known of a span: what it says in our words, and what was received, its log records included."""
    run_id, span_id = given["run_id"], given["span_id"]
    trace_id = queries.trace_of(store, run_id)
    found = None if trace_id is None else queries.span(store, trace_id, span_id.lower())
    if found is None:
        raise _no_span(span_id, run_id)
    return found


def conversation(store: Store, given: Given) -> Talk:
    """What was said in a run: each request to a model with what is new in it, each tool call with its result."""
    return exchanges.talk(store, _whole(store, given["run_id"]), since=given["since"], is_whole=given["whole"])


def graph(store: Store, given: Given) -> Graph:
    """Agents, models and tools of a run with what they did, and who called whom how often."""
    return graphs.graph(_whole(store, given["run_id"]).spans)


def sessions(store: Store, given: Given) -> SessionPage:
    """Sessions with their totals, the one with the newest run first, a page at a time."""
    place = _place(given["after"], "sessions", int, str)
    found = queries.sessions(store, **place, limit=given["limit"] + 1)
    shown, last = _page(found, given["limit"])
    return SessionPage(shown, last and cursors.write("sessions", last.last_ns, last.session_id))


def session(store: Store, given: Given) -> SessionDetail:
    """A session with its runs as turns in order, what was thought of each, and their totals."""
    session_id, after, limit = given["session_id"], given["after"], given["limit"]
    found = sessions_.session(store, session_id, after=after, limit=limit, with_content=given["content"])
    if found is None:
        raise MissingError(f"There is no session `{session_id[:100]}`.")
    return found


def feedback(store: Store, given: Given) -> FeedbackPage:
    """What people thought of runs, newest first, also of runs that have not arrived, a page at a time."""
    place = _place(given["after"], "feedback", int, int)
    shown, last = _page(queries.feedback(store, **place, limit=given["limit"] + 1), given["limit"])
    return FeedbackPage(shown, last and cursors.write("feedback", last.time_ns, last.id))


def tool_calls(store: Store, given: Given) -> ToolCallPage:
    """Tool calls of all runs, newest first, of one tool or all, a page at a time."""
    place = _place(given["after"], "tool_calls", int, int)
    limit, content = given["limit"], given["content"]
    found = queries.tool_calls(store, given["tool"], **place, limit=limit + 1, with_content=content)
    shown, last = _page(found, limit)
    return ToolCallPage(shown, last and cursors.write("tool_calls", last.start_ns, last.id))


def failures(store: Store, given: Given) -> Failures:
    """What failed, alike errors together, the most frequent first."""
    return Failures(queries.failures(store, since_ns=given["since"] or 0, limit=given["limit"]))


def stats(store: Store, given: Given) -> Stats:
    """Counts, tokens, cost and latencies over time, of runs or by agent, model or tool."""
    by, hours = given["by"], given["hours"]
    until_ns = time.time_ns() if given["until"] is None else given["until"]
    since_ns = until_ns - _DAY_NS if given["since"] is None else given["since"]
    found = queries.stats(store, by=by, since_ns=since_ns, until_ns=until_ns, hours=hours)
    return Stats(by, since_ns, until_ns, hours, found)


def dashboard(store: Store, given: Given) -> Dashboard:
    """Runs, errors, tokens, cost and latency in a time, bar by bar, and by agent, model and tool."""
    until_ns = time.time_ns() if given["until"] is None else given["until"]
    since_ns = until_ns - _DAY_NS if given["since"] is None else given["since"]
    return dashboards.dashboard(store, by=given["by"], name=given["name"], since_ns=since_ns, until_ns=until_ns)


def about(store: Store, given: Given) -> About:  # noqa: ARG001 - as all of them
    """The file, what is in it, and what goes when."""
    return queries.about(store)


def histogram(store: Store, given: Given) -> Histogram:
    """How many of the runs that a filter lets through started when, and how many of these have errors."""
    times = {"since_ns": given["since"], "until_ns": given["until"]}
    return timeline.histogram(store, given["filter"], **times, bars=given["bars"])


def values(store: Store, given: Given) -> Completion:
    """What may come next in a filter: without `key` its keys with what each means, else values that occur."""
    return completion.complete(store, given["key"], given["prefix"], given["limit"])


def search(store: Store, given: Given) -> Hits:
    """The newest texts in which a phrase was said, and how far the search looked."""
    return Hits(*searching.search(store, given["q"], limit=given["limit"]))


def span_as_received(store: Store, given: Given) -> orjson.Fragment:
    """A span as it was received, as a request of OTLP's JSON."""
    run_id, span_id = given["run_id"], given["span_id"]
    trace_id = queries.trace_of(store, run_id)
    found = None if trace_id is None else exporting.of_span(store, trace_id, span_id.lower())
    if found is None:
        raise _no_span(span_id, run_id)
    return orjson.Fragment(found)


def search_run(store: Store, given: Given) -> Found:
    """In which spans of a run a text stands, in small or capital letters, looked for as long as a second."""
    run_id = given["run_id"]
    trace_id = queries.trace_of(store, run_id)
    if trace_id is None:
        raise missing_run(run_id)
    return finding.find(store, trace_id, given["q"])


def compare(store: Store, given: Given) -> Comparison:
    """Two runs side by side: their steps and tool calls aligned, and what is different in them."""
    return comparing.compare(store, _whole(store, given["a"]), _whole(store, given["b"]))


def export_run(store: Store, given: Given) -> Export:
    """A run as a file."""
    found = exporting.of_run(store, given["run_id"], given["format"])
    if found is None:
        raise missing_run(given["run_id"])
    return found


def export(store: Store, given: Given) -> Export:
    """Runs as a file: some by their ids, all that a filter lets through, or everything there is."""
    if given["runs"] is not None:
        if given["filter"] is not None:
            raise ParameterError("runs", "Say either `runs` or a `filter`.")
        ids = [queries.trace_of(store, each) for each in given["runs"].split(",")]
        return exporting.of_runs(store, dict.fromkeys(filter(None, ids)), given["format"])
    if given["filter"] is not None:
        return exporting.of_runs(store, queries.trace_ids(store, given["filter"]), given["format"])
    return exporting.everything(store, given["format"])


def events(store: Store, given: Given) -> Runs:  # noqa: ARG001 - as all of them
    """What happens to runs that a filter lets through, as server-sent events.

    `run` is a run that is new or has changed. `gone` is a list of trace ids: of runs that were deleted, or that the
    filter does not let through as they are now. `reload` says that more has happened than is told one by one.
    """
    filters.parse(given["filter"], time.time_ns())  # raises if it is wrong
    return Runs(given["filter"])


def run_events(store: Store, given: Given) -> OneRun:
    """What happens in a run, as server-sent events: all of its spans, or those since a change.

    `spans` is a list of spans that are new, have changed or hang elsewhere, `feedback` all that was thought of the run,
    and `run` the run as it is then. `gone` is a list with its trace id, when it was deleted.
    """
    trace_id = queries.trace_of(store, given["run_id"])
    if trace_id is None:
        raise missing_run(given["run_id"])
    return OneRun(trace_id)


def _whole(store: Store, run_id: str) -> Whole:
    found = queries.run(store, run_id)
    if found is None:
        raise missing_run(run_id)
    return found


def missing_run(run_id: str) -> MissingError:
    """Says that there is no such run."""
    return MissingError(f"There is no run `{run_id[:100]}`, by its own id or its trace's.")


def _no_span(span_id: str, run_id: str) -> MissingError:
    return MissingError(f"There is no span `{span_id[:100]}` in a run `{run_id[:100]}`.")


def _place(after: str | None, of: str, *kinds: type) -> dict[str, Any]:
    """The argument that says where a page starts."""
    return {} if after is None else {"after": cursors.read(after, of, *kinds)}


def _page(found: list[_T], limit: int) -> tuple[list[_T], _T | None]:
    """What is shown of what was found, and the last of it if there is more."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None
