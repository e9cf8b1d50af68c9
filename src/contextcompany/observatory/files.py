"""A file → its parts, decoded, one at a time: OTLP or what the original SDK posts, told by what is in it.

JSON is one document, or a line each. Protobuf is a request, requests one after the other, or messages with their length
in front: a varint, as https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/ has it, or four bytes, as the
Collector writes them. All of these may be gzipped.
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
from contextcompany.observatory.otlp import PROTOBUF, Batch, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MAX_BYTES", "Part", "parts"]

MAX_BYTES: Final = 64 * 2**20
"""Of one document, line or message, inflated: what has to be in memory at once."""

_SAMPLE: Final = 256 * 2**10
"""Bytes by which a file is told."""

_MAX_SHOWN: Final = 60


class Part(NamedTuple):
    """A line, a document or a message of a file, decoded."""

    place: str
    """Where: `line 3`, `the document, item 2`, `message 1`."""
    size: int
    """Bytes."""
    batch: Batch
    is_feedback: bool = False
    """Whether it is the original SDK's, without a time of its own."""
    is_otlp: bool = False
    """Whether it is a request of OTLP, in which items may have been refused."""
    document: dict[str, Any] | None = None
    """The request as it was written, if that was JSON."""


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
    text = sample.removeprefix(_BOM)
    if _CONTROL.search(sample, 0, _HEAD):
        if read := _framing(sample):
            return _messages(file, read)
        if not text.lstrip().startswith((b"{", b"[")):
            return iter([_refused("the file", "it is neither JSON nor OTLP in protobuf, gzipped or not")])
    file.read(len(sample) - len(text))
    bodies = _lines if _is_lines(text) else _document
    return chain.from_iterable(_values(place, body, now_ns) for place, body in bodies(file))


_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Bytes that JSON has not, and protobuf has many of, also where it begins as JSON could: `\\n{` is a length of 123."""
_HEAD: Final = 1024

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
    """Whether each line is JSON by itself: some may be broken, and of a document, laid out in any way, most are not."""
    lines = [line for line in text.split(b"\n", _MAX_LOOKED_AT) if line.strip()][:_MAX_LOOKED_AT]
    return len(lines) < 2 or 2 * sum(map(_is_value, lines)) >= len(lines)  # one may be the beginning of a long one


_MAX_LOOKED_AT: Final = 100


def _is_value(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), (dict, list))
    except orjson.JSONDecodeError:
        return False


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
            batch = Batch(traces.spans, logs.logs, traces.refused + logs.refused)
            return Part(place, size, batch, is_otlp=True, document=value)
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


# --- protobuf --------------------------------------------------------------------------------------------------------


def _messages(file: io.BufferedReader, read: Callable[[io.BufferedReader], bytes]) -> Iterator[Part]:
    for number in count(1):
        place = f"message {number}"
        if not file.peek(1):
            return
        try:
            body = read(file)
        except ValueError as error:
            yield _refused(place, str(error))
            return
        yield _message(place, body)


def _framing(sample: bytes) -> Callable[[io.BufferedReader], bytes] | None:
    """How messages follow one another in a file that begins so."""
    if sample.startswith(_RESOURCE):
        return _resource
    if sample.startswith(b"\0"):
        return _after_four_bytes
    return _after_varint if _DELIMITED.match(sample) else None


_RESOURCE: Final = b"\n"
"""The spans, or log records, of a resource in a request: the field 1 with a length."""

_DELIMITED: Final = re.compile(rb"[\x80-\xff]{0,4}[\x01-\x7f]\n", re.DOTALL)


def _resource(file: io.BufferedReader) -> bytes:
    """A request of one resource, of which a longer one is many."""
    head = file.read(1)
    if head != _RESOURCE:
        raise ValueError("it is not OTLP in protobuf")
    size, written = _varint(file)
    return head + written + _exactly(file, size)


def _after_varint(file: io.BufferedReader) -> bytes:
    return _exactly(file, _varint(file)[0])


def _after_four_bytes(file: io.BufferedReader) -> bytes:
    return _exactly(file, int.from_bytes(_exactly(file, 4), "big"))


def _varint(file: io.BufferedReader) -> tuple[int, bytes]:
    written = b""
    while len(written) < 5 and (byte := file.read(1)):
        written += byte
        if byte < b"\x80":
            return sum((each & 0x7F) << 7 * place for place, each in enumerate(written)), written
    raise ValueError("it is not OTLP in protobuf")


def _exactly(file: io.BufferedReader, size: int) -> bytes:
    if size > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES // 2**20} MiB")
    body = file.read(size)
    if len(body) < size:
        raise ValueError("it was cut off")
    return body


def _message(place: str, body: bytes) -> Part:
    """Spans or log records: the requests of both are built alike, and an item of one kind is none of the other."""
    try:
        batch = otlp.decode("traces", body, PROTOBUF)
        if batch.refused and not batch.spans:
            logs = otlp.decode("logs", body, PROTOBUF)
            batch = logs if logs.logs else batch
    except DecodeError as error:
        return _refused(place, str(error))
    return Part(place, len(body), batch, is_otlp=True)
