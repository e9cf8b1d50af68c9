"""OpenTelemetry's own variables for its OTLP exporters, `OTEL_EXPORTER_OTLP_*`, but for the endpoints.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/: each exists for all signals and for one, which wins.
They are other people's, so what is wrong in one is said, without its value, and the rest goes on.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

from contextcompany import _diagnostics

__all__ = ["HEADER_NAME", "UNSAFE_IN_HEADER", "Exporter", "exporter"]

HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
UNSAFE_IN_HEADER: Final = re.compile(r"[^\x20-\x7e\xa0-\xff]")
"""Line breaks, control characters and what is not in Latin-1."""

_SHORTEST_TIMEOUT_MS: Final = 100
"""Below, a time-out is taken for one in seconds, as OpenTelemetry's exporters for Python read it against the spec."""


class Exporter(NamedTuple):
    """What the variables say for one signal; `None` is not said."""

    headers: Mapping[str, str]
    timeout: float | None
    """Seconds."""
    compression: bool | None
    certificate: str | None
    client_certificate: str | None
    client_key: str | None


def exporter(signal: Literal["traces", "logs"], environ: Mapping[str, str]) -> Exporter:
    """Read the variables of one signal, and the general ones where it has none of its own."""

    def read(what: str) -> tuple[str, str]:
        names = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", f"OTEL_EXPORTER_OTLP_{what}"
        given = [(name, value) for name in names if (value := environ.get(name, "").strip())]
        return given[0] if given else (names[1], "")

    return Exporter(
        headers=_headers(*read("HEADERS")),
        timeout=_timeout(*read("TIMEOUT")),
        compression=_compression(*read("COMPRESSION")),
        certificate=read("CERTIFICATE")[1] or None,
        client_certificate=read("CLIENT_CERTIFICATE")[1] or None,
        client_key=read("CLIENT_KEY")[1] or None,
    )


def _headers(variable: str, value: str) -> Mapping[str, str]:
    """`name=value,name=value` with percent-encoded values, as in W3C baggage but without properties."""
    found = {}
    for position, pair in enumerate(value.split(","), start=1):
        name, equals, content = (part.strip() for part in pair.partition("="))
        content = unquote(content).strip()
        if equals and HEADER_NAME.fullmatch(name) and not UNSAFE_IN_HEADER.search(content):
            found[name.lower()] = content
        elif pair.strip():
            _diagnostics.warn(
                variable,
                "`%s` must be name=value pairs with commas; number %d is left out (it is not shown).",
                variable,
                position,
            )
    return found


def _timeout(variable: str, value: str) -> float | None:
    if not value:
        return None
    milliseconds = 0.0
    with suppress(ValueError):
        milliseconds = float(value)
    if isfinite(milliseconds) and milliseconds >= _SHORTEST_TIMEOUT_MS:
        return milliseconds / 1000
    _diagnostics.warn(
        variable,
        "`%s` must be a number of milliseconds from %d on; the default is used.",
        variable,
        _SHORTEST_TIMEOUT_MS,
    )
    return None


def _compression(variable: str, value: str) -> bool | None:
    known = {"": None, "gzip": True, "none": False}
    if value.lower() in known:
        return known[value.lower()]
    _diagnostics.warn(variable, "`%s` must be gzip or none; the default is used.", variable)
    return None
