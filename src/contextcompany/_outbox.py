"""Bytes in, bytes out, and in between they survive the process; knows nothing of what the bytes mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from contextcompany._settings import Signal

__all__ = ["Item"]


class Item(NamedTuple):
    """Something that waits to be sent."""

    key: Any
    """The outbox's own."""
    signal: Signal
    head: bytes
    scope: bytes
    body: bytes
