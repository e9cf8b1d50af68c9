"""The receiver tells what the stock OpenTelemetry exporters sent."""

import gzip
import http.client
import socket
import threading
import zlib
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import IdGenerator, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from receiver import Log, Receiver, Request, Span

PROTOBUF = {"content-type": "application/x-protobuf"}


class CountedIds(IdGenerator):
    def __init__(self) -> None:
        self.last = 0

    def generate_trace_id(self) -> int:
        return 0xABC

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last


def make_tracer(url: str, **exporter: Any) -> Any:
    provider = TracerProvider(
        resource=Resource({"service.name": "t"}), id_generator=CountedIds(), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url + "/v1/traces", **exporter)))
    return provider.get_tracer("scope", "1.2", schema_url="https://schema")


def make_logger(url: str, path: str = "/v1/logs") -> Any:
    provider = LoggerProvider(resource=Resource({"service.name": "t"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(url + path)))
    return provider.get_logger("scope", "1.2", schema_url="https://schema")


def post(receiver: Receiver, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(receiver.url.rpartition(":")[2]), timeout=5)
    try:
        connection.request("POST", path, body, PROTOBUF | {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def one_span(**fields: Any) -> bytes:
    span = ProtoSpan(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="a", **fields)
    groups = [ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])]
    return ExportTraceServiceRequest(resource_spans=groups).SerializeToString()


def test_a_span_arrives_whole(receiver):
    """Every part of a span sent by the stock exporter is decoded."""
    tracer = make_tracer(receiver.url, headers={"X-Key": "k"})
    other = SpanContext(0xF, 0xE, is_remote=True)
    with tracer.start_as_current_span("parent", start_time=1, end_on_exit=False) as parent:
        span = tracer.start_span(
            "child",
            kind=SpanKind.CLIENT,
            attributes={"s": "x", "i": 1},
            links=[Link(other, {"l": True})],
            start_time=10,
        )
        span.add_event("event", {"e": 1.5}, timestamp=11)
        span.set_status(Status(StatusCode.ERROR, "why"))
        span.end(12)
        parent.end(20)

    child, root = receiver.wait_for(spans=2)

    assert child == Span(
        name="child",
        trace_id="abc".zfill(32),
        span_id="2".zfill(16),
        parent_id="1".zfill(16),
        kind="CLIENT",
        start_ns=10,
        end_ns=12,
        attributes={"s": "x", "i": 1},
        events=[("event", {"e": 1.5}, 11)],
        links=[("f".zfill(32), "e".zfill(16), {"l": True})],
        status=("ERROR", "why"),
        scope=("scope", "1.2", "https://schema"),
        resource={"service.name": "t"},
        flags=0x100,
        path="/v1/traces",
        headers=receiver.requests[0].headers,
    )
    assert child.headers["x-key"] == "k"
    assert (root.name, root.parent_id, root.kind, root.status) == ("parent", "", "INTERNAL", ("UNSET", ""))


def test_an_event_arrives_whole(receiver):
    """Every part of a log record sent by the stock exporter is decoded."""
    parent = NonRecordingSpan(SpanContext(0xAB, 0xCD, is_remote=True, trace_flags=TraceFlags(1)))
    make_logger(receiver.url).emit(
        event_name="rated",
        context=set_span_in_context(parent),
        timestamp=7,
        severity_number=SeverityNumber.WARN,
        body={"text": ["good", 1]},
        attributes={"score": 1},
    )

    assert receiver.wait_for(logs=1) == [
        Log(
            event_name="rated",
            trace_id="ab".zfill(32),
            span_id="cd".zfill(16),
            time_ns=7,
            severity="WARN",
            body={"text": ["good", 1]},
            attributes={"score": 1},
            scope=("scope", "1.2", "https://schema"),
            resource={"service.name": "t"},
            path="/v1/logs",
            headers=receiver.requests[0].headers,
        )
    ]


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (AnyValue(string_value="ü"), "ü"),
        (AnyValue(string_value=""), ""),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(bytes_value=b"\0\xff"), b"\0\xff"),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])), [1, None]),
        (AnyValue(array_value=ArrayValue()), []),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bool_value=True))])),
            {"k": True},
        ),
        (AnyValue(), None),
    ],
    ids=lambda item: repr(item).replace("\n", "") if not isinstance(item, AnyValue) else "",
)
def test_any_value(receiver, wire, value):
    """Each kind of OTLP value becomes the Python value it stands for, of the same type."""
    post(receiver, "/v1/traces", one_span(attributes=[KeyValue(key="a", value=wire)]))

    (span,) = receiver.spans()

    assert span.attributes == {"a": value}
    assert type(span.attributes["a"]) is type(value)


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.Deflate, Compression.NoCompression])
def test_compression(receiver, compression):
    """Bodies are decoded with each content encoding of the stock exporter."""
    make_tracer(receiver.url, compression=compression).start_span("a").end()

    (span,) = receiver.wait_for(spans=1)

    assert span.name == "a"
    assert receiver.requests[0].headers.get("content-encoding", "none") == compression.value


def test_request_keeps_the_raw_bytes(receiver):
    """A recorded request has the bytes of the wire, and the body they stand for."""
    body = one_span()
    packed = gzip.compress(body)

    answer = post(receiver, "/v1/traces?x=1", packed, content_encoding="gzip")

    (request,) = receiver.requests
    assert answer == (200, b"")
    assert (request.path, request.raw, request.body) == ("/v1/traces?x=1", packed, body)


