"""What the Observatory knows, as cells of tables: signs, ages, counts and amounts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from contextcompany import _trees, _words
from contextcompany._tables import Column, table
from contextcompany._terminal import Text, terminal_of
from contextcompany.commands import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import Run

__all__ = [
    "RUN",
    "age",
    "cost",
    "errors",
    "run_row",
    "said",
    "say_table",
    "score",
    "short_id",
    "sign",
    "time_taken",
    "tokens",
]

RUN: Final = (
    Column(""),
    Column("run"),
    Column("age", is_number=True),
    Column("name", least=10),
    Column("input", least=14, rank=1),
    Column("time", is_number=True),
    Column("steps", is_number=True, rank=3),
    Column("tools", is_number=True, rank=4),
    Column("tokens", is_number=True, rank=2),
    Column("cost", is_number=True),
    Column("session", least=10, rank=5),
)
"""The columns of `run_row`."""


def say_table(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
    """Print a table."""
    say(table(columns, rows, terminal_of(sys.stdout)).rstrip("\n"))


def run_row(run: Run, terminal: Terminal, now_ns: int) -> list[Text]:
    """A run in a table of them."""
    return [
        sign(run.state, terminal),
        Text(short_id(run, terminal), "dim"),
        Text(age(run.start_ns, now_ns)),
        Text(terminal.safe(run.name), "bold"),
        said(run.prompt, terminal),
        Text(time_taken(run, now_ns)),
        Text(f"{run.steps:,}"),
        Text(f"{run.tool_calls:,}"),
        Text(tokens(run.input_tokens, run.output_tokens, terminal)),
        cost(run.cost, run.unpriced, terminal),
        Text(terminal.safe(run.session_id or ""), "dim"),
    ]


def sign(state: str, terminal: Terminal) -> Text:
    """How it stands, in one sign."""
    glyphs = terminal.glyphs
    return {
        "ok": Text(glyphs.success, "green"),
        "partial": Text(glyphs.partial, "yellow"),
        "error": Text(glyphs.error, "red"),
        "running": Text(glyphs.running, "cyan"),
        "lost": Text(glyphs.lost, "yellow"),
    }.get(state, Text(glyphs.dash, "dim"))


def short_id(run: Run, terminal: Terminal) -> str:
    """An id that `show` finds it by: its own where that is short, else how its trace's begins."""
    own = terminal.safe(run.run_id or "")
    return own if 0 < len(own) <= 12 and " " not in own else run.trace_id[:8]


def age(at_ns: int, now_ns: int) -> str:
    """How long ago a moment was."""
    return _words.age((now_ns - at_ns) / 1e9)


def time_taken(run: Run, now_ns: int) -> str:
    """How long it took, or has been running."""
    if run.state == "running":
        return _words.duration((now_ns - run.start_ns) / 1e9)
    return "" if run.duration_ns is None else _words.duration(run.duration_ns / 1e9)


def tokens(came: int | None, went: int | None, terminal: Terminal) -> str:
    """Input and output; nothing when neither is known."""
    if came is None and went is None:
        return ""
    return f"{_words.count(came)} {terminal.glyphs.arrow} {_words.count(went)}"


def cost(amount: float | None, unpriced: int, terminal: Terminal) -> Text:
    """What is known of the cost; nothing where nothing was to be paid for."""
    if amount is None:
        return Text("unknown" if unpriced else "", "dim")
    return Text(_trees.price(amount, terminal, is_calculated=False, has_gaps=bool(unpriced)))


def said(text: str | None, terminal: Terminal) -> Text:
    """What somebody said, on one line."""
    return Text(f'"{terminal.safe(text)}"' if text else "")


def score(label: str | None, value: float | None, terminal: Terminal) -> Text:
    """What somebody thought of a run, in a word or a number."""
    shown = terminal.safe(label or "") or ("" if value is None else f"{value:g}")
    return Text(shown, {"thumbs_up": "green", "thumbs_down": "red"}.get(label or "", ""))


def errors(count: int) -> Text:
    """How many went wrong."""
    return Text(f"{count:,}", "red" if count else "")
