"""Puts what came piece by piece together again: text, or the chunks and events of common LLM clients.

Values in, one value out, in a shape that `_messages.response` reads. Nothing here raises, whatever a piece is.
"""

from __future__ import annotations

from typing import Any, Protocol

from contextcompany import _diagnostics
from contextcompany._content import as_text, dumps
from contextcompany._message_parts import Fields, first, parsed_json, view

__all__ = ["Items", "Pieces"]

MAX_TEXT = 4 * 2**20
"""Characters that are kept of one stream."""


class _Kept:
    """What was kept of a stream, and how much room is left."""

    def __init__(self) -> None:
        self._room = MAX_TEXT

    def add(self, piece: object) -> None:
        """Take one more piece. It is read now; changing it later changes nothing."""
        if self._room < 0:
            return
        try:
            self._room -= self._add(piece)
        except Exception:  # noqa: BLE001 - the piece's own code may raise anything
            _diagnostics.refuse("stream()", "text or the chunks of a common LLM client", piece)
        if self._room < 0:
            _diagnostics.count("truncated")
            _diagnostics.warn("stream", "A stream is longer than %d characters; the rest is not recorded.", MAX_TEXT)

    def _add(self, piece: object) -> int:
        """Take a piece; about how many characters of it are kept."""
        raise NotImplementedError


class Items(_Kept):
    """What a tool or an agent yielded: text when all of it is text, else a list."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[str] = []
        self._all_text = True

    def whole(self) -> str | None:
        """The text, or the JSON text of the list; `None` when nothing was yielded."""
        if not self._items:
            return None
        if self._all_text:
            return "".join(self._items)
        return f"[{','.join(self._items)}]"

    def _add(self, piece: object) -> int:
        if self._all_text and not isinstance(piece, str):
            self._all_text = False
            self._items = [dumps(text) for text in self._items]
        item = as_text(piece) if self._all_text else dumps(piece)
        self._items.append(item)
        return len(item)


class Pieces(_Kept):
    """What an LLM streamed."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[_Part] = []

    def whole(self) -> object:
        """One text, one response, or the list of them when they are mixed; `None` when nothing came."""
        wholes = [part.whole() for part in self._parts]
        return wholes[0] if len(wholes) == 1 else wholes or None

    def _add(self, piece: object) -> int:
        readable: Any = piece
        kind: type[_Part] = _Text
        if not isinstance(piece, str):
            kind, readable = _recognised(piece)
        if not self._parts or type(self._parts[-1]) is not kind:
            self._parts.append(kind())
        return self._parts[-1].add(readable)


# --- neighbouring pieces of one kind ---------------------------------------------------------------------------------


class _Part(Protocol):
    def add(self, piece: Any) -> int: ...
    def whole(self) -> object: ...


def _recognised(piece: object) -> tuple[type[_Part], object]:
    """What reads a piece that is no text, and the form in which it wants it."""
    if hasattr(type(piece), "__add__") and any(each.__name__ == "BaseMessageChunk" for each in type(piece).__mro__):
        return _LangChain, piece
    fields = view(piece)
    if fields is not None:
        kind = fields.get("type")
        if isinstance(kind, str):
            if kind.startswith("response."):
                return _Responses, fields
            if kind in _ANTHROPIC_EVENTS:
                return _Anthropic, fields
        if isinstance(fields.get("choices"), list):
            return _Chat, fields
        if isinstance(fields.get("candidates"), list):
            return _Gemini, fields
    return _Other, piece


class _Text:
    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, piece: str) -> int:
        self._texts.append(as_text(piece))
        return len(piece)

    def whole(self) -> str:
        return "".join(self._texts)


class _Other:
    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, piece: object) -> int:
        text = dumps(piece)
        self._texts.append(text)
        return len(text)

    def whole(self) -> object:
        return [parsed_json(text) for text in self._texts]


class _LangChain:
    """Message chunks, which know themselves how to be added."""

    def __init__(self) -> None:
        self._sum: Any = None

    def add(self, piece: Any) -> int:
        self._sum = piece if self._sum is None else self._sum + piece
        return len(as_text(piece.content))

    def whole(self) -> object:
        return self._sum


class _Chat:
    """Chunks of OpenAI's chat and text completions, and of all who do as they do."""

    def __init__(self) -> None:
        self._envelope: Fields = {}
        self._choices: dict[Any, Fields] = {}

    def add(self, piece: Fields) -> int:
        self._envelope.update({key: value for key, value in piece.items() if key != "choices" and value})
        return sum(self._add_choice(view(choice) or {}) for choice in piece["choices"])

    def _add_choice(self, choice: Fields) -> int:
        index = choice.get("index") or 0
        kept = self._choices.setdefault(index, {"index": index, "message": {"role": "assistant"}, "calls": {}})
        if reason := choice.get("finish_reason"):
            kept["finish_reason"] = reason
        delta = view(choice.get("delta")) or {}
        message = kept["message"]
        size = _append(message, "content", delta.get("content") or choice.get("text"))
        size += _append(message, "refusal", delta.get("refusal"))
        size += _append(message, "reasoning_content", first(delta, "reasoning_content", "reasoning"))
        for call in delta.get("tool_calls") or ():
            size += self._add_call(kept["calls"], view(call) or {})
        return size

    @staticmethod
    def _add_call(calls: dict[Any, Fields], call: Fields) -> int:
        function = view(call.get("function")) or {}
        kept = calls.setdefault(call.get("index") or 0, {"type": "function", "function": {}})
        if call.get("id"):
            kept["id"] = call["id"]
        if function.get("name"):
            kept["function"]["name"] = function["name"]
        return _append(kept["function"], "arguments", function.get("arguments"))

    def whole(self) -> object:
        choices = []
        for _, kept in sorted(self._choices.items()):
            message = _grown(kept["message"])
            if kept["calls"]:
                message["tool_calls"] = [_grown(call) for _, call in sorted(kept["calls"].items())]
            choices.append({"index": kept["index"], "message": message, "finish_reason": kept.get("finish_reason")})
        return {**self._envelope, "object": "chat.completion", "choices": choices}


