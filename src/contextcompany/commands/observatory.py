"""`contextcompany observatory`: a place for runs to go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contextcompany import observatory
from contextcompany.commands import fail, say
from contextcompany.commands.store import default_path
from contextcompany.observatory import prices
from contextcompany.observatory.keeping import Keeper
from contextcompany.observatory.store import Retention, Store, StoreError

if TYPE_CHECKING:
    import argparse

__all__ = ["serve"]

_READ_LIMIT_S = 5.0
"""How long a question may take: who asked has gone by then, and others wait."""


def serve(options: argparse.Namespace) -> int:
    """Receive until it is interrupted."""

    def ready(url: str) -> None:
        if options.json:
            say({"url": url, "db": str(path)})
        else:
            say(f"The Observatory receives at {url} and keeps what it gets in {path}. Ctrl-C ends it.")
        sys.stdout.flush()
        prices.load()

    path = options.db or default_path()
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        path.touch(0o600)  # what people said is in it
        retention = Retention(options.max_age, options.max_size)
        with Store.open(path, read_limit_s=_READ_LIMIT_S) as store, Keeper(store, retention):
            observatory.serve(options.host, options.port, store=store, token=options.token, ready=ready)
    except (StoreError, ValueError) as error:
        return fail(str(error), as_json=options.json)
    except OSError as error:
        return fail(f"The Observatory cannot start: {error}.", as_json=options.json)
    return 0
