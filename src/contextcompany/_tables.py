"""Tables for people who look at a terminal: columns that fit, numbers under numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany._terminal import Text, columns_of, shares_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contextcompany._terminal import Terminal

__all__ = ["Column", "Layout", "laid_out", "table"]

_GAP: Final = 2
_MAX_WIDTH: Final = 60
"""Of a column that may be cut, where there is no right edge."""


class Column(NamedTuple):
    """What stands under each other."""

    title: str
    is_number: bool = False
    """It is aligned at its right."""
    least: int = 0
    """To how many characters it may be cut; 0: it is never cut."""
    rank: int = 0
    """Where there is no room, or nothing in it, the column with the largest is left out first; 0: it always stays."""


class Layout(NamedTuple):
    """Which columns are shown, and how wide."""

    columns: list[tuple[int, Column, int]]
    """Their place in a row, and their width."""

    def line(self, row: Sequence[Text], terminal: Terminal) -> str:
        """A row. What may not be cut pushes the rest to the right."""
        made = []
        for at, column, width in self.columns:
            plain, style = row[at]
            shown = terminal.cut(plain, width) if column.least else plain
            pad = " " * max(width - columns_of(shown), 0)
            styled = terminal.styled(shown, style)
            made.append(pad + styled if column.is_number else styled + pad)
        return (" " * _GAP).join(made).rstrip() + "\n"

    def titles(self, terminal: Terminal) -> str:
        """The line above the rows."""
        row = {at: Text(column.title, "dim") for at, column, _ in self.columns}
        return self.line([row.get(at, Text("")) for at in range(max(row) + 1)], terminal)


def table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], terminal: Terminal) -> str:
    """A line with the titles, and a line for each row."""
    layout = laid_out(columns, rows, terminal)
    return layout.titles(terminal) + "".join(layout.line(row, terminal) for row in rows)


def laid_out(columns: Sequence[Column], rows: Sequence[Sequence[Text]], terminal: Terminal) -> Layout:
    """How rows fit.

    What has room for all of it is not cut; then the columns that may be cut share what the others leave.
    """
    widths = [
        max(columns_of(column.title), *(columns_of(row[at].plain) for row in rows), 0)
        for at, column in enumerate(columns)
    ]
    kept = _kept(columns, widths, [any(row[at].plain for row in rows) for at in range(len(columns))], terminal)
    fitting = _fitting([columns[at] for at in kept], [widths[at] for at in kept], terminal)
    return Layout([(at, columns[at], width) for at, width in zip(kept, fitting, strict=True)])


def _kept(columns: Sequence[Column], widths: Sequence[int], filled: Sequence[bool], terminal: Terminal) -> list[int]:
    """Which columns there is room for."""
    kept = [at for at, column in enumerate(columns) if filled[at] or not column.rank]
    while terminal.has_edge and len(kept) > 1:
        needed = sum(min(widths[at], columns[at].least or widths[at]) for at in kept) + _GAP * (len(kept) - 1)
        least = max(kept, key=lambda at: columns[at].rank)
        if needed <= terminal.width or not columns[least].rank:
            break
        kept.remove(least)
    return kept


def _fitting(columns: Sequence[Column], widths: Sequence[int], terminal: Terminal) -> list[int]:
    """How wide each column is."""
    least = [min(width, column.least or width) for column, width in zip(columns, widths, strict=True)]
    if not terminal.has_edge:
        return [max(a, min(width, _MAX_WIDTH)) for a, width in zip(least, widths, strict=True)]
    room = terminal.width - sum(least) - _GAP * (len(columns) - 1)
    more = shares_of([width - a for a, width in zip(least, widths, strict=True)], room)
    return [a + b for a, b in zip(least, more, strict=True)]
