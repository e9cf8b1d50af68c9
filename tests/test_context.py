"""Runs, steps and tool calls as `with` blocks: what is current, what is whose child, how blocks end."""

import asyncio
import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import contextcompany as tcc


@pytest.fixture
def spans(receiver):
    """Flushes, and gives what arrived by name; each name occurs once."""
    tcc.configure(url=receiver.url)

    def by_name():
        assert tcc.flush(5).dropped == {}
        arrived = {span.name: span for span in receiver.spans()}
        assert len(arrived) == len(receiver.spans())
        return arrived

    return by_name


def parents(spans):
    """Each span's name and its parent's."""
    names = {span.span_id: name for name, span in spans.items()}
    return {name: names.get(span.parent_id, "") for name, span in spans.items()}


class TestBlocks:
    def test_a_clean_exit_ends_it(self, spans):
        """A block ends what it was opened for, once, as a success."""
        with tcc.run(agent="a") as r:
            r.prompt("p").response("r")
            with r.step(model="m") as s:
                s.prompt("p").response("r")
            with r.tool_call("t") as t:
                t.args({}).result({})

        assert parents(spans()) == {
            "invoke_agent a": "",
            "chat m": "invoke_agent a",
            "execute_tool t": "invoke_agent a",
        }
        assert {span.status for span in spans().values()} == {("OK", "")}

    def test_what_is_missing_is_recorded_as_missing(self, spans):
        """A block without prompt or response ends without an error of ours."""
        with tcc.run() as r, r.step():
            pass

        assert "gen_ai.input.messages" not in spans()["chat"].attributes

    def test_what_ended_inside_stays_as_it_ended(self, spans):
        """After end() or error() in the block, leaving it changes nothing."""
        with tcc.run() as r:
            r.prompt("p")
            r.error("no luck")

        assert spans()["invoke_agent"].status == ("ERROR", "no luck")

    def test_an_ended_one_cannot_be_entered(self):
        """Entering counts as a call on what has ended."""
        r = tcc.run().prompt("p")
        r.end()

        with pytest.raises(RuntimeError, match="already ended"):
            r.__enter__()

    @pytest.mark.parametrize(
        "error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3), GeneratorExit(), asyncio.CancelledError()]
    )
    def test_an_exception_ends_it_as_an_error_and_goes_on(self, spans, error):
        """Whatever leaves the block is recorded with type, message and stack trace, and is still the same object."""
        with pytest.raises(type(error)) as caught, tcc.run() as r, r.step():
            raise error

        assert caught.value is error
        kind = f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
        for span in spans().values():
            assert span.status == ("ERROR", str(error))
            assert span.attributes["error.type"] == kind
            [(name, attributes, _)] = span.events
            assert (name, attributes["exception.type"], attributes["exception.message"]) == (
                "exception",
                kind,
                str(error),
            )
            assert "test_context.py" in attributes["exception.stacktrace"]

    def test_an_exception_that_cannot_be_shown_goes_on(self, spans):
        """An exception whose text cannot be made is recorded without it."""

        class Mute(Exception):  # noqa: N818 - its name is its point
            def __str__(self):
                raise RuntimeError("no text")

        with pytest.raises(Mute), tcc.run():
            raise Mute

        assert spans()["invoke_agent"].attributes["error.type"].endswith("Mute")

    def test_secrets_in_messages_are_replaced(self, spans, receiver):
        """Neither the status nor the stack trace of an exception shows a key, nor does a message that was set."""
        key = "sk-" + "a1B2" * 8
        r = tcc.run()
        r.step().error(f"401 for {key}")
        with pytest.raises(ConnectionError), r:
            raise ConnectionError(f"https://me:{key}@example.com refused api_key={key}")

        assert spans()["invoke_agent"].status[1] == "https://me:[REDACTED]@example.com refused api_key=[REDACTED]"
        assert all(key.encode() not in request.body for request in receiver.requests)

    def test_asynchronous_blocks(self, spans):
        """`async with` does the same."""

        async def agent():
            async with tcc.run(agent="a") as r, r.step(model="m"):
                assert tcc.current_run() is r

        asyncio.run(agent())

        assert parents(spans()) == {"invoke_agent a": "", "chat m": "invoke_agent a"}


