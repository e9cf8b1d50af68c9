"""What the fake LLM says is what the real client libraries understand."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from fake_llm import Answer, FakeLLM, ToolCall, Usage

# No model of this name exists, so none is ever deprecated: that is a warning, and those are errors here.
CLAUDE = "claude-answers-1"
QUESTION = [{"role": "user", "content": "How warm is it in Paris and in Oslo?"}]
USAGE = Usage(uncached=100, cached=64, cache_write=32, output=20, reasoning=8)
CALLS = [ToolCall("get_temperature", {"city": "Paris"}), ToolCall("get_temperature", {"city": "Oslo"}, "call_oslo")]
TEXT = "It is 15 °C in Paris,\nand 4 °C in Oslo. "
FULL = Answer(TEXT, CALLS, "Two cities.", usage=USAGE, model="answering-model-1")


@pytest.fixture
def openai():
    return pytest.importorskip("openai")


@pytest.fixture
def anthropic():
    return pytest.importorskip("anthropic")


@pytest.fixture
def fake():
    with FakeLLM() as started:
        yield started


@pytest.fixture
def gpt(openai, fake):
    with openai.OpenAI(base_url=fake.openai_url, api_key="key", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(anthropic, fake):
    with anthropic.Anthropic(base_url=fake.url, api_key="key", max_retries=0) as client:
        yield client


def chat(client, **arguments):
    return client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, **arguments)


def messages(client, **arguments):
    return client.messages.create(model=CLAUDE, max_tokens=100, messages=QUESTION, **arguments)


# OpenAI: chat completions.


def assert_is_full_chat(answer):
    choice, usage = answer.choices[0], answer.usage
    assert (answer.id, answer.model, choice.finish_reason) == ("chatcmpl-1", "answering-model-1", "tool_calls")
    assert choice.message.content == TEXT
    assert [(c.id, c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls] == [
        ("call_1_0", "get_temperature", {"city": "Paris"}),
        ("call_oslo", "get_temperature", {"city": "Oslo"}),
    ]
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (196, 20, 216)
    assert usage.prompt_tokens_details.cached_tokens == 64
    assert usage.prompt_tokens_details.cache_write_tokens == 32
    assert usage.completion_tokens_details.reasoning_tokens == 8


def test_a_chat_completion_has_everything(fake, gpt):
    """Text, parallel tool calls, usage with its details, model, id and finish reason arrive as scripted."""
    fake.then(FULL)

    answer = chat(gpt)

    assert_is_full_chat(answer)
    assert answer.choices[0].message.reasoning_content == "Two cities."
    assert answer._request_id == "req_1"


def test_a_streamed_chat_completion_adds_up_to_the_same(fake, gpt):
    """The client's own accumulator makes of the chunks what a plain answer says."""
    fake.then(FULL)

    with gpt.chat.completions.stream(
        model="gpt-4o-mini", messages=QUESTION, stream_options={"include_usage": True}
    ) as stream:
        assert_is_full_chat(stream.get_final_completion())


def test_chat_chunks_are_those_of_the_real_api(fake, gpt):
    """Role first, then text, then the finish reason, then the usage in a chunk without choices."""
    fake.then(Answer("Very cold.", usage=USAGE))

    chunks = list(chat(gpt, stream=True, stream_options={"include_usage": True}))

    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == ["", "Very", " cold.", None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.usage and chunk.usage.total_tokens for chunk in chunks] == [None, None, None, None, 216]
    assert chunks[-1].choices == []


def test_a_stream_has_no_usage_unless_asked(fake, gpt):
    """Without `include_usage` every chunk has a choice and none has a usage."""
    fake.then("Cold.")

    assert [(len(chunk.choices), chunk.usage) for chunk in chat(gpt, stream=True)] == [(1, None)] * 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_completion_has_as_many_choices_as_asked_for(fake, gpt, stream):
    """With `n`, further texts come from the script; when it has too few, the first comes again."""
    fake.then(Answer("Cold.", more=["Freezing, really."]))

    if stream:
        texts = ["", "", ""]
        for chunk in chat(gpt, n=3, stream=True):
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    else:
        texts = [choice.message.content for choice in chat(gpt, n=3).choices]

    assert texts == ["Cold.", "Freezing, really.", "Cold."]


