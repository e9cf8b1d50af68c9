"""What spans are to each other: parents, roots, and times within times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from contextcompany.linting import rules
from contextcompany.linting.findings import Fault, Where
from contextcompany.linting.shape import time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.observatory.otlp import Resource, Span

__all__ = ["Traces"]

_SAYS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
"""Of a span's parent: https://github.com/open-telemetry/opentelemetry-proto, `SpanFlags` in trace.proto."""


class _Seen(NamedTuple):
    """What is kept of a span."""

    where: Where
    parent_id: str
    start_ns: int
    end_ns: int
    is_remote: bool
    """Its parent is in another process."""
    origin: int
    """Tells processes apart."""
    is_timed: bool
    """Its times can be compared with others."""


class Traces:
    """The spans of all traces: each takes about half a kilobyte until all are there."""

    def __init__(self) -> None:
        self._traces: dict[str, dict[str, _Seen]] = {}
        self._origins: dict[str, int] = {}
        self._last: tuple[Resource | None, int] = None, 0

    def add(self, span: Span, where: Where) -> Fault | None:
        """Take a span; what is wrong with it at once."""
        trace = self._traces.setdefault(span.trace_id, {})
        before = trace.get(span.span_id)
        if before is not None and not span.end_ns:
            return None  # a snapshot that comes late
        trace[span.span_id] = seen = _Seen(
            where,
            span.parent_id,
            span.start_ns,
            span.end_ns,
            span.flags & (_SAYS_REMOTE | _IS_REMOTE) == _SAYS_REMOTE | _IS_REMOTE,
            self._origin(span.resource),
            not time(span.start_ns, "") and not time(span.end_ns, "", may_be_unset=True),
        )
        if before is None or not before.end_ns or _is_same(before, seen):
            return None
        return Fault(rules.DUPLICATE_SPAN, "Another span has the same ids.")

    def _origin(self, resource: Resource) -> int:
        """A number for a process; the spans of one come after another."""
        if resource is not self._last[0]:
            said = repr(sorted(resource.attributes.items()))
            self._last = resource, self._origins.setdefault(said, len(self._origins))
        return self._last[1]

    def check(self) -> Iterator[tuple[Fault, Where]]:
        """What is wrong with all of them."""
        for trace in self._traces.values():
            yield from _roots(trace)
            loops = _loops(trace)
            for span_id, seen in trace.items():
                if not seen.end_ns:
                    yield Fault(rules.NOT_ENDED, "The span has no end."), seen.where
                if span_id in loops:
                    yield Fault(rules.LOOP, "The span is in itself."), seen.where
                elif seen.parent_id:
                    yield from ((fault, seen.where) for fault in _parent(seen, trace.get(seen.parent_id)))


def _is_same(one: _Seen, other: _Seen) -> bool:
    return one._replace(where=other.where) == other and one.where.name == other.where.name


def _roots(trace: dict[str, _Seen]) -> Iterator[tuple[Fault, Where]]:
    roots = [seen for seen in trace.values() if not seen.parent_id]
    if len(roots) > 1:
        yield Fault(rules.ROOTS, "The trace has more than one span without a parent."), roots[1].where


def _loops(trace: dict[str, _Seen]) -> set[str]:
    """The spans that are in themselves."""
    found: set[str] = set()
    done: set[str] = set()
    for start in trace:
        path: dict[str, None] = {}
        at = start
        while at in trace and at not in done and at not in path:
            path[at] = None
            at = trace[at].parent_id
        if at in path:
            above = list(path)
            found.update(above[above.index(at) :])
        done.update(path)
    return found


def _parent(seen: _Seen, parent: _Seen | None) -> Iterator[Fault]:
    if parent is None:
        if not seen.is_remote:
            yield Fault(rules.PARENT, "The parent is nowhere.")
        return
    if parent.origin != seen.origin or not (parent.is_timed and seen.is_timed):
        return  # the clocks of two processes may differ
    if seen.start_ns < parent.start_ns:
        yield Fault(rules.EARLY, "The span starts before its parent.")
    if seen.end_ns > parent.end_ns > 0:
        yield Fault(rules.LATE, "The span ends after its parent.")
