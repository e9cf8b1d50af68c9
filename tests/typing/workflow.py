"""What users write with `contextcompany.workflow`, checked by mypy and never run."""

from typing_extensions import assert_type

from contextcompany.workflow import (
    Agent,
    AgentContext,
    ModelConfig,
    Step,
    StepConfig,
    StepType,
    Tool,
    ToolConfig,
    ToolScope,
    ToolSelectionConfig,
    act,
    create_agent,
    observe,
    run,
    synthesize,
    think,
    tool,
)


def complete(**request: object) -> str:
    return "15"


def search(query: str) -> str:
    return query


class Declared(Agent):
    @tool(scopes=["think"])
    def measure(self, city: str) -> int:
        return 15

    @think
    def look(self, question: str) -> str:
        return question

    @observe(json_output=True, use_tools=False, step_config=StepConfig(retry_count=1))
    def read(self, seen: str) -> str:
        return seen

    @act("convert", send_to_llm=False, model={"name": "gpt-4o"})
    def convert(self, seen: str) -> float:
        return 1.0

    @synthesize(stream=True, model=ModelConfig("gpt-4o", temperature=0.1))
    def tell(self, fahrenheit: float) -> str:
        assert_type(self.context, AgentContext)
        return f"{fahrenheit} {self.context.get_step_result('look')}"

    @run
    def own(self, question: str) -> str:
        return str(self.look(question))


agent = Declared(
    complete,
    "gpt-4o",
    [search, Tool.create(search), ToolConfig(search, [ToolScope.THINK, StepType.ACT, "observe"], name="web")],
    tool_confidence=0.8,
    max_history_size=3,
    name="weather",
    max_tokens=50,
)
answer = agent.run("How warm is it?")
pieces = agent.run("How warm is it?", stream=True)


@agent.register_tool(name="shout", scopes="think")
def shout(text: str) -> str:
    return text.upper()


assert_type(shout, Tool)
assert_type(agent.register_tool(search), Tool)
assert_type(agent.get_step("look"), Step | None)
assert_type(agent.get_steps(), dict[str, Step])
assert_type(agent.get_tools("think"), list[Tool])
assert_type(
    create_agent(complete, "r", "s", "m", tools=[search], tool_selection_config=ToolSelectionConfig(0.8)), Agent
)
assert_type(Step.create(search, StepType.THINK, name="look", stream=True), Step)
Step.create(search, "think")  # type: ignore[arg-type]
Agent(complete, 7)  # type: ignore[arg-type]
