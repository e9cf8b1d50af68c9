"""What recording costs: the ways to record with this SDK, and the same spans by hand."""

import sys

from processes import Figures, medians, output, receiver, work

__all__ = ["compare"]

CONTENDERS = ("ours", "blocks", "decorators", "inside", "by-hand", "by-hand-orjson")
SIZES = ("LIGHT", "HEAVY")
IMPORTS = ("opentelemetry.trace", "contextcompany")


def compare(repetitions: int, runs: int) -> dict[str, object]:
    samples: dict[str, list[Figures]] = {}
    with receiver() as url:
        for _ in range(repetitions):
            for size in SIZES:
                for contender in CONTENDERS:
                    count = runs if size == "LIGHT" else runs // 10
                    samples.setdefault(f"{contender} {size}", []).append(work("recording", contender, size, url, count))
    figures = {name: medians(rows) for name, rows in samples.items()}
    imports = {module: import_ms(module, repetitions) for module in IMPORTS}
    show(figures, imports)
    return {"figures": figures, "import_ms": imports}


def show(figures: dict[str, Figures], imports: Figures) -> None:
    print(
        f"{'contender':16}{'messages':>10}{'app µs/run':>12}{'vs by hand':>12}{'vs builder':>12}{'CPU µs/run':>12}"
        f"{'peak MB':>9}"
    )
    for name, row in figures.items():
        contender, size = name.split()
        by_hand, builder = (row["app_us"] / figures[f"{name} {size}"]["app_us"] for name in ("by-hand", "ours"))
        label = "4 KB" if size == "LIGHT" else "200 KB"
        print(
            f"{contender:16}{label:>10}{row['app_us']:12.0f}{by_hand:11.2f}×{builder:11.2f}×{row['cpu_us']:12.0f}"
            f"{row['peak_mb']:9.0f}"
        )
    for module, ms in imports.items():
        print(f"import {module}: {ms:.0f} ms")


def import_ms(module: str, repetitions: int) -> float:
    """The shortest time that importing `module` takes in a new process: what else the machine does only adds."""
    code = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    return min(float(output(sys.executable, "-c", code)) for _ in range(4 * repetitions))
