"""How a person wants the list of runs: through which filter, in what order, with which columns. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode

from contextcompany.observatory.filters import replaced
from contextcompany.observatory.words import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COLUMNS", "COOKIE", "LEADING", "ORDERS", "Column", "Listing", "Tab", "remembered", "tabs", "wanted"]

COOKIE: Final = "runs"
"""Remembers order and columns, as they stand in the URL."""


class Column(NamedTuple):
    """A column that the list can have."""

    label: str
    about: str
    sort: str | None = None
    """The order of `queries.SORTS` that its head leads to."""
    is_number: bool = False
    is_usual: bool = True
    """Whether it is there until somebody chooses."""


COLUMNS: Final = {
    "status": Column("Status", "how the run ended, or that it has not"),
    "time": Column("Started", "when it started", "start"),
    "name": Column("Agent", "the agent, or what it is called instead"),
    "input": Column("Input", "how the first prompt begins"),
    "output": Column("Output", "how the last response begins"),
    "duration": Column("Duration", "how long it took", "duration", is_number=True),
    "steps": Column("Steps", "how many requests to models", "steps", is_number=True),
    "tools": Column("Tools", "how many tool calls", "tools", is_number=True),
    "tokens": Column("Tokens", "input, of that from a cache, and output", "tokens", is_number=True),
    "cost": Column("Cost", "in USD, each call counted once", "cost", is_number=True),
    "session": Column("Session", "the conversation it belongs to"),
    "feedback": Column("Feedback", "the newest score that a person gave"),
    "user": Column("User", "whom it was made for", is_usual=False),
    "spans": Column("Spans", "how many have arrived", "spans", is_number=True, is_usual=False),
    "errors": Column("Errors", "how many spans ended in one", "errors", is_number=True, is_usual=False),
    "id": Column("Id", "the run's id", is_usual=False),
}
"""In the order in which they stand."""

LEADING: Final = "name"
"""The column that is always there: it leads to the run."""

ORDERS: Final = {"start": "Newest first", "-start": "Oldest first"} | {
    f"{sign}{column.sort}": f"{column.label}, {word} first"
    for column in COLUMNS.values()
    for sign, word in (("", "most"), ("-", "least"))
    if column.sort not in (None, "start")
}
"""What the orders of `queries.ORDERS` are called."""

_USUAL: Final = tuple(key for key, column in COLUMNS.items() if column.is_usual)
_NEWEST_FIRST: Final = "start"


class Listing(NamedTuple):
    """What the URL of a list says."""

    filter: str = ""
    sort: str = _NEWEST_FIRST
    columns: tuple[str, ...] = _USUAL
    after: str | None = None

    def query(self) -> str:
        """As the query string of a URL; what is usual is left out."""
        said = {"filter": self.filter, "sort": self.sort, "columns": ",".join(self.columns), "after": self.after}
        usual = {"filter": "", "sort": _NEWEST_FIRST, "columns": ",".join(_USUAL), "after": None}
        return urlencode({key: value for key, value in said.items() if value != usual[key]})

    def url(self, path: str = "/runs", **changes: Any) -> str:
        """Where the list is, with these changes; another filter or order begins at its first page."""
        query = self._replace(**{"after": None} | changes).query()
        return f"{path}?{query}" if query else path

    def twin(self) -> str:
        """Where programs are told what is listed."""
        return self.url("/api/runs", columns=_USUAL, after=self.after)

    def with_part(self, key: str, token: str | None) -> str:
        """Where the list is whose filter says this instead of what it says with `key`."""
        return self.url(filter=replaced(self.filter, key, token))

    def between(self, since_ns: int, until_ns: int) -> str:
        """Where the list is of what started then."""
        rest = replaced(self.filter, "since", f"since:{iso(since_ns)}")
        return self.url(filter=replaced(rest, "until", f"until:{iso(until_ns)}"))

    def timeless(self) -> str:
        """The filter without the times of which it says something."""
        return replaced(replaced(self.filter, "since", None), "until", None)

    def sorted_by(self, sort: str) -> str:
        """Where this order is chosen, or turned around where it is already, and remembered."""
        query = self._replace(sort=f"-{sort}" if sort == self.sort else sort, after=None).query()
        return f"/runs?{query}&keep=1" if query else "/runs?keep=1"

    def choice(self) -> str:
        """What a cookie remembers: empty when all is as usual."""
        return Listing(sort=self.sort, columns=self.columns).query()


def wanted(params: Mapping[str, str], columns: Sequence[str]) -> Listing:
    """What a URL asks for; columns that there are not are left out.

    Args:
        params: The parameters of the URL.
        columns: All values of its parameter `columns`, which a form gives one by one.
    """
    named = {each for value in columns for each in value.split(",")}
    chosen = tuple(key for key in COLUMNS if key in named or (named & COLUMNS.keys() and key == LEADING))
    sort = params.get("sort") or _NEWEST_FIRST
    return Listing(params.get("filter", "").strip(), sort, chosen or _USUAL, params.get("after") or None)


def remembered(listing: Listing, cookie: str, params: Mapping[str, str]) -> Listing | None:
    """The list as it was chosen before, where its URL says nothing of that; None when nothing was."""
    if not cookie or {"sort", "columns"} & params.keys():
        return None
    known = parse_qs(cookie)
    before = wanted({"sort": known.get("sort", [""])[0]}, known.get("columns", []))
    return listing._replace(sort=before.sort, columns=before.columns) if before.choice() else None


class Tab(NamedTuple):
    """A quick view of the list."""

    label: str
    href: str
    is_current: bool


def tabs(listing: Listing) -> list[Tab]:
    """All, Running and Failures of what is listed otherwise, and where tool calls are."""
    views = {"All": None, "Running": "status:running", "Failures": "status:error"}
    made = [Tab(label, listing.with_part("status", token), False) for label, token in views.items()]
    here = listing.url()
    return [tab._replace(is_current=tab.href == here) for tab in made] + [Tab("Tool calls", "/tool_calls", False)]
