"""What runs, steps and tool calls share: one span from start to end, a status, and the rules about ending."""

from __future__ import annotations

import copy
import os
import sys
import threading
import warnings
import weakref
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from opentelemetry.context import Context, get_current
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from contextcompany import _diagnostics
from contextcompany._content import AttributeValue, as_float, as_int, as_text, attribute_value
from contextcompany._context import (
    RunContext,
    enter,
    leave,
    run_context,
    shared_attributes,
    with_recording,
    with_run_context,
    without_taker,
)
from contextcompany._data import ERROR, OK, PARTIAL, Common, Scope, Status
from contextcompany._identity import RunIdentity, run_identity
from contextcompany._mapping import (
    COLLECTED,
    DIED,
    EXCEPTION_EVENT,
    SHUTDOWN,
    Attributes,
    Described,
    exception_attributes,
    exception_type,
    scope_attributes,
)
from contextcompany._redaction import without_secrets
from contextcompany.exceptions import EndedError, IncompleteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from contextcompany._settings import Destination
    from contextcompany._suspension import SavedEvent

__all__ = ["Pipeline", "Place", "Recording", "Time", "place_for_child", "place_in_run", "unix_ns"]

Time = datetime | str | float
"""A moment: a `datetime` (naive ones are local time), ISO 8601 text, or seconds since the epoch."""

SUSPENDED = "suspended"
"""Stands for what ended a run that goes on elsewhere."""

DataT = TypeVar("DataT", bound=Common)


class Pipeline(Protocol):
    """What recording needs from the pipeline."""

    join_traces: bool
    run_timeout: float | None
    signing_key: str | None

    def now(self) -> int:
        """Nanoseconds since the epoch."""

    def new_id(self) -> str:
        """A new unique id."""

    def destination(self, api_key: str | None, url: str | None) -> Destination | None:
        """Where things with this key and URL go; `None` stands for the default."""

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

    def end_span(
        self, span: Span, name: str, status: Status, attributes: Described, started_with: Attributes, end_ns: int
    ) -> None:
        """Give the span what is known at its end, and end it. Not called for a span that is not recording."""

    def portable(self, attributes: Attributes, events: Sequence[SavedEvent]) -> tuple[Attributes, list[SavedEvent]]:
        """What of them may be kept outside of the process, in few bytes, as the content policy has it."""

    def opened(self, recording: Recording[Any]) -> None:
        """Note that something is open, for when the process dies."""

    def left(self, recording: Recording[Any]) -> None:
        """Note that something is open no more, though its span did not end."""

    def snapshot(self, span: Span, name: str, so_far: Described, if_died: Described, status: Status) -> Any:
        """Something open for delivery to keep: as it is, and as it is to be sent if the process dies."""

    def emit(self, event_name: str, attributes: Attributes, context: Context, destination: Destination | None) -> bool:
        """Hand an event to delivery; whether it was accepted."""


class Place(Protocol):
    """Something that steps and tool calls can be children of."""

    _noun: ClassVar[str]

    @property
    def _run(self) -> RunContext: ...
    @property
    def _inside(self) -> Context: ...
    @property
    def _children(self) -> dict[int, Recording[Any]] | None: ...


