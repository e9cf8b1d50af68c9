"""Two runs side by side, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from contextcompany import _words
from contextcompany.observatory import words
from contextcompany.observatory.comparing import is_different

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.contexts import Change, Comparison, Pair, Run, Total

__all__ = ["shown"]

_KINDS: Final = {"step": "step", "tool_call": "tool call", "run": "run", "other": "span"}


def shown(found: Comparison, *, is_all: bool) -> str:
    """A comparison in lines; only what is different, unless all is wanted."""
    blocks = [[f"--- {_run(found.before)}", f"+++ {_run(found.after)}"], _totals(found, is_all=is_all)]
    wanted = [each for each in found.pairs if is_all or is_different(each)]
    blocks += [[*_pair(each)] for each in wanted]
    if left := len(found.pairs) - len(wanted):
        verb, them = ("says", "it") if left == 1 else ("say", "them")
        blocks.append([f"{_words.counted(left, 'span')} {verb} the same (--all shows {them})."])
    # What models said is in it, which the terminal must not obey.
    return "\n\n".join("\n".join(map(words.shown, block)) for block in blocks if block)


def _totals(found: Comparison, *, is_all: bool) -> list[str]:
    rows = [_total(each) for each in found.totals if is_all or each.before != each.after]
    if is_all or found.before.state != found.after.state:
        rows.insert(0, ["status", found.before.state, found.after.state, ""])
    return _words.aligned(rows)


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
    return words.cost(value) if what == "cost" else words.count(int(value))


def _pair(pair: Pair) -> Iterator[str]:
    sign = "+" if pair.before is None else "-" if pair.after is None else "~" if pair.changes else " "
    line = pair.after or pair.before
    depth = line.depth if line else 0
    yield f"{sign} {'  ' * depth}{_KINDS[pair.kind]} {pair.name}"
    for change in pair.changes:
        yield from (f"    {'  ' * depth}{each}" for each in _change(change))


def _change(change: Change) -> Iterator[str]:
    what = change.what.removesuffix("_ns").replace("_", " ")
    if not change.diff:
        yield f"{what}: {_value(change.what, change.before)} → {_value(change.what, change.after)}"
        return
    yield f"{what}:"
    yield from (f"  {each}" for each in change.diff if not each.startswith("@@"))
    if change.is_cut:
        yield "  … and more"


def _value(what: str, value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _amount(what, value)
    return "none" if value is None else str(value)
