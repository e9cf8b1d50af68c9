"""This SDK, in each of the ways to record with it."""

from typing import Any

import workload as w

import contextcompany as tcc
from contenders import Prepared, Record


def builder(url: str) -> Prepared:
    """The builder API, with a given cost."""

    def record(messages: list[dict[str, Any]]) -> None:
        r = tcc.run(session_id="s-1", agent="buyer", metadata=w.RUN_ATTRIBUTES)
        fill(r, messages)

    return prepared(url, record)


def blocks(url: str) -> Prepared:
    """The same in `with` blocks."""

    def record(messages: list[dict[str, Any]]) -> None:
        with tcc.run(session_id="s-1", agent="buyer", metadata=w.RUN_ATTRIBUTES) as r:
            for _ in range(2):
                with r.step(model=w.MODEL) as s:
                    tell(s.prompt(messages).response(w.RESPONSE))
            with r.tool_call("search_offers") as t:
                t.args(w.TOOL_ARGS).result(w.TOOL_RESULT)
            r.prompt(w.USER_PROMPT, w.SYSTEM_PROMPT).response(w.RESPONSE)

    return prepared(url, record)


def decorators(url: str) -> Prepared:
    """The same by decorated functions, with the session from `attributes()`."""

    @tcc.llm(model=w.MODEL)
    def ask(messages: list[dict[str, Any]]) -> str:
        tell(tcc.current_step())
        return w.RESPONSE

    @tcc.tool
    def search_offers(query: str, litres: int, before: str) -> dict[str, Any]:
        return w.TOOL_RESULT

    @tcc.agent(name="buyer", metadata=w.RUN_ATTRIBUTES, ignore=["messages"])
    def buyer(question: dict[str, str], messages: list[dict[str, Any]]) -> str:
        for _ in range(2):
            answer = ask(messages)
        search_offers(**w.TOOL_ARGS)
        return answer

    session = tcc.attributes(session_id="s-1")

    def record(messages: list[dict[str, Any]]) -> None:
        with session:
            buyer({"user_prompt": w.USER_PROMPT, "system_prompt": w.SYSTEM_PROMPT}, messages)

    return prepared(url, record)


def inside(url: str) -> Prepared:
    """The builder API, with session and metadata from `attributes()`."""

    def record(messages: list[dict[str, Any]]) -> None:
        with tcc.attributes(session_id="s-1", metadata=w.RUN_ATTRIBUTES):
            r = tcc.run(agent="buyer")
            fill(r, messages)

    return prepared(url, record)


def fill(r: tcc.Run, messages: list[dict[str, Any]]) -> None:
    """All that is in a run, with builders, and its end."""
    for _ in range(2):
        s = r.step(model=w.MODEL)
        s.prompt(messages).response(w.RESPONSE)
        tell(s).end()
    r.tool_call("search_offers").args(w.TOOL_ARGS).result(w.TOOL_RESULT).end()
    r.prompt(w.USER_PROMPT, w.SYSTEM_PROMPT).response(w.RESPONSE).end()


def tell(s: tcc.Step) -> tcc.Step:
    """What is told of a step beside prompt and response."""
    s.model(used=w.MODEL_USED)
    s.tokens(prompt_uncached=w.UNCACHED, prompt_cached=w.CACHED, completion=w.COMPLETION)
    return s.cost(w.COST).finish_reason("stop").tool_definitions(w.TOOLS)


def prepared(url: str, record: Record) -> Prepared:
    tcc.configure(url=url)
    return Prepared(record, flush, settle)


def flush() -> None:
    tcc.flush(60)


def settle() -> None:
    """Until the price table is loaded, which a step that needs a price waits for."""
    tcc.step("warm-up").model("gpt-4o").tokens(1, 0, 1).prompt("").response("").end()
    flush()
