"""Lets context cross between services: W3C `traceparent`, `tracestate` and `baggage` headers, out and in."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.trace import NonRecordingSpan, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contextcompany import _diagnostics
from contextcompany._context import RunContext, current_layer, enter, leave, run_context, with_recording
from contextcompany._mapping import BAGGAGE_KEYS, baggage_entries, scope_of_baggage
from contextcompany._recording import run_span, shared_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from types import TracebackType

    from contextcompany._data import Scope

__all__ = ["Extracted", "extract", "inject"]

HeadersT = TypeVar("HeadersT", bound="MutableMapping[str, str]")

# By themselves, whatever `OTEL_PROPAGATORS` says: both ends are ours.
_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_OWN = "tcc-baggage"
"""Has what `baggage` has of ours, where instrumented clients write OpenTelemetry's own baggage over that."""
_FIELDS = _TRACE.fields | _BAGGAGE.fields | {_OWN}


def inject(headers: HeadersT) -> HeadersT:
    """Write where we are into the headers of a request, for `extract` in the service that gets it; returns them.

    `traceparent` and `tracestate` hold the current span; `baggage` holds the ids of the current run and its session,
    and keeps what is in OpenTelemetry's baggage and in the header already. A header that is there is replaced, whatever
    its case. Where OpenTelemetry has baggage, an instrumented client sends no other: the ids are in `tcc-baggage` too.
    Nothing of ours gets into requests without this call.
    """
    context, run = get_current(), run_context()
    written: dict[str, str] = {}
    try:
        _TRACE.inject(written, context)
        if run is not None and baggage.get_all(context):
            _BAGGAGE.inject(written, _with_baggage(baggage_entries(run.scope), Context()))
            written[_OWN] = written.pop("baggage")
        context = _BAGGAGE.extract(_fields_of(headers), context)
        if run is not None:
            context = _with_baggage(baggage_entries(run.scope), context)
        _BAGGAGE.inject(written, context)
        replaced = written.keys() if run is None else {*written, _OWN}
        for name in list(headers):
            if name.lower() in replaced:
                with suppress(KeyError):  # of several in a multi-dict, the first deletion takes all
                    del headers[name]
        for name, value in written.items():
            headers[name] = value
    except Exception:  # noqa: BLE001 - headers come in many classes
        _diagnostics.refuse("inject()", "a mutable mapping of text", headers)
    return headers


def extract(headers: Mapping[str, Any] | Iterable[tuple[Any, Any]] | None) -> Extracted:
    """A `with` (or `async with`) block inside the run of the caller that sent these headers, made by its `inject`.

    Steps and tool calls land in that run, below the span that made the request; a run is its child. Where a server
    instrumentation has made a span in the same trace current already, they are below that. `as` gives the run's id, or
    `None` if the headers name no run; then the block does nothing.

    Whoever sends the headers decides which run and session that is: use it for callers that you trust.

    Args:
        headers: A mapping or a list of pairs, of text or bytes, in any case: the headers of a request in any framework,
            an ASGI scope's list, or a WSGI environment.
    """
    return Extracted(_fields_of(headers))


class Extracted:
    """A block inside the run that the caller's headers name. See `extract`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._scope: Scope | None = None
        for name in ("baggage", _OWN):
            entries = baggage.get_all(_BAGGAGE.extract({"baggage": fields.get(name, "")}, Context()))
            self._scope = self._scope or scope_of_baggage(entries)
        if self._scope is None:
            return
        self._span = get_current_span(_TRACE.extract(fields, Context()))

    def __enter__(self) -> str | None:
        if self._scope is None:
            return None
        enter(self, self._inside(self._scope))
        return self._scope.run_id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self)

    async def __aenter__(self) -> str | None:
        """As `with`."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _inside(self, scope: Scope) -> Context:
        context = _without_ours(get_current())
        span = self._span
        if not span.get_span_context().is_valid:
            span = NonRecordingSpan(run_span(scope.run_id))
        current = get_current_span(context).get_span_context()
        if current.trace_id != span.get_span_context().trace_id:
            context = set_span_in_context(span, context)
        return with_recording(RunContext(scope, shared_by(scope), None, current_layer()), None, context)


def _without_ours(context: Context) -> Context:
    """`context` without our ids in its baggage.

    A server instrumentation puts them there with all other baggage, and client instrumentation would tell everybody.
    """
    for key in BAGGAGE_KEYS:
        context = baggage.remove_baggage(key, context)
    return context


def _with_baggage(entries: Mapping[str, str], context: Context) -> Context:
    """`context` with these entries first: the propagator leaves out what comes after 8 KB."""
    others = baggage.get_all(_without_ours(context))
    context = baggage.clear(context)
    for key, value in {**entries, **others}.items():
        context = baggage.set_baggage(key, value, context)
    return context


def _fields_of(headers: Any) -> dict[str, str]:
    """The headers that we read, by their names in lower case; several of one name are joined, as HTTP has it."""
    fields: dict[str, str] = {}
    with suppress(Exception):  # headers come in many classes, and may be anything
        for name, value in headers.items() if hasattr(headers, "items") else headers or ():
            field, text = _text(name).lower().removeprefix("http_").replace("_", "-"), _text(value)
            if field in _FIELDS and text:
                fields[field] = f"{fields[field]},{text}" if field in fields else text
    return fields


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""
