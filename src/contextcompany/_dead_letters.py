"""What no receiver takes, kept for people to look at; one file for all processes."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from contextcompany import _diagnostics
from contextcompany._disk_store import is_the_disk, put_aside

try:
    import sqlite3
except ImportError:  # pragma: no cover - a Python that was built without it
    sqlite3 = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from contextcompany._item import Item
    from contextcompany._settings import Signal

__all__ = ["DeadLetter", "DeadLetters"]

_NAME = "dead-letters.db"
_MAX_SIZE = 32 * 2**20
"""Bytes of bodies that are kept; the oldest go first."""

_MAX_AGE_S = 7 * 24 * 3600
_BUSY_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dead (
    id INTEGER PRIMARY KEY, destination TEXT NOT NULL, label TEXT NOT NULL, signal TEXT NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL, head BLOB NOT NULL, scope BLOB NOT NULL, body BLOB NOT NULL
)
"""


_Result = TypeVar("_Result")


class DeadLetter(NamedTuple):
    """One span or event that was refused."""

    id: int
    destination: str
    label: str
    signal: Signal
    reason: str
    at: int
    """Seconds since the epoch."""
    head: bytes
    scope: bytes
    body: bytes


class DeadLetters:
    """Opened for each call, because every process in the directory writes here, and rarely. Any thread may call."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / _NAME
        self.lock = threading.RLock()
        """Held over a fork, as are those of the outbox."""

    def put(self, destination: str, label: str, item: Item, reason: str) -> None:
        """Keep one. When that fails, it is said: what the letter holds is lost then."""
        try:
            row = (destination, label, item.signal, reason, int(time.time()), item.head, item.scope, item.body)
            self._do(partial(_insert, row=row))
        except (OSError, sqlite3.Error) as error:
            _diagnostics.count("dead_letter_lost")
            _diagnostics.warn("dead_letter_lost", "What a receiver refused could not be kept: %s", error)

    def letters(self) -> list[DeadLetter]:
        """All of them, the oldest first.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        if not self.path.exists():
            return []
        return self._do(_all)

    def expire(self) -> None:
        """Delete what is too old. When that fails, it is tried again by whoever keeps the next one."""
        with suppress(OSError, sqlite3.Error):
            if self.path.exists():
                self._do(_expire)

    def delete(self, ids: Iterable[int]) -> None:
        """Forget some.

        Raises:
            sqlite3.Error: the file cannot be written.
        """
        if self.path.exists():
            self._do(partial(_delete, ids=list(ids)))

    def _do(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """In a transaction; in a new file if this one is damaged, else all that is refused later would be lost."""
        with self.lock:
            try:
                return self._once(work)
            except sqlite3.DatabaseError as error:
                if is_the_disk(error):
                    raise
            put_aside(self.path)
            return self._once(work)

    def _once(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        # Only a new one: to close a file lets go of all locks that this process has on it, those of another thread too.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")  # what was said is not to be found in the file afterwards
            connection.execute(_SCHEMA)
            return work(connection)


def _insert(connection: sqlite3.Connection, row: tuple[object, ...]) -> None:
    columns = "destination, label, signal, reason, at, head, scope, body"
    connection.execute(f"INSERT INTO dead ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - a constant
    _make_room(connection)


def _all(connection: sqlite3.Connection) -> list[DeadLetter]:
    rows = connection.execute(f"SELECT {', '.join(DeadLetter._fields)} FROM dead ORDER BY id")  # noqa: S608 - likewise
    return [DeadLetter(*row) for row in rows]


def _delete(connection: sqlite3.Connection, ids: list[int]) -> None:
    connection.executemany("DELETE FROM dead WHERE id = ?", [(each,) for each in ids])


def _expire(connection: sqlite3.Connection) -> None:
    before = (int(time.time()) - _MAX_AGE_S,)
    if connection.execute("SELECT 1 FROM dead WHERE at < ? LIMIT 1", before).fetchone():
        _diagnostics.count("dead_letter_expired", connection.execute("DELETE FROM dead WHERE at < ?", before).rowcount)


def _make_room(connection: sqlite3.Connection) -> None:
    _expire(connection)
    size = connection.execute("SELECT total(length(body)) FROM dead").fetchone()[0]
    for row_id, length in connection.execute("SELECT id, length(body) FROM dead ORDER BY id").fetchall():
        if size <= _MAX_SIZE:
            break
        connection.execute("DELETE FROM dead WHERE id = ?", (row_id,))
        size -= length
        _diagnostics.count("dead_letter_evicted")
        _diagnostics.warn("dead_letter_evicted", "There are too many dead letters: the oldest were deleted.")
