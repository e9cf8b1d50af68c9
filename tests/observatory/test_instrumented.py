"""Runs of ours with instrumented clients in them, over the wire: whoever tells of a call, it counts once."""

import pytest

import contextcompany as tcc
from contextcompany.observatory.fold import Tokens, fold
from contextcompany.observatory.ledger import count
from contextcompany.observatory.otlp import decode
from contextcompany.observatory.tree import Node, tree
from fake_llm import Answer, FakeLLM, Usage
from wire import deliver

openai = pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")
pytest.importorskip("openinference.instrumentation.openai")

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def chat(receiver):
    """Asks a model that says `Hi!` for 14 tokens in, 4 of them cached, and 5 out."""
    tcc.configure(url=receiver.url)
    with FakeLLM(lambda _: Answer("Hi!", usage=Usage(uncached=10, cached=4, output=5, reasoning=2))) as llm:
        client = openai.OpenAI(base_url=llm.openai_url, api_key="k", max_retries=0)
        yield lambda: client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        client.close()
    tcc.uninstrument()


def by_hand(chat):
    with tcc.run() as r:
        s = r.step().prompt(MESSAGES)
        s.response(chat()).end()
        answer = chat()
        with r.step() as s:
            s.prompt(MESSAGES).response(answer)


def in_and_out_of_steps(chat):
    with tcc.run() as r:
        chat()
        with r.step():
            chat()
            chat()


def in_a_tool_of_a_step(chat):
    with tcc.run() as r, r.step() as s:
        chat()
        with s.tool_call("ask") as t:
            chat()
            t.result("ok")


def in_a_sub_agent(chat):
    with tcc.run() as r, r.step():
        chat()
        with tcc.run():
            chat()


PROGRAMS = {by_hand: 2, in_and_out_of_steps: 3, in_a_tool_of_a_step: 2, in_a_sub_agent: 2}
OTHER = "openinference-instrumentation-openai"


@pytest.mark.parametrize(
    ("program", "names"),
    [(by_hand, []), *((program, names) for program in PROGRAMS for names in (["openai"], [OTHER], ["openai", OTHER]))],
)
def test_each_call_is_counted_once(receiver, chat, program, names):
    """By hand, by one instrumentation or by two: the totals are what the model was asked for."""
    if names:
        tcc.instrument(*names)
    program(chat)
    deliver()
    calls = PROGRAMS[program]

    spans = [span for r in receiver.requests for span in decode("traces", r.body, "application/x-protobuf").spans]
    facts = {span.span_id: fold(span) for span in spans}
    of = tree(Node(span.span_id, span.parent_id, span.start_ns, facts[span.span_id]) for span in spans)
    totals = count((each, parent, facts[each]) for each, parent in of.parents.items())
    assert totals.everything.tokens == Tokens(14 * calls, 5 * calls, 4 * calls, None, 2 * calls)
    assert totals.everything.calls == calls
    assert totals.everything.cost == pytest.approx(calls * 0.00008)
    assert [fact.unknown for fact in facts.values()] == [[]] * len(facts)
