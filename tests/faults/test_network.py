"""What servers and networks do to what is sent: nothing is lost, and nothing is held up for longer than it must be."""

import errno
import gc
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import server as faults
from contextcompany import _diagnostics
from contextcompany._encoding import encode_span, envelope
from contextcompany._item import Item
from contextcompany._sender import Sender
from contextcompany._settings import Endpoint, Signal
from programs import run_program
from server import FaultServer

KEY = "Bearer tcc_secret_0123456789"
LABEL = "https://observatory.example/v1/traces"

_tracer = TracerProvider().get_tracer("tests")


def spans(count: int, size: int = 100) -> list[Item]:
    """Real spans, encoded."""
    items = []
    for i in range(count):
        span: Any = _tracer.start_span(f"span {i}", attributes={"text": "x" * size})
        span.end()
        head, scope = envelope(span.resource, span.instrumentation_scope)
        items.append(Item(span.context.span_id.to_bytes(8, "big").hex(), "traces", head, scope, encode_span(span)))
    return items


def events(count: int, size: int = 0) -> list[Item]:
    """Events as they lie in the outbox, encoded by the official classes; their names are their ids."""
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

    names = [f"event {i} {time.monotonic_ns()}" for i in range(count)]
    records = [LogRecord(event_name=name, severity_text="x" * size) for name in names]
    bodies = [ScopeLogs(log_records=[record]).SerializeToString() for record in records]
    return [Item(name, "logs", b"", b"", body) for name, body in zip(names, bodies, strict=True)]


class MemoryShelf:
    """An outbox that is easily looked into."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.put_in: list[str] = []
        self.waiting: list[Item] = []
        self.taken: dict[str, Item] = {}
        self.dead_letters: dict[str, str] = {}
        self.dropped_items: list[str] = []
        self.done: list[str] = []
        self.rejected = 0
        self.open_spans: list[Item] = []

    def put(self, items: list[Item]) -> None:
        with self._lock:
            self.put_in += [item.key for item in items]
            self.waiting += items

    def take(self, max_bytes: int, signals: Sequence[Signal]) -> list[Item]:
        with self._lock:
            taken: list[Item] = []
            size = 0
            for item in [item for item in self.waiting if item.signal in signals]:
                size += len(item.body)
                if taken and (size > max_bytes or item.signal != taken[0].signal):
                    break
                taken.append(item)
            self.waiting = [item for item in self.waiting if item not in taken]
            self.taken |= {item.key: item for item in taken}
            return taken

    def delivered(self, items: Any, rejected: int = 0) -> None:
        with self._lock:
            self.done += [self.taken.pop(item.key).key for item in items]
            self.rejected += rejected

    def dead(self, item: Item, reason: str) -> None:
        with self._lock:
            self.dead_letters[self.taken.pop(item.key).key] = reason

    def dropped(self, items: Any, reason: str) -> None:
        with self._lock:
            self.dropped_items += [self.taken.pop(item.key).key for item in items]
        _diagnostics.count(reason, len(items))

    def snapshots(self) -> list[Item]:
        with self._lock:
            snapshots, self.open_spans = self.open_spans, []
            return snapshots

    @property
    def left(self) -> int:
        with self._lock:
            return len(self.waiting) + len(self.taken)


class HastyTime:
    """A clock that jumps over every wait; what happened when is in `waits`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, commands: SimpleQueue[Any], seconds: float) -> Any:
        """Every third wait ends a little early, as those of some systems do."""
        try:
            return commands.get(timeout=0.003)
        except Empty:
            self.waits.append(seconds)
            self.now += seconds if len(self.waits) % 3 or seconds < 0.1 else 0.99 * seconds
            raise


class Bench:
    """A sender with its shelf, in time that jumps or in real time."""

    def __init__(self, url: str, *, hasty: bool = True, **options: Any) -> None:
        self.shelf = MemoryShelf()
        self.time = HastyTime()
        self.clock: Callable[[], float] = self.time if hasty else time.monotonic
        endpoint = {name: options.pop(name) for name in list(options) if name in Endpoint.__dataclass_fields__}
        endpoint = {"headers": (("authorization", KEY),), "timeout": 2.0} | endpoint
        logs = Endpoint(options.pop("logs_url", url.replace("traces", "logs")), **endpoint)
        if hasty:
            options |= {"clock": self.time, "wait": self.time.wait}
        self.sender = Sender(
            self.shelf,
            {"traces": Endpoint(url, **endpoint), "logs": logs},
            label=options.pop("label", LABEL),
            **options,
        )

    def put(self, items: list[Item]) -> list[str]:
        """Let them wait, and say so; their ids."""
        self.shelf.put(items)
        self.sender.wake()
        return [item.key for item in items]

    def flush(self, seconds: float = 5) -> None:
        self.sender.flush(self.clock() + seconds)

    def until(self, happened: Callable[[], object], seconds: float = 5) -> None:
        """Wait for it in real time."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"waited in vain; {self.sender.status}, {self.shelf.left} left"
            time.sleep(0.002)

    def until_empty(self) -> None:
        self.until(lambda: not self.shelf.left)

    def check(self, *servers: FaultServer) -> None:
        """Everything is delivered, waiting, dead or counted, and what is taken for delivered has arrived."""
        shelf = self.shelf
        waiting = [item.key for item in shelf.waiting]
        accounts = [*shelf.done, *waiting, *shelf.taken, *shelf.dead_letters, *shelf.dropped_items]
        assert sorted(accounts) == sorted(shelf.put_in)
        arrived = {key for server in servers for key in server.kept}
        assert set(shelf.done) <= arrived


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Makes benches, and closes their senders."""
    made: list[Bench] = []

    def make(url: str, **options: Any) -> Bench:
        made.append(Bench(url, **options))
        return made[-1]

    yield make
    for each in made:
        each.sender.close(each.clock() + 0.1)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """One that does as it is told."""
    with FaultServer() as started:
        yield started


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# --- N1: nobody there ------------------------------------------------------------------------------------------------


