"""What we record → OpenTelemetry names and attributes. The only module that writes wire names.

Names and types come from `semconv/`; which of them each span carries is written in `semconv/spans.yaml`.
"""

import fnmatch
import functools
import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from contextcompany import semconv as sc
from contextcompany._content import Utf8, as_text, attribute_value, clean_text
from contextcompany._data import (
    ERROR,
    NO_TOKENS,
    Common,
    Cost,
    Evaluation,
    RunData,
    Scope,
    StepData,
    Tokens,
    ToolCallData,
)
from contextcompany._message_parts import parsed_json
from contextcompany._redaction import without_secrets

__all__ = [
    "BAGGAGE_KEYS",
    "CLIENT_FACTS",
    "COLLECTED",
    "CONTENT",
    "COUNTED_INSIDE",
    "DIED",
    "EVALUATION_EVENT",
    "EXCEPTION_EVENT",
    "FAILURE",
    "FAILURE_KEYS",
    "FREE_TEXT",
    "IDENTITY",
    "MESSAGES",
    "PARAMETERS",
    "RESUMED_EVENT",
    "RUN_ENDED",
    "RUN_ID",
    "SHUTDOWN",
    "SUSPENDED_EVENT",
    "TIMED_OUT",
    "TIMEOUT",
    "UNDELIVERABLE_NAME",
    "Attributes",
    "Described",
    "attribute_kind",
    "baggage_entries",
    "cost_attributes",
    "decoded",
    "died_attributes",
    "evaluation_attributes",
    "event_attribute_kind",
    "exception_attributes",
    "exception_type",
    "is_about_agents",
    "layer_attributes",
    "on_event",
    "run_attributes",
    "run_name",
    "run_start_attributes",
    "scope_attributes",
    "scope_of_baggage",
    "step_attributes",
    "step_name",
    "step_start_attributes",
    "tells_cost",
    "tool_call_attributes",
    "tool_call_name",
    "tool_call_start_attributes",
    "truncated_and_redacted",
    "undeliverable_attributes",
]

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
Attributes = dict[str, AttributeValue]
Described = dict[str, AttributeValue | Utf8]
"""Attributes at the end of a span, whose longest texts are as they are sent."""

EVALUATION_EVENT = sc.EVENT_GEN_AI_EVALUATION_RESULT
SUSPENDED_EVENT = sc.EVENT_TCC_RUN_SUSPENDED
RESUMED_EVENT = sc.EVENT_TCC_RUN_RESUMED

COLLECTED = sc.TccIncompleteReasonValues.COLLECTED
DIED = sc.TccIncompleteReasonValues.PROCESS_DIED
SHUTDOWN = sc.TccIncompleteReasonValues.SHUTDOWN
RUN_ENDED = sc.TccIncompleteReasonValues.RUN_ENDED
TIMEOUT = sc.TccIncompleteReasonValues.TIMEOUT

_INVOKE_AGENT = sc.GenAiOperationNameValues.INVOKE_AGENT
_CHAT = sc.GenAiOperationNameValues.CHAT
_EXECUTE_TOOL = sc.GenAiOperationNameValues.EXECUTE_TOOL
RUN_ID = sc.TCC_RUN_ID
TIMED_OUT = "timeout"
"""`error.type` of a run that did not end in time."""


def scope_attributes(scope: Scope) -> Attributes:
    """What a run and everything in it carry, so that a back end can group them. Made once per run."""
    attributes: Attributes = {sc.TCC_RUN_ID: clean_text(scope.run_id)}
    if scope.conversational is not None:
        attributes[sc.TCC_CONVERSATIONAL] = scope.conversational
    return {**attributes, **layer_attributes(scope.session_id, scope.user_id, scope.org_id, {})}


def layer_attributes(
    session_id: str | None, user_id: str | None, org_id: str | None, metadata: Mapping[str, object]
) -> Attributes:
    """What an `attributes()` block hands down to everything in it."""
    attributes: Attributes = {}
    if session_id is not None:
        session = clean_text(session_id)
        attributes[sc.GEN_AI_CONVERSATION_ID] = session
        attributes[sc.TCC_SESSION_ID] = session
    if user_id is not None:
        user = clean_text(user_id)
        attributes[sc.USER_ID] = user
        attributes[sc.TCC_USER_ID] = user
    if org_id is not None:
        attributes[sc.TCC_ORG_ID] = clean_text(org_id)
    return {**attributes, **_metadata(metadata)}


BAGGAGE_KEYS = (sc.TCC_RUN_ID, sc.TCC_SESSION_ID)
"""What of a scope travels between services, in W3C baggage under the names of the attributes."""


