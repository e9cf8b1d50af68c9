"""What may come next in a filter: its keys, and values of theirs that occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contextcompany.observatory import filters, readings
from contextcompany.observatory.contexts import Completion, Key, Value

if TYPE_CHECKING:
    from contextcompany.observatory.store import Reader, Store

__all__ = ["complete"]

_FIXED: Final = {
    "status": filters.STATUSES,
    "kind": filters.KINDS,
    "read_as": tuple(name for name, *_ in readings.CONVENTIONS),
    "since": ("30m", "1h", "24h", "7d"),
    "until": ("30m", "1h", "24h", "7d"),
}
"""Values that do not depend on what there is."""


def complete(store: Store, key: str | None, prefix: str, limit: int) -> Completion:
    """Without a key the keys that begin so, with what each means; with one, its values that do."""
    if key is None:
        return Completion([Key(name, about) for name, about in filters.KEYS.items() if name.startswith(prefix)], [])
    if key in _FIXED:
        return Completion([], [Value(each, None) for each in _FIXED[key] if each.startswith(prefix)][:limit])
    with store.read() as reader:
        return Completion([], [Value(*row) for row in _values(reader, key, prefix, limit)])


def _values(reader: Reader, key: str, prefix: str, limit: int) -> list[tuple[str, int]]:
    if key == "session":
        return reader.rows("session_names", prefix, limit)
    if key == "feedback":
        return reader.rows("labels", prefix, limit)
    if key in filters.NAMES:
        return reader.rows("names", key, prefix, limit)
    if key == "run":
        return reader.rows("names", "run_id", prefix, limit)
    return []
