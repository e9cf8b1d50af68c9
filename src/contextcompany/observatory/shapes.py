"""Conversations in every spelling that spans have for them → GenAI messages.

The shapes of messages, parts and tool definitions are known by `contextcompany._messages`; here is where on a span they
are found: as JSON text, as one attribute per field, as events. Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from contextcompany._message_parts import parsed_json
from contextcompany._messages import prompt, response, system_parts, tool_definitions
from contextcompany.observatory.otlp_json import encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from contextcompany._data import StepData

__all__ = [
    "Message",
    "Said",
    "answered",
    "asked",
    "from_conversation",
    "from_events",
    "nested",
    "parsed",
    "tools",
    "unwrapped",
    "vercel_answer",
]

Message = dict[str, Any]
"""A message in the shape of the GenAI conventions: role, parts and what else was said with it."""


class Said(NamedTuple):
    """What was asked, or answered, and what else the same value told."""

    messages: list[Message] | None = None
    system: list[Message] | None = None
    tools: Any = None
    told: StepData | None = None
    finish_reason: str | None = None


def parsed(value: object) -> Any:
    """The value of a JSON text; anything else as it is."""
    if type(value) is not str or value[:1] not in _OPENERS:
        return value
    try:
        made = parsed_json(value)
        return _encodable(made) if _HALVES.search(value) else made
    except (ValueError, RecursionError):
        return value


_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
"""Escaped halves of characters; those that stand alone have no UTF-8, so nothing could keep what has them."""


def _encodable(value: Any) -> Any:
    if type(value) is str:
        return encodable(value)
    if type(value) is list:
        return [_encodable(each) for each in value]
    if type(value) is dict:
        return {encodable(key): _encodable(each) for key, each in value.items()}
    return value


_OPENERS = frozenset('[{"0123456789-tfn')


def _container(value: object) -> Any:
    """The array or object of a JSON text; anything else, numbers in text included, as it is."""
    return parsed(value) if type(value) is str and value[:1] in ("[", "{") else value


# --- what was asked and answered -------------------------------------------------------------------------------------


def _read(written: bytes | None) -> Any:
    """What the SDK's own writer of messages wrote."""
    return None if written is None else parsed(written.decode())


def asked(value: object) -> Said:
    """Messages, a whole request or anything else that went in; the latter is one user message."""
    value = _container(value)
    if _is_genai(value):
        return Said(value)
    if type(value) is dict and value and value.keys() <= _VERCEL_PROMPT:
        return _vercel_prompt(value)
    value = _only_argument(value)
    made = prompt(_in_known_parts(_flat(value)))
    return Said(_read(made.messages), _read(made.system), _read(made.tools), made.said)


def answered(value: object, finish_reason: str | None = None) -> Said:
    """Messages, a whole response or anything else that came out; the latter is one message of the assistant."""
    value = _container(value)
    if _is_genai(value):
        return Said(value)
    if type(value) is dict and value and value.keys() <= _LOGFIRE_RESPONSE:
        message = value.get("message") or {"role": "assistant", "content": value.get("combined_chunk_content")}
        value = {"choices": [{"message": message}], "usage": value.get("usage")}
    made = response(_in_known_parts(_flat(value)))
    messages = _read(made.render(finish_reason))
    if finish_reason is None and made.finish_reason is None:  # what is sent needs a reason; what came had none
        messages = [{key: each for key, each in message.items() if key != "finish_reason"} for message in messages]
    return Said(messages, None, None, made.said, made.finish_reason)


_LOGFIRE_RESPONSE = frozenset({"message", "usage", "combined_chunk_content", "chunk_count"})


def _is_genai(value: object) -> TypeGuard[list[Message]]:
    """Whether it is a list of messages as the conventions have them today."""
    return (
        type(value) is list
        and bool(value)
        and all(type(item) is dict and type(item.get("role")) is str and _has_parts(item) for item in value)
    )


def _has_parts(message: Message) -> bool:
    parts = message.get("parts")
    return type(parts) is list and all(type(part) is dict and type(part.get("type")) is str for part in parts)


def _flat(value: Any) -> Any:
    """LangChain gives models batches: a list of lists of messages. One that holds one is that one."""
    batch = value.get("messages") if type(value) is dict else value
    if type(batch) is list and len(batch) == 1 and type(batch[0]) is list:
        return {**value, "messages": batch[0]} if type(value) is dict else batch[0]
    return value


