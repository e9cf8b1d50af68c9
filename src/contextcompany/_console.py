"""Prints finished runs as trees, for people at a terminal."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import unicodedata
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TextIO

from contextcompany import _diagnostics
from contextcompany._content import as_text
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
from contextcompany.semconv import ErrorTypeValues, GenAiResponseFinishReasonsValues, TccCostSourceValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from contextcompany._reading import Recorded

__all__ = ["Console"]

_MAX_OPEN = 1000
"""Traces whose spans are kept until their run ends; the oldest is forgotten first."""

_MAX_PRINTED = 1000
"""Printed runs that are remembered, to tell what comes late."""

_MAX_ROWS = 200
"""Rows of one tree; the rest is counted."""

_MAX_TEXT = 2000
"""Characters of one text that are looked at: no terminal line holds more."""

_UNKNOWN_WIDTH = 100
_NARROWEST = 40
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

    def _write(self, drawn: Callable[[Recorded, _Terminal], str], values: Iterable[Recorded]) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        terminal = _terminal(stream)
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


# --- the terminal ----------------------------------------------------------------------------------------------------


class _Glyphs(NamedTuple):
    success: str
    partial: str
    error: str
    fork: str
    last: str
    bar: str
    arrow: str
    dot: str
    ellipsis: str
    at_least: str


_UNICODE = _Glyphs("✓", "◐", "✗", "├─ ", "└─ ", "│  ", "→", " · ", "…", "≥ ")
_ASCII = _Glyphs("+", "~", "x", "|- ", "`- ", "|  ", "->", ", ", "...", ">= ")

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class _Text(NamedTuple):
    """Characters in one style."""

    plain: str
    style: str = ""


class _Terminal(NamedTuple):
    """What the stream can show."""

    width: int
    colour: bool
    encoding: str
    glyphs: _Glyphs

    def safe(self, text: str) -> str:
        """The text on one line, with nothing in it that the terminal would obey or could not show."""
        more = text[_MAX_TEXT:]
        text = " ".join(text[:_MAX_TEXT].split())
        if not (text.isascii() and text.isprintable()):
            text = "".join(char if _is_harmless(char) else _escaped(char) for char in text)
            text = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return text + self.glyphs.ellipsis if more else text

    def cut(self, text: str, room: int) -> str:
        """As much of the text as fits."""
        if _columns(text) <= room:
            return text
        room -= len(self.glyphs.ellipsis)
        if room < 1:
            return ""
        used = 0
        for end, char in enumerate(text):
            used += _columns(char)
            if used > room:
                return text[:end].rstrip() + self.glyphs.ellipsis
        return text

    def line(self, *texts: _Text) -> str:
        """One line, cut at the right edge."""
        room, shown = self.width, []
        for plain, style in texts:
            fitting = self.cut(plain, room)
            shown.append(f"\x1b[{_STYLES[style]}m{fitting}\x1b[0m" if fitting and style and self.colour else fitting)
            room -= _columns(fitting)
            if fitting != plain:
                break
        return "".join(shown).rstrip() + "\n"


def _terminal(stream: TextIO | None) -> _Terminal:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    glyphs = _UNICODE
    try:
        "".join(_UNICODE).encode(encoding)
    except UnicodeEncodeError:
        glyphs = _ASCII
    except (LookupError, TypeError):
        glyphs, encoding = _ASCII, "ascii"
    is_tty, columns = False, 0
    with suppress(Exception):  # as in `Console._write`
        is_tty = stream is not None and stream.isatty()
        # The width of this stream, not that of standard output, which may be a file or another window.
        columns = os.get_terminal_size(stream.fileno()).columns if stream is not None and is_tty else 0
    return _Terminal(_width(columns), _wants_colour(is_tty=is_tty), encoding, glyphs)


def _width(columns: int) -> int:
    told = os.environ.get("COLUMNS", "")
    columns = int(told) if told.isdecimal() else columns
    return max(columns, _NARROWEST) if columns else _UNKNOWN_WIDTH


def _wants_colour(*, is_tty: bool) -> bool:
    """As Python itself decides: https://docs.python.org/3/using/cmdline.html#controlling-color."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (is_tty and os.environ.get("TERM") != "dumb")


