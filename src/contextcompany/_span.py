"""A span for our own provider: OpenTelemetry's API outside, one dict inside.

The SDK's span copies and checks every attribute up to three times (as given, through the sampler, in its bounded
dict), for limits and samplers that our private provider does not have. What we record is clean before it gets here, so
this span only keeps it. Four SDK spans of a run cost 60 µs more than four of these; see `tests/benchmarks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, TraceFlags, get_current_span

from contextcompany import _diagnostics
from contextcompany._content import Utf8, as_text, attribute_value
from contextcompany._identity import random_span_id, random_trace_id
from contextcompany._mapping import EXCEPTION_EVENT, decoded, exception_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind
    from opentelemetry.util.types import AnyValue

    from contextcompany._identity import RunIdentity
    from contextcompany._mapping import Attributes, Described
    from contextcompany._settings import Destination

__all__ = ["RecordedSpan"]

_LONGEST_NAME = 256

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_UNSET, _OK = Status(), Status(StatusCode.OK)


class _Owner(Protocol):
    @property
    def resource(self) -> Resource: ...
    @property
    def scope(self) -> InstrumentationScope: ...
    @property
    def now(self) -> Callable[[], int]: ...
    def span_ended(self, span: RecordedSpan) -> None: ...


class RecordedSpan(Span):
    """A span that is always recorded. Its owner gets it once, on the thread that ends it.

    `attributes` and `links` are taken as they are, and `attributes` is its own from then on; what comes through the
    OpenTelemetry API afterwards is cleaned. It can be read as the SDK's spans can.
    """

    dropped_attributes = dropped_events = dropped_links = 0

    def __init__(
        self,
        name: str,
        context: Context,
        kind: SpanKind,
        attributes: Attributes,
        start_ns: int,
        links: Sequence[Link],
        identity: RunIdentity | None,
        destination: Destination | None,
        owner: _Owner,
    ) -> None:
        parent = get_current_span(context).get_span_context()
        self._parent = parent if parent.is_valid else None
        if self._parent is None:
            trace_id = random_trace_id() if identity is None else identity.trace_id
        else:
            trace_id = parent.trace_id
        span_id = random_span_id() if identity is None else identity.span_id
        self._context = SpanContext(trace_id, span_id, False, _SAMPLED, parent.trace_state)
        self._name = name
        self._kind = kind
        self._attributes: dict[str, AnyValue | Utf8] = attributes  # type: ignore[assignment]  # of a wider type from now on
        self._links = links
        self._events: list[Event] = []
        self._status = _UNSET
        self._start_ns = start_ns
        self._end_ns: int | None = None
        self._is_told = False
        self.destination = destination
        self._owner = owner

    # -- what was recorded so far, under the names that the SDK's spans have for it ----------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> SpanKind:
        return self._kind

    @property
    def start_time(self) -> int:
        return self._start_ns

    @property
    def end_time(self) -> int | None:
        return self._end_ns

    @property
    def status(self) -> Status:
        return self._status

    @property
    def resource(self) -> Resource:
        return self._owner.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        return self._owner.scope

    @property
    def attributes(self) -> Mapping[str, AnyValue]:
        return decoded({**self._attributes})  # to which another thread may be adding

    @property
    def events(self) -> Sequence[Event]:
        return self._events

    @property
    def links(self) -> Sequence[Link]:
        return self._links

    @property
    def parent(self) -> SpanContext | None:
        return self._parent

    # -- OpenTelemetry's API ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<RecordedSpan {self._name!r}>"

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        return self._end_ns is None

    def update_name(self, name: str) -> None:
        if self._is_open("update_name"):
            self._name = as_text(name)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        if key and self._is_open("set_attribute"):
            self._is_told = True
            self._attributes[as_text(key)] = _clean(value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """OK is final and UNSET is ignored: https://opentelemetry.io/docs/specs/otel/trace/api/#set-status."""
        code, text = (status.status_code, status.description) if isinstance(status, Status) else (status, description)
        if code is StatusCode.UNSET or self._status.status_code is StatusCode.OK or not self._is_open("set_status"):
            return
        self._status = _OK if code is StatusCode.OK else Status(code, None if text is None else as_text(text))

    def add_event(
        self, name: str, attributes: Mapping[str, AnyValue] | None = None, timestamp: int | None = None
    ) -> None:
        if self._is_open("add_event"):
            self._is_told = True
            self._events.append(
                Event(as_text(name), _cleaned(attributes), self._owner.now() if timestamp is None else timestamp)
            )

    def add_link(self, context: SpanContext, attributes: Mapping[str, AnyValue] | None = None) -> None:
        if self._is_open("add_link"):
            self._links = [*self._links, Link(context, _cleaned(attributes))]

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, AnyValue] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002 - deprecated by the conventions
    ) -> None:
        self.add_event(EXCEPTION_EVENT, {**exception_attributes(exception), **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        if self._is_open("end"):
            self._end_ns = self._owner.now() if end_time is None else end_time
            self._owner.span_ended(self)

    def _is_open(self, call: str) -> bool:
        if self._end_ns is None:
            return True
        _diagnostics.warn("ended_span", "%s() came after the span had ended; it is not recorded.", call)
        return False

    # -- ours ------------------------------------------------------------------------------------------------------

    def write(self, name: str, status: StatusCode, description: str | None, attributes: Described) -> None:
        """Set everything at once, from values that are clean already."""
        self._name = name
        self._status = _OK if status is StatusCode.OK else Status(status, description)
        self._attributes.update(attributes)

    def own_attributes(self) -> dict[str, AnyValue | Utf8]:
        """Its attributes as they are kept, to be encoded."""
        return self._attributes

    def plain_attributes(self) -> dict[str, AnyValue | Utf8] | None:
        """The same, if they are all that holds more text than a name, and nobody set any from outside."""
        if self._is_told or self._links or self._status.description is not None or len(self._name) > _LONGEST_NAME:
            return None
        return self._attributes

    def snapshot(self, name: str, status: Status, attributes: Described, end_ns: int | None) -> ReadableSpan:
        """It with what is known so far; without `end_ns`, as one that is open."""
        return self._readable(name, decoded({**self._attributes, **attributes}), list(self._events), status, end_ns)

    def readable(self) -> ReadableSpan:
        """What exporters take."""
        return self._readable(self._name, self.attributes, self._events, self._status, self._end_ns)

    def _readable(
        self, name: str, attributes: Mapping[str, AnyValue], events: Sequence[Event], status: Status, end_ns: int | None
    ) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            context=self._context,
            parent=self._parent,
            resource=self._owner.resource,
            attributes=attributes,
            events=events,
            links=self._links,
            kind=self._kind,
            status=status,
            start_time=self._start_ns,
            end_time=end_ns,
            instrumentation_scope=self._owner.scope,
        )


def _cleaned(attributes: Mapping[str, AnyValue] | None) -> dict[str, AnyValue]:
    return {as_text(key): _clean(value) for key, value in (attributes or {}).items()}


def _clean(value: AnyValue) -> AnyValue:
    """A value that OTLP can carry; numbers may stand in lists, as OpenTelemetry's attributes allow."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (int, float)) for item in value):
        return [attribute_value(item) for item in value]
    return attribute_value(value)
