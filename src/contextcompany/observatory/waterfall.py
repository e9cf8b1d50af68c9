"""A run's spans as rows of a tree with a bar each: which are shown, where errors are below, when each was. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contextcompany.observatory.contexts import SpanLine, Whole

__all__ = ["KINDS", "PAGE", "TABS", "Bar", "Page", "Row", "View", "columns", "rows", "stretch", "view"]

PAGE: Final = 300
"""Rows on a page, where no script shows all of them."""

KINDS: Final = {"step": "Steps", "tool_call": "Tools", "run": "Agents", "error": "Errors"}
"""Of what a tree can be asked to show only, with what is above."""

TABS: Final = {
    "input": "Input",
    "output": "Output",
    "attributes": "Attributes",
    "events": "Events",
    "links": "Links",
    "feedback": "Feedback",
    "raw": "Raw OTLP",
}
"""What there is to see of a span."""

_LEAST: Final = 0.3
"""Percent of the whole that a bar is at least, to be seen."""


class View(NamedTuple):
    """What the URL of a run's page says."""

    trace_id: str
    span: str = ""
    """The span that is shown; empty: the topmost."""
    tab: str = ""
    """One of `TABS`; empty: what is of interest first."""
    raw: bool = False
    """Whether what was said is shown as it was sent."""
    only: str = ""
    """One of `KINDS`; empty: everything."""
    find: str = ""
    """What the spans that are shown have in their name, id or error."""
    since: int = 0
    """The first row of the page."""

    def url(self, **changes: Any) -> str:
        """Where the run is, with these changes."""
        new = self._replace(**changes)
        return f"/runs/{new.trace_id}{_query(new)}"

    def span_url(self, span: str, part: str = "", **changes: Any) -> str:
        """Where a span is on a page of its own, or the part of one."""
        new = View(self.trace_id, tab=self.tab, raw=self.raw)._replace(**changes)
        return f"/runs/{new.trace_id}/spans/{span}{part}{_query(new)}"

    def here(self, is_own_page: bool, **changes: Any) -> str:
        """Where the span that is shown is, with these changes: beside its run, or on a page of its own."""
        return self.span_url(self.span, **changes) if is_own_page else self.url(**changes)


def _query(view_: View) -> str:
    usual = View("")
    said = {
        name: "1" if value is True else value
        for name, value, default in zip(View._fields[1:], view_[1:], usual[1:], strict=True)
        if value != default
    }
    return f"?{urlencode(said)}" if said else ""


def view(trace_id: str, params: Mapping[str, str]) -> View:
    """What a URL asks for; what it says wrong is as usual."""
    tab, only, since = (params.get(name, "") for name in ("tab", "only", "since"))
    return View(
        trace_id,
        params.get("span", "").lower(),
        tab if tab in TABS else "",
        "raw" in params,
        only if only in KINDS else "",
        params.get("find", "").strip(),
        int(since) if since.isascii() and since.isdigit() and len(since) < 9 else 0,
    )


class Bar(NamedTuple):
    """When a span was, in percent of the run."""

    start: float
    width: float
    first: float | None
    """Where the first of its answer came."""
    waits: list[tuple[float, float]]
    """Where, and how wide, it waited for a person."""


class Row(NamedTuple):
    """A span in the tree."""

    line: SpanLine
    number: int
    """Its place among all spans of the run, from 0."""
    has_children: bool
    errors_below: int
    """Spans under it that ended in an error."""
    is_asked: bool
    """Whether it is what was asked for; else it is here because something below is."""
    bar: Bar


class Page(NamedTuple):
    """Some rows of the tree."""

    rows: list[Row]
    total: int
    """How many there are on all pages."""


def stretch(whole: Whole, now_ns: int) -> tuple[int, int]:
    """From when until when a run goes: to its last end, or to now while it is running."""
    start = min((line.start_ns for line in whole.spans), default=whole.run.start_ns)
    ends = [line.end_ns or line.start_ns for line in whole.spans] + [whole.run.end_ns]
    last = max(ends, default=start)
    if whole.run.state == "running":
        last = max(last, now_ns)
    return start, max(last, start + 1)


