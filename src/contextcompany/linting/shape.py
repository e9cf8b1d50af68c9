"""The span itself: name, kind, status, times, links, and who recorded it where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.trace.v1 import trace_pb2

from contextcompany import semconv as sc
from contextcompany.linting import conventions, rules
from contextcompany.linting.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contextcompany.linting.conventions import Signal
    from contextcompany.observatory.otlp import Resource, Scope, Span

__all__ = ["envelope", "name_and_kind", "origin", "time"]

_OK, _ERROR = 1, 2
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")


def envelope(span: Span) -> Iterator[Fault]:
    """What can be wrong with any span, whatever it is about."""
    yield from _times(span)
    yield from _status(span)
    for link in span.links:
        if not (_is_id(link.trace_id, 32) and _is_id(link.span_id, 16)):
            yield Fault(rules.LINK, "A link has ids that are all zeros, or of the wrong length.")
    dropped = zip(span.dropped, ("attributes", "events", "links"), strict=True)
    for what in [what for count, what in dropped if count]:
        yield Fault(rules.DROPPED, f"The sender left {what} out.")
    # What comes twice has one value in what was decoded.
    if len(trace_pb2.Span.FromString(span.raw).attributes) != len(span.attributes):
        yield Fault(rules.DUPLICATE_ATTRIBUTE, "An attribute is there twice.")


def _is_id(text: str, size: int) -> bool:
    return len(text) == size and text.strip("0") != ""


def origin(resource: Resource, scope: Scope) -> Iterator[Fault]:
    """What can be wrong with what a span was recorded by, and where."""
    service = resource.attributes.get("service.name")
    if not isinstance(service, str) or not service or service.startswith("unknown_service"):
        said = "is missing" if not service else f"is {service!r}" if isinstance(service, str) else "is no text"
        yield Fault(rules.SERVICE_NAME, f"`service.name` {said}.", "service.name")
    if not scope.name:
        yield Fault(rules.SCOPE_NAME, "The scope has no name.")


# --- name and kind ---------------------------------------------------------------------------------------------------


def name_and_kind(span: Span, operation: str, signal: Signal) -> Iterator[Fault]:
    """What is wrong with the name and the kind of a span of an operation."""
    if (signal.unless and signal.unless in span.attributes) or any(
        key in span.attributes for key in conventions.EXCUSES
    ):
        return
    target = span.attributes.get(signal.target) if signal.target else None
    wanted = f"{operation} {target}" if isinstance(target, str) and target else operation
    # Where the target is not known, what follows the operation may be anything.
    if span.name != wanted and (target or span.name.partition(" ")[0] != operation):
        form = f"`{operation} {{{signal.target}}}`" if target else f"`{operation}`"
        yield Fault(rules.SPAN_NAME, f"A span of `{operation}` is not called {form}.")
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else str(span.kind)
    if kind not in signal.kinds:
        kinds = " or ".join(each.upper() for each in signal.kinds)
        yield Fault(rules.SPAN_KIND, f"A span of `{operation}` is {kind.upper()}, and {kinds} in the conventions.")


# --- status ----------------------------------------------------------------------------------------------------------


def _status(span: Span) -> Iterator[Fault]:
    code, message = span.status
    is_error = code == _ERROR
    if sc.ERROR_TYPE in span.attributes and not is_error and span.end_ns:
        yield Fault(rules.STATUS, f"`{sc.ERROR_TYPE}` is set, and the status is no error.", sc.ERROR_TYPE)
    said = span.attributes.get(sc.TCC_STATUS_CODE)
    if said is not None and (said == sc.TccStatusCodeValues.ERROR) != is_error and span.end_ns:
        yield Fault(rules.STATUS, f"`{sc.TCC_STATUS_CODE}` says another thing than the status.", sc.TCC_STATUS_CODE)
    if message and not is_error:
        yield Fault(rules.STATUS_MESSAGE, "The status is no error, and has a description.")


# --- times -----------------------------------------------------------------------------------------------------------


def _times(span: Span) -> Iterator[Fault]:
    faults = [
        fault for fault in (time(span.start_ns, "The start"), time(span.end_ns, "The end", may_be_unset=True)) if fault
    ]
    yield from faults
    if not faults and 0 < span.end_ns < span.start_ns:
        yield Fault(rules.END, "The end is before the start.")
    for event in span.events:
        if fault := time(event.time_ns, "The time of an event"):
            yield fault
        elif not faults and not span.start_ns <= event.time_ns <= (span.end_ns or event.time_ns):
            yield Fault(rules.EVENT_TIME, f"The event `{event.name}` is not within its span.")


_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800
_UNITS: Final = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6))


def time(nanoseconds: int, what: str, *, may_be_unset: bool = False) -> Fault | None:
    """What is wrong with a time; `may_be_unset` is for ends."""
    if not nanoseconds:
        return None if may_be_unset else Fault(rules.TIME_UNSET, f"{what} is missing.")
    for unit, factor in _UNITS:
        if _YEAR_2000 * factor <= nanoseconds < _YEAR_2100 * factor:
            return Fault(rules.TIME_UNIT, f"{what} seems to be in {unit}.")
    return None
