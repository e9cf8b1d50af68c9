"""The filter language of the list of runs: text → conditions. Pure.

`status:error model:gpt-4o cost>0.1 duration>10s session:x tool:search agent:y since:1h "free text"`: what is separated
by spaces must all be true, a `-` in front turns a part around, `*` in a name stands for any text, and words without a
key are searched in what was said.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory import sql
from contextcompany.observatory.fold import SUSPENDED

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "KEYS",
    "KINDS",
    "LOST_AFTER_S",
    "MAX_HITS",
    "NAMES",
    "STATUSES",
    "Condition",
    "Filter",
    "FilterError",
    "moment",
    "parse",
    "phrase",
    "replaced",
    "token",
]

LOST_AFTER_S: Final = 600.0
"""A run that is open and of which nothing came for so long is lost: its process may be dead."""

MAX_HITS: Final = 20_000
"""Texts that a search looks at, newest first."""

KEYS: Final = {
    "status": "ok, error, partial, unset, running or lost",
    "agent": "an agent that took part",
    "model": "a model that was asked",
    "tool": "a tool that was called",
    "provider": "whose model was asked",
    "session": "the session's id",
    "user": "the user's id",
    "run": "the run's id, or its trace's",
    "error": "a kind of error that occurred",
    "feedback": "a score that was given: thumbs_up, thumbs_down",
    "read_as": "the convention by which it was understood",
    "kind": "run, or other: traces without GenAI",
    "since": "started in the last 30m, 12h, 7d; or after a date",
    "until": "started before: as `since`",
    "duration": "how long it took: >10s, <200ms",
    "cost": "in USD: >0.1",
    "tokens": "input and output together: >1000",
    "input": "input tokens",
    "output": "output tokens",
    "steps": "how many requests to models",
    "tools": "how many tool calls",
    "errors": "how many spans ended in an error",
    "spans": "how many spans",
}
"""What a filter may ask for, with what each means."""

STATUSES: Final = ("ok", "error", "partial", "unset", "running", "lost")
KINDS: Final = ("run", "other")
NAMES: Final = ("agent", "model", "tool", "provider", "user", "error")
"""Keys whose values are names that occur in a run."""

_NUMBERS: Final = {
    "duration": "run.duration_ns",
    "cost": "run.cost",
    "tokens": "(coalesce(run.input_tokens, 0) + coalesce(run.output_tokens, 0))",
    "input": "run.input_tokens",
    "output": "run.output_tokens",
    "steps": "run.steps",
    "tools": "run.tool_calls",
    "errors": "run.errors",
    "spans": "run.spans",
}
_OPERATORS: Final = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "=", ":": "="}
_SECOND: Final = 10**9
_UNITS_NS: Final = {
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 86_400 * _SECOND,
    "w": 604_800 * _SECOND,
}
_MAX_CONDITIONS: Final = 20
_MAX_NS: Final = 2**62
"""More nanoseconds than that are as good as for ever, and SQLite's integers end at twice as many."""

_TOKEN: Final = re.compile(
    r"(?P<no>-?)(?:"
    r'(?P<key>[A-Za-z_]+)(?P<op>>=|<=|[:><=])(?:"(?P<quoted>[^"]*)"|(?P<value>\S*))'
    r'|"(?P<text>[^"]*)"|(?P<word>\S+))'
)
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class FilterError(ValueError):
    """A part of a filter is wrong. The message says which, why, and what was perhaps meant."""

    def __init__(self, token: str, message: str, suggestion: str | None = None) -> None:
        super().__init__(message + (f" Did you mean `{suggestion}`?" if suggestion else ""))
        self.reason = message
        self.token = token
        self.suggestion = suggestion


class Condition(NamedTuple):
    """A condition on `run`, of SQL of ours, and the values for its question marks."""

    text: str
    values: tuple[Any, ...]


class Filter(NamedTuple):
    """What a filter says."""

    conditions: list[Condition]
    searches: list[str]
    """What is searched for, in FTS5's language."""

    @property
    def where(self) -> str:
        """All conditions, as SQL on `run`."""
        return f"({') AND ('.join(each.text for each in self.conditions)})"

    @property
    def values(self) -> list[Any]:
        """For its question marks."""
        return [value for each in self.conditions for value in each.values]


def parse(text: str, now_ns: int, lost_after_s: float = LOST_AFTER_S) -> Filter:
    """Read a filter.

    Raises:
        FilterError: a part of it is wrong.
    """
    conditions: list[Condition] = []
    searches: list[str] = []
    keys = set()
    for match in _TOKEN.finditer(text):
        if len(conditions) >= _MAX_CONDITIONS:
            raise FilterError(match[0], f"A filter has at most {_MAX_CONDITIONS} parts.")
        key = match["key"]
        if key is None:
            said = phrase(match["text"] if match["text"] is not None else match["word"])
            searches.append(said)
            made = Condition(sql.text("filters/search"), (said, MAX_HITS, said, MAX_HITS))
        else:
            keys.add(key.lower())
            made = _condition(_Token(match), _Now(now_ns, int(lost_after_s * 1e9)))
        conditions.append(Condition(f"NOT ({made.text})", made.values) if match["no"] else made)
    if "kind" not in keys:
        conditions.append(Condition(sql.text("filters/kind"), ("run",)))
    return Filter(conditions, searches)


