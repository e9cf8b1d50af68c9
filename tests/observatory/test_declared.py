"""Agents of declared steps as the Observatory has them, over the wire: the whole of a run, compared."""

import re
import urllib.request

import pytest
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany.observatory import queries
from contextcompany.workflow import Agent, StepConfig, act, observe, synthesize, think, tool
from fake_llm import Answer, FakeLLM, Usage

openai = pytest.importorskip("openai")

CHOICE = '{"tool_calls": [{"tool_name": "measure", "arguments": {"city": "Paris"}, "confidence": 1, "reasoning": ""}]}'
SCRIPT = [CHOICE, "15 °C in Paris", '{"city": "Paris"}', '{"city": "Paris", "celsius": 15}', "It is 59 °F."]


class Report(BaseModel):
    city: str
    celsius: int


class Weather(Agent):
    @tool(scopes=["think"])
    def measure(self, city: str) -> int:
        """Measures a temperature."""
        return {"Paris": 15}[city]

    @think
    def look(self, question: str) -> str:
        return f"Look: {question}"

    @observe(json_output=True, return_type=Report, step_config=StepConfig(retry_count=1))
    def read(self, seen: str) -> str:
        return f"Read: {seen}"

    @act(send_to_llm=False)
    def convert(self, report: Report) -> float:
        return report.celsius * 1.8 + 32

    @synthesize
    def tell(self, fahrenheit: float) -> str:
        return f"Tell {fahrenheit:g}"


@pytest.fixture
def run(store, served):
    """What the Observatory has of one run, through the real client."""
    tcc.configure(url=served.url)
    with FakeLLM(*[Answer(text, usage=Usage(uncached=10, cached=4, output=5)) for text in SCRIPT]) as llm:
        client = openai.OpenAI(base_url=llm.openai_url, api_key="k", max_retries=0)
        assert Weather(client, "gpt-4o").run("How warm is it?") == "It is 59 °F."
        client.close()
    assert tcc.flush(10)[1:] == (0, 0, {})
    (listed,) = queries.runs(store).runs
    return queries.run(store, listed.trace_id)


def test_the_tree_says_which_steps_were_declared(run):
    """With the model, the status and the tokens of each; what is not valid is an error that was mended."""
    assert [
        (line.depth, line.kind, line.name, line.model, line.status, line.input_tokens, line.output_tokens)
        for line in run.spans
    ] == [
        (0, "run", "Weather", None, "ok", None, None),
        (1, "step", "look_tools", "gpt-4o", "ok", 14, 5),
        (2, "tool_call", "measure", None, "ok", None, None),
        (1, "step", "look", "gpt-4o", "ok", 14, 5),
        (1, "step", "read", "gpt-4o", "error", 14, 5),
        (1, "step", "read", "gpt-4o", "ok", 14, 5),
        (1, "tool_call", "convert", None, "ok", None, None),
        (1, "step", "tell", "gpt-4o", "ok", 14, 5),
    ]
    assert (run.run.steps, run.run.tool_calls, run.run.errors, run.run.input_tokens) == (5, 2, 1, 70)
    assert (run.run.prompt, run.run.response) == ("How warm is it?", "It is 59 °F.")


def test_each_span_says_what_it_executed(store, run):
    """Name and type are understood, like all that the SDK writes."""
    facts = [queries.span(store, run.run.trace_id, line.span_id).fact for line in run.spans]

    assert [(fact.step_name, fact.step_type, fact.unknown) for fact in facts] == [
        (None, None, []),
        ("look_tools", "think", []),
        (None, None, []),
        ("look", "think", []),
        ("read", "observe", []),
        ("read", "observe", []),
        ("convert", "act", []),
        ("tell", "synthesize", []),
    ]
    assert facts[4].status_message == "Step 'read' got no valid Report: celsius: field required."
    assert (facts[6].args, facts[6].result) == ({"city": "Paris", "celsius": 15}, 59.0)


def test_the_page_of_a_step_says_its_type(served, run):
    """As far as one is declared."""

    def page(span_id):
        url = f"{served.url}/runs/{run.run.run_id}/spans/{span_id}/part"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read()

    assert [re.findall(rb'declared"><[^>]+>(\w+)<', page(line.span_id)) for line in run.spans] == [
        [],
        [b"think"],
        [],
        [b"think"],
        [b"observe"],
        [b"observe"],
        [b"act"],
        [b"synthesize"],
    ]
