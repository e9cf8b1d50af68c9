"""What each call puts on the wire, and that this is what the registry says."""

import importlib.util
import json
import logging
import sys
import warnings
from collections import defaultdict
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

import contextcompany as tcc
from contextcompany import _configure, _mapping
from contextcompany._foreign import FollowingProvider
from genai_shapes import (
    check_input_messages,
    check_output_messages,
    check_system_instructions,
    check_tool_definitions,
)
from wire import assistant, deliver, recorded, recorded_feedback, run_span_id, told, trace_id, user

PRICES = f"genai-prices/{version('genai-prices')}"


@pytest.fixture(autouse=True)
def pipeline(receiver):
    tcc.configure(url=receiver.url, service_name="shop")


# --- which span, of which kind, under which name, as whose child -----------------------------------------------------


def test_spans(receiver):
    """A run is an INTERNAL root, a step a CLIENT child, a tool call an INTERNAL child of whoever asked for it."""
    r = tcc.run("r-1", agent="support")
    s = r.step("s-1", model="gpt-4o")
    of_step = s.tool_call("search", "c-1")
    of_run = r.tool_call("save", "c-2")
    in_tool = tcc.step("r-1", "s-2", parent=of_step)
    by_parent = tcc.tool_call("r-1", "c-3", "look", parent=in_tool)
    for each in (by_parent, in_tool, of_step, of_run, s, r):
        each.error()

    spans = [(span["name"], span["kind"], span["parent"]) for span in recorded(receiver)]
    assert spans == [
        ("execute_tool look", "INTERNAL", "s-2"),
        ("chat", "CLIENT", "c-1"),
        ("execute_tool search", "INTERNAL", "s-1"),
        ("execute_tool save", "INTERNAL", "r-1"),
        ("chat gpt-4o", "CLIENT", "r-1"),
        ("invoke_agent support", "INTERNAL", None),
    ]
    assert {span.trace_id for span in receiver.spans()} == {trace_id("r-1")}


def test_names_without_what_they_name(receiver):
    """Without an agent, model or tool name a span is called by its operation alone."""
    r = tcc.run("r-1")
    r.step().error()
    r.tool_call().error()
    r.error()

    assert [span["name"] for span in recorded(receiver)] == ["chat", "execute_tool", "invoke_agent"]


@pytest.mark.parametrize("private", [True, False], ids=["our spans", "a provider's spans"])
def test_names_follow_what_is_set_later(receiver, private):
    """An agent, model or tool that is named or renamed after the start is what the span is called and carries."""
    if not private:
        use_provider(receiver)
    r = tcc.run("r-1", agent="draft").agent("support")
    s = r.step(model="gpt-4o").model("claude-sonnet-4-5")
    used = r.step().model(used="mistral-large-latest")
    tc = r.tool_call("find").name("search")
    for each in (tc, used, s, r):
        each.error()

    spans = recorded(receiver)
    keys = ("gen_ai.tool.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.agent.name", "tcc.agent")
    assert [(span["name"], {k: v for k, v in span["attributes"].items() if k in keys}) for span in spans] == [
        ("execute_tool search", {"gen_ai.tool.name": "search"}),
        ("chat mistral-large-latest", {"gen_ai.response.model": "mistral-large-latest"}),
        ("chat claude-sonnet-4-5", {"gen_ai.request.model": "claude-sonnet-4-5"}),
        ("invoke_agent support", {"gen_ai.agent.name": "support", "tcc.agent": "support"}),
    ]


def test_scope_and_resource(receiver):
    """Spans and events say who made them, by which version, under which schema, and for which service."""
    r = tcc.run().prompt("U")
    r.feedback("thumbs_up")
    r.end()
    deliver()

    [span], [log] = receiver.spans(), receiver.logs()
    scope = ("contextcompany", tcc.__version__, "https://opentelemetry.io/schemas/1.44.0")
    assert (span.scope, log.scope) == (scope, scope)
    assert span.resource == log.resource
    assert span.resource["service.name"] == "shop"
    assert (span.path, log.path) == ("/v1/traces", "/v1/logs")


def test_spans_of_a_provider_have_the_same_scope(receiver):
    """Through a provider of the user's, the scope and its schema are the same; the resource is the provider's."""
    use_provider(receiver)
    tcc.run("r-1").error()

    [span] = receiver.spans()
    assert span.scope == ("contextcompany", tcc.__version__, "https://opentelemetry.io/schemas/1.44.0")
    assert span.resource["service.name"].startswith("unknown_service")


# --- each call: run --------------------------------------------------------------------------------------------------


def run_attributes(receiver, record, *arguments, **keywords):
    """Whole attributes of the only span of `record(run)`, without the three that every run has."""
    r = tcc.run("r-1", *arguments, **keywords).prompt("U")
    record(r)
    r.end()
    [span] = recorded(receiver)
    attributes = span["attributes"]
    assert (attributes.pop("gen_ai.operation.name"), attributes.pop("tcc.runId")) == ("invoke_agent", "r-1")
    attributes.pop("tcc.status.code")
    return attributes


PROMPT = {"gen_ai.input.messages": user("U")}


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, {}),
        ({"session_id": "session-42"}, {"gen_ai.conversation.id": "session-42", "tcc.sessionId": "session-42"}),
        ({"conversational": True}, {"tcc.conversational": True}),
        ({"conversational": False}, {"tcc.conversational": False}),
        ({"agent": "support"}, {"gen_ai.agent.name": "support", "tcc.agent": "support"}),
        ({"user_id": "user-17"}, {"user.id": "user-17", "tcc.userId": "user-17"}),
        ({"org_id": "org-3"}, {"tcc.orgId": "org-3"}),
        ({"user_id": 17, "org_id": 3}, {"user.id": "17", "tcc.userId": "17", "tcc.orgId": "3"}),
        ({"tags": ["beta", "eu"]}, {"tcc.tags": ["beta", "eu"]}),
        ({"tags": []}, {}),
        ({"metadata": {"k": "v"}}, {"tcc.metadata.k": "v"}),
    ],
    ids=lambda value: ",".join(value) or "nothing",
)
def test_what_a_run_is_made_with(receiver, keywords, expected):
    """Each argument of `run()` is its attributes, and one that is not given is none."""
    assert run_attributes(receiver, lambda r: None, **keywords) == PROMPT | expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda r: r.prompt("Hi"), {"gen_ai.input.messages": user("Hi")}),
        (
            lambda r: r.prompt("Hi", "Be kind."),
            {
                "gen_ai.input.messages": user("Hi"),
                "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
            },
        ),
        (lambda r: r.prompt("U", full_input="{}"), {"tcc.run.full_input": "{}"}),
        (lambda r: r.response("Hello"), {"gen_ai.output.messages": assistant("Hello")}),
        (
            lambda r: r.response("Hello", full_output=[1]),
            {"gen_ai.output.messages": assistant("Hello"), "tcc.run.full_output": "[1]"},
        ),
        (lambda r: r.agent("support"), {"gen_ai.agent.name": "support", "tcc.agent": "support"}),
        (lambda r: r.tags("beta").tags("eu", "new"), {"tcc.tags": ["beta", "eu", "new"]}),
        (lambda r: r.status(1, "Almost."), {"tcc.status.message": "Almost."}),
    ],
    ids=["prompt", "system", "full input", "response", "full output", "agent", "tags", "status"],
)
def test_what_a_run_is_told(receiver, record, expected):
    """Each setter of a run is its attributes."""
    assert run_attributes(receiver, record) == PROMPT | expected


