"""Knows the messages of OpenAI, Anthropic, Gemini and LangChain, and writes all of them in GenAI shape.

Values in, JSON in UTF-8 out. Nothing here raises, whatever it is given: what is not recognised is kept as text.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany._content import as_text, clean_text, dumps, dumps_utf8, plain_json
from contextcompany._envelopes import said_by_request, said_by_response, whole_response
from contextcompany._message_parts import (
    SEQUENCES,
    Fields,
    ShapeError,
    content_parts,
    first,
    is_genai_part,
    is_text,
    known_parts,
    parsed_json,
    part,
    tool_call,
    tool_result,
    unknown_part,
    view,
    with_rest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany._data import StepData

__all__ = ["Prompt", "Response", "prompt", "response", "system_parts", "tool_definitions"]

_OPENERS = "[{ \t\r\n"
"""What a JSON text of messages can begin with; other text is never parsed."""

_ROLES = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "function": "tool",
    "HumanMessageChunk": "user",
    "AIMessageChunk": "assistant",
    "SystemMessageChunk": "system",
    "ToolMessageChunk": "tool",
    "FunctionMessageChunk": "tool",
}
"""GenAI's word for a role or a LangChain type; a role that is not here keeps its own."""

_PLAIN_ROLES = {role: _ROLES.get(role, role) for role in (*_ROLES, "developer") if role != "function"}
"""Roles whose messages are nothing but their text when they have no other key."""

_WRITTEN_ROLES = frozenset({*_ROLES, "tool", "developer"})
_LANGCHAIN_TYPES = frozenset({*_ROLES, "tool", "chat"}) - {"user", "assistant", "model"}

_FINISH = {
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "completed": "stop",
    "stop": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "image_safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "error": "error",
    "failed": "error",
}
"""GenAI's word for a reason to finish, by the provider's in lower case; other reasons keep their own."""


class Prompt(NamedTuple):
    """JSON of what went to the model, in UTF-8; None where the value did not carry it."""

    messages: bytes
    system: bytes | None
    tools: bytes | None
    said: StepData | None = None
    """What a whole request says beside its messages."""


class Response:
    """What came from the model, as it was when this was made."""

    __slots__ = ("_messages", "finish_reason", "said")

    finish_reason: str | None
    """Why the first choice ended, in the provider's word."""

    said: StepData | None
    """What a whole response says beside its messages."""

    def __init__(
        self, messages: list[tuple[bytes, str | None]], finish_reason: str | None, said: StepData | None = None
    ) -> None:
        self._messages = messages
        self.finish_reason = finish_reason
        self.said = said

    def render(self, finish_reason: str | None) -> bytes:
        """JSON of the output messages, in UTF-8; the given reason serves those that came without one."""
        return b"[%b]" % b",".join([_finished(message, own or finish_reason) for message, own in self._messages])


def prompt(value: object, system: object = None) -> Prompt:
    """Text, messages or a whole request as GenAI input messages; what is neither is one user message."""
    instructions = None if system is None else system_parts(system)
    if type(value) is str and value and value[0] not in _OPENERS:
        return Prompt(b"[%b]" % _text_message(b"user", value), instructions, None)
    try:
        found = _prompt(_readable(value), instructions)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        found = None
    if found is not None:
        return found
    return Prompt(b"[%b]" % _text_message(b"user", _whole(value)), instructions, None)


def response(value: object) -> Response:
    """Text, messages or a provider's whole response as GenAI output messages; None is an empty message."""
    found: list[_Choice] | None = None
    fields: Fields | None = None
    if value is None:
        found = [({"role": "assistant", "parts": []}, None)]
    elif type(value) is not str or value[:1] in _OPENERS:
        try:
            readable = _readable(value)
            fields = view(readable)
            if fields is not None and (whole := whole_response(fields)) is not None:
                readable = fields = whole
            found = _choices(readable, fields)
        except Exception:  # noqa: BLE001  # the value's own code may raise anything
            found = None
    if found is not None:
        return _response(found, None if fields is None else said_by_response(fields))
    return Response([(_text_message(b"assistant", _whole(value))[:-1], None)], None)


def system_parts(value: object) -> bytes:
    """System instructions as a JSON list of GenAI parts, in UTF-8."""
    if type(value) is str and value[:1] != "[":
        return b'[{"type":"text","content":%b}]' % dumps_utf8(value)
    try:
        return dumps_utf8(_system_parts(value))
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return dumps_utf8([{"type": "text", "content": as_text(value)}])


