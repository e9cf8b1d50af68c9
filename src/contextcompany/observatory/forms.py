"""What forms of pages send: fields, or a file. Starlette reads forms with a package that is not needed for this."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["MAX_BYTES", "FormError", "fields", "file", "is_here"]

MAX_BYTES: Final = 2**20
"""Of one form: room for the ids of 25,000 runs."""


_BOUNDARY: Final = re.compile('multipart/form-data *;.*boundary="?([^";]+)"?', re.IGNORECASE)
_HEAD_ENDS: Final = b"\r\n\r\n"
_MAX_HEAD: Final = 16 * 1024


class FormError(ValueError):
    """A form cannot be read. The message says why."""


async def fields(request: Request) -> dict[str, list[str]]:
    """The fields of a form, each with its values in order.

    Raises:
        FormError: it is too large, or no form.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise FormError(f"The form has more than {MAX_BYTES:,} bytes.")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        raise FormError("This is no form.") from None


async def file(request: Request, into: IO[bytes], most: int) -> None:
    """The file of a form that has nothing else, written as it comes.

    Raises:
        FormError: it is too large, or there is none.
    """
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    end = b"\r\n--" + (found[1] if found else "").encode()
    waiting, is_inside, size = b"", False, 0
    async for piece in request.stream():
        waiting += piece
        if not is_inside:
            _, is_inside_after, rest = waiting.partition(_HEAD_ENDS)
            if not is_inside_after and len(waiting) > _MAX_HEAD:
                break
            is_inside, waiting = bool(is_inside_after), rest if is_inside_after else waiting
        if is_inside:
            done, ends, _ = waiting.partition(end)
            keep = 0 if ends else min(len(end) - 1, len(done))
            size += into.write(done[: len(done) - keep])
            waiting = done[len(done) - keep :]
            if size > most:
                raise FormError(f"The file has more than {most // 2**20:,} MiB. Use `contextcompany import`.")
            if ends:
                return
    raise FormError("There is no file in this form, or not all of it.")


def is_here(back: str) -> bool:
    """Whether that is a place of ours to lead back to, not another site's: `//elsewhere` would be."""
    return back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
