"""What the conventions ask of spans and events: the tables that the rules go by.

Generated from semconv/*.yaml by `python semconv/generate.py`. Edit those files, not this one.
"""

from typing import Final, NamedTuple

__all__ = [
    "DEPRECATED",
    "DEPRECATED_EVENTS",
    "EVENTS",
    "EXCUSES",
    "MEMBERS",
    "MISSED",
    "OPERATIONS",
    "OTHERWISE",
    "OURS",
    "OUR_EVENTS",
    "OUR_OPERATIONS",
    "PARTS",
    "PREFIXES",
    "RANGES",
    "SHAPES",
    "SPANS",
    "TWINS",
    "TYPES",
    "Asked",
    "Signal",
]


class Asked(NamedTuple):
    """An attribute that is asked for."""

    key: str
    level: str
    """required, conditional or recommended."""
    condition: str
    """In words; empty when it is always asked for."""
    when: str
    """How a span shows that the condition holds; empty when no span does."""


class Signal(NamedTuple):
    """A type of spans, or an event."""

    kinds: tuple[str, ...]
    """Of spans: the usual one first."""
    target: str
    """Of spans: the attribute whose value follows the operation in the name; empty when nothing does."""
    unless: str
    """An attribute of spans that other conventions give their kind and name, or empty."""
    asked: tuple[Asked, ...]


SPANS: Final[dict[str, Signal]] = {
    "gen_ai.client.inference": Signal(
        ("client", "internal"),
        "gen_ai.request.model",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "required", "", ""),
            Asked("gen_ai.request.model", "conditional", "if it is known", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked(
                "gen_ai.request.stream",
                "conditional",
                "if the answer was streamed",
                "gen_ai.response.time_to_first_chunk",
            ),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
            Asked("gen_ai.response.finish_reasons", "recommended", "if there is a response", "succeeded"),
            Asked("gen_ai.usage.input_tokens", "recommended", "if there is a response", "succeeded"),
            Asked("gen_ai.usage.output_tokens", "recommended", "if there is a response", "succeeded"),
        ),
    ),
    "gen_ai.client.embeddings": Signal(
        ("client", "internal"),
        "gen_ai.request.model",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "required", "", ""),
            Asked("gen_ai.request.model", "conditional", "if it is known", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
            Asked("gen_ai.usage.input_tokens", "recommended", "if there is a response", "succeeded"),
        ),
    ),
    "gen_ai.client.retrieval": Signal(
        ("client", "internal"),
        "gen_ai.data_source.id",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
        ),
    ),
    "gen_ai.client.memory": Signal(
        ("client", "internal"),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
        ),
    ),
    "gen_ai.client.create_agent": Signal(
        ("client",),
        "gen_ai.agent.name",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "required", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
        ),
    ),
    "gen_ai.invoke_agent": Signal(
        ("internal", "client"),
        "gen_ai.agent.name",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "conditional", "if the agent is a service", "client"),
            Asked("gen_ai.agent.name", "conditional", "if the agent has a name", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
            Asked("server.port", "conditional", "if server.address is set", "server.address"),
        ),
    ),
    "gen_ai.execute_tool": Signal(
        ("internal",),
        "gen_ai.tool.name",
        "mcp.method.name",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.tool.name", "recommended", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
        ),
    ),
    "gen_ai.invoke_workflow": Signal(
        ("internal",),
        "gen_ai.workflow.name",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
        ),
    ),
    "gen_ai.plan": Signal(
        ("internal",),
        "gen_ai.agent.name",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("error.type", "conditional", "if the operation ended in an error", "failed"),
        ),
    ),
}
"""What is asked of a span, by its type."""

