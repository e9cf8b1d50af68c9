"""Our own spans and events back into values: the inverse of `_mapping`, for the console and for tests.

It knows what `_mapping` writes, and the spans that others write inside a run by the GenAI conventions. Nothing here
raises, whatever the attributes hold.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import StatusCode

from contextcompany import semconv as sc
from contextcompany._content import as_text
from contextcompany._data import ERROR, OK, PARTIAL, Call, Model, StepData, Tokens
from contextcompany._identity import run_identity
from contextcompany._mapping import CLIENT_FACTS, PARAMETERS
from contextcompany._message_parts import parsed_json
from contextcompany._messages import prompt, response, tool_definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from contextcompany._settings import Destination

__all__ = [
    "RecordedFeedback",
    "RecordedRun",
    "RecordedStep",
    "RecordedTokens",
    "RecordedToolCall",
    "belongs_to",
    "is_run",
    "read_call",
    "read_feedback",
    "read_loose",
    "read_runs",
    "walk",
]

# --- the values ------------------------------------------------------------------------------------------------------


class _Readable:
    """A repr that leaves out what was not recorded."""

    def __repr__(self) -> str:
        # What says most stands first: a class's own fields, then those it shares with the others.
        own = type(self).__annotations__
        shown = sorted(fields(self), key=lambda each: each.name not in own)  # type: ignore[arg-type]  # a dataclass
        values = [(each.name, getattr(self, each.name)) for each in shown if getattr(self, each.name) != _default(each)]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values)})"


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordedTokens(_Readable):
    """Token counts as they were sent; `None` is not known."""

    input: int | None = None
    """All that went in, those of the two cache counts included."""
    cached: int | None = None
    """The part of `input` that was read from a cache."""
    cache_write: int | None = None
    """The part of `input` that was written to a cache."""
    output: int | None = None
    """All that came out, `reasoning` included."""
    reasoning: int | None = None
    """The part of `output` that was spent on thinking."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordedFeedback(_Readable):
    """What somebody thought of a run."""

    run_id: str = ""
    """The run it is about."""
    name: str | None = None
    """What was judged; `user_feedback` unless it was named."""
    score: str | None = None
    """The score in words, as `thumbs_up`."""
    value: float | None = None
    """The score as a number."""
    text: str | None = None
    """What was written with it."""
    time_ns: int = 0
    """When it was given, in nanoseconds since the epoch."""
    destination: Destination | None = None
    """Where it would have gone, when it or its run had a key or URL of its own."""


