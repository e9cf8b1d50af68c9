"""Records runs in memory, for tests of the programs that make them.

    from contextcompany.testing import capture

    def test_agent_searches():
        with capture() as captured:
            my_agent("What's the weather in Paris?")
        assert captured.run.response == "15 °C and cloudy."
        assert [call.name for call in captured.tool_calls] == ["search"]

In pytest, the fixture `tcc_capture` is such a capture around one test.
"""

from __future__ import annotations

import itertools
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.id_generator import IdGenerator

from contextcompany import _configure
from contextcompany._delivery import Report
from contextcompany._foreign import changed
from contextcompany._identity import RunIdentity
from contextcompany._pipeline import OTelPipeline, policy_now
from contextcompany._reading import (
    Recorded,
    RecordedFeedback,
    RecordedRun,
    RecordedStep,
    RecordedTokens,
    RecordedToolCall,
    read_feedback,
    read_loose,
    read_runs,
    walk,
)
from contextcompany._recording import open_runs
from contextcompany._settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span, SpanContext

    from contextcompany._settings import Destination
    from contextcompany._span import RecordedSpan

__all__ = [
    "Capture",
    "RecordedFeedback",
    "RecordedRun",
    "RecordedStep",
    "RecordedTokens",
    "RecordedToolCall",
    "capture",
]

_START_NS = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z, when the clock of a deterministic capture starts."""

_TICK_NS = 1_000_000
"""What it advances by at each reading: 1 ms."""


@contextmanager
def capture(*, deterministic: bool = False) -> Iterator[Capture]:
    """Keep in memory what is recorded inside the block, in all threads and tasks; nothing is sent.

    Afterwards, whatever was in use before is in use again. Captures nest: the innermost one records. A run is recorded
    when it ends, and where it started: one that was open before the block is not in it.

    What is kept is what would be sent: content is captured, redacted and cut as it is configured, or as the environment
    says. Other settings and `TCC_*` variables do not apply, nor does what the block configures; a key or URL given to a
    run shows as its `destination`. What tokens cost is calculated as always. Of other instrumentation, what
    `instrument()` switched on is recorded too.

    Args:
        deterministic: Make whole values comparable with `==`: ids are UUIDs that count up from
            00000000-0000-4000-8000-000000000001 and span ids count up from 1 (but a run's is made from its run id), and
            the clock starts at 2025-01-01T00:00:00Z and advances by 1 ms whenever it is read.
    """
    memory = _Memory()
    pipeline = _CountingPipeline(memory) if deterministic else OTelPipeline(Settings(), {}, memory)
    pipeline.policy = policy_now()
    before = _configure.use(pipeline)
    try:
        yield Capture(memory, pipeline)
    finally:
        _configure.use(before)


class Capture:
    """What was recorded so far. Each reading gives new values, as of that moment; any thread may read."""

    def __init__(self, memory: _Memory, pipeline: OTelPipeline) -> None:
        self._memory = memory
        self._pipeline = pipeline

    @property
    def runs(self) -> list[RecordedRun]:
        """The runs that ended and are in no other run, in order of start."""
        memory = self._memory
        return read_runs(list(memory.spans), list(memory.logs), memory.destinations)

    @property
    def run(self) -> RecordedRun:
        """The only run.

        Raises:
            AssertionError: there is none, or more than one.
        """
        runs = self.runs
        if len(runs) == 1:
            return runs[0]
        still_open = sum(run is not None and run._pipeline is self._pipeline for run in _open_runs())  # noqa: SLF001
        hint = f"; {still_open} did not end yet" if still_open else ""
        raise AssertionError(f"Expected one run, got {len(runs)}{hint}.")

    @property
    def steps(self) -> list[RecordedStep]:
        """The steps that ended, wherever they are, in order of start."""
        return [each for each in self._everything() if isinstance(each, RecordedStep)]

    @property
    def tool_calls(self) -> list[RecordedToolCall]:
        """The tool calls that ended, wherever they are, in order of start."""
        return [each for each in self._everything() if isinstance(each, RecordedToolCall)]

    @property
    def feedback(self) -> list[RecordedFeedback]:
        """The feedback, in the order it was given."""
        return read_feedback(list(self._memory.logs), self._memory.destinations)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The OpenTelemetry spans, in the order they ended."""
        return list(self._memory.spans)

    def clear(self) -> None:
        """Forget what was recorded so far. Counted ids and the clock go on."""
        self._memory.spans.clear()
        self._memory.logs.clear()
        self._memory.destinations.clear()

    def _everything(self) -> list[Recorded]:
        spans, destinations = self.spans, self._memory.destinations
        top = [*read_runs(spans, (), destinations), *read_loose(spans, destinations)]
        return sorted(walk(top), key=lambda each: each.start_ns)

    def __repr__(self) -> str:
        return f"<Capture of {len(self._memory.spans)} spans>"


class _Memory:
    """A delivery that delivers nothing."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.logs: list[ReadWriteLogRecord] = []
        self.destinations: dict[int, Destination] = {}  # by the id of what went there

    def put_span(self, span: ReadableSpan, destination: Destination | None) -> None:
        if destination is not None:
            self.destinations[id(span)] = destination
        self.spans.append(span)

    def put_recorded(self, span: RecordedSpan, destination: Destination | None, size: int) -> None:  # noqa: ARG002 - the interface
        self.put_span(span.readable(), destination)

    def put_log(self, record: ReadWriteLogRecord, destination: Destination | None) -> bool:
        if destination is not None:
            self.destinations[id(record)] = destination
        self.logs.append(record)
        return True

    def opened(self, span: SpanContext, recording: object, *, is_run: bool) -> None:
        """What is open is nobody's business."""

    def left(self, span: SpanContext) -> None:
        """Nor what is not."""

    def write(self) -> None:
        """It is written as soon as it is put."""

    def flush(self, timeout: float) -> Report:  # noqa: ARG002 - the interface
        return Report(len(self.spans) + len(self.logs), 0, 0)

    shutdown = flush


class _CountingPipeline(OTelPipeline):
    """A pipeline whose ids and times are counted."""

    def __init__(self, memory: _Memory, settings: Settings = Settings()) -> None:  # noqa: B008 - it is frozen
        ids, self._span_ids, ticks = itertools.count(1), itertools.count(1), itertools.count()
        super().__init__(
            settings,
            {},
            memory,
            now=lambda: _START_NS + next(ticks) * _TICK_NS,
            new_id=lambda: str(uuid.UUID(int=next(ids), version=4)),
        )
        self._foreign_ids = _CountedIds(self._span_ids)

    def foreign_span_ended(self, span: ReadableSpan, destination: Destination | None) -> None:
        super().foreign_span_ended(changed(span, end_time=self.now()), destination)

    def start_span(self, name: str, *, identity: RunIdentity | None = None, **kwargs: Any) -> Span:
        # Only runs come with an identity. The trace id of anything else is that of its parent.
        return super().start_span(name, identity=identity or RunIdentity(1, next(self._span_ids)), **kwargs)


class _CountedIds(IdGenerator):
    """Ids for spans of other instrumentation, from the same count."""

    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids

    def generate_span_id(self) -> int:
        return next(self._ids)

    def generate_trace_id(self) -> int:
        return next(self._ids)


def _open_runs() -> list[Any]:
    return [reference() for reference in list(open_runs.values())]