def test_whole_request_as_a_run_s_prompt(receiver):
    """A request body given as a run's prompt keeps its messages, its instructions and its tools."""
    request = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Hi"}],
        "instructions": "Be kind.",
        "tools": [{"type": "function", "function": {"name": "search"}}],
    }

    assert run_attributes(receiver, lambda r: r.prompt(request)) == {
        "gen_ai.input.messages": user("Hi"),
        "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
        "gen_ai.tool.definitions": [{"type": "function", "name": "search"}],
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (5, 5),
        (0.5, 0.5),
        (True, True),
        (2**64, str(2**64)),
        (["a", "b"], ["a", "b"]),
        ([1, "b"], '[1,"b"]'),
        ([], "[]"),
        ({"a": [1]}, '{"a":[1]}'),
        (None, ""),
        (b"bytes", "bytes"),
        ("\ud800", "�"),
    ],
    ids=repr,
)
def test_metadata(receiver, value, expected):
    """Metadata keeps numbers, booleans and lists of text; everything structured is JSON text."""
    expected = {"tcc.metadata.key": expected, "tcc.metadata.other key": "x"}
    assert run_attributes(receiver, lambda r: r.metadata({"key": value}, **{"other key": "x"})) == PROMPT | expected


@pytest.mark.parametrize("noun", ["run", "step", "tool call"])
@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        ((), ("OK", ""), {"tcc.status.code": 0}),
        ((0,), ("OK", ""), {"tcc.status.code": 0}),
        ((1, "half"), ("OK", ""), {"tcc.status.code": 1, "tcc.status.message": "half"}),
        ((2,), ("ERROR", ""), {"tcc.status.code": 2, "error.type": "_OTHER"}),
        ((2, "no"), ("ERROR", "no"), {"tcc.status.code": 2, "tcc.status.message": "no", "error.type": "_OTHER"}),
    ],
    ids=str,
)
def test_status(receiver, noun, given, status, expected):
    """0 and 1 are OK, 2 is ERROR with description and error type; the code is always there, a message when given."""
    made = {"run": tcc.run, "step": tcc.step, "tool call": tcc.tool_call}[noun]("r-1")
    made = made.name("search") if noun == "tool call" else made.prompt("P").response("R")
    if given:
        made.status(*given)
    made.end()

    [span] = recorded(receiver)
    assert span["status"] == status
    keys = ("tcc.status.code", "tcc.status.message", "error.type")
    assert {k: v for k, v in span["attributes"].items() if k in keys} == expected


@pytest.mark.parametrize("code", [3, -1, "soon", None, float("inf")])
def test_unknown_status_is_an_error(receiver, caplog, code):
    """A status that is none of the three is recorded as an error, said and counted."""
    tcc.run("r-1").prompt("U").status(code, "odd").end()

    assert tcc.flush(5).dropped == {"bad_value": 1}
    [span] = told(receiver.spans())
    assert (span["status"], span["attributes"]["tcc.status.code"]) == (("ERROR", "odd"), 2)
    assert [record.message for record in caplog.records] == [
        "`status()` takes 0, 1 or 2; anything else is recorded as 2 (error)."
    ]


# --- each call: step -------------------------------------------------------------------------------------------------


def step_attributes(receiver, record, **keywords):
    """Whole attributes of the only span of `record(step)`, without those that every step has."""
    s = tcc.step("r-1", "s-1", **keywords).prompt("P").response("R")
    record(s)
    s.end()
    [span] = recorded(receiver)
    attributes = span["attributes"]
    for key, value in (
        ("gen_ai.operation.name", "chat"),
        ("tcc.runId", "r-1"),
        ("tcc.step.id", "s-1"),
        ("tcc.status.code", 0),
    ):
        assert attributes.pop(key) == value
    return attributes


SAID = {"gen_ai.input.messages": user("P"), "gen_ai.output.messages": assistant("R")}
OPENAI = {"gen_ai.provider.name": "openai"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda s: s, {}),
        (lambda s: s.model("gpt-4o"), OPENAI | {"gen_ai.request.model": "gpt-4o"}),
        (lambda s: s.model(used="gpt-4o-2024-08-06"), OPENAI | {"gen_ai.response.model": "gpt-4o-2024-08-06"}),
        (
            lambda s: s.model("gpt-4o", "gpt-4o-2024-08-06"),
            OPENAI | {"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06"},
        ),
        (
            lambda s: s.model("claude-sonnet-4-5"),
            {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"},
        ),
        (
            lambda s: s.model("gpt-4o").provider("azure.ai.openai"),
            {"gen_ai.provider.name": "azure.ai.openai", "gen_ai.request.model": "gpt-4o"},
        ),
        (lambda s: s.model("our-own-model"), {"gen_ai.request.model": "our-own-model"}),
        (lambda s: s.provider("acme"), {"gen_ai.provider.name": "acme"}),
        (lambda s: s.finish_reason("length"), {"gen_ai.response.finish_reasons": ["length"]}),
        (lambda s: s.response_id("chatcmpl-1"), {"gen_ai.response.id": "chatcmpl-1"}),
        (
            lambda s: s.tool_definitions([{"name": "search"}]),
            {"gen_ai.tool.definitions": [{"type": "function", "name": "search"}]},
        ),
        (lambda s: s.metadata(k="v"), {"tcc.metadata.k": "v"}),
    ],
    ids=[
        *("nothing", "requested", "used", "both models", "another provider", "given provider", "unknown provider"),
        *("provider alone", "finish reason", "response id", "tool definitions", "metadata"),
    ],
)
def test_what_a_step_is_told(receiver, record, expected):
    """Each setter of a step is its attributes; the provider is told from the model unless it is given."""
    expected = SAID | expected
    if reasons := expected.get("gen_ai.response.finish_reasons"):
        expected["gen_ai.output.messages"] = assistant("R", *reasons)
    assert step_attributes(receiver, record) == expected


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"model": "gpt-4o"}, OPENAI | {"gen_ai.request.model": "gpt-4o"}),
        ({"provider": "groq"}, {"gen_ai.provider.name": "groq"}),
        ({"model": "gpt-4o", "provider": "groq"}, {"gen_ai.provider.name": "groq", "gen_ai.request.model": "gpt-4o"}),
    ],
    ids=str,
)
def test_what_a_step_is_made_with(receiver, keywords, expected):
    """Model and provider may be given at the start."""
    assert step_attributes(receiver, lambda s: None, **keywords) == SAID | expected


