"""Makes any value encodable: text that is valid UTF-8, JSON text, attribute values.

Nothing here raises, whatever it is given, and nothing here recurses. What has to be replaced is replaced by a
short marker in angle brackets, alone: everything around it stays.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import math
import os
import uuid
from collections import UserString, deque
from collections.abc import Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Utf8",
    "as_float",
    "as_int",
    "as_text",
    "attribute_value",
    "clean_text",
    "dumps",
    "dumps_utf8",
    "model_dump",
    "plain",
    "plain_json",
]

CIRCULAR = "<circular reference>"
"""Stands where a value holds itself."""

REPEATED = "<repeated reference>"
"""Stands where a graph of shared values would otherwise be written out path by path, without end."""

MAX_DEPTH = 64
"""What lies deeper is kept as one JSON text: readers give up between 100 and 1000 levels."""

MAX_REPEATS = 250_000
"""Entries of containers met again that are written in full before `REPEATED` stands for them."""

AttributeValue = str | bool | int | float | list[str]
"""What an attribute can hold."""


class Utf8:
    """Text of an attribute, in the UTF-8 that it is sent in. It is decoded for whoever wants to look at it."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return self.data.decode()


_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
# Sets of types by identity: a metaclass may keep its classes from being hashed, or compared.
_CONTAINERS = frozenset(map(id, (dict, list, tuple)))
_JSON_TYPES = frozenset(map(id, (dict, list, str, bool, float)))  # int is none: JSON's readers have 64 bits
_NUMBERS = frozenset(map(id, (bool, int, float)))
_OPTION = orjson.OPT_PASSTHROUGH_DATACLASS  # orjson leaves out fields that start with an underscore


