"""Spans of other instrumentation: what they carry in a run, how each call is counted once, where they go."""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SDKTracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NoOpTracer, SpanKind, StatusCode, Tracer, TracerProvider, get_current_span, use_span
from opentelemetry.util._decorator import _agnosticcontextmanager

from contextcompany import _diagnostics
from contextcompany._context import RunContext, Taker, run_context, shared_attributes, taker
from contextcompany._data import StepData
from contextcompany._mapping import COUNTED_INSIDE, cost_attributes, tells_cost
from contextcompany._pricing import calculated_cost
from contextcompany._reading import read_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Span as SDKSpan
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Link, Span, SpanContext
    from opentelemetry.util.types import Attributes

    from contextcompany._data import Call
    from contextcompany._settings import Destination

__all__ = ["SCOPE", "FollowingProvider", "ForeignSpans", "changed", "following", "private_provider"]

SCOPE = "contextcompany"
"""The name of our own instrumentation scope: spans of any other are foreign."""

_MAX_OPEN = 10_000
_MAX_TRACES = 256
_MAX_CALLS = 256


class _Open(NamedTuple):
    """Where a span that has started belongs."""

    run: RunContext | None
    taker: Taker | None


class ForeignSpans(SpanProcessor):
    """Lets spans inside a run carry the run's ids, gives steps their calls, and hands on what has ended.

    Args:
        wants: Whether a span with these attributes is handed on.
        put: Gets each span that is, with the destination of its run.
    """

    def __init__(
        self,
        wants: Callable[[Mapping[str, object]], bool],
        put: Callable[[ReadableSpan, Destination | None], None],
    ) -> None:
        self._wants = wants
        self._put = put
        self._open: dict[int, _Open] = {}
        self._counted = _Counted()

    def on_start(self, span: SDKSpan, parent_context: Context | None = None) -> None:
        """Note where the span belongs, and let a foreign span inside a run carry the run's id."""
        run, step = run_context(parent_context), taker(parent_context)
        # Some libraries give a span's context without what else was in it, or with what was around another one.
        above = self._open.get(_span_id(get_current_span(parent_context).get_span_context()))
        if above is not None and above.run is not None and (run is None or run.scope.run_id != above.run.scope.run_id):
            run, step = above
        if run is not None:
            self._open[_span_id(span.get_span_context())] = _Open(run, step)
            if len(self._open) > _MAX_OPEN:  # streams that nobody read to their end
                self._open.pop(next(iter(self._open)), None)
        if not _is_ours(span):
            span.set_attributes(shared_attributes(run, parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on, unless the step around it has taken all that it says."""
        run, step = self._open.pop(_span_id(span.get_span_context()), _Open(None, None))
        if not self._wants(span.attributes or {}):
            return
        if _is_ours(span):
            span = self.step_ended(span)
        else:
            try:
                placed = self._counted_once(span, step)
            except Exception:  # noqa: BLE001 - a span as it came is better than none
                _diagnostics.internal_error("reading a span of other instrumentation")
                placed = span
            if placed is None:
                return
            span = placed
        _diagnostics.LOGGER.debug("Recorded %s.", span.name)
        self._put(span, None if run is None else run.destination)

    def step_ended(self, span: ReadableSpan) -> ReadableSpan:
        """A step of ours that has ended; marked if the instrumented client told of its call, and not in its block."""
        try:
            call, context = read_call(span, with_content=False), span.get_span_context()
            if call is not None and context is not None and self._counted.has(context.trace_id, call, by_id=True):
                return changed(span, attributes={**(span.attributes or {}), **COUNTED_INSIDE})
        except Exception:  # noqa: BLE001 - a span as it came is better than none
            _diagnostics.internal_error("counting a step")
        return span

    def _counted_once(self, span: ReadableSpan, step: Taker | None) -> ReadableSpan | None:
        call = read_call(span, with_content=step is not None)
        if call is None:
            return span
        if step is not None:
            # The exception that a failed attempt ended with is only on its span; that stays as a step in the step.
            if step.take(call):
                return span if span.status.status_code is StatusCode.ERROR else None
            span = changed(span, parent=get_current_span(step.place_for_other()).get_span_context())
        context = span.get_span_context()
        if context is not None and self._counted.has(context.trace_id, call):
            return changed(span, attributes={**(span.attributes or {}), **COUNTED_INSIDE})
        cost = calculated_cost(call.said, call.start_ns)
        if cost is None or tells_cost(span.attributes or {}):
            return span
        return changed(span, attributes={**(span.attributes or {}), **cost_attributes(cost)})


class _Counted:
    """The calls of the last traces whose tokens were handed on, each to be found by one other instrumentation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces: OrderedDict[int, deque[Call]] = OrderedDict()

    def has(self, trace_id: int, call: Call, *, by_id: bool = False) -> bool:
        """Whether another instrumentation has told of this call. It is kept, to tell the others."""
        said = call.said
        if said.tokens.input_and_output == (None, None):
            return False
        call = call._replace(said=StepData(tokens=said.tokens, response_id=said.response_id))
        with self._lock:
            calls = self._traces.setdefault(trace_id, deque(maxlen=_MAX_CALLS))
            self._traces.move_to_end(trace_id)
            if len(self._traces) > _MAX_TRACES:
                self._traces.popitem(last=False)
            others = [each for each in calls if each.source != call.source]
            if by_id:
                others = [each for each in others if each.said.response_id and said.response_id]
            is_known = any(each.is_same_as(call) for each in others)
            calls.append(call)
            return is_known


def changed(span: ReadableSpan, **changes: object) -> ReadableSpan:
    """A copy of an ended span in which something is different."""
    as_it_is = {
        "name": span.name,
        "context": span.get_span_context(),
        "parent": span.parent,
        "resource": span.resource,
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "kind": span.kind,
        "status": span.status,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "instrumentation_scope": span.instrumentation_scope,
    }
    return ReadableSpan(**{**as_it_is, **changes})  # type: ignore[arg-type]  # each is what the constructor takes


def _span_id(context: SpanContext | None) -> int:
    return 0 if context is None else context.span_id


def _is_ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == SCOPE


# --- the providers that instrumentors get ----------------------------------------------------------------------------


def private_provider(resource: Resource, ids: IdGenerator, spans: ForeignSpans) -> SDKTracerProvider:
    """A provider of ours for instrumentors: records everything, whole, and lets nobody else see it.

    Frameworks write long conversations into hundreds of attributes; the SDK's limits would drop the first of them.
    """
    unlimited = SpanLimits(*[SpanLimits.UNSET] * 8)
    # Delivery is shut down at exit by `_configure`, in the right order.
    provider = SDKTracerProvider(ALWAYS_ON, resource, False, id_generator=ids, span_limits=unlimited)
    provider.add_span_processor(spans)
    return provider


class _Source(Protocol):
    """A pipeline, as far as instrumentors need it."""

    @property
    def instrumented(self) -> TracerProvider: ...
    @property
    def now(self) -> Callable[[], int]: ...


class FollowingProvider(TracerProvider):
    """Records through whatever provider the pipeline has at the moment; instrumentors keep the tracer they once got."""

    def __init__(self, pipeline: Callable[[], _Source]) -> None:
        following.add(self)
        self.pipeline = pipeline
        self.is_on = True
        """Instrumentors may leave wrappers behind when they are switched off; those record nothing then."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        named = (instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        return _FollowingTracer(self, lambda provider: provider.get_tracer(*named))


def _nearer(context: Context | None) -> Context | None:
    """The given context, or the current one if that is in another run of the same trace: a sub-agent's.

    Frameworks that keep track of their own spans give the context of these, and do not see a run in between.
    """
    here, there = run_context(), run_context(context)
    if context is None or here is None or there is None or here.scope.run_id == there.scope.run_id:
        return context
    now, given = get_current_span().get_span_context(), get_current_span(context).get_span_context()
    return get_current() if now.trace_id == given.trace_id else context


following: weakref.WeakSet[FollowingProvider] = weakref.WeakSet()
"""Those that instrumentors have. Without any, nobody else tells of the calls that our own steps stand for."""


class _FollowingTracer(Tracer):
    def __init__(self, provider: FollowingProvider, get: Callable[[TracerProvider], Tracer]) -> None:
        self._provider = provider
        self._get = functools.lru_cache(4)(get)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        if not self._provider.is_on:
            return NoOpTracer().start_span(name, context)
        pipeline, context = self._provider.pipeline(), _nearer(context)
        return self._get(pipeline.instrumented).start_span(
            name,
            context,
            kind,
            {**(attributes or {}), **shared_attributes(run_context(context), context)},
            links,
            pipeline.now() if start_time is None else start_time,
            record_exception,
            set_status_on_exception,
        )

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[Span]:
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        with use_span(span, end_on_exit, record_exception, set_status_on_exception) as current:
            yield current
