"""Delivery by OpenTelemetry's own batch processors and OTLP/HTTP exporters, each item to its own destination."""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from contextcompany import _diagnostics
from contextcompany._settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from contextcompany._settings import Destination

__all__ = ["EXIT_TIMEOUT_S", "Delivery", "RoutedLogRecord", "log_exporter", "span_exporter"]

EXIT_TIMEOUT_S = 5.0
"""How long a program that ends waits for what is not sent yet."""

_MAX_WAITING = 2048
"""Spans and events that are kept until they are sent; what comes when so many wait is dropped and counted."""

_MAX_EXPORTERS = 32
"""Connections are kept for this many destinations; the least recently used one goes first."""

_MAX_REQUEST_TEXT = 4 * 2**20
"""Characters of attributes that go into one request, unless one span alone has more.

The stock exporter drops requests of more than 64 MiB whole, and receivers refuse them from 4 MiB on.
"""

_PROBE_TIMEOUT_S = 0.2

ItemT = TypeVar("ItemT")
ExportedT_contra = TypeVar("ExportedT_contra", contravariant=True)


class RoutedLogRecord(LogRecord):
    """An event that knows where it goes; the batch processor copies it with this attribute."""

    destination: Destination | None = None


class Delivery:
    """Two queues with their threads, one for spans and one for events, shared by everything in the process.

    A forked child gets threads, counts and connections of its own; what waits at that moment is the parent's to send.
    """

    def __init__(self, default: Destination) -> None:
        self.default = default
        self.announce_absence = True
        self._routes: weakref.WeakKeyDictionary[ReadableSpan, Destination] = weakref.WeakKeyDictionary()
        self._tally = _Tally()
        spans = _ByDestination(self, span_exporter, self._span_destination, encode_spans)
        logs = _ByDestination(self, log_exporter, self._log_destination, list)  # events are ours, and can be encoded
        self._senders = (spans, logs)
        # Explicit sizes: a malformed OTEL_BSP_* variable must not stop the program.
        self._spans = BatchSpanProcessor(_SpanExporter(spans), _MAX_WAITING, 1000, 512, 30_000)
        self._logs = BatchLogRecordProcessor(_LogExporter(logs), 1000, 512, 30_000, _MAX_WAITING)
        self._prepare_closing()
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: (call := forked()) and call())

    def put_span(self, span: ReadableSpan, destination: Destination | None) -> None:
        """Queue an ended span; `None` stands for the default destination at the time of sending."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            _diagnostics.count("sampled_out")  # a sampler of the user's wants it recorded but not sent
        elif self._accepts():
            if destination is not None:
                self._routes[span] = destination
            self._spans.on_end(span)

    def put_log(self, record: ReadWriteLogRecord) -> bool:
        """Queue an event; whether there was room for it."""
        accepted = self._accepts()
        if accepted:
            self._logs.on_emit(record)
        return accepted

    def flush(self, timeout: float) -> tuple[int, int]:
        """Send what waits, in a thread of its own because the stock processors ignore time-outs."""
        if not self._tally.waiting or self._closing.is_set():
            return self._tally.delivered, self._tally.waiting
        worker = threading.Thread(target=self._flush, name="contextcompany-flush", daemon=True)
        try:
            worker.start()
        except RuntimeError:  # at exit no thread starts any more, from Python 3.12 on
            self._flush()
        else:
            worker.join(timeout)
        return self._tally.delivered, self._tally.waiting

    def shutdown(self, timeout: float = EXIT_TIMEOUT_S) -> None:
        """Send what waits, for at most `timeout` seconds, and stop the threads."""
        self._closing.set()
        self._closer.join(timeout)
        left = self._tally.waiting
        if left:
            _diagnostics.warn("not_sent", "%d spans or events could not be sent before the shutdown.", left)

    def _flush(self) -> None:
        self._spans.force_flush()
        self._logs.force_flush()

    def _prepare_closing(self) -> None:
        # The stock processors wait up to 30 s each, so another thread waits for them; `flush()` says why it starts now.
        self._closing = threading.Event()
        self._closer = threading.Thread(target=self._close, name="contextcompany-close", daemon=True)
        self._closer.start()

    def _close(self) -> None:
        self._closing.wait()
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # the SDK's
        self._logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK's

    def _forked(self) -> None:
        """In a forked child; the stock processors have emptied their queues and started threads already."""
        if self._closing.is_set():
            return
        self._tally = _Tally()
        for sender in self._senders:
            sender.forget()
        self._prepare_closing()

    def _accepts(self) -> bool:
        """Whether there is room for one more; what is refused is counted."""
        if self._closing.is_set():
            _diagnostics.count("shut_down")
        elif self._tally.accept():
            return True
        else:
            _diagnostics.count("queue_full")
            _diagnostics.warn("queue_full", "More is recorded than can be sent; what does not fit is dropped.")
        return False

    def _span_destination(self, span: ReadableSpan) -> Destination:
        return self._routes.get(span) or self.default

    def _log_destination(self, record: ReadableLogRecord) -> Destination:
        routed = record.log_record
        return (isinstance(routed, RoutedLogRecord) and routed.destination) or self.default


class _Tally:
    """Counts what was queued and what became of it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # garbage collection may end a run, and queue it, while this thread queues
        self._accepted = 0
        self.delivered = 0
        self._lost = 0

    def accept(self) -> bool:
        with self._lock:
            if self._accepted - self.delivered - self._lost >= _MAX_WAITING:
                return False
            self._accepted += 1
            return True

    def settle(self, quantity: int, lost_because: str | None) -> None:
        with self._lock:
            if lost_because is None:
                self.delivered += quantity
            else:
                self._lost += quantity
        if lost_because is not None:
            _diagnostics.count(lost_because, quantity)

    @property
    def waiting(self) -> int:
        with self._lock:
            return self._accepted - self.delivered - self._lost


