"""Which run and step are current, carried in OpenTelemetry context."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Token
    from types import ModuleType

    from contextcompany._data import Call, Scope
    from contextcompany._mapping import Attributes
    from contextcompany._settings import Destination

__all__ = [
    "RunContext",
    "Taker",
    "current_recording",
    "enter",
    "in_context",
    "leave",
    "run_context",
    "taker",
    "with_recording",
    "with_run_context",
    "with_taker",
    "without_taker",
]

_UTIL_GENAI = "opentelemetry.util.genai.invocation"

_KEY = create_key("contextcompany-run")
_RECORDING_KEY = create_key("contextcompany-recording")
_TAKER_KEY = create_key("contextcompany-taker")


class RunContext(NamedTuple):
    """What a run hands down to everything in it, foreign spans included."""

    scope: Scope
    shared: Attributes
    """The scope as attributes, made once per run."""
    destination: Destination | None
    """Where the run goes; `None`: where the pipeline sends by default."""


def run_context(context: Context | None = None) -> RunContext | None:
    """The run that `context` (by default the current one) is inside of."""
    return get_value(_KEY, context)  # type: ignore[return-value]  # nobody else knows the key


def with_run_context(run: RunContext, context: Context) -> Context:
    """`context`, inside of `run`."""
    return set_value(_KEY, run, context)


def current_recording(context: Context | None = None) -> object:
    """The run, step or tool call whose `with` block `context` is inside of."""
    return get_value(_RECORDING_KEY, context)


def with_recording(recording: object, context: Context) -> Context:
    """`context`, inside of the `with` block of `recording`."""
    return set_value(_RECORDING_KEY, recording, context)


class Taker(Protocol):
    """A step that is current: it takes what other instrumentation records of its call to an LLM."""

    def take(self, call: Call) -> bool:
        """Whether the call is the step's own. Then what it says is in the step, and it must not be recorded again."""

    def record(self, call: Call) -> None:
        """Record a call that nobody else records: as the step's own, or else as a step of its own."""

    def place_for_other(self) -> Context:
        """Where a call belongs that `take` did not take: beside the step, or in it if the step has no call at all."""


def taker(context: Context | None = None) -> Taker | None:
    """The step that `context` is directly in the block of: not in that of a run or tool call inside of it."""
    return get_value(_TAKER_KEY, context)  # type: ignore[return-value]  # nobody else knows the key


def with_taker(owner: Taker, now: Callable[[], int], context: Context) -> Context:
    """`context`, in the block of the step `owner`."""
    context = set_value(_TAKER_KEY, owner, context)
    # Whoever has loaded it is instrumented, or soon will be; for anybody else it is not worth 60 ms.
    inference = _inference() if _UTIL_GENAI in sys.modules else None
    return context if inference is None else inference.offered(owner, now, context)


def without_taker(context: Context) -> Context:
    """`context`, in the block of something that calls no LLM by itself."""
    if taker(context) is None:
        return context
    context = set_value(_TAKER_KEY, None, context)
    inference = _inference() if _UTIL_GENAI in sys.modules else None
    return context if inference is None else inference.withheld(context)


@cache
def _inference() -> ModuleType | None:
    try:
        from contextcompany import _inference  # noqa: PLC0415 - imports opentelemetry.util.genai
    except ImportError:  # an older one, which has nothing to offer
        return None
    return _inference


@contextmanager
def in_context(context: Context) -> Iterator[None]:
    """Make `context` the current one for a moment."""
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


class _Entered:
    """One `with` block that is open."""

    __slots__ = ("before", "mark", "outer", "owner")

    owner: object
    outer: _Entered | None
    before: Token[Context]
    mark: Token[_Entered | None]


_innermost: ContextVar[_Entered | None] = ContextVar("contextcompany-entered", default=None)


def enter(owner: object, context: Context) -> None:
    """Make `context` the current one until `leave(owner)`."""
    entered = _Entered()
    entered.owner = owner
    entered.outer = _innermost.get()
    entered.before = attach(context)
    entered.mark = _innermost.set(entered)


def leave(owner: object) -> None:
    """Put back what was current before `enter(owner)`.

    Does nothing where that was never current: the finalizer of an abandoned generator runs in somebody else's context,
    and there OpenTelemetry's `detach` would log an error.
    """
    entered = _innermost.get()
    while entered is not None and entered.owner is not owner:
        entered = entered.outer  # blocks inside of it were never left
    if entered is None:
        return
    try:
        _innermost.reset(entered.mark)
    except ValueError:  # a copy of the context in which it was entered
        return
    detach(entered.before)
