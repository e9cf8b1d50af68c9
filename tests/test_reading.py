"""Our spans and events back into values: whatever `_mapping` writes, and whatever else a span may hold."""

from dataclasses import replace

import pytest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

import contextcompany as tcc
from contextcompany import _mapping
from contextcompany import semconv as sc
from contextcompany._identity import run_identity
from contextcompany._reading import _PARAMETERS, read_feedback, read_loose, read_runs, walk
from contextcompany.testing import (
    Capture,
    RecordedFeedback,
    RecordedRun,
    RecordedStep,
    RecordedTokens,
    RecordedToolCall,
    capture,
)

START = 1_735_689_600_000_000_000
MS = 1_000_000
TRACE = 0x1234


@pytest.fixture
def captured():
    with capture(deterministic=True) as recorded:
        yield recorded


def make_span(span_id, parent=None, *, trace_id=TRACE, start=1, status=None, **attributes):
    """A span as somebody else might have ended it."""
    return ReadableSpan(
        "a span",
        SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(1)),
        None if parent is None else SpanContext(trace_id, parent, is_remote=False),
        Resource({}),
        attributes.pop("attributes", {}),
        status=status or Status(),
        start_time=start,
        end_time=start + 1,
    )


def run_span(run_id="r", *, parent=None, **attributes):
    identity = run_identity(run_id)
    operation = sc.GenAiOperationNameValues.INVOKE_AGENT
    return make_span(
        identity.span_id,
        parent,
        trace_id=identity.trace_id,
        attributes={sc.GEN_AI_OPERATION_NAME: operation, sc.TCC_RUN_ID: run_id, **attributes},
    )


def step_span(span_id, parent=None, *, trace_id=None, run_id="r", start=1, **attributes):
    operation = {sc.GEN_AI_OPERATION_NAME: sc.GenAiOperationNameValues.CHAT}
    belonging = {} if run_id is None else {sc.TCC_RUN_ID: run_id}
    trace = run_identity("r").trace_id if trace_id is None else trace_id
    return make_span(span_id, parent, trace_id=trace, start=start, attributes={**operation, **belonging, **attributes})


