"""What is exported is all that was received, and people and programs can read it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_bodies import Filler, some_span, traces
from spans import any_value, batch, feedback, log, messages, pairs, run, span, step, tool_call, trace_id

from contextcompany.observatory import exporting, files, importing, originals, queries
from contextcompany.observatory.otlp import JSON, PROTOBUF, decode
from contextcompany.observatory.store import Store

FIXTURES = Path(__file__).parent / "fixtures"
LONG = "The quick brown fox jumps over the lazy dog. " * 40


def exported(store, format_="otlp"):
    return b"".join(exporting.everything(store, format_).content)


def kept(store):
    """All that was received and all that is said of it, but for when, and under which number, it came here."""
    runs = [run for kind in ("run", "other") for run in queries.runs(store, f"kind:{kind}", limit=500).runs]
    trace_ids = [each.trace_id for each in runs]
    return {
        "spans": [[*originals.spans_of_run(store, each, originals.span_ids(store, each))] for each in trace_ids],
        "logs": [originals.logs_of_run(store, each) for each in trace_ids] + [[*originals.loose_logs(store)]],
        "runs": [each._replace(seen_ns=0) for each in runs],
        "lines": [queries.run(store, each).spans for each in trace_ids],
        "feedback": [each._replace(id=0) for each in queries.feedback(store)],
        "stats": [queries.stats(store, by=by, since_ns=0, until_ns=2**62) for by in ("", "agent", "model", "tool")],
        "failures": queries.failures(store),
        "sessions": queries.sessions(store),
        "tool calls": [each._replace(id=0) for each in queries.tool_calls(store)],
    }


def check_round_trip(store, path):
    """An empty store that takes in what another one exports says the same."""
    path.write_bytes(exported(store))
    with Store.open(path.with_suffix(".db")) as other, path.open("rb") as file:
        report = importing.load(other, files.parts(file, 0))
        assert (report.refused, report.refusals) == (0, [])
        assert kept(other) == kept(store)
        assert exported(other) == path.read_bytes()
        assert other.problems() == []


# --- out and in again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_spans_of_real_sdks_come_back_whole(store, tmp_path, path):
    """Their bytes, who sent them, and what the lists say."""
    store.write(decode("traces", path.read_bytes(), JSON))
    logs = FIXTURES / "logs" / path.name
    if logs.exists():
        store.write(decode("logs", logs.read_bytes(), JSON))

    check_round_trip(store, tmp_path / "all.jsonl")


def test_every_field_of_otlp_comes_back(store, tmp_path):
    """Each filled with a value of its own, in spans and in log records."""
    for signal, kind in (("traces", ExportTraceServiceRequest), ("logs", ExportLogsServiceRequest)):
        request = kind()
        Filler().fill(request)
        store.write(decode(signal, request.SerializeToString(), PROTOBUF))

    check_round_trip(store, tmp_path / "all.jsonl")


@pytest.mark.parametrize(
    "raw",
    [
        some_span().SerializeToString() + b"\xda\x0c\x05hello",  # field 203, which nobody knows yet
        b"\x2a\x01x" + some_span().SerializeToString(),  # the name twice, and not in its place
        some_span().SerializeToString() + b"\x50\x00",  # a zero that is left out as a rule
        some_span(attributes=[{"key": "n"}, {"key": "n", "value": any_value(float("nan"))}]).SerializeToString(),
        some_span(attributes=pairs({"n": float("-inf"), "z": -0.0, "b": b"\x00", "none": None})).SerializeToString(),
        some_span(links=[Span.Link(trace_id=b"\x01")], trace_state="a=b", flags=0x101).SerializeToString(),
    ],
)
def test_bytes_come_back_that_json_cannot_say(store, tmp_path, raw):
    """They are kept beside what it can say."""
    head = bytes([0x0A, len(raw) + 4, 0x12, len(raw) + 2, 0x12, len(raw)])
    store.write(decode("traces", head + raw, PROTOBUF))

    check_round_trip(store, tmp_path / "all.jsonl")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=9), VALUES | st.just(LONG), max_size=5), min_size=1, max_size=4))
def test_any_values_come_back(tmp_path_factory, many):
    """Whatever attributes hold."""
    place = tmp_path_factory.mktemp("store")
    with Store.open(place / "first.db") as store:
        spans = [some_span(number, attributes=pairs(values)) for number, values in enumerate(many, 1)]
        store.write(decode("traces", traces(*spans), PROTOBUF))
        check_round_trip(store, place / "all.jsonl")


def test_runs_with_all_that_belongs_to_them_come_back(store, tmp_path):
    """Open ones, feedback, log records, and feedback about runs that have not arrived."""
    store.write(batch(run(1, end=None), step(1, 2, gen_ai__input__messages=messages(LONG)), feedback(1, text="Good")))
    store.write(batch(run(2), tool_call(2, 2), log(2, 2, event="noted", text=LONG), log(0), feedback(3, "thumbs_down")))

    check_round_trip(store, tmp_path / "all.jsonl")


def test_a_large_run_is_several_lines(store, tmp_path):
    """So that neither end has to hold it at once."""
    for number in range(1, 41):
        store.write(batch(span(1, number, text=f"{number} " * 30_000)))
    lines = exported(store).splitlines()

    assert len(lines) > 2
    assert max(map(len, lines)) < 3 * 2**20
    check_round_trip(store, tmp_path / "all.jsonl")


# --- what is exported ------------------------------------------------------------------------------------------------


def test_a_run_is_one_document_that_receivers_take(store):
    """Both for spans and for log records: each passes over what is the other's."""
    store.write(batch(run(1), step(1, 2), feedback(1)))
    found = exporting.of_run(store, trace_id(1), "otlp")
    body = b"".join(found.content)

    assert json.loads(body).keys() == {"resourceSpans", "resourceLogs"}
    assert len(decode("traces", body, JSON).spans) == 2
    assert len(decode("logs", body, JSON).logs) == 1
    assert (found.media_type, found.file_name) == ("application/x-ndjson", f"{trace_id(1)}.otlp.jsonl")


