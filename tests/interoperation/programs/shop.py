"""A shop of three processes, each instrumented by its owner with OpenTelemetry, and its agents by us.

    python shop.py client        asks the service to plan a day
    python shop.py service       a FastAPI service, which has a Celery worker write it down
    celery -A shop worker        the worker

`PIPELINE` says who records our spans: `own`, a pipeline beside the host's, or `shared`, the host's own provider.
`CALLER` is `ours` when the client has a run, of which it tells the service. `TENANT` is in its OpenTelemetry baggage.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from fastapi import FastAPI, Request
from opentelemetry import baggage, trace
from opentelemetry.context import attach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import contextcompany as tcc


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """After it uvicorn ends by the signal that it got, and nothing comes after."""
    yield
    trace.get_tracer_provider().force_flush()


service = FastAPI(lifespan=lifespan)
app = Celery("shop", broker="filesystem://", backend="file://" + os.environ["BROKER"])
FOLDERS = ("data_folder_in", "data_folder_out", "control_folder")
app.conf.update(broker_transport_options=dict.fromkeys(FOLDERS, os.environ["BROKER"]))


def set_up(name: str) -> TracerProvider:
    """The host's pipeline, which exports to where its owner looks; and ours."""
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(os.environ["HOST_URL"])))
    trace.set_tracer_provider(provider)
    if os.environ["PIPELINE"] == "shared":
        tcc.configure(tracer_provider=provider)
        provider.add_span_processor(tcc.ObservatorySpanProcessor())
    HTTPXClientInstrumentor().instrument()
    CeleryInstrumentor().instrument()
    return provider


# --- the client ------------------------------------------------------------------------------------------------------


def ask(headers: dict[str, str]) -> None:
    """Have a day planned, and wait until it is written down."""
    reply = httpx.post(os.environ["SERVICE_URL"] + "/plan", headers=headers, timeout=60)
    app.AsyncResult(reply.raise_for_status().json()["task"]).get(timeout=60)


def client() -> None:
    """Once, in a run or in none."""
    if tenant := os.environ.get("TENANT"):
        attach(baggage.set_baggage("tenant", tenant))
    if os.environ["CALLER"] != "ours":
        ask({})
        return
    with tcc.run(agent="planner", session_id="session-1") as r:
        r.prompt("Plan a day in London.")
        ask(tcc.inject({}))
        r.response("It is planned.")


# --- the service -----------------------------------------------------------------------------------------------------


@service.post("/plan")
def plan(request: Request) -> dict[str, str]:
    """A tool call for the caller's run if there is one, a run below it, and a task from inside of that."""
    with tcc.extract(request.headers) as run_id:
        if run_id is not None:
            with tcc.tool_call(tool_name="find_sights") as t:
                t.args({"city": "London"}).result(["Tower Bridge"])
        with tcc.run(agent="guide") as r:
            r.prompt("Which sights?")
            with r.step(model="gpt-4o-mini") as s:
                s.prompt("Which sights?").response("Tower Bridge.").tokens(uncached=10, completion=5)
            task = write.apply_async(("Tower Bridge",), headers=tcc.inject({}))
            r.response("Tower Bridge.")
    return {"task": task.id}


# --- the worker ------------------------------------------------------------------------------------------------------


@app.task(bind=True)
def write(self, sight: str) -> None:
    """A run in the run that asked for it."""
    with tcc.extract(self.request.headers), tcc.run(agent="writer") as r:
        r.prompt(f"Describe {sight}.")
        with r.step(model="gpt-4o") as s:
            s.prompt(f"Describe {sight}.").response("A bridge.").tokens(uncached=20, completion=7)
        r.response("A bridge.")


@worker_process_init.connect
def begin(**_: object) -> None:
    """Celery's processes are forked: each has a pipeline of its own."""
    provider = set_up("worker")
    worker_process_shutdown.connect(lambda **_: (tcc.flush(5), provider.force_flush()), weak=False)


if __name__ == "__main__":
    provider = set_up(sys.argv[1])
    if sys.argv[1] == "client":
        client()
        provider.shutdown()
    else:
        FastAPIInstrumentor.instrument_app(service, excluded_urls="ready", exclude_spans=["send", "receive"])
        uvicorn.run(service, port=int(os.environ["SERVICE_URL"].rpartition(":")[2]), log_level="warning")
