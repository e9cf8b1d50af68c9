"""What was said, for people to read: messages, arguments and results → pieces of text. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.fold import Fact, Message

__all__ = ["Piece", "fresh", "pieces", "readable", "written"]

_MEDIA: Final = ("blob", "uri", "file")

_MAX_INDENTED: Final = 32
"""Levels of JSON that is written in lines. Of more, each line would begin with more blanks than it holds."""


class Piece(NamedTuple):
    """A part of a message."""

    role: str
    """Who says it: system, user, assistant, tool."""
    kind: str
    """text, reasoning, tool call, tool result, or what else it is."""
    name: str
    """Of the tool that is called; empty otherwise."""
    text: str
    is_json: bool
    """Whether the text is a value, not words."""

    @property
    def label(self) -> str:
        """What to write above it: `user`, `assistant, reasoning`, `assistant calls search`, `tool result`."""
        if self.kind == "tool call":
            return f"{self.role} calls {self.name}".strip()
        return {"text": self.role, "tool result": self.kind}.get(self.kind, f"{self.role}, {self.kind}")


def pieces(messages: list[Message] | None, role: str = "") -> Iterator[Piece]:
    """The parts of messages in order; `role` is of messages that do not say theirs, as parts of instructions do not."""
    listed: list[Any] = messages or []  # of instructions, strangers' spans may say anything
    for message in listed:
        said = message if isinstance(message, dict) else {}
        parts = said.get("parts")
        for part in parts if isinstance(parts, list) else [message]:
            yield _piece(str(said.get("role") or role), part)


def _piece(role: str, part: Any) -> Piece:
    if not isinstance(part, dict):
        return Piece(role, "text", "", *_text(part))
    kind = part.get("type")
    if kind == "tool_call":
        return Piece(role, "tool call", str(part.get("name") or ""), *_text(part.get("arguments")))
    if kind == "tool_call_response":
        return Piece("tool", "tool result", "", *_text(part.get("response", part.get("result"))))
    if kind in _MEDIA:
        return Piece(role, "attachment", "", _attachment(part), False)
    if isinstance(content := part.get("content"), str):
        return Piece(role, str(kind or "text"), "", content, False)
    return Piece(role, str(kind or "text"), "", readable(part), True)


def _attachment(part: dict[str, Any]) -> str:
    what = part.get("mime_type") or part.get("modality") or "file"
    content = part.get("content")
    if isinstance(content, str):
        return f"{what}, {len(content) * 3 // 4:,} bytes"
    return f"{what}, {part.get('uri') or part.get('file_id') or 'elsewhere'}"


def _text(value: object) -> tuple[str, bool]:
    value = shapes.parsed(value)
    return (value, False) if isinstance(value, str) else ("" if value is None else readable(value), value is not None)


def readable(value: object, *, is_sorted: bool = False) -> str:
    """Text as it is; of any other value, and of JSON in text, its JSON in lines."""
    found = shapes.parsed(value)
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    indent = None if _is_deeper(found, _MAX_INDENTED) else 2
    if indent is None and isinstance(value, str):
        return value
    try:
        return json.dumps(found, indent=indent, ensure_ascii=False, sort_keys=is_sorted, default=str)
    except RecursionError:
        return "[nested too deeply to be written]"


def _is_deeper(value: object, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not levels or any(_is_deeper(each, levels - 1) for each in inside)


def written(messages: list[Message] | None, role: str = "") -> str:
    """Messages as plain text, a part after the other, each with who said it."""
    return "\n\n".join(f"{each.label}:\n{each.text}" for each in pieces(messages, role))


def fresh(fact: Fact, before: Fact | None) -> list[Message]:
    """What is new in a step's messages: without those that the step before it had and what that answered.

    Of a history that does not begin as the one before, all is new.
    """
    messages = fact.input or []
    known = (before.input or []) if before is not None else []
    if before is None or not _are_equal(messages[: len(known)], known):
        return messages
    rest = messages[len(known) :]
    return rest[1:] if rest and any(_is_answer(rest[0], each) for each in before.output or ()) else rest


def _is_answer(message: Message, answer: Message) -> bool:
    return message.get("role") == "assistant" and _are_equal(message.get("parts"), answer.get("parts"))


def _are_equal(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:  # nested too deeply to tell
        return False