def test_what_is_refused_is_delivered_when_somebody_listens(bench):
    """N1: nothing listens at first."""
    port = free_port()
    made = bench(f"http://127.0.0.1:{port}/v1/traces")

    made.put(spans(20))
    made.flush()
    status = made.sender.status

    assert (status.state, status.error, made.shelf.left) == ("waiting to retry", "nothing listens there", 20)
    with FaultServer(port=port) as server:
        made.until_empty()
        made.check(server)
    assert len(made.shelf.done) == 20


def test_a_name_that_is_not_resolved_is_asked_for_again(bench, server, monkeypatch):
    """N1: the name is unknown, then the resolver hangs, then it is known."""
    real, hanging = socket.getaddrinfo, threading.Event()

    def unknown() -> None:
        raise socket.gaierror("unknown")

    answers: list[Callable[[], Any]] = [
        unknown,
        lambda: hanging.wait(5) and [],
    ]

    def resolve(host: str, port: int, **options: Any) -> Any:
        assert host == "observatory.invalid"
        return answers.pop(0)() if answers else real("127.0.0.1", port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    made = bench(f"http://observatory.invalid:{server.port}/v1/traces", timeout=0.2, hasty=False)
    made.put(spans(3))

    made.flush()
    assert made.sender.status.error == "its name could not be resolved"
    made.flush()
    assert made.sender.status.error == "its name was not resolved within 0.2 s"
    hanging.set()
    made.flush()
    made.flush()

    made.check(server)
    assert made.shelf.left == 0


def test_an_address_of_a_kind_that_this_machine_lacks_is_skipped(bench, server, monkeypatch):
    """N1: `localhost` is ::1 in the list of hosts also where the kernel knows no IPv6."""
    real = socket.getaddrinfo

    def resolve(*where: Any, **options: Any) -> Any:
        lacking = (12345, socket.SOCK_STREAM, 0, "", ("::1", server.port, 0, 0))
        return [lacking, *real("127.0.0.1", *where[1:], **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    made = bench(f"http://localhost:{server.port}/v1/traces")
    made.put(spans(3))

    made.until_empty()

    made.check(server)


def test_no_way_to_the_host_is_told_from_a_bad_answer(bench, monkeypatch):
    """N1: a laptop without a network, an address of a network that is not connected."""

    def unreachable(*_: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    made = bench("http://192.0.2.1/v1/traces")
    made.put(spans(3))
    made.flush()

    assert (made.sender.status.state, made.sender.status.error) == (
        "waiting to retry",
        "it cannot be reached (network is unreachable)",
    )


# --- N3: no end ------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("mode", "size"),
    [
        pytest.param(faults.hangs, 100, id="hang"),
        pytest.param(faults.silent, 20_000_000, id="does not read"),
        pytest.param(faults.drips(b"HTTP/1.1 2"), 100, id="drips the status"),
        pytest.param(faults.drips(HEAD + b"x-a: "), 100, id="drips a header"),
        pytest.param(faults.drips(HEAD + b"content-length: 60000\r\n\r\n"), 100, id="drips the body"),
        pytest.param(faults.drips(HEAD + b"transfer-encoding: chunked\r\n\r\n100\r\n"), 100, id="drips a chunk"),
    ],
)
def test_nothing_takes_longer_than_the_time_out(bench, server, mode, size):
    """N3: one deadline for the whole request, whatever the server does with it."""
    server.script = [mode]
    made = bench(server.url, timeout=0.3, hasty=False)
    made.put(spans(1, size))

    started = time.monotonic()
    made.flush()

    assert 0.25 < time.monotonic() - started < 0.8
    assert made.sender.status.error in ("it did not answer within 0.3 s", "it did not take the request within 0.3 s")
    made.check(server)
    assert made.shelf.left == 1
    server.always = faults.ok
    made.flush()
    made.check(server)
    assert made.shelf.left == 0


def test_a_connection_that_is_never_accepted_ends_with_the_time_out(bench):
    """N3: a listener whose queue is full answers nothing to new connections."""
    listener, clients, port = faults.black_hole()
    made = bench(f"http://127.0.0.1:{port}/v1/traces", timeout=0.3, hasty=False)
    made.put(spans(2))

    started = time.monotonic()
    made.flush()

    assert 0.25 < time.monotonic() - started < 0.8
    assert made.sender.status.error == "it did not accept a connection within 0.3 s"
    made.check()
    for each in (listener, *clients):
        each.close()


def test_a_tls_handshake_that_hangs_ends_with_the_time_out(bench):
    """N3: the other side accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = bench(f"https://127.0.0.1:{listener.getsockname()[1]}/v1/traces", timeout=0.3, hasty=False)
        made.put(spans(2))

        started = time.monotonic()
        made.flush()

        assert 0.25 < time.monotonic() - started < 1.0
        assert made.sender.status.error == "it did not finish the TLS handshake within 0.3 s"


def test_what_has_no_time_to_arrive_whole_arrives_in_parts(bench, server):
    """A request that a slow line cannot carry within the time-out is made smaller until it can."""

    def slow(x: faults.Exchange) -> None:
        if int(x.headers["content-length"]) > 300_000:
            faults.silent(x)
        faults.ok(x)

    server.always = slow
    made = bench(server.url, timeout=0.1)
    made.put(spans(16, 60_000))

    made.until_empty()

    made.check(server)


# --- N4, N5: connections that break ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [faults.closes, faults.reset, faults.garbage, faults.truncated, faults.early(503)])
def test_what_got_no_answer_is_sent_again(bench, server, mode):
    """N4: some arrive twice then, under the same ids."""
    server.script = [faults.ok, mode, mode]
    made = bench(server.url)
    made.put(spans(1))
    made.until_empty()
    made.put(spans(30))

    made.until_empty()

    made.check(server)
    assert len(made.shelf.done) == 31


def test_an_answer_that_comes_before_all_is_read_is_heard(bench, server):
    """N4: a server that refuses a large body closes before it has read it."""
    server.script = [faults.early(413)]
    made = bench(server.url)
    made.put(spans(2, 1_500_000))

    made.until_empty()

    made.check(server)
    assert [len(exchange.ids) for exchange in server.seen] == [1, 1]


@pytest.mark.parametrize("mode", [faults.half_closes, "close", "reset"])
def test_a_connection_that_was_closed_while_idle_is_noticed(bench, server, mode):
    """N5: what is sent next goes over a new one, and nothing is said."""

    def ends(x: faults.Exchange) -> None:
        faults.ok(x)
        if mode == "reset":
            x.reset()
        raise ConnectionAbortedError

    server.script = [faults.half_closes if callable(mode) else ends]
    made = bench(server.url, hasty=False)
    made.put(spans(5))
    made.flush()
    time.sleep(0.05)
    made.put(spans(5))
    made.flush()

    made.check(server)
    assert (len(made.shelf.done), server.connections, made.sender.status.state) == (10, 2, "idle")
    assert set(server.kept.values()) == {1}


def test_a_connection_that_breaks_when_it_is_used_again_is_replaced_at_once(bench, server):
    """N5: a server may close just as the next request is on its way."""
    server.script = [faults.ok, faults.reset]
    made = bench(server.url, hasty=False)
    made.put(spans(5))
    made.flush()
    made.put(spans(5))
    made.flush()

    made.check(server)
    assert (len(made.shelf.done), server.connections, made.sender.status.state) == (10, 2, "idle")


def test_a_connection_is_used_again(bench, server):
    """Also after an answer with a body, in chunks, and after a refusal."""

    def chunked(x: faults.Exchange) -> None:
        x.read_body()
        x.accept()
        x.sock.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\x08\x00\r\n0\r\n\r\n")

    server.script = [chunked, faults.answer(503, b"x" * 5000), faults.ok, faults.ok]
    made = bench(server.url)
    for _ in range(3):
        made.put(spans(2))
        made.flush()
    made.until_empty()

    made.check(server)
    assert {exchange.connection for exchange in server.seen} == {1}


def test_hints_before_the_answer_are_passed_over(bench, server):
    """https://www.rfc-editor.org/rfc/rfc9110#section-15.2: a client must be able to take any number of them."""

    def hints(x: faults.Exchange) -> None:
        x.read_body()
        x.accept()
        x.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        x.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
        x.reply(200)

    server.always = hints
    made = bench(server.url)
    for _ in range(2):
        made.put(spans(3))
        made.until_empty()

    made.check(server)
    assert (len(server.seen), server.connections) == (2, 1)


def test_an_answer_without_end_is_cut(bench, server):
    """No more of a body is read than 64 KiB."""

    def endless(x: faults.Exchange) -> None:
        x.read_body()
        x.accept()
        x.sock.sendall(HEAD + b"content-length: 100000000\r\n\r\n")
        while True:
            x.sock.sendall(bytes(65536))

    server.script = [endless]
    made = bench(server.url)
    made.put(spans(2))

    made.until_empty()

    made.check(server)
    assert server.seen[-1].connection == 1


# --- N6: later -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 599])
def test_what_a_server_cannot_take_now_is_kept(bench, server, status):
    """N6: and tried again with growing delays, up to a minute, until it can."""
    server.always = faults.answer(status)
    made = bench(server.url)
    made.put(spans(8))
    made.until(lambda: len(server.seen) > 12)
    server.always = faults.ok

    made.until_empty()

    made.check(server)
    assert not made.shelf.dead_letters
    delays = [wait for wait in made.time.waits if wait > 0]
    assert max(delays) <= 60
    assert [each for each in delays if 30 <= each <= 60]


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("20", 20, 20),
        ("3600", 60, 60),
        ("0", 0.2, 0.5),
        ("soon", 0.2, 0.5),
        ("-5", 0.2, 0.5),
        ("1e3", 0.2, 0.5),
        ("9" * 400, 60, 60),
        ("in 20 s", 18, 20),
        ("yesterday", 0.2, 0.5),
    ],
)
def test_a_server_says_how_long_to_wait(bench, server, status, value, least, most):
    """N6: `Retry-After` in seconds or as a date, for a minute at most; what is neither is as if it were not there."""
    value = {"in 20 s": _date(20), "yesterday": _date(-86400)}.get(value, value)
    came: list[float] = []
    made = bench(server.url)

    def busy(x: faults.Exchange) -> None:
        came.append(made.time.now)
        faults.answer(status, retry_after=value)(x)

    def ready(x: faults.Exchange) -> None:
        came.append(made.time.now)
        faults.ok(x)

    server.script, server.always = [busy], ready
    made.put(spans(3))
    made.until_empty()

    made.check(server)
    assert least - 0.01 <= came[1] - came[0] <= most + 0.01


def test_a_flush_waits_for_as_long_as_the_server_asked(bench, server):
    """N6: if that is before its deadline; otherwise it returns at once."""
    server.script = [faults.answer(429, retry_after="1")]
    made = bench(server.url, hasty=False)
    made.put(spans(3))
    started = time.monotonic()

    made.flush(0.5)
    assert time.monotonic() - started < 0.3
    assert (made.shelf.left, len(server.seen)) == (3, 1)
    made.flush(5)

    assert 0.9 < time.monotonic() - started < 2
    made.check(server)
    assert made.shelf.left == 0


# --- N7: somebody has to do something --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (faults.answer(401, b"no such key " + KEY.encode(), content_type="text/plain"), "401 Because: no such key"),
        (faults.answer(403), "check TCC_API_KEY"),
        (faults.answer(404), "check the URL"),
        (faults.answer(405), "check the URL"),
        (faults.answer(402), "402"),
        (faults.answer(415), "415"),
        (faults.answer(301, location="https://elsewhere.example/v1/traces?key=abcd"), "elsewhere.example/v1/traces "),
        (faults.answer(302), "redirects"),
        (faults.answer(307, location="//[bad"), "redirects"),
        (faults.answer(308, location="/login"), "redirects"),
        (faults.answer(304), "304"),
        (faults.answer(200, b"<html>Sign in</html>", content_type="text/html; charset=utf-8"), "web page"),
        (faults.answer(200, b"\n<!DOCTYPE html>", content_type="text/plain"), "web page"),
    ],
)
def test_what_needs_a_hand_is_kept_and_said_loudly(bench, server, caplog, mode, words):
    """N7: once a minute, with what to do and without the key, and delivered once it is put right."""
    server.always = mode
    made = bench(server.url)
    made.put(spans(10))
    made.until(lambda: len(server.seen) >= 5)

    assert made.sender.status.state == "held"
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    text = said[0].getMessage()
    assert words in text
    assert LABEL in text
    assert "kept" in text
    assert "secret" not in text + str(made.sender.status)
    assert "abcd" not in text
    server.always = faults.ok
    made.until_empty()
    made.check(server)
    assert not made.shelf.dead_letters


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Makes self-signed certificates for a name: the certificate and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    place = tmp_path_factory.mktemp("certificates")

    def make(name: str) -> tuple[Path, Path]:
        kind = "IP" if name[0].isdigit() else "DNS"
        certificate, key = place / f"{name}.pem", place / f"{name}.key"
        if not certificate.exists():
            command = [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ]
            command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}"]
            subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return certificate, key

    return make