def test_a_run_that_is_not_there_is_none(store):
    """There is nothing to make a file of."""
    assert exporting.of_run(store, "nobody", "otlp") is None


@pytest.mark.parametrize("format_", exporting.FORMATS)
def test_an_empty_store_exports_nothing(store, format_):
    """Not even a heading."""
    assert exported(store, format_) == b""


def test_only_the_runs_that_were_chosen_are_exported(store):
    """By a filter, in the order in which they came."""
    for number in range(1, 6):
        store.write(batch(run(number, agent="odd" if number % 2 else "even")))
    found = exporting.of_runs(store, queries.trace_ids(store, "agent:odd"), "jsonl")

    assert [json.loads(line)["run"]["trace_id"] for line in b"".join(found.content).splitlines()] == [
        trace_id(1),
        trace_id(3),
        trace_id(5),
    ]


def test_runs_are_found_page_by_page(store):
    """Each once, however many there are."""
    store.write(batch(*(run(number) for number in range(1, 1203))))

    assert [*queries.trace_ids(store)] == [trace_id(number) for number in range(1, 1203)]


def test_a_line_of_jsonl_has_what_the_spans_say(store):
    """And what counts of it, beside the run."""
    said = {"gen_ai__input__messages": messages("How warm?"), "gen_ai__usage__input_tokens": 7}
    store.write(
        batch(run(1), step(1, 2, **said), tool_call(1, 3, gen_ai__tool__call__arguments='{"q": 1}'), feedback(1))
    )
    (line,) = exported(store, "jsonl").splitlines()

    whole = json.loads(line)
    assert whole["run"]["input_tokens"] == 7
    assert [each["kind"] for each in whole["spans"]] == ["run", "step", "tool_call"]
    assert whole["spans"][1]["fact"]["input"][0]["parts"][0]["content"] == "How warm?"
    assert whole["spans"][2]["fact"]["args"] == {"q": 1}
    assert [each["label"] for each in whole["feedback"]] == ["thumbs_up"]


def test_a_line_of_jsonl_can_be_written_whatever_was_said(store):
    """Numbers of any size, halves of characters, and NaN."""
    given = '{"n": 123456789012345678901234567890, "half": "\\ud83d", "nan": NaN}'
    store.write(batch(run(1), tool_call(1, 2, gen_ai__tool__call__arguments=given, **{"tcc.metadata.x": float("inf")})))
    (line,) = exported(store, "jsonl").splitlines()

    args = json.loads(line)["spans"][1]["fact"]["args"]
    assert args["n"] == "123456789012345678901234567890"