class _Exporter(Protocol[ExportedT_contra]):
    def export(self, batch: Sequence[ExportedT_contra], /) -> object: ...
    def shutdown(self) -> None: ...


class _ByDestination(Generic[ItemT]):
    """Splits a batch by destination and keeps an exporter for each. Used by one thread at a time."""

    def __init__(
        self,
        delivery: Delivery,
        make: Callable[[Destination], _Exporter[ItemT]],
        destination_of: Callable[[ItemT], Destination],
        encode: Callable[[list[ItemT]], object],
    ) -> None:
        self._delivery = delivery
        self._make = make
        self._destination_of = destination_of
        self._encode = encode
        self._exporters: OrderedDict[Destination, _Exporter[ItemT]] = OrderedDict()

    def export(self, batch: Iterable[ItemT]) -> None:
        groups: dict[Destination, list[ItemT]] = {}
        for item in batch:
            groups.setdefault(self._destination_of(item), []).append(item)
        for destination, group in groups.items():
            for items in _requests(group):
                self._deliver(destination, items)

    def forget(self) -> None:
        """Let go of the connections without a word on them: they are the parent's."""
        self._exporters = OrderedDict()

    def shutdown(self) -> None:
        while self._exporters:
            self._exporters.popitem()[1].shutdown()

    def _deliver(self, destination: Destination, items: list[ItemT]) -> None:
        """Send, and count. What cannot be encoded costs the stock exporter all of a request; here it costs itself."""
        tally = self._delivery._tally  # noqa: SLF001 - our own
        lost_because = self._try(destination, items)
        if lost_because == "export_failed" and not self._is_sound(items):
            sound = [item for item in items if self._is_sound([item])]
            tally.settle(len(items) - len(sound), "not_encodable")
            _diagnostics.warn("not_encodable", "A span could not be encoded and was dropped; the others go on.")
            items = sound
            lost_because = self._try(destination, items) if items else None
        tally.settle(len(items), lost_because)

    def _is_sound(self, items: list[ItemT]) -> bool:
        try:
            self._encode(items)
        except Exception:  # noqa: BLE001 - the encoder raises what protobuf and the values' own code raise
            return False
        return True

    def _try(self, destination: Destination, items: list[ItemT]) -> str | None:
        try:
            return self._send(destination, items)
        except Exception as error:  # noqa: BLE001 - the exporter is not ours, and the other requests go on
            _diagnostics.warn("export_failed", "Sending to %r failed: %s", destination, error)
            return "export_failed"

    def _send(self, destination: Destination, items: list[ItemT]) -> str | None:
        """Send, and say why it failed if it did."""
        if destination.is_default and not _is_listening(destination):
            if self._delivery.announce_absence:
                _diagnostics.warn(
                    "no_observatory",
                    "Nothing listens at %s and no other place is configured, so what is recorded is not sent. "
                    "Set TCC_API_KEY, TCC_URL or OTEL_EXPORTER_OTLP_ENDPOINT, or TCC_CONSOLE=1 to see runs here.",
                    destination.traces_url,
                )
            return "no_observatory"
        result = self._exporter_for(destination).export(items)
        return None if result in (SpanExportResult.SUCCESS, LogRecordExportResult.SUCCESS) else "export_failed"

    def _exporter_for(self, destination: Destination) -> _Exporter[ItemT]:
        exporter = self._exporters.get(destination)
        if exporter is None:
            exporter = self._exporters[destination] = self._make(destination)
            if len(self._exporters) > _MAX_EXPORTERS:
                self._exporters.popitem(last=False)[1].shutdown()
        self._exporters.move_to_end(destination)
        return exporter


