"""Ends runs that did not end within their time: one thread for all of them, started by the first."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
import weakref
from typing import Protocol

from contextcompany import _diagnostics

__all__ = ["watch"]


class _CanTimeOut(Protocol):
    def _time_out(self, seconds: float) -> None: ...


_FEW = 1000
"""Deadlines of runs that are gone are dropped whenever so many, or twice as many as are left, have come together."""

_changed = threading.Condition()
_deadlines: list[tuple[float, int, float, weakref.ref[_CanTimeOut]]] = []
_order = itertools.count()
_crowded = _FEW
_thread: threading.Thread | None = None


def watch(run: _CanTimeOut, seconds: float) -> None:
    """End `run` after `seconds` unless it has ended by then; 0 = never. Does not keep the run alive.

    A forked child does not watch the runs that its parent started.
    """
    global _thread  # noqa: PLW0603 - there is one per process
    seconds = _duration(seconds)
    if not seconds:
        return
    with _changed:
        heapq.heappush(_deadlines, (time.monotonic() + seconds, next(_order), seconds, weakref.ref(run)))
        if len(_deadlines) > _crowded:
            _drop_what_is_gone()
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_wait, name="contextcompany-timeouts", daemon=True)
            try:
                _thread.start()
            except RuntimeError:  # at exit no thread starts any more, from Python 3.12 on
                return
        _changed.notify()


def _duration(seconds: object) -> float:
    """The number of seconds; 0 for what is none, which is said and counted."""
    try:
        number = float(seconds)  # type: ignore[arg-type]  # that is what the except is for
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        number = -1.0
    if number >= 0:
        return min(number, threading.TIMEOUT_MAX)
    _diagnostics.count("bad_value")
    _diagnostics.warn("timeout", "A run's `timeout` must be a number of seconds, or 0 for never; it is ignored.")
    return 0.0


def _drop_what_is_gone() -> None:
    global _crowded  # noqa: PLW0603 - as above
    _deadlines[:] = [each for each in _deadlines if each[3]() is not None]
    heapq.heapify(_deadlines)
    _crowded = max(_FEW, 2 * len(_deadlines))


def _wait() -> None:
    while True:
        with _changed:
            while not _deadlines or (wait := _deadlines[0][0] - time.monotonic()) > 0:
                _changed.wait(wait if _deadlines else None)
            _, _, seconds, reference = heapq.heappop(_deadlines)
        run = reference()
        if run is not None:
            run._time_out(seconds)  # noqa: SLF001 - `_CanTimeOut` is ours
        del run


def _forked() -> None:
    global _changed, _thread
    _changed, _thread = threading.Condition(), None
    _deadlines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
