"""`Run.suspend()` and `resume()`: a run that goes on in another process, on another day."""

import json
import time

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import contextcompany as tcc
from contextcompany.testing import capture
from programs import run_program
from wire import deliver, run_span_id, trace_id


@pytest.fixture
def spans(receiver):
    """Flushes, and gives what arrived by name; each name occurs once."""
    tcc.configure(url=receiver.url)

    def by_name():
        deliver()
        arrived = {span.name: span for span in receiver.spans()}
        assert len(arrived) == len(receiver.spans())
        return arrived

    return by_name


ASK = """
import contextcompany as tcc

with tcc.run("order-7", session_id="s-1", agent="buyer", user_id="u", tags=["a"], metadata={"plan": "gold"}) as r:
    r.prompt("Buy shoes.", system_prompt="Ask first.").status(1, "so far")
    r.step(model="m").prompt("p").response("r").end()
    print(r.suspend())
"""

ANSWER = """
import sys
import contextcompany as tcc

with tcc.resume(sys.argv[1]) as r:
    assert tcc.current_run() is r and r.run_id == "order-7" and r.session_id == "s-1"
    tcc.tool_call(tool_name="buy").end()
    r.tags("b").metadata(paid=True).status(0).response("Bought.")
"""


def test_two_processes_one_run(receiver):
    """What two processes record of a run arrives as one run, with the time between them as waiting."""
    token = run_program(ASK, TCC_URL=receiver.url).out.strip()
    [early] = receiver.spans()
    assert early.name == "chat m"
    run_program(ANSWER, token, TCC_URL=receiver.url)

    step, tool, run = receiver.spans()
    assert {span.trace_id for span in (step, tool, run)} == {trace_id("order-7")}
    assert (run.parent_id, run.span_id) == ("", run_span_id("order-7"))
    assert {step.parent_id, tool.parent_id} == {run.span_id}
    assert run.start_ns <= step.start_ns < tool.start_ns < run.end_ns
    attributes = run.attributes
    waited = attributes.pop("tcc.run.waiting_time")
    suspended, resumed = ((name, time_ns) for name, _, time_ns in run.events)
    assert (suspended[0], resumed[0]) == ("tcc.run.suspended", "tcc.run.resumed")
    assert waited == pytest.approx((resumed[1] - suspended[1]) / 1e9)
    assert step.end_ns < suspended[1] < resumed[1] < tool.start_ns
    assert run.status == ("OK", "")
    assert attributes.pop("gen_ai.input.messages") == messages("user", "Buy shoes.")
    assert attributes.pop("gen_ai.system_instructions") == '[{"type":"text","content":"Ask first."}]'
    assert attributes.pop("gen_ai.output.messages") == messages("assistant", "Bought.", finish_reason="stop")
    assert attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "buyer",
        "tcc.agent": "buyer",
        "tcc.runId": "order-7",
        "gen_ai.conversation.id": "s-1",
        "tcc.sessionId": "s-1",
        "user.id": "u",
        "tcc.userId": "u",
        "tcc.tags": ["a", "b"],
        "tcc.metadata.plan": "gold",
        "tcc.metadata.paid": True,
        "tcc.status.code": 0,
        "tcc.status.message": "so far",
    }
    assert tool.attributes["tcc.sessionId"] == "s-1"


def messages(role, text, **more):
    message = {"role": role, "parts": [{"type": "text", "content": text}], **more}
    return json.dumps([message], separators=(",", ":"))


def test_what_is_never_resumed_is_not_lost(spans, receiver):
    """A log record has what the run carries, from the moment it is suspended; nothing says that it failed."""
    with tcc.run(agent="buyer") as r:
        r.prompt("Buy shoes.")
        r.suspend()
    tcc.shutdown()

    assert receiver.spans() == []
    [log] = receiver.logs()
    assert (log.event_name, log.trace_id, log.span_id) == (
        "tcc.run.suspended",
        trace_id(r.run_id),
        run_span_id(r.run_id),
    )
    assert log.attributes["gen_ai.input.messages"] == json.loads(messages("user", "Buy shoes."))
    assert log.attributes["tcc.runId"] == r.run_id


