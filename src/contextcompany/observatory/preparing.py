"""What of writing a batch needs no database: fold, cut, digest and deflate, on the thread that brings the batch."""

from __future__ import annotations

import logging
import time
import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from contextcompany.observatory import envelopes
from contextcompany.observatory.fold import Fact
from contextcompany.observatory.rows import first_prompt, last_response, span_row
from contextcompany.observatory.settling import About
from contextcompany.observatory.texts import Cut, cut, split, strings

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from contextcompany.observatory.fold import Feedback
    from contextcompany.observatory.otlp import Batch, Log, Span
    from contextcompany.observatory.rows import SpanRow
    from contextcompany.observatory.settling import Pricing

__all__ = [
    "Deflated",
    "Incoming",
    "IncomingLog",
    "Prepared",
    "Reading",
    "deflated",
    "dumps",
    "inflated",
    "prepared",
    "text_of",
]

_log: Final = logging.getLogger("contextcompany.observatory")

_LEVEL: Final = 3
_WINDOW: Final = 13
"""8 KB, in zlib's way of saying it."""

_MIN_DEFLATED: Final = 128
"""Bytes of text that are worth deflating; shorter text is kept as it is, which a person can read in sqlite3."""


class Reading(NamedTuple):
    """How spans and logs are understood."""

    fold: Callable[[Span], Fact]
    feedback: Callable[[Log], Feedback | None]
    price: Pricing | None = None
    """What calls cost whose cost nobody says."""


class Deflated(NamedTuple):
    """A body that may be new."""

    size: int
    data: bytes | str


class Incoming(NamedTuple):
    """A span on its way into the file."""

    trace_id: str
    row: SpanRow
    about: About
    envelope: str
    left: bytes
    """Its bytes without the long texts, deflated."""
    cuts: list[tuple[int, list[bytes]]]
    """Where a text was, and the digests of its pieces."""


class IncomingLog(NamedTuple):
    """A log record on its way into the file."""

    log: Log
    feedback: Feedback | None
    envelope: str
    digest: bytes
    raw: bytes


class Prepared(NamedTuple):
    """A batch on its way into the file."""

    spans: list[Incoming]
    logs: list[IncomingLog]
    bodies: dict[bytes, Deflated]
    """By digest; those that were known when it was prepared are missing."""
    texts: dict[bytes, bytes]
    """What those hold, in case the writer has forgotten them since."""


def prepared(batch: Batch, reading: Reading, known: Container[bytes], dictionary: bytes) -> Prepared:
    """A batch with all done to it that needs no database.

    Args:
        batch: What was received.
        reading: How it is understood.
        known: Digests of bodies that need not be deflated once more.
        dictionary: What the spans' bytes are deflated with.
    """
    made = Prepared([], [], {}, {})
    seen_ns = time.time_ns()
    around: dict[tuple[int, int], str] = {}
    for span in batch.spans:
        row, about = _understood(span, reading, seen_ns)
        left, cuts = cut(span.raw, _texts(span))
        made.spans.append(
            Incoming(
                span.trace_id,
                row,
                about,
                _envelope(span, around),
                _deflated(left, dictionary),
                [_pieces(each, made, known) for each in cuts],
            )
        )
    for log in batch.logs:
        digest = blake2b(f"{log.trace_id} {log.span_id} ".encode() + log.raw, digest_size=16).digest()
        raw = _deflated(log.raw, dictionary)
        made.logs.append(IncomingLog(log, reading.feedback(log), _envelope(log, around), digest, raw))
    return made


def _understood(span: Span, reading: Reading, seen_ns: int) -> tuple[SpanRow, About]:
    """A span's row, and what it says about its run.

    If reading it fails, which is an error of ours, it is kept as a span that says nothing: an answer of 500 would have
    it, and all that came with it, sent again for ever.
    """
    try:
        fact = reading.fold(span)
        return span_row(span, fact, seen_ns), _about(span, fact)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("A span of the scope %r could not be read. It is kept as it came.", span.scope.name)
        unread = Fact("other", "", span.name)
        return span_row(span, unread, seen_ns), _about(span, unread)


def text_of(data: bytes | str) -> bytes:
    """The text of a body, as the table has it."""
    return data.encode() if isinstance(data, str) else zlib.decompress(data)


def _texts(span: Span) -> list[str]:
    return strings(span.attributes) + [text for event in span.events for text in strings(event.attributes)]


def _about(span: Span, fact: Fact) -> About:
    prompt = response = None
    if fact.kind in {"run", "step"}:
        prompt, response = first_prompt(fact), last_response(fact)
    return About(fact.run_id, fact.session_id, fact.user_id, fact.agent, prompt, response, len(span.raw))


def _envelope(item: Span | Log, around: dict[tuple[int, int], str]) -> str:
    # The same objects for all items of a scope in one request.
    key = (id(item.resource), id(item.scope))
    if key not in around:
        around[key] = envelopes.encode(item.resource, item.scope)
    return around[key]


def _pieces(text: Cut, made: Prepared, known: Container[bytes]) -> tuple[int, list[bytes]]:
    digests = []
    for piece in split(text[1]):
        digest = blake2b(piece, digest_size=16).digest()
        digests.append(digest)
        if digest in made.texts or digest in made.bodies:
            continue
        if digest in known:
            made.texts[digest] = piece
        else:
            made.bodies[digest] = deflated(piece)
    return text[0], digests


def deflated(text: bytes) -> Deflated:
    """A body as it is kept."""
    if len(text) < _MIN_DEFLATED:
        try:
            return Deflated(len(text), text.decode())
        except UnicodeDecodeError:  # a piece may end within a character that has several bytes
            pass
    return Deflated(len(text), zlib.compress(text, _LEVEL))


def _deflated(raw: bytes, dictionary: bytes) -> bytes:
    # Small tables: those of the default take longer to set up than a span takes to deflate, 35 µs instead of 13.
    deflate = zlib.compressobj(_LEVEL, wbits=_WINDOW, memLevel=5, zdict=dictionary)
    return deflate.compress(raw) + deflate.flush()


def inflated(raw: bytes, dictionary: bytes) -> bytes:
    """What `_deflated` made shorter."""
    return zlib.decompressobj(wbits=_WINDOW, zdict=dictionary).decompress(raw)


def dumps(value: Any) -> str:
    """Compact JSON."""
    return orjson.dumps(value).decode()
