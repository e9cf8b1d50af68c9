"""The TypeScript documentation holds in Python spelling, and so do the factories for finished data."""

import json
import logging
import threading
import time
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import contextcompany as tcc
from receiver import Receiver
from wire import assistant, deliver, recorded, recorded_feedback, told, trace_id, user

PRICES = f"genai-prices/{version('genai-prices')}"
T0, T1, T2, T3 = (datetime(2026, 1, 2, 3, 4, second, tzinfo=timezone.utc) for second in (5, 6, 7, 8))
NS0 = 1_767_323_045_000_000_000
"""T0 in nanoseconds since the epoch."""


@pytest.fixture(autouse=True)
def pipeline(receiver):
    tcc.configure(url=receiver.url)


def seconds(spans):
    """When each span started and ended, in seconds after T0."""
    return [(span.name, (span.start_ns - NS0) / 1e9, (span.end_ns - NS0) / 1e9) for span in spans]


# --- the page on steps -----------------------------------------------------------------------------------------------


def make_step():
    return tcc.step(run_id="r-1", step_id="s-1").prompt("P").response("R")


def expected_step(name="chat", **attributes):
    """The step that `make_step()` makes, with more attributes; `_` in their names stands for a dot where it must."""
    return {
        "name": name,
        "kind": "CLIENT",
        "parent": "r-1",
        "status": ("OK", ""),
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": user("P"),
            "gen_ai.output.messages": assistant("R"),
            "tcc.runId": "r-1",
            "tcc.step.id": "s-1",
            "tcc.status.code": 0,
            **attributes,
        },
    }


def test_chained(receiver):
    """`s.prompt("Hello").response("World").model("gpt-4o").end()` records a whole step."""
    s = tcc.step(run_id="r-1", step_id="s-1")
    s.prompt("Hello").response("World").model("gpt-4o").end()

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4o",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.input.messages": user("Hello"),
                "gen_ai.output.messages": assistant("World"),
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                "tcc.status.code": 0,
            },
        }
    ]


def test_step_with_an_id_of_its_own(receiver):
    """`r.step("custom-step-id")` takes the id by position; without one it is a UUID."""
    r = tcc.run()
    s2 = r.step("custom-step-id")
    s = r.step()
    s2.error()
    s.error()
    r.error()

    assert s2.step_id == "custom-step-id"
    assert [span["attributes"].get("tcc.step.id") for span in recorded(receiver)] == [
        "custom-step-id",
        "<step 1>",
        None,
    ]


@pytest.mark.parametrize("given", [("gpt-4o",), ({"requested": "gpt-4o"},)])
def test_model_shorthand_is_the_requested_model(receiver, given):
    """One model name is the one that was asked for: which one answered is not known, and not guessed."""
    make_step().model(*given).end()

    expected = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}
    assert recorded(receiver) == [expected_step("chat gpt-4o", **expected)]


@pytest.mark.parametrize(
    "given",
    [
        lambda s: s.model(requested="gpt-4o", used="gpt-4o-2024-08-06"),
        lambda s: s.model({"requested": "gpt-4o", "used": "gpt-4o-2024-08-06"}),
        lambda s: s.model("gpt-4o", "gpt-4o-2024-08-06"),
        lambda s: s.model("gpt-4o").model(used="gpt-4o-2024-08-06"),
        lambda s: s.model(used="gpt-4o-2024-08-06").model("gpt-4o"),
    ],
    ids=["keywords", "mapping", "positions", "requested first", "used first"],
)
def test_model_requested_and_used(receiver, given):
    """Both models may be given as keywords, as a mapping, by position or one after the other."""
    given(make_step()).end()

    assert recorded(receiver) == [
        expected_step(
            "chat gpt-4o",
            **{
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.provider.name": "openai",
            },
        )
    ]


def test_tokens(receiver):
    """`tokens(uncached=…, cached=…, completion=…)` is the same as the longer names of the Python page."""
    make_step().tokens(uncached=150, cached=50, completion=25).end()
    make_step().tokens(prompt_uncached=150, prompt_cached=50, completion=25).end()

    assert (
        recorded(receiver)
        == [
            expected_step(
                **{
                    "gen_ai.usage.input_tokens": 200,
                    "gen_ai.usage.cache_read.input_tokens": 50,
                    "gen_ai.usage.output_tokens": 25,
                }
            )
        ]
        * 2
    )


