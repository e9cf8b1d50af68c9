"""Agents of declared steps where things go wrong: time-outs, streams that are left, and answers of the wrong kind."""

import asyncio
import json
import threading

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany.testing import capture
from contextcompany.workflow import Agent, Step, StepConfig, StepTimeoutError, StepType, ToolSelectionConfig, act, think


class Verdict(BaseModel):
    score: float


class Model:
    """A client that is a callable: gives its answers in turn, and keeps the prompts."""

    def __init__(self, *answers):
        self.answers = [*answers]
        self.prompts = []

    def __call__(self, **request):
        self.prompts.append(request["messages"][-1]["content"])
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer


def asking(**options):
    """An agent of one step, which asks what it is told."""

    class Asker(Agent):
        @think(**options)
        def ask(self, text: str) -> str:
            return text

    return Asker


def choice(*calls):
    """What a model that chooses tools says."""
    return json.dumps({"tool_calls": [{"confidence": 0.9, "reasoning": "", **call} for call in calls]})


def search(query: str) -> str:
    """Searches the web."""
    return f"found {query}"


SEARCH = {"tool_name": "search", "arguments": {"query": "w"}}


@pytest.fixture
def captured():
    with capture() as capturing:
        yield capturing
    assert (tcc.current_run(), tcc.current_step()) == (None, None)


def outcomes(recorded):
    return [(each.declared[0], each.status, each.response) for each in recorded]


# --- streams ---------------------------------------------------------------------------------------------------------


def test_who_leaves_a_stream_leaves_its_step_partial(captured):
    """It is no error of the model's."""
    pieces = asking(stream=True)(Model(lambda: iter(["Ye", "s."])), "m").run("x")
    assert next(pieces) == "Ye"
    pieces.close()

    run = captured.run
    assert (run.status, run.steps[0].status) == (1, 1)
    assert run.steps[0].status_message == run.status_message == "Not iterated to the end."
    assert run.steps[0].response == "Ye"


def test_who_leaves_an_asynchronous_stream_does_so_too(captured):
    """And what the client gave is closed."""
    closed = threading.Event()

    async def answer():
        try:
            yield "Ye"
            yield "s."
        finally:
            closed.set()

    async def ask(**_):
        return answer()

    async def leave():
        pieces = await asking(stream=True)(ask, "m").arun("x")
        assert await anext(pieces) == "Ye"
        await pieces.aclose()

    asyncio.run(leave())
    assert closed.is_set()
    assert (captured.run.status, captured.run.steps[0].status) == (1, 1)


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt()])
def test_a_stream_that_breaks_is_not_asked_for_again(captured, error):
    """What somebody has read cannot be taken back."""

    def answer():
        yield "Ye"
        raise error

    pieces = asking(stream=True, step_config=StepConfig(retry_count=2))(Model(answer, "never"), "m").run("x")
    assert next(pieces) == "Ye"
    with pytest.raises(type(error)):
        next(pieces)
    assert (captured.run.status, outcomes(captured.run.steps)) == (2, [("ask", 2, "Ye")])


def test_a_stream_that_does_not_begin_is_asked_for_again(captured):
    """As an answer is."""
    agent = asking(stream=True, step_config=StepConfig(retry_count=1))(Model(OSError("gone"), ["Yes."]), "m")

    assert [*agent.run("x")] == ["Yes."]
    assert outcomes(captured.run.steps) == [("ask", 2, None), ("ask", 0, "Yes.")]


def test_a_stream_that_is_too_slow_is_given_up(captured):
    """Each piece has the step's time; what came by then is recorded."""
    go_on = threading.Event()

    def answer():
        yield "Ye"
        go_on.wait(5)
        yield "s."

    pieces = asking(stream=True, step_config=StepConfig(timeout=0.05))(Model(answer), "m").run("x")
    assert next(pieces) == "Ye"
    with pytest.raises(StepTimeoutError):
        next(pieces)
    go_on.set()
    assert outcomes(captured.run.steps) == [("ask", 2, "Ye")]


class Shouter(Agent):
    """Ends with a step that asks no model."""

    @think
    def ask(self, text: str) -> str:
        return text

    @act(send_to_llm=False)
    def shout(self, text: str) -> str:
        return text.upper()


class Quiet(Agent):
    """Ends with a step that is switched off."""

    @think
    def ask(self, text: str) -> str:
        return text

    @act(stream=True, step_config=StepConfig(enabled=False))
    def shout(self, text: str) -> str:
        return text


@pytest.mark.parametrize(
    ("kind", "stream", "answer", "given"),
    [
        (Shouter, True, "yes", ["YES"]),
        (Quiet, None, "yes", "yes"),
        (Quiet, True, ["y", "es"], ["y", "es"]),
        (asking(stream=True), None, "yes", ["yes"]),
    ],
    ids=["of a function", "switched off", "the last that is on", "of a client that cannot"],
)
def test_a_result_that_does_not_come_in_pieces_is_one(captured, kind, stream, answer, given):
    """Nothing gets lost to who asked for a stream."""
    result = kind(Model(answer), "m").run("x", stream=stream)

    assert (result if isinstance(result, str) else [*result]) == given
    assert captured.run.response == "".join(given)


