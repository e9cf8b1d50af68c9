"""Every call counts once: a table of shapes that traces have, and any nesting of the same calls."""

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextcompany.observatory.fold import Fact, Tokens
from contextcompany.observatory.ledger import NOTHING, Amount, Entry, Price, count


class Shape(NamedTuple):
    """A span and what is in it."""

    fact: Fact
    inside: tuple["Shape", ...] = ()


def make(kind, *inside, name=None, tokens=None, cost=None, answer=None, marked=False, source="gen_ai"):
    given = Tokens(*tokens) if tokens else Tokens()
    fact = Fact(
        kind,
        "gen_ai",
        name or kind,
        tokens=given,
        cost=cost,
        cost_source=None if cost is None else source,
        response_id=answer,
        counted_inside=marked,
    )
    return Shape(fact, inside)


def run(*inside, tokens=None, cost=None, **more):
    return make("run", *inside, tokens=tokens, cost=cost, **more)


def step(*inside, **more):
    return make("step", *inside, **more)


def tool(*inside, **more):
    return make("tool_call", *inside, **more)


def other(*inside, **more):
    return make("other", *inside, **more)


def entries(*shapes):
    """Numbered as they stand: `1`, in it `2`, beside it `3`."""
    numbers = itertools.count(1)
    made = []
    waiting = [("", shape) for shape in reversed(shapes)]
    while waiting:
        parent, shape = waiting.pop()
        number = str(next(numbers))
        made.append((number, parent, shape.fact))
        waiting += [(number, inner) for inner in reversed(shape.inside)]
    return made


A, B, BOTH = (10, 5), (20, 7), (30, 12)
"""Two calls, and their sum."""


