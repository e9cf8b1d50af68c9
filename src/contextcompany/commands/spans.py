"""One span in full, as text for a terminal."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from contextcompany import _trees, _words
from contextcompany.commands import cells
from contextcompany.commands.talk import messages_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contextcompany._terminal import Terminal
    from contextcompany.observatory.contexts import SpanDetail
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.otlp import Event

__all__ = ["span_text"]


def span_text(detail: SpanDetail, terminal: Terminal) -> str:
    """All that a span says, content last."""
    fact, span = detail.fact, detail.span
    sign = cells.sign(fact.status if span.end_ns else "running", terminal)
    title = f"{terminal.styled(*sign)} {terminal.styled(terminal.safe(fact.name), 'bold')}"
    facts = [(name, terminal.safe(text)) for name, text in _facts(detail) if text]
    sections = [
        ("input", messages_text(fact.input, fact.system, terminal)),
        ("output", messages_text(fact.output, None, terminal)),
        ("arguments", _value(fact.args, terminal)),
        ("result", _value(fact.result, terminal)),
        ("tools offered", _tools(fact.tool_definitions, terminal)),
        ("events", [line for event in span.events for line in _event(event, terminal)]),
        ("not understood", _value({key: span.attributes.get(key) for key in fact.unknown} or None, terminal)),
    ]
    made = [title, *_words.aligned(facts)]
    for name, lines in sections:
        if lines:
            made += ["", terminal.styled(name, "bold"), *(f"  {line}" for line in lines)]
    return "\n".join(made)


def _facts(detail: SpanDetail) -> Iterable[tuple[str, str]]:
    fact, span = detail.fact, detail.span
    yield "kind", fact.kind.replace("_", " ") + (f", read as {fact.read_as}" if fact.read_as else "")
    yield "status", ": ".join(filter(None, [fact.status, fact.error_type, fact.status_message]))
    yield "incomplete", fact.incomplete or ""
    yield "started", _moment(span.start_ns)
    yield "took", _taken(detail)
    yield "span", span.span_id
    yield "parent", span.parent_id
    yield "trace", span.trace_id
    yield "run", fact.run_id or ""
    yield "session", fact.session_id or ""
    yield "user", fact.user_id or ""
    yield "agent", fact.agent or ""
    yield "model", _model(fact)
    yield "provider", fact.provider or ""
    yield "stopped", fact.finish_reason or ""
    yield from _used(detail)
    yield "tags", ", ".join(fact.tags)
    for key, value in {**fact.parameters, **fact.metadata}.items():
        yield key, value if isinstance(value, str) else _trees.json_text(value)
    yield "cut", ", ".join(fact.truncated)
    yield "redacted", ", ".join(fact.redacted)


def _moment(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns // 10**9)) + f".{ns // 10**6 % 1000:03}"


def _taken(detail: SpanDetail) -> str:
    fact, span = detail.fact, detail.span
    if not span.end_ns:
        return ""
    parts = [_words.duration((span.end_ns - span.start_ns) / 1e9)]
    if fact.time_to_first_chunk is not None:
        parts.append(f"{_words.duration(fact.time_to_first_chunk)} to the first chunk")
    if fact.waited is not None:
        parts.append(f"{_words.duration(fact.waited)} of it waiting")
    return ", ".join(parts)


def _model(fact: Fact) -> str:
    used, requested = fact.model_used, fact.model_requested
    if used and requested and used != requested:
        return f"{used}, asked for as {requested}"
    return used or requested or ""


def _used(detail: SpanDetail) -> Iterable[tuple[str, str]]:
    fact = detail.fact
    counts = {name: count for name, count in fact.tokens._asdict().items() if count is not None}
    yield "tokens", ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    if fact.cost is not None:
        yield "cost", f"{_words.dollars(fact.cost)} ({fact.cost_source})"
    yield "not counted", detail.not_counted or ""


def _tools(definitions: Any, terminal: Terminal) -> list[str]:
    """A line for each: its name, and what it is for."""
    match definitions:
        case [{"name": str()}, *_] if all(isinstance(each, dict) for each in definitions):
            told = [(str(each.get("name", "")), str(each.get("description") or "")) for each in definitions]
            return _words.aligned([(terminal.safe(name), terminal.safe(about)) for name, about in told], indent="")
    return _value(definitions, terminal)


def _value(value: Any, terminal: Terminal) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return terminal.safe_lines(value)
    return terminal.safe_lines(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _event(event: Event, terminal: Terminal) -> list[str]:
    made = [f"{terminal.safe(event.name)}  {_moment(event.time_ns)}"]
    for key, value in event.attributes.items():
        lines = _value(value, terminal)
        name = terminal.safe(key)
        made += [f"  {name}  {lines[0]}"] if len(lines) == 1 else [f"  {name}", *(f"    {line}" for line in lines)]
    return made
