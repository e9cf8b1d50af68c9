"""From `.end()` to the sender: what has ended is queued, and a writer thread encodes it and puts it into the outbox."""

from __future__ import annotations

import itertools
import os
import queue
import sys
import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from contextcompany import _diagnostics
from contextcompany._encoding import NotEncodable, encode_log, encode_span, envelope
from contextcompany._item import Entry
from contextcompany._outbox import Outbox, Shelf
from contextcompany._sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from contextcompany._settings import Destination, Signal
    from contextcompany._span import RecordedSpan

__all__ = ["Delivery", "Plan", "Report", "Snapshot"]

_GATHER_S = 0.05
"""What ends within this time of something is written with it; half of what may pass until it is on disk."""

_MAX_QUEUED = 2048
_MAX_QUEUED_SIZE = 32 * 2**20
"""When so many spans, or characters, wait to be written, whoever ends the next one writes them."""

_MAX_ROWS = 512
_MAX_COMMIT_SIZE = 4 * 2**20
"""What goes into one transaction."""

_BREATH_S = 0.002
"""The writer lets other threads have the interpreter after this time; they would have to wait 5 ms to take it."""

_SNAPSHOTS_S = 0.02
"""For so long snapshots are made in one go, however much is open; what has ended is written before the next ones."""

_PATIENCE_S = 2.0
"""How long a thread waits for its turn to write before it leaves that to the one which is writing."""

_MAX_ROUTES = 256
"""With more destinations than this, those that nothing waits for are let go of."""

_SNAPSHOT_EVERY_S = 30.0
_LOOK_AROUND_EVERY_S = 60.0
_LOOK_AGAIN_S = 1.0


class Plan(NamedTuple):
    """How things are kept until they are sent."""

    mode: Literal["disk", "memory", "off"]
    directory: Path
    max_size: int
    durability: Literal["async", "sync", "fsync"]


class Snapshot(NamedTuple):
    """Something that is open: as it is now, and as it is to be sent if the process dies."""

    if_died: ReadableSpan
    so_far: Callable[[], ReadableSpan]
    destination: Destination | None


class Report(NamedTuple):
    """What became of this process's spans and events."""

    delivered: int
    waiting: int
    dead: int


class _Open(Protocol):
    """A run, step or tool call."""

    def _snapshot(self, *, whole: bool) -> Snapshot | None: ...


class _Opened(NamedTuple):
    span_id: int
    recording: weakref.ref[_Open]


class _Left(NamedTuple):
    """Says that something is open no more, though its span did not end."""

    span_id: int


class _Ended(NamedTuple):
    what: ReadableSpan | RecordedSpan | ReadWriteLogRecord
    signal: Signal
    destination: Destination | None
    attributes: Mapping[str, object] | None = None
    """Those of a span, where they are at hand as they are sent."""

    @property
    def span_id(self) -> int | None:
        """`None` for an event."""
        context = self.what.get_span_context() if self.signal == "traces" else None  # type: ignore[union-attr]  # a span
        return None if context is None else context.span_id


class _Watched(NamedTuple):
    recording: weakref.ref[_Open]
    route: _Route
    due: float


class _Route(NamedTuple):
    """What leads to one destination."""

    fingerprint: str
    label: str
    shelf: Shelf
    sender: Sender


