"""Which run is current, carried in OpenTelemetry context."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.context import Context, create_key, get_value, set_value

if TYPE_CHECKING:
    from contextcompany._data import Scope
    from contextcompany._mapping import Attributes
    from contextcompany._settings import Destination

__all__ = ["RunContext", "run_context", "with_run_context"]

_KEY = create_key("contextcompany-run")


class RunContext(NamedTuple):
    """What a run hands down to everything in it, foreign spans included."""

    scope: Scope
    shared: Attributes
    """The scope as attributes, made once per run."""
    destination: Destination | None
    """Where the run goes; `None`: where the pipeline sends by default."""


def run_context(context: Context | None = None) -> RunContext | None:
    """The run that `context` (by default the current one) is inside of."""
    return get_value(_KEY, context)  # type: ignore[return-value]  # nobody else knows the key


def with_run_context(run: RunContext, context: Context) -> Context:
    """`context`, inside of `run`."""
    return set_value(_KEY, run, context)
