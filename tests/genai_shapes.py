"""What GenAI's message schemas ask for, as plain assertions that name the path of what is wrong."""

from __future__ import annotations

from typing import Any

PARTS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "text": {"content": str},
    "reasoning": {"content": str},
    "tool_call": {"name": str},
    "tool_call_response": {"response": object},
    "blob": {"modality": str, "content": str},
    "file": {"modality": str, "file_id": str},
    "uri": {"modality": str, "uri": str},
    "server_tool_call": {"name": str, "server_tool_call": dict},
    "server_tool_call_response": {"server_tool_call_response": dict},
    "compaction": {},
}
"""Required keys of each part type that GenAI defines."""

OPTIONAL: dict[str, tuple[str, ...]] = {
    "tool_call": ("id",),
    "tool_call_response": ("id",),
    "server_tool_call": ("id",),
    "server_tool_call_response": ("id",),
    "blob": ("mime_type",),
    "file": ("mime_type",),
    "uri": ("mime_type",),
    "compaction": ("id", "content"),
}
"""Keys of each part type that hold text or null where they are present."""


def check_input_messages(obj: Any) -> None:
    """Raises AssertionError unless the value is a list of GenAI input messages."""
    _is(obj, list, "$")
    for index, message in enumerate(obj):
        _check_message(message, f"$[{index}]")


def check_output_messages(obj: Any) -> None:
    """Raises AssertionError unless the value is a list of GenAI messages that all have a finish reason."""
    check_input_messages(obj)
    for index, message in enumerate(obj):
        _has(message, "finish_reason", str, f"$[{index}]")
        assert message["finish_reason"], f"$[{index}].finish_reason: empty"


def check_system_instructions(obj: Any) -> None:
    """Raises AssertionError unless the value is a list of GenAI parts."""
    _is(obj, list, "$")
    for index, part in enumerate(obj):
        _check_part(part, f"$[{index}]")


def check_tool_definitions(obj: Any) -> None:
    """Raises AssertionError unless the value is a list of GenAI tool definitions."""
    _is(obj, list, "$")
    for index, tool in enumerate(obj):
        path = f"$[{index}]"
        _is(tool, dict, path)
        _has(tool, "type", str, path)
        _has(tool, "name", str, path)
        if tool["type"] == "function":
            _text_or_null(tool, "description", path)


def _check_message(message: Any, path: str) -> None:
    _is(message, dict, path)
    _has(message, "role", str, path)
    _has(message, "parts", list, path)
    _text_or_null(message, "name", path)
    for index, part in enumerate(message["parts"]):
        _check_part(part, f"{path}.parts[{index}]")


def _check_part(part: Any, path: str) -> None:
    _is(part, dict, path)
    _has(part, "type", str, path)
    for key, kind in PARTS.get(part["type"], {}).items():
        _has(part, key, kind, path)
        if kind is dict:
            _has(part[key], "type", str, f"{path}.{key}")
    for key in OPTIONAL.get(part["type"], ()):
        _text_or_null(part, key, path)


def _has(obj: dict[str, Any], key: str, kind: type | tuple[type, ...], path: str) -> None:
    assert key in obj, f"{path}: no `{key}` in {obj!r:.200}"
    _is(obj[key], kind, f"{path}.{key}")


def _is(obj: Any, kind: type | tuple[type, ...], path: str) -> None:
    assert isinstance(obj, kind), f"{path}: {obj!r:.200} is no {kind}"


def _text_or_null(obj: dict[str, Any], key: str, path: str) -> None:
    assert obj.get(key) is None or isinstance(obj[key], str), f"{path}.{key}: {obj[key]!r:.200} is no text"
