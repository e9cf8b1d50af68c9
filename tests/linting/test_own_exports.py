"""Nothing is found in what our own SDK exports, whatever of it is used."""

import pytest

import contextcompany as tcc
from conformance import violations
from contextcompany.linting import Linter
from contextcompany.observatory import otlp
from contextcompany.observatory.files import Part
from receiver import Receiver

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my order?"}]
TOOLS = [{"type": "function", "function": {"name": "find", "description": "d", "parameters": {"type": "object"}}}]


@pytest.fixture
def found(receiver):
    """Sends what was recorded; what is found in it, of any level, and how many spans and events it was."""
    tcc.configure(url=receiver.url, service_name="shop")

    def found():
        assert tcc.flush(10).waiting == 0
        linter, findings, items = Linter(), [], 0
        for request in receiver.accepted:
            signal = "logs" if request.path.endswith("/logs") else "traces"
            batch = otlp.decode(signal, request.body, otlp.PROTOBUF)
            items += len(batch.spans) + len(batch.logs)
            findings += linter.take(Part("", 0, batch, is_otlp=True))
        return items, [f"{each.where.name}: {each.rule}: {each.message}" for each in (*findings, *linter.finish())]

    return found


def ask(run, **more):
    step = run.step(model="gpt-4o").prompt(MESSAGES).tool_definitions(TOOLS)
    step.response("On its way.").tokens(prompt_uncached=100, prompt_cached=20, completion=5).finish_reason("stop")
    return step.parameters(temperature=1, top_p=0.5, max_tokens=100, stop_sequences="END", seed=7, **more)


def test_a_run_with_all_there_is(found):
    """Steps, tool calls, agents in agents, feedback, costs, sessions, people, tags, metadata, links to other spans."""
    everywhere = tcc.attributes(session_id="s-1", user_id="u-1", org_id="o-1")
    with (
        everywhere,
        tcc.run("r-1", agent="support", tags=["beta"], metadata={"plan": "free"}, conversational=True) as r,
    ):
        r.prompt("Where is my order?", "Be brief.")
        with ask(r, choice_count=2, output_type="json") as s:
            s.cost(0.01)
            with s.tool_call("find", tool_call_id="c-1") as call:
                call.args({"id": 7}).result({"status": "shipped"})
        with tcc.run(agent="researcher") as inner:
            inner.prompt("Look it up.").response("Done.")
            ask(inner).end()
        r.response("On its way.").status(1, "Not all of it.")
    r.feedback("thumbs_up", "Quick.")
    r.feedback(text="And friendly.")
    tcc.submit_feedback(r.run_id, name="relevance", value=0.5)

    assert found() == (8, [])


def test_what_fails(found):
    """An exception, a status that says so, and what nobody ended."""
    with pytest.raises(ZeroDivisionError), tcc.run(agent="support") as r, r.step(model="gpt-4o").prompt("p"):
        raise ZeroDivisionError("no")
    with tcc.run(agent="support") as r:
        r.prompt("p").response("r")
        r.tool_call("find").error("Timeout")
        r.step(model="gpt-4o").prompt("p")
        r.tool_call("search")
    assert found() == (6, [])


def test_streams_decorators_and_finished_data(found):
    """What is recorded in other ways."""

    @tcc.tool
    def find(query):
        return ["a", query]

    @tcc.agent(name="router")
    def route(question):
        return find(question)

    route("Where?")
    with tcc.run(agent="writer") as r:
        r.prompt("p")
        step = ask(r, stream=True)
        step.first_token()
        step.end()
        r.response("r")
    times = {"start_time": 1_760_000_000, "end_time": 1_760_000_009.5}
    call = {"name": "find", "args": {"q": 1}, "result": "x", **times}
    tcc.send_run(prompt="p", response="r", agent="importer", tool_calls=[call], **times)

    assert found() == (6, [])


def test_runs_that_wait(found):
    """The event of a suspended run has what was said in structure, as on events it must be."""
    token = tcc.run(agent="buyer").prompt("Buy shoes.", "Be careful.").suspend()
    tcc.resume(token).response("Bought.").end()

    assert found() == (2, [])


@pytest.mark.parametrize("mode", ["metadata-only", False])
def test_what_is_not_captured(found, receiver, mode):
    """The structure of messages stays valid, or there are none."""
    tcc.configure(url=receiver.url, service_name="shop", capture_content=mode)
    with tcc.run(agent="support") as r:
        r.prompt("Where is my order?", "Be brief.")
        with ask(r) as s, s.tool_call("find") as call:
            call.args({"q": "mail a@example.com"}).result("x")
        r.response("On its way.")
    r.feedback("thumbs_down", "Slow.")

    assert found() == (4, [])


def test_what_is_cut_and_redacted(found, receiver):
    """Messages that are too large are cut within their texts."""
    tcc.configure(url=receiver.url, service_name="shop", max_value_size=2_000, max_span_size=8_000, detectors="emails")
    with tcc.run(agent="support") as r:
        r.prompt([{"role": "user", "content": f"a@example.com {n} " * 500} for n in range(9)])
        ask(r).prompt("x" * 50_000).end()
        r.response("y" * 50_000)

    assert found() == (2, [])


def test_tests_would_say_so():
    """What the receiver of all tests checks is what is found here."""
    with Receiver() as receiver:
        tcc.configure(url=receiver.url)
        with tcc.run(agent="support") as r:
            r.prompt("p").response("r").step(model="gpt-4o").prompt("p").response("r").parameters(
                temperature="warm"
            ).end()
        tcc.flush(5)

        assert violations(receiver.accepted) == [
            "chat gpt-4o: type_mismatch: `gen_ai.request.temperature` is text, and a double in the conventions."
        ]
