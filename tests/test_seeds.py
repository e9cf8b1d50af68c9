"""The original documentation holds: each example runs as it is written there, and each statement is true."""

import inspect
from importlib.metadata import version
from types import SimpleNamespace

import pytest

import contextcompany as tcc
from receiver import Receiver
from seeds_python import EXAMPLES, FRAGMENTS
from wire import assistant, deliver, recorded, recorded_feedback, run_span_id, told, trace_id, user

PRICES = f"genai-prices/{version('genai-prices')}"
WEATHER = "You are a weather agent. The user asked: What is the weather in London?"


@pytest.fixture(autouse=True)
def observatory(monkeypatch, receiver):
    """The pages set nothing in code: where runs go is in the environment."""
    monkeypatch.setenv("TCC_URL", receiver.url)


def play(example, **names):
    """Run an example of the pages; the names are what it leaves undefined."""
    exec(compile(EXAMPLES[example], example, "exec"), names)
    return names


def fail(message):
    def call():
        raise ConnectionError(message)

    return call


# --- the examples of the page on step() ------------------------------------------------------------------------------


def test_creating_steps_from_a_run(receiver):
    """A step of a run is its child; text becomes GenAI messages; the run ends after its step."""
    play("Step: Creating Steps from a Run")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Summarize this text..."),
                "gen_ai.output.messages": assistant("Here is a summary..."),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("User query"),
                "gen_ai.output.messages": assistant("Final response"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_creating_steps_independently(receiver):
    """A step made from the run id alone is the same child of the run."""
    play("Step: Creating Steps Independently")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Analyze this data..."),
                "gen_ai.output.messages": assistant("Based on the analysis..."),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("User query"),
                "gen_ai.output.messages": assistant("Final response"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_complete_step_with_all_fields(receiver):
    """JSON text of chat messages becomes GenAI messages; both models, all tokens and the given cost arrive."""
    play("Step: Complete Step with All Fields")

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.response.model": "gpt-4-0613",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.input.messages": [
                    {"role": "system", "parts": [{"type": "text", "content": "You are a helpful assistant."}]},
                    {"role": "user", "parts": [{"type": "text", "content": "What is 2+2?"}]},
                ],
                "gen_ai.output.messages": assistant("The answer is 4."),
                "gen_ai.usage.input_tokens": 25,
                "gen_ai.usage.cache_read.input_tokens": 0,
                "gen_ai.usage.output_tokens": 10,
                "gen_ai.usage.cost": 0.001,
                "tcc.cost.total": 0.001,
                "tcc.cost.source": "provided",
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("What is 2+2?"),
                "gen_ai.output.messages": assistant("The answer is 4."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_step_with_tool_definitions(receiver):
    """OpenAI's tool definitions arrive in GenAI shape, and the finish reason in the provider's word and in GenAI's."""
    play("Step: tool definitions")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.response.finish_reasons": ["tool_calls"],
                "gen_ai.input.messages": user("What's the weather in SF?"),
                "gen_ai.output.messages": assistant("I'll check the weather for you.", "tool_call"),
                "gen_ai.tool.definitions": [
                    {
                        "type": "function",
                        "name": "get_weather",
                        "description": "Get the weather for a location",
                        "parameters": {
                            "type": "object",
                            "properties": {"location": {"type": "string"}},
                            "required": ["location"],
                        },
                    }
                ],
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("What's the weather?"),
                "gen_ai.output.messages": assistant("It's sunny!"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_multiple_steps_in_sequence(receiver):
    """Two steps are two children of one run, in order; their costs are calculated from model and tokens."""
    play("Step: Multiple Steps in Sequence")

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.response.model": "gpt-4",
                "gen_ai.input.messages": user("Plan how to solve this problem..."),
                "gen_ai.output.messages": assistant("I will first analyze the data, then..."),
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 30,
                "gen_ai.usage.cost": 0.0033,
                "tcc.cost.total": 0.0033,
                "tcc.cost.source": "calculated",
                "tcc.cost.price_version": PRICES,
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.response.model": "gpt-4",
                "gen_ai.input.messages": user("Execute the plan..."),
                "gen_ai.output.messages": assistant("Analysis complete. Results show..."),
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 75,
                "gen_ai.usage.cost": 0.0075,
                "tcc.cost.total": 0.0075,
                "tcc.cost.source": "calculated",
                "tcc.cost.price_version": PRICES,
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 2>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Solve this problem"),
                "gen_ai.output.messages": assistant("Problem solved successfully."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_step_error_handling_when_the_call_fails(receiver):
    """A failed step is an error with its message; the run goes on and ends with the status it is given."""
    play("Step: Error Handling", call_llm=fail("timed out"))

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("ERROR", "LLM call failed: timed out"),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Generate a summary..."),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "LLM call failed: timed out",
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "Error in LLM call"),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("User query"),
                "gen_ai.output.messages": assistant("Unable to complete due to error."),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "Error in LLM call",
            },
        },
    ]


def test_step_error_handling_when_the_call_succeeds(receiver):
    """A step's success does not change the status that the run is given."""
    play("Step: Error Handling", call_llm=lambda: "A summary.")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Generate a summary..."),
                "gen_ai.output.messages": assistant("A summary."),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "Error in LLM call"),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("User query"),
                "gen_ai.output.messages": assistant("Unable to complete due to error."),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "Error in LLM call",
            },
        },
    ]


