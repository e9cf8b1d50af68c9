"""OpenTelemetry instrumentation for LLM agents: runs, steps and tool calls as GenAI spans.

Importing this package costs the OpenTelemetry API and starts nothing.
"""

from contextcompany._configure import FlushReport, configure, flush, shutdown, stats
from contextcompany._feedback import submit_feedback
from contextcompany._instrument import instrument, uninstrument
from contextcompany._run import Run, current_run, run
from contextcompany._send import send_run, send_step, send_tool_call
from contextcompany._step import Step, current_step, step
from contextcompany._tool_call import ToolCall, tool_call
from contextcompany._version import __version__
from contextcompany.exceptions import ConfigurationError, ContextCompanyError, EndedError, IncompleteError

__all__ = [
    "ConfigurationError",
    "ContextCompanyError",
    "EndedError",
    "FlushReport",
    "IncompleteError",
    "ObservatorySpanProcessor",
    "Run",
    "Step",
    "ToolCall",
    "__version__",
    "configure",
    "current_run",
    "current_step",
    "flush",
    "instrument",
    "observatory_exporter",
    "run",
    "send_run",
    "send_step",
    "send_tool_call",
    "shutdown",
    "stats",
    "step",
    "submit_feedback",
    "tool_call",
    "uninstrument",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextcompany._pipeline import ObservatorySpanProcessor, observatory_exporter


def __getattr__(name: str) -> object:
    # These two are made of the OpenTelemetry SDK, which takes about 75 ms to import.
    if name in ("ObservatorySpanProcessor", "observatory_exporter"):
        from contextcompany import _pipeline  # noqa: PLC0415

        return getattr(_pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
