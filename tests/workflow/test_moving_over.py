"""What people who move over from ClientAI have in their programs: its names, and the agents of its manual."""

import ast
import json
import time

import pytest

from contextcompany import workflow
from contextcompany.testing import capture
from contextcompany.workflow import (
    Agent,
    AgentContext,
    StepType,
    Tool,
    ToolConfig,
    ToolScope,
    act,
    create_agent,
    observe,
    run,
    synthesize,
    think,
    tool,
)


class Model:
    """A client that is a callable: gives its answers in turn, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = [*answers]
        self.asked = []

    def __call__(self, **request):
        self.asked.append(request)
        return self.answers.pop(0)

    @property
    def prompts(self):
        return [request["messages"][-1]["content"] for request in self.asked]


def choice(name, **arguments):
    """What a model that chooses a tool says."""
    call = {"tool_name": name, "arguments": arguments, "confidence": 0.9, "reasoning": "It helps."}
    return json.dumps({"tool_calls": [call]})


def search(query: str) -> str:
    """Searches the web."""
    return f"found {query}"


class Asker(Agent):
    @think
    def ask(self, text: str) -> str:
        return text


@pytest.fixture
def captured():
    with capture() as capturing:
        yield capturing


def test_clientai_exports_nothing_that_is_not_here():
    """Under the same name."""
    theirs = pytest.importorskip("clientai.agent")

    assert set(theirs.__all__) <= set(workflow.__all__)


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_config_renames_and_scopes():
    """A function or a tool, which keeps what is not said."""
    made = tool("finder", description="Finds.", scopes=["act"])(search)
    agent = Asker(Model(), "m", tools=[ToolConfig(search, ["think"], "look", "Looks."), ToolConfig(made, name="find")])

    assert [(each.name, each.description, each.scopes) for each in agent.get_tools()] == [
        ("look", "Looks.", {StepType.THINK}),
        ("find", "Finds.", {StepType.ACT}),
    ]


@pytest.mark.parametrize("scope", ["think", "THINK", StepType.THINK, ToolScope.THINK])
def test_a_scope_is_a_name_or_a_type(scope):
    """Also where tools are asked for; `all` are all."""
    agent = Asker(Model(), "m", tools=[ToolConfig(search, [scope])])

    assert [each.name for each in agent.get_tools(scope)] == ["search"]
    assert [len(agent.get_tools(other)) for other in ("act", ToolScope.ALL, "all", None)] == [0, 1, 1, 1]


def test_a_tool_is_registered_with_what_is_said():
    """Also one that is made already, and by a decorator."""
    agent = Asker(Model(), "m")
    made = Tool.create(search)
    agent.register_tool(made, name="web", scopes=["act"])

    @agent.register_tool(name="shout", description="Shouts.", scopes="think")
    def loud(text: str) -> str:
        return text.upper()

    assert [(each.name, each.scopes) for each in agent.get_tools()] == [
        ("web", {StepType.ACT}),
        ("shout", {StepType.THINK}),
    ]
    assert (made.name, loud("x"), agent.use_tool("shout", "x")) == ("search", "X", "X")


def test_what_was_chosen_is_in_the_state(captured):
    """As dictionaries."""
    agent = Asker(Model(choice("search", query="w"), "done"), "m", tools=[search])
    agent.run("x")

    assert agent.context.state["last_tool_decisions"] == [
        {
            "tool_name": "search",
            "arguments": {"query": "w"},
            "confidence": 0.9,
            "reasoning": "It helps.",
            "error": None,
            "result": "found w",
        }
    ]


# --- the context -----------------------------------------------------------------------------------------------------


def test_an_agent_has_a_history(captured):
    """Of so many runs; it is nothing that a model is told by itself."""
    model = Model("1", "2", "3", "4")
    agent = Asker(model, "m", max_history_size=2)
    for question in "abcd":
        agent.run(question)

    assert [(each["input"], each["results"]) for each in agent.context.conversation_history] == [
        ("b", {"ask": "2"}),
        ("c", {"ask": "3"}),
    ]
    assert agent.context.get_recent_history(1) == "Input: c\nResults:\n- ask: 3"
    assert agent.context.get_recent_history(raw=True) == agent.context.conversation_history
    assert model.asked[-1] == {"model": "m", "messages": [{"role": "user", "content": "d"}]}


def test_a_history_outlives_a_reset():
    """But not `clear_all`; its size can be changed."""
    context = AgentContext()
    for question in "abc":
        context.set_input(question)
        context.set_step_result("ask", question)
    context.clear()
    assert (context.original_input, context.last_results) == (None, {})
    assert [each["input"] for each in context.conversation_history] == ["a", "b"]

    context.set_max_history_size(1)
    assert [each["input"] for each in context.conversation_history] == ["b"]
    context.clear_all()
    assert context.get_recent_history() == "No previous interactions."
    with pytest.raises(ValueError, match="cannot hold -1 runs"):
        context.set_max_history_size(-1)


# --- a run of one's own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decorate", [run, run(description="Asks twice.")])
def test_a_decorated_method_is_the_run(captured, decorate):
    """Whatever it is called."""

    class Twice(Asker):
        @decorate
        def ask_twice(self, text: str) -> str:
            return self.ask(text) + self.ask(text)

    assert Twice(Model("a", "b"), "m").run("x") == "ab"
    assert (captured.run.agent, captured.run.response, len(captured.run.steps)) == ("Twice", "ab", 2)


# --- the agents of its manual ----------------------------------------------------------------------------------------


def test_its_question_bot(captured):
    """An agent of one step that streams."""

    def answer(**_):
        return iter(["Hello", "!"])

    bot = create_agent(
        client=answer,
        role="assistant",
        system_prompt="You are a friendly and helpful assistant.",
        model="gpt-4",
        stream=True,
        temperature=0.7,
    )

    assert "".join(bot.run("Hi")) == "Hello!"
    bot.reset_context()
    assert captured.run.response == "Hello!"


def analyze_python_code(code: str) -> str:
    return json.dumps({"functions": [each.name for each in ast.parse(code).body if isinstance(each, ast.FunctionDef)]})


class CodeReviewAssistant(Agent):
    @observe(name="analyze_structure", description="Analyze code structure and style", stream=True)
    def analyze_structure(self, code: str) -> str:
        self.context.state["code_to_analyze"] = code
        return "Analyze this."

    @act(name="improve_documentation", description="Generate improved documentation", stream=True)
    def improve_docs(self, improvements: str) -> str:
        return f"Document {self.context.state['code_to_analyze']}: {improvements}"

    @synthesize(name="create_report", description="Create final review report", stream=True)
    def generate_report(self) -> str:
        return f"Report on {self.context.original_input}"


def test_its_code_reviewer(captured):
    """With tools for some steps, a state, and a last step that takes nothing."""
    model = Model(choice("code_analyzer", code="def f(): ..."), "one function", "documented", ["A ", "report."])
    tools = [
        ToolConfig(tool=analyze_python_code, name="code_analyzer", description="Analyzes code.", scopes=["observe"])
    ]
    assistant = CodeReviewAssistant(
        client=model, default_model="llama3", tools=tools, tool_confidence=0.8, max_tools_per_step=2
    )

    assert "".join(assistant.run("def f(): ...", stream=True)) == "A report."
    assert model.prompts[1:] == [
        'Analyze this.\n\nResults of tools:\ncode_analyzer: {"functions": ["f"]}',
        "Document def f(): ...: one function",
        "Report on def f(): ...",
    ]


class Reviewer(Agent):
    @think
    def analyze(self, code: str) -> str:
        return f"Analyze {code}"

    @act
    def suggest(self, analysis: dict[str, str]) -> str:
        return f"Improve {analysis['structure']}"

    @run
    def custom_run(self, input_data: str) -> str:
        self.context.state["start_time"] = time.time()
        structure = self.analyze(input_data)
        if "invalid syntax" in structure:
            return "Error: invalid syntax."
        return self.suggest({"structure": structure})


def test_its_reviewer_with_a_run_of_its_own(captured):
    """Which calls steps with what it likes, and may return early."""
    agent = Reviewer(Model("fine", "Done.", "invalid syntax"), default_model="gpt-4")

    assert [agent.run("a"), agent.run("b")] == ["Done.", "Error: invalid syntax."]
    assert "start_time" in agent.context.state
    assert [[each.declared for each in each_run.steps] for each_run in captured.runs] == [
        [("analyze", "think"), ("suggest", "act")],
        [("analyze", "think")],
    ]
