"""MLflow's tracing, to an OTLP endpoint as its documentation says, in place of a tracking server.

Its session and metadata of a trace do not go to such an endpoint, and a root span with tags does not end with
OpenTelemetry 1.45: all of these are attributes of the run's span. `mlflow.flush_trace_async_logging()` does not reach
what waits for such an endpoint.
"""

import os
from typing import Any

import mlflow as ml
import workload as w
from mlflow.entities import SpanType
from mlflow.tracing.provider import provider

from contenders import Prepared


def mlflow(url: str) -> Prepared:
    os.environ |= {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    ml.set_tracking_uri(url)  # which is not asked; without, it looks for files with a package that it does not require

    def record(messages: list[dict[str, Any]]) -> None:
        with ml.start_span("buyer", span_type=SpanType.AGENT) as run:
            run.set_inputs({"user": w.USER_PROMPT, "system": w.SYSTEM_PROMPT})
            run.set_attributes({"session.id": "s-1", **w.RUN_ATTRIBUTES})
            for _ in range(2):
                ask(messages)
            with ml.start_span("search_offers", span_type=SpanType.TOOL) as tool:
                tool.set_inputs(w.TOOL_ARGS)
                tool.set_outputs(w.TOOL_RESULT)
            run.set_outputs(w.RESPONSE)

    def ask(messages: list[dict[str, Any]]) -> None:
        with ml.start_span("chat", span_type=SpanType.CHAT_MODEL) as step:
            step.set_inputs({"model": w.MODEL, "messages": messages, "tools": w.TOOLS})
            step.set_outputs({"choices": [{"message": {"content": w.RESPONSE}, "finish_reason": "stop"}]})
            used = {
                "input_tokens": w.UNCACHED + w.CACHED,
                "cache_read_input_tokens": w.CACHED,
                "output_tokens": w.COMPLETION,
                "total_tokens": w.UNCACHED + w.CACHED + w.COMPLETION,
            }
            step.set_attributes(
                {
                    "mlflow.llm.model": w.MODEL_USED,
                    "mlflow.llm.provider": w.PROVIDER,
                    "mlflow.chat.tokenUsage": used,
                    "mlflow.llm.cost": {"total_cost": w.COST},
                }
            )

    return Prepared(record, lambda: provider.get().force_flush() and None)
