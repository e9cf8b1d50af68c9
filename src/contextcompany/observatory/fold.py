"""What one span says, in our words: the only reader of wire names beside the tables it reads by.

Which attribute holds which fact, in which convention, is in `readings.py`, generated from semconv/readings.yaml.
Nothing here raises, whatever a span holds: what has another type than it should is not there.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from contextcompany import semconv as sc
from contextcompany._envelopes import said_by_request, said_by_response
from contextcompany.observatory import readings, shapes
from contextcompany.observatory.conversation import Conversation, conversation, finish_reason, from_span_events
from contextcompany.observatory.counts import (
    NO_TOKENS,
    Tokens,
    as_dollars,
    as_number,
    completed,
    inclusive,
    of_step_data,
    of_usage,
    total_cost,
)
from contextcompany.observatory.otlp import Event
from contextcompany.observatory.shapes import Message
from contextcompany.observatory.told import Told, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contextcompany.observatory.otlp import Log, Span

__all__ = [
    "OURS",
    "RUNS_ARE_OURS",
    "SUSPENDED",
    "Fact",
    "Feedback",
    "Kind",
    "Message",
    "Status",
    "Tokens",
    "feedback",
    "fold",
    "spoken",
    "suspended",
    "waits",
]

Kind = Literal["run", "step", "tool_call", "other"]
Status = Literal["ok", "error", "partial", "unset"]


OURS = readings.CONVENTIONS[0][0]
"""What spans of our own SDK are read as."""

RUNS_ARE_OURS = frozenset({OURS, "vercel"})
"""What spans are read as whose run ids are their own: ours, and Vercel's, which get them from the original SDK for
TypeScript. Spans of others have the id of the run around them."""

SUSPENDED = sc.EVENT_TCC_RUN_SUSPENDED
"""The event of a run that waits for a person."""


class Fact(NamedTuple):
    """What one span says; `None`, or what is empty, is not said."""

    kind: Kind
    """What it is to us."""
    read_as: str
    """By which convention it is written; empty when it does not speak GenAI."""
    name: str
    """What to show it as: the agent, the model or the tool; else the span's own name."""
    operation: str | None = None
    """What was done, in the word of the GenAI conventions if there is one."""
    run_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    org_id: str | None = None
    conversational: bool | None = None
    agent: str | None = None
    step_id: str | None = None
    step_name: str | None = None
    """Of a declared step that it executes."""
    step_type: str | None = None
    model_requested: str | None = None
    model_used: str | None = None
    provider: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    tool_description: str | None = None
    status: Status = "unset"
    status_message: str | None = None
    error_type: str | None = None
    tokens: Tokens = NO_TOKENS
    counted_inside: bool = False
    """It says itself that another span tells of the same call, and that one is to be counted."""
    cost: float | None = None
    """US dollars, as the span says it."""
    cost_source: str | None = None
    """Who says so: `provided` or `calculated` with our own SDK, else the convention."""
    price_version: str | None = None
    """The price table that our SDK calculated with."""
    input: list[Message] | None = None
    output: list[Message] | None = None
    system: list[Message] | None = None
    """The parts of the system instructions that were given apart from the messages."""
    tool_definitions: Any = None
    args: Any = None
    """What a tool call, or whatever is neither run nor step, was given; parsed when it is JSON."""
    result: Any = None
    """What came out of it."""
    full_input: str | None = None
    full_output: str | None = None
    metadata: dict[str, Any] = {}  # noqa: RUF012 - never changed
    tags: list[str] = []  # noqa: RUF012 - never changed
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed
    incomplete: str | None = None
    """Why it was not ended by the program."""
    undeliverable: str | None = None
    """Why its large attributes were left out: a back end did not take it."""
    undeliverable_size: int | None = None
    truncated: list[str] = []  # noqa: RUF012 - never changed
    redacted: list[str] = []  # noqa: RUF012 - never changed
    waited: float | None = None
    """Seconds that it was suspended, a part of its duration."""
    time_to_first_chunk: float | None = None
    """Seconds."""
    unknown: list[str] = []  # noqa: RUF012 - never changed
    """Attributes that were not understood, of a span that speaks GenAI."""


class Feedback(NamedTuple):
    """What somebody thought of a run, or a program of one of its spans."""

    run_id: str | None
    trace_id: str
    span_id: str
    response_id: str | None
    name: str
    label: str | None
    value: float | None
    text: str | None
    time_ns: int


