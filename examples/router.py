"""A router agent that hands a question to specialists, with LiteLLM: runs inside a run.

    pip install 'litellm[mcp]'
    python router.py

Runs as it is, with a small deterministic model of its own. With OPENAI_API_KEY (and maybe OPENAI_BASE_URL and
OPENAI_MODEL) set, it asks that OpenAI-compatible endpoint instead.
"""

import json
import os
import sys
from dataclasses import dataclass

import small_model

import contextcompany as tcc

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else importing LiteLLM downloads a price list
import litellm

QUESTION = "Where is order 1042, and was I charged twice for it?"
SESSION = "router-example"


# --- the tools -------------------------------------------------------------------------------------------------------


def track_order(order: str) -> dict:
    """Where an order is."""
    return {"order": order, "state": "in transit", "due": "Thursday"}


def list_charges(order: str) -> list:
    """What was charged for an order."""
    return [{"order": order, "eur": 24.0, "state": state} for state in ("paid", "released")]


def hand_off(to: str, question: str) -> str:
    """Has a specialist answer a question: orders (parcels) or billing (charges)."""
    return run_agent(SPECIALISTS[to], question)


# --- the agents ------------------------------------------------------------------------------------------------------


@dataclass
class Agent:
    name: str
    instructions: str
    tools: list


ROUTER = Agent(
    "router", "Hand each part of a question to the specialist for it, then answer in one sentence.", [hand_off]
)
SPECIALISTS = {
    "orders": Agent("orders", "You know where parcels are.", [track_order]),
    "billing": Agent("billing", "You know what was charged. Money that was released was never taken.", [list_charges]),
}


def run_agent(agent: Agent, question: str) -> str:
    """Asks the model, uses the tools it asks for, and so on until it answers. Any agent is one run."""
    with tcc.run(agent=agent.name, session_id=SESSION) as run:
        run.prompt(question, agent.instructions)
        messages = [{"role": "system", "content": agent.instructions}, {"role": "user", "content": question}]
        while True:
            message = ask_model(run, messages, [definition(tool) for tool in agent.tools])
            messages.append(message)
            if not message.tool_calls:
                run.response(message.content)
                return message.content
            messages += [use_tool(run, agent, call) for call in message.tool_calls]


def ask_model(run: tcc.Run, messages: list, tools: list) -> litellm.Message:
    """One LLM call is one step. Model, tokens and all the rest are in the request and the response."""
    request = {"model": MODEL, "messages": messages, "tools": tools}
    with run.step(model=MODEL) as step:
        step.prompt(request)
        answer = litellm.completion(**request, **ENDPOINT)
        step.response(answer)
    return answer.choices[0].message


def use_tool(run: tcc.Run, agent: Agent, call: litellm.ChatCompletionMessageToolCall) -> dict:
    """What a tool does belongs to its tool call: a specialist that is handed a question becomes a run in there."""
    arguments = json.loads(call.function.arguments)
    with run.tool_call(call.function.name, call.id) as tool_call:
        tool_call.args(arguments)
        (tool,) = (tool for tool in agent.tools if tool.__name__ == call.function.name)
        result = tool(**arguments)
        tool_call.result(result)
    return {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)}


def definition(tool) -> dict:
    """A function as the model sees it; all arguments here are text."""
    names = [name for name in tool.__annotations__ if name != "return"]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}
    return {
        "type": "function",
        "function": {"name": tool.__name__, "description": tool.__doc__, "parameters": schema},
    }


# --- the model -------------------------------------------------------------------------------------------------------


def decide(request: dict) -> str | list:
    """What the small model answers: each agent uses its tools once, then says what they said."""
    results = [json.loads(result) for result in small_model.tool_results(request)]
    tool = request["tools"][0]["function"]["name"]
    if tool == "hand_off":
        parts = [("orders", "Where is order 1042?"), ("billing", "Was order 1042 charged twice?")]
        return " ".join(results) or [(tool, {"to": to, "question": question}) for to, question in parts]
    if not results:
        return [(tool, {"order": "1042"})]
    if tool == "track_order":
        return f"Order 1042 is {results[0]['state']} and due on {results[0]['due']}."
    return f"You paid {results[0][0]['eur']:.2f} € once; the second charge was released."


MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
ENDPOINT = (
    {"api_base": os.environ.get("OPENAI_BASE_URL")}
    if "OPENAI_API_KEY" in os.environ
    else {"api_base": small_model.serve(decide), "api_key": "none"}
)

if __name__ == "__main__":
    tcc.configure(console=True)
    print(run_agent(ROUTER, QUESTION))
    sys.stdout.flush()
