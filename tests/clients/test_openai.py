"""The `openai` client with its instrumentors, inside our runs."""

import asyncio
import json
import os
import sys
import time
from contextlib import nullcontext

import pytest

import contextcompany as tcc
from fake_llm import Answer, FakeLLM, ToolCall, Usage
from programs import run_program

openai = pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")

MODEL = "gpt-4o"
MESSAGES = [{"role": "user", "content": "Hello"}]
HELLO = ("openai", MODEL, "Hello", "Hi!", "stop", (14, 4, 5))


OPEN = []


@pytest.fixture(autouse=True)
def closed_clients():
    """Clients that are left to the garbage collector warn of their sockets."""
    yield
    while OPEN:
        OPEN.pop().close()


def client(llm):
    OPEN.append(openai.OpenAI(base_url=llm.openai_url, api_key="k", max_retries=0))
    return OPEN[-1]


def chat(llm, **options):
    return client(llm).chat.completions.create(model=MODEL, messages=MESSAGES, **options)


def chat_stream(llm):
    list(chat(llm, stream=True, stream_options={"include_usage": True}))


def responses(llm):
    client(llm).responses.create(model=MODEL, input="Hello")


def responses_stream(llm):
    list(client(llm).responses.create(model=MODEL, input="Hello", stream=True))


def responses_in_stream_manager(llm):
    with client(llm).responses.stream(model=MODEL, input="Hello") as stream:
        stream.until_done()


def raw(llm):
    client(llm).chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES).parse()


def in_async_client(llm, *, stream=False):
    async def ask():
        async with openai.AsyncOpenAI(base_url=llm.openai_url, api_key="k") as asking:
            options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
            answer = await asking.chat.completions.create(model=MODEL, messages=MESSAGES, **options)
            if stream:
                async for _ in answer:
                    pass

    asyncio.run(ask())


def async_stream(llm):
    in_async_client(llm, stream=True)


CALLS = [
    chat,
    chat_stream,
    responses,
    responses_stream,
    responses_in_stream_manager,
    raw,
    in_async_client,
    async_stream,
]


@pytest.mark.parametrize("call", CALLS)
class TestOneCall:
    def test_outside_steps_it_is_a_step_of_the_run(self, llm, captured, told, call):
        """It is recorded once, directly in the run, with its content, tokens and cost."""
        assert tcc.instrument("openai") == ["openai"]

        with tcc.run(session_id="s-1") as r:
            call(llm)

        (step,) = captured.steps
        assert captured.run.steps == (step,)
        assert told(step) == HELLO
        assert (step.run_id, step.cost_source) == (r.run_id, "calculated")

    def test_in_a_step_it_fills_the_step(self, llm, captured, told, call):
        """There is no second span, and the step has all that the client knows."""
        tcc.instrument("openai")

        with tcc.run() as r, r.step("step-1"):
            call(llm)

        (step,) = captured.steps
        assert step.step_id == "step-1"
        assert told(step) == HELLO
        assert step.response_id is not None
        assert step.cost_source == "calculated"
        assert len(captured.spans) == 2


def yielding(llm):
    """A decorated generator that streams."""

    @tcc.llm
    def ask(messages):
        for chunk in chat(llm, stream=True, stream_options={"include_usage": True}):
            yield from (choice.delta.content or "" for choice in chunk.choices)

    return "".join(ask(MESSAGES))


def streaming(llm):
    """A decorated function that returns its stream; the step lasts until that is read."""

    @tcc.llm
    def ask(messages):
        return tcc.current_step().stream(chat(llm, stream=True, stream_options={"include_usage": True}))

    return "".join(choice.delta.content or "" for chunk in ask(MESSAGES) for choice in chunk.choices)


def returning(llm):
    """A decorated function that returns the whole response."""
    return tcc.llm(lambda messages: chat(llm))(MESSAGES).choices[0].message.content


def in_coroutine(llm):
    """A decorated coroutine function."""

    @tcc.llm
    async def ask(messages):
        async with openai.AsyncOpenAI(base_url=llm.openai_url, api_key="k") as asking:
            answer = await asking.chat.completions.create(model=MODEL, messages=messages)
            return answer.choices[0].message.content

    return asyncio.run(ask(MESSAGES))


@pytest.mark.parametrize("is_instrumented", [True, False])
@pytest.mark.parametrize("ask", [yielding, returning, in_coroutine, streaming])
def test_decorated_functions(llm, captured, told, ask, is_instrumented):
    """A decorated function and the client in it are one step: with an instrumentor it has all that the client knows."""
    if is_instrumented:
        tcc.instrument("openai")

    with tcc.run():
        assert ask(llm) == "Hi!"

    (step,) = captured.steps
    assert len(captured.spans) == 2
    assert (step.prompt, step.response) == ("Hello", "Hi!")
    if is_instrumented:
        assert told(step) == HELLO
    if ask in (yielding, streaming):
        assert step.time_to_first_chunk is not None


