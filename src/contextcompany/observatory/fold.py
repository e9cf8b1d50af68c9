"""What one span says, in our words: the only reader of wire names beside the tables it reads by.

Which attribute holds which fact, in which convention, is in `readings.py`, generated from semconv/readings.yaml.
Nothing here raises, whatever a span holds: what has another type than it should is not there.
"""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from contextcompany import semconv as sc
from contextcompany._envelopes import said_by_request, said_by_response
from contextcompany.observatory import readings, shapes
from contextcompany.observatory.otlp import Event
from contextcompany.observatory.shapes import Message, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from contextcompany._data import StepData
    from contextcompany.observatory.otlp import Log, Span

__all__ = ["OURS", "Fact", "Feedback", "Kind", "Message", "Status", "Tokens", "feedback", "fold", "spoken", "suspended"]

Kind = Literal["run", "step", "tool_call", "other"]
Status = Literal["ok", "error", "partial", "unset"]


class Tokens(NamedTuple):
    """Token counts; `None` is not said. `cached` and `cache_write` are in `input`, `reasoning` is in `output`."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


NO_TOKENS = Tokens()

OURS = readings.CONVENTIONS[0][0]
"""What spans of our own SDK are read as."""


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
    if log.event_name != sc.EVENT_TCC_RUN_SUSPENDED:
        return None
    return _fact(log.attributes, [], log.scope.name, None)


def feedback(log: Log) -> Feedback | None:
    """The evaluation that a log record is; `None` for any other record."""
    if log.event_name != sc.EVENT_GEN_AI_EVALUATION_RESULT:
        return None
    attributes = log.attributes
    return Feedback(
        run_id=_text(attributes.get(sc.TCC_RUN_ID)),
        trace_id=log.trace_id,
        span_id=log.span_id,
        response_id=_text(attributes.get(sc.GEN_AI_RESPONSE_ID)),
        name=_text(attributes.get(sc.GEN_AI_EVALUATION_NAME)) or sc.GenAiEvaluationNameValues.USER_FEEDBACK,
        label=_text(attributes.get(sc.GEN_AI_EVALUATION_SCORE_LABEL)),
        value=_number(attributes.get(sc.GEN_AI_EVALUATION_SCORE_VALUE)),
        text=_text(attributes.get(sc.GEN_AI_EVALUATION_EXPLANATION)),
        time_ns=log.time_ns or log.observed_ns,
    )


def spoken(logs: Iterable[Log]) -> tuple[list[Message] | None, list[Message] | None]:
    """What was asked and answered by the log records of one span: some instrumentations keep messages off spans."""
    events = [
        Event(
            log.event_name or _text(log.attributes.get("event.name")) or "",
            log.time_ns or log.observed_ns,
            {**log.attributes, **(log.body if type(log.body) is dict else {})},
            0,
        )
        for log in logs
    ]
    went, came = _from_span_events(sorted(events, key=lambda event: event.time_ns))
    return went.messages, came.messages


class _Told:
    """The attributes of a span by the facts that they hold."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.facts: dict[str, Any] = {}
        self.ranks: dict[str, int] = {}
        self.families: dict[str, dict[str, Any]] = {}
        self.parameters: dict[str, Any] = {}
        self.unknown: list[str] = []
        for key, value in attributes.items():
            self._put(key, value)

    def _put(self, key: str, value: Any) -> None:
        group, fact, rank, rest = _place(key)
        if value is None or group == _IS_PLAIN:
            return
        if group == _IS_UNKNOWN:
            self.unknown.append(key)
        elif group == _IS_FAMILY:
            self.families.setdefault(fact, {})[rest] = value
        elif rank < self.ranks.get(group + fact, _LAST):
            self.ranks[group + fact] = rank
            if key.startswith(readings.QUOTED_PREFIXES):
                value = shapes.parsed(value)
            (self.parameters if group == _IS_PARAMETER else self.facts)[fact] = value

    def text(self, fact: str) -> str | None:
        return _text(self.facts.get(fact))

    def number(self, fact: str) -> float | None:
        return _number(self.facts.get(fact))

    def count(self, fact: str) -> int | None:
        return _count(self.facts.get(fact))


