"""What is recorded reaches its destination, through our pipeline or the user's, and nothing else changes."""

import asyncio
import contextlib
import json
import logging
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, get_value
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.util._once import Once

import contextcompany as tcc
from contextcompany import _settings
from programs import Printed, finish, run_program, start_program
from receiver import Receiver
from wire import deliver, run_span_id, trace_id

HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "requests", "urllib3", "genai_prices", "google.protobuf")


# --- helpers ---------------------------------------------------------------------------------------------------------


def record(*args, **settings):
    """A finished run."""
    run = tcc.run(*args, **settings)
    run.prompt("p").end()
    return run


def record_everything(run):
    """One of each inside the run, then its end."""
    run.step().prompt("p").response("r").end()
    run.tool_call("search").end()
    assert run.feedback("thumbs_up")
    run.prompt("p").end()


@contextlib.contextmanager
def inside(run):
    """Make the run the current one."""
    token = attach(run._inside)
    try:
        yield run
    finally:
        detach(token)


@pytest.fixture
def make_provider():
    """Builds providers as users have them; they are shut down before the receiver is."""
    made = []

    def make(*processors, **options):
        provider = TracerProvider(resource=Resource({"service.name": "host"}), shutdown_on_exit=False, **options)
        for processor in processors:
            provider.add_span_processor(processor)
        made.append(provider)
        return provider

    yield make
    for provider in made:
        provider.shutdown()


@pytest.fixture
def web(make_provider):
    """A tracer of a web framework, whose spans go to another place."""
    return make_provider(SimpleSpanProcessor(InMemorySpanExporter())).get_tracer("web")


@pytest.fixture
def no_global_provider(monkeypatch):
    """As in a new process: a global provider can be set, once."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


@pytest.fixture
def nobody(monkeypatch):
    """A port of this machine where nothing listens is where an Observatory would be."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(_settings, "LOCAL_URL", url)
    return url


class CountedIds(IdGenerator):
    def __init__(self):
        self.last = 0

    def generate_trace_id(self):
        return self.generate_span_id()

    def generate_span_id(self):
        self.last += 1
        return self.last


class RecordOnly(Sampler):
    def should_sample(self, *args, **kwargs):
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self):
        return "RecordOnly"


def ids(span):
    """Trace id and span id of a live span, as the receiver writes them."""
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def said(caplog, *, at_least=logging.WARNING):
    """What our logger said."""
    return [r.getMessage() for r in caplog.records if r.name == "contextcompany" and r.levelno >= at_least]


def our_threads():
    """Names of the threads of pipelines. Those that load the price table or are an Observatory's end by themselves."""
    others = ("contextcompany-prices", "contextcompany-observatory")
    names = (thread.name for thread in threading.enumerate())
    return sorted(n for n in names if n.startswith(("Otel", "contextcompany")) and not n.startswith(others))


def wait_until(condition, timeout=5):
    """Wait for what another thread does, in a bounded time."""
    pause, deadline = threading.Event(), time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.005)


# --- importing -------------------------------------------------------------------------------------------------------


def test_import_starts_nothing():
    """Importing starts no thread, loads no SDK, exporter or price table, and reads no setting."""
    printed = run_program(
        f"""
        import json, logging, sys, threading
        import contextcompany
        from opentelemetry import trace
        heavy = [name for name in sys.modules if name.startswith({HEAVY!r})]
        provider = type(trace.get_tracer_provider()).__name__
        print(json.dumps([threading.active_count(), heavy, provider, logging.getLogger("contextcompany").handlers]))
        """,
        TCC_URL="nonsense",
        TCC_DEBUG="nonsense",
    )

    assert (json.loads(printed.out), printed.err) == ([1, [], "ProxyTracerProvider", []], "")


def test_import_is_quick(tmp_path):
    """Importing adds at most 20 ms to OpenTelemetry's API, or on a slow machine as much again; best of several."""
    source = """
        import time
        start = time.perf_counter()
        import opentelemetry.trace
        api = time.perf_counter()
        import contextcompany
        print((api - start) * 1000, (time.perf_counter() - api) * 1000)
    """
    environ = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    run_program(source, **environ)  # writes the byte code

    api = ours = float("inf")
    for _ in range(10):
        took = map(float, run_program(source, **environ).out.split())
        api, ours = map(min, (api, ours), took)
        if ours <= 20:
            break

    assert ours <= max(20, api)


# --- the host's providers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_the_global_provider_is_left_alone(receiver, no_global_provider, make_provider, when):
    """Runs have a pipeline of their own, whenever the host sets its provider; that gets the host's spans only."""
    exported = InMemorySpanExporter()
    provider = make_provider(SimpleSpanProcessor(exported))
    if when == "before":
        trace.set_tracer_provider(provider)
    tcc.configure(url=receiver.url)
    record("first")
    if when == "after":
        trace.set_tracer_provider(provider)
    trace.get_tracer("web").start_span("GET /").end()
    record("second")

    deliver()
    assert [span.attributes["tcc.runId"] for span in receiver.spans()] == ["first", "second"]
    assert [span.name for span in exported.get_finished_spans()] == ([] if when == "never" else ["GET /"])
    assert (trace.get_tracer_provider() is provider) == (when != "never")


