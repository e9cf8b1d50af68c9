"""`contextcompany show`: one run as a tree, one of its spans in full, or what was said in it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from contextcompany import _trees, _words, semconv
from contextcompany._terminal import Text, terminal_of
from contextcompany._trees import Row
from contextcompany.commands import CommandError, cells, naming, say
from contextcompany.commands.spans import span_text
from contextcompany.commands.store import opened, say_context
from contextcompany.commands.talk import talk_text, whole_talk
from contextcompany.observatory import queries

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from contextcompany._terminal import Terminal
    from contextcompany._trees import Piece
    from contextcompany.observatory.contexts import Feedback, Run, SpanDetail, SpanLine, Whole
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.store import Store

__all__ = ["show"]

_MAX_ROWS = 200
"""Rows of one tree; the rest is counted."""

_MAX_NAMED = 5
"""Spans that are named where a beginning may mean several."""


def show(options: argparse.Namespace) -> int:
    """A run, by its id or how that begins."""
    with opened(options) as store:
        whole = _found(store, options.run)
        shown: object
        if options.span is not None:
            detail = _span(store, whole, options.span)
            shown = detail if options.json else span_text(detail, terminal_of(sys.stdout))
        elif options.conversation:
            talk = whole_talk(store, whole)
            if not talk.exchanges:
                raise CommandError("Nothing that was said in this run is here.")
            shown = talk if options.json else talk_text(talk.exchanges, terminal_of(sys.stdout))
        else:
            shown = whole if options.json else _tree(store, whole, terminal_of(sys.stdout))
    (say_context if options.json else say)(shown)
    return 0


def _found(store: Store, wanted: str) -> Whole:
    whole = queries.run(store, naming.meant(store, wanted))
    if whole is None:
        raise CommandError(f"Run `{wanted}` was just deleted.")
    return whole


# --- the tree --------------------------------------------------------------------------------------------------------


class _Node(NamedTuple):
    """A span, and those under it."""

    line: SpanLine
    children: list[_Node]


def _nodes(lines: Iterable[SpanLine]) -> list[_Node]:
    """The topmost spans, with all that is under them."""
    top: list[_Node] = []
    by_id: dict[str, _Node] = {}
    for line in lines:
        node = by_id[line.span_id] = _Node(line, [])
        (by_id[line.parent_id].children if line.parent_id in by_id else top).append(node)
    return top


class _Drawing(NamedTuple):
    """What rows are made of."""

    store: Store
    run: Run
    now_ns: int
    terminal: Terminal


def _tree(store: Store, whole: Whole, terminal: Terminal) -> str:
    drawing = _Drawing(store, whole.run, time.time_ns(), terminal)
    top = _nodes(whole.spans)
    if len(top) == 1 and top[0].line.span_id == whole.run.top:
        top = top[0].children
    rows = list(_trees.guided(top, terminal))
    shown = [(guide, _row(node.line, drawing)) for guide, node in rows[:_MAX_ROWS]]
    run_id = whole.run.run_id or whole.run.trace_id
    ids = _trees.ids(run_id, whole.run.session_id, terminal)
    above = _trees.head(_head(whole, drawing), ids, terminal, is_followed=bool(rows))
    tree = above + _trees.lines(shown, len(rows) - len(shown), terminal)
    return (tree + "".join(_feedback_line(each, terminal) for each in whole.feedback)).rstrip("\n")


def _head(whole: Whole, drawing: _Drawing) -> Row:
    run, terminal = whole.run, drawing.terminal
    arrow = f" {terminal.glyphs.arrow} "
    said = [("", Text(f'"{terminal.safe(run.prompt)}"', "dim"))] if run.prompt else []
    said += [(arrow, Text(f'"{terminal.safe(run.response)}"', "dim"))] if run.response else []
    wrong = run.status_message or run.error_type
    if run.state == "lost":
        wrong = f"Nothing came of it for {cells.age(run.seen_ns, drawing.now_ns)}."
    return Row(
        cells.sign(run.state, terminal),
        Text(terminal.safe(run.name) or "run", "bold"),
        cells.time_taken(run, drawing.now_ns),
        _facts_of_run(whole, terminal, in_brief=False),
        _facts_of_run(whole, terminal, in_brief=True),
        "",
        said,
        _wrong(run.state, wrong, terminal),
    )


def _facts_of_run(whole: Whole, terminal: Terminal, *, in_brief: bool) -> str:
    run = whole.run
    counts = [_words.counted(each, noun) for each, noun in ((run.steps, "step"), (run.tool_calls, "tool")) if each]
    used = _trees.tokens(
        run.input_tokens,
        run.output_tokens,
        run.cached_tokens,
        run.reasoning_tokens,
        terminal,
        in_brief=in_brief,
    )
    is_calculated = any(line.cost_source == semconv.TccCostSourceValues.CALCULATED for line in whole.spans)
    cost = "cost unknown" if run.unpriced else ""
    if run.cost is not None:
        cost = _trees.price(run.cost, terminal, is_calculated=is_calculated, has_gaps=bool(run.unpriced))
    return terminal.glyphs.dot.join(filter(None, [*counts, used, cost]))


def _row(line: SpanLine, drawing: _Drawing) -> Row:
    terminal = drawing.terminal
    detail = queries.span(drawing.store, drawing.run.trace_id, line.span_id)
    fact = None if detail is None else detail.fact
    state = line.status if line.end_ns else drawing.run.state
    ends_ns = line.end_ns or drawing.now_ns
    is_lost = not line.end_ns and state == "lost"
    return Row(
        cells.sign(state, terminal),
        Text(_label(line, fact, terminal), _STYLES.get(line.kind, "dim")),
        "" if is_lost else _words.duration((ends_ns - line.start_ns) / 1e9),
        _facts(line, fact, terminal, in_brief=False),
        _facts(line, fact, terminal, in_brief=True),
        terminal.safe(fact.incomplete or "") if fact is not None else "",
        [] if fact is None else _said(fact, terminal),
        _wrong(state, line.status_message or line.error_type, terminal),
    )


_STYLES = {"run": "bold", "step": "", "tool_call": "cyan"}


def _label(line: SpanLine, fact: Fact | None, terminal: Terminal) -> str:
    operation = fact.operation if fact is not None and line.kind == "step" else None
    return terminal.safe(" ".join(dict.fromkeys(filter(None, [operation, line.name]))))  # a step may have no name


def _facts(line: SpanLine, fact: Fact | None, terminal: Terminal, *, in_brief: bool) -> str:
    """Tokens and cost of a step, as far as they count, and why it stopped where that is remarkable."""
    if line.kind != "step":
        return ""
    used = _trees.tokens(
        line.input_tokens, line.output_tokens, line.cached_tokens, line.reasoning_tokens, terminal, in_brief=in_brief
    )
    is_calculated = line.cost_source == semconv.TccCostSourceValues.CALCULATED
    cost = "" if line.cost is None else _trees.price(line.cost, terminal, is_calculated=is_calculated, has_gaps=False)
    reason = fact.finish_reason if fact is not None and fact.finish_reason in _REMARKABLE else None
    return terminal.glyphs.dot.join(filter(None, [used, cost, terminal.safe(reason or "")]))


_REMARKABLE = {
    semconv.GenAiResponseFinishReasonsValues.CONTENT_FILTER,
    semconv.GenAiResponseFinishReasonsValues.ERROR,
    semconv.GenAiResponseFinishReasonsValues.LENGTH,
    "max_tokens",
}
"""Reasons to finish that are shown: the answer is not what it should have been."""


def _said(fact: Fact, terminal: Terminal) -> list[Piece]:
    arrow = f" {terminal.glyphs.arrow} "
    given = (
        _trees.gist(fact.args, terminal) if fact.kind in {"tool_call", "other"} and fact.args not in ({}, []) else ""
    )
    came = _trees.gist(fact.result if fact.kind in {"tool_call", "other"} else fact.output, terminal)
    return [*([("", Text(given, "dim"))] if given else []), *([(arrow, Text(came, "dim"))] if came else [])]


def _wrong(state: str, message: str | None, terminal: Terminal) -> list[Piece]:
    """What went wrong."""
    text = terminal.safe(message or "") if state != "ok" else ""
    return [("  ", Text(text, "red" if state == "error" else "yellow"))] if text else []


def _feedback_line(feedback: Feedback, terminal: Terminal) -> str:
    score, text = cells.score(feedback.label, feedback.value, terminal), cells.said(feedback.text, terminal)
    return terminal.line(Text("feedback  ", "dim"), score, Text("  " if score.plain else ""), text)


# --- one span --------------------------------------------------------------------------------------------------------


def _span(store: Store, whole: Whole, wanted: str) -> SpanDetail:
    like = [line.span_id for line in whole.spans if line.span_id.startswith(wanted.lower().rstrip("…"))]
    if len(like) > 1:
        raise CommandError(
            f"`{wanted}` begins the ids of {len(like):,} spans of this run: {', '.join(like[:_MAX_NAMED])}…"
        )
    detail = queries.span(store, whole.run.trace_id, like[0]) if like else None
    if detail is None:
        raise CommandError(f"There is no span `{wanted}` in this run.")
    return detail
