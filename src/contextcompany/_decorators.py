"""`@agent`, `@llm` and `@tool`: functions whose calls are runs, steps and tool calls."""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from contextcompany import _diagnostics
from contextcompany._context import Resumed
from contextcompany._run import Run
from contextcompany._step import Step
from contextcompany._streams import Items, Pieces
from contextcompany._tool_call import ToolCall

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from contextcompany._recording import Recording

__all__ = ["agent", "llm", "tool"]

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

_Args = tuple[Any, ...]
_Kwargs = dict[str, Any]

_NOTHING: Any = object()
"""Stands for a value that is not to be recorded, or not there."""

_RETURN = "return"
"""Stands in `ignore` for what the function returns, as it does in `__annotations__`."""


@overload
def agent(function: FunctionT, /) -> FunctionT: ...
@overload
def agent(
    *,
    name: str | None = None,
    prompt: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, object] | None = None,
    timeout: float | None = None,
) -> Callable[[FunctionT], FunctionT]: ...
def agent(
    function: FunctionT | None = None,
    /,
    *,
    name: str | None = None,
    prompt: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, object] | None = None,
    timeout: float | None = None,
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Record each call of a function as a run: its argument is the prompt, what it returns is the response.

    Takes functions, coroutine functions, generator functions, asynchronous ones, and methods of all kinds; what comes
    back has the same signature and is of the same kind. Inside the call the run is the current one. An exception ends
    it as an error and goes on. What the function tells `current_run()` itself wins.

    A generator's run lasts from the first item asked for to the last, and what is done with the items in between is not
    inside of it; text is joined. If it is left before its end, the run ends with status 1 (partial success).

    Args:
        function: The function, when the decorator is used bare.
        name: The agent's name; by default the function's.
        prompt: The parameter that is the prompt; by default the first one that is not `self` or `cls`.
        ignore: Parameters not to record, and `"return"` for what the function returns.
        to_text: Makes what is recorded out of an argument or a returned value, called with each. What it raises costs
            that value only.
        tags: As `Run` takes them.
        metadata: As `Run` takes it.
        timeout: As `Run` takes it.

    Raises:
        TypeError: It decorates what is no function, or a parameter that is named does not exist.
    """

    def decorate(function: FunctionT) -> FunctionT:
        signature = _Signature(function, prompt, ignore, to_text)

        def start(args: _Args, kwargs: _Kwargs) -> Run:
            run = Run(agent=name or signature.name, tags=tags, metadata=metadata, timeout=timeout)
            arguments = signature.arguments(args, kwargs)
            told = signature.prompt(arguments)
            if told is not _NOTHING:
                run.prompt(told, full_input=arguments if len(arguments) > 1 else None)
            return run

        return _recorded(function, signature, start, Items)

    return _applied(decorate, function)


@overload
def llm(function: FunctionT, /) -> FunctionT: ...
@overload
def llm(
    *,
    model: str | None = None,
    provider: str | None = None,
    prompt: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
) -> Callable[[FunctionT], FunctionT]: ...
def llm(
    function: FunctionT | None = None,
    /,
    *,
    model: str | None = None,
    provider: str | None = None,
    prompt: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Record each call of a function as a step: its argument is the prompt, what it returns is the response.

    As `agent`, with `current_step()` to tell more about it. The argument may be messages or a whole request, and the
    returned value a whole response, as `Step.prompt` and `Step.response` take them. What a generator yields – text, or
    the chunks of a common client library – is put together to the response, and the time until its first item is
    recorded.

    Args:
        function: The function, when the decorator is used bare.
        model: The model that is asked for, when it is always the same.
        provider: As `Step` takes it.
        prompt: The parameter that is the prompt; by default the first one that is not `self` or `cls`.
        ignore: Parameters not to record, and `"return"` for what the function returns.
        to_text: Makes what is recorded out of an argument or a returned value. What it raises costs that value only.

    Raises:
        TypeError: It decorates what is no function, or a parameter that is named does not exist.
    """

    def decorate(function: FunctionT) -> FunctionT:
        signature = _Signature(function, prompt, ignore, to_text)

        def start(args: _Args, kwargs: _Kwargs) -> Step:
            step = Step(model=model, provider=provider)
            told = signature.prompt(signature.arguments(args, kwargs))
            return step if told is _NOTHING else step.prompt(told)

        return _recorded(function, signature, start, Pieces)

    return _applied(decorate, function)