class Recording(Generic[DataT]):
    """One span being recorded, from construction to `end()` or `error()`.

    Setters return the object, do no I/O, and raise `EndedError` (a `RuntimeError`) after `end()` or `error()`.
    They may be called from any thread.
    """

    _noun: ClassVar[str]

    _pipeline: Pipeline
    _run: RunContext
    _data: DataT
    _span: Span
    _children: dict[int, Recording[Any]] | None
    """What is open in the run, itself excepted; `None` when the run is not open in this process."""

    def __init__(self, pipeline: Pipeline, data: DataT) -> None:
        self._pipeline = pipeline
        self._data = data
        self._ended: str | None = None
        self._ending = threading.Lock()
        self._end_ns: int | None = None
        self._is_handed_over = False
        self._pid = os.getpid()

    # -- for users -------------------------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The id of the run that this belongs to."""
        return self._run.scope.run_id

    @property
    def span(self) -> Span:
        """The OpenTelemetry span. Attributes, events and links that are set on it directly are sent as they are."""
        return self._span

    def status(self, code: int, message: str | None = None) -> Self:
        """Set how it went: 0 = success, 1 = partial success, 2 = error; any other code is recorded as an error.

        The last call wins; without one the status is success.
        """
        self._check("status()")
        known = as_int(code)
        if known not in (OK, PARTIAL, ERROR):
            _diagnostics.count("bad_value")
            _diagnostics.warn("status()", "`status()` takes 0, 1 or 2; anything else is recorded as 2 (error).")
            known = ERROR
        told = self._data.status.message if message is None else without_secrets(as_text(message))
        self._data.status = Status(known, told)
        return self

    def metadata(self, data: Mapping[str, object] | None = None, **kwargs: object) -> Self:
        """Attach key-value pairs. Calls add up; a later value for the same key wins."""
        self._check("metadata()")
        self._data.metadata.update(clean_metadata(data, kwargs))
        return self

    def declared(self, name: str, step_type: str) -> Self:
        """Set the name and the type of the declared step that this executes (see `contextcompany.workflow`)."""
        self._check("declared()")
        self._data.declared = as_text(name), as_text(step_type)
        return self

    def end_time(self, when: Time) -> Self:
        """Set when it ended, instead of the moment `end()` or `error()` is called. Never before its start."""
        self._check("end_time()")
        self._end_ns = unix_ns(when)
        return self

    def end(self) -> None:
        """End it and hand it over for delivery. Returns at once; nothing is sent on this thread.

        Raises:
            IncompleteError: (a `ValueError`) something required was not set. It stays open.
            EndedError: (a `RuntimeError`) it ended before.
        """
        if not self._check("end()"):
            return
        missing = self._missing()
        if missing is not None:
            raise IncompleteError(missing)
        if not self._close("caller"):
            self._check("end()")

    def error(self, status_message: str = "") -> None:
        """End it as failed. Needs nothing to be set.

        Raises:
            EndedError: (a `RuntimeError`) it ended before.
        """
        if not self._check("error()"):
            return
        self._data.status = Status(ERROR, without_secrets(as_text(status_message)) or self._data.status.message)
        if not self._close("caller"):
            self._check("error()")

    def __enter__(self) -> Self:
        """Make it current in OpenTelemetry context, until the block ends and it ends with it.

        An exception that leaves the block ends it as an error, and goes on unchanged. What is required and missing at
        the end of the block is recorded as missing.
        """
        self._check("with")
        enter(self, self._current_context())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self)
        self._end_block(error)

    async def __aenter__(self) -> Self:
        """As `with`."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    # -- for subclasses --------------------------------------------------------------------------------------------

    def _in_block(self, context: Context) -> Context:
        """The context of its `with` block: calls of instrumented clients there are not those of a step around it."""
        return without_taker(context)

    def _missing(self) -> str | None:
        """What `end()` requires and was not set, as the message of the error; `None` when nothing is missing."""
        raise NotImplementedError

    def _name(self) -> str:
        raise NotImplementedError

    def _attributes(self) -> Described:
        raise NotImplementedError

    def _describe(self, data: DataT) -> Described:
        """As it would be sent if this were all."""
        raise NotImplementedError

    def _without_content(self, data: DataT) -> None:
        """Leave out what may be long."""

    def _start(
        self,
        context: Context,
        kind: SpanKind,
        describe: Callable[[Attributes, DataT], Attributes],
        start_time: Time | None,
        links: Sequence[Link] = (),
        identity: RunIdentity | None = None,
        start_ns: int | None = None,
    ) -> None:
        """Start the span. When that fails for a reason of ours, the object still works and records nothing."""
        if start_time is not None:
            start_ns = unix_ns(start_time)
        self._start_ns = self._pipeline.now() if start_ns is None else start_ns
        self._outside = context
        self._span = INVALID_SPAN
        try:
            self._started_with = describe(shared_attributes(self._run), self._data)
            self._span = self._pipeline.start_span(
                self._name(),
                context=context,
                kind=kind,
                attributes=self._started_with,
                start_ns=self._start_ns,
                destination=self._run.destination,
                links=links,
                identity=identity,
            )
            self._pipeline.opened(self)
        except Exception:  # noqa: BLE001 - the one place where starting fails towards the user
            _diagnostics.internal_error(f"starting a {self._noun}")

    def _current_context(self) -> Context:
        """OpenTelemetry context as it is here, with this as the current run, step or tool call."""
        return self._in_block(with_recording(self._run, self, set_span_in_context(self._span, get_current())))

    def _register(self) -> None:
        """Let whoever shuts down, or ends the run, know that this is open."""
        if self._children is None:
            strays.add(self)
        else:
            self._children[id(self)] = self

    def _snapshot(self, *, whole: bool) -> Any:
        """It as it is now, for when the process dies; `None` when its end is delivery's. Called on another thread."""
        if self._is_handed_over or self._ended in (SUSPENDED, _IN_PARENT):
            return None
        data = copy.copy(self._data)
        if not whole:
            self._without_content(data)
        so_far = self._describe(data)
        data.incomplete = DIED
        if data.status.code < ERROR:
            data.status = _DIED
        return self._pipeline.snapshot(self._span, self._name(), so_far, self._describe(data), data.status)

    @property
    def _inside(self) -> Context:
        """OpenTelemetry context with this span as the current one."""
        return set_span_in_context(self._span, self._outside)

    def _check(self, call: str) -> bool:
        """Whether it is still open. Raises if the caller ended it; if we did, what comes late is only counted."""
        if self._ended is None:
            return True
        if self._ended == SUSPENDED:
            raise EndedError(
                f"This {self._noun} is suspended: `{call}` is not possible. `resume()` continues it from its token."
            )
        if self._ended == "caller":
            raise EndedError(
                f"This {self._noun} has already ended: `{call}` is not possible after `end()` or `error()`."
            )
        if self._ended == _IN_PARENT:
            _diagnostics.count("forked")
            _diagnostics.warn(
                "forked", "`%s`: the parent of this process has the %s open; it is not recorded.", call, self._noun
            )
            return False
        _diagnostics.count("late")
        _diagnostics.warn(
            "late", "`%s` came after the %s was ended with its run; it is not recorded.", call, self._noun
        )
        return False

    def _answer(self, value: object) -> None:
        """Set the response, or the result, unless it is set or has ended; `None` is none."""
        raise NotImplementedError

    def _first_piece(self) -> None:
        """Note the time of the first piece of a streamed answer; later calls change nothing."""
        if self._data.time_to_first_chunk is None:
            self._data.time_to_first_chunk = max(self._pipeline.now() - self._start_ns, 0) / 1e9

    def _leave_partial(self, message: str) -> None:
        """Say that it is not whole, unless its status says something already."""
        if self._data.status == Status():
            self._data.status = Status(PARTIAL, message)

    def _end_block(self, error: BaseException | None) -> None:
        """End it as a block ends, unless it has ended."""
        if self._ended is None and error is not None:
            self._note(error)
        self._close("caller")

    def _note(self, error: BaseException) -> None:
        """Record the exception that is about to end it."""
        try:
            about = exception_attributes(error)
            self._data.error_type = exception_type(error)
            self._data.status = Status(ERROR, without_secrets(as_text(error)) or None)
            self._span.add_event(EXCEPTION_EVENT, about, self._pipeline.now())
        except Exception:  # noqa: BLE001 - nothing of ours replaces the user's exception
            _diagnostics.internal_error("recording an exception")

    def _close(self, by: str, incomplete: Status | None = None) -> bool:
        """End the span once, whoever comes first; `False` when somebody else did.

        With `incomplete`, its own `end()` did not do it: `by` says what did, and the status is at least as bad as this.
        """
        with self._ending:
            if self._ended is not None:
                return False
            self._ended = by
        if incomplete is not None:
            self._data.incomplete = by
            if self._data.status.code < incomplete.code:
                self._data.status = incomplete
        for ending in (self._before_end, self._finish):
            try:
                ending()
            except Exception:  # noqa: BLE001, PERF203 - the one place where ending fails towards the user
                _diagnostics.internal_error(f"ending a {self._noun}")
        self._is_handed_over = True
        return True

    def _before_end(self) -> None:
        if self._children is not None:
            self._children.pop(id(self), None)

    def _finish(self) -> None:
        span = self._span
        if not span.is_recording():
            return
        end_ns = max(self._end_ns or self._pipeline.now(), self._start_ns)
        try:
            attributes = self._attributes()
            self._pipeline.end_span(span, self._name(), self._data.status, attributes, self._started_with, end_ns)
        finally:
            if span.is_recording():
                span.end(end_ns)

    def __del__(self) -> None:
        # Without `_span` the constructor raised, and there is nothing to end. A forked child has a copy of what its
        # parent will end. What the end of the program left open, as when Ctrl-C cut it short, is the next process's.
        if getattr(self, "_ended", "") is None and hasattr(self, "_span") and self._is_ours_to_end():
            forgotten = f"{self!r} was never ended."
            self._close(COLLECTED, Status(ERROR, f"The {self._noun} was never ended."))
            warnings.warn(forgotten, ResourceWarning, source=self, stacklevel=1)  # may raise, so it comes last

    def _is_ours_to_end(self) -> bool:
        return self._pid == os.getpid() and not sys.is_finalizing()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of run {self.run_id!r}: {'open' if self._ended is None else 'ended'}>"


