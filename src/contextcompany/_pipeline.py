"""Settings → provider, processor and delivery. What touches the OpenTelemetry SDK is here and in `_export`."""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LogRecordLimits, ReadWriteLogRecord
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace import Tracer as SDKTracer
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NoOpTracer, NoOpTracerProvider, ProxyTracer, StatusCode, TracerProvider
from opentelemetry.trace import Status as SpanStatus

from contextcompany import _configure, _diagnostics, _mapping, _pricing, _settings, _threads
from contextcompany._console import Console
from contextcompany._data import ERROR, Status
from contextcompany._delivery import Delivery, Plan, Report, Snapshot
from contextcompany._export import span_exporter
from contextcompany._foreign import SCOPE, ForeignSpans, changed, following, private_provider
from contextcompany._identity import new_id, random_span_id, random_trace_id
from contextcompany._policy import Carried, Policy
from contextcompany._redaction import REDACTED
from contextcompany._span import RecordedSpan
from contextcompany._suspension import SavedEvent
from contextcompany._version import __version__
from contextcompany.exceptions import ConfigurationError
from contextcompany.semconv import SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.trace import Span, SpanContext, SpanKind, Tracer

    from contextcompany._identity import RunIdentity
    from contextcompany._mapping import Attributes, Described
    from contextcompany._recording import Recording
    from contextcompany._settings import Destination, Settings

__all__ = [
    "OTelPipeline",
    "ObservatorySpanProcessor",
    "build",
    "build_or_disable",
    "observatory_exporter",
    "shut_down_before_exit",
]

_MAX_TOKEN = 32 * 2**10
"""Bytes of what a suspended run carries that go into its token."""

_NO_LIMITS = LogRecordLimits(*[2**31 - 1] * 4)


# --- building --------------------------------------------------------------------------------------------------------


def build(explicit: Mapping[str, object], environ: Mapping[str, str], previous: OTelPipeline | None) -> OTelPipeline:
    """A pipeline for these settings, on the queues of `previous` if there is one.

    Raises:
        ConfigurationError: a setting is wrong; nothing was started then.
    """
    given = dict(explicit)
    provider = given.pop("tracer_provider", None)
    if provider is not None and not isinstance(provider, TracerProvider):
        raise ConfigurationError(f"`tracer_provider` must be an OpenTelemetry TracerProvider, got {provider!r}.")
    settings = _settings.resolve(given, environ)
    default = _settings.destination(settings, environ)
    if environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true":
        _threads.patch(False)
        return _nothing("disabled", "OpenTelemetry is disabled in this process", environ)
    if settings.debug:
        _log_to_stderr()
    if previous is not None and isinstance(previous.delivery, Delivery):
        delivery = previous.delivery
        delivery.default = default
        delivery.change(_plan(settings, environ))
    else:
        delivery = Delivery(default, _plan(settings, environ))
    delivery.announce_absence(not settings.console)
    _pricing.preload()
    _threads.patch(settings.propagate_threads)
    _diagnostics.LOGGER.debug("Sending to %r.", default)
    return OTelPipeline(settings, environ, delivery, provider=provider)


def _plan(settings: Settings, environ: Mapping[str, str]) -> Plan:
    return Plan(settings.outbox, _settings.outbox_dir(settings, environ), settings.max_outbox_size, settings.durability)


def build_or_disable(explicit: Mapping[str, object], environ: Mapping[str, str]) -> OTelPipeline:
    """`build`, or a pipeline that records nothing when the environment holds a wrong setting."""
    try:
        return build(explicit, environ, None)
    except Exception as error:  # noqa: BLE001 - whatever the environment holds, the program goes on
        _diagnostics.LOGGER.error("contextcompany records nothing: %s", error)
        return _nothing("misconfigured", "a setting is wrong", environ)


def _nothing(reason: str, why: str, environ: Mapping[str, str]) -> OTelPipeline:
    """A pipeline that records nothing, and counts that. Who else asks for its policy gets the strictest."""
    return OTelPipeline(
        _settings.Settings(capture_content=False), environ, _Nowhere(reason, why), provider=NoOpTracerProvider()
    )


def observatory_exporter(api_key: str | None = None, url: str | None = None) -> OTLPSpanExporter:
    """OpenTelemetry's own OTLP/HTTP span exporter, pointed where runs go; for processors you set up yourself.

    Raises:
        ConfigurationError: (a `ValueError`) the key or URL is wrong, or a variable they come from.
    """
    return span_exporter(_destination_now(api_key, url))


