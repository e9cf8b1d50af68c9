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
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from contextcompany import _encoding
from contextcompany._diagnostics import counts
from contextcompany._encoding import (
    NotEncodable,
    close_snapshot,
    encode_log,
    encode_span,
    envelope,
    partial_success,
    request,
    stub,
)
from contextcompany._item import Item

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

    __iter__ = __str__


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


NAMES = [
    ("a\ud800", "a\ufffd", 1),
    (7, "7", 1),
    (b"bytes\xff", "bytes\ufffd", 1),
    (Unprintable(), "<unprintable Unprintable>", 1),
    (None, "", 0),
    (Text("text"), "text", 0),
]


def group(**given):
    return sent(span(**given)).resource_spans[0]


def scoped(*given):
    return group(instrumentation_scope=InstrumentationScope(*given)).scope_spans[0]


def ended_with(description):
    return sent_span(span(status=SimpleNamespace(status_code=StatusCode.ERROR, description=description))).status


NAMED = {
    "span": lambda name: sent_span(span(name)).name,
    "event": lambda name: sent_span(span(events=[Event(name)])).events[0].name,
    "status": lambda name: ended_with(name).message,
    "scope": lambda name: scoped(name).scope.name,
    "version": lambda name: scoped("s", name).scope.version,
    "schema": lambda name: scoped("s", "", name).schema_url,
    "resource": lambda name: group(resource=SimpleNamespace(attributes=None, schema_url=name)).schema_url,
    "severity": lambda name: sent_log(log(severity_text=name)).severity_text,
    "log event": lambda name: sent_log(log(event_name=name)).event_name,
}


ODD = (
    SCALARS
    | st.text(st.characters(exclude_categories=()), max_size=5)
    | st.integers()
    | st.sampled_from([Unprintable(), Unreadable(a=1), UnreadableList([1]), circular(), circular_twice(), object, {1}])
)
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner) | st.dictionaries(st.none() | st.text(st.characters()), inner), max_leaves=10
)


@settings(deadline=None, max_examples=150)
@given(ANYTHING)
def test_anything_can_be_sent(value):
    """It arrives as something, and what is around it as it is."""
    for place in PLACES:
        assert place(value)["good"] == "kept"
    for name in NAMED.values():
        assert isinstance(name(value), str)
    made = span(start_time=value, end_time=value, kind=value, status=value, parent=value, attributes={"good": "kept"})
    assert read(sent_span(made).attributes) == {"good": "kept"}
    made = log(body="kept", timestamp=value, observed_timestamp=value, severity_number=value)
    made.log_record.trace_id = made.log_record.span_id = made.log_record.trace_flags = value
    assert sent_log(made).body.string_value == "kept"


@pytest.mark.parametrize("wrap", [lambda inner: {"a": inner}, lambda inner: [inner], lambda inner: [{"a": inner}]])
@pytest.mark.parametrize("place", PLACES)
def test_depth(place, wrap):
    """What receivers can read stays a structure; beyond that it is JSON text, however deep."""
    per_level = 2 if type(wrap(0)) is list and type(wrap(0)[0]) is dict else 1
    for levels in (0, 1, 23, 24, 25, 49, 50, 100, 200):
        value = nested(levels, wrap=wrap)
        made = place(value)["bad"]
        if levels * per_level <= 24:
            assert made == value
        else:
            assert isinstance(made, str)
            assert made.count('"x') == 1 or made.count('\\"x') == 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [("\ud800", "\ufffd"), (None, "None"), (7, "7"), (10**5000, hex(10**5000)), (Unprintable(), None)],
    ids=["surrogate", "none", "number", "very large", "unprintable"],
)
def test_keys(key, expected):
    """A key that is no text becomes text."""
    made = read(sent_span(span(attributes={key: 1, "good": "kept"})).attributes)

    assert made == {expected or "<unprintable Unprintable>": 1, "good": "kept"}


