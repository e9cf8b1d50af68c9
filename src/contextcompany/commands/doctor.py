"""`contextcompany doctor`: what is configured, and whether runs arrive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from contextcompany import _doctor
from contextcompany.commands import say

if TYPE_CHECKING:
    import argparse

__all__ = ["doctor"]


def doctor(options: argparse.Namespace) -> int:
    """Send a test run, and say what happened."""
    given = {"url": options.url, "api_key": options.api_key}
    found = _doctor.examine({name: value for name, value in given.items() if value}, os.environ)
    say(found.as_json() if options.json else _doctor.report(found))
    return 0 if found.ok else 1
