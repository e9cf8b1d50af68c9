"""What queries answer, and pages, the JSON API and the command line show: values whose fields say what they hold."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from contextcompany.observatory.otlp_json import encodable

if TYPE_CHECKING:
    from contextcompany.observatory.fold import Fact, Message
    from contextcompany.observatory.otlp import Log, Span

__all__ = [
    "About",
    "Bar",
    "Change",
    "Changes",
    "Columns",
    "Comparison",
    "Completion",
    "Dashboard",
    "Deleted",
    "Failure",
    "Failures",
    "Feedback",
    "FeedbackPage",
    "Found",
    "Histogram",
    "Hit",
    "Hits",
    "Kept",
    "Key",
    "Opinion",
    "Pair",
    "Problem",
    "Refused",
    "Repriced",
    "Run",
    "RunChanges",
    "RunPage",
    "Search",
    "Selection",
    "Session",
    "SessionDetail",
    "SessionPage",
    "SpanDetail",
    "SpanLine",
    "Stat",
    "Stats",
    "ToolCall",
    "ToolCallPage",
    "Total",
    "Turn",
    "Value",
    "Whole",
    "as_json",
]

_MAX_DEPTH: Final = 200
"""orjson writes a little more, and raises beyond."""


def as_json(value: Any) -> bytes:
    """A context as JSON: an object of its fields.

    Bytes become base64; the `raw` ones of spans and logs are left out. Numbers that JSON has not become null, integers
    of more than 64 bits text, and halves of a character U+FFFD.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except orjson.JSONEncodeError:
        return orjson.dumps(_flat(value, 0), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: each for name, each in zip(value._fields, value, strict=True) if name != "raw"}
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value))


def _flat(value: Any, depth: int) -> Any:
    """The value as orjson can write it, with a sentence in place of what is nested too deep."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        value = _plain(value)
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    if depth >= _MAX_DEPTH:
        return f"Nested deeper than {_MAX_DEPTH}: see the raw span."
    if isinstance(value, dict):
        return {_flat(key, depth): _flat(each, depth + 1) for key, each in value.items()}
    return [_flat(each, depth + 1) for each in value]


class Problem(NamedTuple):
    """Why a question is not answered."""

    message: str
    """A sentence for a person."""
    token: str | None = None
    """The part of the filter, or the value, that is wrong."""
    suggestion: str | None = None
    """What was perhaps meant."""


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
    price_table: str | None
    """By which costs that nobody said were calculated; None when none was."""
    prompt: str | None
    response: str | None
    top: str
    """The span it is shown as."""
    is_counting: bool
    """Whether spans have come since the counts here were made, which follows within a second or two."""
    feedback: str | None = None
    """The newest score that a person gave: thumbs_up, thumbs_down, or another word or number."""
    feedback_count: int = 0
    waiting_ns: int | None = None
    """Since when it waits for a person, as it said; None when it does not. It is running, and never lost."""


class RunPage(NamedTuple):
    """Some of the runs that a filter lets through."""

    runs: list[Run]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""
    search: Search | None
    """Of a filter with free text."""
    change: str
    """The newest change that is in it: `since` of the events that go on from here."""


class Changes(NamedTuple):
    """What has happened to runs."""

    runs: list[Run]
    """Those that are new or have changed, and that the filter lets through."""
    gone: list[str]
    """Trace ids of those that were deleted, or that the filter does not let through as they are now."""
    change: int
    """The newest change that is in it."""
    is_all: bool
    """Whether it is the newest that there is."""
    is_behind: bool = False
    """More has happened than is told one by one: read the list anew."""


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
    first_ns: int | None = None
    """After how long the first of its answer came."""
    waits: list[list[int]] = []  # noqa: RUF012 - never changed
    """From when until when it waited for a person, each in nanoseconds after it started."""


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
    change: str
    """The newest change that is in it: `since` of the events that go on from here."""


class RunChanges(NamedTuple):
    """What has happened in a run."""

    run: Run
    spans: list[SpanLine]
    """Those that are new, have changed, or hang elsewhere."""
    feedback: list[Feedback]
    """All of it."""
    change: tuple[int, int]
    """The newest change that is in it: when a span came, and its row."""
    newest_ns: int
    """When the newest of all spans came."""
    is_all: bool
    """Whether it is the newest that there is."""


class Columns(NamedTuple):
    """`Whole` with one list per field of its spans, which is a third of the bytes."""

    run: Run
    spans: dict[str, list[Any]]
    """By the fields of `SpanLine`; all lists are of the same length."""
    feedback: list[Feedback]
    change: str


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


class SessionPage(NamedTuple):
    """Some sessions, the one with the newest run first."""

    sessions: list[Session]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""


class Turn(NamedTuple):
    """A run in its session."""

    run: Run
    feedback: list[Feedback]
    input: list[Message] | None = None
    """All that was asked; read on demand."""
    output: list[Message] | None = None
    """All that was answered; read on demand."""


class SessionDetail(NamedTuple):
    """A session with its runs in the order in which they started."""

    session: Session
    turns: list[Turn]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""


class FeedbackPage(NamedTuple):
    """Some feedback, newest first."""

    feedback: list[Feedback]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""


class Opinion(NamedTuple):
    """Feedback to be kept."""

    run_id: str
    """The run's id, or its trace's. It may arrive later."""
    span_id: str | None = None
    """The span it is about; None when it is about the run."""
    label: str | None = None
    """The score in a word: thumbs_up, thumbs_down, or another."""
    value: float | None = None
    """The score as a number; 1 and 0 for the thumbs unless it is given."""
    text: str | None = None
    """What the person writes."""


class Kept(NamedTuple):
    """Where feedback was put."""

    trace_id: str
    span_id: str


class Selection(NamedTuple):
    """Which runs are meant: either of these."""

    ids: list[str] | None = None
    """Runs by their ids, or their traces'."""
    filter: str | None = None
    """All that a filter lets through."""