def test_tracking_cached_tokens(receiver):
    """Cached and uncached tokens add up to the input; the cached ones are also told apart."""
    play("Step: Tracking Cached vs Uncached Tokens")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Reuse previous context..."),
                "gen_ai.output.messages": assistant("Using cached context..."),
                "gen_ai.usage.input_tokens": 510,
                "gen_ai.usage.cache_read.input_tokens": 500,
                "gen_ai.usage.output_tokens": 50,
                "gen_ai.usage.cost": 0.0005,
                "tcc.cost.total": 0.0005,
                "tcc.cost.source": "provided",
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("User query"),
                "gen_ai.output.messages": assistant("Response"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


# --- the examples of the page "Step usage" ---------------------------------------------------------------------------


def test_create_step(receiver):
    """Both ways to create a step give two open children of the same run, each with an id of its own."""
    made = play("Step usage: Create step")
    made["s"].prompt("Hi").response("Hello").end()
    made["r"].error("Nobody ended the first step.")

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("Hi"),
                "gen_ai.output.messages": assistant("Hello"),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("ERROR", "Its run ended with an error."),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 2>",
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
            "status": ("ERROR", "Nobody ended the first step."),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "Nobody ended the first step.",
            },
        },
    ]


def test_end_step(receiver):
    """Non-ASCII text arrives as it is."""
    r = tcc.run()
    play("Step usage: End step", r=r)

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user(WEATHER),
                "gen_ai.output.messages": assistant("The weather in London is 15°C and cloudy."),
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
    ]
    r.error()


def test_mark_step_as_failed_when_the_call_fails(receiver):
    """The run ends as a success, without a response, even if a step fails."""
    play("Step usage: Mark step as failed", call_weather_api=fail("503 from the weather API"))

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
        {
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
        },
    ]


def test_mark_step_as_failed_when_the_call_succeeds(receiver):
    """A run needs no response: one with only a prompt ends as a success."""
    play("Step usage: Mark step as failed", call_weather_api=lambda: "15°C")

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
        {
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
        },
    ]


# --- the examples of the page on run() -------------------------------------------------------------------------------


def test_basic_usage(receiver):
    """The system prompt is kept apart from the messages, as GenAI's system instructions."""
    play("Run: Basic Usage")

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.system_instructions": [{"type": "text", "content": "You are a helpful assistant."}],
                "gen_ai.input.messages": user("Summarize this article"),
                "gen_ai.output.messages": assistant("Here is a summary of the article..."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_conversational_agent(receiver):
    """Two runs of one session are two traces that share the session's id."""
    play("Run: Conversational Agent")

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.conversation.id": "<session 1>",
                "gen_ai.input.messages": user("Hello!"),
                "gen_ai.output.messages": assistant("Hi! How can I help you?"),
                "tcc.runId": "<run 1>",
                "tcc.sessionId": "<session 1>",
                "tcc.conversational": True,
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.conversation.id": "<session 1>",
                "gen_ai.input.messages": user("What's the weather?"),
                "gen_ai.output.messages": assistant("Let me check the weather for you."),
                "tcc.runId": "<run 2>",
                "tcc.sessionId": "<session 1>",
                "tcc.conversational": True,
                "tcc.status.code": 0,
            },
        },
    ]


