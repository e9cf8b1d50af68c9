"""HTTP servers on loopback whose threads end with them."""

import socket
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, BinaryIO

__all__ = ["LoopbackServer", "read_body"]


class LoopbackServer(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1, by default a free one, from construction until `close()`."""

    daemon_threads = False  # server_close() then joins them, so that no test leaves a thread behind
    block_on_close = True

    def __init__(self, name: str, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._open: set[Any] = set()
        self._thread = Thread(target=self.serve_forever, args=(0.01,), name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop listening, end idle keep-alive connections and the threads."""
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):  # the client may be first
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is a test's business, not a traceback's."""


def read_body(headers: Message, stream: BinaryIO) -> bytes | None:
    """The body, or None if the connection ended before it did."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        size = int(headers.get("content-length", 0))
        raw = stream.read(size)
        return raw if len(raw) == size else None
    chunks = []
    while line := stream.readline().strip():
        chunks.append(stream.read(int(line, 16)))
        stream.readline()
        if line == b"0":
            return b"".join(chunks)
    return None