def _destination_now(api_key: str | None, url: str | None) -> Destination:
    settings = _settings.resolve(_configure.configured(), os.environ)
    return _settings.destination(settings, os.environ, api_key=api_key, url=url)


def _log_to_stderr() -> None:
    logger = _diagnostics.LOGGER
    logger.setLevel(logging.DEBUG)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


# --- recording -------------------------------------------------------------------------------------------------------


class _Sink(Protocol):
    """Where ended spans and events go."""

    def put_span(self, span: ReadableSpan, destination: Destination | None) -> None: ...
    def put_recorded(self, span: RecordedSpan, destination: Destination | None, size: int) -> None: ...
    def put_log(self, record: ReadWriteLogRecord, destination: Destination | None) -> bool: ...
    def opened(self, span: SpanContext, recording: Any, *, is_run: bool) -> None: ...
    def left(self, span: SpanContext) -> None: ...
    def write(self) -> None: ...
    def flush(self, timeout: float) -> Report: ...
    def shutdown(self, timeout: float) -> Report: ...


class OTelPipeline:
    """Starts spans of our own, or through the user's provider, and hands what has ended to delivery.

    Our own are all recorded, whole: `OTEL_TRACES_SAMPLER` and the SDK's limits are made for other spans, and a message
    cut by characters is no JSON any more.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        delivery: _Sink,
        *,
        provider: TracerProvider | None = None,
        now: Callable[[], int] = time.time_ns,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self.join_traces = settings.join_traces
        self.run_timeout = settings.run_timeout
        self.shutdown_timeout = settings.shutdown_timeout
        self.signing_key = settings.signing_key
        self.policy = policy_of(settings)
        self._small_policy = replace(
            self.policy,
            max_value_size=min(self.policy.max_value_size, _MAX_TOKEN // 2),
            max_span_size=min(self.policy.max_span_size, _MAX_TOKEN),
        )
        self.delivery = delivery
        self.now = now
        self.new_id = new_id
        self._route = functools.lru_cache(256)(functools.partial(_route, settings, environ))
        self._ids = _Ids()
        self._foreign = ForeignSpans(lambda _: True, self.foreign_span_ended)
        self._foreign_ids: IdGenerator = self._ids
        # `service.name` as the SDK itself would find it, unless it was set here.
        self.resource = Resource.create({SERVICE_NAME: settings.service_name} if settings.service_name else None)
        self.scope = InstrumentationScope(SCOPE, __version__, SCHEMA_URL)
        self._console = Console() if settings.console else None
        self._provider = provider
        self._tracer = None if provider is None else self._get_tracer(provider)

    def destination(self, api_key: str | None, url: str | None) -> Destination | None:
        """Where things with this key and URL go; `None` when there is neither."""
        if api_key is None and url is None:
            return None
        try:
            return self._route(api_key, url)
        except TypeError:  # unhashable, so no text; the error says that
            return self._route.__wrapped__(api_key, url)

    def start_span(
        self,
        name: str,
        *,
        context: Context,
        kind: SpanKind,
        attributes: Attributes,
        start_ns: int,
        destination: Destination | None,
        links: Sequence[Link] = (),
        identity: RunIdentity | None = None,
    ) -> Span:
        """Start a span; with `identity`, under exactly these ids."""
        tracer = self._tracer
        if tracer is None:
            return RecordedSpan(name, context, kind, attributes, start_ns, links, identity, destination, self)
        if isinstance(tracer, ProxyTracer) and self._provider is not None:
            tracer = self._tracer = self._get_tracer(self._provider)  # a real one, if one has been set meanwhile
        self._ids.fixed.identity = identity
        try:
            span = tracer.start_span(name, context, kind, attributes, links, start_ns)
        finally:
            self._ids.fixed.identity = None
        if not span.is_recording():
            self._not_recorded()
        return span

    def end_span(
        self, span: Span, name: str, status: Status, attributes: Described, started_with: Attributes, end_ns: int
    ) -> None:
        """Give the span what is known at its end, and end it."""
        code, description = StatusCode.OK, None
        if status.code == ERROR:
            code, description = StatusCode.ERROR, status.message
        if isinstance(span, RecordedSpan):
            span.write(name, code, description, attributes)
        else:
            self._write(span, name, code, description, _mapping.decoded(attributes), started_with)
            _hooked.add(span.get_span_context().span_id)
        span.end(end_ns)
        if not isinstance(span, RecordedSpan):
            _hooked.discard(span.get_span_context().span_id)
            if self._console is not None and isinstance(span, ReadableSpan):
                self._console.put(within(self.policy, span, is_hooked=True))

    def _write(
        self,
        span: Span,
        name: str,
        code: StatusCode,
        description: str | None,
        attributes: Attributes,
        started_with: Attributes,
    ) -> None:
        """Set on a span of the user's provider what may travel: its other processors send it as it is."""
        # An attribute limit of the user's provider evicts the oldest: what identifies the span comes last again.
        told = {**attributes, **{key: value for key, value in started_with.items() if key not in attributes}}
        before = dict(span.attributes or {}) if isinstance(span, ReadableSpan) else {}
        others = {key: value for key, value in before.items() if key not in told}
        carried = Carried(name, {**others, **told}, description=description)
        allowed = self.policy.apply(carried)
        if allowed is not carried:
            unchanged = {key for key, value in others.items() if allowed.attributes.get(key, REDACTED) is value}
            # An attribute cannot be taken back.
            left_out = {key: REDACTED for key in others if key not in allowed.attributes}
            told = {**left_out, **{key: v for key, v in allowed.attributes.items() if key not in unchanged}}
        span.set_attributes(told)
        span.update_name(allowed.name)
        span.set_status(code, allowed.description)

    def portable(self, attributes: Attributes, events: Sequence[SavedEvent]) -> tuple[Attributes, list[SavedEvent]]:
        """What of them may be kept outside of the process, in few bytes, as the content policy has it."""
        told = [(index, event.name, event.attributes) for index, event in enumerate(events)]
        allowed = self._small_policy.apply(Carried("", attributes, told))
        kept = [SavedEvent(name, events[index].time_ns, {**carried}) for index, name, carried in allowed.events]
        return {**allowed.attributes}, kept

    def emit(self, event_name: str, attributes: Attributes, context: Context, destination: Destination | None) -> bool:
        """Hand an event to delivery; whether it was accepted."""
        if isinstance(self.delivery, _Nowhere):
            self._not_recorded()
            return False
        allowed = self.policy.apply(Carried(event_name, attributes)).attributes
        said = _mapping.on_event(allowed)
        record = LogRecord(timestamp=self.now(), context=context, event_name=event_name, attributes=said)
        return self.delivery.put_log(ReadWriteLogRecord(record, self.resource, self.scope, _NO_LIMITS), destination)

    def opened(self, recording: Recording[Any]) -> None:
        """Let delivery know of something that is open."""
        span = recording.span
        if isinstance(span, RecordedSpan):
            is_run = recording._noun == "run"  # noqa: SLF001 - our own
            self.delivery.opened(span.get_span_context(), recording, is_run=is_run)

    def left(self, recording: Recording[Any]) -> None:
        """Let delivery know of something that is open no more, though its span did not end."""
        self.delivery.left(recording.span.get_span_context())

    def snapshot(self, span: Span, name: str, so_far: Described, if_died: Described, status: Status) -> Snapshot | None:
        """Something open for delivery to keep, within the content policy."""
        if not isinstance(span, RecordedSpan):
            return None
        died = span.snapshot(name, SpanStatus(StatusCode.ERROR, status.message), if_died, self.now())

        def now() -> ReadableSpan:
            opened = span.snapshot(name, SpanStatus(), so_far, None)
            return within(self.policy, opened, is_last=False)

        return Snapshot(within(self.policy, died, is_last=False), now, span.destination)

    def flush(self, timeout: float) -> Report:
        """Send what waits, in span processors of ours too; what became of everything so far."""
        deadline = time.monotonic() + timeout
        report = self.delivery.flush(timeout)
        return _sum([report, *_flush_processors(max(deadline - time.monotonic(), 0))])

    def shutdown(self, timeout: float) -> Report:
        """Send what waits, for at most `timeout` seconds, and stop the threads. Undoes patches."""
        _threads.patch(False)
        return self.delivery.shutdown(timeout)

    def span_ended(self, span: RecordedSpan) -> None:
        """Queue a span of ours that has just ended."""
        _diagnostics.LOGGER.debug("Recorded %s.", span)
        attributes = span.plain_attributes()
        size = None if attributes is None else self.policy.size_if_sound(attributes)
        if size is not None and not following and self._console is None:  # most of the time
            self.delivery.put_recorded(span, span.destination, size)
            return
        readable = span.readable()
        if following:
            readable = self._foreign.step_ended(readable)
        if size is None:
            readable = within(self.policy, readable)
        self.delivery.put_span(readable, span.destination)
        if self._console is not None:
            self._console.put(readable)

    @functools.cached_property
    def instrumented(self) -> TracerProvider:
        """What instrumentors that `instrument()` switched on record through: the user's provider, or one of ours."""
        if self._provider is not None:
            return self._provider
        return private_provider(self.resource, self._foreign_ids, self._foreign)

    def foreign_span_ended(self, span: ReadableSpan, destination: Destination | None) -> None:
        """Queue a span of other instrumentation that has just ended."""
        span = within(self.policy, span)
        self.delivery.put_span(span, destination)
        if self._console is not None:
            self._console.put(span)

    def _get_tracer(self, provider: TracerProvider) -> Tracer:
        """Our tracer, with ids of our own. Only this tracer changes: the provider keeps one per scope."""
        tracer = provider.get_tracer(SCOPE, __version__, SCHEMA_URL)
        if isinstance(tracer, SDKTracer):
            tracer.id_generator = self._ids
        return tracer

    def _not_recorded(self) -> None:
        level = logging.INFO
        if isinstance(self.delivery, _Nowhere):
            reason, why = self.delivery.reason, self.delivery.why
        elif isinstance(self._tracer, ProxyTracer):
            reason, why = "no_provider", "no OpenTelemetry provider is set yet"
            level = logging.WARNING
        elif isinstance(self._tracer, NoOpTracer):
            reason, why = "disabled", "OpenTelemetry is disabled in this process"
        else:
            reason, why = "sampled_out", "the sampler of its tracer provider decided so"
        _diagnostics.count(reason)
        _diagnostics.warn(reason, "Something was not recorded, because %s.", why, level=level)