def test_runs_through_the_users_provider(receiver, make_provider):
    """With `tracer_provider`, runs take its processors and resource, but keep ids that come from the run id."""
    provider = make_provider(
        BatchSpanProcessor(tcc.observatory_exporter(url=f"{receiver.url}/theirs")), id_generator=CountedIds()
    )
    tcc.configure(tracer_provider=provider, url=f"{receiver.url}/ours")
    run = tcc.run("order-17")
    run.step().prompt("p").response("r").end()
    run.prompt("p").end()
    provider.get_tracer("web").start_span("GET /").end()

    provider.force_flush()
    step, root, other = receiver.spans()
    assert (root.trace_id, root.span_id, root.parent_id) == (trace_id("order-17"), run_span_id("order-17"), "")
    assert (step.trace_id, step.parent_id) == (root.trace_id, root.span_id)
    assert (other.trace_id, other.span_id) == (f"{1:032x}", f"{2:016x}")
    assert {(span.path, span.resource["service.name"]) for span in receiver.spans()} == {("/theirs", "host")}


def test_ids_of_the_users_provider_survive_configuring_twice(receiver, make_provider):
    """Each configuration takes the same tracer of the provider; the newest one's ids count."""
    provider = make_provider(SimpleSpanProcessor(tcc.observatory_exporter(url=receiver.url)))
    tcc.configure(tracer_provider=provider)
    tcc.configure(join_traces=False)
    record("order-17")

    assert [(span.trace_id, span.span_id) for span in receiver.spans()] == [
        (trace_id("order-17"), run_span_id("order-17"))
    ]


def test_a_provider_that_is_set_later(receiver, no_global_provider, make_provider, caplog):
    """The global provider may be passed before it is set: until then runs are counted and it is said once."""
    tcc.configure(tracer_provider=trace.get_tracer_provider())
    record("lost")
    record("lost too")
    trace.set_tracer_provider(make_provider(SimpleSpanProcessor(tcc.observatory_exporter(url=receiver.url))))
    record("order-17")

    assert [(span.trace_id, span.span_id) for span in receiver.spans()] == [
        (trace_id("order-17"), run_span_id("order-17"))
    ]
    assert tcc.stats() == {"no_provider": 2}
    assert said(caplog) == ["Something was not recorded, because no OpenTelemetry provider is set yet."]


def test_a_provider_that_samples_nothing(receiver, make_provider, caplog):
    """What the sampler of the user's provider drops is counted, and said once."""
    caplog.set_level(logging.INFO, "contextcompany")
    tcc.configure(tracer_provider=make_provider(tcc.ObservatorySpanProcessor(url=receiver.url), sampler=ALWAYS_OFF))
    run = tcc.run()
    run.step().prompt("p").response("r").end()
    run.prompt("p").end()

    assert tcc.stats() == {"sampled_out": 2}
    assert said(caplog, at_least=logging.INFO) == [
        "Something was not recorded, because the sampler of its tracer provider decided so."
    ]


def test_a_provider_that_records_but_does_not_sample(receiver, make_provider):
    """Spans that are recorded only for the host's own processors are not sent, and do not count as waiting."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url), sampler=RecordOnly())
    tcc.configure(tracer_provider=provider)
    record()

    assert (provider.force_flush(2000), receiver.spans(), tcc.stats()) == (True, [], {"sampled_out": 1})


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio", "parentbased_always_off"])
def test_samplers_in_the_environment_are_for_other_spans(monkeypatch, receiver, sampler):
    """With a pipeline of our own every run is recorded, whatever OTEL_TRACES_SAMPLER says."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.0")
    tcc.configure(url=receiver.url)
    record()

    deliver()
    assert len(receiver.spans()) == 1


@pytest.mark.parametrize("value", ["true", " TRUE "])
def test_opentelemetry_is_disabled(monkeypatch, receiver, caplog, value):
    """OTEL_SDK_DISABLED switches us off too: everything goes on, and is counted."""
    caplog.set_level(logging.INFO, "contextcompany")
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    tcc.configure(url=receiver.url)
    run = tcc.run()
    run.step().prompt("p").response("r").end()
    run.tool_call("search").end()
    assert run.feedback("thumbs_up") is False
    run.prompt("p").end()

    assert tcc.flush(5) == (0, 0, 0, {"disabled": 4})
    assert receiver.requests == []
    assert said(caplog, at_least=logging.INFO) == [
        "Something was not recorded, because OpenTelemetry is disabled in this process."
    ]


# --- inside other spans ----------------------------------------------------------------------------------------------


def test_a_run_inside_a_foreign_span(receiver, web):
    """The run is a root in a trace of its own, and links to the span around it."""
    tcc.configure(url=receiver.url)
    with web.start_as_current_span("GET /", kind=SpanKind.SERVER) as request:
        run = tcc.run("order-17")
        run.step().prompt("p").response("r").end()
        run.prompt("p").end()

    deliver()
    step, root = receiver.spans()
    assert (root.trace_id, root.span_id, root.parent_id) == (trace_id("order-17"), run_span_id("order-17"), "")
    assert (root.links, step.links) == ([(*ids(request), {})], [])
    assert (step.trace_id, step.parent_id) == (root.trace_id, root.span_id)


