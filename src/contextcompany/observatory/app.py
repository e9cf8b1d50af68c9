"""The Observatory's HTTP side, put together: who may ask, what is received, what is answered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from contextcompany.observatory import openapi, otlp
from contextcompany.observatory.api import Api
from contextcompany.observatory.contexts import Problem, as_json
from contextcompany.observatory.guard import Guard
from contextcompany.observatory.intake import Intake
from contextcompany.observatory.otlp import JSON
from contextcompany.observatory.pages import Pages
from contextcompany.observatory.receiving import GRPC_CODES, Receiver
from contextcompany.observatory.refusals import Refusals

if TYPE_CHECKING:
    from starlette.requests import Request

    from contextcompany.observatory.sink import Sink
    from contextcompany.observatory.store import Store

__all__ = ["create_app"]


def create_app(
    sink: Sink,
    *,
    store: Store | None = None,
    host: str = "127.0.0.1",
    token: str | None = None,
    intake: Intake | None = None,
) -> Starlette:
    """The ASGI application.

    Args:
        sink: Where what is received goes.
        store: Where questions are answered from; None answers none.
        host: The address that it will listen on: if loopback, `Host` must be a name of this machine.
        token: What requests must carry; None: nothing.
        intake: What may be in memory at once.
    """
    intake, refusals = intake or Intake(), Refusals()
    routes = [*Receiver(sink, intake, refusals).routes(), Route("/healthz", _healthz, methods=["GET"])]
    api = None if store is None else Api(store, intake)
    pages = None if store is None else Pages(store, refusals)
    if api is not None and pages is not None:
        routes += [*api.routes(), *pages.routes()]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host, token=token)],
        exception_handlers=dict.fromkeys((404, 405), partial(_nothing_here, refusals, pages)),
    )
    app.router.redirect_slashes = False  # exporters follow no redirects
    app.state.close = (lambda: None) if api is None else api.feed.close
    return app


async def _healthz(_: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type=JSON)


async def _nothing_here(refusals: Refusals, pages: Pages | None, request: Request, error: Exception) -> Response:
    status: int = getattr(error, "status_code", 404)
    headers: dict[str, str] = getattr(error, "headers", None) or {}
    path = request.scope["path"]  # `request.url` asks more of the host than it must be
    is_api = f"{path}/".startswith("/api/")
    if "Allow" in headers:
        said = f"{path[:100]} takes {headers['Allow']}, not {request.method}."
    else:
        what_is = f"{openapi.PATH} says what there is." if is_api else "Spans are received at POST /v1/traces."
        said = f"Nothing is at {request.method} {path[:100]}. {what_is}"
    if is_api:
        return Response(as_json(Problem(said)), status, headers, JSON)
    page = None if pages is None else pages.nothing(request, status, said)
    if page is not None:
        return page
    refusals.note(request.scope, status, said)
    return Response(otlp.failed(GRPC_CODES[status], said, JSON), status, headers, JSON)
