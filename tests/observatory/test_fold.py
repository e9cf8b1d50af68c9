"""What spans say, in every spelling: recorded from real SDKs, written out by hand, and the round trip of our own."""

import json
import random
import string
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import contextcompany as tcc
from contextcompany._mapping import CLIENT_FACTS, PARAMETERS, died_attributes, undeliverable_attributes
from contextcompany.observatory import custom, readings
from contextcompany.observatory.fold import Fact, Feedback, Tokens, feedback, fold, spoken, suspended
from contextcompany.observatory.ledger import count
from contextcompany.observatory.otlp import Event, Resource, Scope, Span, decode
from contextcompany.observatory.tree import Node, tree
from wire import assistant, deliver, user

FIXTURES = Path(__file__).parent / "fixtures"


def make_span(attributes=None, *, name="span", scope="", events=(), status=(0, ""), end_ns=2_000_000_000):
    return Span(
        trace_id="1" * 32,
        span_id="2" * 16,
        parent_id="",
        trace_state="",
        flags=0,
        name=name,
        kind=1,
        start_ns=1_000_000_000,
        end_ns=end_ns,
        attributes=attributes or {},
        events=[Event(event, 0, values, 0) for event, values in events],
        links=[],
        status=status,
        dropped=(0, 0, 0),
        scope=Scope(scope, "", {}, 0, ""),
        resource=Resource({}, 0, "", []),
        raw=b"",
    )


def text(role, content, **more):
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


# --- real SDKs -------------------------------------------------------------------------------------------------------

SYSTEM, QUESTION = text("system", "Be brief."), text("user", "Weather in Oslo?")
CALL = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Oslo"}}
ANSWER = "It rains in Oslo."
FIRST, SECOND = Tokens(100, 15, 80, None, 5), Tokens(130, 7, 0, None, 0)
BOTH = Tokens(230, 22, 80, None, 5)
CLAUDE = Tokens(130, 7, 80, 30, None)
TREE_OF_AGENT = """\
run weatherman
  step gpt-4o-mini
  tool_call get_weather
  step gpt-4o-mini"""

FIXTURE_TREES = {
    "langfuse": (TREE_OF_AGENT, "step my-model"),
    "logfire_anthropic": ("step claude-answers-1",),
    "logfire_openai": ("other asking about {city}\n  step gpt-4o-mini",),
    "mlflow": (TREE_OF_AGENT,),
    "contextcompany": (
        TREE_OF_AGENT.replace("weatherman", "invoke_agent"),  # its agents have no names
        "run invoke_agent\n  step chat\n  tool_call get_weather",
    ),
    # The client tells of the call too, below the instrumentation.
    "official_anthropic": ("step claude-answers-1\n  step claude-answers-1",),
    "official_genai": ("other POST /ask\n  step gpt-4o-mini\n  step gpt-4o-mini",),
    "official_langchain": (TREE_OF_AGENT,),
    "official_v2": ("other POST /ask\n  step gpt-4o-mini\n  step gpt-4o-mini",),
    "openinference_anthropic": ("step claude-answers-1",),
    "openinference_langchain": (
        # The instrumentation of the client below LangChain is in traces of its own.
        "step gpt-4o-mini",
        """\
other weatherman
  other model
    step gpt-4o-mini
  other tools
    tool_call get_weather
  other model
    step gpt-4o-mini""",
        "step gpt-4o-mini",
    ),
    "openinference_openai": (TREE_OF_AGENT,),
    # Anthropic's client and OpenLLMetry both tell of the call, in traces of their own.
    "openllmetry_anthropic": ("step claude-answers-1", "step claude-answers-1"),
    "openllmetry_openai": ("run ask\n" + "\n".join(f"  {line}" for line in TREE_OF_AGENT.splitlines()),),
    "pydantic_ai": (TREE_OF_AGENT,),
    "vercel": (TREE_OF_AGENT,),
    "vercel_7": (
        """\
run weatherman
  other step 1
    step gpt-4o-mini
    tool_call get_weather
  other step 2
    step gpt-4o-mini""",
        "run streamer\n  other step 1\n    step gpt-4o-mini",
    ),
    "vercel_by_tcc": (TREE_OF_AGENT,),
}

FIXTURE_TOTALS = {
    "langfuse": [(BOTH, None), (Tokens(100, 7, 80), 0.003)],
    "logfire_anthropic": [(CLAUDE, None)],
    "logfire_openai": [(SECOND, 2.37e-05)],
    "mlflow": [(BOTH, None)],
    "contextcompany": [(Tokens(230, 22, 80), None), (Tokens(), 0.003)],
    "official_anthropic": [(CLAUDE, None)],
    "official_genai": [(BOTH, None)],
    "official_langchain": [(BOTH, None)],
    "official_v2": [(Tokens(230, 22), None)],
    "openinference_anthropic": [(CLAUDE, None)],
    "openinference_langchain": [(FIRST, None), (BOTH, None), (SECOND, None)],
    "openinference_openai": [(BOTH, None)],
    "openllmetry_anthropic": [(CLAUDE, None), (CLAUDE, None)],
    "openllmetry_openai": [(Tokens(230, 22, 80), None)],
    "pydantic_ai": [(BOTH, 4.17e-05)],
    "vercel": [(BOTH, None)],
    "vercel_7": [(BOTH, None), (SECOND, None)],
    "vercel_by_tcc": [(BOTH, None)],
}

FIXTURE_UNKNOWN = {"mlflow": {"model", "temperature", "tools"}}
"""MLflow copies the request's own keys; what they hold is read from the request."""

WITHOUT_CONTENT = {"official_anthropic": 1, "official_v2": 2, "openllmetry_anthropic": 1}
"""Steps that say nothing of messages: those of 1.36 are log records, the others' are with another span of the call."""


OF_VERCEL = ("vercel", "vercel_7", "vercel_by_tcc")
OF_THE_ORIGINAL_SDK = {path.stem for path in (FIXTURES / "custom").glob("*.json")}


