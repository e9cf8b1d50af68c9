"""What delivery costs and bears: the stock pipeline of OpenTelemetry, and ours in each of its modes."""

import socket
from collections.abc import Iterable

from contenders import EVERYTHING
from processes import Figures, medians, receiver, work

__all__ = ["PIPELINES", "closed_url", "compare_cost", "compare_memory", "compare_stalls", "compare_throughput"]


PIPELINES = ("by-hand", "ours", "ours-sync", "ours-memory")
"""The stock one of OpenTelemetry, and ours in each of its modes."""

Samples = dict[str, list[Figures]]

LABELS = {"LIGHT": "4 KB", "HEAVY": "200 KB"}


def compare_cost(names: Iterable[str], repetitions: int, runs: int, seconds: float) -> dict[str, Figures]:
    """On the recording thread and in all, in chunks that are flushed and at 100 runs/s."""

    def measured(name: str, size: str) -> Figures:
        count = runs if size == "LIGHT" else runs // 10
        with receiver() as url:
            hot = run(name, "recording", size, url, count, max(count // 6, 1))
            steady = run(name, "pace", size, url, 100, seconds)
        return {
            "hot_app_us": hot["app_us"],
            "hot_cpu_us": hot["cpu_us"],
            **{key: steady[key] for key in ("app_us", "app_p99_us", "cpu_us", "lost_spans", "requests", "peak_mb")},
        }

    samples: Samples = {}
    for _ in range(repetitions):
        for size, label in LABELS.items():
            for name in names:
                samples.setdefault(f"{name} {label}", []).append(measured(name, size))
    return show(
        samples,
        {
            "hot app µs/run": ("hot_app_us", ".0f"),
            "hot CPU µs/run": ("hot_cpu_us", ".0f"),
            "100/s app µs": ("app_us", ".0f"),
            "p99": ("app_p99_us", ".0f"),
            "100/s CPU µs": ("cpu_us", ".0f"),
            "lost spans": ("lost_spans", ".0f"),
            "requests": ("requests", ".0f"),
            "peak MB": ("peak_mb", ".0f"),
        },
    )


def compare_throughput(
    names: Iterable[str], repetitions: int, latencies: Iterable[float], seconds: float
) -> dict[str, Figures]:
    """The highest rate of 4 KB runs at which all arrives that is recorded in `seconds`."""
    samples: Samples = {}
    for _ in range(repetitions):
        for latency in latencies:
            for name in names:
                samples.setdefault(f"{name} {latency * 1000:.0f} ms", []).append(highest_rate(name, latency, seconds))
    return show(
        samples,
        {
            "runs/s": ("rate", ".0f"),
            "drained s": ("drained_s", ".2f"),
            "CPU µs/run": ("cpu_us", ".0f"),
            "next runs/s": ("next_rate", ".0f"),
            "lost spans": ("next_lost_spans", ".0f"),
            "late s": ("next_late_s", ".2f"),
        },
    )


def highest_rate(name: str, latency: float, seconds: float) -> Figures:
    """Doubles the rate until spans are lost or the pace is, and then closes in on it to 5 %."""
    good: tuple[float, Figures] = (0.0, {"drained_s": 0.0, "cpu_us": 0.0})
    bad: tuple[float, Figures] | None = None
    rate = 200.0
    while bad is None or bad[0] / good[0] > 1.05:
        with receiver(latency) as url:
            figures = run(name, "pace", "LIGHT", url, rate, seconds)
        if figures["lost_spans"] == 0 and figures["took_s"] < seconds * 1.02:
            good = rate, figures
        else:
            bad = rate, figures
        if bad is not None and good[0] == 0:
            break
        rate = good[0] * 2 if bad is None else (good[0] * bad[0]) ** 0.5
    return {
        "rate": good[0],
        "drained_s": good[1]["drained_s"],
        "cpu_us": good[1]["cpu_us"],
        "next_rate": bad[0],
        "next_lost_spans": bad[1]["lost_spans"],
        "next_late_s": bad[1]["took_s"] - seconds,
    }


def compare_memory(names: Iterable[str], repetitions: int, seconds: float) -> dict[str, Figures]:
    """MB above those of a process at rest, with 400 spans of 1 MB and nobody who takes them."""
    samples: Samples = {}
    for _ in range(repetitions):
        for rate in (20, None):
            for name in names:
                label = f"{name} {'20 runs/s' if rate else 'flat out'}"
                samples.setdefault(label, []).append(run(name, "waiting", closed_url(), rate, seconds))
    return show(
        samples,
        {
            "peak MB": ("peak_mb", ".0f"),
            "MB at the end": ("now_mb", ".0f"),
            "recording s": ("took_s", ".1f"),
            "waiting": ("waiting", ".0f"),
            "dropped": ("dropped", ".0f"),
        },
    )


def compare_stalls(names: Iterable[str], repetitions: int, rate: float, seconds: float) -> dict[str, Figures]:
    """How late a thread is that wakes up every millisecond while 200 KB prompts are recorded and sent."""
    samples: Samples = {}
    for _ in range(repetitions):
        for name in ("idle", *names):
            with receiver() as url:
                samples.setdefault(name, []).append(run(name, "stalls", "HEAVY", url, rate, seconds))
    worst = {name: {"worst_ms": max(row["max_ms"] for row in rows)} for name, rows in samples.items()}
    columns = {
        "max ms": ("max_ms", ".1f"),
        "p99.9 ms": ("p999_ms", ".1f"),
        "p99 ms": ("p99_ms", ".1f"),
        "over 15 ms": ("over_15_ms", ".0f"),
        "worst ms": ("worst_ms", ".1f"),
    }
    return show(samples, columns, worst)


# --- helpers ---------------------------------------------------------------------------------------------------------


def run(name: str, measure: str, *arguments: object) -> Figures:
    return work(measure, name, *arguments, environ=EVERYTHING[name].environ)


def closed_url() -> str:
    """A URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def show(
    samples: Samples, columns: dict[str, tuple[str, str]], more: dict[str, Figures] | None = None
) -> dict[str, Figures]:
    """Print a table of medians, and return them."""
    figures = {name: {**medians(rows), **(more or {}).get(name, {})} for name, rows in samples.items()}
    print(f"{'':24}" + "".join(f"{title:>16}" for title in columns))
    for name, row in figures.items():
        print(f"{name:24}" + "".join(f"{row[key]:16{form}}" for key, form in columns.values()))
    return figures
