"""Who may speak to the Observatory: a name that leads here, no other site's page, and whoever has the token."""

from __future__ import annotations

import hmac
from base64 import b64decode
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OPEN_PATHS", "Guard", "is_loopback"]

OPEN_PATHS: Final = frozenset({"/healthz"})
"""What is answered without a token."""

_CHALLENGES: Final = ("Bearer", 'Basic realm="Observatory", charset="UTF-8"')
"""Programs read the first; for the second, a browser asks whoever sits before it."""

_OF_FORMS: Final = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""The content types in which any site's page can make a browser post, unasked: https://fetch.spec.whatwg.org/#simple-header."""

_RECEIVING: Final = "/v1/"
"""What is received there is of none of those types, and says so itself."""


class Guard:
    """ASGI middleware that answers 403 to strangers and 401 to those without the token.

    A page of another site can make a browser send requests to this machine. With a DNS name that it points here (DNS
    rebinding) it can even read the answers; but the name is in `Host`, and a page's own site is in `Origin`. Where that
    is missing, what changes something must not look like a form that any page can send.

    Args:
        host: The address that is listened on. If it is loopback, `Host` must be a name or an address of this machine.
        token: What `Authorization: Bearer …` must carry, or the password of `Basic …` must be; None: nothing.
    """

    def __init__(self, app: ASGIApp, *, host: str, token: str | None) -> None:
        self._app = app
        self._host = host.lower()
        self._any_host = not is_loopback(host)
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "").lower()
        if not self._any_host and not self._is_here(host):
            return _answer(403, f"The request is for {host[:100]!r}, which is no name of this machine's own.")
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return _answer(403, f"The request comes from a page of another site: {origin[:100]!r}.")
        if origin is None and scope["method"] == "POST" and not _is_ours(scope["path"], headers):
            said = "Any site's page could have sent this. Send `Content-Type: application/json`."
            return _answer(403, said)
        if self._token is None or scope["path"] in OPEN_PATHS:
            return None
        if hmac.compare_digest(_credential(headers.get(b"authorization", "")), self._token):
            return None
        said = "The token is missing or wrong: send it as `Authorization: Bearer …` (an SDK's TCC_API_KEY)"
        refusal = _answer(401, f"{said}, or in a browser as the password.")
        for challenge in _CHALLENGES:
            refusal.headers.append("WWW-Authenticate", challenge)
        return refusal

    def _is_here(self, host: str) -> bool:
        """Only names can be rebound: an address in `Host` is what was connected to."""
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name in ("localhost", self._host) or name.endswith(".localhost"):
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on that address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ours(path: str, headers: dict[bytes, str]) -> bool:
    kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    from_here = headers.get(b"sec-fetch-site") in ("same-origin", "none")
    return path.startswith(_RECEIVING) or from_here or kind not in _OF_FORMS


def _credential(given: str) -> bytes:
    """The token of a program, or the password that somebody gave to a browser, with any name."""
    scheme, _, rest = given.partition(" ")
    said = rest.strip().encode("latin-1")
    if scheme.lower() == "bearer":
        return said
    if scheme.lower() == "basic":
        try:
            return b64decode(said, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return b""


def _answer(status: int, message: str) -> Response:
    code = {401: 16, 403: 7}[status]  # gRPC's
    return Response(orjson.dumps({"code": code, "message": message}), status, None, "application/json")
