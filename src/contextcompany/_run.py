"""Runs: one agent invocation, from user prompt to final response."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, Link, SpanKind, get_current_span, set_span_in_context

from contextcompany import _configure, _diagnostics, _mapping, _messages, _timeouts
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
from contextcompany._recording import AbsentRun, Recording, Time, find_run, open_runs, remember_elsewhere, shared_by
from contextcompany._step import Step
from contextcompany._tool_call import ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from typing_extensions import Self

    from contextcompany._recording import Pipeline

__all__ = ["Run", "current_run", "run"]


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
        self._children = {}
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
        self._start(
            with_run_context(self._run, context),
            SpanKind.INTERNAL,
            _mapping.run_start_attributes,
            start_time,
            links=links,
            identity=run_identity(scope.run_id),
        )
        self._context = super()._inside
        open_runs[scope.run_id] = weakref.ref(self)
        seconds = pipeline.run_timeout if timeout is None else timeout
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

    @property
    def _inside(self) -> Context:
        return self._context

    def _answer(self, value: object) -> None:
        if self._ended is None and self._data.response is None and value is not None:
            self._data.response = _messages.response(value)

    def _missing(self) -> str | None:
        if self._data.prompt is not None:
            return None
        return "A run needs a prompt before `end()`: call `prompt()` first, or `error()` to record that it failed."

    def _name(self) -> str:
        return _mapping.run_name(self._data)

    def _attributes(self) -> _mapping.Attributes:
        return _mapping.run_attributes(self._data)

    def _before_end(self) -> None:
        reference = open_runs.get(self.run_id)
        if reference is not None and reference() in (self, None):
            open_runs.pop(self.run_id, None)
        span = self._span.get_span_context()
        if span.is_valid and span.trace_id != run_identity(self.run_id).trace_id:
            remember_elsewhere(self.run_id, AbsentRun(self._run, span))
        if self._children:
            self._end_children(list(self._children.values()))

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