def baggage_entries(scope: Scope) -> dict[str, str]:
    entries = zip(BAGGAGE_KEYS, (scope.run_id, scope.session_id), strict=True)
    return {key: clean_text(value) for key, value in entries if value}


def scope_of_baggage(entries: Mapping[str, object]) -> Scope | None:
    """The scope that `baggage_entries` were made of; `None` without a run id."""
    run_id, session_id = (as_text(entries.get(key) or "") for key in BAGGAGE_KEYS)
    return Scope(run_id, session_id or None) if run_id else None


# --- names: `{operation} {target}`, or the bare operation when the target is unknown ---------------------------------


def run_name(data: RunData) -> str:
    return _name(_INVOKE_AGENT, data.agent)


def step_name(data: StepData) -> str:
    return _name(_CHAT, data.model.requested or data.model.used)


def tool_call_name(data: ToolCallData) -> str:
    return _name(_EXECUTE_TOOL, data.name)


def _name(operation: str, target: str | None) -> str:
    return f"{operation} {clean_text(target)}" if target else operation


# --- at span start: what samplers may want to see --------------------------------------------------------------------


def run_start_attributes(shared: Attributes, data: RunData) -> Attributes:
    attributes = {sc.GEN_AI_OPERATION_NAME: _INVOKE_AGENT, **shared}
    _add_agent(attributes, data)
    return attributes


def step_start_attributes(shared: Attributes, data: StepData) -> Attributes:
    attributes = {sc.GEN_AI_OPERATION_NAME: _CHAT, sc.TCC_STEP_ID: data.step_id, **shared}
    _add_model(attributes, data)
    return attributes


def tool_call_start_attributes(shared: Attributes, data: ToolCallData) -> Attributes:
    attributes = {
        sc.GEN_AI_OPERATION_NAME: _EXECUTE_TOOL,
        sc.GEN_AI_TOOL_TYPE: "function",
        sc.GEN_AI_TOOL_CALL_ID: data.tool_call_id,
        **shared,
    }
    _add_tool(attributes, data)
    return attributes


# --- at span end: the rest -------------------------------------------------------------------------------------------