OURS: Final[dict[str, Signal]] = {
    "run": Signal(
        ("internal",),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.agent.name", "conditional", "when the agent has a name", ""),
            Asked("gen_ai.conversation.id", "conditional", "when the run has a session", "tcc.sessionId"),
            Asked("user.id", "conditional", "when the run has a user", "tcc.userId"),
            Asked("error.type", "conditional", "when the run failed", "failed"),
            Asked("tcc.runId", "required", "", ""),
            Asked("tcc.sessionId", "conditional", "when the run has a session", "gen_ai.conversation.id"),
            Asked("tcc.userId", "conditional", "when the run has a user", "user.id"),
            Asked("tcc.agent", "conditional", "when the agent has a name", "gen_ai.agent.name"),
            Asked("tcc.status.code", "required", "", ""),
            Asked("tcc.incomplete_reason", "conditional", "when tcc.incomplete is set", "tcc.incomplete"),
        ),
    ),
    "step": Signal(
        ("client",),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "conditional", "when it is given or can be told from the model", ""),
            Asked("gen_ai.request.model", "conditional", "when it is known", ""),
            Asked("gen_ai.conversation.id", "conditional", "when the run has a session", "tcc.sessionId"),
            Asked("user.id", "conditional", "when the run has a user", "tcc.userId"),
            Asked("gen_ai.request.stream", "conditional", "when the answer is streamed", ""),
            Asked("gen_ai.response.finish_reasons", "recommended", "", ""),
            Asked("gen_ai.usage.input_tokens", "recommended", "", ""),
            Asked("gen_ai.usage.output_tokens", "recommended", "", ""),
            Asked("gen_ai.usage.cost", "conditional", "when the cost is known", "tcc.cost.total"),
            Asked("error.type", "conditional", "when the step failed", "failed"),
            Asked("tcc.runId", "required", "", ""),
            Asked("tcc.step.id", "required", "", ""),
            Asked("tcc.step.type", "conditional", "when tcc.step.name is set", "tcc.step.name"),
            Asked("tcc.sessionId", "conditional", "when the run has a session", "gen_ai.conversation.id"),
            Asked("tcc.userId", "conditional", "when the run has a user", "user.id"),
            Asked("server.port", "conditional", "when server.address is set", "server.address"),
            Asked("tcc.cost.source", "conditional", "when the cost is known", "tcc.cost.total"),
            Asked("tcc.status.code", "required", "", ""),
            Asked("tcc.incomplete_reason", "conditional", "when tcc.incomplete is set", "tcc.incomplete"),
        ),
    ),
    "tool_call": Signal(
        ("internal",),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.tool.name", "recommended", "", ""),
            Asked("gen_ai.conversation.id", "conditional", "when the run has a session", "tcc.sessionId"),
            Asked("user.id", "conditional", "when the run has a user", "tcc.userId"),
            Asked("error.type", "conditional", "when the tool call failed", "failed"),
            Asked("tcc.runId", "required", "", ""),
            Asked("tcc.step.type", "conditional", "when tcc.step.name is set", "tcc.step.name"),
            Asked("tcc.sessionId", "conditional", "when the run has a session", "gen_ai.conversation.id"),
            Asked("tcc.userId", "conditional", "when the run has a user", "user.id"),
            Asked("tcc.status.code", "required", "", ""),
            Asked("tcc.incomplete_reason", "conditional", "when tcc.incomplete is set", "tcc.incomplete"),
        ),
    ),
}
"""What is asked of a span of our own SDK, by its type: these levels come first."""

EVENTS: Final[dict[str, Signal]] = {
    "gen_ai.client.inference.operation.details": Signal(
        (),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "required", "", ""),
            Asked("gen_ai.provider.name", "required", "", ""),
        ),
    ),
    "gen_ai.client.operation.exception": Signal(
        (),
        "",
        "",
        (Asked("exception.type", "conditional", "if exception.message is not set", "not exception.message"),),
    ),
    "gen_ai.evaluation.result": Signal(
        (),
        "",
        "",
        (
            Asked("gen_ai.evaluation.name", "required", "", ""),
            Asked(
                "gen_ai.evaluation.score.value",
                "conditional",
                "if there is no other word for the verdict",
                "not gen_ai.evaluation.score.label, gen_ai.evaluation.explanation",
            ),
        ),
    ),
    "exception": Signal(
        (),
        "",
        "",
        (Asked("exception.type", "conditional", "if exception.message is not set", "not exception.message"),),
    ),
}
"""What is asked of an event, on a span or as a log record."""

OUR_EVENTS: Final[dict[str, Signal]] = {
    "exception": Signal(
        (),
        "",
        "",
        (Asked("exception.type", "conditional", "when exception.message is not set", ""),),
    ),
    "gen_ai.evaluation.result": Signal(
        (),
        "",
        "",
        (
            Asked("gen_ai.evaluation.name", "required", "", ""),
            Asked("gen_ai.evaluation.score.value", "conditional", "when there is a verdict", ""),
            Asked("tcc.runId", "required", "", ""),
        ),
    ),
    "tcc.run.suspended": Signal(
        (),
        "",
        "",
        (
            Asked("gen_ai.operation.name", "conditional", "on the log record", "log"),
            Asked("tcc.runId", "conditional", "on the log record", "log"),
            Asked("tcc.status.code", "conditional", "on the log record", "log"),
        ),
    ),
    "tcc.run.resumed": Signal(
        (),
        "",
        "",
        (),
    ),
}
"""The same of events of our own SDK."""

