"""Which question is asked where: the table that the JSON API's routes and its document are made from.

Each page has its twin here: the page at `/runs` shows what `/api/runs` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from contextcompany.observatory import actions, answers
from contextcompany.observatory.contexts import Opinion, Selection
from contextcompany.observatory.exporting import FORMATS
from contextcompany.observatory.filters import KEYS
from contextcompany.observatory.parameters import Parameter
from contextcompany.observatory.queries import GROUPS, MAX_PAGE, ORDERS
from contextcompany.observatory.timeline import MAX_BARS

if TYPE_CHECKING:
    from collections.abc import Callable

    from contextcompany.observatory.store import Store

__all__ = ["ENDPOINTS", "SINCE_SPAN", "WHOLE", "Endpoint"]


class Endpoint(NamedTuple):
    """A question that can be asked."""

    method: str
    path: str
    answer: Callable[[Store, dict[str, Any]], Any]
    """What it says of itself and what it returns are in the API's document."""
    parameters: tuple[Parameter, ...] = ()
    body: type[Any] | None = None
    """The named tuple whose fields the request's JSON has; `bytes`: a file of any size."""
    gives: Literal["json", "events", "file"] = "json"
    """What comes back. Events come until somebody hangs up."""


_FILTER = Parameter(
    "filter", 'In the filter language: `status:error model:gpt-4o cost>0.1 since:1h "free text"`.', default=""
)
_CHOSEN = Parameter("filter", "In the filter language; without it, and without `runs`, everything.")
_RUNS = Parameter("runs", "Runs by their ids, or their traces', with commas between them.")
_FORMAT = Parameter(
    "format",
    "`otlp` is what was received and can be imported again, `jsonl` what is understood; "
    "`markdown` and `html` are for people.",
    default="otlp",
    choices=(*FORMATS,),
)
_BEFORE = Parameter("a", "A run, by its id or its trace's.", is_needed=True)
_AFTERWARDS = Parameter("b", "The run that it is compared with, likewise.", is_needed=True)
_SORT = Parameter(
    "sort",
    "What comes first: the newest, or the largest; with a `-`, the oldest or smallest.",
    default="start",
    choices=ORDERS,
)
_AFTER = Parameter("after", "`next` of the page before.")
_LIMIT = Parameter("limit", "How many at most.", "integer", 50, minimum=1, maximum=MAX_PAGE)
_COLUMNS = Parameter("columns", "1 for one list per field instead of one object per span.", "flag", default=False)
_CONTENT = Parameter("content", "1 to read also what was said.", "flag", default=False)
_TOOL = Parameter("tool", "Of this tool only.")
_SINCE = Parameter("since", "From when: `30m`, `12h` or `7d` ago, or a date.", "time")
_UNTIL = Parameter("until", "Until when: as `since`.", "time")
_BY = Parameter("by", "By agent, model or tool; else all runs together.", default="", choices=("", *GROUPS))
_HOURS = Parameter("hours", "How many hours are counted together.", "integer", 1, minimum=1, maximum=10**6)
_NAME = Parameter("name", "Of which agent, model or tool.")
_BARS = Parameter(
    "bars", "Into how many parts the time is divided at most.", "integer", 60, minimum=1, maximum=MAX_BARS
)
_KEY = Parameter("key", "A key of the filter language, for values of it that occur.", choices=(*KEYS,))
_PREFIX = Parameter("prefix", "How the key or the value begins.", default="")
_PHRASE = Parameter("q", "The phrase; a `*` at its end stands for the rest of a word.", is_needed=True)
_TEXT = Parameter("q", "The text.", is_needed=True)
_CHANGE = Parameter("since", "`change` of what was read before, so that nothing between is missed.", "change")

SINCE_SPAN: Final = Parameter("since", "From the span of that number on.", "integer", 0)
WHOLE: Final = Parameter(
    "whole", "1 for all messages of each request, also those that the one before had.", "flag", default=False
)

ENDPOINTS: Final = (
    Endpoint("GET", "/api/runs", answers.runs, (_FILTER, _SORT, _AFTER, _LIMIT)),
    Endpoint("POST", "/api/runs/delete", actions.delete_runs, body=Selection),
    Endpoint("GET", "/api/runs/{run_id}", answers.run, (_COLUMNS,)),
    Endpoint("DELETE", "/api/runs/{run_id}", actions.delete_run),
    Endpoint("GET", "/api/runs/{run_id}/events", answers.run_events, (_CHANGE,), gives="events"),
    Endpoint("GET", "/api/runs/{run_id}/export", answers.export_run, (_FORMAT,), gives="file"),
    Endpoint("GET", "/api/runs/{run_id}/search", answers.search_run, (_TEXT,)),
    Endpoint("GET", "/api/runs/{run_id}/spans/{span_id}", answers.span),
    Endpoint("GET", "/api/runs/{run_id}/spans/{span_id}/otlp", answers.span_as_received),
    Endpoint("GET", "/api/runs/{run_id}/conversation", answers.conversation, (SINCE_SPAN, WHOLE)),
    Endpoint("GET", "/api/runs/{run_id}/graph", answers.graph),
    Endpoint("GET", "/api/sessions", answers.sessions, (_AFTER, _LIMIT)),
    Endpoint("GET", "/api/sessions/{session_id:path}", answers.session, (_AFTER, _LIMIT, _CONTENT)),
    Endpoint("GET", "/api/feedback", answers.feedback, (_AFTER, _LIMIT)),
    Endpoint("POST", "/api/feedback", actions.keep_feedback, body=Opinion),
    Endpoint("GET", "/api/tool_calls", answers.tool_calls, (_TOOL, _AFTER, _LIMIT, _CONTENT)),
    Endpoint("GET", "/api/failures", answers.failures, (_SINCE, _LIMIT)),
    Endpoint("GET", "/api/stats", answers.stats, (_BY, _SINCE, _UNTIL, _HOURS)),
    Endpoint("GET", "/api/dashboard", answers.dashboard, (_BY, _NAME, _SINCE, _UNTIL)),
    Endpoint("GET", "/api/histogram", answers.histogram, (_FILTER, _SINCE, _UNTIL, _BARS)),
    Endpoint("GET", "/api/values", answers.values, (_KEY, _PREFIX, _LIMIT)),
    Endpoint("GET", "/api/search", answers.search, (_PHRASE, _LIMIT)),
    Endpoint("GET", "/api/compare", answers.compare, (_BEFORE, _AFTERWARDS)),
    Endpoint("GET", "/api/events", answers.events, (_FILTER, _CHANGE), gives="events"),
    Endpoint("GET", "/api/export", answers.export, (_FORMAT, _CHOSEN, _RUNS), gives="file"),
    Endpoint("POST", "/api/import", actions.load, body=bytes),
    Endpoint("GET", "/api/settings", answers.about),
)
