"""OpenTelemetry's own OTLP/HTTP exporter, pointed at a destination; for pipelines that people set up themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from contextcompany._settings import is_loopback

if TYPE_CHECKING:
    from contextcompany._settings import Destination

__all__ = ["span_exporter"]


def span_exporter(destination: Destination) -> OTLPSpanExporter:
    """The stock OTLP/HTTP exporter for spans, pointed at `destination`."""
    if destination.uses_otel_environment:
        return OTLPSpanExporter(endpoint=destination.traces_url, headers=dict(destination.headers))
    return OTLPSpanExporter(
        endpoint=destination.traces_url,
        headers=dict(destination.headers),
        timeout=10,
        compression=Compression.NoCompression,
        session=_Session(destination),
    )


class _Session(requests.Session):
    """A session for one destination: only its own headers, and its own key rather than one from `.netrc`.

    The stock exporter adds the headers of `OTEL_EXPORTER_OTLP_HEADERS`, which are meant for another back end and may
    hold its key, and the certificates of `OTEL_EXPORTER_OTLP_CERTIFICATE` and the like. And it takes a redirect for
    success, though it does not follow it.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__()
        # A proxy and CA bundle from the environment apply, but on the way to this very machine; with an `auth` of its
        # own, requests does not look into `.netrc`.
        self.trust_env = not is_loopback(urlsplit(destination.traces_url).hostname or "")
        self.auth = _as_it_is
        self._ours = {
            "content-type",
            "content-encoding",
            "user-agent",
            *(name for name, _ in destination.headers),
        }

    def request(self, method: str, url: str, **kwargs: object) -> requests.Response:  # type: ignore[override]  # passed on
        headers = kwargs.get("headers")
        if isinstance(headers, dict):
            kwargs["headers"] = {name: value for name, value in headers.items() if name.lower() in self._ours}
        self.verify, self.cert = True, None
        response = super().request(method, url, **kwargs)  # type: ignore[arg-type]  # passed on
        if 300 <= response.status_code < 400:
            raise requests.TooManyRedirects(f"it answers {response.status_code}; use the URL that it redirects to")
        return response


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
