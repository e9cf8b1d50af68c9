"""Encoded spans and events → what people read: names, ids, OTLP's JSON."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contextcompany._item import Item
    from contextcompany._settings import Signal

__all__ = ["Described", "as_json", "describe"]

# protobuf is imported where it is used: these modules take longer to import than all else.


class Described(NamedTuple):
    """What tells one span or event from another; ids in hex."""

    name: str
    trace_id: str
    span_id: str


def describe(signal: Signal, body: bytes) -> Described:
    """Name and ids of an encoded item; empty where it cannot be read."""
    from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs  # noqa: PLC0415 - see above
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans  # noqa: PLC0415 - see above

    try:
        if signal == "logs":
            (record,) = ScopeLogs.FromString(body).log_records
            return Described(record.event_name, record.trace_id.hex(), record.span_id.hex())
        (span,) = ScopeSpans.FromString(body).spans
    except Exception:  # noqa: BLE001 - protobuf's DecodeError, and none or several of them
        return Described("", "", "")
    return Described(span.name, span.trace_id.hex(), span.span_id.hex())


def as_json(items: Sequence[Item]) -> dict[str, Any]:
    """A request in OTLP's JSON, https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hex."""
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData  # noqa: PLC0415 - see above
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData  # noqa: PLC0415 - see above

    from contextcompany._encoding import request  # noqa: PLC0415 - see above

    kind = LogsData if items and items[0].signal == "logs" else TracesData
    plain: dict[str, Any] = MessageToDict(kind.FromString(request(items)), use_integers_for_enums=True)
    _ids_to_hex(plain)
    return plain


def _ids_to_hex(value: Any) -> None:
    """In place; attributes are not looked into, as they may have any keys."""
    if isinstance(value, list):
        for each in value:
            _ids_to_hex(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = b64decode(each).hex()
            elif key != "attributes":
                _ids_to_hex(each)