def moment(text: str, now_ns: int) -> int:
    """When it was, in nanoseconds since the epoch: `30m`, `12h` or `7d` ago, or a date.

    Raises:
        ValueError: it is neither.
    """
    try:
        return now_ns - _span_ns(text)
    except ValueError:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    at = (
        int((when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()) * _SECOND
        + when.microsecond * 1000
    )
    return max(-_MAX_NS, min(at, _MAX_NS))


def replaced(text: str, key: str, token: str | None) -> str:
    """A filter that says `token`, or nothing, instead of what it says with `key`."""
    parts = [match[0] for match in _TOKEN.finditer(text) if (match["key"] or "").lower() != key]
    return " ".join([*parts, token] if token else parts)


def token(key: str, value: str) -> str:
    """A part of a filter that asks for this value. No quote can be written in it: for one, any text stands."""
    said = value.replace('"', "*")
    return f'{key}:"{said}"' if re.search(r"\s", said) or not said else f"{key}:{said}"


def phrase(text: str) -> str:
    """Text as FTS5 reads a phrase; a `*` at its end stands for the rest of a word."""
    is_prefix = text.endswith("*")
    quoted = text.rstrip("*").replace('"', '""').replace("\0", " ")
    return f'"{quoted}"' + ("*" if is_prefix and quoted else "")


class _Now(NamedTuple):
    ns: int
    lost_after_ns: int


class _Token:
    def __init__(self, match: re.Match[str]) -> None:
        self.text = match[0]
        self.key = match["key"].lower()
        self.op = match["op"]
        self.value: str = match["quoted"] if match["quoted"] is not None else match["value"]

    def wrong(self, message: str, suggestion: str | None = None) -> FilterError:
        return FilterError(self.text, message, suggestion)


def _condition(token: _Token, now: _Now) -> Condition:
    if token.key not in KEYS:
        near = get_close_matches(token.key, KEYS, 1, 0.5)
        instead = f"{near[0]}{token.op}{token.value}" if near else None
        known = "" if near else f" Known are {', '.join(KEYS)}."
        raise token.wrong(f"`{token.text}`: there is no key `{token.key}`.{known}", instead)
    if not token.value:
        raise token.wrong(f"`{token.text}` says no value. `{token.key}` is: {KEYS[token.key]}.")
    if token.key in _NUMBERS:
        return _number(token)
    if token.op not in ":=":
        raise token.wrong(f"`{token.text}`: `{token.key}` has no order.", f"{token.key}:{token.value}")
    return _OTHERS[token.key](token, now)


def _number(token: _Token) -> Condition:
    try:
        value = float(_span_ns(token.value)) if token.key == "duration" else float(token.value)
    except ValueError:
        example = "duration>10s" if token.key == "duration" else f"{token.key}>100"
        raise token.wrong(f"`{token.text}`: `{token.value}` is no {_what(token.key)}.", example) from None
    return Condition(f"{_NUMBERS[token.key]} {_OPERATORS[token.op]} ?", (value,))


def _what(key: str) -> str:
    return "time such as 10s, 200ms, 5m" if key == "duration" else "number"


def _status(token: _Token, now: _Now) -> Condition:
    if token.value not in STATUSES:
        near = get_close_matches(token.value, STATUSES, 1, 0.5)
        said = f"`{token.text}`: a status is one of {', '.join(STATUSES)}."
        raise token.wrong(said, f"status:{near[0]}" if near else None)
    if token.value in {"running", "lost"}:
        # A run that waits for a person is never lost, however long nothing comes of it.
        text = sql.text(f"filters/{token.value}").replace("/* waiting */", sql.text("filters/waiting"))
        return Condition(text, (now.ns - now.lost_after_ns, SUSPENDED))
    return Condition(sql.text("filters/status"), (token.value,))


def _kind(token: _Token, now: _Now) -> Condition:  # noqa: ARG001 - as all of them
    if token.value not in KINDS:
        raise token.wrong(f"`{token.text}`: a kind is run or other.", "kind:run")
    return Condition(sql.text("filters/kind"), (token.value,))


def _name(token: _Token, now: _Now) -> Condition:  # noqa: ARG001
    like = "_like" if "*" in token.value else ""
    value = token.value.replace("[", "[[]").replace("?", "[?]") if like else token.value
    return Condition(sql.text(f"filters/name{like}"), (token.key, value))


def _run(token: _Token, now: _Now) -> Condition:  # noqa: ARG001
    value = token.value
    return Condition(sql.text("filters/run"), (value, value.replace("-", "").lower(), value, value))


def _plain(token: _Token, now: _Now) -> Condition:  # noqa: ARG001
    return Condition(sql.text(f"filters/{token.key}"), (token.value,))


def _time(token: _Token, now: _Now) -> Condition:
    try:
        at = moment(token.value, now.ns)
    except ValueError:
        said = f"`{token.text}`: `{token.value}` is neither a time such as 30m, 12h, 7d nor a date."
        raise token.wrong(said, f"{token.key}:1h") from None
    return Condition(f"run.start_ns {'>=' if token.key == 'since' else '<'} ?", (at,))


_OTHERS: Final[dict[str, Callable[[_Token, _Now], Condition]]] = {
    "status": _status,
    "kind": _kind,
    "run": _run,
    "session": _plain,
    "feedback": _plain,
    "read_as": _plain,
    "since": _time,
    "until": _time,
    **dict.fromkeys(NAMES, _name),
}


def _span_ns(text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(min(float(match[1]) * _UNITS_NS[match[2]], _MAX_NS))
