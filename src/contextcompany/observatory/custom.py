"""The original SDK's own wire: what its Python and TypeScript clients post → the spans and events of OTLP.

`POST /v1/custom` brings a run, a step, a tool call or a batch of them, `POST /v1/feedback` what a person thought of a
run. The shapes are those of packages/python 2.0 and packages/ts/custom 1.0 in
https://github.com/The-Context-Company/observatory. Ids are made from theirs, so that what is sent twice is kept once.
"""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from contextcompany import semconv as sc
from contextcompany.observatory import otlp_json
from contextcompany.observatory.otlp import (
    MAX_ITEMS,
    Batch,
    DecodeError,
    Log,
    Resource,
    Scope,
    Span,
    log_of,
    span_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "MAX_FEEDBACK",
    "SCOPE",
    "SCORES",
    "decode",
    "decode_feedback",
    "decode_feedback_object",
    "decode_object",
    "evaluation",
    "identity",
]

MAX_FEEDBACK: Final = 2000
"""Characters of a feedback's text: the limit of the original API."""

SCOPE: Final = Scope("contextcompany.custom", "", {}, 0, "")
"""What recorded these spans."""

_RESOURCE: Final = Resource({}, 0, "", [])
SCORES: Final = {"thumbs_up": 1.0, "thumbs_down": 0.0}
_USER_FEEDBACK: Final = "user_feedback"
_ERROR: Final = 2
_MAX_SHOWN: Final = 60
_Attributes = dict[str, Any]


def decode(body: bytes) -> Batch:
    """The spans of a `/v1/custom` request.

    Raises:
        DecodeError: it is no such request.
    """
    return decode_object(otlp_json.parse(body))


def decode_object(payload: dict[str, Any]) -> Batch:
    """The same of a request that was parsed.

    Raises:
        DecodeError: see `decode`.
    """
    is_batch = payload.get("type") == "batch"
    items = payload.get("items") if is_batch else [payload]
    if not isinstance(items, list):
        raise DecodeError("A batch needs `items`, a list.")
    if len(items) > MAX_ITEMS:
        raise DecodeError(f"The request holds more than {MAX_ITEMS:,} items. Send fewer at once.")
    spans: list[Span] = []
    refused: list[str] = []
    for number, item in enumerate(items):
        try:
            spans.append(_span(item))
        except (ValueError, RecursionError) as error:  # noqa: PERF203 - of each item
            refused.append(f"items[{number}]: {error}" if is_batch else str(error))
    return Batch(spans, [], refused)


def decode_feedback(body: bytes, now_ns: int) -> Batch:
    """The event of a `/v1/feedback` request, which carries no time of its own.

    Raises:
        DecodeError: it is no such request.
    """
    return decode_feedback_object(otlp_json.parse(body), now_ns)


def decode_feedback_object(payload: dict[str, Any], now_ns: int) -> Batch:
    """The same of a request that was parsed.

    Raises:
        DecodeError: see `decode_feedback`.
    """
    try:
        return Batch([], [_feedback(payload, now_ns)], [])
    except ValueError as error:
        raise DecodeError(f"The feedback is not complete: {error}.") from None


# --- runs, steps and tool calls --------------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """What makes a payload a span."""

    operation: str
    target: tuple[str, ...]
    """The fields of which the first that is there goes into the span's name."""
    kind: int
    id_key: str
    """The field that tells it from others of its run; empty: it is the run."""
    attributes: Callable[[Mapping[str, Any]], Iterator[tuple[str, Any]]]


