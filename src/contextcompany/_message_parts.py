"""Knows the parts of messages: what OpenAI, Anthropic, Gemini and LangChain call them, in GenAI shape.

A converter takes the fields of one part and gives the GenAI part, and may fail in any way: what cannot be converted
is kept whole, under its own type or as `unknown`. Fields without a place in GenAI's shape stay beside the others.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import unquote_to_bytes

import orjson

from contextcompany._content import as_text, model_dump, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "SEQUENCES",
    "Fields",
    "ShapeError",
    "content_parts",
    "first",
    "is_genai_part",
    "is_text",
    "known_parts",
    "parsed_json",
    "part",
    "reasoning",
    "tool_call",
    "tool_result",
    "unknown_part",
    "view",
    "with_rest",
]

Fields = dict[str, Any]
"""The fields of a dict or of an object, under their own names."""

SEQUENCES = frozenset({list, tuple})
_NO_FIELDS = frozenset({str, int, float, bool, type(None), bytes, list, tuple})
_CAN_BE_EMPTY = frozenset({str, list, tuple, dict})
_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class ShapeError(ValueError):
    """A value does not have the shape that its type or its keys promise."""


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a `str`, without asking its `__class__`, which may raise."""
    return issubclass(type(value), str)


def first(fields: Fields, *keys: str) -> Any:
    """The first value among some keys that is not None; None if there is none."""
    for key in keys:
        value = fields.get(key)
        if value is not None:
            return value
    return None


def view(value: object) -> Fields | None:
    """The fields of a dict, model, dataclass or plain object; None when the value is no such thing."""
    kind = type(value)
    if kind is dict:
        return value  # type: ignore[return-value]  # mypy does not narrow by `kind is`
    if kind in _NO_FIELDS or issubclass(kind, str):
        return None
    try:
        fields = _object_fields(value, kind)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return None
    return fields if type(fields) is dict else None


def _object_fields(value: Any, kind: Any) -> object:
    if hasattr(kind, "model_dump"):
        return model_dump(value, exclude_none=True)
    fields = plain(value)
    if type(fields) is str and hasattr(kind, "to_dict"):
        fields = value.to_dict()
    if type(fields) is str and hasattr(value, "__dict__"):
        return {name: item for name, item in list(vars(value).items()) if not name.startswith("_")} or None
    return fields


_ESCAPES = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
"""In JSON: a pair of surrogates, a lone one, any other escape."""


def parsed_json(text: str) -> Any:
    """The value of a JSON text with every digit of its integers; raises when it is no JSON.

    Lone surrogates, which can be escaped in JSON and are in no encodable text, become U+FFFD.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Reads all that `json.dumps` writes: NaN, escaped lone surrogates.
        return json.loads(_ESCAPES.sub(lambda found: "\\ufffd" if found[1] else found[0], text))
    if b"0" * 19 in text.encode().translate(_ZEROS):
        return json.loads(text)  # orjson turns integers outside 64 bits into floats
    return value


def with_rest(made: Fields, fields: Fields, used: Iterable[str]) -> Fields:
    """What was made of the used fields, and the others as they are; empty ones are left out."""
    for key, value in fields.items():
        if key in used or value is None or (type(value) in _CAN_BE_EMPTY and not value):
            continue
        if key in made:
            raise ShapeError(key)
        made[key] = base64.b64encode(value).decode() if type(value) is bytes else value
    return made


# -- any part ----------------------------------------------------------------------------------------------------


def content_parts(content: object) -> list[Fields]:
    """The parts of a message's content: text, one part, or a list of both; None has none."""
    if content is None:
        return []
    if type(content) in SEQUENCES:
        return [part(item) for item in list(content)]  # type: ignore[call-overload]
    return [part(content)]


def part(value: object) -> Fields:
    """One part in GenAI shape; what is not recognised is kept whole."""
    if is_text(value):
        return {"type": "text", "content": value}
    fields = view(value)
    return unknown_part(value) if fields is None else _converted(fields) or unknown_part(fields)


def known_parts(values: Iterable[object]) -> list[Fields] | None:
    """Parts in GenAI shape if each value is one or text, and at least one can be nothing else; else None.

    A dict with only a `text` could be anything; beside an image or a function call it is Gemini's.
    """
    parts: list[Fields] = []
    certain = False
    for value in values:
        if is_text(value):
            parts.append({"type": "text", "content": value})
            continue
        fields = view(value)
        converted = None if fields is None else _converted(fields)
        if fields is None or converted is None:
            return None
        certain = certain or type(value) is not dict or "type" in fields or "text" not in fields
        parts.append(converted)
    return parts if certain else None


