"""Measures what recording costs: `python -m tests.benchmarks`. Prints a table; `--json FILE` writes the figures.

Every figure comes from this one process run on this machine: each contender runs in processes of its own, in turn with
the others, against a receiver in yet another process, and the medians are shown. `app` is the time on the thread that
records, while nothing is being sent; `CPU` is all of the process, sending included.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

CONTENDERS = ("ours", "blocks", "decorators", "inside", "by_hand", "by_hand_orjson")
SIZES = ("LIGHT", "HEAVY")
IMPORTS = ("opentelemetry.trace", "contextcompany")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--runs", type=int, default=600, help="runs a repetition, a tenth of it with 200 KB messages")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", nargs=4, metavar=("CONTENDER", "SIZE", "URL", "RUNS"), help=argparse.SUPPRESS)
    parser.add_argument("--receiver", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.receiver:
        serve()
    elif arguments.worker:
        contender, size, url, runs = arguments.worker
        print(json.dumps(measure(contender, size, url, int(runs))))
    else:
        compare(arguments.repetitions, arguments.runs, arguments.json)


def compare(repetitions: int, runs: int, file: Path | None) -> None:
    samples: dict[str, list[dict[str, float]]] = {}
    with subprocess.Popen(command("--receiver"), stdout=subprocess.PIPE, text=True) as receiver:
        try:
            url = receiver.stdout.readline().strip()
            for _ in range(repetitions):
                for size in SIZES:
                    for contender in CONTENDERS:
                        count = runs if size == "LIGHT" else runs // 10
                        answer = output(*command("--worker", contender, size, url, str(count)))
                        samples.setdefault(f"{contender} {size}", []).append(json.loads(answer))
        finally:
            receiver.terminate()
    figures = {name: medians(rows) for name, rows in samples.items()}
    imports = {module: import_ms(module, repetitions) for module in IMPORTS}
    show(figures, imports)
    if file is not None:
        file.write_text(json.dumps({"figures": figures, "import_ms": imports, "machine": machine()}, indent=2))


def show(figures: dict[str, dict[str, float]], imports: dict[str, float]) -> None:
    print(machine())
    print(
        f"{'contender':16}{'messages':>10}{'app µs/run':>12}{'vs by hand':>12}{'vs builder':>12}{'CPU µs/run':>12}"
        f"{'peak MB':>9}"
    )
    for name, row in figures.items():
        contender, size = name.split()
        by_hand, builder = (row["app_us"] / figures[f"{name} {size}"]["app_us"] for name in ("by_hand", "ours"))
        label = "4 KB" if size == "LIGHT" else "200 KB"
        print(
            f"{contender:16}{label:>10}{row['app_us']:12.0f}{by_hand:11.2f}×{builder:11.2f}×{row['cpu_us']:12.0f}"
            f"{row['peak_mb']:9.0f}"
        )
    for module, ms in imports.items():
        print(f"import {module}: {ms:.0f} ms")


# --- one contender, in its own process -------------------------------------------------------------------------------


def measure(contender: str, size: str, url: str, runs: int) -> dict[str, float]:
    """Figures of one contender. Chunks are flushed between timings, so that sending does not disturb recording."""
    import contenders
    import workload

    record, flush = getattr(contenders, contender)(url)
    messages = getattr(workload, size).messages
    for _ in range(20):
        record(messages)
    flush()
    chunk, app = 20, []
    cpu = time.process_time()
    for _ in range(runs // chunk):
        for _ in range(chunk):
            start = time.perf_counter_ns()
            record(messages)
            app.append((time.perf_counter_ns() - start) / 1000)
        flush()
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"app_us": statistics.median(app), "cpu_us": cpu / len(app) * 1e6, "peak_mb": peak}


def import_ms(module: str, repetitions: int) -> float:
    """The shortest time that importing `module` takes in a new process: what else the machine does only adds."""
    code = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    return min(float(output(sys.executable, "-c", code)) for _ in range(4 * repetitions))


def serve() -> None:
    """A receiver that reads requests and answers at once."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


# --- helpers ---------------------------------------------------------------------------------------------------------


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(HERE), *arguments]


def output(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("contextcompany", "opentelemetry-sdk", "orjson"))
    return f"{platform.machine()}, Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    main()