def test_leaving_the_block_by_an_exception_is_no_error(spans):
    """A framework that stops an agent by an exception after the run was suspended leaves no mark on the run."""
    tokens = []

    def interrupt(r):
        tokens.append(r.prompt("p").suspend())
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"), tcc.run() as r:
        interrupt(r)
    tcc.resume(tokens[0]).response("r").end()

    run = spans()["invoke_agent"]
    assert (run.status, [name for name, _, _ in run.events]) == (
        ("OK", ""),
        ["tcc.run.suspended", "tcc.run.resumed"],
    )


def test_a_decorated_agent_can_be_suspended():
    """What the function returns afterwards is not the response of the run."""

    @tcc.agent
    def buyer(question):
        return tcc.current_run().suspend()

    with capture() as captured:
        tcc.resume(buyer("Buy shoes.")).response("Bought.").end()

    assert (captured.run.agent, captured.run.prompt, captured.run.response) == ("buyer", "Buy shoes.", "Bought.")


def test_a_suspended_run_takes_nothing(spans):
    """Its methods say what to do instead, and nobody finds it as the current run."""
    with tcc.run() as r:
        token = r.suspend()
        assert tcc.current_run() is None
        for call in (r.end, r.error, r.suspend, lambda: r.prompt("p"), r.__enter__):
            with pytest.raises(tcc.EndedError, match=r"is suspended: .* `resume\(\)` continues it"):
                call()
        with tcc.resume(token) as resumed:
            assert tcc.current_run() is resumed is tcc.resume(token)


def test_an_ended_run_cannot_be_suspended(spans):
    """It has been sent."""
    r = tcc.run().prompt("p")
    r.end()

    with pytest.raises(tcc.EndedError, match="already ended"):
        r.suspend()


def test_steps_go_on_while_the_run_is_suspended(spans):
    """What is open when the run is suspended, or comes by its id, is in it and ends by itself."""
    r = tcc.run().prompt("p")
    open_step = r.step(model="open").prompt("p")
    token = r.suspend()
    open_step.response("r").end()
    tcc.step(r.run_id, model="late").prompt("p").response("r").end()
    tcc.resume(token).end()

    arrived = spans()
    run = arrived["invoke_agent"]
    assert [arrived[name].parent_id for name in ("chat open", "chat late")] == [run.span_id] * 2
    assert "tcc.incomplete" not in arrived["chat open"].attributes


def test_a_prompt_is_required_as_ever():
    """A run that had a prompt before needs none after; one that had none still does."""
    with capture() as captured:
        tcc.resume(tcc.run().prompt("p").suspend()).end()
        without = tcc.resume(tcc.run().suspend())
        with pytest.raises(tcc.IncompleteError):
            without.end()
        without.error()

    assert [run.prompt for run in captured.runs] == ["p", None]


def test_more_than_once(spans):
    """Waiting times add up, and each is between its events."""
    token = tcc.run().prompt("p").suspend()
    for _ in range(2):
        token = tcc.resume(token).suspend()
    tcc.resume(token).end()

    run = spans()["invoke_agent"]
    times = [time_ns for _, _, time_ns in run.events]
    assert len(times) == 6
    assert times == sorted(times)
    waited = sum(end - start for start, end in zip(times[::2], times[1::2], strict=True))
    assert run.attributes["tcc.run.waiting_time"] == pytest.approx(waited / 1e9)


def test_a_sub_agent(spans):
    """A run inside a run stays its child, wherever it is resumed."""
    with tcc.run(agent="outer") as outer:
        token = tcc.run(agent="inner").prompt("p").suspend()
    tcc.resume(token).end()

    arrived = spans()
    assert arrived["invoke_agent inner"].parent_id == arrived["invoke_agent outer"].span_id
    assert arrived["invoke_agent inner"].trace_id == trace_id(outer.run_id)


