"""Measures the Observatory's store in this one process: `python tests/benchmarks/store.py MEASURE`.

ingest   spans/s (25 per trace, 4 KB each) that are decoded, written, durable and queryable by list, filter and id,
         while the list is queried all the time; and how long search trails
prune    how long a write waits while a file of --runs runs loses half of them, to the Observatory or another process
reprice  the same while all their costs are calculated anew by another process
history  the file of a 200-step agent that repeats its history, against its unique text

Requests are made before the clock starts. `observatory.py` measures the process that people start.
"""

import argparse
import itertools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "observatory"), str(HERE.parent.parent / "src")]

from sender import CALLS, SIZE  # noqa: E402 - needs the path above, as do those below
from spans import batch, messages, run, span, step  # noqa: E402
from traces import Text, request, trace  # noqa: E402

from contextcompany.observatory import queries, searching  # noqa: E402
from contextcompany.observatory.otlp import PROTOBUF, decode  # noqa: E402
from contextcompany.observatory.store import Retention, Store  # noqa: E402


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def ingest(arguments: argparse.Namespace) -> dict:
    text = Text(1)
    bodies = [
        request(trace(number, text, size=SIZE, calls=CALLS, start=number, has_cost=not arguments.unpriced))
        for number in range(1, arguments.traces + 1)
    ]
    spans = 25 * len(bodies)
    sent = sum(map(len, bodies))
    before = resident_mb()
    waiting, lock = iter(bodies), threading.Lock()
    asked, peak, trails = [], [], []
    is_done = threading.Event()
    sys.setswitchinterval(arguments.switch_interval)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "o.db") as store:

        def send() -> None:
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    return
                store.write(decode("traces", body, PROTOBUF))

        def ask() -> None:
            while not is_done.wait(0.1):
                for filter_ in ("", "model:gpt-4o status:ok"):
                    began = time.perf_counter()
                    queries.runs(store, filter_)
                    asked.append(time.perf_counter() - began)
                trails.append(searching.trailing(store).trailing_s)
                peak.append(resident_mb())

        asking = threading.Thread(target=ask)
        asking.start()
        sending = [threading.Thread(target=send) for _ in range(arguments.senders)]
        began, cpu = time.perf_counter(), time.process_time()
        for thread in sending:
            thread.start()
        for thread in sending:
            thread.join()
        durable = time.perf_counter() - began
        while searching.trailing(store).trailing:
            time.sleep(0.01)
        indexed = time.perf_counter() - began
        cpu = time.process_time() - cpu
        is_done.set()
        asking.join()
        store_path = store.path
        store.close()
        size = store_path.stat().st_size
    return {
        "spans": spans,
        "bytes a span": round(sent / spans),
        "durable and queryable, spans/s": round(spans / durable),
        "searchable too, spans/s": round(spans / indexed),
        "CPU a span, µs": round(cpu / spans * 1e6),
        "search trailed at most, s": round(max(trails, default=0), 1),
        "list while writing, median ms": round(statistics.median(asked) * 1000, 1),
        "list while writing, worst ms": round(max(asked) * 1000, 1),
        "memory before, MB": round(before),
        "memory at most, MB": round(max(peak)),
        "file / bytes sent": round(size / sent, 2),
    }


def history(_: argparse.Namespace) -> dict:
    made = {}
    for size in (300, 1200, 4000):
        text = Text(2)
        said = [text.make(size) for _ in range(400)]
        unique = sum(map(len, said))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "o.db"
            sent = 0
            with Store.open(path) as store:
                for number in range(200):
                    asked = messages(*said[: 2 * number + 1])
                    answered = messages(said[2 * number + 1], role="assistant")
                    each = step(1, number + 2, gen_ai__input__messages=asked, gen_ai__output__messages=answered)
                    sent += len(each.raw)
                    store.write(batch(each))
                store.write(batch(run(1)))
            made[f"messages of {size} B: file / unique text (sent / unique text)"] = (
                f"{path.stat().st_size / unique:.2f} ({sent / unique:.0f})"
            )
    return made