_IS_FACT, _IS_FAMILY, _IS_PARAMETER, _IS_PLAIN, _IS_UNKNOWN = "fact ", "family ", "parameter ", "plain ", "unknown "
_LAST = 1_000


@lru_cache(8_192)
def _place(key: str) -> tuple[str, str, int, str]:
    """What an attribute is to us: a fact and its rank, or one of many that hold a fact, with the rest of its key."""
    if key in readings.FACTS:
        return _IS_FACT, *readings.FACTS[key], ""
    if key in readings.PARAMETERS:
        return _IS_PARAMETER, *readings.PARAMETERS[key], ""
    for prefix, fact, rank in readings.FAMILIES:
        if key.startswith(prefix):
            return _IS_FAMILY, fact, rank, key[len(prefix) :]
    is_plain = key in readings.PLAIN or key in readings.ROLES or key.startswith(readings.PLAIN_PREFIXES)
    return (_IS_PLAIN if is_plain else _IS_UNKNOWN), "", 0, ""


def _fact(attributes: Mapping[str, Any], events: list[Event], scope: str, span: Span | None) -> Fact:
    told = _Told(attributes)
    read_as = _convention(scope, attributes)
    operation = _operation(attributes)
    kind: Kind = readings.OPERATIONS.get(operation or "", "other")  # type: ignore[assignment]  # the table's words
    conversation = _spoken(kind, told, events)
    said = _said_inside(conversation)
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
        provider=_provider(told.text("provider")),
        response_id=told.text("response_id") or said.response_id,
        finish_reason=_reason(told) or conversation.output.finish_reason,
        tool_call_id=told.text("tool_call_id"),
        tool_description=told.text("tool_description"),
        status=code,
        status_message=message,
        error_type=told.text("error_type") or (_of_exception(events, sc.EXCEPTION_TYPE) if code == "error" else None),
        tokens=_tokens(told, said.tokens, read_as),
        counted_inside=told.facts.get("counted_inside") is True,
        cost=cost,
        cost_source=cost_source,
        price_version=told.text("price_version"),
        input=conversation.input.messages,
        output=conversation.output.messages,
        system=conversation.system,
        tool_definitions=conversation.tools,
        args=conversation.args,
        result=conversation.result,
        full_input=told.text("full_input"),
        full_output=told.text("full_output"),
        metadata=_metadata(told),
        tags=_texts(told.facts.get("tags")),
        parameters=_parameters(told, said.parameters),
        incomplete=told.text("incomplete"),
        undeliverable=told.text("undeliverable"),
        undeliverable_size=told.count("undeliverable_size"),
        truncated=_texts(told.facts.get("truncated")),
        redacted=_texts(told.facts.get("redacted")),
        waited=told.number("waited"),
        time_to_first_chunk=_time_to_first_chunk(told, span),
        unknown=told.unknown if read_as else [],
    )


# --- what it is ------------------------------------------------------------------------------------------------------


def _convention(scope: str, attributes: Mapping[str, Any]) -> str:
    by_scope = _scope_convention(scope)
    if by_scope:
        return by_scope
    found = min((_sign(key) for key in attributes), default=_LAST)
    return "" if found == _LAST else readings.CONVENTIONS[found][0]


@lru_cache(1_024)
def _scope_convention(scope: str) -> str:
    return next((name for name, scopes, _ in readings.CONVENTIONS if _fits(scope, scopes)), "")


@lru_cache(8_192)
def _sign(key: str) -> int:
    """The place in the table of the first convention that an attribute is a sign of."""
    return next((place for place, (_, _, signs) in enumerate(readings.CONVENTIONS) if _fits(key, signs)), _LAST)


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(text.startswith(each[:-1]) if each.endswith("*") else text == each for each in patterns)


def _operation(attributes: Mapping[str, Any]) -> str | None:
    for key, words in readings.ROLES.items():
        value = attributes.get(key)
        if type(value) is str:
            word = shapes.parsed(value) if key.startswith(readings.QUOTED_PREFIXES) else value
            if type(word) is str and word in words:
                return words[word]
    own = _text(attributes.get(sc.GEN_AI_OPERATION_NAME))
    return own or next((operation for key, operation in readings.SHAPES if key in attributes), None)


