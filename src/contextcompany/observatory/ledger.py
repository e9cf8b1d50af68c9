"""Counts tokens and cost once, whoever tells of them how often.

What counts are calls. A span that holds calls – an agent, a workflow, a request – may say their sum, which is not added
again; two spans may tell of one call, and one of them counts. Whatever was said and is not counted has its reason.
"""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.observatory.fold import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from contextcompany.observatory.fold import Fact

__all__ = ["CALCULATED", "Amount", "Entry", "Price", "Totals", "count"]

CALCULATED: Final = "calculated"
"""The source of a cost that was worked out by a price table, as our SDK says it too."""


class Entry(NamedTuple):
    """A span, where it hangs and what it says."""

    span_id: str
    parent_id: str
    fact: Fact
    start_ns: int = 0
    end_ns: int = 0
    """0: it is not known, or it is open."""


class Price(NamedTuple):
    """What a call costs by a price table."""

    cost: float
    source: str


class Amount(NamedTuple):
    """Tokens and cost of a span, or of it and all below."""

    tokens: Tokens = Tokens()
    cost: float | None = None
    """US dollars; `None` when no cost is known. With `unpriced` above zero, it is not all."""
    sources: tuple[str, ...] = ()
    """Where the cost comes from, in order of the alphabet."""
    calls: int = 0
    """Spans that are counted."""
    unpriced: int = 0
    """Those among them that used tokens, and whose cost nobody knows."""


NOTHING = Amount()


class Totals(NamedTuple):
    """What the spans of a trace come to."""

    own: dict[str, Amount]
    """What each span adds to the totals."""
    total: dict[str, Amount]
    """It and all below it."""
    everything: Amount
    """All of them together."""
    not_counted: dict[str, str]
    """Spans that say tokens or a cost which are not added, and why."""


def count(
    entries: Iterable[Entry | tuple[str, str, Fact]], price: Callable[[Entry], Price | None] | None = None
) -> Totals:
    """Count every call among the spans of one trace once.

    Args:
        entries: The spans, in any order, each once. One whose parent is not among them is at the top.
        price: Prices a call, given with all that is known of its tokens, whose cost no span says; `None` when it
            cannot.
    """
    book = _Book([Entry(*entry) for entry in entries])
    book.join_told_twice()
    book.leave_sums()
    return book.close(price)


class _Line:
    """What a span says, as far as it is counted."""

    __slots__ = ("children", "cost", "cost_source", "depth", "entry", "has_price", "parent", "tokens")

    def __init__(self, entry: Entry) -> None:
        fact = entry.fact
        self.entry = entry
        self.tokens: Tokens | None = None if fact.tokens == Tokens() else fact.tokens
        self.cost, self.cost_source = fact.cost, fact.cost_source
        self.has_price = False
        """Another span tells what these tokens cost."""
        self.parent: _Line | None = None
        self.children: list[_Line] = []
        self.depth = 0

    @property
    def is_counted(self) -> bool:
        return self.tokens is not None or self.cost is not None

    def learn(self, told: Tokens | None) -> None:
        """Know the counts that only another span of the same call says, as that of a stream whose usage it missed."""
        if told is None or self.tokens is None:
            self.tokens = self.tokens or told
        elif all(None in both or both[0] == both[1] for both in zip(self.tokens, told, strict=True)):
            mine, theirs = self.tokens, told
            self.tokens = Tokens(*(b if a is None else a for a, b in zip(mine, theirs, strict=True)))


class _Below:
    """What is counted below a span."""

    __slots__ = ("cost", "near", "tokens", "went_and_came")

    def __init__(self) -> None:
        self.tokens = False
        self.cost = False
        self.went_and_came = (0, 0)
        self.near: list[_Line] = []
        """Those with no run and no tool call in between: within a call, they are the same call again."""

    def add(self, child: _Line, below: _Below) -> None:
        tokens = child.tokens
        self.tokens = self.tokens or below.tokens or tokens is not None
        self.cost = self.cost or below.cost or child.cost is not None
        went, came = _went_and_came(tokens)
        self.went_and_came = (
            self.went_and_came[0] + below.went_and_came[0] + went,
            self.went_and_came[1] + below.went_and_came[1] + came,
        )
        if child.entry.fact.kind in _BOUNDARIES:
            return
        more = below.near
        if child.is_counted:
            more.append(child)
        if len(more) > len(self.near):  # a long list is never copied into a short one
            self.near, more = more, self.near
        self.near += more

    def teach(self, inner: _Line, told: Tokens | None) -> None:
        """Have the one below learn what the span around it says of the same call."""
        before = _went_and_came(inner.tokens)
        inner.learn(told)
        after = _went_and_came(inner.tokens)
        went, came = self.went_and_came
        self.went_and_came = went + after[0] - before[0], came + after[1] - before[1]