def test_cost(receiver):
    """`cost(0.0035)` is US dollars, told by the caller."""
    make_step().cost(0.0035).end()

    assert recorded(receiver) == [
        expected_step(
            **{"gen_ai.usage.cost": 0.0035, "tcc.cost.total": 0.0035, "tcc.cost.source": "provided"},
        )
    ]


def test_finish_reason(receiver):
    """`finish_reason("stop")` is one finish reason."""
    make_step().finish_reason("stop").end()

    assert recorded(receiver) == [expected_step(**{"gen_ai.response.finish_reasons": ["stop"]})]


@pytest.mark.parametrize(
    "definitions",
    [
        '[{"name": "get_weather", "description": "Get the weather for a location"}]',
        [{"name": "get_weather", "description": "Get the weather for a location"}],
    ],
    ids=["text", "list"],
)
def test_tool_definitions(receiver, definitions):
    """Tool definitions are the same whether they come as text or as a list."""
    make_step().tool_definitions(definitions).end()

    tool = {"type": "function", "name": "get_weather", "description": "Get the weather for a location"}
    assert recorded(receiver) == [expected_step(**{"gen_ai.tool.definitions": [tool]})]


@pytest.mark.parametrize("given", [{"prompt"}, {"response"}, set()])
def test_step_needs_prompt_and_response(given):
    """A step without both cannot be ended, but it can be failed."""
    s = tcc.step(run_id="r-1")
    for method in given:
        getattr(s, method)("text")

    with pytest.raises(ValueError, match=r"both a prompt and a response before `end\(\)`"):
        s.end()
    s.error()


def ask_weather(call_weather_api):
    """The example "Mark step as failed" in Python spelling."""
    r = tcc.run()
    r.prompt("What is the weather in London?")

    s = r.step()
    s.prompt("Calling weather API...")

    try:
        result = call_weather_api()
        s.response(result)
        s.end()
    except ConnectionError as e:
        s.error(str(e))

    # Run still ends successfully even if a step fails
    r.end()


RUN_WITHOUT_RESPONSE = {
    "name": "invoke_agent",
    "kind": "INTERNAL",
    "parent": None,
    "status": ("OK", ""),
    "attributes": {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.input.messages": user("What is the weather in London?"),
        "tcc.runId": "<run 1>",
        "tcc.status.code": 0,
    },
}


def test_step_that_fails(receiver):
    """The run ends as a success even if a step fails."""

    def call_weather_api():
        raise ConnectionError("503 from the weather API")

    ask_weather(call_weather_api)

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("ERROR", "503 from the weather API"),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Calling weather API..."),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "503 from the weather API",
            },
        },
        RUN_WITHOUT_RESPONSE,
    ]


def test_step_that_succeeds(receiver):
    """The same program records a success when nothing fails."""
    ask_weather(lambda: "15°C")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Calling weather API..."),
                "gen_ai.output.messages": assistant("15°C"),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        RUN_WITHOUT_RESPONSE,
    ]


def test_send_step(receiver):
    """The example of the factory pattern: a whole step of a run of another process, with its own times."""
    messages = [{"role": "user", "content": "Where is my order?"}]
    now = datetime.now(timezone.utc)

    step_id = tcc.send_step(
        run_id="run_abc",
        prompt=json.dumps(messages),
        response="On its way.",
        model={"requested": "gpt-4o", "used": "gpt-4o-2024-08-06"},
        tokens={"uncached": 120, "cached": 30, "completion": 45},
        cost=0.0042,
        start_time=now,
        end_time=now,
    )

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4o",
            "kind": "CLIENT",
            "parent": "run_abc",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.input.messages": user("Where is my order?"),
                "gen_ai.output.messages": assistant("On its way."),
                "gen_ai.usage.input_tokens": 150,
                "gen_ai.usage.cache_read.input_tokens": 30,
                "gen_ai.usage.output_tokens": 45,
                "gen_ai.usage.cost": 0.0042,
                "tcc.cost.total": 0.0042,
                "tcc.cost.source": "provided",
                "tcc.runId": "run_abc",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        }
    ]
    [span] = receiver.spans()
    assert span.attributes["tcc.step.id"] == step_id
    assert span.start_ns == span.end_ns


