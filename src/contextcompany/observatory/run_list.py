"""The page that lists runs, the parts of it that a script asks for, and what is done with many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contextcompany.observatory import forms, listing, queries
from contextcompany.observatory.contexts import Problem
from contextcompany.observatory.exporting import FORMATS
from contextcompany.observatory.forms import FormError
from contextcompany.observatory.queries import FilterError
from contextcompany.observatory.rendering import HEADERS
from contextcompany.observatory.store import StoreError
from contextcompany.observatory.timeline import histogram

if TYPE_CHECKING:
    from starlette.requests import Request

    from contextcompany.observatory.refusals import Refusals
    from contextcompany.observatory.rendering import Renderer
    from contextcompany.observatory.store import Store

__all__ = ["RunList"]

_A_YEAR_S: Final = 365 * 86_400
_BARS: Final = 144
"""Of the histogram above the list, at most."""


class RunList:
    """`/runs`, which shows what `/api/runs` and `/api/histogram` answer."""

    def __init__(self, store: Store, renderer: Renderer, refusals: Refusals) -> None:
        self._store = store
        self._renderer = renderer
        self._refusals = refusals

    def routes(self) -> list[Route]:
        """Where it is."""
        return [
            Route("/runs", self.runs, methods=["GET"]),
            Route("/runs/rows", self.rows, methods=["GET"]),
            Route("/runs/timeline", self.bars, methods=["GET"]),
            Route("/runs/selected", self.selected, methods=["GET"]),
            Route("/runs/delete", self.delete, methods=["POST"]),
        ]

    def runs(self, request: Request) -> Response:
        """`GET /runs`: the list of runs. What was chosen before and the URL does not say is put there."""
        params = request.query_params
        wanted = listing.wanted(params, params.getlist("columns"))
        if "keep" in params:
            return _keeping(wanted)
        before = listing.remembered(wanted, request.cookies.get(listing.COOKIE, ""), params)
        if before is not None:
            return RedirectResponse(before.url(after=wanted.after), 303)
        return self._renderer.page(request, "runs.html", self._listed(wanted) | self._view(wanted))

    def rows(self, request: Request) -> Response:
        """`GET /runs/rows`: rows of the list, for the page when it is scrolled or things happen; of these runs only."""
        params = request.query_params
        wanted = listing.wanted(params, params.getlist("columns"))
        only = params["runs"].split(",") if "runs" in params else None
        try:
            page = queries.runs(self._store, wanted.filter, sort=wanted.sort, after=wanted.after, only=only)
        except (FilterError, StoreError) as error:
            return _refusal(error)
        return self._renderer.page(request, "runs_part.html", {"listing": wanted, "page": page})

    def bars(self, request: Request) -> Response:
        """`GET /runs/timeline`: the chart above the list, for the page when things happen."""
        wanted = listing.wanted(request.query_params, [])
        try:
            found = histogram(self._store, wanted.filter, bars=_BARS)
        except (FilterError, StoreError) as error:
            return _refusal(error)
        return self._renderer.page(request, "_timeline.html", {"listing": wanted, "histogram": found})

    def selected(self, request: Request) -> Response:
        """`GET /runs/selected`: leads to what is done with the runs that are picked."""
        runs, does = request.query_params.getlist("run"), request.query_params.get("do", "")
        if does in FORMATS:
            return RedirectResponse(f"/api/export?{urlencode({'format': does, 'runs': ','.join(runs)})}", 303)
        if len(runs) == 2:
            return RedirectResponse(f"/compare?{urlencode({'a': runs[1], 'b': runs[0]})}", 303)
        return self._renderer.problem(
            request, 400, Problem(f"Two runs are compared, not {len(runs)}: pick two of the list.")
        )

    async def delete(self, request: Request) -> Response:
        """`POST /runs/delete`: deletes these runs, when somebody is sure, and leads back."""
        try:
            said = await forms.fields(request)
        except FormError as error:
            return self._renderer.problem(request, 400, Problem(str(error)))
        runs, back = said.get("run", []), said.get("back", [""])[0]
        back = back if forms.is_here(back) else "/runs"
        if runs and "sure" not in said:
            return self._renderer.page(request, "delete.html", {"runs": runs, "back": back})
        try:
            await run_sync(self._store.delete, runs)
        except StoreError as error:
            return self._renderer.problem(request, 503, Problem(str(error)))
        return RedirectResponse(back, 303)

    def _view(self, wanted: listing.Listing) -> dict[str, Any]:
        return {
            "columns": listing.COLUMNS,
            "formats": FORMATS,
            "leading": listing.LEADING,
            "orders": listing.ORDERS,
            "tabs": listing.tabs(wanted),
            "refused": self._refusals.last,
        }

    def _listed(self, wanted: listing.Listing) -> dict[str, Any]:
        page, bars, problem, corrected = None, None, None, None
        try:
            page = queries.runs(self._store, wanted.filter, sort=wanted.sort, after=wanted.after)
            bars = histogram(self._store, wanted.filter, bars=_BARS)
        except FilterError as error:
            problem = Problem(error.reason, error.token, error.suggestion)
            if error.suggestion is not None:
                corrected = wanted.url(filter=wanted.filter.replace(error.token, error.suggestion, 1))
        except StoreError as error:
            problem = Problem(str(error))
        return {"listing": wanted, "page": page, "histogram": bars, "problem": problem, "corrected": corrected}


def _refusal(error: FilterError | StoreError) -> Response:
    """For a script; who looks at the page has been told by it."""
    return Response(str(error), 400 if isinstance(error, FilterError) else 503, HEADERS, "text/plain")


def _keeping(wanted: listing.Listing) -> Response:
    """To the list as it was chosen, which is remembered."""
    response = RedirectResponse(wanted.url(), 303)
    age = _A_YEAR_S if wanted.choice() else 0
    response.set_cookie(listing.COOKIE, wanted.choice(), max_age=age, path="/runs", httponly=True, samesite="lax")
    return response
