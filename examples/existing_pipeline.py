"""A program that has OpenTelemetry already: agent runs go through its provider, beside its own spans.

`ObservatorySpanProcessor` sends what belongs to runs or speaks GenAI on to the Observatory and leaves the program's
HTTP and SQL spans alone; the provider's other processors see everything, as before.
"""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import contextcompany as tcc


class Names(SpanExporter):
    """Stands for whatever the program exports its spans to: prints their names."""

    def export(self, spans):
        for span in spans:
            print(f"exported: {span.name}")
        return SpanExportResult.SUCCESS


# What the program has already.
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(SimpleSpanProcessor(Names()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop.http")

# What it adds: record through this provider, and send agent spans to the Observatory as well.
tcc.configure(tracer_provider=provider, join_traces=True)
provider.add_span_processor(tcc.ObservatorySpanProcessor())

with tracer.start_as_current_span("POST /chat", kind=trace.SpanKind.SERVER):
    # With `join_traces` the run is a part of the request's trace. Without it, the run would be a trace of its own with
    # a link to the request.
    run = tcc.run(agent="support").prompt("Where is my order?")
    run.step(model="gpt-4o-mini").prompt("Where is my order?").response("It ships today.").end()
    run.response("It ships today.").end()

provider.shutdown()