def _name(kind: Kind, names: Mapping[str, str | None], told: _Told, span: Span | None) -> str:
    shown = {
        "run": names["agent"] or told.text("workflow") or told.text("trace_name") or told.text("entity"),
        "step": names["model_requested"] or names["model_used"],
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


def _status(told: _Told, events: list[Event], span: Span | None) -> tuple[Status, str | None]:
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


def _of_exception(events: list[Event], key: str) -> str | None:
    """What the last exception of the span says."""
    said = (_text(event.attributes.get(key)) for event in reversed(events) if event.name == sc.EVENT_EXCEPTION)
    return next(said, None)


def _time_to_first_chunk(told: _Told, span: Span | None) -> float | None:
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


def _tokens(told: _Told, said: Tokens, read_as: str) -> Tokens:
    """Counts as the conventions have them today, from wherever on the span they are; ours are so already."""
    usage = shapes.parsed(told.facts.get("usage"))
    counts = [told.count(f"tokens_{name}") for name in Tokens._fields]
    if read_as == OURS:
        return Tokens(*counts)
    if counts == _NOTHING and type(usage) is dict:
        return _completed(_of_usage(usage), said)
    if counts == _NOTHING:  # a sum over what is inside, which some give names of its own
        counts = [told.count(f"sum_{name}") for name in Tokens._fields]
    if counts == _NOTHING:
        return said
    raw = shapes.parsed(told.facts.get("usage_raw"))
    whole = _of_step_data(said_by_response({"usage": raw})) if type(raw) is dict else said
    return _completed(_inclusive(Tokens(*counts), told.count("tokens_total")), whole)


def _completed(made: Tokens, whole: Tokens) -> Tokens:
    """The counts, with what the provider's own usage tells beside the same input and output."""
    if whole[:2] != made[:2]:
        return made
    return Tokens(*(theirs if mine is None else mine for mine, theirs in zip(made, whole, strict=True)))


_NOTHING: list[int | None] = [None] * len(Tokens._fields)


def _inclusive(said: Tokens, total: int | None) -> Tokens:
    """The counts with parts in the wholes; some APIs, Anthropic's before all, count cached input beside the input.

    The total tells, if it is said. Without one, parts are in their whole unless they are larger than it.
    """
    went, came = said.input, said.output
    cached, thought = (said.cached or 0) + (said.cache_write or 0), said.reasoning or 0
    more = cached if went is not None and cached > went else 0
    extra = thought if came is not None and thought > came else 0
    if total is not None and went is not None and not (more or extra):
        sums = {went + (came or 0) + a + b: (a, b) for b in (thought, 0) for a in (cached, 0)}
        more, extra = sums.get(total, (0, 0))
    return said._replace(input=None if went is None else went + more, output=None if came is None else came + extra)


def _of_usage(usage: Mapping[str, Any]) -> Tokens:
    """An object with counts: Langfuse's, whose keys are free, MLflow's, or one of a provider's."""
    details = any(type(value) is dict for value in usage.values())
    if details or "prompt_tokens" in usage:
        return _of_step_data(said_by_response({"usage": usage}))
    found = {
        name: next((n for key in keys if (n := _count(usage.get(key))) is not None), None)
        for name, keys in _USAGE_KEYS.items()
    }
    total = found.pop("total")
    made = _inclusive(Tokens(**found), total)
    if made == Tokens() and total is not None:
        return Tokens(input=total)  # all that is known is that so many were used
    return made


_USAGE_KEYS = {
    "input": ("input", "input_tokens", "prompt_tokens", "promptTokens"),
    "output": ("output", "output_tokens", "completion_tokens", "completionTokens"),
    "cached": ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "cached_tokens", "cached"),
    "cache_write": ("input_cache_creation", "cache_creation_input_tokens", "input_cache_write"),
    "reasoning": ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"),
    "total": ("total", "total_tokens", "totalTokens"),
}


def _of_step_data(said: StepData | None) -> Tokens:
    if said is None:
        return NO_TOKENS
    tokens = said.tokens
    return Tokens(tokens.input, tokens.completion, tokens.cached, tokens.cache_write, tokens.reasoning)


def _cost(told: _Told, read_as: str) -> tuple[float | None, str | None]:
    cost, costs = told.number("cost"), shapes.parsed(told.facts.get("costs"))
    if cost is None and type(costs) is dict:
        known = {
            key.removesuffix("_cost"): value for key, each in costs.items() if (value := _number(each)) is not None
        }
        total = known.pop("total", None)
        cost = total if total is not None or not known else math.fsum(known.values())
    if cost is None:
        return None, None
    return cost, told.text("cost_source") or read_as


