"""OpenLLMetry, by the decorators and the manual LLM span of `traceloop-sdk`, without metrics and its own telemetry.

Cost, finish reason and tool definitions have no place in its manual API: they are attributes of the current span.
It imports `httpx` without requiring it.
"""

import json
import os
from typing import Any

import workload as w
from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, tool
from traceloop.sdk.tracing.manual import LLMMessage, LLMUsage, track_llm_call

from contenders import Prepared


def traceloop(url: str) -> Prepared:
    os.environ["TRACELOOP_METRICS_ENABLED"] = "false"
    Traceloop.init(app_name="buyer", api_endpoint=url, api_key="key", telemetry_enabled=False)
    said: list[dict[str, Any]] = []  # not an argument of the agent, as those are recorded

    @tool(name="search_offers")
    def search_offers(query: str, litres: int, before: str) -> dict[str, Any]:
        return w.TOOL_RESULT

    @agent(name="buyer")
    def buyer(user: str, system: str) -> str:
        for _ in range(2):
            answer = ask(said)
        search_offers(**w.TOOL_ARGS)
        return answer

    def record(messages: list[dict[str, Any]]) -> None:
        said[:] = messages
        Traceloop.set_association_properties({"session_id": "s-1", **w.RUN_ATTRIBUTES})
        buyer(user=w.USER_PROMPT, system=w.SYSTEM_PROMPT)

    return Prepared(record, trace.get_tracer_provider().force_flush)


def ask(messages: list[dict[str, Any]]) -> str:
    with track_llm_call(vendor=w.PROVIDER, type="chat") as step:
        step.report_request(model=w.MODEL, messages=[LLMMessage(**each) for each in messages])
        step.report_response(model=w.MODEL_USED, completions=[w.RESPONSE])
        step.report_usage(
            LLMUsage(
                prompt_tokens=w.UNCACHED + w.CACHED,
                completion_tokens=w.COMPLETION,
                total_tokens=w.UNCACHED + w.CACHED + w.COMPLETION,
                cache_read_input_tokens=w.CACHED,
            )
        )
        trace.get_current_span().set_attributes(
            {
                "gen_ai.usage.cost": w.COST,
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.tool.definitions": json.dumps(w.TOOLS),
            }
        )
        return w.RESPONSE
