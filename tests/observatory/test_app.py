"""What the Observatory answers, over real sockets."""

import gzip
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
import requests
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_bodies import as_json, logs, some_span, some_spans, traces

import contextcompany as tcc
from contextcompany.observatory import intake as intakes
from contextcompany.observatory.intake import Intake
from contextcompany.observatory.otlp import JSON, PROTOBUF
from contextcompany.observatory.sink import Busy


def post(observatory, body, path="/v1/traces", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(observatory.url + path, data=body, headers={"Content-Type": PROTOBUF, **headers}, timeout=20)


def said(response):
    """The message of an error."""
    if response.headers["content-type"] == PROTOBUF:
        return Status.FromString(response.content).message
    return response.json()["message"]


# --- the SDK itself --------------------------------------------------------------------------------------------------


def test_what_the_sdk_records_arrives(observatory):
    """Spans, events, and a snapshot of what is open, as the answer says that those are taken."""
    tcc.configure(url=observatory.url)
    run = tcc.run(agent="support", session_id="s-1").prompt("Hello")
    run.step(model="gpt-4o").prompt("Hello").response("Hi!").tokens(uncached=5, completion=2).end()
    assert tcc.flush(5).delivered == 1
    tcc.submit_feedback(run.run_id, score="thumbs_up")
    run.response("Hi!").end()
    assert tcc.flush(5)[1:] == (0, 0, {})

    ended = {span.name: span for span in observatory.sink.spans if span.end_ns}
    assert set(ended) == {"invoke_agent support", "chat gpt-4o"}
    root, step = ended["invoke_agent support"], ended["chat gpt-4o"]
    assert (step.trace_id, step.parent_id, step.kind) == (root.trace_id, root.span_id, 3)
    assert step.attributes["gen_ai.usage.input_tokens"] == 5
    assert root.resource.attributes["telemetry.sdk.name"] == "opentelemetry"
    assert [(log.event_name, log.span_id) for log in observatory.sink.logs] == [
        ("gen_ai.evaluation.result", root.span_id)
    ]


def test_open_spans_are_asked_for_and_sent(observatory):
    """From the first answer on, a run that has not ended is there with what is known of it."""
    tcc.configure(url=observatory.url)
    tcc.run(agent="quick").prompt("Hi").end()
    assert tcc.flush(5).delivered == 1
    run = tcc.run(agent="slow").prompt("Wait")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and len(observatory.sink.spans) < 2:
        time.sleep(0.01)
    snapshot = observatory.sink.spans[-1]
    run.end()
    assert tcc.flush(5)[1:] == (0, 0, {})
    final = observatory.sink.spans[-1]

    assert (snapshot.name, snapshot.end_ns) == ("invoke_agent slow", 0)
    assert final.end_ns > 0
    assert final[:3] == snapshot[:3]


# --- 200 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [None, "gzip", "deflate"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON, "application/json; charset=utf-8"])
def test_traces_are_taken_in_every_encoding(observatory, kind, encode):
    """And answered in the content type that they came in."""
    body = traces(*some_spans(3))
    if kind != PROTOBUF:
        body = as_json(ExportTraceServiceRequest, body)
    compressed = {None: lambda data: data, "gzip": gzip.compress, "deflate": zlib.compress}[encode](body)
    headers = {"Content_Encoding": encode} if encode else {}

    response = post(observatory, compressed, Content_Type=kind, **headers)

    assert (response.status_code, response.headers["content-type"]) == (200, kind.partition(";")[0])
    assert response.content == (b"" if kind == PROTOBUF else b"{}")
    assert response.headers["tcc-open-spans"] == "1"
    assert [span.name for span in observatory.sink.spans] == ["span 1", "span 2", "span 3"]


def test_the_original_sdk_s_callback_for_litellm_is_heard(observatory):
    """It sends spans as OTLP, but to a path of its own."""
    assert post(observatory, traces(some_span(1)), "/v1/otel-steps").status_code == 200
    assert [span.name for span in observatory.sink.spans] == ["span 1"]


def test_logs_are_taken(observatory):
    """With or without a trace."""
    response = post(observatory, logs(LogRecord(event_name="a"), LogRecord(severity_text="INFO")), "/v1/logs")

    assert response.status_code == 200
    assert [log.event_name for log in observatory.sink.logs] == ["a", ""]


def test_what_is_refused_is_said_and_the_rest_kept(observatory):
    """By a partial success; the reason names the span."""
    response = post(observatory, traces(some_span(1), some_span(2, trace_id=b"short")))

    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert response.status_code == 200
    assert partial.rejected_spans == 1
    assert partial.error_message == "span 2 ('span 2'): its trace id has 5 bytes, not 16"
    assert [span.name for span in observatory.sink.spans] == ["span 1"]


def test_connections_are_kept(observatory):
    """Also after a request was refused."""
    connection = HTTPConnection("127.0.0.1", observatory.port, timeout=10)
    connection.connect()
    connection.auto_open = 0  # another connection would be an error
    codes = []
    for body in (traces(some_span()), b"garbage", traces(some_span(2)), traces(some_span(3))):
        connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        response.read()
        codes.append(response.status)
    connection.close()

    assert codes == [200, 400, 200, 200]


def test_answers_come_whole_and_at_once(observatory):
    """On a connection that is kept, a body that waited until its head is acknowledged would come 40 ms later."""
    with requests.Session() as session:
        session.get(observatory.url + "/healthz", timeout=5)
        started = time.monotonic()
        for _ in range(50):
            session.get(observatory.url + "/healthz", timeout=5)

    assert time.monotonic() - started < 1


def test_chunked_bodies_are_taken(observatory):
    """As clients send them that do not know the length."""
    body = gzip.compress(traces(*some_spans(50)))
    pieces = (body[at : at + 100] for at in range(0, len(body), 100))

    assert post(observatory, pieces, Content_Encoding="gzip").status_code == 200
    assert len(observatory.sink.spans) == 50


def test_large_bodies_are_decoded_beside_the_event_loop(observatory):
    """With the same result."""
    span = some_span()
    span.attributes.add(key="text").value.string_value = "x" * 2**20

    assert post(observatory, traces(span)).status_code == 200
    assert len(observatory.sink.spans[0].attributes["text"]) == 2**20
    assert observatory.intake.in_flight == 0


def test_it_says_that_it_is_well(observatory):
    """For those who start it and wait."""
    response = requests.get(observatory.url + "/healthz", timeout=5)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


# --- anything else ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        ({}, b"garbage", 400, "The body is not OTLP in protobuf"),
        ({}, traces(some_span())[:-2], 400, "or it was cut off"),
        ({"Content_Type": JSON}, b"{", 400, "The body is not JSON"),
        ({"Content_Encoding": "gzip"}, b"garbage", 400, "The body is not gzip, as its header says"),
        ({"Content_Encoding": "gzip"}, gzip.compress(b"x" * 99, mtime=0)[:-9], 400, "The gzip body ends too early"),
        ({"Content_Encoding": "br"}, b"x", 415, "The content encoding 'br' is none of identity, gzip, deflate."),
        ({"Content_Type": "text/plain"}, b"x", 415, "The content type is 'text/plain', not application/x-protobuf or"),
        ({"Content_Type": ""}, b"x", 415, "The content type is ''"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(observatory, headers, body, status, message):
    """Nothing of it is kept, and it is not to be sent again."""
    response = post(observatory, body, **headers)

    assert response.status_code == status
    assert message in said(response)
    assert "retry-after" not in response.headers
    assert observatory.sink.batches == []
    assert observatory.intake.in_flight == 0


def test_a_415_for_an_encoding_names_those_that_are_taken(observatory):
    """In a header too."""
    assert post(observatory, b"x", Content_Encoding="zstd").headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("path", ["/", "/v1/metrics", "/v1/traces/"])
def test_other_paths_say_where_spans_go(observatory, path):
    """With 404."""
    response = post(observatory, b"", path)

    assert response.status_code == 404
    assert said(response) == f"Nothing is at POST {path}. Spans are received at POST /v1/traces."


def test_an_odd_host_makes_no_difference_to_that(observatory):
    """Even if no URL can be made of it."""
    assert post(observatory, b"", "/nothing", Host="[::1").status_code == 404


def test_other_methods_say_which_are_taken(observatory):
    """With 405, in a header and in words."""
    response = requests.get(observatory.url + "/v1/traces", timeout=5)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert said(response) == "/v1/traces takes POST, not GET."


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (bytes(2**20 + 1), {}),
        (gzip.compress(bytes(2**20 + 1)), {"Content_Encoding": "gzip"}),
        (lambda: gzip.compress(bytes(2**28)), {"Content_Encoding": "gzip"}),
        (lambda: zlib.compress(bytes(2**28)), {"Content_Encoding": "deflate"}),
        (lambda: (bytes(2**16) for _ in range(17)), {}),
    ],
    ids=["declared", "gzip", "gzip bomb", "deflate bomb", "chunked"],
)
def test_what_is_too_large_gets_413(observatories, body, headers):
    """As soon as that is known, and whatever was declared; the next request is taken."""
    observatory = observatories(intake=Intake(max_body=2**20))

    response = post(observatory, body() if callable(body) else body, **headers)

    assert response.status_code == 413
    assert said(response) == "The body has more than 1 MiB, inflated. Send fewer spans at once."
    assert observatory.intake.in_flight == 0
    assert post(observatory, traces(some_span())).status_code == 200


