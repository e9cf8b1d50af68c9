"""Runs as one HTML file that needs nothing but a browser: their trees, conversations, and all that their spans say."""

from __future__ import annotations

import time
from base64 import b64encode
from functools import cache
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup

from contextcompany.observatory import exchanges, queries
from contextcompany.observatory.assets import Assets
from contextcompany.observatory.rendering import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from contextcompany.observatory.contexts import SpanDetail, SpanLine, Whole
    from contextcompany.observatory.exchanges import Exchange
    from contextcompany.observatory.store import Store

__all__ = ["html"]

_SHEETS: Final = ("base.css", "said.css", "views.css", "run_views.css", "file.css")
_SCRIPT: Final = "file.js"

_AT_ONCE: Final = 64 * 1024
"""Characters that are put together before they are written."""


class Row(NamedTuple):
    """A span in the tree of the file."""

    line: SpanLine
    x: float
    """Where its bar begins, in percent of the run."""
    width: float
    has_inner: bool
    """Whether those that follow are in it."""
    closes: int
    """How many spans that it is in, or itself, end with it."""


class Kept(NamedTuple):
    """A run in the file. What its spans say is read when it is written."""

    whole: Whole
    rows: list[Row]
    exchanges: Iterator[Exchange]
    details: Iterator[tuple[SpanLine, SpanDetail]]


def html(store: Store, trace_ids: Iterable[str]) -> Iterator[bytes]:
    """The file, in pieces that are made as they are taken, without runs that are not there; of none it is empty."""
    runs = _runs(store, trace_ids)
    first = next(runs, None)
    if first is None:
        return
    assets = Assets()
    style = "\n".join(assets.text(name) for name in _SHEETS)
    script = assets.text(_SCRIPT)
    context = {
        "runs": chain([first], runs),
        "style": Markup(style),  # noqa: S704 - ours
        "script": Markup(script),  # noqa: S704 - ours
        "policy": _policy(style, script),
        "now_ns": time.time_ns(),
    }
    waiting, size = [], 0
    for piece in Renderer(assets).pieces("file.html", context):
        waiting.append(piece)
        size += len(piece)
        if size >= _AT_ONCE:
            yield "".join(waiting).encode(errors="replace")
            waiting, size = [], 0
    yield "".join(waiting).encode(errors="replace")


@cache
def _policy(style: str, script: str) -> str:
    """Nothing in it runs, or is loaded, but what is ours and stands in it."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _runs(store: Store, trace_ids: Iterable[str]) -> Iterator[Kept]:
    for trace_id in trace_ids:
        whole = queries.run(store, trace_id)
        if whole is not None:
            yield Kept(whole, _rows(whole.spans), exchanges.everything(store, whole), _details(store, whole))


def _rows(lines: Sequence[SpanLine]) -> list[Row]:
    since = min((each.start_ns for each in lines), default=0)
    length = max(1, max((max(each.end_ns, each.start_ns) for each in lines), default=0) - since)
    depths = [*(each.depth for each in lines), 0]
    return [
        Row(
            line,
            round(100 * (line.start_ns - since) / length, 3),
            max(0.3, round(100 * max(0, (line.end_ns or since + length) - line.start_ns) / length, 3)),
            depths[number + 1] > line.depth,
            max(0, line.depth - depths[number + 1]),
        )
        for number, line in enumerate(lines)
    ]


def _details(store: Store, whole: Whole) -> Iterator[tuple[SpanLine, SpanDetail]]:
    lines = {each.span_id: each for each in whole.spans}
    for detail in queries.details(store, whole.run.trace_id, lines):
        line = lines[detail.span.span_id]
        yield line, detail._replace(not_counted=line.not_counted)