def recorded(name):
    """The traces of a fixture: of each the spans, by id."""
    traces = {}
    for batch in batches(name):
        assert batch.refused == []
        for span in batch.spans:
            traces.setdefault(span.trace_id, {})[span.span_id] = span
    return list(traces.values())


def batches(name):
    """What is received of a fixture: one OTLP request, or what the original SDK posts one by one."""
    if name in OF_THE_ORIGINAL_SDK:
        posted = orjson.loads((FIXTURES / "custom" / f"{name}.json").read_bytes())
        return [custom.decode(orjson.dumps(body)) for path, body in posted if path == "/v1/custom"]
    return [decode("traces", (FIXTURES / f"{name}.json").read_bytes(), "application/json")]


def hung(spans):
    facts = {span_id: fold(span) for span_id, span in spans.items()}
    return facts, tree(Node(each, span.parent_id, span.start_ns, facts[each]) for each, span in spans.items())


def drawn(facts, of):
    depths, lines = {"": -1}, []
    for span_id, parent in of.parents.items():
        depths[span_id] = depths[parent] + 1
        lines.append(f"{'  ' * depths[span_id]}{facts[span_id].kind} {facts[span_id].name}")
    return "\n".join(lines)


def test_every_fixture_is_told_of():
    """A fixture is recorded by a recipe, and says here what it must fold to."""
    files = {path.stem for path in FIXTURES.glob("*.json")} | OF_THE_ORIGINAL_SDK
    assert files == set(FIXTURE_TREES) == set(FIXTURE_TOTALS)


@pytest.mark.parametrize("name", FIXTURE_TREES)
def test_trees_of_real_sdks(name):
    """What each SDK records hangs together as it happened, under the names that the program gave."""
    assert tuple(drawn(*hung(spans)) for spans in recorded(name)) == FIXTURE_TREES[name]


@pytest.mark.parametrize("name", FIXTURE_TREES)
def test_each_trace_of_real_sdks_is_one_run(name):
    """A foreign trace shows as one run, headed by its first GenAI span from the top."""
    for spans in recorded(name):
        facts, of = hung(spans)
        [run] = of.runs
        assert facts[run.head].read_as
        assert run.head == next(each for each in of.parents if facts[each].read_as)


@pytest.mark.parametrize("name", FIXTURE_TOTALS)
def test_totals_of_real_sdks(name):
    """Tokens and cost are counted once, in whatever spelling, and come to what the model said."""
    totals = []
    for spans in recorded(name):
        facts, of = hung(spans)
        everything = count((each, parent, facts[each]) for each, parent in of.parents.items()).everything
        totals.append((everything.tokens, everything.cost))
    assert totals == FIXTURE_TOTALS[name]


@pytest.mark.parametrize("name", FIXTURE_TREES)
def test_nothing_of_real_sdks_is_unknown(name):
    """Every attribute is understood, but for those named here."""
    unknown = {key for spans in recorded(name) for span in spans.values() for key in fold(span).unknown}
    assert unknown == FIXTURE_UNKNOWN.get(name, set())


@pytest.mark.parametrize("name", FIXTURE_TREES)
def test_conversations_of_real_sdks(name):
    """Each step has its question and its answer as GenAI messages; each tool call its arguments and result."""
    without = 0
    for spans in recorded(name):
        facts, of = hung(spans)
        for fact in (facts[each] for each in of.parents):
            if fact.kind == "step" and fact.input is None and fact.output is None:
                without += 1
            elif fact.kind == "step" and fact.cost != 0.003:
                check_step(fact)
            elif fact.kind == "tool_call" and fact.status != "error":
                assert "Oslo" in json.dumps(fact.args)
                assert "rain" in json.dumps(fact.result)
    assert without == WITHOUT_CONTENT.get(name, 0)


def check_step(fact):
    asked = [bare(message) for message in fact.input]
    instructions = [SYSTEM] if fact.system is None else []
    assert asked[: len(instructions) + 1] == [*instructions, QUESTION]
    assert fact.system in (None, SYSTEM["parts"])
    [answer] = fact.output
    if fact.tokens.output == 15:
        [call] = answer["parts"]
        assert {**call, "arguments": as_value(call["arguments"])} == CALL
        assert fact.finish_reason in ("tool_calls", "tool-calls", "tool_call", None)
    else:
        assert [part["content"] for part in answer["parts"]] == [ANSWER]
        assert fact.finish_reason in ("stop", "end_turn", None)
    if len(asked) > 2:
        called, result = asked[-2:]
        assert [part["type"] for part in called["parts"]] == ["tool_call"]
        assert result["role"] in ("tool", "user")
        assert [(part["type"], part["id"]) for part in result["parts"]] == [("tool_call_response", "call_1")]


def bare(message):
    return {key: value for key, value in message.items() if value is not None}


def as_value(arguments):
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def test_conversations_in_log_records():
    """Up to 1.36 the conventions kept messages in events, which are log records."""
    logs = decode("logs", (FIXTURES / "logs" / "official_v2.json").read_bytes(), "application/json").logs
    [first, second] = dict.fromkeys(log.span_id for log in logs)
    asked, answered = spoken(log for log in logs if log.span_id == first)
    assert asked == [SYSTEM, QUESTION]
    assert answered == [{"role": "assistant", "parts": [CALL], "finish_reason": "tool_call"}]
    asked, answered = spoken(log for log in logs if log.span_id == second)
    result = {"type": "tool_call_response", "id": "call_1", "response": "rain"}
    assert asked[2:] == [{"role": "assistant", "parts": [CALL]}, {"role": "tool", "parts": [result]}]
    assert answered == assistant(ANSWER)
    assert spoken([]) == (None, None)


