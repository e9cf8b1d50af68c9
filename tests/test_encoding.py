"""Spans and log records as bytes: what OpenTelemetry's encoder makes of them, and what it cannot."""

import datetime as dt
import enum
import json
import math
from collections import OrderedDict, UserDict, deque
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from contextcompany._diagnostics import counts
from contextcompany._encoding import (
    encode_log,
    encode_span,
    envelope,
    request,
)
from contextcompany._outbox import Item

CONTEXT = SpanContext(0xABC, 0xDEF, False, TraceFlags(1))
RESOURCE = Resource({"service.name": "shop"})
SCOPE = InstrumentationScope("tests", "1.0")
START, END = 1_700_000_000_000_000_000, 1_700_000_001_000_000_000


def span(name="work", **given):
    fields = {"context": CONTEXT, "resource": RESOURCE, "instrumentation_scope": SCOPE, "start_time": START}
    return ReadableSpan(name, **{**fields, "end_time": END, **given})


def log(resource=RESOURCE, scope=SCOPE, **given):
    return ReadableLogRecord(LogRecord(**{"timestamp": START, "observed_timestamp": END, **given}), resource, scope)


def item(made):
    is_log = isinstance(made, ReadableLogRecord)
    body = (encode_log if is_log else encode_span)(made)
    return Item(None, "logs" if is_log else "traces", *envelope(made.resource, made.instrumentation_scope), body)


def sent(*spans):
    """What a receiver reads of spans."""
    return ExportTraceServiceRequest.FromString(request(map(item, spans)))


def sent_logs(*logs):
    return ExportLogsServiceRequest.FromString(request(map(item, logs)))


def sent_span(made):
    return sent(made).resource_spans[0].scope_spans[0].spans[0]


def sent_log(made):
    return sent_logs(made).resource_logs[0].scope_logs[0].log_records[0]


def read(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value):
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [value_of(each) for each in value.array_value.values]
        case "kvlist_value":
            return read(value.kvlist_value.values)
        case scalar:
            return getattr(value, scalar)


def official(*spans):
    """What OpenTelemetry's encoder makes of spans, and the trace states of links, which it leaves out."""
    encoded = encode_spans(spans)
    (message,) = encoded.resource_spans[0].scope_spans[0].spans
    for link, told in zip(spans[0].links, message.links, strict=True):
        told.trace_state = ",".join(f"{key}={value}" for key, value in link.context.trace_state.items())
    return encoded


# --- whatever OpenTelemetry's encoder takes --------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2000)
    | st.floats()
    | st.binary(max_size=20)
    | st.text(max_size=20)
    | st.integers(100, 600).map("ä".__mul__)  # around the ends of the tables
    | st.integers(100, 600).map("x".__mul__)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=10) | st.sampled_from("abc").map(lambda c: c * 500), VALUES)
BOUNDED = st.builds(
    BoundedAttributes, st.none() | st.integers(0, 3), st.dictionaries(st.text(min_size=1, max_size=5), st.text())
)
TIMES = st.integers(0, 2**64 - 1)
STATES = st.sampled_from([TraceState(), TraceState([("a", "1"), ("b", "2")])])
CONTEXTS = st.builds(
    SpanContext,
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.integers(0, 255).map(TraceFlags),
    STATES,
)
EVENTS = st.builds(Event, st.text(max_size=20), st.none() | ATTRIBUTES | BOUNDED, TIMES)
LINKS = st.builds(Link, CONTEXTS, st.none() | ATTRIBUTES | BOUNDED)
STATUSES = st.builds(Status, st.just(StatusCode.ERROR), st.none() | st.text()) | st.sampled_from(StatusCode).map(Status)
SCOPES = st.builds(
    InstrumentationScope,
    st.text(max_size=10),
    st.none() | st.text(max_size=10),
    st.none() | st.text(max_size=10),
    st.none() | st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=2),
)
RESOURCES = st.builds(
    Resource, st.dictionaries(st.text(min_size=1, max_size=5), st.integers(-5, 5)), st.none() | st.text(max_size=5)
)