# name: what there is, tokens of everything, cost of everything, spans with calls that count, spans that do not
SHAPES = {
    # Calls alone.
    "nothing": ([], (), None, [], []),
    "nothing said": ([run(step(), tool())], (), None, [], []),
    "one call": ([step(tokens=A)], A, None, ["1"], []),
    "a call in a run": ([run(step(tokens=A))], A, None, ["2"], []),
    "two calls in a run": ([run(step(tokens=A), step(tokens=B))], BOTH, None, ["2", "3"], []),
    "two roots": ([step(tokens=A), step(tokens=B)], BOTH, None, ["1", "2"], []),
    "equal calls are two": ([run(step(tokens=A), step(tokens=A))], (20, 10), None, ["2", "3"], []),
    "input alone": ([run(step(tokens=(10,)), step(tokens=A))], (20, 5), None, ["2", "3"], []),
    "zero is said": ([step(tokens=(0, 0))], (0, 0), None, ["1"], []),
    "cached": ([run(step(tokens=(10, 5, 4)), step(tokens=B))], (30, 12, 4), None, ["2", "3"], []),
    "all counts": (
        [run(step(tokens=(10, 5, 4, 3, 2)), step(tokens=(20, 7, 1, 2, 3)))],
        (30, 12, 5, 5, 5),
        None,
        ["2", "3"],
        [],
    ),
    "embeddings": ([run(step(tokens=(9,), name="embed"), step(tokens=A))], (19, 5), None, ["2", "3"], []),
    "a call in a tool": ([run(tool(step(tokens=A)))], A, None, ["3"], []),
    "a call in a handler": ([other(run(step(tokens=A)))], A, None, ["3"], []),
    "embeddings in a tool": ([run(tool(step(tokens=(9,))), step(tokens=A))], (19, 5), None, ["3", "4"], []),
    "a call that failed, and said zero": ([run(step(tokens=(0, 0)), step(tokens=A))], A, None, ["2", "3"], []),
    # Sums on what holds calls.
    "a batch's sum": ([run(other(step(tokens=A), step(tokens=B), tokens=BOTH))], BOTH, None, ["3", "4"], ["2"]),
    "a batch that is a call": (
        [run(step(step(tokens=(9,)), step(tokens=(7,)), step(tokens=(7,)), tokens=(23,)))],
        (23,),
        None,
        ["3", "4", "5"],
        ["2"],
    ),
    "a batch whose calls say nothing": ([run(other(step(), step(), tokens=BOTH))], BOTH, None, ["2"], []),
    "batches in a batch": (
        [other(other(step(tokens=A), tokens=A), other(step(tokens=B), tokens=B), tokens=BOTH)],
        BOTH,
        None,
        ["3", "5"],
        ["1", "2", "4"],
    ),
    "an agent's sum of one": ([run(step(tokens=A), tokens=A)], A, None, ["2"], ["1"]),
    "an agent's sum": ([run(step(tokens=A), step(tokens=B), tokens=BOTH)], BOTH, None, ["2", "3"], ["1"]),
    "an agent's sum of less": ([run(step(tokens=A), step(tokens=B), tokens=A)], BOTH, None, ["2", "3"], ["1"]),
    "an agent's sum of more": ([run(step(tokens=A), tokens=BOTH)], A, None, ["2"], ["1"]),
    "sums in sums": (
        [run(run(step(tokens=A), tokens=A), step(tokens=B), tokens=BOTH)],
        BOTH,
        None,
        ["3", "4"],
        ["1", "2"],
    ),
    "a workflow's, an agent's and a request's sum": (
        [other(run(run(step(tokens=A), tokens=A), tokens=A), tokens=A)],
        A,
        None,
        ["4"],
        ["1", "2", "3"],
    ),
    "a sum over what is not said": ([run(step(), step(), tokens=BOTH)], BOTH, None, ["1"], []),
    "a sum over no call": ([run(tokens=A)], A, None, ["1"], []),
    "a sum over a tool": ([run(tool(), tokens=A)], A, None, ["1"], []),
    "a tool's own tokens": ([run(tool(tokens=A))], A, None, ["2"], []),
    "a tool's sum": ([run(tool(step(tokens=A), tokens=A))], A, None, ["3"], ["2"]),
    "a chain's sum": ([other(other(step(tokens=A), tokens=A), tokens=A)], A, None, ["3"], ["1", "2"]),
    "a reranker's own tokens": ([run(other(tokens=(7,)), step(tokens=A))], (17, 5), None, ["2", "3"], []),
    "a sum in another agent's": (
        [run(tool(run(step(tokens=B), tokens=B)), step(tokens=A), tokens=A)],
        BOTH,
        None,
        ["4", "5"],
        ["1", "3"],
    ),
    # One call, told by two.
    "a call in a call": ([step(step(tokens=A), tokens=A)], A, None, ["2"], ["1"]),
    "a call in a call in a call": ([step(step(step(tokens=A), tokens=A), tokens=A)], A, None, ["3"], ["1", "2"]),
    "a call in a wrapper in a call": ([step(other(step(tokens=A)), tokens=A)], A, None, ["3"], ["1"]),
    "a call in a call that says nothing": ([step(step(tokens=A))], A, None, ["2"], []),
    "a call that says nothing in a call": ([step(step(), tokens=A)], A, None, ["1"], []),
    "two calls in a call": ([step(step(tokens=A), step(tokens=B), tokens=BOTH)], BOTH, None, ["2", "3"], ["1"]),
    "counted differently": ([step(step(tokens=(100, 5, 90)), tokens=(10, 5, 90))], (100, 5, 90), None, ["2"], ["1"]),
    "reasoning beside the output, by one of two": (
        [step(step(tokens=(10, 9, None, None, 4)), tokens=(10, 5, None, None, 4))],
        (10, 9, None, None, 4),
        None,
        ["2"],
        ["1"],
    ),
    "reasoning is a part": (
        [run(step(tokens=(10, 9, None, None, 4)), step(tokens=(20, 7, None, None, 7)))],
        (30, 16, None, None, 11),
        None,
        ["2", "3"],
        [],
    ),
    "a stream whose client missed what came out": ([step(step(tokens=(10,)), tokens=A)], A, None, ["2"], ["1"]),
    "a stream whose client missed it, in a sum": (
        [run(step(step(tokens=(10,)), tokens=A), step(tokens=B), tokens=BOTH)],
        BOTH,
        None,
        ["3", "4"],
        ["1", "2"],
    ),
    "a stream whose client saw more": ([step(step(tokens=(10, 5, 4)), tokens=A)], (10, 5, 4), None, ["2"], ["1"]),
    "a stream told by siblings, each a half": (
        [run(step(tokens=(10,), answer="x"), step(tokens=(None, 5), answer="x"))],
        A,
        None,
        ["2"],
        ["3"],
    ),
    "a stream told by three": (
        [step(step(step(tokens=(10,)), tokens=(10, 5)), tokens=(10, 5, 4))],
        (10, 5, 4),
        None,
        ["3"],
        ["1", "2"],
    ),
    "another model's call around a call": (
        [step(other(step(tokens=B, answer="y")), tokens=A, answer="x")],
        BOTH,
        None,
        ["1", "3"],
        [],
    ),
    "nested with one id": ([step(step(tokens=A, answer="x"), tokens=A, answer="x")], A, None, ["2"], ["1"]),
    "nested with one id, one without tokens": ([step(step(answer="x"), tokens=A, answer="x")], A, None, ["1"], []),
    "nested with two ids": ([step(step(tokens=B, answer="y"), tokens=A, answer="x")], BOTH, None, ["1", "2"], []),
    "siblings with one id": ([run(step(tokens=A, answer="x"), step(tokens=A, answer="x"))], A, None, ["2"], ["3"]),
    "siblings with two ids": (
        [run(step(tokens=A, answer="x"), step(tokens=A, answer="y"))],
        (20, 10),
        None,
        ["2", "3"],
        [],
    ),
    "one id, three tell": (
        [run(step(tokens=A, answer="x"), step(step(tokens=A, answer="x"), tokens=A, answer="x"))],
        A,
        None,
        ["4"],
        ["2", "3"],
    ),
    "one id in two branches": (
        [run(other(step(tokens=A, answer="x")), other(other(step(tokens=A, answer="x"))))],
        A,
        None,
        ["6"],
        ["3"],
    ),
    "one id, more is known by one": (
        [run(step(tokens=(10, 5), answer="x"), step(tokens=(10, 5, 4), answer="x"))],
        (10, 5, 4),
        None,
        ["3"],
        ["2"],
    ),
    "one id in two roots": ([step(tokens=A, answer="x"), step(tokens=A, answer="x")], A, None, ["1"], ["2"]),
    "an empty id is none": (
        [run(step(tokens=A, answer=""), step(tokens=A, answer=""))],
        (20, 10),
        None,
        ["2", "3"],
        [],
    ),
    "marked, and told by another": ([run(step(tokens=A), step(tokens=A, marked=True))], A, None, ["2"], ["3"]),
    "marked, around the other": ([step(step(tokens=A), tokens=A, marked=True)], A, None, ["2"], ["1"]),
    "marked, within the other": ([step(step(tokens=A, marked=True), tokens=A)], A, None, ["1"], ["2"]),
    "marked, and the other is lost": ([run(step(tokens=A, marked=True))], A, None, ["2"], []),
    "marked, and others are": ([run(step(tokens=A, marked=True), step(tokens=B))], BOTH, None, ["2", "3"], []),
    "marked with the id of another": (
        [run(step(tokens=A, answer="x", marked=True), step(tokens=A, answer="x"))],
        A,
        None,
        ["3"],
        ["2"],
    ),
    # Calls in what a call asked for.
    "a call's tool asks": ([step(tool(step(tokens=B)), tokens=A)], BOTH, None, ["1", "3"], []),
    "a call's tool is an agent": ([step(tool(run(step(tokens=B), tokens=B)), tokens=A)], BOTH, None, ["1", "4"], ["3"]),
    "a run in a call": ([step(run(step(tokens=B)), tokens=A)], BOTH, None, ["1", "3"], []),
    "a call in a call, and its tool asks": (
        [step(step(tokens=A), tool(step(tokens=B)), tokens=A)],
        BOTH,
        None,
        ["2", "4"],
        ["1"],
    ),
    # Retries.
    "retries that failed": ([step(step(), step(), step(tokens=A), tokens=A)], A, None, ["4"], ["1"]),
    "retries that cost": (
        [step(step(tokens=A, answer="x"), step(tokens=B, answer="y"), tokens=B, answer="y")],
        BOTH,
        None,
        ["2", "3"],
        ["1"],
    ),
    "retries that cost, without ids": (
        [step(step(tokens=A), step(tokens=A), tokens=A)],
        (20, 10),
        None,
        ["2", "3"],
        ["1"],
    ),
    "retries in a call that says nothing": ([step(step(tokens=A), step(tokens=B))], BOTH, None, ["2", "3"], []),
    "retries, each told by two": (
        [run(step(step(tokens=A, answer="x"), tokens=A), step(step(tokens=B, answer="y"), tokens=B))],
        BOTH,
        None,
        ["3", "5"],
        ["2", "4"],
    ),
    "retries with one id": (  # a proxy that answers again from its cache
        [run(step(tokens=A, answer="x"), step(step(tokens=A, answer="x"), tokens=A))],
        A,
        None,
        ["4"],
        ["2", "3"],
    ),
    "a fallback to another model": (
        [step(step(), step(tokens=B, answer="y"), tokens=B, answer="y")],
        B,
        None,
        ["3"],
        ["1"],
    ),
    "retries side by side": ([run(step(), step(tokens=A, answer="x"))], A, None, ["3"], []),
    # Cost.
    "a call's cost": ([run(step(tokens=A, cost=0.5))], A, 0.5, ["2"], []),
    "a free call": ([run(step(tokens=A, cost=0.0))], A, 0.0, ["2"], []),
    "costs add up exactly": (
        [run(*(step(cost=0.1) for _ in range(10)))],
        (),
        1.0,
        [str(n) for n in range(2, 12)],
        [],
    ),
    "an agent's sum of costs": (
        [run(step(tokens=A, cost=0.5), step(tokens=B, cost=0.25), tokens=BOTH, cost=0.75)],
        BOTH,
        0.75,
        ["2", "3"],
        ["1"],
    ),
    "a cost on the agent alone": ([run(step(tokens=A), step(tokens=B), cost=0.75)], BOTH, 0.75, ["1", "2", "3"], []),
    "a cost on the agent, and tokens": (
        [run(step(tokens=A), step(tokens=B), tokens=BOTH, cost=0.75)],
        BOTH,
        0.75,
        ["1", "2", "3"],
        ["1"],
    ),
    "a cost on two agents": ([run(run(step(tokens=A), cost=0.5), cost=0.5)], A, 0.5, ["2", "3"], ["1"]),
    "a cost around the client's call": ([step(step(tokens=A), tokens=A, cost=0.5)], A, 0.5, ["1", "2"], ["1"]),
    "a cost within the call": ([step(step(cost=0.5), tokens=A)], A, 0.5, ["1", "2"], []),
    "a cost of one with the id": (
        [run(step(tokens=A, answer="x", cost=0.5), step(tokens=(10, 5, 1), answer="x"))],
        (10, 5, 1),
        0.5,
        ["3"],
        ["2"],
    ),
    "a cost on some calls": (
        [run(step(tokens=A, cost=0.5), step(tokens=B), cost=0.75)],
        BOTH,
        0.5,
        ["2", "3"],
        ["1"],
    ),
    "a cost on a tool": ([run(tool(cost=0.25), step(tokens=A, cost=0.5))], A, 0.75, ["2", "3"], []),
}


