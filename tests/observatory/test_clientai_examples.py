"""The agents of ClientAI's manual in the Observatory: instrumented as they are, and moved over by their imports."""

import json
from operator import attrgetter

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany import workflow
from contextcompany.observatory import queries
from fake_llm import Answer, FakeLLM, Usage

clientai = pytest.importorskip("clientai")
openai = pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # ClientAI's clients cannot be closed


class Review(BaseModel):
    summary: str
    score: float


def line_count(code: str) -> int:
    """Counts lines."""
    return len(code.splitlines())


def choice(**arguments):
    call = {"tool_name": "counter", "arguments": arguments, "confidence": 0.9, "reasoning": "It helps."}
    return json.dumps({"tool_calls": [call]})


def question_bot(package, client):
    """One step, streamed."""
    bot = package.create_agent(
        client=client, role="assistant", system_prompt="Be friendly.", model="gpt-4o", stream=True, temperature=0.7
    )
    return "".join(bot.run("Hello"))


def task_planner(package, client):
    """One step with a tool."""
    planner = package.create_agent(
        client=client,
        role="task planner",
        system_prompt="Plan.",
        model="gpt-4o",
        step="think",
        tools=[package.ToolConfig(line_count, name="counter")],
        tool_confidence=0.8,
    )
    return planner.run("Count lines.")


def writing_assistant(package, client):
    """Three steps, one of which names its model, and has a tool."""

    class WritingAssistant(package.Agent):
        @package.think(name="analyze_text", description="Finds issues.", model={"name": "gpt-4o-mini"})
        def analyze(self, text: str) -> str:
            return f"Find issues: {text}"

        @package.act
        def suggest(self, analysis: str) -> str:
            """Suggests."""
            return f"Suggest: {analysis}"

        @package.synthesize(description="Improves.")
        def improve(self, suggestions: str) -> str:
            return f"Rewrite {self.context.original_input}: {suggestions}"

    tools = [package.ToolConfig(line_count, name="counter", scopes=["think"])]
    return WritingAssistant(client, default_model="gpt-4o", tools=tools).run("A text.")


def code_reviewer(package, client):
    """Validated, without a model, and streamed by a step that takes nothing."""

    class CodeReviewer(package.Agent):
        @package.observe(json_output=True, return_type=Review)
        def read(self, code: str) -> str:
            return f"Review {code}"

        @package.act(send_to_llm=False)
        def grade(self, review: Review) -> str:
            return "good" if review.score > 1 else "bad"

        @package.synthesize(stream=True)
        def report(self) -> str:
            return f"Report on {self.context.original_input}"

    return "".join(CodeReviewer(client, default_model="gpt-4o").run("x = 1"))


def reviewer_with_a_run_of_its_own(package, client):
    """Which returns early."""

    class Reviewer(package.Agent):
        @package.think
        def analyze(self, code: str) -> str:
            return f"Analyze {code}"

        @package.act
        def refactor(self, analysis: str) -> str:
            return f"Refactor {analysis}"

        @package.run
        def review(self, code: str) -> str:
            analysis = self.analyze(code)
            return analysis if "fine" in analysis else self.refactor(analysis)

    agent = Reviewer(client, default_model="gpt-4o")
    return agent.run("a") + agent.run("b")


EXAMPLES = {
    question_bot: ["Hi!"],
    task_planner: [choice(code="a\nb"), "Two lines."],
    writing_assistant: [choice(code="A text."), "Too short.", "Add words.", "A longer text."],
    code_reviewer: ['{"summary": "Short.", "score": 2}', "A report."],
    reviewer_with_a_run_of_its_own: ["bad", "Better.", "fine"],
}


@pytest.fixture(params=EXAMPLES, ids=attrgetter("__name__"))
def example(request):
    return request.param


@pytest.fixture
def instrumented():
    assert tcc.instrument("clientai", "openai") == ["clientai", "openai"]
    yield
    tcc.uninstrument()


def theirs(llm):
    client = clientai.ClientAI("openai", api_key="k")
    client.provider.client = client.provider.client.with_options(base_url=llm.openai_url, max_retries=0)
    return client


def ours(llm):
    return openai.OpenAI(base_url=llm.openai_url, api_key="k", max_retries=0)


def recorded(store):
    """The runs of a store, span by span, without what differs from one to the next; the oldest run first."""
    return [shape(store, queries.run(store, listed.trace_id)) for listed in queries.runs(store).runs[::-1]]


def shape(store, run):
    _, *spans = run.spans
    facts = [queries.span(store, run.run.trace_id, each.span_id).fact for each in spans]
    return (
        (run.spans[0].status, run.run.prompt, run.run.response, run.run.input_tokens, run.run.output_tokens),
        [
            (span.depth, span.kind, span.name, fact.step_type, span.model, span.status, span.input_tokens, fact.unknown)
            for span, fact in zip(spans, facts, strict=True)
        ],
    )


def test_an_example_of_the_manual_folds_to_the_same_shape(store, served, instrumented, example):
    """With ClientAI and with ours: runs, steps, models, tokens and results; only names of agents may differ."""
    tcc.configure(url=served.url)
    seen = []
    for package, client in ((clientai.agent, theirs), (workflow, ours)):
        with FakeLLM(*[Answer(text, usage=Usage(uncached=10, output=5)) for text in EXAMPLES[example]]) as llm:
            result = example(package, client(llm))
        assert tcc.flush(10)[1:] == (0, 0, {})
        seen.append((result, recorded(store)))
    (their_result, their_runs), (our_result, all_runs) = seen

    assert our_result == their_result
    assert all_runs[len(their_runs) :] == their_runs
    assert all(spans for _, spans in their_runs)
