"""The Observatory as a process."""

import signal
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Lock

import pytest
import requests
from otlp_bodies import some_span, traces
from served import Served

from contextcompany.observatory import serve, server
from contextcompany.observatory.store import Store


def some_traces(number):
    """A request with 25 spans of 4 KB, and their ids."""
    spans = [some_span(number * 100 + each) for each in range(1, 26)]
    for span in spans:
        span.trace_id = number.to_bytes(16, "big")
        span.attributes.add(key="gen_ai.input.messages").value.string_value = f"{number} " * 800
    return traces(*spans), {span.span_id.hex() for span in spans}


def killed(path, numbers, after):
    """Send to a new process from all sides, kill it `after` so many answers; ids of what it acknowledged."""
    served = Served(path)
    acknowledged, answers = set(), 0
    lock = Lock()

    def send(number):
        nonlocal answers
        body, ids = some_traces(number)
        if served.post(body) == 200:
            with lock:
                answers += 1
                acknowledged.update(ids)
                if answers == after:
                    served.kill()

    with ThreadPoolExecutor(8) as pool:
        deque(pool.map(send, numbers), 0)
    assert answers >= after
    return acknowledged


def kill_many(path, seed, rounds):
    rng = Random(seed)
    acknowledged = set()
    for round_ in range(rounds):
        first = 1 + 1000 * round_
        acknowledged |= killed(path, range(first, first + 100), rng.randint(1, 60))
    with Served(path) as again:
        body, ids = some_traces(10**6)
        assert again.post(body) == 200
        assert (acknowledged | ids) - again.kept() == set()
    with Store.open(path) as store:
        assert store.problems() == []


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_what_was_acknowledged_survives_kills(tmp_path, seed, rounds):
    """Under load, at some moment, on the file that the kills before have left; and the file is sound."""
    kill_many(tmp_path / "db", seed, rounds)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_asked_to(tmp_path, ending):
    """Quietly, so that the store can be closed."""
    served = Served(tmp_path / "db")
    span = some_span()
    assert served.post(traces(span)) == 200

    assert served.end(ending) == ("closed\n", "", 0)
    assert served.kept() == {span.span_id.hex()}


def test_it_is_ready_soon_and_small(tmp_path):
    """Within seconds on a busy machine (0.4 s on a quiet one), in less than 80 MB."""
    started = time.monotonic()
    with Served(tmp_path / "db") as served:
        assert requests.get(served.url + "/healthz", timeout=10).status_code == 200
        assert time.monotonic() - started < 5
        assert served.memory() < 80 * 2**20


def test_its_port_may_be_taken():
    """Then it says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(port=taken.getsockname()[1], store=object())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", ""])
def test_other_addresses_need_a_token(host):
    """Nothing listens without."""
    with pytest.raises(ValueError, match=r"can be reached from other machines: that needs a token"):
        serve(host, 0, store=object())


def test_a_token_is_not_empty():
    """That would be none."""
    with pytest.raises(ValueError, match="The token is empty"):
        serve("0.0.0.0", 0, store=object(), token=" ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_none(host):
    """By whatever name."""
    with server.listen(host, 0, None) as listening:
        assert listening.getsockname()[0] in ("127.0.0.1", "::1")
