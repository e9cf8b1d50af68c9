"""Prints finished runs as trees, for people at a terminal."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, TextIO

from contextcompany import _diagnostics, _trees, _words
from contextcompany._data import ERROR, OK, PARTIAL
from contextcompany._reading import (
    RecordedRun,
    RecordedStep,
    RecordedTokens,
    RecordedToolCall,
    belongs_to,
    is_run,
    read_loose,
    read_runs,
    walk,
)
from contextcompany._recording import open_runs
from contextcompany._terminal import Text, terminal_of
from contextcompany._trees import Row
from contextcompany.semconv import ErrorTypeValues, GenAiResponseFinishReasonsValues, TccCostSourceValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.sdk.trace import ReadableSpan

    from contextcompany._reading import Recorded
    from contextcompany._terminal import Terminal
    from contextcompany._trees import Piece

__all__ = ["Console"]

_MAX_OPEN = 1000
"""Traces whose spans are kept until their run ends; the oldest is forgotten first."""

_MAX_PRINTED = 1000
"""Printed runs that are remembered, to tell what comes late."""

_MAX_ROWS = 200
"""Rows of one tree; the rest is counted."""

_WAIT_S = 1.0


class Console:
    """Collects ended spans and prints each run, with all that is in it, when it ends.

    A run inside another run of this process is printed with that one. May be fed from any thread. Each run is one
    `write()`; a stream that fails is left alone.

    Args:
        stream: Where to print; by default what `sys.stderr` is at that moment.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        # Reentrant: an abandoned run may be garbage-collected, and so ended, on the thread that is printing.
        self._lock = threading.RLock()
        self._open: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._printed: OrderedDict[str, None] = OrderedDict()

    def put(self, span: ReadableSpan) -> None:
        """Take an ended span, and print what it completes."""
        # Not for ever: in a forked child, the thread that held the lock does not exist.
        if not self._lock.acquire(timeout=_WAIT_S):
            return
        try:
            self._put(span)
        except Exception:  # noqa: BLE001 - the one place where printing fails towards the user
            _diagnostics.internal_error("printing a run")
        finally:
            self._lock.release()

    def _put(self, span: ReadableSpan) -> None:
        context, run_id = span.get_span_context(), belongs_to(span)
        if context is None:
            return
        collected = self._open.pop(context.trace_id, [])
        collected.append(span)
        if is_run(span):
            if not _is_in_open_run(span):
                runs = read_runs(collected)
                self._remember(runs)
                self._write(_tree, runs)
                return
        elif (is_late := run_id in self._printed and run_id not in open_runs) or _has_no_parent_here(span):
            # Its run has ended, or is in another process: nothing that is still to come would print it.
            self._write(_late if is_late else _tree, read_loose(_take_tree(collected, span)))
        if collected and (meanwhile := self._open.setdefault(context.trace_id, collected)) is not collected:
            meanwhile[:0] = collected  # spans that were garbage-collected while this one was looked at
        if len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)

    def _remember(self, runs: list[RecordedRun]) -> None:
        self._printed.update((value.run_id, None) for value in walk(runs) if isinstance(value, RecordedRun))
        while len(self._printed) > _MAX_PRINTED:
            self._printed.popitem(last=False)

    def _write(self, drawn: Callable[[Recorded, Terminal], str], values: Iterable[Recorded]) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        terminal = terminal_of(stream)
        text = "".join(drawn(value, terminal) for value in values)
        if not text:
            return
        try:
            stream.write(text)
            stream.flush()
        except Exception:  # noqa: BLE001 - closed, a notebook's, or None as under pythonw: it may raise anything
            _diagnostics.count("console")


def _has_no_parent_here(span: ReadableSpan) -> bool:
    return span.parent is None or span.parent.is_remote


def _is_in_open_run(span: ReadableSpan) -> bool:
    context = span.get_span_context()
    if context is None or _has_no_parent_here(span):
        return False
    others = [run for reference in list(open_runs.values()) if (run := reference()) is not None]
    return any(run.span.get_span_context().trace_id == context.trace_id for run in others)


