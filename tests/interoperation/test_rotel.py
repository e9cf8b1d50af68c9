"""Through rotel, an OpenTelemetry Collector in Rust, to a receiver and to an Observatory."""

import dataclasses
import json
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import contextcompany as tcc
from receiver import Receiver
from recorded import ANSWER, FACTS, QUESTION, RUN_ID, record
from results import note
from software import free_port, running, wait_until

pytestmark = pytest.mark.interoperation

VERSION = "0.0.1a15"


@pytest.fixture
def rotel(environment, tmp_path):
    """Starts a rotel that forwards to a URL, and gives its own."""
    program = environment(f"rotel=={VERSION}")
    (agent,) = program.path("python").parent.parent.glob("[Ll]ib/**/rotel/rotel-agent")

    @contextmanager
    def start(target):
        port = free_port()
        command = [agent, "start", "--otlp-http-endpoint", f"127.0.0.1:{port}"]
        command += ["--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"]
        command += ["--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", target]
        url = f"http://127.0.0.1:{port}"
        with running(command, url, tmp_path / "rotel", {}):
            yield url

    return start


def comparable(spans):
    """By their ids, without how they came."""
    return {span.span_id: dataclasses.replace(span, path="", headers={}) for span in spans}


def test_what_a_collector_forwards_is_what_a_stock_exporter_sends_directly(rotel, receiver, monkeypatch):
    """Ids, names, kinds, times, statuses, attributes and their types, events, links, scopes and resources."""
    with Receiver() as direct, rotel(receiver.url) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        provider = TracerProvider()
        tcc.configure(tracer_provider=provider)
        provider.add_span_processor(tcc.ObservatorySpanProcessor())
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{direct.url}/v1/traces", compression=None)))
        with provider.get_tracer("shop").start_as_current_span("POST /ask"):
            record()
        assert tcc.flush(30)[:3] == (7, 0, 0)
        forwarded = comparable(receiver.wait_for(spans=6, logs=1, timeout=30))
        sent = comparable(span for span in direct.spans() if span.name != "POST /ask")
    assert forwarded == sent
    assert {repr(span) for span in forwarded.values()} == {repr(span) for span in sent.values()}  # 1 is not True or 1.0
    assert {link[0] for span in sent.values() for link in span.links} != set()
    assert {event[0] for span in sent.values() for event in span.events} == {"exception"}
    (feedback,) = receiver.logs()
    assert feedback.attributes["gen_ai.evaluation.score.label"] == FACTS["feedback"]
    note(
        f"rotel {VERSION}, an OpenTelemetry Collector",
        {},
        "Sent by OTLP/HTTP with gzip, forwarded by OTLP/HTTP with gzip to a receiver: 6 spans and 1 log record.",
        "Each span came out as OpenTelemetry's own exporter sent it directly: ids, flags, name, kind, times, status, "
        "every attribute with its type, event, link, scope, schema URL and resource.",
        "Forwarded to an Observatory, the run has its tree, tokens, cost and feedback.",
    )


def test_a_run_that_came_through_a_collector_is_whole_in_the_observatory(rotel, record, tmp_path):
    """Its tree, tokens, cost and feedback."""
    port = free_port()
    command = [sys.executable, "-m", "contextcompany", "observatory", "--port", str(port), "--db", tmp_path / "runs.db"]
    observatory = f"http://127.0.0.1:{port}"
    with running(command, f"{observatory}/api/runs", tmp_path / "observatory", {}), rotel(observatory) as url:
        assert record(OTEL_EXPORTER_OTLP_ENDPOINT=url)["waiting"] == 0

        def arrived():
            try:
                with urllib.request.urlopen(f"{observatory}/api/runs/{RUN_ID}") as answer:
                    found = json.load(answer)
            except urllib.error.HTTPError:
                return None
            return found if len(found["spans"]) == 6 and found["run"]["feedback"] else None

        found = wait_until(arrived)
    run = found["run"]
    names = {span["span_id"]: span["name"] for span in found["spans"]}
    assert {span["name"]: names.get(span["parent_id"]) for span in found["spans"]} == {
        name.split()[-1]: parent and parent.split()[-1] for name, parent in FACTS["spans and parents"].items()
    }
    assert (run["state"], run["errors"], run["prompt"], run["response"]) == ("ok", 1, QUESTION, ANSWER)
    assert (run["input_tokens"], run["cached_tokens"], run["output_tokens"]) == (160, 20, 35)
    assert (run["cost"], run["feedback"]) == (pytest.approx(0.0125 + 0.000065), "thumbs_up")
