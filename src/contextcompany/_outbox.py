"""Bytes in, bytes out, and in between they survive the process; knows nothing of what the bytes mean.

Each process writes a file of its own, which SQLite locks for as long as the process lives. A file without a lock was
left behind by a dead process: whoever finds it sends what it holds from where it is, and deletes it when it is empty.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from contextcompany import _diagnostics, _memory_store
from contextcompany._dead_letters import DeadLetters
from contextcompany._disk_store import CORRUPT, MAX_AGE_S, SUFFIX, DiskStore, InUseError, is_the_disk, put_aside
from contextcompany._item import SIGNALS, Entry, Item, Store
from contextcompany._memory_store import MemoryStore

try:
    import sqlite3
except ImportError:  # pragma: no cover - a Python that was built without it
    sqlite3 = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from contextcompany._settings import Signal

__all__ = ["Outbox", "Shelf"]

_MAX_ADOPTED = 16
_MAX_TRIED = 200
"""Files of other processes that are held, and looked at, at a time."""

_DISK_RETRY_S = 30.0


class Outbox:
    """The file of this process, those of dead ones that it took over, and memory for when the disk fails."""

    def __init__(self, directory: Path | None, max_size: int, *, fsync: bool = False) -> None:
        self._directory = directory
        self._max_size = max_size
        self._fsync = fsync
        self._own: DiskStore | None = None
        self._others: list[Store] = []
        self._strangers: dict[str, AbstractSet[str]] = {}
        """What is in files that hold nothing for us. Nobody adds to them."""
        self._disk_retry_at = 0.0
        self._is_closed = False
        self._lock = threading.RLock()
        self._adopting = threading.RLock()
        """Taken before `_lock`; other threads keep things meanwhile, as a file takes long on a slow disk."""
        if directory is not None and not _can_use_disk():
            self._memory_only("this Python lacks sqlite3 or ctypes")
            self._directory = None
        self._memory: MemoryStore | None = None
        self.dead_letters = None if self._directory is None else DeadLetters(self._directory)

    @property
    def is_on_disk(self) -> bool:
        """Whether what is kept now outlives the process."""
        return self._own is not None

    def keep(self, entries: Sequence[Entry], snapshots: Sequence[Entry] = (), closed: Sequence[int] = ()) -> None:
        """Keep what has ended, and what is open as it is now; on disk if that is possible, in memory if not."""
        with self._lock:
            self._keep(entries, snapshots, closed)
            for store in self._others:  # ours from before something changed
                store.close_opened(closed)

    def _keep(self, entries: Sequence[Entry], snapshots: Sequence[Entry], closed: Sequence[int]) -> None:
        store = self._writable()
        if store is not None:
            try:
                store.put(entries, snapshots, closed)
            except sqlite3.DatabaseError as error:
                self._disk_failed(store, error)
            else:
                return
        elif self._own is not None:
            self._own.close_later(closed)
        if self._memory is None:
            self._memory = MemoryStore(min(self._max_size, _memory_store.MAX_MEMORY))
        self._memory.put(entries, snapshots, closed)

    def take(self, store: Store, destination: str, signal: Signal, max_bytes: int) -> list[Item]:
        """The oldest that wait in a store; nothing when its file cannot be read."""
        try:
            return store.take(destination, signal, max_bytes)
        except sqlite3.ProgrammingError:
            pass  # it was closed meanwhile
        except sqlite3.DatabaseError as error:
            if is_the_disk(error):
                _diagnostics.warn("outbox_unreadable", "The outbox cannot be read just now: %s", error)
                return []
            store.quarantine()
            with self._lock:
                if store is self._own:
                    self._own = None
                    self._others.append(store)
            return store.take(destination, signal, max_bytes)  # of what is in memory
        return []

    def is_being_written_here(self) -> bool:
        """Whether this thread is at it: garbage collection came in between, and ends something."""
        here = threading.get_ident()
        return any(isinstance(each, DiskStore) and each.writing_thread == here for each in (self._own, *self._others))

    def prepare(self) -> None:
        """Make the file, which takes longer than writing to it."""
        with self._lock:
            if not self._is_closed and self._own is None:
                self._writable()

    def stores(self) -> list[Store]:
        """All of them, the oldest first."""
        with self._lock:
            return [store for store in (*self._others, self._own, self._memory) if store is not None]

    def waiting(self, destination: str | None = None) -> int:
        """How many of this process's own items wait; those of dead processes do not count."""
        return sum(store.waiting(destination) for store in self.stores() if not store.is_adopted)

    def adopt(self, known: AbstractSet[str]) -> set[str]:
        """Take over files that dead processes left, if they hold something for `known` destinations: for which ones."""
        found: set[str] = set()
        for path in self._orphans(known):
            with self._adopting:
                if not self._is_closed:
                    found |= self._adopt(path, known)
        return found

    def _adopt(self, path: Path, known: AbstractSet[str]) -> AbstractSet[str]:
        try:
            store = DiskStore.adopt(path, self._max_size)
        except (InUseError, OSError):
            return set()
        except sqlite3.DatabaseError as error:
            if not is_the_disk(error):
                put_aside(path)
            return set()
        destinations = store.destinations()
        if not destinations & known:
            store.close()
            if destinations:
                self._strangers[path.name] = destinations
            return set()
        with self._lock:
            if self._is_closed:
                store.close()
                return set()
            self._others.append(store)
        return destinations & known

    def tidy(self, known: AbstractSet[str]) -> None:
        """Let go of files that are done with, and give room back."""
        with self._adopting:
            with self._lock:
                done = [store for store in self._others if store.is_done(known)]
                self._others = [store for store in self._others if store not in done]
                own = self._own
            for store in done:
                store.close()
            if own is not None:
                own.shrink()
            if self.dead_letters is not None:
                self.dead_letters.expire()

    def close(self, timeout: float = 1.0) -> None:
        """Let go of everything; what is left on disk is for a later process."""
        self._is_closed = True  # whoever takes over a file, which may take long, lets go of it
        is_idle = self._adopting.acquire(timeout=timeout)
        with self._lock:
            for store in self.stores():
                store.close()
            self._own, self._memory, self._others = None, None, []
        if is_idle:
            self._adopting.release()

    def become(self, other: Outbox) -> None:
        """Keep things as `other`, which is new, from now on; what waits goes on from where it is."""
        with self._lock:
            self._others += [store for store in (self._own, self._memory) if store is not None]
            self._own, self._memory = other._own, other._memory
            self._directory, self._max_size, self._fsync = other._directory, other._max_size, other._fsync
            self._disk_retry_at, self.dead_letters = other._disk_retry_at, other.dead_letters

    def locks(self) -> Iterator[threading.RLock]:
        """What has to be held over a fork, each before the next one is asked for."""
        yield self._adopting
        yield self._lock
        for store in self.stores():
            yield store.lock
        if self.dead_letters is not None:
            yield self.dead_letters.lock

    def leak(self) -> None:
        """In a forked child: keep the parent's files from being touched."""
        # Without the lock: a fork in C that tells Python only afterwards may find it held by a thread that is not here.
        for store in (*self._others, self._own):
            if store is not None:
                store.leak()

    def _writable(self) -> DiskStore | None:
        if self._directory is None or time.monotonic() < self._disk_retry_at:
            return None
        if self._own is not None:
            if self._own.is_there():
                return self._own
            _diagnostics.warn(
                "outbox_deleted", "The outbox file in %s was deleted; a new one is made.", self._directory
            )
            self._others.append(self._own)
            self._own = None
        try:
            self._own = DiskStore.create(self._directory, self._max_size, fsync=self._fsync)
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: no name for a directory
            self._memory_only(str(error))
        return self._own

    def _disk_failed(self, store: DiskStore, error: sqlite3.DatabaseError) -> None:
        if is_the_disk(error):
            self._memory_only(str(error))
        else:
            store.quarantine()
            self._others.append(store)
            self._own = None

    def _memory_only(self, why: str) -> None:
        self._disk_retry_at = time.monotonic() + _DISK_RETRY_S
        _diagnostics.count("outbox_in_memory")
        _diagnostics.warn(
            "outbox_in_memory",
            "The outbox in %s cannot be written (%s): what is recorded waits in memory, up to %d MiB, and is "
            "lost if the process ends before it is sent.",
            self._directory,
            why,
            min(self._max_size, _memory_store.MAX_MEMORY) >> 20,
        )

    def _orphans(self, known: AbstractSet[str]) -> Iterator[Path]:
        """Files that may have been left behind, as many as are looked at in one go."""
        if self._directory is None:
            return
        mine = {store.path for store in self.stores() if isinstance(store, DiskStore)}
        tried = 0
        try:
            found = sorted(os.scandir(self._directory), key=lambda each: each.name)
        except (OSError, ValueError):
            return
        names = {each.name for each in found}
        self._strangers = {name: them for name, them in self._strangers.items() if name in names}
        if len(found) > _MAX_TRIED:  # another part each time, whatever seed the program gave `random`
            start = int.from_bytes(os.urandom(4), "big") % len(found)
            found = found[start:] + found[:start]
        for each in found:
            path = Path(each.path)
            if len(self._others) >= _MAX_ADOPTED or tried >= _MAX_TRIED:
                return
            if each.name.endswith(CORRUPT):
                _forget_old(path)
            elif (
                each.name.endswith(SUFFIX)
                and path not in mine
                and (each.name not in self._strangers or self._strangers[each.name] & known)
                and _is_mine(path)
            ):
                tried += 1
                yield path


