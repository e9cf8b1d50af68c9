"""What a run used and what that cost: by the kinds of tokens, by model, and what was not counted. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from contextcompany.observatory.ledger import CALCULATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from contextcompany.observatory.contexts import SpanLine, Whole
    from contextcompany.observatory.prices import Rates

    Known = Callable[[str, str | None, int], Rates | None]
    """Model, provider and when → what a million tokens of each kind cost."""

__all__ = ["Bill", "Bucket", "Item", "bill"]


class Bucket(NamedTuple):
    """Tokens of a kind."""

    name: str
    tokens: int
    about: str


class Item(NamedTuple):
    """Calls of one model whose cost comes from the same source."""

    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    """In USD; None when nobody knows it."""
    source: str
    """provided, calculated, the convention that says it, or empty."""
    rates: Rates | None
    """By what it was calculated."""


class Bill(NamedTuple):
    """What a run used and cost."""

    buckets: list[Bucket]
    items: list[Item]
    """The dearest first."""
    not_counted: list[tuple[str, int]]
    """Why spans that say tokens or a cost add nothing, and how many."""


def bill(whole: Whole, rates: Known) -> Bill:
    """What the spans of a run come to."""
    left_out = Counter(line.not_counted for line in whole.spans if line.not_counted)
    return Bill(_buckets(whole), _items(whole, rates), left_out.most_common())


def _buckets(whole: Whole) -> list[Bucket]:
    run = whole.run
    cached, written = run.cached_tokens or 0, run.cache_write_tokens or 0
    found = [
        (run.input_tokens, Bucket("Uncached", (run.input_tokens or 0) - cached - written, "input that was read anew")),
        (run.cached_tokens, Bucket("Cached", cached, "input that was read from a cache")),
        (run.cache_write_tokens, Bucket("Written", written, "input that was written to a cache")),
        (run.output_tokens, Bucket("Output", run.output_tokens or 0, "all that was answered, reasoning included")),
        (
            run.reasoning_tokens,
            Bucket("Reasoning", run.reasoning_tokens or 0, "the part of the output that was thought"),
        ),
    ]
    return [bucket for said, bucket in found if said is not None]


def _items(whole: Whole, rates: Known) -> list[Item]:
    groups: dict[tuple[str, str], list[SpanLine]] = {}
    for line in whole.spans:
        if line.input_tokens is not None or line.output_tokens is not None or line.cost is not None:
            groups.setdefault((line.model or line.name, line.cost_source or ""), []).append(line)
    return sorted((_item(*key, lines, rates) for key, lines in groups.items()), key=lambda item: -(item.cost or 0))


def _item(model: str, source: str, lines: list[SpanLine], rates: Known) -> Item:
    costs = [line.cost for line in lines if line.cost is not None]
    first = lines[0]
    return Item(
        model,
        len(lines),
        sum(line.input_tokens or 0 for line in lines),
        sum(line.output_tokens or 0 for line in lines),
        sum(costs) if costs else None,
        source,
        rates(first.model or "", first.provider, first.start_ns) if source == CALCULATED else None,
    )
