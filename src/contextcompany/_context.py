"""Which run and step are current, carried in OpenTelemetry context; how blocks enter and leave it."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from typing_extensions import Self

    from contextcompany._data import Call, Scope
    from contextcompany._mapping import Attributes
    from contextcompany._settings import Destination

__all__ = [
    "Layer",
    "Resumed",
    "RunContext",
    "Taker",
    "current_layer",
    "current_recording",
    "enter",
    "layers_below",
    "leave",
    "run_context",
    "shared_attributes",
    "taker",
    "with_layer",
    "with_recording",
    "with_run_context",
    "with_taker",
    "without_taker",
]

_UTIL_GENAI = "opentelemetry.util.genai.invocation"

_KEY = create_key("contextcompany-run")
_RECORDING_KEY = create_key("contextcompany-recording")
_LAYER_KEY = create_key("contextcompany-attributes")
_TAKER_KEY = create_key("contextcompany-taker")


class Layer(NamedTuple):
    """What one `attributes()` block hands down to everything in it."""

    session_id: str | None
    user_id: str | None
    org_id: str | None
    attributes: Attributes
    """The same and the metadata, as attributes."""
    outer: Layer | None


class RunContext(NamedTuple):
    """What a run hands down to everything in it, foreign spans included."""

    scope: Scope
    shared: Attributes
    """The scope as attributes, made once per run."""
    destination: Destination | None
    """Where the run goes; `None`: where the pipeline sends by default."""
    layer: Layer | None = None
    """The innermost `attributes()` block around the run; what it and those around it say is in `shared`."""


def run_context(context: Context | None = None) -> RunContext | None:
    """The run that `context` (by default the current one) is inside of."""
    return get_value(_KEY, context)  # type: ignore[return-value]  # nobody else knows the key


def with_run_context(run: RunContext, context: Context) -> Context:
    """`context`, inside of `run`."""
    return Context({**context, _KEY: run})  # `set_value` copies twice


def current_recording(context: Context | None = None) -> object:
    """The run, step or tool call whose `with` block `context` is inside of."""
    return get_value(_RECORDING_KEY, context)


def with_recording(run: RunContext | None, recording: object, context: Context) -> Context:
    """`context`, inside of `run` and of the `with` block of `recording`."""
    return Context({**context, _KEY: run, _RECORDING_KEY: recording})


def current_layer(context: Context | None = None) -> Layer | None:
    """The innermost `attributes()` block that `context` is inside of."""
    return get_value(_LAYER_KEY, context)  # type: ignore[return-value]  # nobody else knows the key


def with_layer(layer: Layer, context: Context) -> Context:
    """`context`, inside of an `attributes()` block."""
    return set_value(_LAYER_KEY, layer, context)


def layers_below(run: RunContext | None, context: Context | None = None) -> list[Layer]:
    """The `attributes()` blocks that `context` is inside of and `run` is not, the outermost first."""
    layer = current_layer(context)
    if layer is None:
        return []
    around_run = set(map(id, _outwards(None if run is None else run.layer)))
    return [each for each in _outwards(layer) if id(each) not in around_run][::-1]


def _outwards(layer: Layer | None) -> Iterator[Layer]:
    while layer is not None:
        yield layer
        layer = layer.outer


def shared_attributes(run: RunContext | None, context: Context | None = None) -> Attributes:
    """What something new in `run` carries: the attributes of the run, and of the `attributes()` blocks in it."""
    shared = {} if run is None else run.shared
    layers = layers_below(run, context)
    if layers:
        shared = {**shared}
        for layer in layers:
            shared.update(layer.attributes)
    return shared


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
    context = Context({**context, _TAKER_KEY: owner})
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


# --- entering and leaving --------------------------------------------------------------------------------------------

# OpenTelemetry's `detach` logs an error in any context but the one of its `attach`: in the finalizer of an abandoned
# generator, or in a task that leaves what another entered. So here what was current before is attached again instead.


class _Entered:
    """One block that is open."""

    __slots__ = ("before", "outer", "owner")

    def __init__(self, owner: object, outer: _Entered | None, before: Context) -> None:
        self.owner = owner
        self.outer = outer
        self.before = before


_innermost: ContextVar[_Entered | None] = ContextVar("contextcompany-entered", default=None)


def enter(owner: object, context: Context) -> None:
    """Make `context` the current one until `leave(owner)`."""
    _innermost.set(_Entered(owner, _innermost.get(), get_current()))
    attach(context)


def leave(owner: object) -> None:
    """Make current what was before `enter(owner)`. Does nothing where that was never entered."""
    entered = _innermost.get()
    while entered is not None and entered.owner is not owner:
        entered = entered.outer  # blocks inside of it were never left
    if entered is not None:
        _innermost.set(entered.outer)
        attach(entered.before)


class Resumed:
    """A context that is entered and left again and again, and stays as it was left: that of a generator's body.

    Only OpenTelemetry's context is kept apart; other context variables are shared with whoever iterates. Leaving it
    does nothing where it was not entered, as in the finalizer of a task that was suspended in it.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._entry = self._innermost = _Entered(self, None, context)

    def __enter__(self) -> Self:
        entry = self._entry
        entry.outer, entry.before = _innermost.get(), get_current()
        _innermost.set(self._innermost)
        attach(self._context)
        return self

    def __exit__(self, *_: object) -> None:
        innermost = entered = _innermost.get()
        while entered is not None and entered is not self._entry:
            entered = entered.outer
        if innermost is None or entered is None:
            return
        self._context, self._innermost = get_current(), innermost
        _innermost.set(entered.outer)
        attach(entered.before)
