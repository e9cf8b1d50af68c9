"""The `anthropic` client with its instrumentor, inside our runs."""

import asyncio

import pytest

import contextcompany as tcc
from fake_llm import Answer, FakeLLM, ToolCall, Usage

anthropic = pytest.importorskip("anthropic")
pytest.importorskip("opentelemetry.instrumentation.genai.anthropic")

MODEL = "claude-opus-4-5"
pytestmark = pytest.mark.filterwarnings("ignore:The model 'claude:DeprecationWarning")  # its price is what is needed
REQUEST = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
USAGE = Usage(uncached=10, cached=4, cache_write=6, output=5)


@pytest.fixture
def llm():
    """Says `Hi!` for 20 tokens in and 5 out."""
    with FakeLLM(lambda _: Answer("Hi!", usage=USAGE)) as started:
        yield started


def create(llm, **options):
    with anthropic.Anthropic(base_url=llm.url, api_key="k", max_retries=0) as client:
        return client.messages.create(**{**REQUEST, **options})


def stream(llm):
    with anthropic.Anthropic(base_url=llm.url, api_key="k") as client:
        list(client.messages.create(**REQUEST, stream=True))


def stream_manager(llm):
    with anthropic.Anthropic(base_url=llm.url, api_key="k") as client, client.messages.stream(**REQUEST) as answer:
        answer.get_final_message()


def in_async_client(llm):
    async def ask():
        async with anthropic.AsyncAnthropic(base_url=llm.url, api_key="k") as client:
            await client.messages.create(**REQUEST)

    asyncio.run(ask())


@pytest.mark.parametrize("in_step", [True, False])
@pytest.mark.parametrize("call", [create, stream, stream_manager, in_async_client])
def test_one_call(llm, captured, told, call, in_step):
    """It is one step, with content and with tokens of all kinds, of which the cached ones are a part of the input."""
    assert tcc.instrument("anthropic") == ["anthropic"]

    with tcc.run() as r:
        if in_step:
            with r.step():
                call(llm)
        else:
            call(llm)

    (step,) = captured.steps
    assert told(step) == ("anthropic", MODEL, "Hello", "Hi!", "stop", (20, 4, 5))
    assert step.tokens.cache_write == 6
    assert step.cost_source == "calculated"
    assert len(captured.spans) == 2


def test_tools_and_system(captured):
    """A system prompt, tool definitions and a call of a tool arrive in GenAI shape."""
    tool = {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}
    tcc.instrument("anthropic")
    answer = Answer("Let me look.", tool_calls=[ToolCall("weather", {"city": "Paris"}, "toolu_1")])
    with FakeLLM(answer) as llm, tcc.run() as r, r.step():
        create(llm, system="Be brief.", tools=[tool])

    (step,) = captured.steps
    assert (step.system_prompt, step.tool_definitions[0]["name"]) == ("Be brief.", "weather")
    assert [part["type"] for part in step.response[0]["parts"]] == ["text", "tool_call"]
    assert step.response[0]["parts"][1]["arguments"] == {"city": "Paris"}
