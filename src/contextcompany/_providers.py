"""Which provider a model name tells of, and what providers are called elsewhere."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["ALIASES", "MAKERS", "PRICE_LISTS", "is_local", "is_name", "provider_before_slash", "provider_of"]

_REMEMBERED = 512
"""So many model names are looked at once."""

_MAX_NAME = 256
"""What is longer is no model's or provider's name; it is neither looked up nor remembered."""

PRICE_LISTS = {
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "groq": "groq",
    "ibm.watsonx.ai": None,
    "lm_studio": None,
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "ollama": None,
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vllm": None,
    "x_ai": "x-ai",
}
"""GenAI provider name → genai-prices' provider id.

`None`: there is no price, and another provider's would be wrong. watsonx's list is not in genai-prices; the
others run on the user's own machine.
"""

MAKERS = frozenset({"anthropic", "cohere", "deepseek", "mistral_ai", "moonshot_ai", "openai", "x_ai"})
"""These sell only models of their own, so only for these another provider's price can be right.

If one of them seems to sell another's model (`openai` with `claude-…`), its name is that of the client
library or the protocol, and a gateway or the maker's compatible endpoint answered: the model says who sells
it. Hosts (Bedrock, Azure, Google, Groq, …) set their own prices for others' models; what is not on their list
is unknown.
"""

ALIASES = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "hosted_vllm": "vllm",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "models": "gcp.gemini",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "ollama_chat": "ollama",
    "projects": "gcp.vertex_ai",
    "publishers": "gcp.vertex_ai",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "x-ai": "x_ai",
    "xai": "x_ai",
}
"""What LiteLLM, OpenRouter and Google's resource names put before a slash → GenAI provider name."""

_MODEL_PREFIXES = {
    "anthropic": ("claude",),
    "cohere": ("command-", "c4ai-", "embed-english-", "embed-multilingual-", "embed-v4"),
    "deepseek": ("deepseek-",),
    "gcp.gemini": ("gemini-",),
    "mistral_ai": (
        *("mistral-", "mixtral-", "codestral-", "ministral-", "magistral-", "pixtral-", "devstral-"),
        *("voxtral-", "open-mistral-", "open-mixtral-"),
    ),
    "moonshot_ai": ("kimi-", "moonshot-"),
    "openai": (
        *("gpt-", "chatgpt-", "o1-", "o3-", "o4-", "codex-", "text-embedding-3-", "text-embedding-ada-"),
        *("dall-e-", "tts-1-", "whisper-1-"),
    ),
    "perplexity": ("sonar-",),
    "x_ai": ("grok-",),
}
"""GenAI provider name → how the names of its models begin, once a dash is put behind them (`o1` is `o1-`)."""

_BEDROCK_VENDORS = frozenset(
    ("ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen", "writer")
)
"""Bedrock's model ids are `vendor.model` or `region.vendor.model`."""


def provider_of(model: str) -> str | None:
    """The GenAI name of the provider that `model` names or that makes it; `None` if that is unsure.

    What stands before a slash (`groq/llama-3.3-70b`) is believed. Models that run anywhere have no provider.
    """
    return _guess(model) if is_name(model) else None


@lru_cache(maxsize=_REMEMBERED)
def _guess(model: str) -> str | None:
    name = model.strip().lower()
    if "/" in name:
        return provider_before_slash(name)
    if not _BEDROCK_VENDORS.isdisjoint(name.split(".")[:-1][:2]):
        return "aws.bedrock"
    if is_local(name) or name.startswith("gpt-oss"):
        return None
    name = name.removeprefix("ft:") + "-"
    return next((provider for provider, starts in _MODEL_PREFIXES.items() if name.startswith(starts)), None)


def provider_before_slash(name: str) -> str | None:
    """The provider before the slash in `provider/model`, if there is a slash and we know the provider."""
    head, slash, _ = name.partition("/")
    if head.startswith("arn:aws"):
        return "aws.bedrock"
    known = ALIASES.get(head, head)
    return known if slash and known in PRICE_LISTS else None


def is_local(name: str) -> bool:
    """Whether this is how Ollama writes an open model and its size, as in `deepseek-r1:8b`."""
    return ":" in name and not name.startswith("ft:")


def is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME
