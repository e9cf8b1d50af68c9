"""`@think`, `@act`, `@observe` and `@synthesize`: methods of an agent that are its steps; `@run`: its own `run`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from contextcompany.workflow.config import TYPE_DEFAULTS, ModelConfig, StepConfig, StepType, ToolSelectionConfig
from contextcompany.workflow.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from contextcompany.workflow.agent import Agent

__all__ = ["StepDecorator", "StepMethod", "act", "is_run", "observe", "run", "step_decorator", "synthesize", "think"]


FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

_RUN: Final = "_is_run"


class StepMethod:
    """A method that is a step: on an agent, calling it executes the step; on the class, it is this."""

    def __init__(self, step: Step) -> None:
        self.step = step
        functools.update_wrapper(self, step.func)

    def __get__(self, instance: Agent | None, owner: type | None = None) -> Any:
        """Bound, it executes the step: `self.analyze(text)` in an agent's own `run`."""
        return self if instance is None else functools.partial(self._execute, instance)

    def _execute(self, agent: Agent, /, *args: Any, **kwargs: Any) -> Any:
        function = functools.partial(self.step.func, agent, *args, **kwargs)
        return agent._execute(self.step, function, (*args, *kwargs.values()))  # noqa: SLF001 - ours

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function alone."""
        return self.step.func(*args, **kwargs)


class StepDecorator(Protocol):
    """`@think` and the others: bare, or with keywords."""

    @overload
    def __call__(self, name: Callable[..., Any], /) -> StepMethod: ...
    @overload
    def __call__(
        self,
        name: str | None = None,
        *,
        model: str | dict[str, Any] | ModelConfig | None = None,
        description: str | None = None,
        send_to_llm: bool = True,
        stream: bool = False,
        json_output: bool = False,
        return_type: type[Any] | None = None,
        return_full_response: bool = False,
        use_tools: bool = True,
        tool_selection_config: ToolSelectionConfig | None = None,
        tool_confidence: float | None = None,
        tool_model: str | dict[str, Any] | ModelConfig | None = None,
        max_tools_per_step: int | None = None,
        step_config: StepConfig | None = None,
    ) -> Callable[[Callable[..., Any]], StepMethod]: ...


def step_decorator(step_type: StepType) -> StepDecorator:
    """A decorator for steps of a type."""

    def decorator(
        name: str | Callable[..., Any] | None = None,
        *,
        model: str | dict[str, Any] | ModelConfig | None = None,
        description: str | None = None,
        send_to_llm: bool = True,
        stream: bool = False,
        json_output: bool = False,
        return_type: type[Any] | None = None,
        return_full_response: bool = False,
        use_tools: bool = True,
        tool_selection_config: ToolSelectionConfig | None = None,
        tool_confidence: float | None = None,
        tool_model: str | dict[str, Any] | ModelConfig | None = None,
        max_tools_per_step: int | None = None,
        step_config: StepConfig | None = None,
    ) -> Any:
        if return_type is not None and not json_output:
            raise ValueError("`json_output` should be set to `True` when using `return_type`")

        def decorate(func: Callable[..., Any]) -> StepMethod:
            return StepMethod(
                Step.create(
                    func,
                    step_type,
                    name if isinstance(name, str) else None,
                    description,
                    None if model is None else _with_defaults(model, step_type),
                    send_to_llm,
                    stream,
                    json_output,
                    return_type,
                    return_full_response,
                    use_tools,
                    selection(tool_selection_config, tool_confidence, max_tools_per_step, tool_model),
                    None if tool_model is None else ModelConfig.of(tool_model),
                    step_config,
                )
            )

        return decorate(name) if callable(name) else decorate

    decorator.__name__ = step_type.name.lower()
    decorator.__doc__ = f"""Make a method of an agent a step of type {step_type.name}.

    Bare, or with keywords: those of `Step`, and for short

    Args:
        name: The step's name; by default the method's.
        model: A model's name, a dictionary or a `ModelConfig`. What it leaves open of {TYPE_DEFAULTS[step_type]}
            is set.
        tool_confidence: `ToolSelectionConfig.confidence_threshold`.
        max_tools_per_step: `ToolSelectionConfig.max_tools_per_step`.

    Raises:
        ValueError: options exclude each other.
    """
    return decorator


def selection(
    config: ToolSelectionConfig | None, confidence: float | None, max_tools: int | None, model: object = None
) -> ToolSelectionConfig | None:
    """How tools are chosen, said as a whole or in parts.

    Raises:
        ValueError: it is said as both.
    """
    parts = {"confidence_threshold": confidence, "max_tools_per_step": max_tools}
    said = {key: value for key, value in parts.items() if value is not None}
    if config is not None and (said or model is not None):
        raise ValueError(
            "Cannot specify both tool_selection_config and individual tool parameters "
            "(tool_confidence, tool_model, max_tools_per_step)"
        )
    return ToolSelectionConfig.create(**said) if said else config


def _with_defaults(model: str | dict[str, Any] | ModelConfig, step_type: StepType) -> ModelConfig:
    known = ModelConfig.of(model)
    return known.merge(**{**TYPE_DEFAULTS[step_type], **known.get_parameters()})


@overload
def run(func: FunctionT, /) -> FunctionT: ...
@overload
def run(*, description: str | None = None) -> Callable[[FunctionT], FunctionT]: ...
def run(func: Callable[..., Any] | None = None, *, description: str | None = None) -> Callable[..., Any]:
    """Make a method of an agent its `run`, whatever it is called. The description is for readers, as a docstring is."""
    if func is None:
        return functools.partial(run, description=description)
    vars(func)[_RUN] = True
    return func


def is_run(value: object) -> bool:
    """Whether `run` decorates it."""
    return _RUN in getattr(value, "__dict__", {})


think = step_decorator(StepType.THINK)
act = step_decorator(StepType.ACT)
observe = step_decorator(StepType.OBSERVE)
synthesize = step_decorator(StepType.SYNTHESIZE)
