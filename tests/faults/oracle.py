"""The one question of these tests: what has ended has arrived, or it is known where it is.

Ended spans = delivered + still in the outbox + dead letters + counted drops; user code sees no exception; and a process
that ends takes at most `shutdown_timeout` and one second.
"""

import itertools
import os
import signal
import textwrap
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer
from typing import NamedTuple

from endpoint import Endpoint
from ledger import TICK_S, Entry, read
from programs import Printed, finish, start_program

__all__ = ["EXIT_S", "GRACE_NS", "End", "Ending", "Scene", "grace_ns"]

EXIT_S = 3.0
"""`shutdown_timeout` and a second."""

GRACE_NS = 100_000_000
"""What ended so shortly before the process was killed may be lost with `durability="async"`."""

HERE = Path(__file__).resolve().parent

SETTLE = """
import time
tcc.configure()
time.sleep(0.3)
report = tcc.flush(30)
assert report.waiting == 0, report
"""
"""A program that delivers what it finds, and has nothing of its own."""


class Scene:
    """An outbox directory, a ledger, an endpoint, and programs that know them."""

    def __init__(self, directory: Path, endpoint: Endpoint) -> None:
        self.outbox = directory / "outbox"
        self.ledger = directory / "ledger"
        self.endpoint = endpoint
        self._programs: list[Popen[str]] = []

    @property
    def environ(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        return {
            "TCC_URL": self.endpoint.url,
            "TCC_OUTBOX_DIR": str(self.outbox),
            "LEDGER": str(self.ledger),
            "PYTHONPATH": path,
        }

    def start(self, source: str, *, first: str = "", **environ: str) -> "Popen[str]":
        """Start a program that has everything of `workloads`; `first` is what it does before that is imported."""
        program = textwrap.dedent(first) + "\nfrom workloads import *\n" + textwrap.dedent(source)
        started = start_program(program, stdin=PIPE, **{**self.environ, **environ})
        self._programs.append(started)
        return started

    def close(self) -> None:
        """End the programs that a test which failed has left."""
        for program in self._programs:
            if program.poll() is None:
                program.kill()
            for pipe in (program.stdin, program.stdout, program.stderr):
                pipe.close()
            program.wait()

    def run(self, source: str, *, first: str = "", **environ: str) -> Printed:
        """Run one to its end; it must exit with 0."""
        return finish(self.start(source, first=first, **environ))

    def files(self) -> list[Path]:
        """The outboxes that are in the directory."""
        return sorted(self.outbox.glob("*.outbox"))

    def settle(self, timeout: float = 60) -> None:
        """Have what is left in the outbox delivered, by other processes, until there are no files any more."""
        self.endpoint.up()
        deadline = time.monotonic() + timeout
        left = self.files()
        while True:
            self.run(SETTLE)
            before, left = left, self.files()
            if not left:
                return
            if len(left) < len(before):
                deadline = time.monotonic() + timeout
            assert time.monotonic() < deadline, f"nobody takes {[path.name for path in left]}"

    def entries(self) -> list[Entry]:
        return read(self.ledger)

    def ended(self) -> set[str]:
        return {entry.ids for entry in self.entries() if entry.what == "ended"}

    def check(
        self,
        *,
        killed: Mapping[int, int] | None = None,
        safe_until: Mapping[int, int] | None = None,
        counted: int = 0,
    ) -> None:
        """Nothing but `counted` spans is missing, and what arrived holds together.

        Args:
            killed: When processes were killed; what began or ended in the last 100 ms before that may be missing.
            safe_until: Where that is promised: until when nothing that ended may be missing; by default, ever.
            counted: Drops that the programs themselves have counted.
        """
        arrived, entries = self.endpoint.spans, self.entries()
        assert self.endpoint.errors == []
        deaths = killed or {}
        open_until = {pid: at_ns - grace_ns(entries, pid, at_ns) for pid, at_ns in deaths.items()}
        if safe_until is None:
            safe_until = open_until

        ended = {entry.ids: entry for entry in entries if entry.what == "ended"}
        old = {ids for ids, entry in ended.items() if is_before(entry, safe_until)}
        missing = {ended[ids] for ids in old - arrived.keys()}
        assert len(missing) <= counted, f"{len(missing)} of {len(old)} are lost: {told(missing, deaths)}"

        # A shutdown ends what is open before the program's own `.end()` does, which then says that it comes late.
        overwritten = {ended[ids] for ids in old & arrived.keys() if arrived[ids].incomplete == "process_died"}
        assert not overwritten, f"ended, but marked incomplete: {told(overwritten, deaths)}"

        begun = {entry.ids: entry for entry in entries if entry.what == "began"}
        # What is marked had been written, and its process killed before it could note that it began.
        strange = {ids for ids in arrived.keys() - begun.keys() if not arrived[ids].incomplete}
        assert not strange, "something arrived that nobody began"

        open_ones = {e.ids for e in begun.values() if e.noun != "ToolCall" and is_before(e, open_until)} - ended.keys()
        gone = {begun[ids] for ids in open_ones - arrived.keys()}
        assert not gone, f"left open and gone: {told(gone, deaths)}"
        # Without the mark it was ended, and the process was killed before it could note that.
        unmarked = [arrived[ids] for ids in open_ones if arrived[ids].incomplete and arrived[ids].status != "ERROR"]
        assert not unmarked, f"left open, and no error: {unmarked}"

        # Not even of those that may be missing: what is above a span is written with it, or before.
        orphans = {ids for ids, span in arrived.items() if span.parent and span.parent not in arrived}
        assert not orphans or counted, f"{len(orphans)} spans have a parent that is nowhere: " + "; ".join(
            f"{arrived[ids].name!r}{' (incomplete)' * bool(arrived[ids].incomplete)} in {traced(ids, entries, deaths)}"
            for ids in sorted(orphans)[:8]
        )


def grace_ns(entries: list[Entry], pid: int, at_ns: int) -> int:
    """100 ms; more where it is busy, as a writer needs the interpreter some 20 times, and may wait for it each time."""
    ticks = [entry.time_ns for entry in entries if entry.pid == pid and entry.what == "ticked"]
    times = [time_ns for time_ns in ticks if at_ns - 10**9 < time_ns < at_ns]
    gaps = [later - earlier for earlier, later in itertools.pairwise([*times, at_ns])]
    return GRACE_NS + 20 * max(0, max(gaps, default=0) - int(TICK_S * 1e9))


class End(NamedTuple):
    """How a program ended."""

    code: int
    took_s: float
    """Without what it waited for a processor that other programs had."""
    starved_s: float
    """For how long it waited for that."""
    err: str

    def __str__(self) -> str:
        seconds = f"{self.took_s:.2f} s, and {self.starved_s:.2f} s for want of a processor"
        return f"exit code {self.code} after {seconds}; it wrote:\n{self.err}"


class Ending:
    """A program that is ending from now on."""

    def __init__(self, program: "Popen[str]") -> None:
        self._program = program
        self._began = time.monotonic()
        self._starved_s = self._starved()

    def seen(self) -> End:
        """Wait for its end. If that takes long, what it wrote has the stacks of its threads, where it can show them."""
        pid = self._program.pid
        late = [Timer(EXIT_S, os.kill, (pid, signal.SIGUSR1)), Timer(30, os.kill, (pid, signal.SIGKILL))]
        for each in late:
            each.start()
        err = self._program.stderr.read()
        for each in late:
            each.cancel()
        took_s, starved_s = time.monotonic() - self._began, max(0.0, self._starved() - self._starved_s)
        return End(self._program.wait(30), took_s - starved_s, starved_s, err)

    def _starved(self) -> float:
        """For how many seconds its main thread could have run so far, and others did; 0 where no system tells that."""
        try:
            return int(Path(f"/proc/{self._program.pid}/schedstat").read_text().split()[1]) / 1e9
        except OSError:
            return 0.0


def is_before(entry: Entry, until: Mapping[int, int]) -> bool:
    return entry.pid not in until or entry.time_ns < until[entry.pid]


def told(entries: Iterable[Entry], deaths: Mapping[int, int]) -> list[str]:
    """The first few, with how long before its process's death each was."""
    return [
        f"{entry.what} {entry.noun} {entry.ids} of {entry.pid}"
        + (f", {(deaths[entry.pid] - entry.time_ns) / 1e6:.1f} ms before its end" if entry.pid in deaths else "")
        for entry in sorted(entries)[:8]
    ]


def traced(ids: str, entries: list[Entry], deaths: Mapping[int, int]) -> list[str]:
    """All that the ledger has of the trace of a span."""
    trace = ids.partition("-")[0]
    return told([entry for entry in entries if entry.ids.startswith(trace)], deaths)
