"""An agent with a tool loop, recorded: one run, its LLM calls as steps, its tool calls.

Runs as it is, with a small deterministic model of its own. With OPENAI_API_KEY (and maybe OPENAI_BASE_URL and
OPENAI_MODEL) set, it asks that OpenAI-compatible endpoint instead.
"""

import json
import os
import sys
import urllib.request

import small_model

import contextcompany as tcc

QUESTION = "How warm is it in Paris and in Oslo, and which of the two is warmer?"
SYSTEM = "You are a weather assistant. Look temperatures up; never guess."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_temperature",
            "description": "The current temperature in a city, in °C.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def get_temperature(city: str) -> dict:
    return {"city": city, "celsius": {"Paris": 15, "Oslo": 4}.get(city, 20)}


def agent(question: str) -> str:
    run = tcc.run(agent="weather", session_id="quickstart").prompt(question, SYSTEM)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    try:
        while True:
            message = ask_model(run, messages)
            messages.append(message)
            if not message.get("tool_calls"):
                break
            messages += [use_tool(run, call) for call in message["tool_calls"]]
    except Exception as error:
        run.error(str(error))
        raise
    run.response(message["content"]).end()
    run.feedback("thumbs_up", "Right about Oslo.")
    return message["content"]


def ask_model(run: tcc.Run, messages: list) -> dict:
    request = {"model": MODEL, "messages": messages, "tools": TOOLS}
    step = run.step(model=MODEL).prompt(request)
    try:
        answer = complete(request)
    except Exception as error:
        step.error(str(error))
        raise
    step.response(answer).end()
    return answer["choices"][0]["message"]


def use_tool(run: tcc.Run, call: dict) -> dict:
    arguments = json.loads(call["function"]["arguments"])
    tool_call = run.tool_call(call["function"]["name"], call["id"]).args(arguments)
    result = get_temperature(**arguments)
    tool_call.result(result).end()
    return {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)}


# --- the model -------------------------------------------------------------------------------------------------------


def complete(request: dict) -> dict:
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    post = urllib.request.Request(f"{BASE_URL}/chat/completions", json.dumps(request).encode(), headers)
    with urllib.request.urlopen(post, timeout=60) as response:
        return json.load(response)


def decide(request: dict) -> str | list:
    """What the small model answers: looks Paris and Oslo up in one go, then compares."""
    results = [json.loads(result) for result in small_model.tool_results(request)]
    if not results:
        return [("get_temperature", {"city": "Paris"}), ("get_temperature", {"city": "Oslo"})]
    told = " and ".join(f"{r['celsius']} °C in {r['city']}" for r in results)
    return f"It is {told}; {max(results, key=lambda r: r['celsius'])['city']} is warmer."


API_KEY = os.environ.get("OPENAI_API_KEY")
BASE_URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") if API_KEY else small_model.serve(decide)
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")


if __name__ == "__main__":
    tcc.configure(console=True)
    print(agent(QUESTION))
    sys.stdout.flush()
