"""Two runs side by side, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contextcompany import _words
from contextcompany._terminal import Text
from contextcompany.observatory import words
from contextcompany.observatory.comparing import is_different

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany._terminal import Glyphs, Terminal
    from contextcompany.observatory.contexts import Change, Comparison, Pair, Run, Total

__all__ = ["shown"]

_KINDS: Final = {"step": "step", "tool_call": "tool call", "run": "run", "other": "span"}


def shown(found: Comparison, terminal: Terminal, *, is_all: bool) -> str:
    """A comparison in lines; only what is different, unless all is wanted."""
    heads = [Text(f"--- {_run(found.before)}", "red"), Text(f"+++ {_run(found.after)}", "green")]
    wanted = [each for each in found.pairs if is_all or is_different(each)]
    blocks = [heads, _totals(found, is_all=is_all), *([*_pair(each, terminal.glyphs)] for each in wanted)]
    if left := len(found.pairs) - len(wanted):
        verb, them = ("says", "it") if left == 1 else ("say", "them")
        blocks.append([Text(f"{_words.counted(left, 'span')} {verb} the same (--all shows {them}).", "dim")])
    return "\n\n".join("\n".join(_line(each, terminal) for each in block) for block in blocks if block)


def _line(text: Text, terminal: Terminal) -> str:
    """What models said is in it, which the terminal must not obey."""
    return terminal.styled(" ".join(terminal.safe_lines(text.plain)), text.style)


def _totals(found: Comparison, *, is_all: bool) -> list[Text]:
    rows = [_total(each) for each in found.totals if is_all or each.before != each.after]
    if is_all or found.before.state != found.after.state:
        rows.insert(0, ["status", found.before.state, found.after.state, ""])
    return [Text(each) for each in _words.aligned(rows)]


def _run(run: Run) -> str:
    return f"{run.run_id or run.trace_id}  {run.name}"


def _total(total: Total) -> list[str]:
    share = "" if total.share is None else f"{total.share:+.0%}"
    what = total.what.removesuffix("_ns").replace("_", " ")
    return [what, _amount(total.what, total.before), _amount(total.what, total.after), share]


def _amount(what: str, value: float | None) -> str:
    if value is None:
        return "unknown"
    if what == "duration_ns":
        return words.duration(value)
    return _words.dollars(value) if what == "cost" else words.count(int(value))


def _pair(pair: Pair, glyphs: Glyphs) -> Iterator[Text]:
    sign = "+" if pair.before is None else "-" if pair.after is None else "~" if pair.changes else " "
    line = pair.after or pair.before
    indent = "  " * (line.depth if line else 0)
    yield Text(f"{sign} {indent}{_KINDS[pair.kind]} {pair.name}", "bold")
    for change in pair.changes:
        yield from (Text(f"    {indent}{plain}", style) for plain, style in _change(change, glyphs))


def _change(change: Change, glyphs: Glyphs) -> Iterator[Text]:
    what = change.what.removesuffix("_ns").replace("_", " ")
    if not change.diff:
        before, after = (_value(change.what, each) for each in (change.before, change.after))
        yield Text(f"{what}: {before} {glyphs.arrow} {after}")
        return
    yield Text(f"{what}:")
    for each in change.diff[1:]:
        yield Text(f"  {glyphs.ellipsis if each.startswith('@@') else each}", _STYLES.get(each[:1], ""))
    if change.is_cut:
        yield Text(f"  {glyphs.ellipsis} and more")


_STYLES: Final = {"-": "red", "+": "green", "@": "dim"}


def _value(what: str, value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _amount(what, value)
    return "none" if value is None else str(value)
