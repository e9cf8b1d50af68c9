"""Every field that the wire carries, what is refused and why, and bodies that are none."""

import gzip
import json
import struct

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from otlp_bodies import Filler, as_json, logs, some_span, some_spans, traces

from contextcompany.observatory import otlp, otlp_json
from contextcompany.observatory.otlp import JSON, PROTOBUF, Batch, DecodeError, decode

REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}

# --- every field -----------------------------------------------------------------------------------------------------


def leaves(value):
    """Everything in decoded values that is no container, keys included."""
    if isinstance(value, dict):
        return [each for pair in value.items() for part in pair for each in leaves(part)]
    if isinstance(value, (list, tuple)):
        return [each for part in value for each in leaves(part)]
    return [value]


@pytest.mark.parametrize("signal", ["traces", "logs"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_every_field_of_otlp_is_in_the_values(signal, content_type):
    """Each has a value of its own, found by protobuf's descriptors, and each arrives."""
    filler = Filler()
    request = REQUESTS[signal]()
    filler.fill(request)
    body = request.SerializeToString()

    batch = decode(signal, body if content_type == PROTOBUF else as_json(type(request), body), content_type)

    assert batch.refused == []
    assert len(filler.leaves) > 300
    found = leaves([[each[:-1] for each in batch.spans], [each[:-1] for each in batch.logs]])
    assert [leaf for leaf in filler.leaves if leaf not in found] == []


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_both_encodings_say_the_same(signal):
    """But for the order of the bytes in `raw`, which are protobuf in both cases."""
    request = REQUESTS[signal]()
    Filler().fill(request)
    body = request.SerializeToString()

    by_names = as_json(type(request), body, integers_for_enums=False)

    assert decode(signal, as_json(type(request), body), JSON) == decode(signal, by_names, JSON)
    assert decode(signal, by_names, JSON) == decode(signal, body, PROTOBUF)


def test_enums_and_flags_keep_their_place():
    """What the walk over all fields cannot tell apart."""
    span = some_span(kind=3, flags=0x101, status={"code": 2, "message": "no"})
    record = LogRecord(severity_number=17, flags=1)

    (decoded,) = decode("traces", traces(span), PROTOBUF).spans
    (log,) = decode("logs", logs(record), PROTOBUF).logs

    assert (decoded.kind, decoded.flags, decoded.status, decoded.parent_id) == (3, 0x101, (2, "no"), "")
    assert (log.severity_number, log.flags, log.trace_id, log.span_id, log.body) == (17, 1, "", "", None)


def test_raw_is_what_came():
    """Byte for byte, with fields that nobody knows yet and in an order that no encoder of ours has."""
    newer = b"\xda\x0c\x05hello"  # field 203
    raw = some_span(trace_state="a=b").SerializeToString() + newer + b"\x2a\x01x"
    body = b"\x0a" + bytes([len(raw) + 4]) + b"\x12" + bytes([len(raw) + 2]) + b"\x12" + bytes([len(raw)]) + raw

    (span,) = decode("traces", body, PROTOBUF).spans

    assert span.raw == raw
    assert span.name == "x"


def test_scope_and_resource_are_shared():
    """A thousand spans of one resource have one resource."""
    first, second = decode("traces", traces(*some_spans(2)), PROTOBUF).spans

    assert first.scope is second.scope
    assert first.resource is second.resource


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "1"}, "1"),
        ({"boolValue": False}, False),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 7}, 7),
        ({"intValue": 7.0}, 7),
        ({"doubleValue": 3}, 3.0),
        ({"doubleValue": "-Infinity"}, -float("inf")),
        ({"doubleValue": "0.25"}, 0.25),
        ({"bytesValue": "-_8="}, b"\xfb\xff"),
        ({"bytesValue": "+/8"}, b"\xfb\xff"),
        ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, [1, None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}, {"k": "v"}),
        ({"stringValue": None}, None),
        ({}, None),
        (None, None),
        ({"stringValue": "cut \ud83d"}, "cut \ufffd"),
        ({"stringValue": "whole \U0001f600", "newer": [1]}, "whole \U0001f600"),
    ],
)
def test_json_values(value, expected):
    """OTLP's rules: integers as text or number, bytes as base64, null and unknown keys as if they were not there."""
    span = {
        "traceId": "0AF7651916CD43DD8448EB211C80319C",
        "spanId": "b7ad6b7169203331",
        "attributes": [{"key": "a", "value": value}],
        "somethingNew": {"x": 1},
        "parentSpanId": "",
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}], "more": 1}).encode()

    (decoded,) = decode("traces", body, JSON).spans

    assert decoded.attributes == {"a": expected}
    assert type(decoded.attributes["a"]) is type(expected)
    assert decoded.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert decode("traces", traces(SpanMessage.FromString(decoded.raw)), PROTOBUF).spans[0][:14] == decoded[:14]


