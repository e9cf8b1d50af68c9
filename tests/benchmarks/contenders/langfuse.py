"""Langfuse, by its client, to its own OTLP endpoint. It compresses with gzip unless told not to.

It has one model of a generation: the one asked for is replaced by the one used when that is known.
"""

from typing import Any

import workload as w
from langfuse import Langfuse, propagate_attributes

from contenders import Prepared


def langfuse(url: str) -> Prepared:
    client = Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", base_url=url)

    def record(messages: list[dict[str, Any]]) -> None:
        question = {"user": w.USER_PROMPT, "system": w.SYSTEM_PROMPT}
        with (
            client.start_as_current_observation(name="buyer", as_type="agent", input=question) as run,
            propagate_attributes(session_id="s-1", metadata=w.RUN_ATTRIBUTES),
        ):
            for _ in range(2):
                ask(messages)
            with client.start_as_current_observation(name="search_offers", as_type="tool", input=w.TOOL_ARGS) as tool:
                tool.update(output=w.TOOL_RESULT)
            run.update(output=w.RESPONSE)

    def ask(messages: list[dict[str, Any]]) -> None:
        asked = {"messages": messages, "tools": w.TOOLS}
        with client.start_as_current_observation(name="chat", as_type="generation", model=w.MODEL, input=asked) as step:
            step.update(
                model=w.MODEL_USED,
                output={"role": "assistant", "content": w.RESPONSE},
                usage_details={"input": w.UNCACHED, "input_cached_tokens": w.CACHED, "output": w.COMPLETION},
                cost_details={"total": w.COST},
                metadata={"model_requested": w.MODEL, "finish_reason": "stop"},
            )

    return Prepared(record, client.flush)