def test_links_events_and_attributes_of_the_span_stay(spans):
    """What was set on the span itself travels too, and the link to the foreign span around the run."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("http").start_as_current_span("GET /") as request:
        r = tcc.run().prompt("p")
    r.span.set_attribute("mine", 1)
    r.span.add_event("mine", {"a": "b"}, 1_700_000_000_000_000_000)
    tcc.resume(r.suspend()).end()

    run = spans()["invoke_agent"]
    assert run.attributes["mine"] == 1
    assert run.events[0] == ("mine", {"a": "b"}, 1_700_000_000_000_000_000)
    assert run.links == [(f"{request.context.trace_id:032x}", f"{request.context.span_id:016x}", {})]


def test_through_a_provider_of_ones_own(receiver):
    """With the SDK's spans it is the same."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url))
    tcc.configure(url=receiver.url, tracer_provider=provider)
    r = tcc.run(agent="a").prompt("p")
    token = r.suspend()
    tcc.resume(token).response("r").end()
    provider.shutdown()

    [run] = receiver.spans()
    assert (run.trace_id, run.span_id) == (trace_id(r.run_id), run_span_id(r.run_id))
    assert run.attributes["gen_ai.input.messages"] == messages("user", "p")
    assert [name for name, _, _ in run.events] == ["tcc.run.suspended", "tcc.run.resumed"]


CUT = SpanLimits(max_span_attributes=3, max_span_attribute_length=2)


@pytest.mark.parametrize("options", [{"sampler": ALWAYS_OFF}, {"span_limits": CUT}])
@pytest.mark.unsound
def test_a_provider_that_records_less(receiver, options):
    """A run that is not sampled, or whose span is cut, goes on all the same and knows its session."""
    tcc.configure(url=receiver.url, tracer_provider=TracerProvider(**options, shutdown_on_exit=False))
    r = tcc.run(session_id="s-1", user_id="u-1").prompt("p")
    with tcc.resume(r.suspend()) as resumed:
        assert resumed.session_id == "s-1"
        assert resumed._run.shared["tcc.userId"] == "u-1"


def test_numbers_that_json_does_not_have(spans):
    """They are kept as text."""
    tcc.resume(tcc.run(metadata={"x": float("nan")}).prompt("p").suspend()).end()

    assert spans()["invoke_agent"].attributes["tcc.metadata.x"] == "nan"


def test_the_timeout_does_not_count_the_waiting(spans):
    """A suspended run does not time out; resumed, it has its time again."""
    first = tcc.run(timeout=0.05).prompt("p")
    token = first.suspend()
    other = tcc.run(agent="other", timeout=0.1).prompt("p")
    wait_for(spans, "invoke_agent other")  # so the time of the first one is over
    assert (other.run_id in str(spans()), "invoke_agent" in spans()) == (True, False)
    tcc.configure(run_timeout=0.05)
    resumed = tcc.resume(token)
    wait_for(spans, "invoke_agent")

    run = spans()["invoke_agent"]
    assert (run.status[1], resumed.run_id) == ("The run did not end within 0.05 s.", first.run_id)


