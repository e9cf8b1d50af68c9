"""LangChain and LangGraph with their instrumentors, inside our runs."""

import asyncio

import pytest

import contextcompany as tcc
from fake_llm import Answer, FakeLLM, ToolCall, Usage

pytest.importorskip("opentelemetry.instrumentation.genai.langchain")
agents = pytest.importorskip("langchain.agents")
langchain_openai = pytest.importorskip("langchain_openai")
tools = pytest.importorskip("langchain_core.tools")

MODEL = "gpt-4o"


@pytest.fixture(autouse=True)
def no_langsmith(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


def model(llm):
    return langchain_openai.ChatOpenAI(
        model=MODEL, base_url=llm.openai_url, api_key="k", max_retries=0, stream_usage=True
    )


def invoke(llm):
    model(llm).invoke("Hello")


def stream(llm):
    list(model(llm).stream("Hello"))


def ainvoke(llm):
    asyncio.run(model(llm).ainvoke("Hello"))


@pytest.mark.parametrize("names", [("langchain",), ("langchain", "openai"), ("openai",)])
@pytest.mark.parametrize("in_step", [True, False])
@pytest.mark.parametrize("call", [invoke, stream, ainvoke])
def test_one_call(llm, captured, told, call, in_step, names):
    """It is one step, whether LangChain, the client below it or both are instrumented."""
    tcc.instrument(*names)

    with tcc.run() as r:
        if in_step:
            with r.step():
                call(llm)
        else:
            call(llm)

    (step,) = captured.steps
    assert told(step) == ("openai", MODEL, "Hello", "Hi!", "stop", (14, 4, 5))
    assert len(captured.spans) == 2


def weather(city: str) -> str:
    """The weather in a city."""
    return f"15 °C in {city}"


def agent_run(llm):
    agent = agents.create_agent(model(llm), [weather], name="forecaster")
    with tcc.run(session_id="s-1") as r:
        r.prompt("How warm is it in Paris?")
        answer = agent.invoke({"messages": [{"role": "user", "content": "How warm is it in Paris?"}]})
        r.response(answer["messages"][-1].content)
    return r


SCRIPT = (
    Answer(tool_calls=[ToolCall("weather", {"city": "Paris"}, "call_1")], usage=Usage(20, output=7)),
    Answer("It is 15 °C.", usage=Usage(40, cached=10, output=9)),
)


def test_a_sub_agent_in_a_tool(captured):
    """What a framework does in a run of ours that is inside one of its tools belongs to that run."""
    tcc.instrument("langchain", "openai")

    with FakeLLM(Answer(tool_calls=[ToolCall("ask_sub", {"question": "q"}, "call_1")]), "inner answer", "done") as llm:

        @tools.tool
        def ask_sub(question: str) -> str:
            """Asks the specialist."""
            with tcc.run(agent="sub") as r:
                r.prompt(question)
                inner = agents.create_agent(model(llm), [], name="specialist")
                answer = inner.invoke({"messages": [{"role": "user", "content": question}]})["messages"][-1].content
                r.response(answer)
            return answer

        outer = agents.create_agent(model(llm), [ask_sub], name="router")
        with tcc.run(agent="outer") as r:
            r.prompt("q")
            outer.invoke({"messages": [{"role": "user", "content": "q"}]})

    (sub,) = [span for span in captured.spans if span.attributes.get("tcc.agent") == "sub"]
    inside = [span for span in captured.spans if span.attributes["tcc.runId"] == sub.attributes["tcc.runId"]]
    names = {span.context.span_id: span.name for span in captured.spans}
    assert len(captured.steps) == 3
    assert [(span.name, names[span.parent.span_id]) for span in inside if span is not sub] == [
        ("chat gpt-4o", "invoke_agent specialist"),
        ("invoke_agent specialist", "invoke_agent sub"),
    ]


def test_an_agent_with_a_tool(captured):
    """One tree: the run, LangGraph's agent, two calls and the tool between them."""
    tcc.instrument("langchain", "openai")

    with FakeLLM(*SCRIPT) as llm:
        r = agent_run(llm)

    (inner,) = captured.run.runs
    first, second = inner.steps
    (tool,) = inner.tool_calls
    assert captured.run.response == "It is 15 °C."
    assert captured.steps == [first, second]
    assert [(step.tokens.input, step.tokens.cached, step.tokens.output) for step in (first, second)] == [
        (20, None, 7),
        (50, 10, 9),
    ]
    assert first.start_ns < tool.start_ns < second.start_ns
    assert (tool.name, tool.tool_call_id, tool.args) == ("weather", "call_1", {"city": "Paris"})
    assert second.prompt[0]["parts"] == [{"type": "text", "content": "How warm is it in Paris?"}]
    assert second.response == "It is 15 °C."
    assert {span.context.trace_id for span in captured.spans} == {int(r.run_id.replace("-", ""), 16)}
    assert {span.attributes["tcc.sessionId"] for span in captured.spans} == {"s-1"}


@pytest.mark.parametrize(
    "names",
    [
        ("openinference-instrumentation-langchain", "openinference-instrumentation-openai"),
        ("openinference-instrumentation-langchain", "openai"),
        ("langchain", "openinference-instrumentation-openai"),
    ],
)
def test_two_instrumentations_of_one_call(captured, names):
    """Spans of both arrive; the one around is marked, and each call is counted once."""
    pytest.importorskip("openinference.instrumentation.langchain")
    pytest.importorskip("openinference.instrumentation.openai")
    assert tcc.instrument(*names) == ["langchain", "openai"]

    with FakeLLM(*SCRIPT) as llm:
        agent_run(llm)

    counted = [step for step in captured.steps if not step.is_counted_inside]
    assert len(captured.steps) == 4
    assert [(step.tokens.input, step.tokens.output) for step in counted] == [(20, 7), (50, 9)]
    assert [call.name for call in captured.tool_calls] == ["weather"]