_JOINERS = "\u200c\u200d"
"""Invisible, but Persian and emoji are written with them."""


def _is_harmless(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
        if char not in _JOINERS and unicodedata.category(char) not in {"Mn", "Me"}
    )


# --- trees -----------------------------------------------------------------------------------------------------------


def _tree(value: Recorded, terminal: _Terminal) -> str:
    """A run, or what has none here, with all that is in it."""
    rows = list(_rows(value, terminal))
    shown = rows[:_MAX_ROWS]
    left = max((_columns(guide) + _columns(_label(each, terminal)) for guide, each in shown), default=0)
    left = min(left, terminal.width // 3)
    times = max((len(_duration(each)) for _, each in shown), default=0)
    lines = _head(value, terminal)
    lines += [_row(guide, each, left, times, terminal) for guide, each in shown]
    if len(rows) > len(shown):
        lines.append(terminal.line(_Text(f"{terminal.glyphs.last}{len(rows) - len(shown):,} more", "dim")))
    return "".join(lines)


def _rows(top: Recorded, terminal: _Terminal) -> Iterator[tuple[str, Recorded]]:
    """What is in `top`, each with the lines that lead to it."""
    glyphs, limit = terminal.glyphs, terminal.width // 3
    waiting = [("", True, child) for child in top.children[-1:]] + [
        ("", False, child) for child in top.children[-2::-1]
    ]
    while waiting:
        guide, is_last, value = waiting.pop()
        yield (guide + (glyphs.last if is_last else glyphs.fork))[-limit:], value
        inner = guide + ("   " if is_last else glyphs.bar)
        waiting += [(inner, True, child) for child in value.children[-1:]]
        waiting += [(inner, False, child) for child in value.children[-2::-1]]


def _head(value: Recorded, terminal: _Terminal) -> list[str]:
    """What stands above the tree: the whole in numbers, the ids, what was asked and answered, what went wrong."""
    first = [*_title(value, "bold", terminal), _Text("  " + _duration(value))]
    first = _with_facts(first, value, terminal)
    ids, bar = _Text(_ids(value, terminal), "dim"), _Text(terminal.glyphs.bar if value.children else "   ", "dim")
    if _total_columns(first) + _GAP + _columns(ids.plain) <= terminal.width:
        first += [_Text(" " * _GAP), ids]
        ids = _Text("")
    lines = [terminal.line(*first)]
    pieces = [*_input(value, terminal), *_output(value, terminal)]
    room = terminal.width - len(bar.plain) - _columns(ids.plain) - (_GAP if ids.plain else 0)
    if pieces or ids.plain:
        said = _fitted(pieces, room, terminal)
        lines.append(terminal.line(bar, *said, _Text(" " * (_GAP if said else 0)), ids))
    lines += [terminal.line(bar, text) for _, text in _message(value, terminal)]
    return lines


_GAP = 3
"""Columns between the facts and the ids."""


def _row(guide: str, value: Recorded, left: int, times: int, terminal: _Terminal) -> str:
    label = terminal.cut(_label(value, terminal), max(left - _columns(guide), 8))
    pad = " " * max(left - _columns(guide) - _columns(label), 0)
    title = [_Text(guide, "dim"), *_mark(value, terminal), _Text(label, _LABELS[type(value)])]
    parts = _with_facts([*title, _Text(f"{pad}  {_duration(value):>{times}}")], value, terminal)
    pieces = [*(_input(value, terminal) if isinstance(value, RecordedToolCall) else []), *_output(value, terminal)]
    said = _fitted([*pieces, *_message(value, terminal)], terminal.width - _total_columns(parts) - 2, terminal)
    return terminal.line(*parts, _Text("  "), *said) if said else terminal.line(*parts)


def _late(value: Recorded, terminal: _Terminal) -> str:
    """One line for each that ended after its run was printed."""
    lines = []
    for each in walk([value]):
        start = [_Text("  + late: ", "yellow"), *_title(each, _LABELS[type(each)], terminal)]
        parts = _with_facts([*start, _Text("  " + _duration(each))], each, terminal)
        lines.append(terminal.line(*parts, _Text(" " * _GAP), _Text(_ids(each, terminal), "dim")))
    return "".join(lines)


# --- the parts of a line ---------------------------------------------------------------------------------------------

_LABELS = {RecordedRun: "bold", RecordedStep: "", RecordedToolCall: "cyan"}


def _after(space: str, text: str) -> str:
    return space + text if text else ""


def _title(value: Recorded, style: str, terminal: _Terminal) -> list[_Text]:
    return [*_mark(value, terminal), _Text(_label(value, terminal), style)]


def _mark(value: Recorded, terminal: _Terminal) -> list[_Text]:
    glyphs = terminal.glyphs
    sign, style = {OK: (glyphs.success, "green"), PARTIAL: (glyphs.partial, "yellow")}.get(
        value.status, (glyphs.error, "red")
    )
    return [_Text(sign, style), _Text(" ")]


def _label(value: Recorded, terminal: _Terminal) -> str:
    if isinstance(value, RecordedStep):
        words = [value.operation, value.model_requested or value.model_used or ""]
        return terminal.safe(" ".join(words))
    if isinstance(value, RecordedRun):
        return terminal.safe(value.agent or "") or "run"
    return terminal.safe(value.name or "") or "tool"


def _duration(value: Recorded) -> str:
    waited = value.waiting_s if isinstance(value, RecordedRun) else None
    if waited is None:
        return _seconds(value.duration_s)
    return f"{_seconds(value.duration_s - waited)} + {_seconds(waited)} waiting"


def _seconds(seconds: float) -> str:
    seconds = max(seconds, 0.0)
    if seconds < 0.00995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60:,}h {minutes % 60:02}m"


