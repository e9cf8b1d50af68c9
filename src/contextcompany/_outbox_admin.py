"""What people do with an outbox from outside: look, send, bring back, export, delete. Never touches a file in use."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from contextcompany._dead_letters import DeadLetters
from contextcompany._decoding import as_json, describe
from contextcompany._disk_store import CORRUPT, SUFFIX, Contents, InUseError, Waiting, look, purge
from contextcompany._encoding import request
from contextcompany._item import Entry, Item
from contextcompany._outbox import Outbox, Shelf
from contextcompany._sender import Sender

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from contextcompany._dead_letters import DeadLetter
    from contextcompany._settings import Destination

__all__ = [
    "File",
    "Flushed",
    "duration",
    "export",
    "files",
    "flush",
    "letters",
    "purge_files",
    "purge_letters",
    "retry",
]

State = Literal["waiting", "in use", "damaged", "unreadable", "another user's"]


_EMPTY = Contents([], 0)


@dataclass(frozen=True)
class File:
    """One file of the outbox."""

    name: str
    state: State
    bytes: int
    contents: Contents = _EMPTY

    @property
    def process(self) -> str:
        """The id of the process that made it."""
        return self.name.partition("-")[0]

    @property
    def oldest(self) -> float:
        """When its oldest item came, in seconds since the epoch."""
        return min((each.oldest for each in self.contents.waiting), default=float("inf"))


def files(directory: Path) -> list[File]:
    """All of them, those with the oldest items first. Each is held for a moment."""
    found = [file for path in _paths(directory) if (file := _file(path))]
    return sorted(found, key=lambda file: (file.oldest, file.state, file.name))


def _paths(directory: Path) -> list[Path]:
    try:
        return [
            path for path in directory.iterdir() if path.name.endswith((SUFFIX, CORRUPT)) and "-wal" not in path.name
        ]
    except FileNotFoundError:
        return []


def _file(path: Path) -> File | None:
    try:
        size = path.stat().st_size + (journal.stat().st_size if (journal := _journal(path)).exists() else 0)
        return File(path.name, *_state(path, size))
    except FileNotFoundError:
        return None  # its process has sent everything meanwhile


def _state(path: Path, size: int) -> tuple[State, int, Contents]:
    if not path.name.endswith(SUFFIX):
        return "damaged", size, _EMPTY
    if hasattr(os, "geteuid") and path.stat().st_uid != os.geteuid():
        return "another user's", size, _EMPTY
    if not path.stat().st_size:
        return "in use", size, _EMPTY  # it is being made
    try:
        return "waiting", size, look(path)
    except InUseError:
        return "in use", size, _EMPTY
    except sqlite3.OperationalError:
        path.stat()  # unless it is gone
        return "unreadable", size, _EMPTY
    except sqlite3.DatabaseError:
        return "damaged", size, _EMPTY


def _journal(path: Path) -> Path:
    """The journal of a file; that of a damaged one was renamed with it."""
    name = path.name.removesuffix(CORRUPT)
    return path.with_name(f"{name}-wal{path.name[len(name) :]}")


def letters(directory: Path) -> list[DeadLetter]:
    """The dead letters, the oldest first."""
    return DeadLetters(directory).letters()


# --- sending ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flushed:
    """What became of what dead processes left for a destination."""

    delivered: int
    left: int
    dead: int
    rejected: int
    """Taken and thrown away by the receiver, as it said."""
    other_keys: int
    """What waits for the same URL under another key."""
    elsewhere: int
    """What waits for other URLs."""
    in_use: int
    """Files of running processes, which send what is theirs themselves."""
    error: str | None


def flush(directory: Path, destination: Destination, *, max_size: int, timeout: float, any_key: bool) -> Flushed:
    """Send what dead processes left for `destination`, for at most `timeout` seconds.

    With `any_key`, also what was meant for the same URL with other headers, with those of `destination`.
    """
    deadline = time.monotonic() + timeout
    counts: Counter[str] = Counter()

    def settle(outcome: str, quantity: int) -> None:
        counts[outcome] += quantity

    ours = {destination.fingerprint}
    if any_key:
        ours |= {each.destination for each in _waiting(files(directory)) if each.label == destination.label}
    outbox = Outbox(directory, max_size)
    endpoints = {"traces": destination.traces, "logs": destination.logs}
    senders = [
        Sender(Shelf(outbox, fingerprint, destination.label, settle), endpoints, label=destination.label)  # type: ignore[arg-type]  # a dict of two literals
        for fingerprint in sorted(ours)
    ]
    error = None
    while outbox.adopt(ours) and time.monotonic() < deadline and error is None:
        for sender in senders:
            sender.wake()
            sender.flush(deadline)
            error = error or sender.status.error
        outbox.tidy(ours)
    for sender in senders:
        sender.close(min(deadline, time.monotonic() + 1))
    outbox.close()

    left: Counter[str] = Counter()
    after = files(directory)
    for each in _waiting(after):
        same_url = "other key" if each.label == destination.label else "elsewhere"
        left["ours" if each.destination in ours else same_url] += each.items
    return Flushed(
        delivered=counts["delivered"],
        left=left["ours"],
        dead=counts["dead"],
        rejected=counts["rejected_partial"],
        other_keys=left["other key"],
        elsewhere=left["elsewhere"],
        in_use=sum(each.state == "in use" for each in after),
        error=error,
    )


def _waiting(found: Iterable[File]) -> list[Waiting]:
    return [each for file in found for each in file.contents.waiting]


# --- dead letters ----------------------------------------------------------------------------------------------------


def retry(directory: Path, found: Sequence[DeadLetter], *, max_size: int) -> bool:
    """Put dead letters back among what waits; whether that was possible."""
    outbox = Outbox(directory, max_size)
    outbox.keep([_entry(letter) for letter in found])
    if not outbox.is_on_disk:
        return False
    DeadLetters(directory).delete([letter.id for letter in found])
    outbox.close()
    return True


def _entry(letter: DeadLetter) -> Entry:
    told = describe(letter.signal, letter.body)
    ids = (_signed(told.trace_id), _signed(told.span_id))
    return Entry(letter.destination, letter.label, letter.signal, letter.head, letter.scope, letter.body, *ids)


def _signed(digits: str) -> int:
    """The low 64 bits of an id, as SQLite's integers are."""
    return int.from_bytes(bytes.fromhex(digits)[-8:], "big", signed=True)


