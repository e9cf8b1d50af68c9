"""The thread that sends what waits for one destination, and when it does; `_lane` knows what becomes of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Literal

from opentelemetry import context

from contextcompany import _diagnostics
from contextcompany._lane import MAX_REQUEST_BYTES, Lane, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token

    from contextcompany._settings import Endpoint, Signal

__all__ = ["Sender", "SenderStatus", "Shelf"]

_GATHER_S = 0.5
"""What comes within this time of the first travels with it."""

_IDLE_S = 30.0
"""The thread ends, and the connection with it, when nothing came for so long."""

_MAX_IDLE = 16
"""When there are more threads, as with a destination for each of many tenants, they end sooner."""

_THREAD = "contextcompany-sender"

_PAUSE_S = 1.0
"""After a failure of our own."""

_GRACE_S = 0.05
"""How long a thread whose connection was cut may take to notice."""

_MAX_IN_HAND = 2 * MAX_REQUEST_BYTES
"""No more of a signal is taken from the shelf while so many bytes of it are in hand; the other goes on."""

_UNTRACED = (
    *(getattr(context, name, name) for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")),
    "suppress_instrumentation",
)
"""Keys in the context that keep instrumentations from recording; the last is what older ones look for.

The others are not public, and what is not there need not be set.
"""


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """How it stands with one destination at the moment."""

    state: Literal["idle", "sending", "waiting to retry", "held"]
    error: str | None = None
    """Why nothing is taken, in words."""
    since: float | None = None
    """Since when, in seconds since the epoch."""
    retry_in: float | None = None
    """Seconds until the next try."""
    accepts_snapshots: bool = False


class _Flush:
    """A caller who waits."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.done = threading.Event()


Command = _Flush | None
"""`None`: something waits."""


def _next(commands: SimpleQueue[Command], seconds: float) -> Command:
    return commands.get(timeout=seconds)