def test_who_and_whose_in_real_sdks():
    """Sessions, users, tags and metadata that the program gave, in the spelling of each SDK."""
    given = {}
    for name in ("contextcompany", "langfuse", "openinference_openai", "openllmetry_openai", *OF_VERCEL):
        fact = next(fold(span) for spans in recorded(name) for span in spans.values() if fold(span).kind == "run")
        given[name] = (fact.session_id, fact.user_id, fact.tags, fact.metadata)
    who = ("session-1", "user-1")
    assert given == {
        "contextcompany": ("session-1", None, [], {"agent": "weatherman", "plan": "free"}),
        "langfuse": (*who, ["test"], {"plan": "free"}),
        "openinference_openai": (*who, ["test"], {"plan": "free"}),
        "openllmetry_openai": (*who, [], {"plan": "free"}),
        "vercel": (*who, [], {"plan": "free"}),
        "vercel_7": (*who, [], {"plan": "free"}),
        "vercel_by_tcc": ("session-1", None, [], {"plan": "free"}),
    }


def test_what_the_original_sdk_adds_to_spans_of_vercel():
    """The run's id, by which the run is found; that its session is a conversation, which metadata says as text."""
    [spans] = recorded("vercel_by_tcc")
    facts, of = hung(spans)
    assert {(fact.run_id, fact.conversational) for fact in facts.values()} == {("run-1", True)}
    assert [(run.run_id, run.is_missing) for run in of.runs] == [("run-1", False)]


def test_first_chunk_of_a_stream_of_vercel():
    """Version 7 says it in seconds, under the name of a metric."""
    seconds = [fold(span).time_to_first_chunk for spans in recorded("vercel_7") for span in spans.values()]
    assert [0 < each < 1 for each in seconds if each is not None] == [True]


def test_what_went_wrong_and_what_was_thought_with_the_original_sdk():
    """Status, messages and feedback, as its clients post them."""
    _, failed = recorded("contextcompany")
    posted = orjson.loads((FIXTURES / "custom" / "contextcompany.json").read_bytes())
    [body] = [body for path, body in posted if path == "/v1/feedback"]
    [given] = map(feedback, custom.decode_feedback(orjson.dumps(body), 17).logs)

    facts, _ = hung(failed)
    assert {fact.kind: (fact.status, fact.status_message, fact.error_type) for fact in facts.values()} == {
        "run": ("error", "It gave up.", None),
        "step": ("partial", "It was cut off.", None),
        "tool_call": ("error", "Nobody answered.", None),
    }
    assert (given.run_id, given.label, given.value, given.text) == ("run-1", "thumbs_up", 1.0, "Right.")


# --- spellings by hand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "scope", "read_as", "kind", "operation"),
    [
        ({"gen_ai.operation.name": "chat"}, "", "gen_ai", "step", "chat"),
        ({"gen_ai.operation.name": "chat"}, "contextcompany", "contextcompany", "step", "chat"),
        ({"gen_ai.operation.name": "embeddings"}, "", "gen_ai", "step", "embeddings"),
        ({"gen_ai.operation.name": "invoke_agent"}, "", "gen_ai", "run", "invoke_agent"),
        ({"gen_ai.operation.name": "invoke_workflow"}, "", "gen_ai", "run", "invoke_workflow"),
        ({"gen_ai.operation.name": "create_agent"}, "", "gen_ai", "other", "create_agent"),
        ({"gen_ai.operation.name": "retrieval"}, "", "gen_ai", "other", "retrieval"),
        ({"gen_ai.operation.name": "dance"}, "", "gen_ai", "other", "dance"),
        ({"gen_ai.system": "openai", "gen_ai.request.model": "m"}, "", "gen_ai", "step", "chat"),
        ({"gen_ai.tool.name": "t"}, "", "gen_ai", "tool_call", "execute_tool"),
        ({"openinference.span.kind": "LLM"}, "", "openinference", "step", "chat"),
        ({"openinference.span.kind": "AGENT"}, "", "openinference", "run", "invoke_agent"),
        ({"openinference.span.kind": "CHAIN"}, "", "openinference", "other", "chain"),
        ({"openinference.span.kind": "RETRIEVER"}, "", "openinference", "other", "retrieval"),
        ({"openinference.span.kind": "TOOL"}, "", "openinference", "tool_call", "execute_tool"),
        ({"traceloop.span.kind": "workflow"}, "", "openllmetry", "run", "invoke_workflow"),
        ({"traceloop.span.kind": "task"}, "", "openllmetry", "other", "task"),
        ({"traceloop.span.kind": "tool"}, "", "openllmetry", "tool_call", "execute_tool"),
        ({"llm.request.type": "chat", "gen_ai.system": "x"}, "", "openllmetry", "step", "chat"),
        ({"ai.operationId": "ai.streamText"}, "ai", "vercel", "run", "invoke_agent"),
        ({"ai.operationId": "ai.streamText.doStream"}, "ai", "vercel", "step", "chat"),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, "ai", "vercel", "step", "embeddings"),
        ({"ai.operationId": "ai.toolCall"}, "ai", "vercel", "tool_call", "execute_tool"),
        ({"langfuse.observation.type": "generation"}, "langfuse-sdk", "langfuse", "step", "chat"),
        ({"langfuse.observation.type": "span"}, "langfuse-sdk", "langfuse", "other", "span"),
        ({"mlflow.spanType": '"CHAT_MODEL"'}, "", "mlflow", "step", "chat"),
        ({"mlflow.spanType": "TOOL"}, "", "mlflow", "tool_call", "execute_tool"),
        ({"all_messages_events": "[]", "agent_name": "a"}, "pydantic-ai", "logfire", "run", "invoke_agent"),
        ({"http.request.method": "GET"}, "", "", "other", None),
        ({}, "", "", "other", None),
    ],
)
def test_what_a_span_is(attributes, scope, read_as, kind, operation):
    """Each convention's own word for the kind of a span decides; without one, what it carries."""
    fact = fold(make_span(attributes, scope=scope))
    assert (fact.read_as, fact.kind, fact.operation) == (read_as, kind, operation)


CHAT = {"gen_ai.operation.name": "chat"}
OPENAI_MESSAGES = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
GENAI_MESSAGES = [text("system", "S"), text("user", "U")]
TOOL_CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
CALLED = [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}}]


