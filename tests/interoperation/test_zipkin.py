"""Zipkin's model, as OpenTelemetry's own exporter makes it from our spans; there is no Zipkin to install from PyPI."""

import json
from pathlib import Path

import pytest

import contextcompany
from recorded import FACTS
from results import note

pytestmark = pytest.mark.interoperation

VERSION = "1.45.1"

NEEDED = ("opentelemetry-exporter-otlp-proto-http", "genai-prices", "orjson")
"""By contextcompany, which runs from where it runs here."""

PROGRAM = """
import sys
sys.path[:0] = {paths!r}
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
import contextcompany as tcc
import recorded

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ZipkinExporter(endpoint={url!r} + "/api/v2/spans")))
tcc.configure(url={url!r}, tracer_provider=provider)
recorded.record()
tcc.flush(10)
"""


def test_zipkin_gets_the_tree_the_services_and_the_errors(environment, receiver, monkeypatch):
    """Its model has kinds, tags that are text, and `error` for what failed."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    program = environment(f"opentelemetry-exporter-zipkin-json=={VERSION}", *NEEDED)
    package = Path(contextcompany.__file__).parent

    program.python(PROGRAM.format(paths=[str(package.parent), str(Path(__file__).parent)], url=receiver.url))

    posted = [json.loads(request.body) for request in receiver.requests if request.path == "/api/v2/spans"]
    spans = [span for spans in posted for span in spans]
    names = {span["id"]: span["name"] for span in spans}
    seen = dict.fromkeys(FACTS) | {
        "spans and parents": {span["name"]: names.get(span.get("parentId")) for span in spans},
        "failed spans": {span["name"]: span["tags"]["error"] for span in spans if "error" in span["tags"]},
    }
    assert seen == {fact: None if seen[fact] is None else FACTS[fact] for fact in FACTS}
    assert {span["name"]: span.get("kind") for span in spans} == {
        name: "CLIENT" if name.startswith("chat ") else None for name in names.values()
    }
    assert {span["localEndpoint"]["serviceName"] for span in spans} == {"shop"}
    assert {type(value) for span in spans for value in span["tags"].values()} == {str}
    assert [span["name"] for span in spans if span.get("annotations")] == ["execute_tool refund"]
    note(
        f"Zipkin's model, by opentelemetry-exporter-zipkin-json {VERSION}",
        {fact: shown for fact, shown in seen.items() if shown is not None},
        "All other facts are tags, which are text there: lists and JSON too.",
        "Steps are of kind `CLIENT`, all else of none; the exception is an annotation.",
        "No Zipkin and no Jaeger could be had as a package, so neither was tried; `test_needs.py` has what they need.",
    )
