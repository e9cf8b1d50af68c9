"""Runs: one agent invocation, from user prompt to final response."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.context import Context, get_current
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    get_current_span,
    set_span_in_context,
)

from contextcompany import _configure, _diagnostics, _mapping, _messages, _suspension, _timeouts
from contextcompany._content import as_text, attribute_value
from contextcompany._context import (
    RunContext,
    current_layer,
    layers_below,
    run_context,
    shared_attributes,
    with_run_context,
)
from contextcompany._data import ERROR, PARTIAL, RunData, Scope, Status
from contextcompany._feedback import submit_feedback
from contextcompany._identity import run_identity
from contextcompany._recording import (
    SUSPENDED,
    AbsentRun,
    Recording,
    Time,
    find_run,
    open_runs,
    remember_elsewhere,
    remote_span,
    shared_by,
    strays,
)
from contextcompany._step import Step
from contextcompany._suspension import Ids, SavedEvent, Suspension
from contextcompany._tool_call import ToolCall
from contextcompany.exceptions import EndedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from typing_extensions import Self

    from contextcompany._recording import Pipeline
    from contextcompany._settings import Destination

__all__ = ["Run", "current_run", "resume", "run"]


class Run(Recording[RunData]):
    """One agent invocation, recorded as a root span whose trace id is made from the run id.

    Inside another run it is that run's child. Inside a span of somebody else it stays a root, with a link to that span,
    unless the `join_traces` setting makes it a child there.

    Args:
        run_id: Its id, to be used once; by default a random UUID. A UUID is the trace id; other text is hashed to one.
        session_id: Groups runs, say those of one conversation. What is not given, of this and of the next one,
            `user_id` and `org_id`, comes from `attributes()` or the run around it.
        conversational: Whether the run is part of a conversation.
        api_key: Sends this run, and everything in it, with this key.
        tcc_url: Sends this run, and everything in it, to this URL.
        agent: The agent's name.
        user_id: Whom the agent works for.
        org_id: Which organisation, tenant or customer that is.
        tags: Words to find the run by.
        metadata: Key-value pairs, as `metadata()` takes them.
        start_time: When it started; by default now.
        timeout: Seconds after which a run that has not ended is ended as an error; 0 = never. By default the
            `run_timeout` setting.
    """

    _noun: ClassVar[str] = "run"
    _has_prompt = False
    """Whether it had a prompt before it was suspended."""

    def __init__(
        self,
        run_id: str | None = None,
        session_id: str | None = None,
        conversational: bool | None = None,
        api_key: str | None = None,
        tcc_url: str | None = None,
        *,
        agent: str | None = None,
        user_id: str | None = None,
        org_id: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
        start_time: Time | None = None,
        timeout: float | None = None,
    ) -> None:
        pipeline = _configure.pipeline()
        super().__init__(pipeline, RunData(agent=_text(agent)))
        outer = run_context()
        scope = _inherited(outer).told(
            run_id=as_text(run_id) or pipeline.new_id(),
            session_id=_text(session_id),
            conversational=None if conversational is None else bool(attribute_value(conversational)),
            user_id=_text(user_id),
            org_id=_text(org_id),
        )
        destination = pipeline.destination(api_key, tcc_url) or (outer and outer.destination)
        self._run = RunContext(scope, shared_by(scope, shared_attributes(outer)), destination, current_layer())
        if tags is not None:
            self.tags(*_words(tags))
        if metadata is not None:
            self.metadata(metadata)
        context, links = _around(pipeline)
        self._open(context, _mapping.run_start_attributes, links, start_time=start_time)
        self._watch(pipeline.run_timeout if timeout is None else timeout)

    def _go_on(self, pipeline: Pipeline, saved: Suspension, destination: Destination | None) -> None:
        """Begin as the run that was suspended."""
        now = pipeline.now()
        waited = saved.waited + max(now - saved.suspended_ns, 0) / 1e9
        super().__init__(pipeline, RunData(agent=saved.agent, tags=saved.tags, status=saved.status, waited=waited))
        self._has_prompt = saved.has_prompt
        shared = {key: saved.attributes[key] for key in saved.shared}
        self._run = RunContext(saved.scope, shared, destination, current_layer())
        outside = INVALID_SPAN if saved.parent is None else NonRecordingSpan(remote_span(*saved.parent))
        context = set_span_in_context(outside, get_current())
        links = [Link(remote_span(*ids)) for ids in saved.links]
        self._open(context, lambda _, __: {**saved.attributes}, links, start_ns=saved.start_ns)
        for event in (*saved.events, SavedEvent(_mapping.RESUMED_EVENT, now, {})):
            self._span.add_event(event.name, event.attributes, event.time_ns)
        self._watch(pipeline.run_timeout)

    def _open(
        self,
        context: Context,
        describe: Callable[[_mapping.Attributes, RunData], _mapping.Attributes],
        links: Sequence[Link],
        *,
        start_time: Time | None = None,
        start_ns: int | None = None,
    ) -> None:
        """Start the span, and let others find the run."""
        self._children = {}
        context = with_run_context(self._run, context)
        identity = run_identity(self.run_id)
        self._start(context, SpanKind.INTERNAL, describe, start_time, links, identity, start_ns)
        self._context = super()._inside
        open_runs[self.run_id] = weakref.ref(self)

    def _watch(self, seconds: float | None) -> None:
        if seconds is not None:
            _timeouts.watch(self, seconds)

    @property
    def session_id(self) -> str | None:
        """The session this run belongs to."""
        return self._run.scope.session_id

    def prompt(self, user_prompt: object, system_prompt: object = None, *, full_input: object = None) -> Self:
        """Set what the agent was asked. Required before `end()`.

        Args:
            user_prompt: The user's input: text, or messages in any shape `Step.prompt` takes.
            system_prompt: System instructions.
            full_input: The raw request, kept verbatim beside the prompt: text as it is, anything else as JSON.
        """
        self._check("prompt()")
        if isinstance(user_prompt, dict) and dict.get(user_prompt, "user_prompt") is not None:
            system_prompt = dict.get(user_prompt, "system_prompt", system_prompt)
            full_input = dict.get(user_prompt, "full_input", full_input)
            user_prompt = dict.get(user_prompt, "user_prompt")
        self._data.prompt = _messages.prompt(user_prompt, system_prompt)
        if full_input is not None:
            self._data.full_input = as_text(full_input)
        return self

    def response(self, text: object, *, full_output: object = None) -> Self:
        """Set the agent's final response.

        Args:
            text: Text, or a message in any shape `Step.response` takes.
            full_output: The raw output, kept verbatim beside the response: text as it is, anything else as JSON.
        """
        self._check("response()")
        self._data.response = _messages.response(text)
        if full_output is not None:
            self._data.full_output = as_text(full_output)
        return self

    def agent(self, name: str) -> Self:
        """Set the agent's name. Given to `run(agent=…)` instead, samplers see it too."""
        self._check("agent()")
        self._data.agent = as_text(name)
        return self

    def tags(self, *tags: str) -> Self:
        """Add words to find the run by."""
        self._check("tags()")
        self._data.tags = [*(self._data.tags or ()), *map(as_text, tags)]
        return self

    def step(
        self,
        step_id: str | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        start_time: Time | None = None,
    ) -> Step:
        """Start a step of this run. See `Step`."""
        return Step(self.run_id, step_id, model=model, provider=provider, parent=self, start_time=start_time)

    def tool_call(
        self, tool_name: str | None = None, tool_call_id: str | None = None, *, start_time: Time | None = None
    ) -> ToolCall:
        """Start a tool call of this run. See `ToolCall`."""
        return ToolCall(self.run_id, tool_call_id, tool_name, parent=self, start_time=start_time)

    def feedback(
        self,
        score: Literal["thumbs_up", "thumbs_down"] | None = None,
        text: str | None = None,
        *,
        name: str | None = None,
        value: float | None = None,
    ) -> bool:
        """Record what somebody thought of this run, before or after its end. See `submit_feedback`."""
        return submit_feedback(self.run_id, score, text, name=name, value=value, run=self)

    def suspend(self) -> str:
        """Stop here, to go on later: the text from which `resume()` continues this run, in any process, on any day.

        For an agent that waits for a person. The run does not end: its span is sent when the resumed run ends, and what
        is missing until then is in a log record that is sent now. This object cannot be used any more, and leaving its
        `with` block does nothing. Steps and tool calls that are open stay open.

        The text is JSON of at most some 50 KB. It holds what the run carries, prompt and metadata included, as the
        content policy allows and cut where it is long, and no API key. It is signed when `signing_key` is configured.

        Raises:
            EndedError: (a `RuntimeError`) it ended before, or is suspended already.
        """
        self._check("suspend()")
        with self._ending:
            if self._ended is not None:
                raise EndedError("This run has ended: `suspend()` is not possible any more.")
            self._ended = SUSPENDED
        self._forget()
        self._pipeline.left(self)
        for child in list((self._children or {}).values()):
            child._children = None  # noqa: SLF001 - steps and tool calls are ours
            strays.add(child)
        now = self._pipeline.now()
        # Spans of the SDK and ours have these, but not one that is not recorded.
        described = _mapping.decoded(self._attributes())
        attributes = {**getattr(self._span, "attributes", {}), **described, **self._run.shared}
        events: Sequence[Any] = getattr(self._span, "events", ())
        try:
            self._pipeline.emit(_mapping.SUSPENDED_EVENT, attributes, self._inside, self._run.destination)
        except Exception:  # noqa: BLE001 - the one place where suspending fails towards the user
            _diagnostics.internal_error("suspending a run")
        kept = self._pipeline.portable(
            attributes,
            [
                *(SavedEvent(event.name, event.timestamp, dict(event.attributes or {})) for event in events),
                SavedEvent(_mapping.SUSPENDED_EVENT, now, {}),
            ],
        )
        return _suspension.write_token(self._saved(now, *kept), self._pipeline.signing_key)

    def _saved(self, now: int, attributes: _mapping.Attributes, events: list[SavedEvent]) -> Suspension:
        data = self._data
        parent: SpanContext | None = getattr(self._span, "parent", None)
        links: Sequence[Link] = getattr(self._span, "links", ())
        return Suspension(
            scope=self._run.scope,
            start_ns=self._start_ns,
            suspended_ns=now,
            waited=data.waited or 0.0,
            agent=data.agent,
            tags=data.tags,
            status=data.status,
            has_prompt=self._missing() is None,
            attributes=attributes,
            shared=[key for key in self._run.shared if key in attributes],
            parent=parent and Ids(parent.trace_id, parent.span_id),
            links=[Ids(link.context.trace_id, link.context.span_id) for link in links],
            events=events,
        )

    @property
    def _inside(self) -> Context:
        return self._context

    def _answer(self, value: object) -> None:
        if self._ended is None and self._data.response is None and value is not None:
            self._data.response = _messages.response(value)

    def _missing(self) -> str | None:
        if self._data.prompt is not None or self._has_prompt:
            return None
        return "A run needs a prompt before `end()`: call `prompt()` first, or `error()` to record that it failed."

    def _name(self) -> str:
        return _mapping.run_name(self._data)

    def _attributes(self) -> _mapping.Described:
        return self._describe(self._data)

    def _describe(self, data: RunData) -> _mapping.Described:
        return _mapping.run_attributes(data)

    def _before_end(self) -> None:
        self._forget()
        if self._children:
            self._end_children(list(self._children.values()))

    def _forget(self) -> None:
        """Let nobody find it by its id any more, unless its span is elsewhere."""
        reference = open_runs.get(self.run_id)
        if reference is not None and reference() in (self, None):
            open_runs.pop(self.run_id, None)
        span = self._span.get_span_context()
        if span.is_valid and span.trace_id != run_identity(self.run_id).trace_id:
            remember_elsewhere(self.run_id, AbsentRun(self._run, span))

    def _end_children(self, children: list[Recording[Any]]) -> None:
        failed = self._data.status.code == ERROR
        _diagnostics.warn(
            "open_children",
            "Steps and tool calls that were still open when their run ended (%d) were ended with it, as incomplete.",
            len(children),
        )
        status = Status(ERROR, "Its run ended with an error.") if failed else Status(PARTIAL, "Ended with its run.")
        for child in children:
            child._close(_mapping.RUN_ENDED, status)  # noqa: SLF001 - steps and tool calls are ours

    def _time_out(self, seconds: float) -> None:
        self._data.error_type = _mapping.TIMED_OUT
        self._close(_mapping.TIMEOUT, Status(ERROR, f"The run did not end within {seconds:g} s."))


