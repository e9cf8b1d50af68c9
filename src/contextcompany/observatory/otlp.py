"""OTLP requests → values, and what a receiver answers: bytes in, values out, no I/O.

What the wire carries is all there: in the fields of `Span` and `Log`, and in `raw`, which is the item's own protobuf
bytes, as they came (or, of JSON, encoded). The messages are those of https://github.com/open-telemetry/opentelemetry-proto.

An item that is not valid costs that item: it is refused with a reason, and the others are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from google.protobuf.message import DecodeError as ProtobufError  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from contextcompany.observatory import otlp_json
from contextcompany.observatory.otlp_json import DecodeError

__all__ = [
    "CONTENT_TYPES",
    "JSON",
    "MAX_ENTRIES",
    "MAX_ITEMS",
    "PROTOBUF",
    "Batch",
    "Budget",
    "DecodeError",
    "EntityRef",
    "Event",
    "Link",
    "Log",
    "Resource",
    "Scope",
    "Signal",
    "Span",
    "accepted",
    "decode",
    "decode_object",
    "failed",
    "log_of",
    "reasons",
    "span_of",
]

Signal: TypeAlias = Literal["traces", "logs"]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
CONTENT_TYPES: Final = (PROTOBUF, JSON)

MAX_ITEMS: Final = 65_536
"""Spans, or log records, of one request."""

MAX_ENTRIES: Final = 500_000
"""Attributes, events, links, and values in lists and maps, of one request: two bytes on the wire can be hundreds in
memory."""

_LARGE: Final = 64 * 2**10
"""Bytes of a message from which on its parts are counted before protobuf takes memory for each."""

_MAX_TIME: Final = 2**63 - 1
"""Nanoseconds: the year 2262. OTLP has 64 bits without a sign; databases have one."""

_MAX_REASONS: Final = 10
"""So many reasons are said of what was refused, and how many more there are."""

_MAX_SHOWN: Final = 60
"""Characters of a name in a reason."""


# --- the values ------------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """An event on a span."""

    name: str
    time_ns: int
    attributes: dict[str, Any]
    dropped_attributes: int


class Link(NamedTuple):
    """A link to another span; ids in lower-case hex."""

    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: dict[str, Any]
    dropped_attributes: int


class Scope(NamedTuple):
    """What recorded a span: the same object for all spans of a scope in one request."""

    name: str
    version: str
    attributes: dict[str, Any]
    dropped_attributes: int
    schema_url: str


class EntityRef(NamedTuple):
    """Which attributes of a resource identify something, and which describe it."""

    type: str
    id_keys: list[str]
    description_keys: list[str]
    schema_url: str


class Resource(NamedTuple):
    """Where a span was recorded: the same object for all spans of a resource in one request."""

    attributes: dict[str, Any]
    dropped_attributes: int
    schema_url: str
    entity_refs: list[EntityRef]


class Span(NamedTuple):
    """One span. Ids are lower-case hex; times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty: it has none."""
    trace_state: str
    flags: int
    name: str
    kind: int
    """OTLP's number."""
    start_ns: int
    end_ns: int
    """0: it is still open, and this is a snapshot."""
    attributes: dict[str, Any]
    """Values are str, bool, int, float, bytes, list, dict or None. Of a key that comes twice, the last."""
    events: list[Event]
    links: list[Link]
    status: tuple[int, str]
    """OTLP's code, and the message."""
    dropped: tuple[int, int, int]
    """How many attributes, events and links the sender left out."""
    scope: Scope
    resource: Resource
    raw: bytes
    """The protobuf bytes of this span alone."""


class Log(NamedTuple):
    """One log record, or event. Otherwise like `Span`."""

    trace_id: str
    """Empty: it belongs to no trace."""
    span_id: str
    flags: int
    time_ns: int
    observed_ns: int
    severity_number: int
    severity_text: str
    event_name: str
    body: Any
    attributes: dict[str, Any]
    dropped_attributes: int
    scope: Scope
    resource: Resource
    raw: bytes


class Batch(NamedTuple):
    """What one request holds."""

    spans: list[Span]
    logs: list[Log]
    refused: list[str]
    """Why, for each item that is not valid."""


class Budget:
    """What one request may still hold."""

    def __init__(self) -> None:
        self.left = MAX_ENTRIES

    def spend(self, entries: int) -> None:
        """Count so many.

        Raises:
            DecodeError: there are too many.
        """
        self.left -= entries
        if self.left < 0:
            raise _TooMuchError(
                f"The request holds more than {MAX_ENTRIES:,} attributes, events and values. Send fewer at once."
            )


