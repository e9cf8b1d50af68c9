"""The current run across services: what goes into the headers of a request, and what comes out of them."""

import asyncio
import logging
from email.message import Message

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

import contextcompany as tcc
from programs import finish, start_program
from wire import deliver, run_span_id, trace_id

RUN_ID = "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f6"
TRACEPARENT = f"00-{trace_id(RUN_ID)}-00f067aa0ba902b7-01"
HEADERS = {"traceparent": TRACEPARENT, "baggage": f"tcc.runId={RUN_ID},tcc.sessionId=s-1"}


@pytest.fixture(autouse=True)
def destination(receiver, caplog):
    """Everything goes to the receiver, and nobody complains about context."""
    caplog.set_level(logging.DEBUG)
    tcc.configure(url=receiver.url)
    yield
    assert "detach" not in caplog.text


def only_span(receiver):
    deliver()
    (span,) = receiver.spans()
    return span


class InContext:
    """Some OpenTelemetry context, as a server instrumentation leaves it."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        self.token = attach(self.context)

    def __exit__(self, *_):
        detach(self.token)


# --- out -------------------------------------------------------------------------------------------------------------


def test_what_is_written():
    """The current span as `traceparent`; run and session as baggage; the mapping that was given comes back."""
    headers = {"content-type": "application/json"}
    with tcc.run(RUN_ID, session_id="s 1/ü", user_id="u-1") as r, r.tool_call("fetch") as t:
        assert tcc.inject(headers) is headers
    span = t.span.get_span_context()

    assert headers == {
        "content-type": "application/json",
        "traceparent": f"00-{trace_id(RUN_ID)}-{span.span_id:016x}-01",
        "baggage": f"tcc.runId={RUN_ID},tcc.sessionId=s+1%2F%C3%BC",
    }


def test_nothing_is_current():
    """Outside of everything there is nothing to write."""
    assert tcc.inject({}) == {}


def test_a_foreign_span_alone():
    """Without a run the span around is written, and no run id."""
    span = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "x")]))
    with InContext(set_span_in_context(NonRecordingSpan(span))):
        assert tcc.inject({}) == {"traceparent": f"00-{1:032x}-{2:016x}-01", "tracestate": "vendor=x"}


def test_what_is_there_stays_or_is_replaced():
    """Other baggage is kept, from OpenTelemetry and from the headers; stale ids of ours and spans are replaced."""
    headers = {"TraceParent": "old", "Baggage": "from=headers,tcc.runId=old,tcc.sessionId=old", "X-Other": "stays"}
    with InContext(baggage.set_baggage("from", "otel", baggage.set_baggage("more", 1))), tcc.run(RUN_ID):
        tcc.inject(headers)

    assert sorted(headers) == ["X-Other", "baggage", "tcc-baggage", "traceparent"]
    assert headers["baggage"] == f"tcc.runId={RUN_ID},more=1,from=headers"

    with tcc.run("later"):
        tcc.inject(headers)
    assert sorted(headers) == ["X-Other", "baggage", "traceparent"]
    assert headers["baggage"] == "tcc.runId=later,more=1,from=headers"


def test_a_run_that_is_passed_on_stays():
    """A service without a run of its own that passes on what it got keeps the caller's, in both headers."""
    got = {"baggage": f"tcc.runId={RUN_ID}", "tcc-baggage": f"tcc.runId={RUN_ID}"}

    assert tcc.inject(dict(got)) == got


@pytest.mark.parametrize("form", ["dict", "upper case", "WSGI"])
def test_an_instrumented_client_that_has_baggage(form):
    """It sends OpenTelemetry's own instead of what is in the headers, and the run is known nevertheless."""
    with InContext(baggage.set_baggage("tenant", "acme")), tcc.run(RUN_ID, session_id="s-1") as r:
        headers = tcc.inject({})
        propagate.inject(headers)
    assert headers == {
        "traceparent": f"00-{trace_id(RUN_ID)}-{r.span.get_span_context().span_id:016x}-01",
        "baggage": "tenant=acme",
        "tcc-baggage": f"tcc.runId={RUN_ID},tcc.sessionId=s-1",
    }

    with tcc.extract(FORMS[form](headers)) as run_id, tcc.run() as inner:
        assert (run_id, inner.session_id) == (RUN_ID, "s-1")


def test_ids_fit_before_everything_else():
    """Baggage ends at 8 KB; what is left out then is not ours."""
    context = None
    for number in range(20):
        context = baggage.set_baggage(f"key{number}", "x" * 1000, context)
    with InContext(context), tcc.run(RUN_ID):
        headers = tcc.inject({})

    assert headers["baggage"].startswith(f"tcc.runId={RUN_ID},key0=")
    assert len(headers["baggage"]) <= 8192


