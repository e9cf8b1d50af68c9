"""One trace through an HTTP client, a FastAPI service and a Celery worker that others instrumented."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

import contextcompany
from node import PROGRAMS
from results import note
from software import free_port, running, wait_until
from test_javascript import SDKS

pytestmark = pytest.mark.interoperation

CONTRIB = "0.66b2"
REQUIREMENTS = (
    *("fastapi==0.165.0", "uvicorn==0.54.0", "httpx==0.28.1", "celery==5.7.0"),
    *(f"opentelemetry-instrumentation-{each}=={CONTRIB}" for each in ("fastapi", "httpx", "celery")),
    *("opentelemetry-exporter-otlp-proto-http==1.45.2", "genai-prices", "orjson", "requests"),
)

OURS = {
    "invoke_agent planner": None,
    "execute_tool find_sights": "POST /plan",
    "invoke_agent guide": "POST /plan",
    "chat gpt-4o-mini": "invoke_agent guide",
    "invoke_agent writer": "run/shop.write",
    "chat gpt-4o": "invoke_agent writer",
}
"""Each span of ours, and its parent."""

THEIRS = {
    "POST": "invoke_agent planner",
    "POST /plan": "POST",
    "apply_async/shop.write": "invoke_agent guide",
    "run/shop.write": "apply_async/shop.write",
}

TREE = """\
run planner
  tool_call find_sights
  run guide
    step gpt-4o-mini
  run writer
    step gpt-4o"""

TREE_WITH_CLIENTS = """\
run planner
  other POST
  tool_call find_sights
  run guide
    step gpt-4o-mini
    other apply_async/shop.write
  run writer
    step gpt-4o"""

TREE_IN_JAVASCRIPT = """\
run caller
  run guide
    step gpt-4o-mini
  run writer
    step gpt-4o"""


@pytest.fixture
def shop(environment, observatory, receiver, tmp_path):
    """Has a day planned; what the host's pipeline exported, by name, when all processes have ended."""
    program = environment(*REQUIREMENTS)
    source = tmp_path / "source"
    source.mkdir()
    (source / "contextcompany").symlink_to(Path(contextcompany.__file__).parent)

    def plan(client=None, **environ):
        broker = tmp_path / "broker"
        broker.mkdir()
        url = f"http://127.0.0.1:{free_port()}"
        environ |= {"BROKER": str(broker), "SERVICE_URL": url, "HOST_URL": f"{receiver.url}/v1/traces"}
        environ |= {"TCC_URL": observatory.url, "PYTHONPATH": os.pathsep.join([str(source), str(PROGRAMS)])}
        command = [program.path("python"), PROGRAMS / "shop.py"]
        service = running([*command, "service"], f"{url}/ready", tmp_path / "service", environ)
        with working(program, tmp_path / "worker", environ), service:
            if client is None:
                subprocess.run([*command, "client"], env=os.environ | environ, check=True, timeout=120)
            else:
                client(environ)
            wait_until(lambda: any(span.name == "run/shop.write" for span in receiver.spans()))
        return {span.name: span for span in receiver.spans()}

    return plan