def test_a_result_in_one_piece_is_awaited_too(captured):
    """By `arun`."""

    async def read():
        return [piece async for piece in await Shouter(Model("yes"), "m").arun("x", stream=True)]

    assert asyncio.run(read()) == ["YES"]


def test_what_is_validated_cannot_be_streamed(captured):
    """As the step itself says where it is declared."""
    agent = asking(json_output=True, return_type=Verdict)(Model(), "m")

    with pytest.raises(ValueError, match="Step 'ask' cannot use both streaming and data validation"):
        agent.run("x", stream=True)


def test_the_whole_of_a_wrong_answer_is_told_to_the_model(captured):
    """Also where the client gives it in pieces."""
    model = Model(["{", "}"], '{"score": 1}')
    asked = []

    def ask(**request):
        asked.append(request["messages"])
        return model(**request)

    agent = asking(json_output=True, return_type=Verdict, step_config=StepConfig(retry_count=1))(ask, "m")

    assert agent.run("x") == Verdict(score=1)
    assert asked[1][-2] == {"role": "assistant", "content": "{}"}
    assert captured.run.response == '{"score":1.0}'


# --- time-outs -------------------------------------------------------------------------------------------------------


def test_making_the_prompt_takes_of_the_time_too(captured):
    """And says which step it was."""
    go_on = threading.Event()

    class Slow(Agent):
        @think(step_config=StepConfig(timeout=0.05))
        def ask(self, text: str) -> str:
            go_on.wait(5)
            return text

    with pytest.raises(StepTimeoutError, match=r"Step 'ask' took longer than its 0\.05 s"):
        Slow(Model(), "m").run("x")
    go_on.set()


def test_what_blocks_is_given_up_where_others_wait_too(captured):
    """On a thread of its own, as where nobody does."""
    go_on = threading.Event()

    class Slow(Agent):
        @act(send_to_llm=False, step_config=StepConfig(timeout=0.05))
        def work(self, text: str) -> str:
            go_on.wait(5)
            return text

    with pytest.raises(StepTimeoutError):
        asyncio.run(_released(Slow(Model(), "m").arun("x"), go_on))
    assert captured.run.tool_calls[0].status == 2


async def _released(running, event):
    try:
        return await running
    finally:
        event.set()


def test_a_clients_own_time_out_is_the_clients(captured):
    """The step had time."""
    error = TimeoutError("the socket's")

    async def fail(**_):
        raise error

    agent = asking(step_config=StepConfig(timeout=60))
    for run in (lambda: agent(Model(error), "m").run("x"), lambda: asyncio.run(agent(fail, "m").arun("x"))):
        with pytest.raises(TimeoutError) as raised:
            run()
        assert raised.value is error


def test_who_is_cancelled_leaves_nothing_open(captured):
    """Neither where a model is asked, nor where its answer is read."""
    reached = asyncio.Event()

    async def never(**_):
        reached.set()
        await asyncio.Event().wait()

    async def cancel():
        running = asyncio.ensure_future(asking()(never, "m").arun("x"))
        await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (tcc.current_run(), tcc.current_step()) == (None, None)

    asyncio.run(cancel())
    assert (captured.run.status, captured.run.steps[0].error_type) == (2, "asyncio.exceptions.CancelledError")


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_choice_that_is_wrong_spoils_no_other(captured):
    """It is left out, and the step that chose says so; a fence around the JSON is none of it."""
    wrong = {"tool_name": "search", "arguments": {"query": "a"}, "confidence": 7}
    model = Model(f"```json\n{choice(wrong, SEARCH)}\n```", "done")

    assert asking()(model, "m", tools=[search]).run("x") == "done"
    assert model.prompts[1] == "x\n\nResults of tools:\nsearch: found w"
    chosen = captured.run.steps[0]
    assert (chosen.status, chosen.status_message) == (
        1,
        "The model's choice of tools cannot be read: confidence must be between 0.0 and 1.0",
    )


def test_choosing_is_tried_again_too(captured):
    """As often as the step is."""
    model = Model(OSError("down"), choice(SEARCH), OSError("down"), "done")

    assert asking(step_config=StepConfig(retry_count=1))(model, "m", tools=[search]).run("x") == "done"
    assert [each.declared[0] for each in captured.run.steps] == ["ask_tools", "ask_tools", "ask", "ask"]


def test_a_tool_that_has_to_be_awaited_is_the_programmers_mistake(captured):
    """Nothing that a model is to be told."""

    async def later(query: str) -> str:
        return query

    agent = asking()(Model(choice({"tool_name": "later", "arguments": {"query": "w"}}), "done"), "m", tools=[later])
    with pytest.raises(TypeError, match=r"use `await agent\.arun"):
        agent.run("x")

    assert captured.run.steps[0].tool_calls[0].status == 2


