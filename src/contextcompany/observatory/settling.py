"""What the spans of a run say together: which one is on top, what is counted, what the rollups get. Pure."""

from __future__ import annotations

from collections import defaultdict
from math import floor, log2
from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.observatory import ledger
from contextcompany.observatory.fold import OURS
from contextcompany.observatory.ledger import CALCULATED, Entry
from contextcompany.observatory.rows import RunRow, fact_of, node_of, with_cost
from contextcompany.observatory.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from contextcompany._rates import Price
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.rows import SpanRow

__all__ = [
    "About",
    "Counted",
    "Counting",
    "Pricing",
    "Rollups",
    "Settled",
    "Top",
    "bucket_of",
    "counted",
    "repriced",
    "settled",
    "topmost",
]

if TYPE_CHECKING:
    Pricing = Callable[[Fact, int], Price | None]
    """What a call that started then cost."""
    Counting = Callable[[list[SpanRow], Pricing | None], "Counted"]

HOUR_NS: Final = 3600 * 10**9


class About(NamedTuple):
    """What is known of a run beyond the rows of its spans."""

    run_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    agent: str | None = None
    prompt: str | None = None
    response: str | None = None
    size: int = 0
    price_table: str | None = None

    @classmethod
    def of(cls, row: RunRow) -> About:
        """What its row says."""
        said = (row.run_id, row.session_id, row.user_id, row.agent, row.prompt, row.response)
        return cls(*said, row.size, row.price_table)


class Counted(NamedTuple):
    """The spans of a run with what each adds to its run's tokens and cost, and why others do not."""

    rows: list[SpanRow]
    price_table: str | None = None
    """By which costs that nobody said were calculated."""


def counted(rows: Iterable[SpanRow], price: Pricing | None = None) -> Counted:
    """Count each call once; what nobody says the cost of is priced."""
    rows = _by_agent([*rows])
    if not any(row.said for row in rows):
        return Counted(rows)
    tables = set()

    def priced(entry: Entry) -> ledger.Price | None:
        found = price and price(entry.fact, entry.start_ns)
        if found is None:
            return None
        tables.add(found.version)
        return ledger.Price(found.total, CALCULATED)

    entries = [Entry(row.span_id, row.parent_id, fact_of(row), row.start_ns, row.end_ns) for row in rows]
    totals = ledger.count(entries, priced)
    made = []
    for row in rows:
        own = totals.own[row.span_id]
        tokens = own.tokens
        made.append(
            row._replace(
                input_tokens=tokens.input,
                output_tokens=tokens.output,
                cached_tokens=tokens.cached,
                cache_write_tokens=tokens.cache_write,
                reasoning_tokens=tokens.reasoning,
                cost=own.cost,
                cost_source=", ".join(own.sources) or None,
                unpriced=own.unpriced,
                not_counted=totals.not_counted.get(row.span_id),
            )
        )
    return Counted(made, ", ".join(sorted(tables)) or None)


def repriced(rows: Iterable[SpanRow], price: Pricing | None = None) -> Counted:
    """As `counted`, and what senders calculated is calculated anew where the price is known.

    The new figure takes the place of what the row says, so that it stays when the run is counted again.
    """
    tables, changed = set(), []
    for row in rows:
        fact = fact_of(row)
        is_calculated = fact.cost is not None and fact.cost_source == CALCULATED
        found = price(fact, row.start_ns) if price and is_calculated else None
        if found is not None:
            tables.add(found.version)
        changed.append(row if found is None else with_cost(row, found.total))
    done = counted(changed, price)
    if done.price_table is not None:
        tables.add(done.price_table)
    return Counted(done.rows, ", ".join(sorted(tables)) or None)


def _by_agent(rows: list[SpanRow]) -> list[SpanRow]:
    """The rows, those of our own steps and tool calls with the agent of the nearest run around them.

    They say none, and that run ends, and so arrives, after them and after the runs inside of it.
    """
    agents: dict[str, str | None] = {row.span_id: row.agent for row in rows if row.kind == "run" and row.agent}
    if not agents:
        return rows
    parents = {row.span_id: row.parent_id for row in rows}
    made = []
    for row in rows:
        if row.read_as == OURS and row.kind in _OF_AGENTS and (agent := _agent(row.span_id, parents, agents)):
            row = row if row.agent == agent else row._replace(agent=agent)  # noqa: PLW2901 - the same span
        made.append(row)
    return made


_OF_AGENTS: Final = frozenset({"step", "tool_call"})


def _agent(span_id: str, parents: dict[str, str], agents: dict[str, str | None]) -> str | None:
    """The agent of a span, which then is known of all between it and its run."""
    path: list[str] = []
    while span_id and span_id not in agents:
        path.append(span_id)
        span_id = parents.get(span_id, "")
        if len(path) > len(parents):  # a circle
            break
    agent = agents.get(span_id)
    agents.update(dict.fromkeys(path, agent))
    return agent


class Top(NamedTuple):
    """The span that a trace is shown as."""

    row: SpanRow
    is_run: bool
    is_missing: bool
    """It is a part of a run whose own span has not arrived."""


