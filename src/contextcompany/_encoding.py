"""Spans and log records → OTLP's protobuf bytes, one item at a time; items → requests; what responses say.

OpenTelemetry's encoder builds a message object for every attribute and holds the interpreter lock for all of a batch.
This one writes the bytes, in about a fifth of the time, and a value that OTLP cannot carry costs that value alone:
it is replaced, mostly by text, and counted as `bad_value`.

Field numbers are those of https://github.com/open-telemetry/opentelemetry-proto. A request is the sum of its items:
`ResourceSpans`, `ScopeSpans` and their twins for logs number their fields alike.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import index, itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from opentelemetry.trace import SpanKind, StatusCode

from contextcompany import _diagnostics, _mapping
from contextcompany._content import Utf8, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext

    from contextcompany._item import Item
    from contextcompany._span import RecordedSpan

__all__ = [
    "NotEncodable",
    "close_snapshot",
    "encode_log",
    "encode_span",
    "envelope",
    "partial_success",
    "request",
    "stub",
]

_MAX_DEPTH = 24
"""Containers within containers that stay what they are. A level of mappings is three of protobuf's, and its readers
give up at 100."""

_MAX_CACHED_KEYS = 2048
_MAX_CACHED_KEY_SIZE = 256
_MAX_ENVELOPES = 64

_SHORT_TEXT = 256
"""Bytes of an attribute that a stub keeps."""

_MAX_STUB_ATTRIBUTES = 128

_SECONDS_BELOW = 1e11
"""A float below this counts seconds (until the year 5138), from there on nanoseconds (since 100 s after 1970)."""


class NotEncodable(Exception):  # noqa: N818 - says what the item is
    """Nothing sensible can be sent of this item."""


# --- what waits to be sent -------------------------------------------------------------------------------------------


def encode_span(span: ReadableSpan | RecordedSpan, attributes: Mapping[str, object] | None = None) -> bytes:
    """One `spans` field of `ScopeSpans`, tag and length included. A span that is still open has no end time.

    Args:
        span: What is read.
        attributes: Stands for its attributes, where these are at hand as `Utf8`.

    Raises:
        NotEncodable: it has no valid ids, or reading it raises.
    """
    try:
        return _span(span, span.attributes if attributes is None else attributes)
    except Exception:  # noqa: BLE001 - not a span as we know them; OpenTelemetry's encoder may
        return _officially(span, is_log=False)


def encode_log(record: ReadableLogRecord) -> bytes:
    """One `log_records` field of `ScopeLogs`, tag and length included.

    Raises:
        NotEncodable: reading it raises.
    """
    try:
        return _log(record)
    except Exception:  # noqa: BLE001 - likewise
        return _officially(record, is_log=True)


_envelopes: dict[tuple[int, int], tuple[object, object, bytes, bytes]] = {}
"""By identity, as resources take long to compare; the entry keeps both alive, so that no id is used twice."""


def envelope(resource: Resource, scope: InstrumentationScope | None) -> tuple[bytes, bytes]:
    """What goes around items: the fields of `ResourceSpans` but its scopes, those of `ScopeSpans` but its items."""
    identity = id(resource), id(scope)
    known = _envelopes.get(identity)
    if known is not None:
        return known[2:]
    head, about = _around(_resource, resource), _around(_scope, scope)
    if len(_envelopes) >= _MAX_ENVELOPES:
        _envelopes.clear()
    _envelopes[identity] = resource, scope, head, about
    return head, about


def request(items: Iterable[Item]) -> bytes:
    """One `ExportTraceServiceRequest` or `ExportLogsServiceRequest` of items that are all of one signal.

    Neighbours of one resource, and of one scope, share its envelope.
    """
    parts: list[bytes] = []
    for head, of_head in groupby(items, _HEAD):
        scopes: list[bytes] = [head]
        for scope, of_scope in groupby(of_head, _SCOPE):
            bodies = [item.body for item in of_scope]
            scopes += (b"\x12", _varint(len(scope) + sum(map(len, bodies))), scope, *bodies)
        parts += (b"\x0a", _varint(sum(map(len, scopes))), *scopes)
    return b"".join(parts)


_HEAD, _SCOPE = itemgetter(2), itemgetter(3)


# --- messages --------------------------------------------------------------------------------------------------------


def _span(span: ReadableSpan | RecordedSpan, attributes: Mapping[str, object] | None) -> bytes:
    context: Any = span.get_span_context()
    parent_id, flags = _parent(span.parent)
    name = _text(span.name)
    parts = [
        b"",
        b"\x0a\x10",
        context.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        context.span_id.to_bytes(8, "big"),
        _trace_state(b"\x1a", context.trace_state) if context.trace_state else b"",
        parent_id,
        b"\x2a",
        _varint(len(name)),
        name,
        _KINDS.get(id(span.kind)) or _left_out(),
        _times(span.start_time, span.end_time),
    ]
    _attributes(parts, b"\x4a", attributes)
    lost_events = lost_links = 0
    for event in span.events:
        lost_events += _put(parts, b"\x5a", _event, event)
    for link in span.links:
        lost_links += _put(parts, b"\x6a", _link, link)
    parts += (
        _count(b"\x50", span.dropped_attributes),
        _count(b"\x60", span.dropped_events, lost_events),
        _count(b"\x70", span.dropped_links, lost_links),
        _status(span.status),
        flags,
    )
    parts[0] = b"\x12" + _varint(sum(map(len, parts)))
    return b"".join(parts)


def _event(event: Event) -> list[bytes]:
    parts = [_time(0x09, event.timestamp), _string(b"\x12", event.name)]
    _attributes(parts, b"\x1a", event.attributes)
    parts.append(_count(b"\x20", event.dropped_attributes))
    return parts


def _link(link: Link) -> list[bytes]:
    context = link.context
    parts = [
        b"\x0a\x10" + context.trace_id.to_bytes(16, "big"),
        b"\x12\x08" + context.span_id.to_bytes(8, "big"),
        _trace_state(b"\x1a", context.trace_state) if context.trace_state else b"",
    ]
    _attributes(parts, b"\x22", link.attributes)
    parts += (_count(b"\x28", link.dropped_attributes), b"\x35" + (_REMOTE if context.is_remote else _LOCAL)[2:])
    return parts


def _log(record: ReadableLogRecord) -> bytes:
    log = record.log_record
    body = _any_or_text(log.body)
    parts = [
        b"",
        _time(0x09, log.timestamp),
        _severity(log.severity_number),
        _string(b"\x1a", log.severity_text),
        b"\x2a",
        _varint(len(body)),
        body,
    ]
    _attributes(parts, b"\x32", log.attributes)
    parts += (
        _count(b"\x38", record.dropped_attributes),
        b"\x45" + _trace_flags(log.trace_flags),
        _log_id(b"\x4a", log.trace_id, 16),
        _log_id(b"\x52", log.span_id, 8),
        _time(0x59, log.observed_timestamp),
        _string(b"\x62", log.event_name),
    )
    parts[0] = b"\x12" + _varint(sum(map(len, parts)))
    return b"".join(parts)


def _around(encode: Callable[[Any], bytes], described: object) -> bytes:
    try:
        return encode(described)
    except Exception:  # noqa: BLE001 - no resource or scope at all
        _replaced()
        return _NOTHING


def _resource(resource: Resource) -> bytes:
    parts: list[bytes] = []
    _attributes(parts, b"\x0a", resource.attributes)
    return _field(b"\x0a", b"".join(parts)) + _string(b"\x1a", resource.schema_url)


def _scope(scope: InstrumentationScope | None) -> bytes:
    if not scope:
        return _NOTHING
    parts = [_string(b"\x0a", scope.name), _string(b"\x12", scope.version)]
    _attributes(parts, b"\x1a", scope.attributes)
    return _field(b"\x0a", b"".join(parts)) + _string(b"\x1a", scope.schema_url)


def _put(parts: list[bytes], tag: bytes, encode: Callable[[Any], list[bytes]], member: object) -> int:
    """Put an event or a link with the others; 1 if it had to be left out."""
    try:
        encoded = encode(member)
    except Exception:  # noqa: BLE001 - ids that do not fit, or no event at all
        _replaced()
        return 1
    parts += (tag, _varint(sum(map(len, encoded))), *encoded)
    return 0


# --- attributes ------------------------------------------------------------------------------------------------------


def _attributes(parts: list[bytes], tag: bytes, attributes: Any) -> None:
    """Put attributes, each a `KeyValue` behind `tag`."""
    items: Iterable[tuple[Any, Any]]
    try:
        if not attributes:
            return
        copied = attributes.copy()  # another thread may be adding; and the iterator of the SDK's mappings takes locks
        items = copied.items() if type(copied) is dict else _items(attributes)
    except Exception:  # noqa: BLE001 - not every mapping has `copy`
        items = _items(attributes)
    _pairs(parts, tag, items, 0)


def _items(attributes: Any) -> list[tuple[Any, Any]]:
    try:
        return [(key, value) for key, value in attributes.items()]
    except Exception:  # noqa: BLE001 - the mapping's own code may raise anything
        _replaced()
        return []


def _pairs(parts: list[bytes], tag: bytes, items: Iterable[tuple[Any, Any]], depth: int) -> None:
    # What is short is put together from tables; long text is copied once, when the parts are joined.
    for key, value in items:
        try:
            head = _heads.get(key) or _head(key)
            kind = type(value)
            if kind is str or kind is Utf8:
                try:
                    data = value.encode() if kind is str else value.data
                except UnicodeEncodeError:
                    data = _text(value)
                length = len(data)
                stem = _STEMS[length] if length < _TABLE else _stem(length)
                size = len(head) + len(stem) + length
                parts += (tag, _LENGTHS[size] if size < _TABLE else _varint(size), head, stem, data)
                continue
            data = _any(value, depth)
        except Exception:
            if depth:
                raise
            head, data = _head(key), _as_string(value)
        stem = _varint(len(data))
        parts += (tag, _varint(len(head) + len(stem) + len(data)), head, stem, data)


_heads: dict[str, bytes] = {}
"""How the `KeyValue` of a key starts, up to the length of its value."""


def _head(key: object) -> bytes:
    kind = type(key)
    is_plain = key is None or kind is int or kind is float or kind is bool
    try:
        data = str(key).encode() if is_plain else _text(key)
    except ValueError:  # Python does not print integers of thousands of digits
        data = _text(key)
    head = b"\x0a" + _varint(len(data)) + data + b"\x12"
    if kind is str and len(data) <= _MAX_CACHED_KEY_SIZE and data.isascii():  # what was replaced counts each time
        if len(_heads) >= _MAX_CACHED_KEYS:
            _heads.clear()
        _heads[key] = head  # type: ignore[index]  # mypy does not narrow by `kind is`
    return head


class _TooDeep(Exception):  # noqa: N818 - says what the value is
    """Makes JSON text of the whole attribute: what is circular would otherwise be unrolled on every branch."""


def _any(value: Any, depth: int) -> bytes:
    """The fields of an `AnyValue`. What cannot be a field is replaced by text.

    Raises whatever the value's own code raises, and `_TooDeep`.
    """
    kind = type(value)
    if kind is str:
        data = _text(value)
        return b"\x0a" + _varint(len(data)) + data
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int:
        return _int(value)
    if kind is float:
        return _DOUBLE(0x21, value)
    if value is None:
        return b""
    if kind is list or kind is tuple:
        return _array(value, depth + 1)
    if kind is dict:
        return _mapping_fields(value, depth + 1)
    return _any_other(value, depth)


def _any_other(value: Any, depth: int) -> bytes:
    """Subclasses, in the order in which OpenTelemetry's encoder asks for them."""
    if isinstance(value, str):
        return _any(str.__str__(value), depth)
    if isinstance(value, int):
        return _int(int.__int__(value))
    if isinstance(value, float):
        return _any(float.__float__(value), depth)
    if isinstance(value, bytes):
        return _field(b"\x3a", memoryview(value).tobytes())  # a subclass may have its own idea of `len`
    if isinstance(value, Sequence):
        return _array(value, depth + 1)
    if isinstance(value, Mapping):
        return _mapping_fields(value, depth + 1)
    return _as_string(value)


