"""OTLP's JSON ⇄ protobuf messages: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.

Keys are lowerCamelCase (those of the .proto files are taken too), ids are hex, other bytes base64, 64-bit integers text
or numbers, enums numbers or names. Unknown keys are passed over, null is as good as absent.

Some bytes cannot be told by JSON: fields of a newer protocol, or fields in an unusual order. What is written of such a
message has its bytes beside its fields, under a key that other readers pass over.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from google.protobuf.descriptor import FieldDescriptor as Field  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor, EnumDescriptor

__all__ = [
    "MAX_DEPTH",
    "MAX_OBJECTS",
    "DecodeError",
    "as_received",
    "dumped",
    "encodable",
    "message",
    "objects",
    "parse",
    "text",
    "value",
    "written",
]

MAX_DEPTH: Final = 96
"""Messages within messages; protobuf's own readers give up at 100."""

MAX_OBJECTS: Final = 1_000_000
"""Braces and brackets in a body, those in texts included: each may be an object, which takes 64 bytes or more."""

_AS_RECEIVED: Final = "protobuf"
_HEX_KEYS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MAX_SHOWN: Final = 60


class DecodeError(ValueError):
    """A body is not what it should be. Says in a sentence what is wrong with it."""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        DecodeError: there is none, or too much in it.
    """
    found = value(body)
    if not isinstance(found, dict):
        raise DecodeError(f"The body is {_kind(found)}, not a JSON object.")
    return found


def value(body: bytes) -> Any:
    """The JSON value in a body.

    Raises:
        DecodeError: there is none, or too much in it.
    """
    if body.count(b"{") + body.count(b"[") > MAX_OBJECTS:
        raise DecodeError(f"The body holds more than {MAX_OBJECTS:,} objects and lists. Send fewer spans at once.")
    try:
        return _loaded(body)
    except json.JSONDecodeError as error:
        raise DecodeError(f"The body is not JSON: {error.msg} at character {error.pos:,}.") from None
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise DecodeError(f"The body is not JSON: {said}.") from None


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # JavaScript writes a text that was cut within an emoji as half of it, which Python's parser takes; and so do
        # numbers without end.
        return json.loads(body)


def objects(around: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in a list; none if it is absent or null.

    Raises:
        DecodeError: it is no list, or something else is in it.
    """
    found = around.get(key)
    if found is None:
        found = around.get(_snake(key))
    if found is None:
        return []
    if not isinstance(found, list):
        raise DecodeError(f"`{key}` is {_kind(found)}, not a list.")
    for each in found:
        if not isinstance(each, dict):
            raise DecodeError(f"`{key}` holds {_kind(each)}, not only objects.")
    return found


def text(around: dict[str, Any], key: str) -> str:
    """A text; empty if it is absent or null.

    Raises:
        DecodeError: it is something else.
    """
    found = around.get(key)
    if found is None:
        return ""
    try:
        return _text(key, found, 0)
    except ValueError as error:
        raise DecodeError(f"The request cannot be read: {error}.") from None


def encodable(value: str) -> str:
    """The same text, with U+FFFD for halves of a character, which have no UTF-8."""
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)


