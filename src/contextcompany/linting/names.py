"""Names of attributes and events: known, given up, or of another convention."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from contextcompany import semconv as sc
from contextcompany.linting import conventions, rules
from contextcompany.linting.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["attribute_names", "event_name", "said_otherwise"]

_OURS: Final = f"{sc.TCC_RUN_ID.partition('.')[0]}."
_GENAI: Final = f"{sc.GEN_AI_OPERATION_NAME.partition('.')[0]}."
_KNOWN: Final = (_GENAI, _OURS)
"""Namespaces whose names are all in the registry."""


def attribute_names(attributes: Mapping[str, Any], operation: str = "") -> Iterator[Fault]:
    """What is wrong with the names; those of other conventions count on spans of GenAI, which have an operation."""
    for key in attributes:
        found = _name(key)
        if found is not None:
            fault, current = found
            if current not in attributes and (fault.rule is not rules.OTHERWISE or _belongs(current, operation)):
                yield fault


def _belongs(key: str, operation: str) -> bool:
    """Whether spans of an operation have an attribute in GenAI: the agent is named where it is invoked only."""
    if key != sc.GEN_AI_AGENT_NAME:
        return bool(operation)
    signal = conventions.SPANS.get(conventions.OPERATIONS.get(operation, ""))
    return signal is not None and signal.target == key


def said_otherwise(attributes: Mapping[str, Any]) -> frozenset[str]:
    """The attributes of OpenTelemetry whose values are there under another name."""
    return frozenset(found[1] for key in attributes if (found := _name(key)) is not None)


@lru_cache(4096)
def _name(key: str) -> tuple[Fault, str] | None:
    """What is wrong with a name, unless the attribute that says the same now is there too."""
    if key in conventions.DEPRECATED:
        return _deprecated(key, key)
    if prefix := next((each for each in conventions.PREFIXES if key.startswith(each)), ""):
        family = prefix[:-1]
        return _deprecated(f"{prefix}*", family) if family in conventions.DEPRECATED else None
    if current := conventions.OTHERWISE.get(key):
        whose = "GenAI" if current.startswith(_GENAI) else "OpenTelemetry"
        said = f"`{key}` says what `{current}` says in {whose}."
        return Fault(rules.OTHERWISE, said, key, advice=f"Write `{current}` too."), current
    if key.startswith(_KNOWN) and key not in conventions.TYPES:
        return _unknown(key)
    return None


def _deprecated(key: str, of: str) -> tuple[Fault, str]:
    advice = conventions.DEPRECATED[of]
    return Fault(rules.DEPRECATED, f"`{key}` has been given up.", key, advice=advice), sc.RENAMED.get(of, "")


def _unknown(key: str) -> tuple[Fault, str]:
    near = get_close_matches(key, conventions.TYPES, n=1, cutoff=0.93)
    advice = f"Did you mean `{near[0]}`?" if near else ""
    whose = "contextcompany" if key.startswith(_OURS) else "GenAI"
    return Fault(rules.MISSING_ATTRIBUTE, f"`{key}` is no name of {whose}.", key, advice=advice), ""


def event_name(name: str) -> Fault | None:
    """What is wrong with the name of an event."""
    if name in conventions.DEPRECATED_EVENTS:
        advice = conventions.DEPRECATED_EVENTS[name]
        return Fault(rules.DEPRECATED, f"The event `{name}` has been given up.", name, advice=advice)
    if name.startswith(_KNOWN) and name not in conventions.EVENTS and name not in conventions.OUR_EVENTS:
        return Fault(rules.MISSING_EVENT, f"`{name}` is no event that the conventions have.", name)
    return None