def _can_use_disk() -> bool:
    return all(map(importlib.util.find_spec, ("_sqlite3", "_ctypes")))


def _is_mine(path: Path) -> bool:
    """Whether this user made it: somebody else's would be sent with our key."""
    try:
        return not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _forget_old(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > MAX_AGE_S:
            path.unlink()


class Shelf:
    """What waits for one destination, in all stores; the sender takes it from here."""

    def __init__(self, outbox: Outbox, destination: str, label: str, settle: Callable[[str, int], None]) -> None:
        self._outbox = outbox
        self._destination = destination
        self._label = label
        self._settle = settle
        self._open: dict[int, Entry] = {}

    def take(self, max_bytes: int, signals: Sequence[Signal] = SIGNALS) -> list[Item]:
        """The oldest that wait, all of one signal; nothing is handed out twice."""
        for store in self._outbox.stores():
            for signal in signals:
                taken = self._outbox.take(store, self._destination, signal, max_bytes)
                if taken:
                    return taken
        return []

    def delivered(self, items: Sequence[Item], rejected: int = 0) -> None:
        """They were received, but for so many of them."""
        rejected = min(rejected, len(items))  # a receiver may say anything
        self._delete(items)
        self._settle("delivered", len(items) - rejected)
        self._settle("rejected_partial", rejected)

    def dead(self, item: Item, reason: str) -> None:
        """Nobody takes it; it is kept for people to look at."""
        if self._outbox.dead_letters is not None:
            self._outbox.dead_letters.put(self._destination, self._label, item, reason)
        self._delete([item])
        self._settle("dead", 1)

    def dropped(self, items: Sequence[Item], reason: str) -> None:
        """They are given up."""
        self._delete(items)
        self._settle(reason, len(items))

    def put_back(self, items: Sequence[Item]) -> None:
        """Hand them out again to somebody else."""
        for store, some in _by_store(items):
            store.put_back(some)

    def waiting(self) -> int:
        """How many wait, those that were taken and not settled included."""
        return sum(store.waiting(self._destination) for store in self._outbox.stores())

    def show(self, span: int, snapshot: Entry) -> None:
        """Have something that is open seen as it is now."""
        self._open[span] = snapshot

    def hide(self, span: int) -> None:
        """It is open no more."""
        self._open.pop(span, None)

    def snapshots(self) -> list[Item]:
        """What is open and has changed since the last time."""
        taken = []
        while self._open:
            try:
                entry = self._open.popitem()[1]
            except KeyError:  # the last one was hidden by the thread that writes
                break
            taken.append(Item(None, entry.signal, entry.head, entry.scope, entry.body))
        return taken

    @staticmethod
    def _delete(items: Sequence[Item]) -> None:
        for store, some in _by_store(items):
            store.delete(some)


def _by_store(items: Sequence[Item]) -> list[tuple[Store, list[Item]]]:
    by_store: dict[int, list[Item]] = {}
    for item in items:
        by_store.setdefault(id(item.key.store), []).append(item)
    return [(some[0].key.store, some) for some in by_store.values()]