def test_nothing_leaks_by_itself():
    """What instrumented HTTP clients send to anybody holds no id of ours but the span's, inside `extract` too."""
    with tcc.run(RUN_ID, session_id="s-1"):
        headers = {}
        propagate.inject(headers)
    assert headers.keys() == {"traceparent"}

    arrived = propagate.extract({**HEADERS, "baggage": HEADERS["baggage"] + ",theirs=1"})
    with InContext(arrived), tcc.extract(HEADERS):
        headers = {}
        propagate.inject(headers)
    assert headers == {"traceparent": TRACEPARENT, "baggage": "theirs=1"}


@pytest.mark.parametrize("headers", [None, 7, [("a", "b")], b"bytes"])
def test_headers_that_cannot_be_written(headers):
    """What is no mutable mapping comes back as it is, counted."""
    with tcc.run():
        assert tcc.inject(headers) is headers

    assert tcc.stats() == {"bad_value": 1}


# --- in --------------------------------------------------------------------------------------------------------------


def message(headers):
    made = Message()
    for name, value in headers.items():
        made[name.title()] = value
    return made


def cgi_name(header):
    return "HTTP_" + header.upper().replace("-", "_")


FORMS = {
    "dict": dict,
    "upper case": lambda headers: {name.upper(): value for name, value in headers.items()},
    "message": message,
    "pairs": lambda headers: list(headers.items()),
    "ASGI": lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
    "WSGI": lambda headers: {"wsgi.input": object(), **{cgi_name(k): v for k, v in headers.items()}},
    "two baggage headers": lambda headers: [
        ("baggage", "other=1"),
        *headers.items(),
        ("baggage", b"tcc.runId"),
    ],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_callers_run_is_current(receiver, form):
    """However a framework holds headers, a step without a run id lands in the caller's run, below its span."""
    with tcc.extract(form(HEADERS)) as run_id:
        assert run_id == RUN_ID
        assert tcc.current_run() is None
        tcc.step(model="m").prompt("p").response("r").end()
    assert trace.get_current_span() is trace.INVALID_SPAN

    span = only_span(receiver)
    assert (span.trace_id, span.parent_id) == (trace_id(RUN_ID), "00f067aa0ba902b7")
    assert (span.attributes["tcc.runId"], span.attributes["tcc.sessionId"]) == (RUN_ID, "s-1")


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        [],
        7,
        "traceparent",
        b"\xff",
        {"baggage": None},
        {"baggage": [RUN_ID]},
        {None: None},
        [("baggage",), 3],
        {"traceparent": TRACEPARENT},
        {"traceparent": TRACEPARENT, "baggage": "theirs=1"},
        {"traceparent": TRACEPARENT, "baggage": "tcc.runId="},
        {"traceparent": TRACEPARENT, "baggage": "tcc.sessionId=s-1"},
        {"traceparent": TRACEPARENT, "baggage": "tcc.runId=" + "x" * 9000},
        {"baggage": "=;=,,,%%%,tcc.runId"},
    ],
    ids=lambda headers: repr(headers)[:40],
)
def test_nothing_to_extract(headers):
    """Without a run id the block does nothing, and nothing is counted."""
    with tcc.run() as r, tcc.extract(headers) as run_id:
        assert (run_id, tcc.current_run()) == (None, r)

    assert tcc.stats() == {}


@pytest.mark.parametrize(
    "traceparent", [None, "garbage", f"00-{'0' * 32}-{'0' * 16}-01", f"{TRACEPARENT},{TRACEPARENT}"]
)
def test_without_a_span_the_run_is_the_parent(receiver, traceparent):
    """A run id is enough."""
    with tcc.extract({**HEADERS, "traceparent": traceparent}):
        tcc.tool_call(tool_name="t").end()

    span = only_span(receiver)
    assert (span.trace_id, span.parent_id) == (trace_id(RUN_ID), run_span_id(RUN_ID))


def test_a_server_span_of_the_same_trace_stays_the_parent(receiver):
    """Where a server instrumentation read the same headers, its span is between; one of another trace is not."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("server")
    with tracer.start_as_current_span("GET /", propagate.extract(HEADERS)) as server, tcc.extract(HEADERS):
        tcc.tool_call(tool_name="same").end()
    with tracer.start_as_current_span("GET /"), tcc.extract(HEADERS):
        tcc.tool_call(tool_name="other").end()
    deliver()

    told = {span.attributes["gen_ai.tool.name"]: (span.trace_id, span.parent_id) for span in receiver.spans()}
    assert told == {
        "same": (trace_id(RUN_ID), f"{server.get_span_context().span_id:016x}"),
        "other": (trace_id(RUN_ID), "00f067aa0ba902b7"),
    }


def test_a_run_inside_is_a_child(receiver):
    """A sub-agent in another service is a run of its own, in the caller's trace, and not in the caller's step."""
    with tcc.extract(HEADERS), tcc.run(agent="inner") as r:
        assert tcc.current_step() is None
        r.prompt("p")

    span = only_span(receiver)
    assert (span.trace_id, span.parent_id) == (trace_id(RUN_ID), "00f067aa0ba902b7")
    assert span.attributes["tcc.runId"] == r.run_id != RUN_ID


def test_foreign_spans_inside_carry_the_run(receiver):
    """An instrumented client inside the block belongs to the run, too."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url))
    with tcc.extract(HEADERS), provider.get_tracer("sql").start_as_current_span("SELECT"):
        pass
    provider.shutdown()

    (span,) = receiver.spans()
    assert (span.name, span.parent_id, span.attributes["tcc.runId"]) == ("SELECT", "00f067aa0ba902b7", RUN_ID)