@dataclass(frozen=True, kw_only=True, repr=False)
class _Recorded(_Readable):
    """What recorded runs, steps and tool calls share."""

    run_id: str = ""
    """The run that it is, or belongs to."""
    status: int = OK
    """0 = success, 1 = partial success, 2 = error."""
    status_message: str | None = None
    """The status in words."""
    error_type: str | None = None
    """The kind of error, as an exception's class name."""
    incomplete: str | None = None
    """Why it was not ended by its own `end()` or `error()`, as `run_ended`; `None` when it was."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Key-value pairs as they were sent: structured values as JSON text."""
    declared: tuple[str, str | None] | None = None
    """Name and type of the declared step that it executed (see `contextcompany.workflow`)."""
    start_ns: int = 0
    """When it started, in nanoseconds since the epoch."""
    end_ns: int = 0
    """When it ended, in nanoseconds since the epoch."""
    trace_id: str = ""
    """The trace, as 32 hex digits."""
    span_id: str = ""
    """The span, as 16 hex digits."""
    destination: Destination | None = None
    """Where it would have gone, when it or its run had a key or URL of its own."""
    steps: tuple[RecordedStep, ...] = ()
    """The steps directly in it, in order of start."""
    tool_calls: tuple[RecordedToolCall, ...] = ()
    """The tool calls directly in it, in order of start."""
    runs: tuple[RecordedRun, ...] = ()
    """The runs directly in it, in order of start."""

    @property
    def duration_s(self) -> float:
        """How long it took, in seconds."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def children(self) -> tuple[RecordedStep | RecordedToolCall | RecordedRun, ...]:
        """All that is directly in it, in order of start."""
        everything: list[RecordedStep | RecordedToolCall | RecordedRun]
        everything = [*self.steps, *self.tool_calls, *self.runs]
        return tuple(sorted(everything, key=lambda each: each.start_ns))


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordedRun(_Recorded):
    """One agent invocation."""

    agent: str | None = None
    """The agent's name."""
    session_id: str | None = None
    """The session it belongs to."""
    user_id: str | None = None
    """Whom the agent worked for."""
    org_id: str | None = None
    """Which organisation that is."""
    conversational: bool | None = None
    """Whether it is a turn in a conversation."""
    tags: tuple[str, ...] = ()
    """Words to find it by."""
    prompt: Any = None
    """The user's text when that is all there is, else the messages in GenAI shape."""
    system_prompt: Any = None
    """The system instructions: text when that is all there is, else their parts in GenAI shape."""
    full_input: str | None = None
    """The raw request."""
    response: Any = None
    """The agent's text when that is all there is, else the messages in GenAI shape."""
    full_output: str | None = None
    """The raw output."""
    time_to_first_chunk: float | None = None
    """Seconds until the first piece of a streamed response."""
    waiting_s: float | None = None
    """Seconds it was suspended, which are a part of its duration."""
    feedback: tuple[RecordedFeedback, ...] = ()
    """What people thought of it."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordedStep(_Recorded):
    """One request to an LLM and its response."""

    operation: str = sc.GenAiOperationNameValues.CHAT
    """`chat`, or what others call theirs, as `embeddings`."""
    step_id: str | None = None
    """Its own id."""
    model_requested: str | None = None
    """The model that was asked for."""
    model_used: str | None = None
    """The model that answered."""
    provider: str | None = None
    """Who was asked to run the model."""
    prompt: Any = None
    """The user's text when that is all there is, else the messages in GenAI shape."""
    system_prompt: Any = None
    """System instructions given apart from the messages: text when that is all there is, else their parts."""
    response: Any = None
    """The model's text when that is all there is, else the messages in GenAI shape."""
    finish_reason: str | None = None
    """Why the model stopped."""
    time_to_first_chunk: float | None = None
    """Seconds until the first piece of a streamed answer."""
    response_id: str | None = None
    """The answer's id at the provider."""
    tokens: RecordedTokens = RecordedTokens()
    """Token counts."""
    cost: float | None = None
    """US dollars; `None` when it is not known."""
    cost_source: str | None = None
    """`provided` by the caller or `calculated` from the tokens."""
    is_counted_inside: bool = False
    """Another step, recorded by the client below, is the same call: add up the tokens and cost of that one only."""
    tool_definitions: Any = None
    """The tools that the model could call, parsed."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Parameters of the request, under the names that `Step.parameters` takes."""


@dataclass(frozen=True, kw_only=True, repr=False)
class RecordedToolCall(_Recorded):
    """One execution of a tool."""

    name: str | None = None
    """The tool's name."""
    tool_call_id: str | None = None
    """The id that the model gave the call."""
    description: str | None = None
    """What the tool is for."""
    args: Any = None
    """What it was called with: parsed when it is JSON, else text."""
    result: Any = None
    """What it returned: parsed when it is JSON, else text."""


Recorded = RecordedRun | RecordedStep | RecordedToolCall


def _default(each: Any) -> object:
    return each.default_factory() if each.default_factory is not MISSING else each.default


# --- spans and events → values ---------------------------------------------------------------------------------------


class _HasLogRecord(Protocol):
    @property
    def log_record(self) -> LogRecord: ...


def read_runs(
    spans: Iterable[ReadableSpan],
    logs: Iterable[_HasLogRecord] = (),
    destinations: Mapping[int, Destination] | None = None,
) -> list[RecordedRun]:
    """The runs among `spans` that are in no other of them, each with all that is in it, in order of start.

    A span whose parent is not among `spans` goes directly under the run whose id it carries.
    """
    feedback = read_feedback(logs, destinations)
    top = _Forest(spans).values(feedback, destinations or {})
    return [value for value, is_own in top if isinstance(value, RecordedRun) and is_own]


