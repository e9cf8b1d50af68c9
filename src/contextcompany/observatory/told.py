"""The attributes of a span by the facts that they hold, by the tables in `readings.py`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from contextcompany.observatory import readings
from contextcompany.observatory.counts import as_count, as_number
from contextcompany.observatory.shapes import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Told", "as_text", "as_texts"]


class Told:
    """The attributes of a span by the facts that they hold; of two that hold one fact, the better place counts."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.facts: dict[str, Any] = {}
        self.ranks: dict[str, int] = {}
        self.families: dict[str, dict[str, Any]] = {}
        self.parameters: dict[str, Any] = {}
        self.unknown: list[str] = []
        for key, value in attributes.items():
            self._put(key, value)

    def _put(self, key: str, value: Any) -> None:
        group, fact, rank, rest = _place(key)
        if value is None or group == _IS_PLAIN:
            return
        if group == _IS_UNKNOWN:
            self.unknown.append(key)
        elif group == _IS_FAMILY:
            self.families.setdefault(fact, {})[rest] = value
        elif rank < self.ranks.get(group + fact, _LAST):
            self.ranks[group + fact] = rank
            if key.startswith(readings.QUOTED_PREFIXES):
                value = [*map(parsed, value)] if type(value) is list else parsed(value)
            (self.parameters if group == _IS_PARAMETER else self.facts)[fact] = value

    def text(self, fact: str) -> str | None:
        """A fact as text."""
        return as_text(self.facts.get(fact))

    def texts(self, fact: str) -> list[str]:
        """A fact that is a list of texts, or one of them."""
        return as_texts(self.facts.get(fact))

    def is_in_best_place(self, fact: str) -> bool:
        """Whether a fact stands where the conventions of today have it."""
        return self.ranks.get(_IS_FACT + fact) == 0

    def number(self, fact: str) -> float | None:
        """A fact that is a finite number."""
        return as_number(self.facts.get(fact))

    def count(self, fact: str) -> int | None:
        """A fact that is a whole number of zero or more."""
        return as_count(self.facts.get(fact))


_IS_FACT, _IS_FAMILY, _IS_PARAMETER, _IS_PLAIN, _IS_UNKNOWN = "fact ", "family ", "parameter ", "plain ", "unknown "
_LAST = 1_000


@lru_cache(8_192)
def _place(key: str) -> tuple[str, str, int, str]:
    """What an attribute is to us: a fact and its rank, or one of many that hold a fact, with the rest of its key."""
    if key in readings.FACTS:
        return _IS_FACT, *readings.FACTS[key], ""
    if key in readings.PARAMETERS:
        return _IS_PARAMETER, *readings.PARAMETERS[key], ""
    for prefix, fact, rank in readings.FAMILIES:
        if key.startswith(prefix):
            return _IS_FAMILY, fact, rank, key[len(prefix) :]
    is_plain = key in readings.PLAIN or key in readings.ROLES or key.startswith(readings.PLAIN_PREFIXES)
    return (_IS_PLAIN if is_plain else _IS_UNKNOWN), "", 0, ""


def as_text(value: Any) -> str | None:
    """A value as text; none has none."""
    return value if value is None or type(value) is str else str(value)


def as_texts(value: Any) -> list[str]:
    """A list of texts, its JSON text, or one text."""
    if value is None:
        return []
    if type(value) is str:
        listed = parsed(value) if value[:1] == "[" else value
        value = listed if type(listed) is list else [value]
    return [str(each) for each in value] if type(value) is list else [str(value)]
