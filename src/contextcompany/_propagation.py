"""Lets context cross into threads, executors, queues and other processes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from contextvars import Context as ContextVars
from contextvars import copy_context
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context

from contextcompany import _configure, _diagnostics, _processes
from contextcompany._context import (
    Layer,
    RunContext,
    current_layer,
    enter,
    leave,
    run_context,
    with_layer,
    with_run_context,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["propagate"]

P = ParamSpec("P")
R = TypeVar("R")


def propagate(fn: Callable[P, R]) -> Callable[P, R]:
    """A callable that does what `fn` does, inside the run and span that are current now.

    It may be called in any thread, in many at once, and as often as you like; a coroutine function, generator or
    asynchronous generator runs in it too, from its start to its end. Of all context variables only OpenTelemetry's
    context comes along.

    It can be pickled if `fn` can. In another process the run need not be open: steps and tool calls land in it, below
    the span that was current here. A run's own key and URL travel along, as do the settings that `configure()` was
    given, for a process that was not configured itself – API keys included, in the pipe between the two.
    """
    return _propagated(fn, get_current())


class _Propagated(Generic[P, R]):
    def __init__(self, fn: Callable[P, R], context: Context, settings: Mapping[str, object] | None) -> None:
        functools.update_wrapper(self, fn, updated=())
        self._fn = fn
        self._context = context
        self._settings = settings

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        mark = self._enter()
        try:
            result = self._fn(*args, **kwargs)
        finally:
            leave(mark)
            _write_if_terminated()
        for kind, stepwise in _STEPWISE:  # no mapping: a class need not be hashable
            if type(result) is kind:
                return stepwise(result, self._own_variables())  # type: ignore[no-any-return]  # it behaves as the result
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R]:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> tuple[object, ...]:
        settings = _portable(_configure.configured()) if self._settings is None else self._settings
        return _arrive, (self._fn, _Crossing.of(self._context), settings)

    def __repr__(self) -> str:
        return f"<propagated {self._fn!r}>"

    def _enter(self) -> object:
        if self._settings is not None:
            _configure.adopt(self._settings)
        mark = object()
        enter(mark, self._context)
        return mark

    def _own_variables(self) -> ContextVars:
        variables = copy_context()
        variables.run(attach, self._context)
        return variables


class _PropagatedCoroutine(_Propagated[P, Any]):
    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        mark = self._enter()
        try:
            return await self._fn(*args, **kwargs)
        finally:
            leave(mark)


def _propagated(
    fn: Callable[P, R], context: Context, settings: Mapping[str, object] | None = None
) -> _Propagated[P, R]:
    if not inspect.iscoroutinefunction(fn):
        return _Propagated(fn, context, settings)
    propagated = _PropagatedCoroutine(fn, context, settings)
    if mark := getattr(inspect, "markcoroutinefunction", None):  # from Python 3.12 on
        mark(propagated)
    return propagated


# --- what runs a step at a time, and may take each in another thread -------------------------------------------------

# Each has context variables of its own, as a task has: a block that the body enters in one step and leaves in another
# finds them as it left them, and they are nobody else's between two steps.


class _Steps:
    def __init__(self, inner: Any, variables: ContextVars) -> None:
        self._inner = inner
        self._variables = variables

    def send(self, value: Any) -> Any:
        return self._variables.run(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        return self._variables.run(self._inner.throw, *error)


class _Generator(_Steps, Generator[Any, Any, Any]):
    def __del__(self) -> None:
        self.close()  # in its own variables, where its blocks were entered


class _Coroutine(_Steps, Generator[Any, Any, Any], Coroutine[Any, Any, Any]):
    def __await__(self) -> Generator[Any, Any, Any]:
        return self


class _AsyncGenerator(AsyncGenerator[Any, Any]):
    def __init__(self, inner: AsyncGenerator[Any, Any], variables: ContextVars) -> None:
        self._inner = inner
        self._variables = variables

    def asend(self, value: Any) -> _Coroutine:
        return _Coroutine(self._inner.asend(value), self._variables)

    def athrow(self, *error: Any) -> _Coroutine:
        return _Coroutine(self._inner.athrow(*error), self._variables)


_STEPWISE: tuple[tuple[type, Callable[[Any, ContextVars], Any]], ...] = (
    (GeneratorType, _Generator),
    (CoroutineType, _Coroutine),
    (AsyncGeneratorType, _AsyncGenerator),
)


# --- into other processes --------------------------------------------------------------------------------------------


class _Crossing(NamedTuple):
    """What of a context makes sense in another process."""

    run: RunContext | None
    layer: Layer | None
    span: SpanContext

    @classmethod
    def of(cls, context: Context) -> _Crossing:
        return cls(run_context(context), current_layer(context), get_current_span(context).get_span_context())

    def context(self) -> Context:
        context = Context()
        if self.span.is_valid:
            here = SpanContext(
                self.span.trace_id, self.span.span_id, True, self.span.trace_flags, self.span.trace_state
            )
            context = set_span_in_context(NonRecordingSpan(here), context)
        if self.layer is not None:
            context = with_layer(self.layer, context)
        return context if self.run is None else with_run_context(self.run, context)


def _arrive(fn: Callable[P, R], crossing: _Crossing, settings: Mapping[str, object]) -> _Propagated[P, R]:
    return _propagated(fn, crossing.context(), settings)


def _portable(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings that can be pickled; it is said which cannot. Without the user's `redact` no content is captured."""
    portable = {}
    for name, given in settings.items():
        value = dict(given) if isinstance(given, Mapping) else given  # as not every mapping can be
        if isinstance(value, (str, int, float)) or _can_be_pickled(value):
            portable[name] = value
        else:
            _diagnostics.count("setting_not_propagated")
            _diagnostics.warn(
                "unpicklable " + name,
                "`%s` cannot be pickled, so other processes do not get it; call `configure()` there.",
                name,
            )
    if "redact" in settings and "redact" not in portable:
        portable["capture_content"] = False
    return portable


def _can_be_pickled(value: object) -> bool:
    import pickle  # noqa: PLC0415 - 2 ms, and only what pickles needs it

    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - pickling runs the value's own code
        return False
    return True


def _write_if_terminated() -> None:
    """Put what a task recorded on disk where the parent may end the process without notice, as a `Pool` its workers."""
    if _processes.may_be_terminated():
        _configure.write()