@pytest.mark.parametrize("by", ["configure", "environment"])
def test_join_traces(receiver, web, monkeypatch, by):
    """With `join_traces` the run is a child of the span around it, in that span's trace."""
    if by == "environment":
        monkeypatch.setenv("TCC_JOIN_TRACES", "1")
    tcc.configure(url=receiver.url, join_traces=True if by == "configure" else None)
    with web.start_as_current_span("GET /") as request:
        run = tcc.run("order-17")
        run.step().prompt("p").response("r").end()
        run.prompt("p").end()

    deliver()
    step, root = receiver.spans()
    assert ((root.trace_id, root.parent_id), root.span_id) == (ids(request), run_span_id("order-17"))
    assert (root.links, step.trace_id, step.parent_id) == ([], root.trace_id, root.span_id)


@pytest.mark.parametrize("join", [False, True])
def test_an_unsampled_request_around_a_run(receiver, join):
    """A proxy that does not sample the HTTP request has no say in whether the run is recorded."""
    tcc.configure(url=receiver.url, join_traces=join)
    unsampled = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(0)))
    token = attach(set_span_in_context(unsampled))
    record("order-17")
    detach(token)

    deliver()
    (root,) = receiver.spans()
    expected = ids(unsampled) if join else (trace_id("order-17"), "")
    assert (root.trace_id, root.parent_id) == expected


def test_an_unsampled_request_and_the_users_provider(receiver, make_provider):
    """Nor does it when runs are recorded through a provider whose sampler asks the parent."""
    tcc.configure(tracer_provider=make_provider(SimpleSpanProcessor(tcc.observatory_exporter(url=receiver.url))))
    token = attach(set_span_in_context(NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=True))))
    record("order-17")
    detach(token)

    assert [(span.trace_id, span.parent_id) for span in receiver.spans()] == [(trace_id("order-17"), "")]


def test_a_run_inside_a_run(receiver, web):
    """A sub-agent's run is a child of the run around it, with its own run id and session."""
    tcc.configure(url=receiver.url)
    outer = tcc.run("outer", session_id="s-1").prompt("p")
    with inside(outer):
        inner = tcc.run("inner", session_id="s-2").prompt("p")
        with inside(inner):
            tcc.step("inner").prompt("p").response("r").end()
        inner.end()
    outer.end()

    deliver()
    step, child, root = receiver.spans()
    assert (root.trace_id, root.span_id, root.parent_id) == (trace_id("outer"), run_span_id("outer"), "")
    assert (child.trace_id, child.span_id, child.parent_id) == (root.trace_id, run_span_id("inner"), root.span_id)
    assert (step.trace_id, step.parent_id) == (root.trace_id, child.span_id)
    assert (child.links, step.links) == ([], [])
    assert [(span.attributes["tcc.runId"], span.attributes.get("tcc.sessionId")) for span in receiver.spans()] == [
        ("inner", "s-2"),
        ("inner", "s-2"),
        ("outer", "s-1"),
    ]