def _take_tree(collected: list[ReadableSpan], top: ReadableSpan) -> list[ReadableSpan]:
    """Remove from `collected`, in which children come before their parents, what is in `top`; return it."""
    taken, left, ids = [], [], set()
    for span in reversed(collected):
        context = span.get_span_context()
        if span is top or (span.parent is not None and span.parent.span_id in ids):
            taken.append(span)
            ids.add(context.span_id if context is not None else 0)
        else:
            left.append(span)
    collected[:] = reversed(left)
    return taken


# --- trees -----------------------------------------------------------------------------------------------------------


def _tree(value: Recorded, terminal: Terminal) -> str:
    """A run, or what has none here, with all that is in it."""
    inside = list(_trees.guided(value.children, terminal))
    shown = [(guide, _row(each, terminal)) for guide, each in inside[:_MAX_ROWS]]
    top = _row(value, terminal, is_top=True)
    above = _trees.head(top, _ids(value, terminal), terminal, is_followed=bool(value.children))
    return above + _trees.lines(shown, len(inside) - len(shown), terminal)


def _late(value: Recorded, terminal: Terminal) -> str:
    """One line for each that ended after its run was printed."""
    lines = []
    for each in walk([value]):
        row = _row(each, terminal)
        start = [Text("  + late: ", "yellow"), row.sign, Text(" "), row.label, Text("  " + row.duration)]
        parts = _trees.beginning(start, row, terminal)
        lines.append(terminal.line(*parts, Text(" " * _trees.GAP), Text(_ids(each, terminal), "dim")))
    return "".join(lines)


# --- the parts of a line ---------------------------------------------------------------------------------------------

_LABELS = {RecordedRun: "bold", RecordedStep: "", RecordedToolCall: "cyan"}


def _row(value: Recorded, terminal: Terminal, *, is_top: bool = False) -> Row:
    asked = _input(value, terminal) if is_top or isinstance(value, RecordedToolCall) else []
    return Row(
        _sign(value, terminal),
        Text(_label(value, terminal), "bold" if is_top else _LABELS[type(value)]),
        _duration(value),
        _facts(value, terminal),
        _facts(value, terminal, in_brief=True),
        terminal.safe(value.incomplete or ""),
        [*asked, *_output(value, terminal)],
        _message(value, terminal),
    )


def _sign(value: Recorded, terminal: Terminal) -> Text:
    glyphs = terminal.glyphs
    return {OK: Text(glyphs.success, "green"), PARTIAL: Text(glyphs.partial, "yellow")}.get(
        value.status, Text(glyphs.error, "red")
    )


def _label(value: Recorded, terminal: Terminal) -> str:
    if isinstance(value, RecordedStep):
        words = [
            value.declared[0] if value.declared else value.operation,
            value.model_requested or value.model_used or "",
        ]
        return terminal.safe(" ".join(words))
    if isinstance(value, RecordedRun):
        return terminal.safe(value.agent or "") or "run"
    return terminal.safe(value.name or "") or "tool"


def _duration(value: Recorded) -> str:
    waited = value.waiting_s if isinstance(value, RecordedRun) else None
    if waited is None:
        return _words.duration(value.duration_s)
    return f"{_words.duration(value.duration_s - waited)} + {_words.duration(waited)} waiting"


def _ids(value: Recorded, terminal: Terminal) -> str:
    return _trees.ids(value.run_id, value.session_id if isinstance(value, RecordedRun) else None, terminal)


def _input(value: Recorded, terminal: Terminal) -> list[Piece]:
    given = value.args if isinstance(value, RecordedToolCall) else value.prompt
    gist = _trees.gist(given, terminal) if given not in ([], {}) else ""
    return [("", Text(gist, "dim"))] if gist else []


def _output(value: Recorded, terminal: Terminal) -> list[Piece]:
    gist = _trees.gist(value.result if isinstance(value, RecordedToolCall) else value.response, terminal)
    return [(f" {terminal.glyphs.arrow} ", Text(gist, "dim"))] if gist else []


def _message(value: Recorded, terminal: Terminal) -> list[Piece]:
    """What went wrong."""
    if value.status == OK:
        return []
    kind = value.error_type if value.error_type != ErrorTypeValues.OTHER else None
    text = terminal.safe(value.status_message or kind or "")
    return [("  ", Text(text, "red" if value.status == ERROR else "yellow"))] if text else []


