"""OpenTelemetry instrumentation for LLM agents: runs, steps and tool calls as GenAI spans.

Importing this package costs the OpenTelemetry API and starts nothing.
"""

from contextcompany._configure import FlushReport, configure, flush, shutdown, stats
from contextcompany._decorators import agent, llm, tool
from contextcompany._feedback import submit_feedback
from contextcompany._inherited import attributes
from contextcompany._instrument import instrument, uninstrument
from contextcompany._propagation import propagate
from contextcompany._run import Run, current_run, resume, run
from contextcompany._send import send_run, send_step, send_tool_call
from contextcompany._step import Step, current_step, step
from contextcompany._tool_call import ToolCall, current_tool_call, tool_call
from contextcompany._version import __version__
from contextcompany.exceptions import ConfigurationError, ContextCompanyError, EndedError, IncompleteError, TokenError

__all__ = [
    "ConfigurationError",
    "ContextCompanyError",
    "EndedError",
    "FlushReport",
    "IncompleteError",
    "ObservatorySpanProcessor",
    "PropagatingExecutor",
    "Run",
    "Step",
    "TokenError",
    "ToolCall",
    "__version__",
    "agent",
    "attributes",
    "configure",
    "current_run",
    "current_step",
    "current_tool_call",
    "extract",
    "flush",
    "inject",
    "instrument",
    "llm",
    "observatory_exporter",
    "propagate",
    "resume",
    "run",
    "send_run",
    "send_step",
    "send_tool_call",
    "shutdown",
    "stats",
    "step",
    "submit_feedback",
    "tool",
    "tool_call",
    "uninstrument",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextcompany._executor import PropagatingExecutor
    from contextcompany._headers import extract, inject
    from contextcompany._pipeline import ObservatorySpanProcessor, observatory_exporter

_LATER = {
    "ObservatorySpanProcessor": "_pipeline",
    "PropagatingExecutor": "_executor",
    "extract": "_headers",
    "inject": "_headers",
    "observatory_exporter": "_pipeline",
}
"""Names that not every program uses, and what they take to import: the OpenTelemetry SDK about 75 ms, OpenTelemetry's
propagators 4 ms, `concurrent.futures` 1 ms."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - so that it is no name of this package

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