_ANTHROPIC_EVENTS = frozenset(
    {
        *("message_start", "message_delta", "message_stop", "ping"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        # What the client library adds; it repeats what the others say.
        *("text", "thinking", "signature", "input_json", "citation"),
    }
)

_ANTHROPIC_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""The kind of a delta, and the field of it and of its block that holds the text."""


class _Anthropic:
    """Events of Anthropic's messages."""

    def __init__(self) -> None:
        self._message: Fields = {"type": "message", "role": "assistant"}
        self._blocks: dict[Any, Fields] = {}

    def add(self, piece: Fields) -> int:
        kind = piece["type"]
        if kind == "message_start":
            self._update(view(piece["message"]) or {})
        elif kind == "message_delta":
            self._update({**(view(piece.get("delta")) or {}), "usage": piece.get("usage")})
        elif kind == "content_block_start":
            self._blocks[piece.get("index")] = {**(view(piece["content_block"]) or {})}
        elif kind == "content_block_delta":
            delta = view(piece["delta"]) or {}
            field = _ANTHROPIC_DELTAS.get(delta.get("type", ""))
            block = self._blocks.setdefault(piece.get("index"), {"type": "text"})
            return _append(block, field, delta.get(field)) if field else 0
        return 0

    def _update(self, fields: Fields) -> None:
        usage = {**(self._message.get("usage") or {}), **_known(view(fields.get("usage")) or {})}
        self._message.update({**_known(fields), "usage": usage})

    def whole(self) -> object:
        return {**self._message, "content": [_with_input(_grown(block)) for _, block in sorted(self._blocks.items())]}


def _with_input(block: Fields) -> Fields:
    partial = block.get("partial_json")
    if partial is None:
        return block
    rest = {key: value for key, value in block.items() if key != "partial_json"}
    try:
        return {**rest, "input": parsed_json(partial)}
    except ValueError:
        return {**rest, "input": partial}


class _Responses:
    """Events of OpenAI's Responses: the last one has the whole, if it comes."""

    def __init__(self) -> None:
        self._response: Fields = {}
        self._is_final = False
        self._items: list[object] = []
        self._text: Fields = {}

    def add(self, piece: Fields) -> int:
        kind = piece["type"]
        if (response := view(piece.get("response"))) is not None:
            self._response = response
            self._is_final = kind in ("response.completed", "response.incomplete", "response.failed")
        elif kind == "response.output_item.done":
            self._items.append(piece.get("item"))
            self._text = {}
        elif kind == "response.output_text.delta":
            return _append(self._text, "text", piece.get("delta"))
        return 0

    def whole(self) -> object:
        if self._is_final:
            return self._response
        begun = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", **_grown(self._text)}]}]
        return {**self._response, "object": "response", "output": [*self._items, *(begun if self._text else ())]}


class _Gemini:
    """Chunks of Gemini's content: each is a response of its own, with more parts."""

    def __init__(self) -> None:
        self._envelope: Fields = {}
        self._candidates: dict[Any, Fields] = {}

    def add(self, piece: Fields) -> int:
        self._envelope.update({key: value for key, value in piece.items() if key != "candidates" and value})
        return sum(self._add_candidate(view(candidate) or {}) for candidate in piece["candidates"])

    def _add_candidate(self, candidate: Fields) -> int:
        kept = self._candidates.setdefault(candidate.get("index") or 0, {"parts": []})
        kept.update({key: value for key, value in candidate.items() if key != "content" and value})
        size = 0
        for item in (view(candidate.get("content")) or {}).get("parts") or ():
            size += self._add_part(kept["parts"], {**(view(item) or {})})
        return size

    @staticmethod
    def _add_part(parts: list[Fields], part: Fields) -> int:
        text = part.get("text")
        if parts and isinstance(text, str) and _known(part).keys() == _known(parts[-1]).keys():
            return _append(parts[-1], "text", text)
        parts.append(part)
        return len(text) if isinstance(text, str) else 0

    def whole(self) -> object:
        candidates = [
            {
                **{key: value for key, value in kept.items() if key != "parts"},
                "content": {"parts": [_grown(part) for part in kept["parts"]]},
            }
            for _, kept in sorted(self._candidates.items())
        ]
        return {**self._envelope, "candidates": candidates}


class _Growing(list[str]):
    """A text to which more is appended again and again."""


def _append(fields: Fields, key: str, text: object) -> int:
    """Append text to a field; how long it was. What is no text is not there."""
    if not isinstance(text, str) or not text:
        return 0
    grown = fields.get(key)
    if type(grown) is not _Growing:
        grown = fields[key] = _Growing([grown] if isinstance(grown, str) else [])
    grown.append(text)
    return len(text)


def _grown(value: Any) -> Any:
    """The value with its texts grown up."""
    if type(value) is _Growing:
        return "".join(value)
    if type(value) is dict:
        return {key: _grown(item) for key, item in value.items()}
    return value


def _known(fields: Fields) -> Fields:
    return {key: value for key, value in fields.items() if value is not None}
