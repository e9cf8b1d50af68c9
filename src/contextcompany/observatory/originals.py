"""What was received, put together again from the file: the bytes of spans and log records, and who sent them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from contextcompany.observatory import envelopes, otlp
from contextcompany.observatory.preparing import inflated, text_of
from contextcompany.observatory.texts import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from contextcompany.observatory.otlp import Log, Span
    from contextcompany.observatory.store import Reader, Store

__all__ = [
    "Original",
    "log_of_row",
    "logs_of_run",
    "loose_logs",
    "read_log",
    "read_span",
    "span_ids",
    "span_of_row",
    "spans_of_run",
    "with_ids",
]

_AT_ONCE: Final = 100
"""Spans, or log records, that are in memory at once. The file may change before the next ones are read."""


class Original(NamedTuple):
    """A span or log record as it was received."""

    raw: bytes
    """Its own protobuf bytes."""
    content: str
    """The resource and scope that sent it: see `envelopes`."""


def spans_of_run(store: Store, trace_id: str, wanted: Iterable[str]) -> Iterator[Original]:
    """These spans of a run, in this order; those that are not there are left out."""
    return (original for _, original in with_ids(store, trace_id, wanted))


def with_ids(store: Store, trace_id: str, wanted: Iterable[str]) -> Iterator[tuple[str, Original]]:
    """As `spans_of_run`, each with its id."""
    left = iter(wanted)
    while some := list(islice(left, _AT_ONCE)):
        with store.read() as reader:
            rows = reader.rows("wires", trace_id, orjson.dumps(some).decode())
            found = {span_id: span_of_row(reader, *row) for span_id, *row in rows}
        yield from ((span_id, found[span_id]) for span_id in some if span_id in found)


def span_ids(store: Store, trace_id: str) -> list[str]:
    """The spans of a run in the order in which they arrived."""
    with store.read() as reader:
        return [span_id for (span_id,) in reader.rows("span_ids", trace_id)]


def logs_of_run(store: Store, trace_id: str) -> list[Original]:
    """The log records of a run, feedback included, in order of time."""
    with store.read() as reader:
        rows = reader.rows("logs_of_trace", trace_id)
        return [log_of_row(reader, *row) for _, *row in rows]


def loose_logs(store: Store) -> Iterator[Original]:
    """Log records whose run has not arrived, or that belong to none."""
    last = 0
    while True:
        with store.read() as reader:
            rows = reader.rows("loose_logs", last, _AT_ONCE)
            some = [log_of_row(reader, *row) for _, *row in rows]
        if not rows:
            return
        last = rows[-1][0]
        yield from some


def span_of_row(reader: Reader, run: int, cuts: str, left: bytes, content: str) -> Original:
    """A span from its row of `wire`."""
    texts = [(at, reader.rows("text", run, last)) for at, last in orjson.loads(cuts)]
    pieces = [(at, b"".join([text_of(data) for (data,) in rows])) for at, rows in texts]
    return Original(joined(inflated(left, reader.dictionary), pieces), content)


def log_of_row(reader: Reader, raw: bytes, content: str) -> Original:
    """A log record from its row of `log`."""
    return Original(inflated(raw, reader.dictionary), content)


def read_span(original: Original) -> Span:
    """A span, decoded."""
    resource, scope = envelopes.decode(original.content)
    return otlp.span_of(Message.FromString(original.raw), original.raw, scope, resource)


def read_log(original: Original) -> Log:
    """A log record, decoded."""
    resource, scope = envelopes.decode(original.content)
    return otlp.log_of(LogRecord.FromString(original.raw), original.raw, scope, resource)
