"""The pages that show what the JSON API answers, and what each needs beside that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from contextcompany.observatory import charts, comparing, queries
from contextcompany.observatory.filters import token
from contextcompany.observatory.listing import Listing
from contextcompany.observatory.twins import Page
from contextcompany.observatory.words import iso

if TYPE_CHECKING:
    from contextcompany.observatory.contexts import Comparison, Dashboard, Failure, ToolCallPage
    from contextcompany.observatory.store import Store
    from contextcompany.observatory.twins import Here

__all__ = ["PAGES", "RANGES", "listed"]

RANGES: Final = {"1h": "Hour", "24h": "Day", "7d": "Week", "30d": "Month"}
"""What the dashboard shows with one click."""

_TOOLS_NS: Final = 30 * 24 * 3600 * 10**9
"""Of so much time are the counts on the page of tool calls."""

_MAX_PAIRS: Final = 500
"""Steps and tool calls that a page of two runs has."""


def listed(since_ns: int | None = None, until_ns: int | None = None, **tokens: str | None) -> str:
    """Where the runs are that started between these times and have these values."""
    said = [token(key, value) for key, value in tokens.items() if value]
    said += [f"since:{iso(since_ns)}"] if since_ns else []
    said += [f"until:{iso(until_ns)}"] if until_ns else []
    return Listing(" ".join(said)).url()


def _dashboard(store: Store, dashboard: Dashboard, here: Here) -> dict[str, Any]:  # noqa: ARG001 - as all views
    asked = here.asked.get("since", "24h")
    ranges = [(label, here.url(since=each, until=None), asked == each) for each, label in RANGES.items()]
    is_custom = asked not in RANGES or "until" in here.asked
    of = {dashboard.by: dashboard.name} if dashboard.by else {}
    return {
        "ranges": ranges,
        "is_custom": is_custom,
        "charts": charts.charts(dashboard),
        "height": charts.HEIGHT,
        "listed": listed,
        "of": of,
        "groups": (
            ("agent", "Agents", "Runs", dashboard.agents),
            ("model", "Models", "Calls", dashboard.models),
            ("tool", "Tools", "Calls", dashboard.tools),
        ),
    }


def _tool_calls(store: Store, page: ToolCallPage, here: Here) -> dict[str, Any]:  # noqa: ARG001
    now = time.time_ns()
    found = queries.stats(store, by="tool", since_ns=now - _TOOLS_NS, until_ns=now, hours=10**8)
    tools = sorted(found, key=lambda each: (-each.spans, each.name))
    return {"tools": tools, "listed": listed, "tool": here.asked.get("tool")}


def _failures(store: Store, answer: Any, here: Here) -> dict[str, Any]:  # noqa: ARG001
    return {"runs_of": _runs_of}


def _compare(store: Store, found: Comparison, here: Here) -> dict[str, Any]:  # noqa: ARG001
    is_all = "all" in here.asked
    wanted = [each for each in found.pairs if is_all or comparing.is_different(each)]
    return {
        "is_all": is_all,
        "is_inline": "inline" in here.asked,
        "same": sum(not comparing.is_different(each) for each in found.pairs),
        "shown": wanted[:_MAX_PAIRS],
        "left": len(wanted[_MAX_PAIRS:]),
    }


def _runs_of(failure: Failure) -> str:
    """Where the runs are in which that happened, as near as a filter says it."""
    of = "tool" if failure.kind == "tool_call" else "model" if failure.kind == "step" else "agent"
    said = [token(of, failure.name)] if failure.kind != "other" else []
    said.append(token("error", failure.error_type) if failure.error_type else "errors>0")
    return Listing(" ".join(said)).url()


PAGES: Final = (
    Page("/dashboard", "dashboard.html", _dashboard),
    Page("/compare", "compare.html", _compare, own=frozenset({"all", "inline"})),
    Page("/sessions", "sessions.html"),
    Page("/sessions/{session_id:path}", "session.html", always={"content": "1"}),
    Page("/tool_calls", "tool_calls.html", _tool_calls, always={"content": "1"}),
    Page("/failures", "failures.html", _failures),
    Page("/feedback", "feedback.html"),
)
