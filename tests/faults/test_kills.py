"""Processes that are killed at any instant (P1), and what was open in them (P3)."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple

import pytest

from oracle import EXIT_S, grace_ns

SIGNALS = {
    "kill -9": [signal.SIGKILL],
    "SIGTERM": [signal.SIGTERM],
    "SIGHUP": [signal.SIGHUP],
    "SIGINT twice": [signal.SIGINT, signal.SIGINT],
}
WAYS = [*SIGNALS, "os._exit", "abort", "execv"]

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "250"))


class Death(NamedTuple):
    """How one of the programs ended."""

    way: str
    pid: int
    at_ns: int
    took_s: float
    code: int
    err: str


def kill(scene, seed, durability, way=None) -> Death:
    """Start a program that records, and end it at some instant of its first half second."""
    rng = random.Random(seed)
    way = way or rng.choice(WAYS)
    after = rng.random() * 0.5
    if way in SIGNALS:
        program = scene.start(f"victim({seed})", TCC_DURABILITY=durability)
        assert program.stdout.readline() == "ready\n", program.communicate()
        time.sleep(after)
        at_ns, before = time.time_ns(), time.monotonic()
        for number, each in enumerate(SIGNALS[way]):
            if number:
                time.sleep(rng.random() * 0.05)
            program.send_signal(each)
    else:
        program = scene.start(f"victim({seed}, {way!r}, {after})", TCC_DURABILITY=durability)
        assert program.stdout.readline() == "ready\n", program.communicate()
        at_ns, before = int(program.stdout.readline()), time.monotonic()
    try:
        err = program.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        program.kill()
        err = program.communicate()[1]
    return Death(way, program.pid, at_ns, time.monotonic() - before, program.returncode, err)


EXIT_CODES = {"kill -9": -9, "SIGTERM": -15, "SIGHUP": -1, "os._exit": 0, "abort": -6, "execv": 0}


def check_deaths(deaths):
    """Each ended as it was told to, in time, and without a word of ours to user code."""
    for death in deaths:
        assert "raised into user code" not in death.err, death.err
        assert death.code == EXIT_CODES.get(death.way, death.code), death
        assert death.took_s < EXIT_S, death


@contextmanager
def flapping(endpoint, rng: random.Random) -> Iterator[None]:
    """The endpoint comes and goes, several times a second."""
    over = Event()

    def flap():
        while not over.wait(0.05 + rng.random() * 0.2):
            endpoint.down()
            over.wait(0.05 + rng.random() * 0.2)
            endpoint.up()

    thread = Thread(target=flap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def kill_many(scene, seed, durability, state, rounds):
    rng = random.Random(seed)
    if state == "down":
        scene.endpoint.down()

    def rounds_of(numbers):
        return list(ThreadPoolExecutor(4).map(lambda number: kill(scene, seed + number, durability), numbers))

    if state == "flapping":
        with flapping(scene.endpoint, rng):
            deaths = rounds_of(range(rounds))
    else:
        deaths = rounds_of(range(rounds))
    check_deaths(deaths)
    scene.settle()
    killed = {death.pid: death.at_ns for death in deaths}
    # What ends after SIGTERM or SIGINT may come too late; what ended before SIGTERM is written first of all.
    safe_until = {death.pid: death.at_ns for death in deaths if death.way == "SIGTERM"}
    if durability == "async":
        safe_until = {pid: at_ns - grace_ns(scene.entries(), pid, at_ns) for pid, at_ns in killed.items()} | safe_until
    else:
        safe_until |= {death.pid: death.at_ns for death in deaths if death.way == "SIGINT twice"}
    scene.check(killed=killed, safe_until=safe_until)


@pytest.mark.parametrize("state", ["up", "down", "flapping"])
@pytest.mark.parametrize("durability", ["async", "sync"])
def test_killed_at_random_instants(scene, seed, durability, state):
    """What had ended arrives with the next process: all of it if it is written at once, else but for 100 ms.

    What was open arrives as an error that is marked incomplete, and every parent is there.
    """
    kill_many(scene, seed, durability, state, rounds=5)


@pytest.mark.soak
@pytest.mark.parametrize("state", ["up", "down", "flapping"])
@pytest.mark.parametrize("durability", ["async", "sync"])
def test_killed_many_times(scene, seed, durability, state):
    """The same, `SOAK_ROUNDS` times."""
    kill_many(scene, seed, durability, state, rounds=ROUNDS)


OPEN = """
    import time
    run = tcc.run("order-17", agent="support", metadata={"plan": "gold"})
    ledger.began(run)
    run.prompt("Where is my order?")
    first = run.step("first", model="gpt-4o")
    ledger.began(first)
    end(first.prompt("p").response("r"))
    with run:
        inner = tcc.run("inner", agent="clerk")
        ledger.began(inner)
        second = inner.step("second", model="gpt-4o")
        ledger.began(second)
        second.prompt("p")
        time.sleep(0.5)
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("state", ["up", "down"])
def test_what_a_killed_process_had_open(scene, state):
    """Runs and steps that were open arrive by the next process, as errors marked incomplete, below their parents."""
    if state == "down":
        scene.endpoint.down()
    program = scene.start(OPEN)
    assert program.stdout.readline() == "ready\n", program.communicate()
    program.kill()
    program.communicate()

    scene.settle()

    scene.check(killed={program.pid: time.time_ns()})
    names = {ids: span.name for ids, span in scene.endpoint.spans.items()}
    assert sorted(
        (span.name, names.get(span.parent), span.status, span.incomplete != "")
        for span in scene.endpoint.spans.values()
    ) == [
        ("chat gpt-4o", "invoke_agent clerk", "ERROR", True),
        ("chat gpt-4o", "invoke_agent support", "OK", False),
        ("invoke_agent clerk", "invoke_agent support", "ERROR", True),
        ("invoke_agent support", None, "ERROR", True),
    ]
