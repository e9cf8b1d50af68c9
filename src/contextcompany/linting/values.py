"""Values of attributes: types, known values, bounds, and sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from contextcompany.linting import conventions, rules
from contextcompany.linting.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["attribute_values"]

_MAX_SHOWN: Final = 60


def attribute_values(attributes: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the values."""
    for key, value in attributes.items():
        kind = conventions.TYPES.get(key)
        if kind is None or kind == "any":
            continue
        fault = _type(key, value, kind)
        if fault is not None:
            yield fault
        if fault is None or fault.rule is rules.INT_FOR_DOUBLE:
            yield from _range(key, value)
            yield from _members(key, value)
    yield from _parts(attributes)
    yield from _twins(attributes)


# --- types -----------------------------------------------------------------------------------------------------------


def _type(key: str, value: Any, kind: str) -> Fault | None:
    if _is_of(value, kind):
        return None
    if kind == "double" and type(value) is int:
        return Fault(rules.INT_FOR_DOUBLE, f"`{key}` is an integer, and a double in the conventions.", key)
    said = f"`{key}` is {_kind(value)}, and {_ARTICLES[kind]} in the conventions."
    return Fault(rules.TYPE, said, key)


def _is_of(value: Any, kind: str) -> bool:
    if kind.endswith("[]"):
        return type(value) is list and all(_is_of(each, kind[:-2]) for each in value)
    return type(value) is _PYTHON[kind]


_PYTHON: Final[dict[str, type]] = {"string": str, "int": int, "double": float, "boolean": bool}
_ARTICLES: Final = {
    "string": "text",
    "int": "an integer",
    "double": "a double",
    "boolean": "true or false",
    "string[]": "a list of texts",
}


def _kind(value: Any) -> str:
    kinds = {str: "text", bool: "true or false", int: "an integer", float: "a double", list: "a list", dict: "a map"}
    return "empty" if value is None else kinds.get(type(value), "bytes")


# --- what the value says ---------------------------------------------------------------------------------------------


def _members(key: str, value: Any) -> Iterator[Fault]:
    known = conventions.MEMBERS.get(key)
    if known is None:
        return
    for each in value if type(value) is list else [value]:
        if each not in known:
            yield Fault(rules.ENUM, f"`{key}` is {_shown(each)}.", key, advice=_listed(known))


def _listed(known: tuple[str | int, ...]) -> str:
    return f"Known are {', '.join(map(str, known))}." if len(known) < 8 else ""


def _range(key: str, value: Any) -> Iterator[Fault]:
    if type(value) is float and not math.isfinite(value):
        yield Fault(rules.RANGE, f"`{key}` is {value}, which is no number.", key)
        return
    least, most = conventions.RANGES.get(key, (None, None))
    if least is not None and value < least:
        yield Fault(rules.RANGE, f"`{key}` is less than {least}.", key)
    if most is not None and value > most:
        yield Fault(rules.RANGE, f"`{key}` is more than {most}.", key)


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"


# --- what values say of each other -----------------------------------------------------------------------------------


def _parts(attributes: Mapping[str, Any]) -> Iterator[Fault]:
    for total, parts in conventions.PARTS:
        counts = {key: attributes[key] for key in parts if type(attributes.get(key)) is int}
        whole = attributes.get(total)
        if counts and type(whole) is int and sum(counts.values()) > whole >= 0:
            named = " and ".join(f"`{key}`" for key in counts)
            are = "is a part" if len(counts) == 1 else "are parts"
            yield Fault(rules.PART, f"{named} {are} of `{total}`, and more than it.", total)


def _twins(attributes: Mapping[str, Any]) -> Iterator[Fault]:
    for key, twin in conventions.TWINS.items():
        if key in attributes and twin in attributes and attributes[key] != attributes[twin]:
            yield Fault(rules.TWIN, f"`{key}` and `{twin}` are different.", key)