def test_the_table_is_long_enough():
    """The traps are many, and no two are the same."""
    assert len({repr(shapes) for shapes, *_ in SHAPES.values()}) == len(SHAPES) >= 60


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    """What counts, what does not, and what everything comes to."""
    shapes, tokens, cost, counted, not_counted = SHAPES[name]
    totals = count(entries(*shapes))
    assert (totals.everything.tokens, totals.everything.cost) == (Tokens(*tokens), cost)
    assert [each for each, amount in totals.own.items() if amount != NOTHING] == counted
    assert sorted(totals.not_counted) == not_counted


@pytest.mark.parametrize("name", SHAPES)
def test_sums_of_shapes(name):
    """What is said is counted or has its reason; a span's total is its own and its children's."""
    made = entries(*SHAPES[name][0])
    totals = count(made)
    for span_id, _, fact in made:
        if fact.tokens != Tokens() and totals.own[span_id].tokens == Tokens():
            assert totals.not_counted[span_id].endswith(".")
        inside = [totals.total[child].calls for child, above, _ in made if above == span_id]
        assert totals.total[span_id].calls == totals.own[span_id].calls + sum(inside)
    assert totals.everything.calls == sum(amount.calls for amount in totals.own.values())


@pytest.mark.parametrize("name", SHAPES)
def test_order_does_not_matter(name):
    """Spans arrive in any order."""
    made = entries(*SHAPES[name][0])
    forward, backward = count(made), count(made[::-1])
    assert forward.everything == backward.everything


