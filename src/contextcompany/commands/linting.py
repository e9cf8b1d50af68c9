"""`contextcompany lint`: what is wrong with an export, by whomever, and what other back ends would miss."""

from __future__ import annotations

import errno
import signal
import sys
import textwrap
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from contextcompany import _words
from contextcompany._terminal import Terminal, terminal_of
from contextcompany.commands import CommandError, say
from contextcompany.linting import LEVELS, RULES, Linter
from contextcompany.linting.listening import listening
from contextcompany.linting.report import Report
from contextcompany.observatory import files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from contextcompany.linting import Level
    from contextcompany.linting.listening import Listener
    from contextcompany.linting.report import Group
    from contextcompany.observatory.files import Part

__all__ = ["lint"]

_STYLES: Final = {"violation": "red", "improvement": "yellow", "information": "cyan"}


def lint(options: argparse.Namespace) -> int:
    """Check files, or what comes; exits with 1 if there are violations."""
    if options.rules:
        _say_rules(as_json=options.json)
        return 0
    if bool(options.files) == (options.listen is not None):
        raise CommandError("Name files, - for standard input, or give --listen.", code=2)
    if options.listen is None and (options.seconds is not None or options.count is not None):
        raise CommandError("--for and --count are for --listen.", code=2)
    report = _listened(options) if options.listen is not None else _checked(options)
    return 1 if report.counts["violation"] else 0


# --- files -----------------------------------------------------------------------------------------------------------


def _checked(options: argparse.Namespace) -> Report:
    """All files are one export: what is the parent of a span may be in another."""
    linter, report = Linter(), Report()
    for name in options.files:
        with _input(name) as file:
            for part in files.parts(file, time.time_ns()):
                placed = part if len(options.files) == 1 else part._replace(place=f"{name}, {part.place}")
                report.note(placed)
                report.add(linter.take(placed))
    report.add(linter.finish())
    if options.json:
        say(_as_json(report, options.level))
    else:
        terminal = terminal_of(sys.stdout)
        for group in report.groups(options.level):
            say(_shown(group, terminal))
        say(_summary(report, options.level))
    return report


@contextmanager
def _input(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(name, "rb", buffering=0) as file:  # noqa: PTH123 - a name as it was given
            yield file
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror or error}.", code=2) from error


# --- what comes ------------------------------------------------------------------------------------------------------


def _listened(options: argparse.Namespace) -> Report:
    """Say what is new as it comes, and at the end what spans are to each other, and how much there was of all."""
    linter, report = Linter(), Report()
    with _listener(options.listen) as listener, _ended_by_ctrl_c(listener):
        _begin(listener.url, as_json=options.json)
        for part in _as_many(listener.parts(options.seconds), options.count):
            report.note(part)
            _say_new(report.add(linter.take(part)), options)
    _say_new(report.add(linter.finish()), options)
    if options.json:
        say(_as_json(report, options.level), indent=None)
    else:
        say(_summary(report, options.level))
    return report


@contextmanager
def _listener(port: int) -> Iterator[Listener]:
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(listening(port))
        except OSError as error:
            why = f"Port {port} cannot be listened at: {error.strerror or error}."
            if error.errno == errno.EADDRINUSE:
                why = f"Something listens at port {port} already."
            raise CommandError(f"{why} Give another: --listen PORT.", code=2) from error
        yield listener


@contextmanager
def _ended_by_ctrl_c(listener: Listener) -> Iterator[None]:
    """What was answered before the first Ctrl-C is checked; the second one ends everything at once."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        listener.stop()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _as_many(parts: Iterable[Part], most: int | None) -> Iterator[Part]:
    for number, part in enumerate(parts, 1):
        yield part
        if number == most:
            return


def _begin(url: str, *, as_json: bool) -> None:
    if as_json:
        say({"url": url}, indent=None)
    else:
        say(f"What is sent to {url} is checked, and kept nowhere. OTEL_EXPORTER_OTLP_ENDPOINT={url} sends it here.")
        say("Ctrl-C ends it.\n")
    sys.stdout.flush()


def _say_new(groups: Iterable[Group], options: argparse.Namespace) -> None:
    terminal = terminal_of(sys.stdout)
    for group in groups:
        if LEVELS.index(group.level) > LEVELS.index(options.level):
            continue
        say(_group_as_json(group) if options.json else _shown(group, terminal), indent=None)
    sys.stdout.flush()


# --- how it is said --------------------------------------------------------------------------------------------------


def _shown(group: Group, terminal: Terminal) -> str:
    """A few lines: the rule and how often, what is wrong and what to do, what others miss, and an example."""
    times = "" if group.times == 1 else f", {group.times:,} times"
    head = terminal.styled(f"{group.level}: {group.rule}", _STYLES[group.level]) + times
    texts = [
        f"{group.message} {group.advice}",
        f"Others miss {group.missed}.",
        terminal.styled(_place(group, terminal), "dim"),
    ]
    width = terminal.width if terminal.has_edge else 100
    lines = [line for text in texts for line in textwrap.wrap(terminal.safe(text), width - 2)]
    return "\n".join([head, *(f"  {line}" for line in lines)]) + "\n"


def _place(group: Group, terminal: Terminal) -> str:
    name, span_id, trace_id = group.example.name, group.example.span_id, group.example.trace_id
    ids = [f"span {span_id}" if span_id else "", f"trace {trace_id}" if trace_id else ""]
    what = terminal.safe(name)[:80]
    said = ", ".join(each for each in (what, *ids) if each)
    return f"{'In' if group.times == 1 else 'First in'} {group.example.place}{f': {said}' if said else '.'}"


def _summary(report: Report, level: Level) -> str:
    both = (report.spans, "span"), (report.logs, "log record")
    checked = [_words.counted(number, what) for number, what in both if number] or ["nothing"]
    found = [_words.counted(report.counts[each], each) for each in LEVELS if each != "information"]
    said = f"Checked {' and '.join(checked)}: {' and '.join(found)}."
    wanted = LEVELS.index(level) + 1
    left_out = sum(report.counts[each] for each in LEVELS[:wanted]) - sum(each.times for each in report.groups(level))
    if left_out:
        said += f" There were too many different ones: {left_out:,} are not shown."
    hidden = sum(report.counts[each] for each in LEVELS[wanted:])
    return said if not hidden else f"{said} --level information shows {hidden:,} more."


def _as_json(report: Report, level: Level) -> dict[str, Any]:
    return {
        "spans": report.spans,
        "logs": report.logs,
        "counts": report.counts,
        "findings": [_group_as_json(group) for group in report.groups(level)],
    }


def _group_as_json(group: Group) -> dict[str, Any]:
    return {**group._asdict(), "example": group.example._asdict()}


def _say_rules(*, as_json: bool) -> None:
    if as_json:
        say([rule._asdict() for rule in RULES])
        return
    terminal = terminal_of(sys.stdout)
    for level in LEVELS:
        say(terminal.styled(level, _STYLES[level]))
        say("\n".join(_words.aligned([(rule.id, rule.brief) for rule in RULES if rule.level == level])) + "\n")