@pytest.mark.parametrize(
    ("attributes", "events", "asked", "answered"),
    [
        pytest.param(
            {
                "gen_ai.input.messages": json.dumps(GENAI_MESSAGES),
                "gen_ai.output.messages": json.dumps(assistant("A")),
            },
            [],
            GENAI_MESSAGES,
            assistant("A"),
            id="json text",
        ),
        pytest.param(
            {"gen_ai.input.messages": GENAI_MESSAGES, "gen_ai.output.messages": assistant("A")},
            [],
            GENAI_MESSAGES,
            assistant("A"),
            id="structured",
        ),
        pytest.param(
            {
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "S",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "U",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": "A",
                "gen_ai.completion.0.finish_reason": "stop",
            },
            [],
            GENAI_MESSAGES,
            assistant("A"),
            id="indexed",
        ),
        pytest.param(
            {
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.finish_reason": "tool_calls",
                "gen_ai.completion.0.tool_calls.0.id": "c",
                "gen_ai.completion.0.tool_calls.0.name": "f",
                "gen_ai.completion.0.tool_calls.0.arguments": '{"x": 1}',
            },
            [],
            None,
            [{"role": "assistant", "parts": CALLED, "finish_reason": "tool_call"}],
            id="indexed tool calls",
        ),
        pytest.param(
            {f"gen_ai.prompt.{n}.content": str(n) for n in random.Random(1).sample(range(12), 12)},
            [],
            [text("user", str(n)) for n in range(12)],
            None,
            id="indexed in number's order",
        ),
        pytest.param(
            {},
            [
                ("gen_ai.system.message", {"gen_ai.system": "openai", "content": "S", "role": "system"}),
                ("gen_ai.user.message", {"gen_ai.system": "openai", "content": "U"}),
                ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "A"}'}),
            ],
            GENAI_MESSAGES,
            assistant("A"),
            id="events per message",
        ),
        pytest.param(
            {},
            [
                ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "U"}'}),
                (
                    "gen_ai.choice",
                    {"gen_ai.event.content": '{"message": {"content": "A"}, "finish_reason": "stop", "index": 0}'},
                ),
            ],
            [text("user", "U")],
            assistant("A"),
            id="Azure's events",
        ),
        pytest.param(
            {},
            [("gen_ai.choice", {"index": 0, "message": '["A"]'}), ("gen_ai.choice", {"index": 1, "message": True})],
            None,
            [text("assistant", "A"), {"role": "assistant", "parts": [{"type": "unknown", "value": True}]}],
            id="events whose message is none",
        ),
        pytest.param(
            {},
            [
                ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(OPENAI_MESSAGES)}),
                ("gen_ai.content.completion", {"gen_ai.completion": '[{"role": "assistant", "content": "A"}]'}),
            ],
            GENAI_MESSAGES,
            [text("assistant", "A")],
            id="events of whole conversations",
        ),
        pytest.param(
            {},
            [
                (
                    "gen_ai.client.inference.operation.details",
                    {"gen_ai.input.messages": GENAI_MESSAGES, "gen_ai.output.messages": assistant("A")},
                )
            ],
            GENAI_MESSAGES,
            assistant("A"),
            id="today's event",
        ),
        pytest.param(
            {
                "events": json.dumps(
                    [
                        {"event.name": "gen_ai.user.message", "role": "user", "content": "U"},
                        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "A"}},
                    ]
                )
            },
            [],
            [text("user", "U")],
            [text("assistant", "A")],
            id="Logfire's events",
        ),
        pytest.param(
            {
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
                "llm.input_messages.0.message.contents.0.message_content.text": "U",
                "llm.input_messages.0.message.contents.1.message_content.type": "image",
                "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://x/y.png",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"x": 1}',
                "input.value": "not this",
            },
            [],
            [
                {
                    "role": "user",
                    "parts": [
                        {"type": "text", "content": "U"},
                        {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                    ],
                }
            ],
            [{"role": "assistant", "parts": CALLED}],
            id="OpenInference",
        ),
        pytest.param(
            {"input.value": json.dumps({"messages": OPENAI_MESSAGES, "model": "m"}), "output.value": "A"},
            [],
            GENAI_MESSAGES,
            [text("assistant", "A")],
            id="a whole request",
        ),
        pytest.param(
            {
                "ai.prompt": '{"system": "S", "prompt": "U"}',
                "ai.response.text": "A",
                "ai.response.finishReason": "stop",
            },
            [],
            [text("user", "U")],
            assistant("A"),
            id="Vercel's prompt",
        ),
        pytest.param(
            {
                "ai.prompt.messages": json.dumps(
                    [
                        {
                            "role": "assistant",
                            "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "f", "args": {"x": 1}}],
                        },
                        {
                            "role": "tool",
                            "content": [
                                {"type": "tool-result", "toolCallId": "c", "toolName": "f", "result": {"y": 2}}
                            ],
                        },
                    ]
                ),
                "ai.response.toolCalls": '[{"toolCallId": "c", "toolName": "f", "args": "{\\"x\\": 1}"}]',
                "ai.response.finishReason": "tool-calls",
            },
            [],
            [
                {"role": "assistant", "parts": CALLED},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": {"y": 2}}]},
            ],
            [{"role": "assistant", "parts": CALLED, "finish_reason": "tool_call"}],
            id="Vercel's tools",
        ),
        pytest.param(
            {
                "langfuse.observation.input": json.dumps(OPENAI_MESSAGES),
                "langfuse.observation.output": json.dumps({"role": "assistant", "tool_calls": TOOL_CALLS}),
            },
            [],
            GENAI_MESSAGES,
            [{"role": "assistant", "parts": CALLED}],
            id="Langfuse",
        ),
        pytest.param(
            {"mlflow.spanInputs": '"U"', "mlflow.spanOutputs": '"A"'},
            [],
            [text("user", "U")],
            [text("assistant", "A")],
            id="MLflow's quoted texts",
        ),
        pytest.param(
            {
                "request_data": json.dumps({"model": "m", "messages": OPENAI_MESSAGES}),
                "response_data": json.dumps({"message": {"role": "assistant", "content": "A"}}),
            },
            [],
            GENAI_MESSAGES,
            [text("assistant", "A")],
            id="Logfire's requests",
        ),
        pytest.param(
            {"response_data": json.dumps({"combined_chunk_content": "A", "chunk_count": 2})},
            [],
            None,
            [text("assistant", "A")],
            id="Logfire's streams",
        ),
        pytest.param(
            {"traceloop.entity.input": '{"args": [], "kwargs": {"q": "U"}}', "traceloop.entity.output": '"A"'},
            [],
            [text("user", "U")],
            [text("assistant", "A")],
            id="a decorated function",
        ),
        pytest.param(
            {
                "ai.prompt.messages": json.dumps(
                    [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "U"},
                                {"type": "image", "image": "https://i"},
                                {"type": "file", "mediaType": "image/*", "data": "https://i"},
                                {
                                    "type": "file",
                                    "mediaType": "application/pdf",
                                    "data": {"type": "data", "data": "JVBE"},
                                },
                                {"type": "file", "file": {"file_id": "f"}},
                            ],
                        }
                    ]
                )
            },
            [],
            [
                {
                    "role": "user",
                    "parts": [
                        {"type": "text", "content": "U"},
                        {"type": "uri", "modality": "image", "uri": "https://i"},
                        {"type": "uri", "modality": "image", "mime_type": "image/*", "uri": "https://i"},
                        {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "JVBE"},
                        {"type": "file", "modality": "document", "file_id": "f"},
                    ],
                }
            ],
            None,
            id="Vercel's files",
        ),
        pytest.param({"ai.value": '"U"'}, [], [text("user", "U")], None, id="what Vercel embeds"),
        pytest.param(
            {"ai.values": ['"U"', '"V"']}, [], [text("user", '["U","V"]')], None, id="texts that Vercel embeds"
        ),
        pytest.param(
            {"input.value": "{not json", "output.value": "[1, 2"},
            [],
            [text("user", "{not json")],
            [text("assistant", "[1, 2")],
            id="broken JSON",
        ),
        pytest.param(
            {"gen_ai.input.messages": '[{"role": "user", "content": "a\\ud83d \\ud83d\\ude00"}]'},
            [],
            [text("user", "a\ufffd \U0001f600")],
            None,
            id="half a character",
        ),
        pytest.param({}, [], None, None, id="nothing"),
    ],
)
def test_conversations(attributes, events, asked, answered):
    """Messages come out in GenAI shape, from wherever a convention keeps them."""
    fact = fold(make_span({**CHAT, **attributes}, events=events))
    assert (fact.input, fact.output) == (asked, answered)