class TestCurrent:
    def test_nothing_is_current_outside(self):
        """Without a block there is neither run nor step, and after one neither."""
        with tcc.run() as r, r.step():
            pass

        assert (tcc.current_run(), tcc.current_step()) == (None, None)
        assert trace.get_current_span() is trace.INVALID_SPAN

    def test_run_and_step_are_current_inside(self, spans):
        """The innermost block counts; the span is OpenTelemetry's current one."""
        with tcc.run() as r:
            assert (tcc.current_run(), tcc.current_step()) == (r, None)
            with r.step() as s:
                assert (tcc.current_run(), tcc.current_step()) == (r, s)
                assert trace.get_current_span() is s.span
            assert (tcc.current_run(), tcc.current_step()) == (r, None)

    def test_a_step_makes_its_run_current(self):
        """A run that was started without a block is current in the block of its step."""
        r = tcc.run().prompt("p")
        with r.step():
            assert tcc.current_run() is r
        r.end()

    def test_steps_and_tool_calls_find_the_current_run(self, spans):
        """Without a run id they belong to the current run, and to the step or tool call that is current in it."""
        with tcc.run(agent="a"):
            with tcc.step(model="outer"):
                tcc.tool_call(tool_name="in step").end()
            with tcc.tool_call(tool_name="t"):
                tcc.step(model="in tool").prompt("p").response("r").end()

        assert parents(spans()) == {
            "invoke_agent a": "",
            "chat outer": "invoke_agent a",
            "execute_tool in step": "chat outer",
            "execute_tool t": "invoke_agent a",
            "chat in tool": "execute_tool t",
        }

    def test_without_a_run_it_is_said(self, caplog):
        """A step without a run id and without a current run is recorded alone; a warning says what to do."""
        tcc.step().error()

        assert "is recorded alone: give it a run id, or use `with tcc.run():`" in caplog.text

    def test_feedback_belongs_to_the_run_itself(self, spans, receiver):
        """Feedback given inside a step's block is about the run."""
        with tcc.run() as r, r.step():
            r.feedback("thumbs_up")

        run_span = spans()["invoke_agent"]
        assert [log.span_id for log in receiver.logs()] == [run_span.span_id]

    def test_a_run_inside_a_run_is_its_child(self, spans):
        """A sub-agent has a run id of its own, in the trace of the outer run."""
        with tcc.run(agent="outer") as outer, outer.step(model="m"), tcc.run(agent="inner") as inner:
            assert tcc.current_run() is inner

        arrived = spans()
        assert parents(arrived)["invoke_agent inner"] == "chat m"
        assert arrived["invoke_agent inner"].trace_id == arrived["invoke_agent outer"].trace_id
        assert arrived["invoke_agent inner"].attributes["tcc.runId"] == inner.run_id != outer.run_id

    def test_foreign_spans_nest_both_ways(self, spans, receiver):
        """A foreign span in a step's block is the step's child, and a step inside of it is the foreign span's."""
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url, all_spans=True))
        tracer = provider.get_tracer("http")
        with tcc.run(agent="a") as r, tracer.start_as_current_span("GET /"):
            r.step(model="m").prompt("p").response("r").end()
        provider.shutdown()

        assert parents(spans()) == {"invoke_agent a": "", "GET /": "invoke_agent a", "chat m": "GET /"}


class TestCrossing:
    def test_parallel_tasks_keep_apart(self, spans):
        """Each asyncio task has its own current run; a task started in a block is inside of it."""

        async def agent(name):
            with tcc.run(agent=name):
                await asyncio.sleep(0)
                await asyncio.create_task(step(name))

        async def step(name):
            await asyncio.sleep(0)
            tcc.step(model=f"of {name}").prompt("p").response("r").end()

        async def both():
            await asyncio.gather(agent("a"), agent("b"))

        asyncio.run(both())

        assert parents(spans()) == {
            "invoke_agent a": "",
            "invoke_agent b": "",
            "chat of a": "invoke_agent a",
            "chat of b": "invoke_agent b",
        }

    def test_threads_keep_apart(self):
        """A block in one thread is not current in another."""
        seen = []
        with tcc.run():
            thread = threading.Thread(target=lambda: seen.append(tcc.current_run()))
            thread.start()
            thread.join()

        assert seen == [None]

    def test_one_run_in_many_threads(self, spans):
        """Threads may enter blocks of the same run's steps at the same time."""
        with tcc.run(agent="a") as r, ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: enter_step(r, n), range(20)))

        assert set(parents(spans()).values()) == {"", "invoke_agent a"}
        assert len(spans()) == 21

    def test_leaving_in_another_context_is_quiet(self, caplog):
        """A block that is left where it was not entered, as by a generator's finalizer, logs and changes nothing."""
        caplog.set_level(logging.DEBUG)
        r = tcc.run().prompt("p")

        contextvars.copy_context().run(r.__enter__)
        r.__exit__(None, None, None)
        with tcc.run() as other:
            held = tcc.run().prompt("p")
            held.__enter__()
            contextvars.copy_context().run(held.__exit__, None, None, None)
            held_is_current = tcc.current_run()

        assert held_is_current is None
        assert tcc.current_run() is None
        assert other.run_id != held.run_id
        assert "detach" not in caplog.text


def enter_step(run, number):
    with run.step(model=str(number)) as s:
        assert trace.get_current_span() is s.span
