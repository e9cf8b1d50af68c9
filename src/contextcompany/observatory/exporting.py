"""Runs → bytes to take along, made as they are taken: OTLP, a line of JSON per run, or a document to read.

`otlp` has spans and log records exactly as they were received, as OTLP's JSON: one request a line, and a run in one
line unless it is large. A line has `resourceSpans` and, where a run has log records or feedback, `resourceLogs`; OTLP's
receivers pass over the one that they do not ask for. `import` takes it back whole.
`jsonl` has a run a line: what the API answers of it, and what each of its spans says, in our words.
`markdown` has what was said, in order: see `document`.
`html` has all that pages show of runs, in one file: see `takeaway`.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from contextcompany.observatory import document, envelopes, originals, otlp_json, queries, takeaway
from contextcompany.observatory.contexts import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from contextcompany.observatory.originals import Original
    from contextcompany.observatory.store import Store

__all__ = ["FORMATS", "Export", "Format", "everything", "of_run", "of_runs", "of_span"]

Format = Literal["otlp", "jsonl", "markdown", "html"]

_LINE: Final = 1024 * 1024
"""Bytes of spans as they were received after which a line of `otlp` ends: few, so that a run of any size fits into
memory, here and where it is read."""


class Export(NamedTuple):
    """A file, for whoever takes it."""

    media_type: str
    file_name: str
    """Made of what is safe in any header and file system."""
    content: Iterator[bytes]
    """Made as it is taken: what changes meanwhile may be in it or not, span by span."""


def of_run(store: Store, run_id: str, format_: Format) -> Export | None:
    """One run, by its id or its trace's; None when there is none."""
    trace_id = queries.trace_of(store, run_id)
    if trace_id is None:
        return None
    return _export(trace_id, format_, _runs(store, [trace_id], format_))


def of_runs(store: Store, trace_ids: Iterable[str], format_: Format) -> Export:
    """Several runs, by their traces' ids; those that are not there are left out."""
    return _export("runs", format_, _runs(store, trace_ids, format_))


def of_span(store: Store, trace_id: str, span_id: str) -> bytes | None:
    """One span as a request of OTLP's JSON; None when there is none."""
    found = originals.spans_of_run(store, trace_id, [span_id])
    return next(_otlp_lines(("resourceSpans", each) for each in found), None)


def everything(store: Store, format_: Format) -> Export:
    """All runs; of `otlp` also traces without GenAI, and log records whose run is not there."""
    if format_ != "otlp":
        return of_runs(store, queries.trace_ids(store), format_)
    loose = _otlp_lines(("resourceLogs", each) for each in originals.loose_logs(store))
    return _export("runs", format_, chain(_runs(store, queries.trace_ids(store, None), format_), loose))


def _export(name: str, format_: Format, content: Iterator[bytes]) -> Export:
    kind = FORMATS[format_]
    return Export(kind.media_type, name + kind.ending, content)


def _runs(store: Store, trace_ids: Iterable[str], format_: Format) -> Iterator[bytes]:
    return FORMATS[format_].make(store, trace_ids)


def _each(make: Callable[[Store, str], Iterator[bytes]], store: Store, trace_ids: Iterable[str]) -> Iterator[bytes]:
    return chain.from_iterable(make(store, trace_id) for trace_id in trace_ids)


# --- otlp ------------------------------------------------------------------------------------------------------------

_Signal = Literal["resourceSpans", "resourceLogs"]
_KINDS: Final[dict[_Signal, tuple[Any, str, str]]] = {
    "resourceSpans": (Message, "scopeSpans", "spans"),
    "resourceLogs": (LogRecord, "scopeLogs", "logRecords"),
}


def _otlp(store: Store, trace_id: str) -> Iterator[bytes]:
    spans = originals.spans_of_run(store, trace_id, originals.span_ids(store, trace_id))
    logs = originals.logs_of_run(store, trace_id)
    return _otlp_lines(chain((("resourceSpans", each) for each in spans), (("resourceLogs", each) for each in logs)))


def _otlp_lines(items: Iterable[tuple[_Signal, Original]]) -> Iterator[bytes]:
    line = _Line()
    for signal, item in items:
        line.add(signal, item)
        if line.size >= _LINE:
            yield line.text()
            line = _Line()
    if line.size:
        yield line.text()


class _Line:
    """A request of one signal or of both."""

    def __init__(self) -> None:
        self.size = 0
        self._request: dict[str, list[dict[str, Any]]] = {}
        self._last: tuple[_Signal, str] | None = None
        self._items: list[dict[str, Any]] = []

    def add(self, signal: _Signal, item: Original) -> None:
        kind, of_scopes, of_items = _KINDS[signal]
        if self._last != (signal, item.content):
            self._last = signal, item.content
            resource, scope = envelopes.as_otlp(item.content)
            self._items = []
            of_resource = resource | {of_scopes: [scope | {of_items: self._items}]}
            self._request.setdefault(signal, []).append(of_resource)
        self._items.append(otlp_json.written(kind, item.raw))
        self.size += len(item.raw)

    def text(self) -> bytes:
        return orjson.dumps(self._request, option=orjson.OPT_APPEND_NEWLINE)


# --- jsonl -----------------------------------------------------------------------------------------------------------


def _jsonl(store: Store, trace_id: str) -> Iterator[bytes]:
    whole = queries.run(store, trace_id)
    if whole is None:
        return
    lines = {line.span_id: line for line in whole.spans}
    yield b'{"run":' + as_json(whole.run) + b',"spans":['
    comma = b""
    for span_id, fact in queries.facts(store, trace_id, lines):
        yield comma + as_json(lines[span_id]._asdict() | {"fact": fact})
        comma = b","
    yield b'],"feedback":' + as_json(whole.feedback) + b"}\n"


def _markdown(store: Store, trace_id: str) -> Iterator[bytes]:
    whole = queries.run(store, trace_id)
    if whole is None:
        return
    facts = queries.facts(store, trace_id, [line.span_id for line in whole.spans])
    for piece in document.document(whole, facts):
        yield piece.encode(errors="replace")


class _Kind(NamedTuple):
    """What is different between the formats."""

    label: str
    """What people choose it by."""
    media_type: str
    ending: str
    make: Callable[[Store, Iterable[str]], Iterator[bytes]]


FORMATS: Final[dict[Format, _Kind]] = {
    "otlp": _Kind("OTLP JSON, as it was received", "application/x-ndjson", ".otlp.jsonl", partial(_each, _otlp)),
    "jsonl": _Kind("JSON, a line for each run", "application/x-ndjson", ".jsonl", partial(_each, _jsonl)),
    "markdown": _Kind("Markdown, to read", "text/markdown; charset=utf-8", ".md", partial(_each, _markdown)),
    "html": _Kind("HTML, one file to open anywhere", "text/html; charset=utf-8", ".html", takeaway.html),
}
"""The formats, with what each is."""
