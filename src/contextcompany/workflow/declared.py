"""What a class of agents declares: its steps, its tools, and a `run` of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contextcompany.workflow.decorators import StepMethod, is_run
from contextcompany.workflow.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from contextcompany.workflow.step import Step

__all__ = ["run_of", "steps_of", "tools_of"]


def run_of(kind: type) -> Callable[..., Any] | None:
    """What the class itself makes its `run`: a method that `@run` decorates, or one of that name; None without any.

    Raises:
        TypeError: a step is called so.
    """
    own: Callable[..., Any] | None = next(filter(is_run, vars(kind).values()), vars(kind).get("run"))
    if isinstance(own, StepMethod):
        raise TypeError(f"A step of {kind.__name__} is called `run`, which runs them all: call it something else.")
    return own


def steps_of(kind: type) -> dict[str, Step]:
    """The steps of a class by name, in order.

    Raises:
        ValueError: two have one name.
    """
    steps: dict[str, Step] = {}
    for key in _keys(kind, StepMethod):
        step = getattr(kind, key).step
        if step.name in steps:
            raise ValueError(f"{kind.__name__} has two steps named {step.name!r}.")
        steps[step.name] = step
    return steps


def tools_of(agent: object) -> list[Tool]:
    """The tools that are its methods."""
    return [getattr(agent, key) for key in _keys(type(agent), Tool)]


def _keys(kind: type, of: type) -> list[str]:
    """Names of the attributes of a class that are of a kind: those of its bases first, each in order of definition."""
    known = {key: value for each in reversed(kind.__mro__) for key, value in vars(each).items()}
    return [key for key, value in known.items() if isinstance(value, of)]
