"""Whole requests and responses fill in what the user did not say: model, parameters, tokens, reason and id."""

import asyncio
import json
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contextcompany as tcc
from contextcompany import _envelopes
from contextcompany.testing import capture
from fake_llm import Answer, FakeLLM, ToolCall, Usage
from programs import run_program

TOKENS = {"input": 196, "cached": 64, "cache_write": 32, "output": 20, "reasoning": 8}
QUESTION = [{"role": "user", "content": "How warm is it?"}]
MESSAGE = {"role": "assistant", "content": "15 °C."}
TEXT = {"type": "text", "text": "15 °C."}


def record(prompt="How warm is it?", response="15 °C.", before=lambda step: None, after=lambda step: None):
    """The one step that was recorded, told things by hand before and after its prompt and response."""
    with capture() as captured, tcc.run() as run:
        run.prompt("p")
        with run.step() as step:
            before(step)
            step.prompt(prompt).response(response)
            after(step)
    return captured.steps[0]


def said(step):
    """What a response says beside its messages, without what it does not say."""
    tokens = {name: getattr(step.tokens, name) for name in TOKENS}
    return {
        "model": step.model_used,
        "id": step.response_id,
        "reason": step.finish_reason,
        **{name: count for name, count in tokens.items() if count is not None},
    }


# Responses.

