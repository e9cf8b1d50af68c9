"""What demo runs are made with: a clock, a small scripted model, and the tools of a bicycle shop.

Written as anybody would write it, with the public API alone.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID, uuid5

import contextcompany as tcc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SYSTEM", "Call", "Clock", "Now", "Then", "ask", "asked", "run", "size", "think", "use"]


class Clock(Protocol):
    """When it is."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


class Now:
    """The time as it is."""

    now = staticmethod(time.time)
    wait = staticmethod(time.sleep)


class Then:
    """An earlier time, which passes at once; things took `pace` times as long as they take now."""

    def __init__(self, at: float, pace: float = 1.0) -> None:
        self._at = at
        self._pace = pace

    def now(self) -> float:
        """See `Clock.now`."""
        return self._at

    def wait(self, seconds: float) -> None:
        """See `Clock.wait`."""
        self._at += seconds * self._pace


def run(clock: Clock, name: str, agent: str, *tags: str, **told: Any) -> tcc.Run:
    """A demo run, with an id that is made of its name."""
    run_id = str(uuid5(_NAMESPACE, name))
    return tcc.run(run_id, agent=agent, tags=["demo", *tags], start_time=clock.now(), **told)


_NAMESPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


# --- the model and the tools -----------------------------------------------------------------------------------------


class Call(NamedTuple):
    """A tool call that a model asks for."""

    name: str
    args: dict[str, Any]
    result: Any
    seconds: float


def ask(
    where: tcc.Run, clock: Clock, model: str, messages: list[Any], answer: str | Sequence[Call], seconds: float = 0.8
) -> None:
    """Send a conversation to the model, in the manner of OpenAI, and add its answer to it."""
    request = {"model": model, "messages": messages, "tools": _TOOLS, "temperature": 0.2}
    step = where.step(model=model, start_time=clock.now()).prompt(request)
    clock.wait(seconds)
    response = {"id": f"chatcmpl-{step.step_id}", **_completion(model, messages, answer)}
    step.response(response).end_time(clock.now()).end()
    messages.append(response["choices"][0]["message"])


def use(where: tcc.Run, clock: Clock, messages: list[Any], calls: Sequence[Call]) -> None:
    """Do what the model asked for, all at the same time, and add what came out."""
    opened = [
        (call, where.tool_call(call.name, f"call_{number}", start_time=clock.now()).args(call.args))
        for number, call in enumerate(calls)
    ]
    passed = 0.0
    for call, recorded in sorted(opened, key=lambda each: each[0].seconds):
        clock.wait(call.seconds - passed)
        passed = call.seconds
        recorded.result(call.result).end_time(clock.now()).end()
    for number, call in enumerate(calls):
        content = call.result if isinstance(call.result, str) else json.dumps(call.result)
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": content})


def _completion(model: str, messages: list[Any], answer: str | Sequence[Call]) -> dict[str, Any]:
    """The body of a chat completion. A token is four characters; what is repeated was read from a cache."""
    message: dict[str, Any] = {"role": "assistant", "content": answer}
    if not isinstance(answer, str):
        functions = [{"name": call.name, "arguments": json.dumps(call.args)} for call in answer]
        calls = [{"id": f"call_{n}", "type": "function", "function": each} for n, each in enumerate(functions)]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
    known = max((at for at, each in enumerate(messages) if each["role"] == "assistant"), default=0)
    thought = 64 if model.startswith("gpt-5") else 0
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if message["content"] else "tool_calls"}],
        "usage": {
            "prompt_tokens": size([_TOOLS, messages]),
            "completion_tokens": size(message) + thought,
            "prompt_tokens_details": {"cached_tokens": size([_TOOLS, messages[:known]]) // 64 * 64 if known else 0},
            "completion_tokens_details": {"reasoning_tokens": thought},
        },
    }


def size(value: object) -> int:
    """About how many tokens it is."""
    return len(json.dumps(value)) // 4


def _tool(name: str, about: str, *parameters: str) -> dict[str, Any]:
    properties = {each: {"type": "string"} for each in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


_TOOLS = [
    _tool("find_order", "An order with its state and delivery.", "order"),
    _tool("search_handbook", "What the shop's handbook says about something.", "query"),
    _tool("check_stock", "How many of a part are there, by shop.", "part"),
    _tool("track_parcel", "Where a parcel is.", "parcel"),
    _tool("issue_refund", "Pays money back. A person has to agree first.", "order", "euros"),
]

SYSTEM = (
    "You answer for a bicycle shop. Look orders, parcels, stock and the handbook up before you answer; never guess. "
    "Be brief and friendly, and say what happens next. Do not promise dates that no tool has told. Returns are free "
    "within 30 days when the part was not mounted. Refunds need the consent of a person."
)


def asked(question: str) -> list[Any]:
    """A conversation that begins with a question."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]


def think(
    where: tcc.Run,
    clock: Clock,
    model: str,
    question: str,
    answer: str,
    seconds: float,
    read: int = 0,
    written: int = 0,
) -> None:
    """Send one message to the model, in the manner of Anthropic."""
    messages = [{"role": "user", "content": question}]
    step = where.step(model=model, start_time=clock.now())
    step.prompt({"model": model, "system": "You know bicycles.", "messages": messages, "max_tokens": 1_000})
    clock.wait(seconds)
    usage = {"input_tokens": size(messages), "output_tokens": size(answer)}
    usage |= {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    content = [{"type": "text", "text": answer}]
    message = {"id": f"msg_{step.step_id}", "type": "message", "role": "assistant", "model": model, "content": content}
    step.response(message | {"stop_reason": "end_turn", "usage": usage}).end_time(clock.now()).end()