def _with_facts(parts: list[_Text], value: Recorded, terminal: _Terminal) -> list[_Text]:
    """The beginning of a line with its numbers: in brief when there is no room for all of them."""
    note = [_Text(f"  (incomplete: {terminal.safe(value.incomplete)})", "yellow")] if value.incomplete else []
    room = terminal.width - _total_columns([*parts, *note])
    facts = _after("  ", _facts(value, terminal))
    if _columns(facts) > room:
        facts = _after("  ", _facts(value, terminal, in_brief=True))
    return [*parts, _Text(facts), *note]


def _total_columns(texts: list[_Text]) -> int:
    return sum(_columns(each.plain) for each in texts)


def _ids(value: Recorded, terminal: _Terminal) -> str:
    run_id = terminal.safe(value.run_id)
    if len(run_id) in (32, 36) and not run_id.strip("0123456789abcdefABCDEF-"):
        run_id = run_id[:8] + terminal.glyphs.ellipsis
    session = terminal.safe(value.session_id or "") if isinstance(value, RecordedRun) else ""
    return f"run {terminal.cut(run_id, 24)}" + _after("  session ", terminal.cut(session, 24))


_Piece = tuple[str, _Text]
"""A text that may be cut, and what stands between it and the one before."""


def _input(value: Recorded, terminal: _Terminal) -> list[_Piece]:
    given = value.args if isinstance(value, RecordedToolCall) else value.prompt
    gist = _gist(given, terminal) if given not in ([], {}) else ""
    return [("", _Text(gist, "dim"))] if gist else []


def _output(value: Recorded, terminal: _Terminal) -> list[_Piece]:
    gist = _gist(value.result if isinstance(value, RecordedToolCall) else value.response, terminal)
    return [(f" {terminal.glyphs.arrow} ", _Text(gist, "dim"))] if gist else []


def _message(value: Recorded, terminal: _Terminal) -> list[_Piece]:
    """What went wrong."""
    if value.status == OK:
        return []
    kind = value.error_type if value.error_type != ErrorTypeValues.OTHER else None
    text = terminal.safe(value.status_message or kind or "")
    return [("  ", _Text(text, "red" if value.status == ERROR else "yellow"))] if text else []