class _TooMuchError(DecodeError):
    """Told from a broken body."""


class _Kind(NamedTuple):
    """What is different between the signals. Their requests number their fields alike."""

    what: str
    of_resource: Any
    of_scope: Any
    item: Any
    json_keys: tuple[str, str, str]
    make: Callable[[Any, bytes, Scope, Resource, Budget], Any]


# --- reading ---------------------------------------------------------------------------------------------------------


def decode(signal: Signal, body: bytes, content_type: str) -> Batch:
    """The spans or logs of an `ExportTraceServiceRequest` or `ExportLogsServiceRequest`.

    Args:
        signal: Which of the two.
        body: The request without its content encoding.
        content_type: One of `CONTENT_TYPES`.

    Raises:
        DecodeError: it is no such request, or holds more than `MAX_ITEMS` or `MAX_ENTRIES`. It says so in a sentence.
    """
    if content_type == JSON:
        return decode_object(signal, otlp_json.parse(body))
    kind, budget = _KINDS[signal], Budget()
    return _decoded(kind, _of_protobuf(kind, body, budget), _parsed, budget)


def decode_object(signal: Signal, request: dict[str, Any]) -> Batch:
    """The same of JSON that was parsed.

    Raises:
        DecodeError: see `decode`.
    """
    kind, budget = _KINDS[signal], Budget()
    return _decoded(kind, _of_json(kind, request, budget), _of_object, budget)


def _decoded(kind: _Kind, groups: _Groups, read: Callable[[Any, Any], tuple[Any, bytes]], budget: Budget) -> Batch:
    made: list[Any] = []
    refused: list[str] = []
    for resource, scope, items in groups:
        for item in items:
            number = len(made) + len(refused) + 1
            if number > MAX_ITEMS:
                raise DecodeError(f"The request holds more than {MAX_ITEMS:,} {kind.what}s. Send fewer at once.")
            try:
                message, raw = read(kind.item, item)
            except DecodeError:
                raise
            except ValueError as error:
                refused.append(f"{kind.what} {number}: {error}")
                continue
            try:
                made.append(kind.make(message, raw, scope, resource, budget))
            except DecodeError:
                raise
            except ValueError as error:
                refused.append(f"{kind.what} {number}{_named(message)}: {error}")
    return Batch([], made, refused) if kind.item is logs_pb2.LogRecord else Batch(made, [], refused)


def span_of(message: Any, raw: bytes, scope: Scope, resource: Resource, budget: Budget | None = None) -> Span:
    """A span from OTLP's message for it.

    Raises:
        ValueError: its ids or times are not valid.
        DecodeError: the budget is spent.
    """
    budget = budget or Budget()
    status = message.status
    budget.spend(len(message.events) + len(message.links))
    return Span(
        _id(message.trace_id, 16, "trace id"),
        _id(message.span_id, 8, "span id"),
        _id(message.parent_span_id, 8, "parent's id", is_needed=False),
        message.trace_state,
        message.flags,
        message.name,
        message.kind,
        _time(message.start_time_unix_nano, "start"),
        _time(message.end_time_unix_nano, "end"),
        _attributes(message.attributes, budget),
        [_event(each, budget) for each in message.events],
        [_link(each, budget) for each in message.links],
        (status.code, status.message),
        (message.dropped_attributes_count, message.dropped_events_count, message.dropped_links_count),
        scope,
        resource,
        raw,
    )


def log_of(message: Any, raw: bytes, scope: Scope, resource: Resource, budget: Budget | None = None) -> Log:
    """A log record from OTLP's message for it.

    Raises:
        ValueError: its ids or times are not valid.
        DecodeError: the budget is spent.
    """
    budget = budget or Budget()
    return Log(
        _id(message.trace_id, 16, "trace id", is_needed=False),
        _id(message.span_id, 8, "span id", is_needed=False),
        message.flags,
        _time(message.time_unix_nano, "time"),
        _time(message.observed_time_unix_nano, "time of observation"),
        message.severity_number,
        message.severity_text,
        message.event_name,
        _value(message.body, budget),
        _attributes(message.attributes, budget),
        message.dropped_attributes_count,
        scope,
        resource,
        raw,
    )


_KINDS: Final = {
    "traces": _Kind(
        "span",
        trace_pb2.ResourceSpans,
        trace_pb2.ScopeSpans,
        trace_pb2.Span,
        ("resourceSpans", "scopeSpans", "spans"),
        span_of,
    ),
    "logs": _Kind(
        "log record",
        logs_pb2.ResourceLogs,
        logs_pb2.ScopeLogs,
        logs_pb2.LogRecord,
        ("resourceLogs", "scopeLogs", "logRecords"),
        log_of,
    ),
}


