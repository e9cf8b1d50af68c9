"""Run id → trace id and span id, so that any process finds a run's span without asking anyone."""

import functools
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["RunIdentity", "new_id", "random_span_id", "random_trace_id", "run_identity"]

_SPAN_SALT = b"contextcompany run span"

_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Not what `uuid.UUID()` takes: it reads `0x…`, `urn:…`, underscores and any digits of Unicode as the same number."""


class RunIdentity(NamedTuple):
    """Where a run's root span lives."""

    trace_id: int
    span_id: int


def run_identity(run_id: str) -> RunIdentity:
    """The trace id and span id of the run called `run_id`.

    A UUID (36 characters, or 32 hex digits; any case) is the trace id itself. Any other text is hashed: the trace id is
    the first 16 bytes of its SHA-256. The span id is the first 8 bytes of SHA-256 over a fixed salt and the trace id.
    """
    trace_id = _uuid_bits(run_id) or _nonzero(_sha256()(run_id.encode("utf-8", "surrogatepass")).digest()[:16])
    digest = _sha256()(_SPAN_SALT + trace_id.to_bytes(16, "big")).digest()
    return RunIdentity(trace_id, _nonzero(digest[:8]))


def new_id() -> str:
    """A random UUID (version 4, RFC 9562) as text."""
    raw = os.urandom(16)
    digits = raw.hex()  # and not by `uuid.uuid4()`, whose object takes most of the time
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[raw[8] & 3]}{digits[17:20]}-{digits[20:]}"


def random_trace_id() -> int:
    """128 random bits from the operating system, never zero: `random.seed()` in user code cannot repeat them."""
    return _nonzero(os.urandom(16))


def random_span_id() -> int:
    """64 random bits from the operating system, never zero."""
    return _nonzero(os.urandom(8))


def _uuid_bits(text: str) -> int | None:
    if not _UUID.fullmatch(text):
        return None
    return int(text.replace("-", ""), 16) or None  # the nil UUID is no valid trace id


@functools.cache
def _sha256() -> Callable[[bytes], Any]:
    from hashlib import sha256  # noqa: PLC0415 - 3 ms, which would fall on `import contextcompany`

    return sha256


def _nonzero(raw: bytes) -> int:
    return int.from_bytes(raw, "big") or 1
