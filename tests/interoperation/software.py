"""Other people's software: installed into environments of its own, and run as processes on loopback."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Environment", "free_port", "running", "wait_until"]

SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


class Environment:
    """A virtual environment with what `requirements` say; one that is there already is used again."""

    def __init__(self, directory: Path, *requirements: str) -> None:
        self._directory = directory
        installed = directory / "installed"
        if not installed.exists():
            venv.create(directory, with_pip=True)
            command = [self.path("python"), "-m", "pip", "install", "--quiet", *requirements]
            subprocess.run(command, check=True, timeout=900)
            installed.touch()

    def path(self, name: str) -> Path:
        """Where a command is."""
        return self._directory / SCRIPTS / name

    def python(self, source: str) -> str:
        """What a program prints that runs in there."""
        return subprocess.run(
            [self.path("python"), "-W", "ignore", "-c", source], check=True, capture_output=True, text=True, timeout=120
        ).stdout

    def version(self, package: str) -> str:
        """The version that is installed."""
        return self.python(f"from importlib.metadata import version; print(version({package!r}))").strip()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened to a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str | Path], ready: str, directory: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """A server, from when something answers at the URL `ready`, in a directory of its own; it ends with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, env={**os.environ, **environ}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: _answers(ready) or process.poll() is not None, 120, log)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(condition, seconds: float = 30, log: Path | None = None):
    """What it gives as soon as that is something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, log and log.read_text()
        time.sleep(0.1)
    return found


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # it says no, but it says
    except OSError:
        return False
    return True
