"""What was said, found by its words: store → texts and how far search is behind.

Long texts are indexed each once (`body_search`); short ones are in their span's `words`, behind what it is called by.
"""

from __future__ import annotations

import re
import time
import unicodedata
from typing import TYPE_CHECKING, Final

from contextcompany.observatory import filters
from contextcompany.observatory.contexts import Hit, Search
from contextcompany.observatory.filters import MAX_HITS
from contextcompany.observatory.preparing import text_of
from contextcompany.observatory.texts import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contextcompany.observatory.store import Reader, Store

__all__ = ["how_far", "search", "trailing"]

_MAX_SPANS: Final = 2000
"""The newest spans with the words that are looked at: of many, these are only what they are called by."""


def search(store: Store, text: str, *, limit: int = 50) -> tuple[list[Hit], Search]:
    """The newest texts that have this phrase, each once."""
    wanted, limit = filters.phrase(text), max(1, min(limit, MAX_HITS))
    with store.read() as reader:
        bodies = reader.rows("said", wanted, limit)
        spans = reader.rows("said_briefly", wanted, _MAX_SPANS)
        far = how_far(reader, [wanted], time.time_ns())
    found = [(*row[:3], words(text_of(row[3]))) for row in bodies]
    found += _brief(spans, text)
    found.sort(key=lambda row: row[2], reverse=True)
    return [Hit(trace_id, name, at, _excerpt(said, text)) for trace_id, name, at, said in found[:limit]], far


def trailing(store: Store) -> Search:
    """How far search is behind what has arrived."""
    with store.read() as reader:
        return how_far(reader, [], time.time_ns())


def how_far(reader: Reader, searches: Iterable[str], now_ns: int) -> Search:
    """How far search is behind, and whether one of these phrases occurs more often than is looked at."""
    bodies, spans, since_ns = reader.row("trailing")
    waited = 0.0 if since_ns is None else max(0.0, (now_ns - since_ns) / 1e9)
    is_capped = any(reader.row("search_hits", said, MAX_HITS + 1)[0] > MAX_HITS for said in searches)
    return Search(max(0, bodies, spans), waited, is_capped)


def _brief(rows: list[tuple[str, str, int, str]], wanted: str) -> Iterator[tuple[str, str, int, str]]:
    """Spans' short texts with these words, each once; `rows` have also those that are only called by them."""
    pattern = _pattern(wanted)
    seen = set()
    for trace_id, name, at, all_words in rows:
        said = all_words.partition("\n")[2]
        if said not in seen and pattern.search(_plain(said)):
            seen.add(said)
            yield trace_id, name, at, said


def _pattern(wanted: str) -> re.Pattern[str]:
    """The phrase as FTS5 reads it, for texts that are `_plain`."""
    said = r"[\W_]+".join(map(re.escape, _WORD.findall(_plain(wanted))))
    return re.compile(rf"(?<![^\W_]){said}" + ("" if wanted.endswith("*") else r"(?![^\W_])"))


_WORD: Final = re.compile(r"[^\W_]+")


def _plain(text: str) -> str:
    """Without what FTS5's tokenizer takes no notice of: case and diacritics."""
    return text.lower() if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", text).lower())


_MARKS: Final = re.compile("[\u0300-\u036f]+")


_BRACKETS: Final = re.compile(r"\s+|[\s\[\]{}\",:]{2,}")
"""What is left of messages in JSON around what they say."""


def _excerpt(text: str, wanted: str, around: int = 80) -> str:
    first = wanted.rstrip("*").split()
    at = max(0, text.lower().find(first[0].lower())) if first else 0
    start, end = max(0, at - around), min(len(text), at + around)
    shown = _BRACKETS.sub(" ", text[start:end]).strip()
    return ("…" if start else "") + shown + ("…" if end < len(text) else "")