def test_keys_of_the_proto_files_are_taken_too():
    """Some senders write them; passing over them would lose their spans without a word."""
    span = {"trace_id": "00" * 15 + "01", "span_id": "00" * 7 + "01", "start_time_unix_nano": "5"}
    body = json.dumps({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]}).encode()

    assert decode("traces", body, JSON).spans[0].start_ns == 5


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "its trace id is missing"),
        ({"trace_id": bytes(16)}, "its trace id is all zeros"),
        ({"trace_id": b"12345"}, "its trace id has 5 bytes, not 16"),
        ({"span_id": b"1" * 16}, "its span id has 16 bytes, not 8"),
        ({"parent_span_id": b"1"}, "its parent's id has 1 bytes, not 8"),
        ({"start_time_unix_nano": 2**63}, "its start is 9223372036854775808 ns, after the year 2262"),
        ({"events": [{"time_unix_nano": 2**64 - 1}]}, "its time of an event is 18446744073709551615 ns"),
    ],
)
def test_a_span_that_is_not_valid_costs_that_span(fields, reason):
    """It is refused with its number, its name and why; its neighbours are read."""
    batch = decode("traces", traces(some_span(1), some_span(2, **fields), some_span(3)), PROTOBUF)

    assert [span.name for span in batch.spans] == ["span 1", "span 3"]
    assert len(batch.refused) == 1
    assert batch.refused[0].startswith(f"span 2 ('span 2'): {reason}")


def test_a_parent_of_zeros_is_none():
    """As some senders say that a span is a root."""
    assert decode("traces", traces(some_span(parent_span_id=bytes(8))), PROTOBUF).spans[0].parent_id == ""


def test_bytes_that_protobuf_refuses_cost_their_span():
    """Text that is not UTF-8, for one, which protobuf's own reader refuses the whole request for."""
    bad = some_span(2).SerializeToString().replace(b"span 2", b"sp\xffn 2")
    good = some_span(1).SerializeToString()
    spans = b"".join(b"\x12" + bytes([len(raw)]) + raw for raw in (good, bad))
    body = b"\x0a" + bytes([len(spans) + 2]) + b"\x12" + bytes([len(spans)]) + spans

    batch = decode("traces", body, PROTOBUF)

    assert [span.name for span in batch.spans] == ["span 1"]
    assert batch.refused == ["span 2: it cannot be read as protobuf: broken, not UTF-8, or nested too deeply"]


