"""A scene for each test; and tests that run for hours run only when asked for.

pytest -m soak tests/faults                              250 kill rounds, a 10-minute outage in full, a 1 h soak
SOAK_ROUNDS=1000 SOAK_MINUTES=600 pytest -m soak …       more of it
FAULT_SEED=17 pytest …                                   the same instants again, as a failure names them
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint import Endpoint
from oracle import Scene

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in the background of a script; programs inherit it

if sys.platform == "win32":
    collect_ignore_glob = ["*"]  # signals, forks and file limits are POSIX's


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the soak unless `-m` names it."""
    if "soak" in (config.option.markexpr or ""):
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    if soaking:
        config.hook.pytest_deselected(items=soaking)
        items[:] = [item for item in items if item not in soaking]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An address where a receiver listens until the test says otherwise."""
    started = Endpoint()
    yield started
    started.down()


@pytest.fixture
def scene(tmp_path: Path, endpoint: Endpoint) -> Iterator[Scene]:
    """An outbox of the test's own."""
    made = Scene(tmp_path, endpoint)
    yield made
    made.close()


@pytest.fixture
def seed() -> int:
    """What the random instants of this test are made from; a failing test shows it."""
    chosen = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(10**6)))
    print(f"FAULT_SEED={chosen}")
    return chosen
