"""Where the axis of a chart says what time it is. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Tick", "ticks"]

_SECOND: Final = 10**9
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(_SECOND * each for each in (1, 2, 5, 10, 30)),
    *(_MINUTE * each for each in (1, 2, 5, 10, 30)),
    *(_HOUR * each for each in (1, 2, 3, 6, 12)),
    *(_DAY * each for each in (1, 2, 7, 14, 28, 91, 364)),
)


class Tick(NamedTuple):
    """A place on an axis."""

    ns: int
    percent: float
    """Of its length, from its beginning."""


def ticks(since_ns: int, until_ns: int, most: int = 8) -> list[Tick]:
    """Round times between two times, none at the very ends, where there is no room for words."""
    length = max(1, until_ns - since_ns)
    step = next((each for each in _STEPS if length // each < most), _STEPS[-1])
    found = range(since_ns - since_ns % step + step, until_ns, step)
    return [Tick(ns, percent) for ns in found if 3 <= (percent := round(100 * (ns - since_ns) / length, 2)) <= 97]