def test_what_is_set_by_hand_wins(llm, captured):
    """The client fills the gaps only, and never one half of what belongs together."""
    tcc.instrument("openai")

    with tcc.run() as r, r.step(model="mine", provider="mine.too") as s:
        chat(llm, temperature=0.5, seed=7)
        s.prompt("My prompt").tokens(uncached=100).cost(1.5).parameters(temperature=1)
        s.finish_reason("because").response_id("id")

    (step,) = captured.steps
    assert (step.prompt, step.response, step.finish_reason) == ("My prompt", "Hi!", "because")
    assert (step.model_requested, step.model_used, step.provider, step.response_id) == ("mine", MODEL, "mine.too", "id")
    assert (step.tokens.input, step.tokens.cached, step.tokens.output, step.tokens.reasoning) == (100, None, 5, 2)
    assert (step.cost, step.parameters) == (1.5, {"temperature": 1.0, "seed": 7})


def test_end_needs_nothing_more(llm, captured):
    """After an instrumented call, a step has the prompt and response that end() requires."""
    tcc.instrument("openai")

    with tcc.run() as r, r.step() as s:
        chat(llm)
        s.end()

    assert captured.steps[0].response == "Hi!"


def counted(captured):
    """Input tokens of all steps that are to be counted."""
    return sum(step.tokens.input or 0 for step in captured.steps if not step.is_counted_inside)


def test_a_step_recorded_by_hand_is_counted_once(llm, captured):
    """Outside of a block the client's own step is the one to count; the one by hand is marked."""
    tcc.instrument("openai")

    with tcc.run() as r:
        s = r.step().prompt({"model": MODEL, "messages": MESSAGES})
        s.response(chat(llm)).end()
        answer = chat(llm)
        with r.step() as s:
            s.prompt(MESSAGES).response(answer)

    assert [step.is_counted_inside for step in captured.steps] == [True, False, False, True]
    assert counted(captured) == 28


@pytest.mark.parametrize(
    "names", [["openai"], ["openinference-instrumentation-openai"], ["openai", "openinference-instrumentation-openai"]]
)
def test_streams_go_through_a_step_whatever_wraps_them(llm, captured, names):
    """A proxy of an instrumentation that can be iterated both ways is iterated as the stream in it."""
    tcc.instrument(*names)

    with tcc.run() as r, r.step() as s:
        chunks = s.stream(chat(llm, stream=True, stream_options={"include_usage": True}))
        assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hi!"

    assert (captured.steps[0].response, counted(captured)) == ("Hi!", 14)


def test_calls_at_the_same_time_have_their_own_times(captured):
    """In a step, each of them starts when it starts."""
    tcc.instrument("openai")

    async def three(url):
        async with openai.AsyncOpenAI(base_url=url, api_key="k") as asking:
            with tcc.run() as r, r.step():
                await asyncio.gather(
                    *(asking.chat.completions.create(model=MODEL, messages=MESSAGES, user=str(n)) for n in range(3))
                )

    def slowly(request):
        user = int(request.body["user"])
        time.sleep((0.02, 0.1, 0.4)[user])
        return Answer("Hi!", usage=Usage(uncached=user + 1, output=1))

    with FakeLLM(slowly) as llm:
        asyncio.run(three(llm.openai_url))

    durations = {step.tokens.input: step.duration_s for step in captured.steps}
    assert counted(captured) == 6
    assert durations[2] < 0.35 < durations[3]  # the first one is the step's own, which lasts as long as its block


def test_a_second_call_in_a_step_is_a_step_beside_it(llm, captured):
    """The first fills the step; nothing of the second is lost, and its times are its own."""
    tcc.instrument("openai")

    with tcc.run() as r, r.step("step-1"):
        chat(llm)
        chat(llm)

    first, second = captured.run.steps
    assert [first.step_id, first.response_id, second.response_id] == ["step-1", "chatcmpl-1", "chatcmpl-2"]
    assert (second.tokens, second.prompt, second.response) == (first.tokens, "Hello", "Hi!")
    assert first.start_ns < second.start_ns < second.end_ns <= first.end_ns


def test_calls_at_the_same_time_in_a_step_are_all_counted(llm, captured):
    """Three in a gather are three steps."""
    tcc.instrument("openai")

    async def ask():
        async with openai.AsyncOpenAI(base_url=llm.openai_url, api_key="k") as asking:
            create = asking.chat.completions.create
            await asyncio.gather(*(create(model=MODEL, messages=MESSAGES) for _ in range(3)))

    with tcc.run() as r, r.step():
        asyncio.run(ask())

    assert {step.response_id for step in captured.run.steps} == {"chatcmpl-1", "chatcmpl-2", "chatcmpl-3"}
    assert len(captured.steps) == 3


