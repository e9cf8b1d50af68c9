"""`opentelemetry-util-genai`, the official helper of instrumentations, with content on spans and the stock pipeline.

It has no cost and no metadata of a run: these are attributes of its user's. Without a meter provider its metrics go
nowhere.
"""

from typing import Any

import workload as w
from opentelemetry.util.genai.handler import TelemetryHandler
from opentelemetry.util.genai.types import FunctionToolDefinition, InputMessage, OutputMessage, TextPart

from contenders import Prepared, stock


def util_genai(url: str) -> Prepared:
    provider = stock.provider(url)
    handler = TelemetryHandler(tracer_provider=provider, instrumentation_scope_name="buyer")

    def record(messages: list[dict[str, Any]]) -> None:
        with handler.invoke_local_agent(agent_name="buyer", conversation_id="s-1") as run:
            run.input_messages = [InputMessage("user", [TextPart(w.USER_PROMPT)])]
            run.system_instruction = [TextPart(w.SYSTEM_PROMPT)]
            for _ in range(2):
                ask(messages)
            with handler.tool("search_offers", tool_type="function") as tool:
                tool.arguments = w.TOOL_ARGS
                tool.tool_result = w.TOOL_RESULT
            run.output_messages = [OutputMessage("assistant", [TextPart(w.RESPONSE)], "stop")]
            run.attributes.update({f"metadata.{key}": value for key, value in w.RUN_ATTRIBUTES.items()})

    def ask(messages: list[dict[str, Any]]) -> None:
        with handler.inference(w.PROVIDER, request_model=w.MODEL) as step:
            step.input_messages = [InputMessage(each["role"], [TextPart(each["content"])]) for each in messages]
            step.tool_definitions = [FunctionToolDefinition(**tool["function"]) for tool in w.TOOLS]
            step.output_messages = [OutputMessage("assistant", [TextPart(w.RESPONSE)], "stop")]
            step.finish_reasons = ["stop"]
            step.response_model_name = w.MODEL_USED
            step.input_tokens, step.output_tokens = w.UNCACHED + w.CACHED, w.COMPLETION
            step.cache_read_input_tokens = w.CACHED
            step.attributes["gen_ai.usage.cost"] = w.COST

    return Prepared(record, lambda: provider.force_flush() and None)