# --- where a step or tool call belongs -------------------------------------------------------------------------------

open_runs: dict[str, weakref.ref[Recording[Any]]] = {}
"""The runs that are open in this process. They are found by id, so that a step knows its session too."""

strays: weakref.WeakSet[Recording[Any]] = weakref.WeakSet()
"""Steps and tool calls of runs that are not open in this process; most have ended."""

_IN_PARENT = "parent"
"""What stands for the end of what was open at a fork, in the child: it is the parent's to change and to end."""

_LEFT_OPEN = Status(ERROR, "Recording was shut down before it ended.")

_DIED = Status(ERROR, "The process ended first.")

_MAX_ELSEWHERE = 1000

elsewhere: OrderedDict[str, Place] = OrderedDict()
"""The last ended runs whose span is not where their run id says, but in the trace of the run or span around them."""


def remember_elsewhere(run_id: str, place: Place) -> None:
    """Keep the place of a run that has ended in another trace than its own, for steps and feedback that come later."""
    elsewhere[run_id] = place
    if len(elsewhere) > _MAX_ELSEWHERE:
        elsewhere.popitem(last=False)


def end_open_runs() -> None:
    """End what this process left open, before there is nothing to deliver it any more."""
    for reference in list(open_runs.values()):
        run = reference()
        if run is not None and run._pid == os.getpid():  # noqa: SLF001 - our own
            run._close(SHUTDOWN, _LEFT_OPEN)  # noqa: SLF001 - our own
    for stray in list(strays):
        if stray._pid == os.getpid():  # noqa: SLF001 - our own
            stray._close(SHUTDOWN, _LEFT_OPEN)  # noqa: SLF001 - our own