# --- what was said ---------------------------------------------------------------------------------------------------


class _Spoken(NamedTuple):
    input: Said
    output: Said
    system: list[Message] | None = None
    tools: Any = None
    args: Any = None
    result: Any = None


class _Inside(NamedTuple):
    """What whole requests and responses said of themselves."""

    model_requested: str | None = None
    model_used: str | None = None
    response_id: str | None = None
    tokens: Tokens = NO_TOKENS
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never changed


def _spoken(kind: Kind, told: _Told, events: list[Event]) -> _Spoken:
    facts = told.facts
    if kind in ("tool_call", "other"):
        documents = facts.get("documents") or _family(told, "indexed_documents")
        return _Spoken(
            Said(),
            Said(),
            args=shapes.parsed(facts.get("args", facts.get("input"))),
            result=shapes.parsed(facts.get("result", facts.get("output", documents))),
        )
    went, came = _from_elsewhere(told, events)
    if went.messages is None or told.ranks.get(_IS_FACT + "input") == 0:
        went = shapes.asked(facts["input"]) if "input" in facts else went
    if came.messages is None or told.ranks.get(_IS_FACT + "output") == 0:
        came = shapes.answered(facts["output"], _reason(told)) if "output" in facts else came
    if kind == "step" and came.told is None:  # beside messages, the whole response tells its id and its counts
        whole = shapes.parsed(facts.get("output"))
        is_response = type(whole) is dict and not _OF_RESPONSES.isdisjoint(whole)
        came = came._replace(told=said_by_response(whole) if is_response else None)
    system = shapes.parsed(facts.get("system"))
    return _Spoken(
        went,
        came,
        system if type(system) is list else _as_parts(system) or went.system,
        _tools(told) or went.tools,
    )


_OF_RESPONSES = frozenset({"usage", "usage_metadata", "usageMetadata", "response_metadata", "llm_output", "choices"})
"""What tells a provider's response from an answer that is JSON."""


def _as_parts(system: Any) -> list[Message] | None:
    return [{"type": "text", "content": system}] if type(system) is str else None


def _from_elsewhere(told: _Told, events: list[Event]) -> tuple[Said, Said]:
    """What stands in events and in attributes that hold one field each: more exact than a JSON text of everything."""
    sources: tuple[Callable[[], tuple[Said, Said]], ...] = (
        lambda: _from_conversation(told),
        lambda: _from_span_events(events),
        lambda: _from_said_events(told),
        lambda: (_indexed(told, "indexed_input", asks=True), _indexed(told, "indexed_output", asks=False)),
        lambda: (_wrapped(told, "wrapped_input", asks=True), _wrapped(told, "wrapped_output", asks=False)),
        lambda: (Said(), _from_parts(told)),
    )
    went, came = Said(), Said()
    for source in sources:
        more_went, more_came = source()
        went = went if went.messages is not None else more_went
        came = came if came.messages is not None else more_came
    return went, came


def _from_conversation(told: _Told) -> tuple[Said, Said]:
    if "conversation" not in told.facts:
        return Said(), Said()
    return shapes.from_conversation(told.facts["conversation"])


def _from_said_events(told: _Told) -> tuple[Said, Said]:
    listed = shapes.parsed(told.facts.get("said_events"))
    if type(listed) is not list:
        return Said(), Said()
    return shapes.from_events((str(each.get("event.name")), each) for each in listed if type(each) is dict)


def _from_span_events(events: list[Event]) -> tuple[Said, Said]:
    spoken = [(event.name, _body(event)) for event in events if event.name.startswith(sc.GENAI_NAMESPACES)]
    if not spoken:
        return Said(), Said()
    went, came = shapes.from_events(spoken)
    for _, body in spoken:  # the oldest and the newest have whole conversations in one event
        told = _Told(body)
        if went.messages is None and "input" in told.facts:
            went = shapes.asked(told.facts["input"])
        if came.messages is None and "output" in told.facts:
            came = shapes.answered(told.facts["output"])
    return went, came


