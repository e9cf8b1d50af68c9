"""Where a page of a list ended, or what was told, as text for a URL."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from contextcompany.observatory.filters import FilterError

__all__ = ["change", "read", "write"]

_MAX_INTEGER = 2**63 - 1


def write(of: str, *place: Any) -> str:
    """Of which list, and the values by which its last row is sorted."""
    return base64.urlsafe_b64encode(orjson.dumps([of, *place])).decode().rstrip("=")


def change(place: tuple[int, int]) -> str:
    """A place among changes; a number behind which there is nothing stands alone."""
    return f"{place[0]}.{place[1]}" if place[1] else str(place[0])


def read(after: str, of: str, *kinds: type) -> tuple[Any, ...]:
    """What `write` was given.

    Raises:
        FilterError: it is of another list, or no such text.
    """
    try:
        said, *place = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, TypeError):
        said, place = None, []
    if said != of or len(place) != len(kinds) or not all(map(_is, place, kinds)):
        raise FilterError(after, f"`after={after[:100]}` is no `next` of a page of this list ({of}).")
    return tuple(place)


def _is(value: object, kind: type) -> bool:
    """Whether SQLite takes it as that."""
    if kind is float:
        return isinstance(value, float) or _is(value, int)
    if kind is int:
        return type(value) is int and abs(value) <= _MAX_INTEGER
    return isinstance(value, kind)