def test_provider_follows_the_model(receiver):
    """A provider that was told from the first model is told again from the model that replaces it."""
    expected = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    assert step_attributes(receiver, lambda s: s.model("claude-sonnet-4-5"), model="gpt-4o") == SAID | expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda s: s.tokens(), {}),
        (lambda s: s.tokens(uncached=7), {"input_tokens": 7}),
        (lambda s: s.tokens(cached=7), {"input_tokens": 7, "cache_read.input_tokens": 7}),
        (lambda s: s.tokens(cache_write=7), {"input_tokens": 7, "cache_write.input_tokens": 7}),
        (lambda s: s.tokens(completion=7), {"output_tokens": 7}),
        (lambda s: s.tokens(completion=7, reasoning=3), {"output_tokens": 7, "reasoning.output_tokens": 3}),
        (
            lambda s: s.tokens(0, 0, 0),
            {"input_tokens": 0, "cache_read.input_tokens": 0, "output_tokens": 0},
        ),
        (
            lambda s: s.tokens(100, 20, 40, cache_write=5, reasoning=10),
            {
                "input_tokens": 125,
                "cache_read.input_tokens": 20,
                "cache_write.input_tokens": 5,
                "output_tokens": 40,
                "reasoning.output_tokens": 10,
            },
        ),
        (
            lambda s: s.tokens(100, completion=1).tokens(cached=20, completion=40),
            {"input_tokens": 120, "cache_read.input_tokens": 20, "output_tokens": 40},
        ),
        (lambda s: s.tokens("7", 2.0), {"input_tokens": 9, "cache_read.input_tokens": 2}),
        (
            lambda s: s.tokens(2**63 - 1, 1),
            {"input_tokens": str(2**63), "cache_read.input_tokens": 1},
        ),
    ],
    ids=[
        *("none", "uncached", "cached", "written", "output", "reasoning", "zero", "all", "in two calls", "as text"),
        "beyond 64 bits",
    ],
)
@pytest.mark.unsound
def test_tokens(receiver, record, expected):
    """The input is the sum of its parts, each part is told apart, and a count that was not given is not there."""
    expected = {f"gen_ai.usage.{key}": value for key, value in expected.items()}
    assert step_attributes(receiver, record) == SAID | expected


@pytest.mark.parametrize(
    "bad", [-1, "many", 1.5e300, float("nan"), object()], ids=["-1", "many", "1.5e300", "nan", "object"]
)
def test_tokens_that_are_no_counts(receiver, caplog, bad):
    """What is no count is left out, said and counted; the other counts stay."""
    tcc.step("r-1").prompt("P").response("R").tokens(bad, completion=3).end()

    assert tcc.flush(5).dropped == {"bad_value": 1}
    [span] = told(receiver.spans())
    assert {k: v for k, v in span["attributes"].items() if "usage" in k} == {"gen_ai.usage.output_tokens": 3}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def provided(cost):
    return {"gen_ai.usage.cost": cost, "tcc.cost.total": cost, "tcc.cost.source": "provided"}


def calculated(cost):
    figures = {"gen_ai.usage.cost": cost, "tcc.cost.total": cost}
    return figures | {"tcc.cost.source": "calculated", "tcc.cost.price_version": PRICES}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda s: s.cost(0.25), provided(0.25)),
        (lambda s: s.cost(0), provided(0.0)),
        (lambda s: s.cost("0.25"), provided(0.25)),
        (lambda s: s.cost(1).cost(0.25), provided(0.25)),
        (lambda s: s.model("gpt-4").tokens(50, completion=30).cost(0.25), provided(0.25)),
        (lambda s: s.model("gpt-4").tokens(50, completion=30), calculated(0.0033)),
        (lambda s: s.model(used="gpt-4").tokens(50, completion=30), calculated(0.0033)),
        (lambda s: s.model("gpt-3.5-turbo", "gpt-4").tokens(50, completion=30), calculated(0.0033)),
        (lambda s: s.model("gpt-4").tokens(0, 0, 0), calculated(0.0)),
        (lambda s: s.model("our-own-model").tokens(50, completion=30), {}),
        (lambda s: s.model("gpt-4"), {}),
        (lambda s: s.tokens(50, completion=30), {}),
    ],
    ids=[
        *("provided", "free", "as text", "last wins", "provided wins", "calculated", "from the used model"),
        *("the used model wins", "no tokens used", "unknown model", "no tokens known", "no model"),
    ],
)
def test_cost(receiver, record, expected):
    """A given cost wins over a calculated one, each says its source, and where no price is known there is no cost."""
    attributes = step_attributes(receiver, record)
    assert {k: v for k, v in attributes.items() if "cost" in k} == expected


