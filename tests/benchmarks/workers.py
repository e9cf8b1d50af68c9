"""What is measured in a process of its own. Each function returns figures of one contender."""

import resource
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contenders
import workload
from processes import Figures, received

Messages = list[dict[str, Any]]
Record = Callable[[Messages], None]

SPANS_PER_RUN = 4


def recording(contender: str, size: str, url: str, runs: int, chunk: int = 20) -> Figures:
    """Chunks are flushed between timings, so that sending does not disturb recording."""
    record, flush, messages = prepared(contender, size, url)
    app: list[float] = []
    cpu = time.process_time()
    for _ in range(max(runs // chunk, 1)):
        app += paced(record, messages, chunk)
        flush()
    cpu = time.process_time() - cpu
    return {"app_us": statistics.median(app), "cpu_us": cpu / len(app) * 1e6, "peak_mb": peak_mb()}


def pace(contender: str, size: str, url: str, rate: float, seconds: float) -> Figures:
    """Runs at a steady rate while what was recorded is being sent, and how long it takes until all is delivered."""
    record, flush, messages = prepared(contender, size, url)
    runs = int(rate * seconds)
    before = received(url)
    cpu, start = time.process_time(), time.perf_counter()
    app = paced(record, messages, runs, rate)
    recorded = time.perf_counter()
    flush()
    cpu, flushed = time.process_time() - cpu, time.perf_counter()
    after = received(url)
    return {
        "app_us": statistics.median(app),
        "app_p99_us": quantile(app, 0.99),
        "cpu_us": cpu / runs * 1e6,
        "took_s": recorded - start,
        "drained_s": flushed - recorded,
        "runs": runs,
        "lost_spans": runs * SPANS_PER_RUN - (after["spans"] - before["spans"]),
        "requests": after["requests"] - before["requests"],
        "peak_mb": peak_mb(),
    }


def waiting(contender: str, closed_url: str, rate: float | None, seconds: float) -> Figures:
    """Memory with 400 spans of 1 MB that cannot be sent, recorded at a rate or at once, until `seconds` later."""
    record, _ = getattr(contenders, contender)(closed_url)
    record(workload.LIGHT.messages)
    time.sleep(1)
    before = peak_mb()
    start = time.perf_counter()
    paced(record, workload.MEGABYTE.messages, 200, rate)
    took = time.perf_counter() - start
    time.sleep(seconds)
    return {"peak_mb": peak_mb() - before, "now_mb": resident_mb() - before, "took_s": took, **kept()}


def stalls(contender: str, size: str, url: str, rate: float, seconds: float) -> Figures:
    """How late a thread is that wakes up every millisecond, while another one records and a third one sends."""
    record, flush, messages = prepared(contender, size, url)
    late: list[float] = []
    ended = threading.Event()
    ticker = threading.Thread(target=tick, args=(late, ended))
    ticker.start()
    if contender == "idle":
        time.sleep(seconds)
    else:
        paced(record, messages, int(rate * seconds), rate)
    flush()
    ended.set()
    ticker.join()
    figures = {"max_ms": max(late), "p999_ms": quantile(late, 0.999), "p99_ms": quantile(late, 0.99)}
    return {**figures, "over_15_ms": sum(1 for gap in late if gap > 15), "ticks": len(late)}


# --- helpers ---------------------------------------------------------------------------------------------------------


def prepared(contender: str, size: str, url: str) -> tuple[Record, Callable[[], None], Messages]:
    """A contender that has recorded and sent before, and its messages."""
    record, flush = getattr(contenders, contender)(url)
    messages = getattr(workload, size).messages
    for _ in range(20):
        record(messages)
    flush()
    return record, flush, messages


def paced(record: Record, messages: Messages, runs: int, rate: float | None = None) -> list[float]:
    """Record at a rate, or as fast as it goes; µs that each run took."""
    took = []
    start = time.perf_counter()
    for i in range(runs):
        wait = start + i / rate - time.perf_counter() if rate else 0
        if wait > 0:
            time.sleep(wait)
        before = time.perf_counter_ns()
        record(messages)
        took.append((time.perf_counter_ns() - before) / 1000)
    return took


def tick(late: list[float], ended: threading.Event) -> None:
    while not ended.is_set():
        before = time.perf_counter()
        time.sleep(0.001)
        late.append((time.perf_counter() - before) * 1000 - 1)


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(int(len(values) * q), len(values) - 1)]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def kept() -> Figures:
    """What waits and what was dropped as our own delivery tells it; the stock one tells nothing."""
    import contextcompany as tcc

    report = tcc.flush(0.1)
    return {"waiting": report.waiting, "dropped": sum(report.dropped.values())}