@st.composite
def spans(draw):
    """Any span that OpenTelemetry's encoder takes."""
    dropped = BoundedList(2)
    dropped.extend(draw(st.lists(EVENTS, max_size=4)))
    return ReadableSpan(
        draw(st.text()),
        draw(CONTEXTS),
        draw(st.none() | CONTEXTS),
        draw(RESOURCES),
        draw(st.none() | ATTRIBUTES | BOUNDED),
        dropped,
        draw(st.lists(LINKS, max_size=2)),
        draw(st.sampled_from(SpanKind)),
        status=draw(st.none() | STATUSES),
        start_time=draw(st.none() | TIMES),
        end_time=draw(st.none() | TIMES),
        instrumentation_scope=draw(st.none() | SCOPES),
    )


@st.composite
def logs(draw):
    """Any log record that OpenTelemetry's encoder takes."""
    record = LogRecord(
        timestamp=draw(st.none() | TIMES),
        observed_timestamp=draw(TIMES),
        severity_text=draw(st.none() | st.text()),
        severity_number=draw(st.none() | st.sampled_from(SeverityNumber)),
        body=draw(VALUES),
        attributes=draw(st.none() | ATTRIBUTES | BOUNDED),
        event_name=draw(st.none() | st.text()),
    )
    context = draw(CONTEXTS)
    record.trace_id, record.span_id, record.trace_flags = context.trace_id, context.span_id, context.trace_flags
    return ReadableLogRecord(record, draw(RESOURCES), draw(st.none() | SCOPES))


@settings(deadline=None, max_examples=150)
@given(spans())
def test_spans_are_what_opentelemetry_makes_of_them(made):
    """A receiver reads the same message."""
    assert sent(made).SerializeToString() == official(made).SerializeToString()
    assert counts() == {}


@settings(deadline=None, max_examples=100)
@given(logs())
def test_logs_are_what_opentelemetry_makes_of_them(made):
    """A receiver reads the same message."""
    assert sent_logs(made).SerializeToString() == encode_logs([made]).SerializeToString()
    assert counts() == {}


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