def test_own_and_total():
    """A span's own amount is what it adds; its total, that of all below it too."""
    totals = count(entries(run(step(tokens=A, cost=0.5), tool(run(step(tokens=B)))), step(tokens=A)))
    first, second = Amount(Tokens(*A), 0.5, ("gen_ai",), 1, 0), Amount(Tokens(*B), None, (), 1, 1)
    assert totals.own == {"1": NOTHING, "2": first, "3": NOTHING, "4": NOTHING, "5": second, "6": totals.own["6"]}
    assert totals.total["1"] == Amount(Tokens(*BOTH), 0.5, ("gen_ai",), 2, 1)
    assert totals.total["3"] == totals.total["4"] == totals.total["5"] == second
    assert totals.everything == Amount(Tokens(40, 17), 0.5, ("gen_ai",), 3, 2)


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        ([run(step(tokens=A), tokens=A)], {"1": "It holds the calls that it is the sum of."}),
        ([run(step(tokens=A), tokens=(None, None, None, None, 2))], {"1": "It holds the calls that it is the sum of."}),
        (
            [run(step(tokens=A), tokens=BOTH)],
            {"1": "It holds the calls that it is the sum of (it says 30 in and 12 out, they add up to 10 and 5)."},
        ),
        ([step(step(tokens=A, name="m"), tokens=A)], {"1": "It holds the same call, told by m (2)."}),
        (
            [run(step(step(tokens=(10,), name="m"), tokens=A), step(tokens=B), tokens=BOTH)],
            {"1": "It holds the calls that it is the sum of.", "2": "It holds the same call, told by m (3)."},
        ),
        (
            [run(step(tokens=A, answer="x", name="m"), step(tokens=A, answer="x"))],
            {"3": "It is the same call as m (2): both have the response id x."},
        ),
        (
            [run(step(tokens=A, name="m"), step(tokens=A, marked=True))],
            {"3": "It says that another span tells of the same call, as m (2) does."},
        ),
    ],
)
def test_reasons(shapes, why):
    """What is not counted says why, with the other span's name and id."""
    assert count(entries(*shapes)).not_counted == why


