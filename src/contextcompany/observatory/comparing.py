"""Two runs side by side: which of their steps and tool calls belong together, and what is different in them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from hashlib import blake2b
from itertools import chain, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import queries
from contextcompany.observatory.contexts import Change, Comparison, Pair, Total
from contextcompany.observatory.transcript import fresh, readable, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contextcompany.observatory.contexts import Run, SpanLine, Whole
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.store import Store

__all__ = ["compare", "is_different"]

_MAX_TEXT: Final = 200_000
"""Characters of a text that are compared."""

_MAX_LINES: Final = 200
"""Lines of a diff."""

_MAX_LINE: Final = 2000
"""Characters of a line of a diff."""

_MAX_SHOWN: Final = 200
"""Characters of a text that stand for it beside its diff."""

_WINDOW: Final = 1000
"""Spans that are aligned at once where there is nothing that both runs have just once."""

_SAME_NS: Final = 10 * 10**6
_SAME_SHARE: Final = 0.1
"""Spans that took almost equally long took equally long: within 10 ms, or a tenth."""


def compare(store: Store, before: Whole, after: Whole) -> Comparison:
    """What is different in `after`."""
    of_before, of_after = _places(store, before), _places(store, after)
    pairs = [_pair(one, other) for one, other in _aligned(of_before, of_after)]
    return Comparison(
        before.run,
        after.run,
        _text("prompt", _asked(of_before), _asked(of_after)),
        _text("response", _answered(of_before), _answered(of_after)),
        [*_totals(before.run, after.run)],
        pairs,
    )


class _Place(NamedTuple):
    """A span in its run, ready to be compared."""

    line: SpanLine
    texts: dict[str, str]
    """What it says at length, in the words of `Change.what`."""
    values: dict[str, Any]
    """What else it says."""
    key: tuple[str, ...]
    """Spans that can belong together have the same."""
    exact: bytes
    """Those that were also asked the same, or given it, have this in common too."""


def _places(store: Store, whole: Whole) -> list[_Place]:
    lines = {line.span_id: line for line in whole.spans}
    last: dict[str | None, Fact] = {}
    made = []
    for span_id, fact in queries.facts(store, whole.run.trace_id, lines):
        line = lines[span_id]
        texts = _texts(fact, last.get(line.agent))
        if fact.kind == "step":
            last[line.agent] = fact
        name = "" if line.kind == "step" else line.name
        agent = "" if line.agent == whole.run.agent else line.agent or ""  # of the run itself, which may be renamed
        key = ("top",) if span_id == whole.run.top else (line.kind, agent, name)
        digest = blake2b("\0".join([*key, texts["prompt"], texts["args"]]).encode(errors="replace"), digest_size=16)
        made.append(_Place(line, texts, _values(line, fact), key, digest.digest()))
    return made


def _texts(fact: Fact, before: Fact | None) -> dict[str, str]:
    return {
        "system": written(fact.system, "system"),
        "prompt": written(fresh(fact, before)),
        "response": written(fact.output),
        "args": readable(fact.args, is_sorted=True),
        "result": readable(fact.result, is_sorted=True),
        "tool_definitions": readable(fact.tool_definitions, is_sorted=True),
        "parameters": readable(fact.parameters or None, is_sorted=True),
    }


def _asked(places: list[_Place]) -> str:
    """What the run was asked: what its topmost span says, else the first step."""
    said = [each for each in places if each.key == ("top",)] + [each for each in places if each.line.kind == "step"]
    return next((each.texts["prompt"] for each in said if each.texts["prompt"]), "")


def _answered(places: list[_Place]) -> str:
    """What the run answered: what its topmost span says, else the last step."""
    steps = [each for each in reversed(places) if each.line.kind == "step"]
    said = [each for each in places if each.key == ("top",)] + steps
    return next((each.texts["response"] for each in said if each.texts["response"]), "")


def is_different(pair: Pair) -> bool:
    """Whether it is different in more than how long it took, as any two runs are."""
    return pair.before is None or pair.after is None or any(each.what not in _QUIET for each in pair.changes)


_QUIET: Final = frozenset({"duration_ns"})


# --- what belongs together -------------------------------------------------------------------------------------------

_Couple = tuple["_Place | None", "_Place | None"]
_Part = tuple[Sequence["_Place"], Sequence["_Place"]]


def _aligned(before: list[_Place], after: list[_Place]) -> Iterator[_Couple]:
    """All spans of both in order. What was asked the same goes together; between such, what is of the same kind."""
    for some, others in chain.from_iterable(map(_windows, _between(before, after))):
        for is_same, one, other in _blocks(some, others, attrgetter("exact")):
            if is_same:
                yield from zip(one, other, strict=True)
            else:
                yield from _alike(one, other)


def _alike(before: Sequence[_Place], after: Sequence[_Place]) -> Iterator[_Couple]:
    for is_alike, one, other in _blocks(before, after, attrgetter("key")):
        if is_alike:
            yield from zip(one, other, strict=True)
        else:
            yield from ((each, None) for each in one)
            yield from ((None, each) for each in other)


def _between(before: list[_Place], after: list[_Place]) -> Iterator[_Part]:
    """Both in parts, each of which begins with a span that is the same and occurs once: as many as are in one order."""
    places = {each.exact: place for place, each in _once(after)}
    found = [(place, places[each.exact]) for place, each in _once(before) if each.exact in places]
    starts = [(0, 0), *_rising(found), (len(before), len(after))]
    for (start, other_start), (end, other_end) in pairwise(starts):
        yield before[start:end], after[other_start:other_end]


def _once(places: list[_Place]) -> list[tuple[int, _Place]]:
    counts = Counter(each.exact for each in places)
    return [(place, each) for place, each in enumerate(places) if counts[each.exact] == 1]


def _rising(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest of the rows in these couples, sorted by the first, in which the second rises too."""
    ends: list[int] = []  # the smallest end of a row of each length
    rows: list[Any] = []  # that row, from its end
    for place, other in found:
        length = bisect_left(ends, other)
        row = (place, other, rows[length - 1] if length else None)
        ends[length : length + 1] = [other]
        rows[length : length + 1] = [row]
    made = []
    last = rows[-1] if rows else None
    while last is not None:
        made.append(last[:2])
        last = last[2]
    return made[::-1]


