"""Items in memory, for when there is no disk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from contextcompany import _diagnostics
from contextcompany._item import SIGNALS, Entry, Item, Line, first, item_of, row_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from contextcompany._settings import Signal

__all__ = ["MAX_MEMORY", "MemoryStore"]

MAX_MEMORY = 64 * 2**20
"""Bytes that wait in memory at most."""


class MemoryStore:
    """What waits in this process only. The oldest goes when there is no room."""

    is_adopted = False

    def __init__(self, max_size: int = MAX_MEMORY) -> None:
        self._max_size = max_size
        self._lock = threading.RLock()
        self._lines: dict[tuple[str, Signal], Line] = {}
        self._size = 0
        self._next_id = 1

    def put(self, entries: Sequence[Entry], snapshots: Sequence[Entry], closed: Sequence[int]) -> None:  # noqa: ARG002 - nobody comes after this process
        with self._lock:
            for entry in entries:
                line = self._lines.setdefault((entry.destination, entry.signal), Line())
                line.cached.append(item_of(self, self._next_id, entry))
                line.waiting += 1
                self._next_id += 1
                self._size += row_size(entry)
            if self._size > self._max_size:
                self._evict()

    def take(self, destination: str, signal: Signal, max_bytes: int) -> list[Item]:
        with self._lock:
            line = self._lines.get((destination, signal))
            if line is None:
                return []
            return first(line.returned, max_bytes) or line.take(max_bytes)

    def put_back(self, items: Sequence[Item]) -> None:
        """Hand out again, before all others, what was taken and is not settled."""
        with self._lock:
            for item in items:
                self._lines[item.key.destination, item.signal].returned.append(item)

    def delete(self, items: Sequence[Item]) -> None:
        with self._lock:
            for item in items:
                self._lines[item.key.destination, item.signal].settle()
                self._size -= row_size(item)

    def waiting(self, destination: str | None = None) -> int:
        with self._lock:
            if destination is None:
                return sum([line.waiting for line in self._lines.values()])
            lines = [self._lines.get((destination, signal)) for signal in SIGNALS]
            return sum([line.waiting for line in lines if line is not None])

    def destinations(self) -> set[str]:
        with self._lock:
            return {to for (to, _), line in self._lines.items() if line.waiting}

    def close_opened(self, spans: Sequence[int]) -> None:
        """Nothing is kept of what is open."""

    def is_done(self, known: AbstractSet[str]) -> bool:
        """Whether nothing is left in it for `known` destinations."""
        return not self.destinations() & known

    def close(self) -> None:
        """What is left is lost, and counted."""
        left = self.waiting()
        if left:
            _diagnostics.count("not_sent", left)
            _diagnostics.warn("not_sent", "%d spans or events waited in memory and could not be sent in time.", left)

    def quarantine(self) -> None:
        """Memory does not fail."""

    def leak(self) -> None:
        """Nothing is shared with the parent."""

    @property
    def lock(self) -> threading.RLock:
        return self._lock

    def _evict(self) -> None:
        evicted = 0
        while self._size > self._max_size:
            line = min(
                (line for line in self._lines.values() if line.cached),
                key=lambda line: line.cached[0].key.id,
                default=None,
            )
            if line is None:
                break
            self._size -= row_size(line.cached.popleft())
            line.waiting -= 1
            evicted += 1
        if evicted:
            _diagnostics.count("evicted", evicted)
            _diagnostics.warn(
                "evicted", "Too much waits in memory: the oldest %d spans and events were dropped.", evicted
            )
