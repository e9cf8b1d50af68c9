"""Tokens and dollars in every spelling → counts as the conventions have them today.

The objects of providers are known by `contextcompany._envelopes`; here are those of Langfuse and MLflow, and the rule
that tells whether a part is in its whole. Nothing here raises.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany._envelopes import said_by_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contextcompany._data import StepData

__all__ = [
    "NO_TOKENS",
    "Tokens",
    "as_count",
    "as_dollars",
    "as_number",
    "completed",
    "inclusive",
    "of_step_data",
    "of_usage",
    "total_cost",
]


class Tokens(NamedTuple):
    """Token counts; `None` is not said. `cached` and `cache_write` are in `input`, `reasoning` is in `output`."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


NO_TOKENS = Tokens()

MAX_COUNT: Final = 10**12
"""What is more is no count, and sums of a few million such still fit into 64 bits."""

MAX_DOLLARS: Final = 10**9
"""Likewise no cost."""


def inclusive(said: Tokens, total: int | None) -> Tokens:
    """The counts with parts in the wholes; some APIs, Anthropic's before all, count cached input beside the input.

    The total tells, if it is said. Without one, parts are in their whole unless they are larger than it.
    """
    went, came = said.input, said.output
    cached, thought = (said.cached or 0) + (said.cache_write or 0), said.reasoning or 0
    more = cached if went is not None and cached > went else 0
    extra = thought if came is not None and thought > came else 0
    if total is not None and went is not None and not (more or extra):
        sums = {went + (came or 0) + a + b: (a, b) for b in (thought, 0) for a in (cached, 0)}
        more, extra = sums.get(total, (0, 0))
    return said._replace(input=None if went is None else went + more, output=None if came is None else came + extra)


def of_usage(usage: Mapping[str, Any]) -> Tokens:
    """An object with counts: Langfuse's, whose keys are free, MLflow's, or one of a provider's."""
    details = any(type(value) is dict for value in usage.values())
    if details or "prompt_tokens" in usage:
        return of_step_data(said_by_response({"usage": usage}))
    found = {
        name: next((n for key in keys if (n := as_count(usage.get(key))) is not None), None)
        for name, keys in _USAGE_KEYS.items()
    }
    total = found.pop("total")
    return inclusive(Tokens(**found), total)  # of a total alone it is not known what went in and what came out


_USAGE_KEYS = {
    "input": ("input", "input_tokens", "prompt_tokens", "promptTokens"),
    "output": ("output", "output_tokens", "completion_tokens", "completionTokens"),
    "cached": ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens", "cached_tokens", "cached"),
    "cache_write": ("input_cache_creation", "cache_creation_input_tokens", "input_cache_write"),
    "reasoning": ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"),
    "total": ("total", "total_tokens", "totalTokens"),
}


def of_step_data(said: StepData | None) -> Tokens:
    """What a provider's own object says, whatever it counts its cache beside."""
    if said is None:
        return NO_TOKENS
    tokens = said.tokens
    counts = (tokens.input, tokens.completion, tokens.cached, tokens.cache_write, tokens.reasoning)
    return Tokens(*map(as_count, counts))


def completed(made: Tokens, whole: Tokens) -> Tokens:
    """The counts, with what the provider's own usage tells beside the same input and output."""
    if whole[:2] != made[:2]:
        return made
    return Tokens(*(theirs if mine is None else mine for mine, theirs in zip(made, whole, strict=True)))


def total_cost(costs: Mapping[str, Any]) -> float | None:
    """The total of an object with costs, or their sum if it has none."""
    known = {key.removesuffix("_cost"): cost for key, each in costs.items() if (cost := as_dollars(each)) is not None}
    total = known.pop("total", None)
    return total if total is not None or not known else math.fsum(known.values())


def as_count(value: Any) -> int | None:
    """A whole number from zero to `MAX_COUNT`; JavaScript's come as floats."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def as_dollars(value: Any) -> float | None:
    """A number of US dollars up to `MAX_DOLLARS`."""
    number = as_number(value)
    return number if number is not None and abs(number) <= MAX_DOLLARS else None


def as_number(value: Any) -> float | None:
    """A number that is finite."""
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
