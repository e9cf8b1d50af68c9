"""What happens by itself: what is too old goes, and the oldest where there is too much; runs become lost."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from contextcompany.observatory.deleting import Retention
from contextcompany.observatory.filters import LOST_AFTER_S
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from typing_extensions import Self

    from contextcompany.observatory.store import Store

__all__ = ["DEFAULT_MAX_AGE_S", "DEFAULT_MAX_BYTES", "DEFAULT_RETENTION", "Keeper"]

DEFAULT_MAX_BYTES: Final = 10 * 10**9
"""10 GB: millions of spans, and little on a disk of today."""

DEFAULT_MAX_AGE_S: Final = None
"""Nothing goes for its age: who looks for last year's run should find it while there is room."""

DEFAULT_RETENTION: Final = Retention(DEFAULT_MAX_AGE_S, DEFAULT_MAX_BYTES)

_LOOK_EVERY_S: Final = 5.0
"""How soon it is noticed that there is too much, or that a run is lost."""

_PRUNE_EVERY_S: Final = 3600.0
"""What is left of runs that never came, their feedback and logs, is looked for so often."""

_log = logging.getLogger("contextcompany.observatory")


class Keeper:
    """A thread that looks now and then, while a store is open."""

    def __init__(
        self,
        store: Store,
        retention: Retention = DEFAULT_RETENTION,
        *,
        every_s: float = _LOOK_EVERY_S,
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        store.keep(retention)
        self._store = store
        self._retention = retention
        self._every_s = every_s
        self._lost_after_ns = int(lost_after_s * 1e9)
        self._lost_until_ns = time.time_ns() - self._lost_after_ns
        self._prune_at = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="contextcompany-observatory-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more; what is being deleted is finished when the store is closed."""
        self._ended.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while not self._ended.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        try:
            self._tell_lost()
            if time.monotonic() >= self._prune_at or self._store.is_due(self._retention):
                self._store.prune(self._retention)
                self._prune_at = time.monotonic() + _PRUNE_EVERY_S
        except (StoreError, sqlite3.Error) as error:
            if not self._ended.is_set():
                _log.warning("Old runs cannot be deleted, or lost ones be told of; it is tried again. %s", error)

    def _tell_lost(self) -> None:
        """Those that have become so since it was done last: while nobody writes, nobody else would say it."""
        until_ns = time.time_ns() - self._lost_after_ns
        self._store.tell_lost(self._lost_until_ns, until_ns)
        self._lost_until_ns = until_ns
