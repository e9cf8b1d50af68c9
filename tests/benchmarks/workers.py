"""What is measured in a process of its own. Each function returns figures of one contender."""

import itertools
import os
import resource
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contenders
import workload
from contenders import Record
from processes import Figures, received

Conversations = list[list[dict[str, Any]]]

SPANS_PER_RUN = 4
WARM_UP = 20
PATIENCE_S = 1.5
"""What was sent has arrived, or never will, when nothing has arrived for so long."""


def recording(contender: str, size: str, url: str, runs: int, chunk: int = 20) -> Figures:
    """Chunks are flushed between timings, so that sending does not disturb recording."""
    record, flush, conversations = prepared(contender, size, url)
    app: list[float] = []
    cpu = time.process_time()
    for _ in range(max(runs // chunk, 1)):
        app += paced(record, conversations, chunk)
        flush()
    cpu = time.process_time() - cpu
    return {**told(app), "cpu_us": cpu / len(app) * 1e6, "peak_mb": peak_mb()}


def pace(contender: str, size: str, url: str, rate: float, seconds: float) -> Figures:
    """Runs at a steady rate while what was recorded is being sent, and how long it takes until all is delivered.

    Who cannot keep up records fewer of them.
    """
    record, flush, conversations = prepared(contender, size, url)
    before = received(url)
    cpu, start = time.process_time(), time.perf_counter()
    app = paced(record, conversations, int(rate * seconds), rate, seconds * 1.5)
    recorded = time.perf_counter()
    flush()
    cpu, flushed = time.process_time() - cpu, time.perf_counter()
    after = received(url)
    return {
        **told(app),
        "cpu_us": cpu / len(app) * 1e6,
        "took_s": recorded - start,
        "drained_s": flushed - recorded,
        "runs": len(app),
        "lost_spans": len(app) * SPANS_PER_RUN - (after["spans"] - before["spans"]),
        "requests": after["requests"] - before["requests"],
        "wire_kb": (after["bytes"] - before["bytes"]) / len(app) / 1000,
        "peak_mb": peak_mb(),
    }


def down(contender: str, size: str, url: str, rate: float, seconds: float) -> Figures:
    """Runs at a steady rate while the endpoint takes nothing. Runs that take longer than this are all there is."""
    record = contenders.prepare(contender, url).record
    conversations = getattr(workload, size).conversations
    app = paced(record, conversations, WARM_UP, None, seconds)
    if sum(app) < seconds * 1e6:
        app = paced(record, conversations, int(rate * seconds), rate, seconds * 1.5)
    return told(app)


def flood(contender: str, size: str, url: str, seconds: float) -> Figures:
    """As many runs as can be recorded in so many seconds, and what of them arrives in the end."""
    record, flush, conversations = prepared(contender, size, url)
    before = received(url)["spans"]
    start = time.perf_counter()
    runs = len(paced(record, conversations, 10**9, None, seconds))
    recorded = time.perf_counter()
    flush()
    arrived = settled(url, before + runs * SPANS_PER_RUN) - before
    spans = runs * SPANS_PER_RUN
    return {
        "rate": runs / (recorded - start),
        "runs": runs,
        "lost_spans": spans - arrived,
        "lost_percent": (1 - arrived / spans) * 100,
        "drained_s": time.perf_counter() - recorded,
    }


def first(contender: str, size: str, url: str) -> Figures:
    """From the start of importing until the first run is recorded; nothing that it needs is imported before."""
    start = time.perf_counter()
    contenders.prepare(contender, url).record(getattr(workload, size).messages)
    return {"first_ms": (time.perf_counter() - start) * 1000}


def one(contender: str, size: str, url: str) -> Figures:
    """A single run, for those who look at what is sent."""
    record, flush, _ = contenders.prepare(contender, url)
    record(getattr(workload, size).messages)
    flush()
    return {}


def waiting(contender: str, closed_url: str, rate: float | None, seconds: float) -> Figures:
    """Memory with 400 spans of 1 MB that cannot be sent, recorded at a rate or at once, until `seconds` later."""
    record = contenders.prepare(contender, closed_url).record
    record(workload.LIGHT.messages)
    time.sleep(1)
    before = peak_mb()
    start = time.perf_counter()
    paced(record, workload.MEGABYTE.conversations, 200, rate)
    took = time.perf_counter() - start
    time.sleep(seconds)
    return {"peak_mb": peak_mb() - before, "now_mb": resident_mb() - before, "took_s": took, **kept()}


def stalls(contender: str, size: str, url: str, rate: float, seconds: float) -> Figures:
    """How late a thread is that wakes up every millisecond, while another one records and a third one sends."""
    record, flush, conversations = prepared(contender, size, url)
    late: list[float] = []
    ended = threading.Event()
    ticker = threading.Thread(target=tick, args=(late, ended))
    ticker.start()
    if contender == "idle":
        time.sleep(seconds)
    else:
        paced(record, conversations, int(rate * seconds), rate)
    flush()
    ended.set()
    ticker.join()
    figures = {"max_ms": max(late), "p999_ms": quantile(late, 0.999), "p99_ms": quantile(late, 0.99)}
    return {**figures, "over_15_ms": sum(1 for gap in late if gap > 15), "ticks": len(late)}


def life(url: str, runs: int) -> dict[str, Any]:
    """So many runs in one process, as fast as they go, and how it is after each tenth of them."""
    record, flush, conversations = prepared("ours", "LIGHT", url)
    before = received(url)["spans"]
    tenths = []
    for _ in range(10):
        cpu = time.process_time()
        app = paced(record, conversations, runs // 10)
        flush()
        tenths.append(
            {
                "runs": runs // 10 * (len(tenths) + 1),
                "app_us": statistics.median(app),
                "cpu_us": (time.process_time() - cpu) / len(app) * 1e6,
                "rss_mb": resident_mb(),
                "disk_mb": disk_mb(),
                "threads": threading.active_count(),
            }
        )
    spans = runs // 10 * 10 * SPANS_PER_RUN
    return {"tenths": tenths, "spans": spans, "lost_spans": spans - (settled(url, before + spans) - before)}


def crowd(url: str, opened: int) -> Figures:
    """So many runs that are open at once, each with a step that is, and another thread that is to wake up meanwhile."""
    import contextcompany as tcc

    prepared("ours", "LIGHT", url)
    before, memory = received(url)["spans"], resident_mb()
    late: list[float] = []
    ended = threading.Event()
    ticker = threading.Thread(target=tick, args=(late, ended))
    ticker.start()
    start = time.perf_counter()
    runs = []
    for _ in range(opened):
        run = tcc.run(session_id="s-1", agent="buyer").prompt(workload.USER_PROMPT)
        runs.append((run, run.step(model=workload.MODEL).prompt(workload.USER_PROMPT)))
    took = time.perf_counter() - start
    time.sleep(2)  # until they are on disk
    cpu, kb_each = time.process_time(), (resident_mb() - memory) * 1024 / opened
    ended.set()
    ticker.join()
    time.sleep(60)  # two rounds of snapshots
    idle, disk = (time.process_time() - cpu) / 60, disk_mb()
    ended.clear()
    ticker = threading.Thread(target=tick, args=(late, ended))
    ticker.start()
    start = time.perf_counter()
    for run, step in runs:
        step.response(workload.RESPONSE).end()
        run.response(workload.RESPONSE).end()
    end = time.perf_counter() - start
    tcc.flush(60)
    ended.set()
    ticker.join()
    return {
        "open_us": took / opened * 1e6,
        "end_us": end / opened * 1e6,
        "kb_each": kb_each,
        "disk_mb": disk,
        "idle_percent": idle * 100,
        "max_ms": max(late),
        "lost_spans": 2 * opened - (settled(url, before + 2 * opened) - before),
    }


# --- helpers ---------------------------------------------------------------------------------------------------------


def prepared(contender: str, size: str, url: str) -> tuple[Record, Callable[[], None], Conversations]:
    """A contender that has recorded and sent before, and what it is told."""
    record, flush, settle = contenders.prepare(contender, url)
    conversations = getattr(workload, size).conversations
    settle()
    for messages in itertools.islice(itertools.cycle(conversations), WARM_UP):
        record(messages)
    flush()
    return record, flush, conversations


def told(app: list[float]) -> Figures:
    """µs on the thread that records."""
    return {"app_us": statistics.median(app), "app_p99_us": quantile(app, 0.99), "app_mean_us": statistics.mean(app)}


def settled(url: str, expected: int) -> float:
    """The spans that have arrived when all have that are expected, or no more come."""
    arrived, since = received(url)["spans"], time.perf_counter()
    while arrived < expected and time.perf_counter() - since < PATIENCE_S:
        time.sleep(0.1)
        now = received(url)["spans"]
        if now > arrived:
            arrived, since = now, time.perf_counter()
    return arrived


def paced(
    record: Record, conversations: Conversations, runs: int, rate: float | None = None, limit: float = float("inf")
) -> list[float]:
    """Record at a rate, or as fast as it goes, until there are so many runs or it took so long; µs that each took."""
    took = []
    start = time.perf_counter()
    for i in range(runs):
        if time.perf_counter() - start > limit:
            break
        wait = start + i / rate - time.perf_counter() if rate else 0
        if wait > 0:
            time.sleep(wait)
        messages = conversations[i % len(conversations)]
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
    """Of this process since its start; `ru_maxrss` would count what its parent had, too."""
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def disk_mb() -> float:
    """What the outbox takes."""
    return sum(file.stat().st_size for file in Path(os.environ["TCC_OUTBOX_DIR"]).glob("*")) / 1e6


def kept() -> Figures:
    """What waits and what was dropped as our own delivery tells it; the stock one tells nothing."""
    import contextcompany as tcc

    report = tcc.flush(0.1)
    return {"waiting": report.waiting, "dropped": sum(report.dropped.values())}