def test_a_whole_conversation_is_split_at_the_last_answer():
    """Pydantic AI keeps all messages of an agent in one attribute."""
    call = {"role": "assistant", "parts": CALLED}
    said = [text("user", "U"), call, text("user", "more"), text("assistant", "A")]
    fact = fold(make_span({"pydantic_ai.all_messages": json.dumps(said), "final_result": "not this"}))
    assert (fact.input, fact.output) == (said[:3], said[3:])


@pytest.mark.parametrize(
    ("attributes", "tokens"),
    [
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}, (10, 5)),
        ({"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5}, (10, 5)),
        ({"llm.token_count.prompt": 10, "llm.token_count.completion": 5}, (10, 5)),
        ({"ai.usage.promptTokens": 10, "ai.usage.completionTokens": 5}, (10, 5)),
        ({"ai.usage.inputTokens": 10.0, "ai.usage.cachedInputTokens": 4}, (10, None, 4)),
        # Parts are in their whole ...
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 4}, (10, None, 4)),
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read_input_tokens": 4}, (10, None, 4)),
        ({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_creation.input_tokens": 4}, (10, None, None, 4)),
        ({"gen_ai.usage.output_tokens": 10, "gen_ai.usage.reasoning_tokens": 4}, (None, 10, None, None, 4)),
        # ... unless they are more than it ...
        (
            {
                "gen_ai.usage.input_tokens": 3,
                "gen_ai.usage.cache_read_input_tokens": 80,
                "gen_ai.usage.cache_creation_input_tokens": 17,
            },
            (100, None, 80, 17),
        ),
        (
            {"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2, "llm.usage.reasoning_tokens": 7},
            (1, 9, None, None, 7),
        ),
        # ... or the total says so.
        (
            {
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 5,
                "gen_ai.usage.cache_read_input_tokens": 30,
                "llm.usage.total_tokens": 85,
            },
            (80, 5, 30),
        ),
        (
            {
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 5,
                "gen_ai.usage.cache_read_input_tokens": 30,
                "llm.usage.total_tokens": 55,
            },
            (50, 5, 30),
        ),
        (
            {
                "gen_ai.usage.input_tokens": 50,
                "gen_ai.usage.output_tokens": 9,
                "gen_ai.usage.reasoning_tokens": 5,
                "gen_ai.usage.total_tokens": 64,
            },
            (50, 14, None, None, 5),
        ),
        # Objects.
        ({"langfuse.observation.usage_details": '{"input": 10, "output": 5}'}, (10, 5)),
        (
            {
                "langfuse.observation.usage_details": json.dumps(
                    {"input": 10, "input_cached_tokens": 90, "output": 5, "total": 105}
                )
            },
            (100, 5, 90),
        ),
        (
            {
                "langfuse.observation.usage_details": json.dumps(
                    {
                        "prompt_tokens": 100,
                        "completion_tokens": 15,
                        "prompt_tokens_details": {"cached_tokens": 80},
                        "completion_tokens_details": {"reasoning_tokens": 5},
                    }
                )
            },
            (100, 15, 80, None, 5),
        ),
        ({"langfuse.observation.usage_details": '{"total": 12}'}, ()),
        ({"mlflow.chat.tokenUsage": '{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}'}, (10, 5)),
        (
            {
                "output.value": json.dumps(
                    {"id": "r", "model": "m", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
                )
            },
            (9, 1),
        ),
        (
            {
                "response_data": json.dumps(
                    {
                        "message": {"role": "assistant", "content": "A"},
                        "usage": {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 7},
                    }
                )
            },
            (10, 1, 7),
        ),
        # What no count is.
        ({"gen_ai.usage.input_tokens": 10**12, "gen_ai.usage.output_tokens": 10**12 + 1}, (10**12,)),
        ({"langfuse.observation.usage_details": f'{{"input": 5, "output": {10**30}}}'}, (5,)),
        ({"output.value": f'{{"choices": [], "usage": {{"prompt_tokens": {10**30}}}}}'}, ()),
        ({"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": -1}, ()),
        ({"gen_ai.usage.input_tokens": True, "gen_ai.usage.output_tokens": 1.5}, ()),
        ({"gen_ai.usage.input_tokens": float("nan")}, ()),
        ({"langfuse.observation.usage_details": "[]"}, ()),
        ({"gen_ai.usage.input_tokens": 0}, (0,)),
    ],
)
def test_tokens(attributes, tokens):
    """Cached and written tokens are a part of the input and reasoning one of the output, however they are spelled."""
    assert fold(make_span({**CHAT, **attributes})).tokens == Tokens(*tokens)


@pytest.mark.parametrize(
    ("attributes", "cost", "source"),
    [
        ({"tcc.cost.total": 0.5, "gen_ai.usage.cost": 0.5, "tcc.cost.source": "calculated"}, 0.5, "calculated"),
        ({"gen_ai.usage.cost": 0.5}, 0.5, "gen_ai"),
        ({"llm.cost.total": 1, "openinference.span.kind": "LLM"}, 1.0, "openinference"),
        ({"operation.cost": 0.5, "model_request_parameters": "{}"}, 0.5, "logfire"),
        ({"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5}'}, 0.75, "langfuse"),
        ({"langfuse.observation.cost_details": '{"input": 0.25, "total": 0.5}'}, 0.5, "langfuse"),
        ({"mlflow.llm.cost": '{"input_cost": 1, "output_cost": 2, "total_cost": 4}'}, 4.0, "mlflow"),
        ({"langfuse.observation.cost_details": "{}"}, None, None),
        ({"gen_ai.usage.cost": "0.5"}, None, None),
        ({"gen_ai.usage.cost": float("inf")}, None, None),
        ({"gen_ai.usage.cost": 0.0}, 0.0, "gen_ai"),
        ({"gen_ai.usage.cost": 1e10}, None, None),
        ({"langfuse.observation.cost_details": '{"input": 1e308, "output": 1e308}'}, None, None),
    ],
)
def test_cost(attributes, cost, source):
    """A cost keeps who said it; what is not known is not zero."""
    fact = fold(make_span({**CHAT, **attributes}))
    assert (fact.cost, fact.cost_source) == (cost, source)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (make_span(), ("unset", None, None)),
        (make_span(status=(1, "")), ("ok", None, None)),
        (make_span(status=(2, "no")), ("error", "no", None)),
        (make_span({"tcc.status.code": 1, "tcc.status.message": "half"}, status=(1, "")), ("partial", "half", None)),
        (make_span({"tcc.status.code": 0}, status=(0, ""), end_ns=0), ("unset", None, None)),
        (make_span({"langfuse.observation.level": "ERROR"}), ("error", None, None)),
        (
            make_span(status=(2, ""), events=[("exception", {"exception.type": "E", "exception.message": "why"})]),
            ("error", "why", "E"),
        ),
        (make_span(events=[("exception", {"exception.type": "E"})]), ("unset", None, None)),
        (make_span({"error.type": "_OTHER"}, status=(2, "no")), ("error", "no", None)),
        (
            make_span({"error.type": "_OTHER"}, status=(2, "no"), events=[("exception", {"exception.type": "E"})]),
            ("error", "no", "E"),
        ),
        (make_span({"tcc.status.code": 7}, status=(2, "")), ("error", None, None)),
    ],
)
def test_status(span, expected):
    """Our status says more than OTLP's; a span that is open has none yet."""
    fact = fold(span)
    assert (fact.status, fact.status_message, fact.error_type) == expected


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.5}, 0.5),
        ({"gen_ai.client.operation.time_to_first_chunk": 0.5}, 0.5),
        ({"ai.response.msToFirstChunk": 500}, 0.5),
        ({"langfuse.observation.completion_start_time": '"1970-01-01T00:00:01.500000Z"'}, 0.5),
        ({"langfuse.observation.completion_start_time": "soon"}, None),
    ],
)
def test_time_to_first_chunk(attributes, seconds):
    """In seconds, from whatever it was told in."""
    assert fold(make_span(attributes)).time_to_first_chunk == seconds


