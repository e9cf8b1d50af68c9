"""Puts what came piece by piece together again: text, or the chunks and events of common LLM clients.

Values in, one value out, in a shape that `_messages.response` reads. Nothing here raises, whatever a piece is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from contextcompany import _diagnostics
from contextcompany._content import as_text, dumps
from contextcompany._message_parts import Fields, parsed_json, view

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def whole(self) -> object:
        """All of it; `None` when nothing came."""
        try:
            return self._whole()
        except Exception:  # noqa: BLE001 - what came has any shape at all
            _diagnostics.refuse("stream()", "the chunks of a common LLM client", self)
            return None

    def _add(self, piece: object) -> int:
        """Take a piece; about how many characters of it are kept."""
        raise NotImplementedError

    def _whole(self) -> object:
        raise NotImplementedError


class Items(_Kept):
    """What a tool or an agent yielded: text when all of it is text, else the JSON text of a list."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[str] = []
        self._all_text = True

    def _whole(self) -> str | None:
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
    """What an LLM streamed: one text, one response, or the list of them when they are mixed."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[_Part] = []

    def _whole(self) -> object:
        wholes = [part.whole() for part in self._parts]
        return wholes[0] if len(wholes) == 1 else wholes or None

    def _add(self, piece: object) -> int:
        readable: Any = piece
        kind: type[_Part] | None = _Text
        if not isinstance(piece, str):
            kind, readable = _recognised(piece)
        if kind is None or (kind is _Other and self._parts and _is_error(readable)):
            return 0  # the client raises what an error event says
        if not self._parts or type(self._parts[-1]) is not kind:
            self._parts.append(kind())
        return self._parts[-1].add(readable)


# --- neighbouring pieces of one kind ---------------------------------------------------------------------------------


class _Part(Protocol):
    def add(self, piece: Any) -> int: ...
    def whole(self) -> object: ...


def _recognised(piece: Any) -> tuple[type[_Part] | None, object]:
    """What reads a piece that is no text, and the form in which it wants it; `None` for one that says nothing new."""
    if hasattr(type(piece), "__add__") and any(each.__name__ == "BaseMessageChunk" for each in type(piece).__mro__):
        return _LangChain, piece
    event = piece.get("type") if isinstance(piece, dict) else getattr(piece, "type", None)
    if isinstance(event, str):
        if event == "chunk":  # OpenAI's stream helper: the chunk as it came, and all of the answer so far
            return _recognised(piece["chunk"] if isinstance(piece, dict) else piece.chunk)
        if event.startswith(_TELL_CHUNKS_AGAIN) or event in _TELL_BLOCKS_AGAIN:
            return None, None
    fields = view(piece)
    kind = None if fields is None else _kind(fields)
    return (_Other, piece) if kind is None else (kind, fields)


def _kind(fields: Fields) -> type[_Part] | None:
    event = fields.get("type")
    if isinstance(event, str):
        if event.startswith("response."):
            return _Responses
        if event in _ANTHROPIC_EVENTS:
            return _Anthropic
    if isinstance(fields.get("choices"), list):
        return _Chat
    return _Gemini if isinstance(fields.get("candidates"), list) else None


_TELL_CHUNKS_AGAIN = ("content.", "refusal.", "tool_calls.", "logprobs.")
"""How events of OpenAI's stream helper begin that repeat what a chunk says."""

_TELL_BLOCKS_AGAIN = frozenset({"text", "thinking", "signature", "input_json", "citation"})
"""Events that Anthropic's stream helper adds."""


def _is_error(piece: Any) -> bool:
    return isinstance(piece, dict) and piece.get("type") == "error"


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
        self._chunks: list[Any] = []

    def add(self, piece: Any) -> int:
        self._chunks.append(piece)
        return len(as_text(piece.content))

    def whole(self) -> object:
        chunks = self._chunks
        while len(chunks) > 1:  # in pairs, because each sum reads all of its tool calls again
            chunks = [sum(chunks[i + 1 : i + 2], chunks[i]) for i in range(0, len(chunks), 2)]
        return chunks[0]


class _Chat:
    """Chunks of OpenAI's chat and text completions, and of all who do as they do."""

    def __init__(self) -> None:
        self._envelope: Fields = {}
        self._choices: dict[Any, Fields] = {}
        self._calls: dict[Any, list[Fields]] = {}

    def add(self, piece: Fields) -> int:
        self._envelope.update({key: value for key, value in piece.items() if key != "choices" and value})
        return sum(self._add_choice(view(choice) or {}) for choice in piece["choices"])

    def _add_choice(self, choice: Fields) -> int:
        index = choice.get("index") or 0
        kept = self._choices.setdefault(index, {"index": index, "message": {"role": "assistant"}})
        if reason := choice.get("finish_reason"):
            kept["finish_reason"] = reason
        delta = {**(view(choice.get("delta")) or {})}
        calls = delta.pop("tool_calls", None) or ()
        if choice.get("text"):
            delta["content"] = choice["text"]
        size = _merge(kept["message"], delta)
        for call in calls:
            size += self._add_call(self._calls.setdefault(index, []), {**(view(call) or {})})
        return size

    @staticmethod
    def _add_call(calls: list[Fields], call: Fields) -> int:
        index, identity = call.get("index"), call.get("id")
        known = [each for each in calls if index is None or each.get("index") == index][-1:]
        if not known or (identity and known[0].get("id") not in (None, identity)):  # some number all of them 0
            known = [{"index": index, "type": "function"}]
            calls += known
        return _merge(known[0], call)

    def whole(self) -> object:
        choices = []
        for index, kept in _in_order(self._choices):
            message = _grown(kept["message"])
            if index in self._calls:
                calls = _in_order(dict(enumerate(self._calls[index])), lambda call: call["index"])
                message["tool_calls"] = [{k: v for k, v in _grown(call).items() if k != "index"} for _, call in calls]
            choices.append({"index": index, "message": message, "finish_reason": kept.get("finish_reason")})
        return {**self._envelope, "object": "chat.completion", "choices": choices}


