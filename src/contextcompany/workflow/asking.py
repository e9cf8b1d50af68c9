"""How a model is asked, whosever client it is: a request, the call, and the text of what comes back."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["Client", "Request", "client_of", "is_stream", "piece_of", "text_of"]


class Request(NamedTuple):
    """What a model is asked."""

    model: str
    messages: list[dict[str, str]]
    parameters: dict[str, Any]
    """Further keywords for the client: `stream`, `temperature`, …"""

    def keywords(self) -> dict[str, Any]:
        """As OpenAI's client and LiteLLM's `completion` take it, and as a step of a run is told."""
        return {"model": self.model, "messages": self.messages, **self.parameters}


class Client(NamedTuple):
    """A function that asks a model."""

    ask: Callable[..., Any]
    is_async: bool
    """Whether its answers have to be awaited."""


def client_of(client: Any) -> Client:
    """What asks a model: an OpenAI-compatible client, LiteLLM's `completion` or `acompletion`, or a callable like them.

    Raises:
        TypeError: it is none of these.
    """
    completions = getattr(getattr(client, "chat", None), "completions", None)
    ask = getattr(completions, "create", None) or client
    if not callable(ask):
        raise TypeError(
            "`client` must be an OpenAI-compatible client, LiteLLM's `completion`, or a callable that takes `model` "
            f"and `messages`, got {type(client).__name__}."
        )
    return Client(ask, inspect.iscoroutinefunction(inspect.unwrap(ask)))


def text_of(answer: Any) -> str:
    """The text of a whole answer: text itself, or what the first choice of a chat completion says."""
    if isinstance(answer, str):
        return answer
    return _content(answer, "message")


def piece_of(chunk: Any) -> str:
    """The text of a piece of a streamed answer: text itself, or what the first choice of a chunk adds."""
    if isinstance(chunk, str):
        return chunk
    return _content(chunk, "delta")


def is_stream(answer: Any) -> bool:
    """Whether an answer comes in pieces. OpenAI's whole answers can be iterated too: over their fields."""
    if isinstance(answer, (str, dict)) or hasattr(answer, "choices"):
        return False
    return isinstance(answer, (Iterable, AsyncIterable))


def _content(answer: Any, of: str) -> str:
    choices = _at(answer, "choices") or [None]
    content = _at(_at(choices[0], of), "content")
    return content if isinstance(content, str) else ""


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