def policy_of(settings: Settings) -> Policy:
    """The content policy of some settings."""
    return Policy(
        settings.capture_content,
        settings.detectors,
        settings.redact,
        settings.max_value_size,
        settings.max_span_size,
    )


def policy_now() -> Policy:
    """The content policy that is in force, else the one that the environment asks for.

    Raises:
        ConfigurationError: (a `ValueError`) a variable is wrong.
    """
    known = _configure.policy()
    return policy_of(_settings.resolve(_configure.configured(), os.environ)) if known is None else known


def within(policy: Policy, span: ReadableSpan, *, is_hooked: bool = False, is_last: bool = True) -> ReadableSpan:
    """What of a span may travel: the span itself, or a copy with less in it."""
    carried = Carried(
        span.name,
        span.attributes or {},
        [(index, event.name, event.attributes or {}) for index, event in enumerate(span.events)],
        [link.attributes for link in span.links if link.attributes],
        span.status.description,
    )
    allowed = policy.apply(carried, is_hooked=is_hooked, is_last=is_last)
    if allowed is carried:
        return span
    link_attributes = iter(allowed.links)
    return changed(
        span,
        name=allowed.name,
        attributes=allowed.attributes,
        events=[Event(name, attributes, span.events[index].timestamp) for index, name, attributes in allowed.events],
        links=[Link(link.context, next(link_attributes, {}) if link.attributes else None) for link in span.links],
        status=SpanStatus(span.status.status_code, allowed.description),
    )


