"""What users write, checked by mypy and never run."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span
from typing_extensions import assert_type

import contextcompany as tcc
from contextcompany.testing import Capture, RecordedRun, capture

NOW = datetime(2026, 11, 2, 9, 15, tzinfo=timezone.utc)

r = tcc.run("run-1", "session-1", True, "key", "https://example.com")
assert_type(r, tcc.Run)
assert_type(r.run_id, str)
assert_type(r.session_id, str | None)
assert_type(r.span, Span)
assert_type(
    r.prompt("hello").response("hi").metadata({"a": "b"}, c="d").status(0, "fine").tags("x").agent("y"), tcc.Run
)
assert_type(r.prompt(user_prompt="hello", system_prompt="be brief", full_input={"raw": 1}), tcc.Run)
assert_type(r.feedback("thumbs_up", "nice"), bool)
assert_type(r.feedback(name="helpfulness", value=0.9), bool)
r.feedback("meh")  # type: ignore[arg-type]
assert_type(tcc.run(agent="support", user_id="u", org_id="o", tags=["a"], start_time=NOW, timeout=3), tcc.Run)

s = r.step()
assert_type(s, tcc.Step)
assert_type(tcc.step(run_id=r.run_id), tcc.Step)
assert_type(tcc.step(r.run_id, "step-1", "key", "https://example.com"), tcc.Step)
assert_type(r.step("step-1", model="gpt-4o", provider="openai", start_time="2026-11-02T09:15:00Z"), tcc.Step)
assert_type(s.step_id, str)
assert_type(s.prompt([{"role": "user", "content": "hi"}]).response({"content": "hi"}), tcc.Step)
assert_type(s.model("gpt-4o").model(requested="a", used="b").model({"requested": "a", "used": "b"}), tcc.Step)
assert_type(s.tokens(1, 2, 3).tokens(uncached=1, cached=2, cache_write=3, reasoning=4), tcc.Step)
assert_type(s.cost(0.1).finish_reason("stop").response_id("x").provider("openai"), tcc.Step)
assert_type(s.tool_definitions("[]").tool_definitions([{"name": "search"}]), tcc.Step)
assert_type(s.parameters(temperature=0.1, stop_sequences=["a"], stream=True), tcc.Step)
s.parameters(temprature=0.1)  # type: ignore[call-arg]
s.end_time(NOW).end()
s.error("failed")
s.error(status_message="failed")

t = r.tool_call("search", "call-1")
assert_type(t, tcc.ToolCall)
assert_type(s.tool_call(tool_name="search"), tcc.ToolCall)
assert_type(tcc.tool_call(run_id="r", tool_name="search"), tcc.ToolCall)
assert_type(t.name("search").args({"a": 1}).result("text").description("finds things"), tcc.ToolCall)

run_id = tcc.send_run(
    prompt={"user_prompt": "hi"},
    start_time=NOW,
    end_time=1_793_610_900.5,
    steps=[{"prompt": "a", "response": "b", "start_time": NOW, "end_time": NOW, "tokens": {"uncached": 1}}],
    tool_calls=[{"name": "search", "start_time": NOW, "end_time": NOW}],
)
assert_type(run_id, str)
tcc.send_run(prompt="a", start_time=NOW, end_time=NOW, steps=[{"prompt": "a"}])  # type: ignore[typeddict-item]
assert_type(tcc.send_step(run_id="r", prompt="a", response="b", start_time=NOW, end_time=NOW, model="gpt-4o"), str)
assert_type(tcc.send_tool_call(run_id="r", name="search", start_time=NOW, end_time=NOW, args={"a": 1}), str)

assert_type(tcc.submit_feedback("r", score="thumbs_down", text="no", api_key="k", tcc_url="https://example.com"), bool)

tcc.configure(api_key="k", url="https://example.com", console=True, tracer_provider=TracerProvider())
tcc.configure(outbox="memory", outbox_dir=Path("/x"), durability="fsync", certificate="ca.pem", proxy="env")
tcc.configure(outbox="tape")  # type: ignore[arg-type]
report = tcc.flush(1.5)
assert_type(report.delivered, int)
assert_type(report.waiting, int)
assert_type(report.dead, int)
assert_type(report.dropped, dict[str, int])
assert_type(tcc.stats(), dict[str, int])
assert_type(tcc.shutdown(), tcc.FlushReport)
assert_type(tcc.observatory_exporter(api_key="k"), OTLPSpanExporter)
TracerProvider().add_span_processor(tcc.ObservatorySpanProcessor(all_spans=True))

with capture(deterministic=True) as captured:
    assert_type(captured, Capture)
    assert_type(captured.run, RecordedRun)


def double(number: int, *, times: int = 2) -> float:
    return float(number * times)


async def ask(question: str) -> str:
    return question


job = tcc.propagate(double)
assert_type(job(1, times=3), float)
job("1")  # type: ignore[arg-type]
ask_again = tcc.propagate(ask)
assert_type(asyncio.run(ask_again("why?")), str)
with tcc.PropagatingExecutor(ThreadPoolExecutor()) as pool:
    assert_type(pool, tcc.PropagatingExecutor)
    assert_type(pool.submit(double, 1, times=3), Future[float])
    pool.submit(double)  # type: ignore[call-arg]
    assert_type(list(pool.map(double, [1, 2], timeout=1)), list[float])
asyncio.new_event_loop().run_in_executor(pool, double, 1)
assert_type(tcc.inject({"accept": "*/*"}), dict[str, str])
with tcc.extract({"traceparent": "…"}) as callers_run_id:
    assert_type(callers_run_id, str | None)
with tcc.extract([(b"traceparent", b"\xff")]), tcc.extract(None):
    pass
assert_type(tcc.instrument(), list[str])
assert_type(tcc.instrument("openai", "anthropic", tracer_provider=TracerProvider()), list[str])
assert_type(tcc.uninstrument("openai"), list[str])