def test_async_openai_calls_run_side_by_side(openai, fake):
    """Plain and streamed calls of the async client, at the same time."""
    fake.then(lambda request: Answer(f"Answer to {request.body['messages'][0]['content']}"))

    async def ask(client, text):
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
        return answer.choices[0].message.content

    async def ask_streaming(client, text):
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": text}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=fake.openai_url, api_key="key", max_retries=0) as client:
            return await asyncio.gather(ask(client, "one"), ask_streaming(client, "two"), ask(client, "three"))

    assert asyncio.run(ask_all()) == ["Answer to one", "Answer to two", "Answer to three"]


# OpenAI: Responses.


def assert_is_full_response(response):
    thought, message, *calls = response.output
    assert (response.id, response.model, response.status) == ("resp_1", "answering-model-1", "completed")
    assert thought.summary[0].text == "Two cities."
    assert response.output_text == message.content[0].text == TEXT
    assert [(call.call_id, call.name, json.loads(call.arguments)) for call in calls] == [
        ("call_1_0", "get_temperature", {"city": "Paris"}),
        ("call_oslo", "get_temperature", {"city": "Oslo"}),
    ]
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (196, 20, 216)
    assert usage.input_tokens_details.cached_tokens == 64
    assert usage.output_tokens_details.reasoning_tokens == 8


def test_a_response_has_everything(fake, gpt):
    """Reasoning, text, function calls, usage, model, id and status arrive as scripted, the request's tools too."""
    fake.then(FULL)

    response = gpt.responses.create(model="gpt-4o-mini", input="How warm?", temperature=0.5)

    assert_is_full_response(response)
    assert response.temperature == 0.5


def test_a_streamed_response_adds_up_to_the_same(fake, gpt):
    """The client's own accumulator makes of the events what a plain response says."""
    fake.then(FULL)

    with gpt.responses.stream(model="gpt-4o-mini", input="How warm?") as stream:
        assert_is_full_response(stream.get_final_response())


def test_response_events_come_in_the_order_of_the_real_api(fake, gpt):
    """Every item is added, filled and done; numbers count up; the last event holds the whole response."""
    fake.then(Answer("Cold.", [ToolCall("f", {})], "Hm."))

    events = list(gpt.responses.create(model="gpt-4o-mini", input="How warm?", stream=True))

    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(19))
    assert events[0].response.usage is None
    assert events[-1].response.usage.total_tokens == 15


def test_a_response_that_was_cut_short_is_incomplete(fake, gpt):
    """`length` is the status `incomplete` with the reason `max_output_tokens`, and so is the stream's last event."""
    fake.then(Answer("Co", finish="length"), Answer("Co", finish="length"))

    response = gpt.responses.create(model="m", input="How warm?")
    last = list(gpt.responses.create(model="m", input="How warm?", stream=True))[-1]

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")


# OpenAI: the rest.


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
def test_embeddings(fake, gpt, encoding):
    """One vector for each input, in either encoding, and the usage."""
    fake.then(Answer(usage=Usage(uncached=7)))

    answer = gpt.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=2, **encoding)

    assert [item.embedding for item in answer.data] == [[1.0, 0.5]] * 2
    assert (answer.model, answer.usage.prompt_tokens) == ("text-embedding-3-small", 7)


def test_models(fake, gpt, claude):
    """Both clients list them, and it takes no answer from the script."""
    names = ["gpt-4o-mini", CLAUDE]

    assert [model.id for model in gpt.models.list()] == names
    assert [model.id for model in claude.models.list()] == names


# Anthropic.


