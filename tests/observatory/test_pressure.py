"""What comes broken, in floods or slowly: it is answered, never with 500, and what was acknowledged is kept."""

import gzip
import itertools
import json
import random
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_bodies import as_json, logs, some_span, traces
from served import Served
from spans import pairs
from test_fold import JSON_TEXTS
from test_fold import KEYS as SPELLINGS

from contextcompany.observatory import queries
from contextcompany.observatory.otlp import JSON, PROTOBUF, decode
from contextcompany.observatory.store import Store

MB = 2**20


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A process that all of these tests press, one after the other; it must end well and complain of nothing."""
    with Served(tmp_path_factory.mktemp("pressed") / "o.db") as started:
        yield started


@pytest.fixture(scope="module")
def store(served):
    """What it keeps, to be read while it runs."""
    with Store.open(served.path, can_write=False) as opened:
        yield opened


NUMBERS = itertools.count(10**6)


def sound():
    """A span that must be kept, and its id."""
    span = some_span(next(NUMBERS))
    return traces(span), span.span_id.hex()


# --- broken ----------------------------------------------------------------------------------------------------------

CUSTOM = {
    "type": "batch",
    "items": [
        {"type": "run", "run_id": "r", "prompt": {"user_prompt": "p"}, "start_time": "2026-01-02T03:04:05Z"},
        {
            "type": "step",
            "run_id": "r",
            "step_id": "s",
            "prompt": '[{"role": "user", "content": "p"}]',
            "response": "a",
            "model_requested": "gpt-4o",
            "prompt_uncached_tokens": 10,
            "real_total_cost": 0.5,
            "start_time": "2026-01-02T03:04:05Z",
            "end_time": "2026-01-02T03:04:06.5Z",
        },
    ],
}
EVENT = {"name": "gen_ai.choice", "attributes": {"index": 0, "message": '{"content": "A"}'}}


def conversation(number):
    """A span with what the Observatory looks into."""
    span = some_span(number, parent_span_id=(number % 7).to_bytes(8, "big"))
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "p" * 500}]}]),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.response.finish_reasons": ["stop"],
        "tcc.cost.total": 0.25,
        "tcc.runId": "r",
    }
    for key, value in said.items():
        pair = span.attributes.add(key=key)
        if isinstance(value, list):
            pair.value.array_value.values.add(string_value=value[0])
        else:
            setattr(pair.value, {str: "string_value", int: "int_value", float: "double_value"}[type(value)], value)
    event = span.events.add(name="gen_ai.choice", time_unix_nano=5)
    event.attributes.add(key="message").value.string_value = '{"content": "A"}'
    return span


FEEDBACK = LogRecord(event_name="gen_ai.evaluation.result", trace_id=bytes([1] * 16), span_id=bytes([1] * 8))
TRACES, LOGS = traces(*map(conversation, range(1, 6))), logs(FEEDBACK, LogRecord(severity_text="INFO"))
REQUESTS = [
    ("/v1/traces", PROTOBUF, TRACES),
    ("/v1/traces", JSON, as_json(ExportTraceServiceRequest, TRACES)),
    ("/v1/logs", PROTOBUF, LOGS),
    ("/v1/logs", JSON, as_json(ExportLogsServiceRequest, LOGS)),
    ("/v1/custom", JSON, json.dumps(CUSTOM).encode()),
    ("/v1/feedback", JSON, b'{"runId": "r", "score": "thumbs_up", "text": "good"}'),
]
PIECES = [b"", b"null", b"[]", b'"', b"{", b"1e999", b"-1", b"\\ud800", b"\xff", b"\x00", b"\x0a\xff\xff\x7f"]


def mutated(rng, body):
    """With bytes changed, taken out, put in or cut off."""
    body = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body)) if body else 0
        piece = rng.choice([*PIECES, rng.randbytes(rng.randint(1, 8))])
        body[at : at + rng.choice([0, 0, len(piece), 1, 30])] = piece
    if rng.random() < 0.2:
        del body[rng.randint(0, len(body)) :]
    return bytes(body)


def broken(rng):
    """A request that was mutated, before it was compressed or after."""
    path, content_type, body = rng.choice(REQUESTS)
    headers = {"Content-Type": content_type}
    encoding = rng.choice(["", "", "gzip", "deflate"])
    if not encoding:
        return path, headers, mutated(rng, body)
    headers["Content-Encoding"] = encoding
    compress = gzip.compress if encoding == "gzip" else zlib.compress
    way = rng.choice(["mutated inside", "mutated outside", "cut off"])
    if way == "mutated inside":
        return path, headers, compress(mutated(rng, body))
    whole = compress(body)
    return path, headers, mutated(rng, whole) if way == "mutated outside" else whole[: rng.randrange(len(whole))]


@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_mutated_requests_are_taken_or_refused(served, store, seed, count):
    """Never with 500; what comes in between is kept, what was taken can be read, and memory stays what it was."""
    rng = random.Random(seed)
    sent, memory = set(), 0
    with requests.Session() as session:
        for number in range(count):
            path, headers, body = broken(rng)
            response = session.post(served.url + path, body, headers=headers, timeout=20)
            assert response.status_code in (200, 400), (response.status_code, path, headers, body)
            if number % 20 == 0:
                body, span_id = sound()
                assert served.post(body) == 200
                sent.add(span_id)
            if number == count // 4:
                memory = served.memory()

    assert served.memory() - memory < 30 * MB
    assert sent - served.kept() == set()
    read_everything(store)


def read_everything(store):
    """Each run, and each span with all that was said."""
    after = None
    while True:
        page = queries.runs(store, after=after, limit=500)
        for run in page.runs:
            for line in queries.run(store, run.trace_id).spans:
                assert queries.span(store, run.trace_id, line.span_id).span.span_id == line.span_id
        after = page.next
        if after is None:
            return


# --- strange ---------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.sampled_from(
    ["gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.usage.input_tokens", "tcc.runId", "tcc.cost.total", "x"]
)
SCALARS = {
    Field.TYPE_STRING: KEYS | TEXTS,
    Field.TYPE_BYTES: st.binary(max_size=20),
    Field.TYPE_BOOL: st.booleans(),
    Field.TYPE_DOUBLE: st.floats(),
    Field.TYPE_ENUM: st.integers(0, 3),
    Field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    Field.TYPE_FIXED64: st.integers(0, 2**63 - 1),
}


def anything(descriptor, depth=0) -> st.SearchStrategy[Any]:
    """Any message of that kind, fields by name; nested only so deep."""
    fields = {}
    for field in descriptor.fields:
        if field.message_type is None:
            value = SCALARS.get(field.type, st.integers(0, 2**31 - 1))
        elif depth < 8 and field.message_type.name != "EntityRef":
            value = st.deferred(lambda kind=field.message_type: anything(kind, depth + 1))
        else:
            continue
        fields[field.name] = st.lists(value, max_size=2) if field.is_repeated else value
    if descriptor.name == AnyValue.DESCRIPTOR.name:
        return st.one_of(st.just({}), *(st.fixed_dictionaries({name: value}) for name, value in fields.items()))
    return st.fixed_dictionaries({}, optional=fields)


IDS = st.integers(1, 50)
SPANS = st.builds(
    lambda fields, trace, span: Span(
        **{**fields, "trace_id": trace.to_bytes(16, "big"), "span_id": span.to_bytes(8, "big"), "parent_span_id": b""}
    ),
    anything(Span.DESCRIPTOR),
    IDS,
    IDS,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SPANS, max_size=4), st.sampled_from([PROTOBUF, JSON]))
def test_any_otlp_is_kept_as_it_was_said(served, store, spans, content_type):
    """Whatever its fields hold: the answers have the span that was sent, unless a final one was there before."""
    body = traces(*spans)
    if content_type == JSON:
        body = as_json(ExportTraceServiceRequest, body)
    said = decode("traces", body, content_type)

    assert served.post(body, content_type=content_type) == 200

    newest = {(each.trace_id, each.span_id): each for each in said.spans}
    for ids, span in newest.items():
        found = queries.span(store, *ids).span
        assert repr(found) == repr(span) or (found.end_ns and not span.end_ns)


SAID = st.dictionaries(
    SPELLINGS, JSON_TEXTS | TEXTS | st.booleans() | st.floats() | SCALARS[Field.TYPE_INT64], max_size=6
)
OPERATIONS = st.sampled_from(["chat", "invoke_agent", "execute_tool", ""])


@pytest.mark.parametrize("examples", [100, pytest.param(5000, marks=pytest.mark.soak)])
def test_whatever_spans_say_is_kept_and_answered(served, examples):
    """Any values under any key of any convention, JSON in any shape: it is read, counted, listed and shown."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(SAID, OPERATIONS, st.integers(0, 3)), min_size=1, max_size=3))
    def post_and_ask(told):
        trace = next(NUMBERS).to_bytes(16, "big")
        spans = [
            Span(
                trace_id=trace,
                span_id=number.to_bytes(8, "big"),
                parent_span_id=parent.to_bytes(8, "big") if parent else b"",
                start_time_unix_nano=number,
                end_time_unix_nano=10**9,
                attributes=pairs({"gen_ai.operation.name": operation, **said}),
                events=[Span.Event(name="gen_ai.choice", attributes=pairs(said))],
            )
            for number, (said, operation, parent) in enumerate(told, 1)
        ]

        assert served.post(traces(*spans)) == 200

        spans_of = [f"runs/{trace.hex()}/spans/{span.span_id.hex()}" for span in spans]
        for path in (f"runs/{trace.hex()}", *spans_of, "runs", "sessions", "stats?by=agent"):
            assert requests.get(f"{served.url}/api/{path}", timeout=20).status_code == 200

    post_and_ask()


