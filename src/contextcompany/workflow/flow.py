"""One flow for two worlds: what a step does is a generator that asks for calls, which are made here, awaited or not."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from opentelemetry.context import get_current

from contextcompany._context import Resumed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

__all__ = [
    "END",
    "Call",
    "Flow",
    "NeedsAwaitError",
    "Piece",
    "TooLongError",
    "drive",
    "drive_async",
    "next_of",
    "stream",
    "stream_async",
]


class Call(NamedTuple):
    """Have a function called; what it returns, awaited, is what the flow goes on with, and what it raises is raised."""

    function: Callable[[], Any]
    timeout: float | None = None
    """Seconds; `TooLongError` is raised when it takes longer. What cannot be awaited goes on, on its thread."""
    blocks: bool = False
    """Whether it is to be called on another thread where others wait for this one."""


class Piece(NamedTuple):
    """Give a piece of text to who reads the result as it comes."""

    text: str


class TooLongError(TimeoutError):
    """A call took longer than its time; what the function raises by itself is never this."""


class NeedsAwaitError(TypeError):
    """What was called has to be awaited, and nobody here can."""


Flow: TypeAlias = "Generator[Call | Piece, Any, Any]"

END: Final = object()
"""What `next_of` gives when there is no more."""


def next_of(iterator: Any, *, is_async: bool) -> Any:
    """The next item, or an awaitable of it; `is_async` decides for what can be iterated both ways."""
    if hasattr(iterator, "__anext__") and (is_async or not hasattr(iterator, "__next__")):
        return anext(iterator, END)
    return next(iterator, END)


def drive(flow: Flow) -> Any:
    """Make the calls of a flow, and return what it returns. Pieces go nowhere."""
    steps = _Steps(flow)
    while (effect := steps.next()) is not None:
        if isinstance(effect, Call):
            steps.answer(partial(_called, effect))
    return steps.result


def stream(flow: Flow) -> Iterator[str]:
    """Make the calls of a flow, and give its pieces as they come; without any, what it returns is the only one."""
    steps, body = _Steps(flow), Resumed(get_current())
    try:
        while True:
            with body:
                effect = steps.next()
                if isinstance(effect, Call):
                    steps.answer(partial(_called, effect))
            if effect is None:
                yield from steps.left()
                return
            if isinstance(effect, Piece):
                yield effect.text
    finally:
        with body:
            flow.close()


async def drive_async(flow: Flow) -> Any:
    """As `drive`, awaiting what can be awaited."""
    steps = _Steps(flow)
    while (effect := steps.next()) is not None:
        if isinstance(effect, Call):
            await steps.answer_async(effect)
    return steps.result


async def stream_async(flow: Flow) -> AsyncIterator[str]:
    """As `stream`, awaiting what can be awaited."""
    steps, body = _Steps(flow), Resumed(get_current())
    try:
        while True:
            with body:
                effect = steps.next()
                if isinstance(effect, Call):
                    await steps.answer_async(effect)
            if effect is None:
                for text in steps.left():
                    yield text
                return
            if isinstance(effect, Piece):
                yield effect.text
    finally:
        with body:
            flow.close()


class _Steps:
    """A flow, and what it is to go on with."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._answer: Any = None
        self._error: BaseException | None = None
        self._has_pieces = False
        self.result: Any = None

    def next(self) -> Call | Piece | None:
        """What it asks for next; None when it has returned."""
        answer, error = self._answer, self._error
        self._answer = self._error = None
        try:
            effect = self._flow.send(answer) if error is None else self._flow.throw(error)
        except StopIteration as done:
            self.result = done.value
            return None
        self._has_pieces |= isinstance(effect, Piece)
        return effect

    def left(self) -> Iterator[str]:
        """What it returned, as text, unless it gave that in pieces."""
        if not self._has_pieces and self.result is not None:
            yield self.result if isinstance(self.result, str) else str(self.result)

    def answer(self, function: Callable[[], Any]) -> None:
        try:
            self._answer = function()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the call was asked for
            self._error = error

    async def answer_async(self, effect: Call) -> None:
        try:
            self._answer = await _awaited(effect)
        except BaseException as error:  # noqa: BLE001 - likewise
            self._error = error


def _called(effect: Call) -> Any:
    if effect.timeout is None:
        return _plain(effect.function())
    done: list[Callable[[], Any]] = []
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: done.append(_outcome(context, effect.function)), daemon=True)
    thread.start()
    thread.join(effect.timeout)
    if not done:
        raise TooLongError
    return _plain(done[0]())


def _outcome(context: contextvars.Context, function: Callable[[], Any]) -> Callable[[], Any]:
    """What gives, on another thread, what the function gave on this one: its answer, or its exception."""
    try:
        answer = context.run(function)
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        return partial(_raise, error)
    return lambda: answer


def _raise(error: BaseException) -> None:
    raise error


def _plain(answer: Any) -> Any:
    if inspect.isawaitable(answer):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise NeedsAwaitError("A function or client of this agent is asynchronous: use `await agent.arun(…)`.")
    return answer


async def _awaited(effect: Call) -> Any:
    try:
        outcome = await asyncio.wait_for(_settled(effect), effect.timeout)
    except asyncio.TimeoutError as error:
        raise TooLongError from error
    return outcome()


async def _settled(effect: Call) -> Callable[[], Any]:
    """What gives the answer, or raises the function's own time-out, which is not that of the call."""
    try:
        answer = await asyncio.to_thread(effect.function) if effect.blocks else effect.function()
        answer = await answer if inspect.isawaitable(answer) else answer
    except asyncio.TimeoutError as error:
        return partial(_raise, error)
    return lambda: answer