def nested(depth):
    value = {"stringValue": "x"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return value


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceId": "xyz"}, "`traceId` is 'xyz', not an id in hex"),
        ({"traceId": 12}, "`traceId` is 12, not an id in hex"),
        ({"startTimeUnixNano": "soon"}, "`startTimeUnixNano` is 'soon', not an integer from 0 to 18446744073709551615"),
        ({"startTimeUnixNano": -1}, "`startTimeUnixNano` is -1, not an integer"),
        ({"kind": "CLIENT"}, "`kind` is 'CLIENT', not one of SPAN_KIND_UNSPECIFIED, SPAN_KIND_INTERNAL"),
        ({"name": 5}, "`name` is a number, not a text"),
        ({"attributes": {"a": 1}}, "`attributes` is an object, not a list"),
        ({"attributes": [5]}, "`attributes` is a number, not an object"),
        ({"attributes": [{"key": "a", "value": {"boolValue": 1}}]}, "`boolValue` is a number, not true or false"),
        ({"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]}, "`intValue` is '1.5', not an integer from -9"),
        ({"attributes": [{"key": "a", "value": {"intValue": str(2**63)}}]}, "`intValue` is '9223372036854775808'"),
        ({"attributes": [{"key": "a", "value": {"bytesValue": "*"}}]}, "`bytesValue` is '*', not bytes in base64"),
        ({"attributes": [{"key": "a", "value": {"doubleValue": "many"}}]}, "`doubleValue` is 'many', not a number"),
        ({"attributes": [{"key": "a", "value": nested(48)}]}, "it is nested too deeply"),
        ({"protobuf": 3}, "`protobuf` is 3, not bytes in base64"),
        ({"protobuf": "/w=="}, "it cannot be read as protobuf"),
        ({"protobuf": ""}, "its trace id is missing"),
    ],
)
def test_a_span_in_json_that_is_not_valid_says_which_field(fields, reason):
    """And its neighbour is read."""
    good = {"traceId": "00" * 15 + "01", "spanId": "00" * 7 + "01", "name": "good"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{**good, **fields}, good]}]}]}).encode()

    batch = decode("traces", body, JSON)

    assert [span.name for span in batch.spans] == ["good"]
    assert len(batch.refused) == 1
    assert reason in batch.refused[0]


def test_a_span_in_json_may_have_its_bytes_beside_it():
    """As an export writes them where JSON cannot say all of it: they are what was received."""
    raw = some_span().SerializeToString() + b"\xda\x0c\x05hello"  # field 203
    written = otlp_json.written(SpanMessage, raw)
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [written]}]}]}).encode()

    assert written.keys() == {"traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano", "protobuf"}
    assert [span.raw for span in decode("traces", body, JSON).spans] == [raw]


def test_what_is_nested_as_deeply_as_may_be_is_protobuf_that_can_be_read():
    """Or what was accepted could not be exported again."""
    span = {
        "traceId": "00" * 15 + "01",
        "spanId": "00" * 7 + "01",
        "attributes": [{"key": "a", "value": nested(46)}],
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    (decoded,) = decode("traces", body, JSON).spans

    assert decode("traces", traces(SpanMessage.FromString(decoded.raw)), PROTOBUF).spans == [decoded]


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        (PROTOBUF, b"hello", "The body is not OTLP in protobuf"),
        (PROTOBUF, b"{}", "The body is not OTLP in protobuf: byte 0 starts a field of an unknown kind."),
        (PROTOBUF, gzip.compress(b"x", mtime=0), "The body is not OTLP in protobuf"),
        (PROTOBUF, traces(some_span())[:-3], "or it was cut off"),
        (PROTOBUF, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "there is no number at byte 1"),
        (PROTOBUF, b"\x0a\x03\x0a\x01\xff", "A resource in the request cannot be read as protobuf."),
        (PROTOBUF, b"\x0a\x03\x1a\x01\xff", "A schema URL in the request is not UTF-8."),
        (JSON, b"", "The body is not JSON: "),
        (JSON, b"[]", "The body is a list, not a JSON object."),
        (JSON, b"nul", "The body is not JSON: "),
        (JSON, b"\xff\xfe", "The body is not JSON: "),
        (JSON, b"[" * 100_000, "The body is not JSON: "),
        (JSON, b'{"resourceSpans": 5}', "`resourceSpans` is a number, not a list."),
        (JSON, b'{"resourceSpans": [5]}', "`resourceSpans` holds a number, not only objects."),
        (JSON, b'{"resourceSpans": [{"schemaUrl": 5}]}', "`schemaUrl` is a number, not a text."),
        (JSON, b'{"resourceSpans": [{"resource": 5}]}', "`Resource` is a number, not an object."),
    ],
)
def test_bodies_that_are_no_request(content_type, body, said):
    """Say in a sentence what is wrong."""
    with pytest.raises(DecodeError) as caught:
        decode("traces", body, content_type)

    assert said in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(("content_type", "body"), [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b'{"resourceSpans": null}')])