@pytest.mark.parametrize("bad", [-0.01, "free", float("nan"), float("inf"), None])
def test_cost_that_is_no_amount(receiver, caplog, bad):
    """What is no amount of dollars is left out, said and counted; the cost is then calculated."""
    tcc.step("r-1").prompt("P").response("R").model("gpt-4").tokens(50, completion=30).cost(bad).end()

    assert tcc.flush(5).dropped == {"bad_value": 1}
    [span] = told(receiver.spans())
    assert {k: v for k, v in span["attributes"].items() if "cost" in k} == calculated(0.0033)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"temperature": 1}, {"gen_ai.request.temperature": 1.0}),
        ({"temperature": Fraction(1, 4)}, {"gen_ai.request.temperature": 0.25}),
        ({"temperature": "0.2"}, {"gen_ai.request.temperature": 0.2}),
        ({"temperature": "hot"}, {"gen_ai.request.temperature": "hot"}),
        ({"temperature": 10**400}, {"gen_ai.request.temperature": str(10**400)}),
        ({"top_p": 0.9}, {"gen_ai.request.top_p": 0.9}),
        ({"frequency_penalty": -1}, {"gen_ai.request.frequency_penalty": -1.0}),
        ({"presence_penalty": 0.5}, {"gen_ai.request.presence_penalty": 0.5}),
        ({"max_tokens": 100}, {"gen_ai.request.max_tokens": 100}),
        ({"max_tokens": 100.0}, {"gen_ai.request.max_tokens": 100}),
        ({"max_tokens": 99.5}, {"gen_ai.request.max_tokens": 99.5}),
        ({"seed": 7}, {"gen_ai.request.seed": 7}),
        ({"seed": 2**64}, {"gen_ai.request.seed": str(2**64)}),
        ({"choice_count": 3}, {"gen_ai.request.choice.count": 3}),
        ({"choice_count": 1}, {}),
        ({"stop_sequences": ["END", "\n"]}, {"gen_ai.request.stop_sequences": ["END", "\n"]}),
        ({"stop_sequences": ("END", 5)}, {"gen_ai.request.stop_sequences": ["END", "5"]}),
        ({"stop_sequences": "END"}, {"gen_ai.request.stop_sequences": ["END"]}),
        ({"stop_sequences": []}, {"gen_ai.request.stop_sequences": []}),
        ({"stream": True}, {"gen_ai.request.stream": True}),
        ({"stream": 1}, {"gen_ai.request.stream": True}),
        ({"stream": "yes"}, {"gen_ai.request.stream": "yes"}),
        ({"output_type": "json"}, {"gen_ai.output.type": "json"}),
        ({"output_type": ["json"]}, {"gen_ai.output.type": '["json"]'}),
        ({"reasoning_level": "high"}, {"gen_ai.request.reasoning.level": "high"}),
        ({"previous_response_id": "resp-1"}, {"gen_ai.request.previous_response.id": "resp-1"}),
        ({"temperature": None, "seed": None}, {}),
    ],
    ids=",".join,
)
@pytest.mark.unsound
def test_request_parameters(receiver, parameters, expected):
    """Each parameter has the conventions' name and type; a value of another type is kept where it does not convert."""
    attributes = step_attributes(receiver, lambda s: s.parameters(**parameters))

    assert attributes == SAID | expected
    assert [type(attributes[key]) for key in expected] == [type(value) for value in expected.values()]


def test_request_parameters_add_up(receiver):
    """Calls of `parameters()` add up; the later value wins."""
    expected = {"gen_ai.request.seed": 7, "gen_ai.request.temperature": 0.5}
    record = lambda s: s.parameters(seed=7, temperature=0.2).parameters(temperature=0.5)  # noqa: E731 - a table of one
    assert step_attributes(receiver, record) == SAID | expected


@pytest.mark.unsound
def test_parameter_whose_own_code_fails_costs_nothing_else(receiver):
    """A value that cannot be read takes nothing else with it."""

    class Hostile:
        def __float__(self):
            raise RuntimeError

        def __str__(self):
            raise RuntimeError

        @property
        def __class__(self):
            raise RuntimeError

    bad = Hostile()
    given = {"temperature": bad, "max_tokens": bad, "stream": bad, "output_type": bad, "stop_sequences": [bad, "END"]}
    attributes = step_attributes(receiver, lambda s: s.parameters(**given, seed=7))
    unreadable = "<unprintable Hostile>"
    assert attributes == SAID | {
        "gen_ai.request.temperature": unreadable,
        "gen_ai.request.max_tokens": unreadable,
        "gen_ai.request.stream": unreadable,
        "gen_ai.output.type": unreadable,
        "gen_ai.request.stop_sequences": [unreadable, "END"],
        "gen_ai.request.seed": 7,
    }


def test_messages_of_a_step(receiver):
    """What a whole request and response say arrives in GenAI's shapes: messages, instructions, tools, model, reason."""
    request = {
        "model": "gpt-4o",
        "instructions": "Be kind.",
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c-1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c-1", "content": "sunny"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    }
    answer = {"choices": [{"finish_reason": "length", "message": {"role": "assistant", "content": "It is su"}}]}
    tcc.step("r-1", "s-1").prompt(request).response(answer).end()

    [span] = recorded(receiver)
    assert span["attributes"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c-1", "name": "weather", "arguments": {"city": "Oslo"}}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c-1", "response": "sunny"}]},
        ],
        "gen_ai.output.messages": assistant("It is su", "length"),
        "gen_ai.tool.definitions": [{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
        "tcc.runId": "r-1",
        "tcc.step.id": "s-1",
        "tcc.status.code": 0,
    }


def test_given_tools_and_reason_win_over_those_in_the_messages(receiver):
    """What is said on purpose wins over what a request or a response happens to hold."""
    s = tcc.step("r-1", "s-1")
    s.prompt({"model": "m", "messages": [{"role": "user", "content": "P"}], "tools": [{"name": "old"}]})
    s.response({"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "R"}}]})
    s.tool_definitions([{"name": "new"}]).finish_reason("length").end()

    attributes = recorded(receiver)[0]["attributes"]
    assert attributes["gen_ai.tool.definitions"] == [{"type": "function", "name": "new"}]
    assert attributes["gen_ai.response.finish_reasons"] == ["length"]


# --- each call: tool call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (lambda tc: tc, {}),
        (lambda tc: tc.description("Searches."), {"gen_ai.tool.description": "Searches."}),
        (lambda tc: tc.args({"q": "weather"}), {"gen_ai.tool.call.arguments": '{"q":"weather"}'}),
        (lambda tc: tc.args('{"q": "weather"}'), {"gen_ai.tool.call.arguments": '{"q": "weather"}'}),
        (lambda tc: tc.args("plain"), {"gen_ai.tool.call.arguments": "plain"}),
        (lambda tc: tc.args(None), {"gen_ai.tool.call.arguments": "null"}),
        (lambda tc: tc.result(["sunny", 15]), {"gen_ai.tool.call.result": '["sunny",15]'}),
        (lambda tc: tc.result(True), {"gen_ai.tool.call.result": "true"}),
        (lambda tc: tc.result("sunny"), {"gen_ai.tool.call.result": "sunny"}),
        (lambda tc: tc.metadata(k="v"), {"tcc.metadata.k": "v"}),
    ],
    ids=[
        *("nothing", "description", "arguments", "arguments as JSON text", "arguments as text", "arguments null"),
        *("result", "result true", "result as text", "metadata"),
    ],
)
def test_tool_call(receiver, record, expected):
    """A tool call has name, id and type; arguments and result are text as it is given, else JSON text."""
    record(tcc.tool_call("r-1", "c-1", "search")).end()

    [span] = recorded(receiver)
    assert span["attributes"] == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "c-1",
        "gen_ai.tool.type": "function",
        "tcc.runId": "r-1",
        "tcc.status.code": 0,
        **expected,
    }