def test_runs_in_parallel_threads(receiver, make_provider):
    """Each thread's run is current in that thread only, for our spans and for foreign ones."""
    tcc.configure(url=receiver.url)
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url))
    both = threading.Barrier(2, timeout=5)

    def work(name):
        run = tcc.run(name, session_id=f"session of {name}").prompt("p")
        with inside(run):
            both.wait()
            with provider.get_tracer("llm client").start_as_current_span("foreign"):
                both.wait()
                tcc.run(f"{name}'s helper").prompt("p").end()
        run.end()

    threads = [threading.Thread(target=copy_context().run, args=(work, name)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    provider.force_flush()
    deliver()
    assert sorted((s.name, s.attributes["tcc.runId"], s.trace_id) for s in receiver.spans()) == sorted(
        (name, run_id.format(thread), trace_id(thread))
        for thread in ("one", "two")
        for name, run_id in [("foreign", "{}"), ("invoke_agent", "{}"), ("invoke_agent", "{}'s helper")]
    )
    foreign = [span.attributes for span in receiver.spans() if span.name == "foreign"]
    assert {each["tcc.runId"]: each["tcc.sessionId"] for each in foreign} == {
        "one": "session of one",
        "two": "session of two",
    }


# --- destinations ----------------------------------------------------------------------------------------------------


def test_a_hundred_tenants_at_once(receiver):
    """Each of 100 concurrent runs goes to its own URL with its own key; threads and connections stay few."""
    tcc.configure(url=receiver.url)
    record()
    deliver()
    receiver.clear()

    with Receiver() as another:
        receivers = (receiver, another)

        async def work(tenant):
            url = receivers[tenant % 2].url
            run = tcc.run(f"run-{tenant}", api_key=f"key-{tenant}", tcc_url=f"{url}/tenant-{tenant}/v1/traces")
            with inside(run):
                await asyncio.sleep(0)
                tcc.step(f"run-{tenant}").prompt("p").response("r").end()
                await asyncio.sleep(0)
                record_everything(run)

        async def all_tenants():
            await asyncio.gather(*map(work, range(100)))

        asyncio.run(all_tenants())
        assert tcc.flush(20)[1:] == (0, 0, {})

        arrived = sorted(
            (item.attributes["tcc.runId"], url.url, item.path, item.headers["authorization"])
            for url in receivers
            for item in [*url.spans(), *url.logs()]
        )
        wait_until(lambda: sum(len(each._server._open) for each in receivers) <= 16)

    assert arrived == sorted(
        (f"run-{n}", receivers[n % 2].url, f"/tenant-{n}/v1/{signal}", f"Bearer key-{n}")
        for n in range(100)
        for signal in ["traces"] * 4 + ["logs"]
    )
    wait_until(lambda: len(our_threads()) <= 17)


def test_everything_in_a_run_follows_its_route(receiver):
    """Steps, tool calls and feedback of a run go where it goes, by object and by id."""
    tcc.configure(url=f"{receiver.url}/default/v1/traces")
    run = tcc.run("order-17", api_key="own", tcc_url=f"{receiver.url}/own/v1/traces").prompt("p")
    step = run.step().prompt("p").response("r")
    step.tool_call("search").end()
    step.end()
    tcc.step("order-17").prompt("p").response("r").end()
    tcc.tool_call("order-17", tool_name="search").end()
    tcc.submit_feedback("order-17", "thumbs_up")
    run.end()
    run.feedback(text="fine")

    deliver()
    went = [(item.path, item.headers.get("authorization")) for item in [*receiver.spans(), *receiver.logs()]]
    assert went == [("/own/v1/traces", "Bearer own")] * 5 + [("/own/v1/logs", "Bearer own")] * 2


def test_a_run_inside_a_run_follows_its_route(receiver):
    """A sub-agent's run goes where the run around it goes, unless it is given a key or URL of its own."""
    tcc.configure(url=f"{receiver.url}/default")
    run = tcc.run("outer", api_key="own", tcc_url=f"{receiver.url}/own").prompt("p")
    with inside(run):
        record("follows")
        record("does not", tcc_url=f"{receiver.url}/another")
    run.end()

    deliver()
    assert {span.attributes["tcc.runId"]: span.path for span in receiver.spans()} == {
        "follows": "/own",
        "does not": "/another",
        "outer": "/own",
    }


def test_a_step_with_a_route_of_its_own(receiver):
    """A step that is given a key goes there with what is in it; the rest of the run stays where it was."""
    tcc.configure(url=receiver.url, api_key="run's")
    run = tcc.run("order-17").prompt("p")
    step = tcc.step("order-17", api_key="step's").prompt("p").response("r")
    step.tool_call("search").end()
    step.end()
    tcc.tool_call("order-17", tool_name="other", api_key="call's").end()
    tcc.submit_feedback("order-17", "thumbs_up", api_key="feedback's")
    run.end()

    deliver()
    assert {span.name: span.headers["authorization"] for span in receiver.spans()} == {
        "execute_tool search": "Bearer step's",
        "chat": "Bearer step's",
        "execute_tool other": "Bearer call's",
        "invoke_agent": "Bearer run's",
    }
    assert [log.headers["authorization"] for log in receiver.logs()] == ["Bearer feedback's"]


@pytest.mark.parametrize("call", ["run", "step", "tool_call", "submit_feedback"])
@pytest.mark.parametrize(
    "wrong", [{"tcc_url": "nonsense"}, {"api_key": "line\nbreak"}, {"api_key": ["list"]}], ids=repr
)
def test_a_wrong_route_is_a_configuration_error(receiver, call, wrong):
    """A key or URL that cannot work raises where it is given, and names itself without its value."""
    tcc.configure(url=receiver.url)
    required = {"run": (), "submit_feedback": ("order-17", "thumbs_up")}.get(call, ("order-17",))

    with pytest.raises(tcc.ConfigurationError, match=next(iter(wrong))):
        getattr(tcc, call)(*required, **wrong)
    assert tcc.stats() == {}


# --- ObservatorySpanProcessor and observatory_exporter ---------------------------------------------------------------


GENAI = (
    {"gen_ai.operation.name": "chat"},
    {"openinference.span.kind": "LLM"},
    {"llm.model_name": "gpt-4o"},
    {"traceloop.span.kind": "tool"},
    {"ai.operationId": "ai.generateText"},
    {"langfuse.observation.type": "generation"},
    {"mlflow.spanType": "LLM"},
    {"tcc.runId": "r"},
)
OTHER = ({}, {"http.request.method": "GET"}, {"db.system.name": "postgresql"}, {"airline": "LH"}, {"llms": 1})


@pytest.mark.parametrize("attributes", GENAI, ids=lambda each: next(iter(each)))
def test_the_processor_takes_genai_spans(receiver, make_provider, attributes):
    """Spans in any GenAI convention are taken, wherever in a trace they are."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url))
    with provider.get_tracer("host").start_as_current_span("GET /"):
        provider.get_tracer("host").start_span("taken", attributes=attributes).end()

    assert provider.force_flush()
    assert [(span.name, span.attributes) for span in receiver.spans()] == [("taken", attributes)]


@pytest.mark.parametrize("all_spans", [False, True])
def test_the_processor_leaves_other_spans_alone(receiver, make_provider, all_spans):
    """HTTP, SQL and other spans are the host's business, unless `all_spans` is set."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url, all_spans=all_spans))
    for attributes in OTHER:
        provider.get_tracer("host").start_span("other", attributes=attributes).end()

    assert provider.force_flush()
    assert [span.attributes for span in receiver.spans()] == (list(OTHER) if all_spans else [])


def test_foreign_spans_inside_a_run(receiver, make_provider):
    """Whatever happens inside a run is part of it: foreign spans carry its ids and nest under its span."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=f"{receiver.url}/host"))
    tcc.configure(url=receiver.url)
    run = tcc.run("order-17", "s-1", user_id="u-1", api_key="own", tcc_url=f"{receiver.url}/own").prompt("p")
    step = run.step().prompt("p").response("r")
    with inside(step), provider.get_tracer("http client").start_as_current_span("POST", attributes={"a": 1}):
        pass
    step.end()
    run.end()
    provider.get_tracer("http client").start_span("not in a run").end()

    assert provider.force_flush()
    deliver()
    foreign, ours, root = receiver.spans()
    assert foreign.attributes == {
        "a": 1,
        "tcc.runId": "order-17",
        "tcc.sessionId": "s-1",
        "gen_ai.conversation.id": "s-1",
        "user.id": "u-1",
        "tcc.userId": "u-1",
    }
    assert (foreign.trace_id, foreign.parent_id) == (root.trace_id, ours.span_id)
    assert {(span.path, span.headers["authorization"]) for span in receiver.spans()} == {("/own", "Bearer own")}


def test_runs_through_a_provider_with_the_processor(receiver, make_provider):
    """Together with `tracer_provider`, each span of ours is sent once."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url, api_key="k"))
    tcc.configure(tracer_provider=provider)
    record("order-17")

    assert provider.force_flush()
    assert [(span.trace_id, span.headers["authorization"]) for span in receiver.spans()] == [
        (trace_id("order-17"), "Bearer k")
    ]


def test_the_processor_takes_settings_from_the_environment(receiver, make_provider, monkeypatch):
    """Without arguments it sends where runs go."""
    monkeypatch.setenv("TCC_URL", f"{receiver.url}/here")
    monkeypatch.setenv("TCC_API_KEY", "k")
    provider = make_provider(tcc.ObservatorySpanProcessor())
    provider.get_tracer("host").start_span("taken", attributes=GENAI[0]).end()

    assert provider.force_flush()
    assert [(span.path, span.headers["authorization"]) for span in receiver.spans()] == [("/here", "Bearer k")]


def test_shutting_the_provider_down_sends_and_stops(receiver, make_provider):
    """The processor's threads end with the provider, after they have sent what waited."""
    before = our_threads()
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url))
    provider.get_tracer("host").start_span("taken", attributes=GENAI[0]).end()
    provider.shutdown()

    assert len(receiver.spans()) == 1
    wait_until(lambda: len(our_threads()) <= len(before))  # threads of the test before may just be ending


