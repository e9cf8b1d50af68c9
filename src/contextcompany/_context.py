"""Which run and step are current, carried in OpenTelemetry context."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value

if TYPE_CHECKING:
    from contextvars import Token

    from contextcompany._data import Scope
    from contextcompany._mapping import Attributes
    from contextcompany._settings import Destination

__all__ = ["RunContext", "current_recording", "enter", "leave", "run_context", "with_recording", "with_run_context"]

_KEY = create_key("contextcompany-run")
_RECORDING_KEY = create_key("contextcompany-recording")


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