@pytest.mark.parametrize("where", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize(("name", "expected", "count"), NAMES, ids=[repr(type(row[0])) for row in NAMES])
def test_names_that_are_no_text(where, name, expected, count):
    """They become text."""
    assert where(name) == expected
    assert counts().get("bad_value", 0) == count


NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.timezone.utc)
TIMES_REPLACED = [
    (NOON, 1_795_262_400_000_000_000),
    (1_795_262_400.25, 1_795_262_400_250_000_000),
    (1.7952624e18, 1_795_262_400_000_000_000),
    (-1, 0),
    (-1.5, 0),
    (2**64, 0),
    (math.nan, 0),
    (math.inf, 0),
    ("2026-11-21", 0),
    (Unprintable(), 0),
]


@pytest.mark.parametrize(("time", "expected"), TIMES_REPLACED)
def test_times_that_are_none(time, expected):
    """Seconds and dates become nanoseconds; a span that has no valid time takes its other one."""
    begun, ended = (sent_span(span(**{field: time})) for field in ("start_time", "end_time"))
    event = SimpleNamespace(name="e", timestamp=time, attributes={}, dropped_attributes=0)
    (held,) = sent_span(span(events=[event])).events
    record = sent_log(log(timestamp=time))

    assert (begun.start_time_unix_nano, begun.end_time_unix_nano) == (expected or END, END)
    assert (ended.start_time_unix_nano, ended.end_time_unix_nano) == (START, expected or START)
    assert (held.name, held.time_unix_nano) == ("e", expected)
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (expected, END)
    assert counts() == {"bad_value": 4}


def test_no_valid_time_at_all():
    """Then it is not known."""
    told = sent_span(span(start_time="x", end_time="y"))

    assert (told.start_time_unix_nano, told.end_time_unix_nano) == (0, 0)


def broken_context(**given):
    return SimpleNamespace(**{"trace_id": 1, "span_id": 2, "is_remote": False, "trace_state": None, **given})


@pytest.mark.parametrize(
    "context",
    [broken_context(trace_id=2**128), broken_context(span_id=-1), broken_context(trace_id="1"), None],
    ids=["large", "negative", "text", "none"],
)
def test_links_to_nowhere(context):
    """A link whose ids do not fit is left out, which the span says; its neighbours stay."""
    links = [Link(CONTEXT), SimpleNamespace(context=context, attributes={"a": 1}, dropped_attributes=0), Link(CONTEXT)]

    told = sent_span(span(links=links, events=[Event("kept"), None]))

    assert (len(told.links), told.dropped_links_count) == (2, 1)
    assert ([event.name for event in told.events], told.dropped_events_count) == (["kept"], 1)
    assert counts() == {"bad_value": 2}


def test_odd_fields_cost_themselves():
    """A parent, kind, status, trace state or count that is none is left out."""
    context = broken_context(trace_state={"a": Unprintable()})
    made = span(context=context, parent=broken_context(span_id=2**64), kind="client", status="ok", attributes={"a": 1})

    told = sent_span(made)

    assert told == type(told)(
        trace_id=(1).to_bytes(16, "big"),
        span_id=(2).to_bytes(8, "big"),
        name="work",
        start_time_unix_nano=START,
        end_time_unix_nano=END,
        attributes=told.attributes,
        status=told.status,
        flags=0x100,
    )
    assert told.status.ByteSize() == 0
    assert read(told.attributes) == {"a": 1}
    assert counts() == {"bad_value": 4}


def test_odd_fields_of_logs_cost_themselves():
    """Ids, flags and a severity that are none are left out."""
    made = log(body="kept", severity_number=SimpleNamespace(value="high"))
    made.log_record.trace_id, made.log_record.span_id, made.log_record.trace_flags = 2**128, "1", "x"

    told = sent_log(made)

    assert (told.trace_id, told.span_id, told.flags, told.severity_number) == (b"", b"", 0, 0)
    assert told.body.string_value == "kept"
    assert counts() == {"bad_value": 3}


