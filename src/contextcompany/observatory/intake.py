"""Request bodies: read, inflated and bounded, one by one and all together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import anyio
from starlette.requests import ClientDisconnect

from contextcompany.observatory.inflate import ENCODINGS, InflateError, Inflater

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

__all__ = ["BODY_TIMEOUT_S", "MAX_BODY_BYTES", "MAX_IN_FLIGHT_BYTES", "Intake", "Refusal"]

MAX_BODY_BYTES: Final = 32 * 2**20
"""Of one request, inflated."""

MAX_IN_FLIGHT_BYTES: Final = 64 * 2**20
"""Of all requests that are not answered yet."""

BODY_TIMEOUT_S: Final = 60.0
"""A body that takes longer to arrive is given up."""

_RETRY_AFTER_S: Final = 1


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """A request gets an answer other than 200."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Intake:
    """What is in memory of requests that are not answered yet. For one event loop."""

    def __init__(self, max_body: int = MAX_BODY_BYTES, max_in_flight: int = MAX_IN_FLIGHT_BYTES) -> None:
        self.max_body = max_body
        self.max_in_flight = max_in_flight
        self.in_flight = 0

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Room for one request, until its answer is made."""
        room = Room(self)
        try:
            yield room
        finally:
            self.in_flight -= room.taken


class Room:
    """What one request takes up."""

    def __init__(self, intake: Intake) -> None:
        self.taken = 0
        self._intake = intake

    async def read(self, request: Request) -> bytes:
        """The body, without its content encoding.

        Raises:
            Refusal: it is too large, too slow, not in its encoding, or there is too much else in memory.
        """
        inflater = Inflater(_encoding(request))
        limit = self._intake.max_body
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        pieces = []
        try:
            with anyio.fail_after(BODY_TIMEOUT_S):
                async for piece in request.stream():
                    made = inflater.feed(piece, limit - self.taken)
                    self._take(len(made))
                    pieces.append(made)
            inflater.finish()
        except TimeoutError:
            raise Refusal(408, f"The body did not arrive within {BODY_TIMEOUT_S:g} s.", Connection="close") from None
        except InflateError as error:
            raise Refusal(400, str(error)) from None
        except ClientDisconnect:
            raise Refusal(400, "The connection was closed before the body was complete.") from None
        return b"".join(pieces)

    def _take(self, size: int) -> None:
        intake = self._intake
        if self.taken + size > intake.max_body:
            raise _too_large(intake.max_body)
        if intake.in_flight + size > intake.max_in_flight:
            said = f"More than {_mebibytes(intake.max_in_flight)} of requests wait to be written. Try again."
            raise Refusal(429, said, Retry_After=str(_RETRY_AFTER_S))
        self.taken += size
        intake.in_flight += size


def _encoding(request: Request) -> str:
    encoding = request.headers.get("content-encoding", "").strip().lower() or "identity"
    encoding = "gzip" if encoding == "x-gzip" else encoding
    if encoding not in ENCODINGS:
        # https://www.rfc-editor.org/rfc/rfc7694#section-3: what a 415 for an encoding says
        said = f"The content encoding {encoding[:60]!r} is none of {', '.join(ENCODINGS)}."
        raise Refusal(415, said, Accept_Encoding=", ".join(ENCODINGS[1:]))
    return encoding


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The body has more than {_mebibytes(limit)}, inflated. Send fewer spans at once.")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:g} MiB"