def read_loose(spans: Iterable[ReadableSpan], destinations: Mapping[int, Destination] | None = None) -> list[Recorded]:
    """What belongs to none of the runs among `spans`, in order of start: no run is made up for it."""
    top = _Forest(spans).values((), destinations or {})
    return [value for value, is_own in top if not (isinstance(value, RecordedRun) and is_own)]


def read_feedback(
    logs: Iterable[_HasLogRecord], destinations: Mapping[int, Destination] | None = None
) -> list[RecordedFeedback]:
    """The feedback among `logs`, in their order."""
    return [
        _feedback(log.log_record, (destinations or {}).get(id(log)))
        for log in logs
        if log.log_record.event_name == sc.EVENT_GEN_AI_EVALUATION_RESULT
    ]


def walk(values: Iterable[Recorded]) -> Iterator[Recorded]:
    """The values and all that is in them, each before its children."""
    waiting = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        yield value
        waiting.extend(reversed(value.children))


def belongs_to(span: ReadableSpan) -> str | None:
    """The id of the run that a span is or belongs to."""
    return _text(span.attributes or {}, sc.TCC_RUN_ID)


def is_run(span: ReadableSpan) -> bool:
    """Whether a span is the one that a run of ours is recorded as, and not just a span inside."""
    run_id, context = belongs_to(span), span.get_span_context()
    return run_id is not None and context is not None and context.span_id == run_identity(run_id).span_id


_KINDS: dict[object, type[RecordedRun | RecordedStep | RecordedToolCall]] = {
    sc.GenAiOperationNameValues.INVOKE_AGENT: RecordedRun,
    sc.GenAiOperationNameValues.CHAT: RecordedStep,
    sc.GenAiOperationNameValues.TEXT_COMPLETION: RecordedStep,
    sc.GenAiOperationNameValues.GENERATE_CONTENT: RecordedStep,
    sc.GenAiOperationNameValues.EMBEDDINGS: RecordedStep,
    sc.GenAiOperationNameValues.EXECUTE_TOOL: RecordedToolCall,
}
"""What the operations are to us. Spans with another one, or none, show only through what is in them."""


class _Node:
    """A span and where it hangs."""

    def __init__(self, span: ReadableSpan) -> None:
        self.span = span
        self.attributes = _current_names(span.attributes or {})
        self.is_own = is_run(span)
        self.run_id = _text(self.attributes, sc.TCC_RUN_ID)
        kind = RecordedRun if self.is_own else _kind(self.attributes)
        # Somebody else's agent that is in no run of ours is no run of ours.
        self.kind = None if kind is RecordedRun and self.run_id is None else kind
        self.holder: _Node | None = None
        self.children: list[_Node] = []

    def is_in(self, other: _Node) -> bool:
        node: _Node | None = self
        while node is not None and node is not other:
            node = node.holder
        return node is other


class _Forest:
    """Spans hung under each other: each under the nearest run, step or tool call around it."""

    def __init__(self, spans: Iterable[ReadableSpan]) -> None:
        self._by_id: dict[tuple[int, int], _Node] = {}
        nodes = [_Node(span) for span in spans]
        for node in nodes:
            if (context := node.span.get_span_context()) is not None:
                self._by_id[context.trace_id, context.span_id] = node
        runs = {node.run_id: node for node in nodes if node.is_own}
        nodes = [node for node in nodes if node.kind is not None]
        nodes.sort(key=lambda node: node.span.start_time or 0)
        self._top: list[_Node] = []
        for node in nodes:
            holder = self._around(node) or (None if node.is_own else runs.get(node.run_id))
            if holder is None or holder.is_in(node):
                self._top.append(node)
            else:
                node.holder = holder
                holder.children.append(node)

    def _around(self, node: _Node) -> _Node | None:
        seen = {id(node)}
        outer = self._parent(node)
        while outer is not None and outer.kind is None and id(outer) not in seen:
            seen.add(id(outer))
            outer = self._parent(outer)
        return None if outer is None or id(outer) in seen else outer

    def _parent(self, node: _Node) -> _Node | None:
        parent = node.span.parent
        return None if parent is None else self._by_id.get((parent.trace_id, parent.span_id))

    def values(
        self, feedback: Sequence[RecordedFeedback], destinations: Mapping[int, Destination]
    ) -> list[tuple[Recorded, bool]]:
        """The nodes that hang under no other as values, each with whether it is a run of ours."""
        nodes = list(self._top)
        for node in nodes:
            nodes.extend(node.children)
        made: dict[int, Recorded] = {}
        for node in reversed(nodes):  # children first, and without recursion: agents nest as deeply as they like
            inside = [made.pop(id(child)) for child in node.children]
            given = tuple(each for each in feedback if each.run_id == node.run_id) if node.is_own else ()
            made[id(node)] = _value(node, inside, given, destinations.get(id(node.span)))
        return [(made[id(node)], node.is_own) for node in self._top]


