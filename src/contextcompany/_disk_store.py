"""One SQLite file of items: its owner writes it, and whoever finds it without an owner sends what it holds.

SQLite's lock is held for as long as the process lives. The system lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany import _diagnostics
from contextcompany._item import ROW_OVERHEAD, SIGNALS, Entry, Item, Key, Line, first, item_of, row_size

try:
    import sqlite3
except ImportError:  # pragma: no cover - a Python that was built without it
    sqlite3 = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from contextcompany._settings import Signal

__all__ = [
    "CORRUPT",
    "MAX_AGE_S",
    "SUFFIX",
    "Contents",
    "DiskStore",
    "InUseError",
    "Waiting",
    "is_the_disk",
    "look",
    "purge",
    "put_aside",
]

MAX_AGE_S = 7 * 24 * 3600
"""What nobody could send for this long is deleted."""

SUFFIX = ".outbox"

CORRUPT = ".corrupt"
"""Comes after the name of a damaged file."""

_APPLICATION_ID = 0x74636F62
_VERSION = 1

_MAX_CACHED = 16 * 2**20
"""Bytes that wait in memory as well as on disk, so that what is sent soon is not read back."""

_PAGE_SIZE = 16 * 2**10
"""Most runs without long texts fit into one page. Of smaller ones a long text takes many, each two system calls to
write and two more when it leaves the journal; with larger ones more is written for the same at little load."""

_MAX_JOURNAL = 16 * 2**20
_JOURNAL_SHARE = 16
"""The journal grows to this part of what the file may take, and not beyond the former. Of what is sent before that,
nothing is copied into the file."""

_MAX_IDLE_JOURNAL = 2**20
"""A larger one is given back when nothing waits."""

_MAX_UNWRITTEN = 5 * 2**20
"""Bytes of a transaction that stay in memory until it ends; what is written before may be written twice."""

_MAX_PARAMETERS = 500
"""Of a statement; SQLite before 3.32 takes 999."""

_SIZES = f"(SELECT id, destination, signal, trace, length(body) + {ROW_OVERHEAD} AS size FROM item LIMIT -1)"  # noqa: S608
"""What each item takes. Without a limit, SQLite would sort the bodies themselves, to measure them in their groups."""

_IN_HAND = "(SELECT value FROM json_each(?))"
_NEXT_ID = "SELECT coalesce(max(id), 0) + 1 FROM item"

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
CREATE TABLE destination (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, label TEXT NOT NULL);
CREATE TABLE envelope (id INTEGER PRIMARY KEY, head BLOB NOT NULL, scope BLOB NOT NULL);
CREATE TABLE item (
    id INTEGER PRIMARY KEY, destination INTEGER NOT NULL, signal INTEGER NOT NULL, envelope INTEGER NOT NULL,
    trace INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE open (
    span INTEGER PRIMARY KEY, destination INTEGER NOT NULL, signal INTEGER NOT NULL, envelope INTEGER NOT NULL,
    trace INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
"""


class InUseError(Exception):
    """A running process has this file."""


