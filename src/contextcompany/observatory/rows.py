"""Rows of the tables `run` and `span`, and how a span becomes one: values → values."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from contextcompany.observatory.fold import Fact, Tokens, waits
from contextcompany.observatory.texts import MIN_CUT, strings, words
from contextcompany.observatory.tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.fold import Kind, Message
    from contextcompany.observatory.otlp import Span

__all__ = [
    "PREVIEW",
    "LineRow",
    "RunRow",
    "SpanRow",
    "fact_of",
    "first_prompt",
    "last_response",
    "node_of",
    "span_row",
    "with_cost",
]

PREVIEW: Final = 200
"""Characters of a prompt or response that are kept with the run."""

_MAX_WORDS: Final = 2000
_MAX_S: Final = 1e9
"""Whatever a sender says, in seconds: nanoseconds of it fit into 64 bits."""


class SpanRow(NamedTuple):
    """The columns of `span` in order; what they mean is said in the table."""

    id: int
    run: int
    span_id: str
    parent_id: str
    kind: str
    read_as: str
    name: str
    agent: str | None
    model: str | None
    model_requested: str | None
    provider: str | None
    tool_call_id: str | None
    status: str
    status_message: str | None
    error_type: str | None
    start_ns: int
    end_ns: int
    run_id: str | None
    said: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    cost_source: str | None
    unpriced: int
    not_counted: str | None
    is_settled: int
    unknown: str | None
    words: str
    seen_ns: int
    moments: str | None


class LineRow(NamedTuple):
    """Of the columns of `span` those that a tree shows or is made by."""

    span_id: str
    kind: str
    name: str
    read_as: str
    agent: str | None
    model: str | None
    provider: str | None
    status: str
    status_message: str | None
    error_type: str | None
    start_ns: int
    end_ns: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    cost_source: str | None
    not_counted: str | None
    unknown: str | None
    moments: str | None
    parent_id: str
    run_id: str | None
    seen_ns: int
    id: int


class RunRow(NamedTuple):
    """The columns of `run` in order; what they mean is said in the table."""

    id: int
    trace_id: str
    kind: str
    top: str
    run_id: str | None
    session_id: str | None
    user_id: str | None
    agent: str | None
    name: str
    read_as: str
    status: str
    status_message: str | None
    error_type: str | None
    is_open: int
    start_ns: int
    end_ns: int
    duration_ns: int | None
    seen_ns: int
    spans: int
    open_spans: int
    steps: int
    tool_calls: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    unpriced: int
    prompt: str | None
    response: str | None
    size: int
    settled_spans: int
    price_table: str | None


def span_row(span: Span, fact: Fact, seen_ns: int) -> SpanRow:
    """A span's row, before it has an id, a run and a verdict."""
    used, requested = fact.model_used, fact.model_requested
    return SpanRow(
        0,
        0,
        span.span_id,
        span.parent_id,
        fact.kind,
        fact.read_as,
        fact.name,
        fact.agent,
        used or requested,
        requested if used and requested != used else None,
        fact.provider,
        fact.tool_call_id,
        fact.status,
        fact.status_message,
        fact.error_type,
        span.start_ns,
        span.end_ns,
        fact.run_id,
        _said(fact),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        0,
        None,
        0,
        orjson.dumps(fact.unknown).decode() if fact.unknown else None,
        _words(span, fact),
        seen_ns,
        _moments(span, fact),
    )


@lru_cache(4096)
def _place(kind: Kind, read_as: str, run_id: str | None) -> Fact:
    return Fact(kind=kind, read_as=read_as, name="", run_id=run_id)


def node_of(row: SpanRow | LineRow) -> Node:
    """As much of a span as hanging it into its run needs."""
    fact = _place(row.kind, row.read_as, row.run_id)
    return Node(row.span_id, row.parent_id, row.start_ns, fact)


def fact_of(row: SpanRow) -> Fact:
    """As much of what a span says as counting needs."""
    said = orjson.loads(row.said) if row.said else _NOTHING_SAID
    return Fact(
        kind=row.kind,  # type: ignore[arg-type]  # the words of the table
        read_as=row.read_as,
        name=row.name,
        run_id=row.run_id,
        agent=row.agent,
        model_requested=row.model_requested or row.model,
        model_used=row.model,
        provider=row.provider,
        tokens=Tokens(*said[:5]),
        cost=said[5],
        cost_source=said[6],
        response_id=said[7],
        counted_inside=said[8],
    )


def with_cost(row: SpanRow, cost: float) -> SpanRow:
    """The row as if its span had said that cost, from the source that it names."""
    said = orjson.loads(row.said or "")
    return row._replace(said=orjson.dumps([*said[:5], cost, *said[6:]]).decode())


_NOTHING_SAID: Final = (None, None, None, None, None, None, None, None, False)


def _said(fact: Fact) -> str | None:
    said = (*fact.tokens, fact.cost, fact.cost_source, fact.response_id, fact.counted_inside)
    return None if said == _NOTHING_SAID else orjson.dumps(said).decode()


def _moments(span: Span, fact: Fact) -> str | None:
    seconds, waited = fact.time_to_first_chunk, waits(span)
    if seconds is None and not waited:
        return None
    first = None if seconds is None else round(min(max(seconds, 0.0), _MAX_S) * 1e9)
    since = [[start - span.start_ns, end - span.start_ns] for start, end in waited]
    return orjson.dumps([first, since]).decode()


def first_prompt(fact: Fact) -> str | None:
    """How the first thing that a person said begins; of a span without messages, nothing."""
    return _preview(fact.input, {"user"}) or _preview(fact.input, None)


def last_response(fact: Fact) -> str | None:
    """How the last thing that the model said begins."""
    return _preview([*reversed(fact.output or ())], None)


def _preview(messages: list[Message] | None, roles: set[str] | None) -> str | None:
    for message in messages or ():
        if roles is None or message.get("role") in roles:
            for part in sorted(message.get("parts") or (), key=_is_thought):
                content = part.get("content") if isinstance(part, dict) else part
                if content and isinstance(content, str):
                    return content[:PREVIEW]
    return None


def _is_thought(part: object) -> bool:
    """What was thought comes before what was said, and is shown where nothing was."""
    return isinstance(part, dict) and part.get("type") == "reasoning"


def _words(span: Span, fact: Fact) -> str:
    """What a span is called by, and in a line of its own what is said in texts too short for rows of their own."""
    called = [span.name, fact.name, fact.agent, fact.model_used, fact.provider, fact.error_type]
    called += [f"{key} {value}" for key, value in fact.metadata.items()]
    called += map(str, fact.tags)
    said = [fact.status_message, *_short(span, fact)]
    return "\n".join(" ".join(dict.fromkeys(filter(None, each))).replace("\n", " ") for each in (called, said))[
        :_MAX_WORDS
    ]


def _short(span: Span, fact: Fact) -> Iterator[str]:
    content = {*strings([fact.input, fact.output, fact.system, fact.args, fact.result])}
    for text in strings(span.attributes):
        if len(text) < MIN_CUT:
            if text in content:
                yield text
            elif text.startswith(("{", "[")):
                yield words(text.encode())
