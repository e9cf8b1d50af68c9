"""Tokens → cost in US dollars, with the version of the price table it came from."""

from __future__ import annotations

import operator
import os
import threading
from bisect import bisect_left
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany import _diagnostics
from contextcompany._data import NO_TOKENS, Cost
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
    from types import ModuleType

    from genai_prices.types import ModelInfo, ModelPrice

    from contextcompany._data import StepData

__all__ = ["Price", "calculated_cost", "preload", "price"]

_LOAD_TIMEOUT_S = 5.0
"""A fork waits at most this long for an import of the price table that is under way (it takes 0.15 s)."""

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


def preload() -> None:
    """Start importing the price table in a daemon thread, once per process, and return at once.

    May be called often and from any thread. A child has nothing to do if its parent had loaded the table.
    """
    if _library.cache_info().currsize or os.getpid() in _imports:
        return
    _guard_forks()
    ended = threading.Event()
    if _imports.setdefault(os.getpid(), ended) is not ended:  # atomic: one of two callers sees its own
        return
    try:
        threading.Thread(target=_library, name="contextcompany-prices", daemon=True).start()
    except RuntimeError:  # no thread to be had, or the interpreter is ending: `price` will import the table
        del _imports[os.getpid()]


def calculated_cost(said: StepData, at_ns: int) -> Cost | None:
    """What a call cost that started then; `None` when its model or tokens are not known, or its price."""
    model, tokens = said.model.used or said.model.requested, said.tokens
    if model is None or tokens == NO_TOKENS:
        return None
    found = price(
        model=model,
        provider=said.provider,
        input_tokens=tokens.input,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.completion,
        at=at_ns / 1e9,
    )
    return found and Cost(found.total, found.version)


def price(
    *,
    model: str,
    provider: str | None,
    input_tokens: int | None,
    cache_read_tokens: int | None,
    cache_write_tokens: int | None,
    output_tokens: int | None,
    at: float | None,
) -> Price | None:
    """What these tokens cost at `at` (Unix seconds; `None` is now), or `None` where that is not known.

    `input_tokens` includes cached and cache-written tokens, as in the GenAI conventions; where it is `None`,
    the input is those two. A count that is `None` adds nothing. No figure is better than a wrong one, so
    there is none without any count; none if a count is negative, no integer, a boolean or beyond 64 bits;
    none if more is cached and written than came in; and none for a model that is not sold by the token.

    Waits for the price table's import if need be. Never raises.
    """
    try:
        tokens = _agreed(input_tokens, cache_read_tokens, cache_write_tokens, output_tokens)
        if tokens is None or not is_name(model) or (provider and not is_name(provider)):
            return None
        table = _current_table()
        found = table and table.find(model, provider or None)
        if not found:
            return None
        when = datetime.now(timezone.utc) if at is None else datetime.fromtimestamp(at, timezone.utc)
        total = found.tariff(when).cost(tokens)
        return None if total is None else Price(total, found.version)
    except Exception as error:  # noqa: BLE001 - others' code and data; a cost must not break the host
        _cannot_price(type(error).__name__)
        return None


class _Tokens(NamedTuple):
    """Counts that agree, under the names genai-prices reads; the input includes the next two."""

    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int


def _agreed(total: object, read: object, written: object, output: object) -> _Tokens | None:
    """The four counts, or `None` if there are none, one cannot be a count, or they contradict each other."""
    if total is None and read is None and written is None and output is None:
        return None
    parts = _count(read), _count(written), _count(output)
    whole = parts[0] + parts[1] if total is None else _count(total)
    return _Tokens(whole, *parts) if min(parts) >= 0 and whole >= parts[0] + parts[1] else None


def _count(value: Any) -> int:
    """`value` as a number of tokens: 0 where it is not given, -1 where it cannot be one."""
    if value is None:
        return 0
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return -1
    return number if 0 <= number < _MAX_COUNT else -1


_imports: dict[int, threading.Event] = {}
"""Process id → whether its import of the price table has ended. A forked child also sees its ancestors'."""


@cache
def _library() -> ModuleType | None:
    """The genai_prices package, ready to be asked, or `None` if there is none that works.

    Of it we use `calc_price` and `__version__`; a `PriceCalculation`'s `model` and `auto_update_timestamp`;
    `ModelInfo.get_prices`, `ModelPrice.calc_price`, `TieredPrices.tiers` and `Tier.start`; and, to see that
    the table was replaced, `data_snapshot.get_snapshot`, which has no underscore but is in no `__all__`.
    """
    _guard_forks()
    ended = _imports.setdefault(os.getpid(), threading.Event())
    try:
        return _import(forked_in_the_middle=not all(e.is_set() for e in list(_imports.values()) if e is not ended))
    except Exception as error:  # noqa: BLE001 - importing runs anybody's code (pydantic loads plug-ins)
        _cannot_price(type(error).__name__)
        return None
    finally:
        ended.set()


def _import(*, forked_in_the_middle: bool) -> ModuleType:
    if forked_in_the_middle:
        raise ImportError("The import's lock has no owner in this child process; it would wait for ever.")
    import genai_prices  # noqa: PLC0415 - 130 to 240 ms, with pydantic

    # At its first price the package imports more of itself (15 ms): here, where a fork waits for it.
    with suppress(LookupError):
        genai_prices.calc_price(_Tokens(0, 0, 0, 0), "gpt-4o", provider_id="openai")
    return genai_prices