def test_too_much_at_once_gets_429(observatories):
    """With the seconds after which to try again; what is in memory is bounded."""
    observatory = observatories(intake=Intake(max_in_flight=1000))
    observatory.sink.is_stuck = True
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, observatory, traces(*some_spans(12)))
        deadline = time.monotonic() + 10
        while observatory.intake.in_flight == 0 and time.monotonic() < deadline:
            time.sleep(0.005)

        refused = post(observatory, traces(*some_spans(12)))
        observatory.sink.is_stuck = False

        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "wait to be written" in said(refused)
        assert waiting.result().status_code == 200
    assert observatory.intake.in_flight == 0
    assert post(observatory, traces(some_span())).status_code == 200


def test_a_sink_that_takes_nothing_gets_503(observatory):
    """With the seconds after which to try again; it is never answered with 200."""
    observatory.sink.error = Busy("The disk is full.", 5)

    response = post(observatory, traces(some_span()))

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert said(response) == "The disk is full."


def test_that_nothing_is_taken_is_said_once_a_minute(observatory, caplog):
    """To whoever runs it."""
    observatory.sink.error = Busy("The disk is full.", 5)

    for _ in range(3):
        post(observatory, traces(some_span()))

    assert caplog.messages == ["What is sent is refused for now: The disk is full."]
    assert observatory.intake.in_flight == 0


