"""Long texts: cut out of a span's bytes, split where a conversation grows, and read for search. Bytes → bytes, no I/O.

An agent sends its whole history with each step. A text is split so that what it repeats is the same pieces again: what
a message says is a piece of its own, apart from the JSON around it, and where a piece ends depends on what comes before
that alone. So a text that begins like another one begins with the same pieces, and what a model answered is the same
piece in the next step's history.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MIN_CUT", "Cut", "cut", "joined", "split", "strings", "words"]

Cut = tuple[int, bytes]
"""Where in what is left a text was, and the text."""

MIN_CUT: Final = 64
"""Bytes. Shorter texts stay where they are: a row of their own would be larger."""

_MIN_SAID: Final = 128
"""Bytes of a text in JSON that is a piece of its own."""

_MIN_FRAME: Final = 512
"""Bytes of JSON around texts, short texts included, after which a piece ends before the next text."""

_MIN_LINES: Final = 2048
"""Bytes of a piece that ends after a line: of texts that grow and are not JSON, and of long ones."""

_MAX_WORDS: Final = 1_000_000
"""Characters of one piece that search finds."""

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LINE: Final = re.compile(rb"\\n|\n")
"""The end of a line, in JSON or not."""


def strings(value: Any) -> list[str]:
    """All texts in a value of OTLP, in order."""
    found: list[str] = []
    _collect(value.values() if isinstance(value, dict) else [value], found)
    return found


def _collect(values: Iterable[Any], found: list[str]) -> None:
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            _collect(value.values(), found)
        elif isinstance(value, list):
            _collect(value, found)


def cut(raw: bytes, texts: Iterable[str]) -> tuple[bytes, list[Cut]]:
    """What is left of `raw` without the long ones of `texts`, and these. A text that is not found stays where it is."""
    found: list[tuple[int, int]] = []
    end = 0
    for text in texts:
        if len(text) < MIN_CUT:
            continue
        encoded = text.encode(errors="surrogatepass")
        at = raw.find(encoded, end)
        if at < 0:
            continue
        end = at + len(encoded)
        # The end of a list stays, so that a list which grew begins with the pieces of the shorter one.
        found.append((at, end - encoded.endswith(b"]")))
    left: list[bytes] = []
    cuts: list[Cut] = []
    size = position = 0
    for start, end in found:
        left.append(raw[position:start])
        size += start - position
        cuts.append((size, raw[start:end]))
        position = end
    left.append(raw[position:])
    return b"".join(left), cuts


def joined(left: bytes, cuts: Iterable[Cut]) -> bytes:
    """The bytes that were cut."""
    parts = []
    position = 0
    for at, text in cuts:
        parts += [left[position:at], text]
        position = at
    return b"".join([*parts, left[position:]])


def split(text: bytes) -> list[bytes]:
    """The pieces of a text."""
    if text[:1] not in (b"[", b"{"):
        return _lines(text)
    pieces = []
    start = 0
    for match in _STRING.finditer(text):
        opens, closes = match.start() + 1, match.end() - 1
        if closes - opens >= _MIN_SAID:
            pieces += [text[start:opens], *_lines(text[opens:closes])]
            start = closes
        elif opens - start > _MIN_FRAME:
            pieces.append(text[start : opens - 1])
            start = opens - 1
    pieces.append(text[start:])
    return pieces


def _lines(text: bytes) -> list[bytes]:
    pieces = []
    start = 0
    while len(text) - start > 2 * _MIN_LINES and (match := _LINE.search(text, start + _MIN_LINES)):
        pieces.append(text[start : match.end()])
        start = match.end()
    pieces.append(text[start:])
    return pieces


_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LABEL: Final = re.compile(
    r'"(?:role|type|finish_reason)"\s*:\s*"[^"]*"|"(?:parts|content|arguments|response|text)"\s*:'
)
"""What all messages have in common: a search for `user` is for what somebody said."""


def words(text: bytes) -> str:
    """What search finds a piece by: of JSON, without what is the same in all messages."""
    said = text[:_MAX_WORDS].decode(errors="replace")
    if '"' in said:
        said = _LABEL.sub(" ", said)
    if "\\" in said:
        said = _ESCAPE.sub(_unescaped, said).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return said


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0]
    if len(escape) == 6:
        return chr(int(escape.removeprefix("\\u"), base=16))
    return " " if escape[1] in "ntrbf" else escape[1:]