def test_steps_and_tool_calls_carry_what_their_run_is_grouped_by(receiver):
    """Session, user and organisation are on everything in the run; agent, tags and metadata on the run alone."""
    scope = {"session_id": "session-42", "conversational": True, "user_id": "user-17", "org_id": "org-3"}
    r = tcc.run("r-1", **scope, agent="support", tags=["beta"], metadata={"k": "v"})
    s = r.step("s-1")
    s.tool_call("search", "c-1").end()
    s.prompt("P").response("R").end()
    r.prompt("U").end()

    shared = {
        "gen_ai.conversation.id": "session-42",
        "tcc.runId": "r-1",
        "tcc.sessionId": "session-42",
        "tcc.conversational": True,
        "user.id": "user-17",
        "tcc.userId": "user-17",
        "tcc.orgId": "org-3",
        "tcc.status.code": 0,
    }
    assert [span["attributes"] for span in recorded(receiver)] == [
        {
            **shared,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.type": "function",
        },
        {**shared, **SAID, "gen_ai.operation.name": "chat", "tcc.step.id": "s-1"},
        {
            **shared,
            **PROMPT,
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "support",
            "tcc.agent": "support",
            "tcc.tags": ["beta"],
            "tcc.metadata.k": "v",
        },
    ]


# --- each call: feedback ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"score": "thumbs_up"}, {"score.label": "thumbs_up", "score.value": 1.0}),
        ({"score": "thumbs_down"}, {"score.label": "thumbs_down", "score.value": 0.0}),
        ({"text": "Slow."}, {"explanation": "Slow."}),
        ({"value": 3}, {"score.value": 3.0}),
        ({"score": "thumbs_up", "value": 0.8}, {"score.label": "thumbs_up", "score.value": 0.8}),
        ({"name": "tone", "score": "warm"}, {"name": "tone", "score.label": "warm"}),
        (
            {"name": "tone", "score": "thumbs_up", "value": 0, "text": "Cold."},
            {"name": "tone", "score.label": "thumbs_up", "score.value": 0.0, "explanation": "Cold."},
        ),
    ],
    ids=str,
)
def test_feedback(receiver, given, expected):
    """Feedback is an evaluation event: what was judged, the verdict as word and number, the reasons, and the run."""
    assert tcc.submit_feedback("r-1", **given)

    expected = {"name": "user_feedback"} | expected
    attributes = {f"gen_ai.evaluation.{key}": value for key, value in expected.items()}
    assert recorded_feedback(receiver) == [
        {"name": "gen_ai.evaluation.result", "attributes": {**attributes, "tcc.runId": "r-1"}}
    ]


def test_feedback_is_parented_to_the_run_s_span(receiver):
    """The event carries the trace id and span id of the run that it judges."""
    r = tcc.run().prompt("U")
    r.feedback("thumbs_up")
    r.end()
    deliver()

    [span], [log] = receiver.spans(), receiver.logs()
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id) == (span.trace_id, run_span_id(r.run_id))


# --- at span start, and through a provider of the user's -------------------------------------------------------------


class Samples(Sampler):
    """Keeps everything, and what it was asked about."""

    def __init__(self):
        self.asked = []

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None):
        self.asked.append((name, kind, dict(attributes or {})))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self):
        return "Samples"


class Starts(SpanProcessor):
    """Keeps what each span held when it started."""

    def __init__(self):
        self.seen = []

    def on_start(self, span, parent_context=None):
        self.seen.append((span.name, span.kind, dict(span.attributes)))


def use_provider(receiver, *processors, **provider):
    """Record through a provider as users have it: with the SDK's default limits and OpenTelemetry's own exporter."""
    made = TracerProvider(shutdown_on_exit=False, **provider)
    for processor in (*processors, SimpleSpanProcessor(tcc.observatory_exporter(url=receiver.url))):
        made.add_span_processor(processor)
    tcc.configure(tracer_provider=made)


def test_what_samplers_see(receiver):
    """Operation, model, provider, agent, tool, ids and session are there when a span starts."""
    sampler, starts = Samples(), Starts()
    use_provider(receiver, starts, sampler=sampler)
    r = tcc.run("r-1", "session-42", True, agent="support", user_id="user-17", org_id="org-3")
    s = r.step("s-1", model="gpt-4o")
    other = tcc.step("r-2", "s-2", model="our-own-model", provider="acme")
    tc = s.tool_call("search", "c-1")
    for each in (tc, other, s, r):
        each.error()

    shared = {
        "gen_ai.conversation.id": "session-42",
        "tcc.runId": "r-1",
        "tcc.sessionId": "session-42",
        "tcc.conversational": True,
        "user.id": "user-17",
        "tcc.userId": "user-17",
        "tcc.orgId": "org-3",
    }
    assert sampler.asked == [
        (
            "invoke_agent support",
            SpanKind.INTERNAL,
            {
                **shared,
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "support",
                "tcc.agent": "support",
            },
        ),
        (
            "chat gpt-4o",
            SpanKind.CLIENT,
            {
                **shared,
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "tcc.step.id": "s-1",
            },
        ),
        (
            "chat our-own-model",
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "acme",
                "gen_ai.request.model": "our-own-model",
                "tcc.runId": "r-2",
                "tcc.step.id": "s-2",
            },
        ),
        (
            "execute_tool search",
            SpanKind.INTERNAL,
            {
                **shared,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "c-1",
            },
        ),
    ]
    assert starts.seen == sampler.asked


def crowd(each, keys=200):
    """By default, more metadata than a span of the SDK holds."""
    return each.metadata({f"key-{n}": "v" for n in range(keys)})


