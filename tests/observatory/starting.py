"""`contextcompany observatory` as a process of its own."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

__all__ = ["COMMAND", "running"]

COMMAND = [sys.executable, "-m", "contextcompany", "observatory"]


@contextmanager
def running(*arguments):
    """What it says when it is ready; it is ended by Ctrl-C and must end well."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        while not lines or not lines[-1].startswith(("}", "The")):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines.append(line)
        yield json.loads("".join(lines)) if "--json" in arguments else lines[-1]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