def test_the_exporter_is_opentelemetrys_own(receiver, make_provider, monkeypatch, tmp_path):
    """It is a stock exporter with our key; headers meant for another back end and `.netrc` stay out of it."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer other,x-other=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-traces=secret")
    exporter = tcc.observatory_exporter("k", f"{receiver.url}/v1/custom")
    provider = make_provider(BatchSpanProcessor(exporter))
    provider.get_tracer("host").start_span("GET /").end()

    provider.force_flush()
    (request,) = receiver.requests
    usual = {"host", "content-length", "accept", "accept-encoding", "connection", "content-type", "user-agent"}
    ours = {name: value for name, value in request.headers.items() if name not in usual}
    assert (type(exporter), request.path, ours) == (OTLPSpanExporter, "/v1/traces", {"authorization": "Bearer k"})


def test_nothing_leaks_without_a_key(receiver, monkeypatch, tmp_path):
    """Without a key of ours no other key is sent in its place, with spans or with feedback."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer other")
    tcc.configure(url=receiver.url)
    record().feedback("thumbs_up")

    deliver()
    assert [request.headers.get("authorization") for request in receiver.requests] == [None, None]


def test_opentelemetrys_own_destination(receiver, monkeypatch):
    """Where OTEL_EXPORTER_OTLP_ENDPOINT decides, its headers and compression apply, to spans and to feedback."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer theirs,x-tenant=t")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    record().feedback("thumbs_up")

    deliver()
    assert (len(receiver.spans()), len(receiver.logs())) == (1, 1)
    assert {
        r.path: (r.headers["authorization"], r.headers["x-tenant"], r.headers["content-encoding"])
        for r in receiver.requests
    } == dict.fromkeys(("/v1/traces", "/v1/logs"), ("Bearer theirs", "t", "gzip"))


def test_our_own_requests_are_not_traced(receiver, monkeypatch):
    """Instrumentation of HTTP clients is told to look away while we send; else each request would make more spans."""
    suppressed = []
    connect = socket.socket.connect

    def spy(self, address):
        if threading.current_thread().name == "contextcompany-sender":
            suppressed.append(get_value(_SUPPRESS_INSTRUMENTATION_KEY))
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", spy)
    tcc.configure(url=receiver.url)
    record().feedback("thumbs_up")

    deliver()
    assert suppressed == [True, True]


@pytest.mark.parametrize("bad", ["name", "event", "status"])
def test_a_foreign_span_with_a_value_that_cannot_be_encoded(receiver, make_provider, caplog, bad):
    """A lone surrogate in a span of somebody else's costs itself; it is counted."""
    provider = make_provider(tcc.ObservatorySpanProcessor(url=receiver.url))
    tcc.configure(tracer_provider=provider)
    record("before")
    span = provider.get_tracer("host").start_span("\ud800" if bad == "name" else "bad", attributes=GENAI[0])
    if bad == "event":
        span.add_event("\ud800")
    if bad == "status":
        span.set_status(trace.StatusCode.ERROR, "\ud800")
    span.end()
    record("after")

    assert provider.force_flush()
    before, span, after = receiver.spans()
    assert (before.attributes["tcc.runId"], after.attributes["tcc.runId"]) == ("before", "after")
    assert "\ufffd" in {"name": span.name, "event": str(span.events), "status": span.status[1]}[bad]
    assert tcc.stats() == {"bad_value": 1}
    assert said(caplog) == ["A value that OTLP cannot carry was replaced; all else is sent."]


