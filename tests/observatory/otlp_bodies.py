"""OTLP requests for tests, as senders make them: protobuf messages, their bytes and their JSON."""

import json
from base64 import b64decode
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Filler", "as_json", "logs", "some_span", "some_spans", "traces"]


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


OF_PROFILES = {"string_value_strindex", "key_strindex"}
"""Indexes into a table that only profiles carry; of spans, `raw` keeps them."""


class Filler:
    """Fills every field of a message with a value of its own, and lists them."""

    def __init__(self):
        self.number = 0
        self.leaves = []

    def fill(self, message, depth=0):
        for field in message.DESCRIPTOR.fields:
            if field.name in OF_PROFILES or (field.containing_oneof and depth > 9):
                continue
            if field.message_type is None:
                self.set(message, field)
            elif field.message_type.name == "AnyValue" and field.is_repeated:
                self.fill_any(lambda m=message, f=field: getattr(m, f.name).add(), depth)
            elif field.message_type.name == "AnyValue":
                self.leaf(getattr(message, field.name), "string_value")
            elif field.message_type.name == "KeyValue":
                self.fill_pairs(getattr(message, field.name), depth)
            elif field.is_repeated:
                for _ in range(2):
                    self.fill(getattr(message, field.name).add(), depth + 1)
            else:
                self.fill(getattr(message, field.name), depth + 1)

    def fill_pairs(self, pairs, depth):
        def add():
            pair = pairs.add()
            self.set(pair, pair.DESCRIPTOR.fields_by_name["key"])
            return pair.value

        self.fill_any(add, depth)

    def fill_any(self, add, depth):
        """One value of each kind."""
        for field in AnyValue.DESCRIPTOR.fields:
            if field.name in OF_PROFILES:
                continue
            if field.message_type is None:
                self.leaf(add(), field.name)
            elif depth < 4:
                self.fill(getattr(add(), field.name), depth + 2)

    def leaf(self, value, name):
        self.set(value, value.DESCRIPTOR.fields_by_name[name])

    def set(self, message, field):
        self.number += 1
        number = self.number
        value = {
            Field.TYPE_STRING: f"text {number} é",
            Field.TYPE_DOUBLE: number + 0.5,
            Field.TYPE_BOOL: True,
            Field.TYPE_BYTES: number.to_bytes(8 if "span" in field.name else 16, "big"),
            Field.TYPE_ENUM: 2,
        }.get(field.type, number)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
        if field.type not in (Field.TYPE_BOOL, Field.TYPE_ENUM):
            self.leaves.append(value.hex() if field.name.endswith("_id") else value)
