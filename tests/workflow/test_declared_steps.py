"""What the page about ClientAI's `Step` says, statement by statement."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict  # Pydantic wants this one before Python 3.12

from contextcompany.workflow import (
    FunctionMetadata,
    ModelConfig,
    Step,
    StepConfig,
    StepType,
    ToolCallDecision,
    ToolSelectionConfig,
    act,
    think,
)


class OutputFormat(BaseModel):
    value: str
    score: float


class Place(TypedDict):
    city: str


def example_function(data: str) -> str:
    """Looks at data."""
    return f"Look at {data}."


def process_numbers(numbers: list[int]) -> str:
    return str(numbers)


def analyze_text(text: str) -> int:
    return len(text)


def make(func=example_function, step_type=StepType.THINK, **options):
    return Step.create(func, step_type, **options)


def test_a_step_has_the_documented_defaults():
    """Those of the class, as it is constructed."""
    step = Step(example_function, StepType.ACT, "example")

    assert (step.send_to_llm, step.use_tools) == (True, True)
    assert (step.stream, step.json_output, step.return_full_response) == (False, False, False)
    assert step.description is step.llm_config is step.return_type is step.tool_selection_config is None
    assert step.tool_model is step.metadata is step.tool_decisions is None
    assert step.config == StepConfig(
        enabled=True, retry_count=0, timeout=None, required=True, pass_result=True, use_internal_retry=True
    )


def test_a_step_is_frozen():
    """It describes; what happens is elsewhere."""
    with pytest.raises(FrozenInstanceError):
        make().name = "other"


def test_create_takes_name_and_description_from_the_function():
    """Unless they are given; what else the function says is its metadata."""
    step = make()

    assert (step.name, step.description) == ("example_function", "Looks at data.")
    assert step.metadata == FunctionMetadata("example_function", "<class 'str'>", "Looks at data.", {"data": str})
    assert make(name="look", description="Looks.").description == "Looks."


def test_the_examples_of_the_page_run():
    """With tool configuration, a custom model, and validation."""
    tools = make(
        name="analyze",
        use_tools=True,
        tool_selection_config=ToolSelectionConfig(confidence_threshold=0.8),
        tool_model=ModelConfig(name="llama-2", temperature=0.0),
    )
    model = make(step_type=StepType.ACT, llm_config=ModelConfig(name="gpt-4", temperature=0.7), stream=True)
    validated = make(name="analyze", json_output=True, return_type=OutputFormat)

    assert tools.tool_selection_config.confidence_threshold == 0.8
    assert tools.tool_model.get_parameters()["temperature"] == 0.0
    assert (model.llm_config.name, model.stream) == ("gpt-4", True)
    assert validated.return_type is OutputFormat


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"func": "no function"}, "func must be a callable"),
        ({"name": "not-a-name"}, "Step name 'not-a-name' must be a valid Python identifier"),
        (
            {"json_output": True, "return_full_response": True},
            (
                "Step 'example_function' cannot use both JSON validation and full response return. "
                "These options are mutually exclusive."
            ),
        ),
        (
            {"json_output": True, "stream": True},
            (
                "Step 'example_function' cannot use both streaming and data validation. "
                "These options are mutually exclusive."
            ),
        ),
        (
            {"json_output": True, "return_type": int},
            "Step 'example_function': `return_type` must be a Pydantic model, got <class 'int'>.",
        ),
    ],
)
def test_what_cannot_be_is_said(options, says):
    """When the step is made."""
    with pytest.raises(ValueError) as error:
        make(**options)

    assert str(error.value) == says


def test_a_name_is_needed():
    """Where the class is used directly."""
    with pytest.raises(ValueError, match="Step name cannot be empty"):
        Step(example_function, StepType.THINK, "")


def test_steps_fit_together_by_their_annotations():
    """The first parameter of one, and what the other returns."""
    text, length = make(), make(analyze_text)

    assert length.is_compatible_with(text)
    assert not text.is_compatible_with(length)
    assert not text.is_compatible_with(Step(example_function, StepType.ACT, "bare"))
    assert not make(lambda anything: anything, name="free").is_compatible_with(text)


def test_input_fits_by_its_type():
    """Items of lists included; where no type is said, anything fits."""

    def either(value: int | None) -> str:
        return str(value)

    def anything(value: Any) -> str:
        return str(value)

    def place(value: Place) -> str:
        return value["city"]

    numbers = make(process_numbers, StepType.ACT, name="process")

    assert numbers.can_execute_with([1, 2, 3])
    assert not numbers.can_execute_with(["1"])
    assert not numbers.can_execute_with("123")
    assert make().can_execute_with("text")
    assert not make().can_execute_with(7)
    assert make(either).can_execute_with(None)
    assert make(place).can_execute_with({"city": "Rome"})
    assert not make(place).can_execute_with({"city": 7})
    assert make(anything).can_execute_with(object())
    assert make(lambda free: free, name="free").can_execute_with(7)


def test_annotations_that_cannot_be_resolved_are_none():
    """A step is made all the same."""

    def odd(value: "Missing") -> str:  # noqa: F821 - that is the point
        return str(value)

    assert make(odd).metadata == FunctionMetadata("odd", str(Any), None, {})


def test_a_step_as_text():
    """To the letter, with what there is."""
    bare = Step(example_function, StepType.THINK, "example_step")
    full = make(name="full", description="Looks.", llm_config=ModelConfig("gpt-4"), json_output=True)

    assert str(bare) == "Step(example_step) | Type: THINK"
    assert str(full) == "Step(full) | Type: THINK | Description: Looks. | Model: gpt-4 | JSON output enabled"


# --- configuration ---------------------------------------------------------------------------------------------------


def test_a_model_config_goes_round():
    """To a dictionary and back; merging makes a new one."""
    config = ModelConfig("gpt-4", temperature=0.5, top_p=0.9, max_tokens=None)
    merged = config.merge(temperature=0.1, seed=7)

    assert ModelConfig.from_dict(config.to_dict()) == config
    assert config.get_parameters() == {
        "return_full_response": False,
        "stream": False,
        "json_output": False,
        "temperature": 0.5,
        "top_p": 0.9,
    }
    assert (config.temperature, merged.temperature, merged.to_dict()["seed"]) == (0.5, 0.1, 7)
    assert repr(merged) == "ModelConfig('gpt-4', temperature=0.1, top_p=0.9, seed=7)"


@pytest.mark.parametrize(
    ("make_it", "says"),
    [
        (lambda: ModelConfig("m", temperature=2.1), "Temperature must be between 0.0 and 2.0"),
        (lambda: ModelConfig.from_dict({}), "Model name is required in configuration dictionary"),
        (lambda: ToolSelectionConfig(confidence_threshold=1.1), "confidence_threshold must be between 0.0 and 1.0"),
        (lambda: ToolSelectionConfig(max_tools_per_step=0), "max_tools_per_step must be at least 1"),
        (lambda: ToolSelectionConfig(prompt_template=1), "prompt_template must be a string"),
        (lambda: ToolCallDecision(1, {}, 0.5, ""), "tool_name must be a string"),
        (lambda: ToolCallDecision("t", [], 0.5, ""), "arguments must be a dictionary"),
        (lambda: ToolCallDecision("t", {}, 1.5, ""), "confidence must be between 0.0 and 1.0"),
        (lambda: ToolCallDecision("t", {}, 0.5, None), "reasoning must be a string"),
    ],
)
def test_values_are_checked(make_it, says):
    """When they are made."""
    with pytest.raises(ValueError) as error:
        make_it()

    assert str(error.value) == says


def test_configurations_of_dictionaries_pass_over_other_keys():
    """As files with more in them have."""
    assert StepConfig.from_dict({"retry_count": 2, "more": 1}) == StepConfig(retry_count=2)
    assert ToolSelectionConfig.create(max_tools_per_step=1, more=1) == ToolSelectionConfig(max_tools_per_step=1)


# --- decorators ------------------------------------------------------------------------------------------------------


def test_a_decorator_makes_a_step_of_its_type():
    """Bare or with options; a model that it names has the defaults of the type, where it says nothing itself."""

    class Agent:
        @think
        def look(self, data: str) -> str:
            """Looks."""
            return data

        @act("do_it", model={"name": "gpt-4", "temperature": 0.5}, tool_confidence=0.9, max_tools_per_step=1)
        def do(self, data: str) -> str:
            return data

    look, do = Agent.look.step, Agent.do.step

    assert (look.name, look.step_type, look.description, look.llm_config) == ("look", StepType.THINK, "Looks.", None)
    assert (do.name, do.step_type) == ("do_it", StepType.ACT)
    assert do.llm_config == ModelConfig("gpt-4", temperature=0.5, top_p=0.8)
    assert do.tool_selection_config == ToolSelectionConfig(0.9, 1)
    assert Agent.look(None, "plain") == "plain"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"return_type": OutputFormat}, "`json_output` should be set to `True` when using `return_type`"),
        (
            {"tool_selection_config": ToolSelectionConfig(), "tool_confidence": 0.5},
            (
                "Cannot specify both tool_selection_config and individual tool parameters "
                "(tool_confidence, tool_model, max_tools_per_step)"
            ),
        ),
        (
            {"stream": True, "json_output": True, "return_type": OutputFormat},
            (
                "Step 'example_function' cannot use both streaming and data validation. "
                "These options are mutually exclusive."
            ),
        ),
    ],
)
def test_options_that_exclude_each_other_are_said(options, says):
    """When the function is decorated."""
    with pytest.raises(ValueError) as error:
        think(**options)(example_function)

    assert str(error.value) == says