def _forked() -> None:
    """In a forked child: let go of what the parent has open.

    What is recorded in it here is this process's own, to be ended when it ends.
    """
    runs = [run for reference in open_runs.values() if (run := reference()) is not None]
    for outer in (*runs, *strays):
        for recording in (outer, *(outer._children or {}).values()):  # noqa: SLF001 - our own
            recording._ended = recording._ended or _IN_PARENT  # noqa: SLF001 - our own
            recording._ending = threading.Lock()  # noqa: SLF001 - another thread of the parent may have held it
            recording._children = None  # noqa: SLF001 - our own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def find_run(run_id: str) -> Recording[Any] | None:
    """The run of that id, if it is open in this process."""
    reference = open_runs.get(run_id)
    return None if reference is None else reference()


class AbsentRun:
    """A run that is not open in this process: what is known of it, and where its span is."""

    _noun: ClassVar[str] = "run"

    def __init__(self, run: RunContext, span: SpanContext) -> None:
        self._run = run
        self._children = None
        self._span = NonRecordingSpan(span)

    @property
    def _inside(self) -> Context:
        # Made when asked for: a context may hold whole runs, and these are kept for long.
        return with_run_context(self._run, set_span_in_context(self._span, get_current()))


def _found_by_id(run_id: str) -> AbsentRun:
    """A run of which all we know is its id, and what came with the current context if that is inside of it."""
    ambient = run_context()
    if ambient is None or ambient.scope.run_id != run_id:
        scope = Scope(run_id=run_id)
        ambient = RunContext(scope, shared_by(scope), None)
    return AbsentRun(ambient, run_span(run_id))


