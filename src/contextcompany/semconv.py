"""The names on the wire: attributes, their known values and events.

Generated from semconv/*.yaml by `python semconv/generate.py`. Edit those files, not this one.
"""

from typing import Final

__all__ = [
    "CONTENT_PATTERNS",
    "ERROR_TYPE",
    "EVENT_EXCEPTION",
    "EVENT_GEN_AI_ASSISTANT_MESSAGE",
    "EVENT_GEN_AI_CHOICE",
    "EVENT_GEN_AI_EVALUATION_RESULT",
    "EVENT_GEN_AI_SYSTEM_MESSAGE",
    "EVENT_GEN_AI_TOOL_MESSAGE",
    "EVENT_GEN_AI_USER_MESSAGE",
    "EVENT_TCC_RUN_RESUMED",
    "EVENT_TCC_RUN_SUSPENDED",
    "EXCEPTION_MESSAGE",
    "EXCEPTION_STACKTRACE",
    "EXCEPTION_TYPE",
    "FAILURE_KEYS",
    "GENAI_NAMESPACES",
    "GEN_AI_AGENT_DESCRIPTION",
    "GEN_AI_AGENT_ID",
    "GEN_AI_AGENT_NAME",
    "GEN_AI_AGENT_VERSION",
    "GEN_AI_COMPLETION",
    "GEN_AI_CONVERSATION_COMPACTED",
    "GEN_AI_CONVERSATION_ID",
    "GEN_AI_DATA_SOURCE_ID",
    "GEN_AI_EMBEDDINGS_DIMENSION_COUNT",
    "GEN_AI_EVALUATION_EXPLANATION",
    "GEN_AI_EVALUATION_NAME",
    "GEN_AI_EVALUATION_SCORE_LABEL",
    "GEN_AI_EVALUATION_SCORE_VALUE",
    "GEN_AI_INPUT_MESSAGES",
    "GEN_AI_MEMORY_QUERY_TEXT",
    "GEN_AI_MEMORY_RECORDS",
    "GEN_AI_MEMORY_RECORD_COUNT",
    "GEN_AI_MEMORY_RECORD_ID",
    "GEN_AI_MEMORY_STORE_ID",
    "GEN_AI_OPERATION_NAME",
    "GEN_AI_OUTPUT_MESSAGES",
    "GEN_AI_OUTPUT_TYPE",
    "GEN_AI_PROMPT",
    "GEN_AI_PROMPT_NAME",
    "GEN_AI_PROMPT_VERSION",
    "GEN_AI_PROVIDER_NAME",
    "GEN_AI_REQUEST_CHOICE_COUNT",
    "GEN_AI_REQUEST_ENCODING_FORMATS",
    "GEN_AI_REQUEST_FREQUENCY_PENALTY",
    "GEN_AI_REQUEST_MAX_TOKENS",
    "GEN_AI_REQUEST_MODEL",
    "GEN_AI_REQUEST_PRESENCE_PENALTY",
    "GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID",
    "GEN_AI_REQUEST_REASONING_LEVEL",
    "GEN_AI_REQUEST_SEED",
    "GEN_AI_REQUEST_STOP_SEQUENCES",
    "GEN_AI_REQUEST_STREAM",
    "GEN_AI_REQUEST_TEMPERATURE",
    "GEN_AI_REQUEST_TOP_K",
    "GEN_AI_REQUEST_TOP_P",
    "GEN_AI_RESPONSE_FINISH_REASONS",
    "GEN_AI_RESPONSE_ID",
    "GEN_AI_RESPONSE_MODEL",
    "GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK",
    "GEN_AI_RETRIEVAL_DOCUMENTS",
    "GEN_AI_RETRIEVAL_QUERY_TEXT",
    "GEN_AI_SYSTEM_INSTRUCTIONS",
    "GEN_AI_TOOL_CALL_ARGUMENTS",
    "GEN_AI_TOOL_CALL_ID",
    "GEN_AI_TOOL_CALL_RESULT",
    "GEN_AI_TOOL_DEFINITIONS",
    "GEN_AI_TOOL_DESCRIPTION",
    "GEN_AI_TOOL_NAME",
    "GEN_AI_TOOL_TYPE",
    "GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS",
    "GEN_AI_USAGE_AUDIO_INPUT_TOKENS",
    "GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS",
    "GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS",
    "GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS",
    "GEN_AI_USAGE_COST",
    "GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS",
    "GEN_AI_USAGE_IMAGE_INPUT_TOKENS",
    "GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS",
    "GEN_AI_USAGE_INPUT_TOKENS",
    "GEN_AI_USAGE_OUTPUT_TOKENS",
    "GEN_AI_USAGE_REASONING_OUTPUT_TOKENS",
    "GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS",
    "GEN_AI_USAGE_TEXT_INPUT_TOKENS",
    "GEN_AI_USAGE_TEXT_OUTPUT_TOKENS",
    "GEN_AI_WORKFLOW_NAME",
    "IDENTITY_KEYS",
    "INPUT_VALUE",
    "KINDS",
    "MESSAGE_PATTERNS",
    "OUTPUT_VALUE",
    "RENAMED",
    "SCHEMA_URL",
    "SENSITIVE_KEYS",
    "SERVER_ADDRESS",
    "SERVER_PORT",
    "SPELLINGS",
    "TCC_AGENT",
    "TCC_CONVERSATIONAL",
    "TCC_COST_PRICE_VERSION",
    "TCC_COST_SOURCE",
    "TCC_COST_TOTAL",
    "TCC_INCOMPLETE",
    "TCC_INCOMPLETE_REASON",
    "TCC_METADATA",
    "TCC_ORG_ID",
    "TCC_REDACTED",
    "TCC_RUN_FULL_INPUT",
    "TCC_RUN_FULL_OUTPUT",
    "TCC_RUN_ID",
    "TCC_RUN_WAITING_TIME",
    "TCC_SESSION_ID",
    "TCC_STATUS_CODE",
    "TCC_STATUS_MESSAGE",
    "TCC_STEP_ID",
    "TCC_STEP_NAME",
    "TCC_STEP_TYPE",
    "TCC_TAGS",
    "TCC_TRUNCATED",
    "TCC_UNDELIVERABLE_REASON",
    "TCC_UNDELIVERABLE_SIZE",
    "TCC_USAGE_COUNTED_INSIDE",
    "TCC_USER_ID",
    "USER_ID",
    "ErrorTypeValues",
    "GenAiEvaluationNameValues",
    "GenAiEvaluationScoreLabelValues",
    "GenAiOperationNameValues",
    "GenAiOutputTypeValues",
    "GenAiProviderNameValues",
    "GenAiResponseFinishReasonsValues",
    "GenAiToolTypeValues",
    "TccCostSourceValues",
    "TccIncompleteReasonValues",
    "TccStatusCodeValues",
    "TccStepTypeValues",
]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The schema that the names from OpenTelemetry belong to; it travels with the tracer."""

ERROR_TYPE: Final = "error.type"
"""What kind of failure ended the work: an exception's class or a provider's error code."""

EVENT_EXCEPTION: Final = "exception"
"""An exception ended a run, step or tool call. It is an event of that span."""

EVENT_GEN_AI_ASSISTANT_MESSAGE: Final = "gen_ai.assistant.message"
"""Something that the model had said before."""

EVENT_GEN_AI_CHOICE: Final = "gen_ai.choice"
"""One of the model's answers."""