class Sender:
    """Sends what waits on `shelf`; may be called from every thread.

    A thread starts with the first `wake()` or `flush()` and ends when it has nothing to do. It alone talks to the
    network and takes from the shelf, unless no thread can start any more: then `flush()` and `close()` do.

    Args:
        shelf: What waits.
        endpoints: Where each signal goes.
        label: Where spans go, for people, without anything secret.
        is_default: Nothing was configured: that nothing listens is to be expected.
        keep: Whether what fails is tried again; otherwise it is dropped.
        clock: What deadlines are measured by.
        wait: How to wait for the next command, for so many seconds by `clock`; raises `queue.Empty`.
    """

    def __init__(
        self,
        shelf: Shelf,
        endpoints: Mapping[Signal, Endpoint],
        *,
        label: str,
        is_default: bool = False,
        keep: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[SimpleQueue[Command], float], Command] = _next,
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._wait = wait
        self._lanes: dict[Signal, Lane] = {
            signal: Lane(
                shelf,
                endpoint,
                label=label if signal == "traces" else endpoint.label,
                is_default=is_default,
                keep=keep,
                clock=clock,
            )
            for signal, endpoint in endpoints.items()
        }
        self._commands: SimpleQueue[Command] = SimpleQueue()  # a finalizer may `put` in the midst of a `get`
        self._flushes: list[_Flush] = []
        self._starting = threading.RLock()  # Ctrl-C may leave it held; the thread that was interrupted can still go on
        self._thread: threading.Thread | None = None
        self._is_gathering = False
        """The thread is about to take all that waits."""
        self._is_sending = False
        self._is_closed = False
        self._heir: Sender | None = None
        self._until = inf

    @property
    def status(self) -> SenderStatus:
        """How it stands at the moment."""
        snapshots = any(lane.accepts_snapshots for lane in self._lanes.values())
        setbacks = [(lane.setback, lane.retry_at) for lane in self._lanes.values()]
        for setback, retry_at in sorted(setbacks, key=lambda each: each[0] is None or not each[0].is_held):
            if setback is not None:
                state: Literal["held", "waiting to retry"] = "held" if setback.is_held else "waiting to retry"
                retry_in = max(0.0, retry_at - self._clock())
                return SenderStatus(state, setback.reason, setback.since, retry_in, snapshots)
        return SenderStatus("sending" if self._is_sending else "idle", accepts_snapshots=snapshots)

    def announce_absence(self, on: bool) -> None:
        """Whether to say that nothing listens at the default destination."""
        for lane in self._lanes.values():
            lane.announce_absence = on

    def keeps(self, on: bool) -> None:
        """Whether what fails from now on is tried again."""
        for lane in self._lanes.values():
            lane.keep = on

    def wake(self) -> None:
        """Say that something waits. Does not block, and may be called from a finalizer."""
        if self._is_closed or self._is_gathering:
            return
        if self._commands.empty():
            self._commands.put(None)
        if self._thread is None:
            self._ensure_thread()

    def nudge(self, deadline: float) -> None:
        """Try now, without waiting for what becomes of it."""
        if not self._is_closed:
            self._commands.put(_Flush(deadline))
            self._ensure_thread()

    def flush(self, deadline: float) -> None:
        """Try now; return when all is sent, when it is given up for now, or at `deadline` by the clock."""
        if not self._is_closed and threading.current_thread() is not self._thread:
            self._finish(deadline)

    def close(self, deadline: float) -> None:
        """Like `flush`, and then end the thread and close the connections. At `deadline` they are cut."""
        if self._is_closed or threading.current_thread() is self._thread:
            return
        self._until = deadline
        self._is_closed = True
        self._finish(deadline)
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, deadline - self._clock()))
        for lane in self._lanes.values():
            lane.client.abort()
        if thread is not None:
            thread.join(_GRACE_S)
        if self._thread is None:
            for lane in self._lanes.values():
                lane.client.close()

    def retire(self, heir: Sender) -> None:
        """Leave to `heir`, which has the same shelf, what is in hand and what comes; does not wait for that."""
        self._heir = heir
        self._is_closed = True
        self._commands.put(None)
        self._ensure_thread()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's connections. The sender is not used again."""
        self._is_closed = True
        for lane in self._lanes.values():
            lane.client.abandon()

    def _finish(self, deadline: float) -> None:
        flush = _Flush(deadline)
        self._commands.put(flush)
        if self._ensure_thread():
            flush.done.wait(max(0.0, deadline - self._clock()))
        else:
            self._work_here(flush)

    # --- the thread ---

    def _ensure_thread(self) -> bool:
        """Whether a thread does, or will do, what there is to do."""
        while self._thread is None and not self._commands.empty():
            if not self._starting.acquire(blocking=False):
                return True  # who holds it looks again after letting go
            try:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
                    self._thread.start()
            except (RuntimeError, MemoryError):  # at exit no thread starts any more, from Python 3.12 on
                self._thread = None
                return False
            except BaseException:  # Ctrl-C: it may have been started, or not
                self._thread = None
                raise
            finally:
                self._starting.release()
        return True

    def _run(self) -> None:
        if self._thread is not threading.current_thread():
            return  # whoever started it was interrupted
        _untraced()
        try:
            while self._turn():
                pass
        finally:
            for lane in self._lanes.values():
                lane.client.close()
                if self._heir is not None:
                    lane.give_back()
            self._thread = None
            if self._heir is not None:
                self._heir.wake()
        self._ensure_thread()  # for what came since

    def _work_here(self, flush: _Flush) -> None:
        """Do the thread's work in the caller's until `flush` is done."""
        if not self._starting.acquire(timeout=max(0.0, flush.deadline - self._clock())):
            return
        self._thread = threading.current_thread()
        token = _untraced()
        until, self._until = self._until, min(self._until, flush.deadline)
        try:
            while not flush.done.is_set() and self._clock() < flush.deadline and self._turn():
                pass
        finally:
            self._until = until
            context.detach(token)
            self._thread = None
            self._starting.release()

    def _turn(self) -> bool:
        """Wait for something to do and do it; whether there may be more."""
        try:
            if not self._wait_for_work():
                return False
            for lane in self._lanes.values() if self._flushes else ():
                lane.hurry()
            self._send_all()
        except Exception:  # noqa: BLE001 - the thread goes on, or all that waits would
            _diagnostics.internal_error("sending")
            self._take_commands(_PAUSE_S)
            if not self._is_closed:
                self._commands.put(None)  # there may be more than what is in hand
        self._let_go()
        return not self._is_closed or bool(self._flushes) or not self._commands.empty()

    def _wait_for_work(self) -> bool:
        """Whether something came or is due, rather than nothing for a long time."""
        if not self._take_commands(self._seconds_until_due()):
            return any(not lane.is_empty() for lane in self._lanes.values())
        gathered_at = self._clock() + _GATHER_S
        self._is_gathering = True
        try:
            while not self._flushes and (left := gathered_at - self._clock()) > 0:
                self._take_commands(left)
        finally:
            self._is_gathering = False
        return True

    def _seconds_until_due(self) -> float:
        if self._is_closed:
            return 0.0
        due = [lane.retry_at for lane in self._lanes.values() if not lane.is_empty()]
        if due:
            return max(0.0, min(due) - self._clock())
        senders = [thread for thread in threading.enumerate() if thread.name == _THREAD]
        return _IDLE_S if len(senders) <= _MAX_IDLE else _GATHER_S

    def _take_commands(self, seconds: float) -> bool:
        """Wait for a command and take all there are; whether there was one."""
        try:
            command = self._wait(self._commands, seconds)
            while True:
                if command is not None:
                    self._flushes.append(command)
                if self._commands.empty():
                    return True
                command = self._commands.get_nowait()
        except Empty:
            return False

    def _send_all(self) -> None:
        """Send what can be sent now."""
        self._is_sending = True
        try:
            while self._left() > 0 and (lane := self._next_lane()):
                lane.send(self._left())
            for lane in self._lanes.values():
                lane.settle()
            self._send_snapshots()
        finally:
            self._is_sending = False

    def _next_lane(self) -> Lane | None:
        """One that has something to send now; takes from the shelf what there is room for."""
        while True:
            for lane in self._lanes.values():
                if lane.is_due():
                    return lane
            signals = [signal for signal, lane in self._lanes.items() if lane.size < _MAX_IN_HAND]
            items = self._shelf.take(MAX_REQUEST_BYTES, signals)
            if not items:
                return None
            self._lanes[items[0].signal].add(items)

    def _send_snapshots(self) -> None:
        lane = self._lanes.get("traces")
        if lane is not None and lane.accepts_snapshots and lane.setback is None and not self._is_closed:
            lane.send_snapshots(self._left())

    def _let_go(self) -> None:
        """Let those go on who waited for this try, but not who can wait until the server takes more."""
        waiting = self._flushes
        self._flushes = []
        for flush in waiting:
            if any(lane.waits_for_its_server(flush.deadline) for lane in self._lanes.values()):
                self._flushes.append(flush)
            else:
                flush.done.set()

    def _left(self) -> float:
        return self._until - self._clock()


def _untraced() -> Token[context.Context]:
    current = context.get_current()
    for key in _UNTRACED:
        current = context.set_value(key, True, current)
    return context.attach(current)
