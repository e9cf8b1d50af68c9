"""Spans of the OpenTelemetry SDK for JavaScript in the Observatory."""

import pytest

from results import note

pytestmark = pytest.mark.interoperation

SDKS = {
    "2": ("@opentelemetry/api@1.9.1", "@opentelemetry/api-logs@0.223.0", "@opentelemetry/sdk-node@0.223.0"),
    "3": ("@opentelemetry/api@1.10.0", "@opentelemetry/sdk-node@0.301.0"),
}
QUESTION = {"role": "user", "parts": [{"type": "text", "content": "Weather in Tromsø? ☔"}]}
ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "Rain."}], "finish_reason": "stop"}
CALL = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Tromsø"}}
TREE = """\
run weatherman
  step gpt-4o-mini
  tool_call get_weather
  step gpt-4o-mini"""


@pytest.mark.parametrize(("protocol", "compression"), [("http/json", "gzip"), ("http/protobuf", "none")])
@pytest.mark.parametrize("major", SDKS)
def test_spans_by_hand(packages, observatory, major, protocol, compression):
    """The standard variables are all that is configured; spans and feedback are written in GenAI's words."""
    node = packages(*SDKS[major])
    node.run(
        "genai",
        OTEL_EXPORTER_OTLP_ENDPOINT=observatory.url,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION=compression,
        OTEL_METRICS_EXPORTER="none",
    )
    failing, run = observatory.runs(2)
    trace_id = run["trace_id"]

    assert observatory.tree(trace_id) == TREE
    assert (run["session_id"], run["user_id"]) == ("session-1", "user-1")
    assert (run["prompt"], run["response"]) == ("Weather in Tromsø? ☔", "Rain.")
    assert (run["input_tokens"], run["cached_tokens"], run["output_tokens"]) == (230, 80, 22)
    assert run["cost"] == pytest.approx(4.17e-05)
    assert (run["feedback"], run["feedback_count"]) == ("thumbs_up", 1)
    assert observatory.unknown(trace_id) == set()
    first, second = observatory.facts(trace_id, "step")
    assert (first["input"], first["output"]) == (
        [QUESTION],
        [{"role": "assistant", "parts": [CALL], "finish_reason": "tool_call"}],
    )
    assert (len(second["input"]), second["output"]) == (3, [ANSWER])
    assert first["system"] == [{"type": "text", "content": "Be brief."}]
    assert (first["model_requested"], first["model_used"]) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (first["time_to_first_chunk"], second["time_to_first_chunk"]) == (None, 0.25)
    assert first["parameters"] == {"temperature": 0.5, "max_tokens": 100}
    (tool,) = observatory.facts(trace_id, "tool_call")
    assert (tool["args"], tool["result"], tool["status"]) == ({"city": "Tromsø"}, {"sky": "rain"}, "ok")
    assert (failing["state"], failing["error_type"], failing["status_message"]) == ("error", "TypeError", "It broke.")
    note(
        f"OpenTelemetry SDK for JavaScript {major}, into the Observatory",
        {},
        f"With {node}, configured by OpenTelemetry's variables alone.",
        "OTLP/HTTP in JSON with gzip, and in protobuf without.",
        "Run, steps, tool call, messages, models, parameters, tokens, cost, time to the first chunk, session, user, "
        "status and exception are shown; feedback as a log record is shown with its run.",
        "A span that ends without a status stays `unset`, as this SDK sets none.",
    )
