"""A session: the runs of one conversation, as turns in order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from contextcompany.observatory import cursors, queries
from contextcompany.observatory.contexts import Feedback, Session, SessionDetail, Turn
from contextcompany.observatory.rows import RunRow

if TYPE_CHECKING:
    from contextcompany.observatory.store import Store

__all__ = ["session"]

_OF = "turns"


def session(
    store: Store, session_id: str, *, after: str | None = None, limit: int = 50, with_content: bool = False
) -> SessionDetail | None:
    """A session with its turns, the first first; None when there is none.

    Args:
        store: Where it is.
        session_id: Its id.
        after: `next` of the page before.
        limit: How many turns.
        with_content: Whether to read all that was asked and answered.

    Raises:
        FilterError: `after` is wrong.
    """
    place = cursors.read(after, _OF, int, int) if after is not None else (-(2**63), 0)
    with store.read() as reader:
        found = reader.row("session", session_id)
        if found is None:
            return None
        rows = [RunRow(*row) for row in reader.rows("runs_of_session", session_id, *place, limit + 1)]
        ids = orjson.dumps([row.trace_id for row in rows[:limit]]).decode()
        listed = queries.shown(reader, rows[:limit], time.time_ns())
        said = [Feedback(*row) for row in reader.rows("feedback_of_traces", ids)]
    turns = [Turn(run, [each for each in said if each.trace_id == run.trace_id]) for run in listed]
    if with_content:
        turns = [_with_content(store, turn) for turn in turns]
    last = rows[limit - 1] if len(rows) > limit else None
    return SessionDetail(Session(*found), turns, cursors.write(_OF, last.start_ns, last.id) if last else None)


def _with_content(store: Store, turn: Turn) -> Turn:
    found = queries.span(store, turn.run.trace_id, turn.run.top)
    return turn if found is None else turn._replace(input=found.fact.input, output=found.fact.output)