EVENT_GEN_AI_EVALUATION_RESULT: Final = "gen_ai.evaluation.result"
"""What a person thought of a run, as a log record in the run's trace whose parent is the run's span."""

EVENT_GEN_AI_SYSTEM_MESSAGE: Final = "gen_ai.system.message"
"""Instructions to the model."""

EVENT_GEN_AI_TOOL_MESSAGE: Final = "gen_ai.tool.message"
"""A tool's result, given back to the model."""

EVENT_GEN_AI_USER_MESSAGE: Final = "gen_ai.user.message"
"""Something that a person said."""

EVENT_TCC_RUN_RESUMED: Final = "tcc.run.resumed"
"""A suspended run went on. It is an event of the run's span, without attributes."""

EVENT_TCC_RUN_SUSPENDED: Final = "tcc.run.suspended"
"""A run was suspended. A log record at that moment, with these attributes and whatever else the span of a run
carries, in the run's trace, whose parent is the run's span; and an event of that span, without attributes.
"""

EXCEPTION_MESSAGE: Final = "exception.message"
"""What the exception says."""

EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
"""Where the exception came from."""

EXCEPTION_TYPE: Final = "exception.type"
"""The exception's class."""

GEN_AI_AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
"""What the agent is for."""

GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"
"""Which agent it was, where agents have ids."""

GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
"""What the agent is called by those who built it."""

GEN_AI_AGENT_VERSION: Final = "gen_ai.agent.version"
"""Which version of the agent ran."""

GEN_AI_COMPLETION: Final = "gen_ai.completion"
"""Deprecated: use `gen_ai.output.messages`. One answer per number, written as `gen_ai.completion.<n>.role`
and `.content`.
"""

GEN_AI_CONVERSATION_COMPACTED: Final = "gen_ai.conversation.compacted"
"""Whether the conversation was shortened or summarised to make it fit."""

GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
"""The conversation that this belongs to; our session id."""

GEN_AI_DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
"""Where an agent looks things up, by the id its GenAI system uses."""

GEN_AI_EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
"""How many numbers each embedding was asked to have."""

GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
"""The reasons given for the verdict."""

GEN_AI_EVALUATION_NAME: Final = "gen_ai.evaluation.name"
"""What was judged."""

GEN_AI_EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
"""The verdict as a word."""

GEN_AI_EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
"""The verdict as a number."""

GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
"""The messages sent to the model, oldest first."""

GEN_AI_MEMORY_QUERY_TEXT: Final = "gen_ai.memory.query.text"
"""What was looked for in it."""

GEN_AI_MEMORY_RECORDS: Final = "gen_ai.memory.records"
"""The records that were found, added or changed."""

GEN_AI_MEMORY_RECORD_COUNT: Final = "gen_ai.memory.record.count"
"""How many records were found, added, changed or removed."""

GEN_AI_MEMORY_RECORD_ID: Final = "gen_ai.memory.record.id"
"""Which record of it."""

GEN_AI_MEMORY_STORE_ID: Final = "gen_ai.memory.store.id"
"""Which memory it was."""

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
"""What the span did. It decides whether a span is read as a run, a step or a tool call."""

GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
"""The model's answers, one message each, with the reason why it stopped."""

GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
"""The kind of answer that was asked for."""

GEN_AI_PROMPT: Final = "gen_ai.prompt"
"""Deprecated: use `gen_ai.input.messages`. One message per number, written as `gen_ai.prompt.<n>.role` and
`.content`.
"""

GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
"""Which stored prompt was used."""

GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
"""Which version of the stored prompt was used."""

GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
"""Who was asked to run the model, as far as the caller can tell."""

GEN_AI_REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
"""How many answers were asked for."""

GEN_AI_REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
"""The forms in which embeddings were asked for."""

GEN_AI_REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
"""How much a token counts against itself each time it is repeated."""

GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
"""The most tokens that the model was allowed to write."""

GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
"""The model that was asked for."""

GEN_AI_REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
"""How much a token counts against itself once it has occurred."""

GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
"""The answer that this request goes on from, where the provider keeps it."""

GEN_AI_REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
"""How hard the model was asked to think."""

GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
"""The seed asked for, to make the answer repeatable."""

GEN_AI_REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
"""Texts at which the model was told to stop."""

GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
"""Whether the answer was asked for in pieces. Absent means that it was not."""

GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
"""How much chance was asked for."""

GEN_AI_REQUEST_TOP_K: Final = "gen_ai.request.top_k"
"""How many of the likeliest tokens were sampled from."""

GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"
"""The share of probability that tokens were sampled from."""

GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
"""Why the model stopped, one reason per answer."""

GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
"""The answer's id at the provider."""

GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
"""The model that answered, as the provider calls it."""

GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds from the request until the first piece of a streamed answer."""

GEN_AI_RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
"""The documents that were found."""

GEN_AI_RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
"""What documents were looked for."""

GEN_AI_SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
"""The instructions given to the model apart from the conversation."""

GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
"""What the tool was called with. JSON text."""

GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
"""The id that the model gave to its request for the tool."""

GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
"""What the tool returned. JSON text."""

GEN_AI_TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
"""The tools that the model was offered."""

GEN_AI_TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
"""What the tool is for."""

GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
"""What the tool is called."""

GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
"""What kind of tool it is."""

GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.audio.cache_read.input_tokens"
"""Cached input tokens that stand for sound. Part of what was read from the cache."""

GEN_AI_USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
"""Input tokens that stand for sound. Part of the input."""

GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
"""Output tokens that stand for sound. Part of the output."""

GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
"""Input tokens that the provider had in its cache. Part of the input."""

GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
"""Input tokens that the provider put into its cache. Part of the input."""

GEN_AI_USAGE_COST: Final = "gen_ai.usage.cost"
"""What the step cost, in US dollars; the same number as `tcc.cost.total`. Not in the semantic conventions.
Other back ends read it, so we write it for them.
"""

GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.image.cache_read.input_tokens"
"""Cached input tokens that stand for images. Part of what was read from the cache."""

GEN_AI_USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
"""Input tokens that stand for images. Part of the input."""

GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
"""Output tokens that stand for images. Part of the output."""

GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""All tokens that went in, those read from or written to a cache included."""

GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""All tokens that came out, those spent on thinking included."""

GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
"""Output tokens that were spent on thinking. Part of the output."""

GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.text.cache_read.input_tokens"
"""Cached input tokens that stand for text. Part of what was read from the cache."""

GEN_AI_USAGE_TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
"""Input tokens that stand for text. Part of the input."""

GEN_AI_USAGE_TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"
"""Output tokens that stand for text. Part of the output."""

GEN_AI_WORKFLOW_NAME: Final = "gen_ai.workflow.name"
"""What the workflow is called."""

INPUT_VALUE: Final = "input.value"
"""What a span of OpenInference was given; for a call to a model, the request."""

OUTPUT_VALUE: Final = "output.value"
"""What a span of OpenInference gave; for a call to a model, its response."""

SERVER_ADDRESS: Final = "server.address"
"""The host that was asked."""

SERVER_PORT: Final = "server.port"
"""The port that was asked."""

TCC_AGENT: Final = "tcc.agent"
"""The agent that ran; the same as `gen_ai.agent.name`."""

TCC_CONVERSATIONAL: Final = "tcc.conversational"
"""Whether the run is a turn in a conversation with a person."""

TCC_COST_PRICE_VERSION: Final = "tcc.cost.price_version"
"""The price table that a calculated cost was worked out with."""

TCC_COST_SOURCE: Final = "tcc.cost.source"
"""How the cost is known."""

TCC_COST_TOTAL: Final = "tcc.cost.total"
"""What the step cost, in US dollars. Absent when it is not known; zero means free."""

TCC_INCOMPLETE: Final = "tcc.incomplete"
"""The span was not ended by its own `end()` or `error()`; what it holds may be partial."""

TCC_INCOMPLETE_REASON: Final = "tcc.incomplete_reason"
"""Why the span was not ended by its own `end()` or `error()`."""

TCC_METADATA: Final = "tcc.metadata"
"""What else the caller wanted to note: one attribute per key, written as `tcc.metadata.<key>`."""

TCC_ORG_ID: Final = "tcc.orgId"
"""The organisation that the person belongs to."""

TCC_REDACTED: Final = "tcc.redacted"
"""Where a detector or the `redact` function replaced something, by the names of the attributes."""

TCC_RUN_FULL_INPUT: Final = "tcc.run.full_input"
"""The raw request that the run was started with, when it is more than the prompt."""

TCC_RUN_FULL_OUTPUT: Final = "tcc.run.full_output"
"""The raw response that the run ended with, when it is more than the answer."""

TCC_RUN_ID: Final = "tcc.runId"
"""The run that this belongs to."""

TCC_RUN_WAITING_TIME: Final = "tcc.run.waiting_time"
"""Seconds that the run was suspended, waiting for a person or another process. They are a part of the span's
duration, not of what the agent took.
"""

TCC_SESSION_ID: Final = "tcc.sessionId"
"""The session that the run belongs to; the same as `gen_ai.conversation.id`."""

TCC_STATUS_CODE: Final = "tcc.status.code"
"""How it ended."""

TCC_STATUS_MESSAGE: Final = "tcc.status.message"
"""How it ended, in words."""

TCC_STEP_ID: Final = "tcc.step.id"
"""Which step it was."""

TCC_STEP_NAME: Final = "tcc.step.name"
"""The name of the declared step that it executes."""

TCC_STEP_TYPE: Final = "tcc.step.type"
"""What the declared step that it executes is for."""

TCC_TAGS: Final = "tcc.tags"
"""Words to find the run by."""

TCC_TRUNCATED: Final = "tcc.truncated"
"""What was cut because it was larger than the limits, by the names of the attributes."""

TCC_UNDELIVERABLE_REASON: Final = "tcc.undeliverable_reason"
"""Why the back end did not take the span. What was large on it is left out."""

TCC_UNDELIVERABLE_SIZE: Final = "tcc.undeliverable_size"
"""The bytes of the whole span, encoded."""

TCC_USAGE_COUNTED_INSIDE: Final = "tcc.usage.counted_inside"
"""The call is also recorded by a span inside of this one, or one that ran within its time; count that one.
Set on a span of another instrumentation whose tokens another span has too, as when a framework and the client
below it are both instrumented. Its tokens and cost must not be added to totals.
"""

TCC_USER_ID: Final = "tcc.userId"
"""The person that the run worked for; the same as `user.id`."""

USER_ID: Final = "user.id"
"""The person that this is done for; our user id."""

GENAI_NAMESPACES: Final[tuple[str, ...]] = (
    "ai.",  # Vercel AI SDK
    "gen_ai.",  # OpenTelemetry GenAI semantic conventions
    "langfuse.",  # Langfuse
    "llm.",  # OpenInference
    "mlflow.",  # MLflow
    "openinference.",  # OpenInference
    "tcc.",  # contextcompany
    "traceloop.",  # OpenLLMetry
)
"""A span with an attribute that starts with one of these speaks GenAI."""

RENAMED: Final[dict[str, str]] = {
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.cache_creation.input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
}
"""Older spellings of attributes and what they are called now. They are read, never written."""

SPELLINGS: Final[dict[str, str]] = {
    "gen_ai.usage.reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "llm.finish_reason": "gen_ai.response.finish_reasons",
    "llm.model_name": "gen_ai.request.model",
    "llm.provider": "gen_ai.provider.name",
    "llm.system": "gen_ai.provider.name",
    "llm.token_count.completion": "gen_ai.usage.output_tokens",
    "llm.token_count.completion_details.reasoning": "gen_ai.usage.reasoning.output_tokens",
    "llm.token_count.prompt": "gen_ai.usage.input_tokens",
    "llm.token_count.prompt_details.cache_read": "gen_ai.usage.cache_read.input_tokens",
    "llm.token_count.prompt_details.cache_write": "gen_ai.usage.cache_write.input_tokens",
    "tool.name": "gen_ai.tool.name",
}
"""Attributes of other conventions and the one of ours that holds the same. They are read, never written."""

KINDS: Final[dict[str, dict[str, str]]] = {
    "openinference.span.kind": {
        "AGENT": "invoke_agent",
        "EMBEDDING": "embeddings",
        "LLM": "chat",
        "TOOL": "execute_tool",
    },
    "traceloop.span.kind": {
        "agent": "invoke_agent",
        "tool": "execute_tool",
    },
}
"""Attributes of other conventions that name the kind of a span, and which of their values is which operation.
"""

SENSITIVE_KEYS: Final[frozenset[str]] = frozenset(
    {
        "gen_ai.completion",
        "gen_ai.evaluation.explanation",
        "gen_ai.input.messages",
        "gen_ai.memory.query.text",
        "gen_ai.memory.records",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query.text",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
        "input.value",
        "output.value",
        "tcc.run.full_input",
        "tcc.run.full_output",
    }
)
"""Attributes that hold content: what people, models and tools said."""

CONTENT_PATTERNS: Final[tuple[str, ...]] = (
    "ai.prompt*",
    "ai.response.files",
    "ai.response.object",
    "ai.response.reasoning*",
    "ai.response.sources",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.result.*",
    "ai.schema",
    "ai.toolCall.args",
    "ai.toolCall.input",
    "ai.toolCall.output",
    "ai.toolCall.result",
    "ai.value",
    "ai.values",
    "all_messages_events",
    "embedding.embeddings*",
    "embedding.text",
    "events",
    "final_result",
    "gen_ai.completion",
    "gen_ai.completion.*",
    "gen_ai.evaluation.explanation",
    "gen_ai.event.content",
    "gen_ai.input.messages",
    "gen_ai.memory.query*",
    "gen_ai.memory.query.text",
    "gen_ai.memory.records",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.prompt.[0-9]*",
    "gen_ai.retrieval.documents",
    "gen_ai.retrieval.query*",
    "gen_ai.retrieval.query.text",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.tool.input",
    "gen_ai.tool.output",
    "input.value",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "llm.completions*",
    "llm.function_call",
    "llm.input_messages*",
    "llm.output_messages*",
    "llm.prompt_template.template",
    "llm.prompt_template.variables",
    "llm.prompts*",
    "llm.request.functions*",
    "llm.tools*",
    "logfire.msg",
    "mlflow.chat.*",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.traceInputs",
    "mlflow.traceOutputs",
    "model_request_parameters",
    "output.value",
    "pydantic_ai.all_messages",
    "request_data",
    "reranker.input_documents*",
    "reranker.output_documents*",
    "reranker.query",
    "response_data",
    "retrieval.documents*",
    "tcc.run.full_input",
    "tcc.run.full_output",
    "tool.parameters",
    "tool_arguments",
    "tool_call.function.arguments",
    "tool_response",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
"""Attributes that hold content in any convention, ours included; `*` stands for any text."""

MESSAGE_PATTERNS: Final[tuple[str, ...]] = (
    "ai.prompt*",
    "all_messages_events",
    "events",
    "gen_ai.completion",
    "gen_ai.event.content",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.retrieval.documents",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "llm.input_messages*",
    "llm.output_messages*",
    "llm.tools*",
    "mlflow.chat.*",
    "pydantic_ai.all_messages",
)
"""Those among them that hold messages, parts or tool definitions."""

FAILURE_KEYS: Final[frozenset[str]] = frozenset(
    {
        "error.message",
        "exception.message",
        "exception.stacktrace",
        "langfuse.observation.status_message",
        "otel.status_description",
        "tcc.status.message",
    }
)
"""Attributes that say what went wrong: status and exception messages, stack traces."""

IDENTITY_KEYS: Final[frozenset[str]] = frozenset(
    {
        "ai.model.id",
        "ai.model.provider",
        "ai.operationId",
        "ai.response.finishReason",
        "ai.response.id",
        "ai.response.model",
        "ai.toolCall.id",
        "ai.toolCall.name",
        "error.type",
        "exception.type",
        "gen_ai.agent.id",
        "gen_ai.agent.name",
        "gen_ai.agent.version",
        "gen_ai.conversation.id",
        "gen_ai.data_source.id",
        "gen_ai.memory.record.id",
        "gen_ai.memory.store.id",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.prompt.name",
        "gen_ai.prompt.version",
        "gen_ai.provider.name",
        "gen_ai.request.encoding_formats",
        "gen_ai.request.model",
        "gen_ai.request.previous_response.id",
        "gen_ai.request.reasoning.level",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.system",
        "gen_ai.tool.call.id",
        "gen_ai.tool.name",
        "gen_ai.tool.type",
        "gen_ai.workflow.name",
        "langfuse.observation.model.name",
        "langfuse.observation.type",
        "llm.model_name",
        "llm.provider",
        "llm.request.type",
        "llm.system",
        "mlflow.spanType",
        "mlflow.traceRequestId",
        "openinference.span.kind",
        "operation.name",
        "server.address",
        "session.id",
        "tcc.agent",
        "tcc.cost.price_version",
        "tcc.cost.source",
        "tcc.incomplete_reason",
        "tcc.orgId",
        "tcc.redacted",
        "tcc.runId",
        "tcc.sessionId",
        "tcc.status.code",
        "tcc.step.id",
        "tcc.step.name",
        "tcc.step.type",
        "tcc.truncated",
        "tcc.undeliverable_reason",
        "tcc.userId",
        "tool.name",
        "traceloop.entity.name",
        "traceloop.span.kind",
        "traceloop.workflow.name",
        "user.id",
    }
)
"""Attributes whose text says what a span is: ids, names and enums."""


class ErrorTypeValues:
    """Known values of `error.type`. Others are legal."""

    OTHER: Final = "_OTHER"
    """It failed, and no better word is known."""


class GenAiEvaluationNameValues:
    """Known values of `gen_ai.evaluation.name`. Others are legal."""

    USER_FEEDBACK: Final = "user_feedback"
    """What a person thought of a run; what our feedback is."""


class GenAiEvaluationScoreLabelValues:
    """Known values of `gen_ai.evaluation.score.label`. Others are legal."""

    THUMBS_DOWN: Final = "thumbs_down"
    """It was not good; the value is 0."""

    THUMBS_UP: Final = "thumbs_up"
    """It was good; the value is 1."""


class GenAiOperationNameValues:
    """Known values of `gen_ai.operation.name`. Others are legal."""

    CHAT: Final = "chat"
    """A conversation turn with a model; what our steps are."""

    CREATE_AGENT: Final = "create_agent"
    """An agent was set up."""

    CREATE_MEMORY: Final = "create_memory"
    """Records were added to a memory."""

    CREATE_MEMORY_STORE: Final = "create_memory_store"
    """A memory was set up."""

    DELETE_MEMORY: Final = "delete_memory"
    """Records were removed from a memory."""

    DELETE_MEMORY_STORE: Final = "delete_memory_store"
    """A memory was thrown away."""

    EMBEDDINGS: Final = "embeddings"
    """Text was turned into vectors."""

    EXECUTE_TOOL: Final = "execute_tool"
    """A tool or function ran; what our tool calls are."""

    GENERATE_CONTENT: Final = "generate_content"
    """A request for text, images or sound in any mix, as in the Gemini API."""

    INVOKE_AGENT: Final = "invoke_agent"
    """An agent worked on a task; what our runs are."""

    INVOKE_WORKFLOW: Final = "invoke_workflow"
    """A fixed sequence of agents and steps ran."""

    PLAN: Final = "plan"
    """An agent split its task into parts."""

    RETRIEVAL: Final = "retrieval"
    """Documents were looked up."""

    SEARCH_MEMORY: Final = "search_memory"
    """A memory was searched."""

    TEXT_COMPLETION: Final = "text_completion"
    """A prompt without roles was continued."""

    UPDATE_MEMORY: Final = "update_memory"
    """Records known to be in a memory were changed."""

    UPSERT_MEMORY: Final = "upsert_memory"
    """Records were added or changed, as the memory saw fit."""


class GenAiOutputTypeValues:
    """Known values of `gen_ai.output.type`. Others are legal."""

    IMAGE: Final = "image"
    """An image."""

    JSON: Final = "json"
    """JSON, with or without a schema."""

    SPEECH: Final = "speech"
    """Spoken words."""

    TEXT: Final = "text"
    """Plain text."""


class GenAiProviderNameValues:
    """Known values of `gen_ai.provider.name`. Others are legal."""

    ANTHROPIC: Final = "anthropic"
    """Anthropic."""

    AWS_BEDROCK: Final = "aws.bedrock"
    """Amazon Bedrock."""

    AZURE_AI_INFERENCE: Final = "azure.ai.inference"
    """Azure AI Inference."""

    AZURE_AI_OPENAI: Final = "azure.ai.openai"
    """OpenAI models on Azure."""

    COHERE: Final = "cohere"
    """Cohere."""

    DEEPSEEK: Final = "deepseek"
    """DeepSeek."""

    GCP_GEMINI: Final = "gcp.gemini"
    """Gemini through Google AI Studio."""

    GCP_GEN_AI: Final = "gcp.gen_ai"
    """Google, when it is not known through which of its services."""

    GCP_VERTEX_AI: Final = "gcp.vertex_ai"
    """Google Vertex AI."""

    GROQ: Final = "groq"
    """Groq."""

    IBM_WATSONX_AI: Final = "ibm.watsonx.ai"
    """IBM watsonx.ai."""

    MISTRAL_AI: Final = "mistral_ai"
    """Mistral AI."""

    MOONSHOT_AI: Final = "moonshot_ai"
    """Moonshot AI."""

    OPENAI: Final = "openai"
    """OpenAI."""

    PERPLEXITY: Final = "perplexity"
    """Perplexity."""

    X_AI: Final = "x_ai"
    """xAI."""


class GenAiResponseFinishReasonsValues:
    """Known values of `gen_ai.response.finish_reasons`. Others are legal."""

    COMPACTION: Final = "compaction"
    """The model stopped to shorten the conversation."""

    CONTENT_FILTER: Final = "content_filter"
    """The provider's filter stepped in."""

    ERROR: Final = "error"
    """Something failed while the model wrote."""

    LENGTH: Final = "length"
    """The most tokens allowed were written."""

    STOP: Final = "stop"
    """The model was done, or met a stop sequence."""

    TOOL_CALL: Final = "tool_call"
    """The model wants a tool's result first."""