def serving(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_of_our_own_is_trusted(bench, certificates):
    """N7, N11: `certificate` is what counts, also against the variables that others read."""
    pem, key = certificates("127.0.0.1")
    with FaultServer(tls=serving(pem, key)) as server:
        made = bench(server.url, certificate=str(pem))
        for _ in range(3):
            made.put(spans(3))
            made.flush()

        made.check(server)
        assert (len(made.shelf.done), server.connections) == (9, 1)


@pytest.mark.parametrize("trusted", ["nothing", "another host's"])
def test_a_certificate_that_is_not_trusted_holds_everything(bench, certificates, caplog, trusted):
    """N7: nobody knows who signed it, or it is for another host."""
    pem, key = certificates("127.0.0.1" if trusted == "nothing" else "elsewhere.example")
    with FaultServer(tls=serving(pem, key)) as server:
        made = bench(server.url, certificate=None if trusted == "nothing" else str(pem))
        made.put(spans(3))
        made.flush()

        assert made.sender.status.state == "held"
        assert "certificate is not trusted" in str(made.sender.status.error)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert (made.shelf.left, server.seen) == (3, [])
        made.check(server)


def test_https_to_a_plain_server_is_held(bench):
    """N7: the scheme is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            connection, _ = plain.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        made = bench(f"https://127.0.0.1:{plain.getsockname()[1]}/v1/traces", hasty=False)
        made.shelf.put(spans(2))
        made.flush()
        thread.join()

    assert made.sender.status.state == "held"
    assert "http://" in str(made.sender.status.error)


def test_http_to_a_tls_server_is_held(bench):
    """N7: most answer plain HTTP with a TLS alert."""
    with socket.create_server(("127.0.0.1", 0)) as tls:

        def answer() -> None:
            connection, _ = tls.accept()
            connection.recv(65536)
            connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        made = bench(f"http://127.0.0.1:{tls.getsockname()[1]}/v1/traces", hasty=False)
        made.shelf.put(spans(2))
        made.flush()
        thread.join()

    assert made.sender.status.state == "held"
    assert "https://" in str(made.sender.status.error)


def test_a_key_that_is_cut_off_is_not_shown(bench, server):
    """What a server says is cut to 200 characters, wherever that is."""
    made = bench(server.url)
    made.put(spans(1))
    for shown in range(4, len(KEY)):
        server.always = faults.answer(401, b"x" * (200 - shown) + KEY.encode(), content_type="text/plain")
        made.flush()

        assert str(made.sender.status.error).endswith("x…")


@pytest.mark.parametrize("status", [401, 503, 301])
def test_what_a_server_says_stays_on_its_line(bench, server, caplog, status):
    """Neither the reason, nor the body, nor a place to go moves about on the terminal that shows a log."""

    def loud(x: faults.Exchange) -> None:
        x.read_body()
        where = b"location: https://elsewhere.example/\x1b[2J/traces\r\ncontent-length: 11\r\n\r\n"
        x.sock.sendall(b"HTTP/1.1 %d \x1b[2J\x08%s\r\n" % (status, b"no" * 10_000) + where + b"\x1b[31m\nERROR")

    server.always = loud
    made = bench(server.url)
    made.put(spans(1))
    made.flush()

    (said,) = [record.getMessage() for record in caplog.records]
    assert said.isprintable()
    assert len(said) < 700


@pytest.mark.parametrize(("status", "body"), [(200, b""), (200, b"ok"), (202, b"{}"), (204, b"")])
def test_an_answer_without_markup_is_no_web_page(bench, server, status, body):
    """N7: Flask, PHP and others call what has no type of its own HTML."""
    server.always = faults.accepts(status, body, content_type="text/html; charset=utf-8")
    made = bench(server.url)
    made.put(spans(3))

    made.until_empty()

    made.check(server)
    assert len(server.seen) == 1


# --- N8: not these ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("position", [0, 200, 511])
def test_one_that_is_refused_costs_itself(bench, server, status, position):
    """N8: the other 511 are delivered, and a stub stands in its place."""
    items = spans(512)
    bad = items[position].key
    server.always = faults.refuses(status, bad)
    made = bench(server.url)
    made.put(items)

    made.until_empty()

    made.check(server)
    assert len(made.shelf.done) == 511
    assert made.shelf.dead_letters == {bad: f"{status} Because: it is not to our taste"}
    assert bad in server.kept
    assert len(server.seen) < 25


def test_one_whose_stub_is_refused_too_costs_itself(bench, server):
    """N8: also when it is the very first that this endpoint sees."""
    items = spans(64)
    server.always = faults.refuses(400, items[0].key, but_stubs=False)
    made = bench(server.url)
    made.put(items)

    made.until_empty()

    made.check(server)
    assert list(made.shelf.dead_letters) == [items[0].key]


def test_an_endpoint_that_refuses_everything_gets_everything_later(bench, server, caplog):
    """N8: nothing is dead because of an endpoint that is no OTLP receiver; it is held and said."""
    server.always = faults.refuses(400, but_stubs=False)
    made = bench(server.url)
    made.put(spans(100))
    made.put(events(5))
    made.until(lambda: len(server.seen) > 100)

    assert made.sender.status.state == "held"
    assert made.shelf.left == 105
    assert "refuses whatever is sent" in caplog.text
    server.always = faults.ok
    made.until_empty()
    made.check(server)
    assert not made.shelf.dead_letters


def test_an_endpoint_that_begins_to_refuse_everything_gets_it_later(bench, server):
    """N8: of what it refuses all of a sudden no more than two become dead letters."""
    made = bench(server.url)
    made.put(spans(10))
    made.until_empty()
    server.always = faults.refuses(400, but_stubs=False)
    made.put(spans(100))
    made.until(lambda: len(server.seen) > 100)

    server.always = faults.ok
    made.until_empty()
    made.check(server)
    assert len(made.shelf.dead_letters) <= 2


def test_an_event_that_is_refused_is_dead_when_others_are_taken(bench, server):
    """N8: there is no stub for an event."""
    items = events(20)
    server.always = faults.refuses(400, items[3].key)
    made = bench(server.url)
    made.put(items)

    made.until_empty()

    made.check(server)
    assert list(made.shelf.dead_letters) == [items[3].key]


def test_events_that_are_not_taken_let_spans_pass(bench, server, caplog):
    """An endpoint without logs holds the feedback, and only that, and is named."""

    def no_logs(x: faults.Exchange) -> None:
        (faults.answer(404) if "/logs" in x.line else faults.ok)(x)

    server.always = no_logs
    made = bench(server.url)
    for _ in range(5):
        made.put(events(2))
        made.put(spans(10))
        made.flush()

    made.check(server)
    assert (len(made.shelf.done), made.shelf.left, made.sender.status.state) == (50, 10, "held")
    (said,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
    assert said.startswith(f"{server.url.removesuffix('/v1/traces')}/v1/logs does not take what is sent (404 ")
    server.always = faults.ok
    made.until_empty()
    made.check(server)


def test_many_events_that_are_not_taken_let_spans_pass(bench, server):
    """However many there are: they wait on the shelf, and spans are sent."""

    def no_logs(x: faults.Exchange) -> None:
        (faults.answer(404) if "/logs" in x.line else faults.ok)(x)

    server.always = no_logs
    made = bench(server.url)
    made.put(events(4, size=3_000_000))
    made.until(lambda: made.sender.status.state == "held")
    made.put(spans(10))

    made.until(lambda: len(made.shelf.done) == 10)
    server.always = faults.ok
    made.until_empty()
    made.check(server)


def test_many_spans_that_are_not_taken_let_events_pass(bench, server):
    """Feedback may go to another place, which takes it meanwhile."""

    def no_traces(x: faults.Exchange) -> None:
        (faults.answer(404) if "/traces" in x.line else faults.ok)(x)

    server.always = no_traces
    made = bench(server.url)
    made.put(spans(4, size=3_000_000))
    made.until(lambda: made.sender.status.state == "held")
    made.put(events(10))

    made.until(lambda: len(made.shelf.done) == 10)
    server.always = faults.ok
    made.until_empty()
    made.check(server)


def test_one_that_a_server_fails_at_does_not_hold_up_the_others(bench, server):
    """A 500 for one span is that span's fault as soon as others are taken."""
    items = spans(64)
    bad = items[17].key
    server.always = faults.refuses(500, bad)
    made = bench(server.url)
    made.put(items)
    made.until(lambda: len(made.shelf.done) == 63)

    for _ in range(20):  # there is always something else to send
        made.put(spans(1))
        made.flush()
    made.until_empty()

    made.check(server)
    assert list(made.shelf.dead_letters) == [bad]
    assert bad in server.kept


@pytest.mark.parametrize("status", [403, 200])
def test_one_that_a_firewall_refuses_does_not_hold_up_the_others(bench, server, status):
    """N7: one before the endpoint dislikes what a prompt says; some put a web page with 200 in the answer's place."""
    items = spans(64)

    def firewall(x: faults.Exchange) -> None:
        x.read_body()
        if items[20].body in x.body:
            x.reply(status, b"<html>Rejected</html>", content_type="text/html")
        else:
            x.accept()
            x.reply(200)

    server.always = firewall
    made = bench(server.url)
    made.put(items)
    made.until_empty()

    made.check(server)
    assert list(made.shelf.dead_letters) == [items[20].key]


def test_a_key_that_is_no_longer_taken_costs_nothing(bench, server):
    """N7: 403 to everything is not the fault of what is sent, though other things were taken before."""
    made = bench(server.url)
    made.put(spans(3))
    made.until_empty()
    server.always = faults.answer(403)
    for _ in range(30):
        made.put(spans(2))
        made.flush()

    assert (made.shelf.dead_letters, made.shelf.left, made.sender.status.state) == ({}, 60, "held")
    server.always = faults.ok
    made.until_empty()
    made.check(server)


def test_in_an_outage_nothing_is_dead(bench, server):
    """However long a server answers 500 to all."""
    server.always = faults.answer(500)
    made = bench(server.url)
    made.put(spans(64))
    made.until(lambda: len(server.seen) > 60)
    server.always = faults.ok
    before = len(server.seen)

    made.until_empty()

    made.check(server)
    assert not made.shelf.dead_letters
    assert len(server.seen) - before <= 4


# --- N9: too large ---------------------------------------------------------------------------------------------------


def test_requests_have_at_most_four_mebibytes(bench, server):
    """N9: unless one span alone has more."""
    made = bench(server.url)
    made.put([*spans(60, 200_000), *spans(1, 6_000_000), *spans(5)])

    made.until_empty()

    made.check(server)
    sizes = [len(exchange.raw) for exchange in server.seen]
    assert [size > 4 * 2**20 for size in sizes].count(True) == 1
    assert len(sizes) <= 7


def test_what_is_too_large_is_split_and_remembered(bench, server):
    """N9: later requests fit from the start."""
    server.always = faults.limit(1_000_000)
    made = bench(server.url)
    made.put(spans(60, 50_000))
    made.until_empty()
    before = len(server.seen)
    made.put(spans(30, 50_000))
    made.until_empty()

    made.check(server)
    assert len(made.shelf.done) == 90
    assert len(server.seen) - before <= 4
    assert not made.shelf.dead_letters


def test_one_that_is_too_large_alone_is_replaced_by_a_stub(bench, server):
    """N9: with the same ids."""
    big, others = spans(1, 5_000_000), spans(99)
    server.always = faults.limit(4 * 2**20)
    made = bench(server.url)
    made.put([*others[:50], *big, *others[50:]])

    made.until_empty()

    made.check(server)
    assert list(made.shelf.dead_letters) == [big[0].key]
    assert set(server.kept) == {item.key for item in (*big, *others)}


@pytest.mark.parametrize("status", [415, 400])
def test_who_cannot_unpack_gets_it_unpacked(bench, server, status):
    """415 is what it should say; some say 400. It is remembered."""
    server.always = faults.gzip_unknown(status)
    made = bench(server.url, compression=True)
    for _ in range(3):
        made.put(spans(10))
        made.flush()
    made.until_empty()

    made.check(server)
    assert not made.shelf.dead_letters
    assert ["content-encoding" in exchange.headers for exchange in server.seen] == [True, False, False, False]


def test_compression_is_not_given_up_for_one_bad_span(bench, server):
    """It was not the compression if it is refused without it too."""
    items = spans(40)
    server.always = faults.refuses(400, items[5].key)
    made = bench(server.url, compression=True)
    made.put(items)
    made.until_empty()
    made.put(spans(40))
    made.until_empty()

    made.check(server)
    assert server.seen[-1].headers["content-encoding"] == "gzip"


# --- N10: partly -----------------------------------------------------------------------------------------------------


def test_what_was_taken_and_thrown_away_is_counted_and_not_sent_again(bench, server, caplog):
    """N10: `partial_success` with a number."""
    server.script = [faults.partial(3, "three were too old " + "x" * 300)]
    made = bench(server.url)
    made.put(spans(10))

    made.until_empty()

    made.check(server)
    assert (made.shelf.rejected, len(server.seen)) == (3, 1)
    assert "threw 3 of its items away: three were too old" in caplog.text
    assert "x" * 201 not in caplog.text


def test_no_more_can_be_thrown_away_than_was_sent(bench, server, caplog):
    """N10: some count other things than spans, such as attributes."""
    server.script = [faults.partial(1000, "too many attributes")]
    made = bench(server.url)
    made.put(spans(10))

    made.until_empty()

    assert made.shelf.rejected == 10
    assert "threw 10 of its items away: too many attributes" in caplog.text


def test_what_a_server_remarks_is_only_said(bench, server, caplog):
    """N10: `partial_success` without a number."""
    server.script = [faults.partial(0, "use our new address")]
    made = bench(server.url)
    made.put(spans(10))

    made.until_empty()

    made.check(server)
    assert (made.shelf.rejected, len(server.seen)) == (0, 1)
    assert "says: use our new address" in caplog.text


# --- N11: what others configured -------------------------------------------------------------------------------------


def test_the_environment_of_others_does_not_count(bench, server, monkeypatch, tmp_path, certificates):
    """N11: neither `.netrc` nor proxies."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login wrong password wrong\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    made = bench(server.url)
    made.put(spans(2))
    made.flush()

    made.check(server)
    assert made.shelf.left == 0
    assert server.seen[0].headers["authorization"] == KEY
    assert server.seen[0].line == "POST /v1/traces HTTP/1.1"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment_count_when_there_are_no_others(bench, certificates, monkeypatch, variable):
    """N11: as the last resort, and never against `certificate`."""
    pem, key = certificates("127.0.0.1")
    other, _ = certificates("elsewhere.example")
    with FaultServer(tls=serving(pem, key)) as server:
        for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(each, raising=False)
        monkeypatch.setenv(variable, str(pem))
        fallback = bench(server.url)
        fallback.put(spans(2))
        fallback.flush()
        monkeypatch.setenv(variable, str(other))
        configured = bench(server.url, certificate=str(pem))
        configured.put(spans(2))
        configured.flush()

        assert (fallback.shelf.left, configured.shelf.left) == (0, 0)


def test_a_proxy_is_used_as_configured(bench, server):
    """N11: it gets the whole URL and its own password."""
    made = bench("http://observatory.example/v1/traces?a=b", proxy=server.origin.replace("//", "//me:p%40ss@"))
    made.put(spans(2, 1000))
    made.flush()

    made.check(server)
    (seen,) = server.seen
    assert seen.line == "POST http://observatory.example/v1/traces?a=b HTTP/1.1"
    assert (seen.headers["host"], seen.headers["proxy-authorization"]) == ("observatory.example", "Basic bWU6cEBzcw==")
    assert seen.headers["content-encoding"] == "gzip"  # as to every host that is not this machine


def test_https_goes_through_a_tunnel(bench, certificates):
    """N11: of which the proxy sees nothing but where it goes; the proxy's password does not travel on."""
    pem, key = certificates("127.0.0.1")
    with FaultServer(tls=serving(pem, key)) as target, FaultServer() as proxy:

        def relay(x: faults.Exchange) -> None:
            host, _, port = x.line.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as onward:
                x.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                threading.Thread(target=pump, args=(onward, x.sock), daemon=True).start()
                pump(x.sock, onward)
            raise ConnectionAbortedError

        lines: list[str] = []
        proxy.always = lambda x: (lines.append(f"{x.line} {x.headers['proxy-authorization']}"), relay(x))[1]
        made = bench(target.url, certificate=str(pem), proxy=proxy.origin.replace("//", "//me:pw@"))
        made.put(spans(2))
        made.flush()

        made.check(target)
        assert made.shelf.left == 0
        assert lines == [f"CONNECT 127.0.0.1:{target.port} HTTP/1.1 Basic bWU6cHc="]
        assert "proxy-authorization" not in target.seen[0].headers


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_that_wants_a_password_holds(bench, server):
    """N11: to CONNECT and to a request alike."""
    server.always = lambda x: x.reply(407)
    tunnel = bench("https://observatory.example/v1/traces", proxy=server.origin)
    tunnel.put(spans(1))
    tunnel.flush()
    server.always = faults.answer(407)
    plain = bench("http://observatory.example/v1/traces", proxy=server.origin)
    plain.put(spans(1))
    plain.flush()

    assert (tunnel.sender.status.state, plain.sender.status.state) == ("held", "held")
    assert tunnel.sender.status.error == "the proxy answered 407 Because"


# --- what a request says ---------------------------------------------------------------------------------------------


def test_a_request_has_what_was_configured(bench, server):
    """Path and query as they are, a password of the URL as basic authentication, and our own name."""
    made = bench(server.url.replace("//", "//me:p%40ss@") + "?key=a%2Fb&c", headers=(("x-tenant", "blue"),))
    made.put(spans(1))
    made.flush()

    (seen,) = server.seen
    assert seen.line == "POST /v1/traces?key=a%2Fb&c HTTP/1.1"
    assert seen.headers["authorization"] == "Basic bWU6cEBzcw=="
    assert seen.headers["x-tenant"] == "blue"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["user-agent"].startswith("contextcompany/")
    assert seen.headers["content-type"] == "application/x-protobuf"
    assert "content-encoding" not in seen.headers


@pytest.mark.parametrize("library", ["zlib", "isal"])
@pytest.mark.parametrize("size", [10, 1000, 1_000_000])
def test_compressed_bodies_can_be_unpacked(bench, server, monkeypatch, library, size):
    """By whichever library; tiny ones are sent as they are."""
    from contextcompany import _http

    if library == "zlib":
        monkeypatch.setattr(_http, "igzip", None)
    else:
        pytest.importorskip("isal")
    made = bench(server.url, compression=True)
    made.put(spans(1, size))
    made.until_empty()

    made.check(server)
    assert (server.seen[0].headers.get("content-encoding") == "gzip") == (size >= 1000)


# --- C3: not traced --------------------------------------------------------------------------------------------------


def test_sending_is_not_traced(bench, server, monkeypatch):
    """C3: instrumentations see that they are to keep still, in the thread that sends as in one that is flushed."""
    from opentelemetry import context
    from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY

    seen: list[tuple[str, object, object]] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        keys = (_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_HTTP_INSTRUMENTATION_KEY)
        seen.append((threading.current_thread().name, *map(context.get_value, keys)))
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    made = bench(server.url)
    made.put(spans(1))
    made.until_empty()
    no_more_threads(monkeypatch)
    last = bench(server.url, hasty=False)
    last.put(spans(1))
    last.flush()

    assert seen == [("contextcompany-sender", True, True), ("MainThread", True, True)]
    assert last.shelf.left == 0
    assert context.get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None


def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sender gets a thread, as at exit, from Python 3.12 on; the server goes on."""
    start = threading.Thread.start

    def refuse(self: threading.Thread) -> None:
        if self.name.startswith("contextcompany"):
            raise RuntimeError("can't start new thread at interpreter shutdown")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_names_of_opentelemetry_that_are_not_public_may_go():
    """A version that has other ones does not keep anything from being sent."""
    source = """
        from opentelemetry import context
        del context._SUPPRESS_INSTRUMENTATION_KEY, context._SUPPRESS_HTTP_INSTRUMENTATION_KEY
        from contextcompany._sender import Sender
    """
    assert run_program(source).err == ""


def test_an_instrumented_client_records_no_span_of_ours(bench, server):
    """C3: only of what the program itself sends with it."""
    import requests
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    module = pytest.importorskip("opentelemetry.instrumentation.requests", reason="not installed")
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = module.RequestsInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        requests.post(server.url, timeout=5).close()
        made = bench(server.url)
        made.put(spans(5))
        made.until_empty()
    finally:
        instrumentor.uninstrument()

    assert (len(exporter.get_finished_spans()), len(server.seen)) == (1, 2)


FORKS = """
import os, sys, time
sys.path[:0] = {path!r}
from test_network import Bench, spans

made = Bench({url!r}, hasty=False)
made.put(spans(2))
made.flush()
child = os.fork()
if child == 0:
    made.sender.abandon()
    other = Bench({url!r}, hasty=False)
    other.put(spans(2))
    other.sender.close(time.monotonic() + 5)
    os._exit(other.shelf.left)
status = os.waitpid(child, 0)[1]
made.put(spans(2))
made.sender.close(time.monotonic() + 5)
sys.exit(status or made.shelf.left)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_forked_child_lets_the_connection_be(server):
    """Its own is another one, and the parent goes on with its own."""
    program = FORKS.format(path=sys.path, url=server.url)
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=30)

    assert [exchange.connection for exchange in server.seen] == [1, 2, 1]
    assert set(server.kept.values()) == {1}


