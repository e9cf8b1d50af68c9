"""OTLP as values: what a span and a log record carry on the wire."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Event", "Link", "Log", "Resource", "Scope", "Span"]


class Event(NamedTuple):
    """Something that happened within a span."""

    name: str
    time_ns: int
    attributes: dict[str, Any]
    dropped_attributes: int = 0


class Link(NamedTuple):
    """Another span that a span has to do with."""

    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: dict[str, Any]
    dropped_attributes: int = 0


class Scope(NamedTuple):
    """Which instrumentation wrote something."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed
    dropped_attributes: int = 0
    schema_url: str = ""


class Resource(NamedTuple):
    """Which program it ran in."""

    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed
    dropped_attributes: int = 0
    schema_url: str = ""


class Span(NamedTuple):
    """One OTLP span, everything the wire carries."""

    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    flags: int
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: list[Event]
    links: list[Link]
    status: tuple[int, str]
    dropped: tuple[int, int, int]
    scope: Scope
    resource: Resource
    raw: bytes


class Log(NamedTuple):
    """One OTLP log record, everything the wire carries."""

    trace_id: str
    span_id: str
    flags: int
    time_ns: int
    observed_ns: int
    severity_number: int
    severity_text: str
    event_name: str
    body: Any
    attributes: dict[str, Any]
    dropped_attributes: int
    scope: Scope
    resource: Resource
    raw: bytes
