"""Each example runs alone, prints what it should, and what it records arrives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

RECORDED = {
    "existing_pipeline": ["chat gpt-4o-mini", "invoke_agent support"],
    "feedback": ["invoke_agent support"],
    "import_history": ["chat gpt-4o-mini"] * 2 + ["execute_tool stock", "invoke_agent", "invoke_agent"],
    "quickstart": ["chat gpt-4o-mini"] * 2 + ["execute_tool get_temperature"] * 2 + ["invoke_agent weather"],
}


def run_example(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning:contextcompany", str(EXAMPLES / f"{name}.py")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )


def test_each_example_is_tested():
    """No example is left out here."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*RECORDED, "any_backend"}


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_an_example_runs_and_what_it_records_arrives(name, receiver):
    """Without any network but loopback, nothing is said on stderr but what the console prints."""
    result = run_example(name, TCC_URL=receiver.url)

    assert sorted(span.name for span in receiver.spans()) == RECORDED[name]
    assert result.stderr == "" or name == "quickstart"


def test_the_quickstart_shows_the_run_as_a_tree():
    """With nothing configured and nothing listening it still runs, quickly, and shows the run."""
    result = run_example("quickstart")

    assert result.stdout == "It is 15 °C in Paris and 4 °C in Oslo; Paris is warmer.\n"
    assert result.stderr.startswith("✓ weather")
    assert "└─ ✓ chat gpt-4o-mini" in result.stderr
    assert "Nothing listens" not in result.stderr


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
