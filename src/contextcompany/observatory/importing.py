"""Files → the store: OTLP, and what the original SDK posts, told by what is in them, a part at a time, each thing once.

A file is OTLP in JSON or in protobuf, as receivers get it, or payloads of the original SDK's `/v1/custom` and
`/v1/feedback`; JSON is one document, or one a line, of either kind. It may be gzipped. `export` makes such files.

What is imported twice is kept once, so that an import that was interrupted is simply started again: spans replace those
with their ids, payloads without ids of their own get ids made of what they say, log records are told by their bytes,
and feedback, whose payload has neither id nor time, by what it says of which run.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from contextlib import suppress
from itertools import chain, count
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import orjson

from contextcompany.observatory import custom, otlp, otlp_json
from contextcompany.observatory.fold import feedback
from contextcompany.observatory.otlp import PROTOBUF, Batch, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contextcompany.observatory.otlp import Log
    from contextcompany.observatory.store import Store

__all__ = ["MAX_BYTES", "Part", "Refusal", "Report", "load", "parts"]

MAX_BYTES: Final = 64 * 2**20
"""Of one document, line or protobuf message, inflated: what has to be in memory at once."""

_SAMPLE: Final = 256 * 2**10
"""Bytes by which a file is told."""

_ITEMS_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 4 * 2**20
"""What is written in one transaction: as many spans and log records as come in so many bytes."""

_MAX_REASONS: Final = 1000
"""Reasons that are kept of what was refused; the rest is counted."""

_MAX_SHOWN: Final = 60


class Part(NamedTuple):
    """A line, a document or a message of a file, decoded."""

    place: str
    """Where: `line 3`, `item 2`, `message 1`."""
    size: int
    """Bytes."""
    batch: Batch
    is_feedback: bool = False
    """Whether it is the original SDK's, without a time of its own."""


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
        found: See `parts`.
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


# --- a file → parts --------------------------------------------------------------------------------------------------


def parts(stream: BinaryIO, now_ns: int) -> Iterator[Part]:
    """What is in a file, in order; what cannot be read is a part with the reason why.

    Args:
        stream: The file, from its beginning.
        now_ns: The time of feedback, which has none of its own.
    """
    sample, file = _sampled(stream)
    if sample.startswith(_GZIP):
        sample, file = _sampled(gzip.GzipFile(fileobj=file))
    try:
        yield from _parts(sample, file, now_ns)
    except _BROKEN as error:
        yield _refused("the end", f"the gzip file is broken, or was cut off: {error}")


_GZIP: Final = b"\x1f\x8b"
_BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error)


def _parts(sample: bytes, file: io.BufferedReader, now_ns: int) -> Iterator[Part]:
    is_binary = _CONTROL.search(sample) is not None
    if is_binary and sample.startswith(_MESSAGE):
        return _messages(file)
    text = sample.removeprefix(_BOM).lstrip()
    if is_binary and not text.startswith((b"{", b"[")):
        return iter([_refused("the file", "it is neither JSON nor OTLP in protobuf, gzipped or not")])
    file.read(len(sample) - len(text))
    read = _lines if _is_lines(text) else _document
    return chain.from_iterable(_values(place, body, now_ns) for place, body in read(file))


