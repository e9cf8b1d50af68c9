"""Requests → findings: each span and event by itself, and when all are there, what they are to each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany import semconv as sc
from contextcompany.linting import rules
from contextcompany.linting.content import content
from contextcompany.linting.encoding import encoding
from contextcompany.linting.findings import Fault, Finding, Where
from contextcompany.linting.names import attribute_names, event_name
from contextcompany.linting.presence import event_signal, missing, shown_by, span_signal
from contextcompany.linting.shape import envelope, name_and_kind, origin, time
from contextcompany.linting.traces import Traces
from contextcompany.linting.values import attribute_values
from contextcompany.observatory.fold import OURS, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contextcompany.observatory.files import Part
    from contextcompany.observatory.otlp import Event, Log, Resource, Scope, Span

__all__ = ["Linter"]

_KINDS: Final = frozenset({"run", "step", "tool_call"})
_GENAI: Final = f"{sc.GEN_AI_OPERATION_NAME.partition('.')[0]}."


class _Operation(NamedTuple):
    """What a span is about."""

    name: str = ""
    """In the word of GenAI; empty when it is about nothing that GenAI knows."""
    other: str = ""
    """The convention it is written in, when that is not GenAI."""


class Linter:
    """Checks one export, part by part."""

    def __init__(self) -> None:
        self._traces = Traces()
        self._origins: set[tuple[int, int]] = set()

    def take(self, part: Part) -> Iterator[Finding]:
        """What is wrong with a part, and with each item in it."""
        for fault, of in _of_part(part):
            yield Finding.of(fault, Where(part.place, name=of))
        if not part.is_otlp:
            return  # its spans are what an Observatory makes of it
        self._origins.clear()  # the same objects are one resource within a part only
        for span in part.batch.spans:
            where = Where(part.place, span.trace_id, span.span_id, span.name)
            for fault in dict.fromkeys(self._span(span, where)):
                yield Finding.of(fault, where)
        for log in part.batch.logs:
            where = Where(part.place, log.trace_id, log.span_id, log.event_name)
            for fault in dict.fromkeys(self._log(log)):
                yield Finding.of(fault, where)

    def finish(self) -> Iterator[Finding]:
        """What is wrong with all that was taken; nothing may be taken then."""
        for fault, where in self._traces.check():
            yield Finding.of(fault, where)

    def _span(self, span: Span, where: Where) -> Iterator[Fault]:
        yield from self._origin(span.resource, span.scope)
        yield from envelope(span)
        if fault := self._traces.add(span, where):
            yield fault
        operation = _operation(span)
        if operation.other:
            said = f"It is written in the convention `{operation.other}`, and is a `{operation.name}` in GenAI."
            yield Fault(rules.OTHER_CONVENTION, said)
        elif operation.name:
            yield from _genai_span(span, operation.name)
        yield from _attributes(span.attributes, "" if operation.other else operation.name)
        for event in span.events:
            yield from _span_event(event, is_ours=span.scope.name == OURS)

    def _log(self, log: Log) -> Iterator[Fault]:
        yield from self._origin(log.resource, log.scope)
        if fault := time(log.time_ns or log.observed_ns, "The time of a log record"):
            yield fault
        name = log.event_name or log.attributes.get("event.name")
        yield from _attributes(log.attributes, on_event=True)
        if isinstance(name, str) and name:
            yield from _log_event(log, name)

    def _origin(self, resource: Resource, scope: Scope) -> Iterator[Fault]:
        seen = id(resource), id(scope)
        if seen not in self._origins:
            self._origins.add(seen)
            yield from origin(resource, scope)


# --- parts -----------------------------------------------------------------------------------------------------------


def _of_part(part: Part) -> Iterator[tuple[Fault, str]]:
    """What is wrong with all of it, or with an item that could not be taken, and that item."""
    batch = part.batch
    if part.document is not None:
        yield from ((fault, "") for fault in encoding(part.document))
    if not part.is_otlp:
        reason = "; ".join(batch.refused) or "it is a payload of the original SDK"
        yield Fault(rules.UNREADABLE, f"It cannot be read as OTLP: {reason.removesuffix('.')}."), ""
        return
    for reason in batch.refused:
        said = _VALUE.sub(r" is \1", _ITEM.sub("", reason))
        yield Fault(rules.REFUSED, f"An item cannot be taken: {said}.", advice=_hint(reason)), reason


_ITEM: Final = re.compile(r"\A[a-z ]+ \d+(?: \(.*\))?: ", re.DOTALL)
_VALUE: Final = re.compile(r" is .*, (not|after)\b", re.DOTALL)
"""What is different in each of many items that are refused for the same reason, which is said once."""

_HINTS: Final = (
    ("not an id in hex", "Write ids in hex. Protobuf's own JSON writers make base64 of them."),
    ("is all zeros", "Record within a span, or do not export what is in none."),
    ("not one of", "Write the number of the enum."),
)


def _hint(reason: str) -> str:
    return next((advice for words, advice in _HINTS if words in reason), "")


# --- spans -----------------------------------------------------------------------------------------------------------


def _operation(span: Span) -> _Operation:
    own = span.attributes.get(sc.GEN_AI_OPERATION_NAME)
    if isinstance(own, str) and own:
        return _Operation(own)
    if not any(key.startswith(sc.GENAI_NAMESPACES) for key in span.attributes):
        return _Operation()
    fact = fold(span)
    if fact.kind not in _KINDS or fact.operation is None:
        return _Operation()
    is_genai = any(key.startswith(_GENAI) for key in span.attributes)
    return _Operation(fact.operation, "" if is_genai else fact.read_as)


def _genai_span(span: Span, operation: str) -> Iterator[Fault]:
    signal = span_signal(operation, is_ours=span.scope.name == OURS)
    if signal is not None:
        yield from missing(signal.asked, span.attributes, shown_by(span))
        yield from name_and_kind(span, operation, signal)


def _attributes(attributes: Mapping[str, Any], operation: str = "", *, on_event: bool = False) -> Iterator[Fault]:
    yield from attribute_names(attributes, operation)
    yield from attribute_values(attributes)
    yield from content(attributes, on_event=on_event)


# --- events ----------------------------------------------------------------------------------------------------------


def _span_event(event: Event, *, is_ours: bool) -> Iterator[Fault]:
    yield from _event(event.name, event.attributes, frozenset(), is_ours=is_ours)
    yield from _attributes(event.attributes, on_event=True)


def _log_event(log: Log, name: str) -> Iterator[Fault]:
    yield from _event(name, log.attributes, _ON_LOG, is_ours=log.scope.name == OURS)
    if name.startswith(_GENAI) and not log.span_id and sc.GEN_AI_RESPONSE_ID not in log.attributes:
        yield Fault(rules.UNATTACHED, f"The event `{name}` belongs to no span.")


_ON_LOG: Final = frozenset({"log"})


def _event(name: str, attributes: Mapping[str, Any], shown: frozenset[str], *, is_ours: bool) -> Iterator[Fault]:
    if fault := event_name(name):
        yield fault
    if signal := event_signal(name, is_ours=is_ours):
        yield from missing(signal.asked, attributes, shown)