OPERATIONS: Final[dict[str, str]] = {
    "chat": "gen_ai.client.inference",
    "create_agent": "gen_ai.client.create_agent",
    "create_memory": "gen_ai.client.memory",
    "create_memory_store": "gen_ai.client.memory",
    "delete_memory": "gen_ai.client.memory",
    "delete_memory_store": "gen_ai.client.memory",
    "embeddings": "gen_ai.client.embeddings",
    "execute_tool": "gen_ai.execute_tool",
    "generate_content": "gen_ai.client.inference",
    "invoke_agent": "gen_ai.invoke_agent",
    "invoke_workflow": "gen_ai.invoke_workflow",
    "plan": "gen_ai.plan",
    "retrieval": "gen_ai.client.retrieval",
    "search_memory": "gen_ai.client.memory",
    "text_completion": "gen_ai.client.inference",
    "update_memory": "gen_ai.client.memory",
    "upsert_memory": "gen_ai.client.memory",
}
"""Operations, and the type of their spans."""

OUR_OPERATIONS: Final[dict[str, str]] = {
    "chat": "step",
    "embeddings": "step",
    "execute_tool": "tool_call",
    "generate_content": "step",
    "invoke_agent": "run",
    "invoke_workflow": "run",
    "text_completion": "step",
}
"""The same of spans of our own SDK."""

TYPES: Final[dict[str, str]] = {
    "error.type": "string",
    "exception.message": "string",
    "exception.stacktrace": "string",
    "exception.type": "string",
    "gen_ai.agent.description": "string",
    "gen_ai.agent.id": "string",
    "gen_ai.agent.name": "string",
    "gen_ai.agent.version": "string",
    "gen_ai.completion": "string",
    "gen_ai.conversation.compacted": "boolean",
    "gen_ai.conversation.id": "string",
    "gen_ai.data_source.id": "string",
    "gen_ai.embeddings.dimension.count": "int",
    "gen_ai.evaluation.explanation": "string",
    "gen_ai.evaluation.name": "string",
    "gen_ai.evaluation.score.label": "string",
    "gen_ai.evaluation.score.value": "double",
    "gen_ai.input.messages": "any",
    "gen_ai.memory.query.text": "string",
    "gen_ai.memory.record.count": "int",
    "gen_ai.memory.record.id": "string",
    "gen_ai.memory.records": "any",
    "gen_ai.memory.store.id": "string",
    "gen_ai.operation.name": "string",
    "gen_ai.output.messages": "any",
    "gen_ai.output.type": "string",
    "gen_ai.prompt": "string",
    "gen_ai.prompt.name": "string",
    "gen_ai.prompt.version": "string",
    "gen_ai.provider.name": "string",
    "gen_ai.request.choice.count": "int",
    "gen_ai.request.encoding_formats": "string[]",
    "gen_ai.request.frequency_penalty": "double",
    "gen_ai.request.max_tokens": "int",
    "gen_ai.request.model": "string",
    "gen_ai.request.presence_penalty": "double",
    "gen_ai.request.previous_response.id": "string",
    "gen_ai.request.reasoning.level": "string",
    "gen_ai.request.seed": "int",
    "gen_ai.request.stop_sequences": "string[]",
    "gen_ai.request.stream": "boolean",
    "gen_ai.request.temperature": "double",
    "gen_ai.request.top_k": "double",
    "gen_ai.request.top_p": "double",
    "gen_ai.response.finish_reasons": "string[]",
    "gen_ai.response.id": "string",
    "gen_ai.response.model": "string",
    "gen_ai.response.time_to_first_chunk": "double",
    "gen_ai.retrieval.documents": "any",
    "gen_ai.retrieval.query.text": "string",
    "gen_ai.system": "string",
    "gen_ai.system_instructions": "any",
    "gen_ai.tool.call.arguments": "any",
    "gen_ai.tool.call.id": "string",
    "gen_ai.tool.call.result": "any",
    "gen_ai.tool.definitions": "any",
    "gen_ai.tool.description": "string",
    "gen_ai.tool.name": "string",
    "gen_ai.tool.type": "string",
    "gen_ai.usage.audio.cache_read.input_tokens": "int",
    "gen_ai.usage.audio.input_tokens": "int",
    "gen_ai.usage.audio.output_tokens": "int",
    "gen_ai.usage.cache_creation.input_tokens": "int",
    "gen_ai.usage.cache_creation_input_tokens": "int",
    "gen_ai.usage.cache_read.input_tokens": "int",
    "gen_ai.usage.cache_write.input_tokens": "int",
    "gen_ai.usage.completion_tokens": "int",
    "gen_ai.usage.cost": "double",
    "gen_ai.usage.image.cache_read.input_tokens": "int",
    "gen_ai.usage.image.input_tokens": "int",
    "gen_ai.usage.image.output_tokens": "int",
    "gen_ai.usage.input_tokens": "int",
    "gen_ai.usage.output_tokens": "int",
    "gen_ai.usage.prompt_tokens": "int",
    "gen_ai.usage.reasoning.output_tokens": "int",
    "gen_ai.usage.text.cache_read.input_tokens": "int",
    "gen_ai.usage.text.input_tokens": "int",
    "gen_ai.usage.text.output_tokens": "int",
    "gen_ai.workflow.name": "string",
    "input.value": "string",
    "output.value": "string",
    "server.address": "string",
    "server.port": "int",
    "tcc.agent": "string",
    "tcc.conversational": "boolean",
    "tcc.cost.price_version": "string",
    "tcc.cost.source": "string",
    "tcc.cost.total": "double",
    "tcc.incomplete": "boolean",
    "tcc.incomplete_reason": "string",
    "tcc.metadata": "string",
    "tcc.orgId": "string",
    "tcc.redacted": "string[]",
    "tcc.run.full_input": "string",
    "tcc.run.full_output": "string",
    "tcc.run.waiting_time": "double",
    "tcc.runId": "string",
    "tcc.sessionId": "string",
    "tcc.status.code": "int",
    "tcc.status.message": "string",
    "tcc.step.id": "string",
    "tcc.step.name": "string",
    "tcc.step.type": "string",
    "tcc.tags": "string[]",
    "tcc.truncated": "string[]",
    "tcc.undeliverable_reason": "string",
    "tcc.undeliverable_size": "int",
    "tcc.usage.counted_inside": "boolean",
    "tcc.userId": "string",
    "user.id": "string",
}
"""All attributes of the registry, and the types of their values."""