@contextmanager
def working(program, directory, environ):
    """Celery's worker, whose process is another after each task; it ends with the block, and must have said nothing."""
    directory.mkdir()
    options = ["-P", "prefork", "-c", "1", "--max-tasks-per-child", "1", "-l", "error"]
    with (directory / "log.txt").open("wb") as log:
        worker = subprocess.Popen(
            [program.path("python"), "-W", "ignore", "-m", "celery", "-A", "shop", "worker", *options],
            cwd=directory,
            env=os.environ | environ,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
    assert "Traceback" not in (directory / "log.txt").read_text()


def parents(ours, theirs):
    """The name of each span's parent, wherever it was sent."""
    names = {span["spanId"]: name for name, span in ours.items()} | {
        span.span_id: name for name, span in theirs.items()
    }
    above = {name: span.get("parentSpanId") for name, span in ours.items()}
    above |= {name: span.parent_id for name, span in theirs.items()}
    return {name: names.get(parent, parent) or None for name, parent in above.items()}


@pytest.mark.parametrize("tenant", ["", "acme"])
@pytest.mark.parametrize("pipeline", ["own", "shared"])
def test_a_run_that_goes_through_services(shop, observatory, receiver, pipeline, tenant):
    """Every span once, in one trace, below what called it; the runs in one session, whatever baggage there is."""
    theirs = shop(PIPELINE=pipeline, CALLER="ours", TENANT=tenant)
    (run,) = observatory.runs(1)
    ours = observatory.sent(run["trace_id"])

    assert parents(ours, theirs) == OURS | THEIRS
    assert {span.trace_id for span in theirs.values()} == {run["trace_id"]}
    assert len(receiver.spans()) == len(theirs) == len(THEIRS if pipeline == "own" else OURS | THEIRS)
    assert ours.keys() - THEIRS.keys() == OURS.keys()
    assert observatory.tree(run["trace_id"]) == (TREE if pipeline == "own" else TREE_WITH_CLIENTS)
    facts = observatory.facts(run["trace_id"], "run") + observatory.facts(run["trace_id"], "step")
    assert {fact["session_id"] for fact in facts} == {"session-1"}
    assert (run["state"], run["steps"], run["input_tokens"], run["output_tokens"]) == ("ok", 2, 30, 12)
    note(
        "FastAPI, httpx and Celery with OpenTelemetry's instrumentation, and runs in all of them",
        {},
        f"With {', '.join(' '.join(each.split('==')) for each in REQUIREMENTS if '==' in each)}.",
        "A run whose request is answered by a service that has a worker do the rest is one trace: each span is there "
        "once, below the span that called it, ours in the Observatory and theirs where they send them. All runs have "
        "the session of the first.",
        "With a pipeline of our own, and with `tracer_provider=`; then the host has all spans.",
        "Nothing is lost when the worker's process ends after its task, as `tcc.flush()` is called in Celery's signal "
        "`worker_process_shutdown`; and nothing of ours when uvicorn ends by SIGTERM.",
        "An instrumented client writes OpenTelemetry's baggage over ours: the ids come in `tcc-baggage`.",
        "A request that is not of a run: with `join_traces` the run is below the server's span, in its trace. Without, "
        "it is a trace of its own that links to it, and what others record inside of the run is in that trace too.",
        "A run below a server's span, which the Observatory has not, hangs below the run that began the trace.",
    )


@pytest.mark.parametrize("pipeline", ["own", "shared"])
def test_a_request_of_a_program_without_runs(shop, observatory, pipeline):
    """With `join_traces`, the run of the service is below its server's span, and the worker's below that."""
    theirs = shop(PIPELINE=pipeline, CALLER="other", TENANT="acme", TCC_JOIN_TRACES="1")
    (run,) = observatory.runs(1)
    ours = observatory.sent(run["trace_id"])

    of_planner = ("invoke_agent planner", "execute_tool find_sights")
    expected = {name: parent for name, parent in (OURS | THEIRS).items() if name not in of_planner}
    assert parents(ours, theirs) == expected | {"POST": None}
    assert {span.trace_id for span in theirs.values()} == {run["trace_id"]}
    assert (run["name"], run["state"], run["steps"]) == ("guide", "ok", 2)


def test_a_request_of_a_program_without_runs_by_default(shop, observatory):
    """The run of the service is a root with a link to its server's span; what it calls is in its trace."""
    theirs = shop(PIPELINE="own", CALLER="other", TENANT="")
    (run,) = observatory.runs(1)
    ours = observatory.sent(run["trace_id"])

    (link,) = ours["invoke_agent guide"]["links"]
    server = theirs["POST /plan"]
    assert (link["traceId"], link["spanId"]) == (server.trace_id, server.span_id)
    assert theirs["POST"].trace_id == server.trace_id != run["trace_id"]
    assert theirs["run/shop.write"].trace_id == theirs["apply_async/shop.write"].trace_id == run["trace_id"]
    above = parents(ours, theirs)
    assert (above["invoke_agent guide"], above["invoke_agent writer"]) == (None, "run/shop.write")


def test_a_request_of_an_agent_in_javascript(shop, observatory, packages):
    """Its run is around those of the service and the worker: OpenTelemetry's headers and `join_traces` are enough."""
    node = packages(*SDKS["3"])
    exporting = {"OTEL_EXPORTER_OTLP_ENDPOINT": observatory.url, "OTEL_METRICS_EXPORTER": "none"}
    theirs = shop(
        lambda environ: node.run("caller", SERVICE_URL=environ["SERVICE_URL"], **exporting),
        PIPELINE="own",
        CALLER="other",
        TENANT="",
        TCC_JOIN_TRACES="1",
    )
    (run,) = observatory.runs(1)

    assert theirs["POST /plan"].trace_id == run["trace_id"]
    assert observatory.tree(run["trace_id"]) == TREE_IN_JAVASCRIPT
    assert (run["name"], run["state"], run["session_id"], run["steps"]) == ("caller", "ok", "session-1", 2)
    note(
        "An agent in JavaScript that calls FastAPI and Celery, with runs in both",
        {},
        f"With {node}, and the service of the part on FastAPI, httpx and Celery.",
        "With `join_traces`, the agent and the runs of service and worker are one trace, the runs inside of the agent.",
        "Their session is not the agent's: `traceparent` alone does not carry it.",
    )