class Settled(NamedTuple):
    """A run that was counted again."""

    before: RunRow
    after: RunRow
    spans: list[SpanRow]


def topmost(rows: list[SpanRow]) -> Top:
    """The outermost run of a trace, else the first of its spans."""
    by_id = {row.span_id: row for row in rows}
    runs = tree(map(node_of, rows)).runs
    for run in runs:
        if run.inside is None:
            return Top(by_id[run.head], True, run.is_missing)
    return Top(min(rows, key=lambda row: (row.parent_id in by_id, row.start_ns, row.id)), False, False)


def settled(id_: int, trace_id: str, rows: list[SpanRow], about: About, of: Top) -> RunRow:
    """A run's row, from all its spans as they are counted."""
    top = of.row
    is_calculated = any(row.cost_source == CALCULATED for row in rows)
    return RunRow(
        id=id_,
        trace_id=trace_id,
        kind="run" if of.is_run else "other",
        top=top.span_id,
        run_id=about.run_id,
        session_id=about.session_id,
        user_id=about.user_id,
        agent=about.agent,
        name=top.name,
        read_as=top.read_as,
        status=top.status,
        status_message=top.status_message,
        error_type=top.error_type,
        is_open=int(not top.end_ns or of.is_missing),
        start_ns=min([row.start_ns for row in rows]),
        end_ns=top.end_ns,
        duration_ns=top.end_ns - top.start_ns if top.end_ns else None,
        seen_ns=max([row.seen_ns for row in rows]),
        spans=len(rows),
        open_spans=sum([not row.end_ns for row in rows]),
        steps=sum([row.kind == "step" for row in rows]),
        tool_calls=sum([row.kind == "tool_call" for row in rows]),
        errors=sum([row.status == "error" for row in rows]),
        input_tokens=_sum([row.input_tokens for row in rows]),
        output_tokens=_sum([row.output_tokens for row in rows]),
        cached_tokens=_sum([row.cached_tokens for row in rows]),
        cache_write_tokens=_sum([row.cache_write_tokens for row in rows]),
        reasoning_tokens=_sum([row.reasoning_tokens for row in rows]),
        cost=_total([row.cost for row in rows]),
        unpriced=sum([row.unpriced for row in rows]),
        prompt=about.prompt,
        response=about.response,
        size=about.size,
        settled_spans=len(rows),
        price_table=about.price_table if is_calculated else None,
    )


def _sum(values: list[int | None]) -> int | None:
    said = [value for value in values if value is not None]
    return sum(said) if said else None


def _total(values: list[float | None]) -> float | None:
    said = [value for value in values if value is not None]
    return sum(said) if said else None


def bucket_of(duration_ns: int) -> int:
    """Where a duration is in the histogram: four buckets for each doubling, from 1 µs."""
    return floor(4 * log2(max(duration_ns, 1000) / 1000))


class Rollups:
    """What is to be added to the tables `rollup` and `latency`."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[int, str, str, str], list[float]] = defaultdict(lambda: [0] * 10)
        self._latencies: defaultdict[tuple[int, str, str, str, int], int] = defaultdict(int)

    def add(self, row: SpanRow, sign: int = 1) -> None:
        """Count a span that has ended, or take it back."""
        if row.kind == "other" or not row.end_ns:
            return
        name = (row.model or "") if row.kind == "step" else row.name
        hour, agent = row.start_ns // HOUR_NS, row.agent or ""
        duration = max(0, row.end_ns - row.start_ns)
        sums = self._sums[hour, row.kind, agent, name]
        sums[0] += sign
        sums[1] += sign * (row.status == "error")
        sums[2] += sign * duration
        sums[3] += sign * (row.input_tokens or 0)
        sums[4] += sign * (row.output_tokens or 0)
        sums[5] += sign * (row.cached_tokens or 0)
        sums[6] += sign * (row.cache_write_tokens or 0)
        sums[7] += sign * (row.reasoning_tokens or 0)
        sums[8] += sign * (row.cost or 0.0)
        sums[9] += sign * row.unpriced
        self._latencies[hour, row.kind, agent, name, bucket_of(duration)] += sign

    def rows(self) -> list[tuple[object, ...]]:
        """For `rollup`."""
        return [(*key, *map(_fitting, sums)) for key, sums in self._sums.items() if any(sums)]

    def taken_back(self) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """The keys in `rollup` and in `latency` of which less is left, or nothing."""
        less: list[tuple[object, ...]] = [key for key, sums in self._sums.items() if sums[0] < 0]
        return less, [key for key, count in self._latencies.items() if count < 0]

    def latencies(self) -> list[tuple[object, ...]]:
        """For `latency`."""
        return [(*key, count) for key, count in self._latencies.items() if count]


def _fitting(value: float) -> float:
    """What SQLite takes: durations of spans whose clocks are wrong can add up to more than 64 bits."""
    return max(-_MOST, min(value, _MOST))


_MOST: Final = 2**63 - 1