def unknown_part(value: object) -> Fields:
    """A part that holds the whole value, under its own type if that is not one GenAI defines otherwise."""
    if type(value) is not dict:
        return {"type": "unknown", "value": value}
    if "type" not in value:
        return {"type": "unknown", **value}
    kind = value["type"]
    return value if is_text(kind) and kind not in _GENAI_TYPES else {"type": "unknown", "value": value}


def _converted(fields: Fields) -> Fields | None:
    """The GenAI part of some fields; None if they are not recognised."""
    try:
        if _has_genai_type(fields):
            return fields
        convert = _converter(fields)
        return None if convert is None else convert(fields)
    except Exception:  # noqa: BLE001  # any shape at all may hide behind a known name
        return None


def _converter(fields: Fields) -> Callable[[Fields], Fields] | None:
    kind = fields.get("type")
    if is_text(kind):
        return _server_tool_result if kind.endswith("_tool_result") else _BY_TYPE.get(kind)
    if kind is None:
        for key, convert in _BY_KEY.items():
            if fields.get(key) is not None:
                return convert
    return None


# -- GenAI's own shape -------------------------------------------------------------------------------------------

_GENAI_TYPES: dict[str, tuple[str, ...]] = {
    "text": ("content",),
    "reasoning": ("content",),
    "tool_call": ("name",),
    "tool_call_response": (),
    "blob": ("modality", "content"),
    "file": ("modality", "file_id"),
    "uri": ("modality", "uri"),
    "server_tool_call": ("name",),
    "server_tool_call_response": (),
    "compaction": (),
}
"""The part types GenAI defines, and which of their keys must hold text."""

_TEXT_OR_NONE = ("id", "mime_type", "content")


def is_genai_part(value: object) -> bool:
    """Whether a part is in GenAI shape as it stands, a type of the caller's own included."""
    if type(value) is not dict:
        return False
    kind = value.get("type")
    return is_text(kind) and (_has_genai_type(value) or (kind not in _GENAI_TYPES and _converter(value) is None))


def _has_genai_type(fields: Fields) -> bool:
    kind = fields.get("type")
    required = _GENAI_TYPES.get(kind) if is_text(kind) else None
    if required is None or not all(is_text(fields.get(key)) for key in required):
        return False
    if kind == "tool_call_response":
        return "response" in fields and _none_or_text(fields.get("id"))
    if kind == "tool_call" and "args" in fields:
        return False  # LangChain's, which says `args` for `arguments`
    if kind in {"server_tool_call", "server_tool_call_response"}:
        inner = fields.get(kind)
        if type(inner) is not dict or not is_text(inner.get("type")):
            return False
    return all(_none_or_text(fields.get(key)) for key in _TEXT_OR_NONE)


def _none_or_text(value: object) -> bool:
    return value is None or is_text(value)


# -- text and reasoning ------------------------------------------------------------------------------------------


def _text(fields: Fields) -> Fields:
    key = "text" if fields.get("text") is not None else "content"
    if not is_text(text := fields[key]):
        raise ShapeError(key)
    kind = "reasoning" if fields.get("thought") is True else "text"
    return with_rest({"type": kind, "content": text}, fields, ("type", "thought", key))


def reasoning(fields: Fields) -> Fields:
    """A reasoning part; its content is empty where the provider shows only encrypted data or a signature."""
    for key in ("thinking", "reasoning", "text", "content"):
        if is_text(fields.get(key)):
            return with_rest({"type": "reasoning", "content": fields[key]}, fields, ("type", key))
    for key in ("content", "summary"):
        if fields.get(key):
            texts = [(view(item) or {})["text"] for item in fields[key]]
            return with_rest({"type": "reasoning", "content": "\n\n".join(texts)}, fields, ("type", key))
    if "summary" not in fields and "encrypted_content" not in fields:
        raise ShapeError("reasoning")
    return with_rest({"type": "reasoning", "content": ""}, fields, ("type",))


# -- tools -------------------------------------------------------------------------------------------------------