def test_metadata(receiver):
    """Each key of the metadata is an attribute of its own."""
    play("Run: metadata")

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Analyze sales data"),
                "gen_ai.output.messages": assistant("Sales analysis complete."),
                "tcc.metadata.user_id": "user_123",
                "tcc.metadata.department": "sales",
                "tcc.metadata.region": "us-west",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_run_with_a_step_and_a_tool_call(receiver):
    """Arguments and result of a tool call are JSON text; step and tool call are children of the run."""
    play("Run: steps and tool calls")

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4",
                "gen_ai.response.model": "gpt-4",
                "gen_ai.input.messages": user("What's the weather in SF?"),
                "gen_ai.output.messages": assistant("I'll check the weather for you."),
                "gen_ai.usage.input_tokens": 20,
                "gen_ai.usage.output_tokens": 15,
                "gen_ai.usage.cost": 0.0015,
                "tcc.cost.total": 0.0015,
                "tcc.cost.source": "calculated",
                "tcc.cost.price_version": PRICES,
                "tcc.runId": "<run 1>",
                "tcc.step.id": "<step 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "execute_tool get_weather",
            "kind": "INTERNAL",
            "parent": "<run 1>",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_weather",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "<tool call 1>",
                "gen_ai.tool.call.arguments": '{"location":"San Francisco"}',
                "gen_ai.tool.call.result": '{"temperature":65,"condition":"sunny"}',
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("What's the weather in SF?"),
                "gen_ai.output.messages": assistant("It's 65°F and sunny in San Francisco."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_run_error_handling_when_the_request_succeeds(receiver):
    """A run that succeeds has no trace of the error handling around it."""
    play("Run: Error Handling", process_request=lambda: "Done.")

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Process this request"),
                "gen_ai.output.messages": assistant("Done."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        },
    ]


def test_run_error_handling_when_the_request_fails(receiver):
    """A failed run keeps its prompt and says why it failed."""
    play("Run: Error Handling", process_request=fail("no route to host"))

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "Failed to process request: no route to host"),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Process this request"),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "Failed to process request: no route to host",
            },
        },
    ]


@pytest.mark.parametrize(("complete", "code", "message"), [(True, 0, "Success"), (False, 1, "Partial success")])
def test_custom_status_codes(receiver, complete, code, message):
    """Success and partial success are both OK to OpenTelemetry; our own attributes tell them apart."""
    play(
        "Run: Custom Status Codes",
        generate_report=lambda: SimpleNamespace(is_complete=complete, content="Revenue rose."),
    )

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Generate report"),
                "gen_ai.output.messages": assistant("Revenue rose."),
                "tcc.runId": "<run 1>",
                "tcc.status.code": code,
                "tcc.status.message": message,
            },
        },
    ]


def test_custom_status_codes_when_the_report_fails(receiver):
    """An exception before any status is set makes the run an error."""
    play("Run: Custom Status Codes", generate_report=fail("no data"))

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "Report generation failed: no data"),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("Generate report"),
                "error.type": "_OTHER",
                "tcc.runId": "<run 1>",
                "tcc.status.code": 2,
                "tcc.status.message": "Report generation failed: no data",
            },
        },
    ]


# --- the lines of "Step usage" ---------------------------------------------------------------------------------------

GPT_4 = {
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.response.model": "gpt-4-0613",
}
TOKENS = {
    "gen_ai.usage.input_tokens": 200,
    "gen_ai.usage.cache_read.input_tokens": 50,
    "gen_ai.usage.output_tokens": 25,
}
COST = {"gen_ai.usage.cost": 0.0035, "tcc.cost.total": 0.0035, "tcc.cost.source": "provided"}
STOP = {"gen_ai.response.finish_reasons": ["stop"]}
TOOLS = {
    "gen_ai.tool.definitions": [
        {"type": "function", "name": "get_weather", "description": "Get the weather for a location"}
    ]
}


@pytest.mark.parametrize(
    ("fragment", "values", "expected"),
    [
        ("prompt", {"text": "Hi"}, {"gen_ai.input.messages": user("Hi")}),
        ("prompt, filled in", {}, {"gen_ai.input.messages": user(WEATHER)}),
        ("response", {"text": "Hi"}, {"gen_ai.output.messages": assistant("Hi")}),
        (
            "response, filled in",
            {},
            {"gen_ai.output.messages": assistant("The weather in London is 15°C and cloudy.")},
        ),
        ("model", {"requested": "gpt-4", "used": "gpt-4-0613"}, GPT_4),
        ("model, filled in", {}, GPT_4),
        ("tokens", {"prompt_uncached": 150, "prompt_cached": 50, "completion": 25}, TOKENS),
        ("tokens, filled in", {}, TOKENS),
        ("cost", {"real_total": 0.0035}, COST),
        ("cost, filled in", {}, COST),
        ("finish reason", {"reason": "stop"}, STOP),
        ("finish reason, filled in", {}, STOP),
        (
            "tool definitions",
            {"definitions": '[{"name": "get_weather", "description": "Get the weather for a location"}]'},
            TOOLS,
        ),
        ("tool definitions, filled in", {}, TOOLS),
    ],
)
def test_setter(receiver, fragment, values, expected):
    """Each setter of the page, as positional and as keyword arguments, sets its attributes and nothing else."""
    s = tcc.step(run_id="r-1", step_id="s-1")
    s.prompt("P").response("R")
    exec(FRAGMENTS[fragment], {"s": s, **values})
    s.end()

    name = "chat gpt-4" if expected is GPT_4 else "chat"
    assert recorded(receiver) == [
        {
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
                **expected,
            },
        }
    ]


