"""Agents of declared steps: what they do, and what is recorded of it."""

import asyncio
import json
import threading
import time

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany.testing import capture
from contextcompany.workflow import (
    Agent,
    ModelConfig,
    StepConfig,
    StepError,
    StepTimeoutError,
    StepValidationError,
    Tool,
    ToolSelectionConfig,
    act,
    create_agent,
    observe,
    synthesize,
    think,
    tool,
)


class Verdict(BaseModel):
    score: float
    summary: str


class Model:
    """A client that is a callable: gives its answers in turn, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = [*answers]
        self.asked = []

    def __call__(self, **request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    @property
    def prompts(self):
        return [request["messages"][-1]["content"] for request in self.asked]


def choice(name, confidence=0.9, **arguments):
    return {"tool_name": name, "arguments": arguments, "confidence": confidence, "reasoning": "It helps."}


def choices(*calls):
    return json.dumps({"tool_calls": [*calls]})


def step(**options):
    """An agent of one step, which asks what it is told."""

    class Asker(Agent):
        @think(**options)
        def ask(self, text: str) -> str:
            return text

    return Asker


@pytest.fixture
def captured():
    with capture() as capturing:
        yield capturing


def declared(recorded):
    return [(each.declared, each.status) for each in recorded]


# --- the order of steps ----------------------------------------------------------------------------------------------


class Writer(Agent):
    @observe
    def gather(self, topic: str) -> str:
        return f"Gather {topic}."

    @act(send_to_llm=False)
    def count(self, facts: str) -> int:
        return len(facts)

    @synthesize
    def write(self, number: int, facts: str, topic: str) -> str:
        return f"Write {number} {facts} {topic}"


def test_steps_run_in_the_order_in_which_they_are_written(captured):
    """Each gets the results before it, the newest first, and the input last; all of it is one run."""
    model = Model("facts", "An essay.")
    agent = Writer(model, "gpt-4o")

    assert agent.run("whales") == "An essay."
    assert model.prompts == ["Gather whales.", "Write 5 facts whales"]
    assert agent.context.last_results == {"gather": "facts", "count": 5, "write": "An essay."}
    assert (agent.context.original_input, agent.context.last_output) == ("whales", "An essay.")
    run = captured.run
    assert (run.agent, run.prompt, run.response) == ("Writer", "whales", "An essay.")
    assert declared(run.steps) == [(("gather", "observe"), 0), (("write", "synthesize"), 0)]
    (counted,) = run.tool_calls
    assert (counted.name, counted.declared, counted.args, counted.result) == ("count", ("count", "act"), "facts", 5)


def test_a_step_tells_model_parameters_prompt_and_response(captured):
    """Of its own model if it names one; its parameters win over the agent's."""
    model = Model("Yes.")
    step(model=ModelConfig("gpt-4o-mini", temperature=0.1, system_prompt="Be brief."), use_tools=False)(
        model, "gpt-4o", temperature=0.9, max_tokens=50
    ).run("Is it?")

    assert model.asked == [
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it?"}],
            "temperature": 0.1,
            "top_p": 0.9,
            "max_tokens": 50,
        }
    ]
    (asked,) = captured.run.steps
    assert (asked.model_requested, asked.response) == ("gpt-4o-mini", "Yes.")
    assert asked.parameters == {"temperature": 0.1, "top_p": 0.9, "max_tokens": 50}


def test_what_is_not_passed_on_is_still_there(captured):
    """In the context; the next step gets what there was before."""

    class Flow(Agent):
        @think(step_config=StepConfig(pass_result=False))
        def look(self, text: str) -> str:
            return text

        @act
        def go(self, text: str) -> str:
            return f"{text} {self.context.get_step_result('look')}"

    model = Model("seen", "done")
    Flow(model, "m").run("Go")

    assert model.prompts == ["Go", "Go seen"]


def test_a_disabled_step_is_passed_over(captured):
    """As if it were not there."""

    class Flow(Agent):
        @think(step_config=StepConfig(enabled=False))
        def look(self, text: str) -> str:
            return text

        @act
        def go(self, text: str) -> str:
            return text

    assert Flow(Model("done"), "m").run("Go") == "done"
    assert declared(captured.run.steps) == [(("go", "act"), 0)]


