"""Arize Phoenix as a back end, asked by its GraphQL API."""

import json
import urllib.request

import pytest

from recorded import ANSWER, FACTS, MANY, QUESTION, TRACE_ID
from results import note
from software import free_port, running, wait_until

pytestmark = pytest.mark.interoperation

VERSION = "20.26.1"

MISSED = ("run's prompt", "run's system prompt", "run's response", "run's tags", "run's metadata", "feedback")

SPANS = """{ projects { edges { node { name recordCount
    sessions(first: 9) { edges { node { sessionId userId firstInput { value } lastOutput { value } } } }
    spans(first: 50) { edges { node {
        name spanId parentId spanKind statusCode statusMessage attributes metadata
        input { value } output { value } tokenCountPrompt tokenCountCompletion costSummary { total { cost } }
        cumulativeTokenCountPrompt cumulativeTokenCountCompletion events { name message }
        trace { traceId }
    } } }
} } } }"""


@pytest.fixture(scope="module")
def phoenix(environment, tmp_path_factory):
    """A Phoenix of the tests' own. Its gRPC port cannot be kept to loopback; nothing is sent there."""
    program = environment(f"arize-phoenix=={VERSION}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    directory = tmp_path_factory.mktemp("phoenix")
    environ = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with running([program.path("phoenix"), "serve"], f"{url}/healthz", directory, environ):
        yield url


def ask(url, question):
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": question}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def nodes(connection):
    return [edge["node"] for edge in connection["edges"]]


def shown(project):
    """What Phoenix has to say about each fact; None is what it has among a span's attributes at best."""
    spans = [span for span in nodes(project["spans"]) if span["trace"]["traceId"] == TRACE_ID]
    names = {span["spanId"]: span["name"] for span in spans}
    attributes = {span["name"]: json.loads(span["attributes"]) for span in spans}
    by_name = {span["name"]: span for span in spans}
    root, step, tool = (
        by_name[name] for name in ("invoke_agent support", "chat gpt-4o-mini", "execute_tool find_order")
    )
    llm = attributes["chat gpt-4o-mini"]["llm"]
    (call,) = llm["output_messages"][0]["message"]["tool_calls"]
    schemas = [json.loads(each["tool"]["json_schema"])["function"] for each in llm["tools"]]
    counts = llm["token_count"]
    assert set(counts) == {"prompt", "prompt_details", "completion", "total"}  # of reasoning nothing
    (session,) = (each for each in nodes(project["sessions"]) if each["sessionId"] == "session-1")
    return {
        "spans and parents": {span["name"]: names.get(span["parentId"]) for span in spans},
        "failed spans": {span["name"]: span["statusMessage"] for span in spans if span["statusCode"] == "ERROR"},
        "exception": by_name["execute_tool refund"]["events"][0]["message"],
        "session": session["sessionId"],
        "user": session["userId"],
        "run's prompt": root["input"],
        "run's system prompt": None,
        "run's response": root["output"],
        "run's tags": attributes["invoke_agent support"].get("tag"),
        "run's metadata": root["metadata"],
        "step's prompt": [each["message"]["content"] for each in llm["input_messages"]],
        "step's response": {
            call["tool_call"]["function"]["name"]: json.loads(call["tool_call"]["function"]["arguments"])
        },
        "step's model": llm["model_name"],
        "step's provider": llm["provider"],
        "step's parameters": json.loads(llm["invocation_parameters"]),
        "step's tool definitions": {each["name"]: each["parameters"] for each in schemas},
        "step's finish reason": llm["finish_reason"],
        "step's tokens": {
            "input": step["tokenCountPrompt"],
            "cached": counts["prompt_details"]["cache_read"],
            "output": step["tokenCountCompletion"],
        },
        "step's cost": step["costSummary"]["total"]["cost"],
        "tokens of the trace": {
            "input": int(root["cumulativeTokenCountPrompt"]),
            "output": int(root["cumulativeTokenCountCompletion"]),
        },
        "tool's arguments": attributes["execute_tool find_order"]["tool"]["parameters"],
        "tool's result": json.loads(tool["output"]["value"]),
        "feedback": None,
    }


def test_phoenix_shows_what_a_run_did_but_not_what_it_was_asked(phoenix, record):
    """It reads what GenAI says of steps and tool calls; for runs it wants OpenInference, which one may add oneself."""
    report = record(OTEL_EXPORTER_OTLP_ENDPOINT=phoenix, OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    assert (report["delivered"], report["waiting"], report["dead"]) == (7, 1, 0)
    project = wait_until(lambda: project_of(phoenix, "default", 7))
    kinds = {span["name"]: span["spanKind"] for span in nodes(project["spans"])}
    assert {name.split()[0]: kind for name, kind in kinds.items()} == {
        "invoke_agent": "agent",
        "chat": "llm",
        "execute_tool": "tool",
    }
    seen = shown(project)
    assert seen == FACTS | dict.fromkeys(MISSED) | {
        "step's model": "gpt-4o-mini",
        "step's tokens": {"input": 120, "cached": 20, "output": 30},
        "step's cost": pytest.approx(0.0000345),
    }
    (session,) = (each for each in nodes(project["sessions"]) if each["sessionId"] == "session-2")
    assert session["userId"] == "user-7"
    assert (session["firstInput"]["value"], session["lastOutput"]["value"]) == (QUESTION, ANSWER)
    note(
        f"Arize Phoenix {VERSION}",
        seen,
        "Asked by GraphQL. What is not shown is among the attributes of its span, but for feedback.",
        "Kinds: runs are `agent`, steps `llm`, tool calls `tool`.",
        "Cost is Phoenix's own, from model and tokens; what is recorded as `gen_ai.usage.cost` does not count.",
        "The columns *input* and *output* of runs and sessions are filled when a program sets `input.value` and "
        "`output.value` on the run's span itself.",
        f"{MANY} runs recorded flat out, every tenth with a prompt of half a megabyte, are all there.",
        "`OTEL_RESOURCE_ATTRIBUTES=openinference.project.name=shop` chooses the project.",
        "Its `/v1/logs` answers 405: feedback waits in the outbox, and that is said.",
    )


def test_phoenix_has_all_of_a_hundred_runs(phoenix, record):
    """Recorded flat out, with prompts of half a megabyte among them, into a project of their own."""
    attributes = "openinference.project.name=flood"
    report = record("many", OTEL_EXPORTER_OTLP_ENDPOINT=phoenix, OTEL_RESOURCE_ATTRIBUTES=attributes)

    assert (report["delivered"], report["waiting"], report["dead"]) == (3 * MANY, 0, 0)
    wait_until(lambda: project_of(phoenix, "flood", 3 * MANY))


def project_of(url, name, spans):
    """The project, when it has so many spans: Phoenix takes them first, and writes them later."""
    found = [each for each in nodes(ask(url, SPANS)["projects"]) if each["name"] == name]
    return found[0] if found and found[0]["recordCount"] == spans else None
