"""Logfire, by spans with the attributes of GenAI, to another back end than its own, as its documentation says.

To its own it compresses with gzip and sends each span twice, when it starts and when it ends: that would cost more. Its
console is off; its scrubbing of what looks like secrets is on, as it comes.
"""

import os
from typing import Any

import logfire as lf
import workload as w

from contenders import Prepared


def logfire(url: str) -> Prepared:
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{url}/v1/traces"
    lf.configure(service_name="buyer", send_to_logfire=False, console=False, metrics=False)

    def record(messages: list[dict[str, Any]]) -> None:
        with lf.span(
            "invoke_agent buyer", **{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "buyer"}
        ) as run:
            for _ in range(2):
                ask(messages)
            with lf.span("execute_tool search_offers", **{"gen_ai.tool.name": "search_offers"}) as tool:
                tool.set_attribute("gen_ai.tool.call.arguments", w.TOOL_ARGS)
                tool.set_attribute("gen_ai.tool.call.result", w.TOOL_RESULT)
            run.set_attributes(
                {
                    "gen_ai.conversation.id": "s-1",
                    "gen_ai.input.messages": [said("user", w.USER_PROMPT)],
                    "gen_ai.system_instructions": [{"type": "text", "content": w.SYSTEM_PROMPT}],
                    "gen_ai.output.messages": [said("assistant", w.RESPONSE)],
                    "metadata": w.RUN_ATTRIBUTES,
                }
            )

    def ask(messages: list[dict[str, Any]]) -> None:
        with lf.span("chat gpt-4o", **{"gen_ai.operation.name": "chat", "gen_ai.request.model": w.MODEL}) as step:
            step.set_attributes(
                {
                    "gen_ai.provider.name": w.PROVIDER,
                    "gen_ai.input.messages": [said(each["role"], each["content"]) for each in messages],
                    "gen_ai.output.messages": [said("assistant", w.RESPONSE)],
                    "gen_ai.tool.definitions": w.TOOLS,
                    "gen_ai.response.model": w.MODEL_USED,
                    "gen_ai.response.finish_reasons": ["stop"],
                    "gen_ai.usage.input_tokens": w.UNCACHED + w.CACHED,
                    "gen_ai.usage.cache_read.input_tokens": w.CACHED,
                    "gen_ai.usage.output_tokens": w.COMPLETION,
                    "operation.cost": w.COST,
                }
            )

    return Prepared(record, lambda: lf.force_flush() and None)


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
