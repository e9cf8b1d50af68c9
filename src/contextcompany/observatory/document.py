"""A run as a document in Markdown: what it was, then what was said, called and answered, in order. Pure.

What people, models and tools said is in fences, so that nothing in it becomes a heading, a link or markup.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from contextcompany.observatory.transcript import fresh, pieces, readable
from contextcompany.observatory.words import cost, count, duration, moment, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contextcompany.observatory.contexts import Run, SpanLine, Whole
    from contextcompany.observatory.fold import Fact, Message
    from contextcompany.observatory.transcript import Piece

__all__ = ["document"]

_MAX_LEVEL: Final = 6
"""Markdown has no deeper headings."""


def document(whole: Whole, facts: Iterable[tuple[str, Fact]]) -> Iterator[str]:
    """The document, in pieces that are made as they are taken.

    Args:
        whole: The run.
        facts: What each of its spans says, by its id, in their order.
    """
    yield f"# {_inline(whole.run.name)}\n\n{_facts(whole.run)}"
    lines = {line.span_id: line for line in whole.spans}
    teller = _Teller(whole)
    for span_id, fact in facts:
        yield from teller.tell(lines[span_id], fact)
    yield from teller.close(0)
    said = [f"- {_inline(' '.join(filter(None, (each.label, each.text))))}\n" for each in whole.feedback]
    if said:
        yield "\n## Feedback\n\n" + "".join(said)
    yield "\n"


def _facts(run: Run) -> str:
    unknown = f", without {count(run.unpriced)} calls whose cost nobody knows" if run.unpriced else ""
    rows = {
        "Status": _inline(": ".join(filter(None, (run.state, run.error_type, run.status_message)))),
        "Started": moment(run.start_ns),
        "Took": duration(run.duration_ns),
        "Steps": count(run.steps),
        "Tool calls": count(run.tool_calls),
        "Errors": count(run.errors) if run.errors else "",
        "Tokens": _tokens(run),
        "Cost": cost(run.cost) + ("" if run.cost is None else unknown),
        "Session": _inline(run.session_id or ""),
        "Run": _inline(run.run_id or run.trace_id),
    }
    return "".join(f"- **{name}:** {value}\n" for name, value in rows.items() if value)


def _tokens(of: Run | SpanLine) -> str:
    if of.input_tokens is None and of.output_tokens is None:
        return ""
    cached = f" ({count(of.cached_tokens)} cached)" if of.cached_tokens else ""
    reasoning = f" ({count(of.reasoning_tokens)} reasoning)" if of.reasoning_tokens else ""
    return f"{count(of.input_tokens)} in{cached}, {count(of.output_tokens)} out{reasoning}"


class _Teller:
    """Tells spans one by one, and nothing twice: a step's messages repeat what its run was asked and tools returned."""

    def __init__(self, whole: Whole) -> None:
        self._top = whole.run.top
        self._inner = {line.parent_id for line in whole.spans}
        self._open: list[tuple[SpanLine, Fact]] = []
        self._last: dict[str | None, Fact] = {}
        self._system: list[Message] | None = None
        self._told: Counter[tuple[str, str]] = Counter()
        self._answer = ""

    def tell(self, line: SpanLine, fact: Fact) -> Iterator[str]:
        yield from self.close(line.depth)
        if line.kind == "run":
            yield from self._run(line, fact)
        elif line.kind == "step":
            yield from self._step(line, fact)
        elif line.kind == "tool_call" or line.status == "error" or self._is_call(line, fact):
            yield self._heading("Tool call" if line.kind == "tool_call" else "Span", line)
            yield from self._value("Arguments", fact.args)
            yield from self._value("Result", fact.result)
            self._told["tool result", readable(fact.result)] += 1

    def _is_call(self, line: SpanLine, fact: Fact) -> bool:
        """Whether it is the lookup or the guard of another framework, not what it wraps around others."""
        return line.span_id not in self._inner and (fact.args is not None or fact.result is not None)

    def _run(self, line: SpanLine, fact: Fact) -> Iterator[str]:
        if line.span_id != self._top:
            yield self._heading("Agent", line)
        yield from self._instructions(fact)
        asked = takewhile(lambda piece: piece.role not in ("assistant", "tool"), pieces(fact.input))
        yield from self._pieces(asked, is_new=True)
        self._open.append((line, fact))

    def _step(self, line: SpanLine, fact: Fact) -> Iterator[str]:
        yield self._heading("Step", line)
        yield from self._instructions(fact)
        yield from self._pieces(pieces(fresh(fact, self._last.get(line.agent))), is_new=False)
        yield from self._pieces(pieces(fact.output), is_new=True)
        self._last[line.agent] = fact

    def _instructions(self, fact: Fact) -> Iterator[str]:
        if fact.system and fact.system != self._system:
            self._system = fact.system
            yield from self._pieces(pieces(fact.system, "system"), is_new=True)

    def close(self, depth: int) -> Iterator[str]:
        """End the agents that are as deep, or deeper, with what they answered, if their last step has not said it."""
        while self._open and self._open[-1][0].depth >= depth:
            _, fact = self._open.pop()
            answer = [each for each in pieces(fact.output) if each.text.strip() != self._answer]
            if answer:
                yield f"\n{'#' * self._level()} Answer\n"
                yield from self._pieces(iter(answer), is_new=True)

    def _level(self) -> int:
        return min(2 + len(self._open[1:]), _MAX_LEVEL)

    def _heading(self, what: str, line: SpanLine) -> str:
        took = duration(line.end_ns - line.start_ns) if line.end_ns else "not ended"
        money = cost(line.cost) if line.cost is not None else ""
        failed = _inline(": ".join(filter(None, (line.error_type, line.status_message))) or "failed")
        about = ", ".join(filter(None, (took, _tokens(line), money, failed if line.status == "error" else "")))
        return f"\n{'#' * self._level()} {what}: {_inline(line.name)}\n\n{about}\n"

    def _pieces(self, found: Iterator[Piece], *, is_new: bool) -> Iterator[str]:
        for piece in found:
            key = (piece.kind, piece.text)
            if is_new:
                self._told[key] += 1
            elif self._told[key]:
                self._told[key] -= 1
                continue
            if piece.role == "assistant" and piece.kind == "text":
                self._answer = piece.text.strip()
            yield f"\n**{_inline(piece.label)}**\n\n{_fenced(piece.text, 'json' if piece.is_json else 'text')}"

    def _value(self, name: str, value: object) -> Iterator[str]:
        if value is not None:
            yield f"\n**{name}**\n\n{_fenced(readable(value), 'text' if isinstance(value, str) else 'json')}"


_MARKUP: Final = re.compile(r"([\\`*\[\]<>&#|~!]|\b_|_\b)")
_FENCE: Final = re.compile("`{3,}")


def _inline(text: str) -> str:
    """On one line, and nothing but text."""
    return _MARKUP.sub(r"\\\1", shown(" ".join(text.split())))


def _fenced(text: str, language: str) -> str:
    """In a fence that is longer than any in it."""
    text = shown(text)
    fence = "`" * max([3, *(len(each) + 1 for each in _FENCE.findall(text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