def test_broken_attributes_cost_themselves():
    """A mapping whose own code raises is left out."""
    told = sent_span(span(attributes=Unreadable(a=1), events=[Event("kept", Unreadable(a=1))]))

    assert (told.name, len(told.attributes), len(told.events)) == ("work", 0, 1)


class Adding(list):
    """A value that adds an attribute whenever it is read, as another thread might."""

    def __init__(self, attributes):
        self.attributes = attributes

    def __iter__(self):
        self.attributes[f"added {len(self.attributes)}"] = 1
        return iter([1])


def test_open_spans_may_change_meanwhile():
    """What is recorded while a snapshot is encoded does not disturb it."""
    attributes = {}
    attributes["adding"] = attributes["adding too"] = Adding(attributes)

    assert read(sent_span(span(attributes=attributes)).attributes) == {"adding": [1], "adding too": [1]}
    assert counts() == {}


@pytest.mark.parametrize("trace_id", [-1, 2**128, "1", None])
def test_spans_without_ids(trace_id):
    """Nothing can be sent of them, and that is the only thing that is raised."""
    with pytest.raises(NotEncodable):
        encode_span(span(context=broken_context(trace_id=trace_id)))


@pytest.mark.parametrize("made", [None, object(), Unprintable(), SimpleNamespace(log_record=None)])
def test_what_is_no_span(made):
    """Nothing else is raised whatever it is."""
    with pytest.raises(NotEncodable):
        encode_span(made)
    with pytest.raises(NotEncodable):
        encode_log(made)


def test_opentelemetry_s_encoder_is_the_second_one(monkeypatch):
    """A fault of ours costs time."""
    made, record = span(attributes={"a": 1}), log(body="b")
    expected = encode_span(made), encode_log(record)

    def broken(_):
        raise RuntimeError

    monkeypatch.setattr(_encoding, "_span", broken)
    monkeypatch.setattr(_encoding, "_log", broken)

    assert sent(made) == encode_spans([made])
    assert sent_logs(record) == encode_logs([record])
    assert len(encode_span(made)) == len(expected[0])


def test_what_was_replaced_is_said_without_it(caplog):
    """Once, and never what it was."""
    encode_span(span(attributes={"password": "hunter2 \ud800", "large": 2**70}))

    assert counts() == {"bad_value": 2}
    assert [record.getMessage() for record in caplog.records] == [
        "A value that OTLP cannot carry was replaced; all else is sent."
    ]


def test_envelopes_of_nothing():
    """What is no resource and no scope leaves the items as they are."""
    body = encode_span(span())
    told = ExportTraceServiceRequest.FromString(request([Item(None, "traces", *envelope(None, object()), body)]))

    assert told.resource_spans[0].scope_spans[0].spans[0].name == "work"
    assert counts() == {"bad_value": 2}


def test_caches_are_bounded():
    """Keys and resources of programs that make them up do not fill the memory."""
    for number in range(5000):
        encode_span(span(attributes={f"key {number}": 1, "k" * 300 + str(number): 1}))
        envelope(Resource({"n": number}), SCOPE)

    assert len(_encoding._heads) <= 2048
    assert max(map(len, _encoding._heads)) < 300
    assert len(_encoding._envelopes) <= 64


# --- requests --------------------------------------------------------------------------------------------------------


def test_neighbours_share_their_envelope():
    """One entry for a resource, one in it for a scope, as long as items follow each other; the order stays."""
    other_scope, other_resource = InstrumentationScope("other"), Resource({"service.name": "other"})
    made = [
        span("1"),
        span("2"),
        span("3", instrumentation_scope=other_scope),
        span("4", resource=other_resource),
        span("5", resource=other_resource, instrumentation_scope=None),
        span("6"),
    ]

    told = [
        [read(of_resource.resource.attributes)["service.name"], scope.scope.name, [each.name for each in scope.spans]]
        for of_resource in sent(*made).resource_spans
        for scope in of_resource.scope_spans
    ]

    assert told == [
        ["shop", "tests", ["1", "2"]],
        ["shop", "other", ["3"]],
        ["other", "tests", ["4"]],
        ["other", "", ["5"]],
        ["shop", "tests", ["6"]],
    ]
    assert len(sent(*made).resource_spans) == 3