def test_an_empty_request_holds_nothing(content_type, body):
    """And is none the worse for it."""
    assert decode("traces", body, content_type) == Batch([], [], [])


def many(field, size):
    """So many fields of two bytes each."""
    return bytes([field << 3 | 2, 0]) * size


def framed(number, content):
    length = len(content)
    varint = b""
    while length > 127:
        varint += bytes([length & 127 | 128])
        length >>= 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + content


IDS = framed(1, b"1" * 16) + framed(2, b"1" * 8)


@pytest.mark.parametrize(
    "body",
    [
        framed(1, framed(2, many(2, otlp.MAX_ITEMS + 1))),
        framed(1, many(2, otlp.MAX_ITEMS + 1)),
        framed(1, framed(2, framed(2, many(11, otlp.MAX_ENTRIES + 1)))),
        framed(1, framed(2, framed(2, framed(11, many(3, otlp.MAX_ENTRIES + 1))))),
        framed(1, framed(2, framed(2, IDS + many(9, 30_000)) * (otlp.MAX_ENTRIES // 30_000 + 1))),
        framed(1, framed(2, framed(2, IDS + framed(9, framed(2, framed(5, many(1, otlp.MAX_ENTRIES))))))),
        framed(1, framed(2, framed(2, IDS + framed(9, framed(2, framed(5, many(1, 30_000))))) * 17)),
        framed(1, framed(1, many(1, otlp.MAX_ENTRIES + 1))),
        framed(1, many(2, 60_000)) * 9,
    ],
    ids=[
        "spans",
        "scopes",
        "events",
        "attributes of events",
        "attributes of several spans",
        "values of a list",
        "values of several lists",
        "attributes of a resource",
        "empty scopes of several resources",
    ],
)
def test_much_out_of_little_is_refused(body):
    """Two bytes on the wire can be hundreds in memory."""
    with pytest.raises(DecodeError, match="The request holds more than"):
        decode("traces", body, PROTOBUF)


def test_much_out_of_little_json_is_refused():
    """Before anything is made of it."""
    with pytest.raises(DecodeError, match="The body holds more than 1,000,000 objects and lists"):
        decode("traces", b'{"resourceSpans": [' + b"{}," * otlp_json.MAX_OBJECTS + b"{}]}", JSON)


# --- fuzzing ---------------------------------------------------------------------------------------------------------


def filled(signal):
    request = REQUESTS[signal]()
    Filler().fill(request)
    return request.SerializeToString()


BODIES = {signal: filled(signal) for signal in REQUESTS} | {"spans": traces(*some_spans(5))}
FUZZED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def mutations(draw):
    """A request with bytes changed, taken out, put in, or cut off."""
    name = draw(st.sampled_from(sorted(BODIES)))
    signal = "logs" if name == "logs" else "traces"
    content_type = draw(st.sampled_from([PROTOBUF, JSON]))
    body = bytearray(BODIES[name] if content_type == PROTOBUF else as_json(REQUESTS[signal], BODIES[name]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body) - 1)) if body else 0
        piece = draw(st.binary(max_size=8) | st.sampled_from([b"null", b"[]", b'"', b"{", b"1e999", b"\\ud800"]))
        cut = draw(st.sampled_from([0, 0, len(piece), 1, 30]))
        body[at : at + cut] = piece
    if draw(st.booleans()):
        del body[draw(st.integers(0, len(body))) :]
    return signal, bytes(body), content_type


def check(signal, body, content_type):
    """Either a `DecodeError`, or values that can be kept: encodable, with valid ids and times."""
    try:
        batch = decode(signal, body, content_type)
    except DecodeError as error:
        batch, said = Batch([], [], []), str(error)
    else:
        said = "Nothing."
    assert said.encode().endswith(b".")
    for span in batch.spans:
        assert (len(bytes.fromhex(span.trace_id)), len(bytes.fromhex(span.span_id))) == (16, 8)
        assert 0 <= span.start_ns < 2**63
    for each in [*batch.spans, *batch.logs]:
        "".join(leaf for leaf in leaves(each) if isinstance(leaf, str)).encode()
        assert (SpanMessage if batch.spans else LogRecord).FromString(each.raw)
    assert all(reason.encode() for reason in batch.refused)


@FUZZED
@given(mutations())
def test_mutated_bodies_are_read_or_refused(mutation):
    """Nothing else comes of them."""
    check(*mutation)


@FUZZED
@given(st.sampled_from(["traces", "logs"]), st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON]))
def test_any_bytes_are_read_or_refused(signal, body, content_type):
    """Likewise."""
    check(signal, body, content_type)