@overload
def tool(function: FunctionT, /) -> FunctionT: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
) -> Callable[[FunctionT], FunctionT]: ...
def tool(
    function: FunctionT | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    ignore: Collection[str] = (),
    to_text: Callable[[Any], object] | None = None,
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Record each call of a function as a tool call, with its arguments by name and what it returns.

    As `agent`, with `current_tool_call()` to tell more about it. What a generator yields is a list, or one text.

    Args:
        function: The function, when the decorator is used bare.
        name: The tool's name; by default the function's.
        description: What it does; by default the first paragraph of the function's docstring.
        ignore: Parameters not to record, and `"return"` for what the function returns.
        to_text: Makes what is recorded out of an argument or a returned value. What it raises costs that value only.

    Raises:
        TypeError: It decorates what is no function, or a parameter that is named does not exist.
    """

    def decorate(function: FunctionT) -> FunctionT:
        signature = _Signature(function, None, ignore, to_text)
        about = description or _summary(function)

        def start(args: _Args, kwargs: _Kwargs) -> ToolCall:
            call = ToolCall(tool_name=name or signature.name).args(signature.arguments(args, kwargs))
            return call.description(about) if about else call

        return _recorded(function, signature, start, Items)

    return _applied(decorate, function)


# --- what a decorator knows of its function --------------------------------------------------------------------------


class _Signature:
    """A function's name and parameters, and which of them are recorded, how."""

    def __init__(
        self,
        function: Callable[..., Any],
        prompt: str | None,
        ignore: Collection[str],
        to_text: Callable[[Any], object] | None,
    ) -> None:
        self.name = _name(function)
        self._ignore = frozenset([ignore] if isinstance(ignore, str) else ignore)
        self._to_text = to_text
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some functions written in C have none
            parameters = []
        self._parameters = {each.name: each for each in parameters}
        self._refuse_unknown({prompt, *self._ignore} - {None, _RETURN})
        self._skipped = 1 if parameters and parameters[0].name in ("self", "cls") else 0
        told = parameters[self._skipped :]
        self._positional = [each.name for each in told if each.kind in _POSITIONAL]
        self._rest = next((each.name for each in told if each.kind is inspect.Parameter.VAR_POSITIONAL), "args")
        first = told[0].name if told else ""
        self._prompt = first if prompt is None else prompt
        default = self._parameters[self._prompt].default if self._prompt in self._parameters else _NOTHING
        is_told = default is not inspect.Parameter.empty and self._prompt not in self._ignore
        self._default = default if is_told else _NOTHING

    def arguments(self, args: _Args, kwargs: _Kwargs) -> dict[str, Any]:
        """What is recorded of the arguments of a call, under the names of their parameters."""
        given = args[self._skipped :]
        named: dict[str, Any] = dict(zip(self._positional, given, strict=False))
        if len(given) > len(self._positional):
            named[self._rest] = list(given[len(self._positional) :])
        if kwargs:
            named.update(kwargs)
        if self._ignore:
            named = {name: value for name, value in named.items() if name not in self._ignore}
        if self._to_text is None:
            return named
        texts = {name: self._text(value) for name, value in named.items()}
        return {name: text for name, text in texts.items() if text is not _NOTHING}

    def prompt(self, arguments: dict[str, Any]) -> Any:
        """The one of these arguments that is the prompt, or the default it has."""
        if self._prompt in arguments:
            return arguments[self._prompt]
        return self._text(self._default)

    def returned(self, value: object) -> Any:
        """What is recorded of what the function returned or yielded."""
        return _NOTHING if _RETURN in self._ignore else self._text(value)

    def _text(self, value: Any) -> Any:
        if self._to_text is None or value is _NOTHING:
            return value
        try:
            return self._to_text(value)
        except Exception:  # noqa: BLE001 - the user's own code may raise anything
            _diagnostics.refuse("to_text", "a function that makes text of any value", value)
            return _NOTHING

    def _refuse_unknown(self, names: set[Any]) -> None:
        takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in self._parameters.values())
        unknown = names - self._parameters.keys()
        if unknown and self._parameters and not takes_any:
            raise TypeError(f"`{self.name}()` has no parameter {min(map(str, unknown))!r} to record or ignore.")


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _summary(function: Callable[..., Any]) -> str:
    """The first paragraph of the docstring."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())


# --- recording its calls ---------------------------------------------------------------------------------------------


def _applied(
    decorate: Callable[[FunctionT], FunctionT], function: FunctionT | None
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """The decorated function, or the decorator when there is none yet."""
    if function is None:
        return functools.partial(_applied, decorate)  # type: ignore[return-value]  # with a function it returns one
    method: Any = function
    if isinstance(method, (staticmethod, classmethod)):
        return type(method)(decorate(method.__func__))  # type: ignore[return-value, arg-type]  # of the same kind
    if not callable(method) or isinstance(method, type):
        raise TypeError(f"This decorates functions, got {function!r}.")
    return decorate(function)


_LEFT = "Not iterated to the end."


class _Call:
    """One call of a decorated function that is being recorded.

    As a context manager it is the function's body, which a generator leaves and enters again: its context, and the
    exception that ends it.
    """

    def __init__(self, signature: _Signature, recording: Recording[Any], collect: Callable[[], Items | Pieces]) -> None:
        self._signature = signature
        self._recording = recording
        self._collect = collect
        self._pieces: Items | Pieces | None = None
        self._body = Resumed(recording._current_context())  # noqa: SLF001 - our own
        self.end_of_iteration: type[Exception] | None = None
        """What ends the iteration of a generator, which is no error of it."""
        self.closing: BaseException | None = None
        """What was thrown at a `yield` because nobody goes on iterating."""

    def __enter__(self) -> None:
        self._body.__enter__()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._body.__exit__()
        if error is None or (self.end_of_iteration is not None and isinstance(error, self.end_of_iteration)):
            return
        if self.closing is not None and (error is self.closing or _is_cancelled(error)):
            self.abandoned()
            return
        self._answer(self._whole())
        self._recording._end_block(error)  # noqa: SLF001 - our own

    def yielded(self, item: object) -> None:
        """Take an item on its way to the consumer."""
        if self._pieces is None:
            self._recording._first_piece()  # noqa: SLF001 - our own
            self._pieces = self._collect()
        self._pieces.add(item)

    def returned(self, result: object) -> None:
        """End it with what the function returned."""
        if _is_pending(result):
            _diagnostics.warn(
                "pending",
                "What `%s()` returned is yet to be iterated or awaited, so it is not recorded. "
                "Return `current_step().stream(…)` of it, or make the function a generator.",
                self._signature.name,
            )
            result = None
        self._answer(result)
        self._recording._end_block(None)  # noqa: SLF001 - our own

    def finished(self, result: object) -> None:
        """End it with what was yielded, else with what the generator returned."""
        if self.closing is not None:
            self._recording._leave_partial(_LEFT)  # noqa: SLF001 - our own
        whole = self._whole()
        self.returned(result if whole is None else whole)

    def abandoned(self) -> None:
        """End what nobody goes on iterating, unless it has ended."""
        self._recording._leave_partial(_LEFT)  # noqa: SLF001 - our own
        self.returned(self._whole())

    def _whole(self) -> object:
        return None if self._pieces is None else self._pieces.whole()

    def _answer(self, value: object) -> None:
        if value is not None and (told := self._signature.returned(value)) is not _NOTHING:
            self._recording._answer(told)  # noqa: SLF001 - our own


def _is_pending(result: object) -> bool:
    """Whether it is something to be awaited or iterated that we cannot look into without taking it away."""
    kind = type(result)
    if kind is str or kind is dict or kind is list or result is None:
        return False
    try:
        return hasattr(kind, "__next__") or hasattr(kind, "__anext__") or hasattr(kind, "__await__")
    except Exception:  # noqa: BLE001 - a metaclass may raise anything
        return False


_Begin = Callable[[_Args, _Kwargs], _Call]
_Open = Callable[[_Args, _Kwargs], tuple[_Call, Any]]


def _recorded(
    function: FunctionT,
    signature: _Signature,
    start: Callable[[_Args, _Kwargs], Recording[Any]],
    collect: Callable[[], Items | Pieces],
) -> FunctionT:
    """The function, recorded: of the same kind as it is."""

    def begin(args: _Args, kwargs: _Kwargs) -> _Call:
        return _Call(signature, start(args, kwargs), collect)

    def begin_iterating(args: _Args, kwargs: _Kwargs) -> tuple[_Call, Any]:
        call = begin(args, kwargs)
        with call:
            return call, function(*args, **kwargs)

    body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else function.__call__  # type: ignore[operator]  # callable it is
    if inspect.iscoroutinefunction(body) or _is_awaitable_generator(body):
        recorded = _coroutine_function(begin, function)
    elif inspect.isgeneratorfunction(body):
        recorded = _generator_function(begin_iterating)
    elif inspect.isasyncgenfunction(body):
        recorded = _async_generator_function(begin_iterating)
    else:
        recorded = _plain_function(begin, function)
    return functools.wraps(function)(recorded)  # type: ignore[return-value]  # but for what `wraps` copies


def _is_awaitable_generator(body: Any) -> bool:
    """Whether it is a generator function that `types.coroutine` made a coroutine function."""
    code = getattr(body, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def _plain_function(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        with call:
            result = function(*args, **kwargs)
        if (going_on := _later(call, result)) is not None:
            return going_on
        call.returned(result)
        return result

    return recorded


def _coroutine_function(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        with call:
            result = await function(*args, **kwargs)
        if (going_on := _later(call, result)) is not None:
            return going_on
        call.returned(result)
        return result

    return recorded


def _generator_function(begin: _Open) -> Callable[..., Generator[Any, Any, Any]]:
    def recorded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call, generator = begin(args, kwargs)
        call.end_of_iteration = StopIteration
        thrown: BaseException | None = None
        try:
            with call:
                item = next(generator)
            while True:
                call.yielded(item)
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the body's to handle, below: not inside of this block
                    thrown = error
                if thrown is None:
                    with call:
                        item = generator.send(sent)
                else:
                    call.closing = thrown if isinstance(thrown, GeneratorExit) else None
                    with call:
                        item = generator.throw(thrown)
                    call.closing = thrown = None
        except StopIteration as stop:
            call.finished(stop.value)
            return stop.value
        finally:
            call.closing = thrown = None  # else the exception would hold itself

    return recorded


def _async_generator_function(begin: _Open) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def recorded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call, generator = begin(args, kwargs)
        call.end_of_iteration = StopAsyncIteration
        thrown: BaseException | None = None
        try:
            with call:
                item = await _first(generator)
            while True:
                call.yielded(item)
                try:
                    sent = yield item
                except BaseException as error:  # noqa: BLE001 - the body's to handle, below: not inside of this block
                    thrown = error
                if thrown is None:
                    with call:
                        item = await generator.asend(sent)
                else:
                    # asyncio throws a cancellation at a `yield` when it stops closing what nobody iterates.
                    call.closing = thrown if isinstance(thrown, GeneratorExit) or _is_cancelled(thrown) else None
                    with call:
                        item = await generator.athrow(thrown)
                    call.closing = thrown = None
        except StopAsyncIteration:
            call.finished(None)
        finally:
            call.closing = thrown = None  # else the exception would hold itself

    return recorded


def _first(generator: AsyncGenerator[Any, Any]) -> Any:
    """What gives the first item. Only the generator around this one is the event loop's to close, or both would be."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _is_cancelled(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


# --- what a function may return instead of a value -------------------------------------------------------------------


def _later(call: _Call, result: object) -> Any:
    """The generator or coroutine that a function returned, still recorded; `None` when it returned a value."""
    kind = type(result)
    going_on: Any
    if kind is GeneratorType:
        going_on = _generator_function(lambda *_: (call, result))()
    elif kind is AsyncGeneratorType:
        going_on = _async_generator_function(lambda *_: (call, result))()
    elif kind is CoroutineType:
        going_on = _awaited(call, result)
    else:
        return None
    # One that is closed before its start runs none of its code.
    weakref.finalize(going_on, _dropped, call, result).atexit = False
    return going_on


async def _awaited(call: _Call, coroutine: Any) -> Any:
    with call:
        result = await coroutine
    call.returned(result)
    return result


def _dropped(call: _Call, result: Any) -> None:
    if kind_close := getattr(result, "close", None):
        kind_close()
    call.abandoned()
