"""Whatever a program records comes back equal: SDK → wire → store → answers, as one contract."""

import string
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import orjson
import pytest
import requests
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

import contextcompany as tcc
from contextcompany.observatory import queries
from contextcompany.observatory.fold import Fact, Tokens
from wire import assistant, deliver, trace_id, user


@pytest.fixture
def kept(store, served):
    """The store of an Observatory that the SDK sends to."""
    tcc.configure(url=served.url)
    return store


# --- what can be said, and what comes back ---------------------------------------------------------------------------


class Say(NamedTuple):
    """One thing that can be said of a run, step or tool call."""

    values: st.SearchStrategy[Any]
    say: Callable[[Any, Any], Any]
    """Says a value of something that is open."""
    facts: Callable[[Any], dict[str, Any]]
    """What the answer says then."""


WORDS = st.text(string.ascii_letters + "-_.", min_size=1, max_size=12)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
"""Text that is nothing else: what looks like JSON may be messages."""
TEXTS = (PLAIN | st.builds(lambda text, times: text * times, PLAIN, st.sampled_from([10, 300]))).filter(
    lambda text: text[0] not in "[{" and not text[0].isspace()
)
"""Some long enough to be kept apart from their span."""
COUNTS = st.none() | st.integers(0, 10**6)
NUMBERS = st.floats(-1e6, 1e6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
JSON = st.dictionaries(WORDS, VALUES, max_size=3) | st.lists(VALUES, max_size=3)
PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "content": text}, TEXTS),
    st.builds(lambda text: {"type": "reasoning", "content": text}, TEXTS),
    st.builds(lambda uri: {"type": "uri", "modality": "image", "uri": f"https://images.example/{uri}"}, WORDS),
    st.builds(lambda id_, args: {"type": "tool_call", "id": id_, "name": "f", "arguments": args}, WORDS, JSON),
    st.builds(lambda id_, made: {"type": "tool_call_response", "id": id_, "response": made}, WORDS, JSON),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "parts": st.lists(PARTS, min_size=1, max_size=3)}
    ),
    min_size=1,
    max_size=4,
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "name": WORDS},
        optional={"description": TEXTS, "parameters": st.just({"type": "object", "properties": {}})},
    ),
    min_size=1,
    max_size=3,
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": NUMBERS,
        "top_p": NUMBERS,
        "max_tokens": st.integers(0, 10**6),
        "frequency_penalty": NUMBERS,
        "presence_penalty": NUMBERS,
        "seed": st.integers(-(2**53), 2**53),
        "choice_count": st.integers(2, 9),
        "stop_sequences": st.lists(PLAIN, min_size=1, max_size=3),
        "stream": st.booleans(),
        "output_type": WORDS,
        "reasoning_level": WORDS,
        "previous_response_id": WORDS,
    },
)
STATUS = {0: "ok", 1: "partial", 2: "error"}


def as_messages(said):
    return user(said) if isinstance(said, str) else said


