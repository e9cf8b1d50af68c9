"""`attributes()`: session, user and metadata for everything in a block."""

import asyncio
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider

import contextcompany as tcc

SESSION = {"gen_ai.conversation.id": "s-1", "tcc.sessionId": "s-1"}
USER = {"user.id": "u", "tcc.userId": "u"}


@pytest.fixture
def carried(receiver):
    """Flushes, and gives what each span carries of sessions, users, organisations and metadata, by span name."""
    tcc.configure(url=receiver.url)

    def by_name():
        assert tcc.flush(5).dropped == {}
        return {span.name: who(span.attributes) for span in receiver.spans()}

    return by_name


def who(attributes):
    prefixes = ("gen_ai.conversation.", "tcc.sessionId", "user.", "tcc.userId", "tcc.orgId", "tcc.metadata.")
    return {key: value for key, value in attributes.items() if key.startswith(prefixes)}


def test_it_reaches_everything_below(carried):
    """Runs, steps and tool calls in the block carry it, and a run knows its session."""
    with tcc.attributes(session_id="s-1", user_id="u", org_id="o", metadata={"plan": "gold", "n": 1}):
        r = tcc.run().prompt("p")
        r.step().prompt("p").response("r").end()
        with r:
            tcc.tool_call(tool_name="t").end()

    everything = {**SESSION, **USER, "tcc.orgId": "o", "tcc.metadata.plan": "gold", "tcc.metadata.n": 1}
    assert r.session_id == "s-1"
    assert carried() == dict.fromkeys(["invoke_agent", "chat", "execute_tool t"], everything)


def test_it_ends_with_its_block(carried):
    """What starts after the block carries nothing of it; what is still open does."""
    with tcc.attributes(session_id="s-1"):
        r = tcc.run(agent="inside").prompt("p")
    tcc.run(agent="after").prompt("p").end()
    r.step().prompt("p").response("r").end()
    r.end()

    assert carried() == {"invoke_agent inside": SESSION, "chat": SESSION, "invoke_agent after": {}}


def test_the_nearest_wins(carried):
    """An inner block wins over an outer one, and what a run or step is told itself over both."""
    with tcc.attributes(session_id="outer", user_id="u", metadata={"a": 1, "b": 1}):
        with tcc.attributes(session_id="s-1", metadata={"b": 2, "c": 2}), tcc.run(agent="a", metadata={"c": 3}) as r:
            r.step().prompt("p").response("r").metadata(b=4).end()
        tcc.run(session_id="own", agent="b").prompt("p").end()

    inner = {**SESSION, **USER, "tcc.metadata.a": 1}
    assert carried() == {
        "invoke_agent a": {**inner, "tcc.metadata.b": 2, "tcc.metadata.c": 3},
        "chat": {**inner, "tcc.metadata.b": 4, "tcc.metadata.c": 2},
        "invoke_agent b": {
            "gen_ai.conversation.id": "own",
            "tcc.sessionId": "own",
            **USER,
            "tcc.metadata.a": 1,
            "tcc.metadata.b": 1,
        },
    }


def test_a_run_of_its_own_session_keeps_it_in_an_outer_block(carried):
    """What was said around a run does not come back in its steps."""
    with tcc.attributes(session_id="outer"):
        r = tcc.run(session_id="s-1").prompt("p")
        r.step().prompt("p").response("r").end()
        with r:
            tcc.tool_call(tool_name="t").end()

    assert carried() == dict.fromkeys(["invoke_agent", "chat", "execute_tool t"], SESSION)


def test_inside_a_run_it_reaches_what_follows(carried):
    """A block inside a run reaches what is recorded in it, and not the run."""
    with tcc.run() as r:
        with tcc.attributes(user_id="u"):
            r.step(model="in").prompt("p").response("r").end()
            tcc.run(agent="sub").prompt("p").end()
        r.step(model="after").prompt("p").response("r").end()

    assert carried() == {"invoke_agent": {}, "chat in": USER, "invoke_agent sub": USER, "chat after": {}}