def test_crowded_spans_keep_what_identifies_them(receiver):
    """With the SDK's limit of 128 attributes, it is metadata that goes, and never what the span is found by."""
    use_provider(receiver)
    r = crowd(tcc.run("r-1", "session-42", agent="support").prompt("U").response("R"))
    s = crowd(r.step("s-1", model="gpt-4").prompt("P").response("R").tokens(50, completion=30))
    tc = crowd(s.tool_call("search", "c-1").args({"q": 1}).result("found"))
    for each in (tc, s, r):
        each.end()

    spans = told(receiver.spans())
    shared = {
        "gen_ai.conversation.id": "session-42",
        "tcc.runId": "r-1",
        "tcc.sessionId": "session-42",
        "tcc.status.code": 0,
    }
    kept = [{k: v for k, v in s["attributes"].items() if not k.startswith("tcc.metadata.")} for s in spans]
    assert kept == [
        {
            **shared,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.call.arguments": '{"q":1}',
            "gen_ai.tool.call.result": "found",
        },
        {
            **shared,
            **SAID,
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.output_tokens": 30,
            **calculated(0.0033),
            "tcc.step.id": "s-1",
        },
        {
            **shared,
            **PROMPT,
            "gen_ai.output.messages": assistant("R"),
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "support",
            "tcc.agent": "support",
        },
    ]
    assert [len(span["attributes"]) for span in spans] == [128] * 3
    assert [(s["name"], s["parent"]) for s in spans] == [
        ("execute_tool search", "s-1"),
        ("chat gpt-4", "r-1"),
        ("invoke_agent support", None),
    ]


@pytest.mark.parametrize("keys", [10, 40, 60, 100])
def test_lower_limits_keep_what_identifies_a_span(receiver, keys):
    """With a limit of 32 attributes, as `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` sets it, it is metadata that goes, too."""
    use_provider(receiver, span_limits=SpanLimits(max_span_attributes=32))
    crowd(tcc.run("r-1", "session-42", agent="support").prompt("U"), keys).end()

    [span] = told(receiver.spans())
    assert {k: v for k, v in span["attributes"].items() if not k.startswith("tcc.metadata.")} == {
        **PROMPT,
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "support",
        "gen_ai.conversation.id": "session-42",
        "tcc.agent": "support",
        "tcc.runId": "r-1",
        "tcc.sessionId": "session-42",
        "tcc.status.code": 0,
    }


def test_crowded_spans_of_our_own_keep_everything(receiver):
    """Without a provider of the user's there is no limit."""
    crowd(tcc.run("r-1").prompt("U")).end()

    [span] = recorded(receiver)
    assert len(span["attributes"]) == 200 + len(PROMPT) + len({"operation", "run id", "status"})


def test_crowded_spans_carry_what_was_set_last(receiver):
    """Metadata in any number does not bring back the model, agent or tool that a span started with."""
    use_provider(receiver)
    r = crowd(tcc.run("r-1", agent="draft").prompt("U").agent("support"))
    s = crowd(r.step(model="gpt-4").prompt("P").response("R").model("gpt-4o"))
    tc = crowd(r.tool_call("find").name("search"))
    for each in (tc, s, r):
        each.end()

    keys = ("gen_ai.tool.name", "gen_ai.request.model", "gen_ai.agent.name")
    found = [(s["name"], [s["attributes"][k] for k in keys if k in s["attributes"]]) for s in told(receiver.spans())]
    assert found == [
        ("execute_tool search", ["search"]),
        ("chat gpt-4o", ["gpt-4o"]),
        ("invoke_agent support", ["support"]),
    ]


def test_provider_and_own_spans_agree(receiver):
    """A run says the same through a provider of the user's as it does through our own pipeline."""
    record_everything("r-1")
    deliver()
    own, _ = told(receiver.spans()), receiver.clear()
    use_provider(receiver)
    record_everything("r-1")

    assert told(receiver.spans()) == own


# --- what is open when its run ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "code", "status", "message"),
    [("end", 1, ("OK", ""), "Ended with its run."), ("error", 2, None, "Its run ended with an error.")],
)
def test_open_children_end_with_their_run(receiver, caplog, end, code, status, message):
    """What is open at its run's end is ended before it, kept, and marked; that is said once for all of it."""
    r = tcc.run("r-1")
    s = r.step("s-1").prompt("P")
    s.tool_call("search", "c-1").args({"q": 1})
    tcc.step("r-1", "s-2").prompt("P").response("R").status(2, "Broken already.")
    r.prompt("U")
    getattr(r, end)()

    spans = recorded(receiver)
    failed = {"error.type": "_OTHER"} if code == 2 else {}
    ended = {"tcc.incomplete": True, "tcc.incomplete_reason": "run_ended"}
    told_so = {**ended, **failed, "tcc.status.code": code, "tcc.status.message": message}
    status = status or ("ERROR", message)
    assert spans[:3] == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": status,
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("P"),
                "tcc.runId": "r-1",
                "tcc.step.id": "s-1",
                **told_so,
            },
        },
        {
            "name": "execute_tool search",
            "kind": "INTERNAL",
            "parent": "s-1",
            "status": status,
            "attributes": {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.call.id": "c-1",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.arguments": '{"q":1}',
                "tcc.runId": "r-1",
                **told_so,
            },
        },
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("ERROR", "Broken already."),
            "attributes": {
                "gen_ai.operation.name": "chat",
                **SAID,
                "error.type": "_OTHER",
                "tcc.runId": "r-1",
                "tcc.step.id": "s-2",
                **ended,
                "tcc.status.code": 2,
                "tcc.status.message": "Broken already.",
            },
        },
    ]
    assert [span["name"] for span in spans[3:]] == ["invoke_agent"]
    assert "tcc.incomplete" not in spans[3]["attributes"]
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (
            logging.WARNING,
            "Steps and tool calls that were still open when their run ended (3) were ended with it, as incomplete.",
        )
    ]
    times = {(span.name, span.attributes.get("tcc.step.id")): span.end_ns for span in receiver.spans()}
    assert max(times.values()) == times["invoke_agent", None]


def test_ended_children_are_left_alone(receiver, caplog):
    """A run whose steps and tool calls have all ended says nothing about them."""
    r = tcc.run("r-1").prompt("U")
    s = r.step()
    s.tool_call("search").end()
    s.error()
    r.end()

    assert [span["attributes"].get("tcc.incomplete") for span in recorded(receiver)] == [None] * 3
    assert caplog.records == []


LATE_CALLS = {
    "prompt": lambda s: s.prompt("P"),
    "response": lambda s: s.response("R"),
    "model": lambda s: s.model("gpt-4"),
    "provider": lambda s: s.provider("openai"),
    "tokens": lambda s: s.tokens(1),
    "cost": lambda s: s.cost(1),
    "finish_reason": lambda s: s.finish_reason("stop"),
    "response_id": lambda s: s.response_id("x"),
    "tool_definitions": lambda s: s.tool_definitions([]),
    "parameters": lambda s: s.parameters(seed=1),
    "status": lambda s: s.status(0),
    "metadata": lambda s: s.metadata(k="v"),
    "end_time": lambda s: s.end_time(2_000_000_000),
    "end": lambda s: s.end(),
    "error": lambda s: s.error("too late"),
}


