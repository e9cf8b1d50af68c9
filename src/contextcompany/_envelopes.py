"""Knows what whole requests and responses say beside their messages: model, parameters, token counts, id.

The fields of one in, what they say out. Nothing here raises: what has another type than it should is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from contextcompany._data import Model, StepData, Tokens
from contextcompany._message_parts import SEQUENCES, view

if TYPE_CHECKING:
    from contextcompany._message_parts import Fields

__all__ = ["said_by_request", "said_by_response", "whole_response"]

_Path = tuple[str, ...]
"""Keys to follow from the outside in."""


def said_by_request(fields: Fields) -> StepData:
    """The model that was asked for and the parameters of the request."""
    parameters: dict[str, object] = {}
    for place in (fields, *(view(fields.get(key)) for key in _SETTINGS)):
        for key, value in list((place or {}).items()):
            name, path = _PARAMETERS.get(key, _NO_PARAMETER)
            if name and type(given := _at(value, path)) in _PARAMETER_TYPES:
                parameters.setdefault(name, list(given) if type(given) in SEQUENCES else given)
    kind = parameters.pop("output_type", None)
    if type(kind) is str and kind in _OUTPUT_TYPES:
        parameters["output_type"] = _OUTPUT_TYPES[kind]
    return StepData(model=Model(requested=_first_text(fields, _REQUESTED_MODEL)), parameters=parameters)


def whole_response(fields: Fields) -> Fields | None:
    """The whole response that the last event of a stream carries; None for anything else."""
    kind = fields.get("type")
    return view(fields.get(_LAST_EVENTS[kind])) if type(kind) is str and kind in _LAST_EVENTS else None


def said_by_response(fields: Fields) -> StepData | None:
    """The model that answered, the token counts and the provider's id of the response."""
    if _TELLING.isdisjoint(fields):
        return None
    usage = next((usage for path in _USAGE if (usage := view(_at(fields, path))) is not None), fields)
    # A message or an item of a response has an id too; the response's stands beside a model or a usage.
    ids = _RESPONSE_ID if "model" in fields or "usage" in fields else _RESPONSE_ID[1:]
    return StepData(
        model=Model(used=_first_text(fields, _USED_MODEL)),
        tokens=_tokens(usage),
        response_id=_first_text(fields, ids),
    )


# -- requests ----------------------------------------------------------------------------------------------------

_REQUESTED_MODEL: tuple[_Path, ...] = (("model",), ("modelId",))

_SETTINGS = ("config", "generationConfig", "generation_config", "inferenceConfig")
"""Where Gemini and Bedrock keep the parameters of a request; the others keep them beside the messages."""

_PARAMETERS: dict[str, tuple[str, _Path]] = {
    "temperature": ("temperature", ()),
    "top_p": ("top_p", ()),
    "topP": ("top_p", ()),
    "max_completion_tokens": ("max_tokens", ()),
    "max_tokens": ("max_tokens", ()),
    "max_output_tokens": ("max_tokens", ()),
    "maxOutputTokens": ("max_tokens", ()),
    "maxTokens": ("max_tokens", ()),
    "frequency_penalty": ("frequency_penalty", ()),
    "frequencyPenalty": ("frequency_penalty", ()),
    "presence_penalty": ("presence_penalty", ()),
    "presencePenalty": ("presence_penalty", ()),
    "seed": ("seed", ()),
    "n": ("choice_count", ()),
    "candidate_count": ("choice_count", ()),
    "candidateCount": ("choice_count", ()),
    "stop": ("stop_sequences", ()),
    "stop_sequences": ("stop_sequences", ()),
    "stopSequences": ("stop_sequences", ()),
    "stream": ("stream", ()),
    "response_format": ("output_type", ("type",)),
    "text": ("output_type", ("format", "type")),
    "response_mime_type": ("output_type", ()),
    "responseMimeType": ("output_type", ()),
    "reasoning_effort": ("reasoning_level", ()),
    "reasoning": ("reasoning_level", ("effort",)),
    "output_config": ("reasoning_level", ("effort",)),
    "previous_response_id": ("previous_response_id", ()),
}
"""What OpenAI, Anthropic, Gemini and Bedrock call a parameter → its name in `Step.parameters`, and where in it."""

_NO_PARAMETER: tuple[str, _Path] = ("", ())

_PARAMETER_TYPES = frozenset({bool, int, float, str, list, tuple})
"""Of anything else we do not know what it says: OpenAI's `NOT_GIVEN`, a class for `response_format`."""

_OUTPUT_TYPES = {
    "text": "text",
    "text/plain": "text",
    "json_object": "json",
    "json_schema": "json",
    "application/json": "json",
}


# -- responses ---------------------------------------------------------------------------------------------------

_LAST_EVENTS = {
    "response.completed": "response",
    "response.incomplete": "response",
    "response.failed": "response",
    "message_stop": "message",
}
"""The last events of streams, OpenAI's Responses' and Anthropic's, and where in them the response is."""

_USED_MODEL: tuple[_Path, ...] = (
    ("model",),
    ("modelVersion",),
    ("model_version",),
    ("response_metadata", "model_name"),
    ("response_metadata", "model"),
    ("llm_output", "model_name"),
)
_RESPONSE_ID: tuple[_Path, ...] = (
    ("id",),
    ("responseId",),
    ("response_id",),
    ("response_metadata", "id"),
    ("llm_output", "id"),
)
_USAGE: tuple[_Path, ...] = (
    ("usage",),
    ("usage_metadata",),
    ("usageMetadata",),
    ("response_metadata", "token_usage"),
    ("response_metadata", "usage"),
    ("llm_output", "token_usage"),
)
"""Where these are: OpenAI and Anthropic, Gemini, LangChain's messages and results. Ollama's usage has no place."""

