"""What is missing or unusual in a run or a span, and why: a sentence each, where it shows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.observatory.fold import OURS
from contextcompany.observatory.words import count, duration, size

if TYPE_CHECKING:
    from contextcompany.observatory.contexts import SpanDetail, Whole
    from contextcompany.observatory.fold import Fact

__all__ = ["Remark", "of_run", "of_span"]

_INCOMPLETE: Final = {
    "collected": "Its program forgot it: the object was gone before anything ended it.",
    "process_died": "Its program was killed or crashed before it ended; this is as far as it came.",
    "shutdown": "Its program ended without ending it.",
    "run_ended": "Its run ended before it did.",
    "timeout": "Its run's timeout passed before it ended.",
}


class Remark(NamedTuple):
    """Something to know."""

    kind: str
    """warning, or empty for what is no reason to worry."""
    text: str


def of_run(whole: Whole, now_ns: int) -> list[Remark]:
    """What there is to know of a run."""
    run, found = whole.run, []
    top = next((line for line in whole.spans if line.span_id == run.top), None)
    if top is not None and top.kind != "run" and top.read_as == OURS:
        found.append(
            Remark("warning", "The span of the run itself has not arrived, so its prompt and its response are missing.")
        )
    if run.waiting_ns is not None:
        found.append(Remark("", f"It has been waiting for a person for {duration(max(0, now_ns - run.waiting_ns))}."))
    elif run.state == "lost":
        silent = duration(max(0, now_ns - run.seen_ns))
        said = f"Nothing has come of it for {silent}, and it has not ended: its program was stopped, or cannot send."
        found.append(Remark("warning", said))
    elif run.open_spans and run.state != "running":
        said = f"{count(run.open_spans)} of its spans have not ended, though the run has."
        found.append(Remark("warning", said))
    if run.is_counting:
        found.append(Remark("", "More has just arrived: tokens and cost follow within seconds."))
    return found


def of_span(detail: SpanDetail) -> list[Remark]:
    """What there is to know of a span."""
    fact, span = detail.fact, detail.span
    found = []
    if fact.incomplete:
        found.append(("warning", _INCOMPLETE.get(fact.incomplete, f"Its program did not end it: {fact.incomplete}.")))
    elif not span.end_ns:
        found.append(("", "It has not ended: this is what it said when it was last sent."))
    if fact.undeliverable:
        whole = f" of {size(fact.undeliverable_size)}" if fact.undeliverable_size else ""
        said = (
            f"A receiver did not take the whole span{whole} ({fact.undeliverable}): what was large in it is left out."
        )
        found.append(("warning", said))
    if fact.redacted:
        found.append(("", f"Parts were masked before they were sent: in {_listed(fact.redacted)}."))
    if fact.truncated:
        found.append(("warning", f"Larger than its sender's limits, and cut there: {_listed(fact.truncated)}."))
    if any(span.dropped):
        attributes, events, links = map(count, span.dropped)
        said = f"Its sender dropped {attributes} attributes, {events} events and {links} links, for limits of its SDK."
        found.append(("warning", said))
    if _says_nothing(fact) and not fact.undeliverable:
        found.append(("", "It carries nothing of what was said: its sender does not capture content, or had none."))
    if detail.not_counted:
        found.append(("", f"Its tokens and cost are not counted: {detail.not_counted}"))
    return [Remark(*each) for each in found]


def _says_nothing(fact: Fact) -> bool:
    if fact.kind == "other":
        return False
    said = (fact.input, fact.output, fact.system, fact.args, fact.result, fact.full_input, fact.full_output)
    return all(each is None for each in said)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