_CALL_IDS = ("call_id", "tool_call_id", "tool_use_id", "toolUseId", "id")
_CALL_USED = frozenset({"type", "name", "function", "custom", *_CALL_IDS})
_ARGUMENTS = ("arguments", "args", "input")
_RESPONSES = ("content", "output", "response")


def tool_call(fields: Fields) -> Fields:
    """A tool call in any spelling; arguments that are the JSON text of an object or array become that."""
    nested = view(first(fields, "function", "custom"))
    call = {**fields, **nested} if nested else fields
    name = call["name"]
    made = {"type": "tool_call", **_call_id(call), "name": name if is_text(name) else as_text(name)}
    key = next((key for key in _ARGUMENTS if call.get(key) is not None), "arguments")
    if key in call:
        made["arguments"] = _arguments(call[key])
    return with_rest(made, call, _CALL_USED | {key})


def tool_result(fields: Fields) -> Fields:
    """A tool's answer in any spelling, paired to its call by id."""
    key = next((key for key in _RESPONSES if fields.get(key) is not None), "content")
    made = {"type": "tool_call_response", **_call_id(fields), "response": _response(fields.get(key))}
    return with_rest(made, fields, {"type", key, *_CALL_IDS})


def _call_id(fields: Fields) -> Fields:
    identity = first(fields, *_CALL_IDS)
    if identity is None:
        return {}
    return {"id": identity if is_text(identity) else as_text(identity)}


def _arguments(value: object) -> object:
    if not is_text(value) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return parsed_json(value)
    except (ValueError, RecursionError):
        return value


def _response(value: object) -> object:
    """A single text block is its text; anything else stays as it is."""
    if type(value) is list and len(value) == 1:
        block = view(value[0])
        if block and is_text(block.get("text")) and set(block) <= {"type", "text"}:
            return block["text"]
    return "" if value is None else value


def _server_tool_call(fields: Fields) -> Fields:
    """A call the provider runs itself; the provider's own item is kept whole inside."""
    name = fields.get("name")
    name = name if is_text(name) else fields["type"].removesuffix("_call")
    return {"type": "server_tool_call", **_call_id(fields), "name": name, "server_tool_call": fields}


def _server_tool_result(fields: Fields) -> Fields:
    return {"type": "server_tool_call_response", **_call_id(fields), "server_tool_call_response": fields}


def _executable_code(key: str) -> Callable[[Fields], Fields]:
    def convert(fields: Fields) -> Fields:
        code = {"type": key, **(view(fields[key]) or {})}
        made = {"type": "server_tool_call", **_call_id(code), "name": "code_execution", "server_tool_call": code}
        return with_rest(made, fields, (key,))

    return convert


def _code_result(key: str) -> Callable[[Fields], Fields]:
    def convert(fields: Fields) -> Fields:
        result = {"type": key, **(view(fields[key]) or {})}
        return with_rest(_server_tool_result(result), fields, (key,))

    return convert


# -- images, audio, files ----------------------------------------------------------------------------------------

_NESTS = ("source", "image_url", "input_audio", "video_url", "audio_url", "file", "image", "audio", "video")
_DATA = ("data", "base64", "file_data")
_URLS = ("url", "image_url", "file_url", "uri", "fileUri", "file_uri")
_FILE_IDS = ("file_id", "fileId", "id")
_MIMES = ("mime_type", "mimeType", "media_type")
_AUDIO_FORMATS = {"mp3": "audio/mpeg", "pcm16": "audio/pcm"}


def _media(modality: str) -> Callable[[Fields], Fields]:
    """A converter for inline data (blob), an address (uri) or an uploaded file (file)."""

    def convert(fields: Fields) -> Fields:
        flat = _flat(fields)
        used = {"type", "source_type"}
        mime = _take(flat, _MIMES, used)
        if mime is None and modality == "audio" and (form := _take(flat, ("format",), used)):
            mime = _AUDIO_FORMATS.get(form, f"audio/{form}")
        if (data := _take(flat, _DATA, used)) is not None:
            made = _blob(data, mime, modality)
        elif (url := _take(flat, _URLS, used)) is not None:
            made = _blob(url, mime, modality) if url[:5] == "data:" else _located("uri", "uri", url, mime, modality)
        elif (file_id := _take(flat, _FILE_IDS, used)) is not None:
            made = _located("file", "file_id", file_id, mime, modality)
        else:
            raise ShapeError("neither data nor address")
        return with_rest(made, flat, used)

    return convert