def _requests(items: list[ItemT]) -> Iterator[list[ItemT]]:
    """The items, in as few lists as their size allows."""
    request: list[ItemT] = []
    total = 0
    for item in items:
        size = _text_size(item)
        if request and total + size > _MAX_REQUEST_TEXT:
            yield request
            request, total = [], 0
        request.append(item)
        total += size
    yield request


def _text_size(item: object) -> int:
    carrier = getattr(item, "log_record", item)
    attributes: Mapping[str, object] = getattr(carrier, "attributes", None) or {}
    return sum([len(value) for value in attributes.values() if isinstance(value, str)])


class _SpanExporter(SpanExporter):
    def __init__(self, spans: _ByDestination[ReadableSpan]) -> None:
        self._spans = spans

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._spans.export(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._spans.shutdown()


class _LogExporter(LogRecordExporter):
    def __init__(self, logs: _ByDestination[ReadableLogRecord]) -> None:
        self._logs = logs

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self._logs.export(batch)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self._logs.shutdown()

    def force_flush(self, timeout_millis: int = 10_000) -> bool:  # noqa: ARG002 - the interface
        return True


# --- stock exporters, pointed at a destination -----------------------------------------------------------------------


def span_exporter(destination: Destination) -> OTLPSpanExporter:
    """The stock OTLP/HTTP exporter for spans, pointed at `destination`."""
    if destination.uses_otel_environment:
        return OTLPSpanExporter(endpoint=destination.traces_url, headers=dict(destination.headers))
    return OTLPSpanExporter(
        endpoint=destination.traces_url,
        headers=dict(destination.headers),
        timeout=10,
        compression=Compression.NoCompression,
        session=_Session(destination),
    )


def log_exporter(destination: Destination) -> OTLPLogExporter:
    """The stock OTLP/HTTP exporter for events, pointed at `destination`."""
    if destination.uses_otel_environment:
        return OTLPLogExporter(endpoint=destination.logs_url, headers=dict(destination.logs.headers))
    return OTLPLogExporter(
        endpoint=destination.logs_url,
        headers=dict(destination.headers),
        timeout=10,
        compression=Compression.NoCompression,
        session=_Session(destination),
    )


class _Session(requests.Session):
    """A session for one destination: only its own headers, and its own key rather than one from `.netrc`.

    The stock exporters add the headers of `OTEL_EXPORTER_OTLP_HEADERS`, which are meant for another back end and may
    hold its key, and the certificates of `OTEL_EXPORTER_OTLP_CERTIFICATE` and the like. And they take a redirect for
    success, though they do not follow it.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__()
        # A proxy and CA bundle from the environment apply, but on the way to this very machine; with an `auth` of its
        # own, requests does not look into `.netrc`.
        self.trust_env = not is_loopback(urlsplit(destination.traces_url).hostname or "")
        self.auth = _as_it_is
        self._ours = {
            "content-type",
            "content-encoding",
            "user-agent",
            *(name for name, _ in destination.headers),
        }

    def request(self, method: str, url: str, **kwargs: object) -> requests.Response:  # type: ignore[override]  # passed on
        headers = kwargs.get("headers")
        if isinstance(headers, dict):
            kwargs["headers"] = {name: value for name, value in headers.items() if name.lower() in self._ours}
        self.verify, self.cert = True, None
        response = super().request(method, url, **kwargs)  # type: ignore[arg-type]  # passed on
        if 300 <= response.status_code < 400:
            raise requests.TooManyRedirects(f"it answers {response.status_code}; use the URL that it redirects to")
        return response


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_listening(destination: Destination) -> bool:
    address = urlsplit(destination.traces_url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), _PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True
