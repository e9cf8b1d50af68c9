"""What calls cost whose cost nobody says, by the price table of the installed genai-prices."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from contextcompany._rates import Counts, Price, Table, agreed

if TYPE_CHECKING:
    from contextcompany.observatory.fold import Fact

__all__ = ["Price", "Rates", "load", "price", "price_table", "rates"]

_log = logging.getLogger("contextcompany.observatory")


def load() -> None:
    """Begin to load the table, and return at once: who needs a price before it is there waits for it."""
    threading.Thread(target=_table, name="contextcompany-observatory-prices", daemon=True).start()


def price_table() -> str:
    """The table that is installed, as `genai-prices/0.2.3`."""
    return f"genai-prices/{version('genai-prices')}"


def price(fact: Fact, at_ns: int) -> Price | None:
    """What a call that started then cost; None where its model, its tokens or the price is not known. Never raises."""
    tokens = fact.tokens
    model = fact.model_used or fact.model_requested
    counts = agreed(tokens.input, tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning)
    if model is None or counts is None:
        return None
    try:
        table = _table()
        if table is None:
            return None
        return table.price(model, fact.provider, counts, datetime.fromtimestamp(at_ns / 1e9, timezone.utc))
    except Exception as error:  # noqa: BLE001 - others' code and data; a price must not keep a span from being written
        _say(type(error).__name__)
        return None


class Rates(NamedTuple):
    """What a million tokens of each kind cost in USD, in a request of usual size; None what is not sold so."""

    uncached: float | None
    cached: float | None
    written: float | None
    output: float | None


def rates(model: str, provider: str | None, at_ns: int) -> Rates | None:
    """The prices of a model then; None where the table has none. Never raises."""
    kinds = (_USUAL, _USUAL._replace(cache_read_tokens=1000), _USUAL._replace(cache_write_tokens=1000), _ANSWER)
    try:
        table = _table()
        when = datetime.fromtimestamp(at_ns / 1e9, timezone.utc)
        found = [None if table is None else table.price(model, provider, counts, when) for counts in kinds]
    except Exception as error:  # noqa: BLE001 - others' code and data, as for a price
        _say(type(error).__name__)
        return None
    return Rates(*(each and each.total * 1000 for each in found)) if any(found) else None


_USUAL = Counts(1000, 0, 0, 0)
_ANSWER = Counts(0, 0, 0, 1000)


@cache
def _table() -> Table | None:
    try:
        import genai_prices  # noqa: PLC0415 - 0.15 to 0.25 s, beside which the Observatory is ready
    except Exception:  # noqa: BLE001 - importing runs anybody's code (pydantic loads plug-ins)
        _log.warning("genai-prices cannot be imported; costs that nobody says stay unknown.", exc_info=True)
        return None
    return Table(genai_prices)


@cache
def _say(problem: str) -> None:
    """Once for each kind."""
    _log.warning("Some costs cannot be calculated (%s). Does this genai-prices work?", problem)
