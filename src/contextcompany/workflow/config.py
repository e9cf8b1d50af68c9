"""How steps, models and tool selection are configured: values, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum, auto
from typing import Any, ClassVar, Final

__all__ = ["TYPE_DEFAULTS", "ModelConfig", "StepConfig", "StepType", "ToolCallDecision", "ToolSelectionConfig"]


class StepType(Enum):
    """What a step is for. It decides the defaults of a model that a decorator names, and which tools are offered."""

    THINK = auto()
    """Analyse and reason."""
    ACT = auto()
    """Decide and do."""
    OBSERVE = auto()
    """Collect data."""
    SYNTHESIZE = auto()
    """Put together and summarise."""

    @classmethod
    def named(cls, name: str) -> StepType:
        """The type of that name, in any case.

        Raises:
            ValueError: there is none.
        """
        try:
            return cls[name.upper()]
        except KeyError:
            known = ", ".join(each.name.lower() for each in cls)
            raise ValueError(f"A step type is one of {known}, got {name!r}.") from None


TYPE_DEFAULTS: Final[dict[StepType, dict[str, float]]] = {
    StepType.THINK: {"temperature": 0.7, "top_p": 0.9},
    StepType.ACT: {"temperature": 0.2, "top_p": 0.8},
    StepType.OBSERVE: {"temperature": 0.1, "top_p": 0.5},
    StepType.SYNTHESIZE: {"temperature": 0.4, "top_p": 0.7},
}
"""ClientAI's sampling parameters by type, for what a decorator's `model` leaves open."""


class ModelConfig:
    """A model and the parameters it is asked with.

    Args:
        name: The model, as the client takes it.
        return_full_response: Kept as ClientAI does; the step says whether it gives the client's response object.
        stream: Likewise; the step says whether it is streamed.
        json_output: Whether JSON is asked for. The step says whether that is validated.
        temperature: From 0 to 2.
        **kwargs: Further parameters for the client, as `top_p` or `max_tokens`; `system_prompt` becomes a message.

    Raises:
        ValueError: the temperature is out of range.
    """

    CORE_ATTRS: ClassVar[frozenset[str]] = frozenset(
        {"name", "return_full_response", "stream", "json_output", "temperature"}
    )

    def __init__(
        self,
        name: str,
        return_full_response: bool = False,
        stream: bool = False,
        json_output: bool = False,
        temperature: float | None = None,
        **kwargs: Any,
    ) -> None:
        if temperature is not None and not 0.0 <= temperature <= 2.0:
            raise ValueError("Temperature must be between 0.0 and 2.0")
        self.name = name
        self.return_full_response = return_full_response
        self.stream = stream
        self.json_output = json_output
        self.temperature = temperature
        self._extra_kwargs = kwargs

    def get_parameters(self) -> dict[str, Any]:
        """All but the name, without what is None."""
        return {key: value for key, value in self.to_dict().items() if key != "name" and value is not None}

    def merge(self, **kwargs: Any) -> ModelConfig:
        """A new configuration, in which these parameters take the place of those here."""
        return ModelConfig(**{**self.to_dict(), **kwargs})

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> ModelConfig:
        """What `to_dict` gave.

        Raises:
            ValueError: it has no name, or the temperature is out of range.
        """
        if "name" not in config:
            raise ValueError("Model name is required in configuration dictionary")
        return cls(**config)

    @classmethod
    def of(cls, model: str | dict[str, Any] | ModelConfig) -> ModelConfig:
        """A model as users may give it: its name, a dictionary, or a configuration.

        Raises:
            ValueError: a dictionary has no name.
            TypeError: it is none of these.
        """
        if isinstance(model, ModelConfig):
            return model
        if isinstance(model, str):
            return cls(model)
        if isinstance(model, dict):
            return cls.from_dict(model)
        raise TypeError(f"A model is a name, a dictionary or a ModelConfig, got {type(model).__name__}.")

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "return_full_response": self.return_full_response,
            "stream": self.stream,
            "json_output": self.json_output,
            "temperature": self.temperature,
            **self._extra_kwargs,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # it may be changed

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.get_parameters().items() if value is not False)
        return f"ModelConfig({self.name!r}{', ' if given else ''}{given})"


@dataclass
class StepConfig:
    """How a step is executed."""

    enabled: bool = True
    """A step that is not is passed over."""
    retry_count: int = 0
    """How often the model is asked again, after an error or an answer that is not valid."""
    timeout: float | None = None
    """Seconds for one attempt."""
    required: bool = True
    """Whether the run fails with it; if not, the run goes on with what there was before."""
    pass_result: bool = True
    """Whether its result is the next step's input."""
    use_internal_retry: bool = True
    """Whether it is this that asks again; if not, nobody does, unless the client itself."""

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> StepConfig:
        """Of a dictionary, in which other keys are passed over."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in config.items() if key in known})


_PROMPT_TEMPLATE: Final = """Decide which of these tools, if any, help with the task before it is answered.

Task: {task}

What is known so far: {context}

Tools:
{tool_descriptions}

Answer with one JSON object and nothing else, of this form; the list is empty if no tool helps:
{"tool_calls": [{"tool_name": "…", "arguments": {"parameter": "value"}, "confidence": 0.9, "reasoning": "why"}]}
Use only the tools above, with all their required arguments. The confidence is a number from 0 to 1."""


@dataclass(frozen=True)
class ToolSelectionConfig:
    """How the model chooses tools for a step.

    Raises:
        ValueError: a value is out of range.
    """

    confidence_threshold: float = 0.7
    """A tool is called when the model is so sure, from 0 to 1."""
    max_tools_per_step: int = 3
    """So many tools are called at most: the first that the model names."""
    prompt_template: str = _PROMPT_TEMPLATE
    """What the model is asked, with places for `{task}`, `{context}` and `{tool_descriptions}`; other braces stay."""

    @classmethod
    def create(cls, **kwargs: Any) -> ToolSelectionConfig:
        """Of keywords, in which others are passed over."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in kwargs.items() if key in known})

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence_threshold <= 1.0:
            raise ValueError("confidence_threshold must be between 0.0 and 1.0")
        if self.max_tools_per_step < 1:
            raise ValueError("max_tools_per_step must be at least 1")
        if not isinstance(self.prompt_template, str):
            raise ValueError("prompt_template must be a string")  # noqa: TRY004 - ClientAI's exception


@dataclass
class ToolCallDecision:
    """A tool that the model chose, and what came of it.

    Raises:
        ValueError: a value has the wrong type, or is out of range.
    """

    tool_name: str
    arguments: dict[str, Any]
    confidence: float
    reasoning: str
    error: str | None = None
    """Why it was not called, or what it raised."""
    result: Any | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tool_name, str):
            raise ValueError("tool_name must be a string")  # noqa: TRY004 - ClientAI's exceptions
        if not isinstance(self.arguments, dict):
            raise ValueError("arguments must be a dictionary")  # noqa: TRY004
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError("confidence must be between 0.0 and 1.0")
        if not isinstance(self.reasoning, str):
            raise ValueError("reasoning must be a string")  # noqa: TRY004
