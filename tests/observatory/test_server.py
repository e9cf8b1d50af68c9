"""The Observatory as a process."""

import os
import signal
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests
from otlp_bodies import some_span, traces

from contextcompany.observatory import serve, server
from contextcompany.observatory.otlp import PROTOBUF
from programs import finish, start_program

PROGRAM = """
import sys
from pathlib import Path
from contextcompany.observatory import serve
from contextcompany.observatory.store import Store

with Store.open(Path(sys.argv[1])) as store:
    serve(port=0, store=store, ready=lambda url: print(url, flush=True))
print("closed")
"""


def start(path):
    """A process that serves, and its URL."""
    program = start_program(PROGRAM, str(path))
    return program, program.stdout.readline().strip()


def kept(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row[0] for row in connection.execute("SELECT span_id FROM span")}


def post(url, number):
    """The id of a span that was acknowledged, or None."""
    span = some_span(number)
    headers = {"Content-Type": PROTOBUF}
    try:
        response = requests.post(url + "/v1/traces", data=traces(span), headers=headers, timeout=10)
    except requests.RequestException:
        return None
    return span.span_id.hex() if response.status_code == 200 else None


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_asked_to(tmp_path, ending):
    """Quietly, so that the store can be closed."""
    program, url = start(tmp_path / "db")
    sent = post(url, 1)

    program.send_signal(ending)
    out, err = program.communicate(timeout=20)

    assert (out, err, program.returncode) == ("closed\n", "", 0)
    assert kept(tmp_path / "db") == {sent}


@pytest.mark.parametrize("round_", range(3))
def test_what_was_acknowledged_survives_a_kill(tmp_path, round_):
    """Under load, at some moment."""
    program, url = start(tmp_path / "db")
    with ThreadPoolExecutor(8) as pool:
        acknowledged = [pool.submit(post, url, number) for number in range(1, 2000)]
        while sum(each.done() for each in acknowledged) < 50 + 100 * round_:
            time.sleep(0.005)
        os.kill(program.pid, signal.SIGKILL)
        ids = {each.result() for each in acknowledged} - {None}
    program.communicate()

    assert len(ids) >= 50
    assert ids - kept(tmp_path / "db") == set()


def test_it_is_ready_soon_and_small(tmp_path):
    """Within seconds on a busy machine (0.4 s on a quiet one), in less than 80 MB."""
    started = time.monotonic()
    program, url = start(tmp_path / "db")
    assert requests.get(url + "/healthz", timeout=10).status_code == 200
    took = time.monotonic() - started
    memory = resident(program.pid)
    program.terminate()
    finish(program)

    assert took < 5
    assert memory < 80 * 2**20


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


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
