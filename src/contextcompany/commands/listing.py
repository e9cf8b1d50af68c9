"""Counts, and lists over all runs: `contextcompany stats`, `failures`, `feedback` and `tools`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from contextcompany import _trees, _words
from contextcompany._tables import Column
from contextcompany._terminal import Text, terminal_of
from contextcompany.commands import cells, nothing
from contextcompany.commands.cells import say_table
from contextcompany.commands.store import opened, say_context
from contextcompany.observatory import queries

if TYPE_CHECKING:
    import argparse

    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import Stat

__all__ = ["failures", "feedback", "stats", "tools"]


def stats(options: argparse.Namespace) -> int:
    """Counts, and how long it took: in all, by agent, model or tool, and per hour."""
    now = time.time_ns()
    since = now - int(options.since * 1e9)
    with opened(options) as store:
        found = queries.stats(
            store, by=options.by, since_ns=since, until_ns=now, hours=1 if options.hours else _ALL_HOURS
        )
    if options.json:
        say_context(found)
        return 0 if found else 1
    if not found:
        return nothing("Nothing was counted in that time.")
    terminal, by_hour = terminal_of(sys.stdout), options.hours
    ordered = sorted(found, key=lambda stat: (stat.start_ns if by_hour else 0, -stat.spans, stat.name))
    say_table(_stat_columns(options), [_stat_row(stat, options, terminal) for stat in ordered])
    return 0


_ALL_HOURS: Final = 10**9
"""So many hours are one hour of the answer."""

_COUNTED: Final = {"": "runs", "agent": "runs", "model": "steps", "tool": "calls"}


def _stat_columns(options: argparse.Namespace) -> list[Column]:
    return [
        *([Column("hour")] if options.hours else []),
        *([Column(options.by, least=12)] if options.by else []),
        Column(_COUNTED[options.by], is_number=True),
        Column("errors", is_number=True),
        *(Column(name, is_number=True) for name in ("p50", "p95", "p99")),
        *([] if options.by == "tool" else [Column(name, is_number=True) for name in ("tokens", "cached", "cost")]),
    ]


def _stat_row(stat: Stat, options: argparse.Namespace, terminal: Terminal) -> list[Text]:
    hour = time.strftime("%Y-%m-%d %H:%M", time.localtime(stat.start_ns / 1e9))
    times = (stat.p50_ns, stat.p95_ns, stat.p99_ns)
    used = [
        Text(cells.tokens(stat.input_tokens, stat.output_tokens, terminal)),
        Text(f"{stat.cached_tokens:,}"),
        cells.cost(stat.cost or None, stat.unpriced, terminal),
    ]
    return [
        *([Text(hour)] if options.hours else []),
        *([Text(terminal.safe(stat.name) or terminal.glyphs.dash, "bold")] if options.by else []),
        Text(f"{stat.spans:,}"),
        cells.errors(stat.errors),
        *(Text("" if each is None else _words.duration(each / 1e9)) for each in times),
        *([] if options.by == "tool" else used),
    ]


def failures(options: argparse.Namespace) -> int:
    """What failed, alike errors together."""
    since = 0 if options.since is None else time.time_ns() - int(options.since * 1e9)
    with opened(options) as store:
        found = queries.failures(store, since_ns=since, limit=options.limit)
    if options.json:
        say_context(found)
        return 0 if found else 1
    if not found:
        return nothing("Nothing failed.")
    terminal, now = terminal_of(sys.stdout), time.time_ns()
    say_table(
        [
            Column("times", is_number=True),
            Column("runs", is_number=True),
            Column("last", is_number=True),
            Column("run"),
            Column("where", least=10),
            Column("error", least=10),
            Column("message", least=20),
        ],
        [
            [
                Text(f"{each.spans:,}", "red"),
                Text(f"{each.runs:,}"),
                Text(cells.age(each.last_ns, now)),
                Text(each.trace_id[:8], "dim"),
                Text(f"{each.kind.replace('_', ' ')} {terminal.safe(each.name)}", "bold"),
                Text(terminal.safe(each.error_type or "")),
                Text(terminal.safe(each.message or "")),
            ]
            for each in found
        ],
    )
    return 0


def feedback(options: argparse.Namespace) -> int:
    """What people thought of runs."""
    with opened(options) as store:
        found = queries.feedback(store, limit=options.limit)
    if options.json:
        say_context(found)
        return 0 if found else 1
    if not found:
        return nothing("There is no feedback yet.")
    terminal, now = terminal_of(sys.stdout), time.time_ns()
    say_table(
        [
            Column("age", is_number=True),
            Column("run"),
            Column("name", least=10),
            Column("score"),
            Column("text", least=20),
        ],
        [
            [
                Text(cells.age(each.time_ns, now)),
                Text(each.trace_id[:8], "dim"),
                Text(terminal.safe(each.run or "not here yet"), "bold" if each.run else "dim"),
                cells.score(each.label, each.value, terminal),
                cells.said(each.text, terminal),
            ]
            for each in found
        ],
    )
    return 0


def tools(options: argparse.Namespace) -> int:
    """Tool calls of all runs."""
    with opened(options) as store:
        found = queries.tool_calls(store, options.tool, limit=options.limit, with_content=True)
    if options.json:
        say_context(found)
        return 0 if found else 1
    if not found:
        return nothing(f"Nobody called `{options.tool}`." if options.tool else "There are no tool calls yet.")
    terminal, now = terminal_of(sys.stdout), time.time_ns()
    say_table(
        [
            Column(""),
            Column("run"),
            Column("age", is_number=True),
            Column("tool", least=12),
            Column("time", is_number=True),
            Column("arguments", least=14),
            Column("result", least=14),
        ],
        [
            [
                cells.sign(each.status, terminal),
                Text(each.trace_id[:8], "dim"),
                Text(cells.age(each.start_ns, now)),
                Text(terminal.safe(each.tool), "cyan"),
                Text(_words.duration((each.end_ns - each.start_ns) / 1e9) if each.end_ns else ""),
                Text(_trees.gist(each.args, terminal)),
                _outcome(each.result, each.status_message, terminal),
            ]
            for each in found
        ],
    )
    return 0


def _outcome(result: Any, message: str | None, terminal: Terminal) -> Text:
    if result is None and message:
        return Text(terminal.safe(message), "red")
    return Text(_trees.gist(result, terminal))
