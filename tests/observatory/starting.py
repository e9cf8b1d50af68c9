"""`contextcompany observatory` as a process of its own."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

__all__ = ["COMMAND", "running", "wait_until"]

COMMAND = [sys.executable, "-m", "contextcompany", "observatory"]


@contextmanager
def running(*arguments):
    """What it says when it is ready; it is ended by Ctrl-C and must end well."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = []
            while not lines or not lines[-1].startswith(("}", "The")):
                line = process.stdout.readline()
                assert line, process.stderr.read()
                lines.append(line)
            yield json.loads("".join(lines)) if "--json" in arguments else lines[-1]
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == ("", "")
        finally:
            process.kill()  # a failed test must not wait for it
    assert process.returncode == 0


def wait_until(condition, seconds=30):
    """What it gives as soon as that is something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found