class Delivery:
    """The way of everything recorded in this process. Any thread may call; nothing here waits for the network but
    `flush()` and `shutdown()`.

    A forked child gets threads, counts, connections and a file of its own; what waits at that moment is the parent's.
    """

    def __init__(self, default: Destination, plan: Plan) -> None:
        self.default = default
        self._announces_absence = True
        self._plan = plan
        self._closed = False
        self._begin()
        self._route(default)  # what an earlier process left for it is sent first
        self._start_writer()
        self._held: list[threading.RLock] = []
        if hasattr(os, "register_at_fork"):
            before, in_parent, in_child = (
                weakref.WeakMethod(method) for method in (self._before_fork, self._after_fork, self._forked)
            )
            os.register_at_fork(
                before=lambda: (call := before()) and call(),
                after_in_parent=lambda: (call := in_parent()) and call(),
                after_in_child=lambda: (call := in_child()) and call(),
            )

    def _begin(self) -> None:
        plan = self._plan
        self._pid = os.getpid()
        self._queue: deque[_Ended | _Opened | _Left] = deque()  # a finalizer may append to it at any moment
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_resting = True
        self._queued_size = 0
        self._draining = threading.RLock()
        self._is_draining = False
        self._batch = _Batch()
        self._opened: dict[int, weakref.ref[_Open]] = {}
        """What is open, and not on disk yet."""
        self._is_behind = False
        """More is to be described than there was time for."""
        self._early: set[int] = set()
        """Spans in the queue that were written before their turn."""
        self._outbox = self._new_outbox(plan)
        self._followed = plan
        self._routes: dict[Destination, _Route] = {}
        self._by_fingerprint: dict[str, _Route] = {}
        self._watched: dict[int, _Watched] = {}
        """What is open and on disk, what is to be written again first at the front."""
        self._unshown: set[int] = set()
        """Those of them that were not sent as what they are so far."""
        self._counting = threading.RLock()
        self._delivered = self._dead = 0
        self._writer: threading.Thread | None = None
        self._scout: threading.Thread | None = None

    @staticmethod
    def _new_outbox(plan: Plan) -> Outbox:
        directory = plan.directory if plan.mode == "disk" else None
        return Outbox(directory, plan.max_size, fsync=plan.durability == "fsync")

    # -- for those who record --------------------------------------------------------------------------------------

    def put_span(self, span: ReadableSpan, destination: Destination | None) -> None:
        """Queue an ended span; `None` stands for the default destination at the time of writing."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            _diagnostics.count("sampled_out")  # a sampler of the user's wants it recorded but not sent
            return
        self._put(_Ended(span, "traces", destination), _text_size(span))

    def put_recorded(self, span: RecordedSpan, destination: Destination | None, size: int) -> None:
        """Queue an ended span of ours, which holds text of about `size` characters."""
        self._put(_Ended(span, "traces", destination, span.own_attributes()), size)

    def put_log(self, record: ReadWriteLogRecord, destination: Destination | None) -> bool:
        """Queue an event; whether it will be kept."""
        return self._put(_Ended(record, "logs", destination), 0)

    def opened(self, span: SpanContext, recording: _Open, *, is_run: bool) -> None:
        """Note that something is open, for when the process dies."""
        if self._closed or self._plan.mode == "off":
            return
        self._queue.append(_Opened(span.span_id, weakref.ref(recording)))
        if is_run and self._plan.durability != "async":
            self._drain()
        else:
            self._ring()

    def left(self, span: SpanContext) -> None:
        """Note that something is open no more, though its span did not end."""
        self._queue.append(_Left(span.span_id))
        self._ring()

    def write(self) -> None:
        """Write what waits, without sending it."""
        self._drain()

    def flush(self, timeout: float) -> Report:
        """Write and send what waits, for at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        self._drain()
        routes = list(self._routes.values())
        for route in routes:
            route.sender.nudge(deadline)
        for route in routes:
            route.sender.flush(deadline)
        return self.report()

    def shutdown(self, timeout: float) -> Report:
        """Write what waits, send it for at most `timeout` seconds, stop the threads. A later process sends the rest."""
        if self._closed:
            return self.report()
        self._closed = True
        deadline = time.monotonic() + timeout
        self._drain()
        self._bell.put(None)
        routes = list(self._routes.values())
        for route in routes:
            route.sender.nudge(deadline)
        for route in routes:
            route.sender.close(deadline)
        report = self.report()
        if self._outbox.is_on_disk and any(r.shelf.waiting() and r.sender.status.error is None for r in routes):
            _diagnostics.warn(
                "left",
                "%d spans or events could not be sent before the end. They wait in the outbox for the next process "
                "that sends to the same place.",
                report.waiting,
            )
        self._outbox.close(max(deadline - time.monotonic(), _GATHER_S))
        return report

    def report(self) -> Report:
        """What was delivered so far, what waits, and what nobody takes."""
        with self._counting:
            return Report(self._delivered, self._outbox.waiting(), self._dead)

    def announce_absence(self, on: bool) -> None:
        """Whether to say that nothing listens where runs go when nothing is configured."""
        self._announces_absence = on
        for route in list(self._routes.values()):
            route.sender.announce_absence(on)

    def change(self, plan: Plan) -> None:
        """Keep things in another way from now on; what waits already goes on from where it is."""
        if plan == self._plan:
            return
        self._plan = plan
        for route in list(self._routes.values()):
            route.sender.keeps(plan.mode != "off")
        # Else left to who writes next: a fork, which holds what is needed for that, may wait for who called this.
        if self._draining.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._draining.release()
        else:
            self._ring()

    def _follow_plan(self) -> None:
        plan = self._plan
        if plan is not self._followed:
            self._outbox.become(self._new_outbox(plan))
            self._followed = plan

    # -- writing ---------------------------------------------------------------------------------------------------

    def _put(self, ended: _Ended, size: int) -> bool:
        if os.getpid() != self._pid:
            self._forked()  # by a program in C that does not tell Python
        # The interpreter stops its other threads wherever they are: what they held stays locked.
        if self._closed or sys.is_finalizing():
            _diagnostics.count("shut_down")
            _diagnostics.warn("shut_down", "Something ended after everything was shut down, and is not sent.")
            return False
        self._queued_size += size
        self._queue.append(ended)
        is_too_much = self._queued_size > _MAX_QUEUED_SIZE or len(self._queue) > _MAX_QUEUED
        if is_too_much or self._plan.durability != "async":
            self._drain(part=self._plan.durability == "async")
            if self._queue:  # a finalizer on the thread that writes, or the disk is slow
                self._ring()
        else:
            self._ring()
        return True

    def _ring(self) -> None:
        if self._is_resting:
            self._is_resting = False
            if self._writer is None:
                self._start_writer()
            self._bell.put(None)

    def _start_writer(self) -> None:
        arguments = weakref.ref(self), self._bell
        self._writer = threading.Thread(target=_write, args=arguments, name="contextcompany-writer", daemon=True)
        try:
            self._writer.start()
        except RuntimeError:  # at exit no thread starts any more, from Python 3.12 on; `shutdown()` writes what is left
            self._writer = None
        except BaseException:  # Ctrl-C: it may have been started, or not; two do no harm
            self._writer = None
            raise

    def _write_once(self) -> float | None:
        """What the writer does when it is called, or after a while; seconds until the latter, `None` for never."""
        # Before the queue is emptied: who comes later calls again. While things go on ending, nobody has to call.
        self._is_resting = not self._queue
        self._drain()
        self._outbox.prepare()
        now = time.monotonic()
        if now >= self._look_around_at:
            self._look_around_at = now + _LOOK_AROUND_EVERY_S
            self._start_looking_around()
        if self._closed:
            return None
        watched = list(self._watched.values())  # which another thread may change meanwhile
        due = watched[0].due if watched else self._look_around_at
        if self._opened or self._is_behind or not self._is_resting:  # some could not be described, or not in one go
            due = now + _GATHER_S
        return max(min(due, self._look_around_at) - now, 0.01)

    _look_around_at = 0.0

    def _start_looking_around(self) -> None:
        """In a thread of its own: each file takes a while, and what ends meanwhile is to be written soon."""
        if self._scout is not None and self._scout.is_alive():
            return
        self._scout = threading.Thread(
            target=_look_around, args=(weakref.ref(self),), name="contextcompany-scout", daemon=True
        )
        with suppress(RuntimeError):  # at exit no thread starts any more, from Python 3.12 on
            self._scout.start()

    def _look_around(self) -> None:
        """Take over what dead processes left, and give room back."""
        if len(self._routes) > _MAX_ROUTES:
            self._forget_routes()
        if self._plan.mode != "disk":
            return
        by_fingerprint = {route.fingerprint: route for route in list(self._routes.values())}
        self._outbox.tidy(by_fingerprint.keys())
        found = self._outbox.adopt(by_fingerprint.keys())
        for fingerprint in found:
            by_fingerprint[fingerprint].sender.wake()
        if found:  # there may be more than are held at a time
            self._look_around_at = time.monotonic() + _LOOK_AGAIN_S
            self._bell.put(None)

    def _drain(self, *, part: bool = False) -> None:
        """Write what is queued, or a part of it. Returns when it is in the outbox, whoever put it there."""
        # Garbage collection may end a run on a thread that is at work itself, as a sender that deletes something, or
        # holds a lock which the one at work here waits for.
        if self._outbox.is_being_written_here() or not self._draining.acquire(timeout=_PATIENCE_S):
            return
        try:
            if self._is_draining:
                return  # called by a finalizer on the thread that is at it
            self._is_draining = True
            try:
                self._drain_queue(part=part)
            except Exception:  # noqa: BLE001 - the one place where writing fails towards the user
                _diagnostics.internal_error("writing what has ended")
            except BaseException:  # Ctrl-C, on the main thread: somebody else goes on with it
                self._ring()
                raise
            finally:
                self._is_draining = False
        finally:
            self._draining.release()

    def _drain_queue(self, *, part: bool) -> None:
        """Ctrl-C may end this between any two steps; what was begun is then done by the next who calls."""
        self._follow_plan()
        left = len(self._queue)
        if part:
            left = -(-left // 4)
        self._queued_size = self._queued_size * 3 // 4 if part else 0
        is_last = False
        while not is_last:
            batch = self._batch
            while left > 0 and not batch.is_full:
                left -= 1
                try:
                    self._read(batch, self._queue[0])
                except Exception:  # noqa: BLE001 - what comes with it goes on
                    _not_written(1)
                self._queue.popleft()  # only now, so that nothing is lost when Ctrl-C comes in between
            is_last = left <= 0
            if is_last:
                self._add_snapshots(batch)
            self._add_parents(batch)
            try:
                self._commit(batch)
            except Exception:  # noqa: BLE001 - what comes after it goes on
                self._batch = _Batch()
                _not_written(len(batch.entries))
            self._batch = _Batch()

    def _read(self, batch: _Batch, queued: _Ended | _Opened | _Left) -> None:
        if isinstance(queued, _Ended):
            if self._early and (span_id := queued.span_id) in self._early:
                self._close(batch, span_id)
                self._early.discard(span_id)
            else:
                self._add_ended(batch, queued)
        elif isinstance(queued, _Opened):
            self._opened[queued.span_id] = queued.recording
        else:
            self._close(batch, queued.span_id)

    def _add_ended(self, batch: _Batch, ended: _Ended) -> None:
        destination = ended.destination or self.default
        last = batch.last
        if last is None or last[0] is not destination:
            last = batch.last = destination, self._route(destination)
        route = last[1]
        span_id = ended.span_id
        if span_id is not None:
            self._close(batch, span_id)
        entry = _entry(ended.what, ended.signal, route, ended.attributes)
        if entry is not None:
            batch.add(entry, route)
            if span_id is not None:
                self._note_parent(batch, ended.what)  # type: ignore[arg-type]  # a span

    def _close(self, batch: _Batch, span_id: int) -> None:
        self._opened.pop(span_id, None)
        watched = self._watched.get(span_id)
        if watched is not None:
            batch.close(_signed(span_id))
            watched.route.shelf.hide(span_id)  # before its end can be sent: nothing older comes after it
            del self._watched[span_id]
            self._unshown.discard(span_id)

    def _add_snapshots(self, batch: _Batch) -> None:
        """How things are that were opened since the last time, and those that have been open for long."""
        now = time.monotonic()
        until = now + _SNAPSHOTS_S
        opened = [(span_id, recording, False) for span_id, recording in self._opened.items()]
        late = itertools.takewhile(lambda item: item[1].due <= now, self._watched.items())
        due = {span_id: each.recording for span_id, each in (*late, *self._now_wanted())}
        ends = _Ends(self._queue)
        self._is_behind = False
        for span_id, recording, whole in (*opened, *[(span_id, each, True) for span_id, each in due.items()]):
            if time.monotonic() > until:
                self._is_behind = True
                return
            batch.breathe()
            self._add_snapshot(batch, span_id, recording, ends, whole=whole)

    def _now_wanted(self) -> list[tuple[int, _Watched]]:
        """What was opened before the first answer, until which nobody knows whether what is open is taken."""
        accepting = {route.fingerprint for route in self._routes.values() if route.sender.status.accepts_snapshots}
        if not accepting:
            return []
        unshown = [(span_id, self._watched.get(span_id)) for span_id in self._unshown]
        return [(span_id, each) for span_id, each in unshown if each and each.route.fingerprint in accepting]

    def _add_parents(self, batch: _Batch) -> None:
        """What is above all of it and not on disk yet, so that no span there lacks its run, whenever the process dies.

        What is open is written as it is now; what has ended since, before its turn.
        """
        ends = _Ends(self._queue)
        for span_id in batch.above:  # to which is added what is above those
            if span_id in self._opened:
                batch.breathe()
                ended = self._add_snapshot(batch, span_id, self._opened[span_id], ends, whole=False)
                if ended is not None:
                    try:
                        self._add_ended(batch, ended)
                    except Exception:  # noqa: BLE001 - what comes with it goes on
                        _not_written(1)
                    self._early.add(span_id)

    def _add_snapshot(
        self, batch: _Batch, span_id: int, reference: weakref.ref[_Open], ends: _Ends, *, whole: bool
    ) -> _Ended | None:
        """Write how it is, or give back its end, which is in the queue."""
        try:
            if whole:
                self._watch(span_id, self._watched[span_id].recording, self._watched[span_id].route)
            recording = reference()
            snapshot = None if recording is None else recording._snapshot(whole=whole)  # noqa: SLF001 - our own
            if snapshot is not None:
                self._add_described(batch, span_id, reference, snapshot)
        except Exception:  # noqa: BLE001 - another thread may be changing what is described here
            _diagnostics.LOGGER.debug("What is open could not be described just now.", exc_info=True)
            return None
        ended = None if snapshot is not None or span_id not in self._opened else ends.of(span_id)
        if ended is None:
            self._opened.pop(span_id, None)
        return ended

    def _add_described(self, batch: _Batch, span_id: int, reference: weakref.ref[_Open], snapshot: Snapshot) -> None:
        route = self._route(snapshot.destination or self.default)
        entry = _entry(snapshot.if_died, "traces", route)
        is_shown = route.sender.status.accepts_snapshots
        if entry is not None:
            batch.snapshots[entry.span] = entry
            self._note_parent(batch, snapshot.if_died)
            self._watch(span_id, reference, route)
            self._unshown.add(span_id)
        if is_shown:
            self._unshown.discard(span_id)
            so_far = _entry(snapshot.so_far(), "traces", route)
            if so_far is not None:
                route.shelf.show(span_id, so_far)
                batch.routes[route.fingerprint] = route

    def _watch(self, span_id: int, reference: weakref.ref[_Open], route: _Route) -> None:
        self._watched.pop(span_id, None)  # so that it comes last
        self._watched[span_id] = _Watched(reference, route, time.monotonic() + _SNAPSHOT_EVERY_S)

    def _note_parent(self, batch: _Batch, span: ReadableSpan | RecordedSpan) -> None:
        parent = span.parent
        if parent is not None and parent.span_id in self._opened:
            batch.above.append(parent.span_id)

    def _commit(self, batch: _Batch) -> None:
        if batch.entries or batch.snapshots or batch.closed:
            self._outbox.keep(batch.entries, [*batch.snapshots.values()], batch.closed)
        for route in batch.routes.values():
            route.sender.wake()

    def _route(self, destination: Destination) -> _Route:
        route = self._routes.get(destination)
        if route is None:
            fingerprint, label = destination.fingerprint, destination.label
            shelf = Shelf(self._outbox, fingerprint, label, self._settle)
            sender = Sender(
                shelf,
                {"traces": destination.endpoint("traces"), "logs": destination.endpoint("logs")},
                label=label,
                is_default=destination.is_default,
                keep=self._plan.mode != "off",
            )
            sender.announce_absence(self._announces_absence)
            route = self._routes[destination] = _Route(fingerprint, label, shelf, sender)
            self._look_around_at = 0.0
            former = self._by_fingerprint.get(fingerprint)
            self._by_fingerprint[fingerprint] = route
            if former is not None:  # it goes there in another way, with another certificate or proxy
                self._routes.update({known: route for known, each in self._routes.items() if each is former})
                former.sender.retire(sender)
        return route

    def _forget_routes(self) -> None:
        with self._draining:
            default = self._routes.get(self.default)
            for destination, route in list(self._routes.items()):
                if route is not default and not route.shelf.waiting():
                    del self._routes[destination]
                    self._by_fingerprint.pop(route.fingerprint, None)
                    route.sender.close(time.monotonic())

    def _settle(self, outcome: str, quantity: int) -> None:
        if quantity == 0:
            return
        with self._counting:
            if outcome == "delivered":
                self._delivered += quantity
            elif outcome == "dead":
                self._dead += quantity
        if outcome != "delivered":
            _diagnostics.count(outcome, quantity)

    # -- forks -----------------------------------------------------------------------------------------------------

    def _before_fork(self) -> None:
        for lock in itertools.chain([self._draining], self._outbox.locks()):
            lock.acquire()
            self._held.append(lock)

    def _after_fork(self) -> None:
        held, self._held = self._held, []  # the last that is let go of lets another thread fork, which holds its own
        while held:
            held.pop().release()

    def _forked(self) -> None:
        self._held = []
        self._outbox.leak()
        for route in self._routes.values():
            route.sender.abandon()
        self._begin()


def _write(owner: weakref.ref[Delivery], bell: queue.SimpleQueue[None]) -> None:
    """The writer thread. It ends with the delivery."""
    pause: float | None = 0.0
    while pause is not None:
        try:
            bell.get(timeout=pause)
        except queue.Empty:
            pass
        else:
            time.sleep(_GATHER_S)
        delivery = owner()
        if delivery is None:
            return
        try:
            pause = delivery._write_once()  # noqa: SLF001 - our own
        except Exception:  # noqa: BLE001 - without the writer nothing would be sent any more
            pause = _LOOK_AGAIN_S
            _diagnostics.internal_error("writing what has ended")
        del delivery


def _look_around(owner: weakref.ref[Delivery]) -> None:
    delivery = owner()
    if delivery is None:
        return
    try:
        delivery._look_around()  # noqa: SLF001 - our own
    except Exception:  # noqa: BLE001 - the one place where looking after the outbox fails
        _diagnostics.internal_error("looking for what other processes left")


class _Batch:
    """What goes into one transaction."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.snapshots: dict[int, Entry] = {}
        self.closed: list[int] = []
        self.above: list[int] = []
        """The parents of all these that are not on disk yet."""
        self.routes: dict[str, _Route] = {}
        self.last: tuple[Destination, _Route] | None = None
        """The route that was asked for last: to find it, a destination is hashed with all that it says."""
        self._size = 0
        self._breath_at = time.perf_counter() + _BREATH_S

    def add(self, entry: Entry, route: _Route) -> None:
        self.entries.append(entry)
        self.routes[route.fingerprint] = route
        self._size += len(entry.body)
        self.breathe()

    def close(self, span: int) -> None:
        self.snapshots.pop(span, None)  # one that Ctrl-C kept from being written
        self.closed.append(span)

    def breathe(self) -> None:
        """Let other threads have the interpreter, if they waited for a while."""
        if time.perf_counter() > self._breath_at:
            time.sleep(0)
            self._breath_at = time.perf_counter() + _BREATH_S

    @property
    def is_full(self) -> bool:
        return self._size > _MAX_COMMIT_SIZE or len(self.entries) >= _MAX_ROWS


class _Ends:
    """The ends of spans in the queue, which is read once for many of them, and again for one that came since."""

    def __init__(self, queued: deque[_Ended | _Opened | _Left]) -> None:
        self._queued = queued
        self._known: dict[int | None, _Ended] = {}

    def of(self, span_id: int) -> _Ended | None:
        """The first, if there is one."""
        if span_id not in self._known:
            queued = reversed(list(self._queued))  # to which others append
            self._known = {each.span_id: each for each in queued if isinstance(each, _Ended)}
        return self._known.get(span_id)


def _not_written(quantity: int) -> None:
    """Count what is lost by an error of ours, which is being handled."""
    _diagnostics.count("not_written", quantity)
    _diagnostics.internal_error("writing what has ended")


def _entry(
    what: ReadableSpan | RecordedSpan | ReadWriteLogRecord,
    signal: Signal,
    route: _Route,
    attributes: Mapping[str, object] | None = None,
) -> Entry | None:
    """What of it is kept; `None`, said and counted, if it cannot be encoded."""
    try:
        if signal == "traces":
            context = what.get_span_context()  # type: ignore[union-attr]  # a span
            trace_id, span_id = (0, 0) if context is None else (context.trace_id, context.span_id)
            head, scope = envelope(what.resource, what.instrumentation_scope)  # type: ignore[arg-type]  # spans have one
            body = encode_span(what, attributes)  # type: ignore[arg-type]  # a span
        else:
            trace_id, span_id = what.log_record.trace_id or 0, what.log_record.span_id or 0  # type: ignore[union-attr]  # a log record
            head, scope = envelope(what.resource, what.instrumentation_scope)  # type: ignore[arg-type]
            body = encode_log(what)  # type: ignore[arg-type]  # a log record
    except NotEncodable as error:
        _diagnostics.count("not_encodable")
        _diagnostics.warn("not_encodable", "A span or event could not be encoded and is not sent: %s", error)
        return None
    except Exception:  # noqa: BLE001 - what is written with it goes on
        _diagnostics.count("not_encodable")
        _diagnostics.internal_error("encoding a span or event")
        return None
    return Entry(route.fingerprint, route.label, signal, head, scope, body, _signed(trace_id), _signed(span_id))


def _signed(number: int) -> int:
    """The low 64 bits, as SQLite's integers are."""
    return (number + 2**63) % 2**64 - 2**63


def _text_size(span: ReadableSpan) -> int:
    size = 0
    for value in (span.attributes or {}).values():
        if type(value) is str:
            size += len(value)
    return size
