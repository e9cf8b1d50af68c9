"""How many runs started when: what is drawn above a list of runs, for the same filter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from contextcompany.observatory import filters
from contextcompany.observatory.contexts import Bar, Histogram

if TYPE_CHECKING:
    from contextcompany.observatory.store import Store

__all__ = ["MAX_BARS", "bars", "histogram", "width"]

MAX_BARS: Final = 500

_SECOND: Final = 10**9
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WIDTHS: Final = (
    *(_SECOND * each for each in (1, 2, 5, 10, 30)),
    *(_MINUTE * each for each in (1, 2, 5, 10, 30)),
    *(_HOUR * each for each in (1, 3, 6, 12)),
    *(_DAY * each for each in (1, 7, 28, 91, 364)),
)
"""What a person reads without counting; beyond, years."""


def histogram(
    store: Store,
    filter_: str = "",
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    bars: int = 60,
    now_ns: int | None = None,
) -> Histogram:
    """How many of the runs that a filter lets through started when, and how many of these have errors.

    Args:
        store: Where they are.
        filter_: See `filters`.
        since_ns: From when; from the first of them on, if it is not given.
        until_ns: Until when; if it is not given, to the last of them.
        bars: Into how many parts the time is divided at most.
        now_ns: The time that `since:1h` counts from; the current one unless it is given.

    Raises:
        FilterError: the filter is wrong.
    """
    parsed = filters.parse(filter_, time.time_ns() if now_ns is None else now_ns)
    bars = max(1, min(bars, MAX_BARS))
    where, values = parsed.where, parsed.values
    with store.read() as reader:
        first = (
            since_ns if since_ns is not None else next(iter(reader.rows("first_start", *values, where=where)), (0,))[0]
        )
        if until_ns is None:
            last = next(iter(reader.rows("last_start", *values, where=where)), (first,))[0]
        else:
            last = until_ns - 1
        if last < first:
            return Histogram(_WIDTHS[0], [])
        width_ns = width(last - first, bars)
        start = first - first % width_ns
        bounds = (start if since_ns is None else since_ns, last + 1)
        rows = reader.rows(
            "histogram", start, width_ns, *values, *bounds, where=f"{where} AND start_ns >= ? AND start_ns < ?"
        )
    found = {bucket: (runs, errors) for bucket, runs, errors in rows}
    count = (last - start) // width_ns + 1 if found else 0
    return Histogram(width_ns, [Bar(start + each * width_ns, *found.get(each, (0, 0))) for each in range(count)])


def bars(store: Store, filter_: str, since_ns: int, until_ns: int, width_ns: int) -> list[Bar]:
    """The bars of that width from a moment on, those without runs too.

    Raises:
        FilterError: the filter is wrong.
    """
    parsed = filters.parse(filter_, time.time_ns())
    where, bounds = f"{parsed.where} AND start_ns >= ? AND start_ns < ?", (since_ns, until_ns)
    with store.read() as reader:
        rows = reader.rows("histogram", since_ns, width_ns, *parsed.values, *bounds, where=where)
    found = {bucket: (runs, errors) for bucket, runs, errors in rows}
    count = -(-(until_ns - since_ns) // width_ns)
    return [Bar(since_ns + each * width_ns, *found.get(each, (0, 0))) for each in range(count)]


def width(length_ns: int, bars: int) -> int:
    """Such that so many bars suffice, one more where the first begins before the runs do."""
    return next(
        (each for each in _WIDTHS if length_ns // each < bars), -(-length_ns // bars // _WIDTHS[-1]) * _WIDTHS[-1]
    )
