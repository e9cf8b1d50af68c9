"""A receiver that costs next to nothing, so that it does not take the CPU that is measured.

`POST` counts requests, bytes on the wire and distinct spans; `GET` tells the counts as JSON. Spans are those of OTLP,
whatever its path begins with; what the original SDK posts counts as a span each. Anything else is requests and bytes.
"""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from threading import Lock, Thread
from typing import BinaryIO, NamedTuple

__all__ = ["serve"]


def serve(latency: float) -> None:
    """Print the URL, and answer each request after `latency` seconds until the process ends."""
    counts = Counts()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            Thread(target=talk, args=(connection, counts, latency), daemon=True).start()


class Head(NamedTuple):
    """What a request begins with."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    size: int


class Counts:
    """What has arrived."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests = self._bytes = 0
        self._spans: set[bytes] = set()

    def add(self, head: Head, body: bytes) -> None:
        with self._lock:
            self._requests += 1
            self._bytes += head.size + len(body)
            if head.path.endswith(b"/v1/traces"):
                is_gzip = head.headers.get(b"content-encoding") == b"gzip"
                self._spans.update(spans(gzip.decompress(body) if is_gzip else body))
            elif head.path.endswith(b"/v1/custom"):
                self._spans.add(b"%d" % self._requests)

    def told(self) -> bytes:
        with self._lock:
            counts = {"requests": self._requests, "bytes": self._bytes, "spans": len(self._spans)}
        return json.dumps(counts).encode()


def talk(connection: socket.socket, counts: Counts, latency: float) -> None:
    with connection, connection.makefile("rb", buffering=2**16) as stream:
        while head := read_head(stream):
            if head.method == b"GET":
                answer(connection, counts.told())
                continue
            body = stream.read(int(head.headers[b"content-length"]))
            time.sleep(latency)
            counts.add(head, body)  # first, so that no `GET` is early
            answer(connection, b"")


def read_head(stream: BinaryIO) -> Head | None:
    try:
        first = stream.readline()
        if not first:
            return None
        headers, size = {}, len(first)
        while line := stream.readline():
            size += len(line)
            if not line.strip():
                break
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
    except OSError:  # the client went away
        return None
    method, path, _ = first.split(b" ", 2)
    return Head(method, path, headers, size)


def answer(connection: socket.socket, body: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


# --- as much protobuf as it takes to count spans ---------------------------------------------------------------------


def spans(request: bytes) -> Iterator[bytes]:
    """The first 28 bytes of each span of an ExportTraceServiceRequest: they hold its ids."""
    for resource in parts(request, 0, len(request), 1):
        for scope in parts(request, *resource, 2):
            for start, _ in parts(request, *scope, 2):
                yield request[start : start + 28]


def parts(message: bytes, at: int, end: int, number: int) -> Iterator[tuple[int, int]]:
    """Where the fields of this number begin and end; at these levels each field has a length."""
    while at < end:
        tag = message[at]
        at += 1
        size = shift = 0
        while True:
            byte = message[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if tag >> 3 == number:
            yield at, at + size
        at += size
