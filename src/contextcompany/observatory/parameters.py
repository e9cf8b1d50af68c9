"""What a request asks by its URL and its body: text → values, or a sentence about what is wrong. Pure."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar, get_type_hints

import orjson

from contextcompany.observatory import filters
from contextcompany.observatory.filters import FilterError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Parameter", "ParameterError", "read", "read_body"]

_T = TypeVar("_T")

_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}
_MAX_NUMBER: Final = 1e300
_INTEGER: Final = re.compile(r"-?[0-9]{1,16}")
_CHANGE: Final = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,19}))?")


class ParameterError(FilterError):
    """A parameter is unknown, or its value is wrong. The message says which, and what it may be."""


class Parameter(NamedTuple):
    """A query parameter."""

    name: str
    about: str
    """A sentence for whoever reads the API's document."""
    kind: Literal["text", "integer", "flag", "time", "change"] = "text"
    """A time is `30m`, `12h` or `7d` ago, or a date; nanoseconds since the epoch when it is read.

    A change is a pair of numbers, as text where it is written: JavaScript's numbers have not so many digits.
    """
    default: Any = None
    """What it is when it is not given."""
    is_needed: bool = False
    choices: tuple[str, ...] = ()
    """The texts that it may be; empty: any."""
    minimum: int = 0
    maximum: int = 2**53 - 1
    """Of an integer."""


def read(known: Iterable[Parameter], given: Iterable[tuple[str, str]], now_ns: int) -> dict[str, Any]:
    """The value of each parameter, by its name.

    Raises:
        ParameterError: one is unknown, given twice, missing or wrong.
    """
    by_name = {each.name: each for each in known}
    values = {each.name: each.default for each in by_name.values()}
    pairs = [*given]
    for name, count in Counter(name for name, _ in pairs).items():
        if name not in by_name:
            raise _unknown(name, by_name)
        if count > 1:
            raise ParameterError(name, f"`{name}` is given {count} times. Give it once.")
    for name, text in pairs:
        values[name] = _value(by_name[name], text, now_ns)
    for name in by_name.keys() - dict(pairs).keys():
        if by_name[name].is_needed:
            raise ParameterError(name, f"`{name}` is missing: {by_name[name].about}")
    return values


def read_body(kind: type[_T], body: bytes) -> _T:
    """A JSON object as the value of a named tuple with its fields.

    Raises:
        ParameterError: it is no such object.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ParameterError("", f"The body is no JSON: {error}.") from None
    if not isinstance(said, dict):
        raise ParameterError("", "The body is no JSON object.")
    known = get_type_hints(kind)
    needed = known.keys() - getattr(kind, "_field_defaults", {}).keys()
    for name in said:
        if name not in known:
            raise _unknown(name, known)
    for name, hint in known.items():
        if name not in said and name in needed:
            raise ParameterError(name, f"`{name}` is missing.")
        if name in said and not _is(said[name], hint):
            raise ParameterError(name, f"`{name}` is not {_TYPES[hint]}, got `{str(said[name])[:60]}`.")
    return kind(**said)


_TYPES: Final[dict[Any, str]] = {
    str: "a text",
    str | None: "a text",
    float | None: "a number",
    list[str] | None: "a list of texts",
}


def _is(value: object, hint: Any) -> bool:
    if value is None:
        return hint is not str
    if hint == float | None:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER
    if hint == list[str] | None:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, str)


def _unknown(name: str, known: Collection[str]) -> ParameterError:
    near = get_close_matches(name, known, 1, 0.5)
    listed = f"Known are {', '.join(known)}." if known else "There is none here."
    said = f"There is no parameter `{name[:60]}` here.{'' if near else ' ' + listed}"
    return ParameterError(name, said, near[0] if near else None)


def _value(parameter: Parameter, text: str, now_ns: int) -> Any:
    name, shown = parameter.name, text[:60]
    if parameter.choices and text not in parameter.choices:
        near = get_close_matches(text, parameter.choices, 1, 0.5)
        listed = ", ".join(each or '""' for each in parameter.choices)
        said = f"`{name}` is one of {listed}, got `{shown}`."
        raise ParameterError(text, said, near[0] if near else None)
    if parameter.kind == "integer":
        return _integer(parameter, text)
    if parameter.kind == "change":
        numbers = _CHANGE.fullmatch(text)
        if numbers is None:
            raise ParameterError(text, f"`{name}` is what `change` was in an answer, got `{shown}`.")
        return int(numbers[1]), int(numbers[2] or 0)
    if parameter.kind == "flag":
        if text.lower() not in _FLAGS:
            raise ParameterError(text, f"`{name}` is 1 or 0, got `{shown}`.")
        return _FLAGS[text.lower()]
    if parameter.kind == "time":
        try:
            return filters.moment(text, now_ns)
        except ValueError:
            said = f"`{name}` is a time such as 30m, 12h, 7d or a date, got `{shown}`."
            raise ParameterError(text, said) from None
    return text


def _integer(parameter: Parameter, text: str) -> int:
    number = int(text) if _INTEGER.fullmatch(text) else None
    if number is None or not parameter.minimum <= number <= parameter.maximum:
        said = f"`{parameter.name}` is a number from {parameter.minimum:,} to {parameter.maximum:,}, got `{text[:60]}`."
        raise ParameterError(text, said)
    return number
