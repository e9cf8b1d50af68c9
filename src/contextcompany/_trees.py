"""Runs as trees on a terminal: a line for each run, step and tool call, with what it says as far as that fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from contextcompany import _words
from contextcompany._content import as_text
from contextcompany._terminal import Text, columns_of, shares_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contextcompany._terminal import Terminal

__all__ = [
    "GAP",
    "Piece",
    "Row",
    "beginning",
    "gist",
    "guided",
    "head",
    "ids",
    "json_text",
    "lines",
    "part_text",
    "price",
    "tokens",
]

GAP = 3
"""Columns between the facts and the ids."""

Piece = tuple[str, Text]
"""A text that may be cut, and what stands between it and the one before."""


class Row(NamedTuple):
    """What a line says."""

    sign: Text
    label: Text
    duration: str
    facts: str
    brief: str
    """The facts where there is no room for all of them."""
    note: str
    """Why it is incomplete; empty when it is not."""
    said: list[Piece]
    """What was asked and answered."""
    wrong: list[Piece]
    """What went wrong."""


class _Branch(Protocol):
    @property
    def children(self) -> Sequence[Any]: ...


_T = TypeVar("_T", bound=_Branch)


def guided(branches: Sequence[_T], terminal: Terminal) -> Iterator[tuple[str, _T]]:
    """Branches and all that is in them, each with the lines that lead to it."""
    glyphs, limit = terminal.glyphs, terminal.width // 3
    waiting = [("", True, each) for each in branches[-1:]] + [("", False, each) for each in branches[-2::-1]]
    while waiting:
        guide, is_last, value = waiting.pop()
        yield (guide + (glyphs.last if is_last else glyphs.fork))[-limit:], value
        inner = guide + ("   " if is_last else glyphs.bar)
        waiting += [(inner, True, child) for child in value.children[-1:]]
        waiting += [(inner, False, child) for child in value.children[-2::-1]]


def head(row: Row, ids: str, terminal: Terminal, *, is_followed: bool) -> str:
    """What stands above the tree: the whole in numbers, the ids, what was asked and answered, what went wrong."""
    first = beginning([row.sign, Text(" "), row.label, Text("  " + row.duration)], row, terminal)
    told, bar = Text(ids, "dim"), Text(terminal.glyphs.bar if is_followed else "   ", "dim")
    if _total_columns(first) + GAP + columns_of(told.plain) <= terminal.width:
        first += [Text(" " * GAP), told]
        told = Text("")
    made = [terminal.line(*first)]
    room = terminal.width - len(bar.plain) - columns_of(told.plain) - (GAP if told.plain else 0)
    if row.said or told.plain:
        said = _fitted(row.said, room, terminal)
        made.append(terminal.line(bar, *said, Text(" " * (GAP if said else 0)), told))
    made += [terminal.line(bar, text) for _, text in row.wrong]
    return "".join(made)


def lines(rows: Sequence[tuple[str, Row]], more: int, terminal: Terminal) -> str:
    """The tree: each row with the lines that lead to it, and how many more there are."""
    left = max((columns_of(guide) + columns_of(row.label.plain) for guide, row in rows), default=0)
    left = min(left, terminal.width // 3)
    times = max((len(row.duration) for _, row in rows), default=0)
    made = [_line(guide, row, left, times, terminal) for guide, row in rows]
    if more:
        made.append(terminal.line(Text(f"{terminal.glyphs.last}{more:,} more", "dim")))
    return "".join(made)


def _line(guide: str, row: Row, left: int, times: int, terminal: Terminal) -> str:
    label = terminal.cut(row.label.plain, max(left - columns_of(guide), 8))
    pad = " " * max(left - columns_of(guide) - columns_of(label), 0)
    title = [Text(guide, "dim"), row.sign, Text(" "), Text(label, row.label.style)]
    parts = beginning([*title, Text(f"{pad}  {row.duration:>{times}}")], row, terminal)
    said = _fitted([*row.said, *row.wrong], terminal.width - _total_columns(parts) - 2, terminal)
    return terminal.line(*parts, Text("  "), *said) if said else terminal.line(*parts)


def beginning(parts: list[Text], row: Row, terminal: Terminal) -> list[Text]:
    """The beginning of a line with its numbers: in brief when there is no room for all of them."""
    note = [Text(f"  (incomplete: {row.note})", "yellow")] if row.note else []
    room = terminal.width - _total_columns([*parts, *note])
    facts = _after("  ", row.facts)
    if columns_of(facts) > room:
        facts = _after("  ", row.brief)
    return [*parts, Text(facts), *note]


def _after(space: str, text: str) -> str:
    return space + text if text else ""


def _total_columns(texts: list[Text]) -> int:
    return sum(columns_of(each.plain) for each in texts)


def _fitted(pieces: list[Piece], room: int, terminal: Terminal) -> list[Text]:
    """The pieces, cut so that together they fit."""
    if not pieces:
        return []
    pieces = [(pieces[0][0].lstrip(), pieces[0][1]), *pieces[1:]]
    room -= sum(columns_of(space) for space, _ in pieces)
    # What went wrong is cut last.
    *others, last = [columns_of(text.plain) for _, text in pieces]
    kept = min(last, room * 2 // 3) if others and pieces[-1][1].style != "dim" else 0
    shares = shares_of([*others, last - kept], room - kept)
    shares[-1] += kept
    shown: list[Text] = []
    for (space, text), share in zip(pieces, shares, strict=True):
        shown += [Text(space, "dim"), Text(terminal.cut(text.plain, share), text.style)]
    return shown


# --- the parts of a line ---------------------------------------------------------------------------------------------


def ids(run_id: str, session_id: str | None, terminal: Terminal) -> str:
    """Which run it is: as much of its id as tells it from others."""
    shown = terminal.safe(run_id)
    if len(shown) in (32, 36) and not shown.strip("0123456789abcdefABCDEF-"):
        shown = shown[:8] + terminal.glyphs.ellipsis
    session = terminal.safe(session_id or "")
    return f"run {terminal.cut(shown, 24)}" + _after("  session ", terminal.cut(session, 24))


def tokens(
    came: int | None,
    went: int | None,
    cached: int | None,
    reasoning: int | None,
    terminal: Terminal,
    *,
    in_brief: bool = False,
) -> str:
    """`1,438 → 215 tokens (1,024 cached)`; nothing when neither is known."""
    if came is None and went is None:
        return ""
    inside = {"cached": cached, "reasoning": reasoning}
    parts = ", ".join(f"{count:,} {name}" for name, count in inside.items() if count)
    shown = f"{_words.count(came)} {terminal.glyphs.arrow} {_words.count(went)} tokens"
    return shown + (f" ({parts})" if parts and not in_brief else "")


def price(amount: float, terminal: Terminal, *, is_calculated: bool, has_gaps: bool) -> str:
    """`~` stands before what was calculated rather than told, `≥` where the cost of a part is not known."""
    return (terminal.glyphs.at_least if has_gaps else "") + ("~" if is_calculated else "") + _words.dollars(amount)


# --- content in a few words ------------------------------------------------------------------------------------------


def gist(value: object, terminal: Terminal) -> str:
    """Text in quotes, messages by the last one, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f'"{terminal.safe(value)}"'
    return terminal.safe(_last_message(value) or json_text(value))


def _last_message(value: object) -> str:
    match value:
        case [*_, {"role": str(), "parts": [_, *_] as parts}]:
            return " ".join(part_text(part) for part in parts)
    return ""


def part_text(part: object) -> str:
    """A part of a message."""
    match part:
        case {"type": "text", "content": str(text)}:
            return f'"{text}"'
        case {"type": "tool_call", "name": str(name), "arguments": arguments}:
            return f"{name}({json_text(arguments)})"
        case {"type": "tool_call_response", "response": response}:
            return response if isinstance(response, str) else json_text(response)
        case {"type": str(kind)}:
            return f"<{kind}>"
    return json_text(part)


def json_text(value: object) -> str:
    """JSON, or text when it is none."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return as_text(value)