def test_a_stream_that_is_read_after_the_step_is_not_lost(llm, captured):
    """The step has ended without it; the call is a step in it, which says that both are the same call."""
    tcc.instrument("openai")

    with tcc.run() as r:
        with r.step():
            stream = chat(llm, stream=True, stream_options={"include_usage": True})
        list(stream)

    (step,) = captured.run.steps
    (late,) = step.steps
    assert (step.tokens.input, late.tokens.input, late.response) == (None, 14, "Hi!")


def test_a_tool_call_in_a_step_has_calls_of_its_own(llm, captured):
    """What a tool asks an LLM is not what the step around the tool asked."""
    tcc.instrument("openai")

    with tcc.run() as r, r.step() as s:
        chat(llm)
        with s.tool_call("summarise"):
            chat(llm)

    (step,) = captured.run.steps
    (tool,) = step.tool_calls
    assert [each.response_id for each in (step, *tool.steps)] == ["chatcmpl-1", "chatcmpl-2"]


def test_tools(captured):
    """Definitions, the call that is asked for, and its result in the next prompt arrive as messages."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    tcc.instrument("openai")
    asking = Answer(tool_calls=[ToolCall("weather", {"city": "Paris"}, "call_1")])
    with FakeLLM(asking, "15 °C") as llm, tcc.run() as r:
        with r.step():
            asked = chat(llm, tools=[tool]).choices[0].message
        with r.step():
            messages = [*MESSAGES, asked, {"role": "tool", "tool_call_id": "call_1", "content": "15"}]
            client(llm).chat.completions.create(model=MODEL, messages=messages, tools=[tool])

    first, second = captured.run.steps
    assert first.tool_definitions[0]["name"] == "weather"
    (part,) = first.response[0]["parts"]
    assert (part["type"], part["name"], part["arguments"], part["id"]) == (
        "tool_call",
        "weather",
        {"city": "Paris"},
        "call_1",
    )
    assert [message["role"] for message in second.prompt] == ["user", "assistant", "tool"]
    assert second.response == "15 °C"


@pytest.mark.parametrize("in_step", [True, False])
def test_a_call_that_fails(captured, in_step):
    """The exception goes on and is on the step; a retry in the same step is the step's call."""
    tcc.instrument("openai")
    with FakeLLM(Answer("no", status=400), "Hi!") as llm, tcc.run() as r:
        if in_step:
            with r.step():
                with pytest.raises(openai.BadRequestError):
                    chat(llm)
                chat(llm)
        else:
            with pytest.raises(openai.BadRequestError):
                chat(llm)

    (step,) = captured.run.steps
    assert (step.response, step.status) == (("Hi!", 0) if in_step else (None, 2))


BOTH = ("openai", "openinference-instrumentation-openai")


@pytest.mark.parametrize("names", [BOTH[1:], BOTH, BOTH[::-1]])
class TestOpenInference:
    """Its spans are not named as GenAI's, and it knows nothing of inference contexts."""

    @pytest.fixture(autouse=True)
    def switched_on(self, names):
        pytest.importorskip("openinference.instrumentation.openai")
        assert tcc.instrument(*names) == ["openai"]

    @pytest.mark.parametrize("call", [chat, chat_stream, in_async_client])
    def test_in_a_step_they_fill_the_step(self, llm, captured, told, call):
        """There is one span for the call, with its content."""
        with tcc.run() as r, r.step("step-1"):
            call(llm)

        (step,) = captured.steps
        assert step.step_id == "step-1"
        assert told(step) == HELLO

    def test_a_failed_attempt_keeps_its_exception(self, captured, names):
        """It is a step in the step, which stands for the same call; the retry fills the step."""
        with FakeLLM(Answer("no", status=400), "Hi!") as llm, tcc.run() as r, r.step():
            with pytest.raises(openai.BadRequestError):
                chat(llm)
            chat(llm)

        (step,) = captured.run.steps
        (failed,) = step.steps
        assert (step.response, step.status, failed.status) == ("Hi!", 0, 2)

    def test_every_call_is_counted_once(self, llm, captured):
        """Two outside of steps and two in one step are four."""
        with tcc.run() as r:
            chat(llm)
            chat(llm)
            with r.step():
                chat(llm)
                chat(llm)

        counted = [step for step in captured.steps if not step.is_counted_inside]
        assert [step.tokens.input for step in counted] == [14] * 4
        assert sum(step.cost for step in counted) == pytest.approx(4 * counted[0].cost)


