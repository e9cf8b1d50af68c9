"""The other views of a run: as a conversation, as one text, and as a graph of who calls whom."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from contextcompany.observatory import answers, document, exchanges, graphs, logbook, parameters, queries, waterfall
from contextcompany.observatory.contexts import Problem
from contextcompany.observatory.endpoints import SINCE_SPAN, WHOLE
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.run_pages import framed
from contextcompany.observatory.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from contextcompany.observatory.contexts import Whole
    from contextcompany.observatory.rendering import Renderer
    from contextcompany.observatory.store import Store

__all__ = ["RunViews"]


class RunViews:
    """What a run's tabs lead to, beside its tree."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/runs/{run_id}/conversation", self.conversation, methods=["GET"]),
            Route("/runs/{run_id}/log", self.log, methods=["GET"]),
            Route("/runs/{run_id}/graph", self.graph, methods=["GET"]),
        ]

    def conversation(self, request: Request) -> Response:
        """`GET /runs/{run_id}/conversation`: what was said, each thing once, or each request with all that it had."""
        return self._page(request, "conversation.html", self._talk)

    def log(self, request: Request) -> Response:
        """`GET /runs/{run_id}/log`: all of it as one text."""
        return self._page(request, "log.html", self._log)

    def graph(self, request: Request) -> Response:
        """`GET /runs/{run_id}/graph`: agents, models and tools, and who called whom how often."""
        return self._page(request, "graph.html", lambda whole, _: {"graph": graphs.graph(whole.spans)})

    def _talk(self, whole: Whole, request: Request) -> dict[str, Any]:
        given = parameters.read((SINCE_SPAN, WHOLE), request.query_params.multi_items(), time.time_ns())
        talk = exchanges.talk(self._store, whole, since=given["since"], is_whole=given["whole"])
        return {"talk": talk, "is_whole": given["whole"], "page": exchanges.PAGE}

    def _log(self, whole: Whole, _: Request) -> dict[str, Any]:
        facts = queries.facts(self._store, whole.run.trace_id, (each.span_id for each in whole.spans))
        pieces, size = [], 0
        for piece in document.document(whole, facts):
            pieces.append(piece[: logbook.MAX_TEXT - size])
            size += len(piece)
            if size >= logbook.MAX_TEXT:
                break
        found = islice(logbook.entries(pieces), logbook.MAX_ENTRIES)
        return {"entries": [*found], "is_cut": size >= logbook.MAX_TEXT, "for_models": logbook.FOR_MODELS}

    def _page(self, request: Request, template: str, view: Callable[[Whole, Request], dict[str, Any]]) -> Response:
        run_id, now_ns = request.path_params["run_id"], time.time_ns()
        try:
            whole = queries.run(self._store, run_id)
            if whole is None:
                return self._problem(request, 404, str(answers.missing_run(run_id)))
            shown = view(whole, request)
        except FilterError as error:
            return self._problem(request, 400, str(error))
        except StoreError as error:
            return self._problem(request, 503, str(error))
        known = framed(whole, waterfall.View(whole.run.trace_id), now_ns)
        return self._renderer.page(request, template, known | shown)

    def _problem(self, request: Request, status: int, message: str) -> Response:
        return self._renderer.problem(request, status, Problem(message))