@pytest.mark.parametrize(
    ("spans", "calls"),
    [
        ([(A, 0, 5), (B, 6, 9)], 2),
        ([(A, 0, 5), (B, 3, 9)], 1),
        ([(A, 0, 5), (A, 6, 9)], 1),
        ([(A, 1, 0), (B, 6, 9)], 1),
        ([(A, 0, 5), (None, 6, 9)], 1),
        ([(A, 0, 5), (B, 6, 9), (B, 6, 8), (A, 1, 2)], 2),
        ([(B, 6, 9), (A, 0, 5), ((30, 9), 10, 11)], 3),
    ],
)
def test_one_response_id_for_several_calls(spans, calls):
    """Some servers give ids out twice: what is at another time and has other counts is another call."""
    made = [
        Entry(str(number), "", step(tokens=tokens, answer="x", cost=0.1).fact, start, end)
        for number, (tokens, start, end) in enumerate(spans)
    ]
    totals = count(made)

    assert totals.everything.calls == calls
    assert len(totals.not_counted) == len(spans) - calls


def test_thousands_of_calls_with_one_response_id():
    """They are told apart without comparing each with each."""
    made = [Entry(str(n), "", step(tokens=(n, 1), answer="x").fact, 10 * n, 10 * n + 5) for n in range(1, 30_000)]

    assert count(made).everything.calls == 29_999


# --- prices ----------------------------------------------------------------------------------------------------------


def price(entry):
    fact = entry.fact
    return None if fact.name == "unknown" else Price(fact.tokens.input * 0.01, "table")


@pytest.mark.parametrize(
    ("shapes", "cost", "sources", "unpriced"),
    [
        ([step(tokens=A)], 0.1, ("table",), 0),
        ([run(step(tokens=A), tokens=A)], 0.1, ("table",), 0),
        ([step(tokens=A, cost=0.5)], 0.5, ("gen_ai",), 0),
        ([step(tokens=A, cost=0.0)], 0.0, ("gen_ai",), 0),
        ([run(step(tokens=A, cost=0.5), step(tokens=B))], 0.7, ("gen_ai", "table"), 0),
        ([run(step(tokens=A), step(tokens=B, name="unknown"))], 0.1, ("table",), 1),
        ([step(tokens=A, name="unknown")], None, (), 1),
        ([run(step(tokens=A), step(tokens=B), cost=0.75)], 0.75, ("gen_ai",), 0),
        ([run(step(tokens=A, cost=0.5), step(tokens=B), cost=9)], 0.7, ("gen_ai", "table"), 0),
        ([step(step(tokens=A), tokens=A, cost=0.5)], 0.5, ("gen_ai",), 0),
        ([step(step(cost=0.5), tokens=A)], 0.5, ("gen_ai",), 0),
        ([step(step(tokens=A), tool(step(tokens=B)), tokens=A, cost=0.5)], 0.7, ("gen_ai", "table"), 0),
        ([step(tool(step(tokens=B)), tokens=A, cost=0.5)], 0.7, ("gen_ai", "table"), 0),
        ([run(step(), tokens=A)], 0.1, ("table",), 0),
        ([run(step())], None, (), 0),
    ],
)
def test_prices(shapes, cost, sources, unpriced):
    """What nobody says the cost of is priced; what is in a sum of costs is not priced again; unknown is never zero."""
    everything = count(entries(*shapes), price).everything
    assert everything.cost == (None if cost is None else pytest.approx(cost, abs=1e-12))
    assert (everything.sources, everything.unpriced) == (sources, unpriced)


