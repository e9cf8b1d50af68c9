"""Tokens → cost in US dollars, with the version of the price table it came from."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING

from contextcompany import _diagnostics
from contextcompany._data import NO_TOKENS, Cost
from contextcompany._rates import Counts, Price, Table, agreed

if TYPE_CHECKING:
    from types import ModuleType

    from contextcompany._data import StepData

__all__ = ["Price", "calculated_cost", "preload", "price"]

_LOAD_TIMEOUT_S = 5.0
"""A fork waits at most this long for an import of the price table that is under way (it takes 0.15 s)."""


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
        reasoning_tokens=tokens.reasoning,
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
    reasoning_tokens: int | None = None,
    at: float | None,
) -> Price | None:
    """What these tokens cost at `at` (Unix seconds; `None` is now), or `None` where that is not known.

    `input_tokens` includes cached and cache-written tokens, as in the GenAI conventions, and `output_tokens`
    those of reasoning; where one is `None`, it is its parts. A count that is `None` adds nothing. No figure is
    better than a wrong one, so there is none without any count; none if a count is negative, no integer, a
    boolean or beyond 64 bits; none if a part is larger than its whole; and none for a model that is not sold
    by the token.

    Waits for the price table's import if need be. Never raises.
    """
    try:
        counts = agreed(input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens)
        table = None if counts is None else _current_table()
        if counts is None or table is None:
            return None
        when = datetime.now(timezone.utc) if at is None else datetime.fromtimestamp(at, timezone.utc)
        return table.price(model, provider, counts, when)
    except Exception as error:  # noqa: BLE001 - others' code and data; a cost must not break the host
        _cannot_price(type(error).__name__)
        return None


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
        genai_prices.calc_price(Counts(0, 0, 0, 0), "gpt-4o", provider_id="openai")
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


_table: tuple[object, Table] | None = None
"""The table in use, and what genai-prices made it of."""


def _current_table() -> Table | None:
    """The table in use, a new one if the program replaced it, as `genai_prices.UpdatePrices` does."""
    global _table  # noqa: PLW0603 - what was remembered goes with the table it came from
    library = _library()
    if library is None:
        return None
    current, snapshot = _table, library.data_snapshot.get_snapshot()
    if current is None or current[0] is not snapshot:
        current = _table = snapshot, Table(library)
    return current[1]
