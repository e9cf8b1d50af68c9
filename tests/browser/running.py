"""An Observatory in a process of its own, filled by the SDK, and the Chromium that looks at it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["CHROMIUM", "chromium", "fill", "newest", "observatory", "until"]

CHROMIUM = shutil.which("chromium")

_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # tests may run as root, for whom Chromium has none
)


@contextmanager
def observatory(path: Path, *arguments: str) -> Iterator[str]:
    """The URL of `contextcompany observatory` on that file, until the block ends."""
    command = [sys.executable, "-m", "contextcompany", "observatory", "--port", "0", "--db", str(path), "--json"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "The Observatory did not start."
        try:
            yield json.loads("".join(lines))["url"]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def fill(url: str, outbox: Path) -> None:
    """Have the runs of `filling.py` made, by the SDK in a process of its own."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("TCC_", "OTEL_"))}
    script = Path(__file__).with_name("filling.py")
    told = {"TCC_URL": url, "TCC_OUTBOX_DIR": str(outbox)}
    subprocess.run([sys.executable, script], env=environ | told, check=True, timeout=60)


def newest(url: str, filter_: str) -> str:
    """Where the newest run is that a filter lets through."""
    found = requests.get(f"{url}/api/runs", {"filter": filter_, "limit": 1}, timeout=10).json()["runs"]
    return f"/runs/{found[0]['trace_id']}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, until the block ends."""
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": CHROMIUM, "args": [*_ARGUMENTS]}
        browser = playwright.chromium.launch(**options)
        try:
            yield browser
        finally:
            browser.close()


def until(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until an expression is true in the page.

    By asking from outside: with `wait_for_function` the page evaluates a text, which its policy forbids.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"It did not become true: {expression}"
        page.wait_for_timeout(20)
