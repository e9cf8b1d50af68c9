"""Where each span of a trace hangs, and which spans are the runs of it: values in, values out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from contextcompany.observatory.fold import RUNS_ARE_OURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contextcompany.observatory.fold import Fact

__all__ = ["Node", "Run", "Tree", "members", "parents", "tree"]


class Node(NamedTuple):
    """A span of a trace, as far as its place matters."""

    span_id: str
    parent_id: str
    start_ns: int
    fact: Fact


class Run(NamedTuple):
    """A run, and which spans are in it."""

    head: str
    """The span that the run is shown as."""
    run_id: str | None
    """Its own id; a run of a foreign trace has none."""
    is_missing: bool
    """Its own span has not arrived: `head` is the first that has."""
    members: list[str]
    """All spans in it, those of runs inside included, each after its parent."""
    inside: str | None
    """The head of the run around it."""


class Tree(NamedTuple):
    """The spans of a trace, hung under each other."""

    parents: dict[str, str]
    """The parent of each span; empty at the top. Keys are in order: parents first, then by start."""
    children: dict[str, list[str]]
    """The children of each span that has some, in order of start; those at the top under the empty id."""
    runs: list[Run]
    """In order of start."""


def tree(nodes: Iterable[Node]) -> Tree:
    """Hang the spans of one trace under each other, and say which are its runs.

    A span whose parent has not arrived, or is sent elsewhere, as a service's between two runs, hangs under the run that
    it has the id of, else under the run that began the trace, else at the top. Runs are those with an id of their own.
    Where a foreign trace has none, each agent, workflow or chain at its top is one, and what is under none of these is
    one run together; an HTTP request around everything is no part of a run.
    """
    by_id, parents, children = _hung(nodes)
    return Tree(parents, children, _runs(by_id, parents, children))


def parents(nodes: Iterable[Node]) -> dict[str, str]:
    """`parents` of the tree, where its runs do not matter."""
    return _hung(nodes)[1]


def _hung(nodes: Iterable[Node]) -> tuple[dict[str, Node], dict[str, str], dict[str, list[str]]]:
    by_id = {node.span_id: node for node in sorted(nodes, key=lambda node: (node.start_ns, node.span_id))}
    parents = _parents(by_id)
    children: dict[str, list[str]] = defaultdict(list)
    for span_id in by_id:
        children[parents[span_id]].append(span_id)
    order = _down("", children)[1:]
    return by_id, {span_id: parents[span_id] for span_id in order}, dict(children)


def _parents(by_id: dict[str, Node]) -> dict[str, str]:
    owners = {node.fact.run_id: node.span_id for node in reversed(by_id.values()) if _is_own_run(node)}
    first = [span_id for span_id, node in by_id.items() if not node.parent_id and node.fact.kind == "run"]
    around = first[0] if len(first) == 1 else ""
    parents: dict[str, str] = {}
    for span_id, node in by_id.items():
        owner = "" if _is_own_run(node) else owners.get(node.fact.run_id, "")
        parent = node.parent_id if node.parent_id in by_id else owner or (around if node.parent_id else "")
        parents[span_id] = "" if parent == span_id else parent
    # A circle hangs nowhere: the first of its spans goes to the top.
    known: set[str] = set()
    for span_id in by_id:
        path: dict[str, None] = {}
        place = span_id
        while place and place not in known and place not in path:
            path[place] = None
            place = parents[place]
        if place in path:
            parents[place] = ""
        known.update(path)
    return parents


def _is_own_run(node: Node) -> bool:
    """Whether it is the span of a run that has that id, not an agent of another framework inside of one."""
    fact = node.fact
    return fact.kind == "run" and fact.run_id is not None and fact.read_as in RUNS_ARE_OURS


def _down(top: str, children: dict[str, list[str]]) -> list[str]:
    """A span and all below it, parents first; siblings in order of start."""
    order, waiting = [], [top]
    while waiting:
        span_id = waiting.pop()
        order.append(span_id)
        waiting += reversed(children.get(span_id, ()))
    return order


def _runs(by_id: dict[str, Node], parents: dict[str, str], children: dict[str, list[str]]) -> list[Run]:
    """The runs, by looking from the top down for the first span on each path that belongs to one."""
    made: dict[str, Run] = {}
    inside: dict[str, str | None] = {"": None}
    loose: dict[str | None, list[str]] = defaultdict(list)
    for span_id in parents:
        node, around = by_id[span_id], inside[parents[span_id]]
        inside[span_id] = around  # the nearest span above, or this, that belongs to a run
        if _is_own_run(node):
            made[span_id] = Run(span_id, node.fact.run_id, False, _down(span_id, children), None)
        elif around is not None or not node.fact.read_as:
            continue
        elif node.fact.run_id is not None:
            loose[node.fact.run_id].append(span_id)
        elif node.fact.kind == "run" or (node.fact.kind == "other" and _holds_calls(span_id, by_id, children)):
            made[span_id] = Run(span_id, None, False, _down(span_id, children), None)
        else:
            loose[None].append(span_id)
        inside[span_id] = span_id
    for run_id, tops in loose.items():
        members = [each for top in tops for each in _down(top, children)]
        made[tops[0]] = Run(tops[0], run_id, run_id is not None, members, None)
    holders = {each: run.head for run in made.values() for each in run.members if each != run.head and each in made}
    runs = [run._replace(inside=holders.get(run.head)) for run in made.values()]
    return sorted(runs, key=lambda run: (by_id[run.head].start_ns, run.head))


def _holds_calls(span_id: str, by_id: dict[str, Node], children: dict[str, list[str]]) -> bool:
    return any(by_id[each].fact.read_as for each in _down(span_id, children)[1:])


def members(run: Run, of: Tree) -> Sequence[tuple[str, str]]:
    """The spans of a run as (id, parent) pairs, parents first; that of the first ones is empty."""
    inside = set(run.members)
    return [(each, of.parents[each] if of.parents[each] in inside else "") for each in run.members]
