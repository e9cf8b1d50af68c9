"""The file of the Observatory that a command works on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from contextcompany import _settings
from contextcompany.commands import CommandError
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.store import Store, StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["default_path", "opened"]


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
        with Store.open(path, can_write=can_write) as store:
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