def test_a_sub_agent_is_in_its_callers_session(carried):
    """A run inside a run has the session, user and organisation of the outer one, unless it has its own."""
    with tcc.run(agent="outer", session_id="s-1", user_id="u", org_id="o"):
        tcc.run(agent="a").prompt("p").end()
        tcc.run(agent="b", user_id="other").prompt("p").end()

    outer = {**SESSION, **USER, "tcc.orgId": "o"}
    assert carried() == {
        "invoke_agent outer": outer,
        "invoke_agent a": outer,
        "invoke_agent b": {**outer, "user.id": "other", "tcc.userId": "other"},
    }


def test_a_block_around_a_run_says_nothing_about_what_is_in_it(carried):
    """Whichever block a step is recorded in: what is around the run, or around no part of it, is not of the run."""
    with tcc.attributes(user_id="service"):
        with tcc.attributes(user_id="alice"):
            r = tcc.run().prompt("p")
        r.step(model="outside").prompt("p").response("r").end()
    token = r.suspend()
    with tcc.attributes(user_id="worker"), tcc.resume(token), tcc.attributes(metadata={"a": 1}):
        tcc.tool_call(tool_name="resumed").end()
        headers = tcc.inject({})
    with tcc.attributes(user_id="server"), tcc.extract(headers):
        tcc.tool_call(tool_name="extracted").end()

    alice = {"user.id": "alice", "tcc.userId": "alice"}
    assert carried() == {
        "invoke_agent": alice,
        "chat outside": alice,
        "execute_tool resumed": {**alice, "tcc.metadata.a": 1},
        "execute_tool extracted": {},
    }


def test_it_reaches_foreign_spans(carried, receiver):
    """The spans of other instrumentation carry it, inside runs and outside of them."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url, all_spans=True))
    tracer = provider.get_tracer("http")
    with tcc.attributes(session_id="s-1"):
        tracer.start_span("alone").end()
        with tcc.run(user_id="u"), tcc.attributes(metadata={"a": 1}):
            tracer.start_span("in run").end()
    provider.shutdown()

    spans = carried()
    assert spans["alone"] == SESSION
    assert spans["in run"] == {**SESSION, **USER, "tcc.metadata.a": 1}


def test_tasks_and_threads_keep_apart(carried):
    """Each asyncio task has its own block, `async with` included; one instance may serve several at once."""
    shared = tcc.attributes(session_id="s-1")

    async def agent(name):
        async with tcc.attributes(user_id=name), shared:
            await asyncio.sleep(0)
            tcc.run(agent=name).prompt("p").end()

    async def both():
        await asyncio.gather(agent("a"), agent("b"))

    asyncio.run(both())
    with shared:
        thread = threading.Thread(target=lambda: tcc.run(agent="thread").prompt("p").end())
        thread.start()
        thread.join()

    assert carried() == {
        "invoke_agent a": {**SESSION, "user.id": "a", "tcc.userId": "a"},
        "invoke_agent b": {**SESSION, "user.id": "b", "tcc.userId": "b"},
        "invoke_agent thread": {},
    }


def test_it_may_be_entered_again(carried):
    """An instance serves one block after the other, and inside itself."""
    session = tcc.attributes(session_id="s-1")
    with session, session:
        tcc.run(agent="a").prompt("p").end()
    with session:
        tcc.run(agent="b").prompt("p").end()

    assert carried() == {"invoke_agent a": SESSION, "invoke_agent b": SESSION}


def test_what_is_no_metadata_is_left_out(caplog):
    """Metadata that is no mapping is said and counted, and the rest holds."""
    with tcc.attributes(session_id="s-1", metadata=["no", "mapping"]), tcc.run() as r:
        assert r.session_id == "s-1"

    assert "`metadata()` takes a mapping" in caplog.text
    assert tcc.stats() == {"bad_value": 1}
