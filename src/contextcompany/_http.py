"""One POST under one deadline, and in plain words why it got no answer. Knows no OTLP.

Not `requests`, which costs seven times the processor time, lets `.netrc` and the environment overrule what was
configured, and has no time-out for a whole request: a server that drips its answer holds it for as long as it likes.
"""

from __future__ import annotations

import io
import os
import select
import socket
import ssl
import threading
import time
import zlib
from base64 import b64encode
from contextlib import suppress
from functools import partial
from http.client import BadStatusLine, HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from contextcompany._settings import is_loopback
from contextcompany._version import __version__

try:
    from isal import igzip
except ImportError:  # an extra
    igzip = None

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message
    from urllib.parse import SplitResult

    from contextcompany._settings import Endpoint

__all__ = ["Answer", "Client", "NoAnswerError", "Trouble"]

Trouble = Literal["refused", "unresolved", "unreachable", "timed out", "broken", "tls", "proxy", "closed"]
"""Why there was no answer; "closed" is what `Client.abort()` leaves."""

_MAX_ANSWER = 64 * 2**10
"""Bytes of an answer's body that are read; who sends more is not asked again on that connection."""

_WORTH_COMPRESSING = 512
"""Bytes from which on a body is compressed; below it gains less than a packet."""

_SLICE = 256 * 2**10

_CONNECTING, _SHAKING_HANDS = "it did not accept a connection", "it did not finish the TLS handshake"
_SENDING, _WAITING = "it did not take the request", "it did not answer"

_TLS_ALERT = "\x15\x03"
"""What a TLS server answers to plain HTTP begins so."""

_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Where programs say which certificates they trust; read when the endpoint says nothing, in this order."""

_OURS: Final = frozenset({"connection", "content-encoding", "content-length", "content-type", "transfer-encoding"})
"""Headers that describe our own bytes; configured ones of these names are left out."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    reason: str
    headers: Message
    body: bytes


class NoAnswerError(Exception):
    """There was no complete answer. Its text is made for people and holds nothing secret."""

    def __init__(self, trouble: Trouble, text: str, *, was_connected: bool = False) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.was_connected = was_connected


class _StaleError(Exception):
    """A connection that was open from before failed without a byte of an answer: the server had let go of it."""