def assert_is_full_message(answer):
    assert (answer.id, answer.model, answer.stop_reason) == ("msg_1", "answering-model-1", "tool_use")
    thinking, text, *calls = answer.content
    assert (thinking.thinking, thinking.signature, text.text) == ("Two cities.", "c2lnbmF0dXJl", TEXT)
    assert [(call.id, call.name, call.input) for call in calls] == [
        ("toolu_1_0", "get_temperature", {"city": "Paris"}),
        ("call_oslo", "get_temperature", {"city": "Oslo"}),
    ]
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens) == (100, 20)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (64, 32)


def test_a_message_has_everything(fake, claude):
    """Thinking, text, tool calls, usage, model, id and stop reason arrive as scripted."""
    fake.then(FULL)

    answer = messages(claude)

    assert_is_full_message(answer)
    assert answer._request_id == "req_1"


def test_a_streamed_message_adds_up_to_the_same(fake, claude):
    """The client's own accumulator makes of the events what a plain message says."""
    fake.then(FULL)

    with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=QUESTION) as stream:
        assert_is_full_message(stream.get_final_message())


def test_message_events_come_in_the_order_of_the_real_api(fake, claude):
    """One token of output at the start, the whole usage with the stop reason."""
    fake.then(Answer("Very cold.", [ToolCall("f", {"a": 1})], "Hm."))

    events = list(messages(claude, stream=True))

    assert [getattr(getattr(event, "delta", event), "type", event.type) for event in events] == [
        "message_start",
        "content_block_start",
        "thinking_delta",
        "signature_delta",
        "content_block_stop",
        "content_block_start",
        "text_delta",
        "text_delta",
        "content_block_stop",
        "content_block_start",
        "input_json_delta",
        "input_json_delta",
        "input_json_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert (events[0].message.usage.output_tokens, events[-2].usage.output_tokens) == (1, 5)


def test_async_anthropic_calls(anthropic, fake):
    """Plain and streamed calls of the async client."""
    fake.then(FULL, "Cold.")

    async def ask():
        async with anthropic.AsyncAnthropic(base_url=fake.url, api_key="key", max_retries=0) as client:
            first = await messages(client)
            async with client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
                return first, [text async for text in stream.text_stream]

    first, texts = asyncio.run(ask())

    assert_is_full_message(first)
    assert texts == ["Cold."]


# What goes wrong.


def test_errors_are_those_of_the_openai_client(openai, fake, gpt):
    """An error status makes the client's own exception, with the body as scripted or one like the API's."""
    fake.then(Answer("Slow down.", status=429, headers={"retry-after": "7"}), Answer(status=500, error={"oh": "no"}))

    with pytest.raises(openai.RateLimitError, match=r"Slow down\.") as caught:
        chat(gpt)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.InternalServerError) as caught:
        chat(gpt)
    assert caught.value.body == {"oh": "no"}


def test_errors_are_those_of_the_anthropic_client(anthropic, fake, claude):
    """An error status makes the client's own exception, with a body like the API's."""
    fake.then(Answer("Busy.", status=529))

    with pytest.raises(anthropic.APIStatusError, match=r"Busy\.") as caught:
        messages(claude)
    assert caught.value.body["error"]["type"] == "overloaded_error"


def test_a_client_retries_until_it_gets_an_answer(openai, fake):
    """Every attempt is a request of its own and takes its own answer."""
    fake.then(Answer(status=500, headers={"retry-after-ms": "1"}), "Cold.")

    with openai.OpenAI(base_url=fake.openai_url, api_key="key", max_retries=1) as client:
        assert chat(client).choices[0].message.content == "Cold."
    assert len(fake.requests) == 2


def test_a_script_that_ran_out_or_failed_says_so(openai, fake, gpt):
    """The client raises it at once."""
    with pytest.raises(openai.BadRequestError, match="no answer left"):
        chat(gpt)
    fake.then(lambda request: request.body["surprise"])
    with pytest.raises(openai.BadRequestError, match=r"KeyError\('surprise'\)"):
        chat(gpt)


