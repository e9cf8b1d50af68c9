"""`contextcompany export`, `import` and `diff`: runs go out of the Observatory's file, come in, and are compared."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from contextcompany import _words
from contextcompany._terminal import terminal_of
from contextcompany.commands import CommandError, naming, nothing, say
from contextcompany.commands.comparison import shown
from contextcompany.commands.store import default_path, opened, say_context
from contextcompany.observatory import comparing, exporting, files, gates, importing, queries
from contextcompany.observatory.importing import Refusal, Report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from contextcompany.observatory.contexts import Whole
    from contextcompany.observatory.exporting import Export
    from contextcompany.observatory.store import Store

__all__ = ["diff", "export", "import_"]


# --- export ----------------------------------------------------------------------------------------------------------


def export(options: argparse.Namespace) -> int:
    """Write runs to a file, or to where the output goes."""
    size = 0
    with opened(options) as store:
        found = _chosen(store, options)
        with _output(options.output) as file:
            for piece in found.content:
                file.write(piece)
                size += len(piece)
    if options.output is not None:
        said = f"Wrote {_words.size(size)} to {options.output}."
        say({"file": str(options.output), "bytes": size} if options.json else said)
    elif not size:
        return nothing("There is nothing to export.")
    return 0


def _chosen(store: Store, options: argparse.Namespace) -> Export:
    if options.runs and options.filter is not None:
        raise CommandError("Name runs, or give a --filter, not both.", code=2)
    if options.runs:
        return exporting.of_runs(store, [naming.meant(store, each) for each in options.runs], options.format)
    if options.filter is None:
        return exporting.everything(store, options.format)
    return exporting.of_runs(store, queries.trace_ids(store, options.filter), options.format)


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # what people said is in it
        with open(descriptor, "wb") as file:  # noqa: PTH123 - by its descriptor
            yield file
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


# --- import ----------------------------------------------------------------------------------------------------------


def import_(options: argparse.Namespace) -> int:
    """Take in files; what cannot be taken, a whole file too, is said, and the rest is taken."""
    path = options.db or default_path()
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    path.touch(0o600)
    reports = {}
    with opened(options, can_write=True) as store:
        for name in options.files:
            reports[name] = _import(store, name, is_quiet=options.json)
            if not options.json:
                _tell(name, reports[name])
    if options.json:
        say_context([{"file": name} | report._asdict() for name, report in reports.items()])
    return 1 if any(report.refused for report in reports.values()) else 0


def _import(store: Store, name: str, *, is_quiet: bool) -> Report:
    try:
        with _input(name) as (file, size, now_ns):
            bar = _Bar(name, file, size, is_shown=sys.stderr.isatty() and not is_quiet)
            try:
                return importing.load(store, files.parts(file, now_ns), bar.tell)
            finally:
                bar.clear()
    except OSError as error:
        return Report(0, 0, 0, 1, [Refusal("the file", f"It cannot be read: {error.strerror or error}.")])


@contextmanager
def _input(name: str) -> Iterator[tuple[BinaryIO, int, int]]:
    """A file, its size, and when it was written; `-` is what comes in, of which neither is known."""
    if name == "-":
        yield sys.stdin.buffer, 0, time.time_ns()
        return
    with open(name, "rb", buffering=0) as file:  # noqa: PTH123 - a name as it was given
        about = os.fstat(file.fileno())
        yield file, about.st_size, about.st_mtime_ns


def _tell(name: str, report: Report) -> None:
    counts = [_words.counted(report.spans, "span"), _words.counted(report.logs, "log record")]
    taken = " and ".join(each for each in counts if not each.startswith("0 ")) or "nothing"
    say(f"{name}: took {taken}" + (f"; {report.refused:,} refused" if report.refused else "") + ".")
    sys.stdout.flush()  # before what follows on the other stream
    terminal = terminal_of(sys.stderr)
    for place, reason in report.refusals:
        _note(f"  {place}: {terminal.safe(reason)}")
    if report.refused > len(report.refusals):
        _note(f"  and {report.refused - len(report.refusals):,} more")


class _Bar:
    """How far a file has been read, on one line of a terminal."""

    _EVERY_S: Final = 0.1

    def __init__(self, name: str, file: BinaryIO, size: int, *, is_shown: bool) -> None:
        self._name = name
        self._file = file
        self._size = size
        self._is_shown = is_shown
        self._began = self._told_at = time.monotonic()

    def tell(self, report: Report) -> None:
        now = time.monotonic()
        if not self._is_shown or now < self._told_at + self._EVERY_S:
            return
        self._told_at = now
        rate = report.parts / (now - self._began)
        said = f"{self._name}: {self._read()}{_words.counted(report.parts, 'line')}, {rate:,.0f} a second"
        self._draw(said[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        if self._is_shown:
            self._draw("")

    def _read(self) -> str:
        if not self._size:
            return ""
        at = self._file.tell()
        part = min(at / self._size, 1.0)
        return f"[{'#' * int(20 * part):20}] {part:4.0%} of {_words.size(self._size)}, "

    def _draw(self, text: str) -> None:
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


# --- diff ------------------------------------------------------------------------------------------------------------


def diff(options: argparse.Namespace) -> int:
    """Say what is different between two runs; fails when something is that must not be."""
    try:
        wanted = [gates.parse(each) for each in options.fail_on]
    except ValueError as error:
        raise CommandError(str(error), code=2) from error  # 1 says that the runs are different
    with opened(options) as store:
        found = comparing.compare(store, _whole(store, options.before), _whole(store, options.after))
    failed = [said for gate in wanted if (said := gates.broken(gate, found))]
    if options.json:
        say_context(found._asdict() | {"failed": failed})
    else:
        say(shown(found, terminal_of(sys.stdout), is_all=options.all))
        for each in failed:
            _note(f"✗ {each}")
    return 1 if failed else 0


def _whole(store: Store, run_id: str) -> Whole:
    found = queries.run(store, naming.meant(store, run_id))
    if found is None:
        raise CommandError(f"Run `{run_id}` was just deleted.")
    return found


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - a command prints
