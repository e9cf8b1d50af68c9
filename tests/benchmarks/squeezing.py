"""What compression costs and saves, by level, on requests of 4 KB runs of natural text."""

import gzip
import time
import zlib
from collections.abc import Callable
from importlib import import_module

import workload
from contenders.by_hand import record_by_hand
from processes import Figures

__all__ = ["compare"]

RUNS = 16


def compare(repetitions: int) -> dict[str, Figures]:
    body = request()
    figures = {name: cost(compress, body, repetitions) for name, compress in compressors().items()}
    print(f"{'':16}{'µs/run':>10}{'bytes/run':>12}")
    print(f"{'none':16}{0:10}{len(body) // RUNS:12}")
    for name, row in figures.items():
        print(f"{name:16}{row['us']:10.0f}{row['bytes']:12.0f}")
    return figures


def request() -> bytes:
    """What the stock encoder makes of some runs."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    record = record_by_hand(provider)
    for i in range(RUNS):
        record(workload.prose(4_000, seed=i))
    return encode_spans(exporter.get_finished_spans()).SerializeToString()


def compressors() -> dict[str, Callable[[bytes], bytes]]:
    found: dict[str, Callable[[bytes], bytes]] = {}
    for level in (1, 2, 3, 4, 6, 9):
        found[f"zlib {level}"] = lambda body, level=level: squeeze(zlib, body, level)
    try:
        isal = import_module("isal.isal_zlib")
    except ImportError:
        return found
    for level in (0, 1, 2, 3):
        found[f"isal {level}"] = lambda body, level=level: squeeze(isal, body, level)
    return found


def squeeze(library: object, body: bytes, level: int) -> bytes:
    """As gzip: 31 says so, with the largest window."""
    compressor = library.compressobj(level, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def cost(compress: Callable[[bytes], bytes], body: bytes, repetitions: int) -> Figures:
    squeezed = compress(body)
    assert gzip.decompress(squeezed) == body
    times = []
    for _ in range(4 * repetitions):
        start = time.process_time()
        compress(body)
        times.append(time.process_time() - start)
    return {"us": min(times) / RUNS * 1e6, "bytes": len(squeezed) / RUNS}
