"""The SQL of the Observatory, one file per query: `text("read/spans_of_run")`."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["migrations", "statements", "text"]


@cache
def text(name: str) -> str:
    """The SQL of a file, named without its ending."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8").strip()


def migrations() -> Iterator[tuple[int, str]]:
    """Number and SQL of each migration, in order."""
    names = sorted(each.name for each in files(__name__).joinpath("migrations").iterdir() if each.name.endswith(".sql"))
    for name in names:
        yield int(name.split("_")[0]), text(f"migrations/{name.removesuffix('.sql')}")


def statements(text: str) -> Iterator[str]:
    """The statements of a text."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