def export(found: Sequence[DeadLetter], path: Path) -> list[Path]:
    """Write dead letters to a file that only this user can read, as OTLP.

    As JSON, one request a line, if its name ends with .json or .jsonl; else as protobuf, where events get a file beside
    it. Returns what was written.
    """
    items = [Item(None, each.signal, each.head, each.scope, each.body) for each in found]
    groups = [group for name in ("traces", "logs") if (group := [each for each in items if each.signal == name])]
    if path.suffix in (".json", ".jsonl"):
        _write(path, b"".join(json.dumps(as_json(group)).encode() + b"\n" for group in groups))
        return [path]
    written = []
    for group in groups:
        is_beside = group[0].signal == "logs" and len(groups) > 1
        target = path.with_name(f"{path.stem}.logs{path.suffix}") if is_beside else path
        _write(target, request(group))
        written.append(target)
    return written


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - by its descriptor
        file.write(data)


# --- deleting --------------------------------------------------------------------------------------------------------


def purge_files(directory: Path, older_than: float) -> tuple[int, int]:
    """Delete what has waited for so many seconds in files that nobody uses, and damaged files of that age.

    Returns how many spans and events, and how many damaged files, that were.
    """
    before = time.time() - older_than if older_than else float("inf")
    items = damaged = 0
    for file in files(directory):
        path = directory / file.name
        with suppress(InUseError, OSError):
            if file.state == "waiting":
                items += purge(path, before)
            elif file.state == "damaged" and path.stat().st_mtime < before:
                path.unlink()
                damaged += 1
                _journal(path).unlink(missing_ok=True)
    return items, damaged


def purge_letters(directory: Path, older_than: float) -> int:
    """Delete the dead letters that are older than so many seconds."""
    before = time.time() - older_than if older_than else float("inf")
    old = [letter.id for letter in letters(directory) if letter.at < before]
    DeadLetters(directory).delete(old)
    return len(old)


_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def duration(text: str) -> float:
    """Seconds of `90s`, `30min`, `12h`, `7d`, `2w`.

    Raises:
        ValueError: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text.strip().lower())
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no time like 90s, 30min, 12h or 7d")
    return float(match[1]) * _UNITS[match[2]]


def as_plain(file: File) -> dict[str, Any]:
    """A file for JSON."""
    return {
        "name": file.name,
        "state": file.state,
        "bytes": file.bytes,
        "waiting": [each._asdict() for each in file.contents.waiting],
        "open": file.contents.open,
    }