_hooked: set[int] = set()
"""Ids of spans that are ending, and whose attributes the user's `redact` has seen already."""


def _route(settings: Settings, environ: Mapping[str, str], api_key: str | None, url: str | None) -> Destination:
    return _settings.destination(settings, environ, api_key=api_key, url=url)


class _Ids(IdGenerator):
    """Random ids from the operating system, except for a span that must have exactly the given ones."""

    class _Fixed(threading.local):
        identity: RunIdentity | None = None

    def __init__(self) -> None:
        self.fixed = self._Fixed()

    def generate_trace_id(self) -> int:
        identity = self.fixed.identity
        return random_trace_id() if identity is None else identity.trace_id

    def generate_span_id(self) -> int:
        identity = self.fixed.identity
        return random_span_id() if identity is None else identity.span_id

    def is_trace_id_random(self) -> bool:
        # A trace id made from a run id is not random in the sense of W3C Trace Context level 2.
        return self.fixed.identity is None


class ObservatorySpanProcessor(ForeignSpans):
    """A span processor for your own provider: sends what belongs to runs or speaks GenAI to the Observatory.

    Spans of other kinds (HTTP, SQL, …) are left alone unless `all_spans` is set. The sampler and limits of the provider
    apply. Its threads start with it; shut the provider down to stop them.

    Args:
        api_key: Key of the hosted Observatory, or of what `url` points to.
        url: Where the spans go. What is not given is as for runs at this moment: configured, or from the environment.
        all_spans: Take every span of the provider.

    Raises:
        ConfigurationError: (a `ValueError`) the key or URL is wrong, or a variable they come from.
    """

    def __init__(self, api_key: str | None = None, url: str | None = None, *, all_spans: bool = False) -> None:
        settings = _settings.resolve(_configure.configured(), os.environ)
        destination = _settings.destination(settings, os.environ, api_key=api_key, url=url)
        self.delivery = Delivery(destination, _plan(settings, os.environ))
        self.shutdown_timeout = settings.shutdown_timeout
        self._policy = policy_now()
        super().__init__(lambda attributes: all_spans or _mapping.is_about_agents(attributes), self._queue)
        _processors.add(self)

    def _queue(self, span: ReadableSpan, destination: Destination | None) -> None:
        context = span.get_span_context()
        is_hooked = context is not None and context.span_id in _hooked
        self.delivery.put_span(within(_configure.policy() or self._policy, span, is_hooked=is_hooked), destination)

    def flush(self, timeout: float) -> Report:
        """Send what waits, for at most `timeout` seconds; what became of everything so far."""
        return self.delivery.flush(timeout)

    def shutdown(self) -> None:
        """Send what waits for as long as `shutdown_timeout` says, and stop the threads. The rest stays where it is."""
        _processors.discard(self)
        self.delivery.shutdown(self.shutdown_timeout)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; whether all of it left in time."""
        return self.flush(timeout_millis / 1000).waiting == 0


_processors: weakref.WeakSet[ObservatorySpanProcessor] = weakref.WeakSet()
"""Those that are in use, for `flush()`."""


def _flush_processors(timeout: float) -> list[Report]:
    deadline = time.monotonic() + timeout
    return [processor.flush(max(deadline - time.monotonic(), 0)) for processor in list(_processors)]


def _sum(reports: list[Report]) -> Report:
    return Report(*map(sum, zip(*reports, strict=True)))


def shut_down_before_exit(pipeline: OTelPipeline | None) -> None:
    """Write what waits, and send it for as long as `shutdown_timeout` says, in a process that ends without `atexit`."""
    processors = list(_processors)
    timeout = max([each.shutdown_timeout for each in (pipeline, *processors) if each is not None], default=0.0)
    deadline = time.monotonic() + timeout
    for each in (pipeline, *processors):
        if each is not None:
            each.delivery.write()
    if pipeline is not None:
        pipeline.shutdown(timeout)
    for processor in processors:
        processor.delivery.shutdown(max(deadline - time.monotonic(), 0))


class _Nowhere:
    """Counts what would have been recorded."""

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        self.why = why

    def put_span(self, span: ReadableSpan, destination: Destination | None) -> None:  # noqa: ARG002 - the interface
        _diagnostics.count(self.reason)

    def put_recorded(self, span: RecordedSpan, destination: Destination | None, size: int) -> None:  # noqa: ARG002 - the interface
        _diagnostics.count(self.reason)

    def put_log(self, record: ReadWriteLogRecord, destination: Destination | None) -> bool:  # noqa: ARG002 - the interface
        _diagnostics.count(self.reason)
        return False

    def opened(self, span: SpanContext, recording: Any, *, is_run: bool) -> None:
        """Nothing is kept."""

    def left(self, span: SpanContext) -> None:
        """Nothing is kept."""

    def write(self) -> None:
        """Nothing is kept."""

    def flush(self, timeout: float) -> Report:  # noqa: ARG002 - the interface
        return Report(0, 0, 0)

    shutdown = flush