MEMBERS: Final[dict[str, tuple[str | int, ...]]] = {
    "gen_ai.operation.name": (
        "chat",
        "create_agent",
        "create_memory",
        "create_memory_store",
        "delete_memory",
        "delete_memory_store",
        "embeddings",
        "execute_tool",
        "generate_content",
        "invoke_agent",
        "invoke_workflow",
        "plan",
        "retrieval",
        "search_memory",
        "text_completion",
        "update_memory",
        "upsert_memory",
    ),
    "gen_ai.output.type": ("image", "json", "speech", "text"),
    "gen_ai.provider.name": (
        "anthropic",
        "aws.bedrock",
        "azure.ai.inference",
        "azure.ai.openai",
        "cohere",
        "deepseek",
        "gcp.gemini",
        "gcp.gen_ai",
        "gcp.vertex_ai",
        "groq",
        "ibm.watsonx.ai",
        "mistral_ai",
        "moonshot_ai",
        "openai",
        "perplexity",
        "x_ai",
    ),
    "gen_ai.tool.type": ("datastore", "extension", "function"),
    "tcc.cost.source": ("calculated", "provided"),
    "tcc.incomplete_reason": ("collected", "process_died", "shutdown", "run_ended", "timeout"),
    "tcc.status.code": (0, 1, 2),
    "tcc.step.type": ("think", "act", "observe", "synthesize"),
}
"""Attributes with known values. Others are legal."""