KEYS = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resource",
    "scope",
    "attributes",
    "key",
    "value",
    "name",
    "traceId",
    "spanId",
    "stringValue",
    "arrayValue",
    "values",
    "kvlistValue",
    "events",
    "status",
    "kind",
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("0af7651916cd43dd"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@FUZZED
@given(JSON_VALUES)
def test_any_json_is_read_or_refused(value):
    """Whatever stands where."""
    check("traces", json.dumps(value).encode(), JSON)
    check("traces", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [value]}]}]}).encode(), JSON)


@FUZZED
@given(st.floats(allow_nan=True), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=20), st.text(max_size=20))
def test_values_arrive_as_they_were(number, integer, raw, text):
    """Bit for bit, in both encodings."""
    span = some_span()
    for key, field, value in [
        ("d", "double_value", number),
        ("i", "int_value", integer),
        ("b", "bytes_value", raw),
        ("s", "string_value", text),
    ]:
        setattr(span.attributes.add(key=key).value, field, value)
    body = traces(span)
    for encoded, content_type in [(body, PROTOBUF), (as_json(ExportTraceServiceRequest, body), JSON)]:
        found = decode("traces", encoded, content_type).spans[0].attributes
        assert (found["i"], found["b"], found["s"]) == (integer, raw, text)
        assert struct.pack("d", found["d"]) == struct.pack("d", number) or found["d"] != found["d"]


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_full_success_says_nothing():
    """As the specification wants it: no partial success."""
    assert otlp.accepted("traces", [], PROTOBUF) == b""
    assert json.loads(otlp.accepted("traces", [], JSON)) == {}


def test_what_was_refused_is_counted_with_its_reasons():
    """Ten reasons are enough to see what is wrong."""
    refused = [f"span {number}: no" for number in range(12)]
    said = "; ".join(refused[:10]) + "; and 2 more"

    answer = ExportTraceServiceResponse.FromString(otlp.accepted("traces", refused, PROTOBUF))
    of_logs = ExportLogsServiceResponse.FromString(otlp.accepted("logs", refused, PROTOBUF))

    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (12, said)
    assert of_logs.partial_success.rejected_log_records == 12
    assert json.loads(otlp.accepted("logs", refused, JSON)) == {
        "partialSuccess": {"rejectedLogRecords": "12", "errorMessage": said}
    }


def test_errors_are_a_status_of_grpc():
    """In the encoding of the request."""
    status = Status.FromString(otlp.failed(3, "No.", PROTOBUF))

    assert (status.code, status.message) == (3, "No.")
    assert json.loads(otlp.failed(3, "No.", JSON)) == {"code": 3, "message": "No."}