def test_requests_of_logs():
    """Likewise."""
    records = [log(body="1"), log(body="2"), log(body="3", scope=None)]

    assert sent_logs(*records) == encode_logs(records)


def test_requests_of_equal_envelopes():
    """Bytes that are equal are one envelope, whichever process they come from."""
    first = item(span("1"))
    second = first._replace(head=bytes(bytearray(first.head)), scope=bytes(bytearray(first.scope)))

    assert len(ExportTraceServiceRequest.FromString(request([first, second])).resource_spans[0].scope_spans) == 1


def test_empty_request():
    """Nothing is a request too."""
    assert request([]) == b""


# --- stubs -----------------------------------------------------------------------------------------------------------

LARGE = {
    "run": "r-1",
    "tokens": 812,
    "cost": 0.25,
    "complete": True,
    "text": "x" * 256,
    "long": "x" * 257,
    "wide": "ä" * 129,
    "list": ["a"],
    "mapping": {"a": 1},
    "bytes": b"a",
    "k" * 300: 1,
}


def decoded(body):
    told = ExportTraceServiceRequest.FromString(request([Item(None, "traces", *envelope(RESOURCE, SCOPE), body)]))
    return told.resource_spans[0].scope_spans[0].spans[0]


def large_span():
    return span(
        "n" * 300,
        context=SpanContext(1, 2, False, TraceFlags(1), TraceState([("a", "1")])),
        parent=SpanContext(1, 3, True),
        kind=SpanKind.CLIENT,
        attributes=LARGE,
        events=[Event("event", {"body": "x" * 1000})],
        links=[Link(CONTEXT)],
        status=Status(StatusCode.ERROR, "s" * 300),
    )


def test_stub():
    """It keeps who it is, its times, its status and what is short; it says what happened to the rest."""
    body = encode_span(large_span())
    whole, told = decoded(body), decoded(stub(body, "413 Content Too Large"))

    for field in ("trace_id", "span_id", "parent_span_id", "kind", "flags", "trace_state"):
        assert getattr(told, field) == getattr(whole, field)
    assert (told.start_time_unix_nano, told.end_time_unix_nano) == (START, END)
    assert (told.name, told.status.code, told.status.message) == ("n" * 256, 2, "s" * 256)
    assert read(told.attributes) == {
        "run": "r-1",
        "tokens": 812,
        "cost": 0.25,
        "complete": True,
        "text": "x" * 256,
        "tcc.undeliverable_reason": "413 Content Too Large",
        "tcc.undeliverable_size": len(body),
    }
    assert (told.dropped_attributes_count, told.dropped_events_count, told.dropped_links_count) == (6, 1, 1)


def test_bare_stub():
    """It has the ids and the times, and nothing else that was on the span."""
    told = decoded(stub(encode_span(large_span()), "400", bare=True))

    assert told == type(told)(
        trace_id=(1).to_bytes(16, "big"),
        span_id=(2).to_bytes(8, "big"),
        parent_span_id=(3).to_bytes(8, "big"),
        name="undeliverable",
        start_time_unix_nano=START,
        end_time_unix_nano=END,
        attributes=told.attributes,
    )
    assert read(told.attributes) == {"tcc.undeliverable_reason": "400"}


def test_stub_of_a_stub():
    """It says the latest reason, once."""
    body = stub(encode_span(span(attributes={"a": 1})), "413")

    assert read(decoded(stub(body, "400")).attributes) == {
        "a": 1,
        "tcc.undeliverable_reason": "400",
        "tcc.undeliverable_size": len(body),
    }


