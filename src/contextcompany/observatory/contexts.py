"""What queries answer, and pages, the JSON API and the command line show: values whose fields say what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from contextcompany.observatory.fold import Fact
    from contextcompany.observatory.otlp import Log, Span

__all__ = [
    "Change",
    "Comparison",
    "Failure",
    "Feedback",
    "Hit",
    "Pair",
    "Refused",
    "Run",
    "RunPage",
    "Search",
    "Session",
    "SpanDetail",
    "SpanLine",
    "Stat",
    "ToolCall",
    "Total",
    "Whole",
]


class Refused(NamedTuple):
    """A request that brought something and was refused."""

    time_ns: int
    path: str
    status: int
    """Of HTTP."""
    message: str
    """Why, as it was answered."""


class Search(NamedTuple):
    """How far a search looked."""

    trailing: int
    """Texts that have arrived and are not found yet."""
    trailing_s: float
    """For how long the oldest of them has been waiting."""
    is_capped: bool
    """Whether there are more matches than were looked at: the newest `MAX_HITS` texts."""


class Run(NamedTuple):
    """A run in a list."""

    trace_id: str
    run_id: str | None
    name: str
    kind: str
    state: str
    """ok, error, partial or unset; while it is open, running, or lost when nothing came of it for a while."""
    status_message: str | None
    error_type: str | None
    session_id: str | None
    user_id: str | None
    agent: str | None
    read_as: str
    start_ns: int
    end_ns: int
    duration_ns: int | None
    seen_ns: int
    spans: int
    open_spans: int
    steps: int
    tool_calls: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    unpriced: int
    """Calls whose cost nobody knows: `cost` is too low by them."""
    prompt: str | None
    response: str | None
    top: str
    """The span it is shown as."""
    is_counting: bool
    """Whether spans have come since the counts here were made, which follows within a second or two."""
    feedback: str | None = None
    """The newest score that a person gave: thumbs_up, thumbs_down, or another word or number."""
    feedback_count: int = 0


class RunPage(NamedTuple):
    """Some of the runs that a filter lets through."""

    runs: list[Run]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""
    search: Search | None
    """Of a filter with free text."""


class SpanLine(NamedTuple):
    """A span in its run, without what was said."""

    span_id: str
    parent_id: str
    """The span it hangs under, which may be another than its sender said when that never arrived."""
    depth: int
    kind: str
    name: str
    read_as: str
    agent: str | None
    model: str | None
    provider: str | None
    status: str
    status_message: str | None
    error_type: str | None
    start_ns: int
    end_ns: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    cost_source: str | None
    not_counted: str | None
    unknown: list[str]


class Feedback(NamedTuple):
    """What somebody thought of a run."""

    id: int
    trace_id: str
    run_id: str | None
    span_id: str
    label: str | None
    value: float | None
    text: str | None
    time_ns: int
    run: str | None
    """The run's name; None when it has not arrived."""


class Whole(NamedTuple):
    """A run with all its spans, each after the one it hangs under."""

    run: Run
    spans: list[SpanLine]
    feedback: list[Feedback]


class SpanDetail(NamedTuple):
    """All that is known of a span."""

    fact: Fact
    """What it says, or its events say when it has no messages itself."""
    span: Span
    """As it was decoded; `raw` in it are the bytes that were received."""
    logs: list[Log]
    not_counted: str | None


class Session(NamedTuple):
    """Runs that belong to one conversation."""

    session_id: str
    runs: int
    first_ns: int
    last_ns: int
    failed: int
    """Runs with errors."""
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


class ToolCall(NamedTuple):
    """A tool call of any run."""

    id: int
    trace_id: str
    run: str
    span_id: str
    tool: str
    agent: str | None
    status: str
    status_message: str | None
    error_type: str | None
    start_ns: int
    end_ns: int
    args: Any = None
    """Read on demand."""
    result: Any = None


class Failure(NamedTuple):
    """Errors that are alike."""

    kind: str
    name: str
    error_type: str | None
    message: str | None
    spans: int
    runs: int
    first_ns: int
    last_ns: int
    span_id: str
    """The newest of them."""
    trace_id: str


class Stat(NamedTuple):
    """Counts of some hours, of one agent, model or tool, or all runs."""

    start_ns: int
    name: str
    spans: int
    errors: int
    duration_ns: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost: float
    unpriced: int
    p50_ns: int | None
    """Half of them took at most so long, give or take 10 %."""
    p95_ns: int | None
    p99_ns: int | None


class Hit(NamedTuple):
    """A text that was found."""

    trace_id: str
    run: str
    start_ns: int
    excerpt: str


class Change(NamedTuple):
    """Something that is different in two runs, or in two spans that belong together."""

    what: str
    """prompt, response, system, args, result, tool_definitions, parameters; name, model, status, error, finish_reason;
    input_tokens, cached_tokens, output_tokens, cost, duration_ns. A prompt is what is new in it, without the history
    that the step before had too."""
    before: Any
    """What it was: a value, or how a text begins."""
    after: Any
    diff: list[str]
    """Of a text, the lines of a unified diff; empty for anything else."""
    is_cut: bool
    """Whether there is more to the diff."""


class Pair(NamedTuple):
    """Two spans that belong together, or one that only one of the runs has."""

    kind: str
    name: str
    before: SpanLine | None
    """None: it came."""
    after: SpanLine | None
    """None: it went."""
    changes: list[Change]
    """Empty when both say the same. Durations that differ by less than a tenth are the same. Of a span that came or
    went, what it says."""


class Total(NamedTuple):
    """A number of two runs."""

    what: str
    """duration_ns, cost, steps and so on: a field of `Run`."""
    before: float | None
    after: float | None
    delta: float | None
    """How much more it is; None when one of them is not known."""
    share: float | None
    """Likewise as a share of what it was; None also when that was nothing."""


class Comparison(NamedTuple):
    """Two runs side by side."""

    before: Run
    after: Run
    prompt: Change | None
    """Of what the run was asked, if that is different."""
    response: Change | None
    """Of what it answered in the end."""
    totals: list[Total]
    pairs: list[Pair]
    """All spans of both in order."""
