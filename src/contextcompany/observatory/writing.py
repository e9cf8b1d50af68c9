"""The one thread that writes: it puts what waits into one transaction, and indexes while nothing waits.

The statements run without Python's lock, so that other threads decode, fold and deflate the next batches meanwhile.
Another process may write to the same file (`contextcompany delete`); what this one remembers is forgotten then.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import OrderedDict, deque
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from contextcompany.observatory import sql
from contextcompany.observatory.database import StoreError, put, put_counts
from contextcompany.observatory.preparing import Prepared, deflated, dumps, text_of
from contextcompany.observatory.rows import RunRow, SpanRow
from contextcompany.observatory.settling import About, Rollups, Settled, Top, counted, settled, topmost
from contextcompany.observatory.texts import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from contextcompany.observatory.preparing import Incoming, IncomingLog
    from contextcompany.observatory.settling import Counted, Counting, Pricing

__all__ = ["BusyError", "Writer"]

_T = TypeVar("_T")

MAX_WAITING: Final = 20_000
"""Spans and logs that wait to be written. More are refused until there is room."""

_MAX_GROUP: Final = 2_000
"""Spans and logs of one transaction."""

SETTLED_AT_ONCE: Final = 500
"""Spans of a run up to which its counts are made in the transaction that brings new ones."""

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

_IDLE_S: Final = 0.25
_MAX_KNOWN_BODIES: Final = 100_000
_MAX_KNOWN_PIECES: Final = 100_000

_log = logging.getLogger("contextcompany.observatory")


class BusyError(StoreError):
    """More waits to be written than fits. Try again in a second."""


class _Known(NamedTuple):
    """What is remembered of a run."""

    id: int
    pieces: dict[tuple[int, int], int]
    """Number by previous piece and body."""


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
        self.bodies: OrderedDict[bytes, int] = OrderedDict()
        """Ids of bodies by digest; other threads may look whether a digest is there."""
        self._runs: OrderedDict[str, _Known] = OrderedDict()
        self._envelopes: dict[str, int] = {}
        self._next = [0, 0, 0, 0]
        self._data_version = -1
        self.now_ns = 0
        """When the current transaction started. Each starts later than the one before, whatever the clock does."""
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._is_closing = False
        self._is_indexed = False
        self._indexed_at = time.monotonic()
        self._index_at = self._settle_at = 0.0
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
                self._write([job.work for job in jobs if isinstance(job.work, Prepared)])
            else:
                jobs[0].answer = work()
        jobs[0].held_s = time.monotonic() - began

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        self.now_ns = max(time.time_ns(), self.now_ns + 1)
        try:
            self._notice_others()
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self._data_version = -1  # what is remembered may not be there
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def _notice_others(self) -> None:
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self.forget()
            self._data_version = version

    def forget(self) -> None:
        """Forget all that is remembered of the file; within a transaction."""
        self.bodies.clear()
        self._runs.clear()
        self._envelopes.clear()
        self._next = [value + 1 for value in self._one("next_ids")]

    def _tend(self, *, is_busy: bool) -> None:
        """Index, settle and checkpoint, of which none is urgent."""
        try:
            now = time.monotonic()
            if now >= self._index_at and not (self._is_indexed or (is_busy and now - self._indexed_at < _MAX_TRAIL_S)):
                self._index()
            if now > self._settle_at:
                self._settle_at = now + _SETTLE_AFTER_S
                self._settle_large()
                self._checkpoint()
        except sqlite3.Error:
            _log.warning("Indexing failed; it is tried again.", exc_info=True)
            self._index_at = time.monotonic() + _SETTLE_AFTER_S

    def _finish(self) -> None:
        try:
            while not self._is_indexed:
                self._index()
            self._settle_large(time.time_ns() + 1)
            self.connection.execute("PRAGMA busy_timeout = 0")  # others who use the file are not kept waiting
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            _log.warning("The store was closed, but search misses what came last until it is opened.", exc_info=True)

    def _checkpoint(self) -> None:
        # Readers are not kept from reading; what one still reads stays in the log.
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _all(self, name: str, *values: Any) -> list[Any]:
        return self.connection.execute(sql.text(f"read/{name}"), values).fetchall()

    def _one(self, name: str, *values: Any) -> Any:
        return self.connection.execute(sql.text(f"read/{name}"), values).fetchone()

    # --- search ------------------------------------------------------------------------------------------------------

    def _index(self) -> None:
        """Index some of what is not, in a transaction that need not be durable: it is done again where it is lost."""
        self.connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with self._transaction():
                bodies = self._all("unindexed_bodies", _INDEXED_AT_ONCE, _MAX_INDEXED_BYTES)
                put(self.connection, "index_bodies", [(id_, words(text_of(data))) for id_, data in bodies])
                spans = self._all("unindexed_spans", _INDEXED_AT_ONCE)
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

    # --- spans -------------------------------------------------------------------------------------------------------

    def _write(self, group: list[Prepared]) -> None:
        bodies = self._bodies(group)
        by_trace: dict[str, list[Incoming]] = {}
        for prepared in group:
            for incoming in prepared.spans:
                by_trace.setdefault(incoming.trace_id, []).append(incoming)
        _Group(self, bodies).write(by_trace)
        self._write_logs([log for prepared in group for log in prepared.logs])
        _trim(self.bodies, len(self.bodies) - _MAX_KNOWN_BODIES)
        while len(self._runs) > 1 and sum([len(run.pieces) + 8 for run in self._runs.values()]) > _MAX_KNOWN_PIECES:
            _trim(self._runs, len(self._runs) // 4 + 1)

    def _bodies(self, group: list[Prepared]) -> dict[bytes, int]:
        """Ids of all bodies of the group; those that are new are put into the file."""
        ids: dict[bytes, int] = {}
        unknown = []
        for prepared in group:
            for digest in (*prepared.texts, *prepared.bodies):
                if digest in ids:
                    continue
                if known := self.bodies.get(digest):
                    ids[digest] = known
                    self.bodies.move_to_end(digest)
                else:
                    ids[digest] = 0
                    unknown.append(digest)
        for at in range(0, len(unknown), 128):
            some = unknown[at : at + 128]
            ids.update(self._all("bodies_by_digest", *some, *[None] * (128 - len(some))))
        new = []
        for prepared in group:
            for digest in (*prepared.texts, *prepared.bodies):
                if not ids[digest]:
                    size, data = prepared.bodies.get(digest) or deflated(prepared.texts[digest])
                    ids[digest] = self.next_id(2)
                    new.append((ids[digest], digest, size, data))
        put(self.connection, "put_bodies", new)
        self.bodies.update(ids)
        return ids

    def next_id(self, table: int) -> int:
        """An id that was never given: 0 for runs, 1 for spans, 2 for bodies, 3 for logs."""
        id_ = self._next[table]
        self._next[table] = id_ + 1
        return id_

    def known(self, trace_id: str, id_: int | None) -> _Known:
        """What is remembered of a run, or is read now; without an id, a new run."""
        known = self._runs.get(trace_id)
        if known is None:
            pieces = {} if id_ is None else {row[:2]: row[2] for row in self._all("pieces_of_run", id_)}
            known = self._runs[trace_id] = _Known(self.next_id(0) if id_ is None else id_, pieces)
        self._runs.move_to_end(trace_id)
        return known

    def runs(self, trace_ids: Iterable[str]) -> dict[str, RunRow]:
        """The runs of these traces that are in the file."""
        rows = self._all("runs_of_traces", dumps([*trace_ids]))
        return {row[1]: RunRow(*row) for row in rows}

    def spans(self, run: int) -> list[SpanRow]:
        """All spans of a run."""
        return [SpanRow(*row) for row in self._all("spans_of_run", run)]

    def some_spans(self, run: int, span_ids: list[str]) -> list[SpanRow]:
        """Some spans of a run."""
        return [SpanRow(*row) for row in self._all("some_spans_of_run", run, dumps(span_ids))]

    def envelope(self, content: str) -> int:
        """The id of a resource and scope, which are put into the file when they are new."""
        if content not in self._envelopes:
            if len(self._envelopes) > 1000:
                self._envelopes.clear()
            id_: int = self.connection.execute(sql.text("write/put_envelope"), (content,)).fetchone()[0]
            self._envelopes[content] = id_
        return self._envelopes[content]

    def settle(self, trace_id: str, count: Counting = counted) -> Settled:
        """Count a run again, within a transaction."""
        return _Group(self, {}).settle(trace_id, count)

    def _settle_large(self, quiet_since_ns: int | None = None) -> None:
        quiet = time.time_ns() - int(_SETTLE_AFTER_S * 1e9) if quiet_since_ns is None else quiet_since_ns
        for (trace_id,) in self._all("unsettled", quiet):
            with self._transaction():
                self.settle(trace_id)

    def _write_logs(self, logs: list[IncomingLog]) -> None:
        for each in logs:
            log, id_ = each.log, self.next_id(3)
            envelope = self.envelope(each.envelope)
            time_ns = log.time_ns or log.observed_ns
            row = (id_, log.trace_id, log.span_id, log.event_name, time_ns, each.digest, envelope, each.raw)
            put(self.connection, "put_logs", [row])
            if said := each.feedback:
                about = (said.trace_id, said.run_id, said.span_id, said.label, said.value, said.text, said.time_ns)
                self.connection.execute(sql.text("write/put_feedback"), (id_, *about))


class _Group:
    """Rows that one transaction writes."""

    def __init__(self, writer: Writer, bodies: dict[bytes, int]) -> None:
        self._writer = writer
        self._bodies = bodies
        self._spans: list[SpanRow] = []
        self._wires: list[tuple[Any, ...]] = []
        self._pieces: list[tuple[int, int, int, int]] = []
        self._runs: list[RunRow] = []
        self._names: set[tuple[str, str, int]] = set()
        self._rollups = Rollups()
        self._replaced: list[SpanRow] = []
        self._late = 0

    def write(self, by_trace: dict[str, list[Incoming]]) -> None:
        before = self._writer.runs(by_trace)
        for trace_id, incoming in by_trace.items():
            self._take(trace_id, incoming, before.get(trace_id))
        self._put()

    def settle(self, trace_id: str, count: Counting = counted) -> Settled:
        before = self._writer.runs([trace_id])[trace_id]
        rows = self._writer.spans(before.id)
        made = count(rows, self._writer.price)
        self._settled(before.id, trace_id, rows, made, About.of(before), topmost(rows))
        settled = Settled(before, self._runs[-1], made.rows)
        self._put()
        return settled

    def _take(self, trace_id: str, incoming: list[Incoming], before: RunRow | None) -> None:
        """Find a place for the spans of one trace."""
        run = self._writer.known(trace_id, before.id if before else None)
        is_small = before is None or before.spans + len(incoming) <= SETTLED_AT_ONCE
        if before is None:
            old = []
        elif is_small:
            old = self._writer.spans(run.id)
        else:
            old = self._writer.some_spans(run.id, [each.row.span_id for each in incoming])
        here = {row.span_id: row for row in old}
        new = self._newest(incoming, here)
        agent = next(filter(None, [before and before.agent, *(each.about.agent for each in new.values())]), None)
        rows = {}
        for span_id, each in new.items():
            replaced = here.pop(span_id, None)
            if replaced is not None:
                self._replaced.append(replaced)
                if replaced.is_settled:
                    self._rollups.add(replaced, -1)
            id_ = replaced.id if replaced is not None else self._writer.next_id(1)
            rows[span_id] = each.row._replace(
                id=id_, run=run.id, agent=each.row.agent or agent, seen_ns=self._writer.now_ns
            )
            self._keep(run, id_, each)
        if not new:
            return
        if is_small:
            top = topmost([*here.values(), *rows.values()])
            about = _together([*new.values()], before, top.row.span_id)
            made = counted([*here.values(), *rows.values()], self._writer.price)
            self._settled(run.id, trace_id, [*here.values()], made, about, top)
            self._name(run.id, rows.values(), about)
        elif before is not None:
            self._grown(before, [*rows.values()], [*new.values()], len(old) - len(here))

    def _newest(self, incoming: list[Incoming], here: dict[str, SpanRow]) -> dict[str, Incoming]:
        """What is to be kept of each span: the last one, but no snapshot that came after its final span."""
        new: dict[str, Incoming] = {}
        for each in incoming:
            earlier = new[each.row.span_id].row if each.row.span_id in new else here.get(each.row.span_id)
            if earlier is not None and earlier.end_ns and not each.row.end_ns:
                self._late += 1
            else:
                new[each.row.span_id] = each
        return new

    def _keep(self, run: _Known, id_: int, each: Incoming) -> None:
        """The span's bytes and long texts."""
        cuts = []
        for at, digests in each.cuts:
            previous = 0
            for digest in digests:
                key = (previous, self._bodies[digest])
                number = run.pieces.get(key)
                if number is None:
                    number = run.pieces[key] = len(run.pieces) + 1
                    self._pieces.append((run.id, number, *key))
                previous = number
            cuts.append((at, previous))
        self._wires.append((id_, self._writer.envelope(each.envelope), dumps(cuts), each.left))

    def _settled(
        self,
        run: int,
        trace_id: str,
        old: list[SpanRow],
        made: Counted,
        about: About,
        top: Top,
    ) -> None:
        """All spans of the run are here and counted, first those that were there before."""
        for before, row in zip_longest(old, made.rows):
            changed = row._replace(is_settled=int(bool(row.end_ns)))
            if before == changed:
                continue
            if before is not None and before.is_settled:
                self._rollups.add(before, -1)
            self._rollups.add(changed)
            # That it is in the rollups now is no news to who watches.
            self._spans.append(changed if row == before else changed._replace(seen_ns=self._writer.now_ns))
        about = about._replace(price_table=made.price_table or about.price_table)
        self._runs.append(settled(run, trace_id, made.rows, about, top))

    def _grown(self, before: RunRow, new: list[SpanRow], incoming: list[Incoming], replaced: int) -> None:
        """A large run: what can be said of it without the other spans."""
        self._spans += new
        about = _together(incoming, before, before.top)
        top = next((row for row in new if row.span_id == before.top), None)
        changed = before._replace(
            **about._asdict(), spans=before.spans + len(new) - replaced, seen_ns=max(row.seen_ns for row in new)
        )
        if top is not None:
            changed = changed._replace(
                status=top.status,
                status_message=top.status_message,
                error_type=top.error_type,
                is_open=int(not top.end_ns),
                end_ns=top.end_ns,
                duration_ns=top.end_ns - top.start_ns if top.end_ns else None,
            )
        # So that it is settled even where spans were replaced only.
        self._runs.append(changed._replace(settled_spans=min(before.settled_spans, changed.spans - 1)))
        self._name(before.id, new, about)

    def _name(self, run: int, rows: Iterable[SpanRow], about: About) -> None:
        for row in rows:
            said = (
                ("agent", row.agent),
                ("model", row.model),
                ("model", row.model_requested),
                ("provider", row.provider),
                ("error", row.error_type),
                ("tool", row.name if row.kind == "tool_call" else None),
                ("run_id", row.run_id if row.kind == "run" else None),
                ("run_id", about.run_id),
                ("user", about.user_id),
            )
            self._names.update((kind, name, run) for kind, name in said if name)

    def _put(self) -> None:
        connection = self._writer.connection
        if self._replaced:
            indexed = connection.execute("SELECT value FROM meta WHERE key = 'indexed_span'").fetchone()[0]
            changed = [row for row in self._replaced if row.id <= indexed]
            put(connection, "unindex_span", [(row.id, row.words) for row in changed])
            ids = {row.id for row in changed}
            put(connection, "index_spans", [(row.id, row.words) for row in self._spans if row.id in ids])
        put(connection, "put_spans", self._spans)
        put(connection, "put_wires", self._wires)
        put(connection, "put_pieces", self._pieces)
        put(connection, "put_runs", self._runs)
        put(connection, "put_names", [*self._names])
        put_counts(connection, self._rollups)
        if self._late:
            connection.execute(sql.text("write/add_meta"), (self._late, "refused_snapshots"))


def _together(incoming: list[Incoming], before: RunRow | None, top: str) -> About:
    """What the new spans say about their run: the topmost before what was known, and that before the others."""
    known = About.of(before) if before else About()
    first = [each.about for each in incoming if each.row.span_id == top]
    said = [*first, known, *(each.about for each in incoming)]
    prompt = next((each.prompt for each in said if each.prompt), None)
    response = next((each.response for each in (*first, *reversed(said)) if each.response), None)
    run_id, session_id, user_id, agent = (
        next(filter(None, each), None) for each in zip(*(s[:4] for s in said), strict=True)
    )
    size = sum(each.size for each in said[len(first) :])
    return About(run_id, session_id, user_id, agent, prompt, response, size, known.price_table)


def _trim(known: OrderedDict[Any, Any], count: int) -> None:
    for _ in range(count):
        known.popitem(last=False)


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error):
        made = StoreError(f"The file cannot be written: {error}.")
        made.__cause__ = error
        return made
    return error