_BOUNDARIES = frozenset({"run", "tool_call"})


class _Book:
    """The lines of a trace, and why some do not count."""

    def __init__(self, entries: list[Entry]) -> None:
        self._lines = {entry.span_id: _Line(entry) for entry in entries}
        self._why: dict[str, str] = {}
        for line in self._lines.values():
            parent = self._lines.get(line.entry.parent_id)
            if parent is not None and parent is not line:
                line.parent = parent
                parent.children.append(line)
        self._down = self._in_order()

    def _in_order(self) -> list[_Line]:
        """All lines, parents first; a circle is cut where it is met first."""
        order: list[_Line] = []
        seen: set[str] = set()
        tops = [line for line in self._lines.values() if line.parent is None]
        for top in [*tops, *self._lines.values()]:
            if top.entry.span_id in seen:
                continue
            if top.parent is not None:
                top.parent.children.remove(top)
                top.parent = None
            waiting = [top]
            while waiting:
                line = waiting.pop()
                seen.add(line.entry.span_id)
                line.depth = 0 if line.parent is None else line.parent.depth + 1
                order.append(line)
                waiting += reversed(line.children)
        return order

    # One call, told by two spans that say so.

    def join_told_twice(self) -> None:
        """Of spans with one response's id count one; and of a span that says it is counted elsewhere, that other."""
        answers: dict[str, list[_Line]] = defaultdict(list)
        counts: dict[tuple[int | None, int | None], _Line] = {}
        for line in self._down:
            fact = line.entry.fact
            if not line.is_counted or fact.kind != "step":
                continue
            if fact.response_id:
                answers[fact.response_id].append(line)
            if not fact.counted_inside:
                counts.setdefault(fact.tokens[:2], line)
        for lines in answers.values():
            for same in _by_call(lines) if len(lines) > 1 else ():
                self._join(same)
        for line in self._down:
            fact = line.entry.fact
            other = counts.get(fact.tokens[:2])
            if fact.counted_inside and line.is_counted and fact.kind == "step" and other is not None:
                self._drop(line, f"It says that another span tells of the same call, as {_called(other)} does.")

    def _join(self, lines: list[_Line]) -> None:
        """One line stands for all; it is told what only others know."""
        kept, *others = sorted(lines, key=_doubt)
        for other in others:
            kept.learn(other.tokens)
            if kept.cost is None:
                kept.cost, kept.cost_source = other.cost, other.cost_source
            self._drop(other, f"It is the same call as {_called(kept)}: both have the response id {_id_of(kept)}.")

    # Sums, and calls that hold the same call.

    def leave_sums(self) -> None:
        """Of what is said of calls, and again of what holds them, count the calls."""
        belows: dict[str, _Below] = {}
        for line in reversed(self._down):
            below = _Below()
            for child in line.children:
                below.add(child, belows.pop(child.entry.span_id))
            belows[line.entry.span_id] = below
            if line.is_counted and (below.tokens or below.cost):
                self._leave_sum(line, below)

    def _leave_sum(self, line: _Line, below: _Below) -> None:
        tokens, cost, sums = below.tokens, below.cost, below.went_and_came
        inside: Iterable[_Line] = _all_below(line)
        reason = "It holds the calls that it is the sum of"
        if line.entry.fact.kind == "step":
            inside = inner = [each for each in below.near if _may_be_same(line, each)]
            tokens, cost = any(each.tokens for each in inner), any(each.cost is not None for each in inner)
            counts = [_went_and_came(each.tokens) for each in inner]
            sums = sum(went for went, _ in counts), sum(came for _, came in counts)
            reason = f"It holds the same call, told by {_called(inner[0])}" if inner else ""
            if len(inner) == 1 and inner[0].tokens is not None:
                below.teach(inner[0], line.tokens)
                sums = _went_and_came(inner[0].tokens)
        if line.cost is not None and cost:
            self._why[line.entry.span_id] = reason + "."
            line.cost = line.cost_source = None
        elif line.cost is not None and tokens:
            for each in inside:  # they do not say what they cost, and this does
                each.has_price = True
        if line.tokens is not None and tokens:
            self._why[line.entry.span_id] = reason + _difference(line.tokens, sums) + "."
            line.tokens = None
        elif line.tokens is not None and cost:
            line.has_price = True

    def _drop(self, line: _Line, reason: str) -> None:
        line.tokens = line.cost = line.cost_source = None
        self._why[line.entry.span_id] = reason

    # The sums.

    def close(self, price: Callable[[Entry], Price | None] | None) -> Totals:
        """Price what nobody has, and add up."""
        own = {line.entry.span_id: _own(line, price) for line in self._down}
        sums: dict[str, _Sum] = {}
        everything = _Sum()
        for line in reversed(self._down):
            total = sums.setdefault(line.entry.span_id, _Sum())
            total.add(own[line.entry.span_id])
            (everything if line.parent is None else sums.setdefault(line.parent.entry.span_id, _Sum())).join(total)
        return Totals(own, {each: sums[each].amount for each in own}, everything.amount, self._why)


