"""A run as a conversation: each request to a model with what is new in it, and each tool call with its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import queries
from contextcompany.observatory.dialogue import Part, Speech, dialogue
from contextcompany.observatory.transcript import fresh, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contextcompany.observatory.contexts import SpanLine, Whole
    from contextcompany.observatory.fold import Fact, Message
    from contextcompany.observatory.store import Store

__all__ = ["PAGE", "Exchange", "Talk", "Tool", "everything", "exchanges", "talk"]

PAGE: Final = 60
"""Spans on a page of a conversation."""

_SPOKEN: Final = ("run", "step", "tool_call")


class Tool(NamedTuple):
    """A tool that a model was offered."""

    name: str
    is_called: bool


class Exchange(NamedTuple):
    """What was said in a span."""

    line: SpanLine
    agent: str
    """Whose it is."""
    speeches: list[Speech]
    tools: list[Tool]
    """Those that the model was offered, and any that it called without."""
    known: int
    """Messages before these, which the request before it had too."""


class Talk(NamedTuple):
    """A part of a conversation."""

    exchanges: list[Exchange]
    since: int
    """Where it begins, in spans that can say something."""
    next: int | None
    """Where the next part does; None when this is the last."""
    spans: int
    """How many such spans there are."""


def talk(store: Store, whole: Whole, *, since: int = 0, is_whole: bool = False) -> Talk:
    """A page of what was said in a run, from the span of that number on."""
    agents, spoken, after = _agents(whole.spans), _spoken(whole.spans), since + PAGE
    made = [*_page(store, whole, spoken[since:after], agents, _asked(spoken[:since], agents), is_whole=is_whole)]
    return Talk(made, since, after if after < len(spoken) else None, len(spoken))


def everything(store: Store, whole: Whole) -> Iterator[Exchange]:
    """All that was said in a run, read a page at a time as it is taken."""
    agents, spoken = _agents(whole.spans), _spoken(whole.spans)
    asked: dict[str, SpanLine] = {}
    for since in range(0, len(spoken), PAGE):
        page = spoken[since : since + PAGE]
        yield from _page(store, whole, page, agents, asked)
        asked |= _asked(page, agents)


def _spoken(lines: Sequence[SpanLine]) -> list[SpanLine]:
    return [each for each in lines if each.kind in _SPOKEN]


def _asked(lines: Sequence[SpanLine], agents: dict[str, SpanLine]) -> dict[str, SpanLine]:
    """The last request of each agent."""
    return {agents[each.span_id].span_id: each for each in lines if each.kind == "step"}


def _page(
    store: Store,
    whole: Whole,
    page: Sequence[SpanLine],
    agents: dict[str, SpanLine],
    asked: dict[str, SpanLine],
    *,
    is_whole: bool = False,
) -> Iterator[Exchange]:
    """What was said in these spans, after what their agents asked before."""
    speaking = dict.fromkeys(agents[each.span_id].span_id for each in page)
    last = [asked[agent] for agent in speaking if agent in asked]
    shown = {each.span_id: each for each in [*last, *page]}
    facts = queries.facts(store, whole.run.trace_id, shown)
    told = [Told(shown[span_id], agents[span_id], fact) for span_id, fact in facts]
    return exchanges(told, skip=len(last), is_whole=is_whole)


class Told(NamedTuple):
    """What a span says."""

    line: SpanLine
    agent: SpanLine
    """The span of the agent that it belongs to; itself when there is none."""
    fact: Fact


def _agents(lines: Sequence[SpanLine]) -> dict[str, SpanLine]:
    """The span of the agent that each span belongs to."""
    found: dict[str, SpanLine] = {}
    for line in lines:  # what is above comes before
        above = found.get(line.parent_id, line)
        found[line.span_id] = line if line.kind == "run" or above.kind != "run" else above
    return found


def exchanges(spans: Sequence[Told], *, skip: int = 0, is_whole: bool = False) -> Iterator[Exchange]:
    """What was said in these spans, one after the other.

    Args:
        spans: In order.
        skip: So many of the first are only there for what is known by then.
        is_whole: Whether to show also what the request before had.
    """
    before = _before(spans)
    results = _results(spans, before)
    steps = [told for told in spans if told.line.kind == "step"]
    said = {piece.text for told in steps for each in (told.fact.input, told.fact.output) for piece in pieces(each)}
    asking = {told.agent.span_id for told in steps}
    paired: set[str] = set()
    for number, told in enumerate(spans):
        if number < skip:
            continue
        if told.line.kind == "step":
            made = _of_step(told, before[number], is_whole=is_whole)
        else:
            made = _of_other(told, said if told.line.span_id in asking else None)
        is_told = told.line.kind == "tool_call" and told.fact.tool_call_id in paired
        made = made._replace(speeches=[*_with_results(made.speeches, results, number, paired)])
        if made.speeches and not is_told:
            yield made
    for told in spans[skip:]:
        if told.line.kind == "run" and told.line.span_id in asking:
            answer = _unsaid(told.fact.output, said)
            if answer:
                yield Exchange(told.line, told.agent.name, dialogue(answer), [], 0)


def _before(spans: Sequence[Told]) -> list[Fact | None]:
    """What the request before said, of the same agent."""
    last: dict[str, Fact] = {}
    made = []
    for told in spans:
        made.append(last.get(told.agent.span_id))
        if told.line.kind == "step":
            last[told.agent.span_id] = told.fact
    return made


def _of_step(told: Told, before: Fact | None, *, is_whole: bool) -> Exchange:
    fact = told.fact
    asked = (fact.input or []) if is_whole else fresh(fact, before)
    is_known = not is_whole and before is not None and before.system == fact.system
    speeches = dialogue([*asked, *(fact.output or [])], None if is_known else fact.system)
    return Exchange(told.line, told.agent.name, speeches, _tools(fact), len(fact.input or []) - len(asked))


def _of_other(told: Told, said: set[str] | None) -> Exchange:
    """Of an agent whose requests are told too, `said` has what they say; what it answers comes after them."""
    line, fact = told.line, told.fact
    if line.kind == "tool_call":
        call = Part("call", fact.args, line.name, fact.tool_call_id or "", fact.result is not None, fact.result)
        return Exchange(line, told.agent.name, [Speech("tool", [call])], [], 0)
    if said is not None:
        return Exchange(line, told.agent.name, dialogue(_unsaid(fact.input, said)), [], 0)
    return Exchange(line, told.agent.name, dialogue([*(fact.input or []), *(fact.output or [])], fact.system), [], 0)


def _unsaid(messages: list[Message] | None, said: set[str]) -> list[Message]:
    return [each for each in messages or [] if any(piece.text not in said for piece in pieces([each]))]


_Results = dict[str, list[tuple[int, Any]]]


def _results(spans: Sequence[Told], before: Sequence[Fact | None]) -> _Results:
    """What came of calls, by their ids, and where: as it was sent back to the model, or as the tool's own span says it.

    Some models give the same ids to calls of every request: what came of a call is what comes next.
    """
    found: _Results = {}
    for number, told in enumerate(spans):
        fact = told.fact
        if told.line.kind == "tool_call" and fact.tool_call_id and fact.result is not None:
            found.setdefault(fact.tool_call_id, []).append((number, fact.result))
        for speech in dialogue(fresh(fact, before[number])):
            for part in speech.parts:
                if part.kind == "result" and part.id:
                    found.setdefault(part.id, []).append((number, part.value))
    return found


def _with_results(speeches: list[Speech], results: _Results, number: int, paired: set[str]) -> Iterator[Speech]:
    """Calls with what came of them; results that stand with their calls are not said again."""
    for speech in speeches:
        parts = []
        for part in speech.parts:
            if part.kind == "result" and part.id in paired:
                continue
            if part.kind == "call" and part.id and speech.role != "tool":
                paired.add(part.id)
                parts.append(_with_result(part, results, number))
            else:
                parts.append(part)
        if parts or not speech.parts:
            yield speech._replace(parts=parts)


def _with_result(call: Part, results: _Results, number: int) -> Part:
    came = next((value for at, value in results.get(call.id, ()) if at > number), None)
    return call if call.has_result or came is None else call._replace(has_result=True, result=came)


def _tools(fact: Fact) -> list[Tool]:
    called = {part.name for speech in dialogue(fact.output) for part in speech.parts if part.kind == "call"}
    listed = fact.tool_definitions if isinstance(fact.tool_definitions, list) else []
    offered = [str(each.get("name") or each.get("type") or "") for each in listed if isinstance(each, dict)]
    names = [*dict.fromkeys([*offered, *sorted(called)])]
    return [Tool(name, name in called) for name in names if name]
