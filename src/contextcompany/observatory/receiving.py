"""What is posted to the Observatory is decoded, kept, and only then answered with 200."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import orjson
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.routing import Route

from contextcompany.observatory import custom, otlp
from contextcompany.observatory.intake import Refusal
from contextcompany.observatory.otlp import JSON, PROTOBUF, Batch, DecodeError
from contextcompany.observatory.sink import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from contextcompany.observatory.intake import Intake
    from contextcompany.observatory.otlp import Signal
    from contextcompany.observatory.refusals import Refusals
    from contextcompany.observatory.sink import Sink

__all__ = ["GRPC_CODES", "OPEN_SPANS", "Receiver"]

OPEN_SPANS: Final = {"TCC-Open-Spans": "1"}
"""Says that spans may be sent before they have ended; what is sent later under their ids takes their place."""

GRPC_CODES: Final = {400: 3, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""https://grpc.io/docs/guides/status-codes/, for the bodies of OTLP's errors."""

_LARGE: Final = 256 * 2**10
"""Bytes of a body from which on it is decoded beside the event loop, one at a time: it can take 100 ms, and memory."""

_SAY_EVERY_S: Final = 60.0
_LOGGER: Final = logging.getLogger("contextcompany.observatory")


class Receiver:
    """The endpoints that take something in."""

    def __init__(self, sink: Sink, intake: Intake, refusals: Refusals) -> None:
        self._sink = sink
        self._intake = intake
        self._refusals = refusals
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._say_again_at = 0.0

    def routes(self) -> list[Route]:
        """Where what is sent goes."""
        return [
            Route("/v1/traces", partial(self.otlp, "traces"), methods=["POST"]),
            Route("/v1/logs", partial(self.otlp, "logs"), methods=["POST"]),
            Route("/v1/otel-steps", partial(self.otlp, "traces"), methods=["POST"]),  # the original SDK's for LiteLLM
            Route("/v1/custom", self.custom, methods=["POST"]),
            Route("/v1/feedback", self.feedback, methods=["POST"]),
        ]

    async def otlp(self, signal: Signal, request: Request) -> Response:
        """`POST /v1/traces` and `/v1/logs`: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""
        kind = _content_type(request)
        try:
            _check(kind, otlp.CONTENT_TYPES)
            batch = await self._keep(request, partial(otlp.decode, signal, content_type=kind))
        except Refusal as refusal:
            return self._refused(request, refusal, kind)
        return Response(otlp.accepted(signal, batch.refused, kind), 200, OPEN_SPANS, kind)

    async def custom(self, request: Request) -> Response:
        """`POST /v1/custom`: runs, steps and tool calls of the original SDK."""
        return await self._json(request, custom.decode)

    async def feedback(self, request: Request) -> Response:
        """`POST /v1/feedback`, likewise."""
        return await self._json(request, partial(custom.decode_feedback, now_ns=time.time_ns()))

    async def _json(self, request: Request, decode: Callable[[bytes], Batch]) -> Response:
        # Its clients say application/json, but a page's form cannot, and needs no leave to send: so nothing else.
        try:
            _check(_content_type(request), (JSON,))
            batch = await self._keep(request, decode)
        except Refusal as refusal:
            return self._refused(request, refusal, JSON)
        accepted = len(batch.spans) + len(batch.logs)
        if batch.refused and not accepted:  # these clients look at nothing but the status
            nothing = Refusal(400, f"Nothing was accepted: {otlp.reasons(batch.refused)}.")
            return self._refused(request, nothing, JSON)
        answer = {"accepted": accepted, **({"refused": batch.refused} if batch.refused else {})}
        return Response(orjson.dumps(answer), 200, OPEN_SPANS, JSON)

    def _refused(self, request: Request, refusal: Refusal, content_type: str) -> Response:
        self._refusals.note(request.scope, refusal.status, refusal.message)
        kind = content_type if content_type == PROTOBUF else JSON
        body = otlp.failed(GRPC_CODES[refusal.status], refusal.message, kind)
        return Response(body, refusal.status, {**OPEN_SPANS, **refusal.headers}, kind)

    async def _keep(self, request: Request, decode: Callable[[bytes], Batch]) -> Batch:
        """What the request holds, when it is kept."""
        with self._intake.room() as room:
            body = await room.read(request)
            work = partial(_decoded, decode, body)
            batch = work() if len(body) < _LARGE else await run_sync(work, limiter=self._one_at_a_time)
            if isinstance(batch, str):
                raise Refusal(400, batch)
            if batch.spans or batch.logs:
                await self._write(batch)
            return batch

    async def _write(self, batch: Batch) -> None:
        try:
            await self._sink.write(batch)
        except Busy as busy:
            if time.monotonic() >= self._say_again_at:
                self._say_again_at = time.monotonic() + _SAY_EVERY_S
                _LOGGER.warning("What is sent is refused for now: %s", busy)
            raise Refusal(503, str(busy), Retry_After=str(busy.retry_after_s)) from None


def _decoded(decode: Callable[[bytes], Batch], body: bytes) -> Batch | str:
    """The batch, or why there is none: an error from another thread would keep the body until garbage is collected."""
    try:
        return decode(body)
    except DecodeError as error:
        return str(error)


def _check(kind: str, taken: tuple[str, ...]) -> None:
    if kind not in taken:
        raise Refusal(415, f"The content type is {kind[:60]!r}, not {' or '.join(taken)}.")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
