"""What arrived on the wire, as literals can spell it: ids become names, the JSON text of messages becomes values."""

import hashlib
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

import contextcompany as tcc
from genai_shapes import (
    check_input_messages,
    check_output_messages,
    check_system_instructions,
    check_tool_definitions,
)
from receiver import Log, Receiver, Span

__all__ = ["assistant", "deliver", "recorded", "recorded_feedback", "run_span_id", "told", "trace_id", "user"]

SHAPES = {
    "gen_ai.input.messages": check_input_messages,
    "gen_ai.output.messages": check_output_messages,
    "gen_ai.system_instructions": check_system_instructions,
    "gen_ai.tool.definitions": check_tool_definitions,
}
"""What is JSON text on spans, and the check of its shape."""

NAMED = {
    "tcc.runId": "run",
    "tcc.sessionId": "session",
    "tcc.step.id": "step",
    "gen_ai.tool.call.id": "tool call",
}
"""Attributes that hold ids, and the word that stands for one: the first random run id becomes `<run 1>`."""

TIMES = ("gen_ai.response.time_to_first_chunk", "tcc.run.waiting_time")
"""Attributes that are different each time."""

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


# --- what arrived ----------------------------------------------------------------------------------------------------


def deliver() -> None:
    """Send everything that waits; nothing may be lost."""
    assert tcc.flush(5)[1:] == (0, 0, {})


def recorded(receiver: Receiver) -> list[dict[str, Any]]:
    """The spans of the default pipeline in the order in which they ended, with names for ids."""
    deliver()
    return told(receiver.spans())


def recorded_feedback(receiver: Receiver) -> list[dict[str, Any]]:
    """The events of the default pipeline, with names for ids; the run's spans may have been delivered or not."""
    deliver()
    names = _names([*receiver.spans(), *receiver.logs()])
    return [_event(log, names) for log in receiver.logs()]


def told(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Whole spans as dicts. Random ids become names, parents become the name of what they are.

    On the way it asserts what every span of ours must keep: its times are in order, a run's ids are made from its run
    id, a child is in the trace of its parent, random ids are UUIDs, and messages have the shape that GenAI asks for.
    """
    spans = list(spans)
    names = _names(spans)
    places = {(span.trace_id, span.span_id): _whose(span, names) for span in spans}
    assert len(places) == len(spans), "two spans have the same ids"
    return [_span(span, names, places) for span in spans]


def _span(span: Span, names: dict[str, str], places: dict[tuple[str, str], str]) -> dict[str, Any]:
    assert 0 < span.start_ns <= span.end_ns
    made = {
        "name": span.name,
        "kind": span.kind,
        "parent": _parent(span, names, places),
        "status": span.status,
        "attributes": _attributes(span.attributes, names),
    }
    if span.events:
        made["events"] = [(name, attributes) for name, attributes, _ in span.events]
    if span.links:
        made["links"] = span.links
    return made


def _event(log: Log, names: dict[str, str]) -> dict[str, Any]:
    run_id = log.attributes["tcc.runId"]
    assert (log.trace_id, log.span_id) == (trace_id(run_id), run_span_id(run_id))
    assert log.time_ns > 0
    assert log.body is None
    return {"name": log.event_name, "attributes": _attributes(log.attributes, names)}


def _parent(span: Span, names: dict[str, str], places: dict[tuple[str, str], str]) -> str | None:
    run_id = span.attributes.get("tcc.runId", "")
    if not span.parent_id:
        assert (span.trace_id, span.span_id) == (trace_id(run_id), run_span_id(run_id)), "only runs are roots"
        return None
    if (span.trace_id, span.parent_id) in places:
        return places[span.trace_id, span.parent_id]
    assert (span.trace_id, span.parent_id) == (trace_id(run_id), run_span_id(run_id)), "the parent is nowhere"
    return names.get(run_id, run_id)


def _whose(span: Span, names: dict[str, str]) -> str:
    """The id of the run, step or tool call that a span is; the name of any other span."""
    key = {"invoke_agent": "tcc.runId", "chat": "tcc.step.id", "execute_tool": "gen_ai.tool.call.id"}.get(
        span.attributes.get("gen_ai.operation.name", "")
    )
    value = span.attributes[key] if key else span.name
    return names.get(value, value)


def _attributes(attributes: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    made = {}
    for key, value in attributes.items():
        if key in SHAPES:
            made[key] = json.loads(value)
            SHAPES[key](made[key])
        elif key in TIMES:
            assert value > 0
            made[key] = "<seconds>"
        else:
            made[key] = names.get(value, value) if isinstance(value, str) else value
    return made


def _names(items: Iterable[Span | Log]) -> dict[str, str]:
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for item in items:
        for key, word in NAMED.items():
            value = item.attributes.get(key, "")
            if UUID4.fullmatch(value) and value not in names:
                counts[word] += 1
                names[value] = f"<{word} {counts[word]}>"
    return names


# --- where a run's span is: the rule, written a second time ----------------------------------------------------------


def trace_id(run_id: str) -> str:
    """A UUID's own bits; of other text, the first half of its SHA-256."""
    try:
        return uuid.UUID(run_id).hex
    except ValueError:
        return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def run_span_id(run_id: str) -> str:
    """Made from the trace id, so that other processes find it."""
    return hashlib.sha256(b"contextcompany run span" + bytes.fromhex(trace_id(run_id))).hexdigest()[:16]


# --- messages --------------------------------------------------------------------------------------------------------


def user(*texts: str) -> list[dict[str, Any]]:
    """Input messages: what a user said."""
    return [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]


def assistant(text: str, finish_reason: str = "stop") -> list[dict[str, Any]]:
    """Output messages: one answer."""
    parts = [{"type": "text", "content": text}]
    return [{"role": "assistant", "parts": parts, "finish_reason": finish_reason}]