class TestWholeValues:
    def test_a_run_reads_back_as_it_was_told(self, captured: Capture):
        """Everything that a run can be told comes back, with the times and ids it was recorded under."""
        run = tcc.run(
            "r-1",
            "s-1",
            True,
            agent="support",
            user_id="u",
            org_id="o",
            tags=["a", "b"],
            metadata={"plan": "pro", "seats": 3, "names": ["x", "y"], "nested": {"k": 1}},
        )
        run.prompt("hi", "be nice", full_input={"q": "hi"}).response("yo", full_output="raw").end()

        assert captured.runs == [
            RecordedRun(
                run_id="r-1",
                session_id="s-1",
                conversational=True,
                agent="support",
                user_id="u",
                org_id="o",
                tags=("a", "b"),
                metadata={"plan": "pro", "seats": 3, "names": ["x", "y"], "nested": '{"k":1}'},
                prompt="hi",
                system_prompt="be nice",
                full_input='{"q":"hi"}',
                response="yo",
                full_output="raw",
                start_ns=START,
                end_ns=START + MS,
                trace_id=f"{run_identity('r-1').trace_id:032x}",
                span_id=f"{run_identity('r-1').span_id:016x}",
            )
        ]

    def test_a_step_reads_back_as_it_was_told(self, captured: Capture):
        """Everything that a step can be told comes back; input tokens are the sum of the three kinds."""
        tool = {"type": "function", "name": "search", "parameters": {"type": "object"}}
        step = tcc.step(run_id="r-1", step_id="one", model="gpt-4o").model(used="gpt-4o-2024-08-06")
        step.prompt("hi").response("yo").tokens(5, 3, 7, cache_write=2, reasoning=4).cost(0.25)
        step.finish_reason("stop").response_id("resp").tool_definitions([tool]).metadata(k="v").status(1, "so-so").end()

        assert captured.steps == [
            RecordedStep(
                run_id="r-1",
                step_id="one",
                model_requested="gpt-4o",
                model_used="gpt-4o-2024-08-06",
                provider="openai",
                prompt="hi",
                response="yo",
                tokens=RecordedTokens(input=10, cached=3, cache_write=2, output=7, reasoning=4),
                cost=0.25,
                cost_source="provided",
                finish_reason="stop",
                response_id="resp",
                tool_definitions=[tool],
                metadata={"k": "v"},
                status=1,
                status_message="so-so",
                start_ns=START,
                end_ns=START + MS,
                trace_id=f"{run_identity('r-1').trace_id:032x}",
                span_id="0000000000000001",
            )
        ]

    def test_a_tool_call_reads_back_as_it_was_told(self, captured: Capture):
        """Arguments and results that are JSON come back as values."""
        call = tcc.tool_call("r-1", "c-1", "search").description("Searches.").args({"q": "x"}).result("15 °C")
        call.error("it broke")

        assert captured.tool_calls == [
            RecordedToolCall(
                run_id="r-1",
                name="search",
                tool_call_id="c-1",
                description="Searches.",
                args={"q": "x"},
                result="15 °C",
                status=2,
                status_message="it broke",
                error_type="_OTHER",
                start_ns=START,
                end_ns=START + MS,
                trace_id=f"{run_identity('r-1').trace_id:032x}",
                span_id="0000000000000001",
            )
        ]

    def test_feedback_reads_back_as_it_was_told(self, captured: Capture):
        """Feedback comes back by itself and at the run it is about."""
        run = tcc.run("r-1")
        run.feedback("thumbs_up", "nice")
        run.error()
        tcc.submit_feedback("r-2", value=0.5, name="helpfulness")

        first = RecordedFeedback(
            run_id="r-1", name="user_feedback", score="thumbs_up", value=1.0, text="nice", time_ns=START + MS
        )
        second = RecordedFeedback(run_id="r-2", name="helpfulness", value=0.5, time_ns=START + 3 * MS)
        assert captured.feedback == [first, second]
        assert captured.run.feedback == (first,)

    def test_every_parameter_reads_back_under_its_own_name(self, captured: Capture):
        """What `Step.parameters` took comes back under the same names."""
        told = {
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 100,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 7,
            "choice_count": 2,
            "stop_sequences": ["END"],
            "stream": True,
            "output_type": "json",
            "reasoning_level": "high",
            "previous_response_id": "resp",
        }
        tcc.step(run_id="r").parameters(**told).error()
        assert captured.steps[0].parameters == told

    def test_every_parameter_that_is_written_is_read(self):
        """The reading table knows each name of the writing one."""
        written = {key: name for name, (key, _) in _mapping.PARAMETERS.items()}
        assert written.items() <= _PARAMETERS.items()

    def test_what_was_not_recorded_is_none(self, captured: Capture):
        """Fields that nobody told are `None` or empty."""
        tcc.step(run_id="r").error()
        step = captured.steps[0]
        assert (step.prompt, step.response, step.cost, step.tokens) == (None, None, None, RecordedTokens())


class TestMessages:
    def test_messages_that_are_more_than_a_users_text_stay_messages(self, captured: Capture):
        """A conversation comes back in GenAI shape."""
        tcc.step(run_id="r").prompt([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]).error()
        assert captured.steps[0].prompt == [
            {"role": "user", "parts": [{"type": "text", "content": "a"}]},
            {"role": "assistant", "parts": [{"type": "text", "content": "b"}]},
        ]

    def test_a_message_of_another_role_stays_a_message(self, captured: Capture):
        """Text alone stands for a user's prompt only."""
        tcc.step(run_id="r").prompt([{"role": "assistant", "content": "a"}]).error()
        assert captured.steps[0].prompt == [{"role": "assistant", "parts": [{"type": "text", "content": "a"}]}]

    def test_a_part_with_more_than_text_stays_a_part(self):
        """Nothing that a text part carries beside its text is dropped."""
        parts = '[{"type":"text","content":"a","cache":true}]'
        (step,) = read_loose([step_span(1, **{sc.GEN_AI_INPUT_MESSAGES: f'[{{"role":"user","parts":{parts}}}]'})])
        assert step.prompt == [{"role": "user", "parts": [{"type": "text", "content": "a", "cache": True}]}]

    @pytest.mark.parametrize("broken", ["{", "", "NaN]", '[{"role"', "[" * 100_000, "\ud800"])
    def test_what_is_no_json_comes_back_as_it_is(self, broken):
        """Broken JSON is kept as text."""
        (step,) = read_loose([step_span(1, **{sc.GEN_AI_INPUT_MESSAGES: broken})])
        assert step.prompt == broken