def _only_argument(value: Any) -> Any:
    """What a decorated function was called with, if it is one text: decorators keep all its arguments as an object."""
    if type(value) is not dict or value.keys() != {"args", "kwargs"}:
        return value
    args, kwargs = value["args"], value["kwargs"]
    if type(args) is not list or type(kwargs) is not dict:
        return value
    given = [*args, *kwargs.values()]
    return given[0] if len(given) == 1 and type(given[0]) is str else value


def from_conversation(value: object) -> tuple[Said, Said]:
    """A whole conversation: all but what the assistant said last, and that."""
    messages = asked(value).messages or []
    if messages and messages[-1].get("role") == "assistant":
        return Said(messages[:-1] or None), Said(messages[-1:])
    return Said(messages or None), Said()


# --- messages as events ----------------------------------------------------------------------------------------------


def from_events(events: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Said, Said]:
    """What the events of the conventions up to 1.36 say: one event per message, one per choice.

    In a conversation that ends with what the assistant said, and without a choice, that is the answer.
    """
    went: list[Any] = []
    came: list[Any] = []
    for name, body in events:
        # Keys with a dot say of the event what it is: its name, its place, the provider.
        message = {key: _container(value) for key, value in body.items() if "." not in key and key != "index"}
        if name.endswith(_CHOICE):
            inner = message.pop("message", None)
            if inner is not None and type(inner) is not dict:
                inner = {"content": inner}
            came.append({"message": {"role": "assistant", **(inner or message)}, **_reason(message)})
        elif name.endswith(_MESSAGE):
            role = name.removesuffix(_MESSAGE).rpartition(".")[2]
            message.setdefault("role", role)
            if message["role"] == "tool" and "id" in message:
                message.setdefault("tool_call_id", message.pop("id"))
            went.append(message)
    if not came and went and went[-1]["role"] == "assistant":
        came.append({"message": went.pop()})
    reason = came[0].get("finish_reason") if came else None
    return (
        asked(went) if went else Said(),
        answered({"choices": came}, reason) if came else Said(),
    )


_MESSAGE, _CHOICE = ".message", ".choice"


def _reason(message: Message) -> Message:
    reason = message.get("finish_reason")
    return {"finish_reason": reason} if reason is not None else {}


# --- one attribute per field -----------------------------------------------------------------------------------------


MAX_DEPTH = 32
"""Deeper keys are one: no convention nests so far, and who reads what is made here may recurse."""


def nested(fields: Mapping[str, Any]) -> list[Any]:
    """What attributes whose keys are paths say together: `0.role`, `0.tool_calls.1.name` → a list of dicts."""
    root: dict[str, Any] = {}
    for path, value in fields.items():
        *outer, last = path.split(".", MAX_DEPTH)
        place = root
        for key in outer:
            inner = place.setdefault(key, {})
            if type(inner) is not dict:  # `0` and `0.role` both there: the first that came is kept
                break
            place = inner
        else:
            place.setdefault(last, value)
    made = _listed(root)
    return made if type(made) is list else [made]


def _listed(root: Any) -> Any:
    """Dicts whose keys are numbers as lists; from the inside out, without recursion."""
    if type(root) is not dict:
        return root
    order = [root]
    for each in order:
        order += [inner for inner in each.values() if type(inner) is dict]
    done: dict[int, Any] = {}
    for each in reversed(order):
        made = {key: done.get(id(inner), inner) if type(inner) is dict else inner for key, inner in each.items()}
        is_list = bool(made) and all(key.isdecimal() for key in made)
        done[id(each)] = [made[key] for key in sorted(made, key=int)] if is_list else made
    return done[id(root)]


def unwrapped(value: Any) -> Any:
    """OpenInference puts each thing into an object of its kind: `message`, `message_content`, `tool_call`, `tool`."""
    if type(value) is list:
        return [unwrapped(item) for item in value]
    if type(value) is not dict:
        return value
    for key in _WRAPPERS:
        if type(value.get(key)) is dict and len(value) == 1:
            return unwrapped(value[key])
    made = {_UNWRAPPED_KEYS.get(key, key): item for key, item in value.items()}
    for key in ("content", "tool_calls", "image"):
        if type(made.get(key)) in (list, dict):
            made[key] = unwrapped(made[key])
    if made.get("type") == "image" and type(made.get("image")) is dict:
        return {"type": "image_url", "image_url": made["image"]}
    return made