@pytest.mark.parametrize("method", LATE_CALLS)
def test_late_calls_do_not_raise_and_are_counted(receiver, caplog, method):
    """A call on a step that was ended with its run does not raise: it is said, counted once, and changes nothing."""
    r = tcc.run("r-1").prompt("U")
    s = r.step("s-1").prompt("P").response("R")
    r.end()
    before = recorded(receiver)
    caplog.clear()

    result = LATE_CALLS[method](s)

    assert result is (None if method in ("end", "error") else s)
    assert tcc.stats() == {"late": 1}
    assert [record.message for record in caplog.records] == [
        f"`{method}()` came after the step was ended with its run; it is not recorded."
    ]
    tcc.flush(5)
    assert told(receiver.spans()) == before


def test_late_end_does_not_ask_for_what_is_missing():
    """A step that was ended with its run, before its response came, can still be ended without an exception."""
    r = tcc.run("r-1").prompt("U")
    s = r.step("s-1").prompt("P")
    r.end()

    s.end()
    assert tcc.stats() == {"late": 1}


def test_late_calls_are_said_once(caplog):
    """However many calls are late, one warning says so, and the count says how many."""
    r = tcc.run("r-1").prompt("U")
    s, tc = r.step("s-1"), r.tool_call("search")
    r.end()
    caplog.clear()

    s.prompt("P").response("R").tokens(1)
    tc.args({}).result("found")

    assert tcc.stats() == {"late": 5}
    assert len(caplog.records) == 1


def test_runs_that_are_open_at_shutdown(receiver):
    """`shutdown()` ends what is open, as an error and marked, so that it is delivered."""
    r = tcc.run("r-1").prompt("U")
    s = r.step("s-1").prompt("P")

    assert tcc.shutdown(5) == tcc.FlushReport(delivered=2, waiting=0, dead=0, dropped={})
    shut = {"error.type": "_OTHER", "tcc.incomplete": True, "tcc.runId": "r-1", "tcc.status.code": 2}
    assert told(receiver.spans()) == [
        {
            "name": "chat",
            "kind": "CLIENT",
            "parent": "r-1",
            "status": ("ERROR", "Its run ended with an error."),
            "attributes": {
                **shut,
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": user("P"),
                "tcc.step.id": "s-1",
                "tcc.status.message": "Its run ended with an error.",
                "tcc.incomplete_reason": "run_ended",
            },
        },
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "Recording was shut down before it ended."),
            "attributes": {
                **shut,
                **PROMPT,
                "gen_ai.operation.name": "invoke_agent",
                "tcc.status.message": "Recording was shut down before it ended.",
                "tcc.incomplete_reason": "shutdown",
            },
        },
    ]
    s.response("R")
    assert tcc.stats() == {"late": 1}


def test_run_that_is_never_ended(receiver):
    """A run that is thrown away unended gives a ResourceWarning and is recorded as an error, marked as collected."""
    forgotten = [tcc.run("r-1").prompt("U").metadata(k="v")]
    with pytest.warns(ResourceWarning, match="<Run of run 'r-1': open> was never ended"):
        forgotten.clear()

    assert recorded(receiver) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("ERROR", "The run was never ended."),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("U"),
                "error.type": "_OTHER",
                "tcc.metadata.k": "v",
                "tcc.runId": "r-1",
                "tcc.status.code": 2,
                "tcc.status.message": "The run was never ended.",
                "tcc.incomplete": True,
                "tcc.incomplete_reason": "collected",
            },
        }
    ]


def test_run_that_is_never_ended_is_recorded_where_warnings_are_errors(monkeypatch, receiver):
    """With `-W error`, where the ResourceWarning is raised and swallowed, the run is recorded all the same."""
    swallowed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: swallowed.append(args.exc_type))
    forgotten = [tcc.run("r-1").prompt("U")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forgotten.clear()

    assert swallowed == [ResourceWarning]
    assert [span["attributes"]["tcc.incomplete_reason"] for span in recorded(receiver)] == ["collected"]


# --- the registry, both ways -----------------------------------------------------------------------------------------

REGISTRY = Path(__file__).parents[1] / "semconv"


def load_registry():
    spec = importlib.util.spec_from_file_location("semconv_generate_for_mapping", REGISTRY / "generate.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(REGISTRY)


registry = load_registry()
DEFINED = {attribute["key"]: attribute for attribute in registry.attributes}
WRITTEN = {
    signal.get("type") or signal["name"]: {ref["ref"] for ref in signal["attributes"]}
    for signal in [*registry.spans, *registry.events]
    if "attributes" in signal
}
CLOSED = {
    "gen_ai.operation.name",
    "gen_ai.tool.type",
    "tcc.cost.source",
    "tcc.incomplete_reason",
    "tcc.status.code",
}
"""Enums of which we choose every value; the others hold what the caller says."""

SHAPES = {
    "gen_ai.input.messages": check_input_messages,
    "gen_ai.output.messages": check_output_messages,
    "gen_ai.system_instructions": check_system_instructions,
    "gen_ai.tool.definitions": check_tool_definitions,
}
KINDS = {
    "string": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "double": lambda value: type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "string[]": lambda value: type(value) is list and all(type(item) is str for item in value),
    "any": lambda value: json.loads(value) is not None,
    "template[string]": lambda value: type(value) is str,
}
"""The types that the registry declares, on the wire. What is structured is JSON text on spans."""


def record_everything(run_id):
    """A run that uses each feature there is, and an error and an incomplete one of each kind."""
    r = tcc.run(
        run_id,
        "session-42",
        True,
        agent="support",
        user_id="user-17",
        org_id="org-3",
        tags=["beta"],
        metadata={"channel": "web"},
    )
    request = {
        "model": "gpt-4o",
        "instructions": "Be kind.",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "search"}],
    }
    r.prompt(request, full_input=request).response("Hello", full_output="Hello").status(1, "Almost.")
    for cost, code in ((0.25, 2), (None, 0)):
        s = r.step("s-1", model="gpt-4", provider="openai").prompt(request).response("Hello").model(used="gpt-4-0613")
        s.tokens(50, 20, 30, cache_write=5, reasoning=10).finish_reason("stop").response_id("chatcmpl-1")
        s.parameters(
            temperature=0.2,
            top_p=0.9,
            max_tokens=100,
            frequency_penalty=0.1,
            presence_penalty=0.1,
            seed=7,
            choice_count=3,
            stop_sequences=["END"],
            stream=True,
            output_type="json",
            reasoning_level="high",
            previous_response_id="resp-1",
        )
        s.metadata(attempt="1").status(code, "cut off").declared("analyze", "think").first_token()
        client_facts = {"top_k": 40.0, "server_address": "localhost", "server_port": 8080}
        s._data.told_by_client.update(client_facts)
        if cost is not None:
            s.cost(cost)
        s.end()
    r.step("s-2")
    tc = r.tool_call("search", "c-1").description("Searches.").args({"q": 1}).result(["found"])
    tc.metadata(cache="hit").declared("look_up", "act").error("stale")
    r.tool_call("save", "c-2")
    r.end()
    tcc.resume(tcc.run(f"{run_id}-failed").suspend()).error("no route to host")
    "".join(tcc.agent(name="support")(iter_words)())
    forgotten = [tcc.run(f"{run_id}-forgotten")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forgotten.clear()


def iter_words():
    yield "Hel"
    yield "lo"


FOREIGN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}