def test_chunked_body(receiver):
    """A body without a length is read to its end."""
    connection = http.client.HTTPConnection(receiver.url.removeprefix("http://"), timeout=5)
    connection.request("POST", "/v1/traces", iter([one_span()[:9], one_span()[9:]]), PROTOBUF)
    connection.getresponse().read()
    connection.close()

    assert [span.name for span in receiver.spans()] == ["a"]


def test_other_paths_are_told_apart_by_their_content(receiver):
    """On a path that names no signal, spans are spans, logs are logs, and anything else is just recorded."""
    post(receiver, "/in", one_span())
    make_logger(receiver.url, "/in").emit(event_name="e", timestamp=1)
    post(receiver, "/in", b"{}", content_type="application/json")

    assert [span.name for span in receiver.spans()] == ["a"]
    assert [log.event_name for log in receiver.logs()] == ["e"]
    assert receiver.requests[2].raw == b"{}"


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b"\xff\xff", {}, "Error parsing"),
        (b"x", {"content_encoding": "gzip"}, "not gzip"),
        (zlib.compress(b"x")[:4], {"content_encoding": "deflate"}, "not deflate"),
        (b"", {"content_encoding": "br"}, "unknown content-encoding 'br'"),
        (b"{}", {"content_type": "application/json"}, "content-type is 'application/json'"),
        (one_span(attributes=[KeyValue(key="k"), KeyValue(key="k")]), {}, "attribute keys occur twice"),
    ],
)
def test_invalid_otlp_fails_the_test(receiver, body, headers, problem):
    """Bytes that are not valid OTLP surface as an AssertionError that says what is wrong."""
    post(receiver, "/v1/traces", body, **headers)

    with pytest.raises(AssertionError, match=problem):
        receiver.wait_for(spans=1)


def test_wait_for_wakes_up_when_spans_arrive(receiver):
    """wait_for returns as soon as enough arrived, also when it began to wait before."""
    sender = threading.Thread(target=post, args=(receiver, "/v1/traces", one_span()))
    sender.start()

    assert len(receiver.wait_for(spans=1)) == 1
    sender.join()


def test_wait_for_shows_what_arrived(receiver):
    """The failure of wait_for names the spans and paths that did arrive."""
    post(receiver, "/v1/traces", one_span())

    with pytest.raises(AssertionError, match=r"waited 0 s for 2 spans.*\['/v1/traces'\].*\['a'\]"):
        receiver.wait_for(spans=2, timeout=0)


def test_refused_requests_are_recorded_but_deliver_nothing(receiver):
    """A request answered with an error is in `requests`; its spans only arrive with the one that succeeds."""
    receiver.answer(503, headers={"Retry-After": "1"}, body=b"busy", times=1)

    answers = [post(receiver, "/v1/traces", one_span()) for _ in range(2)]

    assert answers == [(503, b"busy"), (200, b"")]
    assert (len(receiver.requests), len(receiver.spans())) == (2, 1)


def test_answer_holds_until_it_is_changed(receiver):
    """An answer without `times` is given to every request until answer() restores the normal one."""
    receiver.answer(401)
    refused = [post(receiver, "/v1/logs", b"")[0] for _ in range(2)]
    receiver.answer()

    assert [*refused, post(receiver, "/v1/logs", b"")[0]] == [401, 401, 200]


def test_a_delayed_answer_ends_with_close():
    """close() does not wait for a delayed answer, and the request is recorded before it is answered."""
    receiver = Receiver()
    receiver.answer(delay=60)
    failed = []

    def send() -> None:
        try:
            post(receiver, "/v1/traces", one_span())
        except OSError as error:
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    receiver.wait_for(spans=1)

    receiver.close()

    sender.join(5)
    assert len(failed) == 1


def test_half_a_request_is_nothing(receiver):
    """A client that dies while it sends leaves no request behind."""
    with socket.create_connection(("127.0.0.1", int(receiver.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""

    assert receiver.requests == []


def test_clear_forgets_what_arrived(receiver):
    """After clear() only what arrives later is there."""
    post(receiver, "/v1/traces", one_span())
    receiver.clear()

    assert (receiver.requests, receiver.spans(), receiver.logs()) == ([], [], [])


def test_close_leaves_no_thread_behind():
    """close() ends every thread, those of idle keep-alive connections included, and may be repeated."""
    before = set(threading.enumerate())
    with Receiver() as receiver:
        connection = http.client.HTTPConnection(receiver.url.removeprefix("http://"), timeout=5)
        connection.request("POST", "/v1/traces", b"", PROTOBUF)
        connection.getresponse().read()
    receiver.close()
    connection.close()

    assert set(threading.enumerate()) == before


def test_request_body_is_decoded_on_demand():
    """A request can be built by hand, and its repr does not show its bytes."""
    request = Request("/v1/traces", {"content-encoding": "deflate"}, zlib.compress(b"abc"))

    assert request.body == b"abc"
    assert "raw" not in repr(request)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connections_beyond_loopback_are_refused(refused_connections, method):
    """A test that tries to leave the machine gets an AssertionError naming the address."""
    with socket.socket() as outward, pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        getattr(outward, method)(("192.0.2.1", 80))

    assert refused_connections == [("192.0.2.1", 80)]
    refused_connections.clear()
