"""Batches of many requests, and a store that blocks."""

import asyncio
import time
from threading import Lock

import pytest

from contextcompany.observatory import sink
from contextcompany.observatory.otlp import Batch
from contextcompany.observatory.sink import THREADS, Busy, StoreSink
from contextcompany.observatory.store import BusyError, StoreError

BATCH = Batch([], [], [])


class Slow:
    """Counts how many write at once."""

    def __init__(self):
        self.written = self.now = self.most = 0
        self._lock = Lock()

    def write(self, batch):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.005)
        with self._lock:
            self.now -= 1
            self.written += 1


def test_few_write_at_once():
    """And all are written when their `write` returns."""
    store = Slow()

    async def write_many():
        sinks = StoreSink(store)
        await asyncio.gather(*[sinks.write(BATCH) for _ in range(40)])

    asyncio.run(write_many())

    assert (store.written, store.most) == (40, THREADS)


def test_more_than_may_wait_are_refused(monkeypatch):
    """At once, and those that wait are written all the same."""
    monkeypatch.setattr(sink, "MAX_WAITING", 5)
    store = Slow()

    async def write_many():
        sinks = StoreSink(store)
        return await asyncio.gather(*[sinks.write(BATCH) for _ in range(40)], return_exceptions=True)

    refused = [each for each in asyncio.run(write_many()) if each is not None]

    assert {(type(each), str(each)) for each in refused} == {(Busy, "Too much waits to be written. Try again.")}
    assert store.written == 40 - len(refused) > 0


@pytest.mark.parametrize(("kind", "retry_after_s"), [(BusyError, 1), (StoreError, 5)])
def test_what_keeps_the_store_from_writing_is_said(kind, retry_after_s):
    """It is no fault of what is sent, which may be sent again."""

    class Failing:
        def write(self, batch):
            raise kind("The disk is full.")

    with pytest.raises(Busy, match=r"^The disk is full\.$") as caught:
        asyncio.run(StoreSink(Failing()).write(BATCH))

    assert caught.value.retry_after_s == retry_after_s


def test_what_is_our_fault_is_not_hidden():
    """It becomes a 500, and is in the log."""

    class Failing:
        def write(self, batch):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(StoreSink(Failing()).write(BATCH))
