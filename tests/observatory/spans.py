"""OTLP spans for tests: their bytes, and what `decode` makes of them."""

import itertools
import json
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from contextcompany.observatory.otlp import Batch, Log, Resource, Scope, Span, log_of, span_of

RESOURCE = Resource({"service.name": "shop", "bytes": b"\x00\xff", "list": [1, 2.5, None]}, 1, "https://schema", [])
SCOPE = Scope("contextcompany", "0.1", {"nan": float("inf")}, 0, "")
FOREIGN = Scope("somebody else", "1", {}, 0, "")
START = 1_760_000_000_000_000_000

_NUMBERS = itertools.count(1)


def any_value(value: Any) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[*map(any_value, value)]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue(string_value=value)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span(  # what the wire carries is wide
    trace: int,
    number: int = 1,
    parent: int = 0,
    *,
    name: str = "span",
    start: float = 0,
    end: float | None = 1,
    status: tuple[int, str] = (1, ""),
    events: dict[str, dict[str, Any]] | None = None,
    scope: Scope = SCOPE,
    **attributes: Any,
) -> Span:
    """One span; times are seconds after `START`, `end=None` is a snapshot, `__` in attributes is a dot."""
    message = Message(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=1,
        start_time_unix_nano=START + int(start * 1e9),
        end_time_unix_nano=0 if end is None else START + int(end * 1e9),
        attributes=pairs({key.replace("__", "."): value for key, value in attributes.items()}),
        status=Status(code=status[0], message=status[1]),
        events=[Message.Event(name=key, attributes=pairs(value)) for key, value in (events or {}).items()],
    )
    return span_of(message, message.SerializeToString(), scope, RESOURCE)


def run(trace: int, number: int = 1, parent: int = 0, *, agent: str = "support", **more: Any) -> Span:
    return span(trace, number, parent, gen_ai__operation__name="invoke_agent", gen_ai__agent__name=agent, **more)


def step(trace: int, number: int, parent: int = 1, *, model: str = "gpt-4o", **more: Any) -> Span:
    return span(trace, number, parent, gen_ai__operation__name="chat", gen_ai__request__model=model, **more)


def tool_call(trace: int, number: int, parent: int = 1, *, tool: str = "search", **more: Any) -> Span:
    return span(trace, number, parent, gen_ai__operation__name="execute_tool", gen_ai__tool__name=tool, **more)


def messages(*said: str, role: str = "user") -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": each}]} for each in said])


def log(trace: int, number: int = 0, *, event: str = "", **attributes: Any) -> Log:
    message = LogRecord(
        trace_id=trace.to_bytes(16, "big") if trace else b"",
        span_id=number.to_bytes(8, "big") if number else b"",
        event_name=event,
        time_unix_nano=START,
        attributes=pairs({key.replace("__", "."): value for key, value in attributes.items()}),
    )
    return log_of(message, message.SerializeToString(), SCOPE, RESOURCE)


def feedback(trace: int, label: str = "thumbs_up", text: str | None = None) -> Log:
    said = {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.score.value": float(label == "thumbs_up"),
    } | ({"gen_ai.evaluation.explanation": text} if text else {})
    return log(trace, 1, event="gen_ai.evaluation.result", **said)


def batch(*items: Span | Log) -> Batch:
    return Batch(
        [each for each in items if isinstance(each, Span)], [each for each in items if isinstance(each, Log)], []
    )
