"""MLflow as a back end, asked by its own client."""

import json

import pytest

from recorded import ANSWER, FACTS, MANY, QUESTION, TRACE_ID
from results import note
from software import free_port, running

pytestmark = pytest.mark.interoperation

VERSION = "3.17.2"

TRACES = """
import json, mlflow
mlflow.set_tracking_uri({url!r})
traces = mlflow.search_traces(locations=["0"], return_type="list")
print(json.dumps({{
    trace.info.trace_id: {{
        "about": trace.info.trace_metadata,
        "spans": [
            {{
                "name": span.name,
                "id": span.span_id,
                "parent": span.parent_id,
                "type": span.span_type,
                "status": [span.status.status_code.value, span.status.description],
                "inputs": span.inputs,
                "outputs": span.outputs,
                "attributes": {{name: value for name, value in span.attributes.items() if name.startswith("mlflow.")}},
                "exceptions": [event.attributes["exception.message"] for event in span.events],
            }}
            for span in trace.data.spans
        ],
    }}
    for trace in traces
}}))
"""

COUNT = """
import mlflow
mlflow.set_tracking_uri({url!r})
traces = mlflow.search_traces(locations=[{experiment!r}], return_type="list", max_results=500)
print(sum(len(trace.data.spans) for trace in traces))
"""

UNDERSTOOD = {
    "mlflow.traceRequestId",
    "mlflow.spanType",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.chat.tokenUsage",
    "mlflow.chat.tools",
    "mlflow.llm.model",
    "mlflow.llm.provider",
    "mlflow.llm.cost",
}
"""What it takes from the attributes of a step."""

MISSED = ("run's system prompt", "run's tags", "run's metadata", "step's parameters", "feedback")


@pytest.fixture(scope="module")
def program(environment):
    return environment(f"mlflow=={VERSION}")


@pytest.fixture(scope="module")
def mlflow(program, tmp_path_factory):
    """An MLflow of the tests' own; OTLP needs its SQL store."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [program.path("python"), "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", "sqlite:///mlflow.db"]
    environ = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with running(command, f"{url}/health", tmp_path_factory.mktemp("mlflow"), environ):
        yield url


def said(messages):
    """The texts of messages in GenAI's shape, which MLflow keeps and draws as a conversation."""
    return [part["content"] for message in messages for part in message["parts"]]


def shown(trace):
    """What MLflow has to say about each fact; None is what it has among a span's attributes at best."""
    spans = trace["spans"]
    names = {span["id"]: span["name"] for span in spans}
    by_name = {span["name"]: span for span in spans}
    root, step, tool = map(by_name.get, ("invoke_agent support", "chat gpt-4o-mini", "execute_tool find_order"))
    facts = step["attributes"]
    assert set(facts) == UNDERSTOOD
    (call,) = step["outputs"][0]["parts"]
    tokens, total = facts["mlflow.chat.tokenUsage"], json.loads(trace["about"]["mlflow.trace.tokenUsage"])
    assert set(tokens) == {"input_tokens", "cache_read_input_tokens", "output_tokens", "total_tokens"}
    return {
        "spans and parents": {span["name"]: names.get(span["parent"]) for span in spans},
        "failed spans": {span["name"]: span["status"][1] for span in spans if span["status"][0] == "ERROR"},
        "exception": by_name["execute_tool refund"]["exceptions"][0],
        "session": trace["about"]["mlflow.trace.session"],
        "user": trace["about"].get("mlflow.trace.user"),
        "run's prompt": " ".join(said(root["inputs"])),
        "run's system prompt": None,
        "run's response": " ".join(said(root["outputs"])),
        "run's tags": None,
        "run's metadata": None,
        "step's prompt": said(step["inputs"]),
        "step's response": {call["name"]: call["arguments"]},
        "step's model": facts["mlflow.llm.model"],
        "step's provider": facts["mlflow.llm.provider"],
        "step's parameters": None,
        "step's tool definitions": {each["name"]: each["parameters"] for each in facts["mlflow.chat.tools"]},
        "step's finish reason": step["outputs"][0]["finish_reason"],
        "step's tokens": {
            "input": tokens["input_tokens"],
            "cached": tokens["cache_read_input_tokens"],
            "output": tokens["output_tokens"],
        },
        "step's cost": facts["mlflow.llm.cost"]["total_cost"],
        "tokens of the trace": {"input": total["input_tokens"], "output": total["output_tokens"]},
        "tool's arguments": tool["inputs"],
        "tool's result": tool["outputs"],
        "feedback": None,
    }


def test_mlflow_shows_what_a_run_was_asked_what_it_did_and_what_it_used(mlflow, program, record):
    """It reads GenAI attributes, and `user.id`."""
    report = record(
        OTEL_EXPORTER_OTLP_ENDPOINT=mlflow,
        OTEL_EXPORTER_OTLP_HEADERS="x-mlflow-experiment-id=0",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_TIMEOUT="60000",
    )
    assert (report["delivered"], report["waiting"], report["dead"]) == (7, 1, 0)
    traces = json.loads(program.python(TRACES.format(url=mlflow)))
    trace = traces[f"tr-{TRACE_ID}"]
    assert {span["name"].split()[0]: span["type"] for span in trace["spans"]} == {
        "invoke_agent": "AGENT",
        "chat": "CHAT_MODEL",
        "execute_tool": "TOOL",
    }
    seen = shown(trace)
    assert seen == FACTS | dict.fromkeys(MISSED) | {
        "step's finish reason": "tool_call",
        "step's tokens": {"input": 120, "cached": 20, "output": 30},
        "step's cost": pytest.approx(0.0000345),
    }
    (other,) = (each for each in traces.values() if each is not trace)
    assert other["about"]["mlflow.trace.user"] == "user-7"
    assert (other["spans"][0]["inputs"], other["spans"][0]["outputs"]) == (QUESTION, ANSWER)
    note(
        f"MLflow {VERSION}",
        seen,
        "Asked by MLflow's client. What is not shown is among the attributes of its span, but for feedback.",
        "Types: runs are `AGENT`, steps `CHAT_MODEL`, tool calls `TOOL`.",
        "Cost is MLflow's own, from model and tokens; what is recorded as `gen_ai.usage.cost` does not count.",
        f"{MANY} runs recorded flat out, every tenth with a prompt of half a megabyte, are all there.",
        "It has no `/v1/logs` and answers 404: feedback waits in the outbox, and that is said.",
        "Its first answer after a start can take longer than the usual time-out of 10 s, hence here "
        "`OTEL_EXPORTER_OTLP_TIMEOUT=60000`. Without it the spans were sent again, and were there once all the same.",
    )


def test_mlflow_has_all_of_a_hundred_runs(mlflow, program, record):
    """Recorded flat out, with prompts of half a megabyte among them, into an experiment of their own."""
    create = f"import mlflow; mlflow.set_tracking_uri({mlflow!r}); print(mlflow.create_experiment('flood'))"
    experiment = program.python(create).strip()
    headers = f"x-mlflow-experiment-id={experiment}"
    report = record(
        "many",
        OTEL_EXPORTER_OTLP_ENDPOINT=mlflow,
        OTEL_EXPORTER_OTLP_HEADERS=headers,
        OTEL_EXPORTER_OTLP_TIMEOUT="60000",
    )

    assert (report["delivered"], report["waiting"], report["dead"]) == (3 * MANY, 0, 0)
    assert int(program.python(COUNT.format(url=mlflow, experiment=experiment))) == 3 * MANY