_MESSAGE: Final = b"\n"
"""A `ResourceSpans`, or `ResourceLogs`, in a request: the field 1 with a length."""
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Bytes that JSON has not, and protobuf has many of."""
_BOM: Final = b"\xef\xbb\xbf"


class _Again(io.RawIOBase):
    """A stream from its beginning, of which something was read already."""

    def __init__(self, read: bytes, rest: BinaryIO) -> None:
        self._read = read
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._read[: len(buffer)] or _some(self._rest, len(buffer))
        self._read = self._read[len(some) :]
        buffer[: len(some)] = some
        return len(some)


def _sampled(stream: Any) -> tuple[bytes, io.BufferedReader]:
    """How a stream begins, and the whole of it."""
    sample = b""
    with suppress(*_BROKEN):  # raised again when the rest is read
        while len(sample) < _SAMPLE and (more := _some(stream, _SAMPLE - len(sample))):
            sample += more
    return sample, io.BufferedReader(_Again(sample, stream), _SAMPLE)


def _some(stream: Any, size: int) -> bytes:
    """What there is at once, so that what comes before the place where a gzip file breaks is not lost with it."""
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    return read(size)


# --- JSON ------------------------------------------------------------------------------------------------------------


def _is_lines(text: bytes) -> bool:
    """Whether each line is JSON by itself. One that is broken does not make the others a document."""
    first, *more = text.split(b"\n")
    if not any(line.strip() for line in more):
        return True  # a line, or the beginning of a long one
    if first.strip() == b"[":
        return False
    return any(map(_is_object, [first, *more[:100]]))


def _is_object(line: bytes) -> bool:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and bool(found)


def _lines(file: io.BufferedReader) -> Iterator[tuple[str, bytes]]:
    for number in count(1):
        line = file.readline(MAX_BYTES + 1)
        if not line:
            return
        rest = line
        while len(line) > MAX_BYTES and rest and not rest.endswith(b"\n"):
            rest = file.readline(MAX_BYTES)
        if line.strip():
            yield f"line {number}", line


def _document(file: io.BufferedReader) -> Iterator[tuple[str, bytes]]:
    yield "the document", file.read(MAX_BYTES + 1)


def _values(place: str, body: bytes, now_ns: int) -> Iterator[Part]:
    if len(body) > MAX_BYTES:
        yield _refused(
            place, f"it has more than {MAX_BYTES // 2**20} MiB. Put each request, or payload, in its own line"
        )
        return
    try:
        found = otlp_json.value(body)
    except DecodeError as error:
        yield _refused(place, str(error))
        return
    if not isinstance(found, list):
        yield _part(place, len(body), found, now_ns)
        return
    for number, each in enumerate(found, 1):
        yield _part(f"{place}, item {number}", len(body) // len(found), each, now_ns)


def _part(place: str, size: int, value: object, now_ns: int) -> Part:
    try:
        if not isinstance(value, dict):
            return _refused(place, "it is no object")
        if not _OTLP.isdisjoint(value):
            traces, logs = otlp.decode_object("traces", value), otlp.decode_object("logs", value)
            return Part(place, size, Batch(traces.spans, logs.logs, traces.refused + logs.refused))
        if "type" in value:
            return Part(place, size, custom.decode_object(value))
        if "runId" in value:
            return Part(place, size, custom.decode_feedback_object(value, now_ns), is_feedback=True)
    except DecodeError as error:
        return _refused(place, str(error))
    return _refused(place, _unknown(value))


_OTLP: Final = {"resourceSpans", "resource_spans", "resourceLogs", "resource_logs"}


def _unknown(value: dict[str, Any]) -> str:
    if "run" in value and "spans" in value:
        return "it was exported as `jsonl`, which does not have all that was received; export it as `otlp`"
    if "resourceMetrics" in value:
        return "it holds metrics, which are not kept here"
    keys = ", ".join(value)[:_MAX_SHOWN] or "none"
    return f"it is neither OTLP nor a payload of the original SDK; its keys: {keys}"


def _refused(place: str, reason: str) -> Part:
    return Part(place, 0, Batch([], [], [reason]))


# --- protobuf: a request is its resources one after another, which are read one by one -------------------------------


def _messages(file: io.BufferedReader) -> Iterator[Part]:
    for number in count(1):
        head = file.read(1)
        if not head:
            return
        place = f"resource {number}"
        length = _length(file)
        if head != _MESSAGE or length is None:
            yield _refused(place, "it is not OTLP in protobuf")
            return
        size, written = length
        if size > MAX_BYTES:
            yield _refused(place, f"it has more than {MAX_BYTES // 2**20} MiB")
            return
        body = file.read(size)
        if len(body) < size:
            yield _refused(place, "it was cut off")
            return
        yield _message(place, head + written + body)


def _length(file: io.BufferedReader) -> tuple[int, bytes] | None:
    written = b""
    while len(written) < 5 and (byte := file.read(1)):
        written += byte
        if byte < b"\x80":
            return sum((each & 0x7F) << 7 * place for place, each in enumerate(written)), written
    return None


def _message(place: str, body: bytes) -> Part:
    """Spans or log records: the requests of both are built alike, and an item of one kind is none of the other."""
    try:
        batch = otlp.decode("traces", body, PROTOBUF)
        if batch.refused and not batch.spans:
            logs = otlp.decode("logs", body, PROTOBUF)
            batch = logs if logs.logs else batch
    except DecodeError as error:
        return _refused(place, str(error))
    return Part(place, len(body), batch)
