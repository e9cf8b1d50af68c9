"""The same spans written by hand with OpenTelemetry and its stock batch processor and exporter."""

import json
from collections.abc import Callable
from typing import Any

import workload as w
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from contenders import Prepared, Record, stock


def by_hand(url: str, dumps: Callable[[Any], str] = json.dumps) -> Prepared:
    provider = stock.provider(url)
    return Prepared(record_by_hand(provider, dumps), lambda: provider.force_flush() and None)


def with_orjson(url: str) -> Prepared:
    """By hand, with orjson."""
    import orjson  # which the others here do not require

    return by_hand(url, lambda value: orjson.dumps(value).decode())


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
