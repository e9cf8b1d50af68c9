"""Each example runs alone, prints what it should, and what it records arrives."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from fake_llm import Answer, FakeLLM, ToolCall, Usage

EXAMPLES = Path(__file__).parent.parent / "examples"

RECORDED = {
    "approval": ["execute_tool place_order", "invoke_agent buyer"],
    "declared": ["chat gpt-4o-mini"] * 5 + ["execute_tool convert", "execute_tool thermometer", "invoke_agent Weather"],
    "existing_pipeline": ["chat gpt-4o-mini", "invoke_agent support"],
    "feedback": ["invoke_agent support"],
    "import_history": ["chat gpt-4o-mini"] * 2 + ["execute_tool stock", "invoke_agent", "invoke_agent"],
    "quickstart": ["chat gpt-4o-mini"] * 2 + ["execute_tool get_temperature"] * 2 + ["invoke_agent weather"],
}


ON_LOOPBACK = """
import os, runpy, sys

def watch(event, arguments):
    address = {"socket.connect": arguments[-1:], "socket.getaddrinfo": arguments[:1]}.get(event)
    if address and "127.0.0.1" not in (address[0], address[0][0]):
        os.write(2, f"tried to leave this machine: {event} {address[0]!r}".encode())
        os._exit(3)  # an exception might be caught

sys.addaudithook(watch)
del sys.argv[0]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs the program it is given, as if alone, until it connects to anything but 127.0.0.1."""


def run_example(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning:contextcompany", "-c", ON_LOOPBACK, EXAMPLES / f"{name}.py"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


needs_litellm = pytest.mark.skipif(find_spec("litellm") is None, reason="needs LiteLLM")


def test_each_example_is_tested():
    """No example is left out here; the small model is what three of them ask."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*RECORDED, "any_backend", "router", "small_model"}


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_an_example_runs_and_what_it_records_arrives(name, receiver):
    """Without any network but loopback, nothing is said on stderr but what the console prints."""
    result = run_example(name, TCC_URL=receiver.url)

    assert sorted(span.name for span in receiver.spans()) == RECORDED[name]
    assert result.stderr == "" or name in ("approval", "declared", "quickstart")


def test_the_quickstart_shows_the_run_as_a_tree():
    """With nothing configured and nothing listening it still runs, quickly, and shows the run."""
    result = run_example("quickstart")

    assert result.stdout == "It is 15 °C in Paris and 4 °C in Oslo; Paris is warmer.\n"
    assert result.stderr.startswith("✓ weather")
    assert "└─ ✓ chat gpt-4o-mini" in result.stderr
    assert "Nothing listens" not in result.stderr


@needs_litellm
def test_the_router_shows_its_specialists_in_one_tree():
    """With nothing configured and nothing listening it still runs; each specialist is below the call that asked it."""
    result = run_example("router")

    assert result.stdout == (
        "Order 1042 is in transit and due on Thursday. You paid 24.00 € once; the second charge was released.\n"
    )
    head, *_, last = result.stderr.splitlines()
    assert head.startswith("✓ router")
    assert "6 steps · 4 tools" in head
    assert last.startswith("└─ ✓ chat gpt-4o-mini")
    assert "│  └─ ✓ billing" in result.stderr
    assert "│     ├─ ✓ list_charges" in result.stderr


@needs_litellm
def test_the_router_records_every_call_once(receiver):
    """Its endpoint got as many requests as there are steps, each with the usage of its answer and what that costs."""
    script = [
        Answer(tool_calls=[ToolCall("hand_off", {"to": "billing", "question": "Charged twice?"})]),
        Answer(tool_calls=[ToolCall("list_charges", {"order": "1042"})]),
        Answer("Once."),
        Answer("You were charged once."),
    ]
    usages = [Usage(uncached=1000 * n, cached=2000, output=500) for n in (1, 2, 3, 4)]
    answers = [replace(answer, usage=usage) for answer, usage in zip(script, usages, strict=True)]

    with FakeLLM(*answers) as fake:
        result = run_example("router", TCC_URL=receiver.url, OPENAI_API_KEY="key", OPENAI_BASE_URL=fake.openai_url)

    assert result.stdout == "You were charged once.\n"
    assert len(fake.requests) == 4
    spans = sorted(receiver.spans(), key=lambda span: span.start_ns)
    names = {span.span_id: span.name for span in spans}
    assert [(span.name, names.get(span.parent_id)) for span in spans] == [
        ("invoke_agent router", None),
        ("chat gpt-4o-mini", "invoke_agent router"),
        ("execute_tool hand_off", "invoke_agent router"),
        ("invoke_agent billing", "execute_tool hand_off"),
        ("chat gpt-4o-mini", "invoke_agent billing"),
        ("execute_tool list_charges", "invoke_agent billing"),
        ("chat gpt-4o-mini", "invoke_agent billing"),
        ("chat gpt-4o-mini", "invoke_agent router"),
    ]
    assert len({span.trace_id for span in spans}) == 1
    steps = [span.attributes for span in spans if span.name.startswith("chat")]
    assert [step["gen_ai.usage.input_tokens"] for step in steps] == [3000, 4000, 5000, 6000]
    assert [step["gen_ai.usage.cache_read.input_tokens"] for step in steps] == [2000] * 4
    assert [step["gen_ai.usage.output_tokens"] for step in steps] == [500] * 4
    # A million tokens are 0.15 $ in, 0.075 $ from the cache, 0.60 $ out.
    costs = [0.000_15 * n + 0.000_15 + 0.000_3 for n in (1, 2, 3, 4)]
    assert [step["tcc.cost.total"] for step in steps] == pytest.approx(costs)


def test_the_feedback_example_sends_three_events_about_its_run(receiver):
    """Feedback from another process, from this one, and as a score all arrive in the run's trace."""
    run_example("feedback", TCC_URL=receiver.url)

    (run,) = receiver.spans()
    assert [(log.trace_id, log.span_id) for log in receiver.logs()] == [(run.trace_id, run.span_id)] * 3


def test_any_backend_shows_what_its_own_receiver_got():
    """With no endpoint set it starts a receiver and prints what arrives."""
    result = run_example("any_backend")

    assert result.stdout.splitlines()[-1] == "2 delivered, 0 waiting, dropped: none"


def test_any_backend_sends_where_the_variable_points(receiver):
    """With OTEL_EXPORTER_OTLP_ENDPOINT set, runs go there."""
    run_example("any_backend", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)

    assert len(receiver.spans()) == 2
