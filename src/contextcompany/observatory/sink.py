"""Between the requests, which wait for one another on one thread, and the store, which blocks until it has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from contextcompany.observatory.store import BusyError, StoreError

if TYPE_CHECKING:
    from contextcompany.observatory.otlp import Batch
    from contextcompany.observatory.store import Store

__all__ = ["THREADS", "Busy", "Sink", "StoreSink"]

THREADS: Final = 4
"""So many batches are in the store at once. It puts those that wait into one transaction; more threads would take turns
with the one that reads requests, 5 ms each."""

MAX_WAITING: Final = 2048
"""Requests that may wait for the store."""


class Busy(Exception):  # noqa: N818 - says what the sink is
    """A sink takes nothing at the moment. Says why."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Sink(Protocol):
    """Where what was received goes."""

    async def write(self, batch: Batch) -> None:
        """Keep the batch: it is durable when this returns.

        Raises:
            Busy: it is not kept, and may be sent again.
        """


class StoreSink:
    """A store as a `Sink`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = 0
        self._limiter = CapacityLimiter(THREADS)

    async def write(self, batch: Batch) -> None:
        """See `Sink.write`."""
        if self._waiting >= MAX_WAITING:
            raise Busy("Too much waits to be written. Try again.", 1)
        self._waiting += 1
        try:
            await run_sync(self._store.write, batch, limiter=self._limiter)
        except BusyError as error:
            raise Busy(str(error), 1) from None
        except StoreError as error:
            raise Busy(str(error), 5) from error
        finally:
            self._waiting -= 1