_TELLING = frozenset(path[0] for path in (*_USED_MODEL, *_USAGE, *_RESPONSE_ID[1:]))


class _Counts(NamedTuple):
    """How one kind of usage counts: it is known by the first key; counts of the input and output are added up."""

    known_by: str
    input: tuple[_Path, ...]
    cached: tuple[_Path, ...]
    cache_write: tuple[_Path, ...]
    output: tuple[_Path, ...]
    reasoning: tuple[_Path, ...]
    cache_is_in_input: bool = True


_USAGES = (
    # OpenAI's chat completions and what speaks like them: LiteLLM, OpenRouter, DeepSeek.
    _Counts(
        known_by="prompt_tokens",
        input=(("prompt_tokens",),),
        cached=(
            ("prompt_tokens_details", "cached_tokens"),
            ("prompt_cache_hit_tokens",),
            ("cache_read_input_tokens",),
        ),
        cache_write=(
            ("prompt_tokens_details", "cache_write_tokens"),
            ("prompt_tokens_details", "cache_creation_tokens"),
            ("cache_creation_input_tokens",),
        ),
        output=(("completion_tokens",),),
        reasoning=(("completion_tokens_details", "reasoning_tokens"),),
    ),
    # OpenAI's Responses.
    _Counts(
        known_by="input_tokens_details",
        input=(("input_tokens",),),
        cached=(("input_tokens_details", "cached_tokens"),),
        cache_write=(("input_tokens_details", "cache_write_tokens"),),
        output=(("output_tokens",),),
        reasoning=(("output_tokens_details", "reasoning_tokens"),),
    ),
    # LangChain's messages.
    _Counts(
        known_by="input_token_details",
        input=(("input_tokens",),),
        cached=(("input_token_details", "cache_read"),),
        cache_write=(("input_token_details", "cache_creation"),),
        output=(("output_tokens",),),
        reasoning=(("output_token_details", "reasoning"),),
    ),
    # Anthropic; and the two above when they tell no details.
    _Counts(
        known_by="input_tokens",
        input=(("input_tokens",),),
        cached=(("cache_read_input_tokens",),),
        cache_write=(("cache_creation_input_tokens",),),
        output=(("output_tokens",),),
        reasoning=(
            ("output_tokens_details", "thinking_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
            ("output_token_details", "reasoning"),
        ),
        cache_is_in_input=False,
    ),
    # Gemini, in Python and in JSON. Thoughts are no part of the candidates, nor are results of its tools of the prompt.
    _Counts(
        known_by="prompt_token_count",
        input=(("prompt_token_count",), ("tool_use_prompt_token_count",)),
        cached=(("cached_content_token_count",),),
        cache_write=(),
        output=(("candidates_token_count",), ("thoughts_token_count",)),
        reasoning=(("thoughts_token_count",),),
    ),
    _Counts(
        known_by="promptTokenCount",
        input=(("promptTokenCount",), ("toolUsePromptTokenCount",)),
        cached=(("cachedContentTokenCount",),),
        cache_write=(),
        output=(("candidatesTokenCount",), ("thoughtsTokenCount",)),
        reasoning=(("thoughtsTokenCount",),),
    ),
    # Bedrock's Converse.
    _Counts(
        known_by="inputTokens",
        input=(("inputTokens",),),
        cached=(("cacheReadInputTokens",),),
        cache_write=(("cacheWriteInputTokens",),),
        output=(("outputTokens",),),
        reasoning=(),
        cache_is_in_input=False,
    ),
    # Ollama.
    _Counts(
        known_by="eval_count",
        input=(("prompt_eval_count",),),
        cached=(),
        cache_write=(),
        output=(("eval_count",),),
        reasoning=(),
    ),
)


def _tokens(usage: Fields) -> Tokens:
    counts = next((counts for counts in _USAGES if usage.get(counts.known_by) is not None), None)
    if counts is None:
        return Tokens()
    whole = _sum(usage, counts.input)
    cached, cache_write = _first_count(usage, counts.cached), _first_count(usage, counts.cache_write)
    in_caches = (cached or 0) + (cache_write or 0)
    # Some gateways pass Anthropic's counts on under OpenAI's names: what is more than the whole is no part of it.
    if whole is not None and counts.cache_is_in_input and in_caches <= whole:
        whole -= in_caches
    return Tokens(whole, cached, cache_write, _sum(usage, counts.output), _first_count(usage, counts.reasoning))


def _sum(usage: Fields, paths: tuple[_Path, ...]) -> int | None:
    known = [count for path in paths if (count := _count(_at(usage, path))) is not None]
    return sum(known) if known else None


def _first_count(usage: Fields, paths: tuple[_Path, ...]) -> int | None:
    return next((count for path in paths if (count := _count(_at(usage, path))) is not None), None)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _TOO_MANY else None


_TOO_MANY = 2**63
"""Counts are 64-bit integers on the wire."""


# -- fields ------------------------------------------------------------------------------------------------------


def _at(value: Any, path: _Path) -> Any:
    for key in path:
        fields = view(value)
        if fields is None:
            return None
        value = fields.get(key)
    return value


def _first_text(fields: Fields, paths: tuple[_Path, ...]) -> str | None:
    values = (_at(fields, path) for path in paths)
    return next((value for value in values if type(value) is str and value), None)
