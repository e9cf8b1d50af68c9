"""Who calls whom in a run: agents, models and tools as nodes with counts, laid out in columns. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from contextcompany.observatory.contexts import SpanLine

__all__ = ["Edge", "Graph", "Node", "graph"]

WIDTH: Final = 208
HEIGHT: Final = 56
_ACROSS: Final = 120
_DOWN: Final = 20
_MARGIN: Final = 12

_MOST: Final = 200
"""Nodes that are drawn, those that did most; a graph with more says nothing."""

_PLACES: Final = (0.72, 0.67, 0.62, 0.77, 0.57, 0.52, 0.82, 0.47, 0.42, 0.37, 0.32, 0.27, 0.22, 0.87)
"""Where on its curve the number of an edge may stand: best past the middle, where curves that cross would meet, and
before the end, where those to one node do.
"""
_DIGIT: Final = 7
_LINE: Final = 14
"""How wide a digit is and how high a number, with what is around it."""

_MOST_APART: Final = 500
"""Numbers that are kept apart; among more there would be no room, and nobody reads them."""

_KINDS: Final = ("run", "step", "tool_call")


class Node(NamedTuple):
    """An agent, a model or a tool, with all that it did in the run."""

    kind: str
    name: str
    spans: int
    errors: int
    duration_ns: int
    tokens: int
    cost: float | None
    x: float = 0
    y: float = 0


class Edge(NamedTuple):
    """How often one called another."""

    caller: Node
    called: Node
    calls: int
    errors: int
    width: float
    path: str
    """As SVG draws it."""
    x: float
    y: float
    """Where the middle of its number is, which stands on the line."""


class Graph(NamedTuple):
    """Nodes in columns, and the edges between them."""

    nodes: list[Node]
    edges: list[Edge]
    width: float
    height: float
    left_out: int
    """Nodes that are not drawn."""


_Key = tuple[str, str]


def graph(lines: Sequence[SpanLine]) -> Graph:
    """All of a run: each agent, model and tool once, however often it was called."""
    spans, calls, first = _gathered(lines)
    shown = sorted(spans, key=lambda key: -len(spans[key]))[:_MOST]
    columns = _columns(first, calls)
    nodes = {(node.kind, node.name): node for node in _placed([_node(key, spans[key]) for key in shown], columns)}
    edges = _edges(nodes, calls)
    right = max((each.x for each in nodes.values()), default=0) + WIDTH + _MARGIN
    below = max((each.y for each in nodes.values()), default=0) + HEIGHT + _MARGIN
    return Graph([*nodes.values()], edges, right, below, len(spans) - len(nodes))


_Spans = dict[_Key, "list[SpanLine]"]
_Calls = dict[tuple[_Key, _Key], "list[SpanLine]"]


def _gathered(lines: Sequence[SpanLine]) -> tuple[_Spans, _Calls, list[_Key]]:
    """The spans of each node, and of each pair of a caller and what it called; and the nodes that came uncalled."""
    keys = {line.span_id: _key(line) for line in lines if line.kind in _KINDS}
    parents = {line.span_id: line.parent_id for line in lines}
    spans: _Spans = defaultdict(list)
    calls: _Calls = defaultdict(list)
    first: list[_Key] = []
    for line in lines:
        if line.span_id in keys:
            key, caller = keys[line.span_id], _above(line.parent_id, parents, keys)
            spans[key].append(line)
            if caller is None:
                first.append(key)
            elif caller != key:
                calls[caller, key].append(line)
    return spans, calls, first


def _key(line: SpanLine) -> _Key:
    return line.kind, (line.model or line.name if line.kind == "step" else line.name)


def _above(span_id: str, parents: dict[str, str], keys: dict[str, _Key]) -> _Key | None:
    """The nearest span above that is an agent, a step or a tool call; a step is not the caller of what it asked for."""
    while span_id and (span_id not in keys or keys[span_id][0] == "step"):
        span_id = parents.get(span_id, "")
    return keys.get(span_id)


def _node(key: _Key, lines: list[SpanLine]) -> Node:
    costs = [each.cost for each in lines if each.cost is not None]
    return Node(
        *key,
        len(lines),
        sum(each.status == "error" for each in lines),
        sum(max(0, each.end_ns - each.start_ns) for each in lines if each.end_ns),
        sum((each.input_tokens or 0) + (each.output_tokens or 0) for each in lines),
        sum(costs) if costs else None,
    )


def _placed(nodes: list[Node], columns: dict[_Key, int]) -> list[Node]:
    """Agents above models above tools in each column, those that did most first."""
    rows: dict[int, int] = defaultdict(int)
    made = []
    for node in sorted(nodes, key=lambda each: (_KINDS.index(each.kind), -each.spans)):
        column = columns[node.kind, node.name]
        y = _MARGIN + rows[column] * (HEIGHT + _DOWN)
        rows[column] += 1
        made.append(node._replace(x=_MARGIN + column * (WIDTH + _ACROSS), y=y))
    return made


def _columns(first: list[_Key], calls: Iterable[tuple[_Key, _Key]]) -> dict[_Key, int]:
    """Each one column after the first that calls it; what came uncalled is in the first, whoever calls it later."""
    called_by: dict[_Key, list[_Key]] = defaultdict(list)
    for caller, called in calls:
        called_by[caller].append(called)
    found = dict.fromkeys(first, 0)
    waiting = list(found)
    for caller in waiting:  # grows as it is walked
        for called in called_by[caller]:
            if called not in found:
                found[called] = found[caller] + 1
                waiting.append(called)
    return found


def _edges(nodes: dict[_Key, Node], calls: _Calls) -> list[Edge]:
    most = max((len(each) for each in calls.values()), default=1)
    made: list[Edge] = []
    for (caller, called), lines in calls.items():
        if caller in nodes and called in nodes:
            others = made if len(made) < _MOST_APART else []
            made.append(_edge(nodes[caller], nodes[called], lines, most, others))
    return made


def _edge(caller: Node, called: Node, lines: list[SpanLine], most: int, others: list[Edge]) -> Edge:
    y1, y2 = caller.y + HEIGHT / 2, called.y + HEIGHT / 2
    xs, ys = _across(caller.x, called.x), (y1, y1, y2, y2)
    path = "M{} C{} {} {}".format(*(f"{x:g} {y:g}" for x, y in zip(xs, ys, strict=True)))
    places = [(_on_curve(xs, at), _on_curve(ys, at)) for at in _PLACES]
    x, y = next((each for each in places if _is_free(each, len(lines), others)), places[0])
    errors = sum(each.status == "error" for each in lines)
    return Edge(caller, called, len(lines), errors, 1.5 + 4 * len(lines) / most, path, x, y)


def _on_curve(points: tuple[float, float, float, float], at: float) -> float:
    shares = ((1 - at) ** 3, 3 * (1 - at) ** 2 * at, 3 * (1 - at) * at**2, at**3)
    return round(sum(share * point for share, point in zip(shares, points, strict=True)), 1)


def _is_free(place: tuple[float, float], number: int, others: list[Edge]) -> bool:
    """Whether a number that stands there meets no other."""
    return not any(
        abs(place[1] - other.y) < _LINE
        and abs(place[0] - other.x) < (len(f"{number:,}{other.calls:,}") / 2 + 1) * _DIGIT
        for other in others
    )


def _across(caller: float, called: float) -> tuple[float, float, float, float]:
    """A curve's four points from one column to another: to the right, back to the left, or around the nodes of one."""
    bend = min(_ACROSS / 3, caller)
    if called > caller:
        middle = (caller + WIDTH + called) / 2
        return caller + WIDTH, middle, middle, called
    if called < caller:
        return caller, caller - bend, called + WIDTH + bend, called + WIDTH
    return caller, caller - bend, caller - bend, caller