def tool_definitions(value: object) -> bytes:
    """Tool definitions as a JSON list in GenAI shape, in UTF-8; text that is no JSON list or object stays as it is."""
    try:
        if type(value) is list and (text := plain_json(value)) is not None and len(text) <= _MAX_REMEMBERED:
            return _remembered_tools(text)
        if is_text(value):
            read = _read(value)
            return clean_text(value).encode() if read is None else dumps_utf8(list(_tools(read)))
        return b"[]" if value is None else dumps_utf8(list(_tools(value)))
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return dumps_utf8([_unknown_tool(as_text(value))])


_MAX_REMEMBERED = 65_536


@lru_cache(maxsize=64)
def _remembered_tools(text: bytes) -> bytes:
    """An agent offers the same tools at every step; to look them up by their JSON text takes a fifth of the time."""
    return dumps_utf8(list(_tools(parsed_json(text.decode()))))


def _whole(value: object) -> str:
    """Text and bytes as text, anything else as its JSON text."""
    if type(value) is str:
        return value  # what cannot be encoded in it is replaced when it becomes part of a JSON text
    return as_text(value) if issubclass(type(value), (str, bytes, bytearray)) else dumps(value)


def _text_message(role: bytes, text: str) -> bytes:
    return b'{"role":"%b","parts":[{"type":"text","content":%b}]}' % (role, dumps_utf8(text))


def _readable(value: object) -> object:
    """The value itself, or what its JSON text holds; None for other text, and for that of nothing.

    An object with a role nobody uses is more likely a model's own JSON answer than a message.
    """
    if not is_text(value):
        return value
    read = _read(value)
    if type(read) is dict and read.get("role", "user") not in _WRITTEN_ROLES:
        return None
    return read or None


def _read(text: str) -> Any:
    """The array or object a JSON text holds; None if it holds neither."""
    text = clean_text(text).strip()
    if text[:1] not in ("[", "{"):
        return None
    try:
        return parsed_json(text)
    except (ValueError, RecursionError):
        return None


# -- requests ----------------------------------------------------------------------------------------------------


def _prompt(value: object, instructions: bytes | None) -> Prompt | None:
    """Messages, one message, parts of a message or a request; None for anything else."""
    if type(value) in SEQUENCES:
        messages = _history_or_parts(value, "user")
        return None if messages is None else Prompt(dumps_utf8(messages), instructions, None)
    fields = view(value)
    if fields is None:
        return None
    message = _message(fields, "user") or _one_message(known_parts([value]), "user")
    if message is not None:
        return Prompt(dumps_utf8([message]), instructions, None)
    return _request(fields, instructions)


def _request(fields: Fields, instructions: bytes | None) -> Prompt | None:
    messages = _request_messages(fields)
    if messages is None:
        return None
    config = view(first(fields, "config")) or {}
    if instructions is None:
        system = first(fields, *_SYSTEM_KEYS) or first(config, *_SYSTEM_KEYS)
        instructions = system_parts(system) if system else None
    tools = first(fields, "tools", "functions") or first(config, "tools")
    offered = tool_definitions(tools) if tools else None
    return Prompt(dumps_utf8(messages), instructions, offered, said_by_request(fields))


_SYSTEM_KEYS = ("system", "instructions", "system_instruction", "systemInstruction")


def _request_messages(fields: Fields) -> list[Fields] | None:
    """The messages of a request: under `messages`, or Responses' `input`, or Gemini's `contents`.

    Text under one of these keys is a prompt only if the rest looks like a request: `{"input": "…"}` may be anything.
    """
    surely = not _REQUEST_KEYS.isdisjoint(fields)
    for key in ("messages", "input", "contents", "prompt"):
        value = fields.get(key)
        if type(value) in SEQUENCES:
            messages = _history_or_parts(value, "user")
            if messages is None and surely and value and all(map(is_text, value)):
                messages = [{"role": "user", "parts": content_parts(value)}]
        elif is_text(value):
            messages = [{"role": "user", "parts": content_parts(value)}] if surely else None
        else:
            message = _recognised(value, "user") or _one_message(known_parts([value]), "user")
            messages = [message] if message and surely else None
        if messages is not None:
            return messages
    return None


