"""trace-view, a viewer of OpenTelemetry traces in Rust, asked by its JSON API."""

import json
import urllib.request

import pytest

from recorded import FACTS
from results import note
from software import free_port, running, wait_until

pytestmark = pytest.mark.interoperation

VERSION = "0.1.0"


@pytest.fixture
def viewer(environment, tmp_path):
    """A viewer of the test's own. It listens to all addresses of the machine, which it has no setting for."""
    program = environment(f"trace-view=={VERSION}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {"TV_PORT": str(port), "TV_DB_PATH": str(tmp_path / "traces.db")}
    with running([program.path("tv"), "serve"], f"{url}/api/sessions", tmp_path / "viewer", environ):
        yield url


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def label(span):
    """The name that we gave it; the viewer itself keeps none."""
    about = span["metadata"]
    of = about.get("gen_ai.agent.name") or span.get("tool_name") or span["model"].removesuffix("-2024-07-18")
    return f"{about['gen_ai.operation.name']} {of}"


def shown(spans, events):
    """What the viewer has to say about each fact; None is what it has among a span's attributes at best."""
    labels = {span["id"]: label(span) for span in spans}
    (step,) = (span for span in spans if span["metadata"].get("gen_ai.response.id"))
    return dict.fromkeys(FACTS) | {
        "spans and parents": {label(span): labels.get(span.get("parent_span_id")) for span in spans},
        "exception": events[0]["metadata"]["exception.message"],
        "session": step["session_id"],
        "step's model": step["model"],
        "step's finish reason": step["finish_reason"],
        "step's tokens": {"input": step["input_tokens"], "output": step["output_tokens"]},
    }


def test_a_viewer_that_refuses_gzip_gets_the_spans_uncompressed(viewer, record):
    """It answers gzip with 400, which is tried once more without; it tells the tree, sessions, models and tokens."""
    report = record(OTEL_EXPORTER_OTLP_ENDPOINT=viewer, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert (report["delivered"], report["waiting"], report["dead"]) == (7, 1, 0)
    wait_until(lambda: len(get(f"{viewer}/api/sessions")) == 2)
    found = get(f"{viewer}/api/sessions/session-1/spans")
    spans = [each for each in found if "-event-" not in each["id"]]
    assert {label(span).split()[0]: span["kind"] for span in spans} == {
        "invoke_agent": "span",
        "chat": "assistant",
        "execute_tool": "tool_call",
    }
    assert "execute_tool refund" not in json.dumps(found)
    seen = shown(spans, [each for each in found if "-event-" in each["id"]])
    assert seen == {fact: None if seen[fact] is None else FACTS[fact] for fact in FACTS} | {
        "step's tokens": {"input": 120, "output": 30},
    }
    note(
        f"trace-view {VERSION}, a viewer of traces",
        seen,
        "Asked by its JSON API. Attributes of all types are there; names and statuses of spans it does not keep, and "
        "prompts it takes from message events, which the conventions no longer have.",
        "It answers a body in gzip with 400. The SDK sends it again uncompressed, and goes on so.",
        "It has no `/v1/logs` and answers 404: feedback waits in the outbox, and that is said.",
    )


def test_feedback_goes_elsewhere_when_it_is_told_to(viewer, record, receiver):
    """`TCC_FEEDBACK_URL` is for back ends that take spans alone."""
    report = record(OTEL_EXPORTER_OTLP_ENDPOINT=viewer, TCC_FEEDBACK_URL=receiver.url)

    assert (report["delivered"], report["waiting"], report["dead"]) == (8, 0, 0)
    (feedback,) = receiver.logs()
    assert feedback.attributes["gen_ai.evaluation.score.label"] == FACTS["feedback"]
