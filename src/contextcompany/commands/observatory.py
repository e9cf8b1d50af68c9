"""`contextcompany observatory`: a place for runs to go."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import webbrowser
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from contextcompany import _demo
from contextcompany.commands import fail, say
from contextcompany.commands.store import default_path
from contextcompany.observatory import prices, queries, server
from contextcompany.observatory.keeping import Keeper
from contextcompany.observatory.store import Retention, Store, StoreError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["serve"]

_READ_LIMIT_S = 5.0
"""How long a question may take: who asked has gone by then, and others wait."""


def serve(options: argparse.Namespace) -> int:
    """Receive until it is interrupted."""
    path = options.db or default_path()
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        path.touch(0o600)  # what people said is in it
        retention = Retention(options.max_age, options.max_size)
        with _warnings_shown(), Store.open(path, read_limit_s=_READ_LIMIT_S) as store, Keeper(store, retention):
            has_demo = options.demo and _is_empty(store)
            with _demo.started() if has_demo else nullcontext() as begin:
                ready = _ready(options, path, begin)
                server.serve(options.host, options.port, store=store, token=options.token, ready=ready)
    except (StoreError, ValueError) as error:
        return fail(str(error), as_json=options.json)
    except OSError as error:
        return fail(_why(error, options), as_json=options.json)
    return 0


def _why(error: OSError, options: argparse.Namespace) -> str:
    if error.errno == errno.EADDRINUSE:
        said = f"Something listens at {options.host}:{options.port} already, perhaps another Observatory."
        return f"{said} Stop it, or give another --port."
    return f"The Observatory cannot start: {error}."


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """What goes wrong while it runs is said where it was started."""
    logger, handler = logging.getLogger("contextcompany.observatory"), logging.StreamHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _is_empty(store: Store) -> bool:
    return not any(queries.runs(store, f"kind:{kind}", limit=1).runs for kind in ("run", "other"))


def _ready(
    options: argparse.Namespace, path: Path, begin: Callable[[str, str | None], None] | None
) -> Callable[[str], None]:
    """What is done when connections are taken."""

    def ready(url: str) -> None:
        if options.json:
            say({"url": url, "db": str(path), **({"demo": begin is not None} if options.demo else {})})
        else:
            say(f"The Observatory receives at {url} and keeps what it gets in {path}. Ctrl-C ends it.")
            if options.demo:
                say(_about_demo(path, is_there=begin is not None))
        sys.stdout.flush()
        if begin is not None:
            begin(url, options.token)
        if options.open and _has_screen():
            threading.Thread(
                target=webbrowser.open, args=(url,), daemon=True
            ).start()  # some browsers keep their caller
        prices.load()

    return ready


def _about_demo(path: Path, *, is_there: bool) -> str:
    if is_there:
        return "Demo runs come in for a minute; they have the tag `demo`."
    return f"There are runs in {path} already, so no demo runs are added. Another file takes them: --db demo.db"


def _has_screen() -> bool:
    """Where there is none, `webbrowser` may find browsers that take over the terminal."""
    return sys.platform in {"darwin", "win32"} or not {"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"}.isdisjoint(os.environ)
