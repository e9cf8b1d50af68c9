"""Measures the Observatory as a process that people start: `python tests/benchmarks/observatory.py MEASURE`.

start    time from the start of the process until it answers, and its memory then
ingest   spans/s (25 per trace, 4 KB each) that it takes over HTTP, from a process that sends as fast as it gets answers
         or at --rate, while this one asks it for lists, by filters and for runs all the time; what was answered is
         durable, and the clock stops when the last of it is in the list, found by a filter and whole by its id
large    answers on many runs, which are made first where --file does not exist: this takes a while
extra    packages and megabytes that `contextcompany[observatory]` adds to `contextcompany`, in environments made for it

Every figure comes from one run on this machine; requests are made before the clock starts. `store.py` measures the
store without the process around it.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "observatory"), str(ROOT / "src")]

from sender import CALLS  # noqa: E402 - needs the path above, as do those below
from spans import START  # noqa: E402
from store import fill, report  # noqa: E402
from traces import Text  # noqa: E402

SPANS = 2 * CALLS + 1
"""Of a trace."""


class Server:
    """`contextcompany observatory` as a process of its own, on a file."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-m", "contextcompany", "observatory", "--port", "0", "--db", str(path), "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        began = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        lines = ""
        while not lines.endswith("}\n"):
            lines += self.process.stdout.readline()
        self.url: str = json.loads(lines)["url"]
        self._connections = threading.local()
        self.get("/healthz")
        self.ready_s = time.perf_counter() - began

    def get(self, path: str, **parameters: Any) -> Any:
        """What it answers."""
        return json.loads(self.read(path, **parameters))

    def read(self, path: str, **parameters: Any) -> bytes:
        """The JSON that it answers with, over a connection that each thread keeps."""
        if not hasattr(self._connections, "one"):
            self._connections.one = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        self._connections.one.request("GET", f"{path}?{urlencode(parameters)}" if parameters else path)
        response = self._connections.one.getresponse()
        body = response.read()
        assert response.status == 200, (path, parameters, body[:500])
        return body

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident now, or at most until now (`VmHWM`)."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(told.partition(f"{what}:")[2].split()[0]) / 1024

    def cpu_s(self) -> float:
        """Of all its threads until now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it, and wait until its file is closed."""
        self.process.terminate()
        self.process.communicate()


