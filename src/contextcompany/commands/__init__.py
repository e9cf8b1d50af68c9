"""The commands of the command line, a module each, and what they share: how they print, ask and fail."""

from __future__ import annotations

import json
import sys

__all__ = ["CommandError", "agreed", "fail", "say"]


class CommandError(Exception):
    """A command cannot do what it should. The message says why, and is all that is printed."""


def say(what: object) -> None:
    """Print text, or anything else as JSON."""
    print(what if isinstance(what, str) else json.dumps(what, indent=2))  # noqa: T201 - a command prints


def agreed(question: str) -> bool:
    """Ask a person, who says yes.

    Raises:
        CommandError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise CommandError(f"{question} There is nobody to ask; say --yes.")
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def fail(text: str, *, as_json: bool) -> int:
    """Say why a command cannot do what it should; returns the exit code."""
    if as_json:
        say({"ok": False, "error": text})
    else:
        print(f"✗ {text}", file=sys.stderr)  # noqa: T201 - likewise
    return 1
