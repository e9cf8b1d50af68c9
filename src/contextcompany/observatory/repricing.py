"""Costs that were calculated, or that nobody knew, calculated anew by the price table that is installed now."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from contextcompany.observatory import prices, queries, sql
from contextcompany.observatory.contexts import Repriced
from contextcompany.observatory.filters import Condition
from contextcompany.observatory.preparing import dumps
from contextcompany.observatory.rows import RunRow, SpanRow
from contextcompany.observatory.settling import About, Settled, repriced, settled, topmost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contextcompany.observatory.store import Store

__all__ = ["reprice"]

_SPANS_AT_ONCE: Final = 500
"""Spans of one transaction, for which writes wait. A larger run has one of its own."""


def reprice(store: Store, filter_: str = "", *, is_dry: bool = False) -> Repriced:
    """Calculate anew what the runs that a filter lets through cost, at the time of each call.

    What was provided stays. What a sender calculated is calculated anew where the price is known, else stays.

    Args:
        store: Where the runs are.
        filter_: See `filters`.
        is_dry: Say what would change, and change nothing.

    Raises:
        FilterError: the filter is wrong.
    """
    costs, unpriced = _Costs(), Counter[str]()
    for ids in _groups(queries.matching(store, filter_, also=Condition(sql.text("filters/to_price"), ()))):
        for each in _tried(store, ids) if is_dry else store.reprice(ids):
            costs.add(each)
            unpriced.update(row.model or "" for row in each.spans if row.unpriced)
    models = [model for model, _ in unpriced.most_common()]
    return Repriced(prices.price_table(), *costs.said(), unpriced.total(), models)


class _Costs:
    """What runs cost before and after; the sums are of whole numbers, which do not depend on the order."""

    def __init__(self) -> None:
        self._runs = self._changed = self._before = self._after = 0

    def add(self, run: Settled) -> None:
        before, after = _picodollars(run.before), _picodollars(run.after)
        self._runs += 1
        if before != after:
            self._changed += 1
            self._before += before or 0
            self._after += after or 0

    def said(self) -> tuple[int, int, float, float]:
        return self._runs, self._changed, self._before / 1e12, self._after / 1e12


def _picodollars(row: RunRow) -> int | None:
    return None if row.cost is None else round(row.cost * 1e12)


def _groups(runs: Iterable[RunRow]) -> Iterator[list[str]]:
    ids: list[str] = []
    spans = 0
    for run in runs:
        if ids and spans + run.spans > _SPANS_AT_ONCE:
            yield ids
            ids, spans = [], 0
        ids.append(run.trace_id)
        spans += run.spans
    if ids:
        yield ids


def _tried(store: Store, trace_ids: list[str]) -> Iterator[Settled]:
    """What `Store.reprice` would make of them."""
    with store.read() as reader:
        found = [RunRow(*row) for row in reader.rows("runs_of_traces", dumps(trace_ids))]
        whole = [(run, [SpanRow(*row) for row in reader.rows("spans_of_run", run.id)]) for run in found]
    for run, rows in whole:
        made = repriced(rows, store.reading.price)
        yield Settled(run, settled(run.id, run.trace_id, made.rows, About.of(run), topmost(rows)), made.rows)
