"""The original SDK's packages for TypeScript, which people may switch from, sending to the Observatory."""

import pytest

from fake_llm import FakeLLM
from results import note
from test_vercel import SCRIPT, SEVEN, SIX, TREES

pytestmark = pytest.mark.interoperation

CUSTOM = "@contextcompany/custom@1.0.2"
OTEL = "@contextcompany/otel@1.0.16"


def test_runs_steps_and_tool_calls_by_hand(packages, observatory):
    """Built as they happen, or sent when all is known, with errors and feedback; costs are given or calculated."""
    node = packages(CUSTOM)
    node.run("original", TCC_API_KEY="none", TCC_BASE_URL=observatory.url)
    built, failed, sent = sorted(observatory.runs(3), key=lambda run: run["run_id"])

    assert (built["run_id"], built["session_id"], built["state"], built["feedback"]) == (
        *("run-1", "session-1", "ok", "thumbs_up"),
    )
    assert observatory.tree("run-1") == "run invoke_agent\n  step gpt-4o\n  tool_call get_weather"
    assert (built["input_tokens"], built["cached_tokens"], built["output_tokens"]) == (150, 30, 45)
    (step,) = observatory.facts("run-1", "step")
    assert (step["step_id"], step["model_used"], step["finish_reason"]) == ("step-1", "gpt-4o-2024-08-06", "tool_calls")
    assert (failed["state"], failed["status_message"], failed["errors"]) == ("error", "It broke.", 2)
    assert observatory.tree("run-3").count("\n") == 4
    assert (sent["duration_ns"], sent["cost"]) == (9_000_000_000, pytest.approx(0.00075 + 0.0042))
    note(
        "@contextcompany/custom, the original SDK for TypeScript, into the Observatory",
        {},
        f"With {node}, given `TCC_BASE_URL`; `TCC_URL`, which its README has, it does not read.",
        "Builders and factories: run, steps, tool calls, tokens, costs, models, metadata, errors and feedback.",
    )


@pytest.mark.parametrize("written", ["6", "7, written as 6"])
def test_vercels_sdk_by_its_span_processor(packages, observatory, written):
    """The run is found by the id that the program gave it, has ended, and has its feedback."""
    node = packages(*(SIX if written == "6" else SEVEN), OTEL)
    with FakeLLM(*SCRIPT) as llm:
        node.run(
            "vercel_by_tcc",
            written,
            OPENAI_API_KEY="none",
            OPENAI_BASE_URL=llm.openai_url,
            TCC_API_KEY="none",
            TCC_BASE_URL=observatory.url,
        )
    (run,) = observatory.runs(1)

    assert (run["run_id"], run["session_id"], run["state"]) == ("run-1", "session-1", "unset")
    assert (run["feedback"], run["feedback_count"]) == ("thumbs_up", 1)
    assert (run["input_tokens"], run["cached_tokens"], run["output_tokens"]) == (230, 80, 22)
    assert observatory.tree("run-1") == TREES[written]
    assert [fact["conversational"] for fact in observatory.facts("run-1", "run")] == [True]
    note(
        f"@contextcompany/otel, the original SDK for TypeScript, with Vercel AI SDK {written}, into the Observatory",
        {},
        f"With {node}, given `TCC_BASE_URL`.",
        "The run has the id and session that its metadata say, its steps, tool call, tokens and feedback.",
        "Of AI SDK 7 it sends only what `LegacyOpenTelemetry` writes: spans whose names begin with `ai.`.",
    )


def test_spans_of_vercels_7_it_does_not_send(packages, observatory):
    """If it did, what is noted above would be wrong."""
    node = packages(*SEVEN, OTEL)
    with FakeLLM(*SCRIPT) as llm:
        environ = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": llm.openai_url}
        node.run("vercel_by_tcc", "7", TCC_API_KEY="none", TCC_BASE_URL=observatory.url, **environ)
    assert observatory.runs(0) == []
