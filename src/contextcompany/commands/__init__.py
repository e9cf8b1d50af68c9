"""The commands of the command line, a module each, and what they share: how they print, ask and fail."""

from __future__ import annotations

import json
import sys

__all__ = ["CommandError", "agreed", "fail", "nothing", "say"]


class CommandError(Exception):
    """A command cannot do what it should. The message says why, and is all that is printed."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
        """The exit code: 2 when the command was asked wrongly."""


def say(what: object, *, indent: int | None = 2) -> None:
    """Print text, or anything else as JSON."""
    # In ASCII: of the rest, a terminal would obey some, and cp1252 lacks most.
    print(what if isinstance(what, str) else json.dumps(what, indent=indent))  # noqa: T201 - a command prints


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


def fail(text: str, *, as_json: bool, code: int = 1) -> int:
    """Say why a command cannot do what it should; returns the exit code."""
    if as_json:
        say({"ok": False, "error": text})
    else:
        print(f"✗ {text}", file=sys.stderr)  # noqa: T201 - likewise
    return code


def nothing(text: str) -> int:
    """Say that there is nothing to show; returns the exit code."""
    print(text, file=sys.stderr)  # noqa: T201 - likewise
    return 1
