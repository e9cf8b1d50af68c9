"""The JSON API over HTTP: reads a question, has it answered beside the event loop, and writes the answer."""

from __future__ import annotations

import time
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from contextcompany.observatory import openapi, parameters
from contextcompany.observatory.answers import MissingError
from contextcompany.observatory.contexts import Problem, as_json
from contextcompany.observatory.endpoints import ENDPOINTS
from contextcompany.observatory.feed import Feed
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.intake import Refusal
from contextcompany.observatory.otlp import JSON
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from contextcompany.observatory.endpoints import Endpoint
    from contextcompany.observatory.exporting import Export
    from contextcompany.observatory.feed import Watched
    from contextcompany.observatory.intake import Intake
    from contextcompany.observatory.store import Store

__all__ = ["HEADERS", "MAX_IMPORT_BYTES", "Api"]

HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_THREADS: Final = 3
"""So many questions are looked up at once. The threads that write are others, so that reading does not keep them."""

MAX_IMPORT_BYTES: Final = 2 * 2**30
"""Of a file that is imported over HTTP. It is on the disk until it is read."""

_IN_MEMORY: Final = 2**20
_PIECE: Final = 256 * 2**10


class Api:
    """Answers the questions of `ENDPOINTS` from a store. For one event loop."""

    def __init__(self, store: Store, intake: Intake) -> None:
        self.feed = Feed(store)
        self._store = store
        self._intake = intake
        self._reading = CapacityLimiter(_THREADS)
        self._changing = CapacityLimiter(2)
        self._importing = CapacityLimiter(1)  # for minutes, maybe
        self._exporting = CapacityLimiter(1)

    def routes(self) -> list[Route]:
        """Where they are asked."""
        gives = {"json": self._answer, "events": self._stream, "file": self._download}
        asked = [Route(each.path, partial(_said, gives[each.gives], each), methods=[each.method]) for each in ENDPOINTS]
        return [*asked, Route(openapi.PATH, self._document, methods=["GET"])]

    async def _document(self, _: Request) -> Response:
        return Response(await run_sync(openapi.document, limiter=self._reading), 200, HEADERS, JSON)

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        given = _given(endpoint, request)
        if endpoint.body is bytes:
            with SpooledTemporaryFile(_IN_MEMORY) as file:
                await _receive(request, file)
                return await self._answered(endpoint, given | {"body": file}, self._importing)
        if endpoint.body is not None:
            given["body"] = parameters.read_body(endpoint.body, await self._body(request))
        return await self._answered(endpoint, given, self._reading if endpoint.method == "GET" else self._changing)

    async def _answered(self, endpoint: Endpoint, given: dict[str, Any], limiter: CapacityLimiter) -> Response:
        body = await run_sync(_written, endpoint, self._store, given, limiter=limiter)
        return Response(body, 200, HEADERS, JSON)

    async def _stream(self, endpoint: Endpoint, request: Request) -> Response:
        given = _given(endpoint, request)
        came_to = request.headers.get("last-event-id", "")
        if came_to:
            given["since"] = parameters.read(endpoint.parameters, [("since", came_to)], time.time_ns())["since"]
        if self.feed.is_full:
            raise Refusal(503, "Too many watch already. Try again.", Retry_After="5")
        watched = await run_sync(endpoint.answer, self._store, given, limiter=self._reading)
        return _Events(self.feed, watched, given["since"])

    async def _download(self, endpoint: Endpoint, request: Request) -> Response:
        given = _given(endpoint, request)
        export: Export = await run_sync(endpoint.answer, self._store, given, limiter=self._reading)
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{export.file_name}"'}
        return StreamingResponse(self._pieces(export), 200, headers, export.media_type)

    async def _pieces(self, export: Export) -> AsyncIterator[bytes]:
        while piece := await run_sync(_some, export.content, limiter=self._exporting):
            yield piece

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise Refusal(415, f"The content type is {kind[:60]!r}, not {JSON}.")
        with self._intake.room() as room:
            return await room.read(request)


class _Events(StreamingResponse):
    """Server-sent events."""

    def __init__(self, feed: Feed, watched: Watched, since: tuple[int, int] | None) -> None:
        super().__init__(feed.events(watched, since), 200, HEADERS, "text/event-stream")
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is until the client hangs up."""
        with self._feed.watching():
            await super().__call__(scope, receive, send)


async def _said(
    respond: Callable[[Endpoint, Request], Awaitable[Response]], endpoint: Endpoint, request: Request
) -> Response:
    """The answer, or why there is none."""
    try:
        return await respond(endpoint, request)
    except FilterError as error:
        return _refused(400, Problem(str(error), error.token, error.suggestion))
    except MissingError as error:
        return _refused(404, Problem(str(error)))
    except Refusal as refusal:
        return _refused(refusal.status, Problem(refusal.message), refusal.headers)
    except StoreError as error:
        return _refused(503, Problem(str(error)), {"Retry-After": "1"})


def _refused(status: int, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(as_json(problem), status, HEADERS | (headers or {}), JSON)


def _given(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    said = parameters.read(endpoint.parameters, request.query_params.multi_items(), time.time_ns())
    return said | request.path_params


async def _receive(request: Request, file: IO[bytes]) -> None:
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_IMPORT_BYTES:
                raise Refusal(
                    413, f"The file has more than {MAX_IMPORT_BYTES // 2**30} GiB. Use `contextcompany import`."
                )
            file.write(piece)
    except ClientDisconnect:
        raise Refusal(400, "The connection was closed before the file was complete.") from None
    file.seek(0)


def _some(content: Iterator[bytes]) -> bytes:
    """The next pieces, small ones together; empty when there are none."""
    pieces, size = [], 0
    for piece in content:
        pieces.append(piece)
        size += len(piece)
        if size >= _PIECE:
            break
    return b"".join(pieces)


def _written(endpoint: Endpoint, store: Store, given: dict[str, Any]) -> bytes:
    return as_json(endpoint.answer(store, given))