_ANTHROPIC_EVENTS = frozenset(
    {
        *("message_start", "message_delta", "message_stop", "ping"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
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
            return self._add_delta(self._blocks.setdefault(piece.get("index"), {"type": "text"}), piece["delta"])
        return 0

    @staticmethod
    def _add_delta(block: Fields, piece: object) -> int:
        delta = view(piece) or {}
        if delta.get("type") == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
        field = _ANTHROPIC_DELTAS.get(delta.get("type", ""))
        return _append(block, field, delta.get(field)) if field else 0

    def _update(self, fields: Fields) -> None:
        usage = {**(self._message.get("usage") or {}), **_known(view(fields.get("usage")) or {})}
        self._message.update({**_known(fields), "usage": usage})

    def whole(self) -> object:
        return {**self._message, "content": [_with_input(_grown(block)) for _, block in _in_order(self._blocks)]}


def _with_input(block: Fields) -> Fields:
    partial = block.get("partial_json")
    if partial is None:
        return block
    rest = {key: value for key, value in block.items() if key != "partial_json"}
    try:
        return {**rest, "input": parsed_json(partial)}
    except (ValueError, RecursionError):
        return {**rest, "input": partial}


class _Responses:
    """Events of OpenAI's Responses: the last one has the whole, if it comes."""

    def __init__(self) -> None:
        self._response: Fields = {}
        self._is_final = False
        self._items: list[object] = []
        self._begun: Fields = {}

    def add(self, piece: Fields) -> int:
        kind = piece["type"]
        if (response := view(piece.get("response"))) is not None:
            self._response = response
            self._is_final = kind in ("response.completed", "response.incomplete", "response.failed")
        elif kind == "response.output_item.done":
            self._items.append(piece.get("item"))
            self._begun = {}
        elif kind == "response.output_item.added":
            self._begun = {**(view(piece.get("item")) or {})}
        elif field := _RESPONSES_DELTAS.get(kind):
            return _append(self._begun, field, piece.get("delta"))
        return 0

    def whole(self) -> object:
        if self._is_final:
            return self._response
        begun = _grown(self._begun)
        for part, field in _RESPONSES_PARTS.items():
            if field in begun:
                begun = {"type": "message", "role": "assistant", "content": [{"type": part, field: begun[field]}]}
        return {**self._response, "object": "response", "output": [*self._items, *([begun] if begun else ())]}


_RESPONSES_PARTS = {"output_text": "text", "refusal": "refusal"}
_RESPONSES_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
"""Events that bring more of the item that has begun, and the field of it."""


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
        if parts and isinstance(text, str) and _told(part) == _told(parts[-1]):
            return _append(parts[-1], "text", text)
        parts.append(part)
        return len(text) if isinstance(text, str) else 0

    def whole(self) -> object:
        candidates = [
            {
                **{key: value for key, value in kept.items() if key != "parts"},
                "content": {"parts": [_grown(part) for part in kept["parts"]]},
            }
            for _, kept in _in_order(self._candidates)
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


_GROWING = ("content", "refusal", "reasoning_content", "reasoning", "arguments", "input", "transcript", "data")
"""Fields of OpenAI's deltas whose text goes on."""


def _merge(kept: Fields, delta: Fields) -> int:
    """Add a delta to what is kept; how many characters went on."""
    size = 0
    for key, value in delta.items():
        if key in _GROWING and isinstance(value, str):
            size += _append(kept, key, value)
        elif isinstance(value, list):
            kept[key] = [*(kept[key] if isinstance(kept.get(key), list) else ()), *value]
        elif (fields := view(value)) is not None:
            inner = kept[key] = kept[key] if isinstance(kept.get(key), dict) else {}
            size += _merge(inner, fields)
        elif value is not None:
            kept[key] = value
    return size


def _in_order(numbered: dict[Any, Fields], number: Callable[[Fields], Any] | None = None) -> list[tuple[Any, Fields]]:
    """By their numbers, as far as they have any that compare; else as they came."""
    items = list(numbered.items())
    try:
        return sorted(items, key=lambda item: item[0] if number is None else number(item[1]))
    except TypeError:
        return items


def _told(part: Fields) -> set[str]:
    """What kind of a part of Gemini's it is, by the fields that say something."""
    return {key for key, value in part.items() if value}


def _known(fields: Fields) -> Fields:
    return {key: value for key, value in fields.items() if value is not None}
