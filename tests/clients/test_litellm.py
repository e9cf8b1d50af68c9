"""LiteLLM's calls as steps, by `TCCCallback`."""

import asyncio
import gc
import time

import pytest

import contextcompany as tcc
from fake_llm import Answer, FakeLLM

litellm = pytest.importorskip("litellm")
TCCCallback = pytest.importorskip("contextcompany.litellm").TCCCallback

MODEL = "gpt-4o"

pytestmark = [
    # Its types are more precise than pydantic can enforce.
    pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning"),
    # It reads fields of pydantic models from their instances.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    # It keeps clients, and leaves their sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def callback():
    litellm.callbacks = [TCCCallback()]
    yield
    litellm.callbacks = []
    litellm.in_memory_llm_clients_cache.flush_cache()
    for name in ("input_callback", "success_callback", "failure_callback", "_async_success_callback"):
        setattr(litellm, name, [])
    gc.collect()


def answer(step):
    """The text of the answer; LiteLLM's messages may hold more than that."""
    return step.response if isinstance(step.response, str) else step.response[0]["parts"][0]["content"]


def request(llm, **options):
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": f"openai/{MODEL}", "messages": messages, "api_base": llm.openai_url, "api_key": "k", **options}


def completion(llm, **options):
    litellm.completion(**request(llm, temperature=0.5, **options))


def stream(llm, **options):
    list(litellm.completion(**request(llm, stream=True, stream_options={"include_usage": True}, **options)))


def acompletion(llm, **options):
    async def ask():
        await litellm.acompletion(**request(llm, **options))
        await asyncio.sleep(0.2)  # LiteLLM's own worker calls back

    asyncio.run(ask())


def astream(llm, **options):
    async def ask():
        options["stream_options"] = {"include_usage": True}
        async for _ in await litellm.acompletion(**request(llm, stream=True, **options)):
            pass
        await asyncio.sleep(0.2)

    asyncio.run(ask())


def wait_for(captured, spans):
    """LiteLLM calls back on threads of its own."""
    deadline = time.monotonic() + 5
    while len(captured.spans) < spans and time.monotonic() < deadline:
        time.sleep(0.01)


CALLS = [completion, stream, acompletion, astream]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_a_step_of_the_run(llm, captured, call):
    """Whatever thread LiteLLM calls back on, and however late."""
    with tcc.run(session_id="s-1") as r:
        call(llm)

    wait_for(captured, 2)
    (step,) = captured.run.steps
    assert (step.provider, step.model_requested, step.finish_reason) == ("openai", MODEL, "stop")
    assert (step.prompt, answer(step)) == ("Hello", "Hi!")
    assert (step.tokens.input, step.tokens.cached, step.tokens.output) == (14, 4, 5)
    assert (step.run_id, step.cost_source) == (r.run_id, "calculated")


@pytest.mark.parametrize("call", CALLS)
def test_in_a_step_it_is_the_same_call(llm, captured, call):
    """It fills the step if it ends in time; else it is a step in the step, and counted once like that."""
    with tcc.run() as r, r.step("step-1"):
        call(llm)
        time.sleep(0.3)

    (step,) = captured.run.steps
    assert (step.step_id, step.steps, answer(step), step.tokens.input) == ("step-1", (), "Hi!", 14)


@pytest.mark.parametrize("call", CALLS)
def test_with_the_client_instrumented_too(llm, captured, call):
    """LiteLLM uses `openai` for OpenAI: each call is still counted once."""
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    tcc.instrument("openai")

    with tcc.run():
        call(llm)

    wait_for(captured, 3)
    assert len(captured.steps) == 2
    assert [step.tokens.input for step in captured.steps if not step.is_counted_inside] == [14]


@pytest.mark.parametrize("call", [completion, stream, acompletion])
def test_a_step_and_the_client_and_a_late_callback(llm, captured, call):
    """LiteLLM calls back when the step has ended; the call is counted once all the same."""
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    tcc.instrument("openai")

    with tcc.run() as r, r.step():
        call(llm)

    time.sleep(0.3)
    assert [step.tokens.input for step in captured.steps if not step.is_counted_inside] == [14]


def test_the_run_may_be_named(llm, captured):
    """As with the original SDK, `metadata` says which run a call belongs to."""
    r = tcc.run()

    completion(llm, metadata={"tcc.runId": r.run_id})
    wait_for(captured, 1)
    r.prompt("p").end()

    (step,) = captured.run.steps
    assert (step.run_id, answer(step), step.parameters) == (r.run_id, "Hi!", {"temperature": 0.5})


def test_without_a_run_a_call_is_recorded_alone(llm, captured):
    """Nothing is lost and nothing is made up."""
    completion(llm)

    wait_for(captured, 1)
    assert (captured.runs, answer(captured.steps[0])) == ([], "Hi!")


def test_a_call_that_fails(captured):
    """The error is on the step."""
    with FakeLLM(Answer("no", status=400)) as llm, tcc.run(), pytest.raises(litellm.BadRequestError):
        completion(llm)

    wait_for(captured, 2)
    (step,) = captured.run.steps
    assert (step.status, step.error_type) == (2, "litellm.exceptions.BadRequestError")
