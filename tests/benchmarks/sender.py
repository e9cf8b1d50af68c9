"""Sends traces to an Observatory, as fast as it takes them or at a rate: the load while it is measured.

`python tests/benchmarks/sender.py URL TRACES CONNECTIONS RATE` makes all requests, says `ready`, waits for a line,
sends so many a second, 0 for as many as are taken, and prints what came of it as JSON. Traces have 25 spans of 4 KB.
"""

import itertools
import json
import statistics
import sys
import threading
import time
from http.client import HTTPConnection

from traces import Text, request, trace

CALLS, SIZE = 12, 4000


class Sending:
    """Requests that several connections share."""

    def __init__(self, url: str, bodies: list[bytes], rate: float) -> None:
        self._host = url.removeprefix("http://")
        self._bodies = bodies
        self._pause = 1 / rate if rate else 0.0
        self._numbers = itertools.count()
        self._began = 0.0
        self.times: list[float] = []
        self.later = 0
        """Answers that said to come again later, which was done."""

    def run(self, connections: int) -> float:
        """Send everything; how long it took."""
        threads = [threading.Thread(target=self._send_some) for _ in range(connections)]
        self._began = time.perf_counter()
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return time.perf_counter() - self._began

    def _send_some(self) -> None:
        connection = HTTPConnection(self._host, timeout=60)
        while (number := next(self._numbers)) < len(self._bodies):
            time.sleep(max(0.0, self._began + number * self._pause - time.perf_counter()))
            began = time.perf_counter()
            while (status := self._post(connection, self._bodies[number])) in (429, 503):
                self.later += 1
                time.sleep(1)
            assert status == 200, status
            self.times.append(time.perf_counter() - began)
        connection.close()

    @staticmethod
    def _post(connection: HTTPConnection, body: bytes) -> int:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        return response.status


def main(url: str, traces: str, connections: str, rate: str) -> None:
    text = Text(1)
    bodies = [request(trace(n, text, size=SIZE, calls=CALLS, start=n)) for n in range(1, int(traces) + 1)]
    print("ready", flush=True)
    sys.stdin.readline()
    sending = Sending(url, bodies, float(rate))
    cpu = time.process_time()
    seconds = sending.run(int(connections))
    made = {
        "seconds": seconds,
        "bytes": sum(map(len, bodies)),
        "CPU, s": time.process_time() - cpu,
        "told to come later": sending.later,
        "answer, median ms": statistics.median(sending.times) * 1000,
        "answer, worst ms": max(sending.times) * 1000,
    }
    print(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
