"""`attributes()`: session, user and metadata for everything in a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import get_current

from contextcompany import _mapping
from contextcompany._content import as_text
from contextcompany._context import Layer, current_layer, enter, leave, with_layer
from contextcompany._recording import clean_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

__all__ = ["attributes"]


class attributes:  # noqa: N801 - it is used as a function
    """Give session, user and metadata to all that is recorded inside a `with` or `async with` block.

    That is runs, steps, tool calls, and the spans of other instrumentation that our pipeline sends. Blocks nest: the
    innermost one that names something wins, and what a run, step or tool call is told itself wins over all of them.
    It follows OpenTelemetry context, as the current run does. An instance may be entered again, and by several threads.

    Args:
        session_id: The session of runs that are given none.
        user_id: Whom the agent works for.
        org_id: Which organisation, tenant or customer that is.
        metadata: Key-value pairs, as `Run.metadata` takes them.
    """

    def __init__(
        self,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        org_id: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        session, user, org = (None if told is None else as_text(told) for told in (session_id, user_id, org_id))
        told = _mapping.layer_attributes(session, user, org, clean_metadata(metadata))
        self._layer = Layer(session, user, org, told, None)

    def __enter__(self) -> Self:
        enter(self, with_layer(self._layer._replace(outer=current_layer()), get_current()))
        return self

    def __exit__(self, *_: object) -> None:
        leave(self)

    async def __aenter__(self) -> Self:
        """As `with`."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        leave(self)
