"""What was asked and answered in a span: in attributes, in events, or in log records beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany import semconv as sc
from contextcompany._envelopes import said_by_response
from contextcompany.observatory import shapes
from contextcompany.observatory.shapes import Message, Said
from contextcompany.observatory.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from contextcompany.observatory.otlp import Event

__all__ = ["Conversation", "conversation", "finish_reason", "from_span_events"]


class Conversation(NamedTuple):
    """What a run or a step was asked and answered; what anything else was given and returned."""

    input: Said
    output: Said
    system: list[Message] | None = None
    tools: Any = None
    args: Any = None
    result: Any = None


def conversation(kind: str, told: Told, events: list[Event]) -> Conversation:
    """What was said in a span, from the best place that tells."""
    facts = told.facts
    if kind in ("tool_call", "other"):
        documents = facts.get("documents") or _family(told, "indexed_documents")
        return Conversation(
            Said(),
            Said(),
            args=shapes.parsed(facts.get("args", facts.get("input"))),
            result=shapes.parsed(facts.get("result", facts.get("output", documents))),
        )
    went, came = _from_elsewhere(told, events)
    if went.messages is None or told.is_in_best_place("input"):
        went = shapes.asked(facts["input"]) if "input" in facts else went
    if came.messages is None or told.is_in_best_place("output"):
        came = shapes.answered(facts["output"], finish_reason(told)) if "output" in facts else came
    if kind == "step" and came.told is None:  # beside messages, the whole response tells its id and its counts
        whole = shapes.parsed(facts.get("output"))
        is_response = type(whole) is dict and not _OF_RESPONSES.isdisjoint(whole)
        came = came._replace(told=said_by_response(whole) if is_response else None)
    system = shapes.parsed(facts.get("system"))
    return Conversation(
        went,
        came,
        system if type(system) is list else _as_parts(system) or went.system,
        _tools(told) or went.tools,
    )


_OF_RESPONSES = frozenset({"usage", "usage_metadata", "usageMetadata", "response_metadata", "llm_output", "choices"})
"""What tells a provider's response from an answer that is JSON."""


def _as_parts(system: Any) -> list[Message] | None:
    return [{"type": "text", "content": system}] if type(system) is str else None


def _from_elsewhere(told: Told, events: list[Event]) -> tuple[Said, Said]:
    """What stands in events and in attributes that hold one field each: more exact than a JSON text of everything."""
    sources: tuple[Callable[[], tuple[Said, Said]], ...] = (
        lambda: _from_conversation(told),
        lambda: from_span_events(events),
        lambda: _from_said_events(told),
        lambda: (_indexed(told, "indexed_input", asks=True), _indexed(told, "indexed_output", asks=False)),
        lambda: (_wrapped(told, "wrapped_input", asks=True), _wrapped(told, "wrapped_output", asks=False)),
        lambda: (Said(), _from_parts(told)),
    )
    went, came = Said(), Said()
    for source in sources:
        more_went, more_came = source()
        went = went if went.messages is not None else more_went
        came = came if came.messages is not None else more_came
    return went, came


def _from_conversation(told: Told) -> tuple[Said, Said]:
    if "conversation" not in told.facts:
        return Said(), Said()
    return shapes.from_conversation(told.facts["conversation"])


def _from_said_events(told: Told) -> tuple[Said, Said]:
    listed = shapes.parsed(told.facts.get("said_events"))
    if type(listed) is not list:
        return Said(), Said()
    return shapes.from_events((str(each.get("event.name")), each) for each in listed if type(each) is dict)


def from_span_events(events: list[Event]) -> tuple[Said, Said]:
    """What the events of a span say: one per message, or whole conversations."""
    spoken = [(event.name, _body(event)) for event in events if event.name.startswith(sc.GENAI_NAMESPACES)]
    if not spoken:
        return Said(), Said()
    went, came = shapes.from_events(spoken)
    for _, body in spoken:  # the oldest and the newest have whole conversations in one event
        told = Told(body)
        if went.messages is None and "input" in told.facts:
            went = shapes.asked(told.facts["input"])
        if came.messages is None and "output" in told.facts:
            came = shapes.answered(told.facts["output"])
    return went, came


def _body(event: Event) -> Mapping[str, Any]:
    """The attributes of an event; Azure's have them as JSON text in one."""
    inner = shapes.parsed(Told(event.attributes).facts.get("event_content"))
    return inner if type(inner) is dict else event.attributes


def _family(told: Told, fact: str) -> list[Any] | None:
    fields = told.families.get(fact)
    return shapes.nested(fields) if fields else None


def _indexed(told: Told, fact: str, *, asks: bool) -> Said:
    listed = _family(told, fact)
    if listed is None:
        return Said()
    messages = [
        {"role": "user" if asks else "assistant", **each, "content": _blocks(each.get("content"))}
        for each in listed
        if type(each) is dict
    ]
    return shapes.asked(messages) if asks else shapes.answered(messages, finish_reason(told))


def _blocks(content: Any) -> Any:
    """The blocks of a content that are JSON text; other text, JSON included, is what was said."""
    blocks = shapes.parsed(content)
    is_blocks = type(blocks) is list and bool(blocks) and all(type(each) is dict and "type" in each for each in blocks)
    return blocks if is_blocks else content


def _wrapped(told: Told, fact: str, *, asks: bool) -> Said:
    listed = _family(told, fact)
    if listed is None:
        return Said()
    messages = shapes.unwrapped(listed)
    return shapes.asked(messages) if asks else shapes.answered(messages, finish_reason(told))


def _from_parts(told: Told) -> Said:
    facts = told.facts
    text = facts.get("answer_text", facts.get("answer_object"))
    calls, reasoning = facts.get("answer_tool_calls"), facts.get("answer_reasoning")
    if text is None and calls is None and reasoning is None:
        return Said()
    return shapes.vercel_answer(text, reasoning, calls, finish_reason(told))


def finish_reason(told: Told) -> str | None:
    """Why the model stopped, in the provider's word."""
    return next(iter(told.texts("finish_reasons")), None)


def _tools(told: Told) -> Any:
    facts = told.facts
    if "tool_definitions" in facts:
        return shapes.tools(facts["tool_definitions"])
    offered = shapes.parsed(facts.get("offered"))
    if type(offered) is dict:
        return shapes.tools(offered.get("function_tools") or []) or None
    indexed = _family(told, "indexed_tools")
    if indexed is not None:
        return shapes.tools(indexed)
    wrapped = _family(told, "wrapped_tools")
    return None if wrapped is None else shapes.tools(shapes.unwrapped(wrapped))