# --- what there is to read -------------------------------------------------------------------------------------------


def fold(span: Span) -> Fact:
    """What a span says, by whatever convention it was written."""
    return _fact(span.attributes, span.events, span.scope.name, span)


def suspended(log: Log) -> Fact | None:
    """The run that a log record says is suspended now, as far as it was; `None` for any other record.

    Its ids are those of the run's span, which arrives when the run has ended.
    """
    if log.event_name != SUSPENDED:
        return None
    return _fact(log.attributes, [], log.scope.name, None)


def waits(span: Span) -> list[tuple[int, int]]:
    """From when until when a span waited for a person, by its events."""
    found, since = [], None
    for event in sorted(span.events, key=lambda event: event.time_ns) if span.events else ():
        if event.name == sc.EVENT_TCC_RUN_SUSPENDED:
            since = event.time_ns
        elif event.name == sc.EVENT_TCC_RUN_RESUMED and since is not None:
            found.append((since, event.time_ns))
            since = None
    return found


def feedback(log: Log) -> Feedback | None:
    """The evaluation that a log record is; `None` for any other record."""
    if log.event_name != sc.EVENT_GEN_AI_EVALUATION_RESULT:
        return None
    attributes = log.attributes
    return Feedback(
        run_id=as_text(attributes.get(sc.TCC_RUN_ID)),
        trace_id=log.trace_id,
        span_id=log.span_id,
        response_id=as_text(attributes.get(sc.GEN_AI_RESPONSE_ID)),
        name=as_text(attributes.get(sc.GEN_AI_EVALUATION_NAME)) or sc.GenAiEvaluationNameValues.USER_FEEDBACK,
        label=as_text(attributes.get(sc.GEN_AI_EVALUATION_SCORE_LABEL)),
        value=as_number(attributes.get(sc.GEN_AI_EVALUATION_SCORE_VALUE)),
        text=as_text(attributes.get(sc.GEN_AI_EVALUATION_EXPLANATION)),
        time_ns=log.time_ns or log.observed_ns,
    )


def spoken(logs: Iterable[Log]) -> tuple[list[Message] | None, list[Message] | None]:
    """What was asked and answered by the log records of one span: some instrumentations keep messages off spans."""
    events = [
        Event(
            log.event_name or as_text(log.attributes.get("event.name")) or "",
            log.time_ns or log.observed_ns,
            {**log.attributes, **(log.body if type(log.body) is dict else {})},
            0,
        )
        for log in logs
    ]
    went, came = from_span_events(sorted(events, key=lambda event: event.time_ns))
    return went.messages, came.messages


def _fact(attributes: Mapping[str, Any], events: list[Event], scope: str, span: Span | None) -> Fact:
    told = Told(attributes)
    read_as = _convention(scope, attributes)
    operation = _operation(attributes)
    kind: Kind = readings.OPERATIONS.get(operation or "", "other")  # type: ignore[assignment]  # the table's words
    said_in = conversation(kind, told, events)
    said = _said_inside(said_in)
    code, message = _status(told, events, span)
    cost, cost_source = _cost(told, read_as)
    names = {
        "agent": told.text("agent"),
        "model_requested": told.text("model_requested") or said.model_requested,
        "model_used": told.text("model_used") or said.model_used,
        "tool_name": told.text("tool_name"),
    }
    if kind == "tool_call" and names["tool_name"] is None:
        names["tool_name"] = told.text("entity") or (None if span is None else span.name)
    return Fact(
        kind=kind,
        read_as=read_as,
        name=_name(kind, names, told, span),
        operation=operation,
        run_id=told.text("run_id"),
        session_id=told.text("session_id"),
        user_id=told.text("user_id"),
        org_id=told.text("org_id"),
        conversational=_flag(told.facts.get("conversational")),
        **names,
        step_id=told.text("step_id"),
        step_name=told.text("step_name"),
        step_type=told.text("step_type"),
        provider=_provider(told.text("provider")),
        response_id=told.text("response_id") or said.response_id,
        finish_reason=finish_reason(told) or said_in.output.finish_reason,
        tool_call_id=told.text("tool_call_id"),
        tool_description=told.text("tool_description"),
        status=code,
        status_message=message,
        error_type=_error_type(told, events, code),
        tokens=_tokens(told, said.tokens, read_as),
        counted_inside=told.facts.get("counted_inside") is True,
        cost=cost,
        cost_source=cost_source,
        price_version=told.text("price_version"),
        input=said_in.input.messages,
        output=said_in.output.messages,
        system=said_in.system,
        tool_definitions=said_in.tools,
        args=said_in.args,
        result=said_in.result,
        full_input=told.text("full_input"),
        full_output=told.text("full_output"),
        metadata=_metadata(told),
        tags=told.texts("tags"),
        parameters=_parameters(told, said.parameters),
        incomplete=told.text("incomplete"),
        undeliverable=told.text("undeliverable"),
        undeliverable_size=told.count("undeliverable_size"),
        truncated=told.texts("truncated"),
        redacted=told.texts("redacted"),
        waited=told.number("waited"),
        time_to_first_chunk=_time_to_first_chunk(told, span),
        unknown=told.unknown if read_as else [],
    )