def _body(event: Event) -> Mapping[str, Any]:
    """The attributes of an event; Azure's have them as JSON text in one."""
    inner = shapes.parsed(_Told(event.attributes).facts.get("event_content"))
    return inner if type(inner) is dict else event.attributes


def _family(told: _Told, fact: str) -> list[Any] | None:
    fields = told.families.get(fact)
    return shapes.nested(fields) if fields else None


def _indexed(told: _Told, fact: str, *, asks: bool) -> Said:
    listed = _family(told, fact)
    if listed is None:
        return Said()
    messages = [
        {"role": "user" if asks else "assistant", **each, "content": _blocks(each.get("content"))}
        for each in listed
        if type(each) is dict
    ]
    return shapes.asked(messages) if asks else shapes.answered(messages, _reason(told))


def _blocks(content: Any) -> Any:
    """The blocks of a content that are JSON text; other text, JSON included, is what was said."""
    blocks = shapes.parsed(content)
    is_blocks = type(blocks) is list and bool(blocks) and all(type(each) is dict and "type" in each for each in blocks)
    return blocks if is_blocks else content


def _wrapped(told: _Told, fact: str, *, asks: bool) -> Said:
    listed = _family(told, fact)
    if listed is None:
        return Said()
    messages = shapes.unwrapped(listed)
    return shapes.asked(messages) if asks else shapes.answered(messages, _reason(told))


def _from_parts(told: _Told) -> Said:
    facts = told.facts
    text = facts.get("answer_text", facts.get("answer_object"))
    calls, reasoning = facts.get("answer_tool_calls"), facts.get("answer_reasoning")
    if text is None and calls is None and reasoning is None:
        return Said()
    return shapes.vercel_answer(text, reasoning, calls, _reason(told))


def _reason(told: _Told) -> str | None:
    return next(iter(_texts(told.facts.get("finish_reasons"))), None)


def _tools(told: _Told) -> Any:
    facts = told.facts
    if "tool_definitions" in facts:
        return shapes.tools(facts["tool_definitions"])
    offered = shapes.parsed(facts.get("offered"))
    if type(offered) is dict:
        return shapes.tools(offered.get("function_tools") or []) or None
    indexed = _family(told, "indexed_tools")
    if indexed is not None:
        return shapes.tools(indexed)
    wrapped = _family(told, "wrapped_tools")
    return None if wrapped is None else shapes.tools(shapes.unwrapped(wrapped))


def _said_inside(spoken: _Spoken) -> _Inside:
    asked, answered = spoken.input.told, spoken.output.told
    return _Inside(
        None if asked is None else asked.model.requested,
        None if answered is None else answered.model.used,
        None if answered is None else answered.response_id,
        _of_step_data(answered),
        {} if asked is None else asked.parameters,
    )


# --- the rest --------------------------------------------------------------------------------------------------------


def _metadata(told: _Told) -> dict[str, Any]:
    noted = shapes.parsed(told.facts.get("metadata_object"))
    return {
        **(noted if type(noted) is dict else {}),
        **{key: shapes.parsed(value) for key, value in told.families.get("metadata_more", {}).items()},
        **told.families.get("metadata", {}),
    }


def _parameters(told: _Told, said: dict[str, Any]) -> dict[str, Any]:
    noted = shapes.parsed(told.facts.get("parameters_object"))
    if type(noted) is dict:
        rest = {key: value for key, value in noted.items() if key not in _NO_PARAMETERS and value is not None}
        known = said_by_request(rest).parameters
        said = {**said, **{key: value for key, value in rest.items() if key not in _RENAMED_PARAMETERS}, **known}
    return {**said, **told.parameters}


_NO_PARAMETERS = frozenset({"messages", "model", "tools", "input", "functions"})
_RENAMED_PARAMETERS = frozenset({"max_completion_tokens", "max_output_tokens", "n", "stop", "reasoning_effort"})


# --- one attribute → one value ---------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    return value if value is None or type(value) is str else str(value)


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if type(value) is str:
        listed = shapes.parsed(value) if value[:1] == "[" else value
        value = listed if type(listed) is list else [value]
    return [str(each) for each in value] if type(value) is list else [str(value)]


def _count(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _number(value: Any) -> float | None:
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _flag(value: Any) -> bool | None:
    return value if type(value) is bool else None
