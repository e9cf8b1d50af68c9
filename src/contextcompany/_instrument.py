"""Switches the OpenTelemetry instrumentors of LLM libraries on and off."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany import _configure, _diagnostics
from contextcompany.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

    from opentelemetry.trace import TracerProvider

    from contextcompany._foreign import FollowingProvider

__all__ = ["instrument", "instrument_framework", "uninstrument"]

_GROUP = "opentelemetry_instrumentor"
"""Where packages say that they have an instrumentor: LLM libraries, and HTTP, SQL and everything else too."""

_KINDS = (
    ("opentelemetry.instrumentation.genai.", "opentelemetry-util-genai"),
    ("opentelemetry.instrumentation.", "opentelemetry-semantic-conventions-ai"),
    ("openinference.instrumentation.", "openinference-instrumentation"),
)
"""Official, OpenLLMetry, OpenInference, best first: the module an instrumentor is in and what its package requires.

The official ones fill the step they are called in by themselves; OpenLLMetry writes GenAI attributes, which every back
end reads; OpenInference has its own.
"""

_OURS = {"contextcompany.clientai": "clientai"}
"""Instrumentors of our own, and the library that each is for: there are none that others maintain."""

_EXTRAS = ("agno", "anthropic", "claude", "clientai", "crewai", "langchain", "openai")
"""Extras of ours that bring an instrumentor."""

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class _Found(NamedTuple):
    """An instrumentor that is installed."""

    name: str
    """What it instruments, as its package calls that."""
    package: str
    rank: int
    entry: EntryPoint


_switching = threading.RLock()


class _On(NamedTuple):
    """An instrumentor that we switched on."""

    name: str
    instrumentor: Any
    provider: FollowingProvider


_on: dict[str, _On] = {}
"""By package."""


def instrument(*names: str, tracer_provider: TracerProvider | None = None) -> list[str]:
    """Switch on installed OpenTelemetry instrumentors of LLM libraries; what they record goes where runs go.

    Inside the `with` block of a step, an instrumented call fills what you do not set of it. Elsewhere in a run it is a
    step of that run. What several instrumentors know of one call is counted once. Content is captured, unless
    `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says otherwise; metrics are not recorded. May be called again.

    Args:
        names: Libraries (`"openai"`), or the packages of instrumentors (`"openinference-instrumentation-openai"`). By
            default every library that has an instrumentor; of several for one library the official one is taken, else
            OpenLLMetry's, else OpenInference's.
        tracer_provider: Record through this provider; by default as runs are recorded, whatever is configured later.

    Returns:
        The names of all libraries that are switched on now. One whose instrumentor failed, or was switched on by
        somebody else, is missing; the log says why.

    Raises:
        ConfigurationError: (a `ValueError`) no instrumentor of that name is installed; nothing was switched on.
    """
    with _switching:
        installed = _installed()
        chosen = [_named(name, installed) for name in names] if names else _best(installed)
        for found in chosen:
            _try_to_switch_on(found, tracer_provider)
        return _names_on()


def uninstrument(*names: str) -> list[str]:
    """Switch off what `instrument()` switched on; without names, all of it.

    Returns:
        The names of the libraries that are still switched on.
    """
    with _switching:
        wanted = {_plain(name) for name in names}
        for package, each in list(_on.items()):
            if not wanted or wanted & {_plain(each.name), _plain(package)}:
                del _on[package]
                _switch_off(package, each)
        return _names_on()


def instrument_framework(name: str, api_key: str | None, url: str | None) -> None:
    """What the helpers of the original SDK do: set where things go, and switch one instrumentor on."""
    if api_key is not None or url is not None:
        _configure.configure(api_key=api_key, url=url)
    instrument(name)


def _try_to_switch_on(found: _Found, tracer_provider: TracerProvider | None) -> None:
    if found.package in _on:
        return
    try:
        instrumentor = found.entry.load()()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            _diagnostics.LOGGER.warning(
                "%s was switched on by somebody else already, and records wherever they said.", found.package
            )
            return
        from contextcompany import _foreign  # noqa: PLC0415 - imports the OpenTelemetry SDK

        following = _foreign.FollowingProvider(_configure.pipeline)  # type: ignore[arg-type]  # each has what it takes
        with _content_captured():
            instrumentor.instrument(**_arguments(tracer_provider or following))
    except Exception as error:  # noqa: BLE001 - it is not ours, and the others go on
        _diagnostics.count("not_instrumented")
        _diagnostics.LOGGER.warning("%s could not be switched on: %s", found.package, error)
        return
    _on[found.package] = _On(found.name, instrumentor, following)


def _switch_off(package: str, on: _On) -> None:
    on.provider.is_on = False
    try:
        on.instrumentor.uninstrument()
    except Exception as error:  # noqa: BLE001 - it is not ours, and the others go on
        _diagnostics.LOGGER.warning("%s could not be switched off: %s", package, error)


def _arguments(tracer_provider: TracerProvider) -> dict[str, object]:
    from opentelemetry._logs import NoOpLoggerProvider  # noqa: PLC0415 - most programs never get here
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415 - likewise

    return {
        "tracer_provider": tracer_provider,
        # What we send is spans. Without these two, metrics and events with content would go to the program's global
        # providers, which nobody asked for.
        "meter_provider": NoOpMeterProvider(),
        "logger_provider": NoOpLoggerProvider(),
        "raise_exception_on_conflict": True,
    }


@contextmanager
def _content_captured() -> Iterator[None]:
    """The official instrumentors read this variable when they are switched on, and never again.

    They capture, and our content policy, which may change, says what of it travels.
    """
    if os.environ.get(_CAPTURE, "").strip():
        yield
        return
    before = os.environ.get(_CAPTURE)
    os.environ[_CAPTURE] = "SPAN_ONLY"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CAPTURE]
        else:
            os.environ[_CAPTURE] = before


# --- what is installed -----------------------------------------------------------------------------------------------


def _installed() -> list[_Found]:
    """Instrumentors of LLM libraries, best first."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 10 ms

    found = []
    for entry in entry_points(group=_GROUP):
        rank = _rank(entry)
        if rank is not None and entry.dist is not None:
            found.append(_Found(entry.name, entry.dist.name, rank, entry))
    return sorted(found, key=lambda each: (each.name, each.rank, each.package))


def _rank(entry: EntryPoint) -> int | None:
    if entry.module in _OURS:
        return 0 if find_spec(_OURS[entry.module]) else None
    requires = {
        _plain(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in (entry.dist and entry.dist.requires) or ()
    }
    for rank, (module, package) in enumerate(_KINDS):
        if entry.module.startswith(module) and _plain(package) in requires:
            return rank
    return None


def _best(installed: list[_Found]) -> list[_Found]:
    """One for each library."""
    best: dict[str, _Found] = {}
    for found in installed:
        best.setdefault(_plain(found.name), found)
    on = {_plain(each.name) for each in _on.values()}
    return [found for name, found in best.items() if name not in on]


def _named(name: str, installed: list[_Found]) -> _Found:
    wanted = _plain(name)
    for found in installed:
        if wanted in (_plain(found.name), _plain(found.package)):
            return found
    raise ConfigurationError(f"No OpenTelemetry instrumentor for {name!r} is installed; {_advice(name, installed)}")


def _advice(name: str, installed: list[_Found]) -> str:
    extra = next((each for each in _EXTRAS if _plain(name) in (each, f"{each}_agent_sdk")), None)
    if extra is not None:
        return f"`pip install 'contextcompany[{extra}]'` brings one."
    known = ", ".join(sorted({found.name for found in installed})) or "none"
    return f"try `pip install opentelemetry-instrumentation-genai-{name}`. Installed are: {known}."


def _names_on() -> list[str]:
    return sorted({each.name for each in _on.values()})


def _plain(name: str) -> str:
    """`Claude-Agent-SDK` is `claude_agent_sdk`."""
    return re.sub(r"[-_.]+", "_", name).lower()