_REQUEST_KEYS = frozenset({"model", "config", *_SYSTEM_KEYS})


# -- messages ----------------------------------------------------------------------------------------------------


def _history_or_parts(values: Any, role: str) -> list[Fields] | None:
    messages = _history(values, role)
    if messages is None and (message := _one_message(known_parts(values), role)) is not None:
        return [message]
    return messages


def _one_message(parts: list[Fields] | None, role: str) -> Fields | None:
    return {"role": role, "parts": parts} if parts else None


def _history(values: Any, role: str) -> list[Fields] | None:
    """The messages of a list that holds at least one; what else it holds becomes a message of the given role."""
    messages: list[Fields] = []
    found = not values
    for value in list(values):
        if type(value) is dict and len(value) == 2:  # the common case, in as few steps as possible
            given, content = value.get("role"), value.get("content")
            if type(content) is str and type(given) is str and given in _PLAIN_ROLES:
                parts = [{"type": "text", "content": content}]
                messages.append({"role": _PLAIN_ROLES[given], "parts": parts})
                found = True
                continue
        message = _recognised(value, role)
        found = found or message is not None
        messages.append(message or {"role": role, "parts": [part(value)]})
    return messages if found else None


def _recognised(value: object, role: str) -> Fields | None:
    try:
        if type(value) is tuple and len(value) == 2 and is_text(value[0]) and value[0] in _PAIR_ROLES:
            return _from_role({"content": value[1]}, value[0])
        fields = view(value)
        return None if fields is None else _message(fields, role)
    except Exception:  # noqa: BLE001  # any shape at all may hide behind a known name
        return None


_PAIR_ROLES = frozenset({"human", "ai", "user", "assistant", "system", "developer"})


def _message(fields: Fields, role: str) -> Fields | None:
    """One message in GenAI shape; None if the fields are not those of a message."""
    given = fields.get("role")
    if given is None:
        fields = _unwrapped(fields)
        given = fields.get("role")
    if is_text(given):
        if "parts" in fields and _is_genai_message(fields):
            return fields
        return None if _CONTENT_KEYS.isdisjoint(fields) else _from_role(fields, given)
    kind = fields.get("type")
    if is_text(kind):
        if kind in _LANGCHAIN_TYPES:
            return _from_role(fields, kind) if "content" in fields else None
        return _from_item(fields, kind)
    parts = fields.get("parts")
    if given is None and kind is None and type(parts) is list and parts:
        known = [part(item) for item in parts]
        return None if any(item["type"] == "unknown" for item in known) else {"role": role, "parts": known}
    return None


_CONTENT_KEYS = frozenset({"content", "parts", "tool_calls", "function_call", "refusal", "audio", "reasoning_content"})


def _unwrapped(fields: Fields) -> Fields:
    """The fields inside LangChain's two serialised forms."""
    kwargs, data = fields.get("kwargs"), fields.get("data")
    if "lc" in fields and type(kwargs) is dict:
        return kwargs
    kind = fields.get("type")
    if type(data) is dict and "content" in data and is_text(kind) and kind in _LANGCHAIN_TYPES:
        return {"type": kind, **data}
    return fields


def _is_genai_message(fields: Fields) -> bool:
    parts, name = fields.get("parts"), fields.get("name")
    return (
        type(parts) is list
        and (name is None or is_text(name))
        and _ROLES.get(fields["role"], fields["role"]) == fields["role"]
        and all(is_genai_part(item) for item in parts)
    )


def _from_role(fields: Fields, role: str) -> Fields:
    """A message that has a role, or a LangChain type, and content or tool calls."""
    word = _ROLES.get(role, role)
    content, used = fields.get("content"), _USED
    parts = _reasoning(fields)
    if type(fields.get("parts")) in SEQUENCES:
        parts += content_parts(fields["parts"])
        used = _USED_WITH_PARTS
    elif word == "tool" and ("tool_call_id" in fields or is_text(content)):
        parts.append(tool_result({"tool_call_id": fields.get("tool_call_id"), "content": content}))
        used = _USED_BY_TOOL
    else:
        parts += content_parts(content)
    if not _BESIDE_CONTENT.isdisjoint(fields):
        _add_calls(fields, parts)
    if len(parts) > 1:
        # OpenAI's assistants say "" beside their tool calls; that is no text.
        parts = [item for item in parts if item["type"] != "text" or item != {"type": "text", "content": ""}]
    made: Fields = {"role": word, "parts": parts}
    if (name := fields.get("name")) is not None:
        made["name"] = name if is_text(name) else as_text(name)
    return with_rest(made, fields, used)


