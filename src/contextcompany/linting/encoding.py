"""OTLP's JSON, as it was written: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.

What the Observatory takes although it is wrong, and others do not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from contextcompany.linting import rules
from contextcompany.linting.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["encoding"]

_SNAKE: Final = re.compile(r"[a-z]+_[a-z_]+")
_ENUMS: Final = frozenset({"kind", "code", "severityNumber"})
_INTEGERS: Final = re.compile(r"intValue|\w+UnixNano")
_EXACT: Final = 2**53
"""Up to here each integer is a double."""


def encoding(document: Any) -> Iterator[Fault]:
    """What is wrong with how a request is written, each once."""
    return iter(dict.fromkeys(_walk(document)))


def _walk(document: Any) -> Iterator[Fault]:
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if type(each) is list:
            waiting += each
        elif type(each) is dict:
            for key, value in each.items():
                if type(value) is dict or type(value) is list:
                    waiting.append(value)
                if (of := _kind(key)) and (fault := _field(of, key, value)):
                    yield fault


@lru_cache(1024)
def _kind(key: str) -> Literal["", "snake", "enum", "integer"]:
    """What can be wrong with a field."""
    if _SNAKE.fullmatch(key):
        return "snake"
    if key in _ENUMS:
        return "enum"
    return "integer" if _INTEGERS.fullmatch(key) else ""


def _field(of: str, key: str, value: Any) -> Fault | None:
    if of == "snake":
        return Fault(rules.SNAKE_CASE, f"The key `{key}` is in snake_case.", key)
    if of == "enum" and isinstance(value, str) and value.isupper():  # others are refused
        return Fault(rules.ENUM_NAME, f"`{key}` is the name of an enum.", key)
    if of == "integer" and type(value) in (int, float) and abs(value) > _EXACT:
        return Fault(rules.PRECISION, f"`{key}` is a number, and too long for a double.", key)
    return None