def rows(whole: Whole, view_: View, now_ns: int) -> Page:
    """A page of the rows that are asked for, each after the one that it hangs under."""
    lines = _with_open_wait(whole, now_ns)
    is_all = not view_.only and not view_.find
    asked = None if is_all else {line.span_id for line in lines if _is_asked(line, view_)}
    kept = None if asked is None else _with_ancestors(lines, asked)
    numbers = [number for number, line in enumerate(lines) if kept is None or line.span_id in kept]
    below = _errors_below(lines)
    parents = {line.parent_id for line in lines}
    start, end = stretch(whole, now_ns)
    made = []
    for number in numbers[view_.since : view_.since + PAGE]:
        line = lines[number]
        is_asked = asked is None or line.span_id in asked
        bar = _bar(line, start, end)
        made.append(Row(line, number, line.span_id in parents, below[line.span_id], is_asked, bar))
    return Page(made, len(numbers))


def _with_open_wait(whole: Whole, now_ns: int) -> list[SpanLine]:
    """The spans; of a run that waits for a person, with that it does."""
    since, top = whole.run.waiting_ns, whole.run.top
    if since is None:
        return whole.spans
    return [
        line._replace(waits=[*line.waits, [since - line.start_ns, max(since, now_ns) - line.start_ns]])
        if line.span_id == top
        else line
        for line in whole.spans
    ]


def _is_asked(line: SpanLine, view_: View) -> bool:
    is_kind = not view_.only or view_.only in (line.kind, line.status)
    if not view_.find:
        return is_kind
    said = (line.name, line.span_id, _error(line))
    return is_kind and any(view_.find.lower() in each.lower() for each in said)


def _errors_below(lines: Sequence[SpanLine]) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in reversed(lines):
        errors = found[line.span_id] + (line.status == "error")
        if errors:
            found[line.parent_id] += errors
    return found


def _with_ancestors(lines: Sequence[SpanLine], asked: set[str]) -> set[str]:
    shown = set(asked)
    for line in reversed(lines):
        if line.span_id in shown:
            shown.add(line.parent_id)
    return shown


def _bar(line: SpanLine, start: int, end: int) -> Bar:
    of = (end - start) / 100
    at = min(max((line.start_ns - start) / of, 0), 100 - _LEAST)
    width = min(max(((line.end_ns or end) - line.start_ns) / of, _LEAST), 100 - at)
    first = None if line.first_ns is None else round(min(at + line.first_ns / of, 100 - _LEAST), 3)
    waits = [(round(at + since / of, 3), round((until - since) / of, 3)) for since, until in line.waits]
    return Bar(round(at, 3), round(width, 3), first, waits)


def columns(whole: Whole, now_ns: int) -> dict[str, Any]:
    """The tree for the script of the page: one list a field, times in microseconds after the run's start."""
    lines = _with_open_wait(whole, now_ns)
    start, end = stretch(whole, now_ns)
    places = {line.span_id: place for place, line in enumerate(lines)}
    return {
        "change": whole.change,
        "state": whole.run.state,
        "start_ns": start,
        "end": (end - start) // 1000,
        "id": [line.span_id for line in lines],
        "parent": [places.get(line.parent_id, -1) for line in lines],
        "kind": [line.kind for line in lines],
        "name": [line.name for line in lines],
        "status": [line.status for line in lines],
        "error": [_error(line) for line in lines],
        "start": [(line.start_ns - start) // 1000 for line in lines],
        "took": [(line.end_ns - line.start_ns) // 1000 if line.end_ns else -1 for line in lines],
        "input": [line.input_tokens for line in lines],
        "output": [line.output_tokens for line in lines],
        "cost": [line.cost for line in lines],
        "moments": [
            [place, line.first_ns, line.waits]
            for place, line in enumerate(lines)
            if line.first_ns is not None or line.waits
        ],
    }


def _error(line: SpanLine) -> str:
    """What is wrong with it, as far as the tree says and finds it."""
    return ": ".join(filter(None, (line.error_type, line.status_message)))[:200]