class Text(str):
    """Text of a class of its own, that encodes as it likes."""

    __slots__ = ()

    def encode(self, *_):
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [
        Level.HIGH,
        Text("text"),
        bytearray(b"abc"),
        deque([1, "a"]),
        range(3),
        UserDict(a=1),
        OrderedDict(a=1),
        BoundedAttributes(attributes={"a": 1}),
        math.inf,
        "NUL \0",
        -1,
        2**63 - 1,
        -(2**63),
        "x" * 70_000,
        {1: {None: {True: "number keys"}}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_less_common_values_are_what_opentelemetry_makes_of_them(value):
    """Subclasses and other sequences and mappings too."""
    made = span(attributes={"key": value, "other": [value]})

    assert sent(made) == encode_spans([made])
    assert counts() == {}


def test_spans_of_the_sdk():
    """A span of a provider with limits says what they cost it."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    made = provider.get_tracer("tests", "1.0", "https://example.com/schema", {"a": "b"}).start_span("work")
    for number in range(130):
        made.set_attribute(f"key {number}", number)
        made.add_event(f"event {number}", {"number": number})
    made.record_exception(ValueError("odd"))
    made.end()

    assert sent(made) == encode_spans([made])
    told = sent_span(made)
    assert (told.dropped_attributes_count, told.dropped_events_count) == (2, 3)


def test_open_spans_have_no_end():
    """A snapshot of a span that is still open leaves the field out."""
    assert sent_span(span(end_time=None)).end_time_unix_nano == 0


def test_links_keep_their_trace_state():
    """Which OpenTelemetry's encoder leaves out."""
    context = SpanContext(1, 2, True, TraceFlags(1), TraceState([("vendor", "x")]))

    (told,) = sent_span(span(links=[Link(context)])).links

    assert (told.trace_state, told.flags) == ("vendor=x", 0x300)


# --- values that it does not take ------------------------------------------------------------------------------------


class Unprintable:
    """A value whose own code raises."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __iter__ = __str__


class Unreadable(UserDict):
    """A mapping whose own code raises."""

    def items(self):
        raise RuntimeError


class UnreadableList(list):
    """A sequence whose own code raises."""

    def __iter__(self):
        raise RuntimeError


def nested(depth, *, wrap=lambda inner: {"a": inner}):
    value = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


def circular():
    value = [1]
    value.append(value)
    return value


def circular_twice():
    """Unrolled to 24 levels, it would have 16 million members."""
    value = []
    value += [value, value]
    return value


BAD = {
    "surrogate": ("a\ud800b" * 3, "a\ufffdb" * 3),
    "surrogate in a long text": ("x" * 200_000 + "\udfff", "x" * 200_000 + "\ufffd"),
    "surrogate in a list": (["a", "\ud800"], ["a", "\ufffd"]),
    "surrogate in a mapping": ({"a": "\ud800", "b": 1}, {"a": "\ufffd", "b": 1}),
    "surrogate in a key": ({"\ud800": 1}, {"\ufffd": 1}),
    "large": (2**64, "18446744073709551616"),
    "small": (-(2**63) - 1, "-9223372036854775809"),
    "large in a list": ([1, 2**63], [1, "9223372036854775808"]),
    "very large": (10**5000, hex(10**5000)),
    "deep": (nested(25), json.dumps(nested(25)).replace(" ", "")),
    "deep lists": (nested(25, wrap=lambda inner: [inner]), "[" * 25 + '"x"' + "]" * 25),
    "circular": (circular(), '[1,"<circular reference>"]'),
    "circular twice": (circular_twice(), '["<circular reference>","<circular reference>"]'),
    "set": ({1}, "[1]"),
    "date": (dt.date(2026, 11, 21), "2026-11-21"),
    "unprintable": (Unprintable(), "<unprintable Unprintable>"),
    "unprintable in a list": ([1, Unprintable()], [1, "<unprintable Unprintable>"]),
    "unreadable": (Unreadable(a=1), "{'a': 1}"),
    "unreadable list": (UnreadableList([1]), "[1]"),
}


def in_span(value):
    made = sent_span(span(attributes={"bad": value, "good": "kept"}))
    return read(made.attributes)


def in_event(value):
    events = [Event("before"), Event("event", {"bad": value, "good": "kept"}), Event("after")]
    made = sent_span(span(events=events))
    assert [event.name for event in made.events] == ["before", "event", "after"]
    return read(made.events[1].attributes)


def in_link(value):
    return read(sent_span(span(links=[Link(CONTEXT, {"bad": value, "good": "kept"})])).links[0].attributes)


def in_resource(value):
    resource = SimpleNamespace(attributes={"bad": value, "good": "kept"}, schema_url="")
    return read(sent(span(resource=resource)).resource_spans[0].resource.attributes)


def in_scope(value):
    scope = SimpleNamespace(name="s", version=None, schema_url="", attributes={"bad": value, "good": "kept"})
    return read(sent(span(instrumentation_scope=scope)).resource_spans[0].scope_spans[0].scope.attributes)


def in_log(value):
    return read(sent_log(log(attributes={"bad": value, "good": "kept"})).attributes)


def in_body(value):
    return {"bad": value_of(sent_log(log(body=value, attributes={"good": "kept"})).body), "good": "kept"}


PLACES = (in_span, in_event, in_link, in_resource, in_scope, in_log, in_body)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("value", "expected"), BAD.values(), ids=BAD)
def test_bad_value_costs_itself(place, value, expected):
    """It is replaced and counted, wherever it is; what is around it stays."""
    made = place(value)

    assert made == {"bad": expected, "good": "kept"}
    assert counts() == {"bad_value": 1}