def _int(value: int) -> bytes:
    if 0 <= value < _TABLE:
        return _INTS[value]
    if -(2**63) <= value < 2**63:
        return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    return _as_string(value)


def _array(values: Any, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise _TooDeep
    return _field(b"\x2a", b"".join([_field(b"\x0a", _any(value, depth)) for value in values]))


def _mapping_fields(values: Any, depth: int) -> bytes:
    if depth > _MAX_DEPTH:
        raise _TooDeep
    parts: list[bytes] = []
    items = values.copy().items() if type(values) is dict else list(values.items())
    _pairs(parts, b"\x0a", items, depth)
    return _field(b"\x32", b"".join(parts))


def _any_or_text(value: object) -> bytes:
    try:
        return _any(value, 0)
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        return _as_string(value)


def _as_string(value: object) -> bytes:
    """Text in place of what OTLP cannot carry: its JSON, its digits, or a marker."""
    _replaced()
    return _field(b"\x0a", as_text(value).encode())


# --- fields ----------------------------------------------------------------------------------------------------------


def _replaced() -> None:
    _diagnostics.count("bad_value")
    _diagnostics.warn("bad_value encoding", "A value that OTLP cannot carry was replaced; all else is sent.")


def _left_out() -> bytes:
    """No field, where there is nothing that it could hold."""
    _replaced()
    return b""


def _text(value: object) -> bytes:
    """UTF-8 of text, and of what stands where there should be text."""
    try:
        if type(value) is str:
            return value.encode()
        if value is None:
            return b""
        if isinstance(value, str):
            return str.__str__(value).encode()
    except Exception:  # noqa: BLE001, S110 - lone surrogates, or a class of its own
        pass
    _replaced()
    return as_text(value).encode()


def _string(tag: bytes, value: object) -> bytes:
    data = _text(value)
    return _field(tag, data) if data else b""


def _field(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    if value < _TABLE:
        return _LENGTHS[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    return _long_varint(value)


def _long_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _stem(length: int) -> bytes:
    """The length of an `AnyValue` that is a text of `length` bytes, and its start."""
    start = b"\x0a" + _varint(length)
    return _varint(length + len(start)) + start


def _times(start: Any, end: Any) -> bytes:
    """When a span started and ended. One that has no valid time takes the other."""
    try:
        return _BOTH_TIMES(0x39, start, 0x41, end)
    except Exception:  # noqa: BLE001 - still open, or no integers that fit
        first, last = _ns(start), _ns(end)
    if first is None and start is not None:
        first = last
    if last is None and end is not None:
        last = first
    return _time(0x39, first) + _time(0x41, last)


def _time(tag: int, when: Any) -> bytes:
    if when is None:
        return b""
    try:
        return _TIME(tag, when)
    except Exception:  # noqa: BLE001 - no integer that fits
        ns = _ns(when)
    return b"" if ns is None else _TIME(tag, ns)


def _ns(when: Any) -> int | None:
    """Nanoseconds since the epoch; `None` for what is no time."""
    if when is None:
        return None
    try:
        ns = index(when)
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        ns = _rounded(when)
    else:
        if 0 <= ns < 2**64:
            return ns
    _replaced()
    return ns if 0 < ns < 2**63 else None


def _rounded(when: Any) -> int:
    """Nanoseconds of a `datetime`, or of a number of seconds or nanoseconds; 0 of anything else."""
    try:
        if isinstance(when, dt.datetime):
            return int(when.timestamp() * 1e6) * 1000
        number = float(when)
        return int(number * 1e6) * 1000 if number < _SECONDS_BELOW else int(number)
    except Exception:  # noqa: BLE001 - likewise, and infinity is no integer
        return 0


def _count(tag: bytes, dropped: Any, more: int = 0) -> bytes:
    if dropped == 0 and not more:
        return b""
    known = dropped if type(dropped) is int and dropped > 0 else 0
    return tag + _varint(_sum(known, more))


def _parent(context: SpanContext | None) -> tuple[bytes, bytes]:
    """The parent's id, and the flags that say where the parent is."""
    if context is None:
        return b"", _LOCAL
    try:
        return b"\x22\x08" + context.span_id.to_bytes(8, "big"), _REMOTE if context.is_remote else _LOCAL
    except Exception:  # noqa: BLE001 - an id that does not fit, or no context at all
        _replaced()
        return b"", _LOCAL


def _trace_state(tag: bytes, state: Any) -> bytes:
    try:
        return _string(tag, ",".join(f"{key}={value}" for key, value in _items(state)))
    except Exception:  # noqa: BLE001 - the values' own code may raise anything
        return _left_out()


def _status(status: Any) -> bytes:
    if status is None:
        return b""
    try:
        code, message = _STATUSES.get(id(status.status_code)), status.description
    except Exception:  # noqa: BLE001 - no status at all
        code = message = None
    if code is None:
        code = _left_out()
    if message is None:
        return b"\x7a" + _LENGTHS[len(code)] + code
    return _field(b"\x7a", _string(b"\x12", message) + code)


def _severity(number: Any) -> bytes:
    value = getattr(number, "value", None)
    if value is None:
        return b""
    if type(value) is int and 0 <= value <= _MAX_SEVERITY:
        return b"\x10" + _varint(value)
    return _left_out()


def _trace_flags(flags: Any) -> bytes:
    try:
        return int(flags).to_bytes(4, "little")
    except Exception:  # noqa: BLE001 - there may be none
        return b"\x00\x00\x00\x00"


def _log_id(tag: bytes, value: Any, size: int) -> bytes:
    if not value:
        return b""
    try:
        return _field(tag, value.to_bytes(size, "big"))
    except Exception:  # noqa: BLE001 - an id that does not fit
        return _left_out()


_TABLE = 512
"""Lengths and numbers below this are looked up."""
_LENGTHS = tuple(_long_varint(value) for value in range(_TABLE))
_STEMS = tuple(map(_stem, range(_TABLE)))
_INTS = tuple(b"\x18" + length for length in _LENGTHS)
_DOUBLE = struct.Struct("<Bd").pack
_TIME = struct.Struct("<BQ").pack
_BOTH_TIMES = struct.Struct("<BQBQ").pack
_MAX_SEVERITY = 24
_MAX_COUNT = 2**32 - 1
# By identity, as enums hash slowly.
_KINDS = {id(kind): b"\x30" + _LENGTHS[kind.value + 1] for kind in SpanKind}
_STATUSES = {id(code): b"\x18" + _LENGTHS[code.value] if code.value else b"" for code in StatusCode}
_NOTHING = b"\x0a\x00"
"""The first field of a message, itself a message, and empty."""
_LOCAL, _REMOTE = b"\x85\x01\x00\x01\x00\x00", b"\x85\x01\x00\x03\x00\x00"
"""The flags: whether the parent is in another process, and that this is known."""


# --- the rare paths, with OpenTelemetry's own classes ----------------------------------------------------------------
# They are imported where they are used: these modules take longer to import than most programs spend on encoding.


def _officially(item: Any, *, is_log: bool) -> bytes:
    """What OpenTelemetry's encoder makes of an item that ours does not understand."""
    try:
        if is_log:
            from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs  # noqa: PLC0415 - see above

            encoded: Any = encode_logs([item]).resource_logs[0].scope_logs[0].log_records[0]
        else:
            from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415 - see above

            encoded = encode_spans([item]).resource_spans[0].scope_spans[0].spans[0]
        return _field(b"\x12", encoded.SerializeToString())
    except Exception as error:  # noqa: BLE001 - what it raises, the item's own code included
        raise NotEncodable(f"{type(item).__name__}: {type(error).__name__}") from None


def stub(body: bytes, reason: str, *, bare: bool = False) -> bytes:
    """A small span in place of an encoded one that nobody takes: same ids and times, and why the rest is missing.

    It keeps the name, kind, status, flags and the attributes that are numbers, truth values and short text; with `bare`
    none of these, for an endpoint that refuses even that.

    Raises:
        NotEncodable: `body` is no encoded span.
    """
    span = _decoded(body)
    kept = type(span)(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        start_time_unix_nano=span.start_time_unix_nano,
        end_time_unix_nano=span.end_time_unix_nano,
    )
    why = _mapping.undeliverable_attributes(reason[:_SHORT_TEXT], None if bare else len(body))
    if bare:
        kept.name = _mapping.UNDELIVERABLE_NAME
    else:
        _keep(span, kept, without=why)
    parts = [kept.SerializeToString()]
    _attributes(parts, b"\x4a", why)
    return _field(b"\x12", b"".join(parts))


def _keep(span: Span, kept: Span, without: Mapping[str, object]) -> None:
    kept.name = span.name[:_SHORT_TEXT]
    kept.kind = span.kind
    kept.flags = span.flags
    kept.trace_state = span.trace_state[: 2 * _SHORT_TEXT]
    kept.status.code = span.status.code
    kept.status.message = span.status.message[:_SHORT_TEXT]
    short = [pair for pair in span.attributes if pair.key not in without and _is_short(pair)]
    if len(short) > _MAX_STUB_ATTRIBUTES:  # the ids stand at the front of spans of ours, what was measured at the end
        half = _MAX_STUB_ATTRIBUTES // 2
        short[half:-half] = []
    kept.attributes.extend(short)
    kept.dropped_attributes_count = _sum(span.dropped_attributes_count, len(span.attributes) - len(short))
    kept.dropped_events_count = _sum(span.dropped_events_count, len(span.events))
    kept.dropped_links_count = _sum(span.dropped_links_count, len(span.links))


def _sum(dropped: int, more: int) -> int:
    return min(dropped + more, _MAX_COUNT)


def _is_short(pair: Any) -> bool:
    kind = pair.value.WhichOneof("value")
    if kind == "string_value":
        return pair.ByteSize() <= 2 * _SHORT_TEXT and len(pair.value.string_value.encode()) <= _SHORT_TEXT
    return kind in ("bool_value", "int_value", "double_value") and len(pair.key) <= _SHORT_TEXT


def close_snapshot(body: bytes, end_ns: int) -> bytes:
    """An encoded span that was still open when its process died, ended as an error at `end_ns`, marked incomplete.

    Raises:
        NotEncodable: `body` is no encoded span.
    """
    span = _decoded(body)
    told = _mapping.died_attributes()
    for position in reversed([i for i, pair in enumerate(span.attributes) if pair.key in told]):
        del span.attributes[position]
    span.end_time_unix_nano = max(span.start_time_unix_nano, end_ns)
    span.status.code = span.status.STATUS_CODE_ERROR
    parts = [span.SerializeToString()]
    _attributes(parts, b"\x4a", told)
    return _field(b"\x12", b"".join(parts))


def _decoded(body: bytes) -> Span:
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans  # noqa: PLC0415 - see above

    span: Span
    try:
        (span,) = ScopeSpans.FromString(body).spans
    except Exception:  # noqa: BLE001 - protobuf's DecodeError, and none or several of them
        raise NotEncodable("no encoded span") from None
    return span


def partial_success(body: bytes, content_type: str) -> tuple[int, str]:
    """How many items a response to an accepted request says were rejected, and why.

    (0, "") if it does not say, or cannot be read.
    """
    if body in (b"", _NOTHING):  # what most answer
        return 0, ""
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            told = orjson.loads(body)["partialSuccess"]
            rejected = told.get("rejectedSpans") or told.get("rejectedLogRecords") or 0
            return max(int(rejected), 0), as_text(told.get("errorMessage"))
        if kind == "application/x-protobuf":
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415 - see above

            # The response for logs has the same fields under other names.
            read = trace_service_pb2.ExportTraceServiceResponse.FromString(body).partial_success
            return max(read.rejected_spans, 0), read.error_message
    except Exception:  # noqa: BLE001, S110 - it may be anything
        pass
    return 0, ""