@pytest.mark.parametrize(
    ("word", "provider"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("anthropic.messages", "anthropic"),
        ("google.generative-ai", "gcp.gen_ai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("aws.bedrock", "aws.bedrock"),
        ("mistralai", "mistral_ai"),
        ("my.own", "my.own"),
    ],
)
def test_providers(word, provider):
    """Under the conventions' names where they have one."""
    assert fold(make_span({"gen_ai.system": word})).provider == provider


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.definitions": '[{"type": "function", "name": "f", "parameters": {"type": "object"}}]'},
        {
            "llm.tools.0.tool.json_schema": json.dumps(
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
            )
        },
        {"llm.request.functions.0.name": "f", "llm.request.functions.0.parameters": '{"type": "object"}'},
        {"ai.prompt.tools": ['{"type": "function", "name": "f", "inputSchema": {"type": "object"}}']},
        {
            "model_request_parameters": json.dumps(
                {"function_tools": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}
            )
        },
        {"input.value": '{"model": "m", "messages": [], "tools": [{"name": "f", "input_schema": {"type": "object"}}]}'},
    ],
)
def test_tool_definitions(attributes):
    """The tools that were offered, in GenAI shape."""
    tools = fold(make_span({**CHAT, **attributes})).tool_definitions
    assert tools == [{"type": "function", "name": "f", "parameters": {"type": "object"}}]


