"""OpenLIT, by its manual spans without metrics and events: its user names the attributes and makes JSON of messages.

Its table of prices is an empty file, as it would fetch one.
"""

import json
from pathlib import Path
from typing import Any

import openlit as lit
import workload as w
from opentelemetry import trace

from contenders import Prepared


def openlit(url: str) -> Prepared:
    prices = Path("prices.json")  # in the directory that is removed afterwards
    prices.write_text("{}")
    lit.init(
        application_name="buyer",
        otlp_endpoint=url,
        disable_metrics=True,
        disable_events=True,
        pricing_json=str(prices),
    )

    def record(messages: list[dict[str, Any]]) -> None:
        with lit.start_trace("invoke_agent buyer") as run:
            for _ in range(2):
                ask(messages)
            with lit.start_trace("execute_tool search_offers") as tool:
                tool.set_metadata(
                    {
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "search_offers",
                        "gen_ai.tool.call.arguments": json.dumps(w.TOOL_ARGS),
                        "gen_ai.tool.call.result": json.dumps(w.TOOL_RESULT),
                    }
                )
            run.set_result(json.dumps([said("assistant", w.RESPONSE)]))
            run.set_metadata(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.agent.name": "buyer",
                    "gen_ai.conversation.id": "s-1",
                    "gen_ai.input.messages": json.dumps([said("user", w.USER_PROMPT)]),
                    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": w.SYSTEM_PROMPT}]),
                    **{f"metadata.{key}": value for key, value in w.RUN_ATTRIBUTES.items()},
                }
            )

    return Prepared(record, trace.get_tracer_provider().force_flush)


def ask(messages: list[dict[str, Any]]) -> None:
    with lit.start_trace("chat gpt-4o") as step:
        step.set_result(json.dumps([said("assistant", w.RESPONSE)]))
        step.set_metadata(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": w.PROVIDER,
                "gen_ai.request.model": w.MODEL,
                "gen_ai.response.model": w.MODEL_USED,
                "gen_ai.input.messages": json.dumps([said(each["role"], each["content"]) for each in messages]),
                "gen_ai.tool.definitions": json.dumps(w.TOOLS),
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.usage.input_tokens": w.UNCACHED + w.CACHED,
                "gen_ai.usage.cache_read.input_tokens": w.CACHED,
                "gen_ai.usage.output_tokens": w.COMPLETION,
                "gen_ai.usage.cost": w.COST,
            }
        )


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
