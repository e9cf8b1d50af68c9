"""All contenders beside each other: what recording and sending cost, and what gets lost."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from contenders import EVERYTHING
from delivery import closed_url
from environments import InstallationError, packages, python
from processes import Figures, WorkerError, medians, receiver, run, work

__all__ = ["CASES", "Plan", "compare"]

SILENT_S = 3600
"""A receiver that answers after so long never does while anything is measured."""

HOPELESS_US = 1_000_000
"""Who takes longer than this for a run is not asked again: minutes would pass, and say the same."""


class Plan(NamedTuple):
    """How much is measured."""

    repetitions: int
    runs: int
    """Of 4 KB in the hot loop, a tenth of it of 200 KB."""
    seconds: float
    """At a rate, and flat out."""
    cases: tuple[str, ...]
    directory: Path | None
    """Where environments are; without, all run in this one."""


class Site(NamedTuple):
    """Where a contender runs."""

    python: str
    environ: dict[str, str]
    versions: dict[str, str]

    def work(self, measure: str, name: str, *arguments: object) -> Figures:
        return work(measure, name, *arguments, environ=self.environ, python=self.python)


def hot(size: str, share: int) -> Callable[[str, Plan, Site], Figures]:
    def measure(name: str, plan: Plan, site: Site) -> Figures:
        runs = max(plan.runs // share, 1)
        with receiver() as url:
            return site.work("recording", name, size, url, runs, max(runs // 6, 1))

    return measure


def at_a_rate(latency: float) -> Callable[[str, Plan, Site], Figures]:
    def measure(name: str, plan: Plan, site: Site) -> Figures:
        with receiver(latency) as url:
            return site.work("pace", name, "LIGHT", url, 100, plan.seconds)

    return measure


def refused(name: str, plan: Plan, site: Site) -> Figures:
    return site.work("down", name, "LIGHT", closed_url(), 100, plan.seconds)


def silent(name: str, plan: Plan, site: Site) -> Figures:
    with receiver(SILENT_S) as url:
        return site.work("down", name, "LIGHT", url, 100, plan.seconds)


def flat_out(latency: float) -> Callable[[str, Plan, Site], Figures]:
    def measure(name: str, plan: Plan, site: Site) -> Figures:
        with receiver(latency) as url:
            return site.work("flood", name, "LIGHT", url, plan.seconds)

    return measure


def starting(name: str, plan: Plan, site: Site) -> Figures:
    with receiver() as url:
        return {
            "import_ms": min(import_ms(name, site) for _ in range(3)),  # what else the machine does only adds
            **site.work("first", name, "LIGHT", url),
        }


def import_ms(name: str, site: Site) -> float:
    """What importing a contender takes where the API of OpenTelemetry is imported already, if there is one."""
    code = (
        "import time\n"
        "try: import opentelemetry.trace\n"
        "except ImportError: pass\n"
        f"start = time.perf_counter(); import {EVERYTHING[name].imports}; print((time.perf_counter() - start) * 1000)"
    )
    return float(run([site.python, "-c", code], site.environ).split()[-1])


CASES: dict[str, Callable[[str, Plan, Site], Figures]] = {
    "hot 4 KB": hot("LIGHT", 1),
    "hot 200 KB": hot("HEAVY", 10),
    "100/s": at_a_rate(0),
    "100/s 50 ms": at_a_rate(0.05),
    "100/s refused": refused,
    "100/s silent": silent,
    "flat out": flat_out(0),
    "flat out 50 ms": flat_out(0.05),
    "start": starting,
}


class Column(NamedTuple):
    """A figure of a case, in a table."""

    title: str
    case: str
    figure: str
    form: str = ",.0f"


TABLES = {
    "Time on the thread that records a run, µs, in a hot loop": (
        Column("4 KB p50", "hot 4 KB", "app_us"),
        Column("p99", "hot 4 KB", "app_p99_us"),
        Column("mean", "hot 4 KB", "app_mean_us"),
        Column("200 KB p50", "hot 200 KB", "app_us"),
        Column("p99", "hot 200 KB", "app_p99_us"),
        Column("mean", "hot 200 KB", "app_mean_us"),
    ),
    "The same at 100 runs/s of 4 KB, by what the endpoint does": (
        Column("answers p50", "100/s", "app_us"),
        Column("p99", "100/s", "app_p99_us"),
        Column("in 50 ms p50", "100/s 50 ms", "app_us"),
        Column("p99", "100/s 50 ms", "app_p99_us"),
        Column("refuses p50", "100/s refused", "app_us"),
        Column("p99", "100/s refused", "app_p99_us"),
        Column("is silent p50", "100/s silent", "app_us"),
        Column("p99", "100/s silent", "app_p99_us"),
    ),
    "CPU of the process until all is delivered, memory, bytes on the wire, start": (
        Column("4 KB µs/run", "hot 4 KB", "cpu_us"),
        Column("200 KB", "hot 200 KB", "cpu_us"),
        Column("4 KB at 100/s", "100/s", "cpu_us"),
        Column("peak MB 4 KB", "100/s", "peak_mb"),
        Column("200 KB", "hot 200 KB", "peak_mb"),
        Column("wire KB/run", "100/s", "wire_kb", ",.1f"),
        Column("import ms", "start", "import_ms"),
        Column("first run ms", "start", "first_ms"),
    ),
    "Runs of 4 KB recorded flat out, by what the endpoint does": (
        Column("answers runs/s", "flat out", "rate"),
        Column("spans lost %", "flat out", "lost_percent", ",.1f"),
        Column("drained s", "flat out", "drained_s", ",.1f"),
        Column("in 50 ms runs/s", "flat out 50 ms", "rate"),
        Column("spans lost %", "flat out 50 ms", "lost_percent", ",.1f"),
        Column("drained s", "flat out 50 ms", "drained_s", ",.1f"),
    ),
}


class Measured:
    """What came of each contender."""

    def __init__(self) -> None:
        self.samples: dict[str, dict[str, list[Figures]]] = {}
        self.problems: dict[str, dict[str, str]] = {}

    def figures(self) -> dict[str, dict[str, Figures]]:
        """Medians."""
        return {name: {case: medians(rows) for case, rows in cases.items()} for name, cases in self.samples.items()}

    def add(self, name: str, case: str, figures: Figures) -> None:
        self.samples.setdefault(name, {}).setdefault(case, []).append(figures)

    def fail(self, name: str, case: str, problem: Exception) -> None:
        self.problems.setdefault(name, {})[case] = str(problem).splitlines()[-1]

    def is_hopeless(self, name: str, case: str) -> bool:
        if case in self.problems.get(name, {}):
            return True
        return any(row["app_us"] > HOPELESS_US for row in self.samples.get(name, {}).get(case, []) if "app_us" in row)


def compare(names: Iterable[str], plan: Plan) -> dict[str, Any]:
    """Measure in turn, print the tables, and return all of it."""
    measured = Measured()
    sites = {name: site for name in names if (site := found(name, plan, measured))}
    for repetition in range(plan.repetitions):
        for case in plan.cases:
            progress(f"{repetition + 1} of {plan.repetitions}: {case}")
            for name in sites if repetition % 2 == 0 else reversed(sites):
                take(measured, name, case, plan, sites[name])
    progress("")
    show(measured, names)
    if plan.directory:
        print("\nWith " + ", ".join(required(sites)))
    return {
        "figures": measured.figures(),
        "samples": measured.samples,
        "problems": measured.problems,
        "versions": {name: site.versions for name, site in sites.items()},
    }


def found(name: str, plan: Plan, measured: Measured) -> Site | None:
    """Where a contender runs, if what it requires can be installed."""
    contender, directory = EVERYTHING[name], plan.directory
    if directory is None:
        return Site(sys.executable, contender.environ, {})
    progress(f"environment of {name}")
    try:
        return Site(python(contender, directory), contender.environ, packages(contender, directory))
    except InstallationError as problem:
        measured.fail(name, "environment", problem)
        return None


def take(measured: Measured, name: str, case: str, plan: Plan, site: Site) -> None:
    if measured.is_hopeless(name, case):
        return
    try:
        measured.add(name, case, CASES[case](name, plan, site))
    except WorkerError as problem:
        measured.fail(name, case, problem)


def required(sites: dict[str, Site]) -> list[str]:
    """The versions of what contenders require, each once."""
    wanted = {(each.split("==")[0], name) for name in sites for each in EVERYTHING[name].requires if each != "."}
    return sorted({f"{package} {sites[name].versions[package]}" for package, name in wanted})


def progress(text: str) -> None:
    """On a terminal, a line that is written over."""
    begin, end = ("\r\033[K", "") if sys.stderr.isatty() else ("", "\n")
    print(begin + text, end=end, file=sys.stderr, flush=True)


def show(measured: Measured, names: Iterable[str]) -> None:
    figures = measured.figures()
    cases = {case for each in figures.values() for case in each}
    for title, columns in TABLES.items():
        if not any(column.case in cases for column in columns):
            continue
        print(f"\n{title}\n{'':14}" + "".join(f"{column.title:>16}" for column in columns))
        for name in names:
            print(f"{name:14}" + "".join(cell(figures.get(name, {}), column) for column in columns))
    for name, problems in measured.problems.items():
        for case, problem in problems.items():
            print(f"\n{name}, {case}: {problem}")


def cell(figures: dict[str, Figures], column: Column) -> str:
    if column.case not in figures:
        return f"{'–':>16}"
    return f"{figures[column.case][column.figure]:>16{column.form}}"