class GenAiToolTypeValues:
    """Known values of `gen_ai.tool.type`. Others are legal."""

    DATASTORE: Final = "datastore"
    """Data that the agent can query."""

    EXTENSION: Final = "extension"
    """Something that runs on the provider's side."""

    FUNCTION: Final = "function"
    """Something that runs in the caller's program."""


class TccCostSourceValues:
    """Known values of `tcc.cost.source`. Others are legal."""

    CALCULATED: Final = "calculated"
    """Worked out from the tokens and a price table."""

    PROVIDED: Final = "provided"
    """Told by the caller."""


class TccIncompleteReasonValues:
    """Known values of `tcc.incomplete_reason`. Others are legal."""

    COLLECTED: Final = "collected"
    """The object was garbage-collected."""

    PROCESS_DIED: Final = "process_died"
    """The process died first."""

    SHUTDOWN: Final = "shutdown"
    """The program ended, or shut the pipeline down, first."""

    RUN_ENDED: Final = "run_ended"
    """Its run ended first."""

    TIMEOUT: Final = "timeout"
    """The run's timeout passed."""


class TccStatusCodeValues:
    """Known values of `tcc.status.code`. Others are legal."""

    SUCCESS: Final = 0
    """It did what it should."""

    PARTIAL_SUCCESS: Final = 1
    """It did some of what it should."""

    ERROR: Final = 2
    """It failed."""


class TccStepTypeValues:
    """Known values of `tcc.step.type`. Others are legal."""

    THINK: Final = "think"
    """It analyses and reasons."""

    ACT: Final = "act"
    """It decides and does."""

    OBSERVE: Final = "observe"
    """It collects data."""

    SYNTHESIZE: Final = "synthesize"
    """It puts together and summarises."""