def test_the_answer_waits_for_the_store(observatory):
    """200 means that it is kept."""
    observatory.sink.is_stuck = True
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, observatory, traces(some_span()))
        time.sleep(0.1)
        assert not waiting.done()
        observatory.sink.is_stuck = False

        assert waiting.result().status_code == 200


def test_a_slow_body_is_given_up(observatory, monkeypatch):
    """It gets 408, and its memory is free again."""
    monkeypatch.setattr(intakes, "BODY_TIMEOUT_S", 0.2)

    with socket.create_connection(("127.0.0.1", observatory.port)) as connection:
        head = f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 900\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 100)
        connection.settimeout(5)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert observatory.intake.in_flight == 0


def test_a_client_that_goes_away_leaves_nothing_behind(observatory):
    """Its memory is free again, and nothing is kept of half a request."""
    body = traces(*some_spans(20))
    with socket.create_connection(("127.0.0.1", observatory.port)) as connection:
        head = (
            f"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 9000\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        deadline = time.monotonic() + 5
        while observatory.intake.in_flight == 0 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert observatory.intake.in_flight == len(body)
    while observatory.intake.in_flight and time.monotonic() < deadline:
        time.sleep(0.005)

    assert observatory.intake.in_flight == 0
    assert observatory.sink.batches == []


# --- who may speak ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/custom", "/healthz", "/nothing"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:4318", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_names_that_are_not_this_machine_get_403(observatory, path, host):
    """A page whose name was pointed here (DNS rebinding) is answered nothing else."""
    response = post(observatory, traces(some_span()), path, Host=host)

    assert response.status_code == 403
    assert "no name of this machine" in response.json()["message"]
    assert observatory.sink.batches == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:4318", "app.localhost", "10.1.2.3"])
def test_names_of_this_machine_and_addresses_are_taken(observatory, host):
    """An address cannot be rebound."""
    assert post(observatory, traces(some_span()), Host=host).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:4318", 200),
        ("http://localhost:3000", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_pages_of_other_sites_get_403(observatory, origin, status):
    """Whatever they may send without asking."""
    assert post(observatory, traces(some_span()), Host="localhost:4318", Origin=origin).status_code == status


def test_a_form_cannot_post_feedback(observatory):
    """Its content types are none of JSON's."""
    body = b'{"runId": "r", "score": "thumbs_up"}'

    assert post(observatory, body, "/v1/feedback", Content_Type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sesame", 200),
        ("bearer  sesame", 200),
        ("Bearer sesam", 401),
        ("Bearer", 401),
        ("Basic sesame", 401),
        ("Bearer sésame", 401),
        (None, 401),
    ],
)
def test_the_token_is_asked_for(observatories, authorization, status):
    """Of everything but /healthz."""
    observatory = observatories(token="sesame")
    headers = {} if authorization is None else {"Authorization": authorization.encode()}

    response = post(observatory, traces(some_span()), **headers)

    assert response.status_code == status
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert requests.get(observatory.url + "/healthz", timeout=5).status_code == 200


def test_the_sdk_sends_the_token_as_its_key(observatories):
    """So an Observatory on another machine needs no more than `TCC_URL` and `TCC_API_KEY`."""
    observatory = observatories(token="sesame")
    tcc.configure(url=observatory.url, api_key="sesame")
    tcc.run(agent="a").prompt("Hi").end()

    assert tcc.flush(5)[1:] == (0, 0, {})
    assert [span.name for span in observatory.sink.spans] == ["invoke_agent a"]


# --- the original SDK ------------------------------------------------------------------------------------------------


def post_json(observatory, path, payload):
    return requests.post(observatory.url + path, json=payload, headers={"Authorization": "Bearer dev_key"}, timeout=10)


def test_the_original_sdk_is_received(observatory):
    """A batch of what its clients post, and feedback."""
    times = {"start_time": "2026-01-02T03:04:05.678Z", "end_time": "2026-01-02T03:04:06.000Z", "status_code": 0}
    run = {"type": "run", "run_id": "r-1", "prompt": {"user_prompt": "Hi"}, "response": "Hello", **times}
    step = {"type": "step", "run_id": "r-1", "step_id": "s-1", "prompt": "Hi", "response": "Hello", **times}

    first = post_json(observatory, "/v1/custom", {"type": "batch", "items": [run, step]})
    second = post_json(observatory, "/v1/feedback", {"runId": "r-1", "score": "thumbs_down", "text": "No."})

    assert (first.status_code, first.json()) == (200, {"accepted": 2})
    assert (second.status_code, second.json()) == (200, {"accepted": 1})
    root, child = observatory.sink.spans
    (log,) = observatory.sink.logs
    assert (child.parent_id, log.span_id, log.trace_id) == (root.span_id, root.span_id, root.trace_id)


def test_of_a_batch_what_is_not_valid_is_refused(observatory):
    """And the rest kept; if nothing is left, the answer is 400, as these clients look at nothing else."""
    good = {"type": "run", "run_id": "r-1", "prompt": {"user_prompt": "Hi"}, "start_time": "2026-01-02T03:04:05Z"}

    some = post_json(observatory, "/v1/custom", {"type": "batch", "items": [good, {"type": "step"}]})
    none = post_json(observatory, "/v1/custom", {"type": "step"})

    assert (some.status_code, some.json()) == (200, {"accepted": 1, "refused": ["items[1]: `run_id` is missing"]})
    assert (none.status_code, said(none)) == (400, "Nothing was accepted: `run_id` is missing.")
