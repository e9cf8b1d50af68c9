"""Agents of declared steps that ask real clients: OpenAI's and LiteLLM's, synchronous and not."""

import asyncio
import gc
import json
from typing import Any

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany.workflow import Agent, StepConfig, act, observe, synthesize, think, tool
from fake_llm import Answer, FakeLLM, Usage

openai = pytest.importorskip("openai")
litellm = pytest.importorskip("litellm")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

USAGE = Usage(uncached=10, cached=4, output=5)


class Facts(BaseModel):
    city: str
    celsius: int


class Weather(Agent):
    """All four types of steps, with a tool, validation, a failure, a retry and a stream."""

    @tool(scopes=["think"])
    def thermometer(self, city: str) -> int:
        """Measures the temperature in a city."""
        return {"Paris": 15}[city]

    @think
    def look(self, question: str) -> str:
        return f"Look at: {question}"

    @observe(json_output=True, return_type=Facts, use_tools=False, step_config=StepConfig(retry_count=1))
    def read(self, seen: str) -> str:
        return f"Read: {seen}"

    @act(send_to_llm=False)
    def convert(self, facts: Facts) -> float:
        return facts.celsius * 1.8 + 32

    @synthesize(stream=True, model={"name": "gpt-4o", "stream_options": {"include_usage": True}})
    def say(self, fahrenheit: float) -> str:
        return f"Say {fahrenheit}"


SCRIPT = [
    json.dumps(
        {
            "tool_calls": [
                {"tool_name": "thermometer", "arguments": {"city": city}, "confidence": 1, "reasoning": "asked"}
                for city in ("Paris", "Atlantis")
            ]
        }
    ),
    "It is 15 °C in Paris.",
    '{"city": "Paris"}',
    '{"city": "Paris", "celsius": 15}',
    "It is 59 °F.",
]


@pytest.fixture
def llm():
    with FakeLLM(*[Answer(text, usage=USAGE) for text in SCRIPT]) as started:
        yield started


def openai_client(llm):
    return openai.OpenAI(base_url=llm.openai_url, api_key="k", max_retries=0)


def async_openai_client(llm):
    return openai.AsyncOpenAI(base_url=llm.openai_url, api_key="k", max_retries=0)


def litellm_client(llm):
    def completion(**request: Any) -> Any:
        return litellm.completion(api_base=llm.openai_url, api_key="k", **request)

    return completion


def async_litellm_client(llm):
    async def acompletion(**request: Any) -> Any:
        return await litellm.acompletion(api_base=llm.openai_url, api_key="k", **request)

    return acompletion


def read(client):
    return "".join(Weather(client, "gpt-4o").run("How warm is Paris?"))


def read_async(client):
    async def reading():
        pieces = await Weather(client, "gpt-4o").arun("How warm is Paris?")
        text = "".join([piece async for piece in pieces])
        if isinstance(client, openai.AsyncOpenAI):
            await client.close()
        return text

    return asyncio.run(reading())


@pytest.fixture(params=[False, True], ids=["", "instrumented"])
def instrumented(request):
    """Whether the instrumentor of the client is on: nothing is to be counted twice."""
    if request.param:
        tcc.instrument("openai")
    yield request.param
    if request.param:
        tcc.uninstrument()
    litellm.in_memory_llm_clients_cache.flush_cache()
    gc.collect()


def said(step):
    """The text of the answer; LiteLLM's messages hold more than that."""
    return step.response if isinstance(step.response, str) else step.response[0]["parts"][0]["content"]


@pytest.mark.parametrize(
    ("make", "reading"),
    [
        (openai_client, read),
        (async_openai_client, read_async),
        (litellm_client, read),
        (litellm_client, read_async),
        (async_litellm_client, read_async),
    ],
    ids=["openai", "openai async", "litellm", "litellm beside the loop", "litellm async"],
)
def test_a_declared_agent_is_the_same_with_every_client(llm, captured, instrumented, make, reading):
    """What it says, and what is recorded of it."""
    assert reading(make(llm)) == "It is 59 °F."

    run = captured.run
    assert (run.agent, run.prompt, run.response, run.status) == ("Weather", "How warm is Paris?", "It is 59 °F.", 0)
    assert [(each.declared, each.status, each.model_requested, said(each)) for each in run.steps] == [
        (("look_tools", "think"), 0, "gpt-4o", SCRIPT[0]),
        (("look", "think"), 0, "gpt-4o", SCRIPT[1]),
        (("read", "observe"), 2, "gpt-4o", SCRIPT[2]),
        (("read", "observe"), 0, "gpt-4o", SCRIPT[3]),
        (("say", "synthesize"), 0, "gpt-4o", SCRIPT[4]),
    ]
    assert [(each.tokens.input, each.tokens.cached, each.tokens.output) for each in run.steps] == [(14, 4, 5)] * 5
    assert all(each.cost and each.cost_source == "calculated" for each in run.steps)
    assert run.steps[1].prompt == (
        "Look at: How warm is Paris?\n\nResults of tools:\nthermometer: 15\nthermometer: KeyError: 'Atlantis'"
    )
    assert [(each.args, each.result, each.status) for each in run.steps[0].tool_calls] == [
        ({"city": "Paris"}, 15, 0),
        ({"city": "Atlantis"}, None, 2),
    ]
    (converted,) = run.tool_calls
    assert (converted.declared, converted.args, converted.result) == (
        ("convert", "act"),
        {"city": "Paris", "celsius": 15},
        59.0,
    )
    assert run.steps[4].time_to_first_chunk is not None
