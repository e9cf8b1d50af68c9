"""What is in hand for one endpoint, and what becomes of it: sent, sent again, split, replaced or held."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from contextcompany import _diagnostics
from contextcompany._encoding import NotEncodable, partial_success, request, stub
from contextcompany._http import Client, NoAnswerError
from contextcompany._verdict import MAX_DELAY_S, Verdict, failure, judge, legible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from contextcompany._http import Answer
    from contextcompany._item import Item
    from contextcompany._settings import Endpoint, Signal

__all__ = ["MAX_REQUEST_BYTES", "Lane", "Setback", "Shelf"]

MAX_REQUEST_BYTES = 4 * 2**20
"""Bytes of a request, unless one item alone has more; receivers refuse them from here on."""

_MIN_REQUEST_BYTES = 64 * 2**10
_FIRST_DELAY_S = 0.5
_FAILURES_UNTIL_SPLIT = 3
_FAILURES_UNTIL_DEAD = 6
_REFUSALS_IN_A_ROW = 3
"""So many items that are refused to the last byte, with none accepted between them, are the endpoint's fault."""

_MAX_BATCHES = 32
"""A long outage leaves no more than so many pieces of what was split in search of an item at fault."""

_SNAPSHOTS_HEADER = "TCC-Open-Spans"


class Shelf(Protocol):
    """What waits for one destination."""

    def take(self, max_bytes: int, signals: Sequence[Signal]) -> Sequence[Item]:
        """The oldest items, all of one of `signals`, at least one if any waits; none is handed out twice."""

    def delivered(self, items: Sequence[Item], rejected: int = 0) -> None:
        """The endpoint has them, but for `rejected` that it took and then threw away."""

    def dead(self, item: Item, reason: str) -> None:
        """Nobody will ever take it."""

    def dropped(self, items: Sequence[Item], reason: str) -> None:
        """They are given up."""

    def put_back(self, items: Sequence[Item]) -> None:
        """Somebody else is to send them."""

    def snapshots(self) -> Sequence[Item]:
        """What is known of open spans and has changed since the last call."""


class Setback(NamedTuple):
    """Why an endpoint takes nothing at the moment."""

    is_held: bool
    """Trying again will not help: somebody has to do something."""
    reason: str
    since: float
    """Seconds since the epoch."""


class _Batch:
    """Items that travel together. One alone may have a stub in its place."""

    __slots__ = ("accepted_before", "failures", "is_piece", "is_second", "items", "outgoing", "reason", "size", "stubs")

    def __init__(self, items: Sequence[Item], size: int, *, is_piece: bool = False) -> None:
        self.items = items
        self.outgoing = items
        self.size = size
        self.is_piece = is_piece  # of a batch that failed
        self.failures = 0
        self.accepted_before = 0
        self.stubs = 0  # how many were tried
        self.is_second = False  # its stub was taken, but maybe only because everything is taken by now
        self.reason = ""