def test_setters_chain(receiver):
    """The chained line of the page records a whole step."""
    exec(FRAGMENTS["chained"], {"s": tcc.step(run_id="r-1", step_id="s-1")})

    assert recorded(receiver) == [
        {
            "name": "chat gpt-4",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "chat",
                **GPT_4,
                "gen_ai.input.messages": user("Hello"),
                "gen_ai.output.messages": assistant("World"),
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                "tcc.status.code": 0,
            },
        }
    ]


@pytest.mark.parametrize("fragment", ["step of a run", "step of a run id"])
def test_two_ways_to_create_a_step(receiver, fragment):
    """A step that is made from a run and one that is made from a run id are children of the run alike."""
    names = {"r": tcc.run("r-1"), "tcc": tcc}
    exec(FRAGMENTS[fragment], names)
    names["s"].error()
    names["r"].error()

    assert [(span["name"], span["parent"]) for span in recorded(receiver)] == [("chat", "r-1"), ("invoke_agent", None)]


def test_failed_step_needs_neither_prompt_nor_response(receiver):
    """`error()` records a step that has nothing set."""
    exec(FRAGMENTS["failed"], {"s": tcc.step(run_id="r-1", step_id="s-1"), "status_message": "It broke."})

    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("ERROR", "It broke."),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                "tcc.status.code": 2,
                "tcc.status.message": "It broke.",
            },
        }
    ]


# --- what the pages state: signatures --------------------------------------------------------------------------------


def positional(function):
    """The parameters that may be given by position or take any keyword, as in the signatures of the pages."""
    parameters = inspect.signature(function).parameters.values()
    shown = [p for p in parameters if p.name != "self" and p.kind is not p.KEYWORD_ONLY]
    return ", ".join(str(p.replace(annotation=p.empty)) for p in shown)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (tcc.run, "run_id=None, session_id=None, conversational=None, api_key=None, tcc_url=None"),
        (tcc.Run.prompt, "user_prompt, system_prompt=None"),
        (tcc.Run.response, "text"),
        (tcc.Run.status, "code, message=None"),
        (tcc.Run.metadata, "data=None, **kwargs"),
        (tcc.Run.step, "step_id=None"),
        (tcc.Run.tool_call, "tool_name=None, tool_call_id=None"),
        (tcc.Run.feedback, "score=None, text=None"),
        (tcc.Run.end, ""),
        (tcc.Run.error, "status_message=''"),
        (tcc.step, "run_id=None, step_id=None, api_key=None, tcc_url=None"),
        (tcc.Step.prompt, "text"),
        (tcc.Step.response, "text"),
        (tcc.Step.model, "requested=None, used=None"),
        (tcc.Step.finish_reason, "reason"),
        (tcc.Step.tokens, "prompt_uncached=None, prompt_cached=None, completion=None"),
        (tcc.Step.cost, "real_total"),
        (tcc.Step.tool_definitions, "definitions"),
        (tcc.Step.status, "code, message=None"),
        (tcc.Step.tool_call, "tool_name=None, tool_call_id=None"),
        (tcc.Step.end, ""),
        (tcc.Step.error, "status_message=''"),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_signature(function, parameters):
    """Names, order and defaults of the positional parameters are those of the page."""
    assert positional(function) == parameters


def test_run_takes_all_its_parameters_by_position(monkeypatch, receiver):
    """`run(run_id, session_id, conversational, api_key, tcc_url)` sends to its own URL with its own key."""
    monkeypatch.setenv("TCC_URL", "http://127.0.0.1:9")
    tcc.run("r-1", "s-1", False, "key-1", receiver.url).prompt("U", "S").response("R").end()
    deliver()

    assert receiver.spans()[0].headers["authorization"] == "Bearer key-1"
    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.conversation.id": "s-1",
                "gen_ai.system_instructions": [{"type": "text", "content": "S"}],
                "gen_ai.input.messages": user("U"),
                "gen_ai.output.messages": assistant("R"),
                "tcc.runId": "r-1",
                "tcc.sessionId": "s-1",
                "tcc.conversational": False,
                "tcc.status.code": 0,
            },
        }
    ]