# --- the sender itself -----------------------------------------------------------------------------------------------


def test_what_fails_is_dropped_when_nothing_is_to_be_kept(bench, server, caplog):
    """`outbox="off"`: it is counted."""
    server.script = [faults.answer(503), faults.answer(401)]
    made = bench(server.url, keep=False)
    for _ in range(3):
        made.put(spans(4))
        made.flush()

    made.check(server)
    assert (len(made.shelf.dropped_items), len(made.shelf.done)) == (8, 4)
    assert _diagnostics.counts()["outbox_off"] == 8
    assert "dropped" in caplog.text
    assert "kept" not in caplog.text


def test_the_default_destination_is_said_once(bench, caplog):
    """Nobody configured anything, and there is no local Observatory."""
    made = bench(f"http://127.0.0.1:{free_port()}/v1/traces", is_default=True, label="http://127.0.0.1:4318")
    made.put(spans(1))
    made.flush()
    made.flush()

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Nothing listens at http://127.0.0.1:4318" in record.getMessage()
    assert "kept in the outbox and sent when something listens" in record.getMessage()


def test_open_spans_go_to_those_who_say_that_they_take_them(bench, server):
    """In a request of their own, and what becomes of it does not matter."""

    def takes_open(x: faults.Exchange) -> None:
        x.read_body()
        x.accept()
        x.reply(200, TCC_Open_Spans="1")

    made = bench(server.url)
    made.shelf.open_spans = spans(2)
    made.put(spans(3))
    made.until_empty()
    made.flush()
    assert (len(server.seen), made.sender.status.accepts_snapshots) == (1, False)

    server.script = [takes_open, faults.answer(500), faults.ok]
    made.put(spans(3))
    made.until(lambda: len(server.seen) == 3)

    assert [len(exchange.ids) for exchange in server.seen] == [3, 3, 2]
    made.flush()
    assert made.sender.status.accepts_snapshots
    assert made.sender.status.state == "idle"


