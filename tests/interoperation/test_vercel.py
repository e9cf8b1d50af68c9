"""Spans of Vercel's AI SDK, versions 6 and 7, in the Observatory."""

import pytest

from fake_llm import Answer, FakeLLM, ToolCall, Usage
from results import note

pytestmark = pytest.mark.interoperation

OTLP = ("@opentelemetry/api@1.9.1", "@opentelemetry/sdk-trace-node@2.12.1")
OTLP += ("@opentelemetry/exporter-trace-otlp-http@0.223.1", "zod@4.6.7")
SIX = ("ai@6.0.326", "@ai-sdk/openai@3.0.141", *OTLP)
SEVEN = ("ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/otel@1.0.173", *OTLP)
WRITTEN = {"6": SIX, "7": SEVEN, "7, written as 6": SEVEN}

SCRIPT = (
    Answer(
        tool_calls=[ToolCall("get_weather", {"city": "Oslo"}, "call_1")],
        usage=Usage(uncached=20, cached=80, output=15, reasoning=5),
    ),
    Answer("It rains in Oslo.", usage=Usage(uncached=130, output=7)),
    Answer("Once it rained.", usage=Usage(uncached=9, output=8)),
    Answer('{"country": "Norway"}', usage=Usage(uncached=30, output=6)),
    Answer("", usage=Usage(uncached=2, output=0)),
    Answer("", usage=Usage(uncached=4, output=0)),
    Answer(tool_calls=[ToolCall("get_weather", {"city": "Rome"}, "call_2")], usage=Usage(uncached=11, output=3)),
    Answer("I cannot say.", usage=Usage(uncached=12, output=4)),
    Answer("Done.", thinking="Hmm.", usage=Usage(uncached=5, output=9, reasoning=6)),
    Answer(status=400),
)

TREES = {
    "6": "run weatherman\n  step gpt-4o-mini\n  tool_call get_weather\n  step gpt-4o-mini",
    "7": "run weatherman\n  other step 1\n    step gpt-4o-mini\n    tool_call get_weather\n"
    "  other step 2\n    step gpt-4o-mini",
    "7, written as 6": "run weatherman\n  step gpt-4o-mini\n    tool_call get_weather\n  step gpt-4o-mini",
}

TOTALS = {
    "failing": (1, None, None, None),
    "geographer": (1, 30, 6, None),
    "looper": (2, 23, 7, None),
    "storyteller": (1, 9, 8, None),
    "thinker": (1, 5, 9, None),
    "weatherman": (2, 230, 22, 80),
}
"""Steps, and tokens that went in, came out, and were read from a cache."""


@pytest.mark.parametrize("written", WRITTEN)
def test_what_people_do_with_it(packages, observatory, written):
    """Text with a tool, a stream, an object, embeddings, an agent and failures: each a run that says its calls once."""
    node = packages(*WRITTEN[written])
    with FakeLLM(*SCRIPT) as llm:
        node.run(
            "vercel",
            written,
            OPENAI_API_KEY="none",
            OPENAI_BASE_URL=llm.openai_url,
            OTEL_EXPORTER_OTLP_ENDPOINT=observatory.url,
        )
    runs = observatory.runs(8)
    by_agent = {run["name"]: run for run in runs if run["agent"] in TOTALS}
    embedding = [run for run in runs if run["agent"] not in TOTALS]

    assert {
        name: (run["steps"], run["input_tokens"], run["output_tokens"], run["cached_tokens"] or None)
        for name, run in by_agent.items()
    } == TOTALS
    assert sorted(run["input_tokens"] for run in embedding) == [2, 4]
    assert {run["model"] for run in by_agent.values() if "model" in run} <= {"gpt-4o-mini"}
    without = {name for name, run in by_agent.items() if (run["session_id"], run["user_id"]) != ("session-1", "user-1")}
    assert without == (set() if written == "6" else {"geographer"})
    assert [observatory.unknown(run["trace_id"]) for run in runs] == [set()] * 8
    check_tools(observatory, by_agent["weatherman"], written)
    check_others(observatory, by_agent)
    note(
        f"Vercel AI SDK {written}, into the Observatory",
        {},
        f"With {node}.",
        "`generateText` with a tool, `streamText`, `generateObject`, `embed`, `embedMany`, a `ToolLoopAgent` with an "
        "image and a tool that fails, a model that thinks and a failing call are a run each, with messages, model, "
        "finish reasons, tool calls, session, user, metadata and error.",
        "Tokens and cost are counted once: what the outer span says is the sum of what the calls say.",
        *REMARKS[written],
    )