def test_step_takes_all_its_parameters_by_position(monkeypatch, receiver):
    """`step(run_id, step_id, api_key, tcc_url)` sends to its own URL with its own key."""
    monkeypatch.setenv("TCC_URL", "http://127.0.0.1:9")
    tcc.step("r-1", "s-1", "key-1", receiver.url).error("E")
    deliver()

    assert receiver.spans()[0].headers["authorization"] == "Bearer key-1"
    assert recorded(receiver) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("ERROR", "E"),
            "attributes": {
                "gen_ai.operation.name": "chat",
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                "tcc.status.code": 2,
                "tcc.status.message": "E",
            },
        }
    ]


@pytest.mark.parametrize("made_by", ["run", "step"])
def test_tool_call_takes_name_and_id_by_position(receiver, made_by):
    """`tool_call(tool_name, tool_call_id)` makes a child of the run or step that it is called on."""
    r = tcc.run("r-1")
    s = r.step("s-1")
    tc = (r if made_by == "run" else s).tool_call("search", "call-1")
    tc.end()
    s.error()
    r.error()

    assert recorded(receiver)[0] == {
        "name": "execute_tool search",
        "kind": "INTERNAL",
        "parent": "r-1" if made_by == "run" else "s-1",
        "status": ("OK", ""),
        "attributes": {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": "call-1",
            "tcc.runId": "r-1",
            "tcc.status.code": 0,
        },
    }


def test_key_and_url_come_from_the_environment(monkeypatch, receiver):
    """Without arguments, TCC_API_KEY and TCC_URL say where a run and its step go, and with which key."""
    monkeypatch.setenv("TCC_API_KEY", "key-from-environment")
    r = tcc.run()
    r.step().error()
    r.error()
    deliver()

    assert [(span.path, span.headers["authorization"]) for span in receiver.spans()] == [
        ("/v1/traces", "Bearer key-from-environment")
    ] * 2


def test_key_of_a_run_is_that_of_its_steps(monkeypatch, receiver):
    """What is in a run goes where the run goes, with its key, feedback included."""
    with Receiver() as own:
        r = tcc.run(api_key="key-1", tcc_url=own.url)
        r.step().error()
        tcc.step(run_id=r.run_id).error()
        r.tool_call("search").end()
        r.feedback("thumbs_up")
        r.error()
        deliver()

        assert {span.headers["authorization"] for span in own.spans()} == {"Bearer key-1"}
        assert (len(own.spans()), len(own.logs())) == (4, 1)
    assert receiver.requests == []


# --- what the pages state: ids ---------------------------------------------------------------------------------------


def test_ids_are_uuids_by_default(receiver):
    """Run, step and tool call get a UUID each; `run_id` reads it, and it is the trace id."""
    r = tcc.run()
    s = r.step()
    tc = s.tool_call("search")
    tc.end()
    s.error()
    r.error()
    names = ["<tool call 1>", "<step 1>", "<run 1>"]

    assert [span["parent"] for span in recorded(receiver)] == ["<step 1>", "<run 1>", None]
    assert len({r.run_id, s.step_id, tc.tool_call_id}) == len(names)
    assert (s.run_id, tc.run_id) == (r.run_id, r.run_id)
    [root] = [span for span in receiver.spans() if span.name == "invoke_agent"]
    assert (root.trace_id, root.span_id) == (r.run_id.replace("-", ""), run_span_id(r.run_id))


def test_given_ids_are_kept(receiver):
    """Ids of the caller's own arrive as they are; the trace id is made from the run id."""
    r = tcc.run(run_id="order 42")
    s = r.step(step_id="plan")
    s.error()
    r.error()

    assert (r.run_id, s.step_id) == ("order 42", "plan")
    assert [span["parent"] for span in recorded(receiver)] == ["order 42", None]
    assert {span.trace_id for span in receiver.spans()} == {trace_id("order 42")}


def test_run_id_cannot_be_set():
    """`run_id` is read-only."""
    r = tcc.run()
    with pytest.raises(AttributeError):
        r.run_id = "other"
    r.error()