def run_span(run_id: str) -> SpanContext:
    """The span of the run of that id, unless that is inside another trace."""
    return remote_span(*run_identity(run_id))


def remote_span(trace_id: int, span_id: int) -> SpanContext:
    """A span of which only the ids are known here."""
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def shared_by(scope: Scope, inherited: Attributes | None = None) -> Attributes:
    """The scope as attributes, over what is inherited; without them if that fails for a reason of ours."""
    try:
        return {**(inherited or {}), **scope_attributes(scope)}
    except Exception:  # noqa: BLE001 - as in `Recording._start`
        _diagnostics.internal_error("describing a run")
        return {}


def clean_metadata(
    data: Mapping[str, object] | None, more: Mapping[str, object] | None = None
) -> dict[str, AttributeValue]:
    """Both mappings as one, keys and values such as attributes can hold. What is no mapping is said and left out."""
    try:
        told = {**(data or {}), **(more or {})}
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        _diagnostics.refuse("metadata()", "a mapping", data)
        told = dict(more or {})
    return {key: attribute_value(value) for name, value in told.items() if (key := as_text(name))}


def place_in_run(
    pipeline: Pipeline, run_id: str, parent: Place | None, api_key: str | None, tcc_url: str | None
) -> tuple[RunContext, Context, dict[int, Recording[Any]] | None]:
    """The run context, parent context and list of open children for something new in the run called `run_id`."""
    if parent is None:
        parent = find_run(run_id) or elsewhere.get(run_id) or _found_by_id(run_id)
    run, context = parent._run, parent._inside  # noqa: SLF001 - `Place` is ours
    if api_key is not None or tcc_url is not None:
        run = run._replace(destination=pipeline.destination(api_key, tcc_url))
        context = with_run_context(run, context)
    return run, context, parent._children  # noqa: SLF001


def place_for_child(
    pipeline: Pipeline, run_id: str | None, parent: Place | None, api_key: str | None, tcc_url: str | None
) -> tuple[RunContext, Context, dict[int, Recording[Any]] | None]:
    """As `place_in_run`, for a step or tool call: inside what is current, when that belongs to the same run.

    Without a run id and parent it is the current run. Without that it is recorded alone, under an id of its own.
    """
    ambient = run_context()
    run_id = as_text(run_id)
    if not run_id and parent is None:
        if ambient is None:
            _diagnostics.warn(
                "no_run",
                "A step or tool call without a run is recorded alone: give it a run id, or use `with tcc.run():`.",
            )
        run_id = pipeline.new_id() if ambient is None else ambient.scope.run_id
    run, context, children = place_in_run(pipeline, run_id, parent, api_key, tcc_url)
    is_in_run = parent is None or parent._noun == "run"  # noqa: SLF001 - `Place` is ours
    if is_in_run and ambient is not None and ambient.scope.run_id == run.scope.run_id:
        context = get_current() if ambient is run else with_run_context(run, get_current())
    return run, context, children


# --- time ------------------------------------------------------------------------------------------------------------


def unix_ns(when: Time) -> int | None:
    """Nanoseconds since the epoch, or `None` (said and counted) for what is no time OTLP can carry."""
    ns: int | None
    try:
        if isinstance(when, str):
            when = datetime.fromisoformat(when.strip().replace("Z", "+00:00"))
        if isinstance(when, datetime):
            whole = int(when.replace(microsecond=0).timestamp())
            ns = whole * 1_000_000_000 + when.microsecond * 1000
        elif type(when) is int:
            ns = when * 1_000_000_000
        else:
            seconds = as_float(when)
            ns = None if seconds is None else int(seconds * 1_000_000_000)
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        ns = None
    if ns is not None and 0 < ns < 2**63:
        return ns
    _diagnostics.refuse("start_time/end_time", "a time between 1970 and 2262", when)
    return None
