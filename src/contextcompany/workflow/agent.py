"""Agents: steps in the order in which they are written, and a client to ask."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakSet

from contextcompany import _decorators
from contextcompany._run import Run, current_run
from contextcompany.workflow import flow
from contextcompany.workflow.asking import client_of
from contextcompany.workflow.config import ModelConfig, StepType, ToolSelectionConfig
from contextcompany.workflow.context import AgentContext
from contextcompany.workflow.declared import run_of, steps_of, tools_of
from contextcompany.workflow.decorators import selection
from contextcompany.workflow.errors import StepError
from contextcompany.workflow.execution import execute
from contextcompany.workflow.tools import Tool, ToolConfig, scopes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from contextcompany.workflow.step import Step

__all__ = ["Agent"]


class Agent:
    """Methods that `@think`, `@act`, `@observe` and `@synthesize` decorate are its steps.

    `run` executes them in the order in which they are written, each with the result of the one before, and is recorded
    as a run; a subclass that defines a `run` of its own, or decorates a method with `@run`, decides itself, and calls
    its steps as methods. One run at a time: the context is the agent's.

    Args:
        client: Asks models: an OpenAI-compatible client, LiteLLM's `completion`, or a callable that takes `model`,
            `messages` and parameters and gives text or a chat completion. Asynchronous ones are for `arun`.
        default_model: The model of steps that name none: a name, a dictionary or a `ModelConfig`.
        tools: Functions, tools or `ToolConfig` that the model may choose, besides the methods that `@tool` decorates.
        tool_selection_config: How tools are chosen, in steps that do not say it.
        tool_confidence: Its `confidence_threshold`, for short.
        tool_model: The model that chooses tools; by default `default_model`.
        max_tools_per_step: The `max_tools_per_step` of `tool_selection_config`, for short.
        max_history_size: How many runs `context.conversation_history` holds; by default 10.
        name: What it is recorded as; by default the name of its class.
        **default_model_kwargs: Parameters for every request; those of a step's own model win.

    Raises:
        TypeError: the client, a model or a tool is of no kind that is taken.
        ValueError: options exclude each other, or a value is out of range.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = run_of(cls)
        if own is not None:
            cls.run = _whole(own)  # type: ignore[method-assign]  # whoever calls it has it recorded

    def __init__(
        self,
        client: Any,
        default_model: str | dict[str, Any] | ModelConfig,
        tools: Iterable[Callable[..., Any] | Tool | ToolConfig] | None = None,
        tool_selection_config: ToolSelectionConfig | None = None,
        tool_confidence: float | None = None,
        tool_model: str | dict[str, Any] | ModelConfig | None = None,
        max_tools_per_step: int | None = None,
        max_history_size: int | None = None,
        *,
        name: str | None = None,
        **default_model_kwargs: Any,
    ) -> None:
        self.client = client_of(client)
        self.name = name or type(self).__name__
        self.default_model = ModelConfig.of(default_model)
        self.default_parameters = default_model_kwargs
        chosen = selection(tool_selection_config, tool_confidence, max_tools_per_step, tool_model)
        self.tool_selection_config = chosen or ToolSelectionConfig()
        self.tool_model = self.default_model if tool_model is None else ModelConfig.of(tool_model)
        self.context = AgentContext()
        if max_history_size is not None:
            self.context.set_max_history_size(max_history_size)
        self._steps = steps_of(type(self))
        self._tools = {each.name: each for each in [*tools_of(self), *map(Tool.of, tools or ())]}
        self._decided: dict[str, Step] = {}
        self._runs: WeakSet[Run] = WeakSet()

    def run(self, input_data: Any, *, stream: bool | None = None) -> Any:
        """Run the steps, and record it.

        Args:
            input_data: What the first step gets.
            stream: Whether to give the last step's answer in pieces; None: as that step says.

        Returns:
            The last step's result; or an iterator of text, and the run ends when that has been read.

        Raises:
            StepError: a step failed, as `StepTimeoutError` or `StepValidationError` say. What a client raises goes on.
            TypeError: the client is asynchronous; that needs `arun`.
            ValueError: the last step is validated, and is to be streamed.
        """
        if self.client.is_async:
            raise TypeError("The client of this agent is asynchronous: use `await agent.arun(…)`.")
        return self._recorded(lambda: self._executed(input_data, flow.stream, flow.drive, stream=stream), input_data)

    async def arun(self, input_data: Any, *, stream: bool | None = None) -> Any:
        """As `run`, with what is asynchronous awaited. A client that is not is asked beside the event loop; functions
        that are not are called on it, unless their step has a `timeout`.

        Returns:
            The last step's result, or an asynchronous iterator of text.
        """

        def work() -> Any:
            return self._executed(input_data, flow.stream_async, flow.drive_async, stream=stream)

        if type(self).run is Agent.run or self._is_running():
            result = self._recorded(work, input_data)
        else:
            result = self.run(input_data) if stream is None else self.run(input_data, stream=stream)
        return await result if inspect.isawaitable(result) else result

    def execute(self, step: Step, /, *args: Any, **kwargs: Any) -> Any:
        """Execute a step that is none of its methods, as `Step.create` makes of a function, with these arguments.

        It is executed as a step that is a method is when that is called: outside of a run it is a run by itself. With
        an asynchronous client the result is to be awaited; that of a step that streams is an iterator of text, or an
        asynchronous one.
        """
        return self._execute(step, functools.partial(step.func, *args, **kwargs), (*args, *kwargs.values()))

    def get_step(self, name: str) -> Step | None:
        """A step by its name, with what was decided about tools when it was last executed; None when there is none."""
        return self._decided.get(name) or self._steps.get(name)

    def get_steps(self) -> dict[str, Step]:
        """The steps by name, in the order in which they are executed."""
        return {name: self._decided.get(name, step) for name, step in self._steps.items()}

    def get_tools(self, scope: str | StepType | None = None) -> list[Tool]:
        """The tools that steps of a type are offered; without one, all.

        Raises:
            ValueError: there is no such type.
        """
        of = None if scope is None else scopes_of([scope])
        return [each for each in self._tools.values() if of is None or of & each.scopes]

    def use_tool(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a tool by its name, recorded.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self._tools:
            raise ValueError(f"There is no tool {name!r}; there are {', '.join(self._tools) or 'none'}.")
        return self._tools[name](*args, **kwargs)

    @overload
    def register_tool(
        self,
        tool: Callable[..., Any] | Tool,
        *,
        name: str | None = None,
        description: str | None = None,
        scopes: str | Iterable[str | StepType] | None = None,
    ) -> Tool: ...
    @overload
    def register_tool(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        scopes: str | Iterable[str | StepType] | None = None,
    ) -> Callable[[Callable[..., Any]], Tool]: ...
    def register_tool(
        self,
        tool: Callable[..., Any] | Tool | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        scopes: str | Iterable[str | StepType] | None = None,
    ) -> Tool | Callable[[Callable[..., Any]], Tool]:
        """Offer one more tool, which is given back; without one this is a decorator. See `Tool.create`."""
        if tool is None:
            return functools.partial(self.register_tool, name=name, description=description, scopes=scopes)
        made = Tool.create(tool, name, description, scopes)
        self._tools[made.name] = made
        return made

    def reset_context(self) -> None:
        """Forget results and state; the history stays."""
        self.context.clear()

    # --- runs ------------------------------------------------------------------------------------------------------

    def _execute(self, step: Step, function: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        def work() -> Any:
            steps = execute(self, step, function, given, streams=step.stream)
            if self.client.is_async:
                return flow.stream_async(steps) if step.stream else flow.drive_async(steps)
            return flow.stream(steps) if step.stream else flow.drive(steps)

        return work() if current_run() is not None else self._recorded(work, next(iter(given), ""))

    def _is_running(self) -> bool:
        """Whether the current run is one of this agent: a `run` of one's own may call the inherited one."""
        return current_run() in self._runs

    def _recorded(self, work: Callable[[], Any], prompt: Any) -> Any:
        """Have work done in a run of its own, which lasts until what it gives has been awaited or read."""
        if self._is_running():
            return work()

        def run(prompt: Any) -> Any:  # noqa: ARG001 - recorded by its name
            run = current_run()
            if run is not None:
                self._runs.add(run)
            return work()

        return _decorators.agent(name=self.name)(run)(prompt)

    def _executed(
        self,
        input_data: Any,
        streamed: Callable[[flow.Flow], Iterator[str] | AsyncIterator[str]],
        driven: Callable[[flow.Flow], Any],
        *,
        stream: bool | None,
    ) -> Any:
        if not self._steps:
            raise StepError(
                f"{self.name} has no steps: decorate its methods with @think, @act, @observe or @synthesize."
            )
        self.context.set_input(input_data)
        enabled = [step for step in self._steps.values() if step.config.enabled]
        last = enabled[-1] if enabled else None
        streams = (last is not None and last.stream) if stream is None else stream
        if streams and last is not None:
            replace(last, stream=True)  # raises where that step cannot
        steps = self._in_order(enabled, input_data, streamed=last if streams else None)
        return streamed(steps) if streams else driven(steps)

    def _in_order(self, steps: list[Step], input_data: Any, *, streamed: Step | None) -> flow.Flow:
        passed, result = [input_data], None
        for step in steps:
            try:
                given = _arguments(step, passed)
                function = functools.partial(step.func, self, *given)
                result = yield from execute(self, step, function, given, streams=step is streamed)
            except Exception as error:
                if step.config.required:
                    raise
                self._passed_over(step, error)
                continue
            if result is not None and step.config.pass_result:
                passed.append(result)
                self.context.current_input = result
        return result

    def _passed_over(self, step: Step, error: Exception) -> None:
        run = current_run()
        if run is not None:
            run.status(1, f"Step '{step.name}' failed, which is not required: {error}")


def _arguments(step: Step, passed: list[Any]) -> tuple[Any, ...]:
    """The newest results that were passed on, the input last, as many as the function takes."""
    _, *parameters = inspect.signature(step.func).parameters.values()
    wanted = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    needed = [each for each in wanted if each.default is each.empty]
    if len(needed) > len(passed):
        raise StepError(
            f"Step '{step.name}' takes {len(needed)} values, and there are {len(passed)}: the input, and what the "
            "steps before it passed on."
        )
    return tuple(reversed(passed[-len(wanted) :])) if wanted else ()


def _whole(own: Callable[..., Any]) -> Callable[..., Any]:
    """A `run` of one's own, recorded as a run."""

    @functools.wraps(own)
    def run(self: Agent, *args: Any, **kwargs: Any) -> Any:
        given = next(iter((*args, *kwargs.values())), "")
        if not self._is_running():
            self.context.set_input(given)
        return self._recorded(functools.partial(own, self, *args, **kwargs), given)

    return run
