"""What goes wrong inside the SDK: said quietly on the logger, counted by reason, never raised into the host."""

import logging
import os
import threading
import time
from collections import Counter

__all__ = ["LOGGER", "count", "counts", "internal_error", "refuse", "warn"]

LOGGER = logging.getLogger("contextcompany")
"""The one logger of the SDK. Messages never contain content or keys."""

_INTERVAL_S = 60.0
"""The same problem is said at most once per this many seconds."""

_said_at: dict[str, float] = {}
_counts: Counter[str] = Counter()
_counting = threading.RLock()  # garbage collection may end a run, and count, while this thread counts
_reraise = False


def warn(problem: str, message: str, *args: object, level: int = logging.WARNING) -> None:
    """Log `message` unless the same `problem` was logged within the last minute."""
    now = time.monotonic()
    said = _said_at.get(problem)
    if said is not None and now - said < _INTERVAL_S:
        return
    _said_at[problem] = now
    try:
        LOGGER.log(level, message, *args)
    except Exception:  # noqa: BLE001 - a handler of the program's own may raise, and must not stop what we were doing
        count("log_handler")


def refuse(call: str, takes: str, value: object) -> None:
    """Count and say that `call` got something it cannot record. Of the value only the type is shown."""
    count("bad_value")
    kind = type(value).__name__
    warn("bad_value " + call, "`%s` takes %s; a value of type %s is not recorded.", call, takes, kind)


def count(reason: str, quantity: int = 1) -> None:
    """Count something that was lost, cut or replaced. `contextcompany.stats()` reads it."""
    with _counting:
        _counts[reason] += quantity


def counts() -> dict[str, int]:
    """What `count` was told since the process started, by reason."""
    with _counting:
        return dict(_counts)


def internal_error(doing: str) -> None:
    """Say and count the exception being handled: a bug of ours must not reach the host program.

    Called from the few `except Exception` blocks that stand between our code and the user's.
    """
    if _reraise:
        raise  # noqa: PLE0704 - re-raises what the caller's except block is handling
    count("internal_error")
    problem = "internal:" + doing
    if problem not in _said_at:
        _said_at[problem] = time.monotonic()
        LOGGER.error("contextcompany failed while %s; the program goes on without this data.", doing)


def _forked() -> None:
    global _counting  # noqa: PLW0603 - another thread of the parent may have held it, and is not here to let go
    _counting = threading.RLock()
    _counts.clear()
    _said_at.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def reset_for_tests(*, reraise: bool) -> None:
    """Forget what was said and counted; with `reraise`, let our own bugs through so that tests see them."""
    global _reraise  # noqa: PLW0603 - tests turn it on here rather than by sniffing the test runner
    _reraise = reraise
    _said_at.clear()
    with _counting:
        _counts.clear()
