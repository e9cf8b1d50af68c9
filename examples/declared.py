"""An agent of declared steps: what its methods return is asked, what they declare is recorded. No instrumentation.

Runs as it is, with a small deterministic model of its own. With OPENAI_API_KEY (and maybe OPENAI_BASE_URL and
OPENAI_MODEL) set, it asks that OpenAI-compatible endpoint instead.
"""

import json
import os
import urllib.request

import small_model
from pydantic import BaseModel

import contextcompany as tcc
from contextcompany.workflow import Agent, StepConfig, act, observe, synthesize, think, tool


class Report(BaseModel):
    city: str
    celsius: int


class Weather(Agent):
    @tool(scopes=["think"])
    def thermometer(self, city: str) -> int:
        """Measures the temperature in a city, in °C."""
        return {"Paris": 15, "Oslo": 4}[city]

    @think
    def look(self, question: str) -> str:
        """Finds out what can be measured."""
        return f"Say what was measured for: {question}"

    @observe(json_output=True, return_type=Report, use_tools=False, step_config=StepConfig(retry_count=1))
    def read(self, seen: str) -> str:
        """Reads the city and the temperature off a text."""
        return f"Which city is it, and how warm? {seen}"

    @act(send_to_llm=False)
    def convert(self, report: Report) -> float:
        """Converts to Fahrenheit, without a model."""
        return report.celsius * 1.8 + 32

    @synthesize(use_tools=False)
    def tell(self, fahrenheit: float, report: Report) -> str:
        """Answers the question."""
        return f"Tell an American in one sentence: {report.city} has {fahrenheit:g} °F."


# --- the model -------------------------------------------------------------------------------------------------------


def complete(**request) -> dict:
    """What the agent asks: anything that is called as OpenAI's `chat.completions.create` is."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    post = urllib.request.Request(f"{BASE_URL}/chat/completions", json.dumps(request).encode(), headers)
    with urllib.request.urlopen(post, timeout=60) as response:
        return json.load(response)


def decide(request: dict) -> str:
    """What the small model answers; it forgets the temperature once, and is told."""
    asked = request["messages"][-1]["content"]
    if "tool_calls" in asked:
        call = {"tool_name": "thermometer", "arguments": {"city": "Paris"}, "confidence": 0.9, "reasoning": "Asked."}
        return json.dumps({"tool_calls": [call]})
    if asked.startswith("Say"):
        return "It is 15 °C in Paris."
    if asked.startswith("Which"):
        return '{"city": "Paris"}'
    if asked.startswith("That was not valid"):
        return '{"city": "Paris", "celsius": 15}'
    return "It is a mild 59 °F in Paris."


API_KEY = os.environ.get("OPENAI_API_KEY")
BASE_URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") if API_KEY else small_model.serve(decide)
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")


if __name__ == "__main__":
    tcc.configure(console=True)
    print(Weather(complete, MODEL).run("How warm is it in Paris?"))
