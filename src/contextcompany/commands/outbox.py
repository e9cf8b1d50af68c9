"""`contextcompany outbox`: what the outbox holds."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from contextcompany import _outbox_admin as admin
from contextcompany import _settings, _words
from contextcompany._decoding import describe
from contextcompany.commands import agreed, fail, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from contextcompany._dead_letters import DeadLetter
    from contextcompany._outbox_admin import File, Flushed
    from contextcompany._settings import Settings

__all__ = ["dead", "flush", "purge", "status"]


def status(options: argparse.Namespace) -> int:
    """Say what waits."""
    settings, directory = _outbox()
    letters, files = admin.letters(directory), admin.files(directory)
    if options.json:
        say(
            {
                "directory": str(directory),
                "source": settings.sources["outbox_dir"],
                "files": [admin.as_plain(file) for file in files],
                "dead": len(letters),
            }
        )
        return 0
    say(f"{directory} ({_decided_by(settings)})")
    if files:
        rows = [row for file in files for row in _file_rows(file)]
        say("\n".join(["", *_words.aligned([("process", "what waits", "for", "oldest", "size"), *rows]), ""]))
    say("\n".join(_totals(files, letters)))
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


def flush(options: argparse.Namespace) -> int:
    """Send what ended processes left."""
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
        say({"destination": destination.label, **vars(done)})
    else:
        say("\n".join(_flushed(done, destination.label)))
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


def dead(options: argparse.Namespace) -> int:
    """List, export or put back what a receiver refused for good."""
    settings, directory = _outbox()
    letters = admin.letters(directory)
    if options.export and letters:
        written = " and ".join(str(path) for path in admin.export(letters, options.export))
        say(f"{_words.counted(len(letters), 'dead letter')} written to {written}. They may hold what people said.")
    elif options.retry and letters:
        if not admin.retry(directory, letters, max_size=settings.max_outbox_size):
            return fail(f"{directory} cannot be written; the dead letters stay where they are.", as_json=options.json)
        say(f"{_things(len(letters))} put back; `contextcompany outbox flush` sends what waits.")
    elif options.json:
        say([_letter(letter) for letter in letters])
    elif letters:
        say("\n\n".join(_letter_text(_letter(letter)) for letter in letters))
    else:
        say("There are no dead letters.")
    return 0


def _letter(letter: DeadLetter) -> dict[str, Any]:
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


def purge(options: argparse.Namespace) -> int:
    """Delete what waits, and dead letters."""
    _, directory = _outbox()
    what = "the dead letters" if options.dead else "what waits of ended processes, and the dead letters"
    which = f"{what}, if older than {_words.age(options.older_than)}," if options.older_than else what
    question = f"Delete {which} in {directory}?"
    if not options.yes and not agreed(question):
        say("Nothing is deleted.")
        return 1
    items, damaged = (0, 0) if options.dead else admin.purge_files(directory, options.older_than)
    letters = admin.purge_letters(directory, options.older_than)
    if options.json:
        say({"items": items, "damaged": damaged, "dead": letters})
    else:
        told = [_things(items)] * bool(items)
        told += [_words.counted(damaged, "damaged file")] * bool(damaged)
        told += [_words.counted(letters, "dead letter")] * bool(letters)
        say(f"Deleted: {', '.join(told)}." if told else "There was nothing to delete.")
    return 0


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
