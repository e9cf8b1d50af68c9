"""An HTTP server on loopback that misbehaves as it is told, on bare sockets, and remembers what came."""

import gzip
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = [
    "Exchange",
    "FaultServer",
    "Mode",
    "accepts",
    "answer",
    "black_hole",
    "closes",
    "drips",
    "early",
    "garbage",
    "gzip_unknown",
    "half_closes",
    "hangs",
    "limit",
    "ok",
    "partial",
    "refuses",
    "reset",
    "silent",
    "truncated",
]


class Exchange:
    """One request as it is being read, and the way back. A mode that raises an `OSError` ends the connection."""

    def __init__(self, server: "FaultServer", connection: int, sock: socket.socket) -> None:
        self.connection = connection
        self.sock = sock
        self.line = ""
        self.headers: dict[str, str] = {}
        self.raw = b""
        self._server = server
        self._buffer = b""

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    @property
    def ids(self) -> list[str]:
        """Ids of the spans, names of the events."""
        if "/logs" in self.line:
            groups = ExportLogsServiceRequest.FromString(self.body).resource_logs
            return [record.event_name for group in groups for scope in group.scope_logs for record in scope.log_records]
        groups = ExportTraceServiceRequest.FromString(self.body).resource_spans
        return [span.span_id.hex() for group in groups for scope in group.scope_spans for span in scope.spans]

    def read_head(self) -> None:
        head, _, self._buffer = self._read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        self.line, *lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def read_body(self) -> None:
        size = int(self.headers.get("content-length", 0))
        parts, got = [self._buffer], len(self._buffer)
        while got < size:
            parts.append(self._receive(size - got))
            got += len(parts[-1])
        self.raw = b"".join(parts)
        self._server.note(self)

    def accept(self) -> None:
        """Keep what came."""
        self._server.keep(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        named = {"content-length": str(len(body)), "content-type": "application/x-protobuf"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"HTTP/1.1 {status} Because", *(f"{name}: {value}" for name, value in named.items()), "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError

    def wait(self, seconds: float = 30) -> None:
        """Do nothing, until the server ends."""
        if self._server.ending.wait(seconds):
            raise ConnectionAbortedError

    def _read_until(self, end: bytes) -> bytes:
        data = b""
        while end not in data:
            data += self._receive(65536)
        return data

    def _receive(self, size: int) -> bytes:
        data = self.sock.recv(min(size, 2**20))
        if not data:
            raise ConnectionAbortedError
        return data


Mode = Callable[[Exchange], None]


class FaultServer:
    """Listens from construction until `close()`. Each request is answered by the next mode given, then by `always`."""

    def __init__(self, *script: Mode, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.always: Mode = ok
        self.script = list(script)
        self.seen: list[Exchange] = []
        """The requests whose bodies were read."""
        self.kept: Counter[str] = Counter()
        """How often each span was accepted."""
        self.connections = 0
        self.ending = threading.Event()
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=50)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where spans go."""
        return self.origin + "/v1/traces"

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self.seen.append(exchange)

    def keep(self, exchange: Exchange) -> None:
        with self._lock:
            self.kept.update(exchange.ids)

    def close(self) -> None:
        if self.ending.is_set():
            return
        self.ending.set()
        for sock in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def __enter__(self) -> "FaultServer":  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="fault-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.ending.is_set():
            with suppress(TimeoutError):
                sock, _ = self._listener.accept()
                sock.settimeout(30)
                self.connections += 1
                self._start(self._serve, self.connections, sock)

    def _serve(self, connection: int, sock: socket.socket) -> None:
        self._open.add(sock)
        try:
            if self._tls is not None:
                self._open.discard(sock)
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.add(sock)
            while not self.ending.is_set():
                exchange = Exchange(self, connection, sock)
                exchange.read_head()
                with self._lock:
                    mode = self.script.pop(0) if self.script else self.always
                mode(exchange)
        except OSError:
            pass  # the client went away, or a mode wants the connection closed
        finally:
            self._open.discard(sock)
            sock.close()


# --- modes -----------------------------------------------------------------------------------------------------------


def ok(x: Exchange) -> None:
    """Take it."""
    x.read_body()
    x.accept()
    x.reply(200)


def answer(status: int, body: bytes = b"", **headers: str) -> Mode:
    """Read it and answer with this; what is answered with 2xx is not kept."""

    def mode(x: Exchange) -> None:
        x.read_body()
        x.reply(status, body, **headers)

    return mode


def accepts(status: int, body: bytes = b"", **headers: str) -> Mode:
    """Take it and answer with this."""

    def mode(x: Exchange) -> None:
        x.read_body()
        x.accept()
        x.reply(status, body, **headers)

    return mode


def partial(rejected: int, message: str) -> Mode:
    """Take it, but say that so many were rejected."""

    def mode(x: Exchange) -> None:
        x.read_body()
        x.accept()
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
        x.reply(200, response.SerializeToString())

    return mode


def refuses(status: int, *ids: str, but_stubs: bool = True) -> Mode:
    """Answer so to every request with one of these spans, or with any if none are named; stubs of them are taken."""

    def mode(x: Exchange) -> None:
        x.read_body()
        is_meant = not ids or any(each in ids for each in x.ids)
        if is_meant and not (but_stubs and b"undeliverable" in x.body):
            x.reply(status, b"it is not to our taste", content_type="text/plain")
        else:
            x.accept()
            x.reply(200)

    return mode


def limit(size: int) -> Mode:
    """Refuse what is larger than this with 413."""

    def mode(x: Exchange) -> None:
        x.read_body()
        if len(x.body) > size:
            x.reply(413)
        else:
            x.accept()
            x.reply(200)

    return mode


def gzip_unknown(status: int) -> Mode:
    """Answer so to whatever is compressed."""

    def mode(x: Exchange) -> None:
        x.read_body()
        if "content-encoding" in x.headers:
            x.reply(status)
        else:
            x.accept()
            x.reply(200)

    return mode


def hangs(x: Exchange) -> None:
    """Read it, and say nothing."""
    x.read_body()
    x.wait()


def silent(x: Exchange) -> None:
    """Do not even read it."""
    x.wait()


def drips(data: bytes) -> Mode:
    """Read it, and answer a byte every 20 ms, for ever."""

    def mode(x: Exchange) -> None:
        x.read_body()
        x.sock.sendall(data)
        while True:
            x.wait(0.02)
            x.sock.sendall(b"x")

    return mode


def closes(x: Exchange) -> None:
    """Keep it, and close without an answer."""
    x.read_body()
    x.accept()
    raise ConnectionAbortedError


def reset(x: Exchange) -> None:
    """Read it, and break off."""
    x.read_body()
    x.reset()


def garbage(x: Exchange) -> None:
    """Answer what is no HTTP."""
    x.read_body()
    x.sock.sendall(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
    raise ConnectionAbortedError


def truncated(x: Exchange) -> None:
    """Keep it, and answer with less than was announced."""
    x.read_body()
    x.accept()
    x.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
    raise ConnectionAbortedError


def early(status: int) -> Mode:
    """Answer before the body is read, and close."""

    def mode(x: Exchange) -> None:
        x.reply(status, connection="close")
        x.sock.shutdown(socket.SHUT_WR)
        raise ConnectionAbortedError

    return mode


def half_closes(x: Exchange) -> None:
    """Take it, and then say no more on this connection."""
    ok(x)
    x.sock.shutdown(socket.SHUT_WR)


def black_hole() -> tuple[socket.socket, list[socket.socket], int]:
    """A port where connections are neither accepted nor refused; what must be closed afterwards, and the port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    clients = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        clients.append(client)
    return listener, clients, port
