"""Measures the Observatory's store: `python tests/benchmarks/observatory.py MEASURE`.

ingest   spans/s (25 per trace, 4 KB each) that are decoded, written, durable and queryable by list, filter and id,
         while the list is queried all the time; and how long search trails
prune    how long a write waits while a file of --runs runs loses half of them, to the Observatory or another process
reprice  the same while all their costs are calculated anew by another process
history  the file of a 200-step agent that repeats its history, against its unique text
large    queries on many runs, which are made first where --file does not exist: this takes a while

Every figure comes from this one process on this machine; the requests are made before the clock starts.
"""

import argparse
import itertools
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "observatory"), str(HERE.parent.parent / "src")]

from spans import START, batch, messages, run, span, step, tool_call  # noqa: E402

from contextcompany.observatory import queries  # noqa: E402 - needs the path above
from contextcompany.observatory.otlp import PROTOBUF, decode  # noqa: E402
from contextcompany.observatory.store import Retention, Store  # noqa: E402

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro")
TOOLS = ("search", "fetch", "calculator", "sql", "email")
AGENTS = ("support", "research", "billing")
HOUR_NS = 3600 * 10**9


class Text:
    """Text like people's: few words are frequent, many are rare."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "eeeeaaaiiooutttnnnsssrrrhhlldcumfpgwybvkxjqz"
        count = 20_000
        self._words = ["".join(self._random.choices(letters, k=self._random.randint(2, 10))) for _ in range(count)]
        weights = [*itertools.accumulate(1 / (rank + 1) for rank in range(count))]
        self._whole = " ".join(self._random.choices(self._words, cum_weights=weights, k=2_000_000))

    def make(self, size: int) -> str:
        """From anywhere in a text of 10 MB, so that hardly two are alike and making them takes no time."""
        at = self._random.randrange(len(self._whole) - size)
        return self._whole[at : at + size]


def request(spans: list) -> bytes:
    """An OTLP request with these spans."""
    scope = b"".join(field(2, each.raw) for each in spans)
    return field(1, field(2, scope))


def field(number: int, content: bytes) -> bytes:
    size, head = len(content), bytearray([number << 3 | 2])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + content


def trace(number: int, text: Text, *, size: int, calls: int, start: float, has_cost: bool = True) -> list:
    """A run with steps and tool calls; spans have about `size` bytes."""
    pick = random.Random(number)
    half = max(16, (size - 350) // 2)
    said = {
        "gen_ai__input__messages": messages(text.make(half)),
        "gen_ai__output__messages": messages(text.make(half), role="assistant"),
    }
    more = {"start": start, "end": start + pick.expovariate(0.2), "agent": pick.choice(AGENTS)}
    failed = (2, "timeout") if number % 50 == 0 else (1, "")
    spans = [run(number, status=failed, gen_ai__conversation__id=f"session-{number // 4}", **said, **more)]
    for call in range(calls):
        at = start + call
        asked = {
            "gen_ai__input__messages": messages(text.make(half)),
            "gen_ai__output__messages": messages(text.make(half), role="assistant"),
            "gen_ai__usage__input_tokens": pick.randrange(3000),
            "gen_ai__usage__output_tokens": pick.randrange(500),
        }
        if has_cost:
            asked["tcc__cost__total"] = pick.random() / 50
        ended = at + pick.expovariate(1)
        spans.append(step(number, 2 + 2 * call, model=pick.choice(MODELS), start=at, end=ended, **asked))
        done = {
            "gen_ai__tool__call__arguments": json.dumps({"query": text.make(half)}),
            "gen_ai__tool__call__result": text.make(half),
        }
        tool = pick.choice(TOOLS) if number % 997 else "rare"
        spans.append(tool_call(number, 3 + 2 * call, 2 + 2 * call, tool=tool, start=at, end=ended, **done))
    return spans


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def ingest(arguments: argparse.Namespace) -> dict:
    text = Text(1)
    bodies = [
        request(trace(number, text, size=4000, calls=12, start=number, has_cost=not arguments.unpriced))
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
                trails.append(queries.trailing(store).trailing_s)
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
        while queries.trailing(store).trailing:
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


def large(arguments: argparse.Namespace) -> dict:
    path = arguments.file or Path(tempfile.mkdtemp()) / "large.db"
    made = {}
    if not path.exists():
        made["made in, s"] = fill(path, arguments.runs)
    with Store.open(path) as store:
        while queries.trailing(store).trailing:
            time.sleep(0.1)
        whole = f"{arguments.runs + 1:032x}"
        first = queries.runs(store)
        middle = queries.runs(store, limit=500).next
        now = START + arguments.runs * 10**9
        words = Text(3)._words
        some = queries.run(store, first.runs[0].trace_id).spans[1].span_id
        questions = {
            "list": lambda: queries.runs(store),
            "list, later page": lambda: queries.runs(store, after=middle),
            "list by cost": lambda: queries.runs(store, sort="cost"),
            "list by duration": lambda: queries.runs(store, sort="duration"),
            **{
                filter_: lambda filter_=filter_: queries.runs(store, filter_, now_ns=now)
                for filter_ in (
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
                    "since:1h",
                    "error:none",
                    "status:error model:gpt-4o cost>0.01 duration>1s tool:search agent:billing",
                )
            },
            "search, rare word": lambda: queries.runs(store, words[15_000]),
            "search, frequent word": lambda: queries.runs(store, words[0]),
            "search, two words and a filter": lambda: queries.runs(store, f"{words[3000]} {words[4000]} status:ok"),
            "search, excerpts": lambda: queries.search(store, words[100]),
            "stats by model, a day": lambda: queries.stats(
                store, by="model", since_ns=now - 24 * HOUR_NS, until_ns=now
            ),
            "stats by tool, all": lambda: queries.stats(store, by="tool", since_ns=START, until_ns=now),
            "sessions": lambda: queries.sessions(store),
            "tool calls": lambda: queries.tool_calls(store, with_content=True),
            "tool calls, rare": lambda: queries.tool_calls(store, "rare"),
            "failures": lambda: queries.failures(store),
            "span": lambda: queries.span(store, first.runs[0].trace_id, some),
            "run": lambda: queries.run(store, first.runs[0].trace_id),
            "run of 30,000 spans": lambda: queries.run(store, whole),
        }
        for name, ask in questions.items():
            times = []
            for _ in range(5):
                began = time.perf_counter()
                ask()
                times.append((time.perf_counter() - began) * 1000)
            made[f"{name}, ms"] = f"{statistics.median(times):.1f} (first {times[0]:.1f})"
    made["file, MB"] = round(path.stat().st_size / 2**20)
    made["memory at most, MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
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


def main() -> None:
    measures = {"ingest": ingest, "history": history, "large": large, "prune": prune, "reprice": reprice}
    description, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--traces", type=int, default=1200, help="of 25 spans, for ingest")
    parser.add_argument("--unpriced", action="store_true", help="let the store calculate all costs, for ingest")
    parser.add_argument("--senders", type=int, default=8, help="threads that write, for ingest")
    parser.add_argument("--switch-interval", type=float, default=0.005, help="Python's, in seconds, for ingest")
    parser.add_argument("--runs", type=int, default=100_000, help="for large")
    parser.add_argument("--file", type=Path, help="where large keeps what it made, to be used again")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measures[arguments.measure](arguments)
    for name, figure in figures.items():
        print(f"{name:80} {figure}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