RANGES: Final[dict[str, tuple[float | None, float | None]]] = {
    "gen_ai.embeddings.dimension.count": (1, None),
    "gen_ai.memory.record.count": (0, None),
    "gen_ai.request.choice.count": (1, None),
    "gen_ai.request.temperature": (0, None),
    "gen_ai.request.top_k": (0, None),
    "gen_ai.request.top_p": (0, 1),
    "gen_ai.response.time_to_first_chunk": (0, None),
    "gen_ai.usage.audio.cache_read.input_tokens": (0, None),
    "gen_ai.usage.audio.input_tokens": (0, None),
    "gen_ai.usage.audio.output_tokens": (0, None),
    "gen_ai.usage.cache_read.input_tokens": (0, None),
    "gen_ai.usage.cache_write.input_tokens": (0, None),
    "gen_ai.usage.cost": (0, None),
    "gen_ai.usage.image.cache_read.input_tokens": (0, None),
    "gen_ai.usage.image.input_tokens": (0, None),
    "gen_ai.usage.image.output_tokens": (0, None),
    "gen_ai.usage.input_tokens": (0, None),
    "gen_ai.usage.output_tokens": (0, None),
    "gen_ai.usage.reasoning.output_tokens": (0, None),
    "gen_ai.usage.text.cache_read.input_tokens": (0, None),
    "gen_ai.usage.text.input_tokens": (0, None),
    "gen_ai.usage.text.output_tokens": (0, None),
    "server.port": (0, 65535),
    "tcc.cost.total": (0, None),
    "tcc.run.waiting_time": (0, None),
    "tcc.undeliverable_size": (0, None),
}
"""Numbers, and the least and the most that they can be."""

TWINS: Final[dict[str, str]] = {
    "gen_ai.usage.cost": "tcc.cost.total",
    "tcc.agent": "gen_ai.agent.name",
    "tcc.sessionId": "gen_ai.conversation.id",
    "tcc.userId": "user.id",
}
"""Attributes, and those that say the same."""

SHAPES: Final[dict[str, str]] = {
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "gen_ai.retrieval.documents": "documents",
    "gen_ai.system_instructions": "parts",
    "gen_ai.tool.definitions": "tool_definitions",
}
"""Attributes of structured content, and what it has to look like."""

DEPRECATED: Final[dict[str, str]] = {
    "gen_ai.completion": "Old OpenLLMetry. The messages are one structured attribute now, `gen_ai.output.messages`.",
    "gen_ai.prompt": "Old OpenLLMetry. The messages are one structured attribute now, `gen_ai.input.messages`.",
    "gen_ai.system": "Write `gen_ai.provider.name`.",
    "gen_ai.usage.cache_creation.input_tokens": "Write `gen_ai.usage.cache_write.input_tokens`.",
    "gen_ai.usage.cache_creation_input_tokens": "Write `gen_ai.usage.cache_write.input_tokens`.",
    "gen_ai.usage.completion_tokens": "Write `gen_ai.usage.output_tokens`.",
    "gen_ai.usage.prompt_tokens": "Write `gen_ai.usage.input_tokens`.",
}
"""Older names, and what to do about them."""

DEPRECATED_EVENTS: Final[dict[str, str]] = {
    "gen_ai.assistant.message": "The messages are one structured attribute now.",
    "gen_ai.choice": "The messages are one structured attribute now.",
    "gen_ai.system.message": "The messages are one structured attribute now.",
    "gen_ai.tool.message": "The messages are one structured attribute now.",
    "gen_ai.user.message": "The messages are one structured attribute now.",
}
"""Older events, and what became of them."""

