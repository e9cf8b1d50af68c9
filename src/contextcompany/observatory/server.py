"""The Observatory as a process: a socket, a store, and uvicorn between them."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn

from contextcompany.observatory.app import create_app
from contextcompany.observatory.guard import is_loopback
from contextcompany.observatory.sink import StoreSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.applications import Starlette

    from contextcompany.observatory.store import Store

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "Server", "config", "listen", "serve"]

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
    """Receive until SIGINT or SIGTERM, then return. What was answered with 200 is in the store.

    Args:
        host: The address to listen on; any but loopback needs a token.
        port: 0 takes a free one.
        store: Keeps what is received.
        token: What requests must carry, as `Authorization: Bearer …`.
        ready: Called with the URL when connections are taken; must not block.

    Raises:
        ValueError: the address needs a token.
        OSError: the address cannot be listened on.
    """
    with listen(host, port, token) as listening:
        app = create_app(StoreSink(store), store=store, host=host, token=token)
        Server(app, partial(ready, _url(listening)) if ready else None).run([listening])


class Server(uvicorn.Server):
    """Says when it is ready, signals included, and returns when it has stopped.

    uvicorn raises a signal again then, which would end the process before the store is closed.
    """

    def __init__(self, app: Starlette, ready: Callable[[], None] | None = None) -> None:
        super().__init__(config(app))
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections."""
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would not end themselves, and what is being answered."""
        self._app.state.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop; a second time, also what is being answered."""
        self.force_exit = self.should_exit
        self.should_exit = True


def config(app: Starlette) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="off",
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
    )


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
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections inherit it. asyncio sets it only where the socket was made with a protocol, which this one was not,
    # and without it an answer's body waits 40 ms for the client to acknowledge its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
