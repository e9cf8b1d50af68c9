"""Where runs are kept: one SQLite file.

What is in the file
    `.schema` in sqlite3 shows each table and column with what it holds (`sql/migrations/`). A span is a row of `span`
    with what it says in our words, and a row of `wire` with all that was received. Long texts are cut out of the
    received bytes and kept once: `body` has each piece of text once in the whole file, and `piece` makes texts of them,
    as a tree per run in which a text that grows shares its beginning. So a 200-step agent that sends its whole history
    with each step adds, per step, what is new. No text is kept twice: messages are read from the received bytes when
    somebody looks at a span, and read better when the reading has become better.
    `run` sums up a trace, `run_name` says what occurs in it, `rollup` and `latency` count per hour.

Durability
    Write-ahead log with synchronous=FULL: the log is synced to the disk before `write` returns, so that neither the end
    of the process nor a power cut loses what was acknowledged, if the disk keeps what it says it has. With NORMAL a
    `kill -9` would lose nothing either, but a power cut would. It takes 0.2 ms a transaction, which many batches share.
    Search is written with NORMAL: what a power cut takes of it is made again from what it indexes.

Threads
    `write` may be called by any number of threads. It folds, cuts, digests and deflates where it is called, and leaves
    to one thread what the database does: that puts all that waits into one transaction, whose statements put hundreds
    of rows each and run without Python's lock. So folding one batch, writing another and indexing overlap on two cores.
    The same thread indexes for search, when nothing waits or 2 s after it has last done all; queries say how far
    it is.
    Readers have connections of their own, which cannot write, and see a transaction whole or not at all.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from contextcompany.observatory import deleting, fold, prices, sql
from contextcompany.observatory.database import StoreError, open_reader, open_writer
from contextcompany.observatory.deleting import Pruned, Retention
from contextcompany.observatory.preparing import Reading, prepared
from contextcompany.observatory.settling import repriced
from contextcompany.observatory.writing import BusyError, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from typing_extensions import Self

    from contextcompany.observatory.otlp import Batch
    from contextcompany.observatory.preparing import Prepared
    from contextcompany.observatory.settling import Settled

__all__ = ["BusyError", "Pruned", "Reader", "Retention", "SlowError", "Store", "StoreError"]

READING = Reading(fold.fold, fold.feedback, prices.price)


class SlowError(StoreError):
    """Reading took longer than it may, and was stopped."""


class Reader:
    """The file as it was at one moment."""

    def __init__(self, connection: sqlite3.Connection, dictionary: bytes) -> None:
        self._connection = connection
        self.dictionary = dictionary

    def rows(self, name: str, *values: Any, where: str = "") -> list[Any]:
        """The answer of `read/{name}`; `where` is SQL of ours and replaces the comment `/* where */` in it."""
        return self._connection.execute(sql.text(f"read/{name}").replace("/* where */", where), values).fetchall()

    def row(self, name: str, *values: Any) -> Any:
        """The first row of the answer, or None."""
        return self._connection.execute(sql.text(f"read/{name}"), values).fetchone()


class Store:
    """One file. Any thread may call."""

    def __init__(self, path: Path, writer: Writer | None, reading: Reading, read_limit_s: float | None) -> None:
        self.path = path
        self.reading = reading
        self._read_limit_s = read_limit_s
        self._writer = writer
        self._free: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        with closing(open_reader(path)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'dictionary'").fetchone()
        self._dictionary: bytes = row[0]

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        can_write: bool = True,
        reading: Reading = READING,
        read_limit_s: float | None = None,
        is_guest: bool = False,
    ) -> Store:
        """Open a file, which is made where there is none and brought to the newest version where it is older.

        Args:
            path: Its name. Beside it are `…-wal` and `…-shm` while it is open.
            can_write: Without it nothing is made or changed, and `write` raises.
            reading: How spans and logs are understood.
            read_limit_s: How long one question may take; None: as long as it takes.
            is_guest: An Observatory may be receiving into the file. It is left time between what is deleted or changed.

        Raises:
            StoreError: it cannot be opened, is something else, or was made by a newer version.
        """
        if not can_write:
            return cls(path, None, reading, read_limit_s)
        connection = open_writer(path)
        try:
            store = cls(path, None, reading, read_limit_s)
            store._writer = Writer(connection, reading.price, is_guest=is_guest)
        except BaseException:
            connection.close()
            raise
        return store

    def write(self, batch: Batch) -> None:
        """Keep what was received; it is durable and seen by queries when this returns, and found by search soon after.

        A span replaces the one with its trace id and span id, except that a snapshot never replaces a final span.

        Raises:
            BusyError: too much waits to be written.
            StoreError: the file could not be written; nothing of the batch is kept.
        """
        writer = self._writing()
        writer.write(self.prepare(batch))

    def prepare(self, batch: Batch) -> Prepared:
        """What `write` does before it needs the database."""
        return prepared(batch, self.reading, self._writing().memory.bodies, self._dictionary)

    def delete(self, trace_ids: Iterable[str]) -> int:
        """Delete runs with all that belongs to them, search included; returns how many there were."""
        return deleting.delete(self._writing(), trace_ids)

    def prune(self, retention: Retention) -> Pruned:
        """Delete runs that are too old, and the oldest where there is too much. Writing goes on meanwhile.

        `meta` counts them. The counts per hour stay.
        """
        return deleting.prune(self._writing(), retention)

    def reprice(self, trace_ids: Iterable[str]) -> list[Settled]:
        """Calculate the costs of these runs anew, but for those that were provided, in one transaction.

        The counts per hour follow. Of runs that are not there nothing is said.
        """
        writer, ids = self._writing(), [*trace_ids]
        return writer.do(lambda: [writer.settle(each, repriced) for each in writer.memory.runs(ids)])

    def is_due(self, retention: Retention) -> bool:
        """Whether `prune` has something to delete; takes no time."""
        with self.read() as reader:
            return deleting.is_due(reader, retention)

    def keep(self, retention: Retention) -> None:
        """Write down what is kept from now on, for who looks at the file; `prune` does it."""
        writer = self._writing()
        writer.do(lambda: deleting.write_down(writer, retention))

    def tell_lost(self, since_ns: int, until_ns: int) -> None:
        """Tell who watches that open runs of which something came last between these times are lost by now."""
        with self.read() as reader:
            (is_so,) = reader.row("turned_lost", since_ns, until_ns)
        if is_so:
            writer, statement = self._writing(), sql.text("write/tell_lost")
            writer.do(lambda: writer.connection.execute(statement, (since_ns, until_ns)))

    def backup(self, path: Path) -> None:
        """A copy of the file as it is now, without free space. Writing goes on meanwhile.

        Raises:
            StoreError: there is a file with that name already, or it cannot be written.
        """
        try:
            path.touch(0o600, exist_ok=False)  # people's prompts are in it; SQLite writes into a file that is empty
        except FileExistsError:
            raise StoreError(f"{path} exists already. Name another file.") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
        connection = self._connection()
        try:
            connection.execute("VACUUM INTO ?", (str(path),))
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{path} cannot be written: {error}.") from error
            raise
        finally:
            self._give_back(connection)

    def problems(self) -> list[str]:
        """What is wrong with the file, in sentences; reads all of it."""
        with self.read() as reader:
            found = [row[0] for row in reader.rows("integrity")]
            orphans = [f"There are {count:,} {what}." for what, count in reader.rows("orphans") if count]
        return [each for each in found if each != "ok"] + orphans

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The file as it is now, unchanged while the block runs.

        Raises:
            SlowError: it took longer than `read_limit_s`.
            StoreError: it cannot be read.
        """
        connection = self._connection()
        try:
            connection.execute("BEGIN")
            with self._limited(connection):
                yield Reader(connection, self._dictionary)
        except sqlite3.OperationalError as error:
            if str(error) != "interrupted":
                raise StoreError(f"{self.path} cannot be read: {error}.") from error
            said = f"This was not found within {self._read_limit_s:g} s and was stopped. Ask for less, or by a filter."
            raise SlowError(said) from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._give_back(connection)

    @contextmanager
    def _limited(self, connection: sqlite3.Connection) -> Iterator[None]:
        # By a timer: SQLite's progress handler would wait for Python's lock every time it is called.
        if self._read_limit_s is None:
            yield
            return
        timer = threading.Timer(self._read_limit_s, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Write and index what waits, and close all connections. May be called twice."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            free, self._free = self._free, []
        for connection in free:
            connection.close()
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self.path} was opened for reading only.")
        return self._writer

    def _connection(self) -> sqlite3.Connection:
        with self._lock:
            if self._is_closed:
                raise StoreError("The store is closed.")
            if self._free:
                return self._free.pop()
        return open_reader(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._is_closed and len(self._free) < 8:
                self._free.append(connection)
                return
        connection.close()
