"""Sizes, times, counts, amounts and tables for people who look at a terminal."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["age", "aligned", "bytes_of", "count", "counted", "dollars", "duration", "sentence", "size"]

_UNITS = (("days", 86400), ("h", 3600), ("min", 60))


def size(quantity: float) -> str:
    """Bytes, as `712 bytes`, `3.4 KiB`, `12 MiB`."""
    if quantity < 1024:
        return counted(int(quantity), "byte")
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "bytes"
    while quantity >= 1024 and (larger := next(units, None)):
        quantity, unit = quantity / 1024, larger
    return f"{quantity:.1f} {unit}" if quantity < 10 else f"{quantity:,.0f} {unit}"


def bytes_of(text: str) -> int:
    """Bytes of `500MB`, `10GB`, `1.5 GiB`, `4096B`.

    Raises:
        ValueError: it is none of these. A unit is needed: who says 10 does not mean ten bytes.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is no size like 500MB, 10GB or 1.5GiB")
    base, power = 1024 if match[3] else 1000, "kmgt".index(match[2]) + 1 if match[2] else 0
    return int(float(match[1]) * base**power)


def age(seconds: float) -> str:
    """A time that has passed, as `40 s`, `12 min`, `3 days`."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def duration(seconds: float) -> str:
    """How long something took, as `3 ms`, `0.14 s`, `2m 05s`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.00995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60:,}h {minutes % 60:02}m"


def dollars(amount: float) -> str:
    """US dollars, small amounts with two significant digits: `$1.25`, `$0.0042`, `$0.000061`."""
    if amount <= 0:
        return f"-{dollars(-amount)}" if amount else "$0"
    if amount >= 1:
        return f"${amount:,.2f}"
    if amount >= 0.001:
        return f"${amount:.4f}"
    places = 1 - math.floor(math.log10(amount))  # without an exponent
    return f"${amount:.{places}f}"


def count(quantity: int | None) -> str:
    """`1,234`; what is not known is `?`."""
    return "?" if quantity is None else f"{quantity:,}"


def counted(quantity: int, what: str) -> str:
    """`1 span`, `1,234 spans`."""
    return f"{quantity:,} {what}" if quantity == 1 else f"{quantity:,} {what}s"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!", "…")) else ".")


def aligned(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows in columns; the last column is as wide as it is."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
