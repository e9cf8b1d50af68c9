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

__all__ = ["Figures", "machine", "medians", "output", "received", "receiver", "work"]

Figures = dict[str, float]

HERE = Path(__file__).parent


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


def work(measure: str, *arguments: object, environ: dict[str, str] | None = None) -> Figures:
    """What a function of `workers` returns in a process of its own.

    Its environment has nothing for us or OpenTelemetry but `environ`, and its outbox is in a directory of its own.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TCC_", "OTEL_"))}
    with tempfile.TemporaryDirectory() as directory:
        environment = {**inherited, "TCC_OUTBOX_DIR": directory, **(environ or {})}
        answer = subprocess.run(
            command("worker", measure, json.dumps(arguments)),
            env=environment,
            check=False,
            capture_output=True,  # the stock pipeline says a lot about an endpoint that is down
            text=True,
        )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(HERE), *arguments]


def output(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def medians(rows: list[Figures]) -> Figures:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("contextcompany", "opentelemetry-sdk", "orjson"))
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
