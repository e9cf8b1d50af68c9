"""OTLP's JSON, as it was written: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.

What the Observatory takes although it is wrong, and others do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from contextcompany.linting import rules
from contextcompany.linting.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["encoding"]

_SNAKE: Final = re.compile(r"[a-z]+_[a-z_]+")
_ENUMS: Final = frozenset({"kind", "code", "severityNumber", "severity_number"})
_INTEGERS: Final = re.compile(r"intValue|int_value|\w+UnixNano|\w+_unix_nano")
_EXACT: Final = 2**53
"""Up to here each integer is a double."""


def encoding(document: Any) -> Iterator[Fault]:
    """What is wrong with how a request is written, each once."""
    return iter(dict.fromkeys(_walk(document)))


def _walk(document: Any) -> Iterator[Fault]:
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            for key, value in each.items():
                if isinstance(value, (dict, list)):
                    waiting.append(value)
                if fault := _field(key, value):
                    yield fault


def _field(key: str, value: Any) -> Fault | None:
    if _SNAKE.fullmatch(key):
        return Fault(rules.SNAKE_CASE, f"The key `{key}` is in snake_case.", key)
    if key in _ENUMS and isinstance(value, str) and value.isupper():  # others are refused
        return Fault(rules.ENUM_NAME, f"`{key}` is the name of an enum.", key)
    if type(value) in (int, float) and abs(value) > _EXACT and _INTEGERS.fullmatch(key):
        return Fault(rules.PRECISION, f"`{key}` is a number, and too long for a double.", key)
    return None