def test_openllmetry():
    """As OpenInference. In a process of its own, because its wrappers stay when it is switched off."""
    pytest.importorskip("opentelemetry.instrumentation.openai")
    program = """
        import sys
        import openai
        import contextcompany as tcc
        from contextcompany.testing import capture
        from fake_llm import Answer, FakeLLM, Usage

        tcc.instrument("opentelemetry-instrumentation-openai")
        with FakeLLM(lambda _: Answer("Hi!", usage=Usage(10, 4, output=5))) as llm, capture() as captured:
            with openai.OpenAI(base_url=llm.openai_url, api_key="k") as client, tcc.run() as r:
                def chat():
                    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
                chat()
                with r.step("step-1"):
                    chat()
                tcc.uninstrument()
                chat()
        for step in captured.steps:
            print(step.step_id, step.prompt, step.response, step.tokens.input, step.response_id)
    """

    printed = run_program(program, PYTHONPATH=os.pathsep.join(sys.path))

    assert printed.out.splitlines() == ["None Hello Hi! 14 chatcmpl-1", "step-1 Hello Hi! 14 chatcmpl-2"]


def test_over_the_wire(llm, receiver):
    """A foreign span carries the run's ids and goes where the run goes; configure() after instrument() counts."""
    tcc.instrument("openai")
    tcc.configure(url="http://127.0.0.1:9", service_name="before")
    tcc.configure(url=receiver.url, service_name="after")

    with tcc.run(session_id="s-1", user_id="u-1") as r:
        chat(llm)

    assert tcc.flush(5).dropped == {}
    run, call = sorted(receiver.spans(), key=lambda span: span.name, reverse=True)
    assert (call.name, call.trace_id, call.parent_id) == ("chat gpt-4o", run.trace_id, run.span_id)
    assert call.resource["service.name"] == "after"
    names = ("tcc.runId", "tcc.sessionId", "tcc.userId", "gen_ai.conversation.id", "user.id")
    shared = {key: call.attributes[key] for key in names}
    assert shared == {
        "tcc.runId": r.run_id,
        "tcc.sessionId": "s-1",
        "tcc.userId": "u-1",
        "gen_ai.conversation.id": "s-1",
        "user.id": "u-1",
    }
    assert json.loads(call.attributes["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": "Hi!"}]
    assert "tcc.usage.counted_inside" not in call.attributes


KEY = "sk-" + "a1B2" * 8


@pytest.mark.parametrize("in_step", [False, True])
@pytest.mark.parametrize(
    ("policy", "hidden", "kept"),
    [
        ({"capture_content": False}, [KEY, "Hush", "call_1"], ["gpt-4o", "tcc.runId"]),
        ({"capture_content": "metadata-only"}, [KEY, "Hush"], ["assistant", "characters]"]),
        ({"detectors": ["secrets"]}, [KEY], ["Hush", "[REDACTED]"]),
        ({"redact": lambda text, path: text.replace("Hush", "***")}, ["Hush"], ["***"]),
    ],
)
def test_the_content_policy_holds_for_instrumented_calls(receiver, policy, hidden, kept, in_step):
    """What the policy keeps back is in no request, whether the call fills a step or is one of its own."""
    tcc.configure(url=receiver.url, **policy)
    tcc.instrument("openai")
    with FakeLLM(Answer("Hush!", tool_calls=[ToolCall("look", {"key": KEY}, id="call_1")])) as llm, tcc.run() as r:
        messages = [{"role": "user", "content": f"Hush, my key is {KEY}."}]
        with r.step() if in_step else nullcontext():
            client(llm).chat.completions.create(model=MODEL, messages=messages)
    assert tcc.flush(5)[1:] == (0, 0, {})

    sent = b"".join(request.body for request in receiver.requests).decode("utf-8", "replace")
    assert [text for text in hidden if text in sent] == []
    assert [text for text in kept if text not in sent] == []


def test_a_destination_of_the_run_is_that_of_the_call(llm, receiver):
    """A run's own URL wins for what is recorded in it by others too."""
    tcc.instrument("openai")
    tcc.configure(url="http://127.0.0.1:9")

    with tcc.run(tcc_url=receiver.url):
        chat(llm)

    tcc.flush(5)
    assert len(receiver.spans()) == 2


def test_a_large_conversation_is_whole(llm, captured):
    """No limit of OpenTelemetry's SDK cuts messages, whatever its variables say."""
    tcc.instrument("openai")

    with tcc.run():
        client(llm).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x" * 1_000_000}])

    assert len(captured.steps[0].prompt) == 1_000_000


def test_usage_with_nothing_cached(captured):
    """Counts of zero are counts."""
    tcc.instrument("openai")
    with FakeLLM(Answer("Hi!", usage=Usage(uncached=10, output=5))) as llm, tcc.run() as r, r.step():
        chat(llm)

    assert (captured.steps[0].tokens.input, captured.steps[0].tokens.output) == (10, 5)
