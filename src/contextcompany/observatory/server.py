"""The Observatory as a process: a socket, a store, and uvicorn between them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import uvicorn

from contextcompany.observatory.app import create_app
from contextcompany.observatory.guard import is_loopback
from contextcompany.observatory.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from contextcompany.observatory.writer import Store

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "listen", "serve"]

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4318
"""OTLP/HTTP's own, where an SDK without configuration sends to."""

_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 75
"""Longer than exporters pause between two batches: a connection that ends just when one is sent costs a retry."""

_GRACE_S: Final = 5
"""What is being answered when the process is asked to end has so long."""


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    store: Store,
    token: str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Receive until the process is interrupted or terminated. What was answered with 200 is in the store.

    Args:
        host: The address to listen on; any but loopback needs a token.
        port: 0 takes a free one.
        store: Keeps what is received; called by a thread that starts and ends here.
        token: What requests must carry, as `Authorization: Bearer …`.
        ready: Called with the URL when connections are taken.

    Raises:
        ValueError: the address needs a token.
        OSError: the address cannot be listened on.
    """
    with listen(host, port, token) as listening:
        writer = Writer(store)
        try:
            config = uvicorn.Config(
                create_app(writer, host=host, token=token),
                access_log=False,
                log_level="warning",
                lifespan="off",
                server_header=False,
                ws="none",
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
                backlog=_BACKLOG,
            )
            if ready is not None:
                ready(_url(listening))
            uvicorn.Server(config).run([listening])
        finally:
            writer.close()


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """A socket that queues connections from now on.

    Raises:
        ValueError: the address needs a token.
        OSError: the address cannot be listened on.
    """
    if token is not None and not token.strip():
        raise ValueError("The token is empty.")
    if token is None and not is_loopback(host):
        raise ValueError(f"{host} can be reached from other machines: that needs a token (--token).")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