def record_foreign_calls(run_id):
    """One call that two instrumentations see."""
    provider = FollowingProvider(_configure.pipeline)
    outer, inner = (provider.get_tracer(name) for name in ("framework", "client"))
    r = tcc.run(run_id, "session-42", True, user_id="user-17", org_id="org-3")
    with r, outer.start_as_current_span("call", attributes=FOREIGN):
        inner.start_span("call", attributes=FOREIGN).end()


def emitted(receiver):
    """All that `record_everything()` writes, events and marks: pairs of key and value, by the kind of span or event."""
    record_everything("r-1")
    record_foreign_calls("r-3")
    r = tcc.run("r-2")
    r.span.record_exception(ValueError("odd"))
    r.feedback("thumbs_up", "Thanks.")
    r.error()
    deliver()
    tcc.configure(redact=lambda text, path: text.upper(), max_value_size=1000)
    r = tcc.run("r-3").prompt("x" * 2000)
    r.step().prompt("x" * 2000).response("").end()
    r.tool_call("save").args({"x": "x" * 2000}).end()
    r.feedback(text="x" * 2000)
    r.end()
    tcc.flush(5)
    nouns = {"invoke_agent": "run", "chat": "step", "execute_tool": "tool_call"}
    found = defaultdict(list)
    for span in receiver.spans():
        if span.name == "call":
            found["foreign_call"] += [pair for pair in span.attributes.items() if pair not in FOREIGN.items()]
            continue
        found[nouns[span.attributes["gen_ai.operation.name"]]] += span.attributes.items()
        for name, attributes, _ in span.events:
            found[name] += attributes.items()
    for log in receiver.logs():
        found[log.event_name] += log.attributes.items()
    for noun in (*nouns.values(), "foreign_call"):  # tests/test_encoding.py has the whole spans
        found[noun] += _mapping.undeliverable_attributes("413", 9_437_184).items()
    return {
        noun: [("tcc.metadata" if key.startswith("tcc.metadata.") else key, value) for key, value in pairs]
        for noun, pairs in found.items()
    }


def test_what_is_written_is_what_the_registry_says(receiver):
    """Each kind of span and event carries exactly the attributes that the registry lists for it, in both directions."""
    assert {noun: {key for key, _ in pairs} for noun, pairs in emitted(receiver).items()} == WRITTEN


def test_values_have_the_registry_s_types(receiver):
    """Each value has the type that the registry declares, and what is chosen from a closed list is on it."""
    wrong = []
    for noun, pairs in emitted(receiver).items():
        for key, value in pairs:
            kind = DEFINED[key]["type"]
            members = [member["value"] for member in kind["members"]] if isinstance(kind, dict) else []
            kind = type(members[0]).__name__.replace("str", "string") if members else kind
            if not KINDS[kind](value) or (key in CLOSED and value not in members):
                wrong.append((noun, key, value))

    assert wrong == []


def test_closed_lists_are_all_used(receiver):
    """The statuses, cost sources and reasons that we chose are all written."""
    used = {pair for pairs in emitted(receiver).values() for pair in pairs if pair[0] in CLOSED}
    unused = {
        (key, member["value"])
        for key in CLOSED
        if key.startswith("tcc.")
        for member in DEFINED[key]["type"]["members"]
        if (key, member["value"]) not in used
    }

    # Time-outs and shutdown have tests of their own; a process that died is closed by the next one.
    assert unused == {("tcc.incomplete_reason", reason) for reason in ("timeout", "shutdown", "process_died")}


def test_what_samplers_need_is_there_at_the_start(receiver):
    """What the registry calls relevant to sampling is there when the span starts."""
    sampler = Samples()
    use_provider(receiver, sampler=sampler)
    record_everything("r-1")

    promised = {
        span["type"]: {ref["ref"] for ref in span["attributes"] if ref.get("sampling_relevant")}
        for span in registry.spans
    }
    seen = defaultdict(set)
    for name, _, attributes in sampler.asked:
        noun = {"invoke_agent": "run", "chat": "step", "execute_tool": "tool_call"}[name.split()[0]]
        seen[noun] |= attributes.keys()
    assert {noun: keys - seen[noun] for noun, keys in promised.items()} == {noun: set() for noun in promised}


def test_required_attributes_are_always_there(receiver):
    """The least that can be recorded carries everything that the registry requires."""
    r = tcc.run("r-1")
    r.step().error()
    r.tool_call().error()
    r.error()
    tcc.submit_feedback("r-1", text="Hm.")
    deliver()

    required = [
        {ref["ref"] for ref in signal["attributes"] if ref["requirement_level"] == "required"}
        for noun in ("step", "tool_call", "run")
        for signal in registry.spans
        if signal["type"] == noun
    ]
    missing = [needed - span.attributes.keys() for needed, span in zip(required, receiver.spans(), strict=True)]
    assert missing == [set()] * 3
    [event] = [event for event in registry.events if event["name"] == "gen_ai.evaluation.result"]
    needed = {ref["ref"] for ref in event["attributes"] if ref["requirement_level"] == "required"}
    assert needed - receiver.logs()[0].attributes.keys() == set()


def test_content_has_genai_s_shapes(receiver):
    """Everything that is a message, an instruction or a tool definition validates against GenAI's schemas."""
    checked = defaultdict(int)
    for pairs in emitted(receiver).values():
        for key, value in pairs:
            if check := SHAPES.get(key):
                check(json.loads(value))
                checked[key] += 1

    assert checked.keys() == SHAPES.keys()
