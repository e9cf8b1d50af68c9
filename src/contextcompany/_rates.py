"""What tokens cost by a price table of genai-prices: the table is asked once what a model's tokens cost each.

Who loads the table, and when, is another's business: nothing here imports it, and nothing but the table raises.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany._providers import (
    ALIASES,
    MAKERS,
    PRICE_LISTS,
    is_local,
    is_name,
    provider_before_slash,
    provider_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from types import ModuleType

    from genai_prices.types import ModelInfo, ModelPrice

__all__ = ["Counts", "Model", "Price", "Table", "Tariff", "agreed"]

_REMEMBERED = 512
"""So many pairs of model and provider are looked up once."""

_MAX_COUNT = 2**63
"""Token counts are 64-bit integers on the wire."""

_SCALE = 10**40
"""Rates are whole multiples of USD ÷ `_SCALE`: they add up exactly, and faster than `Decimal`."""


class Price(NamedTuple):
    """What a request cost in US dollars, and the price table that says so, as in `genai-prices/0.2.3`.

    A table the program updated (`genai_prices.UpdatePrices`) adds its date: `genai-prices/0.2.3+2026-11-20`.
    """

    total: float
    version: str


class Counts(NamedTuple):
    """Counts that agree, under the names genai-prices reads."""

    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    """The input includes these two."""
    output_tokens: int
    output_reasoning_tokens: int = 0
    """The output includes these. Few models sell them at a price of their own."""


def agreed(total: object, read: object, written: object, output: object, reasoning: object = None) -> Counts | None:
    """The counts, or `None` if there are none, one cannot be a count, or they contradict each other.

    Where the input or the output is `None`, it is what its parts are.
    """
    if total is None and read is None and written is None and output is None and reasoning is None:
        return None
    parts, thought = (_count(read), _count(written)), _count(reasoning)
    went = sum(parts) if total is None else _count(total)
    came = thought if output is None else _count(output)
    if min(*parts, thought) < 0 or went < sum(parts) or came < thought:
        return None
    return Counts(went, *parts, came, thought)


def _count(value: Any) -> int:
    """`value` as a number of tokens: 0 where it is not given, -1 where it cannot be one."""
    if value is None:
        return 0
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return -1
    return number if 0 <= number < _MAX_COUNT else -1


class Table:
    """One state of the price table, and what was looked up in it."""

    def __init__(self, library: ModuleType) -> None:
        self._library = library
        self._found = lru_cache(maxsize=_REMEMBERED)(self._find)

    def price(self, model: str, provider: str | None, counts: Counts, when: datetime) -> Price | None:
        """What a request that was made then cost; `None` where the table does not say."""
        if not is_name(model) or (provider and not is_name(provider)):
            return None
        found = self._found(model, provider or None)
        if found is None:
            return None
        total = found.tariff(when).cost(counts)
        return None if total is None else Price(total, found.version)

    def _find(self, model: str, provider: str | None) -> Model | None:
        for price_list, name in _candidates(model, provider):
            try:
                found = self._library.calc_price(Counts(0, 0, 0, 0), name, provider_id=price_list)
            except LookupError:
                continue
            updated = found.auto_update_timestamp
            version = f"genai-prices/{self._library.__version__}"
            return Model(found.model, f"{version}+{updated:%Y-%m-%d}" if updated else version)
        return None


def _candidates(model: str, provider: str | None) -> Iterator[tuple[str | None, str]]:
    """Pairs of genai-prices' provider id and model name to look up, the likeliest first."""
    name = model.strip().lower()
    given = provider and ALIASES.get(provider.strip().lower(), provider.strip().lower())
    if given in PRICE_LISTS and given not in MAKERS:
        yield from _pairs(given, _tails(name))
    elif named := provider_before_slash(name):
        yield from _pairs(named, [*_tails(name)[1:], name])
    else:
        if given:
            yield from _pairs(given, [name] if given in MAKERS else _tails(name))
        if "/" in name:
            return  # a prefix we do not know is a seller we do not know
        if guess := provider_of(name):
            yield from _pairs(guess, [name])
        if not is_local(name):
            yield None, name  # genai-prices has prefixes of its own, for makers that GenAI does not name