def test_stubs_are_small():
    """Whatever the span was, and whatever the reason."""
    attributes = {f"{number} {'k' * 200}": "x" * 256 for number in range(1000)}

    body = stub(encode_span(span(attributes=attributes, name="x" * 10**6)), "\ud800" * 10**6)

    assert len(body) < 100_000


def test_stubs_keep_what_identifies_them():
    """Of more short attributes than it has room for, those in the middle are left out."""
    attributes = {"run": "r-1", **{f"key {number}": number for number in range(1000)}, "cost": 0.25}

    told = decoded(stub(encode_span(span(attributes=attributes)), "413"))

    assert {"run", "cost"} < read(told.attributes).keys()
    assert len(told.attributes) == 130
    assert told.dropped_attributes_count == 1002 - 128


@pytest.mark.parametrize("body", [b"", b"\xff\xff", b"<html>", b"\x12\x05ab"])
def test_stub_of_no_span(body):
    """There is none."""
    with pytest.raises(NotEncodable):
        stub(body, "400")
    with pytest.raises(NotEncodable):
        close_snapshot(body, END)


# --- snapshots -------------------------------------------------------------------------------------------------------


def test_closed_snapshot():
    """It ends as an error, marked incomplete, with all that it had."""
    attributes = {"kept": "x" * 1000, "tcc.status.code": 0}
    body = encode_span(span(end_time=None, attributes=attributes, events=[Event("kept")], status=Status()))

    told = decoded(close_snapshot(body, END))

    assert (told.name, told.start_time_unix_nano, told.end_time_unix_nano) == ("work", START, END)
    assert told.status.code == 2
    assert read(told.attributes) == {
        "kept": "x" * 1000,
        "tcc.status.code": 2,
        "error.type": "_OTHER",
        "tcc.incomplete": True,
        "tcc.incomplete_reason": "process_died",
    }
    assert [event.name for event in told.events] == ["kept"]


def test_snapshots_do_not_end_before_they_start():
    """Whatever the clock says."""
    told = decoded(close_snapshot(encode_span(span(end_time=None)), 5))

    assert told.end_time_unix_nano == START


# --- responses -------------------------------------------------------------------------------------------------------

SPANS_REJECTED = {"rejected_spans": 3, "error_message": "too old"}
LOGS_REJECTED = {"rejected_log_records": 3, "error_message": "too old"}
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", PROTOBUF, (0, "")),
        (b"\x0a\x00", PROTOBUF, (0, "")),
        (ExportTraceServiceResponse(partial_success=SPANS_REJECTED).SerializeToString(), PROTOBUF, (3, "too old")),
        (ExportLogsServiceResponse(partial_success=LOGS_REJECTED).SerializeToString(), PROTOBUF, (3, "too old")),
        (
            ExportTraceServiceResponse(partial_success={"error_message": "slow down"}).SerializeToString(),
            PROTOBUF,
            (0, "slow down"),
        ),
        (ExportTraceServiceResponse(partial_success={"rejected_spans": -3}).SerializeToString(), PROTOBUF, (0, "")),
        (b"\xff\xff", PROTOBUF, (0, "")),
        (b"{}", JSON, (0, "")),
        (b'{"partialSuccess": {}}', JSON, (0, "")),
        (b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}', JSON, (3, "too old")),
        (b'{"partialSuccess": {"rejectedLogRecords": 3}}', f"{JSON}; charset=utf-8", (3, "")),
        (b'{"partialSuccess": {"rejectedSpans": "many"}}', JSON, (0, "")),
        (b'{"partialSuccess": 3}', JSON, (0, "")),
        (b"[" * 100_000, JSON, (0, "")),
        (b"<html>Please log in.</html>", "text/html", (0, "")),
        (b"", "", (0, "")),
    ],
)
def test_partial_success(body, content_type, expected):
    """How many were rejected and why, if the response can be read and says so."""
    assert partial_success(body, content_type) == expected