def test_large_spans(receiver):
    """What would be too large for one request is sent in several, and not dropped as a whole."""
    tcc.configure(url=receiver.url)
    for _ in range(30):
        tcc.run().prompt("x" * 500_000).end()
    tcc.configure(max_value_size=2**23, max_span_size=2**23)
    tcc.run().prompt("x" * 5_000_000).end()

    assert tcc.flush(20) == (31, 0, 0, {})
    assert max(len(request.raw) for request in receiver.requests) < 5_100_000
    assert len(receiver.requests) < 10


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variable",
    [
        "OTEL_BSP_MAX_QUEUE_SIZE=100",
        "OTEL_BSP_MAX_QUEUE_SIZE=2k",
        "OTEL_BSP_SCHEDULE_DELAY=soon",
        "OTEL_BLRP_MAX_QUEUE_SIZE=100",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=abc",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_ATTRIBUTE_COUNT_LIMIT=1",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=10KB",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=1",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=-5",
        "OTEL_RESOURCE_ATTRIBUTES=junk",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=nowhere",
        "OTEL_EXPORTER_OTLP_TIMEOUT=x",
        "OTEL_EXPORTER_OTLP_COMPRESSION=brotli",
        "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        "OTEL_TRACES_SAMPLER=nonsense",
        "OTEL_TRACES_EXPORTER=none",
        "OTEL_PROPAGATORS=nonsense",
    ],
)
@pytest.mark.parametrize("destination", ["TCC_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_opentelemetry_variables_do_not_stop_us(receiver, monkeypatch, variable, destination):
    """Malformed or narrow settings of the OpenTelemetry SDK neither stop the program nor cut what we record."""
    monkeypatch.setenv(*variable.split("="))
    monkeypatch.setenv(destination, receiver.url)
    record("order-17").feedback("thumbs_up", text="fine")

    assert tcc.flush(5) == (2, 0, 0, {})
    assert receiver.spans()[0].attributes["tcc.runId"] == "order-17"
    assert receiver.logs()[0].attributes == {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.label": "thumbs_up",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.explanation": "fine",
        "tcc.runId": "order-17",
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TCC_URL", "nonsense"),
        ("TCC_URL", "http://observatory.example"),
        ("TCC_CONSOLE", "maybe"),
        ("TCC_RUN_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
    ],
)
def test_wrong_variables_stop_recording_not_the_program(receiver, monkeypatch, caplog, variable, value):
    """A wrong variable is said once, by name and without the key; runs go on and are counted."""
    monkeypatch.setenv(variable, value)
    if variable != "OTEL_EXPORTER_OTLP_ENDPOINT":
        monkeypatch.setenv("TCC_API_KEY", "tcc_SECRET")
    for _ in range(2):
        run = tcc.run()
        run.step().prompt("p").response("r").end()
        assert run.feedback("thumbs_up") is False
        run.prompt("p").end()

    assert tcc.flush(5) == (0, 0, 0, {"misconfigured": 6})
    (line,) = said(caplog)
    assert line.startswith("contextcompany records nothing: ")
    assert variable in line
    assert "SECRET" not in line


def test_configuring_mends_a_wrong_variable(receiver, monkeypatch):
    """An argument wins over a wrong variable, also after runs were lost to it."""
    monkeypatch.setenv("TCC_URL", "nonsense")
    record("lost")
    tcc.configure(url=receiver.url)
    record("kept")

    assert tcc.flush(5) == (1, 0, 0, {"misconfigured": 1})
    assert [span.attributes["tcc.runId"] for span in receiver.spans()] == ["kept"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nonsense"},
        {"url": "http://observatory.example"},
        {"feedback_url": 7},
        {"api_key": "line\nbreak"},
        {"headers": {"not a name": "x"}},
        {"run_timeout": -1},
        {"run_timeout": "soon"},
        {"console": "maybe"},
        {"tracer_provider": "otel"},
        {"service_name": 7},
    ],
    ids=repr,
)
def test_wrong_configuration_changes_nothing(receiver, wrong):
    """`configure()` names the wrong setting, and everything goes on as it was configured before."""
    tcc.configure(url=receiver.url, api_key="k", service_name="shop")
    with pytest.raises(tcc.ConfigurationError, match=next(iter(wrong))):
        tcc.configure(**{"api_key": "new", "service_name": "new", **wrong})
    record()
    tcc.configure()
    record()

    deliver()
    assert [(s.headers["authorization"], s.resource["service.name"]) for s in receiver.spans()] == [
        ("Bearer k", "shop")
    ] * 2


def test_wrong_configuration_starts_nothing():
    """When the first configuration is wrong, no thread is left behind."""
    before = our_threads()
    with pytest.raises(tcc.ConfigurationError):
        tcc.configure(url="nonsense")

    assert our_threads() == before


def test_configurations_are_merged(receiver):
    """What is given wins, what is not given stays; threads are not multiplied."""
    tcc.configure(url=receiver.url, headers={"X-Tenant": "t"})
    tcc.configure(api_key="k")
    tcc.configure(service_name="shop")
    record()

    deliver()
    (span,) = receiver.spans()
    assert (span.headers["authorization"], span.headers["x-tenant"]) == ("Bearer k", "t")
    assert span.resource["service.name"] == "shop"
    wait_until(lambda: our_threads().count("contextcompany-writer") == 1)  # the one before may just be ending


def test_a_new_destination_while_runs_are_open(receiver):
    """Open runs follow the new destination, unless they have one of their own."""
    tcc.configure(url=f"{receiver.url}/old")
    run = tcc.run("follows").prompt("p")
    own = tcc.run("stays", tcc_url=f"{receiver.url}/own").prompt("p")
    tcc.configure(url=f"{receiver.url}/new")
    for each in (run, own):
        each.step().prompt("p").response("r").end()
        each.end()

    deliver()
    assert sorted((span.attributes["tcc.runId"], span.name, span.path) for span in receiver.spans()) == [
        ("follows", "chat", "/new"),
        ("follows", "invoke_agent", "/new"),
        ("stays", "chat", "/own"),
        ("stays", "invoke_agent", "/own"),
    ]


# --- flush and shutdown ----------------------------------------------------------------------------------------------


def test_flush_reports(receiver):
    """The report counts what was delivered, what waits and what was lost, for spans and events together."""
    tcc.configure(url=receiver.url)
    assert tcc.flush() == tcc.FlushReport(delivered=0, waiting=0, dead=0, dropped={})

    run = tcc.run().prompt("p")
    run.step().prompt("p").response("r").end()
    run.feedback("thumbs_up")
    assert tcc.flush() == (2, 0, 0, {})

    receiver.answer(503)
    run.end()
    assert tcc.flush(0.3) == (2, 1, 0, {})
    receiver.answer(200)
    assert tcc.flush() == (3, 0, 0, {})
    assert tcc.stats() == {}


def test_what_is_refused(receiver):
    """A span that the receiver never takes is put aside, counted, and stood for by a small one under the same ids."""
    tcc.configure(url=receiver.url)
    record()
    assert tcc.flush().delivered == 1
    receiver.answer(400, times=1)
    run = tcc.run("bad").prompt("p" * 1000)
    run.end()

    assert tcc.flush() == (1, 0, 1, {"dead": 1})
    span = receiver.spans()[-1]
    assert (span.name, span.span_id) == ("invoke_agent", format(run.span.get_span_context().span_id, "016x"))
    assert span.attributes["tcc.runId"] == "bad"
    assert "400" in span.attributes["tcc.undeliverable_reason"]
    assert span.attributes["tcc.undeliverable_size"] > 1000
    assert not any("messages" in key for key in span.attributes)


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_redirects_are_failures(receiver, caplog, status):
    """A redirect, say from http to https, is not followed and said; what was sent there waits."""
    tcc.configure(url=receiver.url)
    receiver.answer(status, headers={"location": f"{receiver.url}/elsewhere"})
    record()

    assert tcc.flush() == (0, 1, 0, {})
    assert len(receiver.requests) == 1
    assert str(status) in caplog.text
    receiver.answer(200)
    assert tcc.flush() == (1, 0, 0, {})


def test_flush_without_anything():
    """Flushing before anything was configured or recorded starts nothing."""
    before = our_threads()

    assert (tcc.flush(), tcc.shutdown(), our_threads()) == ((0, 0, 0, {}), (0, 0, 0, {}), before)


def test_faster_than_it_can_be_sent(receiver):
    """Nothing is dropped while the receiver is slow."""
    tcc.configure(url=receiver.url)
    receiver.answer(delay=0.2, times=1)
    for _ in range(3000):
        record()

    assert tcc.flush(20) == (3000, 0, 0, {})
    assert len({span.span_id for span in receiver.spans()}) == 3000


def test_flush_returns_in_time(nobody):
    """A receiver that hangs holds `flush()` and `shutdown()` for their timeout, not for its own."""
    printed = run_program(
        """
        import os, socket, time
        import contextcompany as tcc
        hanging = socket.create_server(("127.0.0.1", 0))
        tcc.configure(url="http://127.0.0.1:%d" % hanging.getsockname()[1])
        tcc.run().prompt("p").end()
        for call in (tcc.flush, tcc.flush, tcc.shutdown):
            before = time.monotonic()
            report = call(0.2)
            print(report.waiting, time.monotonic() - before < 1.5)
        os._exit(0)
        """
    )

    assert printed.out.split() == ["1", "True"] * 3


def test_recording_after_shutdown(receiver):
    """Shutdown sends what waits and ends the threads; the next run starts again, with the same settings."""
    before = our_threads()
    tcc.configure(url=receiver.url)
    record("first")
    assert tcc.shutdown() == (1, 0, 0, {})
    assert [span.attributes["tcc.runId"] for span in receiver.spans()] == ["first"]
    wait_until(lambda: len(our_threads()) <= len(before))  # threads of the test before may just be ending

    record("second")
    assert tcc.flush() == (1, 0, 0, {})
    assert [span.attributes["tcc.runId"] for span in receiver.spans()] == ["first", "second"]


def test_runs_that_are_open_at_shutdown(receiver):
    """Shutdown ends open runs, and steps of runs elsewhere, and says so on their spans; what comes later is counted."""
    tcc.configure(url=receiver.url)
    run, step = tcc.run("order-17").prompt("p"), tcc.step("elsewhere").prompt("p").response("r")
    assert tcc.shutdown() == (2, 0, 0, {})
    run.end()
    step.end()

    ended = {(span.name, span.status[0], span.attributes["tcc.incomplete_reason"]) for span in receiver.spans()}
    assert ended == {("invoke_agent", "ERROR", "shutdown"), ("chat", "ERROR", "shutdown")}
    assert tcc.stats() == {"late": 2}


def test_nothing_configured_and_nobody_listening(nobody, caplog):
    """Without a destination one warning says what to do; what is recorded waits for an Observatory."""
    before = time.monotonic()
    for _ in range(2):
        record().feedback("thumbs_up")
        report = tcc.flush()

    assert (report, time.monotonic() - before < 2) == ((0, 4, 0, {}), True)
    (line,) = said(caplog)
    assert nobody in line
    assert "TCC_URL" in line


# --- the end of the process ------------------------------------------------------------------------------------------


ENDING = """
    import sys, time
    import contextcompany as tcc
    from contextcompany import _settings
    _settings.LOCAL_URL = "{nobody}"
    if sys.argv[1:]:
        tcc.configure(shutdown_timeout=float(sys.argv[1]))
    run = tcc.run("order-17").prompt("p")
    run.step().prompt("p").response("r").end()
    run.feedback("thumbs_up")
    run.end()
    {ending}
"""


def ended(program):
    """How long the program still ran after its last statement, and what it wrote."""
    started = float(program.stdout.readline())
    printed = finish(program, 30)
    return time.time() - started, printed


def test_processes_end_well(receiver, nobody):
    """At the end of a program what waits is sent; a receiver that is down or hangs holds it for a bounded time."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        urls = {
            "up": (receiver.url, "20"),
            "down": (nobody, "0.5"),
            "hanging": (f"http://127.0.0.1:{hanging.getsockname()[1]}", "0.5"),
            "not configured": ("", "20"),
        }
        source = ENDING.format(nobody=nobody, ending="print(time.time(), flush=True)")
        programs = [start_program(source, timeout, TCC_URL=url) for url, timeout in urls.values()]
        with ThreadPoolExecutor() as waiting:
            endings = dict(zip(urls, waiting.map(ended, programs), strict=True))

    assert {name: took < 5 for name, (took, _) in endings.items()} == dict.fromkeys(urls, True)
    assert sorted(span.name for span in receiver.spans()) == ["chat", "invoke_agent"]
    assert len(receiver.logs()) == 1
    assert endings["up"][1] == Printed("", "")
    assert "nothing listens there" in endings["down"][1].err
    assert "3 spans or events could not be sent before the end" in endings["hanging"][1].err
    assert "Nothing listens" in endings["not configured"][1].err


@pytest.mark.parametrize(
    ("ending", "left_open"),
    [
        ("sys.exit(0)", 0),
        ("import atexit; atexit.register(tcc.flush)", 0),
        ("tcc.shutdown()", 0),
        ("left_open = tcc.run()", 1),
        ("tcc.shutdown(); left_open = tcc.run()", 1),
    ],
)
def test_ways_to_end(receiver, nobody, ending, left_open):
    """What was recorded arrives once, however the program ends and whoever flushes at exit; so do runs left open."""
    run_program(ENDING.format(nobody=nobody, ending=ending), "20", TCC_URL=receiver.url)

    assert sorted(span.name for span in receiver.spans()) == ["chat"] + ["invoke_agent"] * (1 + left_open)
    reasons = [span.attributes.get("tcc.incomplete_reason") for span in receiver.spans()]
    assert [reason for reason in reasons if reason] == ["shutdown"] * left_open


FORKING = """
    import os
    import contextcompany as tcc

    def record(quantity):
        for _ in range(quantity):
            tcc.run().prompt("p" * 20_000).end()
        report = tcc.flush(20)
        assert report.waiting == 0 and not report.dropped, report
        return report.delivered

    assert record(1) == 1
    tcc.run().prompt("queued in the parent").end()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                assert record(20) == 20
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert record(20) == 22
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_forked_workers(receiver):
    """Workers forked from a process that has sent already use connections of their own and count for themselves."""
    run_program(FORKING, TCC_URL=receiver.url)

    run_ids = [span.attributes["tcc.runId"] for span in receiver.spans()]
    assert (len(run_ids), len(set(run_ids))) == (82, 82)
    assert {str(uuid.UUID(run_id)) for run_id in run_ids} == set(run_ids)


def test_the_processor_and_exporter_go_where_runs_go(receiver):
    """Without arguments they use what configure() was given, as runs do."""
    tcc.configure(api_key="key-1", url=receiver.url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(tcc.observatory_exporter()))

    provider.get_tracer("client").start_span("chat", attributes={"gen_ai.operation.name": "chat"}).end()
    provider.shutdown()

    assert [span.headers["authorization"] for span in receiver.spans()] == ["Bearer key-1"] * 2