# --- the factories ---------------------------------------------------------------------------------------------------


def test_send_run_with_everything(receiver):
    """`send_run` records a finished run with its steps and tool calls, whole and with the times it is given."""
    run_id = tcc.send_run(
        run_id="run_abc",
        session_id="session-42",
        conversational=True,
        prompt={
            "user_prompt": "Where is my order?",
            "system_prompt": "You answer questions about orders.",
            "full_input": {"question": "Where is my order?", "locale": "en"},
        },
        response="On its way.",
        full_output='{"answer": "On its way."}',
        status_code=1,
        status_message="No date found.",
        metadata={"channel": "web"},
        agent="support",
        user_id="user-17",
        org_id="org-3",
        tags=["beta", "eu"],
        start_time=T0,
        end_time=T3,
        steps=[
            {
                "step_id": "plan",
                "prompt": [{"role": "user", "content": "Where is my order?"}],
                "response": "I look it up.",
                "model": {"requested": "gpt-4o", "used": "gpt-4o-2024-08-06"},
                "provider": "azure.ai.openai",
                "tokens": {"uncached": 100, "cached": 20, "cache_write": 5, "completion": 40, "reasoning": 10},
                "cost": 0.0042,
                "finish_reason": "tool_calls",
                "response_id": "chatcmpl-1",
                "tool_definitions": [{"name": "find_order"}],
                "parameters": {"temperature": 0.2, "max_tokens": 100},
                "metadata": {"attempt": "1"},
                "start_time": T0,
                "end_time": T1,
            },
            {
                "prompt": "Answer.",
                "response": "On its way.",
                "model": "gpt-4",
                "tokens": {"uncached": 50, "completion": 30},
                "status_code": 2,
                "status_message": "cut off",
                "start_time": T2,
                "end_time": T3,
            },
        ],
        tool_calls=[
            {
                "tool_call_id": "call-1",
                "name": "find_order",
                "args": {"customer": 17},
                "result": "A-1001",
                "status_code": 1,
                "status_message": "stale",
                "metadata": {"cache": "hit"},
                "start_time": T1,
                "end_time": T2,
            },
        ],
    )

    shared = {
        "gen_ai.conversation.id": "session-42",
        "tcc.runId": "run_abc",
        "tcc.sessionId": "session-42",
        "tcc.conversational": True,
        "user.id": "user-17",
        "tcc.userId": "user-17",
        "tcc.orgId": "org-3",
    }
    assert run_id == "run_abc"
    assert recorded(receiver) == [
        {
            "name": "chat gpt-4o",
            "kind": "CLIENT",
            "parent": "run_abc",
            "status": ("OK", ""),
            "attributes": {
                **shared,
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "azure.ai.openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.request.temperature": 0.2,
                "gen_ai.request.max_tokens": 100,
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reasons": ["tool_calls"],
                "gen_ai.input.messages": user("Where is my order?"),
                "gen_ai.output.messages": assistant("I look it up.", "tool_call"),
                "gen_ai.tool.definitions": [{"type": "function", "name": "find_order"}],
                "gen_ai.usage.input_tokens": 125,
                "gen_ai.usage.cache_read.input_tokens": 20,
                "gen_ai.usage.cache_write.input_tokens": 5,
                "gen_ai.usage.output_tokens": 40,
                "gen_ai.usage.reasoning.output_tokens": 10,
                "gen_ai.usage.cost": 0.0042,
                "tcc.cost.total": 0.0042,
                "tcc.cost.source": "provided",
                "tcc.metadata.attempt": "1",
                "tcc.step.id": "plan",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "run_abc",
            "status": ("ERROR", "cut off"),
            "attributes": {
                **shared,
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.input.messages": user("Answer."),
                "gen_ai.output.messages": assistant("On its way."),
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 30,
                "gen_ai.usage.cost": 0.0033,
                "error.type": "_OTHER",
                "tcc.cost.total": 0.0033,
                "tcc.cost.source": "calculated",
                "tcc.cost.price_version": PRICES,
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "cut off",
            },
        },
        {
            "name": "execute_tool find_order",
            "kind": "INTERNAL",
            "parent": "run_abc",
            "status": ("OK", ""),
            "attributes": {
                **shared,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "find_order",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "call-1",
                "gen_ai.tool.call.arguments": '{"customer":17}',
                "gen_ai.tool.call.result": "A-1001",
                "tcc.metadata.cache": "hit",
                "tcc.status.code": 1,
                "tcc.status.message": "stale",
            },
        },
        {
            "name": "invoke_agent support",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                **shared,
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "support",
                "gen_ai.system_instructions": [{"type": "text", "content": "You answer questions about orders."}],
                "gen_ai.input.messages": user("Where is my order?"),
                "gen_ai.output.messages": assistant("On its way."),
                "tcc.agent": "support",
                "tcc.tags": ["beta", "eu"],
                "tcc.metadata.channel": "web",
                "tcc.run.full_input": '{"question":"Where is my order?","locale":"en"}',
                "tcc.run.full_output": '{"answer": "On its way."}',
                "tcc.status.code": 1,
                "tcc.status.message": "No date found.",
            },
        },
    ]
    assert seconds(receiver.spans()) == [
        ("chat gpt-4o", 0, 1),
        ("chat gpt-4", 2, 3),
        ("execute_tool find_order", 1, 2),
        ("invoke_agent support", 0, 3),
    ]


