"""Findings → what is said of them: those that say the same once, with their number and the first as an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.linting.findings import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contextcompany.linting.findings import Finding, Level, Where
    from contextcompany.observatory.files import Part

__all__ = ["Group", "Report"]

_MAX_GROUPS: Final = 1000
"""So many different findings of a level are kept; a sender could make up any number."""


class Group(NamedTuple):
    """Findings that say the same."""

    rule: str
    level: Level
    attribute: str
    message: str
    missed: str
    advice: str
    times: int
    example: Where
    """Where the first of them is."""


class Report:
    """All that was found so far."""

    def __init__(self) -> None:
        self.spans = self.logs = 0
        self.counts: dict[Level, int] = dict.fromkeys(LEVELS, 0)
        self._groups: dict[Level, dict[tuple[str, str, str], Group]] = {level: {} for level in LEVELS}

    def note(self, part: Part) -> None:
        """Count what is checked of a part."""
        if part.is_otlp:
            self.spans += len(part.batch.spans)
            self.logs += len(part.batch.logs)

    def add(self, findings: Iterable[Finding]) -> list[Group]:
        """Take findings; those that say something new."""
        new = []
        for found in findings:
            self.counts[found.level] += 1
            key, groups = (found.rule, found.attribute, found.message), self._groups[found.level]
            group = groups.get(key)
            if group is not None:
                groups[key] = group._replace(times=group.times + 1)
            elif len(groups) < _MAX_GROUPS:
                groups[key] = Group(*found[:6], times=1, example=found.where)
                new.append(groups[key])
        return new

    def groups(self, level: Level) -> list[Group]:
        """What was found of this level and the worse ones: the worst, and of these the most frequent, first."""
        shown = LEVELS[: LEVELS.index(level) + 1]
        return [
            group for each in shown for group in sorted(self._groups[each].values(), key=lambda group: -group.times)
        ]
