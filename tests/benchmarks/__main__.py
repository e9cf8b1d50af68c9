"""Measures what recording and delivery cost: `python -m tests.benchmarks [MEASURE]`.

Prints a table of medians; `--json FILE` writes the figures. Every figure comes from this one process run on this
machine: each contender runs in processes of its own, in turn with the others, against a receiver in another process.
`app` is the time on the thread that records; `CPU` is all of the recording process until all is delivered.
"""

import argparse
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

MEASURES = {
    "recording": "blocks, decorators and builders against spans by hand, while nothing is being sent",
    "cost": "the stock pipeline against ours: per run, in chunks that are flushed and at 100 runs/s",
    "throughput": "the highest rate of runs/s at which nothing is lost, endpoints that take 0 and 50 ms",
    "memory": "400 spans of 1 MB while nothing listens at the endpoint",
    "stalls": "how late a thread is that wakes up every millisecond while 200 KB prompts are recorded and sent",
    "compression": "time and bytes by level",
}


def main() -> None:
    import delivery

    description, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=description,
        epilog="\n".join([*(f"{name:12} {brief}" for name, brief in MEASURES.items()), "", details]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measure", nargs="?", choices=MEASURES, default="recording")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--runs", type=int, default=600, help="runs a repetition, a tenth of it with 200 KB messages")
    parser.add_argument("--seconds", type=float, default=10, help="how long one measurement of delivery takes")
    parser.add_argument(
        "--pipelines",
        nargs="+",
        metavar="NAME",
        choices=delivery.PIPELINES,
        default=[*delivery.PIPELINES],
        help="of: " + " ".join(delivery.PIPELINES),
    )
    parser.add_argument("--latencies", nargs="+", type=float, default=[0, 50], metavar="MS", help="of the endpoint")
    parser.add_argument("--rate", type=float, default=20, help="runs/s with 200 KB prompts, for stalls")
    parser.add_argument("--json", type=Path)
    compare(parser.parse_args())


def compare(arguments: argparse.Namespace) -> None:
    import compression
    import delivery
    import processes
    import recording

    names, repetitions, seconds = arguments.pipelines, arguments.repetitions, arguments.seconds
    print(processes.machine())
    if arguments.measure == "recording":
        answer = recording.compare(repetitions, arguments.runs)
    elif arguments.measure == "cost":
        answer = delivery.compare_cost(names, repetitions, arguments.runs, seconds)
    elif arguments.measure == "throughput":
        latencies = [ms / 1000 for ms in arguments.latencies]
        answer = delivery.compare_throughput(names, repetitions, latencies, seconds)
    elif arguments.measure == "memory":
        answer = delivery.compare_memory(names, repetitions, seconds)
    elif arguments.measure == "stalls":
        answer = delivery.compare_stalls(names, repetitions, arguments.rate, seconds)
    else:
        answer = compression.compare(repetitions)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"figures": answer, "machine": processes.machine()}, indent=2))


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