# --- what it is ------------------------------------------------------------------------------------------------------


def _convention(scope: str, attributes: Mapping[str, Any]) -> str:
    by_scope = _scope_convention(scope)
    if by_scope:
        return by_scope
    found = min(map(_sign, attributes), default=_NO_SIGN)
    return "" if found == _NO_SIGN else readings.CONVENTIONS[found][0]


@lru_cache(1_024)
def _scope_convention(scope: str) -> str:
    return next((name for name, scopes, _ in readings.CONVENTIONS if _fits(scope, scopes)), "")


_NO_SIGN = len(readings.CONVENTIONS)


@lru_cache(8_192)
def _sign(key: str) -> int:
    """The place in the table of the first convention that an attribute is a sign of."""
    return next((place for place, (_, _, signs) in enumerate(readings.CONVENTIONS) if _fits(key, signs)), _NO_SIGN)


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(text.startswith(each[:-1]) if each.endswith("*") else text == each for each in patterns)


def _operation(attributes: Mapping[str, Any]) -> str | None:
    for key, words in readings.ROLES.items():
        value = attributes.get(key)
        if type(value) is str:
            word = shapes.parsed(value) if key.startswith(readings.QUOTED_PREFIXES) else value
            if type(word) is str and word in words:
                return words[word]
    own = as_text(attributes.get(sc.GEN_AI_OPERATION_NAME))
    return own or next((operation for key, operation in readings.SHAPES if key in attributes), None)


def _name(kind: Kind, names: Mapping[str, str | None], told: Told, span: Span | None) -> str:
    shown = {
        "run": names["agent"] or told.text("workflow") or told.text("trace_name") or told.text("entity"),
        "step": told.text("step_name") or names["model_requested"] or names["model_used"],
        "tool_call": names["tool_name"],
        "other": told.text("entity"),
    }[kind]
    return shown or ("" if span is None else span.name)


def _provider(word: str | None) -> str | None:
    if word is None:
        return None
    low = word.lower()
    known = readings.PROVIDERS.get(low)
    if known is None and "." in low and low not in _PROVIDERS:  # Vercel's `openai.chat`, `anthropic.messages`
        head = low.partition(".")[0]
        return readings.PROVIDERS.get(head, head if head in _PROVIDERS else word)
    return known or (low if low in _PROVIDERS else word)


_PROVIDERS = frozenset(value for key, value in vars(sc.GenAiProviderNameValues).items() if key.isupper())


# --- how it went -----------------------------------------------------------------------------------------------------

_STATUS: dict[object, Status] = {
    sc.TccStatusCodeValues.SUCCESS: "ok",
    sc.TccStatusCodeValues.PARTIAL_SUCCESS: "partial",
    sc.TccStatusCodeValues.ERROR: "error",
}
_OTLP_STATUS: dict[int, Status] = {1: "ok", 2: "error"}


def _status(told: Told, events: list[Event], span: Span | None) -> tuple[Status, str | None]:
    code, (otlp, description) = told.facts.get("status_code"), (0, "") if span is None else span.status
    message = told.text("status_message") or description or None
    if span is None or not span.end_ns:
        return "unset", message  # it is still open, and may end in any way
    if type(code) is int and code in _STATUS:
        return _STATUS[code], message
    if told.text("level") == "ERROR":
        return "error", message
    status = _OTLP_STATUS.get(otlp, "unset")
    if status == "error" and message is None:
        message = _of_exception(events, sc.EXCEPTION_MESSAGE)
    return status, message