def _windows(part: _Part) -> Iterator[_Part]:
    """What is long is aligned piece by piece: the time that it takes grows with the square."""
    before, after = part
    for start in range(0, max(len(before), len(after)), _WINDOW):
        yield before[start : start + _WINDOW], after[start : start + _WINDOW]


def _blocks(
    before: Sequence[_Place], after: Sequence[_Place], key: Callable[[_Place], Any]
) -> Iterator[tuple[bool, Sequence[_Place], Sequence[_Place]]]:
    matcher = SequenceMatcher(None, [*map(key, before)], [*map(key, after)], autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        yield tag == "equal", before[start:end], after[other_start:other_end]


# --- what is different -----------------------------------------------------------------------------------------------


def _pair(before: _Place | None, after: _Place | None) -> Pair:
    line = next(each.line for each in (after, before) if each)
    made = _changes(before, after) if before and after else _whole(before, after)
    return Pair(line.kind, line.name, before and before.line, after and after.line, [*made])


def _whole(before: _Place | None, after: _Place | None) -> Iterator[Change]:
    """What a span says that came or went."""
    for what in ("prompt", "response", "args", "result"):
        if changed := _text(what, before.texts[what] if before else "", after.texts[what] if after else ""):
            yield changed


def _changes(before: _Place, after: _Place) -> Iterator[Change]:
    for what in before.texts:
        if changed := _text(what, before.texts[what], after.texts[what]):
            yield changed
    for what, one in before.values.items():
        other = after.values[what]
        if one != other and not (what == "duration_ns" and _is_about(one, other)):
            yield Change(what, one, other, [], False)


def _values(line: SpanLine, fact: Fact) -> dict[str, Any]:
    return {
        "name": None if line.kind == "step" else line.name,
        "model": line.model,
        "status": line.status,
        "error": ": ".join(filter(None, (line.error_type, line.status_message))) or None,
        "finish_reason": fact.finish_reason,
        "input_tokens": line.input_tokens,
        "cached_tokens": line.cached_tokens,
        "output_tokens": line.output_tokens,
        "cost": line.cost,
        "duration_ns": line.end_ns - line.start_ns if line.end_ns else None,
    }


def _is_about(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= max(_SAME_NS, _SAME_SHARE * one)


def _text(what: str, before: str, after: str) -> Change | None:
    if before == after:
        return None
    lines, is_cut = _diff(before, after)
    return Change(what, before[:_MAX_SHOWN], after[:_MAX_SHOWN], lines, is_cut)


def _diff(before: str, after: str) -> tuple[list[str], bool]:
    is_cut = max(len(before), len(after)) > _MAX_TEXT
    made: list[str] = []
    for line in unified_diff(before[:_MAX_TEXT].splitlines(), after[:_MAX_TEXT].splitlines(), lineterm="", n=2):
        if len(made) == _MAX_LINES:
            return made, True
        if not line.startswith(("---", "+++")) or made:
            is_cut = is_cut or len(line) > _MAX_LINE
            made.append(line[:_MAX_LINE])
    return made, is_cut


def _totals(before: Run, after: Run) -> Iterator[Total]:
    for what in _TOTALS:
        one, other = getattr(before, what), getattr(after, what)
        is_known = one is not None and other is not None
        yield Total(what, one, other, other - one if is_known else None, other / one - 1 if is_known and one else None)


_TOTALS: Final = (
    "duration_ns",
    "cost",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "steps",
    "tool_calls",
    "errors",
    "spans",
)
