"""Our spans in other people's software, and theirs in our Observatory, installed for it: `pytest -m interoperation`.

INTEROPERATION_ENVIRONMENTS=DIRECTORY pytest -m interoperation …    keeps what is installed there, and uses it again

What was seen is in RESULTS.md, which the tests write. Versions are pinned: what others show may change with theirs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import recorded
from node import Packages
from observing import Observatory, observing
from software import Environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Makes a virtual environment with what is required, once."""
    kept = os.environ.get("INTEROPERATION_ENVIRONMENTS")
    directory = Path(kept) if kept else tmp_path_factory.mktemp("environments")

    def make(*requirements: str) -> Environment:
        return Environment(directory / _folder("pip", requirements), *requirements)

    return make


@pytest.fixture
def record() -> Callable[..., dict[str, int]]:
    """Records in a process that is configured by its environment alone; gives what `flush()` reports."""

    def run(*arguments: str, **environ: str) -> dict[str, int]:
        program = subprocess.run(
            [sys.executable, recorded.__file__, *arguments],
            env={**os.environ, "OTEL_SERVICE_NAME": "shop", **environ},
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        )
        return json.loads(program.stdout)

    return run


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Packages]:
    """Makes a directory with packages from npm, once."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    kept = os.environ.get("INTEROPERATION_ENVIRONMENTS")
    directory = Path(kept) if kept else tmp_path_factory.mktemp("packages")

    def make(*packages: str) -> Packages:
        return Packages(directory / _folder("npm", packages), *packages)

    return make


@pytest.fixture
def observatory(tmp_path: Path) -> Iterator[Observatory]:
    """One of the test's own."""
    with observing(tmp_path / "observatory") as started:
        yield started


def _folder(tool: str, wanted: tuple[str, ...]) -> str:
    """A name for what a tool installs, another one when a version is."""
    return f"{tool}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:16]}"