def test_a_step_that_is_not_required_may_fail(captured):
    """The run goes on with what there was before, and says so."""

    class Flow(Agent):
        @think(step_config=StepConfig(required=False))
        def look(self, text: str) -> str:
            return text

        @act
        def go(self, text: str) -> str:
            return text

    assert Flow(Model(RuntimeError("down"), "done"), "m").run("Go") == "done"
    assert declared(captured.run.steps) == [(("look", "think"), 2), (("go", "act"), 0)]
    assert (captured.run.status, captured.run.status_message) == (1, "Step 'look' failed, which is not required: down")


def test_what_a_client_raises_goes_on(captured):
    """Unwrapped, and recorded on the step and its run."""
    error = RuntimeError("down")
    with pytest.raises(RuntimeError) as raised:
        step()(Model(error), "m").run("Go")

    assert raised.value is error
    assert (captured.run.status, captured.run.steps[0].error_type) == (2, "RuntimeError")


def test_a_class_may_inherit_steps(captured):
    """Those of the base come first; one with the same method's name takes its place."""

    class More(Writer):
        @act(send_to_llm=False)
        def count(self, facts: str) -> int:
            return 0

        @act(send_to_llm=False)
        def shout(self, text: str) -> str:
            return text.upper()

    assert More(Model("facts", "essay"), "m").run("x") == "ESSAY"
    assert [*More(Model(), "m").get_steps()] == ["gather", "count", "write", "shout"]


@pytest.mark.parametrize("text", ["needs", "says"])
def test_a_run_without_steps_says_so(captured, text):
    """Rather than give nothing."""
    with pytest.raises(StepError, match="Agent has no steps"):
        Agent(Model(), "m").run(text)


def test_a_step_that_takes_too_much_says_so(captured):
    """With what there is."""

    class Greedy(Agent):
        @think
        def look(self, one: str, two: str, three: str = "default") -> str:
            return one

    with pytest.raises(StepError, match="Step 'look' takes 2 values, and there are 1"):
        Greedy(Model(), "m").run("x")


def test_a_prompt_is_text(captured):
    """Anything else is said with its type."""

    class Odd(Agent):
        @think
        def look(self, text: str) -> str:
            return 7

    with pytest.raises(StepError, match="Step 'look' must return its prompt as text, got int"):
        Odd(Model(), "m").run("x")


# --- a run of one's own ----------------------------------------------------------------------------------------------


class Careful(Agent):
    @think
    def plan(self, text: str) -> str:
        return f"Plan {text}"

    @act
    def do(self, text: str) -> str:
        return f"Do {text}"

    def run(self, text):
        plan = self.plan(text)
        return plan if "nothing" in plan else self.do(plan)


def test_an_agent_may_decide_itself(captured):
    """In a `run` of its own, recorded as any other, its steps are methods."""
    agent = Careful(Model("do nothing", "it", "done"), "m")

    assert [agent.run("a"), agent.run("b")] == ["do nothing", "done"]
    assert [[each.declared[0] for each in run.steps] for run in captured.runs] == [["plan"], ["plan", "do"]]


def test_a_run_of_ones_own_may_call_the_inherited_one(captured):
    """It is the same run."""

    class Twice(Agent):
        @think
        def ask(self, text: str) -> str:
            return text

        def run(self, text):
            return super().run(text) + "!"

    assert Twice(Model("Yes"), "m").run("Is it?") == "Yes!"
    assert (captured.run.response, len(captured.run.steps), captured.run.runs) == ("Yes!", 1, ())


def test_a_step_alone_is_a_run(captured):
    """Called as a method, outside of any."""
    assert Careful(Model("plan"), "m").plan("x") == "plan"
    assert (captured.run.agent, captured.run.prompt, captured.run.response) == ("Careful", "x", "plan")


def test_an_agent_in_a_run_is_a_run_in_it(captured):
    """As a sub-agent is."""
    with tcc.run(agent="outer", session_id="s-1") as run:
        run.prompt("x").response(step()(Model("Yes."), "m").run("Is it?"))

    (inner,) = captured.run.runs
    assert (inner.agent, inner.session_id, len(inner.steps)) == ("Asker", "s-1", 1)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_json_is_validated(captured):
    """And becomes what `return_type` says; the model is told the schema."""
    model = Model('{"score": 0.5, "summary": "Fine."}')
    result = step(json_output=True, return_type=Verdict)(model, "m").run("Judge.")

    assert result == Verdict(score=0.5, summary="Fine.")
    assert model.asked[0]["response_format"] == {"type": "json_object"}
    assert '"required": ["score", "summary"]' in model.asked[0]["messages"][0]["content"]