def _flat(fields: Fields) -> Fields:
    """The fields of a media part with those of the object inside that says where the data is."""
    for key in _NESTS:
        nested = view(fields.get(key))
        if nested is not None:
            outer = {name: value for name, value in fields.items() if name != key}
            return {**outer, **nested}
    return fields


def _take(fields: Fields, keys: tuple[str, ...], used: set[str]) -> Any:
    for key in keys:
        if (value := fields.get(key)) is not None:
            used.add(key)
            return value
    return None


def _blob(data: object, mime: Any, modality: str) -> Fields:
    if isinstance(data, (bytes, bytearray)):
        content = base64.b64encode(data).decode()
    elif not is_text(data):
        raise ShapeError("data")
    elif data[:5] == "data:":
        head, _, payload = data[5:].partition(",")
        mime = head.partition(";")[0] or mime
        content = payload
        if not head.endswith(";base64"):
            content = base64.b64encode(unquote_to_bytes(payload)).decode()
    else:
        content = data
    return _located("blob", "content", content, mime, modality)


def _located(kind: str, key: str, where: object, mime: Any, modality: str) -> Fields:
    if not is_text(where) or not _none_or_text(mime):
        raise ShapeError(key)
    if mime is None:
        return {"type": kind, "modality": modality, key: where}
    told = mime.partition("/")[0]
    modality = told if told in {"image", "video", "audio"} else modality
    return {"type": kind, "modality": modality, "mime_type": mime, key: where}


def _document(fields: Fields) -> Fields:
    source = view(fields.get("source"))
    if source is None or source.get("type") != "text":
        return _media("document")(fields)
    return with_rest({"type": "text", "content": source["data"]}, fields, ("type", "source"))


# -- who converts what -------------------------------------------------------------------------------------------


def _inside(key: str, convert: Callable[[Fields], Fields]) -> Callable[[Fields], Fields]:
    """A converter for a part that is an object under one key, as Gemini and Bedrock have it."""

    def convert_inside(fields: Fields) -> Fields:
        return with_rest(convert(view(fields[key]) or {}), fields, (key,))

    return convert_inside


_BY_TYPE: dict[str, Callable[[Fields], Fields]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _text,
    "reasoning_text": reasoning,
    "reasoning": reasoning,
    "thinking": reasoning,
    "tool_call": tool_call,
    "tool_use": tool_call,
    "function_call": tool_call,
    "custom_tool_call": tool_call,
    "invalid_tool_call": tool_call,
    "tool_result": tool_result,
    "tool_call_response": tool_result,
    "function_call_output": tool_result,
    "custom_tool_call_output": tool_result,
    "server_tool_use": _server_tool_call,
    "mcp_tool_use": _server_tool_call,
    "mcp_call": _server_tool_call,
    "web_search_call": _server_tool_call,
    "file_search_call": _server_tool_call,
    "code_interpreter_call": _server_tool_call,
    "image_generation_call": _server_tool_call,
    "image": _media("image"),
    "image_url": _media("image"),
    "input_image": _media("image"),
    "audio": _media("audio"),
    "input_audio": _media("audio"),
    "video": _media("video"),
    "video_url": _media("video"),
    "blob": _media("document"),
    "media": _media("document"),
    "file": _media("document"),
    "input_file": _media("document"),
    "document": _document,
}
"""Part types by their name in `type`."""

_BY_KEY: dict[str, Callable[[Fields], Fields]] = {
    "functionCall": _inside("functionCall", tool_call),
    "function_call": _inside("function_call", tool_call),
    "functionResponse": _inside("functionResponse", tool_result),
    "function_response": _inside("function_response", tool_result),
    "inlineData": _inside("inlineData", _media("document")),
    "inline_data": _inside("inline_data", _media("document")),
    "fileData": _inside("fileData", _media("document")),
    "file_data": _inside("file_data", _media("document")),
    "executableCode": _executable_code("executableCode"),
    "executable_code": _executable_code("executable_code"),
    "codeExecutionResult": _code_result("codeExecutionResult"),
    "code_execution_result": _code_result("code_execution_result"),
    "toolUse": _inside("toolUse", tool_call),
    "toolResult": _inside("toolResult", tool_result),
    "text": _text,
}
"""Parts without a type, by the key that tells: Gemini's in both spellings, Bedrock's."""
