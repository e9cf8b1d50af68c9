"""OpenInference, by its own tracer and the attributes that its helpers make, with the stock processor and exporter."""

from typing import Any

import workload as w
from openinference.instrumentation import (
    OITracer,
    TraceConfig,
    get_llm_attributes,
    using_attributes,
)
from openinference.semconv.trace import SpanAttributes

from contenders import Prepared, stock


def openinference(url: str) -> Prepared:
    provider = stock.provider(url)
    tracer = OITracer(provider.get_tracer("buyer"), TraceConfig())

    def record(messages: list[dict[str, Any]]) -> None:
        with (
            using_attributes(session_id="s-1", metadata=w.RUN_ATTRIBUTES),
            tracer.start_as_current_span("buyer", openinference_span_kind="agent") as run,
        ):
            run.set_input({"user": w.USER_PROMPT, "system": w.SYSTEM_PROMPT})
            for _ in range(2):
                ask(messages)
            with tracer.start_as_current_span("search_offers", openinference_span_kind="tool") as tool:
                tool.set_tool(name="search_offers", parameters=w.TOOL_ARGS)
                tool.set_output(w.TOOL_RESULT)
            run.set_output(w.RESPONSE)

    def ask(messages: list[dict[str, Any]]) -> None:
        with tracer.start_as_current_span("chat", openinference_span_kind="llm") as step:
            step.set_attributes(
                get_llm_attributes(
                    provider=w.PROVIDER,
                    request_model_name=w.MODEL,
                    response_model_name=w.MODEL_USED,
                    input_messages=messages,
                    output_messages=[{"role": "assistant", "content": w.RESPONSE}],
                    tools=[{"json_schema": tool} for tool in w.TOOLS],
                    token_count={
                        "prompt": w.UNCACHED + w.CACHED,
                        "completion": w.COMPLETION,
                        "prompt_details": {"cache_read": w.CACHED},
                    },
                )
            )
            step.set_attributes({SpanAttributes.LLM_COST_TOTAL: w.COST, SpanAttributes.LLM_FINISH_REASON: "stop"})

    return Prepared(record, lambda: provider.force_flush() and None)
