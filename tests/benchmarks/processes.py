"""Runs each measurement in a process of its own, against a receiver in another, and knows the machine."""

import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

__all__ = ["Figures", "WorkerError", "machine", "medians", "output", "received", "receiver", "run", "work"]

Figures = dict[str, float]

HERE = Path(__file__).parent
TIMEOUT_S = 300
SETTINGS = ("TCC_", "OTEL_", "LANGFUSE_", "LOGFIRE_", "MLFLOW_", "OPENINFERENCE_", "OPENLIT_", "TRACELOOP_")
"""What the names of settings begin with that would change a contender."""


class WorkerError(Exception):
    """A process that was to measure ended otherwise, with what it said at last."""


@contextmanager
def receiver(latency: float = 0) -> Iterator[str]:
    """The URL of a receiver that answers after `latency` seconds."""
    with subprocess.Popen(command("receiver", str(latency)), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def received(url: str) -> Figures:
    """The counts of a receiver until now."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/")
    try:
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def work(
    measure: str,
    *arguments: object,
    environ: dict[str, str] | None = None,
    python: str = sys.executable,
    timeout: float = TIMEOUT_S,
) -> Figures:
    """What a function of `workers` returns in a process of its own."""
    answer = run(command("worker", measure, json.dumps(arguments), python=python), environ or {}, timeout)
    return json.loads(answer.splitlines()[-1])  # some contenders print, too


def run(command: list[str], environ: dict[str, str], timeout: float = TIMEOUT_S) -> str:
    """What a process prints whose environment has no settings of telemetry but `environ`.

    Its home, its outbox and what it writes where it runs are in a directory that is removed afterwards.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        own = {"HOME": directory, "TCC_OUTBOX_DIR": f"{directory}/outbox"}
        try:
            answer = subprocess.run(
                command,
                env={**inherited, **own, **environ},
                cwd=directory,
                check=False,
                capture_output=True,  # the stock pipeline says a lot about an endpoint that is down
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise WorkerError(f"it took longer than {timeout:g} s") from late
    if answer.returncode:
        raise WorkerError(answer.stderr.strip() or f"it ended with {answer.returncode}")
    return answer.stdout


def command(*arguments: str, python: str = sys.executable) -> list[str]:
    return [python, str(HERE), *arguments]


def output(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def medians(rows: list[Figures]) -> Figures:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("contextcompany", "opentelemetry-sdk", "orjson"))
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
