"""Messages → who says what: calls beside their results, pictures that are safe, what is unknown as it is. Pure."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contextcompany.observatory.fold import Message

__all__ = ["MAX_IMAGE", "MAX_SAID", "MAX_SPEECHES", "Part", "Speech", "dialogue"]

MAX_IMAGE: Final = 4_000_000
"""Characters of a picture in base64 that a page shows."""

MAX_SPEECHES: Final = 300
"""Of one conversation that a page shows."""

MAX_SAID: Final = 2_000_000
"""Characters of one conversation that a page shows, pictures apart."""

_FIRST: Final = 10
_LEAST: Final = 2_000
"""Characters that each text may have in any case."""

_PICTURES: Final = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""How they begin. SVG is not among them: it is a document, which may do more than be seen."""

_MEDIA: Final = ("blob", "uri", "file")
_CALLS: Final = ("tool_call", "server_tool_call")
_RESULTS: Final = ("tool_call_response", "server_tool_call_response")


class Part(NamedTuple):
    """A part of what somebody says."""

    kind: str
    """text, reasoning, call, result, image, attachment, gap, or other."""
    value: Any
    """Text, arguments, a result; the `data:` URI of an image; what an attachment is; all of a part that is unknown."""
    name: str = ""
    """The tool's; of what is unknown, its type."""
    id: str = ""
    """By which a result is found for its call."""
    has_result: bool = False
    result: Any = None
    """What came of a call, where that is among the messages."""


class Speech(NamedTuple):
    """What somebody says at once."""

    role: str
    """user, assistant, system, tool, or what else the sender says; gap: nobody does."""
    parts: list[Part]
    name: str = ""
    """Of who says it, if it is told."""
    finish_reason: str = ""


def dialogue(messages: list[Message] | None, system: list[Message] | None = None) -> list[Speech]:
    """What messages say, after the instructions that were given apart from them; of very many, the first and the last.

    A result stands with its call and not where it was sent back to the model, if that call is among the messages.
    """
    said = [_speech(each) for each in messages or ()]
    if system:
        said.insert(0, Speech("system", [*map(_part, system)]))
    made = _bounded(_paired(said))
    if len(made) <= MAX_SPEECHES:
        return made
    left_out = len(made) - MAX_SPEECHES
    gap = Speech("gap", [Part("gap", f"{left_out:,} messages between are not on the page: its JSON has them.")])
    return [*made[:_FIRST], gap, *made[_FIRST + left_out :]]


def _bounded(said: list[Speech]) -> list[Speech]:
    """With the ends of texts left out where all of them are too much for a page."""
    texts = [part.value for speech in said for part in speech.parts if isinstance(part.value, str)]
    if sum(map(len, texts)) <= MAX_SAID:
        return said
    most = max(_LEAST, MAX_SAID // len(texts))
    return [speech._replace(parts=[_cut(part, most) for part in speech.parts]) for speech in said]


def _cut(part: Part, most: int) -> Part:
    if not isinstance(part.value, str) or len(part.value) <= most or part.kind == "image":
        return part
    return part._replace(value=f"{part.value[:most]}…\n\n{len(part.value) - most:,} characters more are in its JSON.")


def _speech(message: Message) -> Speech:
    parts = message.get("parts")
    if not isinstance(parts, list):
        parts = [part for part in (message.get("content"),) if part is not None] or [message]
    told = (message.get("name"), message.get("finish_reason"))
    name, reason = ("" if each is None else str(each) for each in told)
    return Speech(str(message.get("role") or "unknown"), [*map(_part, parts)], name, reason)


def _part(part: Any) -> Part:
    if not isinstance(part, dict):
        return Part("text", part)
    kind, id_ = part.get("type"), str(part.get("id") or "")
    if kind in _CALLS:
        return Part("call", part.get("arguments", part.get(str(kind))), str(part.get("name") or ""), id_)
    if kind in _RESULTS:
        return Part("result", part.get("response", part.get("result", part.get(str(kind)))), "", id_)
    if kind in _MEDIA:
        return _media(part)
    content = part.get("content")
    if isinstance(content, str) and kind in ("text", "reasoning", None):
        return Part(str(kind or "text"), content)
    return Part("other", part, str(kind or "unknown"))


def _media(part: dict[str, Any]) -> Part:
    content, uri = part.get("content"), part.get("uri")
    declared = str(part.get("mime_type") or part.get("modality") or "file")
    if isinstance(uri, str) and uri.startswith("data:"):
        head, _, content = uri.partition(",")
        declared = head.removeprefix("data:").partition(";")[0] or declared
    if isinstance(content, str):
        picture = _picture(content)
        size = f"{declared}, {len(content) * 3 // 4:,} bytes"
        return Part("attachment", size) if picture is None else Part("image", f"data:{picture};base64,{content}", size)
    return Part("attachment", f"{declared}, {uri or part.get('file_id') or 'without content'}")


def _picture(content: str) -> str | None:
    """The type of a picture in base64 by its first bytes, whatever its sender calls it; None when there is none."""
    if len(content) > MAX_IMAGE:
        return None
    try:
        data = b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return None
    return next((kind for kind, start in _PICTURES.items() if data.startswith(start)), None)


def _paired(said: Iterable[Speech]) -> list[Speech]:
    made: list[Speech] = []
    open_calls: dict[str, tuple[list[Part], int]] = {}
    for speech in said:
        parts: list[Part] = []
        for part in speech.parts:
            place = open_calls.pop(part.id, None) if part.kind == "result" and part.id else None
            if place is not None:
                among, at = place
                among[at] = among[at]._replace(has_result=True, result=part.value)
                continue
            if part.kind == "call" and part.id:
                open_calls[part.id] = parts, len(parts)
            parts.append(part)
        if parts or not speech.parts:
            made.append(speech._replace(parts=parts))
    return made
