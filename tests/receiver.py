"""A real OTLP/HTTP receiver on loopback that decodes and keeps what it is sent."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Condition, Event
from types import TracebackType
from typing import Any, TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from loopback import LoopbackServer, read_body

__all__ = ["Log", "Receiver", "Request", "Span"]

_MOST_KEPT = 50

Attributes = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Request:
    """One POST as it was read, before anything was decoded."""

    path: str
    headers: dict[str, str]
    raw: bytes = field(repr=False)
    port: int = 0
    """Of the client: what tells connections apart."""

    @property
    def body(self) -> bytes:
        """The body without its content encoding; ValueError if it is not what its header says."""
        return _decompress(self.headers.get("content-encoding", "identity"), self.raw)


@dataclass(frozen=True)
class Span:
    """One span, ids in hex, with what it inherits from its scope, its resource and its request."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: list[tuple[str, Attributes, int]]
    links: list[tuple[str, str, Attributes]]
    status: tuple[str, str]
    scope: tuple[str, str, str]
    resource: Attributes
    flags: int
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Log:
    """One log record or event, ids in hex, with what it inherits from its scope, resource and request."""

    event_name: str
    trace_id: str
    span_id: str
    time_ns: int
    severity: str
    body: Any
    attributes: Attributes
    scope: tuple[str, str, str]
    resource: Attributes
    path: str
    headers: dict[str, str]


@dataclass(frozen=True)
class _Answer:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0


