"""A declared step: a function, and how it is executed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from contextcompany.workflow.config import ModelConfig, StepConfig, StepType, ToolCallDecision, ToolSelectionConfig

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FunctionMetadata", "Step"]


@dataclass(frozen=True)
class FunctionMetadata:
    """What a function's annotations and docstring say."""

    name: str
    return_type: str
    """The annotation, as `str()` writes it."""
    docstring: str | None
    arg_types: dict[str, Any]
    """The types of the annotated parameters, in order."""

    @classmethod
    def from_function(cls, func: Callable[..., Any]) -> FunctionMetadata:
        """Annotations that cannot be resolved are none."""
        try:
            hints = get_type_hints(func)
        except Exception:  # noqa: BLE001 - resolving them runs the user's code
            hints = {}
        returned = hints.pop("return", Any)
        return cls(getattr(func, "__name__", type(func).__name__), str(returned), func.__doc__, hints)


@dataclass(frozen=True)
class Step:
    """A step of an agent's workflow: its function, its type and how it is executed. Executing it changes nothing here.

    Raises:
        ValueError: the function is none, the name is no identifier, or options exclude each other.
    """

    func: Callable[..., Any]
    """Makes the prompt, or the result where `send_to_llm` is off."""
    step_type: StepType
    name: str
    description: str | None = None
    llm_config: ModelConfig | None = None
    """The model; None takes the agent's."""
    send_to_llm: bool = True
    """Whether what the function returns is sent to the model. If not, it is the result."""
    stream: bool = False
    """Whether the answer is given as it comes."""
    json_output: bool = False
    """Whether the model is asked for JSON. Cannot be used with `stream`."""
    return_type: type[Any] | None = None
    """A Pydantic model that the JSON is read as."""
    return_full_response: bool = False
    """Whether the result is the client's response object. Cannot be used with `json_output`."""
    use_tools: bool = True
    """Whether the model may choose tools first."""
    tool_selection_config: ToolSelectionConfig | None = None
    """How; None takes the agent's."""
    tool_model: ModelConfig | None = None
    """The model that chooses; None takes the agent's."""
    metadata: FunctionMetadata | None = None
    tool_decisions: list[ToolCallDecision] | None = None
    """What was chosen, on the step that `Agent.get_step` gives after it was executed."""
    config: StepConfig = field(default_factory=StepConfig)

    def __post_init__(self) -> None:
        self._validate_function(self.func)
        self._validate_name(self.name)
        if self.json_output and self.return_full_response:
            raise ValueError(
                f"Step '{self.name}' cannot use both JSON validation and "
                "full response return. These options are mutually exclusive."
            )
        if self.stream and (self.json_output or self.return_type is not None):
            raise ValueError(
                f"Step '{self.name}' cannot use both streaming and data validation. "
                "These options are mutually exclusive."
            )
        if self.json_output and self.return_type is not None and not hasattr(self.return_type, "model_validate_json"):
            raise ValueError(f"Step '{self.name}': `return_type` must be a Pydantic model, got {self.return_type!r}.")

    @staticmethod
    def _validate_function(func: Callable[..., Any]) -> None:
        if not callable(func):
            raise ValueError("func must be a callable")  # noqa: TRY004 - ClientAI's exception

    @staticmethod
    def _validate_name(name: str) -> None:
        if not name:
            raise ValueError("Step name cannot be empty")
        if not name.isidentifier():
            raise ValueError(f"Step name '{name}' must be a valid Python identifier")

    def is_compatible_with(self, other: Step) -> bool:
        """Whether the type of this step's first parameter is what the other one's function returns, by annotations."""
        if not other.metadata or not self.metadata or not self.metadata.arg_types:
            return False
        first, *_ = self.metadata.arg_types.values()
        return str(first) == other.metadata.return_type

    def can_execute_with(self, input_data: Any) -> bool:
        """Whether the input is of the type of the first parameter, items of lists included. Without one, anything is.

        Looks at a list item by item: nothing is converted.
        """
        if not self.metadata or not self.metadata.arg_types:
            return True
        first, *_ = self.metadata.arg_types.values()
        is_typed_dict = hasattr(first, "__required_keys__")
        if isinstance(first, type) and get_origin(first) is None and first is not Any and not is_typed_dict:
            return isinstance(input_data, first)
        from pydantic import ConfigDict, TypeAdapter, ValidationError  # noqa: PLC0415 - 0.1 s, for `list[int]` alone

        config = None if is_typed_dict else ConfigDict(arbitrary_types_allowed=True)
        try:
            TypeAdapter(first, config=config).validate_python(input_data, strict=True)
        except ValidationError:
            return False
        return True

    def __str__(self) -> str:
        parts = [f"Step({self.name})", f"Type: {self.step_type.name}"]
        if self.description:
            parts.append(f"Description: {self.description}")
        if self.llm_config:
            parts.append(f"Model: {self.llm_config.name}")
        if self.json_output:
            parts.append("JSON output enabled")
        return " | ".join(parts)

    @classmethod
    def create(
        cls,
        func: Callable[..., Any],
        step_type: StepType,
        name: str | None = None,
        description: str | None = None,
        llm_config: ModelConfig | None = None,
        send_to_llm: bool | None = None,
        stream: bool = False,
        json_output: bool = False,
        return_type: type[Any] | None = None,
        return_full_response: bool = False,
        use_tools: bool = True,
        tool_selection_config: ToolSelectionConfig | None = None,
        tool_model: ModelConfig | None = None,
        step_config: StepConfig | None = None,
    ) -> Step:
        """A step of a function, with its name and its docstring where none are given. See `Step` for the rest.

        Raises:
            ValueError: as `Step`.
        """
        cls._validate_function(func)
        metadata = FunctionMetadata.from_function(func)
        return cls(
            func=func,
            step_type=step_type,
            name=name or metadata.name,
            description=description or func.__doc__,
            llm_config=llm_config,
            send_to_llm=True if send_to_llm is None else send_to_llm,
            stream=stream,
            json_output=json_output,
            return_type=return_type,
            return_full_response=return_full_response,
            use_tools=use_tools,
            tool_selection_config=tool_selection_config,
            tool_model=tool_model,
            config=step_config or StepConfig(),
            metadata=metadata,
        )