def _event(event: Any, budget: Budget) -> Event:
    return Event(
        event.name,
        _time(event.time_unix_nano, "time of an event"),
        _attributes(event.attributes, budget),
        event.dropped_attributes_count,
    )


def _link(link: Any, budget: Budget) -> Link:
    # What a link names may be wrong without harm to the span.
    return Link(
        link.trace_id.hex(),
        link.span_id.hex(),
        link.trace_state,
        link.flags,
        _attributes(link.attributes, budget),
        link.dropped_attributes_count,
    )


def _resource(resource: Any, schema_url: str, budget: Budget) -> Resource:
    budget.spend(1 + len(resource.entity_refs))
    refs = [
        EntityRef(each.type, list(each.id_keys), list(each.description_keys), each.schema_url)
        for each in resource.entity_refs
    ]
    return Resource(_attributes(resource.attributes, budget), resource.dropped_attributes_count, schema_url, refs)


def _scope(scope: Any, schema_url: str, budget: Budget) -> Scope:
    budget.spend(1)
    attributes = _attributes(scope.attributes, budget)
    return Scope(scope.name, scope.version, attributes, scope.dropped_attributes_count, schema_url)


def _attributes(pairs: Any, budget: Budget) -> dict[str, Any]:
    budget.spend(len(pairs))
    return {pair.key: _value(pair.value, budget) for pair in pairs}


def _value(value: Any, budget: Budget) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        budget.spend(len(value.array_value.values))
        return [_value(each, budget) for each in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values, budget)
    return getattr(value, which)


def _id(raw: bytes, size: int, what: str, *, is_needed: bool = True) -> str:
    if len(raw) == size and any(raw):
        return raw.hex()
    if not is_needed and not any(raw):
        return ""
    said = "is all zeros" if raw and not any(raw) else f"has {len(raw)} bytes, not {size}" if raw else "is missing"
    raise ValueError(f"its {what} {said}")


def _time(nanoseconds: int, what: str) -> int:
    if nanoseconds > _MAX_TIME:
        raise ValueError(f"its {what} is {nanoseconds} ns, after the year 2262")
    return nanoseconds


def _named(message: Any) -> str:
    name = message.event_name if isinstance(message, logs_pb2.LogRecord) else message.name
    return f" ({name[:_MAX_SHOWN]!r})" if name else ""


# --- protobuf: the envelopes are taken apart here, so that each item has its own bytes -------------------------------

_Groups: TypeAlias = Iterator[tuple[Resource, Scope, Iterable[Any]]]


def _of_protobuf(kind: _Kind, body: bytes, budget: Budget) -> _Groups:
    for of_resource in _parts(body).get(1, ()):
        parts = _parts(of_resource)
        message = _whole(resource_pb2.Resource, parts, "resource")
        resource = _resource(message, _schema_url(kind.of_resource, parts), budget)
        for of_scope in parts.get(2, ()):
            inner = _parts(of_scope)
            about = _whole(common_pb2.InstrumentationScope, inner, "scope")
            yield resource, _scope(about, _schema_url(kind.of_scope, inner), budget), inner.get(2, ())


def _whole(kind: Any, parts: dict[int, list[bytes]], what: str) -> Any:
    try:
        return _parsed(kind, b"".join(parts.get(1, ())))[0]  # what comes twice is one message, says protobuf
    except DecodeError:
        raise
    except ValueError:
        raise DecodeError(f"A {what} in the request cannot be read as protobuf.") from None


def _schema_url(kind: Any, parts: dict[int, list[bytes]]) -> str:
    number: int = kind.SCHEMA_URL_FIELD_NUMBER
    try:
        return parts[number][-1].decode() if number in parts else ""
    except UnicodeDecodeError:
        raise DecodeError("A schema URL in the request is not UTF-8.") from None


def _parsed(kind: Any, raw: bytes) -> tuple[Any, bytes]:
    if len(raw) > _LARGE:
        _weigh(kind.DESCRIPTOR, raw)
    try:
        return kind.FromString(raw), raw
    except ProtobufError:
        raise ValueError("it cannot be read as protobuf: broken, not UTF-8, or nested too deeply") from None


def _weigh(descriptor: Any, raw: bytes) -> None:
    """Refuse a message of too many messages. One that is broken passes: protobuf's reader says so."""
    try:
        _spend(descriptor, raw, 0, len(raw), Budget())
    except _TooMuchError:
        raise
    except (DecodeError, RecursionError):
        pass