class Receiver:
    """Listens from construction until `close()`; every POST is recorded, whatever its path and body.

    It answers 200 with an empty OTLP response until `answer()` says otherwise. A request is recorded before
    it is answered, so what a client knows to be delivered is already in `spans()` or `logs()`. Requests that
    got a status other than 2xx are in `requests` too, but their spans and logs do not count as received.
    Without `port` it takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self._changed = Condition()
        self._requests: list[Request] = []
        self._spans: list[Span] = []
        self._logs: list[Log] = []
        self._errors: list[str] = []
        self.accepted: list[Request] = []
        """The first of the requests that were understood and answered with success, also after `clear()`."""
        self._next: list[_Answer] = []
        self._always = _Answer()
        self._closing = Event()
        self._server = LoopbackServer("otlp-receiver", _handler(self._receive, self._closing), port)

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request so far, refused ones included."""
        with self._changed:
            return list(self._requests)

    def spans(self) -> list[Span]:
        """The spans accepted so far, in the order of arrival; an undecodable body is an AssertionError."""
        return self._received(self._spans)

    def logs(self) -> list[Log]:
        """The log records accepted so far; otherwise like `spans()`."""
        return self._received(self._logs)

    def wait_for(
        self, *, spans: int = 0, logs: int = 0, requests: int = 0, timeout: float = 5
    ) -> list[Span] | list[Log]:
        """Wait until at least that many arrived; the logs if only they were asked for, else the spans.

        Raises:
            AssertionError: They did not arrive in time; it shows what did.
        """

        def complete() -> bool:
            if self._errors:
                return True  # nothing to wait for; spans() or logs() below will say so
            arrived = len(self._spans), len(self._logs), len(self._requests)
            return all(n >= wanted for n, wanted in zip(arrived, (spans, logs, requests), strict=True))

        with self._changed:
            if not self._changed.wait_for(complete, timeout):
                raise AssertionError(
                    f"waited {timeout} s for {spans} spans, {logs} logs and {requests} requests; {self._story()}"
                )
        return self.logs() if logs and not spans else self.spans()

    def answer(
        self,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        delay: float = 0,
        times: int | None = None,
    ) -> None:
        """Answer so from now on, or, with `times`, the next so many requests, after those already queued.

        No body is what an empty OTLP response looks like on the wire. `delay` is in seconds, and `close()`
        breaks it off. `answer()` alone goes back to normal.
        """
        answer = _Answer(status, dict(headers or {}), body, delay)
        with self._changed:
            if times is None:
                self._next.clear()
                self._always = answer
            else:
                self._next += [answer] * times

    def clear(self) -> None:
        """Forget what arrived; answers stay as they are set."""
        with self._changed:
            for kept in (self._requests, self._spans, self._logs, self._errors):
                kept.clear()

    def close(self) -> None:
        """Stop listening and end the threads; may be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.close()

    def __enter__(self) -> "Receiver":  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _receive(self, request: Request) -> _Answer:
        with self._changed:
            answer = self._next.pop(0) if self._next else self._always
            self._requests.append(request)
            if 200 <= answer.status < 300:
                self._keep(request)
                if not self._errors and len(self.accepted) < _MOST_KEPT:
                    self.accepted.append(request)
            self._changed.notify_all()
        return answer

    def _keep(self, request: Request) -> None:
        try:
            spans, logs = _decode(request)
        except (DecodeError, ValueError) as error:
            self._errors.append(f"{request.path}: {error}")
        else:
            self._spans += spans
            self._logs += logs

    def _received(self, items: list[_T]) -> list[_T]:
        with self._changed:
            assert not self._errors, f"could not decode {self._errors}"
            return list(items)

    def _story(self) -> str:
        return (
            f"{len(self._requests)} requests arrived ({[r.path for r in self._requests]}) "
            f"with spans {[s.name for s in self._spans]} and logs {[log.event_name for log in self._logs]}"
            + (f"; undecodable: {self._errors}" if self._errors else "")
        )


# HTTP.


def _handler(receive: Callable[[Request], _Answer], closing: Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as real receivers have it
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = read_body(self.headers, self.rfile)
            if raw is None:
                self.close_connection = True  # the client died while sending
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receive(Request(self.path, headers, raw, self.client_address[1]))
            if answer.delay and closing.wait(answer.delay):
                self.close_connection = True
                return
            self.send_response(answer.status)
            usual = {"content-type": "application/x-protobuf", "content-length": str(len(answer.body))}
            for name, value in (usual | {k.lower(): v for k, v in answer.headers.items()}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: Any) -> None:
            """Tests are quiet."""

    return Handler


def _decompress(encoding: str, raw: bytes) -> bytes:
    try:
        if encoding == "gzip":
            return gzip.decompress(raw)
        if encoding == "deflate":
            return zlib.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not {encoding}: {error}") from error
    if encoding != "identity":
        raise ValueError(f"unknown content-encoding {encoding!r}")
    return raw


# OTLP.


def _decode(request: Request) -> tuple[list[Span], list[Log]]:
    path = request.path.partition("?")[0].rstrip("/")
    is_otlp = request.headers.get("content-type") == "application/x-protobuf"
    if path.endswith(("/traces", "/logs")) and not is_otlp:
        raise ValueError(f"content-type is {request.headers.get('content-type')!r}")
    if not is_otlp:
        return [], []
    if path.endswith("/logs"):
        return [], _decode_logs(request)
    spans = _decode_spans(request)
    # On any other path the bytes must tell: logs read as spans have no trace id, its field has another type.
    if not path.endswith("/traces") and any(not span.trace_id for span in spans):
        return [], _decode_logs(request)
    return spans, []


def _decode_spans(request: Request) -> list[Span]:
    return [
        _span(span, scope, _attributes(group.resource.attributes), request)
        for group in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope_spans in group.scope_spans
        for scope in [_scope(scope_spans.scope, scope_spans.schema_url)]
        for span in scope_spans.spans
    ]


def _span(span: trace_pb2.Span, scope: tuple[str, str, str], resource: Attributes, request: Request) -> Span:
    return Span(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=[(e.name, _attributes(e.attributes), e.time_unix_nano) for e in span.events],
        links=[(li.trace_id.hex(), li.span_id.hex(), _attributes(li.attributes)) for li in span.links],
        status=(
            trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
            span.status.message,
        ),
        scope=scope,
        resource=resource,
        flags=span.flags,
        path=request.path,
        headers=request.headers,
    )


def _decode_logs(request: Request) -> list[Log]:
    return [
        _log(record, scope, _attributes(group.resource.attributes), request)
        for group in ExportLogsServiceRequest.FromString(request.body).resource_logs
        for scope_logs in group.scope_logs
        for scope in [_scope(scope_logs.scope, scope_logs.schema_url)]
        for record in scope_logs.log_records
    ]


def _log(record: logs_pb2.LogRecord, scope: tuple[str, str, str], resource: Attributes, request: Request) -> Log:
    return Log(
        event_name=record.event_name,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        time_ns=record.time_unix_nano,
        severity=logs_pb2.SeverityNumber.Name(record.severity_number).removeprefix("SEVERITY_NUMBER_"),
        body=_value(record.body),
        attributes=_attributes(record.attributes),
        scope=scope,
        resource=resource,
        path=request.path,
        headers=request.headers,
    )


def _scope(scope: InstrumentationScope, schema_url: str) -> tuple[str, str, str]:
    return scope.name, scope.version, schema_url


def _attributes(pairs: Any) -> Attributes:
    """The pairs as a dict; a key that occurs twice is a fault of the sender."""
    names = [pair.key for pair in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"attribute keys occur twice: {names}")
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case scalar:
            return getattr(value, scalar)
