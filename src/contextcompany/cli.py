"""The command `contextcompany`: what it takes, and which of `contextcompany.commands` does it."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sqlite3
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextcompany import _diagnostics
from contextcompany._version import __version__
from contextcompany.commands import CommandError, fail
from contextcompany.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_RUN = "a run's id or its trace's, how one of these begins, or `last`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    options = _options(arguments)
    _diagnostics.LOGGER.addHandler(logging.NullHandler())  # what goes wrong is in what is printed
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # cp1252, as files have it on Windows, has no check mark
    try:
        done = _do(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; the rest has to go somewhere at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except CommandError as error:
        return fail(str(error), as_json=options.json, code=error.code)
    except ConfigurationError as error:
        return fail(str(error), as_json=options.json)
    except (OSError, sqlite3.Error) as error:
        return fail(f"{options.place} cannot be read or written: {error}", as_json=options.json)
    except KeyboardInterrupt:
        return 130
    return done


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says. A part of a filter may start with `-`, as no option of ours does."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    filters = getattr(options, "filter", None)
    wrong = [each for each in rest if not isinstance(filters, list) or not _NEGATED.match(each)]
    if wrong:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    if isinstance(filters, list):
        filters += rest
    return options


_NEGATED = re.compile(r"-[a-z_]+[:<>=]")


def _do(options: argparse.Namespace) -> int:
    """What does the work is imported when it is used: `--help` is there at once."""
    module, _, function = options.do.partition(":")
    try:
        command = import_module(f"contextcompany.commands.{module}")
    except ModuleNotFoundError as error:
        said = f"The Observatory needs {error.name}, which is not installed: pip install 'contextcompany[observatory]'"
        return fail(said, as_json=options.json)
    done: int = getattr(command, function)(options)
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="contextcompany",
        description="Looks after what contextcompany records: where it goes, what waits to be sent, and what came.",
        epilog="Settings are taken from the environment, as a program without configure() does.",
    )
    parser.set_defaults(json=False)
    parser.add_argument("--version", action="version", version=f"contextcompany {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_outbox(commands)
    doctor = _add(
        commands,
        "doctor",
        "doctor:doctor",
        "say what is configured, and send a test run",
        "Shows every setting and where it came from, and sends one small run, marked as a test, to see whether it "
        "arrives. Exits with 1 if something keeps runs from arriving.",
    )
    doctor.add_argument("--url", help="where to send the test run, instead of where the environment says")
    doctor.add_argument("--api-key", metavar="KEY", help="the key to use; other users of this machine may see it here")
    _add_observatory(commands)
    _add_runs(commands)
    _add_lists(commands)
    _add_keeping(commands)
    _add_moving(commands)
    _add_lint(commands)
    return parser


def _add_observatory(commands: Any) -> None:
    observatory = _add(
        commands,
        "observatory",
        "observatory:serve",
        "receive runs here and keep them in one file",
        "Receives runs by OTLP/HTTP and keeps them in one SQLite file, until it is interrupted. On its own address and "
        "port, programs without any configuration are seen. Needs `pip install 'contextcompany[observatory]'`.",
    )
    observatory.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    observatory.add_argument("--port", type=_port, default=4318, help="the port; 0 takes a free one (4318)")
    _add_db(observatory)
    observatory.add_argument(
        "--max-size",
        type=_size,
        default=10 * 10**9,
        metavar="SIZE",
        help="what the file may use before the oldest runs are deleted, as 500MB or 20GB, or none (10GB)",
    )
    observatory.add_argument(
        "--max-age", type=_age, metavar="AGE", help="delete runs that are older, as 12h or 30d, or none (none)"
    )
    observatory.add_argument("--open", action="store_true", help="open it in the browser, if there is one")
    observatory.add_argument("--demo", action="store_true", help="fill it with demo runs, if there are none in it")
    observatory.add_argument(
        "--token", help="what requests must carry as `Authorization: Bearer …`; any address but loopback needs one"
    )


def _add_keeping(commands: Any) -> None:
    delete = _add(
        commands,
        "delete",
        "keeping:delete",
        "delete runs that the Observatory keeps",
        "Deletes runs with all that was said in them, and takes back what they added to the counts per hour. An "
        "Observatory may be running.",
    )
    _add_db(delete)
    delete.add_argument("run", nargs="*", metavar="RUN", help="a run's id, or its trace's")
    delete.add_argument("--filter", metavar="FILTER", help="all runs that it lets through, as 'agent:test since:1h'")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    prune = _add(
        commands,
        "prune",
        "keeping:prune",
        "delete old runs",
        "Deletes what is too old, and the oldest runs where there is too much. The counts per hour stay. A run is as "
        "old as the last that came of it. A running Observatory does it by itself.",
    )
    _add_db(prune)
    prune.add_argument("--max-age", type=_age, metavar="AGE", help="delete runs that are older, as 12h or 30d")
    prune.add_argument("--max-size", type=_size, metavar="SIZE", help="what the file may use, as 500MB or 10GB")
    backup = _add(
        commands,
        "backup",
        "keeping:backup",
        "copy the Observatory's file",
        "Writes a copy of the file as it is now, without free space. An Observatory may be running.",
    )
    _add_db(backup)
    backup.add_argument("file", type=Path, metavar="FILE", help="the copy, which must not exist")
    reprice = _add(
        commands,
        "reprice",
        "keeping:reprice",
        "calculate anew what runs cost",
        "Calculates costs anew by the price table of the installed genai-prices, at the time of each call. What was "
        "provided stays. An Observatory may be running.",
    )
    _add_db(reprice)
    reprice.add_argument("filter", nargs="*", metavar="FILTER", help="only these runs, as model:gpt-4o since:7d")
    reprice.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")


def _add_moving(commands: Any) -> None:
    export = _add(
        commands,
        "export",
        "moving:export",
        "write runs of the Observatory to a file",
        "Writes runs as OTLP JSON, exactly as they were received, which `import` takes back; as a line of JSON each, "
        "for jq and pandas; as Markdown, to read; or as HTML, which opens in a browser without a network. Without runs "
        "and without a filter, writes all there is.",
    )
    export.add_argument("runs", nargs="*", metavar="RUN", help=_RUN)
    export.add_argument("--filter", help="the runs that a filter lets through, as `status:error since:1d`")
    export.add_argument("--format", choices=("otlp", "jsonl", "markdown", "html"), default="otlp", help="(otlp)")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to; by default standard output")
    import_ = _add(
        commands,
        "import",
        "moving:import_",
        "take files in: OTLP, or the original SDK's payloads",
        "Takes OTLP in JSON or protobuf, and what the original SDK posts, in lines or as one document, gzipped or not, "
        "whatever the files are called. What was taken before is not taken twice, so an import that was interrupted is "
        "simply started again. Exits with 1 if something was refused; the rest is taken.",
    )
    import_.add_argument("files", nargs="+", metavar="FILE", help="a file; - is standard input")
    diff = _add(
        commands,
        "diff",
        "moving:diff",
        "say what is different between two runs",
        "Puts the steps and tool calls of two runs side by side, and says what is different in them and in the totals.",
    )
    diff.add_argument("before", metavar="A", help=_RUN)
    diff.add_argument("after", metavar="B", help="the run to compare it with, likewise")
    diff.add_argument("--all", action="store_true", help="also what is the same")
    diff.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="WHAT",
        help="exit with 1 if that changed: status, response, steps, tools, args, …; or grew by more, as cost+10%%, "
        "duration+2s, tokens+5%%; may be given several times",
    )
    for each in (export, import_, diff):
        _add_db(each)


def _add_lint(commands: Any) -> None:
    lint = _add(
        commands,
        "lint",
        "linting:lint",
        "check an export against the GenAI conventions",
        "Checks spans and events of any instrumentation against OpenTelemetry's GenAI conventions, and says what is "
        "wrong, what other back ends would miss and what to do. Takes OTLP in JSON or protobuf, gzipped or not, from "
        "files, or as it comes: `contextcompany lint --listen 4319 --for 60`. What an Observatory keeps is checked by "
        "`contextcompany export | contextcompany lint -`. Exits with 1 if there are violations, and with 2 if a file "
        "cannot be read or a port not be had.",
    )
    lint.add_argument("files", nargs="*", metavar="FILE", help="a file; - is standard input")
    lint.add_argument(
        "--listen",
        nargs="?",
        type=_port,
        const=4318,
        metavar="PORT",
        help="receive OTLP/HTTP on this machine and say what is found as it comes, until it is interrupted (4318)",
    )
    lint.add_argument("--for", type=_seconds, dest="seconds", metavar="S", help="listen for so many seconds")
    lint.add_argument("--count", type=_limit, metavar="N", help="listen for so many requests")
    lint.add_argument(
        "--level",
        choices=("violation", "improvement", "information"),
        default="improvement",
        help="say what is at least so bad (improvement)",
    )
    lint.add_argument("--rules", action="store_true", help="list what is checked, and check nothing")


def _add_outbox(commands: Any) -> None:
    outbox = _add(
        commands,
        "outbox",
        "outbox:status",
        "look into the outbox, send or delete what waits",
        "The outbox keeps what is recorded until it is sent. Each process has a file there; what an ended process "
        "could not send is sent by the next one. Without an action, says what waits.",
    )
    actions = outbox.add_subparsers(metavar="action")
    _add(actions, "status", "outbox:status", "say what waits (the default)", "Says what waits, and changes nothing.")
    flush = _add(
        actions,
        "flush",
        "outbox:flush",
        "send what ended processes left",
        "Sends what ended processes left for the place that the environment configures. Exits with 1 if something is "
        "left.",
    )
    flush.add_argument("--timeout", type=_seconds, default=30.0, metavar="S", help="seconds to take at most (30)")
    flush.add_argument(
        "--any-key", action="store_true", help="also what was meant for the same URL under another key or header"
    )
    dead = _add(
        actions,
        "dead",
        "outbox:dead",
        "list what a receiver refused for good",
        "Dead letters are spans and events that a receiver refused for good, while it took others.",
    )
    choice = dead.add_mutually_exclusive_group()
    choice.add_argument("--retry", action="store_true", help="put them back among what waits")
    choice.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write them as OTLP: JSON if the name ends with .json, else protobuf; they may hold what people said",
    )
    purge = _add(
        actions,
        "purge",
        "outbox:purge",
        "delete what waits",
        "Deletes what waits of ended processes, and the dead letters. Files of running processes are left alone.",
    )
    purge.add_argument("--dead", action="store_true", help="only the dead letters")
    purge.add_argument(
        "--older-than", type=_duration, default=0.0, metavar="AGE", help="only what is older, as 12h or 7d"
    )
    purge.add_argument("--yes", action="store_true", help="do not ask")


def _add_runs(commands: Any) -> None:
    filters = (
        "A FILTER is as `status:error`, `agent:support`, `model:gpt-4o*`, `tool:search`, `session:s-1`, `cost>0.1`, "
        "`duration>10s`, `since:1h`, or words that were said; all must fit, and a `-` in front turns one around. "
    )
    runs = _add_reading(
        commands, "runs", "reading:runs", "list runs", filters + "Exits with 1 if there is none.", limit=20
    )
    runs.add_argument("filter", nargs="*", metavar="FILTER", help="which runs")
    runs.add_argument(
        "--sort",
        default="start",
        metavar="BY",
        help="start, duration, cost, tokens, spans or errors, the largest first; `--sort=-cost` the smallest",
    )
    tail = _add_reading(
        commands,
        "tail",
        "tailing:tail",
        "show runs as they come",
        filters + "Shows what is running and the newest runs, then a line whenever one comes or ends, until it is "
        "interrupted; with --json, one line for each change.",
        limit=10,
    )
    tail.add_argument("filter", nargs="*", metavar="FILTER", help="which runs")
    show = _add_reading(
        commands,
        "show",
        "showing:show",
        "show a run as a tree",
        "Shows a run with all that is in it: a line for each run, step and tool call.",
    )
    show.add_argument("run", metavar="RUN", help=_RUN)
    choice = show.add_mutually_exclusive_group()
    choice.add_argument("--span", metavar="ID", help="all of one span, by its id or how that begins")
    choice.add_argument("--conversation", action="store_true", help="what was said, each message once")


def _add_lists(commands: Any) -> None:
    search = _add_reading(
        commands,
        "search",
        "reading:search",
        "find where something was said",
        "Finds prompts, responses, arguments, results and errors with these words, one after the other; `*` stands for "
        "the rest of a word. Exits with 1 if there is none.",
        limit=20,
    )
    search.add_argument("text", nargs="+", metavar="TEXT", help="what was said")
    sessions = _add_reading(
        commands,
        "sessions",
        "reading:sessions",
        "list sessions, or the runs of one",
        "Lists sessions, the one with the newest run first; or the runs of one, in order.",
        limit=50,
    )
    sessions.add_argument("session", nargs="?", metavar="SESSION", help="its id")
    stats = _add_reading(
        commands,
        "stats",
        "listing:stats",
        "count runs, errors, tokens and cost",
        "Counts what happened in a time, in whole hours, and how long half, 95 % and 99 % of it took at most.",
    )
    stats.add_argument("--by", choices=["agent", "model", "tool"], default="", help="a line for each of them")
    stats.add_argument("--since", type=_duration, default="7d", metavar="AGE", help="how far back, as 12h or 30d (7d)")
    stats.add_argument("--hours", action="store_true", help="a line for each hour")
    failures = _add_reading(
        commands,
        "failures",
        "listing:failures",
        "list what failed, alike errors together",
        "Lists what failed, the most frequent first.",
        limit=20,
    )
    failures.add_argument("--since", type=_duration, metavar="AGE", help="how far back, as 12h or 7d (everything)")
    _add_reading(
        commands,
        "feedback",
        "listing:feedback",
        "list what people thought of runs",
        "Lists feedback, the newest first, also about runs that have not arrived.",
        limit=20,
    )
    tools = _add_reading(
        commands,
        "tools",
        "listing:tools",
        "list tool calls of all runs",
        "Lists tool calls, the newest first, with what each was given and what came out.",
        limit=20,
    )
    tools.add_argument("tool", nargs="?", metavar="TOOL", help="of this tool only")


def _add_reading(
    commands: Any, name: str, do: str, brief: str, description: str, *, limit: int | None = None
) -> argparse.ArgumentParser:
    """A command over the Observatory's file."""
    parser = _add(commands, name, do, brief, description)
    _add_db(parser)
    if limit is not None:
        parser.add_argument("--limit", type=_limit, default=limit, metavar="N", help=f"how many at most ({limit})")
    return parser


def _add(commands: Any, name: str, do: str, brief: str, description: str) -> argparse.ArgumentParser:
    """A command that is done by `do`: a module of `contextcompany.commands` and a function in it."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=brief, description=description)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.set_defaults(do=do, place="The outbox")
    return parser


def _add_db(parser: argparse.ArgumentParser) -> None:
    """For commands that use `commands.store.opened`."""
    parser.set_defaults(place="The Observatory's file")
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="the Observatory's file; by default in this user's state"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _limit(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _age(text: str) -> float | None:
    return None if text == "none" else _duration(text)


def _size(text: str) -> int | None:
    from contextcompany._words import bytes_of  # noqa: PLC0415 - see above

    try:
        return None if text == "none" else bytes_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _duration(text: str) -> float:
    from contextcompany._outbox_admin import duration  # noqa: PLC0415 - see above

    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