def test_unknown_attributes_are_named():
    """Of a span that speaks GenAI; any other span's are nobody's business."""
    strange = {"gen_ai.request.strange": 1, "my.key": 2}
    assert fold(make_span({**CHAT, **strange})).unknown == ["gen_ai.request.strange", "my.key"]
    assert fold(make_span({"my.key": 2})).unknown == []


def test_everything_that_we_write_is_read():
    """Each attribute of a run, step or tool call of ours has a fact, or is said twice."""
    said_twice = {"gen_ai.tool.type", "tcc.incomplete"}
    registry = yaml.safe_load((Path(__file__).parents[2] / "semconv" / "spans.yaml").read_text(encoding="utf-8"))
    keys = {ref["ref"] for span in registry["spans"] for ref in span["attributes"]} - said_twice
    read = {*readings.FACTS, *readings.PARAMETERS, *(prefix.rstrip(".") for prefix, _, _ in readings.FAMILIES)}
    assert keys - read == set()


def test_spans_that_never_ended():
    """A snapshot is open; what its process did not end says why; a stub says what is left out."""
    own = {"gen_ai.operation.name": "chat", "tcc.runId": "r", "tcc.status.code": 0}
    snapshot = fold(make_span(own, scope="contextcompany", end_ns=0))
    assert (snapshot.status, snapshot.incomplete, snapshot.unknown) == ("unset", None, [])

    died = fold(make_span({**own, **died_attributes()}, scope="contextcompany", status=(2, "")))
    assert (died.status, died.incomplete, died.error_type) == ("error", "process_died", None)

    stub = fold(make_span({**own, **undeliverable_attributes("413", 9_000_000)}, scope="contextcompany"))
    assert (stub.undeliverable, stub.undeliverable_size, stub.unknown) == ("413", 9_000_000, [])


def test_what_was_cut_and_redacted():
    """By the names of the attributes."""
    fact = fold(make_span({**CHAT, "tcc.truncated": ["gen_ai.input.messages"], "tcc.redacted": ["tcc.metadata.x"]}))
    assert (fact.truncated, fact.redacted) == (["gen_ai.input.messages"], ["tcc.metadata.x"])


def test_better_places_win():
    """What the conventions have today counts before older spellings and those of others, in any order."""
    spellings = [("gen_ai.request.model", "a"), ("llm.model_name", "b"), ("ai.model.id", "c")]
    for turned in (spellings, spellings[::-1]):
        assert fold(make_span(dict(turned))).model_requested == "a"


def test_parameters_have_the_names_that_steps_take():
    """One table for what our SDK writes, one for what is read: they name the same."""
    written = {**{name: key for name, (key, _) in PARAMETERS.items()}, **CLIENT_FACTS}
    assert {name: readings.PARAMETERS[key][0] for name, key in written.items()} == {name: name for name in written}


def test_keys_of_any_depth():
    """A key with ten thousand dots is no more than one that is odd."""
    key = "llm.input_messages.0.message" + ".content.message" * 10_000
    assert fold(make_span({**CHAT, key: "x"})).kind == "step"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**63) | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
JSON_TEXTS = st.builds(
    json.dumps,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.just(10**30)
        | st.floats()
        | st.text(st.characters(), max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "role",
                        "content",
                        "parts",
                        "type",
                        "text",
                        "messages",
                        "message",
                        "choices",
                        "usage",
                        "prompt",
                        "system",
                        "tool_calls",
                        "function",
                        "name",
                        "output",
                        "lc",
                        "kwargs",
                        "args",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
)
KEYS = st.sampled_from(
    [
        *readings.FACTS,
        *readings.PARAMETERS,
        *readings.ROLES,
        *(f"{prefix}{rest}" for prefix, _, _ in readings.FAMILIES for rest in ("0", "0.role", "0.x.1.y", "a..b", "")),
    ]
)


@pytest.mark.parametrize("system", [10**30, 7, [7], {"a": 1}, True])
def test_system_instructions_are_parts_whatever_they_are(system):
    """Of a prompt as Vercel's SDK has it."""
    said = json.dumps({"system": system})
    fact = fold(make_span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": said}))

    assert [each["type"] for each in fact.system] == ["text"]


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES | JSON_TEXTS, max_size=8),
    st.sampled_from(["chat", "invoke_agent", "execute_tool", ""]),
)
def test_nothing_raises(attributes, operation):
    """Whatever the attributes hold, a span folds, and to types that can be relied on."""
    fact = fold(make_span({"gen_ai.operation.name": operation, **attributes}, events=[("gen_ai.choice", attributes)]))
    assert fact.kind in ("run", "step", "tool_call", "other")
    assert all(type(each) in (int, type(None)) for each in fact.tokens)
    assert all(type(each) is list or each is None for each in (fact.input, fact.output, fact.system))
    assert all(type(each) is str or each is None for each in (fact.run_id, fact.model_requested, fact.status_message))


# --- the round trip of our own ---------------------------------------------------------------------------------------


@pytest.fixture
def arrived(receiver):
    """Facts of all spans that arrived since the last call."""
    tcc.configure(url=receiver.url, service_name="shop")

    def facts():
        deliver()
        batches = [decode("traces", r.body, "application/x-protobuf") for r in receiver.requests if "/traces" in r.path]
        receiver.clear()
        return [fold(span) for batch in batches for span in batch.spans]

    return facts


def test_everything_about_a_run(arrived):
    """Every call on a run comes back as what was given."""
    r = tcc.run("r-1", session_id="s", conversational=True, user_id="u", org_id="o", agent="support", tags=["a", "b"])
    r.prompt("U", system_prompt="S").response("A").metadata(plan="free", n=3).status(1, "half").end()
    [fact] = arrived()
    assert fact == Fact(
        kind="run",
        read_as="contextcompany",
        name="support",
        operation="invoke_agent",
        run_id="r-1",
        session_id="s",
        user_id="u",
        org_id="o",
        conversational=True,
        agent="support",
        status="partial",
        status_message="half",
        input=user("U"),
        output=assistant("A"),
        system=[{"type": "text", "content": "S"}],
        metadata={"plan": "free", "n": 3},
        tags=["a", "b"],
    )