class DiskStore:
    """One SQLite file, held under its lock. Any thread may call; raises `sqlite3.Error` where the disk fails."""

    def __init__(self, path: Path, connection: sqlite3.Connection, max_size: int, inode: int) -> None:
        self.path = path
        self.is_adopted = False
        self._connection = connection
        self._max_size = max_size
        self._inode = inode
        self._lock = threading.RLock()
        self._lines: dict[tuple[str, Signal], Line] = {}
        self._destinations: dict[str, int] = {}
        self._envelopes: dict[tuple[bytes, bytes], int] = {}
        self._next_id = 1
        self._size = 0
        self._cached_size = 0
        self._undeleted: list[tuple[int, int]] = []
        self._in_hand: set[int] = set()
        self._open: set[int] = set()
        self._unclosed: set[int] = set()
        """Spans that ended when the disk failed, and are still in the table of what is open."""
        self.writing_thread = 0
        """The thread that is in the midst of a transaction."""
        self._is_unsure = False
        """Whether the table may hold something else than what is known of it: writing was interrupted, as by Ctrl-C."""

    @classmethod
    def create(cls, directory: Path, max_size: int, *, fsync: bool = False) -> DiskStore:
        """A new file, which nobody else can have."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = directory / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{SUFFIX}"
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            inode = path.stat().st_ino
            # Before it is locked, another process may take it for one that was left behind, and delete it.
            try:
                connection = _connect(path, fsync=fsync, max_size=max_size)
            except InUseError:
                continue
            except sqlite3.Error:
                if path.exists():
                    raise
                continue
            try:
                connection.executescript(_SCHEMA)
            except sqlite3.Error:
                connection.close()
                _unlink(path)
                raise
            if _inode(path) == inode:
                return cls(path, connection, max_size, inode)
            connection.close()

    @classmethod
    def adopt(cls, path: Path, max_size: int) -> DiskStore:
        """The file of a process that is gone; what that process had open is closed, as it was last seen.

        Raises:
            InUseError: its process lives.
            sqlite3.DatabaseError: it is no file of ours, or a damaged one.
        """
        inode = path.stat().st_ino
        connection = _connect(path, max_size=max_size)
        try:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.executescript(_SCHEMA)  # its process died when it had just made it
            connection.execute("BEGIN IMMEDIATE")
            _check_version(connection)
            store = cls(path, connection, max_size, inode)
            store._next_id = connection.execute(_NEXT_ID).fetchone()[0]
            connection.execute(
                "INSERT INTO item (destination, signal, envelope, trace, at, body) "
                "SELECT destination, signal, envelope, trace, at, body FROM open"
            )
            connection.execute("DELETE FROM open")
            expired = connection.execute("DELETE FROM item WHERE at < ?", (int(time.time()) - MAX_AGE_S,)).rowcount
            connection.execute("COMMIT")
            if expired:
                _diagnostics.count("expired", expired)
                _diagnostics.warn(
                    "expired",
                    "%d spans or events that nobody took for seven days were deleted from the outbox.",
                    expired,
                )
            store._recount()
            store.is_adopted = True
        except (LookupError, TypeError) as error:  # no such signal
            connection.close()
            raise sqlite3.DatabaseError("damaged") from error
        except BaseException:
            connection.close()
            raise
        return store

    def put(self, entries: Sequence[Entry], snapshots: Sequence[Entry], closed: Sequence[int]) -> None:
        """Keep `entries` and, for now, `snapshots`; what is `closed` needs no snapshot any more. All or nothing."""
        size = sum(map(row_size, entries))
        with self._lock:
            self.close_later(closed)
            self._make_sure()
            if self._size + size > self._max_size:
                self._evict(self._size + size - self._max_size)
            now = int(time.time())
            with self._transaction():
                self._is_unsure = True  # also when it is in the table, but not remembered yet
                rows = [
                    (self._next_id + index, *self._columns(entry), now, entry.body)
                    for index, entry in enumerate(entries)
                ]
                _insert(self._connection, "INSERT INTO item VALUES", rows)
                if self._unclosed:  # before it is opened again, as when a run is suspended and resumed at once
                    gone = [(span,) for span in self._unclosed]
                    self._connection.executemany("DELETE FROM open WHERE span = ?", gone)
                opened = [(entry.span, *self._columns(entry), now, entry.body) for entry in snapshots]
                _insert(self._connection, "INSERT OR REPLACE INTO open VALUES", opened)
            self._unclosed.clear()
            self._open.update([entry.span for entry in snapshots])
            self._size += size
            for entry in entries:
                self._remember(self._next_id, entry)
                self._next_id += 1
            self._is_unsure = False

    def close_later(self, spans: Sequence[int]) -> None:
        """Note what is open no more, while the disk fails."""
        with self._lock:
            self._open.difference_update(spans)
            self._unclosed.update(spans)

    def take(self, destination: str, signal: Signal, max_bytes: int) -> list[Item]:
        with self._lock:
            line = self._lines.get((destination, signal))
            if line is None:
                return []
            if line.returned:
                return first(line.returned, max_bytes)
            if line.spilled and len(line.cached) < 2:  # the one that did not fit may have been left
                self._refill(line, destination, signal, max_bytes)
            taken = line.take(max_bytes)
            self._cached_size -= sum([len(item.body) for item in taken])
            self._in_hand.update([item.key.id for item in taken])
            return taken

    def put_back(self, items: Sequence[Item]) -> None:
        """Hand out again, before all others, what was taken and is not settled."""
        with self._lock:
            for item in items:
                self._lines[item.key.destination, item.signal].returned.append(item)

    def delete(self, items: Sequence[Item]) -> None:
        """Forget what was taken. If the disk fails now, it is deleted with the next ones."""
        ids = sorted([item.key.id for item in items])
        ranges = [(ids[0], ids[-1])] if ids[-1] - ids[0] == len(ids) - 1 else [(each, each) for each in ids]
        with self._lock:
            for item in items:
                self._lines[item.key.destination, item.signal].settle()
                self._size -= row_size(item)
            self._in_hand.difference_update(ids)
            self._undeleted += ranges
            with suppress(sqlite3.Error), self._transaction():
                self._delete()
                self._undeleted = []

    def _delete(self) -> None:
        if self._is_unsure or self.waiting():
            for first_id, last_id in self._undeleted:
                self._connection.execute("DELETE FROM item WHERE id BETWEEN ? AND ?", (first_id, last_id))
        else:  # nothing else is in the table, and SQLite leaves the pages that it frees as they are
            self._connection.execute("DELETE FROM item")

    def waiting(self, destination: str | None = None) -> int:
        """How many items wait: for one destination, or in all."""
        with self._lock:
            if destination is None:
                return sum([line.waiting for line in self._lines.values()])
            lines = [self._lines.get((destination, signal)) for signal in SIGNALS]
            return sum([line.waiting for line in lines if line is not None])

    def destinations(self) -> set[str]:
        """What it holds something for."""
        with self._lock:
            return {to for (to, _), line in self._lines.items() if line.waiting}

    def close_opened(self, spans: Sequence[int]) -> None:
        """What ended needs no snapshot here any more; it was kept elsewhere. If the disk fails, `close` tries again."""
        with self._lock:
            known = self._open.intersection(spans)
            if known:
                with suppress(sqlite3.Error):
                    self.put([], [], list(known))

    def is_done(self, known: AbstractSet[str]) -> bool:
        """Whether nothing is left in it for `known` destinations, and nothing is open that would look abandoned."""
        return not self.destinations() & known and not (self._open and self.is_there())

    def is_there(self) -> bool:
        """Whether the file still has its name; without, what is written to it ends with the process."""
        return _inode(self.path) == self._inode

    def shrink(self) -> None:
        """Give room back to the disk, a little at a time: the lock is held meanwhile."""
        with self._lock, suppress(sqlite3.Error, OSError):
            if self.waiting():
                return
            if _pragma(self._connection, "freelist_count") > 64:
                # As a script: `execute` frees one page, however many are asked for.
                self._connection.executescript("PRAGMA incremental_vacuum(1024); PRAGMA wal_checkpoint(TRUNCATE);")
            elif _journal(self.path).stat().st_size > _MAX_IDLE_JOURNAL:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file; an empty one is deleted."""
        with self._lock:
            with suppress(sqlite3.Error):
                self._make_sure()
            left = self.waiting()
            if left and not self.is_there():  # its directory was deleted, and it goes with the process
                _diagnostics.count("not_sent", left)
                _diagnostics.warn(
                    "not_sent", "%d spans or events waited in an outbox file that was deleted, and are lost.", left
                )
            if self._unclosed:
                with suppress(sqlite3.Error):
                    self.put([], [], [])
            if not left and not self._open and not self._is_unsure and self.is_there():
                # While it is locked, so that nobody can have it; the journal first, since a process that wanted a
                # new file of this name makes it, and a journal of its own, as soon as the name is free.
                _unlink(_journal(self.path))
                _unlink(self.path)
            with suppress(sqlite3.Error):
                self._connection.close()

    def quarantine(self) -> None:
        """Put a damaged file aside. What is in memory too can still be taken."""
        with self._lock:
            with suppress(sqlite3.Error):
                self._connection.close()
            put_aside(self.path)
            lost = 0
            for line in self._lines.values():
                line.spilled = False
                left = len(line.cached) + line.in_hand
                lost += line.waiting - left
                line.waiting = left
            if lost > 0:
                _diagnostics.count("corrupt", lost)

    def leak(self) -> None:
        """In a forked child: never close the connection, whose end would delete the journal of the parent's file."""
        import ctypes  # noqa: PLC0415 - not needed by processes that do not fork

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))

    @property
    def lock(self) -> threading.RLock:
        """Held over a fork, so that no statement is half done in the child."""
        return self._lock

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        was_unsure = self._is_unsure
        try:
            self.writing_thread = threading.get_ident()
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._is_unsure = was_unsure or not isinstance(error, sqlite3.Error)
            self._destinations.clear()
            self._envelopes.clear()
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self.writing_thread = 0

    def _make_sure(self) -> None:
        """Look what is there after an interruption."""
        if not self._is_unsure:
            return
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._next_id = self._connection.execute(_NEXT_ID).fetchone()[0]
        self._recount()
        self._is_unsure = False

    def _columns(self, entry: Entry) -> tuple[int, int, int, int]:
        return (
            self._destination_id(entry.destination, entry.label),
            SIGNALS.index(entry.signal),
            self._envelope_id(entry.head, entry.scope),
            entry.trace,
        )

    def _destination_id(self, fingerprint: str, label: str) -> int:
        known = self._destinations.get(fingerprint)
        if known is None:
            row = self._connection.execute(
                "SELECT id FROM destination WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
            if row is None:
                insert = "INSERT INTO destination (fingerprint, label) VALUES (?, ?) RETURNING id"
                row = self._connection.execute(insert, (fingerprint, label)).fetchone()
            known = self._destinations[fingerprint] = row[0]
        return known

    def _envelope_id(self, head: bytes, scope: bytes) -> int:
        known = self._envelopes.get((head, scope))
        if known is None:
            if len(self._envelopes) > 256:
                self._envelopes.clear()
            insert = "INSERT INTO envelope (head, scope) VALUES (?, ?) RETURNING id"
            known = self._envelopes[head, scope] = self._connection.execute(insert, (head, scope)).fetchone()[0]
        return known

    def _remember(self, row_id: int, entry: Entry) -> None:
        """Keep what was just written in memory too, if there is room and nothing older is in the table only."""
        line = self._lines.get((entry.destination, entry.signal))
        if line is None:
            line = self._lines[entry.destination, entry.signal] = Line()
        line.waiting += 1
        if line.spilled:
            return
        if self._cached_size + len(entry.body) > _MAX_CACHED:
            line.spilled = True
            return
        self._cached_size += len(entry.body)
        line.cached.append(item_of(self, row_id, entry))
        line.last = row_id

    def _refill(self, line: Line, destination: str, signal: Signal, max_bytes: int) -> None:
        rows = self._connection.execute(
            "SELECT item.id, head, scope, body FROM item JOIN envelope ON envelope.id = envelope "
            "JOIN destination ON destination.id = destination "
            "WHERE item.id > ? AND fingerprint = ? AND signal = ? ORDER BY item.id",
            (line.last, destination, SIGNALS.index(signal)),
        )
        size = 0
        for row_id, head, scope, body in rows:
            line.last = row_id
            line.cached.append(Item(Key(self, row_id, destination), signal, head, scope, body))
            self._cached_size += len(body)
            size += len(body)
            if size > max_bytes:
                break
        else:
            line.spilled = False
        rows.close()

    def _evict(self, needed: int) -> None:
        """Make room: the oldest traces first, those of runs that are still open last."""
        goal = needed + self._max_size // 16
        in_hand = str(sorted(self._in_hand))  # what is being sent is not deleted
        traces = self._connection.execute(
            f"SELECT trace, sum(size) FROM {_SIZES} WHERE trace NOT IN (SELECT trace FROM open) "  # noqa: S608 - a constant
            f"AND trace NOT IN (SELECT trace FROM item WHERE id IN {_IN_HAND}) GROUP BY trace ORDER BY min(id)",
            (in_hand,),
        )
        victims = list(_until(goal, traces))
        freed = sum(size for _, size in victims)
        evicted = 0
        with self._transaction():
            for start in range(0, len(victims), _MAX_PARAMETERS):
                some = [trace for trace, _ in victims[start : start + _MAX_PARAMETERS]]
                # One statement for many, as each reads the whole table.
                delete = f"DELETE FROM item WHERE trace IN ({','.join('?' * len(some))})"  # noqa: S608 - parameters
                evicted += self._connection.execute(delete, some).rowcount
            if freed < goal:
                rest = f"FROM {_SIZES} WHERE id NOT IN {_IN_HAND}"
                rows = self._connection.execute(f"SELECT id, size {rest} ORDER BY id", (in_hand,))
                last = max((row_id for row_id, _ in _until(goal - freed, rows)), default=0)
                delete = f"DELETE FROM item WHERE id <= ? AND id NOT IN {_IN_HAND}"  # noqa: S608 - a constant
                evicted += self._connection.execute(delete, (last, in_hand)).rowcount
        self._recount()
        _diagnostics.count("evicted", evicted)
        _diagnostics.warn(
            "evicted",
            "The outbox is full (%d bytes): the oldest %d spans and events were deleted before they could be sent.",
            self._max_size,
            evicted,
        )

    def _recount(self) -> None:
        """What waits, as the table has it; what was taken already is not taken again."""
        taken = {key: (line.cached[0].key.id - 1 if line.cached else line.last) for key, line in self._lines.items()}
        rows = self._connection.execute(
            f"SELECT fingerprint, signal, count(*), sum(size) FROM {_SIZES} AS item "  # noqa: S608 - a constant
            "JOIN destination ON destination.id = destination GROUP BY fingerprint, signal"
        ).fetchall()
        for line in self._lines.values():
            line.waiting, line.spilled = 0, True
            line.cached.clear()
        self._size = self._cached_size = 0
        for fingerprint, signal, count, size in rows:
            key = (fingerprint, SIGNALS[signal])
            line = self._lines.setdefault(key, Line(spilled=True))
            line.waiting = count
            line.last = taken.get(key, 0)
            self._size += size


class Waiting(NamedTuple):
    """What waits in a file for one destination, of one signal."""

    destination: str
    label: str
    signal: Signal
    items: int
    bytes: int
    oldest: int
    """Seconds since the epoch."""


class Contents(NamedTuple):
    """What is in a file whose process is gone."""

    waiting: list[Waiting]
    open: int
    """How many spans were open when it ended; they are sent as incomplete."""


def look(path: Path) -> Contents:
    """What a file holds, and leave it as it is.

    Raises:
        InUseError: its process lives.
        sqlite3.OperationalError: it cannot be read.
        sqlite3.DatabaseError: it is no file of ours, or a damaged one.
    """
    with _held(path) as connection:
        rows = connection.execute(
            "SELECT fingerprint, label, signal, count(*), sum(size), min(at) "
            "FROM (SELECT destination, signal, at, length(body) AS size FROM item LIMIT -1) "  # as in `_SIZES`
            "JOIN destination ON destination.id = destination GROUP BY 1, 2, 3 ORDER BY min(at)"
        ).fetchall()
        open_spans = connection.execute("SELECT count(*) FROM open").fetchone()[0]
    return Contents([Waiting(to, label, SIGNALS[signal], *rest) for to, label, signal, *rest in rows], open_spans)


def purge(path: Path, before: float) -> int:
    """Delete what is older than `before`, and a file that is empty then; returns how many items that were.

    Raises:
        InUseError: its process lives.
        sqlite3.OperationalError: it cannot be read.
        sqlite3.DatabaseError: it is no file of ours, or a damaged one.
    """
    with _held(path) as connection:
        connection.execute("PRAGMA secure_delete = ON")  # what was said is not to be found in the file afterwards
        deleted = connection.execute("DELETE FROM item WHERE at < ?", (before,)).rowcount
        deleted += connection.execute("DELETE FROM open WHERE at < ?", (before,)).rowcount
        left = connection.execute("SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM open)").fetchone()[0]
        connection.execute("COMMIT")
        if left == 0:
            _unlink(path)  # while it is locked, so that nobody can have it
    if left == 0:
        _unlink(_journal(path))
    return deleted


@contextmanager
def _held(path: Path) -> Iterator[sqlite3.Connection]:
    """A file of ours, locked; what is not committed is undone."""
    with closing(_connect(path)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise InUseError(path) if _is_lock(error) else error from None
        _check_version(connection)
        yield connection


def _insert(connection: sqlite3.Connection, into: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows by few statements: each statement lets go of the interpreter, and has to get it back."""
    start = 0
    while start < len(rows):
        chunk = 256
        while chunk > len(rows) - start:
            chunk //= 4
        some = rows[start : start + chunk]
        values = "(" + ",".join("?" * len(some[0])) + ")"
        connection.execute(f"{into} {','.join([values] * chunk)}", [value for row in some for value in row])
        start += chunk


def _until(goal: int, rows: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The first rows whose sizes make up `goal`."""
    for key, size in rows:
        if goal <= 0:
            return
        goal -= size
        yield key, size


def _connect(path: Path, *, fsync: bool = False, max_size: int = 0) -> sqlite3.Connection:
    """A connection that keeps the file's lock from its first access on; the file may take `max_size`.

    Raises:
        InUseError: another process has it.
    """
    journal = min(max(max_size // _JOURNAL_SHARE, 2**20), _MAX_JOURNAL)
    address = f"{path.absolute().as_uri()}?mode=rw"  # the file was made before, with its mode
    connection = sqlite3.connect(address, timeout=0, isolation_level=None, check_same_thread=False, uri=True)
    try:
        for setting in (
            "locking_mode = EXCLUSIVE",
            f"page_size = {_PAGE_SIZE}",
            "auto_vacuum = INCREMENTAL",
            "secure_delete = FAST",  # ON, which Debian builds in, writes every page that is freed once more, as zeros
            "journal_mode = WAL",
            f"synchronous = {'FULL' if fsync else 'NORMAL'}",
            f"journal_size_limit = {journal}",
            f"wal_autocheckpoint = {journal // _PAGE_SIZE}",
            f"cache_spill = {_MAX_UNWRITTEN // _PAGE_SIZE}",
        ):
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error as error:
        connection.close()
        if _is_lock(error):
            raise InUseError(path) from None
        raise
    except UnicodeDecodeError as error:  # sqlite3 cannot even say what is wrong with it
        connection.close()
        raise sqlite3.DatabaseError("damaged") from error
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    if (_pragma(connection, "application_id"), _pragma(connection, "user_version")) != (_APPLICATION_ID, _VERSION):
        raise sqlite3.DatabaseError("not an outbox of this version")


def is_the_disk(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself may be sound. Damage is an `OperationalError` too; codes came with Python 3.11."""
    return any(words in str(error) for words in ("locked", "disk I/O", "disk is full", "unable to open", "readonly"))


def _is_lock(error: sqlite3.Error) -> bool:
    return "locked" in str(error)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def put_aside(path: Path) -> None:
    """Rename a damaged file, so that nobody stumbles over it again; it can be looked at for as long as others wait."""
    _diagnostics.count("outbox_corrupt")
    _diagnostics.warn("outbox_corrupt", "The outbox file %s is damaged and was renamed to …%s.", path.name, CORRUPT)
    for name in (path.name, path.name + "-wal"):
        with suppress(OSError):
            path.with_name(name).rename(path.with_name(name + CORRUPT))
