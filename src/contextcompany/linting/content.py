"""Structured content: messages, parts, tool definitions and documents, by the JSON schemas of GenAI.

https://github.com/open-telemetry/semantic-conventions-genai/tree/main/docs/gen-ai has them. What is wrong in the same
way in many messages is said in the same words, so that it is counted, and said once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import orjson

from contextcompany.linting import conventions, rules
from contextcompany.linting.findings import Fault, Rule

__all__ = ["content"]

_Said: TypeAlias = Iterator[tuple[Rule, str]]


def content(attributes: Mapping[str, Any], *, on_event: bool = False) -> Iterator[Fault]:
    """What is wrong with structured content, which only spans may have as JSON text."""
    for key, shape in conventions.SHAPES.items():
        value = attributes.get(key)
        if value is None:
            continue
        if type(value) is str:
            if on_event:
                yield Fault(rules.STRUCTURED, f"`{key}` is a text.", key)
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                yield Fault(rules.JSON, f"`{key}` is no JSON.", key)
                continue
        for rule, said in dict.fromkeys(_each(value, "", _CHECKS[shape])):
            yield Fault(rule, f"In `{key}`, {said}.", key)


def _each(value: Any, where: str, check: Callable[[dict[str, Any]], _Said]) -> _Said:
    """The items of a list of objects."""
    if type(value) is not list:
        yield rules.SCHEMA, f"{where or 'the whole'} is no list"
        return
    for each in value:
        if type(each) is dict:
            yield from check(each)
        else:
            yield rules.SCHEMA, f"an item of {where or 'the list'} is no object"


# --- messages --------------------------------------------------------------------------------------------------------

_ROLES: Final = ("system", "user", "assistant", "tool")
_FINISH_REASONS: Final = ("stop", "length", "content_filter", "tool_call", "compaction", "error")


def _message(message: dict[str, Any]) -> _Said:
    yield from _field(message, "a message", "role", str)
    yield from _known(message, "a message", "role", _ROLES)
    yield from _field(message, "a message", "name", str, is_needed=False)
    if "parts" in message:
        yield from _each(message["parts"], "`parts`", _part)
    elif "content" in message:
        yield rules.SCHEMA, "a message has `content`, as in other formats, and no `parts`"
    else:
        yield rules.SCHEMA, "a message has no `parts`"


def _answer(message: dict[str, Any]) -> _Said:
    yield from _message(message)
    if message.get("finish_reason") is None:
        yield rules.FINISH, "a message has no `finish_reason`"
        return
    yield from _field(message, "a message", "finish_reason", str)
    yield from _known(message, "a message", "finish_reason", _FINISH_REASONS)


# --- parts -----------------------------------------------------------------------------------------------------------

_Fields: TypeAlias = dict[str, type]

_FILE: Final[_Fields] = {"mime_type": str}
_PARTS: Final[dict[str, tuple[_Fields, _Fields]]] = {
    "text": ({"content": str}, {}),
    "reasoning": ({"content": str}, {}),
    "tool_call": ({"name": str}, {"id": str}),
    "tool_call_response": ({"response": object}, {"id": str}),
    "blob": ({"modality": str, "content": str}, _FILE),
    "file": ({"modality": str, "file_id": str}, _FILE),
    "uri": ({"modality": str, "uri": str}, _FILE),
    "server_tool_call": ({"name": str, "server_tool_call": dict}, {"id": str}),
    "server_tool_call_response": ({"server_tool_call_response": dict}, {"id": str}),
    "compaction": ({}, {"id": str, "content": str}),
}
"""The types of parts: the fields that each must have, and those that it may have or be null."""


def _part(part: dict[str, Any]) -> _Said:
    yield from _field(part, "a part", "type", str)
    kind = part.get("type")
    if type(kind) is not str or kind not in _PARTS:
        yield from _known(part, "a part", "type", tuple(_PARTS))
        return
    needed, others = _PARTS[kind]
    for name, of in needed.items():
        yield from _field(part, f"a part of type `{kind}`", name, of)
    for name, of in others.items():
        yield from _field(part, f"a part of type `{kind}`", name, of, is_needed=False)


# --- tools and documents ---------------------------------------------------------------------------------------------


def _tool(tool: dict[str, Any]) -> _Said:
    yield from _field(tool, "a tool", "type", str)
    if "name" not in tool and type(tool.get("function")) is dict:
        yield rules.SCHEMA, "a tool has its name in `function`, as in OpenAI's format"
    else:
        yield from _field(tool, "a tool", "name", str)
    yield from _field(tool, "a tool", "description", str, is_needed=False)
    yield from _field(tool, "a tool", "parameters", dict, is_needed=False)


def _document(document: dict[str, Any]) -> _Said:
    yield from _field(document, "a document", "id", str, is_needed=False)
    if type(document.get("score")) not in (float, int, type(None)):
        yield rules.SCHEMA, "the `score` of a document is no number"


# --- fields ----------------------------------------------------------------------------------------------------------

_TYPES: Final[dict[type, str]] = {str: "text", dict: "object"}


def _field(of: dict[str, Any], what: str, name: str, kind: type, *, is_needed: bool = True) -> _Said:
    if name not in of:
        if is_needed:
            yield rules.SCHEMA, f"{what} has no `{name}`"
    elif not isinstance(of[name], kind) and (is_needed or of[name] is not None):
        yield rules.SCHEMA, f"the `{name}` of {what} is no {_TYPES[kind]}"


def _known(of: dict[str, Any], what: str, name: str, known: tuple[str, ...]) -> _Said:
    value = of.get(name)
    if type(value) is str and value not in known:
        yield rules.ENUM, f"{what} has the {name} {value[:40]!r}"


_CHECKS: Final[dict[str, Callable[[dict[str, Any]], _Said]]] = {
    "input_messages": _message,
    "output_messages": _answer,
    "parts": _part,
    "tool_definitions": _tool,
    "documents": _document,
}
"""What each item of a list has to be."""