def test_everything_about_a_step_and_a_tool_call(arrived):
    """Every call on a step and on a tool call comes back as what was given."""
    r = tcc.run("r-1")
    s = r.step("s-1", model="gpt-4o").model(requested="gpt-4o", used="gpt-4o-2024").provider("openai")
    s.prompt("U").response("A").tokens(uncached=10, cached=80, cache_write=3, completion=9, reasoning=4).cost(0.25)
    s.finish_reason("length").parameters(temperature=0.5, max_tokens=7, stop_sequences=["x"])
    s.tool_definitions([{"type": "function", "function": {"name": "f"}}])
    t = s.tool_call("search", "c-1").args({"q": [1]}).result("plain")
    t.end()
    s.end()
    r.error("broken")
    facts = {fact.name: fact for fact in arrived()}
    assert facts["gpt-4o"] == Fact(
        kind="step",
        read_as="contextcompany",
        name="gpt-4o",
        operation="chat",
        run_id="r-1",
        step_id="s-1",
        model_requested="gpt-4o",
        model_used="gpt-4o-2024",
        provider="openai",
        finish_reason="length",
        status="ok",
        tokens=Tokens(93, 9, 80, 3, 4),
        cost=0.25,
        cost_source="provided",
        input=user("U"),
        output=assistant("A", "length"),
        tool_definitions=[{"type": "function", "name": "f"}],
        parameters={"temperature": 0.5, "max_tokens": 7, "stop_sequences": ["x"]},
    )
    assert facts["search"] == Fact(
        kind="tool_call",
        read_as="contextcompany",
        name="search",
        operation="execute_tool",
        run_id="r-1",
        tool_name="search",
        tool_call_id="c-1",
        status="ok",
        args={"q": [1]},
        result="plain",
    )
    run = facts["invoke_agent"]
    assert (run.name, run.status, run.status_message, run.error_type) == ("invoke_agent", "error", "broken", None)


def test_suspended_run_and_feedback(receiver):
    """A suspended run is told by a log record until its span arrives; feedback by another."""
    tcc.configure(url=receiver.url)
    r = tcc.run("r-1", agent="support").prompt("U")
    r.feedback("thumbs_up", text="good")
    token = r.suspend()
    deliver()
    logs = [
        log
        for request in receiver.requests
        if "/logs" in request.path
        for log in decode("logs", request.body, "application/x-protobuf").logs
    ]
    [given] = filter(None, map(feedback, logs))
    assert given == Feedback(
        run_id="r-1",
        trace_id=given.trace_id,
        span_id=given.span_id,
        response_id=None,
        name="user_feedback",
        label="thumbs_up",
        value=1.0,
        text="good",
        time_ns=given.time_ns,
    )
    [waiting] = filter(None, map(suspended, logs))
    assert (waiting.kind, waiting.run_id, waiting.agent, waiting.status) == ("run", "r-1", "support", "unset")
    assert waiting.input == user("U")
    tcc.resume(token).response("A").end()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = st.text(string.ascii_letters + "-_.", min_size=1, max_size=12)
COUNTS = st.none() | st.integers(0, 10**6)
MESSAGES = st.lists(st.builds(text, st.sampled_from(["user", "assistant", "system"]), TEXTS), min_size=1, max_size=4)
ARGS = st.dictionaries(NAMES, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS, max_size=4)
STEPS = st.fixed_dictionaries(
    {
        "model": NAMES,
        "used": st.none() | NAMES,
        "prompt": MESSAGES,
        "response": TEXTS.filter(lambda each: each[:1] not in "[{ \t\r\n"),
        "tokens": st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
        "cost": st.none() | st.floats(0, 100),
        "metadata": st.dictionaries(NAMES, TEXTS | st.integers(-99, 99) | st.booleans(), max_size=3),
        "status": st.sampled_from([0, 1]),
        "args": ARGS,
        "result": ARGS,
    }
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEPS, max_size=4), session=st.none() | TEXTS, agent=NAMES, tags=st.lists(TEXTS, max_size=3))
@pytest.mark.unsound
def test_round_trip(arrived, steps, session, agent, tags):
    """Whatever a program records comes back equal: what is written and what is read is one contract."""
    r = tcc.run(session_id=session, agent=agent, tags=tags).prompt("U")
    for n, told in enumerate(steps):
        s = r.step(f"s-{n}").model(requested=told["model"], used=told["used"])
        s.prompt(told["prompt"]).response(told["response"]).metadata(**told["metadata"]).status(told["status"])
        names = ("uncached", "cached", "cache_write", "completion", "reasoning")
        s.tokens(**{name: n for name, n in zip(names, told["tokens"], strict=True) if n is not None})
        if told["cost"] is not None:
            s.cost(told["cost"])
        s.tool_call(f"tool-{n}").args(told["args"]).result(told["result"]).end()
        s.end()
    r.response("A").end()

    facts = arrived()
    run = next(fact for fact in facts if fact.kind == "run")
    assert (run.agent, run.name, run.tags, run.status) == (agent, agent, tags, "ok")
    assert run.session_id == session or session is None
    assert all((fact.run_id, fact.session_id, fact.unknown) == (run.run_id, run.session_id, []) for fact in facts)
    for n, told in enumerate(steps):
        s = next(fact for fact in facts if fact.step_id == f"s-{n}")
        uncached, cached, written, completion, reasoning = told["tokens"]
        whole = None if (uncached, cached, written) == (None,) * 3 else sum(filter(None, (uncached, cached, written)))
        assert (s.model_requested, s.model_used) == (told["model"], told["used"])
        assert s.input == told["prompt"]
        assert s.output == assistant(told["response"])
        assert s.tokens == Tokens(whole, completion, cached, written, reasoning)
        if told["cost"] is not None:
            assert (s.cost, s.cost_source) == (told["cost"], "provided")
        assert s.metadata == told["metadata"]
        assert s.status == ["ok", "partial"][told["status"]]
        t = next(fact for fact in facts if fact.tool_name == f"tool-{n}")
        assert (t.args, t.result) == (told["args"], told["result"])