@pytest.mark.parametrize("run_id", ["0190163d-8694-739b-aea5-966c26f8ad91", "order 42"])
def test_step_by_run_id_finds_a_run_that_is_not_here(receiver, run_id):
    """`step(run_id=…)` is a child of the run's span although this process never saw the run."""
    tcc.step(run_id=run_id).error()
    deliver()

    [span] = receiver.spans()
    assert (span.trace_id, span.parent_id) == (trace_id(run_id), run_span_id(run_id))


def test_step_by_run_id_finds_a_run_that_has_ended(receiver):
    """`step(run_id=…)` is a child of the run's span after the run's end, too."""
    r = tcc.run(session_id="conversation")
    r.prompt("U").end()
    tcc.step(run_id=r.run_id).prompt("P").response("R").end()

    assert [(span["name"], span["parent"]) for span in recorded(receiver)] == [
        ("invoke_agent", None),
        ("chat", "<run 1>"),
    ]


def test_step_by_run_id_knows_the_session_of_an_open_run(receiver):
    """`step(run_id=…)` carries what the steps of the run itself carry, as long as the run is open here."""
    r = tcc.run(session_id="conversation", conversational=True)
    r.step(step_id="s").error()
    tcc.step(run_id=r.run_id, step_id="s").error()
    r.error()

    deliver()
    [one, two, _] = receiver.spans()
    assert one.attributes == two.attributes
    assert one.attributes["tcc.sessionId"] == "conversation"


# --- what the pages state: chaining, what is required, what is too late ----------------------------------------------

RUN_SETTERS = {
    "prompt": ("U",),
    "response": ("R",),
    "status": (0,),
    "metadata": ({"k": "v"},),
    "agent": ("support",),
    "tags": ("beta",),
    "end_time": (2_000_000_000,),
}
STEP_SETTERS = {
    "prompt": ("P",),
    "response": ("R",),
    "model": ("gpt-4",),
    "finish_reason": ("stop",),
    "tokens": (1, 2, 3),
    "cost": (0.1,),
    "tool_definitions": ("[]",),
    "status": (0,),
    "metadata": ({"k": "v"},),
    "provider": ("openai",),
    "response_id": ("resp-1",),
    "parameters": (),
    "end_time": (2_000_000_000,),
}
TOOL_CALL_SETTERS = {
    "name": ("search",),
    "description": ("Searches.",),
    "args": ({"q": 1},),
    "result": ("found",),
    "status": (0,),
    "metadata": ({"k": "v"},),
    "end_time": (2_000_000_000,),
}
MAKERS = {
    "run": lambda: tcc.run("r-1").prompt("U"),
    "step": lambda: tcc.step("r-1", "s-1").prompt("P").response("R"),
    "tool call": lambda: tcc.tool_call("r-1", "c-1", "search"),
}
SETTERS = [
    (noun, method, arguments)
    for noun, setters in (("run", RUN_SETTERS), ("step", STEP_SETTERS), ("tool call", TOOL_CALL_SETTERS))
    for method, arguments in setters.items()
]
LAST_WORDS = [(noun, method, ()) for noun in MAKERS for method in ("end", "error")]


@pytest.mark.parametrize(("noun", "method", "arguments"), SETTERS)
def test_setter_returns_self(noun, method, arguments):
    """Every setter returns the object that it was called on."""
    made = MAKERS[noun]()
    assert getattr(made, method)(*arguments) is made
    made.error()


@pytest.mark.parametrize(("noun", "method", "arguments"), LAST_WORDS)
def test_last_word_returns_nothing(noun, method, arguments):
    """`end()` and `error()` return None."""
    assert getattr(MAKERS[noun](), method)(*arguments) is None


@pytest.mark.parametrize("last_word", ["end", "error"])
@pytest.mark.parametrize(("noun", "method", "arguments"), [*SETTERS, *LAST_WORDS])
def test_nothing_can_be_changed_after_the_end(receiver, last_word, noun, method, arguments):
    """After `end()` or `error()` every setter, `end()` and `error()` is a RuntimeError, and nothing more is sent."""
    made = MAKERS[noun]()
    getattr(made, last_word)()
    before = recorded(receiver)

    with pytest.raises(RuntimeError) as caught:
        getattr(made, method)(*arguments)

    assert type(caught.value) is tcc.EndedError
    assert str(caught.value) == (
        f"This {noun} has already ended: `{method}()` is not possible after `end()` or `error()`."
    )
    assert recorded(receiver) == before
    assert len(before) == 1


