"""The pages: a request → what queries answer → a template."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from anyio.to_thread import run_sync
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contextcompany.observatory import actions, forms
from contextcompany.observatory.api import MAX_IMPORT_BYTES
from contextcompany.observatory.assets import Assets
from contextcompany.observatory.contexts import Opinion, Problem
from contextcompany.observatory.forms import FormError
from contextcompany.observatory.queries import FilterError
from contextcompany.observatory.rendering import Renderer
from contextcompany.observatory.run_list import RunList
from contextcompany.observatory.run_pages import RunPages
from contextcompany.observatory.run_views import RunViews
from contextcompany.observatory.store import StoreError
from contextcompany.observatory.twins import Page, Twins
from contextcompany.observatory.views import PAGES

if TYPE_CHECKING:
    from starlette.requests import Request

    from contextcompany.observatory.refusals import Refusals
    from contextcompany.observatory.store import Store
    from contextcompany.observatory.twins import Here

__all__ = ["Pages"]

_IN_MEMORY: Final = 2**20
"""Bytes of a file that are not put on the disk while it is read."""


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
            *RunList(self._store, self._renderer, self._refusals).routes(),
            *RunPages(self._store, self._renderer).routes(),
            Route("/feedback", self.give_feedback, methods=["POST"]),
            Route("/import", self.bring, methods=["POST"]),
            *RunViews(self._store, self._renderer).routes(),
            *Twins(self._store, self._renderer, (*PAGES, Page("/settings", "settings.html", self._settings))).routes(),
            *self._assets.routes(),
        ]

    async def home(self, _: Request) -> Response:
        """Leads to the runs."""
        return RedirectResponse("/runs", 303)

    async def give_feedback(self, request: Request) -> Response:
        """`POST /feedback`: keeps what somebody thinks of a run, and leads back."""
        try:
            said = await forms.fields(request)
            run_id, label, text, back = (said.get(name, [""])[0] for name in ("run_id", "label", "text", "back"))
            given = {"body": Opinion(run_id.strip(), label=label or None, text=text.strip() or None)}
            await run_sync(actions.keep_feedback, self._store, given)
        except (FilterError, FormError) as error:
            return self._renderer.problem(request, 400, Problem(str(error)))
        except StoreError as error:
            return self._renderer.problem(request, 503, Problem(str(error)))
        return RedirectResponse(back if forms.is_here(back) else "/feedback", 303)

    async def bring(self, request: Request) -> Response:
        """`POST /import`: takes in the file of a form, and says what came."""
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            try:
                await forms.file(request, file, MAX_IMPORT_BYTES)
            except FormError as error:
                return self._renderer.problem(request, 400, Problem(str(error)))
            file.seek(0)
            try:
                report = await run_sync(actions.load, self._store, {"body": file})
            except StoreError as error:
                return self._renderer.problem(request, 503, Problem(str(error)))
        return self._renderer.page(request, "brought.html", {"report": report})

    def nothing(self, request: Request, status: int, said: str) -> Response | None:
        """For who looks for a page where none is; None for programs."""
        wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        return self._renderer.problem(request, status, Problem(said)) if wants_page else None

    def _settings(self, store: Store, answer: Any, here: Here) -> dict[str, Any]:  # noqa: ARG002 - as all views
        return {"refused": self._refusals.last}
