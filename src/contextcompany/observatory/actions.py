"""What the JSON API does when it is told to: a store and what the request says → a context."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from contextcompany.observatory import custom, files, importing, queries
from contextcompany.observatory.answers import missing_run
from contextcompany.observatory.contexts import Deleted, Kept
from contextcompany.observatory.custom import MAX_FEEDBACK, SCORES
from contextcompany.observatory.otlp import Batch
from contextcompany.observatory.parameters import ParameterError

if TYPE_CHECKING:
    from contextcompany.observatory.answers import Given
    from contextcompany.observatory.contexts import Opinion, Selection
    from contextcompany.observatory.importing import Report
    from contextcompany.observatory.store import Store

__all__ = ["delete_run", "delete_runs", "keep_feedback", "load", "selected"]


def keep_feedback(store: Store, given: Given) -> Kept:
    """Keep what somebody thinks of a run, as if the SDK had sent it; the run may arrive later."""
    said: Opinion = given["body"]
    if not said.run_id:
        raise ParameterError("run_id", "`run_id` is empty.")
    if said.label is None and said.value is None and said.text is None:
        raise ParameterError("label", "Say a `label`, a `value` or a `text`.")
    for name, text in (("label", said.label), ("text", said.text)):
        if text is not None and not 0 < len(text) <= MAX_FEEDBACK:
            raise ParameterError(name, f"`{name}` has {len(text):,} characters, not 1 to {MAX_FEEDBACK:,}.")
    trace_id, span_id = _place(store, said)
    value = SCORES.get(said.label or "") if said.value is None else float(said.value)
    log = custom.evaluation(trace_id, span_id, said.run_id, said.label, value, said.text, time.time_ns())
    store.write(Batch([], [log], []))
    return Kept(log.trace_id, log.span_id)


def delete_run(store: Store, given: Given) -> Deleted:
    """Delete a run with all that belongs to it."""
    trace_id = queries.trace_of(store, given["run_id"])
    if trace_id is None:
        raise missing_run(given["run_id"])
    return Deleted(store.delete([trace_id]))


def delete_runs(store: Store, given: Given) -> Deleted:
    """Delete runs with all that belongs to them: some by their ids, or all that a filter lets through."""
    return Deleted(store.delete(selected(store, given["body"])))


def load(store: Store, given: Given) -> Report:
    """Import a file: OTLP in JSON or protobuf, an export, or payloads of the original SDK; gzipped or not.

    What is imported twice is kept once.
    """
    return importing.load(store, files.parts(given["body"], time.time_ns()))


def selected(store: Store, selection: Selection) -> list[str]:
    """The traces of these runs; ids that are none's are left out."""
    if (selection.ids is None) == (selection.filter is None):
        raise ParameterError("ids", "Say either `ids` or a `filter`.")
    if selection.ids is not None:
        return [*dict.fromkeys(filter(None, (queries.trace_of(store, each) for each in selection.ids)))]
    if not (selection.filter or "").strip():
        raise ParameterError("filter", "An empty filter means every run. If that is meant, say `kind:run`.", "kind:run")
    return [*queries.trace_ids(store, selection.filter)]


def _place(store: Store, said: Opinion) -> tuple[bytes, bytes]:
    """Trace and span that it is about: of a run that is here its own, else those that the SDK gives to such a run."""
    span_id = _span_id(said.span_id)
    whole = queries.top_of(store, said.run_id)
    if whole is None:
        trace, top = custom.identity(said.run_id)
    else:
        trace, top = map(bytes.fromhex, whole)
    return trace, span_id or top


def _span_id(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        made = bytes.fromhex(text)
    except ValueError:
        made = b""
    if len(made) != 8 or not any(made):
        raise ParameterError("span_id", f"`span_id` is 16 hex digits, got `{text[:60]}`.")
    return made
