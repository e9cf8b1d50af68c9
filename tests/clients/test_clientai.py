"""ClientAI's own agents, recorded by our instrumentor: as those of `contextcompany.workflow` are."""

import json

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from fake_llm import Answer, FakeLLM, Usage

clientai = pytest.importorskip("clientai")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")

from clientai.agent import Agent, act, create_agent, observe, run, synthesize, think  # noqa: E402 - may be missing
from clientai.agent.tools import tool  # noqa: E402 - likewise

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # its clients cannot be closed

USAGE = Usage(uncached=10, cached=4, output=5)


@pytest.fixture(autouse=True)
def instrumented():
    """ClientAI's, and its provider's, which knows the tokens."""
    assert tcc.instrument("clientai", "openai") == ["clientai", "openai"]
    yield
    tcc.uninstrument()


@pytest.fixture
def client():
    """Makes a client whose model says these things."""
    started = []

    def make(*script):
        llm = FakeLLM(*[each if isinstance(each, Answer) else Answer(each, usage=USAGE) for each in script])
        started.append(llm)
        made = clientai.ClientAI("openai", api_key="k")
        made.provider.client = made.provider.client.with_options(base_url=llm.openai_url, max_retries=0)
        return made

    yield make
    for llm in started:
        llm.close()


def declared(recorded):
    return [(each.declared, each.status, each.response) for each in recorded]


def test_the_quick_start(client, captured):
    """An agent of one step, in its manual's words."""
    agent = create_agent(
        client=client("Bonjour, monde !"),
        role="translator",
        system_prompt="You are a helpful translation assistant. Translate the input to French.",
        model="gpt-4o",
        temperature=0.1,
    )

    assert agent.run("Hello world!") == "Bonjour, monde !"
    recorded = captured.run
    assert (recorded.agent, recorded.prompt, recorded.response) == (
        "SingleStepAgent",
        "Hello world!",
        "Bonjour, monde !",
    )
    (step,) = recorded.steps
    assert (step.declared, step.model_requested) == (("translator_step", "act"), "gpt-4o")
    assert (step.tokens.input, step.tokens.cached, step.tokens.output) == (14, 4, 5)
    assert step.cost_source == "calculated"


class Analysis(BaseModel):
    summary: str
    score: float


@tool(name="calculate_average")
def average(numbers: list[float]) -> float:
    """Calculates the average of a list."""
    return sum(numbers) / len(numbers)


class Analyzer(Agent):
    """Its manual's custom agent with validation, with all types of steps."""

    @observe(use_tools=False)
    def read(self, data: str) -> str:
        return f"Read {data}"

    @think("analyze", json_output=True, return_type=Analysis)
    def analyze(self, data: str) -> Analysis:
        return f"Analyze {data}"

    @act(send_to_llm=False)
    def note(self, analysis: Analysis) -> str:
        return f"{analysis.summary}: {analysis.score}"

    @synthesize(stream=True, use_tools=False)
    def tell(self, note: str) -> str:
        return f"Tell {note}"


CHOICE = json.dumps(
    {
        "tool_calls": [
            {
                "tool_name": "calculate_average",
                "arguments": {"numbers": [1, 2, 3]},
                "confidence": 0.9,
                "reasoning": "Numbers are there.",
            }
        ]
    }
)


def test_a_custom_agent_with_tools_validation_and_a_stream(client, captured):
    """Folds to the shape of a declared agent of ours."""
    model = client("1 2 3", CHOICE, '{"summary": "Even.", "score": 2}', "All is even.")
    pieces = Analyzer(client=model, default_model="gpt-4o", tools=[average]).run("numbers")

    assert "".join(pieces) == "All is even."
    recorded = captured.run
    assert (recorded.agent, recorded.prompt, recorded.response) == ("Analyzer", "numbers", "All is even.")
    assert declared(recorded.steps) == [
        (("read", "observe"), 0, "1 2 3"),
        (("analyze_tools", "think"), 0, CHOICE),
        (("analyze", "think"), 0, '{"summary": "Even.", "score": 2}'),
        (("tell", "synthesize"), 0, "All is even."),
    ]
    (call,) = recorded.steps[1].tool_calls
    assert (call.name, call.args, call.result) == ("calculate_average", {"numbers": [1, 2, 3]}, 2.0)
    (note,) = recorded.tool_calls
    assert (note.declared, note.result) == (("note", "act"), "Even.: 2.0")
    assert recorded.steps[3].time_to_first_chunk is not None


def test_an_answer_that_is_not_valid_fails_the_run(client, captured):
    """With the exception that ClientAI raises."""
    with pytest.raises(Exception, match="score"):
        Analyzer(client=client("1", '{"summary": "x"}'), default_model="gpt-4o").run("numbers")

    assert (captured.run.status, [each.status for each in captured.run.steps]) == (2, [0, 0])


def test_an_agent_with_a_run_of_its_own(client, captured):
    """Its steps are in the one run."""

    class Own(Agent):
        @think(use_tools=False)
        def ask(self, text: str) -> str:
            return text

        @run
        def mine(self, text: str) -> str:
            return self.ask(text) + self.ask("again")

    assert Own(client=client("a", "b"), default_model="gpt-4o").run("x") == "ab"
    assert declared(captured.run.steps) == [(("ask", "think"), 0, "a"), (("ask", "think"), 0, "b")]


def test_what_a_step_is_given_by_name_is_recorded(client, captured):
    """As what it is given by position."""

    class Own(Agent):
        @act(send_to_llm=False)
        def join(self, one: str, other: str = "") -> str:
            return one + other

        @run
        def mine(self, text: str) -> str:
            return self.join(text, other="b") + self.join(one=text)

    assert Own(client=client(), default_model="gpt-4o").run("a") == "aba"
    assert [call.args for call in captured.run.tool_calls] == [["a", "b"], "a"]


def test_a_call_of_the_client_alone_is_a_step(client, captured):
    """In the run that is current."""
    with tcc.run(agent="mine") as mine:
        mine.prompt("x")
        text = client("Hi!").chat([{"role": "user", "content": "Hello"}], "gpt-4o", system_prompt="Be brief.")
        mine.response(text)

    (step,) = captured.run.steps
    assert (step.response, step.declared, step.prompt[0]["role"]) == ("Hi!", None, "system")


def test_what_the_client_raises_goes_on(client, captured):
    """And is recorded on step and run."""
    with pytest.raises(Exception, match="500"):
        Analyzer(client=client(Answer(status=500)), default_model="gpt-4o").run("numbers")

    assert (captured.run.status, captured.run.steps[0].status) == (2, 2)


def test_switched_off_it_records_nothing(client, captured):
    """And ClientAI is as it was."""
    tcc.uninstrument()

    assert create_agent(client("Hi!"), "r", "s", "gpt-4o").run("x") == "Hi!"
    assert captured.runs == []
