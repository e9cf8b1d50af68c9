"""Tools: functions that a model may choose for a step, by its type."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, overload

from contextcompany import _decorators
from contextcompany.workflow.config import StepType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Tool", "ToolConfig", "ToolScope", "scopes_of", "tool"]

_ALL: Final = "all"


class ToolScope(str, Enum):
    """What a tool can be offered to, by ClientAI's names; text and `StepType` do as well."""

    THINK = "think"
    ACT = "act"
    OBSERVE = "observe"
    SYNTHESIZE = "synthesize"
    ALL = _ALL


@dataclass(frozen=True)
class ToolConfig:
    """A tool as `Agent(tools=…)` takes it, by another name, or for some steps only."""

    tool: Callable[..., Any] | Tool
    scopes: str | Iterable[str | StepType] | None = None
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Tool:
    """A function that a model may choose. Called directly, it is recorded as a tool call of the current run."""

    func: Callable[..., Any]
    name: str
    description: str
    scopes: frozenset[StepType] = frozenset(StepType)
    """The types of steps that it is offered to."""

    @classmethod
    def create(
        cls,
        func: Callable[..., Any] | Tool,
        name: str | None = None,
        description: str | None = None,
        scopes: str | Iterable[str | StepType] | None = None,
    ) -> Tool:
        """A tool of a function, by default with its name and docstring, for all steps; of a tool, with what that has.

        Raises:
            TypeError: it is no function.
            ValueError: a scope is no type of steps.
        """
        if isinstance(func, Tool):
            kept = func.scopes if scopes is None else scopes_of(scopes)
            return cls(func.func, name or func.name, description or func.description, kept)
        if not callable(func):
            raise TypeError(f"A tool is a function, got {func!r}.")
        named = name or str(getattr(func, "__name__", type(func).__name__))
        offered_to = scopes_of(_ALL if scopes is None else scopes)
        return cls(func, named, description or inspect.getdoc(func) or "", offered_to)

    @classmethod
    def of(cls, tool: Callable[..., Any] | Tool | ToolConfig) -> Tool:
        """A tool as users may give it.

        Raises:
            TypeError: as `create`.
            ValueError: as `create`.
        """
        if isinstance(tool, ToolConfig):
            return cls.create(tool.tool, tool.name, tool.description, tool.scopes)
        return cls.create(tool)

    @property
    def signature(self) -> str:
        """Its parameters, as Python writes them."""
        return str(inspect.signature(self.func))

    def problem_with(self, arguments: dict[str, Any]) -> str | None:
        """Why it cannot be called with these arguments; None when it can."""
        try:
            inspect.signature(self.func).bind(**arguments)
        except TypeError as error:
            return f"{self.name}: {error}"
        return None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, recorded."""
        return _decorators.tool(name=self.name, description=self.description)(self.func)(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Tool:
        """As a method, it is called with its instance."""
        return self if instance is None else replace(self, func=self.func.__get__(instance, owner))

    def __str__(self) -> str:
        return f"- {self.name}{self.signature}: {self.description}"


@overload
def tool(name: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    name: str | None = None,
    description: str | None = None,
    scopes: str | Iterable[str | StepType] = _ALL,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    name: str | Callable[..., Any] | None = None,
    description: str | None = None,
    scopes: str | Iterable[str | StepType] = _ALL,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function, or of a method of an agent: `@tool`, or `@tool("search", scopes=["think"])`.

    Args:
        name: The tool's name; by default the function's.
        description: What it does; by default the function's docstring.
        scopes: The types of steps it is offered to: names, or `all`.

    Raises:
        ValueError: a scope is no type of steps.
    """
    if callable(name):
        return Tool.create(name)
    return lambda func: Tool.create(func, name, description, scopes)


def scopes_of(scopes: str | Iterable[str | StepType]) -> frozenset[StepType]:
    """Types of steps, by their names; `all` is every type.

    Raises:
        ValueError: there is no such type.
    """
    named = [scopes] if isinstance(scopes, str) else [*scopes]
    if _ALL in named:
        return frozenset(StepType)
    return frozenset(each if isinstance(each, StepType) else StepType.named(each.strip()) for each in named)