@contextmanager
def served(path: Path | None = None) -> Iterator[Server]:
    """A server on that file, or on a new one."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(path or Path(folder) / "o.db")
        try:
            yield server
        finally:
            server.close()


def start(_: argparse.Namespace) -> dict:
    times, sizes = [], []
    for _ in range(5):
        with served() as server:
            times.append(server.ready_s)
            sizes.append(server.memory_mb())
    return {
        "ready, median s": round(statistics.median(times), 2),
        "ready, worst s": round(max(times), 2),
        "resident at start, MB": round(max(sizes)),
    }


def ingest(arguments: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "o.db"
        with served(path) as server:
            figures, sent = loaded(server, arguments)
        figures["file / bytes sent"] = round(path.stat().st_size / sent, 2)
    return figures


def loaded(server: Server, arguments: argparse.Namespace) -> tuple[dict, int]:
    """What one run under load says, and the bytes that were sent."""
    words = [HERE / "sender.py", server.url, arguments.traces, arguments.senders, arguments.rate / SPANS]
    command = [sys.executable, *map(str, words)]
    sender = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert sender.stdout.readline() == "ready\n"
    before, cpu = server.memory_mb(), server.cpu_s()
    asked: dict[str, list[float]] = {"list": [], "filter": [], "run": []}
    trails: list[float] = []
    is_done = threading.Event()
    asking = threading.Thread(target=ask_all_the_time, args=(server, asked, trails, is_done))
    asking.start()
    began = time.perf_counter()
    sent = json.loads(sender.communicate("go\n")[0])
    while not all_there(server, arguments.traces):
        time.sleep(0.01)
    queryable = time.perf_counter() - began
    while trailing(server)["trailing"]:
        time.sleep(0.02)
    searchable = time.perf_counter() - began
    is_done.set()
    asking.join()
    spans = arguments.traces * SPANS
    figures = {
        "spans": spans,
        "bytes a span": round(sent["bytes"] / spans),
        "accepted, spans/s": round(spans / sent["seconds"]),
        "durable and queryable, spans/s": round(spans / queryable),
        "searchable too, spans/s": round(spans / searchable),
        "search trailed at most, s": round(max(trails, default=0), 1),
        "told to come later": sent["told to come later"],
        "answer, median ms": round(sent["answer, median ms"], 1),
        "answer, worst ms": round(sent["answer, worst ms"], 1),
        **{f"{name} meanwhile, median (worst) ms": told(times) for name, times in asked.items()},
        "CPU of the server a span, µs": round((server.cpu_s() - cpu) / spans * 1e6),
        "CPU of the sender a span, µs": round(sent["CPU, s"] / spans * 1e6),
        "memory before, MB": round(before),
        "memory at most, MB": round(server.memory_mb("VmHWM")),
    }
    return figures, sent["bytes"]


def ask_all_the_time(
    server: Server, asked: dict[str, list[float]], trails: list[float], is_done: threading.Event
) -> None:
    """For a list, by a filter and for the newest run, ten times a second."""
    while not is_done.wait(0.1):
        page = timed(asked["list"], server, "/api/runs")
        timed(asked["filter"], server, "/api/runs", filter="model:gpt-4o status:ok")
        for each in page["runs"][:1]:
            timed(asked["run"], server, f"/api/runs/{each['trace_id']}")
        trails.append(trailing(server)["trailing_s"])


def all_there(server: Server, traces: int) -> bool:
    """Whether the last of them are in the list, found by a filter and whole by id."""
    newest = {f"{n:032x}" for n in range(max(1, traces - 49), traces + 1)}
    for filter_ in ("", "tool:*"):
        if {each["trace_id"] for each in server.get("/api/runs", filter=filter_)["runs"]} != newest:
            return False
    return all(len(server.get(f"/api/runs/{each}")["spans"]) == SPANS for each in newest)


def trailing(server: Server) -> Any:
    """How far search is behind."""
    return server.get("/api/runs", filter="anything", limit=1)["search"]


def timed(times: list[float], server: Server, path: str, **parameters: Any) -> Any:
    began = time.perf_counter()
    answer = server.read(path, **parameters)
    times.append(time.perf_counter() - began)
    return json.loads(answer)


def told(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.1f} ({max(times) * 1000:.1f})"


FILTERS = (
    "status:error",
    "status:lost",
    "model:gpt-4o",
    "model:gpt*",
    "tool:rare",
    "agent:billing -tool:search",
    "cost>0.1",
    "cost>10",
    "duration>60s",
    "session:session-17",
    "error:none",
    "status:error model:gpt-4o cost>0.01 duration>1s tool:search agent:billing",
)


def large(arguments: argparse.Namespace) -> dict:
    path = arguments.file or Path(tempfile.mkdtemp()) / "large.db"
    made = {}
    if not path.exists():
        made["made in, s"] = fill(path, arguments.runs)
    with served(path) as server:
        while trailing(server)["trailing"]:
            time.sleep(0.1)
        for name, (where, parameters) in questions(server, arguments.runs).items():
            times: list[float] = []
            for _ in range(5):
                timed(times, server, where, **parameters)
            made[f"{name}, ms"] = f"{statistics.median(times) * 1000:.1f} (first {times[0] * 1000:.1f})"
        made["memory at most, MB"] = round(server.memory_mb("VmHWM"))
    made["file, MB"] = round(path.stat().st_size / 2**20)
    return made


def questions(server: Server, runs: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where to ask for what."""
    words = Text(3).words
    hour_ago, day_ago, now = (date(runs - seconds) for seconds in (3600, 24 * 3600, 0))
    newest = server.get("/api/runs", filter=f"until:{now}")["runs"][0]["trace_id"]
    some = server.get(f"/api/runs/{newest}")["spans"][1]["span_id"]
    page = {
        name: ("/api/runs", given)
        for name, given in (
            ("list", {}),
            ("list, later page", {"after": server.get("/api/runs", limit=min(500, runs // 2))["next"]}),
            ("list by cost", {"sort": "cost"}),
            ("list by duration", {"sort": "duration"}),
            *((filter_, {"filter": filter_}) for filter_ in FILTERS),
            ("the last hour", {"filter": f"since:{hour_ago}"}),
            ("search, rare word", {"filter": words[15_000]}),
            ("search, frequent word", {"filter": words[0]}),
            ("search, two words and a filter", {"filter": f"{words[3000]} {words[4000]} status:ok"}),
        )
    }
    return page | {
        "search, excerpts": ("/api/search", {"q": words[100]}),
        "stats by model, a day": ("/api/stats", {"by": "model", "since": day_ago, "until": now}),
        "stats by tool, all": ("/api/stats", {"by": "tool", "since": date(0), "until": now, "hours": 24}),
        "histogram, all": ("/api/histogram", {"since": date(0), "until": now}),
        "sessions": ("/api/sessions", {}),
        "session": (f"/api/sessions/{quote('session-17')}", {}),
        "tool calls": ("/api/tool_calls", {"content": 1}),
        "tool calls, rare": ("/api/tool_calls", {"tool": "rare"}),
        "failures": ("/api/failures", {}),
        "span": (f"/api/runs/{newest}/spans/{some}", {}),
        "run": (f"/api/runs/{newest}", {}),
        "run of 30,000 spans": (f"/api/runs/{runs + 1:032x}", {}),
        "run of 30,000 spans, in columns": (f"/api/runs/{runs + 1:032x}", {"columns": 1}),
    }


def date(seconds: float) -> str:
    """So many seconds after the first run was started."""
    return datetime.fromtimestamp(START / 1e9 + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def extra(_: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)]
        subprocess.run(wheel, check=True)
        (built,) = Path(folder).glob("*.whl")
        core, core_mb = installed(Path(folder) / "core", str(built))
        whole, whole_mb = installed(Path(folder) / "whole", f"{built}[observatory]")
    return {
        "packages of contextcompany": len(core),
        "packages that the extra adds": f"{len(whole - core)}: {', '.join(sorted(whole - core))}",
        "MB of contextcompany": round(core_mb, 1),
        "MB that the extra adds": round(whole_mb - core_mb, 1),
    }


def installed(environment: Path, requirement: str) -> tuple[set[str], float]:
    """The packages that a fresh environment has with it, and the megabytes of their files."""
    venv.create(environment, with_pip=True)
    pip = [environment / "bin" / "python", "-m", "pip"]
    subprocess.run([*pip, "install", "--quiet", requirement], check=True)
    listed = subprocess.run([*pip, "list", "--format=json"], check=True, capture_output=True, text=True).stdout
    files = (each for each in environment.glob("lib/python*/site-packages/**/*") if each.is_file())
    size = sum(each.stat().st_size for each in files)
    return {each["name"] for each in json.loads(listed)} - {"pip"}, size / 1e6


def main() -> None:
    measures = {each.__name__: each for each in (start, ingest, large, extra)}
    description, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--traces", type=int, default=1200, help="of 25 spans, for ingest")
    parser.add_argument("--senders", type=int, default=8, help="connections that send, for ingest")
    parser.add_argument(
        "--rate", type=float, default=0, help="spans/s that are sent, for ingest; 0: as many as are taken"
    )
    parser.add_argument("--runs", type=int, default=100_000, help="for large")
    parser.add_argument("--file", type=Path, help="where large keeps what it made, to be used again")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report(measures[arguments.measure](arguments), arguments.json)


if __name__ == "__main__":
    main()