def _spend(descriptor: Any, body: bytes, at: int, end: int, budget: Budget) -> None:
    nested = _nested(descriptor)
    while at < end:
        number, start, at = _field(body, at)
        if number in nested:
            budget.spend(1)
            _spend(nested[number], body, start, min(at, end), budget)


@lru_cache
def _nested(descriptor: Any) -> dict[int, Any]:
    """The fields of a message that are messages."""
    return {each.number: each.message_type for each in descriptor.fields if each.message_type is not None}


_NO_PROTOBUF: Final = "The body is not OTLP in protobuf"


def _parts(body: bytes) -> dict[int, list[bytes]]:
    """The length-delimited fields of a message by number; other fields are passed over."""
    parts: dict[int, list[bytes]] = {}
    at, end, count = 0, len(body), 0
    while at < end:
        number, start, at = _field(body, at)
        if at > end:
            raise DecodeError(f"{_NO_PROTOBUF}, or it was cut off: field {abs(number)} ends after its message.")
        if number > 0:
            parts.setdefault(number, []).append(body[start:at])
            count += 1
            if count > MAX_ITEMS:
                raise DecodeError(f"The request holds more than {MAX_ITEMS:,} items in one place. Send fewer at once.")
    return parts


def _field(body: bytes, at: int) -> tuple[int, int, int]:
    """Number, start and end of the content of the field at a place; the number is negative without a length."""
    tag, start = _varint(body, at)
    number, wire_type = tag >> 3, tag & 7
    if wire_type == 2 and number:
        size, start = _varint(body, start)
        return number, start, start + size
    if wire_type == 0 and number:
        return -number, start, _varint(body, start)[1]
    if wire_type not in (1, 5) or not number:
        raise DecodeError(f"{_NO_PROTOBUF}: byte {at} starts a field of an unknown kind.")
    return -number, start, start + (8 if wire_type == 1 else 4)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(at, min(at + 10, len(body))):
        byte = body[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise DecodeError(f"{_NO_PROTOBUF}, or it was cut off: there is no number at byte {at}.")


# --- JSON ------------------------------------------------------------------------------------------------------------


def _of_json(kind: _Kind, request: dict[str, Any], budget: Budget) -> _Groups:
    of_resources, of_scopes, items = kind.json_keys
    for of_resource in otlp_json.objects(request, of_resources):
        message = _message(resource_pb2.Resource, of_resource, "resource")
        resource = _resource(message, otlp_json.text(of_resource, "schemaUrl"), budget)
        for of_scope in otlp_json.objects(of_resource, of_scopes):
            about = _message(common_pb2.InstrumentationScope, of_scope, "scope")
            scope = _scope(about, otlp_json.text(of_scope, "schemaUrl"), budget)
            yield resource, scope, otlp_json.objects(of_scope, items)


def _of_object(kind: Any, item: dict[str, Any]) -> tuple[Any, bytes]:
    raw = otlp_json.as_received(item)
    return otlp_json.message(kind, item) if raw is None else _parsed(kind, raw)


def _message(kind: Any, around: dict[str, Any], what: str) -> Any:
    try:
        return otlp_json.message(kind, around.get(what) or {})[0]
    except ValueError as error:
        raise DecodeError(f"A {what} in the request cannot be read: {error}.") from None


# --- answers ---------------------------------------------------------------------------------------------------------


def accepted(signal: Signal, refused: list[str], content_type: str) -> bytes:
    """The body of a 200: empty, or how many items were refused and why."""
    if content_type == JSON:
        if not refused:
            return b"{}"
        count = "rejectedLogRecords" if signal == "logs" else "rejectedSpans"
        # 64-bit integers are text in protobuf's JSON
        return orjson.dumps({"partialSuccess": {count: str(len(refused)), "errorMessage": reasons(refused)}})
    if not refused:
        return b""
    answer: Any
    if signal == "logs":
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = len(refused)
    else:
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = len(refused)
    answer.partial_success.error_message = reasons(refused)
    made: bytes = answer.SerializeToString()
    return made


def failed(code: int, message: str, content_type: str) -> bytes:
    """The body of any other answer: a `google.rpc.Status` with a code of gRPC's."""
    if content_type == PROTOBUF:
        made: bytes = Status(code=code, message=message).SerializeToString()
        return made
    return orjson.dumps({"code": code, "message": message})


def reasons(refused: list[str]) -> str:
    """The first few reasons, and how many more there are."""
    more = len(refused) - _MAX_REASONS
    return "; ".join(refused[:_MAX_REASONS]) + (f"; and {more:,} more" if more > 0 else "")