def run_attributes(data: RunData) -> Described:
    attributes = _common(data)
    _add_prompt(attributes, data)
    if data.prompt is not None and data.prompt.tools is not None:
        attributes[sc.GEN_AI_TOOL_DEFINITIONS] = Utf8(data.prompt.tools)
    if data.full_input is not None:
        attributes[sc.TCC_RUN_FULL_INPUT] = data.full_input
    if data.response is not None:
        attributes[sc.GEN_AI_OUTPUT_MESSAGES] = Utf8(data.response.render(None))
    if data.time_to_first_chunk is not None:
        attributes[sc.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = data.time_to_first_chunk
    if data.full_output is not None:
        attributes[sc.TCC_RUN_FULL_OUTPUT] = data.full_output
    if data.waited is not None:
        attributes[sc.TCC_RUN_WAITING_TIME] = data.waited
    if data.tags:
        attributes[sc.TCC_TAGS] = data.tags
    _add_agent(attributes, data)
    return attributes


def step_attributes(data: StepData) -> Described:
    attributes = _common(data)
    finish_reason = data.finish_reason
    _add_prompt(attributes, data)
    if data.response is not None:
        attributes[sc.GEN_AI_OUTPUT_MESSAGES] = Utf8(data.response.render(finish_reason))
        finish_reason = finish_reason or data.response.finish_reason
    if data.time_to_first_chunk is not None:
        attributes[sc.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = data.time_to_first_chunk
    if finish_reason is not None:
        attributes[sc.GEN_AI_RESPONSE_FINISH_REASONS] = (clean_text(finish_reason),)
    if data.response_id is not None:
        attributes[sc.GEN_AI_RESPONSE_ID] = clean_text(data.response_id)
    tools = data.tool_definitions or (data.prompt and data.prompt.tools)
    if tools:
        attributes[sc.GEN_AI_TOOL_DEFINITIONS] = Utf8(tools)
    if data.parameters:
        attributes.update(_parameters(data.parameters))
    if data.told_by_client:
        attributes.update({CLIENT_FACTS[name]: attribute_value(value) for name, value in data.told_by_client.items()})
    if data.tokens is not NO_TOKENS:
        _add_tokens(attributes, data.tokens)
    if data.cost is not None:
        attributes.update(cost_attributes(data.cost))
    _add_model(attributes, data)
    return attributes


def tool_call_attributes(data: ToolCallData) -> Described:
    attributes = _common(data)
    if data.args is not None:
        attributes[sc.GEN_AI_TOOL_CALL_ARGUMENTS] = _text_or_json(data.args)
    if data.result is not None:
        attributes[sc.GEN_AI_TOOL_CALL_RESULT] = _text_or_json(data.result)
    _add_tool(attributes, data)
    return attributes


def _common(data: Common) -> Described:
    code, message = data.status
    attributes: Described = {**_metadata(data.metadata)} if data.metadata else {}
    attributes[sc.TCC_STATUS_CODE] = code
    if message is not None:
        attributes[sc.TCC_STATUS_MESSAGE] = message
    if code == ERROR:
        attributes[sc.ERROR_TYPE] = data.error_type or sc.ErrorTypeValues.OTHER
    if data.incomplete is not None:
        attributes[sc.TCC_INCOMPLETE] = True
        attributes[sc.TCC_INCOMPLETE_REASON] = data.incomplete
    if data.declared is not None:
        attributes[sc.TCC_STEP_NAME], attributes[sc.TCC_STEP_TYPE] = data.declared
    return attributes


def _text_or_json(value: str | bytes) -> str | Utf8:
    return Utf8(value) if type(value) is bytes else value  # type: ignore[return-value]  # mypy does not narrow by `type`


def decoded(described: Mapping[str, Any]) -> Attributes:
    """The same attributes as anybody else's, without texts in UTF-8."""
    return {key: str(value) if type(value) is Utf8 else value for key, value in described.items()}


def died_attributes() -> Attributes:
    """What is known of a span that was open when its process died."""
    return {
        sc.TCC_STATUS_CODE: ERROR,
        sc.ERROR_TYPE: sc.ErrorTypeValues.OTHER,
        sc.TCC_INCOMPLETE: True,
        sc.TCC_INCOMPLETE_REASON: sc.TccIncompleteReasonValues.PROCESS_DIED,
    }


UNDELIVERABLE_NAME = "undeliverable"
"""What a span is called when not even its name is taken."""


def undeliverable_attributes(reason: str, size: int | None) -> Attributes:
    """What stands on a span in place of what nobody takes; `size` is that of the whole span as it was, in bytes."""
    attributes: Attributes = {sc.TCC_UNDELIVERABLE_REASON: clean_text(reason)}
    if size is not None:
        attributes[sc.TCC_UNDELIVERABLE_SIZE] = size
    return attributes


def _metadata(metadata: Mapping[str, object]) -> Attributes:
    attributes: Attributes = {}
    for key, value in list(metadata.items()):  # another thread may be adding
        attributes[f"{sc.TCC_METADATA}.{key}"] = value  # type: ignore[assignment]  # cleaned when it was set
    return attributes


def _add_prompt(attributes: dict[str, Any], data: RunData | StepData) -> None:
    if data.prompt is not None:
        attributes[sc.GEN_AI_INPUT_MESSAGES] = Utf8(data.prompt.messages)
        if data.prompt.system is not None:
            attributes[sc.GEN_AI_SYSTEM_INSTRUCTIONS] = Utf8(data.prompt.system)


def _add_agent(attributes: dict[str, Any], data: RunData) -> None:
    if data.agent is not None:
        attributes[sc.GEN_AI_AGENT_NAME] = attributes[sc.TCC_AGENT] = clean_text(data.agent)


def _add_model(attributes: dict[str, Any], data: StepData) -> None:
    requested, used = data.model
    if requested is not None:
        attributes[sc.GEN_AI_REQUEST_MODEL] = clean_text(requested)
    if used is not None:
        attributes[sc.GEN_AI_RESPONSE_MODEL] = clean_text(used)
    if data.provider is not None:
        attributes[sc.GEN_AI_PROVIDER_NAME] = clean_text(data.provider)


def _add_tool(attributes: dict[str, Any], data: ToolCallData) -> None:
    if data.name is not None:
        attributes[sc.GEN_AI_TOOL_NAME] = clean_text(data.name)
    if data.description is not None:
        attributes[sc.GEN_AI_TOOL_DESCRIPTION] = clean_text(data.description)


def _add_tokens(attributes: dict[str, Any], tokens: Tokens) -> None:
    total = tokens.input
    if total is not None:
        attributes[sc.GEN_AI_USAGE_INPUT_TOKENS] = attribute_value(total)  # a sum can outgrow 64 bits
    if tokens.cached is not None:
        attributes[sc.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = tokens.cached
    if tokens.cache_write is not None:
        attributes[sc.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] = tokens.cache_write
    if tokens.completion is not None:
        attributes[sc.GEN_AI_USAGE_OUTPUT_TOKENS] = tokens.completion
    if tokens.reasoning is not None:
        attributes[sc.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = tokens.reasoning


def cost_attributes(cost: Cost) -> Attributes:
    attributes: Attributes = {sc.TCC_COST_TOTAL: cost.total, sc.GEN_AI_USAGE_COST: cost.total}
    if cost.price_version is None:
        attributes[sc.TCC_COST_SOURCE] = sc.TccCostSourceValues.PROVIDED
    else:
        attributes[sc.TCC_COST_SOURCE] = sc.TccCostSourceValues.CALCULATED
        attributes[sc.TCC_COST_PRICE_VERSION] = cost.price_version
    return attributes


# --- request parameters ----------------------------------------------------------------------------------------------

PARAMETERS: Mapping[str, tuple[str, type]] = {
    "temperature": (sc.GEN_AI_REQUEST_TEMPERATURE, float),
    "top_p": (sc.GEN_AI_REQUEST_TOP_P, float),
    "max_tokens": (sc.GEN_AI_REQUEST_MAX_TOKENS, int),
    "frequency_penalty": (sc.GEN_AI_REQUEST_FREQUENCY_PENALTY, float),
    "presence_penalty": (sc.GEN_AI_REQUEST_PRESENCE_PENALTY, float),
    "seed": (sc.GEN_AI_REQUEST_SEED, int),
    "choice_count": (sc.GEN_AI_REQUEST_CHOICE_COUNT, int),
    "stop_sequences": (sc.GEN_AI_REQUEST_STOP_SEQUENCES, list),
    "stream": (sc.GEN_AI_REQUEST_STREAM, bool),
    "output_type": (sc.GEN_AI_OUTPUT_TYPE, str),
    "reasoning_level": (sc.GEN_AI_REQUEST_REASONING_LEVEL, str),
    "previous_response_id": (sc.GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, str),
}
"""The request parameters under their names in `Step.parameters`: the attribute, and the type it has there."""

CLIENT_FACTS: Mapping[str, str] = {
    "top_k": sc.GEN_AI_REQUEST_TOP_K,
    "server_address": sc.SERVER_ADDRESS,
    "server_port": sc.SERVER_PORT,
}
"""What instrumented clients know of a call and users cannot set, with its attribute."""


def _parameters(parameters: Mapping[str, object]) -> Attributes:
    attributes: Attributes = {}
    for name, value in list(parameters.items()):
        key, kind = PARAMETERS[name]
        attributes[key] = _as_kind(value, kind)
    # Conditionally required only when it says more than the default: one choice.
    if attributes.get(sc.GEN_AI_REQUEST_CHOICE_COUNT) == 1:
        del attributes[sc.GEN_AI_REQUEST_CHOICE_COUNT]
    return attributes


def _as_kind(value: object, kind: type) -> AttributeValue:
    """The value in the type that the conventions give it; what does not convert exactly is kept as it is, encodable."""
    try:
        exact = _converted(value, kind)
    except Exception:  # noqa: BLE001 - the value's own code may raise anything, and a large int does as a float
        exact = [value] if kind is list else value
    return [as_text(item) for item in exact] if kind is list else attribute_value(exact)


def _converted(value: Any, kind: type) -> Any:
    given = type(value)  # and no `isinstance`: it asks the value for its `__class__`
    if kind is list:
        return list(value) if issubclass(given, (list, tuple)) else [value]
    if kind is str:
        return as_text(value)
    if kind is bool:
        return bool(value) if issubclass(given, int) and value in (0, 1) else value
    if given is bool:
        return value
    number = kind(value)
    return number if kind is float or issubclass(given, str) or number == value else value


# --- exceptions ------------------------------------------------------------------------------------------------------

EXCEPTION_EVENT = sc.EVENT_EXCEPTION


def exception_type(error: BaseException) -> str:
    """The class of an exception with its module, but for Python's own."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def exception_attributes(error: BaseException) -> Attributes:
    """Type, message and stack trace; secrets in the last two are replaced."""
    return {
        sc.EXCEPTION_TYPE: exception_type(error),
        sc.EXCEPTION_MESSAGE: without_secrets(as_text(error)),
        sc.EXCEPTION_STACKTRACE: without_secrets(as_text("".join(traceback.format_exception(error)))),
    }


# --- events ----------------------------------------------------------------------------------------------------------

_STRUCTURED: Final = (
    sc.GEN_AI_INPUT_MESSAGES,
    sc.GEN_AI_OUTPUT_MESSAGES,
    sc.GEN_AI_SYSTEM_INSTRUCTIONS,
    sc.GEN_AI_TOOL_DEFINITIONS,
)


def on_event(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a span carries as an event carries it, on which what is structured must not be JSON text."""
    made = dict(attributes)
    for key in _STRUCTURED:
        if isinstance(text := made.get(key), str):
            with suppress(ValueError, RecursionError):  # it was cut, or replaced
                made[key] = parsed_json(text)
    return made


# --- feedback --------------------------------------------------------------------------------------------------------


def evaluation_attributes(run_id: str, evaluation: Evaluation) -> Attributes:
    attributes: Attributes = {
        sc.GEN_AI_EVALUATION_NAME: clean_text(evaluation.name),
        sc.TCC_RUN_ID: clean_text(run_id),
    }
    if evaluation.label is not None:
        attributes[sc.GEN_AI_EVALUATION_SCORE_LABEL] = clean_text(evaluation.label)
    if evaluation.value is not None:
        attributes[sc.GEN_AI_EVALUATION_SCORE_VALUE] = evaluation.value
    if evaluation.explanation is not None:
        attributes[sc.GEN_AI_EVALUATION_EXPLANATION] = clean_text(evaluation.explanation)
    return attributes


# --- spans of other people -------------------------------------------------------------------------------------------


COUNTED_INSIDE: Attributes = {sc.TCC_USAGE_COUNTED_INSIDE: True}
"""Marks a span whose call another span records too, the one to count."""


def is_about_agents(attributes: Mapping[str, object]) -> bool:
    """Whether a span belongs to a run, or describes GenAI work in a convention listed in `semconv/readings.yaml`."""
    return sc.TCC_RUN_ID in attributes or any(key.startswith(sc.GENAI_NAMESPACES) for key in attributes)


def tells_cost(attributes: Mapping[str, object]) -> bool:
    """Whether a span says what its call cost."""
    return sc.TCC_COST_TOTAL in attributes or sc.GEN_AI_USAGE_COST in attributes


# --- what the attributes of any span hold ----------------------------------------------------------------------------

IDENTITY: Final = "identity"
"""Ids, names and enums."""
FREE_TEXT: Final = "free text"
"""Anything that people or programs write; what we do not know is this."""
FAILURE: Final = "failure"
"""Free text that says what went wrong."""
FAILURE_KEYS: Final = sc.FAILURE_KEYS
"""The attributes that hold it."""
CONTENT: Final = "content"
"""What people, models and tools said."""
MESSAGES: Final = "messages"
"""Content made of messages, parts or tool definitions."""

_STRUCTURE_IN_KEYS = re.compile(r"\.[0-9]+\..*\b(?:role|id|name|type|finish_reason|tool_call_id|mime_type)\Z")
_STRUCTURE_OF_EVENTS = frozenset({"role", "id", "index", "finish_reason"})


@functools.lru_cache(4096)
def attribute_kind(key: str) -> str:
    """What an attribute holds, in any of the conventions listed in `semconv/readings.yaml`."""
    if key in sc.IDENTITY_KEYS:
        return IDENTITY
    if key in sc.FAILURE_KEYS:
        return FAILURE
    content, messages = _content_patterns()
    if not content.fullmatch(key):
        return FREE_TEXT
    if _STRUCTURE_IN_KEYS.search(key):
        return IDENTITY  # where each field of a message is an attribute
    return MESSAGES if messages.fullmatch(key) else CONTENT


@functools.lru_cache(4096)
def event_attribute_kind(event_name: str, key: str) -> str:
    """What an attribute of an event holds: everything in an event of GenAI is content."""
    kind = attribute_kind(key)
    if kind is not FREE_TEXT or not event_name.startswith(sc.GENAI_NAMESPACES):
        return kind
    return IDENTITY if key in _STRUCTURE_OF_EVENTS else MESSAGES


@functools.cache
def _content_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    content, messages = ("|".join(map(fnmatch.translate, keys)) for keys in (sc.CONTENT_PATTERNS, sc.MESSAGE_PATTERNS))
    return re.compile(content), re.compile(messages)


def truncated_and_redacted(
    attributes: Mapping[str, object], truncated: Iterable[str], redacted: Iterable[str]
) -> dict[str, list[str]]:
    """The attributes that name what was cut and what was redacted, with those that are named already."""
    told = {sc.TCC_TRUNCATED: list(truncated), sc.TCC_REDACTED: list(redacted)}
    return {
        key: list(dict.fromkeys([*map(as_text, _as_list(attributes.get(key))), *names]))
        for key, names in told.items()
        if names
    }


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []
