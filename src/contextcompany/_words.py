"""Sizes, ages and tables for people who look at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["age", "aligned", "counted", "sentence", "size"]

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


def age(seconds: float) -> str:
    """A time that has passed, as `40 s`, `12 min`, `3 days`."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


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
