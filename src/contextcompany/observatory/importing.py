"""Parts of files → the store, each thing once.

What is imported twice is kept once, so that an import that was interrupted is simply started again: spans replace those
with their ids, payloads without ids of their own get ids made of what they say, log records are told by their bytes,
and feedback, whose payload has neither id nor time, by what it says of which run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.observatory.fold import feedback
from contextcompany.observatory.otlp import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contextcompany.observatory.files import Part
    from contextcompany.observatory.otlp import Log
    from contextcompany.observatory.store import Store

__all__ = ["Refusal", "Report", "load"]

_ITEMS_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 4 * 2**20
"""What is written in one transaction: as many spans and log records as come in so many bytes."""

_MAX_REASONS: Final = 1000
"""Reasons that are kept of what was refused; the rest is counted."""


class Refusal(NamedTuple):
    """Something that was not taken."""

    place: str
    reason: str


class Report(NamedTuple):
    """What an import did."""

    parts: int
    """Lines, documents or messages that were read."""
    spans: int
    logs: int
    """Log records that were taken, feedback included."""
    refused: int
    """Parts, or items in them, that were not taken."""
    refusals: list[Refusal]
    """The first `_MAX_REASONS` of them."""


def load(store: Store, found: Iterator[Part], tell: Callable[[Report], None] = lambda _: None) -> Report:
    """Write all parts to the store; what it has taken is durable whatever happens then.

    Args:
        store: Where to.
        found: See `files.parts`.
        tell: Called with the report so far, after each part.

    Raises:
        StoreError: the store cannot be written.
    """
    loader = _Loader(store)
    for part in found:
        loader.take(part)
        tell(loader.report())
    loader.write()
    return loader.report()


class _Loader:
    """Gathers what is small, so that many lines share a transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batch = Batch([], [], [])
        self._bytes = 0
        self._counts = [0, 0, 0, 0]
        self._refusals: list[Refusal] = []
        self._said: set[tuple[str, str | None, str | None]] = set()

    def take(self, part: Part) -> None:
        logs = [log for log in part.batch.logs if not (part.is_feedback and self._is_known(log))]
        self._batch.spans.extend(part.batch.spans)
        self._batch.logs.extend(logs)
        self._bytes += part.size
        refused = part.batch.refused
        for index, more in enumerate((1, len(part.batch.spans), len(part.batch.logs), len(refused))):
            self._counts[index] += more
        room = _MAX_REASONS - len(self._refusals)
        self._refusals += [Refusal(part.place, reason) for reason in refused[:room]]
        if self._bytes >= _BYTES_AT_ONCE or len(self._batch.spans) + len(self._batch.logs) >= _ITEMS_AT_ONCE:
            self.write()

    def write(self) -> None:
        if self._batch.spans or self._batch.logs:
            self._store.write(self._batch)
        self._batch, self._bytes = Batch([], [], []), 0
        self._said.clear()

    def report(self) -> Report:
        parts, spans, logs, refused = self._counts
        return Report(parts, spans, logs, refused, self._refusals)

    def _is_known(self, log: Log) -> bool:
        said = feedback(log)
        if said is None:
            return False
        key = (said.trace_id, said.label, said.text)
        with self._store.read() as reader:
            is_known = key in self._said or reader.row("feedback_alike", *key) is not None
        self._said.add(key)
        return is_known