@cache
def _guard_forks() -> None:
    """Let forks wait for an import under way: a child made in the middle of it hangs when it imports, too."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_finish_import)


def _finish_import() -> None:
    if ended := _imports.get(os.getpid()):
        ended.wait(_LOAD_TIMEOUT_S)


def _cannot_price(problem: str) -> None:
    """Warn that costs are missing."""
    _diagnostics.count("not_priced")
    _diagnostics.warn(
        "pricing:" + problem,
        "Some costs are not calculated (%s); everything else is recorded. Does this genai-prices work?",
        problem,
    )


class _Table:
    """One state of the price table, and what was looked up in it."""

    def __init__(self, library: ModuleType, snapshot: object) -> None:
        self.snapshot = snapshot
        self.find = lru_cache(maxsize=_REMEMBERED)(self._find)
        self._library = library

    def _find(self, model: str, provider: str | None) -> _Model | None:
        for price_list, name in _candidates(model, provider):
            try:
                found = self._library.calc_price(_Tokens(0, 0, 0, 0), name, provider_id=price_list)
            except LookupError:
                continue
            updated = found.auto_update_timestamp
            version = f"genai-prices/{self._library.__version__}"
            return _Model(found.model, f"{version}+{updated:%Y-%m-%d}" if updated else version)
        return None


_table: _Table | None = None


def _current_table() -> _Table | None:
    """The table in use, a new one if the program replaced it, as `genai_prices.UpdatePrices` does."""
    global _table  # noqa: PLW0603 - what was remembered goes with the table it came from
    library = _library()
    if library is None:
        return None
    table, snapshot = _table, library.data_snapshot.get_snapshot()
    if table is None or table.snapshot is not snapshot:
        table = _table = _Table(library, snapshot)
    return table


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


class _Model:
    """A model that has prices: several, if they differ by date or time of day."""

    def __init__(self, model: ModelInfo, version: str) -> None:
        self.version = version
        self._model = model
        self._tariffs: tuple[_Tariff, ...] = ()

    def tariff(self, when: datetime) -> _Tariff:
        prices = self._model.get_prices(when)
        for tariff in self._tariffs:
            if tariff.prices is prices:
                return tariff
        tariff = _Tariff(prices)
        self._tariffs = (tariff, *self._tariffs[:7])
        return tariff


class _Rates(NamedTuple):
    """What a request, and one token of each kind, costs in USD ÷ `_SCALE`."""

    request: int
    uncached: int
    cache_read: int
    cache_write: int
    output: int

    def bill(self, tokens: _Tokens) -> int:
        whole, read, written, output = tokens
        inputs = self.uncached * (whole - read - written) + self.cache_read * read + self.cache_write * written
        return self.request + inputs + self.output * output


class _Tariff:
    """A model's prices at one time, learnt by asking genai-prices for a few bills.

    Its own calculation takes 25 to 90 µs, nearly all of it to find out which prices there are. Within a tier
    of input size a bill is linear in the counts, so five bills per tier tell the rates. A sixth is compared:
    should it differ, genai-prices calculates every time.
    """

    def __init__(self, prices: ModelPrice) -> None:
        self.prices = prices
        self._tiers = sorted({tier.start for value in vars(prices).values() for tier in getattr(value, "tiers", ())})
        self._rates: dict[int, _Rates | None] = {}

    def cost(self, tokens: _Tokens) -> float | None:
        tier = bisect_left(self._tiers, tokens.input_tokens)  # a tier applies to what is above its start
        if tier not in self._rates:
            self._rates[tier] = self._learn(tier)
        rates = self._rates[tier]
        total = self._bill(tokens) if rates is None else rates.bill(tokens)
        if not total and any(tokens) and any(vars(self.prices).values()):
            return None  # sold by the minute, page or character
        return total / _SCALE

    def _learn(self, tier: int) -> _Rates | None:
        bounds = [0, *self._tiers, max(self._tiers, default=0) + 1_000_000]
        below, size = bounds[tier : tier + 2]  # the largest input of the tier before, and of this one
        request, plain = self._bill(_Tokens(0, 0, 0, 0)), self._bill(_Tokens(size, 0, 0, 0))
        read, written = self._bill(_Tokens(size, size, 0, 0)), self._bill(_Tokens(size, 0, size, 0))
        output = self._bill(_Tokens(size, 0, 0, size))
        each = size or 1  # no tier starts at 0 today
        rates = _Rates(
            request=request,
            uncached=(plain - request) // each,
            cache_read=(read - request) // each,
            cache_write=(written - request) // each,
            output=(output - plain) // each,
        )
        between = (below + size + 1) // 2
        probe = _Tokens(between, between // 3, between // 5, 7)
        return rates if rates.bill(probe) == self._bill(probe) else None

    def _bill(self, tokens: _Tokens) -> int:
        """genai-prices' own calculation, in USD ÷ `_SCALE`."""
        from decimal import Context, localcontext  # noqa: PLC0415 - 2 ms, and genai_prices has imported it

        with localcontext(Context(prec=60)):  # not this thread's precision: the rates serve all threads
            total = self.prices.calc_price(tokens)["total_price"]
        numerator, denominator = total.as_integer_ratio()
        return numerator * _SCALE // denominator
