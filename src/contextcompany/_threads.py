"""Lets context follow into threads by itself, by patching `threading`, while the `propagate_threads` setting is on."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current

from contextcompany._propagation import propagate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["patch"]

_SERVE_MANY = ("anyio.", "concurrent.futures.", "contextcompany.", "multiprocessing.", "opentelemetry.")
"""Modules whose threads serve whoever comes; the context in which one happens to start is not for the others."""


def patch(on: bool) -> None:
    """Patch `Thread.start` and `ThreadPoolExecutor.submit`, or undo that. Patching twice is once."""
    if not on:
        _undo()
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 5 ms, and few ask for it

    if not any(patched.is_on for patched in _patches):
        _undo()
        _patches.append(_Patch(threading.Thread, "start", _start))
        _patches.append(_Patch(ThreadPoolExecutor, "submit", _submit))


def _undo() -> None:
    _patches[:] = reversed([patched for patched in reversed(_patches) if not patched.undo()])


class _Patch:
    """One method, replaced. Where somebody else has replaced it since, what is undone stays there and does nothing."""

    def __init__(
        self, owner: type, name: str, wrap: Callable[[Callable[..., Any], _Patch], Callable[..., Any]]
    ) -> None:
        self.is_on = True
        self._owner = owner
        self._name = name
        self._original = getattr(owner, name)
        self._replacement = functools.wraps(self._original)(wrap(self._original, self))
        setattr(owner, name, self._replacement)

    def undo(self) -> bool:
        """Whether nothing is left of it."""
        self.is_on = False
        is_outermost = getattr(self._owner, self._name) is self._replacement
        if is_outermost:
            setattr(self._owner, self._name, self._original)
        return is_outermost


_patches: list[_Patch] = []
"""Those that are on, and those that somebody else has patched over; the latest last."""


def _start(original: Callable[..., None], patched: _Patch) -> Callable[..., None]:
    def start(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
        if not patched.is_on or not get_current() or _serves_many(self):
            return original(self, *args, **kwargs)
        own = vars(self).get("run")
        _run_inside(self, own)
        try:
            return original(self, *args, **kwargs)
        except BaseException:
            _put_back(self, own)
            raise

    return start


def _run_inside(thread: threading.Thread, own: object) -> None:
    """Have the thread's `run()`, whichever class it is from, run in the current context.

    The thread lets go of the context as it starts to run: nobody knows how long its object is kept.
    """
    inside = propagate(thread.run)

    def run() -> None:
        _put_back(thread, own)
        inside()

    thread.run = run  # type: ignore[method-assign]  # that is the point


def _put_back(thread: threading.Thread, own: object) -> None:
    if own is None:
        vars(thread).pop("run", None)
    else:
        vars(thread)["run"] = own


def _serves_many(thread: threading.Thread) -> bool:
    runs = getattr(thread, "_target", None) or type(thread)
    return f"{getattr(runs, '__module__', '')}.".startswith(_SERVE_MANY)


def _submit(original: Callable[..., Any], patched: _Patch) -> Callable[..., Any]:
    def submit(self: object, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return original(self, propagate(fn) if patched.is_on and get_current() else fn, *args, **kwargs)

    return submit