OTHERWISE: Final[dict[str, str]] = {
    "agent.name": "gen_ai.agent.name",
    "agent_name": "gen_ai.agent.name",
    "ai.model.id": "gen_ai.request.model",
    "ai.model.provider": "gen_ai.provider.name",
    "ai.prompt": "gen_ai.input.messages",
    "ai.prompt.messages": "gen_ai.input.messages",
    "ai.prompt.tools": "gen_ai.tool.definitions",
    "ai.response.finishReason": "gen_ai.response.finish_reasons",
    "ai.response.id": "gen_ai.response.id",
    "ai.response.model": "gen_ai.response.model",
    "ai.settings.context.sessionId": "gen_ai.conversation.id",
    "ai.settings.context.session_id": "gen_ai.conversation.id",
    "ai.settings.context.tcc.sessionId": "gen_ai.conversation.id",
    "ai.settings.context.tcc.userId": "user.id",
    "ai.settings.context.userId": "user.id",
    "ai.settings.context.user_id": "user.id",
    "ai.settings.frequencyPenalty": "gen_ai.request.frequency_penalty",
    "ai.settings.maxOutputTokens": "gen_ai.request.max_tokens",
    "ai.settings.maxTokens": "gen_ai.request.max_tokens",
    "ai.settings.presencePenalty": "gen_ai.request.presence_penalty",
    "ai.settings.seed": "gen_ai.request.seed",
    "ai.settings.stopSequences": "gen_ai.request.stop_sequences",
    "ai.settings.temperature": "gen_ai.request.temperature",
    "ai.settings.topK": "gen_ai.request.top_k",
    "ai.settings.topP": "gen_ai.request.top_p",
    "ai.telemetry.functionId": "gen_ai.agent.name",
    "ai.telemetry.metadata.sessionId": "gen_ai.conversation.id",
    "ai.telemetry.metadata.session_id": "gen_ai.conversation.id",
    "ai.telemetry.metadata.tcc.sessionId": "gen_ai.conversation.id",
    "ai.telemetry.metadata.tcc.userId": "user.id",
    "ai.telemetry.metadata.userId": "user.id",
    "ai.telemetry.metadata.user_id": "user.id",
    "ai.toolCall.args": "gen_ai.tool.call.arguments",
    "ai.toolCall.id": "gen_ai.tool.call.id",
    "ai.toolCall.input": "gen_ai.tool.call.arguments",
    "ai.toolCall.name": "gen_ai.tool.name",
    "ai.toolCall.output": "gen_ai.tool.call.result",
    "ai.toolCall.result": "gen_ai.tool.call.result",
    "ai.usage.cachedInputTokens": "gen_ai.usage.cache_read.input_tokens",
    "ai.usage.completionTokens": "gen_ai.usage.output_tokens",
    "ai.usage.inputTokenDetails.cacheReadTokens": "gen_ai.usage.cache_read.input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens": "gen_ai.usage.cache_write.input_tokens",
    "ai.usage.inputTokens": "gen_ai.usage.input_tokens",
    "ai.usage.outputTokenDetails.reasoningTokens": "gen_ai.usage.reasoning.output_tokens",
    "ai.usage.outputTokens": "gen_ai.usage.output_tokens",
    "ai.usage.promptTokens": "gen_ai.usage.input_tokens",
    "ai.usage.reasoningTokens": "gen_ai.usage.reasoning.output_tokens",
    "ai.usage.tokens": "gen_ai.usage.input_tokens",
    "ai.value": "gen_ai.input.messages",
    "ai.values": "gen_ai.input.messages",
    "anthropic.message.stop_reason": "gen_ai.response.finish_reasons",
    "embedding.model_name": "gen_ai.request.model",
    "enduser.id": "user.id",
    "final_result": "gen_ai.output.messages",
    "gen_ai.client.operation.time_to_first_chunk": "gen_ai.response.time_to_first_chunk",
    "gen_ai.is_streaming": "gen_ai.request.stream",
    "gen_ai.openai.request.seed": "gen_ai.request.seed",
    "gen_ai.request.reasoning_effort": "gen_ai.request.reasoning.level",
    "gen_ai.server.time_to_first_token": "gen_ai.response.time_to_first_chunk",
    "gen_ai.tool.input": "gen_ai.tool.call.arguments",
    "gen_ai.tool.output": "gen_ai.tool.call.result",
    "gen_ai.usage.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.details.cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.details.cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.details.cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.details.cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.details.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "input.value": "gen_ai.input.messages",
    "langfuse.observation.input": "gen_ai.input.messages",
    "langfuse.observation.model.name": "gen_ai.request.model",
    "langfuse.observation.output": "gen_ai.output.messages",
    "langfuse.session.id": "gen_ai.conversation.id",
    "langfuse.trace.input": "gen_ai.input.messages",
    "langfuse.trace.output": "gen_ai.output.messages",
    "langfuse.user.id": "user.id",
    "llm.chat.stop_sequences": "gen_ai.request.stop_sequences",
    "llm.finish_reason": "gen_ai.response.finish_reasons",
    "llm.frequency_penalty": "gen_ai.request.frequency_penalty",
    "llm.is_streaming": "gen_ai.request.stream",
    "llm.model_name": "gen_ai.request.model",
    "llm.presence_penalty": "gen_ai.request.presence_penalty",
    "llm.provider": "gen_ai.provider.name",
    "llm.request.model_name": "gen_ai.request.model",
    "llm.response.finish_reason": "gen_ai.response.finish_reasons",
    "llm.response.model_name": "gen_ai.response.model",
    "llm.response.stop_reason": "gen_ai.response.finish_reasons",
    "llm.system": "gen_ai.provider.name",
    "llm.token_count.completion": "gen_ai.usage.output_tokens",
    "llm.token_count.completion_details.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "llm.token_count.prompt": "gen_ai.usage.input_tokens",
    "llm.token_count.prompt_details.cache_input": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.prompt_details.cache_read": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.prompt_details.cache_write": "gen_ai.usage.cache_write.input_tokens",
    "llm.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "mlflow.chat.messages": "gen_ai.input.messages",
    "mlflow.chat.tools": "gen_ai.tool.definitions",
    "mlflow.llm.model": "gen_ai.request.model",
    "mlflow.llm.provider": "gen_ai.provider.name",
    "mlflow.spanInputs": "gen_ai.input.messages",
    "mlflow.spanOutputs": "gen_ai.output.messages",
    "mlflow.trace.session": "gen_ai.conversation.id",
    "mlflow.trace.user": "user.id",
    "mlflow.traceInputs": "gen_ai.input.messages",
    "mlflow.traceOutputs": "gen_ai.output.messages",
    "model_name": "gen_ai.request.model",
    "output.value": "gen_ai.output.messages",
    "request_data": "gen_ai.input.messages",
    "response_data": "gen_ai.output.messages",
    "session.id": "gen_ai.conversation.id",
    "tool.description": "gen_ai.tool.description",
    "tool.id": "gen_ai.tool.call.id",
    "tool.name": "gen_ai.tool.name",
    "tool_arguments": "gen_ai.tool.call.arguments",
    "tool_call.id": "gen_ai.tool.call.id",
    "tool_response": "gen_ai.tool.call.result",
    "traceloop.association.properties.session_id": "gen_ai.conversation.id",
    "traceloop.association.properties.user_id": "user.id",
    "traceloop.entity.input": "gen_ai.input.messages",
    "traceloop.entity.output": "gen_ai.output.messages",
}
"""Attributes of other conventions, and the one of OpenTelemetry that says the same."""

