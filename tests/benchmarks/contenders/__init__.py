"""Everything that is measured beside each other: this SDK in its modes, and what people would take instead.

Each is a function in a module here that takes the URL of an endpoint and sets up what is to send there. Modules import
nothing but what their contender requires and what runs on the standard library alone, as a contender runs in an
environment of its own.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["CONTENDERS", "EVERYTHING", "Contender", "Prepared", "Record", "prepare"]

Record = Callable[[list[dict[str, Any]]], None]
"""Records one run with these messages in each step."""


class Prepared(NamedTuple):
    """A contender that is set up."""

    record: Record
    flush: Callable[[], None]
    """Sends what waits."""
    settle: Callable[[], None] = lambda: None
    """Waits for what is done once, in the background: it is in no run's figure."""


OTLP = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
BY_HAND = "opentelemetry.sdk.trace.export, opentelemetry.exporter.otlp.proto.http.trace_exporter"


class Contender(NamedTuple):
    """One way to record and send."""

    function: str
    """Its module here, and the function in it."""

    requires: tuple[str, ...]
    """What pip installs for it; `.` is this repository."""

    imports: str
    """What a program that uses it imports."""

    environ: dict[str, str] = {}  # noqa: RUF012 - nobody changes it

    @property
    def module(self) -> str:
        return self.function.split(".")[0]


CONTENDERS = {
    "ours": Contender("ours.builder", (".",), "contextcompany"),
    "ours-sync": Contender("ours.builder", (".",), "contextcompany", {"TCC_DURABILITY": "sync"}),
    "ours-memory": Contender("ours.builder", (".",), "contextcompany", {"TCC_OUTBOX": "memory"}),
    "by-hand": Contender("by_hand.by_hand", OTLP, BY_HAND),
    "util-genai": Contender(
        "util_genai.util_genai",
        ("opentelemetry-util-genai", *OTLP),
        f"opentelemetry.util.genai.handler, {BY_HAND}",
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only"},
    ),
    "original": Contender("original.original", ("contextcompany==2.0.0",), "contextcompany"),
    "langfuse": Contender("langfuse.langfuse", ("langfuse",), "langfuse"),
    "logfire": Contender("logfire.logfire", ("logfire",), "logfire"),
    "traceloop": Contender("traceloop.traceloop", ("traceloop-sdk", "httpx"), "traceloop.sdk"),
    "mlflow": Contender("mlflow.mlflow", ("mlflow-tracing", OTLP[1]), "mlflow"),
    "openinference": Contender(
        "openinference.openinference",
        ("openinference-instrumentation", *OTLP),
        f"openinference.instrumentation, {BY_HAND}",
    ),
    "openlit": Contender("openlit.openlit", ("openlit",), "openlit"),
}
"""Those that are compared."""

EVERYTHING = {
    **CONTENDERS,
    **{way: Contender(f"ours.{way}", (".",), "contextcompany") for way in ("blocks", "decorators", "inside")},
    "by-hand-orjson": Contender("by_hand.with_orjson", (*OTLP, "orjson"), BY_HAND),
    "idle": Contender("idle.idle", (), ""),
}
"""They, and other ways to use some of them."""


def prepare(name: str, url: str) -> Prepared:
    """A contender that sends to this endpoint."""
    contender = EVERYTHING[name]
    module = import_module(f"contenders.{contender.module}")
    return getattr(module, contender.function.split(".")[1])(url)