RESPONSES = {
    "OpenAI chat": (
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 196,
                "completion_tokens": 20,
                "total_tokens": 216,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 32},
                "completion_tokens_details": {"reasoning_tokens": 8},
            },
        },
        {"model": "gpt-4o-2024-08-06", "id": "chatcmpl-1", "reason": "stop", **TOKENS},
    ),
    "OpenAI chat without details": (
        {
            "model": "m",
            "choices": [{"message": MESSAGE, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": None},
        },
        {"model": "m", "id": None, "reason": "length", "input": 9, "output": 0},
    ),
    "OpenAI chat without usage": (
        {"id": "1", "model": "m", "choices": [{"message": MESSAGE, "finish_reason": "stop"}], "usage": None},
        {"model": "m", "id": "1", "reason": "stop"},
    ),
    "LiteLLM for Anthropic, which counts like OpenAI": (
        {
            "id": "chatcmpl-2",
            "model": "claude-sonnet-4-5",
            "choices": [{"message": MESSAGE, "finish_reason": "stop"}],
            "usage": {
                "prompt_tokens": 196,
                "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_creation_tokens": 32, "text_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 8, "text_tokens": 12},
                "cache_creation_input_tokens": 32,
                "cache_read_input_tokens": 64,
            },
        },
        {"model": "claude-sonnet-4-5", "id": "chatcmpl-2", "reason": "stop", **TOKENS},
    ),
    "a gateway that passes on Anthropic's counts under OpenAI's names": (
        {
            "model": "m",
            "choices": [{"message": MESSAGE, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 20, "cache_read_input_tokens": 64},
        },
        {"model": "m", "id": None, "reason": "stop", "input": 74, "cached": 64, "output": 20},
    ),
    "DeepSeek": (
        {
            "id": "d",
            "model": "deepseek-chat",
            "choices": [{"message": MESSAGE, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 3, "prompt_cache_hit_tokens": 64},
        },
        {"model": "deepseek-chat", "id": "d", "reason": "stop", "input": 90, "cached": 64, "output": 3},
    ),
    "OpenAI Responses": (
        {
            "id": "resp_1",
            "object": "response",
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "model": "gpt-4o-2024-08-06",
            "output": [
                {"type": "message", "id": "msg_1", "role": "assistant", "content": [{**TEXT, "type": "output_text"}]}
            ],
            "usage": {
                "input_tokens": 196,
                "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 32},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 8},
            },
        },
        {"model": "gpt-4o-2024-08-06", "id": "resp_1", "reason": "max_output_tokens", **TOKENS},
    ),
    "Anthropic, whose input is without the caches": (
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [TEXT],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 100,
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 32,
                "output_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 8},
            },
        },
        {"model": "claude-sonnet-4-5", "id": "msg_1", "reason": "end_turn", **TOKENS},
    ),
    "Gemini in JSON, whose thoughts are beside its answer": (
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "15 °C."}]}, "finishReason": "STOP"}],
            "modelVersion": "gemini-2.5-flash",
            "responseId": "g1",
            "usageMetadata": {
                "promptTokenCount": 150,
                "toolUsePromptTokenCount": 46,
                "cachedContentTokenCount": 64,
                "candidatesTokenCount": 12,
                "thoughtsTokenCount": 8,
            },
        },
        {
            "model": "gemini-2.5-flash",
            "id": "g1",
            "reason": "STOP",
            "input": 196,
            "cached": 64,
            "output": 20,
            "reasoning": 8,
        },
    ),
    "Gemini in Python": (
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "15 °C."}]}, "finish_reason": "STOP"}],
            "model_version": "gemini-2.5-flash",
            "response_id": "g2",
            "usage_metadata": {"prompt_token_count": 7, "candidates_token_count": 3, "total_token_count": 10},
        },
        {"model": "gemini-2.5-flash", "id": "g2", "reason": "STOP", "input": 7, "output": 3},
    ),
    "LangChain's message, whose input has the caches in it": (
        {
            "type": "ai",
            "content": "15 °C.",
            "id": "run--1",
            "response_metadata": {"model_name": "gpt-4o-2024-08-06", "id": "chatcmpl-3", "finish_reason": "stop"},
            "usage_metadata": {
                "input_tokens": 196,
                "output_tokens": 20,
                "input_token_details": {"cache_read": 64, "cache_creation": 32},
                "output_token_details": {"reasoning": 8},
            },
        },
        {"model": "gpt-4o-2024-08-06", "id": "chatcmpl-3", "reason": "stop", **TOKENS},
    ),
    "Bedrock's Converse, whose input is without the caches": (
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "15 °C."}]}},
            "stopReason": "end_turn",
            "usage": {
                "inputTokens": 100,
                "outputTokens": 20,
                "totalTokens": 216,
                "cacheReadInputTokens": 64,
                "cacheWriteInputTokens": 32,
            },
        },
        {
            "model": None,
            "id": None,
            "reason": "end_turn",
            "input": 196,
            "cached": 64,
            "cache_write": 32,
            "output": 20,
        },
    ),
    "Ollama": (
        {"model": "llama3", "message": MESSAGE, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 9},
        {"model": "llama3", "id": None, "reason": "stop", "input": 26, "output": 9},
    ),
    "a message alone": (MESSAGE, {"model": None, "id": None, "reason": None}),
    "an item of a response, whose id is not the response's": (
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{**TEXT, "type": "output_text"}]},
        {"model": None, "id": None, "reason": None},
    ),
    "counts and names of the wrong type": (
        {
            "id": 7,
            "model": {"name": "m"},
            "choices": [{"message": MESSAGE, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": "9", "completion_tokens": -1, "prompt_tokens_details": [64]},
        },
        {"model": None, "id": None, "reason": "stop"},
    ),
    "an answer in JSON that only looks like one": (
        '{"id": "7", "model": "T", "usage": {"prompt_tokens": 1}}',
        {"model": None, "id": None, "reason": None},
    ),
}


@pytest.mark.parametrize(("response", "expected"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_says_what_it_cost(response, expected):
    """Each provider's convention is its own: whether the input has the caches in it, and the output the thoughts."""
    assert said(record(response=response)) == expected


@pytest.mark.parametrize(("response", "expected"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_says_the_same_as_json_text(response, expected):
    """The JSON text of a response is read like the response."""
    assert said(record(response=json.dumps(response))) == expected


CHAT, CHAT_SAID = RESPONSES["OpenAI chat"]


def tell_everything(step):
    step.model(used="mine").response_id("mine").finish_reason("mine")
    step.tokens(uncached=1, cached=2, completion=3)


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_told_by_hand_wins(when):
    """Before or after `response()`; what is told of the input stands for all of it, so that it adds up."""
    step = record(response=CHAT, **{when: tell_everything})

    assert said(step) == {"model": "mine", "id": "mine", "reason": "mine", "input": 3, "cached": 2, "output": 3}


def test_what_is_not_told_by_hand_is_filled_in():
    """The output's counts come from the response when only the input's were told, and the other way round."""
    assert said(record(response=CHAT, after=lambda step: step.tokens(uncached=1))) == {
        **{key: CHAT_SAID[key] for key in ("model", "id", "reason", "output", "reasoning")},
        "input": 1,
    }
    assert said(record(response=CHAT, after=lambda step: step.tokens(completion=1))) == {
        **{key: CHAT_SAID[key] for key in ("model", "id", "reason", "input", "cached", "cache_write")},
        "output": 1,
    }


def test_the_cost_is_calculated_from_what_was_read():
    """A whole response is all that a cost takes."""
    step = record(response=CHAT)

    assert (step.cost_source, step.provider) == ("calculated", "openai")
    # Per million, gpt-4o takes 2.50 $, from the cache 1.25 $, and 10 $ for the output; writing the cache is free.
    assert step.cost == pytest.approx((132 * 2.5 + 64 * 1.25 + 20 * 10) / 1e6)


def test_a_response_is_read_when_it_is_passed():
    """Changing it afterwards changes nothing."""
    response = json.loads(json.dumps(CHAT))

    step = record(response=response, after=lambda _: response["usage"].update(prompt_tokens=1))

    assert said(step) == CHAT_SAID


def test_the_last_response_counts():
    """A retry's response replaces what the first one said."""
    step = record(response=CHAT, after=lambda step: step.response(RESPONSES["DeepSeek"][0]))

    assert said(step) == RESPONSES["DeepSeek"][1]


# Requests.

REQUESTS = {
    "OpenAI chat": (
        {
            "model": "gpt-4o",
            "messages": QUESTION,
            "temperature": 0,
            "top_p": 0.9,
            "max_completion_tokens": 100,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 7,
            "n": 2,
            "stop": "END",
            "stream": True,
            "response_format": {"type": "json_schema"},
            "reasoning_effort": "low",
            "user": "u",
            "top_k": 3,
        },
        "gpt-4o",
        {
            "temperature": 0.0,
            "top_p": 0.9,
            "max_tokens": 100,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 7,
            "choice_count": 2,
            "stop_sequences": ["END"],
            "stream": True,
            "output_type": "json",
            "reasoning_level": "low",
        },
    ),
    "OpenAI Responses": (
        {
            "model": "gpt-4o",
            "input": "How warm is it?",
            "max_output_tokens": 100,
            "reasoning": {"effort": "high"},
            "previous_response_id": "resp_0",
            "text": {"format": {"type": "text"}},
        },
        "gpt-4o",
        {"max_tokens": 100, "reasoning_level": "high", "previous_response_id": "resp_0", "output_type": "text"},
    ),
    "Anthropic": (
        {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": QUESTION, "stop_sequences": ["A", "B"]},
        "claude-sonnet-4-5",
        {"max_tokens": 100, "stop_sequences": ["A", "B"]},
    ),
    "Gemini in Python": (
        {
            "model": "gemini-2.5-flash",
            "contents": "How warm is it?",
            "config": {"temperature": 0.5, "max_output_tokens": 9, "response_mime_type": "application/json"},
        },
        "gemini-2.5-flash",
        {"temperature": 0.5, "max_tokens": 9, "output_type": "json"},
    ),
    "Bedrock's Converse": (
        {
            "modelId": "anthropic.claude-3-5-sonnet-20241022-v2:0",
            "messages": [{"role": "user", "content": [{"text": "How warm is it?"}]}],
            "inferenceConfig": {"maxTokens": 9, "topP": 0.5},
        },
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        {"max_tokens": 9, "top_p": 0.5},
    ),
    "what was not given, or not so": (
        {"model": None, "messages": QUESTION, "temperature": None, "seed": object(), "response_format": dict},
        None,
        {},
    ),
    "a kind of output that GenAI has no word for": (
        {"model": "m", "messages": QUESTION, "response_format": {"type": ["grammar"]}, "responseMimeType": "text/x"},
        "m",
        {},
    ),
    "messages alone": (QUESTION, None, {}),
}


@pytest.mark.parametrize(("request_", "model", "parameters"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_says_what_was_asked_for(request_, model, parameters):
    """The model and the parameters, under one name whatever the provider calls them."""
    step = record(prompt=request_)

    assert (step.model_requested, step.parameters, step.prompt) == (model, parameters, "How warm is it?")


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_told_by_hand_of_a_request_wins(when):
    """Before or after `prompt()`, and each parameter by itself."""
    request = {"model": "gpt-4o", "messages": QUESTION, "temperature": 0.5, "seed": 7}

    step = record(prompt=request, **{when: lambda step: step.model("mine").parameters(temperature=1)})

    assert (step.model_requested, step.parameters) == ("mine", {"temperature": 1, "seed": 7})


# Whatever comes.

KEYS = sorted(
    {
        *_envelopes._PARAMETERS,
        *_envelopes._SETTINGS,
        *(key for counts in _envelopes._USAGES for paths in counts[1:6] for path in paths for key in path),
        *(
            key
            for paths in (_envelopes._USED_MODEL, _envelopes._RESPONSE_ID, _envelopes._USAGE)
            for p in paths
            for key in p
        ),
    }
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_anything_may_stand_under_a_known_key(fields):
    """The messages arrive, counts are counts, and nothing is reported."""
    step = record({**fields, "model": "m", "messages": QUESTION}, {**fields, "choices": [{"message": MESSAGE}]})

    assert (step.prompt, step.response, step.model_requested) == ("How warm is it?", "15 °C.", "m")
    assert all(type(count) in (int, type(None)) for count in vars(step.tokens).values())


# The objects of the real clients.

FULL = Answer("15 °C.", [ToolCall("f", {"a": 1})], "Hm.", usage=Usage(100, 64, 32, 20, 8), model="gpt-4o-2024-08-06")
REQUEST = {"model": "gpt-4o", "messages": QUESTION}


@pytest.fixture
def fake():
    with FakeLLM(lambda _: FULL) as started:
        yield started


def openai_objects(fake):
    openai = pytest.importorskip("openai")
    respond = {"model": "gpt-4o", "input": "How warm is it?"}
    usage = {"stream_options": {"include_usage": True}}
    with openai.OpenAI(base_url=fake.openai_url, api_key="key") as client:
        yield REQUEST, client.chat.completions.create(**REQUEST), "tool_calls"
        with client.chat.completions.stream(**REQUEST, **usage) as stream:
            yield REQUEST, stream.get_final_completion(), "tool_calls"
        yield respond, client.responses.create(**respond), "completed"
        with client.responses.stream(**respond) as stream:
            yield respond, stream.get_final_response(), "completed"
        yield respond, list(client.responses.create(**respond, stream=True))[-1], "completed"

    async def ask():
        async with openai.AsyncOpenAI(base_url=fake.openai_url, api_key="key") as client:
            return await client.chat.completions.create(**REQUEST)

    yield REQUEST, asyncio.run(ask()), "tool_calls"


def anthropic_objects(fake):
    anthropic = pytest.importorskip("anthropic")
    request = {**REQUEST, "max_tokens": 9}
    with anthropic.Anthropic(base_url=fake.url, api_key="key") as client:
        yield request, client.messages.create(**request), "tool_use"
        with client.messages.stream(**request) as stream:
            yield request, stream.get_final_message(), "tool_use"
        with client.messages.stream(**request) as stream:
            yield request, list(stream)[-1], "tool_use"


@pytest.mark.parametrize("objects", [openai_objects, anthropic_objects])
def test_the_objects_of_real_clients_say_everything(fake, objects):
    """Plain, streamed to the end, and from the async client."""
    for number, (request, response, reason) in enumerate(objects(fake), 1):
        step = record(request, response)

        assert step.model_requested == "gpt-4o"
        assert step.prompt == "How warm is it?"
        assert step.response_id.rpartition("_" if "_" in step.response_id else "-")[2] == str(number)
        assert {**said(step), "id": None} == {"model": FULL.model, "id": None, "reason": reason, **TOKENS}
        assert [part["type"] for part in step.response[0]["parts"]] == ["reasoning", "text", "tool_call"]


LITELLM = """
import json, sys
import litellm
import contextcompany as tcc
from contextcompany.testing import capture

openai_url, anthropic_url = sys.argv[1:]
question = [{"role": "user", "content": "How warm is it?"}]
for model, url in (("openai/gpt-4o", openai_url), ("anthropic/gpt-4o", anthropic_url)):
    request = {"model": model, "messages": question, "max_tokens": 9, "api_base": url, "api_key": "secret-key"}
    chunks = litellm.completion(**request, stream=True, stream_options={"include_usage": True})
    for answer in litellm.completion(**request), litellm.stream_chunk_builder(list(chunks)):
        with capture() as captured, tcc.run() as run:
            run.prompt("p").step().prompt(request).response(answer).end()
        (step,) = captured.steps
        tokens = step.tokens
        print(json.dumps([
            step.model_requested.partition("/")[2], step.provider, step.parameters, step.finish_reason,
            step.response_id == answer.id, step.model_used == answer.model,
            tokens.input, tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning, "secret" in repr(step),
        ]))
"""


@pytest.mark.skipif(find_spec("litellm") is None, reason="needs LiteLLM")
def test_the_objects_of_litellm_say_everything(fake):
    """Whichever provider answers, plain and streamed; what else its request has, a key too, is not recorded."""
    program = run_program(LITELLM, fake.openai_url, fake.url, LITELLM_LOCAL_MODEL_COST_MAP="True")

    lines = [json.loads(line) for line in program.out.splitlines() if line.startswith("[")]
    assert [line[1] for line in lines] == ["openai", "openai", "anthropic", "anthropic"]
    said_by_each = ["gpt-4o", {"max_tokens": 9}, "tool_calls", True, True, *TOKENS.values(), False]
    assert [[line[0], *line[2:]] for line in lines] == [said_by_each] * 4