def prune(arguments: argparse.Namespace) -> dict:
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("the Observatory itself", "another process"):
            path = Path(folder) / "o.db"
            fill(path, arguments.runs)
            half = path.stat().st_size // 2
            with Store.open(path) as store:
                if name == "another process":
                    waits, took = while_writing(store, lambda: command(path, "prune", "--max-size", half))  # noqa: B023
                else:
                    waits, took = while_writing(store, lambda: store.prune(Retention(max_bytes=half)))  # noqa: B023
            made |= {
                f"{name}: took, s": round(took, 1),
                f"{name}: a write waits, median ms": round(statistics.median(waits) * 1000, 1),
                f"{name}: a write waits, 99 % ms": round(statistics.quantiles(waits, n=100)[98] * 1000, 1),
                f"{name}: a write waits at most, ms": round(max(waits) * 1000),
                f"{name}: file before and after, MB": f"{2 * half / 1e6:.0f}, {path.stat().st_size / 1e6:.0f}",
            }
            path.unlink()
    return made


def reprice(arguments: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "o.db"
        fill(path, arguments.runs, has_cost=False)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE span SET cost = cost / 2 WHERE cost_source = 'calculated'")
            connection.execute("UPDATE run SET cost = cost / 2")
        connection.close()
        with Store.open(path) as store:
            waits, took = while_writing(store, lambda: command(path, "reprice"))
    return {
        "took, s": round(took, 1),
        "a write waits, median ms": round(statistics.median(waits) * 1000, 1),
        "a write waits, 99 % ms": round(statistics.quantiles(waits, n=100)[98] * 1000, 1),
        "a write waits at most, ms": round(max(waits) * 1000),
    }


def command(path: Path, *arguments: object) -> None:
    """Have another process do something with the file."""
    words = [sys.executable, "-m", "contextcompany", *map(str, arguments), "--db", str(path)]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent.parent / "src")})


def while_writing(store: Store, work: Callable[[], object]) -> tuple[list[float], float]:
    """How long each of many small writes took while something was done, and that."""
    waits: list[float] = []
    is_done = threading.Event()
    numbers = itertools.count(10**9)
    text = Text(4)

    def write() -> None:
        while not is_done.wait(0.005):
            spans = trace(next(numbers), text, size=1000, calls=5, start=10**6)
            began = time.perf_counter()
            store.write(batch(*spans))
            waits.append(time.perf_counter() - began)

    writing = threading.Thread(target=write)
    writing.start()
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    is_done.set()
    writing.join()
    return waits, took


def fill(path: Path, runs: int, *, has_cost: bool = True) -> float:
    """Runs of ten spans, 1 KB each, one a second; and one run of 30,000 spans."""
    text = Text(3)
    numbers, lock = iter(range(1, runs + 1)), threading.Lock()
    began = time.perf_counter()
    with Store.open(path) as store:

        def make() -> None:
            while True:
                with lock:
                    some = [*itertools.islice(numbers, 20)]
                    made = [trace(n, text, size=1000, calls=5, start=n, has_cost=has_cost)[:10] for n in some]
                    spans = [*itertools.chain.from_iterable(made)]
                if not some:
                    return
                store.write(batch(*spans))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for at in range(2, 30_000, 500):
            numbers_ = range(at, min(at + 500, 30_000))
            store.write(batch(*(step(runs + 1, number, max(1, number // 8), start=number) for number in numbers_)))
        store.write(batch(run(runs + 1, end=40_000), span(runs + 2)))
    return round(time.perf_counter() - began)


def report(figures: dict[str, Any], path: Path | None) -> None:
    """Print figures, a line each, and write them as JSON where that is asked for."""
    for name, figure in figures.items():
        print(f"{name:80} {figure}")
    if path is not None:
        path.write_text(json.dumps(figures, indent=2))


def main() -> None:
    measures = {each.__name__: each for each in (ingest, prune, reprice, history)}
    description, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--traces", type=int, default=1200, help="of 25 spans, for ingest")
    parser.add_argument("--unpriced", action="store_true", help="let the store calculate all costs, for ingest")
    parser.add_argument("--senders", type=int, default=8, help="threads that write, for ingest")
    parser.add_argument("--switch-interval", type=float, default=0.005, help="Python's, in seconds, for ingest")
    parser.add_argument("--runs", type=int, default=100_000, help="for prune and reprice")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report(measures[arguments.measure](arguments), arguments.json)


if __name__ == "__main__":
    main()