def _span(item: object) -> Span:
    if not isinstance(item, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - of the sender, not of a caller
    kind = _KINDS.get(_text(item, "type") or "")
    if kind is None:
        raise ValueError(f"`type` is {_shown(item.get('type'))}, not one of {', '.join(_KINDS)}")
    run_id = _needed(item, "run_id")
    trace_id, run_span_id = identity(run_id)
    start = _time(item, "start_time")
    target = next(filter(None, (_text(item, key) for key in kind.target)), None)
    code = _integer(item, "status_code") or 0
    said = _text(item, "status_message")
    attributes = {
        sc.GEN_AI_OPERATION_NAME: kind.operation,
        sc.TCC_RUN_ID: run_id,
        **{key: value for key, value in kind.attributes(item) if value is not None},
        sc.TCC_STATUS_CODE: code,
    }
    if said is not None:
        attributes[sc.TCC_STATUS_MESSAGE] = said
    if code == _ERROR:
        attributes[sc.ERROR_TYPE] = sc.ErrorTypeValues.OTHER
    message = trace_pb2.Span(
        trace_id=trace_id,
        span_id=_child_id(trace_id, kind.id_key, item) if kind.id_key else run_span_id,
        parent_span_id=run_span_id if kind.id_key else b"",
        name=f"{kind.operation} {target}" if target else kind.operation,
        kind=kind.kind,  # type: ignore[arg-type]  # a number of the enum
        start_time_unix_nano=start,
        end_time_unix_nano=_time(item, "end_time", start),
        attributes=_pairs(attributes),
        status={"code": 2, "message": said or ""} if code == _ERROR else {"code": 1},  # type: ignore[arg-type]
    )
    return span_of(message, message.SerializeToString(), SCOPE, _RESOURCE)


def _of_run(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    session = _text(item, "session_id")
    yield sc.GEN_AI_CONVERSATION_ID, session
    yield sc.TCC_SESSION_ID, session
    conversational = item.get("conversational")
    yield sc.TCC_CONVERSATIONAL, conversational if isinstance(conversational, bool) else None
    prompt = item.get("prompt")
    if isinstance(prompt, dict):
        yield sc.GEN_AI_INPUT_MESSAGES, _input(_text(prompt, "user_prompt"))
        system = _text(prompt, "system_prompt")
        yield sc.GEN_AI_SYSTEM_INSTRUCTIONS, None if system is None else _json([_text_part(system)])
        yield sc.TCC_RUN_FULL_INPUT, _text(prompt, "full_input")
    else:
        yield sc.GEN_AI_INPUT_MESSAGES, _input(_text(item, "prompt"))
    yield sc.GEN_AI_OUTPUT_MESSAGES, _output(_text(item, "response"), None)
    yield sc.TCC_RUN_FULL_OUTPUT, _text(item, "full_output")
    metadata = item.get("metadata")
    if isinstance(metadata, dict):
        for key in metadata:
            yield f"{sc.TCC_METADATA}.{otlp_json.encodable(key)}", _text(metadata, key)


def _of_step(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    reason = _text(item, "finish_reason")
    yield sc.TCC_STEP_ID, _text(item, "step_id")
    yield sc.GEN_AI_INPUT_MESSAGES, _input(_text(item, "prompt"))
    yield sc.GEN_AI_OUTPUT_MESSAGES, _output(_text(item, "response"), reason)
    yield sc.GEN_AI_RESPONSE_FINISH_REASONS, None if reason is None else [reason]
    yield sc.GEN_AI_REQUEST_MODEL, _text(item, "model_requested")
    yield sc.GEN_AI_RESPONSE_MODEL, _text(item, "model_used")
    yield sc.GEN_AI_TOOL_DEFINITIONS, _text(item, "tool_definitions")
    uncached, cached = _integer(item, "prompt_uncached_tokens"), _integer(item, "prompt_cached_tokens")
    if uncached is not None or cached is not None:
        yield sc.GEN_AI_USAGE_INPUT_TOKENS, (uncached or 0) + (cached or 0)
    yield sc.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, cached
    yield sc.GEN_AI_USAGE_OUTPUT_TOKENS, _integer(item, "completion_tokens")
    cost = _number(item, "real_total_cost")
    if cost is not None:
        yield sc.TCC_COST_TOTAL, cost
        yield sc.GEN_AI_USAGE_COST, cost
        yield sc.TCC_COST_SOURCE, sc.TccCostSourceValues.PROVIDED


def _of_tool_call(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield sc.GEN_AI_TOOL_TYPE, "function"
    yield sc.GEN_AI_TOOL_CALL_ID, _text(item, "tool_call_id")
    yield sc.GEN_AI_TOOL_NAME, _text(item, "tool_name")
    yield sc.GEN_AI_TOOL_CALL_ARGUMENTS, _text(item, "args")
    yield sc.GEN_AI_TOOL_CALL_RESULT, _text(item, "result")


_INTERNAL: Final = trace_pb2.Span.SPAN_KIND_INTERNAL
_CLIENT: Final = trace_pb2.Span.SPAN_KIND_CLIENT
_KINDS: Final[dict[str, _Kind]] = {
    "run": _Kind(sc.GenAiOperationNameValues.INVOKE_AGENT, (), _INTERNAL, "", _of_run),
    "step": _Kind(sc.GenAiOperationNameValues.CHAT, ("model_requested", "model_used"), _CLIENT, "step_id", _of_step),
    "tool_call": _Kind(
        sc.GenAiOperationNameValues.EXECUTE_TOOL, ("tool_name",), _INTERNAL, "tool_call_id", _of_tool_call
    ),
}


def _input(value: str | None) -> str | None:
    """Messages as they are, in whatever shape; any other text as what a user said."""
    if value is None:
        return None
    return _messages(value) or _json([{"role": "user", "parts": [_text_part(value)]}])


def _output(value: str | None, finish_reason: str | None) -> str | None:
    """A message as it is, in whatever shape; any other text as what the model said."""
    if value is None:
        return None
    said = {"role": "assistant", "parts": [_text_part(value)], "finish_reason": finish_reason or "stop"}
    return _messages(value) or _json([said])


def _messages(value: str) -> str | None:
    """The text of a list of messages, or of one; None for any other."""
    if value.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    one = isinstance(found, dict)
    messages = [found] if one else found
    if not messages or not all(isinstance(each, dict) and "role" in each for each in messages):
        return None
    return f"[{value}]" if one else value


def _text_part(value: str) -> dict[str, str]:
    return {"type": "text", "content": value}


# --- feedback --------------------------------------------------------------------------------------------------------


def _feedback(payload: Mapping[str, Any], now_ns: int) -> Log:
    run_id = _needed(payload, "runId")
    score, text = (_text(payload, key) or None for key in ("score", "text"))
    if score is None and text is None:
        raise ValueError("it needs `score` or `text`")
    if score is not None and score not in SCORES:
        raise ValueError(f"`score` is {_shown(score)}, not one of {', '.join(SCORES)}")
    if text and len(text) > MAX_FEEDBACK:
        raise ValueError(f"`text` has {len(text):,} characters, more than {MAX_FEEDBACK:,}")
    trace_id, span_id = identity(run_id)
    return evaluation(trace_id, span_id, run_id, score, None if score is None else SCORES[score], text, now_ns)


def evaluation(
    trace_id: bytes,
    span_id: bytes,
    run_id: str,
    label: str | None,
    value: float | None,
    text: str | None,
    now_ns: int,
) -> Log:
    """What a person thought of a run, as the event that the SDK would send."""
    attributes: _Attributes = {sc.GEN_AI_EVALUATION_NAME: _USER_FEEDBACK, sc.TCC_RUN_ID: run_id}
    attributes |= {sc.GEN_AI_EVALUATION_SCORE_LABEL: label} if label is not None else {}
    attributes |= {sc.GEN_AI_EVALUATION_SCORE_VALUE: value} if value is not None else {}
    attributes |= {sc.GEN_AI_EVALUATION_EXPLANATION: text} if text is not None else {}
    message = logs_pb2.LogRecord(
        trace_id=trace_id,
        span_id=span_id,
        time_unix_nano=now_ns,
        observed_time_unix_nano=now_ns,
        event_name=sc.EVENT_GEN_AI_EVALUATION_RESULT,
        attributes=_pairs(attributes),
    )
    return log_of(message, message.SerializeToString(), SCOPE, _RESOURCE)


# --- identity: the SDK's rule, so that what is recorded with either meets --------------------------------------------

_UUID: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def identity(run_id: str) -> tuple[bytes, bytes]:
    """Trace and span id of a run. A UUID is the trace id, other text is hashed; the span id is made from it."""
    trace_id = uuid.UUID(run_id).bytes if _UUID.fullmatch(run_id) else b""
    if not any(trace_id):
        trace_id = hashlib.sha256(run_id.encode()).digest()[:16]
    return trace_id, hashlib.sha256(b"contextcompany run span" + trace_id).digest()[:8]


def _child_id(trace_id: bytes, key: str, item: Mapping[str, Any]) -> bytes:
    name = _text(item, key) or _json(item)
    return hashlib.sha256(b"contextcompany " + key.encode() + trace_id + name.encode()).digest()[:8]


# --- fields ----------------------------------------------------------------------------------------------------------

_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s*(?:Z|z|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _time(item: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """Nanoseconds since the epoch of ISO 8601 text; without an offset it is UTC."""
    value = item.get(key)
    if value is None and default is not None:
        return default
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"`{key}` is {_shown(value)}, not a time as 2026-11-02T09:15:00.000Z")
    date, clock, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise ValueError(f"`{key}` is {_shown(value)}: {error}") from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += -offset if sign == "+" else offset
    nanoseconds = seconds * 10**9 + int((fraction or "").ljust(9, "0"))
    if not 0 <= nanoseconds < 2**63:
        raise ValueError(f"`{key}` is {_shown(value)}, before 1970 or after 2262")
    return nanoseconds


def _needed(item: Mapping[str, Any], key: str) -> str:
    value = _text(item, key)
    if not value:
        raise ValueError(f"`{key}` is missing")
    return value


def _text(item: Mapping[str, Any], key: str) -> str | None:
    """A text; of anything else that is there, its JSON."""
    value = item.get(key)
    if value is None:
        return None
    return otlp_json.encodable(value) if isinstance(value, str) else _json(value)


def _integer(item: Mapping[str, Any], key: str) -> int | None:
    value = _number(item, key)
    if value is None:
        return None
    if not value.is_integer() or abs(value) >= 2**53:  # what JavaScript's numbers hold
        raise ValueError(f"`{key}` is {_shown(value)}, not a whole number")
    return int(value)


def _number(item: Mapping[str, Any], key: str) -> float | None:
    value = item.get(key)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"`{key}` is {_shown(value)}, not a number")  # noqa: TRY004 - see above
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"`{key}` is {_shown(value)}, not a finite number")
    return number


def _pairs(attributes: _Attributes) -> Any:
    """As protobuf's constructors take them."""
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: object) -> dict[str, Any]:
    if isinstance(value, list):
        return {"array_value": {"values": [_any_value(each) for each in value]}}
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return {kinds[type(value)]: value}


def _json(value: object) -> str:
    return otlp_json.dumped(value)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"