_BESIDE_CONTENT = frozenset({"tool_calls", "invalid_tool_calls", "function_call", "refusal", "audio"})
_USED_WITH_PARTS = _BESIDE_CONTENT | {
    *("role", "type", "name", "parts", "reasoning", "reasoning_content"),
    # Not of the message but of the request that made it:
    *("model", "usage", "stop_reason", "stop_sequence", "finish_reason"),
    *("additional_kwargs", "response_metadata", "usage_metadata", "example"),
    *("tool_call_chunks", "chunk_position"),
}
"""Keys that are converted elsewhere, or say nothing about what the message says."""
_USED = (_USED_WITH_PARTS - {"parts"}) | {"content"}
_USED_BY_TOOL = _USED | {"tool_call_id"}


def _reasoning(fields: Fields) -> list[Fields]:
    """What DeepSeek, OpenRouter and LangChain keep beside the content."""
    value = first(fields, "reasoning_content", "reasoning")
    if value is None and (extra := fields.get("additional_kwargs")):
        value = (view(extra) or {}).get("reasoning_content")
    return [{"type": "reasoning", "content": value}] if value and is_text(value) else []


def _add_calls(fields: Fields, parts: list[Fields]) -> None:
    """Adds what a message carries beside its content; a tool call that is in the content too is added once."""
    if fields.get("refusal"):
        parts.append({"type": "refusal", "refusal": fields["refusal"]})
    if audio := view(fields.get("audio")):
        parts.append(part({"type": "audio", **audio}))
    known = {item.get("id") for item in parts if item["type"] == "tool_call"} - {None}
    for key in ("tool_calls", "invalid_tool_calls"):
        calls = fields.get(key) or ()
        if not isinstance(calls, (list, tuple)):
            calls = [calls]  # one call without its list; text is not its letters
        made = [_call(call) for call in calls]
        parts += [call for call in made if call["type"] != "tool_call" or call.get("id") not in known]
    if call := fields.get("function_call"):
        parts.append(_call(call))


def _call(value: object) -> Fields:
    fields = view(value)
    try:
        if fields is None:
            return unknown_part(value)
        return tool_call(fields)
    except Exception:  # noqa: BLE001  # any shape at all may hide behind a known name
        return unknown_part(fields)


def _from_item(fields: Fields, kind: str) -> Fields | None:
    """A message of the one part that an item of OpenAI's Responses is."""
    if kind.endswith("_call_output"):
        return {"role": "tool", "parts": [part(fields)]}
    if _is_item(fields):
        return {"role": "assistant", "parts": [part(fields)]}
    return None


def _is_item(fields: Fields) -> bool:
    kind = fields.get("type")
    if not is_text(kind):
        return False
    if kind == "message":
        return "stop_reason" not in fields  # else it is Anthropic's
    if kind == "reasoning":
        return "summary" in fields or "encrypted_content" in fields
    return kind.endswith(("_call", "_call_output")) and kind not in _PART_CALLS


_PART_CALLS = frozenset({"tool_call", "server_tool_call", "invalid_tool_call"})


# -- responses ---------------------------------------------------------------------------------------------------

_Choice = tuple[Fields, object]
"""A message and why it ended, as the provider says it."""


def _response(choices: list[_Choice], said: StepData | None) -> Response:
    texts: list[tuple[bytes, str | None]] = []
    for message, reason in choices:
        kept = {key: value for key, value in message.items() if key != "finish_reason"}
        texts.append((dumps_utf8(kept)[:-1], _word(reason)))
    return Response(texts, next((reason for _, reason in texts if reason), None), said)


def _word(reason: object) -> str | None:
    return as_text(reason) or None


def _finished(message: bytes, reason: str | None) -> bytes:
    word = _word(reason) or "stop"
    return b'%b,"finish_reason":%b}' % (message, dumps_utf8(_FINISH.get(word.lower(), word)))


def _choices(value: object, fields: Fields | None) -> list[_Choice] | None:
    """The messages of a response, of whatever part of one was given; None for anything else."""
    if type(value) in SEQUENCES:
        return _listed_choices(list(value))  # type: ignore[call-overload]
    if fields is None:
        return None
    for key, read in _ENVELOPES.items():
        if fields.get(key) is not None and (found := read(fields)):
            return found
    message = _message(fields, "assistant") or _one_message(known_parts([value]), "assistant")
    return None if message is None else [(message, _reason(fields))]