@pytest.mark.parametrize("given", [[], ["prompt"], ["response"]])
def test_step_needs_prompt_and_response(receiver, given):
    """`end()` of a step without both is a ValueError that names both; the step stays open and can be completed."""
    s = tcc.step("r-1")
    for method in given:
        getattr(s, method)("text")

    with pytest.raises(ValueError) as caught:
        s.end()

    assert type(caught.value) is tcc.IncompleteError
    assert str(caught.value) == (
        "A step needs both a prompt and a response before `end()`: call `prompt()` and `response()` first, "
        "or `error()` to record that it failed."
    )
    assert recorded(receiver) == []
    s.prompt("P").response("R").end()
    assert len(recorded(receiver)) == 1


def test_run_needs_a_prompt(receiver):
    """`end()` of a run without a prompt is a ValueError; the run stays open and can be completed."""
    r = tcc.run().response("R")

    with pytest.raises(ValueError) as caught:
        r.end()

    assert type(caught.value) is tcc.IncompleteError
    assert str(caught.value) == (
        "A run needs a prompt before `end()`: call `prompt()` first, or `error()` to record that it failed."
    )
    assert recorded(receiver) == []
    r.prompt("U").end()
    assert len(recorded(receiver)) == 1


def test_tool_call_needs_a_name(receiver):
    """`end()` of a tool call without a name is a ValueError; the tool call stays open and can be completed."""
    tc = tcc.tool_call("r-1").args({}).result("R")

    with pytest.raises(ValueError) as caught:
        tc.end()

    assert type(caught.value) is tcc.IncompleteError
    assert str(caught.value) == (
        "A tool call needs a name before `end()`: call `name()`, or pass it as `tool_call(tool_name=…)`."
    )
    assert recorded(receiver) == []
    tc.name("search").end()
    assert [span["name"] for span in recorded(receiver)] == ["execute_tool search"]


def test_run_error_needs_nothing(receiver):
    """`error()` records a run that has nothing set; without a message there is none."""
    tcc.run("r-1").error()

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.status.code": 2,
            },
        }
    ]


def test_step_error_needs_nothing(receiver):
    """`error()` of a step takes its message by position or keyword, or none at all."""
    tcc.step("r-1", "s-1").error()
    tcc.step("r-1", "s-2").error("by position")
    tcc.step("r-1", "s-3").error(status_message="by keyword")

    assert [(span["status"], span["attributes"].get("tcc.status.message")) for span in recorded(receiver)] == [
        (("ERROR", ""), None),
        (("ERROR", "by position"), "by position"),
        (("ERROR", "by keyword"), "by keyword"),
    ]


@pytest.mark.parametrize("noun", ["run", "step", "tool call"])
@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [(0, ("OK", ""), None), (1, ("OK", ""), None), (2, ("ERROR", "why"), "_OTHER")],
)
def test_status_codes(receiver, noun, code, status, error_type):
    """0 and 1 are OK to OpenTelemetry, 2 is an error with its message; the code itself is always there."""
    MAKERS[noun]().status(code, "why").end()

    [span] = recorded(receiver)
    assert span["status"] == status
    attributes = span["attributes"]
    assert (attributes["tcc.status.code"], attributes["tcc.status.message"]) == (code, "why")
    assert attributes.get("error.type") == error_type


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "anything"])
def test_finish_reason_is_kept_in_the_provider_s_word(receiver, reason):
    """The finish reason arrives as it was given; in the message it is GenAI's word for it, where there is one."""
    tcc.step("r-1").prompt("P").response("R").finish_reason(reason).end()

    [span] = recorded(receiver)
    assert span["attributes"]["gen_ai.response.finish_reasons"] == [reason]
    genai = "tool_call" if reason == "tool_calls" else reason
    assert span["attributes"]["gen_ai.output.messages"] == assistant("R", genai)


def test_metadata_takes_a_dict_and_keywords(receiver):
    """Metadata may be a dict, keywords, or both; calls add up and the later value wins."""
    r = tcc.run("r-1").prompt("U")
    r.metadata({"a": "1", "b": "1"}, b="2", c="2").metadata(data={"c": "3"}).metadata(d="4")
    r.end()

    [span] = recorded(receiver)
    assert {k: v for k, v in span["attributes"].items() if k.startswith("tcc.metadata.")} == {
        "tcc.metadata.a": "1",
        "tcc.metadata.b": "2",
        "tcc.metadata.c": "3",
        "tcc.metadata.d": "4",
    }


