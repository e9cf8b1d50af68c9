"""The commands of the command line, a module each, and what they share: how they print and how they fail."""

from __future__ import annotations

import json
import sys

__all__ = ["fail", "say"]


def say(what: object) -> None:
    """Print text, or anything else as JSON."""
    print(what if isinstance(what, str) else json.dumps(what, indent=2))  # noqa: T201 - a command prints


def fail(text: str, *, as_json: bool) -> int:
    """Say why a command cannot do what it should; returns the exit code."""
    if as_json:
        say({"ok": False, "error": text})
    else:
        print(f"✗ {text}", file=sys.stderr)  # noqa: T201 - likewise
    return 1