def test_a_dropped_connection_breaks_the_stream(openai, anthropic, fake, gpt, claude):
    """What was sent before is read, and then the client's own error is raised, with no end that looks like one."""
    fake.then(Answer("Very cold.", cut=2), Answer("Very cold.", cut=4), Answer("Very cold.", cut=0))
    texts = []

    def read(stream):
        texts.extend(event.choices[0].delta.content for event in stream)

    with pytest.raises(Exception, match="incomplete chunked read|Connection error"):
        read(chat(gpt, stream=True))
    with pytest.raises(Exception, match="incomplete chunked read|Connection error"):
        list(messages(claude, stream=True))
    with pytest.raises(openai.APIConnectionError):
        chat(gpt)
    assert texts == ["", "Very"]


def test_an_error_in_a_stream_is_the_clients_own(openai, anthropic, fake, gpt, claude):
    """After `cut` events the stream says the scripted error."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}
    fake.then(Answer("Very cold.", cut=2, error={"error": {"message": "Busy."}}))
    fake.then(Answer("Very cold.", cut=2, error=error))

    with pytest.raises(openai.APIError, match=r"Busy\."):
        list(chat(gpt, stream=True))
    with pytest.raises(anthropic.APIStatusError, match=r"overloaded_error"):
        list(messages(claude, stream=True))


def test_closing_does_not_wait_for_an_answer_that_is_late():
    """A delay ends with the server."""
    start = time.monotonic()
    with FakeLLM(Answer("Late.", delay=60)) as fake:
        request = urllib.request.Request(f"{fake.openai_url}/chat/completions", b'{"model": "m"}')
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(request, timeout=0.1)

    assert time.monotonic() - start < 5


def test_an_unknown_path_is_not_found(fake):
    """It takes no answer from the script, but is kept."""
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(f"{fake.url}/v2/nothing")
    caught.value.close()

    assert [(request.method, request.path) for request in fake.requests] == [("GET", "/v2/nothing")]


def test_requests_are_kept(fake, gpt):
    """Path, headers and body, as the client sent them."""
    fake.then("Cold.")

    chat(gpt, temperature=0)

    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer key"
    assert request.body == {"model": "gpt-4o-mini", "messages": QUESTION, "temperature": 0} == fake.bodies[0]


# LiteLLM.

LITELLM = """
import asyncio, json, sys
import litellm

openai_url, anthropic_url = sys.argv[1:]
question = [{"role": "user", "content": "How warm is it?"}]
for model, url in (("openai/gpt-4o-mini", openai_url), ("anthropic/claude-answers-1", anthropic_url)):
    asked = {"model": model, "messages": question, "api_base": url, "api_key": "key", "num_retries": 0}
    streamed = {"stream": True, "stream_options": {"include_usage": True}}

    async def ask():
        chunks = [chunk async for chunk in await litellm.acompletion(**asked, **streamed)]
        return await litellm.acompletion(**asked), litellm.stream_chunk_builder(chunks, messages=question)

    answers = [litellm.completion(**asked), *asyncio.run(ask())]
    answers.append(litellm.stream_chunk_builder(list(litellm.completion(**asked, **streamed)), messages=question))
    for answer in answers:
        message, usage = answer.choices[0].message, answer.usage
        print(json.dumps([
            message.content,
            [json.loads(call.function.arguments) for call in message.tool_calls],
            answer.choices[0].finish_reason,
            usage.prompt_tokens,
            usage.prompt_tokens_details.cached_tokens,
            usage.completion_tokens,
        ]))
"""


def test_litellm_understands_both_apis(fake):
    """Plain and streamed, sync and async, LiteLLM sees the same text, tool calls and usage."""
    pytest.importorskip("litellm", exc_type=ImportError)
    fake.then(lambda _: FULL)

    program = subprocess.run(
        [sys.executable, "-c", LITELLM, fake.openai_url, fake.url],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert program.returncode == 0, program.stderr
    expected = [TEXT, [{"city": "Paris"}, {"city": "Oslo"}], "tool_calls", 196, 64, 20]
    assert [json.loads(line) for line in program.stdout.splitlines()] == [expected] * 8