_WITH_AN_ANSWER = (
    sc.GenAiOperationNameValues.CHAT,
    sc.GenAiOperationNameValues.TEXT_COMPLETION,
    sc.GenAiOperationNameValues.GENERATE_CONTENT,
)


def read_call(span: ReadableSpan, *, with_content: bool) -> Call | None:
    """The call to an LLM that a span of other instrumentation describes, if it describes one."""
    attributes = _current_names(span.attributes or {})
    if attributes.get(sc.GEN_AI_OPERATION_NAME) not in _WITH_AN_ANSWER:
        return None
    step = _step(attributes)
    tokens: RecordedTokens = step["tokens"]
    said = StepData(
        model=Model(step["model_requested"], step["model_used"]),
        provider=step["provider"],
        response_id=step["response_id"],
        finish_reason=step["finish_reason"],
        error_type=_text(attributes, sc.ERROR_TYPE),
        tokens=Tokens.of_totals(tokens.input, tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning),
    )
    if with_content:
        said.parameters = {name: value for name, value in step["parameters"].items() if name in PARAMETERS}
        said.time_to_first_chunk = step["time_to_first_chunk"]
        said.told_by_client = {name: attributes[key] for name, key in CLIENT_FACTS.items() if key in attributes}
        _add_content(said, attributes)
    scope = span.instrumentation_scope
    source = None if scope is None else scope.name
    return Call(said, span.start_time or 0, span.end_time or 0, source)


def _add_content(said: StepData, attributes: Mapping[str, Any]) -> None:
    # OpenInference has the whole request and the whole answer as JSON text.
    asked = _text(attributes, sc.GEN_AI_INPUT_MESSAGES, sc.INPUT_VALUE)
    if asked is not None:
        said.prompt = prompt(asked, _text(attributes, sc.GEN_AI_SYSTEM_INSTRUCTIONS))
    answered = _text(attributes, sc.GEN_AI_OUTPUT_MESSAGES, sc.OUTPUT_VALUE)
    if answered is not None:
        said.response = response(answered)
    if (tools := _text(attributes, sc.GEN_AI_TOOL_DEFINITIONS)) is not None:
        said.tool_definitions = tool_definitions(tools)


# --- one span → one value --------------------------------------------------------------------------------------------


def _value(
    node: _Node, inside: list[Recorded], feedback: tuple[RecordedFeedback, ...], destination: Destination | None
) -> Recorded:
    shared = {
        **_shared(node.span, node.attributes),
        "destination": destination,
        "steps": tuple(each for each in inside if isinstance(each, RecordedStep)),
        "tool_calls": tuple(each for each in inside if isinstance(each, RecordedToolCall)),
        "runs": tuple(each for each in inside if isinstance(each, RecordedRun)),
    }
    if node.kind is RecordedRun:
        return RecordedRun(**shared, **_run(node.attributes), feedback=feedback)
    if node.kind is RecordedStep:
        return RecordedStep(**shared, **_step(node.attributes))
    return RecordedToolCall(**shared, **_tool_call(node.attributes))


