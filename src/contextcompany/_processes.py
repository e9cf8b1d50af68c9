"""How a process ends: children of `multiprocessing` leave without `atexit`, and some by a signal."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["before_child_exit", "before_termination", "ending", "may_be_terminated"]

# `multiprocessing` is looked up rather than imported: a process that is not its child, and has none, does not need it.

_LAST = -100
"""Finalizers run from high to low; `multiprocessing` itself uses -5 to 15."""


class _Anchor:
    """What `register_after_fork` holds on to weakly."""


_anchor = _Anchor()
_callback: Callable[[], None] | None = None
_is_registered = False


def before_child_exit(callback: Callable[[], None]) -> None:
    """Call `callback` as the last thing when a child of `multiprocessing` ends: this process, or any it forks.

    A child runs the finalizers of `multiprocessing.util` and then leaves by `os._exit`; `atexit` too from Python 3.13
    on, but only what the child has registered itself. It forgets all finalizers when it starts, and calls what is
    registered to be called after a fork next, so that registers the finalizer.
    """
    global _callback  # noqa: PLW0603 - there is one process
    _callback = callback
    _register()


def before_termination(callback: Callable[[], None], timeout: Callable[[], float]) -> None:
    """Call `callback` before SIGTERM ends this process or a child that it forks, for at most `timeout()` seconds.

    Only where the program leaves the signal to the system: a handler that the program has set stays, and one that it
    sets later replaces this one. Does nothing on Windows, off the main thread, where Python sets no handlers, and in
    the first process of a container, which the system does not end by SIGTERM.
    """
    if os.name != "posix" or os.getpid() == 1 or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return  # the program's own, or ours

    def terminated(number: int, _: FrameType | None) -> None:
        global _deferred  # noqa: PLW0603 - it is about the process
        signal.signal(number, signal.SIG_DFL)  # the second one ends it at once
        if _ending:  # as when a `Pool` ends a worker that is about to leave
            _deferred = number
            return
        done = _thread.allocate_lock()
        done.acquire()

        def end() -> None:
            try:
                callback()
            finally:
                done.release()

        # In a thread of its own, for what it waits for may be held by the code that the signal interrupted. That may be
        # in `threading`, whose lock a `Thread` needs to start.
        try:
            _thread.start_new_thread(end, ())
            done.acquire(timeout=timeout())
        finally:
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, terminated)


@contextmanager
def ending() -> Iterator[None]:
    """The process does its last things, for a bounded time: SIGTERM comes after them."""
    global _ending, _deferred  # noqa: PLW0603 - it is about the process
    _ending = True
    try:
        yield
    finally:
        _ending = False
        number, _deferred = _deferred, None
        if number is not None:
            os.kill(os.getpid(), number)


_ending = False
_deferred: int | None = None


def may_be_terminated() -> bool:
    """Whether this process is a daemonic child, as in `multiprocessing.Pool`: its parent ends it by SIGTERM."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and bool(process.current_process().daemon)


def _register() -> None:
    global _is_registered  # noqa: PLW0603 - what is registered stays so in forked children
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    if not _is_registered:
        util.register_after_fork(_anchor, _add_finalizer)
        _is_registered = True
    if sys.modules["multiprocessing.process"].parent_process() is not None:
        _add_finalizer()


def _add_finalizer(_: object = None) -> None:
    if _callback is not None:
        sys.modules["multiprocessing.util"].Finalize(None, _callback, exitpriority=_LAST)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_register)  # `multiprocessing` may have been imported since
