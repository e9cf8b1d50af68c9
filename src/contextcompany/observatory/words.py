"""How pages say what values hold: durations, ages, tokens, costs, counts, sizes, and text of strangers. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FILTERS",
    "NOTHING",
    "age",
    "brief",
    "clock",
    "cost",
    "count",
    "duration",
    "iso",
    "moment",
    "segment",
    "shown",
    "size",
    "tokens",
]

NOTHING: Final = "–"
"""What stands where there is no value."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86_400, 604_800


def duration(ns: float | None) -> str:
    """`820 µs`, `340 ms`, `1.24 s`, `2 m 05 s`, `1 h 02 m`, `3 d 04 h`."""
    if ns is None:
        return NOTHING
    if ns < 1e6:
        return f"{ns / 1e3:.0f} µs"
    if ns < 999.5e6:
        return f"{ns / 1e6:.0f} ms"
    seconds = ns / 1e9
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02} h"


def stretch(ns: int) -> str:
    """A duration that is whole in some unit: `10 s`, `5 m`, `6 h`, `1 d`."""
    for seconds, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if ns % (seconds * 10**9) == 0:
            return f"{ns // (seconds * 10**9)} {unit}"
    return duration(ns) if ns % 10**9 else f"{ns // 10**9} s"


def age(ns: int, now_ns: int) -> str:
    """How long ago that was: `now`, `12 s ago`, `2 m ago`, `3 h ago`, `4 d ago`, else the date."""
    seconds = (now_ns - ns) / 1e9
    if seconds < 0 or seconds >= _WEEK:
        return _at(ns).strftime("%d %b %Y") if abs(seconds) > _MINUTE else "now"
    if seconds < 1:
        return "now"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s ago" if seconds < 59.5 else "1 m ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} m ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return f"{seconds // _DAY:.0f} d ago"


def _at(ns: int) -> datetime:
    """A moment in UTC, to the microsecond."""
    try:
        return _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:  # a sender's clock may say anything
        return _EPOCH


def moment(ns: int) -> str:
    """`2026-11-27 20:22:47.123 UTC`."""
    return _at(ns).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def iso(ns: int) -> str:
    """`2026-11-27T20:22:47.123Z`, for machines and filters; shorter where nothing is lost."""
    at = _at(ns)
    timespec = "milliseconds" if at.microsecond else "seconds" if at.second else "minutes"
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")


def clock(ns: int, of_ns: int) -> str:
    """A place on an axis of that length, UTC: the time of day, and the day where one begins."""
    at = _at(ns)
    if of_ns > 2 * _DAY * 10**9 or not ns % (_DAY * 10**9):
        return at.strftime("%d %b" if of_ns > _WEEK * 10**9 or not ns % (_DAY * 10**9) else "%d %b %H:%M")
    return at.strftime("%H:%M:%S" if of_ns < 2 * _MINUTE * 10**9 else "%H:%M")


def tokens(number: int | None) -> str:
    """`950`, `1.2k`, `48k`, `1.2M`."""
    if number is None:
        return NOTHING
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit * 0.9995:
            return f"{number / limit:.1f}{unit}" if number < limit * 99.95 else f"{number / limit:.0f}{unit}"
    return str(number)


def cost(dollars: float | None) -> str:
    """`$0.0012`, `$1.24`, `$1,240`; `unknown` when nobody knows it, which is not the same as $0."""
    if dollars is None:
        return "unknown"
    if dollars == 0:
        return "$0"
    size_ = abs(dollars)
    if size_ >= 1000:
        said = f"${size_:,.0f}"
    elif size_ >= 1:
        said = f"${size_:,.2f}"
    elif size_ >= 0.0001:
        said = f"${size_:.4f}"
    else:
        said = "<$0.0001"
    return said if dollars > 0 else f"−{said}"  # noqa: RUF001 - a minus sign


def count(number: int | None) -> str:
    """`1,234`."""
    return NOTHING if number is None else f"{number:,}"


def size(number: int | None) -> str:
    """`820 B`, `1.2 kB`, `48 MB`."""
    if number is None:
        return NOTHING
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}" if number < limit * 99.95 else f"{number / limit:.0f} {unit}"
    return f"{number} B"


def brief(text: str | None, most: int = 200) -> str:
    """How a text begins, for a place in a list: a sender may say anything at any length."""
    return "" if text is None else text if len(text) <= most else f"{text[:most]}…"


_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)


def shown(text: str | None) -> str:
    """Text in which nothing is unseen: control characters, and those that turn the order of letters, have pictures.

    It is still text: templates escape it and put it in a `<bdi>`, so that what is written from right to left turns
    nothing around it.
    """
    return "" if text is None else _UNSEEN.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def segment(text: str) -> str:
    """Text as one part of a URL's path."""
    return quote(text, safe="")


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "age": age,
    "brief": brief,
    "clock": clock,
    "cost": cost,
    "count": count,
    "duration": duration,
    "iso": iso,
    "moment": moment,
    "segment": segment,
    "shown": shown,
    "size": size,
    "stretch": stretch,
    "tokens": tokens,
}
"""The filters of the templates."""
