"""Which run a person means: by an id, how one begins, or `last`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from contextcompany._terminal import terminal_of
from contextcompany.commands import CommandError, cells
from contextcompany.observatory import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contextcompany.observatory.contexts import Run
    from contextcompany.observatory.store import Store

__all__ = ["exactly", "meant"]

_MAX_NAMED = 5
"""Runs that are named where a beginning may mean several."""


def meant(store: Store, wanted: str) -> str:
    """The trace of a run by its id or its trace's, by how one of these begins, or of the `last`.

    Raises:
        CommandError: there is none, or there are several.
    """
    wanted = _uncut(wanted)
    if wanted == "last":
        newest = queries.runs(store, limit=1).runs
        if not newest:
            raise CommandError("There are no runs yet.")
        return newest[0].trace_id
    found = queries.trace_of(store, wanted)
    if found is not None:
        return found
    like = queries.runs_like(store, wanted, limit=_MAX_NAMED + 1) if wanted else []
    if len(like) != 1:
        raise CommandError(_ambiguous(wanted, like) if like else f"There is no run `{wanted}`.")
    return like[0].trace_id


def exactly(store: Store, wanted: str) -> str:
    """The trace of a run by its whole id or its trace's, for what cannot be taken back.

    Raises:
        CommandError: there is none; it names those whose ids begin like this.
    """
    found = queries.trace_of(store, wanted)
    if found is not None:
        return found
    like = queries.runs_like(store, _uncut(wanted), limit=_MAX_NAMED + 1) if _uncut(wanted) else []
    hint = f" Say the whole id: {_named(like)}." if like else ""
    raise CommandError(f"There is no run `{wanted}`.{hint}")


def _uncut(wanted: str) -> str:
    return wanted.rstrip("….")  # as ids are shown where they are cut


def _ambiguous(wanted: str, like: Sequence[Run]) -> str:
    return f"`{wanted}` begins more than one run's id: {_named(like)}."


def _named(like: Sequence[Run]) -> str:
    terminal, now = terminal_of(sys.stderr), time.time_ns()
    named = [
        f"{terminal.safe(run.run_id or run.trace_id)} ({terminal.safe(run.name)}, {cells.age(run.start_ns, now)} ago)"
        for run in like[:_MAX_NAMED]
    ]
    return ", ".join(named) + ("…" if len(like) > _MAX_NAMED else "")
