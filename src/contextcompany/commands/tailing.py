"""`contextcompany tail`: runs as they come and as they change."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from contextcompany._tables import Column, laid_out
from contextcompany._terminal import Text, terminal_of
from contextcompany.commands import cells, say
from contextcompany.commands.reading import filter_of
from contextcompany.commands.store import opened, say_context
from contextcompany.observatory import changes, filters, queries

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from contextcompany._tables import Layout
    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import Run
    from contextcompany.observatory.store import Store

__all__ = ["tail"]

_EVERY_S: Final = 0.2
_MAX_TOLD: Final = 10_000
"""Runs whose state is remembered; that of an older one is told again when something comes of it."""


def tail(options: argparse.Namespace) -> int:
    """What is running and the newest runs, then what changes, until it is interrupted."""
    terminal = terminal_of(sys.stdout)
    layout = laid_out(_COLUMNS, [_WIDEST], terminal)
    filter_ = filter_of(options.filter)
    told: OrderedDict[str, str] = OrderedDict()
    try:
        with opened(options) as store:
            filters.parse(filter_, time.time_ns())  # what is wrong is said before the titles are
            if not options.json:
                say(layout.titles(terminal).rstrip("\n"))
            sys.stdout.flush()
            for run in _changes(store, filter_, options.limit):
                if options.json:
                    say_context(run, indent=None)
                elif told.get(run.trace_id) != run.state:
                    say(_line(run, layout, terminal))
                told[run.trace_id] = run.state
                if len(told) > _MAX_TOLD:
                    told.popitem(last=False)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


def _changes(store: Store, filter_: str, limit: int) -> Iterator[Run]:
    """Runs as they are when something came of them, the oldest first."""
    while True:
        change = changes.newest(store)
        yield from _as_it_is(store, filter_, limit)
        is_behind = False
        while not is_behind:
            found = changes.of_runs(store, filter_, change)
            yield from found.runs
            change, is_behind = found.change, found.is_behind
            if found.is_all:
                time.sleep(_EVERY_S)


def _as_it_is(store: Store, filter_: str, limit: int) -> list[Run]:
    """The newest runs, and all that are running."""
    newest = queries.runs(store, filter_, limit=limit).runs
    running = queries.runs(store, f"{filter_} status:running".strip(), limit=queries.MAX_PAGE).runs
    by_id = {run.trace_id: run for run in [*newest, *running]}
    return sorted(by_id.values(), key=lambda run: run.start_ns)


_COLUMNS: Final = (
    Column("at"),
    Column(""),
    Column("run"),
    Column("name", least=10),
    Column("input", least=14),
    Column("output", least=14, rank=1),
    Column("time", is_number=True),
    Column("steps", is_number=True, rank=3),
    Column("tools", is_number=True, rank=4),
    Column("tokens", is_number=True, rank=2),
    Column("cost", is_number=True),
)
_WIDEST: Final = [
    Text("x" * width) for width in (8, 1, 8, 14, 60, 60, 7, 3, 3, len("12,345 → 1,234"), len("$0.000123"))
]
"""What columns are made for: lines come one by one."""


def _line(run: Run, layout: Layout, terminal: Terminal) -> str:
    row = [
        Text(time.strftime("%H:%M:%S", time.localtime(run.start_ns / 1e9)), "dim"),
        cells.sign(run.state, terminal),
        Text(cells.short_id(run, terminal), "dim"),
        Text(terminal.safe(run.name), "bold"),
        cells.said(run.prompt, terminal),
        _outcome(run, terminal),
        Text("running" if run.state == "running" else cells.time_taken(run, run.seen_ns)),
        Text(f"{run.steps:,}"),
        Text(f"{run.tool_calls:,}"),
        Text(cells.tokens(run.input_tokens, run.output_tokens, terminal)),
        cells.cost(run.cost, run.unpriced, terminal),
    ]
    return layout.line(row, terminal).rstrip("\n")


def _outcome(run: Run, terminal: Terminal) -> Text:
    if run.state in {"error", "partial"} and (run.status_message or run.error_type):
        style = "red" if run.state == "error" else "yellow"
        return Text(terminal.safe(run.status_message or run.error_type or ""), style)
    return cells.said(run.response, terminal)
