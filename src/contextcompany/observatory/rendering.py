"""Values → pages: the templates, what all of them know, and the headers that keep a page to itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from contextcompany.observatory import dialogue, diffs, transcript, values, words
from contextcompany.observatory.axes import ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from contextcompany.observatory.assets import Assets
    from contextcompany.observatory.contexts import Problem

__all__ = ["HEADERS", "Renderer"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with that, browsers send `Origin: null` with forms, which the guard refuses.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every page. What a run says is text; should it ever become markup, nothing in it runs, loads or leads away."""


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "dialogue": dialogue.dialogue,
    "pieces": transcript.pieces,
    "readable": transcript.readable,
    "rows": diffs.rows,
    "ticks": ticks,
}


class Renderer:
    """The templates, compiled when they are first used, and then kept."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("contextcompany.observatory"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.filters.update(words.FILTERS | values.FILTERS | _FILTERS)
        self._environment.globals |= {"asset": assets.url, "modules": assets.modules}

    def pieces(self, template: str, context: dict[str, Any]) -> Iterator[str]:
        """What a template makes of values, as it is made."""
        return self._environment.get_template(template).generate(context)

    def problem(self, request: Request, status: int, problem: Problem) -> Response:
        """A page that says why there is no other."""
        return self.page(request, "problem.html", {"status": status, "problem": problem}, status)

    def page(self, request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
        """A whole page, or a fragment of one, of a template and the values it shows."""
        origin = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        known = {"now_ns": time.time_ns(), "path": request.scope["path"], "origin": origin} | context
        html = self._environment.get_template(template).render(known)
        return Response(html, status, HEADERS, "text/html")
