"""What a rule is, and what is found by it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["LEVELS", "Fault", "Finding", "Level", "Rule", "Where"]

Level: TypeAlias = Literal["violation", "improvement", "information"]
"""As the live check of OpenTelemetry's registries has them."""

LEVELS: Final[tuple[Level, ...]] = ("violation", "improvement", "information")
"""The worst first."""


class Rule(NamedTuple):
    """Something that can be wrong."""

    id: str
    level: Level
    brief: str
    """When it is broken."""
    missed: str
    """What other back ends do not have then."""
    advice: str
    """What to do."""


class Fault(NamedTuple):
    """A rule that is broken somewhere."""

    rule: Rule
    message: str
    """What is wrong. Faults that say the same of the same attribute are counted, and said once."""
    attribute: str = ""
    missed: str = ""
    """Instead of the rule's."""
    advice: str = ""
    """Likewise."""


class Where(NamedTuple):
    """A place in what is checked. What has no ids, or no name, has them empty."""

    place: str
    """In the file, or the stream: `line 3`, `message 1`."""
    trace_id: str = ""
    span_id: str = ""
    name: str = ""
    """Of the span or the event; of an item that could not be taken, which it is, and why."""


class Finding(NamedTuple):
    """A fault, and where it is."""

    rule: str
    level: Level
    attribute: str
    message: str
    missed: str
    advice: str
    where: Where

    @classmethod
    def of(cls, fault: Fault, where: Where) -> Finding:
        """The fault, with what its rule says of it."""
        rule = fault.rule
        missed, advice = fault.missed or rule.missed, fault.advice or rule.advice
        return cls(rule.id, rule.level, fault.attribute, fault.message, missed, advice, where)
