"""The contenders: this SDK, and the same spans written by hand with the OpenTelemetry API."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import workload as w
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

import contextcompany as tcc

Record = Callable[[list[dict[str, Any]]], None]
Contender = tuple[Record, Callable[[], None]]
"""Records one run; sends what waits."""


def ours(url: str) -> Contender:
    """The builder API, with a given cost."""

    def record(messages: list[dict[str, Any]]) -> None:
        r = tcc.run(session_id="s-1", agent="buyer", metadata=w.RUN_ATTRIBUTES)
        for _ in range(2):
            s = r.step(model=w.MODEL)
            s.prompt(messages).response(w.RESPONSE)
            tell(s).end()
        r.tool_call("search_offers").args(w.TOOL_ARGS).result(w.TOOL_RESULT).end()
        r.prompt(w.USER_PROMPT, w.SYSTEM_PROMPT).response(w.RESPONSE).end()

    return prepared(url, record)


def blocks(url: str) -> Contender:
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


def decorators(url: str) -> Contender:
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


def inside(url: str) -> Contender:
    """The builder API, with session and metadata from `attributes()`."""

    def record(messages: list[dict[str, Any]]) -> None:
        with tcc.attributes(session_id="s-1", metadata=w.RUN_ATTRIBUTES):
            r = tcc.run(agent="buyer")
            for _ in range(2):
                s = r.step(model=w.MODEL)
                s.prompt(messages).response(w.RESPONSE)
                tell(s).end()
            r.tool_call("search_offers").args(w.TOOL_ARGS).result(w.TOOL_RESULT).end()
            r.prompt(w.USER_PROMPT, w.SYSTEM_PROMPT).response(w.RESPONSE).end()

    return prepared(url, record)


def tell(s: tcc.Step) -> tcc.Step:
    """What is told of a step beside prompt and response."""
    s.model(used=w.MODEL_USED)
    s.tokens(prompt_uncached=w.UNCACHED, prompt_cached=w.CACHED, completion=w.COMPLETION)
    return s.cost(w.COST).finish_reason("stop").tool_definitions(w.TOOLS)


def prepared(url: str, record: Callable[[list[dict[str, Any]]], None]) -> Contender:
    """This SDK, once its price table is loaded.

    That happens once per process, in the background; it is in no run's figure.
    """
    tcc.configure(url=url)
    tcc.step("warm-up").model("gpt-4o").tokens(1, 0, 1).prompt("").response("").end()
    return record, lambda: tcc.flush(60) and None


def idle(url: str) -> Contender:
    """Nothing at all."""
    return lambda messages: None, lambda: None


def by_hand_orjson(url: str) -> Contender:
    """By hand, with orjson."""
    return by_hand(url, lambda value: orjson.dumps(value).decode())


def by_hand(url: str, dumps: Callable[[Any], str] = json.dumps) -> Contender:
    """OpenTelemetry spans that carry the same attributes, with stock batch processor and exporter."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    return record_by_hand(provider, dumps), lambda: provider.force_flush() and None


def record_by_hand(provider: TracerProvider, dumps: Callable[[Any], str] = json.dumps) -> Record:
    tracer = provider.get_tracer("by-hand", "1.0")

    def text(value: str) -> dict[str, Any]:
        return {"type": "text", "content": value}

    def said(role: str, value: str, **more: str) -> dict[str, Any]:
        return {"role": role, "parts": [text(value)], **more}

    def record(messages: list[dict[str, Any]]) -> None:
        shared = {
            "tcc.runId": "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f6",
            "gen_ai.conversation.id": "s-1",
            "tcc.sessionId": "s-1",
        }
        with tracer.start_as_current_span(
            "invoke_agent buyer",
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "buyer",
                "tcc.agent": "buyer",
                **shared,
            },
        ) as run:
            for _ in range(2):
                with tracer.start_as_current_span(
                    "chat gpt-4o",
                    kind=SpanKind.CLIENT,
                    attributes={
                        "gen_ai.operation.name": "chat",
                        "gen_ai.request.model": w.MODEL,
                        "gen_ai.provider.name": w.PROVIDER,
                        "tcc.step.id": "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f7",
                        **shared,
                    },
                ) as step:
                    step.set_attributes(
                        {
                            "gen_ai.input.messages": dumps([said(m["role"], m["content"]) for m in messages]),
                            "gen_ai.output.messages": dumps([said("assistant", w.RESPONSE, finish_reason="stop")]),
                            "gen_ai.response.model": w.MODEL_USED,
                            "gen_ai.response.finish_reasons": ["stop"],
                            "gen_ai.usage.input_tokens": w.UNCACHED + w.CACHED,
                            "gen_ai.usage.cache_read.input_tokens": w.CACHED,
                            "gen_ai.usage.output_tokens": w.COMPLETION,
                            "gen_ai.usage.cost": w.COST,
                            "tcc.cost.total": w.COST,
                            "tcc.cost.source": "provided",
                            "tcc.status.code": 0,
                            "gen_ai.tool.definitions": dumps(
                                [{"type": "function", **tool["function"]} for tool in w.TOOLS]
                            ),
                        }
                    )
                    step.set_status(Status(StatusCode.OK))
            with tracer.start_as_current_span(
                "execute_tool search_offers",
                attributes={
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "search_offers",
                    "gen_ai.tool.type": "function",
                    "gen_ai.tool.call.id": "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f8",
                    **shared,
                },
            ) as tool_call:
                tool_call.set_attributes(
                    {
                        "gen_ai.tool.call.arguments": dumps(w.TOOL_ARGS),
                        "gen_ai.tool.call.result": dumps(w.TOOL_RESULT),
                        "tcc.status.code": 0,
                    }
                )
                tool_call.set_status(Status(StatusCode.OK))
            run.set_attributes(
                {
                    "gen_ai.input.messages": dumps([said("user", w.USER_PROMPT)]),
                    "gen_ai.system_instructions": dumps([text(w.SYSTEM_PROMPT)]),
                    "gen_ai.output.messages": dumps([said("assistant", w.RESPONSE, finish_reason="stop")]),
                    "tcc.status.code": 0,
                    **{f"tcc.metadata.{key}": value for key, value in w.RUN_ATTRIBUTES.items()},
                }
            )
            run.set_status(Status(StatusCode.OK))

    return record
