"""What every test starts from: a clean environment, no network beyond loopback, a fresh pipeline.

Tests that run for minutes or hours, that measure, or that install other software, run only when asked for:
`pytest -m soak`, `-m benchmark`, `-m interoperation`.
"""

import gc
import itertools
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from conformance import violations
from contextcompany import _diagnostics
from receiver import Receiver

_NUMBERS = itertools.count(1)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in the background of a script; programs inherit it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long or installs something, unless `-m` names it."""
    unasked = [each for each in ("soak", "benchmark", "interoperation") if each not in (config.option.markexpr or "")]
    left_out = [item for item in items if any(map(item.get_closest_marker, unasked))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """What was imported until now stays: garbage collection, which many tests ask for, need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No variable of ours or of OpenTelemetry's reaches a test from outside, and each has an outbox of its own."""
    for name in list(os.environ):
        if name.upper().startswith(("TCC_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TCC_OUTBOX_DIR", str(tmp_path_factory.getbasetemp() / f"outbox-{next(_NUMBERS)}"))


@pytest.fixture(autouse=True)
def refused_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A connection that would leave this machine fails at once, and so does the test.

    It fails again at the end because code that must never raise might have caught the first error.
    """
    refused: list[Any] = []

    def guard(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def guarded(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
                refused.append(address)
                raise AssertionError(f"Tests must not leave this machine, got a connection to {address!r}.")
            return connect(self, address)

        return guarded

    monkeypatch.setattr(socket.socket, "connect", guard(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guard(socket.socket.connect_ex))
    yield refused
    assert refused == []


@pytest.fixture(autouse=True)
def fresh_pipeline(
    request: pytest.FixtureRequest, clean_environment: None, refused_connections: list[Any]
) -> Iterator[None]:
    """What a test configured ends with it."""
    if "receiver" in request.fixturenames:
        request.getfixturevalue("receiver")  # so that it still answers while the pipeline is shut down
    _diagnostics.reset_for_tests(reraise=True)
    yield
    if configure := sys.modules.get("contextcompany._configure"):
        configure.reset_for_tests()


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    """An OTLP receiver of the test's own. Unless the test is `unsound`, what our SDK sends keeps the conventions."""
    with Receiver() as started:
        yield started
    if request.node.get_closest_marker("unsound") is None:
        assert violations(started.accepted) == []


@pytest.fixture
def seed() -> int:
    """What the random instants of this test are made from; a failing test shows it."""
    chosen = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(10**6)))
    print(f"FAULT_SEED={chosen}")
    return chosen


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
