"""What is new or changing, for those who watch: looked up once for all of them, and kept for none.

Who watches has a place among the changes that are in the file, and reads on from there when it can take more. So one
that is slow or dead costs its connection and no more, one that comes back goes on where it was, and it does not matter
which process writes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from anyio import CapacityLimiter, move_on_after
from anyio.to_thread import run_sync

from contextcompany.observatory import changes, cursors
from contextcompany.observatory.contexts import as_json
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable, Iterator

    from contextcompany.observatory.store import Store

__all__ = ["KEEP_ALIVE_S", "MAX_WATCHERS", "Feed", "OneRun", "Runs", "Watched"]

KEEP_ALIVE_S: Final = 15.0
"""After so long without news a comment is sent, which finds out who is gone."""

MAX_WATCHERS: Final = 1000
"""So many may watch at once. Of each, what it has not read yet is in memory: some 100 KB."""

_LOOK_EVERY_S: Final = 0.1
_PAUSE: Final = 4
"""How many times longer than looking kept a processor busy it waits: it takes a fifth of one at most."""

_MAX_PAUSE_S: Final = 5.0
_SAME: Final = 16
"""Answers that are kept for others who look from the same place, until there is news."""

_LOGGER: Final = logging.getLogger("contextcompany.observatory")


class _Place(NamedTuple):
    """Where somebody is among the changes."""

    change: tuple[int, int]
    """The newest that was told: of runs its number; of the spans of one run when it was made, and the span's row."""
    number: int = 0
    """Of one run: that of its newest change when it was looked at, so that it is not read while others change."""
    newest_ns: int = 0
    """Of one run: when its newest span had come then."""


class _Seen(NamedTuple):
    """What a look found."""

    body: bytes
    """Events as they are sent; empty when there are none."""
    at: _Place
    """Where to look from next."""
    is_all: bool
    is_over: bool = False


class Runs(NamedTuple):
    """All runs that a filter lets through."""

    filter: str

    def start(self, store: Store) -> tuple[int, int]:
        """From now on."""
        return changes.newest(store), 0

    def look(self, store: Store, at: _Place) -> _Seen:
        """What has happened since."""
        found = changes.of_runs(store, self.filter, at.change[0])
        events: list[tuple[str, Any]] = [("reload", {})] if found.is_behind else [("run", run) for run in found.runs]
        if found.gone:
            events.append(("gone", found.gone))
        return _Seen(_events(events, str(found.change)), _Place((found.change, 0)), found.is_all)


class OneRun(NamedTuple):
    """A run and its spans."""

    trace_id: str

    def start(self, store: Store) -> tuple[int, int]:  # noqa: ARG002 - as of all runs
        """All of it."""
        return 0, 0

    def look(self, store: Store, at: _Place) -> _Seen:
        """What has happened since."""
        number = changes.of_trace(store, self.trace_id)
        if number == at.number:
            return _Seen(b"", at, is_all=True)
        found = changes.of_run(store, self.trace_id, at.change, hung_ns=at.newest_ns)
        if found is None:
            return _Seen(_events([("gone", [self.trace_id])], "0"), at, is_all=True, is_over=True)
        events: list[tuple[str, Any]] = [("spans", found.spans)] if found.spans else []
        events += [("feedback", found.feedback)] if found.feedback else []
        place = _Place(found.change, number if found.is_all else 0, found.newest_ns)
        told = _events([*events, ("run", found.run)], cursors.change(found.change))
        return _Seen(told, place, found.is_all)


Watched: TypeAlias = Runs | OneRun


class Feed:
    """Tells all who watch. For one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limiter = CapacityLimiter(1)
        self._newest = 0
        self._news = asyncio.Event()
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._looks: dict[Hashable, asyncio.Task[_Seen]] = {}
        self._busy_s = 0.0
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether nobody else may watch."""
        return self._watchers >= MAX_WATCHERS

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        self._news.set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While somebody watches."""
        self._watchers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._watchers -= 1

    async def events(self, watched: Watched, since: tuple[int, int] | None) -> AsyncIterator[bytes]:
        """What happens to it, since a change; without one, to all runs from now on, and to a run from its beginning."""
        try:
            at = _Place(await self._in_thread(watched.start, self._store) if since is None else since)
            async for body in self._told(watched, at):
                yield body
        except StoreError as error:
            _LOGGER.warning("Who watches is sent away, and comes back: %s", error)

    async def _told(self, watched: Watched, at: _Place) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        while not self._is_closed:
            known = self._newest
            seen = await self._look((watched, at, known), partial(watched.look, self._store, at))
            at = seen.at
            if seen.body:
                yield seen.body
            if seen.is_over:
                return
            while seen.is_all and not await self._has_news(known):
                yield b":\n\n"

    async def _has_news(self, known: int) -> bool:
        """Waits for them, but not for ever."""
        if self._newest == known and not self._is_closed:
            with move_on_after(KEEP_ALIVE_S):
                await self._news.wait()
        return self._newest != known or self._is_closed

    async def _look(self, key: Hashable, look: Callable[[], _Seen]) -> _Seen:
        """Once for all who look from the same place at the same moment."""
        if key not in self._looks:
            if len(self._looks) >= _SAME:
                self._looks.clear()
            self._looks[key] = asyncio.create_task(self._in_thread(look))
            self._looks[key].add_done_callback(partial(self._forget_failed, key))
        return await asyncio.shield(self._looks[key])

    def _forget_failed(self, key: Hashable, task: asyncio.Task[_Seen]) -> None:
        # Asking for the error also says that it was seen: who waited for it may have hung up.
        if task.cancelled() or task.exception() is not None:
            self._looks.pop(key, None)

    async def _watch(self) -> None:
        """Sees whether there is news, while somebody watches."""
        while self._watchers and not self._is_closed:
            try:
                newest = await self._in_thread(changes.newest, self._store)
            except StoreError as error:
                _LOGGER.warning("Who watches is not told for now: %s", error)
                newest, self._busy_s = self._newest, _MAX_PAUSE_S
            if newest != self._newest:
                self._newest = newest
                self._looks.clear()
                self._news.set()
                self._news = asyncio.Event()
            pause = min(max(_LOOK_EVERY_S, _PAUSE * self._busy_s), _MAX_PAUSE_S)
            self._busy_s = 0.0
            await asyncio.sleep(pause)

    async def _in_thread(self, work: Callable[..., Any], *values: Any) -> Any:
        found, took_s = await run_sync(_timed, work, *values, limiter=self._limiter)
        self._busy_s += took_s
        return found


def _timed(work: Callable[..., Any], *values: Any) -> tuple[Any, float]:
    """What it returns, and for how long it kept a processor busy."""
    started = time.thread_time()
    found = work(*values)
    return found, time.thread_time() - started


def _events(events: list[tuple[str, Any]], at: str) -> bytes:
    """As https://html.spec.whatwg.org/#server-sent-events writes them. Only the last says where it is, so that all of
    them come again when the connection breaks between them.
    """
    if not events:
        return b""
    lines = [b"event: %b\ndata: %b\n" % (name.encode(), as_json(value)) for name, value in events]
    lines[-1] += b"id: %b\n" % at.encode()
    return b"\n".join([*lines, b""])