CONTEXT = """\
Session and user are those of `runtimeContext`, which it sends with `new OpenTelemetry({ runtimeContext: true })` and \
`includeRuntimeContext` only, and never of `generateObject`, which it calls deprecated."""

NESTED = "`embed` is two steps, one in the other, as it writes two spans `embeddings`; its tokens are counted once."

REMARKS = {
    "6": ["Time to the first chunk of a stream is shown."],
    "7": [
        "Time to the first chunk of a stream is shown.",
        CONTEXT,
        NESTED,
        "It says it needs Node 22, and ran with 20.",
    ],
    "7, written as 6": ["With `LegacyOpenTelemetry`. Time to the first chunk of a stream is shown.", CONTEXT],
}


NEXT = ("@vercel/otel@2.1.3", *SIX)


def test_its_way_for_next_js(packages, observatory):
    """`registerOTel` sends where OpenTelemetry's variables say."""
    node = packages(*NEXT)
    with FakeLLM("Hello!") as llm:
        environ = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": llm.openai_url}
        node.run("vercel_otel", OTEL_EXPORTER_OTLP_ENDPOINT=observatory.url, **environ)
    (run,) = observatory.runs(1)

    assert (run["name"], run["session_id"], run["response"]) == ("greeter", "session-1", "Hello!")
    assert observatory.tree(run["trace_id"]).splitlines()[:2] == ["run greeter", "  step gpt-4o-mini"]
    note(
        "Vercel AI SDK with @vercel/otel, into the Observatory",
        {},
        f"With {node}.",
        "`registerOTel` sends here when `OTEL_EXPORTER_OTLP_ENDPOINT` says so. Its spans of `fetch` are there too.",
    )


def check_tools(observatory, run, written):
    trace_id = run["trace_id"]
    assert observatory.tree(trace_id) == TREES[written]
    assert (run["prompt"], run["response"], run["tool_calls"]) == ("Weather in Oslo?", "It rains in Oslo.", 1)
    assert run["cost"] == pytest.approx(4.17e-05)
    assert run["reasoning_tokens"] == 5
    (outer,) = observatory.facts(trace_id, "run")
    assert outer["metadata"] == {"plan": "free"}
    assert outer["parameters"] == {"temperature": 0.5}
    first, second = observatory.facts(trace_id, "step")
    assert (first["finish_reason"], second["finish_reason"]) == ("tool-calls", "stop")
    assert (first["response_id"], second["response_id"]) == ("chatcmpl-1", "chatcmpl-2")
    assert (first["model_used"], first["provider"]) == ("gpt-4o-mini", "openai")
    assert [each["name"] for each in first["tool_definitions"]] == ["get_weather"]
    assert [part["type"] for part in first["output"][0]["parts"]] == ["tool_call"]
    assert [message["role"] for message in second["input"]][-3:] == ["user", "assistant", "tool"]
    (tool,) = observatory.facts(trace_id, "tool_call")
    assert (tool["args"], tool["result"]) == ({"city": "Oslo"}, {"city": "Oslo", "sky": "rain"})
    assert tool["tool_call_id"] == "call_1"


def check_others(observatory, runs):
    (told,) = observatory.facts(runs["storyteller"]["trace_id"], "step")
    assert 0 < told["time_to_first_chunk"] < 10
    assert told["output"][0]["parts"] == [{"type": "text", "content": "Once it rained."}]
    assert runs["geographer"]["response"] == '{"country":"Norway"}'
    looper = runs["looper"]["trace_id"]
    assert runs["looper"]["state"] == "unset"
    (tool,) = observatory.facts(looper, "tool_call")
    assert (tool["status"], tool["error_type"], tool["status_message"]) == (
        "error",
        "TypeError",
        "There is no weather.",
    )
    first, _ = observatory.facts(looper, "step")
    _, image = first["input"][-1]["parts"]
    assert (image["type"], image["modality"], image["uri"]) == ("uri", "image", "https://example.invalid/sky.png")
    assert (runs["thinker"]["prompt"], runs["thinker"]["response"]) == ("Think.", "Done.")
    (thought,) = observatory.facts(runs["thinker"]["trace_id"], "step")
    assert [part["type"] for part in thought["output"][0]["parts"]] == ["reasoning", "text"]
    failing = runs["failing"]
    assert (failing["state"], failing["error_type"]) == ("error", "AI_APICallError")