def test_send_run_with_nothing_but_a_prompt(receiver):
    """Only prompt and times are required; the id is a UUID, and it is returned, for feedback."""
    run_id = tcc.send_run(prompt="Hi", start_time=T0, end_time=T1)
    tcc.submit_feedback(run_id, "thumbs_up")

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Hi"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        }
    ]
    assert seconds(receiver.spans()) == [("invoke_agent", 0, 1)]
    assert receiver.spans()[0].trace_id == trace_id(run_id)
    assert [event["attributes"]["tcc.runId"] for event in recorded_feedback(receiver)] == ["<run 1>"]


def test_send_run_that_failed(receiver):
    """A failed run is an error with its message."""
    tcc.send_run(
        run_id="r-1", prompt="Hi", start_time=T0, end_time=T1, status_code=2, status_message="no route to host"
    )

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "no route to host"),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Hi"),
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.status.code": 2,
                "tcc.status.message": "no route to host",
            },
        }
    ]


def test_send_tool_call(receiver):
    """A finished tool call belongs to its run; its id is returned."""
    call_id = tcc.send_tool_call(
        run_id="r-1",
        name="search",
        args={"q": "weather"},
        result=["sunny", 15],
        status_code=2,
        status_message="partial page",
        metadata={"page": "2"},
        start_time=T0,
        end_time=T2,
    )

    assert recorded(receiver) == [
        {
            "name": "execute_tool search",
            "kind": "INTERNAL",
            "parent": "r-1",
            "status": ("ERROR", "partial page"),
            "attributes": {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "<tool call 1>",
                "gen_ai.tool.call.arguments": '{"q":"weather"}',
                "gen_ai.tool.call.result": '["sunny",15]',
                "error.type": "_OTHER",
                "tcc.metadata.page": "2",
                "tcc.runId": "r-1",
                "tcc.status.code": 2,
                "tcc.status.message": "partial page",
            },
        }
    ]
    assert seconds(receiver.spans()) == [("execute_tool search", 0, 2)]
    assert receiver.spans()[0].attributes["gen_ai.tool.call.id"] == call_id


def test_factories_take_ids_key_and_url(receiver):
    """Own ids are kept and returned; own key and URL decide where each factory sends."""
    with Receiver() as own:
        where = {"api_key": "key-1", "tcc_url": own.url, "start_time": T0, "end_time": T1}
        assert tcc.send_run(run_id="r-1", prompt="P", **where) == "r-1"
        assert tcc.send_step(run_id="r-1", step_id="s-1", prompt="P", response="R", **where) == "s-1"
        assert tcc.send_tool_call(run_id="r-1", tool_call_id="c-1", name="search", **where) == "c-1"
        deliver()

        assert [(span.name, span.headers["authorization"]) for span in own.spans()] == [
            ("invoke_agent", "Bearer key-1"),
            ("chat", "Bearer key-1"),
            ("execute_tool search", "Bearer key-1"),
        ]
    assert receiver.requests == []


