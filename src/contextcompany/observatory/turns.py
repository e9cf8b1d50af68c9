"""What was said in a run, in order: each message once, however often an agent repeats its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany.observatory import queries

if TYPE_CHECKING:
    from contextcompany.observatory.contexts import SpanLine, Whole
    from contextcompany.observatory.fold import Message
    from contextcompany.observatory.store import Store

__all__ = ["Turn", "turns"]


class Turn(NamedTuple):
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
    """The messages that this agent had not been told, and had not said, before."""
    answer: list[Message]


def turns(store: Store, whole: Whole) -> list[Turn]:
    """What was said in the steps of a run; in a run without any, what it was asked and answered."""
    owners = _owners(whole)
    by_id = {line.span_id: line for line in whole.spans}
    kinds = "step" if any(line.kind == "step" for line in whole.spans) else "run"
    known: dict[str, tuple[Any, list[Message]]] = {}
    made = []
    for line in sorted(whole.spans, key=lambda line: line.start_ns):
        if line.kind != kinds:
            continue
        turn, known[owners[line.span_id]] = _turn(store, whole, line, known.get(owners[line.span_id], (None, [])))
        made.append(turn._replace(agent=by_id[owners[line.span_id]].name if owners[line.span_id] else whole.run.name))
    return [turn for turn in made if turn.new or turn.answer or turn.status_message]


def _owners(whole: Whole) -> dict[str, str]:
    """The nearest run around each span."""
    owners = {"": ""}
    for line in whole.spans:
        owners[line.span_id] = line.span_id if line.kind == "run" else owners.get(line.parent_id, "")
    return owners


def _turn(
    store: Store, whole: Whole, line: SpanLine, known: tuple[Any, list[Message]]
) -> tuple[Turn, tuple[Any, list[Message]]]:
    detail = queries.span(store, whole.run.trace_id, line.span_id)
    asked = (detail.fact.input if detail is not None else None) or []
    answer = (detail.fact.output if detail is not None else None) or []
    system = detail.fact.system if detail is not None else None
    was, before = known
    same = 0
    for old, now in zip(before, asked, strict=False):
        if not _is_same(old, now):
            break
        same += 1
    turn = Turn(
        line.span_id,
        "",
        line.name if line.kind == "step" else "",
        line.status,
        line.status_message,
        None if system == was else system,
        asked[same:],
        answer,
    )
    return turn, (system, [*asked, *answer])


def _is_same(one: Message, other: Message) -> bool:
    """Apart from why the model stopped, which only its answer says."""
    return one.get("role") == other.get("role") and one.get("parts") == other.get("parts")
