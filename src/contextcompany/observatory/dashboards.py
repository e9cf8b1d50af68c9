"""What happened in a time: runs, errors, tokens, cost and latency, bar by bar, and by agent, model and tool."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from contextcompany.observatory import queries, timeline
from contextcompany.observatory.contexts import Dashboard, Stat
from contextcompany.observatory.filters import token
from contextcompany.observatory.settling import HOUR_NS, bucket_of

if TYPE_CHECKING:
    from contextcompany.observatory.store import Store

__all__ = ["dashboard"]

_BARS: Final = 50
"""At most, and one more where the time does not begin with one."""

_FINE_NS: Final = 2 * HOUR_NS
"""A time as short as this has bars of less than an hour, counted from the spans themselves."""

_MOST: Final = 100
"""Agents, models and tools that are listed."""

_TOGETHER: Final = 10**8
"""More hours than there were since 1970: all of them together."""


def dashboard(store: Store, *, by: str = "", name: str | None = None, since_ns: int, until_ns: int) -> Dashboard:
    """What happened between two times, to the bars in which they lie.

    Args:
        store: Where it is kept.
        by: agent, model or tool, when the bars are of one of them.
        name: Of which; without it they are of all.
        since_ns: From when.
        until_ns: Until when.
    """
    by = "" if name is None else by
    since_ns, until_ns = max(0, since_ns), max(since_ns + 1, until_ns)
    is_fine = until_ns - since_ns <= _FINE_NS
    width = timeline.width(until_ns - since_ns, _BARS)
    width = width if is_fine else max(HOUR_NS, width)
    since_ns -= since_ns % width
    until_ns += -until_ns % width
    count = _recent if is_fine else _kept
    together = {group: count(store, group, since_ns, until_ns, until_ns) for group in queries.GROUPS}
    whole = together[by] if by else count(store, by, since_ns, until_ns, until_ns)
    bars = count(store, by, since_ns, until_ns, width)
    if by:
        whole, bars = ([each for each in stats if each.name == name] for stats in (whole, bars))
    return Dashboard(
        by,
        name,
        since_ns,
        until_ns,
        width,
        timeline.bars(store, token(by, name) if by and name else "", since_ns, until_ns, width),
        _without_gaps(bars, since_ns, until_ns, width),
        whole[0] if whole else _nothing(since_ns),
        *(_most(together[group]) for group in ("agent", "model", "tool")),
    )


def _kept(store: Store, by: str, since_ns: int, until_ns: int, width_ns: int) -> list[Stat]:
    """From what is counted per hour, which stays when runs go."""
    hours = _TOGETHER if width_ns == until_ns else width_ns // HOUR_NS
    return queries.stats(store, by=by, since_ns=since_ns, until_ns=until_ns - 1, hours=hours)


def _recent(store: Store, by: str, since_ns: int, until_ns: int, width_ns: int) -> list[Stat]:
    """From the spans of runs that started a day before at most."""
    values = (width_ns, by, queries.GROUPS.get(by, "run"), since_ns, until_ns, since_ns - 24 * HOUR_NS)
    histograms: dict[tuple[int, str], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    with store.read() as reader:
        for start, name, duration in reader.rows("recent_durations", *values):
            histograms[start, name][bucket_of(duration)] += 1
        rows = reader.rows("recent_stats", *values)
    return [queries.stat(row[0], row[1:], sorted(histograms[row[0], row[1]].items())) for row in rows]


def _most(stats: list[Stat]) -> list[Stat]:
    """Those that did most; of no name, only what has one."""
    named = [each for each in stats if each.spans and each.name]
    return sorted(named, key=lambda each: (-each.spans, each.name))[:_MOST]


def _without_gaps(stats: list[Stat], since_ns: int, until_ns: int, width_ns: int) -> list[Stat]:
    found = {each.start_ns: each for each in stats}
    return [found.get(start) or _nothing(start) for start in range(since_ns, until_ns, width_ns)]


def _nothing(start_ns: int) -> Stat:
    return Stat(start_ns, "", 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0, None, None, None)