def test_send_step_into_an_open_run(receiver):
    """A finished step of a run that is open here carries the run's session."""
    r = tcc.run("r-1", "session-42")
    tcc.send_step(run_id="r-1", prompt="P", response="R", start_time=T0, end_time=T1)
    r.error()

    [step, _] = recorded(receiver)
    assert (step["parent"], step["attributes"]["tcc.sessionId"]) == ("r-1", "session-42")


STEP = {"prompt": "P", "response": "R", "start_time": T0, "end_time": T1}
CALL = {"name": "search", "start_time": T0, "end_time": T1}


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        *[
            ({"steps": [STEP, {k: v for k, v in STEP.items() if k != field}]}, f"`steps[1]` needs `{field}`.")
            for field in STEP
        ],
        *[
            ({"tool_calls": [{k: v for k, v in CALL.items() if k != field}]}, f"`tool_calls[0]` needs `{field}`.")
            for field in CALL
        ],
    ],
)
def test_missing_field_is_a_value_error(receiver, nested, message):
    """A nested step or tool call without something required is a ValueError before anything is recorded."""
    with pytest.raises(ValueError) as caught:
        tcc.send_run(prompt="P", start_time=T0, end_time=T1, **nested)

    assert str(caught.value) == message
    assert recorded(receiver) == []


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ({"steps": [STEP, {**STEP, "modle": "gpt-4"}]}, "`steps[1]` has no field 'modle'."),
        ({"steps": [{**STEP, "run_id": "r-2"}]}, "`steps[0]` has no field 'run_id'."),
        ({"steps": [{**STEP, "tokens": {"prompt": 1}}]}, "`steps[0].tokens` has no field 'prompt'."),
        ({"steps": [{**STEP, "parameters": {"heat": 1}}]}, "`steps[0].parameters` has no field 'heat'."),
        ({"steps": [{**STEP, "tokens": 12}]}, "`steps[0].tokens` must be a mapping, got int."),
        ({"steps": [{**STEP, "metadata": ["a"]}]}, "`steps[0].metadata` must be a mapping, got list."),
        ({"steps": ["plan"]}, "`steps[0]` must be a mapping, got str."),
        ({"tool_calls": [CALL, {**CALL, "arguments": {}}]}, "`tool_calls[1]` has no field 'arguments'."),
        ({"tool_calls": [{**CALL, "metadata": "a"}]}, "`tool_calls[0].metadata` must be a mapping, got str."),
        ({"metadata": "a"}, "`metadata` must be a mapping, got str."),
    ],
)
def test_unknown_field_is_a_type_error(receiver, nested, message):
    """A misspelt field at any depth is a TypeError before anything is recorded."""
    with pytest.raises(TypeError) as caught:
        tcc.send_run(prompt="P", start_time=T0, end_time=T1, **nested)

    assert str(caught.value) == message
    assert recorded(receiver) == []


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"tokens": {"prompt": 1}}, "`tokens` has no field 'prompt'."),
        ({"parameters": {"heat": 1}}, "`parameters` has no field 'heat'."),
        ({"metadata": "a"}, "`metadata` must be a mapping, got str."),
    ],
)
def test_send_step_refuses_an_unknown_field(receiver, field, message):
    """`send_step` refuses a misspelt field before anything is recorded, too."""
    with pytest.raises(TypeError) as caught:
        tcc.send_step(run_id="r-1", **STEP, **field)

    assert str(caught.value) == message
    assert recorded(receiver) == []


def test_send_tool_call_refuses_what_is_no_mapping(receiver):
    """`send_tool_call` refuses metadata that is no mapping before anything is recorded."""
    with pytest.raises(TypeError) as caught:
        tcc.send_tool_call(run_id="r-1", **CALL, metadata=["a"])

    assert str(caught.value) == "`metadata` must be a mapping, got list."
    assert recorded(receiver) == []


@pytest.mark.parametrize("factory", [tcc.send_run, tcc.send_step, tcc.send_tool_call])
def test_factories_name_what_they_need(factory):
    """A factory without what it requires is a TypeError, and takes nothing by position."""
    with pytest.raises(TypeError, match="start_time"):
        factory()
    with pytest.raises(TypeError, match="positional"):
        factory("r-1")


