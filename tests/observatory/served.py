"""An Observatory as a process of its own, for tests that kill it, load it or measure it."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType

import requests

from contextcompany.observatory.otlp import PROTOBUF
from programs import start_program

__all__ = ["Served"]

PROGRAM = """
import sys
from pathlib import Path
from contextcompany.observatory import serve
from contextcompany.observatory.store import Store

with Store.open(Path(sys.argv[1])) as store:
    serve(port=0, store=store, ready=lambda url: print(url, flush=True))
print("closed")
"""


class Served:
    """`serve` on a file, from construction until it is killed or `end()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._program = start_program(PROGRAM, str(path))
        self.url = self._program.stdout.readline().strip()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def post(self, body: bytes, path: str = "/v1/traces", content_type: str = PROTOBUF) -> int | None:
        """The status of its answer; None when there is none."""
        try:
            return requests.post(self.url + path, body, headers={"Content-Type": content_type}, timeout=20).status_code
        except requests.RequestException:
            return None

    def memory(self, what: str = "VmRSS") -> int:
        """Bytes that are resident now, or were at most (`VmHWM`)."""
        told = Path(f"/proc/{self._program.pid}/status").read_text()
        return int(told.partition(f"{what}:")[2].split()[0]) * 1024

    def kept(self) -> set[str]:
        """Ids of the spans in its file, which must be sound."""
        with closing(sqlite3.connect(self.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return {row[0] for row in connection.execute("SELECT span_id FROM span")}

    def kill(self) -> None:
        """At once."""
        self._program.kill()
        self._program.communicate()

    def end(self, by: signal.Signals = signal.SIGTERM) -> tuple[str, str, int]:
        """Ask it to end; what it wrote, and its code."""
        self._program.send_signal(by)
        out, err = self._program.communicate(timeout=30)
        return out, err, self._program.returncode

    def __enter__(self) -> "Served":  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """It must have ended well, or be killed."""
        if self._program.poll() is not None:
            return
        if error is not None:
            self.kill()
        else:
            assert self.end() == ("closed\n", "", 0)