def test_braces_of_a_template_are_its_own(captured):
    """All but the three places; so JSON can be written in it as it is."""
    config = ToolSelectionConfig(prompt_template='{task}: {"tool_calls": []}, {other}')
    model = Model(choice(), "done")
    asking(tool_selection_config=config)(model, "m", tools=[search]).run("{context}")

    assert model.prompts[0] == '{context}: {"tool_calls": []}, {other}'


def test_a_state_that_is_no_json_is_told_all_the_same(captured):
    """It is for the steps first."""
    model = Model(choice(), "done")
    agent = asking()(model, "m", tools=[search])
    agent.context.state[1, 2] = object

    assert agent.run("x") == "done"


# --- runs of one's own -----------------------------------------------------------------------------------------------


class Asker(Agent):
    @think
    def ask(self, text: str) -> str:
        return text


def test_a_run_of_ones_own_may_change_the_input(captured):
    """Before it calls the inherited one."""

    class Trim(Asker):
        def run(self, text):
            return super().run(text.strip())

    model = Model("Yes.")
    assert Trim(model, "m").run(" x ") == "Yes."
    assert (model.prompts, captured.run.prompt, captured.run.runs) == (["x"], " x ", ())


def test_every_run_of_a_hierarchy_is_called(captured):
    """All of it is one run; further arguments are the method's own."""

    class Polite(Asker):
        def run(self, text, please="please"):
            return f"{super().run(f'{text}, {please}')}!"

    class Loud(Polite):
        def run(self, text, please="please"):
            return super().run(text, please=please).upper()

    assert Loud(Model("yes"), "m").run("x", please="s.v.p.") == "YES!"
    assert (captured.run.agent, captured.run.response, captured.run.runs) == ("Loud", "YES!", ())


def test_an_asynchronous_hierarchy_is_one_run_too(captured):
    """With `arun` inside."""

    async def ask(**_):
        return "yes"

    class Loud(Asker):
        async def run(self, text):
            return (await super().arun(text)).upper()

    assert asyncio.run(Loud(ask, "m").arun("x")) == "YES"
    assert (captured.run.response, len(captured.run.steps), captured.run.runs) == ("YES", 1, ())


def test_steps_take_arguments_by_name(captured):
    """As the methods that they are."""
    assert Asker(Model("yes"), "m").ask(text="x") == "yes"
    assert captured.run.prompt == "x"


def test_a_step_may_be_called_as_a_method_of_agents_is(captured):
    """But for `run`, which is said where the class is defined."""

    class Own(Agent):
        @act
        def execute(self, text: str) -> str:
            return text

    assert Own(Model("yes"), "m").execute("x") == "yes"
    with pytest.raises(TypeError, match="A step of Wrong is called `run`"):

        class Wrong(Agent):
            @act
            def run(self, text: str) -> str:
                return text


@pytest.mark.parametrize(("send_to_llm", "result"), [(True, "A finding."), (False, "Analyze x")])
def test_a_step_of_a_function_is_executed_too(captured, send_to_llm, result):
    """It gets its arguments alone, and no agent."""

    def analyze(data: str) -> str:
        return f"Analyze {data}"

    made = Step.create(analyze, StepType.THINK, send_to_llm=send_to_llm)

    assert Agent(Model("A finding."), "m").execute(made, "x") == result
    (recorded,) = captured.run.steps or captured.run.tool_calls
    assert (recorded.declared, captured.run.prompt, captured.run.response) == (("analyze", "think"), "x", result)


def test_two_steps_of_one_name_are_said():
    """Rather than one of them forgotten."""

    class Double(Agent):
        @think("ask")
        def one(self, text: str) -> str:
            return text

        @think("ask")
        def other(self, text: str) -> str:
            return text

    with pytest.raises(ValueError, match="Double has two steps named 'ask'"):
        Double(Model(), "m")


# --- several at once -------------------------------------------------------------------------------------------------


def test_an_agent_in_a_step_of_another_is_a_run_in_it(captured):
    """And the two may ask through one client."""
    model = Model("inner", "outer")
    inner = Asker(model, "m", name="inner")

    class Outer(Agent):
        @act(send_to_llm=False)
        def go(self, text: str) -> str:
            return inner.run(text)

        @think
        def tell(self, text: str) -> str:
            return text

    assert Outer(model, "m").run("x") == "outer"
    (call,) = captured.run.tool_calls
    assert (call.declared[0], call.result) == ("go", "inner")
    assert outcomes(captured.run.steps) == [("tell", 0, "outer")]
    (run,) = [run for run in (*captured.run.runs, *call.runs) if run.agent == "inner"]
    assert outcomes(run.steps) == [("ask", 0, "inner")]


def test_agents_on_threads_do_not_mix(captured):
    """Each with its own run, though they share a client."""
    together = threading.Barrier(2)

    def answer(**request):
        together.wait(5)
        return request["messages"][0]["content"].upper()

    results = {}
    threads = [threading.Thread(target=lambda k=k: results.update({k: Asker(answer, "m").run(k)})) for k in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert results == {"a": "A", "b": "B"}
    assert sorted((run.prompt, run.response, len(run.steps)) for run in captured.runs) == [("a", "A", 1), ("b", "B", 1)]