def dumped(value: object) -> str:
    """What was parsed, as JSON text that can be encoded."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # halves of a character, or an integer of more than 64 bits
        return encodable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def message(kind: Any, value: object) -> tuple[Any, bytes]:
    """A protobuf message of that kind, and its bytes.

    Raises:
        ValueError: a field has a value that it cannot have.
    """
    made = kind(**_fields(kind.DESCRIPTOR, kind.DESCRIPTOR.name, value, 1))
    return made, made.SerializeToString()


def as_received(value: dict[str, Any]) -> bytes | None:
    """The bytes that `written` put beside the fields of a message.

    Raises:
        ValueError: they are no bytes.
    """
    found = value.get(_AS_RECEIVED)
    return None if found is None else _base64(_AS_RECEIVED, found, 0)


def written(kind: Any, raw: bytes) -> dict[str, Any]:
    """A message of that kind as JSON has it, of which `message` or else `as_received` makes the same bytes."""
    made = _written(kind.FromString(raw))
    if not _says(kind, made, raw):
        made[_AS_RECEIVED] = _in_base64(raw)
    return made


def _says(kind: Any, made: dict[str, Any], raw: bytes) -> bool:
    try:
        return bool(message(kind, made)[1] == raw)
    except ValueError:  # it is nested more deeply than JSON may be here
        return False


def _written(of: Any) -> dict[str, Any]:
    made = {}
    for field, value in of.ListFields():
        write = _writer(field)
        made[field.camelcase_name] = [write(each) for each in value] if field.is_repeated else write(value)
    return made


@lru_cache
def _writer(field: Any) -> Callable[[Any], Any]:
    if field.type == Field.TYPE_MESSAGE:
        return _written
    if field.type == Field.TYPE_BYTES:
        return bytes.hex if field.name in _HEX_KEYS else _in_base64
    if field.type == Field.TYPE_DOUBLE:
        return _finite
    return str if field.type in (Field.TYPE_INT64, Field.TYPE_FIXED64) else _as_it_is


def _in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _finite(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _as_it_is(value: Any) -> Any:
    return value


def _fields(descriptor: Descriptor, key: str, value: object, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"`{key}` is {_kind(value)}, not an object")  # noqa: TRY004 - of the sender, not of a caller
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    known = _shape(descriptor)
    made: dict[str, Any] = {}
    for name, each in value.items():
        if each is None or name not in known:
            continue
        field, is_list, convert = known[name]
        if not is_list:
            made[field] = convert(name, each, depth + 1)
        elif isinstance(each, list):
            made[field] = [convert(name, item, depth + 1) for item in each]
        else:
            raise ValueError(f"`{name}` is {_kind(each)}, not a list")
    return made


@lru_cache
def _shape(descriptor: Descriptor) -> dict[str, tuple[str, bool, Callable[[str, Any, int], Any]]]:
    """Key in JSON → name of the field, whether it is a list, how to convert a value."""
    shape = {}
    for field in descriptor.fields:
        entry = field.name, field.is_repeated, _converter(field)
        shape[field.camelcase_name] = shape[field.name] = entry
    return shape


def _converter(field: Any) -> Callable[[str, Any, int], Any]:
    if field.type == Field.TYPE_MESSAGE:
        return partial(_fields, field.message_type)
    if field.type == Field.TYPE_ENUM:
        return partial(_enum, field.enum_type)
    if field.type == Field.TYPE_BYTES:
        return _hex if field.name in _HEX_KEYS else _base64
    return _SCALARS.get(field.type) or partial(_integer, *_RANGES[field.type])


def _text(key: str, value: object, _: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is {_kind(value)}, not a text")  # noqa: TRY004 - see above
    return encodable(value)


def _boolean(key: str, value: object, _: int) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"`{key}` is {_kind(value)}, not true or false")  # noqa: TRY004 - see above
    return value


def _double(key: str, value: object, _: int) -> float:
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"`{key}` is {_shown(value)}, not a number")


def _integer(low: int, high: int, key: str, value: object, _: int) -> int:
    try:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            number = int(value)
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else high + 1
        else:
            number = high + 1
    except ValueError:
        number = high + 1
    if low <= number <= high:
        return number
    raise ValueError(f"`{key}` is {_shown(value)}, not an integer from {low} to {high}")


def _enum(kind: EnumDescriptor, key: str, value: object, _: int) -> int:
    if isinstance(value, str) and value in kind.values_by_name:
        return int(kind.values_by_name[value].number)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value  # a newer one, if it is unknown
    raise ValueError(f"`{key}` is {_shown(value)}, not one of {', '.join(kind.values_by_name)} or its number")


def _hex(key: str, value: object, _: int) -> bytes:
    try:
        return bytes.fromhex(value)  # type: ignore[arg-type]  # what is no text raises
    except (TypeError, ValueError):
        raise ValueError(f"`{key}` is {_shown(value)}, not an id in hex") from None


def _base64(key: str, value: object, _: int) -> bytes:
    try:
        plain = value.replace("-", "+").replace("_", "/")  # type: ignore[attr-defined]  # what is no text raises
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (AttributeError, binascii.Error, ValueError):
        raise ValueError(f"`{key}` is {_shown(value)}, not bytes in base64") from None


_SCALARS: Final[dict[int, Callable[[str, Any, int], Any]]] = {
    Field.TYPE_STRING: _text,
    Field.TYPE_BOOL: _boolean,
    Field.TYPE_DOUBLE: _double,
}
_RANGES: Final = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1),
    Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_FIXED64: (0, 2**64 - 1),
}
"""Those that OTLP uses."""


def _snake(key: str) -> str:
    return re.sub("[A-Z]", lambda found: "_" + found[0].lower(), key)


def _shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return _kind(value)
    shown = repr(value)
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number"}
    return kinds.get(type(value), "something else")
