"""Who may speak to the Observatory: a name that leads here, no other site's page, and whoever has the token."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OPEN_PATHS", "Guard", "is_loopback"]

OPEN_PATHS: Final = frozenset({"/healthz"})
"""What is answered without a token."""

_BEARER: Final = "Bearer "


class Guard:
    """ASGI middleware that answers 403 to strangers and 401 to those without the token.

    A page of another site can make a browser send requests to this machine. With a DNS name that it points here (DNS
    rebinding) it can even read the answers; but the name is in `Host`, and a page's own site is in `Origin`.

    Args:
        host: The address that is listened on. If it is loopback, `Host` must be a name or an address of this machine.
        token: What `Authorization: Bearer …` must carry; None: nothing.
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
        if self._token is None or scope["path"] in OPEN_PATHS:
            return None
        given = headers.get(b"authorization", "")
        has_scheme = given[: len(_BEARER)].lower() == _BEARER.lower()
        if has_scheme and hmac.compare_digest(given[len(_BEARER) :].strip().encode("latin-1"), self._token):
            return None
        said = "The token is missing or wrong: send it as `Authorization: Bearer …` (an SDK's TCC_API_KEY)."
        return _answer(401, said, {"WWW-Authenticate": "Bearer"})

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


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    code = {401: 16, 403: 7}[status]  # gRPC's
    return Response(orjson.dumps({"code": code, "message": message}), status, headers, "application/json")
