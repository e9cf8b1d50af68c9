"""The file of the Observatory that a command works on, and how what is in it is printed as JSON."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from contextcompany import _settings
from contextcompany.commands import CommandError, say
from contextcompany.observatory.contexts import as_json
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.store import Store, StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["default_path", "opened", "say_context"]


@contextmanager
def opened(options: argparse.Namespace, *, can_write: bool = False) -> Iterator[Store]:
    """The store of `--db`, else of this user; a server may be using it.

    Raises:
        CommandError: there is no such file, it cannot be opened, or what the command asks of it is wrong.
    """
    path = options.db or default_path()
    if not path.exists():
        raise CommandError(f"There is no {path} yet. `contextcompany observatory` makes it; --db names another file.")
    try:
        with Store.open(path, can_write=can_write, is_guest=True) as store:
            yield store
    except FilterError as error:
        raise CommandError(str(error), code=2) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    except sqlite3.Error as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error


def default_path() -> Path:
    """Where the Observatory's file is unless another one is named: in this user's state."""
    return _settings.outbox_dir(_settings.resolve({}, {}), os.environ).with_name("observatory.db")


def say_context(context: Any, *, indent: int | None = 2) -> None:
    """Print what a query answers, as the JSON API says it."""
    say(orjson.loads(as_json(context)), indent=indent)