def test_nested_tokens_may_have_the_longer_names(receiver):
    """Token counts in a mapping are spelled as `tokens()` takes them, the Python page's names included."""
    tcc.send_step(run_id="r-1", **STEP, tokens={"prompt_uncached": 10, "prompt_cached": 5, "completion": 2})

    attributes = recorded(receiver)[0]["attributes"]
    assert {key: value for key, value in attributes.items() if ".usage." in key} == {
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
    }


def test_callers_mappings_stay_as_they_are():
    """`send_run` changes nothing in the mappings that it is given, and a generator of them is fine."""
    step, call = dict(STEP), dict(CALL)
    tcc.send_run(prompt="P", start_time=T0, end_time=T1, steps=(each for each in [step]), tool_calls=iter([call]))

    assert (step, call) == (STEP, CALL)


# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "ns"),
    [
        (T0, NS0),
        (T0 + timedelta(microseconds=678_901), NS0 + 678_901_000),
        (datetime(2026, 1, 2, 12, 4, 5, tzinfo=timezone(timedelta(hours=9))), NS0),
        ("2026-01-02T03:04:05Z", NS0),
        ("2026-01-02T03:04:05.678Z", NS0 + 678_000_000),
        ("2026-01-02T08:34:05+05:30", NS0),
        ("2026-01-02 03:04:05.678901+00:00", NS0 + 678_901_000),
        (1_767_323_045, NS0),
        (1_767_323_045.5, NS0 + 500_000_000),
    ],
    ids=str,
)
def test_times(receiver, when, ns):
    """A time is a datetime with any offset, ISO 8601 text with Z or an offset, or seconds; to the microsecond."""
    tcc.send_tool_call(run_id="r-1", name="search", start_time=when, end_time=when)
    deliver()

    [span] = receiver.spans()
    assert (span.start_ns, span.end_ns) == (ns, ns)


@pytest.fixture
def tokyo(monkeypatch):
    """The process is nine hours ahead of UTC."""
    if not hasattr(time, "tzset"):
        pytest.skip("no way to set the time zone here")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("when", [T0.replace(tzinfo=None, hour=12), "2026-01-02T12:04:05"], ids=str)
def test_naive_times_are_local(receiver, tokyo, when):
    """A time without an offset, as `datetime.now()` gives it, is local time."""
    tcc.send_tool_call(run_id="r-1", name="search", start_time=when, end_time=when)
    deliver()

    [span] = receiver.spans()
    assert (span.start_ns, span.end_ns) == (NS0, NS0)


@pytest.mark.parametrize(
    "when",
    [
        "yesterday",
        "",
        -1,
        0,
        1_767_323_045_000,
        float("nan"),
        float("inf"),
        datetime.min.replace(tzinfo=timezone.utc),
        object(),
        [],
        {},
    ],
)
def test_what_is_no_time_is_said_and_counted(receiver, caplog, when):
    """What is no time OTLP can carry, milliseconds included, does not raise: now is recorded instead."""
    before = time.time_ns()
    tcc.send_tool_call(run_id="r-1", name="search", start_time=when, end_time=when)
    after = time.time_ns()

    assert tcc.flush(5) == tcc.FlushReport(delivered=1, waiting=0, dead=0, dropped={"bad_value": 2})
    [span] = receiver.spans()
    assert before <= span.start_ns <= span.end_ns <= after
    kind = type(when).__name__
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (
            logging.WARNING,
            f"`start_time/end_time` takes a time between 1970 and 2262; a value of type {kind} is not recorded.",
        )
    ]


def test_end_is_never_before_the_start(receiver):
    """A span that is told to end before it starts ends when it starts."""
    tcc.send_tool_call(run_id="r-1", name="search", start_time=T1, end_time=T0)
    deliver()

    assert seconds(receiver.spans()) == [("execute_tool search", 1, 1)]


def test_start_and_end_times_of_builders(receiver):
    """`start_time=` and `end_time()` give a run, a step and tool calls their own times; errors too."""
    r = tcc.run("r-1", start_time=T0).prompt("U")
    s = r.step(start_time=T1).prompt("P").response("R")
    s.tool_call("inner", start_time=T1).end_time(T2).end()
    s.end_time(T2).end()
    tcc.step("r-1", start_time=T2).end_time("2026-01-02T03:04:08Z").error()
    r.tool_call("outer", start_time=T2).end_time(T3).error()
    tcc.tool_call("r-1", tool_name="other", start_time=T0).end_time(T0).end()
    r.end_time(T3).end()
    deliver()

    assert seconds(receiver.spans()) == [
        ("execute_tool inner", 1, 2),
        ("chat", 1, 2),
        ("chat", 2, 3),
        ("execute_tool outer", 2, 3),
        ("execute_tool other", 0, 0),
        ("invoke_agent", 0, 3),
    ]


