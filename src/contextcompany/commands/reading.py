"""Runs in the Observatory's file: `contextcompany runs`, `search` and `sessions`."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Final

from contextcompany import _words
from contextcompany._tables import Column
from contextcompany._terminal import Text, terminal_of
from contextcompany.commands import cells, nothing, say
from contextcompany.commands.cells import say_table
from contextcompany.commands.store import opened, say_context
from contextcompany.observatory import queries, searching
from contextcompany.observatory.filters import MAX_HITS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import Run, RunPage, Search, Session
    from contextcompany.observatory.store import Store

__all__ = ["filter_of", "runs", "search", "sessions"]


def runs(options: argparse.Namespace) -> int:
    """The runs that a filter lets through."""
    filter_ = filter_of(options.filter)
    with opened(options) as store:
        page = _runs(store, filter_, options.sort, options.limit)
    if options.json:
        say_context(page)
        return 0 if page.runs else 1
    if not page.runs:
        _say_search(page.search)
        return nothing(f"No run fits `{filter_}`." if filter_ else "There are no runs yet.")
    _say_runs(page.runs)
    if page.next:
        say("There are more; --limit shows them.")
    _say_search(page.search)
    return 0


def filter_of(arguments: Sequence[str]) -> str:
    """Arguments as one filter: words that the shell kept together are searched for together."""
    is_phrase = [" " in each and '"' not in each and not _KEY.search(each) for each in arguments]
    return " ".join(f'"{each}"' if quote else each for each, quote in zip(arguments, is_phrase, strict=True))


_KEY: Final = re.compile(r"\b[A-Za-z_]+[:<>=]")


def _runs(store: Store, filter_: str, sort: str, limit: int) -> RunPage:
    """A page that may be longer than those of `queries`."""
    page = queries.runs(store, filter_, sort=sort, limit=limit)
    found = [*page.runs]
    while page.next and len(found) < limit:
        page = queries.runs(store, filter_, sort=sort, after=page.next, limit=limit - len(found))
        found += page.runs
    return page._replace(runs=found)


def _say_runs(found: Sequence[Run]) -> None:
    terminal, now = terminal_of(sys.stdout), time.time_ns()
    say_table(cells.RUN, [cells.run_row(run, terminal, now) for run in found])


def _say_search(found: Search | None) -> None:
    """How far a search looked, where that was not far enough."""
    if found is None:
        return
    if found.trailing:
        texts = _words.counted(found.trailing, "text")
        say(f"{texts} of the last {_words.age(found.trailing_s)} cannot be found yet.")
    if found.is_capped:
        say(f"Only the newest {MAX_HITS:,} texts that match were looked at.")


def search(options: argparse.Namespace) -> int:
    """Where something was said."""
    text = " ".join(options.text)
    with opened(options) as store:
        hits, how_far = searching.search(store, text, limit=options.limit)
    if options.json:
        say_context({"hits": hits, "search": how_far})
    elif hits:
        terminal, now = terminal_of(sys.stdout), time.time_ns()
        say_table(
            [Column("run"), Column("age", is_number=True), Column("name", least=10), Column("text", least=20)],
            [
                [
                    Text(hit.trace_id[:8], "dim"),
                    Text(cells.age(hit.start_ns, now)),
                    Text(terminal.safe(hit.run), "bold"),
                    Text(terminal.safe(hit.excerpt)),
                ]
                for hit in hits
            ],
        )
    if not options.json:
        _say_search(how_far)
        return 0 if hits else nothing(f"Nobody said `{text}`.")
    return 0 if hits else 1


def sessions(options: argparse.Namespace) -> int:
    """Sessions, or the runs of one, in the order in which they were."""
    with opened(options) as store:
        if options.session is not None:
            page = _runs(store, f'session:"{options.session}"', "start", options.limit)
            return _session(options, page)
        found = queries.sessions(store, limit=options.limit)
    if options.json:
        say_context(found)
        return 0 if found else 1
    if not found:
        return nothing("There are no sessions yet.")
    terminal, now = terminal_of(sys.stdout), time.time_ns()
    say_table(_SESSION, [_session_row(each, terminal, now) for each in found])
    return 0


def _session(options: argparse.Namespace, page: RunPage) -> int:
    in_order = page.runs[::-1]
    if options.json:
        say_context(page._replace(runs=in_order))
        return 0 if in_order else 1
    if not in_order:
        return nothing(f"There is no session `{options.session}`.")
    _say_runs(in_order)
    return 0


_SESSION: Final = [
    Column("session", least=12),
    Column("runs", is_number=True),
    Column("failed", is_number=True),
    Column("first", is_number=True),
    Column("last", is_number=True),
    Column("tokens", is_number=True),
    Column("cost", is_number=True),
]


def _session_row(session: Session, terminal: Terminal, now_ns: int) -> list[Text]:
    return [
        Text(terminal.safe(session.session_id), "bold"),
        Text(f"{session.runs:,}"),
        cells.errors(session.failed),
        Text(cells.age(session.first_ns, now_ns)),
        Text(cells.age(session.last_ns, now_ns)),
        Text(cells.tokens(session.input_tokens, session.output_tokens, terminal)),
        cells.cost(session.cost, 0, terminal),
    ]