class TestTrees:
    def test_tool_calls_hang_under_the_step_that_asked_for_them(self, captured: Capture):
        """A step's tool calls are in the step, the run's in the run."""
        run = tcc.run()
        step = run.step()
        step.tool_call("inner").end()
        step.error()
        run.tool_call("outer").end()
        run.error()
        recorded = captured.run
        assert [call.name for call in recorded.tool_calls] == ["outer"]
        assert [[call.name for call in each.tool_calls] for each in recorded.steps] == [["inner"]]

    def test_children_stand_in_order_of_start(self, captured: Capture):
        """`children` holds steps, tool calls and runs together, as they started."""
        run = tcc.run()
        step, call, second = run.step(step_id="1"), run.tool_call("t"), run.step(step_id="2")
        for each in (second, call, step, run):
            each.error()
        steps = captured.run.steps
        assert captured.run.children == (steps[0], captured.run.tool_calls[0], steps[1])

    def test_a_foreign_span_between_is_passed_over(self):
        """A step inside somebody's HTTP span is directly in the run."""
        trace = run_identity("r").trace_id
        run = run_span()
        http = make_span(7, run_identity("r").span_id, trace_id=trace, attributes={sc.TCC_RUN_ID: "r"})
        (read,) = read_runs([step_span(8, 7), http, run])
        assert [step.span_id for step in read.steps] == [f"{8:016x}"]
        assert read.tool_calls == read.runs == ()

    def test_somebody_elses_agent_in_a_run_is_a_run_in_it(self):
        """An agent span of an instrumented framework is nested with what is in it, but is no run of its own."""
        agent = step_span(7, run_identity("r").span_id, **{sc.GEN_AI_AGENT_NAME: "helper"})
        agent._attributes[sc.GEN_AI_OPERATION_NAME] = sc.GenAiOperationNameValues.INVOKE_AGENT
        (read,) = read_runs([step_span(8, 7), agent, run_span()])
        assert [run.agent for run in read.runs] == ["helper"]
        assert len(read.runs[0].steps) == 1

    def test_an_orphan_goes_under_the_run_with_its_id(self):
        """A span whose parent is not there is found by its run id, whatever trace it is in."""
        (read,) = read_runs([step_span(8, 99, trace_id=5), run_span()])
        assert len(read.steps) == 1

    def test_no_run_is_made_up(self):
        """What carries no known run id is loose."""
        spans = [step_span(8, run_id="elsewhere"), step_span(9, run_id=None), make_span(10)]
        assert read_runs(spans) == []
        assert [value.run_id for value in read_loose(spans)] == ["elsewhere", ""]

    def test_somebody_elses_agent_outside_runs_is_no_run(self):
        """An agent span without a run id shows only through what is in it."""
        agent = step_span(7, run_id=None)
        agent._attributes[sc.GEN_AI_OPERATION_NAME] = sc.GenAiOperationNameValues.INVOKE_AGENT
        spans = [step_span(8, 7, run_id=None), agent]
        assert read_runs(spans) == []
        assert [type(value) for value in read_loose(spans)] == [RecordedStep]

    def test_runs_stand_in_order_of_start(self, captured: Capture):
        """The run that started first is first, whichever ended first."""
        first, second = tcc.run("first"), tcc.run("second")
        second.error()
        first.error()
        assert [run.run_id for run in captured.runs] == ["first", "second"]

    def test_two_runs_with_one_id_are_both_read(self, captured: Capture):
        """A run id that was used twice loses no run."""
        tcc.run("same").prompt("1").end()
        tcc.run("same").prompt("2").end()
        assert [run.prompt for run in captured.runs] == ["1", "2"]

    def test_deep_nesting_is_read(self):
        """Nesting deeper than Python's recursion limit does no harm."""
        root = run_identity("r").span_id
        spans = [step_span(n, n - 1 if n > 1 else root, start=n) for n in range(1, 5000)]
        (read,) = read_runs([*spans, run_span()])
        assert sum(1 for _ in walk([read])) == 5000

    def test_parents_in_a_circle_end_up_loose(self):
        """Spans that are each other's parents, or their own, are read without an endless loop."""
        spans = [step_span(1, 2, run_id=None), step_span(2, 1, run_id=None), step_span(3, 3, run_id=None)]
        spans += [make_span(4, 5), make_span(5, 4), step_span(6, 4, trace_id=TRACE, run_id=None)]
        assert len(list(walk(read_loose(spans)))) == 4


