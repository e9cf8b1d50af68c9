"""The command `contextcompany`: what the outbox holds, whether what is recorded arrives, and a place for it to go."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sqlite3
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextcompany import _diagnostics, _settings, _words
from contextcompany._version import __version__
from contextcompany.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contextcompany._dead_letters import DeadLetter
    from contextcompany._outbox_admin import File, Flushed
    from contextcompany._settings import Settings

__all__ = ["main"]

# What does the work is imported where it is used: `--help` is there at once.


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    options = _parser().parse_args(arguments)
    _diagnostics.LOGGER.addHandler(logging.NullHandler())  # what goes wrong is in what is printed
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # cp1252, as files have it on Windows, has no check mark
    try:
        done: int = options.do(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; the rest has to go somewhere at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigurationError as error:
        return _fail(str(error), as_json=options.json)
    except (OSError, sqlite3.Error) as error:
        return _fail(f"The outbox cannot be read or written: {error}", as_json=options.json)
    except KeyboardInterrupt:
        return 130
    return done


# --- contextcompany doctor -------------------------------------------------------------------------------------------


def _doctor(options: argparse.Namespace) -> int:
    from contextcompany import _doctor as doctor  # noqa: PLC0415 - see above

    given = {"url": options.url, "api_key": options.api_key}
    found = doctor.examine({name: value for name, value in given.items() if value}, os.environ)
    _print(found.as_json() if options.json else doctor.report(found))
    return 0 if found.ok else 1


# --- contextcompany outbox -------------------------------------------------------------------------------------------


def _status(options: argparse.Namespace) -> int:
    from contextcompany import _outbox_admin as admin  # noqa: PLC0415 - see above

    settings, directory = _outbox()
    letters, files = admin.letters(directory), admin.files(directory)
    if options.json:
        _print(
            {
                "directory": str(directory),
                "source": settings.sources["outbox_dir"],
                "files": [admin.as_plain(file) for file in files],
                "dead": len(letters),
            }
        )
        return 0
    _print(f"{directory} ({_decided_by(settings)})")
    if files:
        rows = [row for file in files for row in _file_rows(file)]
        _print("\n".join(["", *_words.aligned([("process", "what waits", "for", "oldest", "size"), *rows]), ""]))
    _print("\n".join(_totals(files, letters)))
    return 0


def _file_rows(file: File) -> list[tuple[str, str, str, str, str]]:
    size = _words.size(file.bytes)
    if file.state != "waiting":
        state = {
            "in use": "in use by a running process",
            "damaged": f"damaged: {file.name}",
            "unreadable": f"cannot be read: {file.name}",
            "another user's": "a file of another user",
        }[file.state]
        return [(file.process, state, "", "", size)]
    rows = [
        (_items(each.signal, each.items), each.label, _words.age(time.time() - each.oldest))
        for each in file.contents.waiting
    ]
    if file.contents.open:
        rows.append((f"{_words.counted(file.contents.open, 'span')} left open", "", ""))
    first, *others = rows or [("nothing", "", "")]
    return [(file.process, *first, size), *(("", *other, "") for other in others)]


def _totals(files: Sequence[File], letters: Sequence[DeadLetter]) -> list[str]:
    waiting = [each for file in files for each in file.contents.waiting]
    left_open = sum(file.contents.open for file in files)
    in_use = sum(file.state == "in use" for file in files)
    lines = []
    if waiting or left_open:
        quantity = _things(sum(each.items for each in waiting) + left_open)
        lines.append(f"{quantity} of ended processes wait. The next program here that sends to the same place sends")
        lines.append("them along; `contextcompany outbox flush` does it now.")
    else:
        lines.append("Nothing of ended processes waits.")
    if in_use:
        lines.append(_in_use(in_use))
    if letters:
        lines.append(f"{_words.counted(len(letters), 'dead letter')}: see `contextcompany outbox dead`.")
    return lines


def _flush(options: argparse.Namespace) -> int:
    from contextcompany import _outbox_admin as admin  # noqa: PLC0415 - see above

    settings, directory = _outbox()
    destination = _settings.destination(settings, os.environ)
    done = admin.flush(
        directory,
        destination,
        max_size=settings.max_outbox_size,
        timeout=options.timeout,
        any_key=options.any_key,
    )
    if options.json:
        _print({"destination": destination.label, **vars(done)})
    else:
        _print("\n".join(_flushed(done, destination.label)))
    return 1 if done.left else 0


def _flushed(done: Flushed, label: str) -> list[str]:
    lines = [f"{done.delivered:,} delivered to {label}, {done.left:,} left, {done.dead:,} dead."]
    if done.error:
        lines.append(f"It takes no more: {_words.sentence(done.error)} `contextcompany doctor` says what to do.")
    elif done.left:
        lines.append("There was not enough time for all; see --timeout.")
    if done.dead:
        lines.append("What it refuses for good: `contextcompany outbox dead`.")
    if done.rejected:
        lines.append(f"{_things(done.rejected)} it took and threw away.")
    if done.other_keys:
        lines.append(
            f"{_things(done.other_keys)} for the same URL under another key; `--any-key` sends them with this."
        )
    if done.elsewhere:
        lines.append(f"{_things(done.elsewhere)} for other places.")
    if done.in_use:
        lines.append(_in_use(done.in_use))
    return lines


def _dead(options: argparse.Namespace) -> int:
    from contextcompany import _outbox_admin as admin  # noqa: PLC0415 - see above

    settings, directory = _outbox()
    letters = admin.letters(directory)
    if options.export and letters:
        written = " and ".join(str(path) for path in admin.export(letters, options.export))
        _print(f"{_words.counted(len(letters), 'dead letter')} written to {written}. They may hold what people said.")
    elif options.retry and letters:
        if not admin.retry(directory, letters, max_size=settings.max_outbox_size):
            return _fail(f"{directory} cannot be written; the dead letters stay where they are.", as_json=options.json)
        _print(f"{_things(len(letters))} put back; `contextcompany outbox flush` sends what waits.")
    elif options.json:
        _print([_letter(letter) for letter in letters])
    elif letters:
        _print("\n\n".join(_letter_text(_letter(letter)) for letter in letters))
    else:
        _print("There are no dead letters.")
    return 0


def _letter(letter: DeadLetter) -> dict[str, Any]:
    from contextcompany._decoding import describe  # noqa: PLC0415 - see above

    return {
        **describe(letter.signal, letter.body)._asdict(),
        "signal": letter.signal,
        "reason": letter.reason,
        "destination": letter.label,
        "at": letter.at,
        "bytes": len(letter.body),
    }


def _letter_text(letter: dict[str, Any]) -> str:
    kind = "span" if letter["signal"] == "traces" else "event"
    age, size = _words.age(time.time() - letter["at"]), _words.size(letter["bytes"])
    rows = [
        ("refused", f"{letter['reason']} ({age} ago)"),
        ("by", letter["destination"]),
        ("trace", letter["trace_id"]),
        ("span", letter["span_id"]),
    ]
    return "\n".join([f"{kind} {letter['name'] or 'that cannot be read'}, {size}", *_words.aligned(rows)])


def _purge(options: argparse.Namespace) -> int:
    from contextcompany import _outbox_admin as admin  # noqa: PLC0415 - see above

    _, directory = _outbox()
    what = "the dead letters" if options.dead else "what waits of ended processes, and the dead letters"
    which = f"{what}, if older than {_words.age(options.older_than)}," if options.older_than else what
    question = f"Delete {which} in {directory}?"
    if not options.yes:
        if not sys.stdin.isatty():
            return _fail(f"{question} There is nobody to ask; say --yes.", as_json=options.json)
        if not _agreed(f"{question} [y/N] "):
            _print("Nothing is deleted.")
            return 1
    items, damaged = (0, 0) if options.dead else admin.purge_files(directory, options.older_than)
    letters = admin.purge_letters(directory, options.older_than)
    if options.json:
        _print({"items": items, "damaged": damaged, "dead": letters})
    else:
        told = [_things(items)] * bool(items)
        told += [_words.counted(damaged, "damaged file")] * bool(damaged)
        told += [_words.counted(letters, "dead letter")] * bool(letters)
        _print(f"Deleted: {', '.join(told)}." if told else "There was nothing to delete.")
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _outbox() -> tuple[Settings, Path]:
    settings = _settings.resolve({}, os.environ)
    return settings, _settings.outbox_dir(settings, os.environ)


def _decided_by(settings: Settings) -> str:
    source = settings.sources["outbox_dir"]
    return "the default; TCC_OUTBOX_DIR sets another" if source == "default" else f"from {source}"


def _in_use(quantity: int) -> str:
    if quantity == 1:
        return "1 file of a running process, which sends what is in it."
    return f"{quantity:,} files of running processes, which send what is in them."


def _things(quantity: int) -> str:
    return f"{quantity:,} span or event" if quantity == 1 else f"{quantity:,} spans or events"


def _items(signal: str, quantity: int) -> str:
    return _words.counted(quantity, "span" if signal == "traces" else "event")


# --- contextcompany observatory --------------------------------------------------------------------------------------


def _observatory(options: argparse.Namespace) -> int:
    try:
        from contextcompany import observatory  # noqa: PLC0415 - an extra, and see above
        from contextcompany.observatory.store import Store, StoreError  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        said = f"The Observatory needs {error.name}, which is not installed: pip install 'contextcompany[observatory]'"
        return _fail(said, as_json=options.json)

    def ready(url: str) -> None:
        if options.json:
            _print({"url": url, "db": str(path)})
        else:
            _print(f"The Observatory receives at {url} and keeps what it gets in {path}. Ctrl-C ends it.")
        sys.stdout.flush()

    path = options.db or _settings.outbox_dir(_settings.resolve({}, {}), os.environ).with_name("observatory.db")
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        path.touch(0o600)  # what people said is in it
        with Store.open(path) as store:
            observatory.serve(options.host, options.port, store=store, token=options.token, ready=ready)
    except (StoreError, ValueError) as error:
        return _fail(str(error), as_json=options.json)
    except OSError as error:
        return _fail(f"The Observatory cannot start: {error}.", as_json=options.json)
    return 0


# --- the command line ------------------------------------------------------------------------------------------------


def _print(what: object) -> None:
    print(what if isinstance(what, str) else json.dumps(what, indent=2))  # noqa: T201 - a command prints


def _fail(text: str, *, as_json: bool) -> int:
    if as_json:
        _print({"ok": False, "error": text})
    else:
        print(f"✗ {text}", file=sys.stderr)  # noqa: T201 - likewise
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="contextcompany",
        description="Looks after what contextcompany records: where it goes, and what waits to be sent.",
        epilog="Settings are taken from the environment, as a program without configure() does.",
    )
    parser.set_defaults(json=False)
    parser.add_argument("--version", action="version", version=f"contextcompany {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    _add_outbox(commands)
    doctor = _add(
        commands,
        "doctor",
        _doctor,
        "say what is configured, and send a test run",
        "Shows every setting and where it came from, and sends one small run, marked as a test, to see whether it "
        "arrives. Exits with 1 if something keeps runs from arriving.",
    )
    doctor.add_argument("--url", help="where to send the test run, instead of where the environment says")
    doctor.add_argument("--api-key", metavar="KEY", help="the key to use; other users of this machine may see it here")
    _add_observatory(commands)
    return parser


def _add_observatory(commands: Any) -> None:
    observatory = _add(
        commands,
        "observatory",
        _observatory,
        "receive runs here and keep them in one file",
        "Receives runs by OTLP/HTTP and keeps them in one SQLite file, until it is interrupted. On its own address and "
        "port, programs without any configuration are seen. Needs `pip install 'contextcompany[observatory]'`.",
    )
    observatory.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    observatory.add_argument("--port", type=_port, default=4318, help="the port; 0 takes a free one (4318)")
    observatory.add_argument("--db", type=Path, metavar="FILE", help="the file; by default in this user's state")
    observatory.add_argument(
        "--token", help="what requests must carry as `Authorization: Bearer …`; any address but loopback needs one"
    )


def _add_outbox(commands: Any) -> None:
    outbox = _add(
        commands,
        "outbox",
        _status,
        "look into the outbox, send or delete what waits",
        "The outbox keeps what is recorded until it is sent. Each process has a file there; what an ended process "
        "could not send is sent by the next one. Without an action, says what waits.",
    )
    actions = outbox.add_subparsers(metavar="action")
    _add(actions, "status", _status, "say what waits (the default)", "Says what waits, and changes nothing.")
    flush = _add(
        actions,
        "flush",
        _flush,
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
        _dead,
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
        _purge,
        "delete what waits",
        "Deletes what waits of ended processes, and the dead letters. Files of running processes are left alone.",
    )
    purge.add_argument("--dead", action="store_true", help="only the dead letters")
    purge.add_argument(
        "--older-than", type=_duration, default=0.0, metavar="AGE", help="only what is older, as 12h or 7d"
    )
    purge.add_argument("--yes", action="store_true", help="do not ask")


def _add(commands: Any, name: str, do: Any, brief: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=brief, description=description)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.set_defaults(do=do)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _duration(text: str) -> float:
    from contextcompany._outbox_admin import duration  # noqa: PLC0415 - see above

    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
