"""In which spans of a run something was said: looked for in all that was received of them, for a bounded time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from contextcompany.observatory import originals
from contextcompany.observatory.contexts import Found

if TYPE_CHECKING:
    from contextcompany.observatory.store import Store

__all__ = ["MAX_S", "find"]

MAX_S: Final = 1.0
"""After so long it says what it has found until then."""


def find(store: Store, trace_id: str, text: str, *, max_s: float = MAX_S) -> Found:
    """Spans in whose names, attributes or events a text stands, in small or capital letters, in order of arrival."""
    until = time.monotonic() + max_s
    wanted = _spellings(text)
    span_ids = originals.span_ids(store, trace_id)
    found = []
    looked = 0
    for span_id, original in originals.with_ids(store, trace_id, span_ids):
        said = original.raw.decode(errors="replace").lower()
        if any(each in said for each in wanted):
            found.append(span_id)
        looked += 1
        if time.monotonic() > until:
            break
    return Found(found, looked, len(span_ids))


def _spellings(text: str) -> set[str]:
    """As it stands in a text, and as it stands in JSON in a text."""
    low = text.lower()
    return {low, json.dumps(low)[1:-1], json.dumps(low, ensure_ascii=False)[1:-1]} if low else set()
