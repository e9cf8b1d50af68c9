"""Signatures and types survive decoration: checked by mypy and never run."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, Protocol

from typing_extensions import assert_type, reveal_type

import contextcompany as tcc


class Support(Protocol):
    """The signature of `support`."""

    def __call__(self, question: str, *, limit: int = 3) -> str: ...


@tcc.agent
def support(question: str, *, limit: int = 3) -> str:
    return question * limit


exact: Support = support
reveal_type(support)  # def (question: str, *, limit: int = 3) -> str
assert_type(support("q", limit=2), str)
support(3)  # type: ignore[arg-type]
support("q", limt=2)  # type: ignore[call-arg]


@tcc.llm(model="gpt-4o", prompt="messages", ignore=["return"], to_text=str)
async def ask(messages: list[str]) -> dict[str, int]:
    return {}


reveal_type(ask)  # def (messages: list[str]) -> Coroutine[Any, Any, dict[str, int]]


@tcc.llm
def stream(question: str) -> Generator[str, int, bool]:
    got = yield question
    return got > 1


reveal_type(stream)  # def (question: str) -> Generator[str, int, bool]


@tcc.agent(name="a", tags=["t"], metadata={"a": 1}, timeout=3)
async def stream_later(question: str) -> AsyncIterator[str]:
    yield question


reveal_type(stream_later)  # def (question: str) -> AsyncIterator[str]


class Tools:
    """Methods of all kinds."""

    @tcc.tool
    def plain(self, query: str) -> int:
        return len(query)

    @tcc.tool(name="t", description="d")
    def named(self, query: str) -> int:
        return len(query)

    @staticmethod
    @tcc.tool
    def fixed(query: str) -> int:
        return len(query)


reveal_type(Tools().plain)  # def (query: str) -> int
reveal_type(Tools().named)  # def (query: str) -> int
reveal_type(Tools.fixed)  # def (query: str) -> int

decorator: Callable[[Support], Support] = tcc.agent(name="x")
tcc.agent(nam="x")  # type: ignore[call-overload]


def iterate(s: tcc.Step, words: list[str], later: AsyncIterator[bytes]) -> None:
    """Streams keep the type of their chunks."""
    assert_type(s.stream(words), Iterator[str])
    assert_type(s.stream(later), AsyncIterator[bytes])
    assert_type(s.first_token(), tcc.Step)
    assert_type(tcc.current_tool_call(), tcc.ToolCall | None)


def attributes(**more: Any) -> None:
    """Blocks of attributes."""
    with tcc.attributes(session_id="s", user_id="u", org_id="o", metadata={"a": 1}) as block:
        assert_type(block, tcc.attributes)
    tcc.attributes(sesion_id="s")  # type: ignore[call-arg]