MISSED: Final[dict[str, str]] = {
    "error.type": "what kind of error it was, by which errors are grouped",
    "exception.type": "what went wrong",
    "gen_ai.agent.name": "which agent it was, so that the runs of all agents are one heap",
    "gen_ai.evaluation.name": "what was judged",
    "gen_ai.evaluation.score.value": "the verdict",
    "gen_ai.operation.name": "that it is a call to a model, an agent or a tool; it is a span like any other",
    "gen_ai.provider.name": "who was asked, and what it cost, as prices are looked up by provider and model",
    "gen_ai.request.model": "which model was asked, and what it cost",
    "gen_ai.request.stream": "that the answer was streamed",
    "gen_ai.response.finish_reasons": "why the model stopped, so that an answer that was cut off looks complete",
    "gen_ai.tool.name": "which tool it was",
    "gen_ai.usage.input_tokens": "how much went in, and what it cost",
    "gen_ai.usage.output_tokens": "how much came out, and what it cost",
    "server.port": "which of the services of that host was asked",
}
"""What other back ends do not show without it."""

PARTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "gen_ai.usage.cache_read.input_tokens",
        (
            "gen_ai.usage.audio.cache_read.input_tokens",
            "gen_ai.usage.image.cache_read.input_tokens",
            "gen_ai.usage.text.cache_read.input_tokens",
        ),
    ),
    (
        "gen_ai.usage.input_tokens",
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    ),
    (
        "gen_ai.usage.input_tokens",
        ("gen_ai.usage.audio.input_tokens", "gen_ai.usage.image.input_tokens", "gen_ai.usage.text.input_tokens"),
    ),
    (
        "gen_ai.usage.output_tokens",
        ("gen_ai.usage.audio.output_tokens", "gen_ai.usage.image.output_tokens", "gen_ai.usage.text.output_tokens"),
    ),
    (
        "gen_ai.usage.output_tokens",
        ("gen_ai.usage.reasoning.output_tokens",),
    ),
)
"""Totals, and parts of each that do not overlap."""

PREFIXES: Final[tuple[str, ...]] = ("gen_ai.completion.", "gen_ai.prompt.", "tcc.metadata.")
"""Prefixes of attributes whose names have no end: what follows is free."""

EXCUSES: Final[tuple[str, ...]] = ("tcc.undeliverable_reason",)
"""Attributes that say that others were left out, so that none of them is missed."""