def _shared(span: ReadableSpan, attributes: Mapping[str, object]) -> dict[str, Any]:
    code = attributes.get(sc.TCC_STATUS_CODE)
    if type(code) is not int or code not in (OK, PARTIAL, ERROR):
        code = ERROR if span.status.status_code is StatusCode.ERROR else OK
    prefix = sc.TCC_METADATA + "."
    context = span.get_span_context()
    return {
        "run_id": _text(attributes, sc.TCC_RUN_ID) or "",
        "status": code,
        "status_message": _text(attributes, sc.TCC_STATUS_MESSAGE) or span.status.description,
        "error_type": _text(attributes, sc.ERROR_TYPE),
        "incomplete": _text(attributes, sc.TCC_INCOMPLETE_REASON),
        "metadata": {
            key[len(prefix) :]: list(value) if isinstance(value, tuple) else value
            for key, value in attributes.items()
            if key.startswith(prefix)
        },
        "declared": _declared(attributes),
        "start_ns": span.start_time or 0,
        "end_ns": span.end_time or 0,
        "trace_id": "" if context is None else format(context.trace_id, "032x"),
        "span_id": "" if context is None else format(context.span_id, "016x"),
    }


def _run(attributes: Mapping[str, object]) -> dict[str, Any]:
    conversational = attributes.get(sc.TCC_CONVERSATIONAL)
    return {
        "agent": _text(attributes, sc.GEN_AI_AGENT_NAME, sc.TCC_AGENT),
        "session_id": _text(attributes, sc.TCC_SESSION_ID, sc.GEN_AI_CONVERSATION_ID),
        "user_id": _text(attributes, sc.TCC_USER_ID, sc.USER_ID),
        "org_id": _text(attributes, sc.TCC_ORG_ID),
        "conversational": conversational if isinstance(conversational, bool) else None,
        "tags": tuple(_texts(attributes, sc.TCC_TAGS)),
        **_messages(attributes),
        "time_to_first_chunk": _number(attributes, sc.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK),
        "waiting_s": _number(attributes, sc.TCC_RUN_WAITING_TIME),
        "full_input": _text(attributes, sc.TCC_RUN_FULL_INPUT),
        "full_output": _text(attributes, sc.TCC_RUN_FULL_OUTPUT),
    }


def _declared(attributes: Mapping[str, object]) -> tuple[str, str | None] | None:
    name = _text(attributes, sc.TCC_STEP_NAME)
    return None if name is None else (name, _text(attributes, sc.TCC_STEP_TYPE))