@pytest.mark.parametrize(
    "error", [None, ValueError("broken"), asyncio.CancelledError(), SystemExit(3), GeneratorExit()]
)
@pytest.mark.parametrize("is_async", [False, True])
def test_ways_to_leave(receiver, error, is_async):
    """However the block is left, what was current before is current again, and the exception goes on."""

    async def handler():
        async with tcc.extract(HEADERS):
            with tcc.step(model="m") as s:
                s.prompt("p").response("r")
                if error:
                    raise error

    def sync_handler():
        with tcc.extract(HEADERS), tcc.step(model="m") as s:
            s.prompt("p").response("r")
            if error:
                raise error

    with tcc.run() as around:
        caught = None
        try:
            if is_async:
                coroutine = handler()
                coroutine.send(None)
            else:
                sync_handler()
        except StopIteration:
            pass
        except BaseException as raised:  # noqa: BLE001 - whatever it is
            caught = raised
        assert tcc.current_run() is around
    deliver()

    assert caught is error
    (step,) = (span for span in receiver.spans() if span.name == "chat m")
    assert step.status[0] == ("ERROR" if error else "OK")
    assert step.parent_id == "00f067aa0ba902b7"


# --- over the wire ---------------------------------------------------------------------------------------------------

SERVICE = """
    import sys, urllib.request
    from http.server import BaseHTTPRequestHandler, HTTPServer
    import contextcompany as tcc

    name, *next_service = sys.argv[1:]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with tcc.extract(self.headers), tcc.run(agent=name) as r, r.tool_call(f"of {name}"):
                r.prompt("p")
                if next_service:
                    call(next_service[0])
            with tcc.extract(self.headers), tcc.step(model=name) as s:
                s.prompt("p").response("r")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    def call(url):
        urllib.request.urlopen(urllib.request.Request(url, headers=tcc.inject({})), timeout=20).close()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 20
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.handle_request()
"""

CLIENT = """
    import sys, urllib.request
    import contextcompany as tcc

    with tcc.run("order-17", session_id="s-1", agent="client") as r:
        r.prompt("p")
        with r.tool_call("call"):
            request = urllib.request.Request(sys.argv[1], headers=tcc.inject({"accept": "*/*"}))
            urllib.request.urlopen(request, timeout=20).close()
"""


def test_three_services(receiver):
    """A run that goes through two services is one trace; each step is in the run whose request it answers."""
    back = start_program(SERVICE, "back", TCC_URL=receiver.url)
    front = start_program(SERVICE, "front", back.stdout.readline().strip(), TCC_URL=receiver.url)
    client = start_program(CLIENT, front.stdout.readline().strip(), TCC_URL=receiver.url)
    written = [finish(program) for program in (client, front, back)]

    assert [printed.err for printed in written] == [""] * 3
    spans = receiver.spans()
    names = {span.span_id: span for span in spans}
    parents = {span.name: names[span.parent_id].name if span.parent_id else "" for span in spans}
    assert parents == {
        "invoke_agent client": "",
        "execute_tool call": "invoke_agent client",
        "invoke_agent front": "execute_tool call",
        "execute_tool of front": "invoke_agent front",
        "invoke_agent back": "execute_tool of front",
        "execute_tool of back": "invoke_agent back",
        "chat back": "execute_tool of front",
        "chat front": "execute_tool call",
    }
    runs = {span.name: span.attributes["tcc.runId"] for span in spans}
    assert runs["chat front"] == "order-17"
    assert runs["chat back"] == runs["invoke_agent front"]
    assert {span.attributes.get("tcc.sessionId") for span in spans if runs[span.name] == "order-17"} == {"s-1"}
    assert {span.trace_id for span in spans} == {trace_id("order-17")}
    assert all(
        names[span.parent_id].start_ns <= span.start_ns <= span.end_ns <= names[span.parent_id].end_ns
        for span in spans
        if span.parent_id
    )