def test_last_end_time_wins(receiver):
    """`end_time()` may be called again."""
    tcc.run("r-1", start_time=T0).prompt("U").end_time(T3).end_time(T1).end()
    deliver()

    assert seconds(receiver.spans()) == [("invoke_agent", 0, 1)]


# --- raw input and output --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_mapping", [False, True], ids=["arguments", "mapping"])
def test_raw_input_and_output(receiver, as_mapping):
    """`full_input` and `full_output` are kept verbatim beside prompt and response; objects as JSON."""
    r = tcc.run("r-1")
    if as_mapping:
        r.prompt({"user_prompt": "U", "system_prompt": "S", "full_input": ' {"raw" : 1}\n'})
    else:
        r.prompt("U", "S", full_input=' {"raw" : 1}\n')
    r.response("R", full_output={"answer": ["R", 1, None]}).end()

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.system_instructions": [{"type": "text", "content": "S"}],
                "gen_ai.input.messages": user("U"),
                "gen_ai.output.messages": assistant("R"),
                "tcc.run.full_input": ' {"raw" : 1}\n',
                "tcc.run.full_output": '{"answer":["R",1,null]}',
                "tcc.runId": "r-1",
                "tcc.status.code": 0,
            },
        }
    ]


# --- runs that do not end in time ------------------------------------------------------------------------------------


class Ended(SpanProcessor):
    """Tells when the first span whose name begins so has ended."""

    def __init__(self, name):
        self.name = name
        self.event = threading.Event()

    def on_end(self, span):
        if span.name.startswith(self.name):
            self.event.set()


@pytest.fixture
def run_ended(receiver):
    """What is recorded goes through a provider of the test's own; call this to wait for the end of a run."""
    ended = Ended("invoke_agent")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url))
    provider.add_span_processor(ended)
    tcc.configure(tracer_provider=provider)

    def wait():
        assert ended.event.wait(5)
        assert provider.force_flush(5000)
        return told(receiver.spans())

    yield wait
    provider.shutdown()


def test_timeout_ends_a_run_as_an_error(run_ended, caplog):
    """A run that outlives its `timeout` is ended as an error and marked, and so is its open step."""
    r = tcc.run("r-1", timeout=0.02).prompt("U")
    s = r.step("s-1").prompt("P")

    assert run_ended() == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("ERROR", "Its run ended with an error."),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("P"),
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                "tcc.status.code": 2,
                "tcc.status.message": "Its run ended with an error.",
                "tcc.incomplete": True,
                "tcc.incomplete_reason": "run_ended",
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "The run did not end within 0.02 s."),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("U"),
                "error.type": "timeout",
                "tcc.runId": "r-1",
                "tcc.status.code": 2,
                "tcc.status.message": "The run did not end within 0.02 s.",
                "tcc.incomplete": True,
                "tcc.incomplete_reason": "timeout",
            },
        },
    ]
    # What the program still does with them is late, not wrong.
    s.response("R").end()
    r.response("R").end()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2  # one child was open; calls are late


def test_run_that_ends_in_time_is_left_alone(run_ended):
    """A timeout changes nothing about a run that has ended by then."""
    slow = tcc.run("slow", timeout=30).prompt("U")
    slow.end()
    with pytest.raises(RuntimeError):
        slow.end()

    [span] = run_ended()
    assert span["status"] == ("OK", "")
    assert "tcc.incomplete" not in span["attributes"]


def test_finished_data_has_no_timeout(receiver):
    """The `run_timeout` setting is for runs that are under way, not for what is sent finished."""
    tcc.configure(run_timeout=1e-6)
    steps = [STEP] * 50
    tcc.send_run(run_id="r-1", prompt="P", start_time=T0, end_time=T1, steps=steps)

    assert {span["status"] for span in recorded(receiver)} == {("OK", "")}
    assert len(receiver.spans()) == len(steps) + 1
