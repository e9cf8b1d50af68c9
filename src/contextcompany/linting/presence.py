"""What has to be there: the attributes that the conventions ask for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from contextcompany import semconv as sc
from contextcompany.linting import conventions, rules
from contextcompany.linting.findings import Fault, Rule
from contextcompany.linting.names import said_otherwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contextcompany.linting.conventions import Asked, Signal
    from contextcompany.observatory.otlp import Span

__all__ = ["event_signal", "missing", "shown_by", "span_signal"]

_ERROR: Final = 2
_CLIENT: Final = 3


def span_signal(operation: str, *, is_ours: bool) -> Signal | None:
    """What is asked of spans of an operation; `None` when the conventions do not know it."""
    return _merged_span(operation) if is_ours else conventions.SPANS.get(conventions.OPERATIONS.get(operation, ""))


@lru_cache
def _merged_span(operation: str) -> Signal | None:
    theirs = conventions.SPANS.get(conventions.OPERATIONS.get(operation, ""))
    ours = conventions.OURS.get(conventions.OUR_OPERATIONS.get(operation, ""))
    return _merged(theirs, ours)


@lru_cache
def event_signal(name: str, *, is_ours: bool) -> Signal | None:
    """What is asked of an event; `None` when the conventions do not know it."""
    theirs = conventions.EVENTS.get(name)
    return _merged(theirs, conventions.OUR_EVENTS.get(name)) if is_ours else theirs


def _merged(theirs: Signal | None, ours: Signal | None) -> Signal | None:
    """Our levels come first; how a span shows that a condition holds is the same for all."""
    if theirs is None or ours is None:
        return ours or theirs
    asked = {each.key: each for each in theirs.asked}
    for each in ours.asked:
        before = asked.get(each.key)
        asked[each.key] = each if each.when or before is None else each._replace(when=before.when)
    return theirs._replace(asked=tuple(asked.values()))


def shown_by(span: Span) -> frozenset[str]:
    """What a span shows of itself, besides its attributes, in the words of `Asked.when`."""
    if span.status[0] == _ERROR:
        shown = {"failed"}
    else:
        shown = {"succeeded"} if span.end_ns and sc.TCC_INCOMPLETE not in span.attributes else set()
    return frozenset(shown | {"client"} if span.kind == _CLIENT else shown)


def missing(asked: tuple[Asked, ...], attributes: Mapping[str, Any], shown: frozenset[str]) -> Iterator[Fault]:
    """What is not there of what is asked for."""
    if any(key in attributes for key in conventions.EXCUSES):
        return
    absent = [each for each in asked if each.key not in attributes and _is_needed(each.when, attributes, shown)]
    if absent:
        otherwise = said_otherwise(attributes)  # which is a fault of its own
        yield from (_fault(each) for each in absent if each.key not in otherwise)


_SHOWN: Final = frozenset({"failed", "succeeded", "client", "log"})


def _is_needed(when: str, attributes: Mapping[str, Any], shown: frozenset[str]) -> bool:
    if not when or when in shown:
        return True
    if when.startswith("not "):
        return not any(key in attributes for key in when[4:].split(", "))
    return when not in _SHOWN and when in attributes


@lru_cache
def _fault(asked: Asked) -> Fault:
    rule = _rule(asked)
    wanted = "recommended" if asked.level == "recommended" else "required"
    condition = f" {asked.condition}" if asked.condition else ""
    said = f"`{asked.key}` is missing, which is {wanted}{condition}."
    missed = conventions.MISSED.get(asked.key, "")
    return Fault(rule, said, asked.key, missed)


def _rule(asked: Asked) -> Rule:
    if asked.level == "required":
        return rules.REQUIRED
    return rules.CONDITIONAL if asked.level == "conditional" and asked.when else rules.RECOMMENDED
