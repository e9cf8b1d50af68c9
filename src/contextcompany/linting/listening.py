"""A receiver of OTLP/HTTP on loopback that keeps nothing: requests → parts, as they come."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from contextcompany.observatory import otlp, otlp_json
from contextcompany.observatory.files import MAX_BYTES, Part
from contextcompany.observatory.inflate import ENCODINGS, InflateError, Inflater

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.otlp import Signal

__all__ = ["Listener", "listening"]

_HOST: Final = "127.0.0.1"
_SIGNALS: Final[dict[str, Signal]] = {"/v1/traces": "traces", "/v1/logs": "logs"}
_IGNORED: Final = "/v1/metrics"
_WAIT_S: Final = 0.5
"""So often it is looked whether time is up. On Windows, Ctrl-C is not heard in between."""

_SETTLE_S: Final = 1.0

_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,8}")
_MAX_LINE: Final = 4096

_INVALID, _NOT_FOUND = 3, 5
"""https://grpc.io/docs/guides/status-codes/, for the bodies of OTLP's errors."""


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """A listener, until the end of the block.

    Args:
        port: Where; 0 takes a free one.

    Raises:
        OSError: something listens there already.
    """
    with Listener((_HOST, port), _Handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()
            listener.settle()


class Listener(ThreadingHTTPServer):
    """What takes requests, each in a thread of its own; what is in them waits for `parts`."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.url = f"http://{_HOST}:{self.server_address[1]}"
        self._parts: SimpleQueue[Part | None] = SimpleQueue()  # a handler of signals may put to it in between
        self._numbers = count(1)
        self._unanswered = 0
        self._answered = Condition()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around each request, from when it came until it was answered."""
        with self._answered:
            self._unanswered += 1
        try:
            yield
        finally:
            with self._answered:
                self._unanswered -= 1
                self._answered.notify_all()

    def settle(self) -> None:
        """Let what came be answered, for a second at most; connections that only wait are left."""
        with self._answered:
            self._answered.wait_for(lambda: not self._unanswered, _SETTLE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell whoever reads the findings."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def put(self, part: Part) -> None:
        """Take a request."""
        self._parts.put(part._replace(place=f"request {next(self._numbers)}"))

    def stop(self) -> None:
        """Have `parts` end after what has come until now."""
        self._parts.put(None)

    def parts(self, seconds: float | None = None) -> Iterator[Part]:
        """What comes, for so long, or until `stop()`."""
        until = None if seconds is None else monotonic() + seconds
        while until is None or monotonic() < until:
            wait = _WAIT_S if until is None else min(_WAIT_S, max(until - monotonic(), 0))
            try:
                part = self._parts.get(timeout=wait)
            except Empty:
                continue
            if part is None:
                return
            yield part


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        with self.server.answering():
            self._take()

    def _take(self) -> None:
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        path = self.path.partition("?")[0]
        try:
            body = self._body()
            if path in _SIGNALS:
                part = _part(_SIGNALS[path], body, kind)
                self.server.put(part)
                self._answer(200, otlp.accepted(_SIGNALS[path], part.batch.refused, kind), kind)
            elif path == _IGNORED:
                self._answer(200, b"{}" if kind == otlp.JSON else b"", kind)
            else:
                self._answer(404, otlp.failed(_NOT_FOUND, f"There is no {path[:60]}.", kind), kind)
        except (otlp.DecodeError, InflateError) as error:
            self.close_connection = True  # the rest of the body may follow, which is no request
            self.server.put(Part("", 0, otlp.Batch([], [], [str(error)])))
            self._answer(400, otlp.failed(_INVALID, str(error), kind), kind)

    def _body(self) -> bytes:
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            raise InflateError(f"The body has the encoding {encoding[:60]!r}, not {' or '.join(ENCODINGS)}.")
        is_chunked = self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
        sent = b"".join(self._chunks()) if is_chunked else self._whole()
        inflater = Inflater(encoding)
        body = inflater.feed(sent, MAX_BYTES)
        if len(body) > MAX_BYTES:
            raise InflateError(f"The body has more than {MAX_BYTES // 2**20} MiB, inflated.")
        inflater.finish()
        return body

    def _whole(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BYTES:
            raise InflateError(f"The body has the length {length[:20]!r}.")
        return self.rfile.read(int(length))

    def _chunks(self) -> Iterator[bytes]:
        """As OpenTelemetry's exporters for Node.js send it: https://www.rfc-editor.org/rfc/rfc9112#section-7.1."""
        left = MAX_BYTES
        while True:
            said = _CHUNK_SIZE.match(self.rfile.readline(_MAX_LINE))
            size = int(said[0], 16) if said else left + 1
            if size > left:
                raise InflateError("The body has chunks of no size, or of too much.")
            if not size:
                break
            left -= size
            yield self.rfile.read(size)
            self.rfile.readline(_MAX_LINE)
        while self.rfile.readline(_MAX_LINE).strip():  # what stands where the headers of a request would
            pass

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind if kind in otlp.CONTENT_TYPES else otlp.JSON)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """What comes is said as findings."""


def _part(signal: Signal, body: bytes, kind: str) -> Part:
    if kind == otlp.PROTOBUF:
        return Part("", len(body), otlp.decode(signal, body, kind), is_otlp=True)
    if kind != otlp.JSON:
        raise otlp.DecodeError(f"The content type is {kind[:60]!r}, not {' or '.join(otlp.CONTENT_TYPES)}.")
    document = otlp_json.parse(body)
    return Part("", len(body), otlp.decode_object(signal, document), is_otlp=True, document=document)