def _pairs(provider: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    price_list = PRICE_LISTS.get(provider, provider)
    return ((price_list, name) for name in names if price_list is not None)


def _tails(name: str) -> list[str]:
    """`a/b/c` → `a/b/c`, `b/c`, `c`."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


class Model:
    """A model that has prices: several, if they differ by date or time of day."""

    def __init__(self, model: ModelInfo, version: str) -> None:
        self.version = version
        self._model = model
        self._tariffs: tuple[Tariff, ...] = ()

    def tariff(self, when: datetime) -> Tariff:
        """The prices that were in force then."""
        prices = self._model.get_prices(when)
        for tariff in self._tariffs:
            if tariff.prices is prices:
                return tariff
        tariff = Tariff(prices)
        self._tariffs = (tariff, *self._tariffs[:7])
        return tariff


class _Rates(NamedTuple):
    """What a request, and one token of each kind, costs in USD ÷ `_SCALE`."""

    request: int
    uncached: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int

    def bill(self, counts: Counts) -> int:
        whole, read, written, output, thought = counts
        inputs = self.uncached * (whole - read - written) + self.cache_read * read + self.cache_write * written
        return self.request + inputs + self.output * (output - thought) + self.reasoning * thought


class Tariff:
    """A model's prices at one time, learnt by asking genai-prices for a few bills.

    Its own calculation takes 25 to 90 µs, nearly all of it to find out which prices there are. Within a tier
    of input size a bill is linear in the counts, so six bills per tier tell the rates. A seventh is compared:
    should it differ, genai-prices calculates every time.
    """

    def __init__(self, prices: ModelPrice) -> None:
        self.prices = prices
        self._tiers = sorted({tier.start for value in vars(prices).values() for tier in getattr(value, "tiers", ())})
        self._rates: dict[int, _Rates | None] = {}

    def cost(self, counts: Counts) -> float | None:
        """US dollars; `None` when the model is not sold by the token."""
        tier = bisect_left(self._tiers, counts.input_tokens)  # a tier applies to what is above its start
        if tier not in self._rates:
            self._rates[tier] = self._learn(tier)
        rates = self._rates[tier]
        total = self._bill(counts) if rates is None else rates.bill(counts)
        if not total and any(counts) and any(vars(self.prices).values()):
            return None  # sold by the minute, page or character
        return total / _SCALE

    def _learn(self, tier: int) -> _Rates | None:
        bounds = [0, *self._tiers, max(self._tiers, default=0) + 1_000_000]
        below, size = bounds[tier : tier + 2]  # the largest input of the tier before, and of this one
        request, plain = self._bill(Counts(0, 0, 0, 0)), self._bill(Counts(size, 0, 0, 0))
        read, written = self._bill(Counts(size, size, 0, 0)), self._bill(Counts(size, 0, size, 0))
        output, thought = self._bill(Counts(size, 0, 0, size)), self._bill(Counts(size, 0, 0, size, size))
        each = size or 1  # no tier starts at 0 today
        rates = _Rates(
            request=request,
            uncached=(plain - request) // each,
            cache_read=(read - request) // each,
            cache_write=(written - request) // each,
            output=(output - plain) // each,
            reasoning=(thought - plain) // each,
        )
        between = (below + size + 1) // 2
        probe = Counts(between, between // 3, between // 5, 7, 3)
        return rates if rates.bill(probe) == self._bill(probe) else None

    def _bill(self, counts: Counts) -> int:
        """genai-prices' own calculation, in USD ÷ `_SCALE`."""
        from decimal import Context, localcontext  # noqa: PLC0415 - 2 ms, and genai_prices has imported it

        with localcontext(Context(prec=60)):  # not this thread's precision: the rates serve all threads
            total = self.prices.calc_price(counts)["total_price"]
        numerator, denominator = total.as_integer_ratio()
        return numerator * _SCALE // denominator
