"""ClientAI's agents, recorded: an OpenTelemetry instrumentor for the package `clientai`, in the shape of `workflow`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.instrumentation.utils import unwrap

from contextcompany import _decorators
from contextcompany._step import Step, current_step
from contextcompany._tool_call import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Wrapped = Callable[..., Any]
    Arguments = tuple[Any, ...]
    Keywords = dict[str, Any]

__all__ = ["ClientAIInstrumentor"]


class _Doing(NamedTuple):
    """What an agent is doing."""

    name: str
    step_type: str
    chosen_by: list[Step]
    """The step in which the model chose tools, when it has."""


_doing: ContextVar[_Doing | None] = ContextVar("contextcompany_clientai_doing", default=None)


class ClientAIInstrumentor(BaseInstrumentor):
    """Records runs, steps and tool calls of ClientAI's agents, and its clients' calls in any run as steps.

    `contextcompany.instrument("clientai")` switches it on. ClientAI gives text alone; tokens and cost are known when
    the instrumentor of the provider's client is on too, as with `contextcompany[openai]`. An answer that it finds not
    valid is an error of the run, and none of the step, which was over by then.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """What it is for."""
        return ("clientai >= 0.5",)

    def _instrument(self, **_: Any) -> None:
        for module, name, wrapper in _WRAPPERS:
            wrapt.wrap_function_wrapper(module, name, wrapper)

    def _uninstrument(self, **_: Any) -> None:
        for module, name, _wrapper in _WRAPPERS:
            owner, _dot, method = name.partition(".")
            unwrap(f"{module}.{owner}", method)


def _run(wrapped: Wrapped, agent: Any, args: Arguments, kwargs: Keywords) -> Any:
    def run(input_data: Any) -> Any:  # noqa: ARG001 - recorded by its name
        return wrapped(*args, **kwargs)

    given = args[0] if args else kwargs.get("input_data")
    return _decorators.agent(name=type(agent).__name__)(run)(given)


def _execute_step(wrapped: Wrapped, _: Any, args: Arguments, kwargs: Keywords) -> Any:
    step = args[0] if args else kwargs["step"]
    token = _doing.set(_Doing(step.name, step.step_type.name.lower(), []))
    try:
        if step.send_to_llm or not step.config.enabled:
            return wrapped(*args, **kwargs)
        with ToolCall(tool_name=step.name) as call:
            given = [*args[1:], *(value for key, value in kwargs.items() if key not in {"step", "stream"})]
            call.declared(step.name, step.step_type.name.lower()).args(given[0] if len(given) == 1 else given)
            if step.description:
                call.description(step.description)
            result = wrapped(*args, **kwargs)
            call.result(result)
            return result
    finally:
        _doing.reset(token)


def _select_tools(wrapped: Wrapped, _: Any, args: Arguments, kwargs: Keywords) -> Any:
    doing = _doing.get()
    token = _doing.set(doing and doing._replace(name=f"{doing.name}_tools"))
    try:
        return wrapped(*args, **kwargs)
    finally:
        _doing.reset(token)


def _call_tool(wrapped: Wrapped, tool: Any, args: Arguments, kwargs: Keywords) -> Any:
    doing = _doing.get()
    if doing is None or not doing.chosen_by:
        return _decorators.tool(name=tool.name, description=tool.description)(tool.func)(*args, **kwargs)
    with doing.chosen_by[-1].tool_call(tool.name) as call:
        call.args(kwargs or args).description(tool.description)
        result = wrapped(*args, **kwargs)
        call.result(result)
        return result


def _generate_text(wrapped: Wrapped, _: Any, args: Arguments, kwargs: Keywords) -> Any:
    prompt, rest = _first("prompt", args, kwargs)
    return _asked([{"role": "user", "content": prompt}], rest, lambda: wrapped(*args, **kwargs))


def _chat(wrapped: Wrapped, _: Any, args: Arguments, kwargs: Keywords) -> Any:
    messages, rest = _first("messages", args, kwargs)
    return _asked(messages, rest, lambda: wrapped(*args, **kwargs))


def _first(name: str, args: Arguments, kwargs: Keywords) -> tuple[Any, Keywords]:
    """The first argument, and the others by name."""
    names = (name, "model", "system_prompt", "temperature", "top_p")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return given.pop(name, None), given


def _asked(messages: Any, given: Keywords, ask: Callable[[], Any]) -> Any:
    """Have a model asked, as a step of the run; a stream's lasts until it has been read."""
    system = given.pop("system_prompt", None)
    as_json = given.pop("json_output", False)
    parameters = {key: value for key, value in given.items() if value is not None and key not in _NO_PARAMETERS}
    if as_json:
        parameters["response_format"] = {"type": "json_object"}
    told = [{"role": "system", "content": system}, *messages] if system else messages

    def request(prompt: Any) -> Any:  # noqa: ARG001 - recorded by its name
        step, doing = current_step(), _doing.get()
        if step is not None and doing is not None:
            step.declared(doing.name, doing.step_type)
            doing.chosen_by.append(step)
        return ask()

    return _decorators.llm(model=given.get("model"))(request)({"messages": told, **parameters})


_NO_PARAMETERS = frozenset({"stream", "return_full_response"})

_WRAPPERS: tuple[tuple[str, str, Any], ...] = (
    ("clientai.agent.core.agent", "Agent.run", _run),
    ("clientai.agent.core.execution", "StepExecutionEngine.execute_step", _execute_step),
    ("clientai.agent.tools.selection.selector", "ToolSelector.select_tools", _select_tools),
    ("clientai.agent.tools.base", "Tool.__call__", _call_tool),
    ("clientai.client_ai", "ClientAI.generate_text", _generate_text),
    ("clientai.client_ai", "ClientAI.chat", _chat),
)