run = Run
"""Start a run. The same as the class."""


def resume(token: str, *, api_key: str | None = None, tcc_url: str | None = None) -> Run:
    """Continue a suspended run: same id, same trace, same start, with all that it carried.

    The time in between is recorded as `tcc.run.waiting_time`, with events at both ends. May be called in another
    process and on another machine. Called again while the run is open in this process, it gives the same object;
    elsewhere nothing can tell, and a run that is resumed twice is sent twice.

    Args:
        token: What `Run.suspend()` gave.
        api_key: Sends the run, and what is in it from now on, with this key. The token holds none.
        tcc_url: Sends it to this URL.

    Raises:
        TokenError: (a `ValueError`) it is no such token, or not signed with the `signing_key` that is configured.
    """
    pipeline = _configure.pipeline()
    saved = _suspension.read_token(token, pipeline.signing_key)
    resumed = find_run(saved.scope.run_id)
    if isinstance(resumed, Run):
        return resumed
    destination = pipeline.destination(api_key, tcc_url)
    run = Run.__new__(Run)
    run._go_on(pipeline, saved, destination)  # noqa: SLF001 - our own
    return run


def current_run() -> Run | None:
    """The run that is current here: the one of the innermost `with` block, of its step or of its tool call."""
    inside = run_context()
    run = None if inside is None else find_run(inside.scope.run_id)
    return run if isinstance(run, Run) else None


def _around(pipeline: Pipeline) -> tuple[Context, Sequence[Link]]:
    """The context a run starts in, and its link to the foreign span around it."""
    context = get_current()
    if pipeline.join_traces or run_context(context) is not None:
        return context, ()
    foreign = get_current_span(context).get_span_context()
    if not foreign.is_valid:
        return context, ()
    return set_span_in_context(INVALID_SPAN, context), (Link(foreign),)


def _inherited(outer: RunContext | None) -> Scope:
    """The scope of the run around a new one, as the `attributes()` blocks in between have it."""
    scope = Scope("") if outer is None else outer.scope
    for layer in layers_below(outer):
        scope = scope.told(session_id=layer.session_id, user_id=layer.user_id, org_id=layer.org_id)
    return scope


def _words(tags: Iterable[str]) -> Iterable[str]:
    """One text is one tag, not its letters."""
    if isinstance(tags, str):
        return (tags,)
    try:
        return tuple(tags)
    except Exception:  # noqa: BLE001 - the value's own code may raise anything
        _diagnostics.refuse("run(tags)", "a list of texts", tags)
        return ()


def _text(value: object) -> str | None:
    return None if value is None else as_text(value)
