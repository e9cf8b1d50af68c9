"""`create_agent`: an agent of one step, without a class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contextcompany.workflow.agent import Agent
from contextcompany.workflow.config import StepType
from contextcompany.workflow.decorators import step_decorator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from contextcompany.workflow.config import ToolSelectionConfig
    from contextcompany.workflow.tools import Tool, ToolConfig

__all__ = ["create_agent"]


def create_agent(
    client: Any,
    role: str,
    system_prompt: str,
    model: str,
    step: str = "act",
    temperature: float | None = None,
    top_p: float | None = None,
    stream: bool = False,
    json_output: bool = False,
    return_type: type[Any] | None = None,
    return_full_response: bool = False,
    tools: Iterable[Callable[..., Any] | Tool | ToolConfig] | None = None,
    tool_selection_config: ToolSelectionConfig | None = None,
    tool_confidence: float | None = None,
    tool_model: str | None = None,
    max_tools_per_step: int | None = None,
    **model_kwargs: Any,
) -> Agent:
    """An agent of one step, which sends its input to the model.

    Args:
        client: As `Agent` takes it.
        role: The agent's name.
        system_prompt: What the model is told first.
        model: The model's name.
        step: The step's type: think, act, observe or synthesize; another identifier is of type act.
        temperature: From 0 to 2; by default that of the type.
        top_p: From 0 to 1; by default that of the type.
        stream: As in `Step`.
        json_output: As in `Step`.
        return_type: As in `Step`.
        return_full_response: As in `Step`.
        tools: As `Agent` takes them.
        tool_selection_config: As `Agent` takes it.
        tool_confidence: As `Agent` takes it.
        tool_model: As `Agent` takes it.
        max_tools_per_step: As `Agent` takes it.
        **model_kwargs: Further parameters for the model.

    Raises:
        ValueError: the role or the prompt is empty, options exclude each other, or a value is out of range.
    """
    for what, value in (("role", role), ("system_prompt", system_prompt), ("model", model)):
        if not value:
            raise ValueError(f"`{what}` must be text that is not empty, got {value!r}.")
    known = step.lower() in (each.name.lower() for each in StepType)
    if not known and not step.isidentifier():
        raise ValueError(f"`step` must be a step type or an identifier, got {step!r}.")
    step_type = StepType.named(step) if known else StepType.ACT
    word = re.sub(r"\W", "", role)
    said = {"temperature": temperature, "top_p": top_p, "system_prompt": system_prompt, **model_kwargs}
    declared = step_decorator(step_type)(
        f"{'_' * word[:1].isdigit()}{word}_step",
        model={"name": model, **{key: value for key, value in said.items() if value is not None}},
        description=f"Executes the role of {role}.",
        stream=stream,
        json_output=json_output,
        return_type=return_type,
        return_full_response=return_full_response,
    )

    def process(self: Agent, input_data: Any) -> str:  # noqa: ARG001 - a method
        return str(input_data)

    made: type[Agent] = type("SingleStepAgent", (Agent,), {"process": declared(process)})
    return made(client, model, tools, tool_selection_config, tool_confidence, tool_model, max_tools_per_step, name=role)
