"""Connections to the file, its migrations and the documentation of its tables."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contextcompany import semconv
from contextcompany.observatory import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from contextcompany.observatory.settling import Rollups

__all__ = ["APPLICATION_ID", "StoreError", "Table", "documentation", "open_reader", "open_writer", "put", "put_counts"]

APPLICATION_ID: Final = 0x74636F73

_BUSY_S: Final = 10.0
"""How long another process may write (`contextcompany delete` beside a server) before it is an error."""

_CACHE_KB: Final = 32 * 1024
_READER_CACHE_KB: Final = 16 * 1024
_MAX_WAL: Final = 64 * 2**20


class StoreError(Exception):
    """The file cannot be read or written. The message says which, and why."""


class Table(NamedTuple):
    """What a table holds."""

    about: str
    columns: dict[str, str]


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that may write, to a file that is made or brought to the newest version where it has to be.

    Raises:
        StoreError: the file is something else, is of a newer version, or cannot be opened.
    """
    try:
        path.touch(mode=0o600)  # people's prompts are in it; SQLite gives the files beside it the same mode
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} cannot be opened: {error}.") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{path} cannot be opened: {error}.") from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write.

    Raises:
        StoreError: there is no such file, or it is something else, or of another version.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened: {error}.") from error
    try:
        problem = _unreadable(connection)
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KB}")
    except sqlite3.Error as error:
        problem = f"cannot be read: {error}."
    if problem:
        connection.close()
        raise StoreError(f"{path} {problem}")
    return connection


def _unreadable(connection: sqlite3.Connection) -> str | None:
    """Why a file cannot be read by who may not change it."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        return "is no file of an Observatory."
    version, newest = _pragma(connection, "user_version"), _newest()
    if version < newest:
        return "was made by an older version of contextcompany: `contextcompany observatory` brings it to this one."
    return _NEWER if version > newest else None


_NEWER: Final = "was made by a newer version of contextcompany. Update, or name another file."


@cache
def _newest() -> int:
    """The version that the migrations lead to."""
    return max(number for number, _ in sql.migrations())


def put(connection: sqlite3.Connection, name: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run `write/{name}`, an `INSERT … VALUES (?, …)`, for many rows at once.

    One statement for hundreds of rows: the thread that writes gives up Python's lock for each statement, and gets it
    back late while others compute. With a statement per row it wrote 20 times less beside a busy thread.
    """
    if not rows:
        return
    text = sql.text(f"write/{name}")
    head, _, rest = text.partition(") VALUES (")
    values, _, tail = rest.partition(")")
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            statement = f"{head}) VALUES {', '.join([f'({values})'] * size)}{tail}"
            connection.execute(statement, [*chain.from_iterable(rows[at : at + size])])
            at += size


def put_counts(connection: sqlite3.Connection, rollups: Rollups) -> None:
    """Add to the counts per hour what is to be added; where nothing is left, there is no row."""
    put(connection, "put_rollups", rollups.rows())
    put(connection, "put_latencies", rollups.latencies())
    for name, keys in zip(("drop_rollups", "drop_latencies"), rollups.taken_back(), strict=True):
        connection.executemany(sql.text(f"write/{name}"), keys)


_SIZES: Final = (512, 64, 8, 1)
"""Rows of a statement: few different ones, so that SQLite reads each once. A row has up to 35 columns, and a statement
up to 32,766 values."""


def documentation(connection: sqlite3.Connection) -> dict[str, Table]:
    """The tables and their columns, with the sentences that are written beside them in the file."""
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
    return {name: _table(text) for name, text in rows if not _SHADOW.match(name)}


_SHADOW: Final = re.compile(r"sqlite_|(body|span)_search")
_COLUMN: Final = re.compile(r"^    (\w+) [A-Z].*? -- (.+)$", re.MULTILINE)
_ADDED: Final = re.compile(r", (\w+) [A-Z]+ /\* (.+?) \*/")
"""A column that came later: SQLite puts it behind the last one, and whatever stands there."""


def _table(text: str) -> Table:
    about = re.search(r"^    -- (.+)$", text, re.MULTILINE)
    columns = [*_COLUMN.findall(_ADDED.sub("", text)), *_ADDED.findall(text)]
    return Table(about[1] if about else "", dict(columns))


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    known = _pragma(connection, "application_id")
    is_new = not known and not _pragma(connection, "schema_version")
    if known != APPLICATION_ID and not is_new:
        raise StoreError(f"{path} is no file of an Observatory. Name another one.")
    if is_new:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # works in an empty file only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it when nobody waits
    connection.execute(f"PRAGMA journal_size_limit = {_MAX_WAL}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    _migrate(connection, path)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    newest = _newest()
    if _pragma(connection, "user_version") > newest:
        raise StoreError(f"{path} {_NEWER}")
    if _pragma(connection, "user_version") == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(connection, "user_version")  # another process may have done it meanwhile
        for number, text in sql.migrations():
            if number > version:
                for statement in sql.statements(text):
                    connection.execute(statement)
        if not version:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            about = "What the bytes in `wire` and `log` are deflated with (zlib's preset dictionary)."
            connection.execute("INSERT INTO meta VALUES ('dictionary', ?, ?)", (_dictionary(), about))
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _dictionary() -> bytes:
    """Attribute keys, as they come in most spans: the last are found first."""
    names = [value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)]
    return " ".join([*semconv.SPELLINGS, *names]).encode()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    with closing(connection.execute(f"PRAGMA {name}")) as cursor:
        value: int = cursor.fetchone()[0]
    return value
