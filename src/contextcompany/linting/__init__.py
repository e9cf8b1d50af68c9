"""Checks what is exported, by whomever, against the GenAI conventions, and says what other back ends would miss.

It reads OTLP as the Observatory does, and needs none of its extra packages. Nothing that records imports it.
"""

from contextcompany.linting.findings import LEVELS, Finding, Level, Rule, Where
from contextcompany.linting.linter import Linter
from contextcompany.linting.rules import RULES

__all__ = ["LEVELS", "RULES", "Finding", "Level", "Linter", "Rule", "Where"]