# --- numbers ---------------------------------------------------------------------------------------------------------

_REMARKABLE = {
    GenAiResponseFinishReasonsValues.CONTENT_FILTER,
    GenAiResponseFinishReasonsValues.ERROR,
    GenAiResponseFinishReasonsValues.LENGTH,
    "max_tokens",
}
"""Reasons to finish that are shown: the answer is not what it should have been."""


def _facts(value: Recorded, terminal: Terminal, *, in_brief: bool = False) -> str:
    """Counts, tokens and cost: of a run in sum, of a step its own."""
    facts: list[str] = []
    if isinstance(value, RecordedRun):
        total = _total(value)
        facts += [_counted(total.steps, "step"), _counted(total.tool_calls, "tool")]
        facts += [
            _token_counts(total.tokens, terminal, in_brief=in_brief),
            _price(total.costs, terminal, has_gaps=total.has_gaps),
        ]
    elif isinstance(value, RecordedStep):
        facts += [_token_counts([value.tokens], terminal, in_brief=in_brief), _price([value], terminal, has_gaps=False)]
        if value.finish_reason in _REMARKABLE:
            facts.append(terminal.safe(value.finish_reason or ""))
    return terminal.glyphs.dot.join(fact for fact in facts if fact)


class _Total:
    """What a run and everything in it add up to, each request to an LLM counted once."""

    def __init__(self) -> None:
        self.steps = 0
        self.tool_calls = 0
        self.tokens: list[RecordedTokens] = []
        self.costs: list[RecordedStep] = []
        self.has_gaps = False
        """Some step used tokens, and nobody knows what they cost."""

    def add(self, step: RecordedStep, *, tokens_known: bool, cost_known: bool) -> None:
        if step.tokens != RecordedTokens() and not tokens_known:
            self.tokens.append(step.tokens)
        if cost_known:
            return
        if step.cost is not None:
            self.costs.append(step)
        elif step.tokens != RecordedTokens() and all(each.cost is None for each in step.steps):
            self.has_gaps = True


def _total(run: RecordedRun) -> _Total:
    """A step directly in a step is the same request recorded twice, say by an instrumented client: the outer counts."""
    total = _Total()
    waiting: list[tuple[Recorded, bool, bool, bool]] = [(run, False, False, False)]
    while waiting:
        value, is_repeated, tokens_known, cost_known = waiting.pop()
        if isinstance(value, RecordedStep) and value.is_counted_inside:
            waiting += [(each, is_repeated, tokens_known, cost_known) for each in value.steps]
        elif isinstance(value, RecordedStep):
            total.steps += not is_repeated
            total.add(value, tokens_known=tokens_known, cost_known=cost_known)
            tokens_known = tokens_known or value.tokens != RecordedTokens()
            cost_known = cost_known or value.cost is not None
            waiting += [(each, True, tokens_known, cost_known) for each in value.steps]
        else:
            total.tool_calls += isinstance(value, RecordedToolCall)
            waiting += [(each, False, False, False) for each in value.steps]
        waiting += [(each, False, False, False) for each in value.tool_calls]
        waiting += [(each, False, False, False) for each in value.runs]
    return total


def _counted(count: int, noun: str) -> str:
    return _words.counted(count, noun) if count else ""


def _token_counts(tokens: list[RecordedTokens], terminal: Terminal, *, in_brief: bool) -> str:
    came, went, cached, reasoning = (
        _sum(getattr(each, name) for each in tokens) for name in ("input", "output", "cached", "reasoning")
    )
    return _trees.tokens(came, went, cached, reasoning, terminal, in_brief=in_brief)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _price(steps: list[RecordedStep], terminal: Terminal, *, has_gaps: bool) -> str:
    known = [step.cost for step in steps if step.cost is not None]
    is_calculated = any(step.cost_source == TccCostSourceValues.CALCULATED for step in steps)
    return _trees.price(sum(known), terminal, is_calculated=is_calculated, has_gaps=has_gaps) if known else ""
