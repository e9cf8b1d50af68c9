"""What must not be different between two runs, or not by more than so much: `cost+10%` → a sentence if it is. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from contextcompany.observatory.contexts import Comparison, Pair

__all__ = ["KINDS", "Gate", "broken", "parse"]

_NUMBERS: Final = {
    "cost": ("cost",),
    "duration": ("duration_ns",),
    "tokens": ("input_tokens", "output_tokens"),
    "input": ("input_tokens",),
    "output": ("output_tokens",),
    "errors": ("errors",),
    "spans": ("spans",),
}
"""What must not grow, and the totals that it is the sum of."""

_KINDS: Final = {"steps": "step", "tools": "tool_call"}
"""What must neither come nor go. With an amount, how many there are must not grow by more."""

_ANSWERS: Final = ("prompt", "response")
"""What the run was asked, and what it answered in the end."""

_CHANGES: Final = ("system", "args", "result", "model", "parameters", "tool_definitions")
"""What must be the same in all steps and tool calls that both runs have."""

KINDS: Final = ("status", *_ANSWERS, *_KINDS, *_NUMBERS, *_CHANGES)
"""What can be asked for."""

_UNITS: Final = {"%": 0.01, "": 1.0, "ms": 1e6, "s": 1e9, "m": 60e9}
_GATE: Final = re.compile(r"(\w+)(?:\+(\d+(?:\.\d+)?)(%|ms|s|m|))?")


class Gate(NamedTuple):
    """One thing that must not be different."""

    text: str
    """As it was written."""
    what: str
    more: float | None
    """By how much it may be more; None: by nothing, or it is no number."""
    is_share: bool
    """Whether that is a share of what it was."""


def parse(text: str) -> Gate:
    """A gate from its text: a word, and for numbers perhaps by how much they may grow, as `cost+10%` or `duration+2s`.

    Raises:
        ValueError: it is none.
    """
    found = _GATE.fullmatch(text)
    what, amount, unit = found.groups("") if found else (text, "", "")
    if what not in KINDS:
        near = get_close_matches(what, KINDS, 1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise ValueError(f"`{text}` is nothing to fail on. Known are {', '.join(KINDS)}.{hint}")
    if not amount:
        return Gate(text, what, None, False)
    if what not in _NUMBERS and what not in _KINDS:
        raise ValueError(f"`{text}`: {what} is no number; it can only be the same or not.")
    if (unit in ("ms", "s", "m")) != (what == "duration" and unit != "%"):
        raise ValueError(
            f"`{text}`: write it as {'duration+20% or duration+2s' if what == 'duration' else what + '+10%'}."
        )
    return Gate(text, what, float(amount) * _UNITS[unit], unit == "%")


def broken(gate: Gate, of: Comparison) -> str | None:
    """Why a gate fails, in a sentence; None when it does not."""
    said = _said(gate, of)
    return None if said is None else f"{gate.text}: {said}."


def _said(gate: Gate, of: Comparison) -> str | None:
    if gate.what == "status":
        before, after = of.before.state, of.after.state
        return f"the status was {before} and is {after}" if before != after else None
    if gate.what in _ANSWERS:
        changed = of.prompt if gate.what == "prompt" else of.response
        return f"the {gate.what} is another one" if changed else None
    if gate.what in _CHANGES:
        both = [each for each in of.pairs if each.before and each.after]
        where = [each for each in both if any(change.what == gate.what for change in each.changes)]
        return f"{_words(gate.what)} of {_several(where)} changed" if where else None
    if gate.what in _KINDS and gate.more is None:
        return _moved(_KINDS[gate.what], of)
    return _grown(gate, of)


def _moved(kind: str, of: Comparison) -> str | None:
    pairs = [each for each in of.pairs if each.kind == kind]
    came, went = [each for each in pairs if each.before is None], [each for each in pairs if each.after is None]
    said = [f"{_several(some)} {word}" for some, word in ((came, "came"), (went, "went")) if some]
    return " and ".join(said) or None


def _grown(gate: Gate, of: Comparison) -> str | None:
    names = _NUMBERS.get(gate.what) or ("steps" if gate.what == "steps" else "tool_calls",)
    before, after = ([getattr(run, name) for name in names] for run in (of.before, of.after))
    if None in before or None in after:
        which = " and ".join(word for word, values in (("before", before), ("after", after)) if None in values)
        return f"{gate.what} is not known {which}"
    was, now = sum(before), sum(after)
    limit = was + (gate.more or 0.0) * (was if gate.is_share else 1)
    if now <= limit + 1e-12:
        return None
    share = f", {now / was - 1:+.1%}" if was else ""
    return f"{gate.what} was {_amount(gate.what, was)} and is {_amount(gate.what, now)}{share}"


def _amount(what: str, value: float) -> str:
    if what == "cost":
        return f"${value:.6f}".rstrip("0").rstrip(".")
    return f"{value / 1e9:.3f} s" if what == "duration" else f"{value:,}"


def _several(pairs: list[Pair]) -> str:
    word = {"step": "step", "tool_call": "tool call"}
    first = f"the {word.get(pairs[0].kind, 'span')} {pairs[0].name}"
    return first if len(pairs) == 1 else f"{first} and {len(pairs) - 1:,} more"


def _words(what: str) -> str:
    return {"args": "the arguments", "tool_definitions": "the tools offered"}.get(what, f"the {what}")
