"""The one thread that writes: it puts what waits into one transaction, and indexes while nothing waits.

The statements run without Python's lock, so that other threads decode, fold and deflate the next batches meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from contextcompany.observatory import sql
from contextcompany.observatory.database import StoreError, put
from contextcompany.observatory.group import Group
from contextcompany.observatory.memory import Memory
from contextcompany.observatory.preparing import Prepared, text_of
from contextcompany.observatory.settling import Settled, counted
from contextcompany.observatory.texts import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contextcompany.observatory.settling import Counting, Pricing

__all__ = ["BusyError", "Writer"]

_T = TypeVar("_T")

MAX_WAITING: Final = 20_000
"""Spans and logs that wait to be written. More are refused until there is room."""

_MAX_GROUP: Final = 2_000
"""Spans and logs of one transaction."""

_SETTLE_AFTER_S: Final = 1.0
"""A larger run's counts are made when it was quiet for so long, or has grown by a quarter."""

_INDEXED_AT_ONCE: Final = 1024
_MAX_INDEXED_BYTES: Final = 4 * 2**20
"""Bodies, and spans, that are indexed in one transaction: about 50 ms, for which a write waits."""

_INDEX_EVERY_S: Final = 0.3
"""What comes within so long is indexed together, which takes half the time of many small transactions."""

_MAX_TRAIL_S: Final = 2.0
"""While writes wait, indexing waits too, but not longer."""

_GUEST_WAITS_MS: Final = 60_000
_MAX_PAUSE_S: Final = 0.25
"""How long who writes beside an Observatory waits for it at most, and leaves it time after each piece of work."""

_SAY_EVERY_S: Final = 60.0
_IDLE_S: Final = 0.25

_log = logging.getLogger("contextcompany.observatory")


class BusyError(StoreError):
    """More waits to be written than fits. Try again in a second."""


class _Outside(NamedTuple):
    """Something to be done outside of a transaction."""

    work: Callable[[], Any]


class _Job:
    """Something to be done in a transaction, and who waits for it."""

    def __init__(self, work: Prepared | _Outside | Callable[[], Any]) -> None:
        self.work = work
        self.answer: Any = None
        self.error: BaseException | None = None
        self.held_s = 0.0
        """How long nobody else could write."""
        self._done = threading.Event()

    def is_done(self, error: BaseException | None = None) -> None:
        self.error = error
        self._done.set()

    def wait(self) -> Any:
        self._done.wait()
        if self.error is not None:
            raise self.error
        return self.answer


