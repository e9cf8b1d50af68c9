"""The lines of a unified diff → rows with two sides, in which the words that changed are marked. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Bit", "Row", "rows"]

_MAX_WORDS: Final = 300
"""Of a line whose words are compared; longer lines have changed as a whole."""

_ALIKE: Final = 0.4
"""Lines that have less in common are different ones."""

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")


class Bit(NamedTuple):
    """A part of a line."""

    text: str
    is_changed: bool = False


class Row(NamedTuple):
    """Lines that stand beside each other."""

    kind: str
    """same, changed, gone, new; or gap: lines are left out here."""
    before: list[Bit]
    after: list[Bit]


def rows(diff: Iterable[str]) -> Iterator[Row]:
    """What each line of a diff shows on which side."""
    gone: list[str] = []
    new: list[str] = []
    has_begun = False
    for line in diff:
        sign, text = line[:1], line[1:]
        if sign == "+":
            new.append(text)
            continue
        if sign == "-" and not new:
            gone.append(text)
            continue
        yield from _turned(gone, new)
        gone, new = [text] if sign == "-" else [], []
        if sign == " " or not sign:
            yield Row("same", [Bit(text)], [Bit(text)])
        elif sign == "@" and has_begun:
            yield Row("gap", [], [])
        has_begun = True
    yield from _turned(gone, new)


def _turned(gone: list[str], new: list[str]) -> Iterator[Row]:
    for before, after in zip_longest(gone, new):
        if before is None or after is None:
            text = [Bit(before or after or "")]
            yield Row("gone", text, []) if after is None else Row("new", [], text)
        else:
            yield Row("changed", *_words(before, after))


def _words(before: str, after: str) -> tuple[list[Bit], list[Bit]]:
    one, other = _WORD.findall(before), _WORD.findall(after)
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if max(len(one), len(other)) > _MAX_WORDS or matcher.ratio() < _ALIKE:
        return [Bit(before, True)], [Bit(after, True)]
    codes = matcher.get_opcodes()
    return (
        [Bit("".join(one[a:b]), tag != "equal") for tag, a, b, _, _ in codes if a != b],
        [Bit("".join(other[c:d]), tag != "equal") for tag, _, _, c, d in codes if c != d],
    )
