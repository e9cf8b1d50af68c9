"""How values of strangers stand on a page: long text folded, JSON as a tree that has bounds. Pure."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany.observatory.shapes import parsed
from contextcompany.observatory.words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FILTERS",
    "MAX_NODES",
    "MAX_TEXT",
    "Folded",
    "Node",
    "as_text",
    "folded",
    "nodes",
    "structure",
]

MAX_TEXT: Final = 200_000
"""Characters of one text that a page has. The whole is in the page's JSON twin."""

MAX_NODES: Final = 3_000
"""Nodes of one tree that a page has, with `MAX_TEXT` characters in all."""

_FOLDED: Final = 2_000
"""Characters of a long text that are shown before it is unfolded."""

_SLACK: Final = 600
"""So many more are not worth folding."""

_MAX_DEPTH: Final = 40
_OPEN_TO: Final = 2
"""Levels of a tree that are open at first; one with few nodes is open."""

_FEW: Final = 40


class Folded(NamedTuple):
    """A text for a page."""

    head: str
    rest: str
    """What is shown when it is unfolded; empty when `head` is all."""
    size: int
    """Bytes of the whole."""
    left_out: int
    """Characters at its end that the page does not have."""


def folded(text: str) -> Folded:
    """A text, its end folded if it is long: after a line if there is one."""
    size = len(text.encode(errors="surrogatepass"))
    shown = text[:MAX_TEXT]
    if len(shown) <= _FOLDED + _SLACK:
        return Folded(shown, "", size, 0)
    line = shown.rfind("\n", _FOLDED // 2, _FOLDED)
    at = _FOLDED if line < 0 else line + 1
    return Folded(shown[:at], shown[at:], size, len(text) - len(shown))


class Node(NamedTuple):
    """A step through a value: something that opens, a leaf, or the end of what opened last."""

    kind: str
    """open, leaf, close, or more: what is not in the tree."""
    key: str | None = None
    """Its name or number in what it is in."""
    text: str = ""
    """The value of a leaf; of what opens, how much is in it."""
    type: str = ""
    """string, number, word (true, false and null), object or array."""
    is_open: bool = False


def nodes(value: Any) -> Iterator[Node]:
    """A value as a tree, flat: what opens is followed by what is in it. What is too much or too deep is counted."""
    left, room = MAX_NODES, MAX_TEXT
    open_to = _MAX_DEPTH if _is_small(value) else _OPEN_TO
    waiting: list[Iterator[tuple[str | None, Any]]] = [iter([(None, value)])]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            if waiting:
                yield Node("close")
            continue
        if left == 0 or room <= 0:
            yield Node("more", text="There is more, which the page does not have.")
            yield from (Node("close") for _ in waiting[1:])
            return
        left -= 1
        key, each = found
        if not isinstance(each, (dict, list)) or not each:
            leaf = _leaf(key, each)
            room -= len(leaf.text)
            yield leaf
        elif len(waiting) > _MAX_DEPTH:
            yield Node("leaf", key, "Nested too deeply to be shown.", "word")
        else:
            yield _opened(key, each, is_open=len(waiting) <= open_to)
            waiting.append(_inside(each))


def _is_small(value: Any) -> bool:
    count, waiting = 0, [value]
    while waiting and count <= _FEW:
        each = waiting.pop()
        if isinstance(each, (dict, list)):
            waiting += islice(each.values() if isinstance(each, dict) else each, _FEW + 1)
        count += 1
    return count <= _FEW


def _inside(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str | None, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return ((str(key), each) for key, each in pairs)


def _opened(key: str | None, value: dict[str, Any] | list[Any], *, is_open: bool) -> Node:
    is_object = isinstance(value, dict)
    said = f"{count(len(value))} {'field' if is_object else 'item'}{'' if len(value) == 1 else 's'}"
    return Node("open", key, said, "object" if is_object else "array", is_open)


def _leaf(key: str | None, value: Any) -> Node:
    if isinstance(value, str):
        return Node("leaf", key, value, "string")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Node("leaf", key, as_text(value), "number" if is_number else "word")


def structure(value: Any) -> Any:
    """The object or array that a value or its JSON text is; None for anything else."""
    found = parsed(value)
    return found if isinstance(found, (dict, list)) and found else None


def as_text(value: Any) -> str:
    """A value to copy: text as it is, anything else as JSON in lines; bytes and what JSON has not as Python says it."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "as_text": as_text,
    "folded": folded,
    "nodes": nodes,
    "structure": structure,
}
"""The filters of the templates."""
