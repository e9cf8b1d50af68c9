"""What waits to be sent, and in which order; the words that all stores share."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from contextcompany._settings import Signal

__all__ = ["ROW_OVERHEAD", "SIGNALS", "Entry", "Item", "Key", "Line", "Store", "first", "item_of", "row_size"]

SIGNALS: tuple[Signal, ...] = ("traces", "logs")

ROW_OVERHEAD = 64
"""Bytes that an item takes apart from its body, about."""


class Item(NamedTuple):
    """Something that waits to be sent."""

    key: Any
    """The outbox's own."""
    signal: Signal
    head: bytes
    scope: bytes
    body: bytes


class Entry(NamedTuple):
    """Something that is to be kept. Ids are signed, as SQLite's integers are."""

    destination: str
    """What the destination is known by; never its key."""
    label: str
    """The destination for people."""
    signal: Signal
    head: bytes
    scope: bytes
    body: bytes
    trace: int
    span: int


class Key(NamedTuple):
    store: Store
    id: int
    destination: str


class Store(Protocol):
    is_adopted: bool
    """Whether another process filled it."""

    def put(self, entries: Sequence[Entry], snapshots: Sequence[Entry], closed: Sequence[int]) -> None: ...
    def take(self, destination: str, signal: Signal, max_bytes: int) -> list[Item]: ...
    def put_back(self, items: Sequence[Item]) -> None: ...
    def delete(self, items: Sequence[Item]) -> None: ...
    def waiting(self, destination: str | None = None) -> int: ...
    def destinations(self) -> AbstractSet[str]: ...
    def close_opened(self, spans: Sequence[int]) -> None: ...
    def is_done(self, known: AbstractSet[str]) -> bool: ...
    @property
    def lock(self) -> threading.RLock: ...
    def close(self) -> None: ...
    def quarantine(self) -> None: ...
    def leak(self) -> None: ...


class Line:
    """What waits for one destination, of one signal: the oldest in memory, and all of it in the table."""

    __slots__ = ("cached", "in_hand", "last", "returned", "spilled", "waiting")

    def __init__(self, *, spilled: bool = False, waiting: int = 0) -> None:
        self.cached: deque[Item] = deque()
        self.last = 0
        """The id of the last that is in memory, or was."""
        self.spilled = spilled
        """Whether there may be more behind that one which are in the table only."""
        self.waiting = waiting
        self.returned: deque[Item] = deque()
        """Taken, and put back unsettled; they are in hand still."""
        self.in_hand = 0
        """How many of those that wait were taken, and not settled yet."""

    def take(self, max_bytes: int) -> list[Item]:
        taken = first(self.cached, max_bytes)
        if taken:
            self.in_hand += len(taken)
            self.last = max(self.last, taken[-1].key.id)
        return taken

    def settle(self) -> None:
        """One of those that were taken waits no more."""
        self.waiting -= 1
        self.in_hand -= 1


def first(items: deque[Item], max_bytes: int) -> list[Item]:
    """Take the first ones out, at least one if there is any."""
    taken: list[Item] = []
    size = 0
    while items:
        size += len(items[0].body)
        if taken and size > max_bytes:
            break
        taken.append(items.popleft())
    return taken


def row_size(what: Entry | Item) -> int:
    return len(what.body) + ROW_OVERHEAD


def item_of(store: Store, row_id: int, entry: Entry) -> Item:
    return Item(Key(store, row_id, entry.destination), entry.signal, entry.head, entry.scope, entry.body)