def _doubt(line: _Line) -> tuple[bool, int, int, bool, str]:
    """Which of several spans of one call tells of it: the one that is innermost, then the one that knows most."""
    known = sum(value is not None for value in line.tokens or ())
    return line.entry.fact.counted_inside, -line.depth, -known, line.cost is None, line.entry.span_id


def _by_call(lines: list[_Line]) -> list[list[_Line]]:
    """Lines with one response's id, apart where they cannot be one call: at different times, with different counts.

    Some servers give ids out twice: Ollama has a thousand, small ones one.
    """
    calls: dict[tuple[int | None, ...] | None, list[_Line]] = {}
    for group in _at_one_time(lines):
        counts = next((line.tokens[:2] for line in group if line.tokens and None not in line.tokens[:2]), None)
        calls.setdefault(counts, []).extend(group)
    unknown = calls.pop(None, [])
    first, *others = [*calls.values()] or [[]]
    return [[*first, *unknown], *others]


def _at_one_time(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Lines of spans that overlap, directly or by others between them."""
    group: list[_Line] = []
    until = 0.0
    for line in sorted(lines, key=lambda line: line.entry.start_ns):
        if group and line.entry.start_ns > until:
            yield group
            group, until = [], 0.0
        group.append(line)
        until = max(until, line.entry.end_ns or (inf if line.entry.start_ns else 0))
    yield group


def _may_be_same(outer: _Line, inner: _Line) -> bool:
    """Whether a call in a call is the same one, seen by the client below; two responses are two calls."""
    mine, theirs = outer.entry.fact.response_id, inner.entry.fact.response_id
    return not mine or not theirs or mine == theirs


def _all_below(line: _Line) -> Iterator[_Line]:
    waiting = list(line.children)
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting += inner.children


def _own(line: _Line, price: Callable[[Entry], Price | None] | None) -> Amount:
    if not line.is_counted:
        return NOTHING
    tokens, cost, source = line.tokens, line.cost, line.cost_source
    unpriced = 0
    if tokens is not None and cost is None and not line.has_price:
        found = None if price is None else price(line.entry._replace(fact=line.entry.fact._replace(tokens=tokens)))
        if found is None:
            unpriced = 1
        else:
            cost, source = found
    sources = (source,) if cost is not None and source else ()
    return Amount(tokens or Tokens(), cost, sources, 0 if tokens is None else 1, unpriced)


class _Sum:
    """Adds amounts up; dollars as whole numbers of 10⁻¹², so that no order of adding gives another sum."""

    __slots__ = ("calls", "picodollars", "sources", "tokens", "unpriced")

    def __init__(self) -> None:
        self.tokens: list[int | None] = [None] * len(Tokens._fields)
        self.picodollars: int | None = None
        self.sources: frozenset[str] = frozenset()
        self.calls = self.unpriced = 0

    def add(self, amount: Amount) -> None:
        if amount != NOTHING:
            dollars = None if amount.cost is None else round(amount.cost * 1e12)
            self._add(amount.tokens, dollars, frozenset(amount.sources), amount.calls, amount.unpriced)

    def join(self, other: _Sum) -> None:
        self._add(other.tokens, other.picodollars, other.sources, other.calls, other.unpriced)

    def _add(
        self, tokens: Iterable[int | None], dollars: int | None, sources: frozenset[str], calls: int, unpriced: int
    ) -> None:
        self.tokens = [
            theirs if mine is None else mine if theirs is None else mine + theirs
            for mine, theirs in zip(self.tokens, tokens, strict=True)
        ]
        if dollars is not None:
            self.picodollars = (self.picodollars or 0) + dollars
        self.sources |= sources
        self.calls += calls
        self.unpriced += unpriced

    @property
    def amount(self) -> Amount:
        cost = None if self.picodollars is None else self.picodollars / 1e12
        return Amount(Tokens(*self.tokens), cost, tuple(sorted(self.sources)), self.calls, self.unpriced)


def _went_and_came(tokens: Tokens | None) -> tuple[int, int]:
    return (0, 0) if tokens is None else (tokens.input or 0, tokens.output or 0)


def _difference(said: Tokens, theirs: tuple[int, int]) -> str:
    mine = _went_and_came(said)
    if mine == theirs or (said.input is None and said.output is None):
        return ""
    return f" (it says {mine[0]} in and {mine[1]} out, they add up to {theirs[0]} and {theirs[1]})"


def _called(line: _Line) -> str:
    return f"{line.entry.fact.name or 'a span'} ({line.entry.span_id})"


def _id_of(line: _Line) -> str:
    return line.entry.fact.response_id or ""
