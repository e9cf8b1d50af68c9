"""Fills an empty Observatory with demo runs, in a process of its own that ends with the one that started it.

    python -m contextcompany._demo

reads where to send them from its standard input: a line of JSON with `url` and maybe `token`. They are recorded with
the public API and sent over HTTP, as anybody's are; neither the user's settings nor the user's outbox are touched.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import contextcompany as tcc
from contextcompany import _demo_scenes as scenes
from contextcompany._demo_shop import Now, Then

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MINUTE_S", "fill", "go_on", "started"]

MINUTE_S: Final = 60.0
"""For so long new runs keep coming."""

_EVERY_S: Final = 2.5
_HOUR_S: Final = 3600.0
_HOURS: Final = 24
_END_S: Final = 2.0


@contextmanager
def started() -> Iterator[Callable[[str, str | None], None]]:
    """The process, which loads what it needs while the caller gets ready; what it yields tells it where to send."""
    environ = {key: value for key, value in os.environ.items() if not key.upper().startswith(("TCC_", "OTEL_"))}
    command = [sys.executable, "-m", "contextcompany._demo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env=environ) as process:  # noqa: S603 - our own

        def begin(url: str, token: str | None) -> None:
            if process.stdin is not None:
                process.stdin.write(json.dumps({"url": url, "token": token}) + "\n")
                process.stdin.flush()

        try:
            yield begin
        finally:
            with suppress(OSError):
                process.stdin.close() if process.stdin is not None else None
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started it
    logging.getLogger("contextcompany").addHandler(logging.NullHandler())  # that it ends is no news
    tcc.configure(service_name="demo", outbox="memory", console=False)  # loads what takes time
    line = sys.stdin.readline()
    if not line:
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told = json.loads(line)
    # The key goes to the server that told it, on this machine.
    tcc.configure(url=told["url"], api_key=told["token"], allow_unsafe_base_url=True)
    fill(time.time())
    tcc.flush(_END_S)  # it has answered then, and said that it takes what is still open
    go_on(MINUTE_S)
    tcc.shutdown(_END_S)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


_LAST: Final = {
    0.5: scenes.broken_import,  # an exception is recorded as what happens now
    150: scenes.conversation,
    390: scenes.research,
    630: scenes.rate_limited,
    870: scenes.out_of_stock,
    1110: scenes.local_model,
}
"""What happened last, and how many seconds ago it began."""


def fill(now: float) -> None:
    """Runs of the last minutes, each of which shows something, then runs of the last day."""
    for ago, scene in _LAST.items():
        scene(Then(now - ago))
    tcc.flush(_END_S)  # these are seen at once
    for number, ago in enumerate(_times_of_a_day()):
        clock, name = Then(now - ago, pace=0.6 + number * 7 % 12 / 10), f"day {number}"
        if number % 9 == _OTHERS_AT:
            _OTHERS[number // 9 % len(_OTHERS)](clock, name)
        else:
            turn = scenes.TURNS[number % len(scenes.TURNS)]
            session_id, user_id = f"demo-visit-{number // 3}", f"customer-{number * 7 % 40}"
            scenes.support(clock, name, turn, session_id=session_id, user_id=user_id)


_OTHERS: Final = (scenes.research, scenes.rate_limited, scenes.local_model, scenes.overloaded, scenes.out_of_stock)
_OTHERS_AT: Final = 4
"""Every ninth run of the day is one of these, the fifth first."""


def _times_of_a_day() -> Iterator[float]:
    """How many seconds ago: more by day than by night."""
    for hour in range(_HOURS):
        runs = 2 + (hour * 5 + 3) % 7
        for number in range(runs):
            yield 1500 + hour * _HOUR_S + number * _HOUR_S / runs


def go_on(seconds: float) -> None:
    """New runs, one after the other, and some that take their time beside them."""
    until = time.monotonic() + seconds
    beside = [threading.Thread(target=scene, args=(Now(),)) for scene in (scenes.report, scenes.refund)]
    for each in beside:
        each.start()
    number = 0
    scenes.write(Now())
    while time.monotonic() < until:
        turn = scenes.TURNS[number % len(scenes.TURNS)]
        scenes.support(Now(), f"now {number}", turn, session_id=f"demo-now-{number // 3}")
        number += 1
        time.sleep(_EVERY_S)
    for each in beside:
        each.join()


if __name__ == "__main__":
    main()