def test_closing_ends_at_its_deadline(bench, server):
    """However the server hangs; what was in its hands is not lost."""
    server.always = faults.hangs
    made = bench(server.url, timeout=20, hasty=False)
    made.put(spans(3))
    made.until(lambda: server.seen)

    started = time.monotonic()
    made.sender.close(started + 0.3)

    assert 0.25 < time.monotonic() - started < 0.6
    made.check(server)
    assert made.shelf.left == 3
    made.until(lambda: "contextcompany-sender" not in [thread.name for thread in threading.enumerate()])


def test_closing_sends_what_waits(bench, server):
    """At once, without gathering, and although the last try failed."""
    server.script = [faults.answer(503)]
    made = bench(server.url, hasty=False)
    made.put(spans(3))
    made.flush()
    made.put(spans(3))
    started = time.monotonic()
    made.sender.close(started + 5)

    assert time.monotonic() - started < 0.4
    made.check(server)
    assert made.shelf.left == 0
    assert "contextcompany-sender" not in [thread.name for thread in threading.enumerate()]


def test_closing_works_when_no_thread_can_start(bench, server, monkeypatch):
    """As at exit, from Python 3.12 on."""
    made = bench(server.url, hasty=False)
    no_more_threads(monkeypatch)
    made.put(spans(3))
    made.sender.close(time.monotonic() + 5)

    made.check(server)
    assert made.shelf.left == 0


