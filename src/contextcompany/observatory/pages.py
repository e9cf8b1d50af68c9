"""The pages: a request → what queries answer → a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anyio.to_thread import run_sync
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contextcompany.observatory import forms, listing, queries
from contextcompany.observatory.assets import Assets
from contextcompany.observatory.forms import FormError
from contextcompany.observatory.queries import FilterError
from contextcompany.observatory.rendering import HEADERS, Renderer
from contextcompany.observatory.run_pages import RunPages
from contextcompany.observatory.timeline import histogram

if TYPE_CHECKING:
    from starlette.requests import Request

    from contextcompany.observatory.refusals import Refusals
    from contextcompany.observatory.store import Store

__all__ = ["Pages"]

_A_YEAR_S: Final = 365 * 86_400
_BARS: Final = 144
"""Of the histogram above the list, at most."""


class Pages:
    """What people look at. Each page shows what `/api` and its path answer to programs."""

    def __init__(self, store: Store, refusals: Refusals) -> None:
        self._store = store
        self._refusals = refusals
        self._assets = Assets()
        self._renderer = Renderer(self._assets)

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/runs", self.runs, methods=["GET"]),
            Route("/runs/rows", self.rows, methods=["GET"]),
            Route("/runs/delete", self.delete, methods=["POST"]),
            *RunPages(self._store, self._renderer).routes(),
            *self._assets.routes(),
        ]

    async def home(self, _: Request) -> Response:
        """Leads to the runs."""
        return RedirectResponse("/runs", 303)

    def runs(self, request: Request) -> Response:
        """`GET /runs`: the list of runs. What was chosen before and the URL does not say is put there."""
        params = request.query_params
        wanted = listing.wanted(params, params.getlist("columns"))
        if "keep" in params:
            return _keeping(wanted)
        before = listing.remembered(wanted, request.cookies.get(listing.COOKIE, ""), params)
        if before is not None:
            return RedirectResponse(before.url(after=wanted.after), 303)
        view = {
            "columns": listing.COLUMNS,
            "orders": listing.ORDERS,
            "tabs": listing.tabs(wanted),
            "refused": self._refusals.last,
        }
        return self._renderer.page(request, "runs.html", self._listed(wanted) | view)

    def rows(self, request: Request) -> Response:
        """`GET /runs/rows`: rows of the list, for the page when it is scrolled or things happen; of these runs only."""
        params = request.query_params
        wanted = listing.wanted(params, params.getlist("columns"))
        only = params["runs"].split(",") if "runs" in params else None
        try:
            page = queries.runs(self._store, wanted.filter, sort=wanted.sort, after=wanted.after, only=only)
        except FilterError as error:
            return Response(str(error), 400, HEADERS, "text/plain")
        return self._renderer.page(request, "runs_part.html", {"listing": wanted, "page": page})

    async def delete(self, request: Request) -> Response:
        """`POST /runs/delete`: deletes these runs, when somebody is sure, and leads back."""
        try:
            said = await forms.fields(request)
        except FormError as error:
            return Response(str(error), 400, HEADERS, "text/plain")
        runs, back = said.get("run", []), said.get("back", ["/runs"])[0]
        back = back if back.startswith("/runs") else "/runs"
        if runs and "sure" not in said:
            return self._renderer.page(request, "delete.html", {"runs": runs, "back": back})
        await run_sync(self._store.delete, runs)
        return RedirectResponse(back, 303)

    def _listed(self, wanted: listing.Listing) -> dict[str, Any]:
        page, bars, error, corrected = None, None, None, None
        try:
            page = queries.runs(self._store, wanted.filter, sort=wanted.sort, after=wanted.after)
            bars = histogram(self._store, wanted.filter, bars=_BARS)
        except FilterError as raised:
            error = raised
            if raised.suggestion is not None:
                corrected = wanted.url(filter=wanted.filter.replace(raised.token, raised.suggestion, 1))
        return {"listing": wanted, "page": page, "histogram": bars, "error": error, "corrected": corrected}


def _keeping(wanted: listing.Listing) -> Response:
    """To the list as it was chosen, which is remembered."""
    response = RedirectResponse(wanted.url(), 303)
    age = _A_YEAR_S if wanted.choice() else 0
    response.set_cookie(listing.COOKIE, wanted.choice(), max_age=age, path="/runs", httponly=True, samesite="lax")
    return response
