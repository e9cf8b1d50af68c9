"""The pipeline of OpenTelemetry's documentation, for those who bring none of their own."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

__all__ = ["provider"]


def provider(url: str) -> TracerProvider:
    """A batch processor with its own defaults, and an exporter of OTLP/HTTP that does not compress."""
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    return made
