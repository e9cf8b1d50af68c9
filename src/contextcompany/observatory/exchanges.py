"""What was said in a run, request by request: each message once, however often an agent repeats its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contextcompany.observatory import queries
from contextcompany.observatory.transcript import fresh

if TYPE_CHECKING:
    from contextcompany.observatory.contexts import Whole
    from contextcompany.observatory.fold import Fact, Message
    from contextcompany.observatory.store import Store

__all__ = ["Exchange", "exchanges"]


class Exchange(NamedTuple):
    """What is new in one request to a model, and the answer."""

    span_id: str
    agent: str
    """The run that it belongs to, of those inside each other the innermost."""
    model: str
    status: str
    status_message: str | None
    system: list[Message] | None
    """The instructions, where they are others than before."""
    new: list[Message]
    """The messages without those that this agent had sent, or was answered, before."""
    answer: list[Message]


def exchanges(store: Store, whole: Whole) -> list[Exchange]:
    """What was said in the steps of a run; in a run without any, what it was asked and answered."""
    owners = _owners(whole)
    names = {"": whole.run.name, **{line.span_id: line.name for line in whole.spans}}
    kind = "step" if any(line.kind == "step" for line in whole.spans) else "run"
    before: dict[str, Fact] = {}
    made = []
    for line in sorted(whole.spans, key=lambda line: line.start_ns):
        detail = queries.span(store, whole.run.trace_id, line.span_id) if line.kind == kind else None
        if detail is None:
            continue
        fact, owner = detail.fact, owners[line.span_id]
        last = before.get(owner)
        before[owner] = fact
        system = fact.system if last is None or last.system != fact.system else None
        model = line.name if kind == "step" else ""
        said = (system, fresh(fact, last), fact.output or [])
        made.append(Exchange(line.span_id, names[owner], model, line.status, line.status_message, *said))
    return [each for each in made if each.new or each.answer or each.status_message]


def _owners(whole: Whole) -> dict[str, str]:
    """The nearest run around each span."""
    owners = {"": ""}
    for line in whole.spans:
        owners[line.span_id] = line.span_id if line.kind == "run" else owners.get(line.parent_id, "")
    return owners
