"""One run with every kind of span, status and value of ours, and what another back end may show of it.

As a program it records the run, or `many`, and prints what `flush()` reports.
"""

import contextlib
import json
import sys
from typing import Any

from opentelemetry import trace

import contextcompany as tcc

__all__ = ["ANSWER", "FACTS", "MANY", "QUESTION", "RUN_ID", "TRACE_ID", "record"]

RUN_ID = "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f6"
TRACE_ID = RUN_ID.replace("-", "")

MANY = 100

QUESTION = "Where is my order A-17?"
ANSWER = "It arrives on Friday."
INSTRUCTIONS = "You help customers."
PARAMETERS = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}

FACTS: dict[str, Any] = {
    "spans and parents": {
        "invoke_agent support": None,
        "chat gpt-4o-mini": "invoke_agent support",
        "execute_tool find_order": "chat gpt-4o-mini",
        "invoke_agent courier": "invoke_agent support",
        "chat claude-haiku-4-5": "invoke_agent courier",
        "execute_tool refund": "invoke_agent support",
    },
    "failed spans": {"execute_tool refund": "A-17 was not paid for."},
    "exception": "A-17 was not paid for.",
    "session": "session-1",
    "user": "user-7",
    "run's prompt": QUESTION,
    "run's system prompt": INSTRUCTIONS,
    "run's response": ANSWER,
    "run's tags": ["beta", "früh"],
    "run's metadata": {"region": "eu-west", "attempt": 2, "ratio": 0.5, "vip": True, "lines": ["a", "b"]},
    "step's prompt": [INSTRUCTIONS, QUESTION],
    "step's response": {"find_order": {"order": "A-17"}},
    "step's model": "gpt-4o-mini-2024-07-18",
    "step's provider": "openai",
    "step's parameters": {"temperature": 0.2, "max_tokens": 1000, "stop": ["END"]},
    "step's tool definitions": {"find_order": PARAMETERS},
    "step's finish reason": "tool_calls",
    "step's tokens": {"input": 120, "cached": 20, "output": 30, "reasoning": 8},
    "step's cost": 0.0125,
    "tokens of the trace": {"input": 160, "output": 35},
    "tool's arguments": {"order": "A-17"},
    "tool's result": {"status": "shipped", "days": 2},
    "feedback": "thumbs_up",
}
"""What `record()` says, by what it is about."""


def record(run_id: str = RUN_ID) -> None:
    """A step that asks for a tool, a sub-agent with a step, and a tool call that fails; then feedback."""
    with tcc.run(run_id, agent="support", session_id="session-1", user_id="user-7", tags=["beta", "früh"]) as run:
        run.prompt(QUESTION, system_prompt=INSTRUCTIONS).metadata(**FACTS["run's metadata"])
        _ask_for_a_tool(run)
        with tcc.run(agent="courier") as courier:
            courier.prompt("When does A-17 arrive?").response("On Friday.")
            with courier.step(model="claude-haiku-4-5") as step:
                step.prompt("When does A-17 arrive?").response("On Friday.").finish_reason("stop")
                step.tokens(uncached=40, completion=5)
        with contextlib.suppress(ValueError), run.tool_call("refund") as refund:
            refund.args({"order": "A-17"})
            raise ValueError("A-17 was not paid for.")
        run.response(ANSWER)
    tcc.submit_feedback(run_id, score="thumbs_up", text="Quick.")


def record_for_columns(run_id: str) -> None:
    """A run that says in OpenInference's words too what lists of some back ends show, as the README has it."""
    with tcc.run(run_id, agent="support", session_id="session-2", user_id="user-7") as run:
        run.prompt(QUESTION).response(ANSWER)
        trace.get_current_span().set_attributes({"input.value": QUESTION, "output.value": ANSWER})


def record_many() -> None:
    """`MANY` runs of three spans as fast as it goes, every tenth with a prompt of half a megabyte."""
    for number in range(MANY):
        with tcc.run(agent="flood") as run:
            run.prompt("x" * (500_000 if number % 10 == 0 else 4_000)).response("Done.")
            with run.step(model="gpt-4o-mini") as step:
                step.prompt("Do it.").response("Done.").tokens(uncached=2, completion=1)
            with run.tool_call("do") as tool_call:
                tool_call.args({}).result("done")


def _ask_for_a_tool(run: tcc.Run) -> None:
    called = {"name": "find_order", "arguments": json.dumps({"order": "A-17"})}
    with run.step(model="gpt-4o-mini") as step:
        step.model(requested="gpt-4o-mini", used="gpt-4o-mini-2024-07-18").response_id("chatcmpl-1")
        step.parameters(temperature=0.2, max_tokens=1000, stop_sequences=["END"])
        step.tool_definitions(
            [{"type": "function", "function": {"name": "find_order", "parameters": PARAMETERS}}],
        )
        step.prompt([{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": QUESTION}])
        step.response(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": called}],
            }
        )
        step.finish_reason("tool_calls").tokens(uncached=100, cached=20, completion=30, reasoning=8).cost(0.0125)
        with step.tool_call("find_order", tool_call_id="call_1") as found:
            found.args({"order": "A-17"}).result({"status": "shipped", "days": 2})


if __name__ == "__main__":
    if sys.argv[1:] == ["many"]:
        record_many()
    else:
        record()
        record_for_columns("0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f7")
    print(json.dumps(tcc.flush(60)._asdict()))
