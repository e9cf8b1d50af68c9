"""A scene for each test.

pytest -m soak tests/faults                              250 kill rounds, a 10-minute outage in full, a 1 h soak
SOAK_ROUNDS=1000 SOAK_MINUTES=600 pytest -m soak …       more of it
FAULT_SEED=17 pytest …                                   the same instants again, as a failure names them
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import violations
from endpoint import Endpoint
from oracle import Scene

if sys.platform == "win32":
    collect_ignore_glob = ["*"]  # signals, forks and file limits are POSIX's


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An address where a receiver listens until the test says otherwise."""
    started = Endpoint()
    yield started
    started.down()
    assert violations(started.receiver.accepted) == []


@pytest.fixture
def scene(tmp_path: Path, endpoint: Endpoint) -> Iterator[Scene]:
    """An outbox of the test's own."""
    made = Scene(tmp_path, endpoint)
    yield made
    made.close()