class Lane:
    """One endpoint with its connection. For one thread, except where said."""

    def __init__(
        self,
        shelf: Shelf,
        endpoint: Endpoint,
        *,
        label: str,
        is_default: bool = False,
        keep: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = Client(endpoint)
        self.retry_at = 0.0
        self.is_asked_to_wait = False
        self.setback: Setback | None = None
        self.accepts_snapshots = False
        self.announce_absence = True
        self._shelf = shelf
        self._public = self.client.public
        self._label = label
        self._is_default = is_default
        self.keep = keep
        self._clock = clock
        self._timeout = endpoint.timeout
        self._batches: deque[_Batch] = deque()
        self._suspects: list[_Batch] = []
        self._limit = MAX_REQUEST_BYTES
        self._was_refused = False
        """Whether the limit is what the server said rather than what it had no time for, which may pass sooner."""
        self._delays = 0
        self._accepted = 0
        self._refusals = 0
        self._knows_gzip = False
        self._tries_without_gzip = False

    @property
    def size(self) -> int:
        """Bytes in hand."""
        return sum([batch.size for batch in (*self._batches, *self._suspects)])

    def is_due(self) -> bool:
        """Whether there is something to send now."""
        return bool(self._batches) and self._clock() >= self.retry_at

    def is_empty(self) -> bool:
        """Whether nothing is in hand. From any thread."""
        return not self._batches and not self._suspects

    def add(self, items: Sequence[Item]) -> None:
        """Take over what the shelf handed out."""
        if len(self._batches) > _MAX_BATCHES:
            self._merge()
        last = self._batches[-1] if self._batches else None
        if last is None or last.is_piece or last.stubs:
            self._batches.extendleft(reversed(_batches(items, self._limit)))  # before what fails again and again
            return
        self._batches.pop()
        batches = _batches([*last.items, *items], self._limit)
        batches[0].failures = last.failures
        batches[0].accepted_before = last.accepted_before
        self._batches.extend(batches)

    def hurry(self) -> None:
        """Forget our own delay, but not what a server asked for."""
        if not self.is_asked_to_wait or self._clock() >= self.retry_at:
            self.retry_at = 0.0

    def waits_for_its_server(self, deadline: float) -> bool:
        """Whether something in hand waits for as long as the server asked, and that is over before `deadline`."""
        return bool(self._batches) and self.is_asked_to_wait and self._clock() < self.retry_at < deadline

    def send(self, timeout: float) -> None:
        """Send the next batch, and act upon the answer."""
        batch = self._batches[0]
        if batch.size > self._limit and len(batch.items) > 1:
            self._batches.popleft()
            self._batches.extendleft(reversed(_batches(batch.items, self._limit, is_piece=batch.is_piece)))
            batch = self._batches[0]
        answer, verdict, is_compressed = self._try(batch, timeout)
        if self._is_for_gzip(verdict, is_compressed=is_compressed):
            return
        if answer is not None and verdict.outcome == "taken":
            was_taking = self._accepted > 0 and self.setback is None
            self._take_note(answer)
            if batch.stubs and not was_taking and not batch.is_second:
                batch.outgoing, batch.stubs, batch.is_second = batch.items, 0, True
            else:
                self._taken(batch, answer)
        elif verdict.outcome == "stopped":
            self.retry_at = inf
        elif verdict.outcome == "refused":
            self._refused(batch, verdict)
        else:
            self._failed(batch, verdict)

    def give_back(self) -> None:
        """Put back on the shelf all that is in hand."""
        self._merge()
        for batch in self._batches:
            self._shelf.put_back(batch.items)
        self._batches.clear()

    def settle(self) -> None:
        """Say that nothing more can be sent for now: what only this endpoint refuses, if it refuses all, is held."""
        if not self._suspects:
            return
        reason = self._suspects[-1].reason
        self._merge()
        verdict = Verdict("held", reason, "it refuses whatever is sent, even the smallest; check the URL and the key")
        self._delay(self._batches[0], verdict, is_held=True)

    def send_snapshots(self, timeout: float) -> None:
        """Send what is known of open spans; what fails is lost, and the next snapshot stands for it."""
        for batch in _batches(self._shelf.snapshots(), self._limit):
            self._try(batch, timeout)

    def _merge(self) -> None:
        """Put everything in hand together again, suspects last."""
        items = [item for batch in (*self._batches, *self._suspects) for item in batch.items]
        self._batches = deque(_batches(items, self._limit))
        self._suspects = []

    # --- sending ---

    def _try(self, batch: _Batch, timeout: float) -> tuple[Answer | None, Verdict, bool]:
        is_compressed = False
        try:
            body = request(batch.outgoing)
            is_compressed = self.client.will_compress(body)
            answer = self.client.post(body, timeout=timeout)
        except NoAnswerError as error:
            if error.trouble == "timed out" and timeout < self._timeout:  # the endpoint may take longer than we can
                return None, Verdict("stopped", str(error)), is_compressed
            return None, failure(error), is_compressed
        except Exception as error:  # noqa: BLE001 - whatever it is, these items are at fault, and the others go on
            _diagnostics.internal_error("sending")
            reason = f"internal error ({type(error).__name__})"
            return None, Verdict("later", reason, may_be_poison=True, is_answer=True), is_compressed
        return answer, judge(answer), is_compressed

    def _is_for_gzip(self, verdict: Verdict, *, is_compressed: bool) -> bool:
        """Whether the batch is to be sent again at once, because it may have been refused for being compressed."""
        is_trial, self._tries_without_gzip = self._tries_without_gzip, False
        if verdict.outcome == "not compressed" and is_compressed:
            self.client.compresses = False
            return True
        if verdict.outcome == "taken":
            self._knows_gzip |= is_compressed
        elif verdict.outcome == "refused" and not verdict.is_too_large:
            if is_trial:
                self.client.compresses = True  # it was not that
            elif is_compressed and not self._knows_gzip:  # some answer 400 to what they cannot unpack
                self._knows_gzip = self._tries_without_gzip = True
                self.client.compresses = False
                return True
        return False

    def _take_note(self, answer: Answer) -> None:
        self._accepted += 1
        self._refusals = 0
        self._delays = 0
        self.is_asked_to_wait = False
        self.accepts_snapshots = answer.headers.get(_SNAPSHOTS_HEADER, "").strip() == "1"
        if self.setback is not None:
            self.setback = None
            _diagnostics.LOGGER.info("%s takes again what is sent.", self._label)

    def _taken(self, batch: _Batch, answer: Answer) -> None:
        self._batches.popleft()
        if batch.size > self._limit // 2:
            step = self._limit // 16 if self._was_refused else self._limit
            self._limit = min(MAX_REQUEST_BYTES, self._limit + step)
        if batch.stubs:
            self._bury(batch)
        else:
            self._shelf.delivered(batch.items, self._rejected(answer, len(batch.items)))
        while self._suspects:  # it takes something by now, so maybe these too
            suspect = self._suspects.pop()
            suspect.outgoing, suspect.stubs = suspect.items, 0
            self._batches.append(suspect)

    def _rejected(self, answer: Answer, sent: int) -> int:
        """How many of the items `sent` a server took and threw away; there are some that count other things."""
        if not answer.body:
            return 0
        rejected, message = partial_success(answer.body, answer.headers.get("content-type", ""))
        rejected = min(rejected, sent)
        said = legible(self._public(message))
        if rejected > 0:
            text = "%s took a request and threw %d of its items away: %s"
            _diagnostics.warn(f"partial_success {self._label}", text, self._label, rejected, said)
        elif said:
            _diagnostics.warn(f"says {self._label}", "%s says: %s", self._label, said)
        return rejected

    # --- refused ---

    def _refused(self, batch: _Batch, verdict: Verdict) -> None:
        if len(batch.items) > 1:
            if verdict.is_too_large:
                self._was_refused = True
                self._limit = max(_MIN_REQUEST_BYTES, min(self._limit, batch.size // 2))
            self._batches.popleft()
            self._batches.extendleft(reversed(_halves(batch)))
            return
        item = batch.items[0]
        batch.reason = batch.reason or self._public(verdict.reason)
        if batch.is_second:
            self._batches.popleft()
            self._bury(batch)
            return
        if item.signal == "traces" and batch.stubs < 2:
            self._put_stub(batch)
            return
        self._batches.popleft()
        self._refusals += 1
        if not self.keep:
            self._shelf.dropped(batch.items, "outbox_off")
        elif self._accepted and self._refusals < _REFUSALS_IN_A_ROW:
            self._bury(batch)
        else:
            self._suspects.append(batch)
            if len(self._suspects) >= _REFUSALS_IN_A_ROW:
                self.settle()

    def _put_stub(self, batch: _Batch) -> None:
        item = batch.items[0]
        batch.stubs += 1
        try:
            batch.outgoing = [item._replace(body=stub(item.body, batch.reason, bare=batch.stubs > 1))]
        except NotEncodable:  # then it goes as it is once more, and no stub of it
            batch.stubs = 2

    def _bury(self, batch: _Batch) -> None:
        for item in batch.items:
            self._shelf.dead(item, batch.reason)
        _diagnostics.warn(
            f"dead {self._label}",
            "%s takes everything but an item that is now among the dead letters of the outbox: %s",
            self._label,
            batch.reason,
        )

    # --- failed ---

    def _failed(self, batch: _Batch, verdict: Verdict) -> None:
        if verdict.is_too_large and batch.size >= 2 * _MIN_REQUEST_BYTES:
            self._limit = min(self._limit, batch.size // 2)
        if verdict.may_be_poison and self.keep:
            self._isolate(batch, verdict)
        self._delay(batch, verdict, is_held=verdict.outcome != "later")

    def _isolate(self, batch: _Batch, verdict: Verdict) -> None:
        """Find out whether one item makes the server fail: only while others are accepted, else it is an outage."""
        self._batches.popleft()
        if not batch.failures and not batch.is_piece:
            batch.accepted_before = self._accepted
        batch.failures += 1
        others_go = self._accepted > batch.accepted_before
        pieces = [batch]
        if len(batch.items) > 1:
            if batch.failures >= _FAILURES_UNTIL_SPLIT and (others_go or not batch.is_piece):
                pieces = _halves(batch)
                for piece in pieces:
                    piece.failures = 0 if len(piece.items) == 1 else _FAILURES_UNTIL_SPLIT
                    piece.accepted_before = self._accepted
        elif batch.failures >= _FAILURES_UNTIL_DEAD and others_go and verdict.is_answer:
            batch.reason = self._public(verdict.reason)
            if batch.items[0].signal == "traces" and not batch.stubs:
                self._put_stub(batch)
            else:
                self._bury(batch)
                pieces = []
        self._batches.extend(pieces)

    def _delay(self, batch: _Batch, verdict: Verdict, *, is_held: bool) -> None:
        """Wait until the next try, and say why."""
        own = min(MAX_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(self._delays, 10)) * _random.uniform(0.5, 1)
        self._delays += 1
        self.is_asked_to_wait = verdict.retry_after is not None
        self.retry_at = self._clock() + (own if verdict.retry_after is None else verdict.retry_after)
        since = self.setback.since if self.setback else time.time()
        self.setback = Setback(is_held, self._public(verdict.reason), since)
        if not self.keep:
            self._drop(batch)
        self._say(verdict, is_held=is_held)

    def _drop(self, batch: _Batch) -> None:
        self._batches.remove(batch)
        self._shelf.dropped(batch.items, "outbox_off")

    def _say(self, verdict: Verdict, *, is_held: bool) -> None:
        reason = self._public(verdict.reason)
        fate = "is kept in the outbox and tried again" if self.keep else "is dropped, as the outbox is off"
        if verdict.is_absent and self._is_default:
            if self.announce_absence:
                fate = "is kept in the outbox and sent when something listens" if self.keep else fate
                _diagnostics.warn(
                    "no_observatory",
                    "Nothing listens at %s and no other place is configured, so what is recorded %s. "
                    "Set TCC_API_KEY, TCC_URL or OTEL_EXPORTER_OTLP_ENDPOINT, or TCC_CONSOLE=1 to see runs here.",
                    self._label,
                    fate,
                )
        elif is_held:
            _diagnostics.warn(
                f"held {self._label}",
                "%s does not take what is sent (%s): %s. What is recorded %s.",
                self._label,
                reason,
                verdict.advice,
                fate,
                level=logging.ERROR,
            )
        else:
            _diagnostics.warn(
                f"later {self._label}",
                "Sending to %s failed (%s). What is recorded %s.",
                self._label,
                reason,
                fate,
            )


_random = random.SystemRandom()
"""Programs that seed `random` alike, as forked workers do, would all come back at the same instant."""


def _halves(batch: _Batch) -> list[_Batch]:
    middle = len(batch.items) // 2
    halves = (batch.items[:middle], batch.items[middle:])
    return [_Batch(half, sum(_sizes(half)), is_piece=True) for half in halves]


def _batches(items: Sequence[Item], limit: int, *, is_piece: bool = False) -> list[_Batch]:
    """The items in as few batches as `limit`, in bytes, allows."""
    batches: list[_Batch] = []
    start, size = 0, 0
    for i, each in enumerate(_sizes(items)):
        if i > start and size + each > limit:
            batches.append(_Batch(items[start:i], size, is_piece=is_piece))
            start, size = i, len(items[i].head) + len(items[i].scope)
        size += each
    if items:
        batches.append(_Batch(items[start:], size, is_piece=is_piece))
    return batches


def _sizes(items: Sequence[Item]) -> list[int]:
    """What each item adds to a request; those that follow one of the same resource and scope share them."""
    sizes = []
    head = scope = None
    for item in items:
        shared = item.head == head and item.scope == scope
        sizes.append(len(item.body) + (0 if shared else len(item.head) + len(item.scope) + 24))
        head, scope = item.head, item.scope
    return sizes