def clean_text(text: str) -> str:
    """The same text when it can be encoded; else surrogate pairs joined and lone surrogates as U+FFFD."""
    if type(text) is not str:
        text = str.__str__(text)  # a subclass may have its own idea of `encode`
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def as_text(value: object) -> str:
    """Text of any value: itself, decoded bytes, JSON text of containers and models, `str()` of the rest."""
    kind = type(value)
    if kind is str:
        return clean_text(value)  # type: ignore[arg-type]  # mypy does not narrow by `kind is`
    if value is None:
        return ""
    if id(kind) in _CONTAINERS:
        return dumps(value)
    if id(kind) in _NUMBERS:
        return _printed(value)
    if issubclass(kind, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")  # type: ignore[call-overload,no-any-return]
    simple = _simple(value, 0)
    return dumps(value) if id(type(simple)) in _CONTAINERS else _printed(simple)


def dumps(value: object) -> str:
    """Compact JSON text of any value; NaN and the infinities become null."""
    return dumps_utf8(value).decode()


def dumps_utf8(value: object) -> bytes:
    """The same in UTF-8, which it is written and sent in: long text takes longer to decode than to write."""
    try:
        return orjson.dumps(value, plain, _OPTION)
    except Exception:  # noqa: BLE001  # one bad value, or a key that is no text
        return _dumps_any_keys(value)


def plain_json(value: object) -> bytes | None:
    """JSON text of a value that holds nothing but JSON's own types; `None` for any other."""
    try:
        return orjson.dumps(value, None, _OPTION | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME)
    except Exception:  # noqa: BLE001  # what raises has its say in `dumps`
        return None


def _dumps_any_keys(value: object) -> bytes:
    try:
        # Costs ordinary dicts twice the time, hence not the first try.
        return orjson.dumps(value, plain, _OPTION | orjson.OPT_NON_STR_KEYS)
    except Exception:  # noqa: BLE001  # one bad value: the careful way finds it
        return _written(value).encode()


def attribute_value(value: object) -> AttributeValue:
    """The value as an attribute can hold it; integers outside 64 bits and everything structured become text.

    A list or tuple of nothing but text stays a list.
    """
    kind = type(value)
    if kind is bool or kind is float:
        return value  # type: ignore[return-value]
    if kind is int:
        return value if _MIN_INT <= value <= _MAX_INT else _digits(value)  # type: ignore[operator,return-value,arg-type]
    if kind is list or kind is tuple:
        items = list(value)  # type: ignore[call-overload]
        if items and all(type(item) is str for item in items):
            return [clean_text(item) for item in items]
    elif issubclass(kind, (int, float)) and not issubclass(kind, Enum):
        return attribute_value((int.__int__ if issubclass(kind, int) else float.__float__)(value))  # type: ignore[arg-type]
    return as_text(value)


def as_int(value: Any) -> int | None:
    """The value as a whole number, where it is one that OTLP carries; text of a number is, a truth value is not."""
    if type(value) is int:
        return value if _MIN_INT <= value <= _MAX_INT else None
    try:
        number = int(value)
        is_whole = type(value) is not bool and (isinstance(value, str) or number == value)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return None
    return number if is_whole and _MIN_INT <= number <= _MAX_INT else None


def as_float(value: Any) -> float | None:
    """The value as a finite number, where it can be one."""
    try:
        number = float(value)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return None
    return number if math.isfinite(number) else None


def plain(value: object) -> object:
    """One level of a value in JSON's own types; what it holds may need the same again.

    Runs the value's own code and so may raise whatever that raises.
    """
    kind = type(value)
    for base, convert in _PLAIN_FORMS:
        if issubclass(kind, base):
            return convert(value)
    if hasattr(kind, "model_dump"):  # asked of the type: mocks and proxies have every attribute
        dumped = model_dump(value)
        if id(type(dumped)) in _CONTAINERS:
            return dumped
    names = _field_names(kind)
    if names is not None:
        return {name: _attribute(value, name) for name in names}
    if hasattr(kind, "tolist") and hasattr(kind, "dtype"):
        return value.tolist()  # type: ignore[attr-defined]
    return _printed(value)


def model_dump(value: Any, **options: bool) -> object:
    """What a pydantic model says its fields are, with those that only its subclass has."""
    try:
        # Pydantic's warnings are for those who wrote the model, not for those who look at it.
        return value.model_dump(warnings=False, serialize_as_any=True, **options)
    except Exception:  # noqa: BLE001  # an older pydantic, or somebody else's `model_dump`
        return value.model_dump()


def _field_names(kind: Any) -> Sequence[str] | None:
    """Names of the fields of a dataclass, an attrs class, a msgspec struct or a named tuple."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    if hasattr(kind, "__attrs_attrs__"):
        return [field.name for field in kind.__attrs_attrs__]
    return getattr(kind, "__struct_fields__", None)


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except Exception:  # noqa: BLE001  # a property may raise anything, an unset slot does
        return f"<unreadable {name}>"


def _tuple(value: Any) -> object:
    """A named tuple as an object, any other as an array."""
    names = getattr(type(value), "_fields", None)
    return dict(zip(names, value, strict=True)) if names else list(value)


def _bytes(value: Any) -> str:
    raw = bytes(value)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode()


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write more than 4300 decimal digits
        return hex(value)


def _integer(value: Any) -> object:
    number = int.__int__(value)
    return number if _MIN_INT <= number <= _MAX_INT else _digits(number)


_PLAIN_FORMS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (Enum, lambda value: value.value),
    (str, str.__str__),
    (int, _integer),
    (float, float.__float__),
    ((bytes, bytearray, memoryview), _bytes),
    ((dt.datetime, dt.date, dt.time), lambda value: value.isoformat()),
    ((decimal.Decimal, uuid.UUID, os.PathLike, dt.timedelta, range, UserString), str),
    (Mapping, lambda value: dict(value.items())),
    (tuple, _tuple),
    ((Sequence, AbstractSet, deque, ValuesView), list),
)
"""The first row whose base a type has converts its values."""


def _printed(value: object) -> str:
    """`str()` of a value, or a marker with the name of its class when it has none."""
    try:
        return clean_text(_digits(value) if type(value) is int else str(value))
    except Exception:  # noqa: BLE001  # `__str__` may raise anything
        return f"<unprintable {_class_name(value)}>"


def _class_name(value: object) -> str:
    try:
        return clean_text(type(value).__name__)
    except Exception:  # noqa: BLE001  # so may a metaclass
        return "object"


class _Frame(NamedTuple):
    """A container half written: what is left of it, how it closes, where in the text it began."""

    entries: Iterator[tuple[str, object]]
    closing: str
    start: int
    identity: int


def _written(root: object) -> str:
    """JSON text of any value, slowly and without recursion: only what is bad is replaced."""
    out: list[str] = []
    frames = [_Frame(iter([("", root)]), "", 0, 0)]
    path: set[int] = set()
    seen: dict[int, object] = {}  # keeps its values alive, so that no id is used twice
    repeats = 0
    while frames:
        frame = frames[-1]
        for prefix, child in frame.entries:
            out.append(prefix)
            identity = id(child)
            simple = CIRCULAR if identity in path else _simple(child, len(frames))
            if type(simple) is str:
                out.append(_quoted(simple))
                continue
            if id(type(simple)) not in _CONTAINERS:
                out.append(_scalar(simple))
                continue
            if identity in seen:
                repeats += 1 + len(simple)  # type: ignore[arg-type]
                if repeats > MAX_REPEATS:
                    out.append(_quoted(REPEATED))
                    continue
            seen[identity] = child
            path.add(identity)
            frames.append(_opened(simple, out, identity))
            break
        else:
            frames.pop()
            out.append(frame.closing)
            path.discard(frame.identity)
            if len(frames) == MAX_DEPTH + 1:
                out[frame.start :] = [_quoted("".join(out[frame.start :]))]
    return "".join(out)


def _opened(container: Any, out: list[str], identity: int) -> _Frame:
    start = len(out)
    if type(container) is dict:
        out.append("{")
        return _Frame(_object_entries(list(container.items())), "}", start, identity)
    out.append("[")
    return _Frame(_array_entries(list(container)), "]", start, identity)


def _object_entries(pairs: list[tuple[object, object]]) -> Iterator[tuple[str, object]]:
    comma = ""
    for key, item in pairs:
        yield f"{comma}{_quoted(_key(key))}:", item
        comma = ","


def _array_entries(items: list[object]) -> Iterator[tuple[str, object]]:
    comma = ""
    for item in items:
        yield comma, item
        comma = ","


def _simple(value: object, depth: int) -> object:
    """A value in JSON's own types; below `MAX_DEPTH` objects are printed, as they may go on for ever."""
    for _ in range(8):  # an Enum of an Enum of bytes is three
        if value is None or id(type(value)) in _JSON_TYPES:
            return value
        if type(value) is int:
            return _integer(value)
        try:
            simple = plain(value)
        except Exception:  # noqa: BLE001  # the value's own code may raise anything
            return _printed(value)
        if depth > MAX_DEPTH and id(type(simple)) in _CONTAINERS:
            return _printed(value)
        value = simple
    return _printed(value)


def _scalar(value: object) -> str:
    return orjson.dumps(value).decode()


def _quoted(text: str) -> str:
    return orjson.dumps(clean_text(text)).decode()


def _key(key: object) -> str:
    """A key as text: what JSON would write for a scalar, `str()` of anything else."""
    if issubclass(type(key), str):
        return str.__str__(key)
    if key is None or key is True or key is False:
        return _scalar(key)
    return _printed(key.value if issubclass(type(key), Enum) else key)  # type: ignore[attr-defined]
