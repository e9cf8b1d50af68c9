"""Pages that show what the JSON API answers: `/sessions` is `/api/sessions` and a template."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from starlette.routing import Route

from contextcompany.observatory import parameters
from contextcompany.observatory.answers import MissingError
from contextcompany.observatory.contexts import Problem
from contextcompany.observatory.endpoints import ENDPOINTS
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from contextcompany.observatory.rendering import Renderer
    from contextcompany.observatory.store import Store

__all__ = ["Here", "Page", "Twins"]

_ENDPOINTS: Final = {each.path: each for each in ENDPOINTS if each.method == "GET"}


class Here(NamedTuple):
    """Where a page is."""

    path: str
    asked: Mapping[str, str]
    """Its parameters, as they stand in the URL."""

    def url(self, **changes: str | None) -> str:
        """Where it is with other parameters; None leaves one out."""
        return _url(self.path, {key: value for key, value in {**self.asked, **changes}.items() if value is not None})


def _nothing(store: Store, answer: Any, here: Here) -> Mapping[str, Any]:  # noqa: ARG001 - as all views
    return {}


class Page(NamedTuple):
    """A page, and what its template knows."""

    path: str
    """Its twin is at `/api` and that."""
    template: str
    """It gets what the twin answers as `answer`, and where the page is as `here`."""
    view: Callable[[Store, Any, Here], Mapping[str, Any]] = _nothing
    """What else it gets, by the answer."""
    always: Mapping[str, str] = {}
    """Parameters of the twin that the page's URL need not say."""
    own: frozenset[str] = frozenset()
    """Parameters that only the page has: of how things are shown."""


class Twins:
    """Answers with pages. What the API says in JSON, be it why there is no answer, they say for people."""

    def __init__(self, store: Store, renderer: Renderer, pages: tuple[Page, ...]) -> None:
        self._store = store
        self._renderer = renderer
        self._pages = pages

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [Route(each.path, partial(self._show, each), methods=["GET"]) for each in self._pages]

    def _show(self, page: Page, request: Request) -> Response:
        try:
            context = self._context(page, request)
        except FilterError as error:
            return self._renderer.problem(request, 400, Problem(error.reason, error.token, error.suggestion))
        except MissingError as error:
            return self._renderer.problem(request, 404, Problem(str(error)))
        except StoreError as error:
            return self._renderer.problem(request, 503, Problem(str(error)))
        return self._renderer.page(request, page.template, context)

    def _context(self, page: Page, request: Request) -> dict[str, Any]:
        endpoint = _ENDPOINTS["/api" + page.path]
        here = Here(quote(request.scope["path"]), dict(request.query_params))
        asked = [(name, value) for name, value in request.query_params.multi_items() if name not in page.own]
        asked += [(name, value) for name, value in page.always.items() if name not in here.asked]
        given = parameters.read(endpoint.parameters, asked, time.time_ns()) | request.path_params
        answer = endpoint.answer(self._store, given)
        known = {"answer": answer, "here": here, "twin": _url("/api" + here.path, dict(asked))}
        return known | dict(page.view(self._store, answer, here))


def _url(path: str, params: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(params)}" if params else path
