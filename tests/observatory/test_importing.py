"""What is in files is taken, once, whatever they are, and what is refused has its line and its reason."""

import gzip
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_bodies import as_json, logs, some_span, some_spans, traces
from spans import START

from contextcompany.observatory import files, importing, queries
from contextcompany.observatory.store import Store

FIXTURES = Path(__file__).parent / "fixtures"
TIMES = {"start_time": "2026-01-02T03:04:05.678Z", "end_time": "2026-01-02T03:04:07.000Z", "status_code": 0}
RUN = {"type": "run", "run_id": "run-1", "prompt": "How warm?", "response": "15 °C", **TIMES}
STEP = {"type": "step", "run_id": "run-1", "prompt": "How warm?", "response": "15 °C", **TIMES}
FEEDBACK = {"runId": "run-1", "score": "thumbs_up", "text": "Good"}
SPANS = traces(*some_spans(3))
AS_JSON = as_json(ExportTraceServiceRequest, SPANS)


def load(store, data, now_ns=START):
    return importing.load(store, files.parts(io.BytesIO(data), now_ns))


def lines(*values):
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


def counted(store):
    """Runs, spans and feedback."""
    found = [queries.run(store, each) for each in queries.trace_ids(store, None)]
    return len(found), sum(len(each.spans) for each in found), len(queries.feedback(store))


# --- what is taken ---------------------------------------------------------------------------------------------------