def _listed_choices(values: list[object]) -> list[_Choice] | None:
    fields = [view(value) or value for value in values]
    chosen = [_choice(item) for item in fields]
    if chosen and None not in chosen:
        return [choice for choice in chosen if choice is not None]
    messages = _history(fields, "assistant")
    if messages is None:
        message = _one_message(known_parts(values), "assistant")
        return None if message is None else [(message, None)]
    if any(type(item) is dict and _is_item(item) for item in fields):
        return [(message, None) for message in _joined(messages)]
    reasons = [_reason(item) if type(item) is dict else None for item in fields]
    return list(zip(messages, reasons, strict=True))


def _joined(messages: list[Fields]) -> list[Fields]:
    """Items of OpenAI's Responses are parts of one message, as long as the role stays."""
    joined: list[Fields] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1]["parts"] += message["parts"]
        else:
            joined.append({"role": message["role"], "parts": list(message["parts"])})
    return joined


def _reason(fields: Fields) -> object:
    fields = _unwrapped(fields)
    found = first(fields, *_REASON_KEYS)
    if found is not None:
        return found
    metadata = view(first(fields, "response_metadata", "generation_info"))
    return first(metadata, *_REASON_KEYS) if metadata else None


_REASON_KEYS = ("finish_reason", "stop_reason", "finishReason", "stopReason", "done_reason")


def _choice(value: object) -> _Choice | None:
    """A choice of OpenAI's, a generation of LangChain's or a whole response of Ollama's."""
    fields = view(value)
    if fields is None:
        return None
    inner = view(first(fields, "message", "delta"))
    if inner is None:
        text = fields.get("text")
        if not is_text(text) or not ("finish_reason" in fields or "generation_info" in fields):
            return None
        return {"role": "assistant", "parts": content_parts(text)}, _reason(fields)
    message = _message(inner, "assistant")
    if message is None and (is_text(inner.get("role")) or not inner):
        message = _from_role(inner, inner.get("role", "assistant"))
    return None if message is None else (message, _reason(fields) or _reason(inner))


def _all_choices(values: Any) -> list[_Choice] | None:
    choices = [_choice(value) for value in values]
    return None if None in choices else [choice for choice in choices if choice is not None]


def _candidates(fields: Fields) -> list[_Choice] | None:
    choices: list[_Choice] = []
    for value in fields["candidates"]:
        candidate = view(value) or {}
        content, reason = view(candidate.get("content")), _reason(candidate)
        if content is None and reason is None:
            return None
        choices.append((_from_role({"parts": (content or {}).get("parts") or []}, "assistant"), reason))
    return choices


def _blocked(fields: Fields) -> list[_Choice] | None:
    """Gemini's answer to a prompt it refuses: no candidate, only the reason."""
    feedback = view(first(fields, "promptFeedback", "prompt_feedback")) or {}
    reason = first(feedback, "blockReason", "block_reason")
    return None if reason is None else [({"role": "assistant", "parts": []}, reason)]


def _output(fields: Fields) -> list[_Choice] | None:
    """OpenAI's Responses, whose reason is its status; or Bedrock's, which has one message."""
    output = fields["output"]
    if type(output) not in SEQUENCES:
        choice = _choice(output)
        return None if choice is None else [(choice[0], _reason(fields))]
    if not output and fields.get("object") != "response":
        return None
    messages = _history(output, "assistant")
    if messages is None:
        return None
    details = view(fields.get("incomplete_details")) or {}
    reason = first(details, "reason") or fields.get("status")
    return [(message, reason) for message in _joined(messages) or [{"role": "assistant", "parts": []}]]


def _generations(fields: Fields) -> list[_Choice] | None:
    flat = [item for row in fields["generations"] for item in (row if type(row) in SEQUENCES else [row])]
    return _all_choices(flat)


def _one_choice(fields: Fields) -> list[_Choice] | None:
    choice = _choice(fields)
    return None if choice is None else [choice]


def _state(fields: Fields) -> list[_Choice] | None:
    return _listed_choices(list(fields["messages"]))