def chat(number, **attributes):
    """A span of a trace of its own, in the spelling of somebody else."""
    span = some_span(number, **{key: attributes.pop(key) for key in ("start_time_unix_nano",) if key in attributes})
    for key, value in {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", **attributes}.items():
        pair = span.attributes.add(key=key)
        setattr(pair.value, {str: "string_value", int: "int_value", float: "double_value"}[type(value)], value)
    return span


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": 2**63 - 1},
        {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.cache_read_input_tokens": 2**63 - 1},
        {"langfuse.observation.usage_details": f'{{"input": {10**30}, "output": 5}}'},
        {"gen_ai.usage.cost": 1e308},
        {"langfuse.observation.cost_details": '{"input": 1e308, "output": 1e308}'},
        {"gen_ai.input.messages": '[{"role": "user", "content": "half \\ud83d"}]'},
        {"langfuse.session.id": '"\\ud83d"', "langfuse.trace.metadata": '{"\\ud83d": "\\ud83d"}'},
        {"gen_ai.tool.definitions": f'[{{"type": "function", "name": "f", "parameters": {{"maximum": {10**30}}}}}]'},
        {"gen_ai.output.messages": "[" * 100_000},
        {"start_time_unix_nano": 0},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_what_does_not_fit_is_kept_and_answered(served, attributes):
    """Numbers beyond 64 bits or sense, halves of characters, clocks that are wrong: sums and lists go on as before."""
    spans = [chat(next(NUMBERS), **attributes) for _ in range(3)]
    for span in spans:
        span.trace_id = spans[0].trace_id

    assert served.post(traces(*spans)) == 200

    trace_id, span_id = spans[0].trace_id.hex(), spans[0].span_id.hex()
    for path in ("runs", f"runs/{trace_id}", f"runs/{trace_id}/spans/{span_id}", "sessions", "stats?by=model"):
        assert requests.get(f"{served.url}/api/{path}", timeout=20).status_code == 200


# --- floods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bombs_cost_no_more_than_a_large_request(served, encoding):
    """Each becomes 256 MB out of 256 KB; sixteen at once are refused, and leave no memory behind."""
    bomb = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](bytes(256 * MB))
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": encoding}
    before = served.memory()

    def throw(_):
        return requests.post(served.url + "/v1/traces", bomb, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(throw, range(32)))

    assert statuses <= {413, 429}
    assert served.memory("VmHWM") - before < 150 * MB
    body, span_id = sound()
    assert served.post(body) == 200
    assert span_id in served.kept()


def test_two_hundred_slow_clients_at_once(served):
    """All are served, and others meanwhile; what is acknowledged is kept."""
    spans_of = {number: [some_span(next(NUMBERS)) for _ in range(25)] for number in range(200)}
    head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
    bodies = {number: traces(*spans) for number, spans in spans_of.items()}
    sent = {number: head.format(PROTOBUF, len(body)).encode() + body for number, body in bodies.items()}
    before = served.memory()
    connections = {number: socket.create_connection(("127.0.0.1", served.port)) for number in sent}
    for part in range(4):
        for number, connection in connections.items():
            whole = sent[number]
            connection.sendall(whole[len(whole) * part // 4 : len(whole) * (part + 1) // 4])
        assert served.post(sound()[0]) == 200
    answers = []
    for connection in connections.values():
        connection.settimeout(20)
        answers.append(connection.recv(4096)[:15])
        connection.close()

    assert answers == [b"HTTP/1.1 200 OK"] * 200
    assert {span.span_id.hex() for spans in spans_of.values() for span in spans} - served.kept() == set()
    assert served.memory() - before < 50 * MB