class Deleted(NamedTuple):
    """What is gone."""

    runs: int


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


class ToolCallPage(NamedTuple):
    """Some tool calls, newest first."""

    tool_calls: list[ToolCall]
    next: str | None
    """What to give as `after` for those that follow; None when these are the last."""


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


class Failures(NamedTuple):
    """What failed, the most frequent first."""

    failures: list[Failure]


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


class Dashboard(NamedTuple):
    """What happened in a time."""

    by: str
    """agent, model or tool, when `runs`, `bars` and `whole` are of one of them; empty: all."""
    name: str | None
    """Of which."""
    since_ns: int
    until_ns: int
    width_ns: int
    """Of each bar."""
    runs: list[Bar]
    """When runs started that have it."""
    bars: list[Stat]
    """What was counted, one after the other without gaps: of runs, inner ones included, or of calls."""
    whole: Stat
    """All of it together."""
    agents: list[Stat]
    """By agent, whoever did most first; tokens and cost are those of all that its runs did."""
    models: list[Stat]
    tools: list[Stat]


class Repriced(NamedTuple):
    """Costs that were calculated anew."""

    price_table: str
    """By which."""
    runs: int
    """Whose costs were calculated, or not known: what was provided stays."""
    changed: int
    """Whose cost is another now."""
    before: float
    """What those that changed cost together, in USD, as far as it was known."""
    after: float
    """What they cost now."""
    unpriced: int
    """Calls whose price is not known now either."""
    models: list[str]
    """The models of those, the most frequent first; empty for one that no span names."""


class About(NamedTuple):
    """The file, and what is in it."""

    path: str
    bytes: int
    free_bytes: int
    """What of that is free, and is used next or given back to the disk."""
    log_bytes: int
    """What SQLite keeps beside it, to be put into it: its write-ahead log."""
    runs: int
    spans: int
    texts: int
    """Long texts, each kept once."""
    oldest_ns: int | None
    """When the first run started that is still there; None when there is none."""
    newest_ns: int | None
    max_age_s: float | None
    """Runs that are older go, as the Observatory was told that last received here; None: none for their age."""
    max_bytes: int | None
    """The oldest runs go when more is used; None: none for room."""
    pruned_runs: int
    """Runs that went for their age or for room."""
    pruned_before_ns: int | None
    """When the youngest of them started; None when none went."""
    refused_snapshots: int
    """Snapshots that came after their final span, and were not kept."""
    trailing: int
    """Texts that search does not find yet."""
    trailing_s: float
    """For how long the oldest of them has been waiting."""
    price_table: str
    """The one that is installed. Each run says by which its costs were calculated."""
    schema_version: int
    """Of the tables in the file."""
    version: str
    """Of the installed contextcompany."""


class Hit(NamedTuple):
    """A text that was found."""

    trace_id: str
    run: str
    start_ns: int
    excerpt: str


class Stats(NamedTuple):
    """Counts over time."""

    by: str
    """agent, model or tool; empty: all runs together."""
    since_ns: int
    until_ns: int
    hours: int
    """How many hours are counted together."""
    stats: list[Stat]


class Bar(NamedTuple):
    """Runs that started from a moment on, until that of the next bar."""

    start_ns: int
    runs: int
    errors: int
    """How many of them have errors."""


class Histogram(NamedTuple):
    """When runs started."""

    width_ns: int
    """Of each bar."""
    bars: list[Bar]
    """Without gaps; empty when there are no runs."""


class Key(NamedTuple):
    """Something that a filter may ask for."""

    name: str
    about: str


class Value(NamedTuple):
    """Something that a key may be."""

    value: str
    runs: int | None
    """In how many runs it occurs; None when they were not counted."""


class Completion(NamedTuple):
    """What may come next in a filter."""

    keys: list[Key]
    values: list[Value]


class Found(NamedTuple):
    """Spans of a run in which something was said."""

    span_ids: list[str]
    """In the order in which they arrived."""
    looked: int
    """In so many spans was looked, as time allowed."""
    spans: int
    """So many there are."""


class Hits(NamedTuple):
    """The newest texts that were found."""

    hits: list[Hit]
    search: Search


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
