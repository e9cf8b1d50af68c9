"""OTLP requests for tests, as senders make them: protobuf messages, their bytes and their JSON."""

import json
from base64 import b64decode
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["as_json", "logs", "some_span", "some_spans", "traces"]


def some_span(number: int = 1, **fields: Any) -> Span:
    """A valid span; each number has ids of its own."""
    given = {
        "trace_id": number.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "name": f"span {number}",
        "start_time_unix_nano": 1_700_000_000_000_000_000 + number,
        "end_time_unix_nano": 1_700_000_001_000_000_000 + number,
    }
    return Span(**{**given, **fields})


def some_spans(quantity: int) -> list[Span]:
    """So many of them."""
    return [some_span(number) for number in range(1, quantity + 1)]


def traces(*spans: Span) -> bytes:
    """A request with these spans."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def logs(*records: LogRecord) -> bytes:
    """A request with these log records."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return request.SerializeToString()


def as_json(kind: Any, body: bytes, *, integers_for_enums: bool = True) -> bytes:
    """A request as OTLP's JSON: protobuf's, but with ids in hex."""
    plain = MessageToDict(kind.FromString(body), use_integers_for_enums=integers_for_enums)
    _ids_to_hex(plain)
    return json.dumps(plain).encode()


def _ids_to_hex(value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _ids_to_hex(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = b64decode(each).hex()
            else:
                _ids_to_hex(each)
