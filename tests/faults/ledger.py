"""What programs began and ended, in a file that survives them: the programs write it, the oracle reads it."""

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["TICK_S", "Entry", "Ledger", "read"]

TICK_S = 0.02
"""How often a thread notes that it gets the processor."""


class Entry(NamedTuple):
    """One line: when which process began or ended which span, or was awake."""

    time_ns: int
    pid: int
    what: str
    noun: str
    ids: str
    """Trace id and span id, as `Span.ids` of what arrived has them."""


class Ledger:
    """Lines go to the file one by one and without fsync, so what a process wrote stays when it is killed.

    A file that was opened may be inherited by forked children: each line is written by one call, at the end.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def began(self, recording: Any) -> None:
        """Note that a run, step or tool call has been started."""
        self._write("began", recording)

    def ended(self, recording: Any) -> None:
        """Note that `.end()` has returned."""
        self._write("ended", recording)

    def ticked(self) -> None:
        """Note that a thread which sleeps most of the time has just been awake."""
        os.write(self._file, f"{time.time_ns()} {os.getpid()} ticked - -\n".encode())

    def _write(self, what: str, recording: Any) -> None:
        span = recording.span.get_span_context()
        noun = type(recording).__name__
        line = f"{time.time_ns()} {os.getpid()} {what} {noun} {span.trace_id:032x}-{span.span_id:016x}\n"
        os.write(self._file, line.encode())


def read(path: Path) -> list[Entry]:
    """All lines so far."""
    if not path.exists():
        return []
    fields = [line.split() for line in path.read_text().splitlines()]
    return [Entry(int(time_ns), int(pid), what, noun, ids) for time_ns, pid, what, noun, ids in fields]