ANYTHING = {
    "metadata": Say(
        st.dictionaries(WORDS, PLAIN | st.integers(-(2**53), 2**53) | st.booleans() | NUMBERS, max_size=3),
        lambda each, value: each.metadata(value),
        lambda value: {"metadata": value},
    ),
    "declared": Say(
        st.tuples(WORDS, WORDS),
        lambda each, value: each.declared(*value),
        lambda value: {"step_name": value[0], "step_type": value[1]},
    ),
    "status": Say(
        st.tuples(st.sampled_from([0, 1, 2]), st.none() | TEXTS),
        lambda each, value: each.status(*value),
        lambda value: {"status": STATUS[value[0]], "status_message": value[1], "error_type": None},
    ),
}
RUN = ANYTHING | {
    "agent": Say(WORDS, lambda run, value: run.agent(value), lambda value: {"agent": value}),
    "tags": Say(st.lists(PLAIN, max_size=3), lambda run, value: run.tags(*value), lambda value: {"tags": value}),
    "prompt": Say(
        st.tuples(TEXTS | MESSAGES, st.none() | TEXTS, st.none() | TEXTS),
        lambda run, value: run.prompt(*value[:2], full_input=value[2]),
        lambda value: {
            "input": as_messages(value[0]),
            "system": None if value[1] is None else [{"type": "text", "content": value[1]}],
            "full_input": value[2],
        },
    ),
    "response": Say(
        st.tuples(TEXTS, st.none() | TEXTS),
        lambda run, value: run.response(value[0], full_output=value[1]),
        lambda value: {"output": assistant(value[0]), "full_output": value[1]},
    ),
}
STEP = ANYTHING | {
    "model": Say(
        st.tuples(WORDS, st.none() | WORDS),
        lambda step, value: step.model(*(each and f"model-{each}" for each in value)),
        lambda value: {
            "model_requested": f"model-{value[0]}",
            "model_used": value[1] and f"model-{value[1]}",
        },
    ),
    "provider": Say(
        st.sampled_from(["openai", "aws.bedrock", "mine"]),
        lambda step, value: step.provider(value),
        lambda value: {"provider": value},
    ),
    "prompt": Say(
        TEXTS | MESSAGES, lambda step, value: step.prompt(value), lambda value: {"input": as_messages(value)}
    ),
    "response": Say(
        st.tuples(TEXTS, st.sampled_from(["stop", "length", "content_filter"])),
        lambda step, value: step.response(value[0]).finish_reason(value[1]),
        lambda value: {"output": assistant(*value), "finish_reason": value[1]},
    ),
    "tokens": Say(
        st.tuples(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
        lambda step, value: step.tokens(
            **dict(zip(("uncached", "cached", "cache_write", "completion", "reasoning"), value, strict=True))
        ),
        lambda value: {"tokens": Tokens(total(value[:3]), value[3], *value[1:3], value[4])},
    ),
    "cost": Say(
        st.floats(0, 100),
        lambda step, value: step.cost(value),
        lambda value: {"cost": value, "cost_source": "provided"},
    ),
    "response_id": Say(
        st.uuids().map(str), lambda step, value: step.response_id(value), lambda value: {"response_id": value}
    ),
    "tool_definitions": Say(
        TOOLS, lambda step, value: step.tool_definitions(value), lambda value: {"tool_definitions": value}
    ),
    "parameters": Say(PARAMETERS, lambda step, value: step.parameters(**value), lambda value: {"parameters": value}),
}
TOOL_CALL = ANYTHING | {
    "name": Say(WORDS, lambda call, value: call.name(value), lambda value: {"tool_name": value}),
    "description": Say(TEXTS, lambda call, value: call.description(value), lambda value: {"tool_description": value}),
    "args": Say(JSON, lambda call, value: call.args(value), lambda value: {"args": value}),
    "result": Say(
        JSON | TEXTS.map("It is {}".format),
        lambda call, value: call.result(value),
        lambda value: {"result": value},
    ),
}
SAYABLE = {"run": RUN, "step": STEP, "tool_call": TOOL_CALL}
NEEDED = {"run": {"prompt"}, "step": {"prompt", "response"}, "tool_call": {"name"}}
OWN = {
    "run": ("invoke_agent", "run_id", ["agent"]),
    "step": ("chat", "step_id", ["step_name", "model_requested"]),
    "tool_call": ("execute_tool", "tool_call_id", ["tool_name"]),
}
"""The operation, the fact that is its own id, and what it is called by, the first that is known."""

STARTS = {"run": tcc.run, "step": tcc.step, "tool_call": tcc.tool_call}
SCOPE = st.fixed_dictionaries(
    {}, optional={"session_id": PLAIN, "user_id": PLAIN, "org_id": PLAIN, "conversational": st.booleans()}
)


def total(counts):
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


# --- programs --------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What a program says of one run, step or tool call, and in its block."""

    kind: str
    said: dict[str, Any]
    scope: dict[str, Any]
    """Of a run: what is in it inherits that."""
    inside: list["Told"]


class Expected(NamedTuple):
    """A span as the answers must have it."""

    parent_id: str
    depth: int
    fact: Fact


def told(kind, inside):
    """Anything of that kind; a step in a step would stand for the same call, so there is none."""
    said = {name: each.values for name, each in SAYABLE[kind].items()}
    needed = {name: said.pop(name) for name in NEEDED[kind]}
    return st.builds(
        Told,
        st.just(kind),
        st.fixed_dictionaries(needed, optional=said),
        SCOPE if kind == "run" else st.just({}),
        inside.map(lambda some: [each for each in some if kind != "step" or each.kind != "step"]),
    )


INSIDE = st.recursive(
    st.one_of(told("step", st.just([])), told("tool_call", st.just([]))),
    lambda inner: st.one_of(*(told(kind, st.lists(inner, max_size=3)) for kind in SAYABLE)),
    max_leaves=6,
)
RUNS = told("run", st.lists(INSIDE, max_size=4))


def record(told, scope, above, depth, expected):
    """Record it and what is in it, and note what must come back, by span id."""
    with STARTS[told.kind](**told.scope) as each:
        for name, value in told.said.items():
            SAYABLE[told.kind][name].say(each, value)
        span_id = f"{each.span.get_span_context().span_id:016x}"
        if told.kind == "run":
            scope = {**scope, **told.scope, "run_id": each.run_id}
        operation, id_, names = OWN[told.kind]
        facts = {"operation": operation, "status": "ok", **scope, id_: getattr(each, id_)}
        for name, value in told.said.items():
            facts |= SAYABLE[told.kind][name].facts(value)
        shown = next((facts[name] for name in names if name in facts), operation)
        fact = Fact(kind=told.kind, read_as="contextcompany", name=shown, **facts)
        expected[span_id] = Expected(above, depth, fact)
        for inner in told.inside:
            record(inner, scope, span_id, depth + 1, expected)
    return each


def answered(store, run_id) -> Iterator[tuple[str, Expected]]:
    """The spans of a run as they come back."""
    for line in queries.run(store, run_id).spans:
        yield (
            line.span_id,
            Expected(line.parent_id, line.depth, queries.span(store, trace_id(run_id), line.span_id).fact),
        )


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(RUNS)
def test_whatever_is_recorded_comes_back_equal(kept, told):
    """Every span with all that was said, in its place."""
    expected = {}
    run = record(told, {}, "", 0, expected)
    deliver()

    assert dict(answered(kept, run.run_id)) == expected


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(RUNS)
def test_the_api_says_it_too(kept, served, told):
    """As JSON, over HTTP: the tree in the run, what was said in its spans."""
    expected = {}
    run_id = record(told, {}, "", 0, expected).run_id
    deliver()

    with requests.Session() as session:
        lines = session.get(f"{served.url}/api/runs/{run_id}", timeout=10).json()["spans"]
        place = f"{served.url}/api/runs/{run_id}/spans"
        facts = {each["span_id"]: session.get(f"{place}/{each['span_id']}", timeout=10).json() for each in lines}

    for line in lines:
        parent_id, depth, fact = expected.pop(line["span_id"])
        assert (line["parent_id"], line["depth"], line["name"]) == (parent_id, depth, fact.name)
        assert facts[line["span_id"]]["fact"] == as_json(fact)
    assert expected == {}


def as_json(value):
    return orjson.loads(orjson.dumps(value, default=lambda each: each._asdict()))


def unanswered_twice(expected):
    """No two steps have one response, or they would be one."""
    ids = [each.fact.response_id for each in expected.values() if each.fact.response_id]
    return len(ids) == len(set(ids))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(RUNS)
def test_totals_are_what_was_said(kept, told):
    """In the list and above the tree: how many there are of what, tokens and dollars, and how it went."""
    expected = {}
    run_id = record(told, {}, "", 0, expected).run_id
    assume(unanswered_twice(expected))
    deliver()
    facts = [each.fact for each in expected.values()]
    steps = [fact for fact in facts if fact.kind == "step"]

    [row] = [each for each in queries.runs(kept).runs if each.run_id == run_id]

    assert row == queries.run(kept, run_id).run
    assert (row.spans, row.steps) == (len(facts), len(steps))
    assert row.tool_calls == sum(fact.kind == "tool_call" for fact in facts)
    assert row.errors == sum(fact.status == "error" for fact in facts)
    assert row[row._fields.index("input_tokens") :][:5] == (
        *(
            total(getattr(fact.tokens, name) for fact in steps)
            for name in ("input", "output", "cached", "cache_write", "reasoning")
        ),
    )
    costs = [fact.cost for fact in steps if fact.cost is not None]
    assert row.cost == (pytest.approx(sum(costs)) if costs else None)
    assert row.unpriced == sum(fact.cost is None and fact.tokens != Tokens() for fact in steps)
    top = next(iter(expected.values())).fact
    assert (row.state, row.name) == (top.status, top.name)
    assert top.session_id in (None, row.session_id)
    assert top.user_id in (None, row.user_id)


# --- with times of their own -----------------------------------------------------------------------------------------

TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001 - given
SPANS_OF_TIME = st.tuples(TIMES, st.timedeltas(timedelta(0), timedelta(days=30))).map(lambda at: (at[0], at[0] + at[1]))
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def nanoseconds(*times):
    return tuple((each - EPOCH) // timedelta(microseconds=1) * 1000 for each in times)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SPANS_OF_TIME, min_size=1, max_size=5))
def test_times_come_back_to_the_microsecond(kept, times):
    """Of what is recorded when it is over."""
    (start, end), *rest = times
    calls = [{"name": str(n), "start_time": began, "end_time": ended} for n, (began, ended) in enumerate(rest)]
    run_id = tcc.send_run(prompt="p", start_time=start, end_time=end, tool_calls=calls)
    deliver()

    lines = {line.name: (line.start_ns, line.end_ns) for line in queries.run(kept, run_id).spans}

    assert lines == {"invoke_agent": nanoseconds(start, end), **{str(n): nanoseconds(*at) for n, at in enumerate(rest)}}


# --- what happens to a run -------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["thumbs_up", "thumbs_down", None]), st.none() | PLAIN, st.none() | st.floats(-9, 9)
        ).filter(lambda said: any(each is not None for each in said)),
        max_size=3,
    )
)
def test_feedback_comes_back_equal(kept, said):
    """With the run that it is about, whether that has arrived or not."""
    r = tcc.run(agent="support").prompt("p")
    for score, text, value in said:
        r.feedback(score, text, value=value)
    deliver()
    waiting = [each for each in queries.feedback(kept) if each.run_id == r.run_id]
    r.end()
    deliver()

    given = queries.run(kept, r.run_id).feedback

    scores = {"thumbs_up": 1.0, "thumbs_down": 0.0, None: None}
    expected = [(score, scores[score] if value is None else value, text) for score, text, value in said]
    assert sorted([each[4:7] for each in waiting], key=repr) == sorted(expected, key=repr)
    assert sorted([each[4:7] for each in given], key=repr) == sorted(expected, key=repr)
    assert {each.run for each in given} <= {"support"}


def test_a_run_that_waited_comes_back_as_one(kept):
    """What was said before it was suspended and after, and for how long it waited."""
    r = tcc.run("r-1", agent="support", session_id="s", metadata={"plan": "free"}).prompt("U")
    token = r.suspend()
    deliver()
    tcc.resume(token).response("A").end()
    deliver()

    [(_, run)] = answered(kept, "r-1")

    assert 0 < run.fact.waited < 60
    assert run.fact._replace(waited=None) == Fact(
        kind="run",
        read_as="contextcompany",
        name="support",
        operation="invoke_agent",
        run_id="r-1",
        session_id="s",
        agent="support",
        status="ok",
        input=user("U"),
        output=assistant("A"),
        metadata={"plan": "free"},
    )
    assert [event.name for event in queries.span(kept, trace_id("r-1"), run_span(kept, "r-1")).span.events] == [
        "tcc.run.suspended",
        "tcc.run.resumed",
    ]
    [line] = queries.run(kept, "r-1").spans
    [[since, until]] = line.waits
    assert 0 < since < until < line.end_ns - line.start_ns


def run_span(store, run_id):
    return queries.run(store, run_id).run.top


def fail():
    with tcc.run("r-1") as r:
        r.prompt("p")
        raise ZeroDivisionError("division by zero")