def wait_for(spans, name):
    deadline = time.monotonic() + 5
    while name not in spans():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestTokens:
    def test_it_holds_no_key(self):
        """Neither the run's own key nor the configured one; both are given again where it is resumed."""
        with capture() as captured:
            token = tcc.run(api_key="own-key", tcc_url="https://example.com/in?token=x").prompt("p").suspend()
            tcc.resume(token, api_key="other-key", tcc_url="https://example.org").end()

        assert "key" not in token
        assert "example.com" not in token
        assert captured.run.destination.traces_url == "https://example.org/v1/traces"

    def test_it_is_small(self, spans, receiver):
        """Of a long prompt it has head and tail; the log record has it all, and the run says what was cut."""
        prompt = "".join(f"{n} bottles, " for n in range(30_000))
        token = tcc.run(metadata={"note": "x" * 50_000}).prompt(prompt).suspend()
        tcc.resume(token).end()
        assert tcc.flush(5).dropped == {"truncated": 2}

        [run], [log] = receiver.spans(), receiver.logs()
        assert len(token) < 50_000
        assert prompt in str(log.attributes["gen_ai.input.messages"])
        [message] = json.loads(run.attributes["gen_ai.input.messages"])
        assert message["parts"][0]["content"].startswith("0 bottles, 1 bottles")
        assert sorted(run.attributes["tcc.truncated"]) == ["gen_ai.input.messages", "tcc.metadata.note"]

    def test_it_holds_what_the_content_policy_allows(self, spans, receiver):
        """Neither what is not captured nor what is redacted is in a token, a log record or a span."""
        secret = "sk-" + "a1B2" * 8
        tcc.configure(detectors=["secrets"])
        token = tcc.run(metadata={"note": f"key {secret}"}).prompt(f"My key is {secret}.").suspend()
        tcc.configure(capture_content=False)
        silent = tcc.run().prompt("Buy shoes.").suspend()
        tcc.resume(token).end()
        tcc.resume(silent).end()
        tcc.flush(5)

        assert secret not in token
        assert "shoes" not in silent
        assert len(receiver.spans()) == 2
        assert not any(secret.encode() in each.body or b"shoes" in each.body for each in receiver.requests)

    def test_a_signed_one(self, spans):
        """With a key it is signed; spaces and the order of keys may change on the way, nothing else."""
        tcc.configure(signing_key="k1")
        token = tcc.run().prompt("p").suspend()
        shuffled = json.dumps(dict(reversed(json.loads(token).items())), indent=2)

        with tcc.resume(shuffled) as resumed:
            assert resumed.run_id == json.loads(token)["scope"]["run_id"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda told: told.pop("signature"), "is not signed"),
            (lambda told: told.update(signature="0" * 64), "signed with another key, or was changed"),
            (lambda told: told.update(signature=3), "signed with another key, or was changed"),
            (lambda told: told["scope"].update(run_id="other"), "signed with another key, or was changed"),
        ],
    )
    def test_one_that_was_changed(self, change, message):
        """With a key, what was not signed with it is refused."""
        tcc.configure(signing_key="k1")
        told = json.loads(tcc.run().prompt("p").suspend())
        change(told)

        with pytest.raises(tcc.TokenError, match=message):
            tcc.resume(json.dumps(told))

    def test_without_a_key_a_signed_one_is_taken(self):
        """There is nothing to check it with."""
        tcc.configure(signing_key="k1")
        token = tcc.run().prompt("p").suspend()
        with capture() as captured:
            tcc.resume(token).end()

        assert captured.run.prompt == "p"

    @pytest.mark.parametrize("text", ["", "no JSON", "[]", "3", "null", "{}", '{"version": 1}', None, b"\xff"])
    def test_what_is_no_token(self, text):
        """Any other text is a TokenError, which is a ValueError."""
        with pytest.raises(ValueError, match=r"not the token of a suspended run|is damaged"):
            tcc.resume(text)

    @pytest.mark.parametrize("field", ["scope", "start_ns", "suspended_ns", "status", "attributes", "links"])
    @pytest.mark.parametrize("value", [None, "x", {"a": 1}, [1]])
    def test_one_that_is_damaged(self, field, value):
        """A field that is not what it was is a TokenError."""
        told = json.loads(tcc.run().prompt("p").suspend())
        with pytest.raises(tcc.TokenError, match="damaged"):
            tcc.resume(json.dumps({**told, field: value}))

    def test_one_of_another_version(self):
        """A token of a later release says so."""
        told = json.loads(tcc.run().prompt("p").suspend())
        with pytest.raises(tcc.TokenError, match="has version 9; this release reads 1"):
            tcc.resume(json.dumps({**told, "version": 9}))


def test_the_console_tells_waiting_apart(capfd):
    """The tree shows how long the agent took and, apart from it, how long it waited."""
    tcc.configure(console=True)
    told = json.loads(tcc.run(agent="a").prompt("p").suspend())
    tcc.resume(json.dumps({**told, "start_ns": told["start_ns"] - 7200 * 10**9, "waited": 7200.0})).end()

    assert "ms + 2h 00m waiting" in capfd.readouterr().err