class Writer:
    """Owns the connection that writes, and the thread that uses it."""

    def __init__(self, connection: sqlite3.Connection, price: Pricing | None = None, *, is_guest: bool = False) -> None:
        self.connection = connection
        self.price = price
        self._is_guest = is_guest
        if is_guest:
            connection.execute(f"PRAGMA busy_timeout = {_GUEST_WAITS_MS}")
        self.memory = Memory(connection)
        self.now_ns = 0
        """When the current transaction started. Each starts later than the one before, whatever the clock does."""
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._is_closing = False
        self._is_indexed = False
        self._indexed_at = time.monotonic()
        self._index_at = self._settle_at = self._say_again_at = 0.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="contextcompany-observatory-writer", daemon=True)
        self._thread.start()

    def write(self, prepared: Prepared) -> None:
        """Returns when it is durable.

        Raises:
            BusyError: too much waits.
            StoreError: the file could not be written.
        """
        self._put(_Job(prepared), len(prepared.spans) + len(prepared.logs)).wait()

    def do(self, work: Callable[[], _T]) -> _T:
        """Have something done in a transaction, on the thread that writes, between two groups of batches."""
        answer: _T = self._done(_Job(work))
        return answer

    def do_outside(self, work: Callable[[], _T]) -> _T:
        """Have something done on the thread that writes, outside of a transaction."""
        answer: _T = self._done(_Job(_Outside(work)))
        return answer

    def _done(self, job: _Job) -> Any:
        answer = self._put(job, 0).wait()
        if self._is_guest:  # SQLite knows no queue: who waits for a lock looks again and again whether it is free
            time.sleep(min(job.held_s, _MAX_PAUSE_S))
        return answer

    def close(self) -> None:
        """Write what waits and index it, then close the connection."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        self.connection.close()

    def _put(self, job: _Job, size: int) -> _Job:
        with self._changed:
            if self._is_closing:
                raise StoreError("The store is closed.")
            if size and self._waiting and self._waiting + size > MAX_WAITING:
                raise BusyError(f"{self._waiting:,} spans wait to be written. Try again in a second.")
            self._waiting += size
            self._jobs.append(job)
            self._changed.notify()
        return job

    # --- the thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            jobs = self._taken()
            if jobs:
                self._run_all(jobs)
            elif self._is_closing:
                break
            self._tend(is_busy=bool(self._jobs))
        self._finish()

    def _taken(self) -> list[_Job]:
        """The next jobs: a function alone, or batches up to a limit."""
        with self._changed:
            if not self._jobs and not self._is_closing:
                self._changed.wait(_IDLE_S if self._is_indexed else max(0.0, self._index_at - time.monotonic()))
            jobs: list[_Job] = []
            size = 0
            while self._jobs and size < _MAX_GROUP:
                work = self._jobs[0].work
                if not isinstance(work, Prepared):
                    return jobs or [self._jobs.popleft()]
                jobs.append(self._jobs.popleft())
                size += len(work.spans) + len(work.logs)
            self._waiting -= size
            return jobs

    def _run_all(self, jobs: list[_Job]) -> None:
        try:
            self._run(jobs)
        except Exception as error:  # noqa: BLE001 - it is raised where the job is waited for
            if len(jobs) > 1:  # one of them may be to blame
                for job in jobs:
                    self._run_all([job])
                return
            jobs[0].is_done(_as_store_error(error))
            return
        self._is_indexed = False
        for job in jobs:
            job.is_done()

    def _run(self, jobs: list[_Job]) -> None:
        work = jobs[0].work
        if isinstance(work, _Outside):
            began = time.monotonic()
            jobs[0].answer = work.work()
            jobs[0].held_s = time.monotonic() - began
            return
        with self._transaction():
            began = time.monotonic()
            if isinstance(work, Prepared):
                self._group().write([job.work for job in jobs if isinstance(job.work, Prepared)])
                self.memory.trim()
            else:
                jobs[0].answer = work()
        jobs[0].held_s = time.monotonic() - began

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        self.now_ns = max(time.time_ns(), self.now_ns + 1)
        try:
            self.memory.notice_others()
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self.memory.doubt()
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def _tend(self, *, is_busy: bool) -> None:
        """Index, settle and checkpoint, of which none is urgent."""
        now = time.monotonic()
        try:
            if now >= self._index_at and not (self._is_indexed or (is_busy and now - self._indexed_at < _MAX_TRAIL_S)):
                self._index()
            if now > self._settle_at:
                self._settle_at = now + _SETTLE_AFTER_S
                self._settle_large()
                self._checkpoint()
        except sqlite3.Error as error:
            if now >= self._say_again_at:
                self._say_again_at = now + _SAY_EVERY_S
                _log.warning("Search trails, because the file cannot be written: %s. It is tried again.", error)
            self._index_at = self._settle_at = time.monotonic() + _SETTLE_AFTER_S

    def _finish(self) -> None:
        try:
            while not self._is_indexed:
                self._index()
            self._settle_large(time.time_ns() + 1)
            self.connection.execute("PRAGMA busy_timeout = 0")  # others who use the file are not kept waiting
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            _log.warning("The file is closed, but search misses what came last until it is opened again: %s.", error)

    def _checkpoint(self) -> None:
        # Readers are not kept from reading; what one still reads stays in the log.
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # --- search ------------------------------------------------------------------------------------------------------

    def _index(self) -> None:
        """Index some of what is not, in a transaction that need not be durable: it is done again where it is lost."""
        self.connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with self._transaction():
                bodies = self.memory.rows("unindexed_bodies", _INDEXED_AT_ONCE, _MAX_INDEXED_BYTES)
                put(self.connection, "index_bodies", [(id_, words(text_of(data))) for id_, data in bodies])
                spans = self.memory.rows("unindexed_spans", _INDEXED_AT_ONCE)
                put(self.connection, "index_spans", spans)
                for key, rows in (("indexed_body", bodies), ("indexed_span", spans)):
                    if rows:
                        self.connection.execute(sql.text("write/set_meta"), (rows[-1][0], key))
        finally:
            self.connection.execute("PRAGMA synchronous = FULL")
        self._is_indexed = not bodies and not spans
        if max(len(bodies), len(spans)) < _INDEXED_AT_ONCE:
            self._indexed_at = time.monotonic()
            self._index_at = self._indexed_at + _INDEX_EVERY_S

    # --- runs --------------------------------------------------------------------------------------------------------

    def _group(self) -> Group:
        return Group(self.memory, self.price, self.now_ns)

    def settle(self, trace_id: str, count: Counting = counted) -> Settled:
        """Count a run again, within a transaction."""
        return self._group().settle(trace_id, count)

    def _settle_large(self, quiet_since_ns: int | None = None) -> None:
        quiet = time.time_ns() - int(_SETTLE_AFTER_S * 1e9) if quiet_since_ns is None else quiet_since_ns
        for (trace_id,) in self.memory.rows("unsettled", quiet):
            with self._transaction():
                self.settle(trace_id)


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        made = StoreError(f"The file cannot be written: {error}.")
        made.__cause__ = error
        return made
    return error