def _step(attributes: Mapping[str, object]) -> dict[str, Any]:
    reasons = _texts(attributes, sc.GEN_AI_RESPONSE_FINISH_REASONS)
    return {
        "operation": _text(attributes, sc.GEN_AI_OPERATION_NAME) or sc.GenAiOperationNameValues.CHAT,
        "step_id": _text(attributes, sc.TCC_STEP_ID),
        "model_requested": _text(attributes, sc.GEN_AI_REQUEST_MODEL),
        "model_used": _text(attributes, sc.GEN_AI_RESPONSE_MODEL),
        "provider": _text(attributes, sc.GEN_AI_PROVIDER_NAME),
        **_messages(attributes),
        "time_to_first_chunk": _number(attributes, sc.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK),
        "finish_reason": reasons[0] if reasons else None,
        "response_id": _text(attributes, sc.GEN_AI_RESPONSE_ID),
        "tokens": RecordedTokens(
            input=_count(attributes, sc.GEN_AI_USAGE_INPUT_TOKENS),
            cached=_count(attributes, sc.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
            cache_write=_count(attributes, sc.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
            output=_count(attributes, sc.GEN_AI_USAGE_OUTPUT_TOKENS),
            reasoning=_count(attributes, sc.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
        ),
        "cost": _number(attributes, sc.TCC_COST_TOTAL, sc.GEN_AI_USAGE_COST),
        "cost_source": _text(attributes, sc.TCC_COST_SOURCE),
        "is_counted_inside": attributes.get(sc.TCC_USAGE_COUNTED_INSIDE) is True,
        "tool_definitions": _parsed(attributes.get(sc.GEN_AI_TOOL_DEFINITIONS)),
        "parameters": {
            name: list(value) if isinstance(value, tuple) else value
            for key, name in _PARAMETERS.items()
            if (value := attributes.get(key)) is not None
        },
    }


def _tool_call(attributes: Mapping[str, object]) -> dict[str, Any]:
    return {
        "name": _text(attributes, sc.GEN_AI_TOOL_NAME),
        "tool_call_id": _text(attributes, sc.GEN_AI_TOOL_CALL_ID),
        "description": _text(attributes, sc.GEN_AI_TOOL_DESCRIPTION),
        "args": _parsed(attributes.get(sc.GEN_AI_TOOL_CALL_ARGUMENTS)),
        "result": _parsed(attributes.get(sc.GEN_AI_TOOL_CALL_RESULT)),
    }


def _feedback(record: LogRecord, destination: Destination | None) -> RecordedFeedback:
    attributes = record.attributes or {}
    return RecordedFeedback(
        run_id=_text(attributes, sc.TCC_RUN_ID) or "",
        name=_text(attributes, sc.GEN_AI_EVALUATION_NAME),
        score=_text(attributes, sc.GEN_AI_EVALUATION_SCORE_LABEL),
        value=_number(attributes, sc.GEN_AI_EVALUATION_SCORE_VALUE),
        text=_text(attributes, sc.GEN_AI_EVALUATION_EXPLANATION),
        time_ns=record.timestamp or 0,
        destination=destination,
    )


_PARAMETERS = {
    **{key: name for name, (key, _) in PARAMETERS.items()},
    sc.GEN_AI_REQUEST_TOP_K: "top_k",  # only others write it
}


# --- one attribute → one value ---------------------------------------------------------------------------------------


def _current_names(attributes: Mapping[str, object]) -> dict[str, object]:
    """The attributes, with those of other spellings as what they are called now; where both are there, ours count."""
    renamed: dict[str, object] = {}
    for key, value in attributes.items():
        if key in _NAMES:
            renamed[_NAMES[key]] = value
        elif key in sc.KINDS and value in sc.KINDS[key]:
            renamed[sc.GEN_AI_OPERATION_NAME] = sc.KINDS[key][value]
    return {**renamed, **attributes}


_NAMES = {**sc.SPELLINGS, **sc.RENAMED}


def _kind(attributes: Mapping[str, object]) -> type[RecordedRun | RecordedStep | RecordedToolCall] | None:
    operation = attributes.get(sc.GEN_AI_OPERATION_NAME)
    return _KINDS.get(operation) if isinstance(operation, str) else None


def _text(attributes: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = attributes.get(key)
        if value is not None:
            return value if type(value) is str else as_text(value)
    return None


def _texts(attributes: Mapping[str, Any], key: str) -> list[str]:
    value = attributes.get(key)
    if value is None:
        return []
    return [as_text(each) for each in (value if isinstance(value, (tuple, list)) else [value])]


def _count(attributes: Mapping[str, Any], key: str) -> int | None:
    value = attributes.get(key)
    return value if type(value) is int else None


def _number(attributes: Mapping[str, Any], *keys: str) -> float | None:
    for key in keys:
        value = attributes.get(key)
        if type(value) is int or type(value) is float:
            return float(value)
    return None


def _parsed(value: object) -> Any:
    """The value of a JSON text; anything else as it is."""
    if type(value) is not str:
        return value
    try:
        return parsed_json(value)
    except (ValueError, RecursionError):
        return value


def _messages(attributes: Mapping[str, object]) -> dict[str, Any]:
    return {
        "prompt": _plain(_parsed(attributes.get(sc.GEN_AI_INPUT_MESSAGES)), "user"),
        "system_prompt": _plain_parts(_parsed(attributes.get(sc.GEN_AI_SYSTEM_INSTRUCTIONS))),
        "response": _plain(_parsed(attributes.get(sc.GEN_AI_OUTPUT_MESSAGES)), "assistant"),
    }


def _plain(messages: Any, expected_role: str) -> Any:
    """The text of a single message that is nothing but text, else the messages."""
    match messages:
        case [{"role": role, "parts": parts, **rest}] if role == expected_role and {
            name for name, value in rest.items() if value is not None
        } <= {"finish_reason"}:
            text = _plain_parts(parts)
            return text if isinstance(text, str) else messages
    return messages


def _plain_parts(parts: Any) -> Any:
    match parts:
        case [{"type": "text", "content": str(text), **rest}] if not rest:
            return text
    return parts