def test_a_wrong_answer_names_the_field(captured):
    """The call has failed in the end, though the model answered."""
    with pytest.raises(StepValidationError) as error:
        step(json_output=True, return_type=Verdict)(Model('{"score": "much"}'), "m").run("Judge.")

    assert str(error.value) == (
        "Step 'ask' got no valid Verdict: score: input should be a valid number, unable to parse string as a number; "
        "summary: field required."
    )
    (asked,) = captured.run.steps
    assert (asked.status, asked.response) == (2, '{"score": "much"}')
    assert asked.error_type.endswith(".StepValidationError")


def test_a_wrong_answer_is_told_to_the_model(captured):
    """Where the step is configured to retry; each time is a step of the run."""
    model = Model("no JSON", '{"score": 1, "summary": "Good."}')
    agent = step(json_output=True, return_type=Verdict, step_config=StepConfig(retry_count=1))(model, "m")

    assert agent.run("Judge.").summary == "Good."
    assert [each["role"] for each in model.asked[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert "got no valid Verdict: the whole: invalid JSON" in model.prompts[1]
    assert declared(captured.run.steps) == [(("ask", "think"), 2), (("ask", "think"), 0)]
    assert captured.run.status == 0


def test_json_without_a_type_is_text(captured):
    """That is JSON."""
    assert step(json_output=True)(Model("[1]"), "m").run("x") == "[1]"
    with pytest.raises(StepValidationError, match="Step 'ask' got no JSON"):
        step(json_output=True)(Model("[1"), "m").run("x")


def test_errors_are_retried_as_configured(captured):
    """By us, unless the client does it."""
    config = StepConfig(retry_count=2)
    model = Model(RuntimeError("1"), RuntimeError("2"), "Yes.")

    assert step(step_config=config)(model, "m").run("x") == "Yes."
    assert [each.status for each in captured.run.steps] == [2, 2, 0]
    config.use_internal_retry = False
    with pytest.raises(RuntimeError, match="1"):
        step(step_config=config)(Model(RuntimeError("1"), "Yes."), "m").run("x")


def test_a_full_response_is_the_clients_own(captured):
    """Whatever it is."""
    whole = {"choices": [{"message": {"role": "assistant", "content": "Yes."}}], "model": "m-1"}

    assert step(return_full_response=True)(Model(whole), "m").run("x") is whole
    assert captured.run.steps[0].response == "Yes."


def test_a_slow_model_is_given_up(captured):
    """The step is named, and the time it had."""
    asleep = threading.Event()
    agent = step(step_config=StepConfig(timeout=0.05))(Model(lambda: asleep.wait(5)), "m")
    began = time.monotonic()
    with pytest.raises(StepTimeoutError, match=r"Step 'ask' took longer than its 0\.05 s"):
        agent.run("x")
    asleep.set()

    assert time.monotonic() - began < 2
    assert captured.run.steps[0].error_type.endswith(".StepTimeoutError")


def test_a_stream_is_given_as_it_comes(captured):
    """The run ends when it has been read."""
    agent = step(stream=True)(Model(lambda: iter(["Ye", "s."])), "m")
    pieces = agent.run("x")
    with tcc.run(agent="other") as other:
        other.prompt("in between").response(next(pieces))

    assert [*pieces] == ["s."]
    inner = next(run for run in captured.runs if run.agent == "Asker")
    assert (inner.response, inner.steps[0].response) == ("Yes.", "Yes.")
    assert inner.time_to_first_chunk is not None
    assert len(captured.runs) == 2


def test_a_stream_that_nobody_reads_on_is_partial(captured):
    """What came by then is what was said."""
    pieces = step(stream=True)(Model(lambda: iter(["Ye", "s."])), "m").run("x")
    assert next(pieces) == "Ye"
    pieces.close()

    assert (captured.run.status, captured.run.response) == (1, "Ye")


@pytest.mark.parametrize(("declared_", "asked", "expected"), [(True, False, "Yes."), (False, True, ["Yes."])])
def test_streaming_can_be_asked_for_and_left(captured, declared_, asked, expected):
    """Whatever the last step says."""
    agent = step(stream=declared_)(Model(lambda: iter(["Yes."])), "m")
    result = agent.run("x", stream=asked)

    assert (result if isinstance(result, str) else [*result]) == expected


# --- tools -----------------------------------------------------------------------------------------------------------


def search(query: str, limit: int = 3) -> list[str]:
    """Searches the web."""
    return [query] * limit


class Finder(Agent):
    @tool(scopes=["think"])
    def look_up(self, word: str) -> str:
        """Looks a word up."""
        return f"{self.name} knows {word}"

    @think
    def find(self, text: str) -> str:
        return text

    @act
    def tell(self, text: str) -> str:
        return f"Tell {text}"


def test_the_model_chooses_tools(captured):
    """Choosing is a step of its own, each call a tool call in it; what came out is added to the prompt."""
    model = Model(choices(choice("look_up", word="whale"), choice("search", query="w", limit=1)), "found", "told")
    agent = Finder(model, "m", tools=[Tool.create(search, scopes=["think"])])

    assert agent.run("Whales?") == "told"
    assert "- look_up(word: str) -> str: Looks a word up." in model.prompts[0]
    assert model.prompts[1] == "Whales?\n\nResults of tools:\nlook_up: Finder knows whale\nsearch: ['w']"
    assert model.asked[0]["temperature"] == 0.0
    chosen, found, told = captured.run.steps
    assert [each.declared for each in (chosen, found, told)] == [
        ("find_tools", "think"),
        ("find", "think"),
        ("tell", "act"),
    ]
    assert [(each.name, each.args, each.result) for each in chosen.tool_calls] == [
        ("look_up", {"word": "whale"}, "Finder knows whale"),
        ("search", {"query": "w", "limit": 1}, ["w"]),
    ]
    decided = agent.get_step("find").tool_decisions
    assert [(each.tool_name, each.result, each.error) for each in decided] == [
        ("look_up", "Finder knows whale", None),
        ("search", ["w"], None),
    ]
    assert Finder.find.step.tool_decisions is None


def test_only_sure_choices_are_called_and_not_too_many(captured):
    """As the step says, else the agent."""
    model = Model(choices(*[choice("search", each / 10, query=str(each)) for each in range(5, 10)]), "done")
    agent = step(tool_selection_config=ToolSelectionConfig(0.6, 2))(model, "m", tools=[search])
    agent.run("x")

    assert [each.arguments for each in agent.get_step("ask").tool_decisions] == [{"query": "6"}, {"query": "7"}]


def test_a_tool_that_fails_does_not_fail_the_step(captured):
    """The model is told, and the tool call is an error."""

    def broken(text: str) -> str:
        raise OSError("no disk")

    model = Model(choices(choice("broken", text="x"), choice("missing"), choice("search", wrong=1)), "done")

    assert step()(model, "m", tools=[broken, search]).run("x") == "done"
    assert model.prompts[1].splitlines()[2:] == [
        "Results of tools:",
        "broken: OSError: no disk",
        "missing: There is no tool 'missing'.",
        "search: search: missing a required argument: 'query'",
    ]
    (call,) = captured.run.steps[0].tool_calls
    assert (call.name, call.status, call.error_type) == ("broken", 2, "OSError")


@pytest.mark.parametrize("said", ["no JSON", "[]", '{"tool_calls": [{"tool_name": 1}]}', '{"tool_calls": [7]}'])
def test_a_choice_that_cannot_be_read_chooses_nothing(captured, said):
    """The step goes on, and the step that chose says so."""
    model = Model(said, "done")

    assert step()(model, "m", tools=[search]).run("x") == "done"
    assert model.prompts[1] == "x"
    assert captured.run.steps[0].status == 1


def test_a_tool_is_called_by_hand_too(captured):
    """And recorded as a tool call; outside of a run it just runs."""

    class ByHand(Agent):
        def run(self, text):
            return self.use_tool("search", text, limit=1)

    agent = ByHand(Model(), "m", tools=[search])

    assert agent.run("w") == ["w"]
    assert [(each.name, each.args) for each in captured.run.tool_calls] == [("search", {"query": "w", "limit": 1})]
    with pytest.raises(ValueError, match="There is no tool 'other'; there are search"):
        agent.use_tool("other")


def test_tools_are_scoped_by_step_type():
    """By name or type; a wrong name is said."""
    agent = Finder(Model(), "m")
    agent.register_tool(search, name="web", scopes="act")

    assert [each.name for each in agent.get_tools("act")] == ["web"]
    assert [each.name for each in agent.get_tools()] == ["look_up", "web"]
    with pytest.raises(ValueError, match="A step type is one of think, act, observe, synthesize, got 'thnk'"):
        tool(scopes=["thnk"])(search)


# --- asynchronous ----------------------------------------------------------------------------------------------------


def awaited(model):
    async def ask(**request):
        await asyncio.sleep(0)
        answer = model(**request)
        return _later(answer) if request.get("stream") else answer

    return ask


async def _later(pieces):
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def test_all_of_it_is_awaited(captured):
    """The same steps and records, with an asynchronous client and tool."""

    async def slow(query: str) -> str:
        await asyncio.sleep(0)
        return query * 2

    model = Model(choices(choice("slow", query="w")), "Yes.")
    agent = step()(awaited(model), "m", tools=[slow])

    assert asyncio.run(agent.arun("x")) == "Yes."
    assert model.prompts[1] == "x\n\nResults of tools:\nslow: ww"
    assert captured.run.response == "Yes."


def test_streams_are_awaited(captured):
    """What is given is an asynchronous iterator."""

    async def read():
        return [piece async for piece in await step(stream=True)(awaited(Model(["Ye", "s."])), "m").arun("x")]

    assert asyncio.run(read()) == ["Ye", "s."]
    assert captured.run.response == "Yes."


def test_what_blocks_is_asked_beside_the_event_loop(captured):
    """A client that is not asynchronous keeps nobody waiting."""
    asked, ticked = threading.Event(), threading.Event()

    def block():
        asked.set()
        assert ticked.wait(5)
        return "Yes."

    async def tick():
        await asyncio.to_thread(asked.wait, 5)
        ticked.set()

    async def both():
        return (await asyncio.gather(step()(Model(block), "m").arun("x"), tick()))[0]

    assert asyncio.run(both()) == "Yes."
    assert captured.run.steps[0].response == "Yes."


def test_an_asynchronous_run_of_ones_own(captured):
    """Its steps are awaited."""

    class Own(Agent):
        @think
        def ask(self, text: str) -> str:
            return text

        async def run(self, text):
            return await self.ask(text) + "!"

    assert asyncio.run(Own(awaited(Model("Yes")), "m").arun("x")) == "Yes!"
    assert captured.run.response == "Yes!"


def test_a_time_out_is_awaited(captured):
    """And what was awaited is cancelled."""

    async def never(**_):
        await asyncio.Event().wait()

    with pytest.raises(StepTimeoutError):
        asyncio.run(step(step_config=StepConfig(timeout=0.05))(never, "m").arun("x"))
    assert captured.run.status == 2


def test_an_asynchronous_client_says_what_it_needs(captured):
    """Before anything is recorded; a callable that turns out to be one, when it is asked."""
    with pytest.raises(TypeError, match=r"use `await agent\.arun"):
        step()(awaited(Model()), "m").run("x")
    assert captured.runs == []
    with pytest.raises(TypeError, match=r"use `await agent\.arun"):
        step()(lambda **_: asyncio.sleep(0), "m").run("x")


# --- create_agent ----------------------------------------------------------------------------------------------------


def test_an_agent_of_one_step(captured):
    """Sends its input, with the system prompt and the parameters of its type."""
    model = Model("Hallo!")
    agent = create_agent(model, "Translator 2", "Translate to German.", "gpt-4o", step="think", top_p=0.5)

    assert agent.run("Hello!") == "Hallo!"
    assert model.asked[0]["messages"][0] == {"role": "system", "content": "Translate to German."}
    assert (model.asked[0]["temperature"], model.asked[0]["top_p"]) == (0.7, 0.5)
    assert captured.run.agent == "Translator 2"
    assert captured.run.steps[0].declared == ("Translator2_step", "think")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"role": ""}, "`role` must be text that is not empty"),
        ({"system_prompt": ""}, "`system_prompt` must be text"),
        ({"step": "not a step"}, "`step` must be a step type or an identifier"),
        ({"temperature": 3}, "Temperature must be between"),
        ({"json_output": True, "return_full_response": True}, "mutually exclusive"),
        ({"json_output": True, "stream": True}, "mutually exclusive"),
    ],
)
def test_an_agent_of_one_step_is_checked(options, says):
    """When it is made."""
    with pytest.raises(ValueError, match=says):
        create_agent(**{"client": Model(), "role": "r", "system_prompt": "s", "model": "m", **options})


@pytest.mark.parametrize("client", [None, object(), "gpt-4o"])
def test_a_client_that_is_none_is_said(client):
    """With what is taken."""
    with pytest.raises(TypeError, match="`client` must be an OpenAI-compatible client, LiteLLM's `completion`"):
        Agent(client, "m")


@pytest.mark.parametrize("model", [None, 7])
def test_a_model_that_is_none_is_said(model):
    """With what is taken."""
    with pytest.raises(TypeError, match="A model is a name, a dictionary or a ModelConfig"):
        Agent(Model(), model)