def _error_type(told: Told, events: list[Event], status: str) -> str | None:
    """Of which kind the error is; that no kind is known is none."""
    said = told.text("error_type")
    if said not in {None, sc.ErrorTypeValues.OTHER}:
        return said
    return _of_exception(events, sc.EXCEPTION_TYPE) if status == "error" else None


def _of_exception(events: list[Event], key: str) -> str | None:
    """What the last exception of the span says."""
    said = (as_text(event.attributes.get(key)) for event in reversed(events) if event.name == sc.EVENT_EXCEPTION)
    return next(said, None)


def _time_to_first_chunk(told: Told, span: Span | None) -> float | None:
    seconds, thousandths = told.number("time_to_first_chunk"), told.number("time_to_first_chunk_ms")
    if seconds is not None or thousandths is not None:
        return seconds if seconds is not None else (thousandths or 0) / 1000
    at = shapes.parsed(told.facts.get("first_chunk_at"))
    if type(at) is not str or span is None:
        return None
    try:
        moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
        return max(moment.timestamp() - span.start_ns / 1e9, 0.0)
    except (ValueError, OverflowError, OSError):
        return None


# --- what it counts --------------------------------------------------------------------------------------------------


def _tokens(told: Told, said: Tokens, read_as: str) -> Tokens:
    """Counts as the conventions have them today, from wherever on the span they are; ours are so already."""
    usage = shapes.parsed(told.facts.get("usage"))
    counts = [told.count(f"tokens_{name}") for name in Tokens._fields]
    if read_as == OURS:
        return Tokens(*counts)
    if counts == _NOTHING and type(usage) is dict:
        return completed(of_usage(usage), said)
    if counts == _NOTHING:  # a sum over what is inside, which some give names of its own
        counts = [told.count(f"sum_{name}") for name in Tokens._fields]
    if counts == _NOTHING:
        return said
    raw = shapes.parsed(told.facts.get("usage_raw"))
    whole = of_step_data(said_by_response({"usage": raw})) if type(raw) is dict else said
    return completed(inclusive(Tokens(*counts), told.count("tokens_total")), whole)


_NOTHING: list[int | None] = [None] * len(Tokens._fields)


def _cost(told: Told, read_as: str) -> tuple[float | None, str | None]:
    cost, costs = as_dollars(told.facts.get("cost")), shapes.parsed(told.facts.get("costs"))
    if cost is None and type(costs) is dict:
        cost = total_cost(costs)
    if cost is None:
        return None, None
    return cost, told.text("cost_source") or read_as


# --- what was said ---------------------------------------------------------------------------------------------------


class _Inside(NamedTuple):
    """What whole requests and responses said of themselves."""

    model_requested: str | None = None
    model_used: str | None = None
    response_id: str | None = None
    tokens: Tokens = NO_TOKENS
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed


def _said_inside(spoken: Conversation) -> _Inside:
    asked, answered = spoken.input.told, spoken.output.told
    return _Inside(
        None if asked is None else asked.model.requested,
        None if answered is None else answered.model.used,
        None if answered is None else answered.response_id,
        of_step_data(answered),
        {} if asked is None else asked.parameters,
    )


# --- the rest --------------------------------------------------------------------------------------------------------


def _metadata(told: Told) -> dict[str, Any]:
    noted = shapes.parsed(told.facts.get("metadata_object"))
    return {
        **(noted if type(noted) is dict else {}),
        **{key: shapes.parsed(value) for key, value in told.families.get("metadata_more", {}).items()},
        **told.families.get("metadata", {}),
    }


def _parameters(told: Told, said: dict[str, Any]) -> dict[str, Any]:
    noted = shapes.parsed(told.facts.get("parameters_object"))
    if type(noted) is dict:
        rest = {key: value for key, value in noted.items() if key not in _NO_PARAMETERS and value is not None}
        known = said_by_request(rest).parameters
        said = {**said, **{key: value for key, value in rest.items() if key not in _RENAMED_PARAMETERS}, **known}
    return {**said, **told.parameters}


_NO_PARAMETERS = frozenset({"messages", "model", "tools", "input", "functions"})
_RENAMED_PARAMETERS = frozenset({"max_completion_tokens", "max_output_tokens", "n", "stop", "reasoning_effort"})


# --- one attribute → one value ---------------------------------------------------------------------------------------


def _flag(value: Any) -> bool | None:
    """Yes or no, which metadata of Vercel's has as text too."""
    return _FLAGS.get(value) if type(value) in (bool, str) else None


_FLAGS = {True: True, False: False, "true": True, "false": False}