def _fitted(pieces: list[_Piece], room: int, terminal: _Terminal) -> list[_Text]:
    """The pieces, cut so that together they fit."""
    if not pieces:
        return []
    pieces = [(pieces[0][0].lstrip(), pieces[0][1]), *pieces[1:]]
    room -= sum(_columns(space) for space, _ in pieces)
    # What went wrong is cut last.
    *others, last = [_columns(text.plain) for _, text in pieces]
    kept = min(last, room * 2 // 3) if others and pieces[-1][1].style != "dim" else 0
    shares = _shares([*others, last - kept], room - kept)
    shares[-1] += kept
    shown: list[_Text] = []
    for (space, text), share in zip(pieces, shares, strict=True):
        shown += [_Text(space, "dim"), _Text(terminal.cut(text.plain, share), text.style)]
    return shown


def _shares(wanted: list[int], room: int) -> list[int]:
    """The room divided so that nobody gets more than wanted while another gets less than an equal share."""
    shares = [0] * len(wanted)
    room = max(room, 0)
    for rank, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        shares[index] = min(wanted[index], room // (len(wanted) - rank))
        room -= shares[index]
    return shares


# --- content in a few words ------------------------------------------------------------------------------------------


def _gist(value: object, terminal: _Terminal) -> str:
    """Text in quotes, messages by the last one, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f'"{terminal.safe(value)}"'
    return terminal.safe(_last_message(value) or _json(value))


def _last_message(value: object) -> str:
    match value:
        case [*_, {"role": str(), "parts": [_, *_] as parts}]:
            return " ".join(_part(part) for part in parts)
    return ""


def _part(part: object) -> str:
    match part:
        case {"type": "text", "content": str(text)}:
            return f'"{text}"'
        case {"type": "tool_call", "name": str(name), "arguments": arguments}:
            return f"{name}({_json(arguments)})"
        case {"type": "tool_call_response", "response": response}:
            return response if isinstance(response, str) else _json(response)
        case {"type": str(kind)}:
            return f"<{kind}>"
    return _json(part)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return as_text(value)


# --- numbers ---------------------------------------------------------------------------------------------------------

_REMARKABLE = {
    GenAiResponseFinishReasonsValues.CONTENT_FILTER,
    GenAiResponseFinishReasonsValues.ERROR,
    GenAiResponseFinishReasonsValues.LENGTH,
    "max_tokens",
}
"""Reasons to finish that are shown: the answer is not what it should have been."""


def _facts(value: Recorded, terminal: _Terminal, *, in_brief: bool = False) -> str:
    """Counts, tokens and cost: of a run in sum, of a step its own."""
    facts: list[str] = []
    if isinstance(value, RecordedRun):
        total = _total(value)
        facts += [_plural(total.steps, "step"), _plural(total.tool_calls, "tool")]
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


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}" if count else ""


def _token_counts(tokens: list[RecordedTokens], terminal: _Terminal, *, in_brief: bool) -> str:
    sums = {name: _sum(getattr(each, name) for each in tokens) for name in ("input", "output", "cached", "reasoning")}
    if sums["input"] is None and sums["output"] is None:
        return ""
    came, went = ("?" if sums[name] is None else f"{sums[name]:,}" for name in ("input", "output"))
    parts = ", ".join(f"{sums[name]:,} {name}" for name in ("cached", "reasoning") if sums[name])
    return f"{came} {terminal.glyphs.arrow} {went} tokens" + (f" ({parts})" if parts and not in_brief else "")


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _price(steps: list[RecordedStep], terminal: _Terminal, *, has_gaps: bool) -> str:
    """`~` stands before what was calculated rather than told."""
    known = [step.cost for step in steps if step.cost is not None]
    if not known:
        return ""
    is_calculated = any(step.cost_source == TccCostSourceValues.CALCULATED for step in steps)
    return (terminal.glyphs.at_least if has_gaps else "") + ("~" if is_calculated else "") + _dollars(sum(known))


def _dollars(amount: float) -> str:
    if amount == 0:
        return "$0"
    if amount >= 1:
        return f"${amount:,.2f}"
    if amount >= 0.001:
        return f"${amount:.4f}"
    places = 1 - math.floor(math.log10(amount))  # two significant digits, without an exponent
    return f"${amount:.{places}f}"
