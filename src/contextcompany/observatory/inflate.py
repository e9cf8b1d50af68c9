"""Request bodies without their content encoding, in pieces, with a bound on what comes out."""

from __future__ import annotations

import zlib
from typing import Final

__all__ = ["ENCODINGS", "MAX_MEMBERS", "InflateError", "Inflater"]

ENCODINGS: Final = ("identity", "gzip", "deflate")
"""Of HTTP's, those that OTLP knows, and none: https://www.rfc-editor.org/rfc/rfc9110#content.codings."""

MAX_MEMBERS: Final = 1024
"""A gzip body may be so many, one after another. Empty ones cost time and make nothing."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS


class InflateError(ValueError):
    """A body is not in the encoding that its header names. Says so in a sentence."""


class Inflater:
    """One body. What `feed` gives back, and what is kept inside, is bounded whatever is fed.

    Args:
        encoding: One of `ENCODINGS`.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._head = b""  # what is too short to tell zlib's format from bare deflate
        self._members = 0
        self._stream = zlib.decompressobj(_GZIP) if encoding == "gzip" else None

    def feed(self, piece: bytes, limit: int) -> bytes:
        """What the piece adds, at most `limit + 1` bytes: with one more than the limit the body is too large.

        Raises:
            InflateError: the bytes are not in the encoding.
        """
        if self._encoding == "identity":
            return piece[: limit + 1]
        if self._stream is None:
            self._head += piece
            if len(self._head) < 2:
                return b""
            piece, self._head = self._head, b""
            self._stream = zlib.decompressobj(_ZLIB if _is_zlib(piece) else _RAW)  # bare, as some send it
        return self._inflated(self._stream, piece, limit)

    def finish(self) -> None:
        """Say that nothing follows.

        Raises:
            InflateError: something is missing.
        """
        if self._encoding != "identity" and (self._stream is None or not self._stream.eof):
            raise InflateError(f"The {self._encoding} body ends too early: it was cut off.")

    def _inflated(self, stream: zlib._Decompress, piece: bytes, limit: int) -> bytes:
        made: list[bytes] = []
        left = limit + 1
        while piece and left:
            if stream.eof:
                stream = self._next_member()
            try:
                made.append(stream.decompress(piece, left))
            except zlib.error as error:
                raise InflateError(f"The body is not {self._encoding}, as its header says: {error}.") from None
            left -= len(made[-1])
            piece = stream.unused_data
        return b"".join(made)

    def _next_member(self) -> zlib._Decompress:
        """https://www.rfc-editor.org/rfc/rfc1952#section-2.2: one gzip file after another is one text."""
        self._members += 1
        if self._encoding != "gzip" or self._members >= MAX_MEMBERS:
            raise InflateError(f"The {self._encoding} body goes on after its end.")
        self._stream = stream = zlib.decompressobj(_GZIP)
        return stream


def _is_zlib(body: bytes) -> bool:
    """https://www.rfc-editor.org/rfc/rfc1950#section-2.2."""
    return body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