def test_the_thread_ends_and_starts_again(bench, server):
    """It has nothing to do for a long time, again and again, and misses nothing."""
    made = bench(server.url)
    for _ in range(30):
        made.put(spans(1))
        made.until_empty()
        made.until(lambda: made.sender._thread is None)

    made.check(server)


def test_no_wake_up_is_lost(bench, server):
    """From many threads, while the thread comes and goes."""
    made = bench(server.url)

    def work() -> None:
        for _ in range(30):
            made.put(spans(1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.until_empty()

    made.check(server)
    assert len(made.shelf.done) == 120


def test_a_finalizer_may_wake_it(bench, server):
    """In whatever the thread is doing."""
    made = bench(server.url)

    class Dropped:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            made.put(late.pop())

    late = [spans(1) for _ in range(50)]
    threshold = gc.get_threshold()
    gc.set_threshold(20)
    try:
        for _ in range(50):
            Dropped()
            made.sender.wake()
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    made.until_empty()

    made.check(server)


def test_bugs_of_ours_do_not_end_it(bench, server, monkeypatch):
    """What was in hand is sent later."""
    _diagnostics.reset_for_tests(reraise=False)
    made = bench(server.url)
    broken = [MemoryError(), KeyError("x"), ValueError()]

    def take(max_bytes: int, signals: Sequence[Signal]) -> list[Item]:
        if broken:
            raise broken.pop()
        return MemoryShelf.take(made.shelf, max_bytes, signals)

    def request(items: Any) -> bytes:
        if failures:
            raise failures.pop()
        return real(items)

    from contextcompany import _lane

    failures: list[Exception] = [MemoryError(), TypeError()]
    real = _lane.request
    monkeypatch.setattr(made.shelf, "take", take)
    monkeypatch.setattr(_lane, "request", request)
    made.put(spans(5))
    made.until_empty()

    made.check(server)
    assert _diagnostics.counts()["internal_error"] == 5


def test_gathering_makes_few_requests(bench, server):
    """What comes in quick succession travels together."""
    made = bench(server.url, hasty=False)
    for _ in range(20):
        made.put(spans(1))
        time.sleep(0.005)
    made.until_empty()

    made.check(server)
    assert len(server.seen) == 1
