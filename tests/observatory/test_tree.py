"""Where spans hang and which of them are runs."""

import pytest

from contextcompany.observatory.fold import Fact
from contextcompany.observatory.tree import Node, members, tree


def ours(kind, run_id="r"):
    return Fact(kind, "contextcompany", kind, run_id=run_id)


def theirs(kind, run_id=None):
    return Fact(kind, "gen_ai", kind, run_id=run_id)


def vercels(kind, run_id="r"):
    return Fact(kind, "vercel", kind, run_id=run_id)


HTTP = Fact("other", "", "GET /")


def make(*spans):
    """Nodes from (id, parent, fact), in order of start."""
    return [Node(span_id, parent, n, fact) for n, (span_id, parent, fact) in enumerate(spans)]


def runs(nodes):
    return [(run.head, run.run_id, "".join(run.members), run.inside) for run in tree(nodes).runs]


def test_a_run_of_ours():
    """A run holds what is below it, parents first and in order of start."""
    nodes = make(
        ("r", "", ours("run")), ("b", "a", ours("tool_call")), ("a", "r", ours("step")), ("c", "r", ours("step"))
    )
    assert runs(nodes) == [("r", "r", "rabc", None)]
    assert tree(nodes).children == {"": ["r"], "r": ["a", "c"], "a": ["b"]}


def test_a_parent_that_has_not_arrived():
    """What hangs nowhere goes under the run whose id it carries, else under the one that began the trace."""
    inner = ("s", "lost", ours("run", "s")), ("a", "lost", theirs("step", "s"))
    nodes = make(("r", "", ours("run")), *inner, ("b", "lost", theirs("step")))
    assert tree(nodes).parents == {"r": "", "s": "r", "a": "s", "b": "r"}


def test_a_run_in_a_run():
    """A sub-agent is a run of its own, inside the other."""
    nodes = make(
        ("r", "", ours("run")),
        ("t", "r", ours("tool_call")),
        ("s", "t", ours("run", "s")),
        ("a", "s", ours("step", "s")),
    )
    assert runs(nodes) == [("r", "r", "rtsa", None), ("s", "s", "sa", "r")]


def test_three_runs_deep():
    """Each run is inside the nearest."""
    nodes = make(("a", "", ours("run", "a")), ("b", "a", ours("run", "b")), ("c", "b", ours("run", "c")))
    assert [run.inside for run in tree(nodes).runs] == [None, "a", "b"]


def test_a_run_that_has_not_arrived():
    """Its steps stand for it until it does."""
    nodes = make(("a", "lost", ours("step")), ("b", "lost", ours("step")), ("c", "b", ours("tool_call")))
    [run] = tree(nodes).runs
    assert (run.head, run.run_id, run.is_missing, run.members) == ("a", "r", True, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([("a", "", theirs("step"))], [("a", None, "a", None)], id="a call"),
        pytest.param([("h", "", HTTP), ("a", "h", theirs("step"))], [("a", None, "a", None)], id="a call in a request"),
        pytest.param(
            [("h", "", HTTP), ("a", "h", theirs("step")), ("b", "h", theirs("step"))],
            [("a", None, "ab", None)],
            id="calls in a request",
        ),
        pytest.param(
            [("a", "", theirs("run")), ("b", "a", theirs("run")), ("c", "b", theirs("step"))],
            [("a", None, "abc", None)],
            id="agents in an agent",
        ),
        pytest.param(
            [("h", "", HTTP), ("a", "h", theirs("run")), ("b", "h", theirs("run"))],
            [("a", None, "a", None), ("b", None, "b", None)],
            id="two agents in a request",
        ),
        pytest.param(
            [("h", "", HTTP), ("a", "h", theirs("run")), ("b", "h", theirs("step")), ("c", "h", theirs("step"))],
            [("a", None, "a", None), ("b", None, "bc", None)],
            id="an agent and calls in a request",
        ),
        pytest.param(
            [("a", "", theirs("other")), ("b", "a", theirs("step")), ("c", "a", theirs("run"))],
            [("a", None, "abc", None)],
            id="a chain",
        ),
        pytest.param([("a", "", HTTP), ("b", "a", HTTP)], [], id="no GenAI at all"),
        pytest.param([], [], id="nothing"),
        pytest.param(
            [("a", "", theirs("run")), ("r", "a", ours("run")), ("b", "r", ours("step"))],
            [("a", None, "arb", None), ("r", "r", "rb", "a")],
            id="a run of ours in a foreign agent",
        ),
        pytest.param(
            [("r", "", ours("run")), ("a", "r", theirs("run", "r")), ("b", "a", theirs("step", "r"))],
            [("r", "r", "rab", None)],
            id="a foreign agent in a run of ours",
        ),
        pytest.param(
            [
                ("r", "", ours("run")),
                ("a", "http", ours("run", "s")),
                ("b", "a", ours("step", "s")),
                ("c", "queue", ours("run", "t")),
            ],
            [("r", "r", "rabc", None), ("a", "s", "ab", "r"), ("c", "t", "c", "r")],
            id="runs in services whose requests are sent elsewhere",
        ),
        pytest.param(
            [("r", "", theirs("run")), ("a", "http", ours("run", "s")), ("b", "http", theirs("run"))],
            [("r", None, "rab", None), ("a", "s", "a", "r")],
            id="runs in services that a foreign agent calls",
        ),
        pytest.param(
            [("r", "http", ours("run")), ("a", "http", ours("run", "s"))],
            [("r", "r", "r", None), ("a", "s", "a", None)],
            id="runs in a request that is sent elsewhere",
        ),
        pytest.param(
            [("r", "", ours("run")), ("s", "", ours("run", "s")), ("a", "lost", ours("run", "t"))],
            [("r", "r", "r", None), ("s", "s", "s", None), ("a", "t", "a", None)],
            id="two that began the trace",
        ),
        pytest.param(
            [("a", "http", vercels("run")), ("b", "a", vercels("tool_call")), ("c", "b", vercels("run", "s"))],
            [("a", "r", "abc", None), ("c", "s", "c", "a")],
            id="Vercel's, by the original SDK",
        ),
    ],
)
def test_foreign_traces(nodes, expected):
    """A trace without a run of ours still shows as one; a request around it is no part of it."""
    assert runs(make(*nodes)) == expected


@pytest.mark.parametrize(
    "links", [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")]]
)
def test_circles(links):
    """Spans that are above each other hang at the top, and all are there."""
    of = tree(make(*((span_id, parent, theirs("step")) for span_id, parent in links)))
    assert of.parents.keys() == {span_id for span_id, _ in links}
    assert "" in of.parents.values()


def test_members_for_the_ledger():
    """What is above a run is none of its business."""
    of = tree(make(("h", "", HTTP), ("a", "h", theirs("run")), ("b", "a", theirs("step"))))
    assert members(of.runs[0], of) == [("a", ""), ("b", "a")]


def test_large_traces():
    """Thirty thousand spans, deep or wide, hang without recursion."""
    deep = make(*((str(n), str(n - 1), theirs("step")) for n in range(30_000)))
    wide = make(("0", "", theirs("run")), *((str(n), "0", theirs("step")) for n in range(1, 30_000)))
    assert [len(tree(nodes).runs[0].members) for nodes in (deep, wide)] == [30_000, 30_000]