FILES = {
    "a document": AS_JSON,
    "an indented document": json.dumps(json.loads(AS_JSON), indent=2).encode(),
    "a document after a mark": b"\xef\xbb\xbf\n" + AS_JSON,
    "protobuf": SPANS,
    "several requests in protobuf": b"".join(traces(each) for each in some_spans(3)),
    "protobuf as OTLP's files have it": b"".join(bytes([len(each)]) + each for each in map(traces, some_spans(3))),
    "protobuf of the Collector": b"".join(len(each).to_bytes(4, "big") + each for each in map(traces, some_spans(3))),
    "lines": b"".join(as_json(ExportTraceServiceRequest, traces(each)) + b"\n" for each in some_spans(3)),
    "lines without an end": b"\n".join(as_json(ExportTraceServiceRequest, traces(each)) for each in some_spans(3)),
    "a list": b"[" + AS_JSON + b"]",
    "a document with an item a line": b'{"resourceSpans": [\n' + AS_JSON[AS_JSON.index(b"[") + 1 : -2] + b"\n]}",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("is_gzipped", [False, True])
def test_otlp_is_taken(store, name, is_gzipped):
    """In either encoding, as one document or as lines, gzipped or not."""
    data = gzip.compress(FILES[name]) if is_gzipped else FILES[name]

    report = load(store, data)

    assert (report.spans, report.logs, report.refused) == (3, 0, 0)
    assert counted(store) == (3, 3, 0)


def test_log_records_in_protobuf_are_told_from_spans(store):
    """Their requests are built alike."""
    record = LogRecord(trace_id=b"\x01" * 16, time_unix_nano=START, event_name="noted")

    report = load(store, logs(record) + traces(some_span()))

    assert (report.spans, report.logs, report.refused) == (1, 1, 0)


@pytest.mark.parametrize("sign", b"{[")
def test_protobuf_that_begins_as_json_is_told_from_it(store, sign):
    """By what else is in it: a length may be any byte."""
    many = [traces(some_span(name="x" * size)) for size in range(200)]
    bare = next(each for each in many if each[1] == sign)
    delimited = next(bytes([sign]) + each for each in many if len(each) == sign)

    assert (bare[:2], delimited[:2]) == (bytes([10, sign]), bytes([sign, 10]))
    assert [load(store, each).spans for each in (bare, delimited)] == [1, 1]


PAYLOADS = {
    "lines": lines(RUN, STEP, FEEDBACK),
    "a batch": lines({"type": "batch", "items": [RUN, STEP]}, FEEDBACK),
    "a list": json.dumps([RUN, STEP, FEEDBACK], indent=1).encode(),
    "a list in lines": b"[\n" + b",\n".join(json.dumps(each).encode() for each in (RUN, STEP, FEEDBACK)) + b"\n]\n",
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_of_the_original_sdk_are_taken_once(store, name):
    """Also those without ids of their own, and feedback, which has no time either."""
    first = load(store, PAYLOADS[name])
    again = load(store, PAYLOADS[name], now_ns=START + 1)

    assert (first.spans, first.logs, first.refused) == (2, 1, 0)
    assert again.refused == 0
    assert counted(store) == (1, 2, 1)
    assert queries.feedback(store)[0].time_ns == START


def test_feedback_that_says_something_else_is_another_one(store):
    """Of the same run, by somebody else."""
    load(store, lines(FEEDBACK, FEEDBACK | {"score": "thumbs_down"}, FEEDBACK | {"text": "Bad"}, FEEDBACK))

    assert len(queries.feedback(store)) == 3


def test_an_empty_file_has_nothing(store):
    """Which is no error."""
    assert load(store, b"") == importing.Report(0, 0, 0, 0, [])
    assert load(store, gzip.compress(b"\n\n")).refused == 0


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\x00\xff", "not JSON"),
        (b"3", "it is no object"),
        (b'{"type": "thought"}', "`type` is 'thought', not one of run, step, tool_call"),
        (b'{"type": "run"}', "`run_id` is missing"),
        (b'{"runId": "run-1"}', "it needs `score` or `text`"),
        (b'{"a": 1, "b": 2}', "it is neither OTLP nor a payload of the original SDK; its keys: a, b"),
        (b'{"resourceMetrics": []}', "it holds metrics, which are not kept here"),
        (b'{"run": {}, "spans": [], "feedback": []}', "export it as `otlp`"),
        (b'{"resourceSpans": 3}', "`resourceSpans` is a number, not a list"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}', "span 1: its trace id is missing"),
        (b'[{"type": "run"}]', "`run_id` is missing"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_taken(store, line, reason):
    """By its number, blank lines included."""
    report = load(store, lines(RUN) + b"\n" + line + b"\n" + lines(STEP))

    assert (report.spans, report.refused) == (2, 1)
    assert report.refusals[0].place.startswith("line 3")
    assert reason in report.refusals[0].reason


def test_lines_are_counted_from_the_first(store):
    """Though a mark, and blank lines, come before anything else."""
    report = load(store, b"\xef\xbb\xbf\n\n" + lines(RUN) + b"nope\n")

    assert [each.place for each in report.refusals] == ["line 4"]


def test_a_bad_first_line_is_a_bad_line(store):
    """Not a reason to take the file for one document."""
    report = load(store, b'{"type": "run", "run_\n' + lines(RUN, STEP))

    assert (report.spans, [each.place for each in report.refusals]) == (2, ["line 1"])


def test_what_is_too_large_for_memory_is_refused(store, monkeypatch):
    """One line costs that line; a document says what to do."""
    monkeypatch.setattr(files, "MAX_BYTES", 1000)

    long = load(store, lines(RUN, RUN | {"response": "x" * 5000}, STEP))
    document = load(store, json.dumps(RUN | {"response": "x" * 5000}, indent=1).encode())
    message = load(store, traces(some_span(name="x" * 5000)))

    assert (long.spans, [each.place for each in long.refusals]) == (2, ["line 2"])
    assert document.refusals == [
        ("the document", "it has more than 0 MiB. Put each request, or payload, in its own line")
    ]
    assert [each.place for each in message.refusals] == ["message 1"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "it is neither JSON nor OTLP in protobuf, gzipped or not"),
        (b"Dear diary,", "not JSON"),
        (SPANS[:-9], "it was cut off"),
        (SPANS + b"\x0a\xff\xff\xff\xff\xff", "it is not OTLP in protobuf"),
        (SPANS + b"\x12\x00", "it is not OTLP in protobuf"),
        (b"\x0a\x02\x12\x13", "ends after its message"),
        (b"\0\0\0\x09" + SPANS[:8], "it was cut off"),
        (b"\0\0", "it was cut off"),
    ],
)
def test_files_that_are_something_else_say_so(store, data, reason):
    """What came before is taken."""
    report = load(store, data)

    assert report.refused == 1
    assert reason in report.refusals[0].reason


def test_a_gzip_file_that_was_cut_off_gives_what_it_has(store):
    """And says that something is missing."""
    whole = gzip.compress(lines(*(RUN | {"run_id": f"run-{number}"} for number in range(1000))))

    report = load(store, whole[: len(whole) // 2])

    assert report.spans > 50
    assert report.refusals[-1].place == "the end"
    assert "cut off" in report.refusals[-1].reason


def test_reasons_are_bounded_and_counted(store, monkeypatch):
    """Of a file that is all wrong."""
    monkeypatch.setattr(importing, "_MAX_REASONS", 10)

    report = load(store, b"{}\n" * 50 + lines(RUN))

    assert (report.refused, len(report.refusals), report.spans) == (50, 10, 1)


@st.composite
def mutations(draw):
    """A file with bytes changed, taken out, put in, or cut off."""
    data = bytearray(draw(st.sampled_from([*FILES.values(), *PAYLOADS.values(), *map(gzip.compress, FILES.values())])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.sampled_from([0, 1, 30]))] = draw(st.binary(max_size=8) | st.just(b"\n"))
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


@settings(max_examples=300, deadline=None)
@given(mutations() | st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(data):
    """Nothing else comes of them."""
    for part in files.parts(io.BytesIO(data), START):
        assert part.place
        assert all(reason.encode() for reason in part.batch.refused)


# --- exactly once ----------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from contextcompany.observatory import files, importing
from contextcompany.observatory.store import Store

with Store.open(Path(sys.argv[1])) as store, open(sys.argv[2], "rb") as file:
    importing.load(store, files.parts(file, 1), lambda report: print(report.spans, flush=True))
"""


def test_an_import_that_is_killed_is_started_again(tmp_path):
    """In the middle, twice, by SIGKILL: in the end everything is there once."""
    path, db = tmp_path / "payloads.jsonl", tmp_path / "runs.db"
    ids = [f"run-{number}" for number in range(800)]
    with path.open("wb") as file:
        for id_ in ids:
            file.write(lines(RUN | {"run_id": id_}, STEP | {"run_id": id_}, FEEDBACK | {"runId": id_}))

    for until in (500, 1000):
        command = [sys.executable, "-c", PROGRAM, str(db), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            while int(program.stdout.readline()) < until:
                pass
            program.send_signal(signal.SIGKILL)
    with Store.open(db) as store:
        middle = counted(store)
        report = load(store, path.read_bytes())
        assert store.problems() == []
        assert 0 < middle[0] < 800
        assert (report.spans, report.refused) == (1600, 0)
        found = [*queries.trace_ids(store)]
        assert len(found) == len(set(found)) == 800
        assert {len(queries.run(store, each).spans) for each in found} == {2}
        assert sum(len(queries.run(store, each).feedback) for each in found) == 800


def test_memory_does_not_grow_with_the_file(store):
    """Lines are read as they are needed."""

    class Endless(io.RawIOBase):
        """Lines of 1 KiB, and how many of them were asked for."""

        def __init__(self, quantity):
            self.left = quantity

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.left:
                return 0
            self.left -= 1
            line = json.dumps(RUN | {"run_id": f"run-{self.left}"}).encode().ljust(1023) + b"\n"
            buffer[:1024] = line
            return 1024

    stream = Endless(5000)
    found = files.parts(stream, 0)
    next(found)

    assert stream.left > 4000
    assert sum(1 for _ in found) == 4999