def test_parts_of_a_run_lie_within_its_time(receiver):
    """A run's span starts before its steps and tool calls and ends after them."""
    play("Run: steps and tool calls")
    deliver()

    [step, call, run] = receiver.spans()
    assert run.start_ns <= step.start_ns <= step.end_ns <= call.start_ns <= call.end_ns <= run.end_ns


# --- what the pages state: feedback ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("score", "value"), [("thumbs_up", 1.0), ("thumbs_down", 0.0)])
@pytest.mark.parametrize("when", ["before the end", "after the end"])
def test_feedback(receiver, score, value, when):
    """Feedback is an event at the run's span, before or after the run's end; `feedback()` says that it was taken."""
    r = tcc.run().prompt("U")
    if when == "after the end":
        r.end()
    taken = r.feedback(score, "Found it at once.")
    if when == "before the end":
        r.end()

    assert taken is True
    assert recorded_feedback(receiver) == [
        {
            "name": "gen_ai.evaluation.result",
            "attributes": {
                "gen_ai.evaluation.name": "user_feedback",
                "gen_ai.evaluation.score.label": score,
                "gen_ai.evaluation.score.value": value,
                "gen_ai.evaluation.explanation": "Found it at once.",
                "tcc.runId": "<run 1>",
            },
        }
    ]


def test_feedback_may_be_a_score_or_a_text(receiver):
    """One of score and text is enough, given by keyword."""
    r = tcc.run("r-1").prompt("U")
    assert (r.feedback(score="thumbs_down"), r.feedback(text="Slow.")) == (True, True)
    r.end()

    assert [event["attributes"] for event in recorded_feedback(receiver)] == [
        {
            "gen_ai.evaluation.name": "user_feedback",
            "gen_ai.evaluation.score.label": "thumbs_down",
            "gen_ai.evaluation.score.value": 0.0,
            "tcc.runId": "r-1",
        },
        {
            "gen_ai.evaluation.name": "user_feedback",
            "gen_ai.evaluation.explanation": "Slow.",
            "tcc.runId": "r-1",
        },
    ]


def test_feedback_from_anywhere(receiver):
    """`submit_feedback(run_id, …)` finds the run's span by its id alone."""
    assert tcc.submit_feedback("order 42", score="thumbs_up", text="Thanks.") is True

    assert recorded_feedback(receiver) == [
        {
            "name": "gen_ai.evaluation.result",
            "attributes": {
                "gen_ai.evaluation.name": "user_feedback",
                "gen_ai.evaluation.score.label": "thumbs_up",
                "gen_ai.evaluation.score.value": 1.0,
                "gen_ai.evaluation.explanation": "Thanks.",
                "tcc.runId": "order 42",
            },
        }
    ]


def test_feedback_text_has_2000_characters_at_most(receiver):
    """2000 characters are taken, however many bytes they are; 2001 are a ValueError, and nothing is sent."""
    assert tcc.submit_feedback("r-1", text="é" * 2000) is True

    with pytest.raises(ValueError) as caught:
        tcc.submit_feedback("r-1", text="x" * 2001)

    assert str(caught.value) == "Feedback `text` may have 2,000 characters, got 2,001."
    assert [event["attributes"]["gen_ai.evaluation.explanation"] for event in recorded_feedback(receiver)] == [
        "é" * 2000
    ]


@pytest.mark.parametrize("nothing", [{}, {"score": None, "text": None}, {"text": ""}])
def test_feedback_needs_a_score_or_a_text(receiver, nothing):
    """Feedback with neither score nor text is a ValueError, and nothing is sent."""
    r = tcc.run()

    with pytest.raises(ValueError) as caught:
        r.feedback(**nothing)

    assert str(caught.value) == "Feedback needs at least one of `score`, `text` and `value`."
    assert recorded_feedback(receiver) == []
    r.error()


def test_feedback_score_is_one_of_two(receiver):
    """Any other score is a ValueError that shows it, and nothing is sent."""
    with pytest.raises(ValueError) as caught:
        tcc.submit_feedback("r-1", "thumbs_sideways")

    assert str(caught.value) == "Feedback `score` must be 'thumbs_up' or 'thumbs_down', got 'thumbs_sideways'."
    assert recorded_feedback(receiver) == []


def test_feedback_that_cannot_be_taken_is_false(monkeypatch, receiver):
    """`feedback()` is False when nothing will be sent, here because OpenTelemetry is switched off."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert tcc.submit_feedback("r-1", "thumbs_up") is False
    assert tcc.flush(5) == tcc.FlushReport(delivered=0, waiting=0, dead=0, dropped={"disabled": 1})
    assert told(receiver.spans()) == []
