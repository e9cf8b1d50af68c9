"""Measures what recording and delivery cost: `python -m tests.benchmarks [MEASURE]`.

Prints a table of medians; `--json FILE` writes the figures. Every figure comes from this one process run on this
machine: each contender runs in processes of its own, in turn with the others, against a receiver in another process.
`app` is the time on the thread that records; `CPU` is all of the recording process until all is delivered.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed with pip is compiled, and so is to be what is here

MEASURES = {
    "compare": "this SDK in each mode beside what people would take instead, each in an environment made for it",
    "facts": "what of a run each of these sends, and whether anything is missing",
    "recording": "blocks, decorators and builders against spans by hand, while nothing is being sent",
    "cost": "the stock pipeline against ours: per run, in chunks that are flushed and at 100 runs/s",
    "throughput": "the highest rate of runs/s at which nothing is lost, endpoints that take 0 and 50 ms",
    "memory": "400 spans of 1 MB while nothing listens at the endpoint",
    "stalls": "how late a thread is that wakes up every millisecond while 200 KB prompts are recorded and sent",
    "life": "a million runs in one process (or --runs), and 10,000 that are open at once",
    "compression": "time and bytes by level",
}

RUNS = 600
ENVIRONMENTS = Path(tempfile.gettempdir(), "contextcompany-contenders")


def main() -> None:
    arguments = parsed()
    import processes

    print(processes.machine())
    figures = measured(arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"figures": figures, "machine": processes.machine()}, indent=2))


def parsed() -> argparse.Namespace:
    from comparison import CASES
    from contenders import EVERYTHING

    description, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=description,
        epilog="\n".join([*(f"{name:12} {brief}" for name, brief in MEASURES.items()), "", details]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measure", nargs="?", choices=MEASURES, default="recording")
    parser.add_argument("--repetitions", type=int, help="5, of compare 3")
    parser.add_argument("--runs", type=int, help="runs a repetition: 600, a tenth of it with 200 KB messages")
    parser.add_argument("--seconds", type=float, help="how long one measurement of delivery takes: 10, of compare 2")
    parser.add_argument("--quick", action="store_true", help="once and little of it: to see that it works")
    parser.add_argument(
        "--contenders", nargs="+", metavar="NAME", choices=EVERYTHING, help="of: " + " ".join(EVERYTHING)
    )
    cases = ", ".join(f'"{each}"' for each in CASES)
    parser.add_argument(
        "--cases", nargs="+", metavar="CASE", choices=CASES, default=[*CASES], help=f"of compare: {cases}"
    )
    parser.add_argument("--latencies", nargs="+", type=float, default=[0, 50], metavar="MS", help="of the endpoint")
    parser.add_argument("--rate", type=float, default=20, help="runs/s with 200 KB prompts, for stalls")
    parser.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="DIR",
        help=f"where compare and facts make what contenders require, and find it again: {ENVIRONMENTS}",
    )
    parser.add_argument(
        "--here", action="store_true", help="compare and facts in this environment; pip installs nothing"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    measure = arguments.measure
    if measure in ("compare", "facts"):
        return beside_each_other(arguments)
    if measure == "compression":
        import squeezing

        return squeezing.compare(arguments.repetitions or 5)
    if measure == "recording":
        import recording

        return recording.compare(arguments.repetitions or 5, arguments.runs or RUNS)
    if measure == "life":
        import life

        return life.compare(arguments.runs or 1_000_000)
    return delivered(arguments)


def beside_each_other(arguments: argparse.Namespace) -> dict[str, Any]:
    import comparison
    from contenders import CONTENDERS

    names = arguments.contenders or [*CONTENDERS]
    directory = None if arguments.here else arguments.environments.absolute()
    if arguments.measure == "facts":
        import facts

        return facts.compare(names, directory)
    if arguments.quick:
        repetitions, runs, seconds = 1, 60, 0.5
    else:
        repetitions, runs, seconds = arguments.repetitions or 3, arguments.runs or RUNS, arguments.seconds or 2
    return comparison.compare(names, comparison.Plan(repetitions, runs, seconds, arguments.cases, directory))


def delivered(arguments: argparse.Namespace) -> dict[str, Any]:
    import delivery

    names = arguments.contenders or delivery.PIPELINES
    repetitions, seconds = arguments.repetitions or 5, arguments.seconds or 10
    if arguments.measure == "cost":
        return delivery.compare_cost(names, repetitions, arguments.runs or RUNS, seconds)
    if arguments.measure == "throughput":
        latencies = [ms / 1000 for ms in arguments.latencies]
        return delivery.compare_throughput(names, repetitions, latencies, seconds)
    if arguments.measure == "memory":
        return delivery.compare_memory(names, repetitions, seconds)
    return delivery.compare_stalls(names, repetitions, arguments.rate, seconds)


def work(measure: str, arguments: str) -> None:
    import workers

    figures = getattr(workers, measure)(*json.loads(arguments))
    print(json.dumps(figures), flush=True)
    os._exit(0)  # what a shutdown takes is no part of any figure


def serve(latency: str) -> None:
    import counting

    counting.serve(float(latency))


if __name__ == "__main__":
    role, own = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    {"worker": work, "receiver": serve}.get(role, lambda *_: main())(*own)