class Client:
    """POSTs to one endpoint, on one connection that stays open. For one thread, except where said."""

    def __init__(self, endpoint: Endpoint, *, content_type: str = "application/x-protobuf") -> None:
        self.compresses = _is_remote(endpoint) if endpoint.compression is None else endpoint.compression
        self._endpoint = endpoint
        self._url = urlsplit(endpoint.url)
        self._proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
        self._head = _head(self._url, self._proxy, endpoint.headers, content_type)
        self._secrets = _secrets(self._url, self._proxy, endpoint.headers)
        self._socket: socket.socket | None = None
        self._tls: ssl.SSLContext | None = None
        self._resolver: _Resolver | None = None
        self._ends_at = 0.0
        self._doing = ""
        self._aborted = False

    def post(self, body: bytes, *, timeout: float | None = None) -> Answer:
        """Send `body` and read the answer, within the endpoint's time-out or `timeout` if that is shorter.

        Redirects are answers as all others.

        Raises:
            NoAnswerError: there was none.
        """
        within = self._endpoint.timeout if timeout is None else min(timeout, self._endpoint.timeout)
        self._ends_at = time.monotonic() + within
        encoding = b""
        if self.will_compress(body):
            body, encoding = _compressed(body), b"content-encoding: gzip\r\n"
        head = b"%s%scontent-length: %d\r\n\r\n" % (self._head, encoding, len(body))
        try:
            try:
                return self._exchange(head, body)
            except _StaleError:
                return self._exchange(head, body)
        except NoAnswerError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise self._explained(error, within) from error

    def will_compress(self, body: bytes) -> bool:
        """Whether `body` would travel compressed."""
        return self.compresses and len(body) >= _WORTH_COMPRESSING

    def public(self, text: str) -> str:
        """What a server said, without the keys that it may have repeated, and the start of one where it was cut off."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
            for length in range(4, len(secret)):
                if text.endswith(f"{secret[:length]}…"):
                    text = text[: -length - 1] + "…"
        return text

    def close(self) -> None:
        """Close the connection; the next `post` opens a new one."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """From any thread: end what is under way, and every later `post`, with an error."""
        self._aborted = True
        connection = self._socket
        if connection is not None:
            with suppress(OSError):
                # Not the method of an SSLSocket, which changes the object under the hands of the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def abandon(self) -> None:
        """In a forked child: let go of the connection, which is the parent's, without a word on it."""
        self._aborted = True
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):
                os.close(connection.detach())

    # --- one exchange ---

    def _exchange(self, head: bytes, body: bytes) -> Answer:
        if self._socket is not None and _is_readable(self._socket):
            self.close()  # an idle connection has nothing to say but that it is over
        is_reused = self._socket is not None
        connection = self._socket or self._connect()
        wire = _Wire(connection, self._left)
        try:
            refusal = self._send(connection, head, body)
            self._doing = _WAITING
            try:
                return self._read(wire)
            except (OSError, HTTPException):
                if refusal is not None and not wire.was_touched:
                    raise refusal from None
                raise
        except (OSError, HTTPException) as error:
            if is_reused and not wire.was_touched and not isinstance(error, TimeoutError):
                self.close()
                raise _StaleError from error
            raise

    def _send(self, connection: socket.socket, head: bytes, body: bytes) -> OSError | None:
        """Send it all, or give back why not: a server may answer, and close, before it has read everything."""
        self._doing = _SENDING
        try:
            if len(body) <= _SLICE:
                self._send_slice(connection, head + body)
                return None
            self._send_slice(connection, head)
            view = memoryview(body)
            for start in range(0, len(body), _SLICE):
                self._send_slice(connection, view[start : start + _SLICE])
        except TimeoutError:
            raise
        except OSError as error:
            return error
        return None

    def _send_slice(self, connection: socket.socket, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            connection.settimeout(self._left())
            view = view[connection.send(view) :]

    def _read(self, wire: _Wire) -> Answer:
        response = HTTPResponse(wire, method="POST")  # type: ignore[arg-type]  # all it wants is `makefile`
        try:
            response.begin()
            while response.status < 200:  # hints before the answer; of these it passes over 100 alone
                response.headers = None  # type: ignore[assignment]  # as it was before it began
                response.begin()
            body = response.read(_MAX_ANSWER + 1)
        finally:
            response.close()
        is_too_long = len(body) > _MAX_ANSWER
        if response.length and not is_too_long:
            raise ConnectionResetError("the answer ended too early")
        if response.will_close or is_too_long:
            self.close()
        return Answer(response.status, response.reason, response.headers, body[:_MAX_ANSWER])

    # --- connecting ---

    def _connect(self) -> socket.socket:
        via = self._proxy or self._url
        if self._proxy is not None and self._proxy.scheme != "http":
            raise NoAnswerError("proxy", "the URL of the proxy must start with http://")
        self._socket = self._reach(via.hostname or "", via.port or (443 if via is self._url and self._is_tls else 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_tls:
            if self._proxy is not None:
                self._tunnel(self._socket, self._proxy)
            self._doing = _SHAKING_HANDS
            self._socket = self._wrapped(self._socket)
        return self._socket

    @property
    def _is_tls(self) -> bool:
        return self._url.scheme == "https"

    def _reach(self, host: str, port: int) -> socket.socket:
        """A connection to the first address that answers; each gets its share of the time that is left."""
        self._doing = "its name was not resolved"
        addresses = self._resolved(host, port)
        self._doing = _CONNECTING
        for remaining in range(len(addresses), 0, -1):
            family, kind, protocol, _, address = addresses[-remaining]
            try:
                connection = self._socket = socket.socket(family, kind, protocol)  # not every kernel has every family
                connection.settimeout(self._left() / remaining)
                connection.connect(address)
            except OSError:
                self.close()
                if remaining == 1:
                    raise
            else:
                return connection
        raise socket.gaierror("no address")

    def _resolved(self, host: str, port: int) -> list[Any]:
        """The addresses of `host`; asking for them knows no time-out, so a thread does it that may be left behind."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        if is_loopback(host):
            return ask()
        if self._resolver is None:
            self._resolver = _Resolver(ask)
        self._resolver.wait(self._left())
        resolver, self._resolver = self._resolver, None
        return resolver.addresses

    def _tunnel(self, connection: socket.socket, proxy: SplitResult) -> None:
        self._doing = "the proxy did not answer"
        place = f"{_bracketed(self._url.hostname or '')}:{self._url.port or 443}"
        lines = [f"CONNECT {place} HTTP/1.1", f"host: {place}", *_credentials("proxy-authorization", proxy), "", ""]
        self._send_slice(connection, "\r\n".join(lines).encode("latin-1"))
        response = HTTPResponse(_Wire(connection, self._left), method="CONNECT")  # type: ignore[arg-type]  # as above
        response.begin()
        response.close()
        if not 200 <= response.status < 300:
            raise NoAnswerError("proxy", f"the proxy answered {response.status} {response.reason}".rstrip())

    def _wrapped(self, connection: socket.socket) -> ssl.SSLSocket:
        if self._tls is None:
            self._tls = _tls_context(self._endpoint)
        connection.settimeout(self._left())  # also for the handshake as a whole
        return self._tls.wrap_socket(connection, server_hostname=self._url.hostname)

    def _left(self) -> float:
        """Seconds until the deadline."""
        left = self._ends_at - time.monotonic()
        if self._aborted:
            raise NoAnswerError("closed", "the program ends")
        if left <= 0:
            raise TimeoutError
        return left

    def _explained(self, error: Exception, within: float) -> NoAnswerError:
        """What happened, in words."""
        if self._aborted:
            return NoAnswerError("closed", "the program ends")
        if isinstance(error, TimeoutError):
            was_connected = self._doing in (_SENDING, _WAITING)
            return NoAnswerError("timed out", f"{self._doing} within {within:.3g} s", was_connected=was_connected)
        if isinstance(error, ConnectionRefusedError):
            return NoAnswerError("refused", "the proxy does not listen" if self._proxy else "nothing listens there")
        if isinstance(error, socket.gaierror):
            whose = "the proxy's" if self._proxy else "its"
            return NoAnswerError("unresolved", f"{whose} name could not be resolved")
        if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            self._tls = None  # certificates may have been put right by the next time
            return NoAnswerError("tls", _tls_reason(error))
        if isinstance(error, BadStatusLine) and str(error).startswith(_TLS_ALERT):
            return NoAnswerError("tls", "it speaks TLS; the URL should start with https://")
        if isinstance(error, OSError) and self._doing == _CONNECTING:
            who, why = "the proxy" if self._proxy else "it", (error.strerror or "no connection").lower()
            return NoAnswerError("unreachable", f"{who} cannot be reached ({why})")
        if isinstance(error, OSError) and self._doing == _SHAKING_HANDS:
            return NoAnswerError("broken", "it broke off the TLS handshake; should the URL start with http://?")
        if isinstance(error, (OSError, HTTPException, EOFError)):
            return NoAnswerError("broken", "the connection broke, or what came was no HTTP")
        return NoAnswerError("broken", f"the request failed with {type(error).__name__}")


class _Wire(io.RawIOBase):
    """Reads a socket until a deadline, however slowly the other side drips."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self.was_touched = False
        self._connection = connection
        self._left = left

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._left())
        count = self._connection.recv_into(buffer)
        self.was_touched |= count > 0
        return count


class _Resolver:
    """One question to the resolver, in a thread of its own."""

    def __init__(self, ask: Callable[[], list[Any]]) -> None:
        self._ask = ask
        self._answer: list[Any] | OSError = []
        self._thread = threading.Thread(target=self._run, name="contextcompany-resolver", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # at exit no thread starts any more, from Python 3.12 on
            self._run()

    def wait(self, seconds: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                raise TimeoutError

    @property
    def addresses(self) -> list[Any]:
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except OSError as error:
            self._answer = error
        except UnicodeError:  # what the IDNA codec raises for a label that is too long
            self._answer = socket.gaierror("not a name")


# --- pieces of a request ---------------------------------------------------------------------------------------------


def _head(
    url: SplitResult, proxy: SplitResult | None, headers: tuple[tuple[str, str], ...], content_type: str
) -> bytes:
    """Everything up to what the body decides."""
    given = {name.lower() for name, _ in headers}
    target = quote(url.path or "/", safe="/%!$&'()*+,;=:@~") + (f"?{url.query}" if url.query else "")
    place = _place(url)
    is_relayed = proxy is not None and url.scheme == "http"
    lines = [f"POST http://{place}{target} HTTP/1.1" if is_relayed else f"POST {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _OURS]
    if "host" not in given:
        lines.append(f"host: {place}")
    if "user-agent" not in given:
        lines.append(f"user-agent: contextcompany/{__version__} OTLP-HTTP-Python")
    if "authorization" not in given:
        lines += _credentials("authorization", url)
    if is_relayed and proxy is not None:
        lines += _credentials("proxy-authorization", proxy)
    lines += ["accept-encoding: identity", f"content-type: {content_type}", ""]
    return "\r\n".join(lines).encode("latin-1")


def _place(url: SplitResult) -> str:
    host, default = _bracketed(url.hostname or ""), 443 if url.scheme == "https" else 80
    return host if url.port in (None, default) else f"{host}:{url.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _credentials(header: str, url: SplitResult) -> list[str]:
    if url.username is None:
        return []
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return [f"{header}: Basic {b64encode(pair.encode()).decode()}"]


def _secrets(url: SplitResult, proxy: SplitResult | None, headers: tuple[tuple[str, str], ...]) -> list[str]:
    """What no message may show, whoever says it; longest first."""
    values = [value for _, value in headers]
    values += [url.query, *(value for _, value in parse_qsl(url.query))]
    for each in filter(None, (url, proxy)):
        token = each.username if each.password is None else each.password  # a name that has a password is none
        values += [token or "", unquote(token or ""), *_credentials("", each)]
    words = {word for value in values for word in (value, *value.split()) if len(word) >= 4}
    return sorted(words, key=len, reverse=True)


def _is_remote(endpoint: Endpoint) -> bool:
    return not is_loopback(urlsplit(endpoint.url).hostname or "")


def _compressed(body: bytes) -> bytes:
    if igzip is not None:
        packed: bytes = igzip.compress(body, 1)
        return packed
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: with gzip's header
    return compressor.compress(body) + compressor.flush()


# --- pieces of a connection ------------------------------------------------------------------------------------------


def _is_readable(connection: socket.socket) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=endpoint.certificate)
    except (OSError, ValueError):
        raise NoAnswerError("tls", f"the certificates in {endpoint.certificate} cannot be read") from None
    if not endpoint.certificate:
        _trust_environment(context)
    if endpoint.client_certificate:
        try:
            # Without a function it would ask for a password on the terminal.
            context.load_cert_chain(endpoint.client_certificate, endpoint.client_key, password=lambda: b"")
        except (OSError, ValueError):
            text = f"the client certificate {endpoint.client_certificate} or its key cannot be used"
            raise NoAnswerError("tls", text) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trust_environment(context: ssl.SSLContext) -> None:
    """Trust the first of the files that the environment names and that can be read, else certifi's."""
    for name in _CA_VARIABLES:
        path = os.environ.get(name)
        if path:
            with suppress(OSError):
                context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
                return
    with suppress(ImportError, OSError):
        import certifi  # noqa: PLC0415 - comes with requests, and is needed for TLS only

        context.load_verify_locations(certifi.where())


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    reason = (error.reason or "").replace("_", " ").lower()
    if reason in ("wrong version number", "http request", "record layer failure", "unknown protocol"):
        return "it does not speak TLS; should the URL start with http://?"
    return f"TLS failed: {reason}" if reason else "TLS failed"