def test_an_exception_comes_back_with_its_trace(kept):
    """As the span's error, and whole in an event."""
    with pytest.raises(ZeroDivisionError):
        fail()
    deliver()

    detail = queries.span(kept, trace_id("r-1"), run_span(kept, "r-1"))

    assert (detail.fact.status, detail.fact.error_type, detail.fact.status_message) == (
        "error",
        "ZeroDivisionError",
        "division by zero",
    )
    [event] = detail.span.events
    assert event.attributes["exception.stacktrace"].rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_stream_comes_back_whole(kept):
    """With the time until its first piece, and that it was one."""
    with tcc.run("r-1") as r:
        r.prompt("p")
        with r.step(model="m") as s:
            s.prompt("p")
            assert list(s.stream(iter(["Hel", "lo"]))) == ["Hel", "lo"]
    deliver()

    [_, (_, step)] = answered(kept, "r-1")

    assert step.fact.output == assistant("Hello")
    assert step.fact.time_to_first_chunk > 0
    assert step.fact.parameters == {"stream": True}


def test_what_was_left_open_comes_back_as_incomplete(kept):
    """A step that was still open when its run ended says so."""
    r = tcc.run("r-1").prompt("p")
    r.step(model="m").prompt("p")
    r.end()
    deliver()

    [_, (_, step)] = answered(kept, "r-1")

    assert (step.fact.status, step.fact.incomplete) == ("partial", "run_ended")


# --- nothing is left out ---------------------------------------------------------------------------------------------

NOT_GENERATED = {"counted_inside", "incomplete", "undeliverable", "undeliverable_size", "truncated", "redacted"} | {
    "price_version",  # of costs that the SDK calculates
    "waited",
    "time_to_first_chunk",
    "unknown",
}
"""Facts that nobody says by a call on a builder; those that a program can bring about are in the tests above."""

ANY_ONE = settings(phases=[Phase.generate], database=None)


def test_every_fact_is_said_by_some_program():
    """A fact that is added is to be said here, or is said by nobody."""
    said = {"kind", "read_as", "name", "operation", "run_id", "session_id", "user_id", "org_id", "conversational"}
    said |= {"step_id", "tool_call_id"}
    for each in (say for table in SAYABLE.values() for say in table.values()):
        said |= each.facts(find(each.values, lambda _: True, settings=ANY_ONE)).keys()

    assert said | NOT_GENERATED == set(Fact._fields)
