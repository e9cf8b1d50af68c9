"""What every viewer of traces needs, whatever it knows of agents: Jaeger, Tempo and Zipkin draw by nothing else."""

import json

import pytest

import contextcompany as tcc
from recorded import FACTS, record


@pytest.fixture
def sent(receiver, monkeypatch):
    """The spans of a recorded run, as a back end gets them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    record()
    assert tcc.flush(30).waiting == 0
    return {span.name: span for span in receiver.spans()}


def test_a_trace_has_one_root_and_no_span_without_its_parent(sent):
    """Jaeger draws a span whose parent is missing beside the tree, with a warning."""
    assert len({span.trace_id for span in sent.values()}) == 1
    names = {span.span_id: name for name, span in sent.items()}
    assert {name: names[span.parent_id] if span.parent_id else None for name, span in sent.items()} == FACTS[
        "spans and parents"
    ]


def test_a_span_lies_within_its_parent(sent):
    """Jaeger moves spans that begin before their parents, and says that clocks differ."""
    by_id = {span.span_id: span for span in sent.values()}
    for span in sent.values():
        assert span.start_ns <= span.end_ns
        if parent := by_id.get(span.parent_id):
            assert parent.start_ns <= span.start_ns
            assert span.end_ns <= parent.end_ns


def test_calls_to_a_model_are_of_kind_client_and_all_else_is_internal(sent):
    """By kinds Tempo and Jaeger make their graphs of services: nothing of ours claims to be a server."""
    assert {name: span.kind for name, span in sent.items()} == {
        name: "CLIENT" if name.startswith("chat ") else "INTERNAL" for name in FACTS["spans and parents"]
    }


def test_only_what_failed_has_the_status_error_and_it_says_why(sent):
    """A description goes with an error alone; viewers colour by the status, and search by `error.type`."""
    assert {name: span.status for name, span in sent.items()} == {
        name: ("ERROR", FACTS["failed spans"][name]) if name in FACTS["failed spans"] else ("OK", "") for name in sent
    }
    assert {name for name, span in sent.items() if "error.type" in span.attributes} == set(FACTS["failed spans"])


def test_spans_have_the_name_of_their_service(sent):
    """`OTEL_SERVICE_NAME` or `configure(service_name=…)`; without, it is OpenTelemetry's `unknown_service`."""
    assert {span.resource["service.name"] for span in sent.values()} == {"shop"}


def test_values_are_text_numbers_and_truths_and_lists_of_one_of_them(sent):
    """Few viewers can show a map, and none a list of several types: what has a structure is JSON text."""
    for span in sent.values():
        for about in (span.attributes, span.resource, *(event[1] for event in span.events)):
            for name, value in about.items():
                types = {type(each) for each in value} if isinstance(value, list) else {type(value)}
                assert types < {str, bool, int, float}, name
                assert len(types) == 1, name


def test_values_can_be_kept_as_small_as_a_viewer_takes_them(receiver):
    """`max_value_size`: Tempo cuts at 2,048 bytes by default, and what it cut is no JSON any more."""
    tcc.configure(url=receiver.url, max_value_size=2048)
    with tcc.run() as run:
        run.prompt("Where is my order? " * 1000).response("Here. " * 1000)
    assert tcc.flush(30).waiting == 0
    (span,) = receiver.spans()
    texts = [value for value in span.attributes.values() if isinstance(value, str)]
    assert max(len(text.encode()) for text in texts) <= 2048
    (prompt,) = json.loads(span.attributes["gen_ai.input.messages"])
    assert prompt["parts"][0]["content"].startswith("Where is my order?")