class TestOddSpans:
    def test_plain_genai_spans_are_read(self):
        """Of others' spans, older names are read too, and the status comes from OpenTelemetry."""
        span = make_span(
            1,
            attributes={
                sc.GEN_AI_OPERATION_NAME: sc.GenAiOperationNameValues.TEXT_COMPLETION,
                "gen_ai.system": "openai",
                "gen_ai.usage.prompt_tokens": 5,
                sc.GEN_AI_USAGE_COST: 1,
                sc.GEN_AI_REQUEST_TOP_K: 4,
            },
            status=Status(StatusCode.ERROR, "boom"),
        )
        assert read_loose([span]) == [
            RecordedStep(
                operation="text_completion",
                provider="openai",
                tokens=RecordedTokens(input=5),
                cost=1.0,
                parameters={"top_k": 4},
                status=2,
                status_message="boom",
                start_ns=1,
                end_ns=2,
                trace_id=f"{TRACE:032x}",
                span_id=f"{1:016x}",
            )
        ]

    @pytest.mark.parametrize("odd", [None, 7, 1.5, True, "text", (), ("a", 1), b"bytes", {"k": object()}, object()])
    @pytest.mark.parametrize("operation", ["invoke_agent", "chat", "execute_tool"])
    def test_odd_values_never_raise(self, odd, operation):
        """Whatever an attribute holds where something else is expected, the span is read."""
        keys = [value for name, value in vars(sc).items() if name.startswith(("GEN_AI_", "TCC_", "ERROR_TYPE"))]
        attributes = {key: odd for key in keys if isinstance(key, str)}
        attributes |= {f"{sc.TCC_METADATA}.k": odd, sc.GEN_AI_OPERATION_NAME: operation}
        span = make_span(1, attributes=attributes)
        values = [*read_runs([span]), *read_loose([span])]
        assert all(repr(value) for value in values)
        assert len(values) == (0 if operation == "invoke_agent" and odd is None else 1)

    def test_a_span_without_anything_never_raises(self):
        """Spans without context, attributes and times are read."""
        operation = {sc.GEN_AI_OPERATION_NAME: sc.GenAiOperationNameValues.CHAT}
        assert read_loose([ReadableSpan("bare"), ReadableSpan("bare", attributes=operation)]) == [RecordedStep()]

    def test_other_events_are_no_feedback(self, captured: Capture):
        """Only evaluation events are feedback."""
        tcc.submit_feedback("r", "thumbs_up")
        (log,) = captured._memory.logs
        log.log_record.event_name = "something.else"
        assert read_feedback([ReadableLogRecord(log.log_record, Resource({}))]) == []


class TestValues:
    def test_the_repr_shows_what_was_recorded(self):
        """What is not known is left out, and a class's own fields stand first."""
        step = RecordedStep(run_id="r", model_requested="gpt-4o", tokens=RecordedTokens(input=3), status=2)
        assert repr(step) == (
            "RecordedStep(model_requested='gpt-4o', tokens=RecordedTokens(input=3), run_id='r', status=2)"
        )

    def test_values_cannot_be_changed(self):
        """A recorded value is what it is; `dataclasses.replace` makes another."""
        step = RecordedStep(step_id="1")
        with pytest.raises(AttributeError):
            step.step_id = "2"
        assert replace(step, step_id="2") == RecordedStep(step_id="2")

    def test_the_duration_is_in_seconds(self):
        """`duration_s` is the time from start to end."""
        assert RecordedRun(start_ns=START, end_ns=START + 1500 * MS).duration_s == 1.5
