"""What users' tests get: runs in memory, the pytest fixture, and everything as before afterwards."""

import asyncio
import importlib.metadata
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import contextcompany as tcc
from contextcompany import _configure
from contextcompany.testing import Capture, RecordedRun, RecordedStep, RecordedToolCall, capture
from receiver import Receiver


def record(run_id=None):
    run = tcc.run(run_id, agent="support")
    step = run.step(model="gpt-4o").prompt("hi").response("yo").tokens(1000, None, 100)
    step.tool_call("search").args({"q": 1}).result(2).end()
    step.end()
    run.prompt("hi").response("yo").end()
    return run.run_id


class TestCapture:
    def test_runs_are_kept_in_memory(self):
        """A run that ended in the block is read with what is in it, during the block and after it."""
        with capture() as captured:
            run_id = record()
            inside = captured.run
        assert captured.run == inside
        assert (inside.run_id, inside.agent, inside.response) == (run_id, "support", "yo")
        assert [step.model_requested for step in captured.steps] == ["gpt-4o"]
        assert [(call.name, call.args, call.result) for call in captured.tool_calls] == [("search", {"q": 1}, 2)]

    def test_cost_is_calculated(self):
        """Prices apply as they do outside."""
        with capture() as captured:
            record()
        (step,) = captured.steps
        assert step.cost == pytest.approx(0.0035)
        assert step.cost_source == "calculated"

    def test_nothing_is_sent(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
        """Neither what was configured nor a run's own URL is asked, and that URL is readable."""
        monkeypatch.setenv("TCC_URL", receiver.url)
        with capture() as captured:
            tcc.run(api_key="k", tcc_url=f"{receiver.url}/own").error()
            tcc.run().error()
            tcc.flush()
        own, default = captured.runs
        assert own.destination is not None
        assert own.destination.traces_url == f"{receiver.url}/own"
        assert dict(own.destination.headers)["authorization"] == "Bearer k"
        assert default.destination is None
        assert receiver.requests == []

    def test_a_destination_reaches_what_is_in_the_run(self):
        """Steps and feedback of a run with a URL of its own show that URL too."""
        with capture() as captured:
            run = tcc.run(tcc_url="http://localhost:9")
            run.step().error()
            run.feedback("thumbs_up")
            run.error()
        destinations = [captured.run.destination, captured.steps[0].destination, captured.feedback[0].destination]
        assert len(set(destinations)) == 1
        assert destinations[0] is not None

    def test_what_was_in_use_is_in_use_again(self):
        """The pipeline from before the block records after it, also when the block raises."""
        before = _configure.pipeline()
        during = []

        def fail_in_block():
            with capture():
                during.append(_configure.pipeline())
                raise KeyError

        with pytest.raises(KeyError):
            fail_in_block()
        assert during != [before]
        assert _configure.pipeline() is before

    def test_no_pipeline_is_built(self):
        """Without a pipeline before, there is none afterwards."""
        with capture():
            record()
        assert _configure._built is None

    def test_configuring_in_the_block_changes_nothing_in_it(self, receiver: Receiver):
        """A program that configures itself is captured all the same, and goes by its configuration afterwards."""
        with capture() as captured:
            tcc.configure(url=receiver.url)
            record("inside")
            tcc.shutdown()
            record("too")
        tcc.configure(url=receiver.url)
        tcc.run("outside").error()
        tcc.flush()
        assert [run.run_id for run in captured.runs] == ["inside", "too"]
        assert [span.attributes["tcc.runId"] for span in receiver.spans()] == ["outside"]

    def test_the_innermost_capture_records(self):
        """Captures nest; each keeps what was recorded while it was the innermost."""
        with capture() as outer:
            record("a")
            with capture() as inner:
                record("b")
            record("c")
        assert [run.run_id for run in outer.runs] == ["a", "c"]
        assert inner.run.run_id == "b"

    def test_it_works_around_async_code(self):
        """Tasks that run in the block are recorded."""

        async def agent(name):
            run = tcc.run(name)
            await asyncio.sleep(0)
            run.error()

        async def both():
            with capture() as captured:
                await asyncio.gather(agent("a"), agent("b"))
            return captured

        assert {each.run_id for each in asyncio.run(both()).runs} == {"a", "b"}

    def test_threads_are_recorded(self):
        """What other threads record in the block is kept, whole."""
        with capture(deterministic=True) as captured:
            threads = [threading.Thread(target=lambda: [record() for _ in range(20)]) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len({run.run_id for run in captured.runs}) == 40
        assert {(len(run.steps), len(run.steps[0].tool_calls)) for run in captured.runs} == {(1, 1)}
        assert len({span.get_span_context().span_id for span in captured.spans}) == 120

    def test_spans_are_the_raw_ones(self):
        """`spans` holds OpenTelemetry's spans in the order they ended."""
        with capture() as captured:
            record()
        assert [span.name for span in captured.spans] == ["execute_tool search", "chat gpt-4o", "invoke_agent support"]

    def test_loose_steps_and_tool_calls_are_listed(self):
        """What was recorded by run id alone is in the flat lists, and no run is made up for it."""
        with capture() as captured:
            tcc.step(run_id="elsewhere").error()
            tcc.tool_call(run_id="elsewhere").error()
        assert captured.runs == []
        assert [each.run_id for each in (*captured.steps, *captured.tool_calls)] == ["elsewhere"] * 2

    def test_clear_forgets(self):
        """After `clear()` only what comes later is there."""
        with capture() as captured:
            record()
            tcc.submit_feedback("r", "thumbs_up")
            captured.clear()
            assert (captured.runs, captured.spans, captured.feedback) == ([], [], [])
            record("later")
        assert captured.run.run_id == "later"

    def test_run_says_how_many_there_are(self):
        """`.run` is for one run; with another number it fails and names it."""
        with capture() as captured:
            with pytest.raises(AssertionError, match=r"^Expected one run, got 0\.$"):
                _ = captured.run
            open_run = tcc.run()
            with pytest.raises(AssertionError, match=r"^Expected one run, got 0; 1 did not end yet\.$"):
                _ = captured.run
            open_run.error()
            record()
            with pytest.raises(AssertionError, match=r"^Expected one run, got 2\.$"):
                _ = captured.run

    def test_the_repr_says_what_is_there(self):
        """A capture shows how much it holds."""
        with capture() as captured:
            record()
        assert repr(captured) == "<Capture of 3 spans>"


class TestDeterministic:
    def test_whole_values_compare(self):
        """Counted ids and a counted clock make the whole of a run comparable."""
        with capture(deterministic=True) as captured:
            run = tcc.run()
            run.step(model="unknown-model").prompt("q").response("a").end()
            run.tool_call("search", "call-1").end()
            run.prompt("q").response("a").end()

        start, ms, run_id = 1_735_689_600_000_000_000, 1_000_000, "00000000-0000-4000-8000-000000000001"
        shared = {"run_id": run_id, "trace_id": "00000000000040008000000000000001"}
        assert captured.run == RecordedRun(
            **shared,
            span_id=captured.run.span_id,
            prompt="q",
            response="a",
            start_ns=start,
            end_ns=start + 5 * ms,
            steps=(
                RecordedStep(
                    **shared,
                    span_id="0000000000000001",
                    step_id="00000000-0000-4000-8000-000000000002",
                    model_requested="unknown-model",
                    prompt="q",
                    response="a",
                    start_ns=start + ms,
                    end_ns=start + 2 * ms,
                ),
            ),
            tool_calls=(
                RecordedToolCall(
                    **shared,
                    span_id="0000000000000002",
                    name="search",
                    tool_call_id="call-1",
                    start_ns=start + 3 * ms,
                    end_ns=start + 4 * ms,
                ),
            ),
        )

    def test_two_captures_of_the_same_are_equal(self):
        """Recording the same twice gives equal values, the run's own span id included."""
        captures = []
        for _ in range(2):
            with capture(deterministic=True) as captured:
                record()
            captures.append(captured.runs)
        assert captures[0] == captures[1]

    def test_otherwise_ids_are_random(self):
        """Without `deterministic` no two runs are alike."""
        with capture() as captured:
            record()
            record()
        first, second = captured.runs
        assert first.run_id != second.run_id


class TestPytestPlugin:
    def test_the_fixture_captures_one_test(self, tmp_path):
        """`tcc_capture` holds the runs of its own test, and ends with it."""
        (tmp_path / "test_agent.py").write_text(
            textwrap.dedent("""\
                import pytest
                import contextcompany as tcc
                from contextcompany import _configure
                from contextcompany.testing import Capture

                @pytest.mark.parametrize("name", ["a", "b"])
                def test_agent(name, tcc_capture):
                    assert isinstance(tcc_capture, Capture)
                    tcc.run(agent=name).prompt("q").end()
                    assert tcc_capture.run.agent == name

                def test_nothing_stays():
                    assert _configure._built is None
            """)
        )
        result = run_pytest(tmp_path, "-p", "no:randomly")
        assert "3 passed" in result.stdout, result.stdout + result.stderr

    def test_the_plugin_does_not_import_the_sdk(self):
        """Whoever does not use the fixture does not pay for OpenTelemetry's SDK, nor for our testing module."""
        code = "import sys, contextcompany._pytest_plugin; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert {"contextcompany.testing", "opentelemetry.sdk"} & set(done.stdout.split()) == set()


def run_pytest(path, *args):
    installed = any(each.name == "contextcompany" for each in importlib.metadata.entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "contextcompany._pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *args]
    package = str(Path(tcc.__file__).parents[1])  # PYTHONPATH may be relative to where we were started
    env = {**os.environ, "PYTHONPATH": package}
    return subprocess.run(command, cwd=path, env=env, capture_output=True, text=True, check=False)


def test_a_capture_is_what_the_annotation_says():
    """`Capture` is public, for annotating the fixture."""
    with capture() as captured:
        assert isinstance(captured, Capture)
