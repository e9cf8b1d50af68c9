"""What a terminal can show: its width, its colours and signs, and text in which nothing is obeyed."""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress
from typing import NamedTuple, TextIO

__all__ = ["Glyphs", "Terminal", "Text", "columns_of", "shares_of", "terminal_of"]

_MAX_TEXT = 2000
"""Characters of one text that are looked at: no terminal line holds more."""

_UNKNOWN_WIDTH = 100
_NARROWEST = 40


class Glyphs(NamedTuple):
    """Signs, in what the stream can encode."""

    success: str
    partial: str
    error: str
    running: str
    lost: str
    fork: str
    last: str
    bar: str
    arrow: str
    back: str
    dot: str
    dash: str
    ellipsis: str
    at_least: str


_UNICODE = Glyphs("✓", "◐", "✗", "●", "○", "├─ ", "└─ ", "│  ", "→", "←", " · ", "–", "…", "≥ ")
_ASCII = Glyphs("+", "~", "x", "*", "?", "|- ", "`- ", "|  ", "->", "<-", ", ", "-", "...", ">= ")

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Text(NamedTuple):
    """Characters in one style."""

    plain: str
    style: str = ""


class Terminal(NamedTuple):
    """What the stream can show."""

    width: int
    has_edge: bool
    """Whether anybody says how wide it is; a file or a pipe has no right edge."""
    colour: bool
    encoding: str
    glyphs: Glyphs

    def safe(self, text: str) -> str:
        """The text on one line, with nothing in it that the terminal would obey or could not show."""
        more = text[_MAX_TEXT:]
        text = self._harmless(" ".join(text[:_MAX_TEXT].split()))
        return text + self.glyphs.ellipsis if more else text

    def safe_lines(self, text: str) -> list[str]:
        """All of the text, line by line, likewise harmless."""
        return [self._harmless(line) for line in text.expandtabs(4).splitlines()]

    def _harmless(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return text
        text = "".join(char if _is_harmless(char) else _escaped(char) for char in text)
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def cut(self, text: str, room: int) -> str:
        """As much of the text as fits."""
        if columns_of(text) <= room:
            return text
        room -= len(self.glyphs.ellipsis)
        if room < 1:
            return ""
        used = 0
        for end, char in enumerate(text):
            used += columns_of(char)
            if used > room:
                return text[:end].rstrip() + self.glyphs.ellipsis
        return text

    def line(self, *texts: Text) -> str:
        """One line, cut at the right edge."""
        room, shown = self.width, []
        for plain, style in texts:
            fitting = self.cut(plain, room)
            shown.append(self.styled(fitting, style))
            room -= columns_of(fitting)
            if fitting != plain:
                break
        return "".join(shown).rstrip() + "\n"

    def styled(self, plain: str, style: str) -> str:
        """The text with its style, where there are colours."""
        return f"\x1b[{_STYLES[style]}m{plain}\x1b[0m" if plain and style and self.colour else plain


def terminal_of(stream: TextIO | None) -> Terminal:
    """What this stream can show."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    glyphs = _UNICODE
    try:
        "".join(_UNICODE).encode(encoding)
    except UnicodeEncodeError:
        glyphs = _ASCII
    except (LookupError, TypeError):
        glyphs, encoding = _ASCII, "ascii"
    is_tty, columns = False, 0
    told = os.environ.get("COLUMNS", "")
    with suppress(Exception):  # closed, a notebook's, or None as under pythonw: it may raise anything
        is_tty = stream is not None and stream.isatty()
        # The width of this stream, not that of standard output, which may be a file or another window.
        columns = os.get_terminal_size(stream.fileno()).columns if stream is not None and is_tty else 0
    columns = int(told) if told.isdecimal() else columns
    width = max(columns, _NARROWEST) if columns else _UNKNOWN_WIDTH
    return Terminal(width, bool(columns) or is_tty, _wants_colour(is_tty=is_tty), encoding, glyphs)


def _wants_colour(*, is_tty: bool) -> bool:
    """As Python itself decides: https://docs.python.org/3/using/cmdline.html#controlling-color."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (is_tty and os.environ.get("TERM") != "dumb")


_JOINERS = "\u200c\u200d"
"""Invisible, but Persian and emoji are written with them."""


def _is_harmless(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def columns_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
        if char not in _JOINERS and unicodedata.category(char) not in {"Mn", "Me"}
    )


def shares_of(wanted: list[int], room: int) -> list[int]:
    """The room divided so that nobody gets more than wanted while another gets less than an equal share."""
    shares = [0] * len(wanted)
    room = max(room, 0)
    for rank, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        shares[index] = min(wanted[index], room // (len(wanted) - rank))
        room -= shares[index]
    return shares
