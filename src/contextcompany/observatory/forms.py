"""What forms of pages send: their fields, bounded. Starlette reads forms with a package that is not needed for this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["MAX_BYTES", "FormError", "fields", "is_here"]

MAX_BYTES: Final = 2**20
"""Of one form: room for the ids of 25,000 runs."""


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


def is_here(back: str) -> bool:
    """Whether that is a place of ours to lead back to, not another site's: `//elsewhere` would be."""
    return back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