# --- whatever holds the calls ----------------------------------------------------------------------------------------

LEAVES = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.none() | st.integers(0, 9)),
        st.none() | st.floats(0, 10).map(lambda cost: round(cost, 6)),
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def nestings(draw):
    """The same calls as leaves, and two ways to hold them: sums or nothing said, duplicates, wrappers."""
    leaves = draw(LEAVES)
    made = [step(tokens=tokens, cost=cost, answer=f"r{n}") for n, (tokens, cost) in enumerate(leaves)]
    return made, draw(nested(made)), draw(nested(made))


def nested(leaves):
    if len(leaves) == 1:
        return wrapped(leaves)
    return st.integers(1, len(leaves) - 1).flatmap(
        lambda at: st.tuples(nested(leaves[:at]), nested(leaves[at:])).flatmap(
            lambda halves: wrapped([*halves[0], *halves[1]])
        )
    )


def wrapped(shapes):
    """The shapes as they are, in something that holds them, or seen by another instrumentation."""
    kinds = st.sampled_from(["none", "run", "other", "tool_call", "run", "twice"])
    return st.tuples(kinds, st.sampled_from(["silent", "sum", "part"])).map(lambda how: hold(list(shapes), *how))


def hold(shapes, kind, says):
    if kind == "none":
        return shapes
    if kind == "twice":
        if len(shapes) != 1 or shapes[0].fact.kind != "step":
            return shapes
        return [Shape(shapes[0].fact, tuple(shapes))]
    inside = list(leaves_of(shapes))[: 1 if says == "part" else None]
    went = sum(each.tokens.input or 0 for each in inside)
    came = sum(each.tokens.output or 0 for each in inside)
    return [make(kind, *shapes, tokens=None if says == "silent" else (went, came))]


def leaves_of(shapes):
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if shape.inside:
            waiting += shape.inside
        else:
            yield shape.fact


@settings(max_examples=300, deadline=None)
@given(nestings())
def test_any_nesting_of_the_same_calls_gives_the_same_total(told):
    """Whoever holds the calls, and whatever they say of them."""
    flat, one, two = (count(entries(*shapes)).everything for shapes in told)
    assert one == flat
    assert two == flat


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12),
    st.lists(st.sampled_from(["run", "step", "tool_call", "other"]), min_size=12, max_size=12),
)
def test_any_graph_is_counted(links, kinds):
    """Spans that are each other's parents, or their own, or hang nowhere, are counted once each at most."""
    parents = {str(n): str(parent) for n, parent in links}
    made = [
        (each, parent, make(kind, tokens=A).fact) for (each, parent), kind in zip(parents.items(), kinds, strict=False)
    ]
    totals = count(made)
    assert totals.own.keys() == parents.keys()
    counted = [each for each in totals.own if totals.own[each] != NOTHING]
    assert sorted([*counted, *totals.not_counted]) == sorted(parents)
    assert totals.everything.calls == len(counted)


def test_deep_and_wide_traces():
    """Thirty thousand spans, nested or side by side, are counted without recursion."""
    deep = [(str(n), str(n - 1), make("other", tokens=A).fact) for n in range(30_000)]
    wide = [
        ("0", "", make("run", tokens=A).fact),
        *((str(n), "0", make("step", tokens=A).fact) for n in range(1, 30_000)),
    ]
    assert count(deep).everything.calls == 1
    assert count(wide).everything.tokens == Tokens(299_990, 149_995)