_WRAPPERS = ("message", "message_content", "tool_call", "tool", "image", "document", "embedding")
_UNWRAPPED_KEYS = {
    "contents": "content",
    "json_schema": "json_schema",
    "function_call_name": "name",
    "function_call_arguments_json": "arguments",
}


# --- Vercel ----------------------------------------------------------------------------------------------------------

_VERCEL_PROMPT = frozenset({"system", "prompt", "messages"})


def _vercel_prompt(value: dict[str, Any]) -> Said:
    system, text = value.get("system"), value.get("prompt")
    went = asked(value["messages"]) if value.get("messages") else Said()
    if went.messages is None and text is not None:
        went = asked(text)
    if system is None:
        return went
    return went._replace(system=_read(system_parts(system)))


def vercel_answer(text: object, reasoning: object, tool_calls: object, reason: str | None) -> Said:
    """What the model said, thought and called, each in an attribute of its own."""
    calls = _container(tool_calls)
    parts = [
        *([{"type": "reasoning", "content": reasoning}] if type(reasoning) is str and reasoning else []),
        *([{"type": "text", "text": text}] if type(text) is str and text else []),
        *(
            _in_known_part({"type": "tool-call", **call})
            for call in (calls if type(calls) is list else ())
            if type(call) is dict
        ),
    ]
    return answered([{"role": "assistant", "content": parts}], reason and reason.replace("-", "_"))


def _in_known_parts(value: Any) -> Any:
    """Messages, or a request with messages, whose parts Vercel spells with a hyphen."""
    messages = value.get("messages") if type(value) is dict else value
    if type(messages) is not list or not any(_is_vercel(message) for message in messages):
        return value
    made = [_with_known_parts(message) if _is_vercel(message) else message for message in messages]
    return {**value, "messages": made} if type(value) is dict else made


def _is_vercel(message: Any) -> bool:
    content = message.get("content") if type(message) is dict else None
    return type(content) is list and any(type(part) is dict and part.get("type") in _PARTS for part in content)


def _with_known_parts(message: Message) -> Message:
    return {**message, "content": [_in_known_part(part) for part in message["content"]]}


def _in_known_part(part: Any) -> Any:
    made = _PARTS.get(part.get("type")) if type(part) is dict else None
    return part if made is None else made(part)


def _call(part: Message) -> Message:
    arguments = _container(part.get("input", part.get("args")))
    return {"type": "tool_call", "id": part.get("toolCallId"), "name": part.get("toolName"), "arguments": arguments}


def _result(part: Message) -> Message:
    result = part.get("output", part.get("result"))
    if type(result) is dict and result.keys() == {"type", "value"}:
        result = result["value"]
    return {"type": "tool_call_response", "id": part.get("toolCallId"), "response": result}


def _media(part: Message) -> Message:
    """An image or another file; of other SDKs', which have an object in the place of the text, as it is."""
    where = part.get("image", part.get("data"))
    if type(where) is dict:
        where = where.get("url", where.get("data"))
    if type(where) is not str or ("image" not in part and "mediaType" not in part):
        return part
    known = {name: each for name, each in part.items() if name not in {"image", "data", "mediaType"}}
    key = "url" if where.startswith(("data:", "http:", "https:")) else "data"
    return {**known, key: where, "media_type": part.get("mediaType")}


_PARTS: dict[object, Callable[[Message], Message]] = {
    "file": _media,
    "image": _media,
    "tool-call": _call,
    "tool-result": _result,
}


# --- tools -----------------------------------------------------------------------------------------------------------


def tools(value: object) -> Any:
    """Tool definitions in GenAI shape, from JSON text, a list of such, or what requests carry."""
    value = _container(value)
    if type(value) is list:
        value = [_definition(_container(item)) for item in value]
    made = _read(tool_definitions(value))
    return made if type(made) is list else value


def _definition(item: Any) -> Any:
    """One definition; of OpenInference's and OpenLLMetry's the schema is JSON text inside."""
    if type(item) is not dict:
        return item
    if "json_schema" in item:
        return _container(item["json_schema"])
    return {key: _container(value) if key in _SCHEMAS else value for key, value in item.items()}


_SCHEMAS = frozenset({"parameters", "input_schema", "inputSchema", "function"})