_ENVELOPES = {
    "choices": lambda fields: _all_choices(fields["choices"]),
    "candidates": _candidates,
    "promptFeedback": _blocked,
    "prompt_feedback": _blocked,
    "output": _output,
    "generations": _generations,
    "message": _one_choice,
    "messages": _state,
}
"""Whole responses, by the key that tells: OpenAI's, Gemini's, Responses', LangChain's, Ollama's, LangGraph's."""


# -- system and tools --------------------------------------------------------------------------------------------


def _system_parts(value: object) -> list[Fields]:
    if value is None:
        return []
    if is_text(value):
        read = _read(value)
        known = read if type(read) is list and read and all(map(is_genai_part, read)) else None
        if known is None and type(read) is list:
            known = known_parts(read)
        return known or content_parts(clean_text(value))
    values = list(value) if type(value) in SEQUENCES else [value]  # type: ignore[call-overload]
    found = [_instruction(item) for item in values]
    if values and not any(found):
        return [{"type": "text", "content": dumps(value)}]
    return [item for parts, given in zip(found, values, strict=True) for item in parts or [part(given)]]


def _instruction(value: object) -> list[Fields] | None:
    """The parts of text, of a message or of a part; None for anything else."""
    if is_text(value):
        return content_parts(value)
    message = _recognised(value, "system")
    if message is not None:
        return message["parts"]  # type: ignore[no-any-return]
    fields = view(value)
    if fields is None or not (is_text(fields.get("type")) or is_text(fields.get("text"))):
        return None
    return [part(fields)]


def _tools(value: object) -> Iterator[Fields]:
    """The tools of a list or of one definition; Gemini's hold lists of functions in their turn."""
    for item in list(value) if type(value) in SEQUENCES else [value]:  # type: ignore[call-overload]
        fields = _function_fields(item) if type(item) is FunctionType else view(item)
        declared: Any = None if fields is None else first(fields, *_DECLARATIONS)
        if fields is None or type(declared) not in SEQUENCES:
            yield _tool(item if fields is None else fields)
            continue
        for function in list(declared):
            yield _tool(view(function) or function)
        if rest := with_rest({}, fields, _DECLARATIONS):
            yield _tool(rest)


_DECLARATIONS = ("functionDeclarations", "function_declarations")


def _function_fields(value: FunctionType) -> Fields:
    return with_rest({"name": value.__name__}, {"description": value.__doc__}, ())


def _tool(value: Any) -> Fields:
    try:
        return _function_tool(value)
    except Exception:  # noqa: BLE001  # any shape at all may hide behind a known name
        return _unknown_tool(value)


_SCHEMAS = ("parameters", "input_schema", "inputSchema", "args_schema")
_SCHEMAS_TOO = ("parametersJsonSchema", "parameters_json_schema")


def _function_tool(fields: Fields) -> Fields:
    nested = view(fields.get("function"))
    tool = fields if nested is None else {**fields, **nested}
    key = next((key for key in (*_SCHEMAS, *_SCHEMAS_TOO) if tool.get(key) is not None), "parameters")
    if fields.get("type") not in (None, "function") and key != "input_schema":
        return _unknown_tool(fields)
    if not is_text(tool["name"]):
        raise ShapeError("name")
    made: Fields = {"type": "function", "name": tool["name"]}
    if (description := tool.get("description")) is not None:
        made["description"] = description if is_text(description) else as_text(description)
    if key in tool:
        made["parameters"] = _schema(tool[key])
    if key == "args_schema":
        return made  # a LangChain tool object; its other fields are how it runs
    return with_rest(made, tool, {"type", "function", "name", "description", key})


def _schema(value: Any) -> object:
    """A JSON schema; a pydantic class is asked for its own, text is read."""
    if isinstance(value, type) and hasattr(value, "model_json_schema"):
        return value.model_json_schema()
    return _read(value) if is_text(value) and _read(value) is not None else value


def _unknown_tool(value: Any) -> Fields:
    """A tool that is not a function, kept whole, with the type and name that GenAI's shape asks for."""
    words = [value.get("type", ""), value.get("name", "")] if type(value) is dict else [None]
    if words[0] == "function" or not all(map(is_text, words)):
        return {"type": "unknown", "name": "unknown", "value": value}
    only = next(iter(value)) if len(value) == 1 else None
    kind = words[0] or (only if is_text(only) else "unknown")
    return {"type": kind, "name": kind, **value}
