"""The page of a run, and what is on it: a request → what queries answer → a template."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson
from anyio.to_thread import run_sync
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contextcompany.observatory import actions, exporting, forms, prices, queries, remarks, waterfall
from contextcompany.observatory.answers import MissingError
from contextcompany.observatory.bill import bill
from contextcompany.observatory.contexts import Opinion, Problem
from contextcompany.observatory.custom import SCORES
from contextcompany.observatory.forms import FormError
from contextcompany.observatory.parameters import ParameterError
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from contextcompany.observatory.contexts import SpanDetail, SpanLine, Whole
    from contextcompany.observatory.rendering import Renderer
    from contextcompany.observatory.store import Store
    from contextcompany.observatory.waterfall import View

__all__ = ["RunPages", "framed"]

_VIEWS: Final = {"": "Tree", "conversation": "Conversation", "log": "Log", "graph": "Graph"}
"""The views of a run, by the last part of their paths."""


class RunPages:
    """A run with its tree and its spans."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer

    def routes(self) -> list[Route]:
        """Where they are. `/runs/…` that are no run come before."""
        return [
            Route("/runs/{run_id}", partial(self._said, self.run), methods=["GET"]),
            Route("/runs/{run_id}/head", partial(self._said, self.head), methods=["GET"]),
            Route("/runs/{run_id}/feedback", self.feedback, methods=["POST"]),
            Route("/runs/{run_id}/spans/{span_id}", partial(self._said, self.span), methods=["GET"]),
            Route("/runs/{run_id}/spans/{span_id}/part", partial(self._said, self.span_part), methods=["GET"]),
        ]

    def run(self, request: Request) -> Response:
        """`GET /runs/{run_id}`: its tree, and the span of it that the URL names."""
        whole, now_ns = self._whole(request), time.time_ns()
        view = waterfall.view(whole.run.trace_id, request.query_params)
        shown = self._span(whole, view) or self._span(whole, view._replace(span="")) or {"seen": view}
        tree = {
            "page": waterfall.rows(whole, view, now_ns),
            "page_size": waterfall.PAGE,
            "stretch": waterfall.stretch(whole, now_ns),
            "columns": _as_data(waterfall.columns(whole, now_ns)),
        }
        return self._renderer.page(request, "run.html", framed(whole, view, now_ns) | tree | shown)

    def head(self, request: Request) -> Response:
        """`GET /runs/{run_id}/head`: what stands above its views, for the page while the run is running."""
        whole, now_ns = self._whole(request), time.time_ns()
        view = waterfall.view(whole.run.trace_id, request.query_params)
        return self._renderer.page(request, "_run_head.html", framed(whole, view, now_ns))

    def span(self, request: Request) -> Response:
        """`GET /runs/{run_id}/spans/{span_id}`: a span on a page of its own."""
        return self._of_span(request, "span.html", is_own_page=True)

    def span_part(self, request: Request) -> Response:
        """`GET /runs/{run_id}/spans/{span_id}/part`: a span for the page of its run."""
        return self._of_span(request, "_span.html", is_own_page=False)

    async def feedback(self, request: Request) -> Response:
        """`POST /runs/{run_id}/feedback`: keeps what somebody thinks of a run or a span, and leads back."""
        run_id = request.path_params["run_id"]
        try:
            said = await forms.fields(request)
            label, text, span, back = (said.get(name, [""])[0].strip() for name in ("label", "text", "span", "back"))
            value = SCORES.get(label)
            opinion = Opinion(run_id, span or None, label or None, value, text or None)
            await run_sync(actions.keep_feedback, self._store, {"body": opinion})
        except (FormError, ParameterError) as error:
            return self._renderer.problem(request, 400, Problem(str(error)))
        except StoreError as error:
            return self._renderer.problem(request, 503, Problem(str(error)))
        return RedirectResponse(back if forms.is_here(back) else f"/runs/{quote(run_id, safe='')}", 303)

    def _of_span(self, request: Request, template: str, *, is_own_page: bool) -> Response:
        whole = self._whole(request)
        view = waterfall.view(whole.run.trace_id, request.query_params)._replace(span=request.path_params["span_id"])
        shown = self._span(whole, view)
        if shown is None:
            raise _missing(request)
        known = framed(whole, view, time.time_ns()) | shown | {"is_own_page": is_own_page}
        return self._renderer.page(request, template, known)

    def _said(self, page: Callable[[Request], Response], request: Request) -> Response:
        """The page, or why there is none."""
        try:
            return page(request)
        except MissingError as error:
            return self._renderer.problem(request, 404, Problem(str(error)))
        except StoreError as error:
            return self._renderer.problem(request, 503, Problem(str(error)))

    def _whole(self, request: Request) -> Whole:
        found = queries.run(self._store, request.path_params["run_id"])
        if found is None:
            raise _missing(request)
        return found

    def _span(self, whole: Whole, view: View) -> dict[str, Any] | None:
        """What a page shows of the span that is asked for; None when it is not in the run."""
        span_id = view.span or whole.run.top
        line = next((line for line in whole.spans if line.span_id == span_id), None)
        detail = None if line is None else queries.span(self._store, whole.run.trace_id, span_id)
        if line is None or detail is None:
            return None
        tab = view.tab or _of_interest(line, detail)
        return {
            "seen": view._replace(span=span_id, tab=tab),
            "line": line,
            "detail": detail,
            "span_remarks": remarks.of_span(detail),
            "opinions": [each for each in whole.feedback if each.span_id in (span_id, "") or span_id == whole.run.top],
            "otlp": self._otlp(whole.run.trace_id, span_id) if tab == "raw" else None,
            "tabs": waterfall.TABS,
            "is_own_page": False,
        }

    def _otlp(self, trace_id: str, span_id: str) -> Any:
        found = exporting.of_span(self._store, trace_id, span_id)
        return None if found is None else orjson.loads(found)


def _missing(request: Request) -> MissingError:
    what = " ".join(f"{name.removesuffix('_id')} {value[:100]}" for name, value in request.path_params.items())
    return MissingError(f"There is no {what} here. It has not arrived, or it was deleted, by somebody or for its age.")


def framed(whole: Whole, view: View, now_ns: int) -> dict[str, Any]:
    """What the page of every view of a run shows around it."""
    return {
        "run": whole.run,
        "whole": whole,
        "view": view,
        "views": _VIEWS,
        "kinds": waterfall.KINDS,
        "formats": exporting.FORMATS,
        "bill": bill(whole, prices.rates),
        "remarks": remarks.of_run(whole, now_ns),
        "waited_ns": _waited(whole),
    }


def _waited(whole: Whole) -> int:
    """How long the run waited for a person."""
    return sum(until - since for line in whole.spans if line.span_id == whole.run.top for since, until in line.waits)


def _of_interest(line: SpanLine, detail: SpanDetail) -> str:
    """The tab that is shown when nobody has chosen one."""
    has_output = detail.fact.output is not None or detail.fact.result is not None
    if line.status == "error":
        return "output" if has_output or not detail.span.events else "events"
    return "input" if line.kind != "run" or not has_output else "output"


def _as_data(value: Mapping[str, Any]) -> Markup:
    """JSON that can stand in a `<script>` that is data."""
    return Markup(orjson.dumps(value).replace(b"<", b"\\u003c").decode())  # noqa: S704 - no `<` is left to end it
