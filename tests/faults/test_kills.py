"""Processes that are killed at any instant (P1), and what was open in them (P3)."""

import os
import random
import signal
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple

import pytest

from oracle import EXIT_S, End, Ending, grace_ns

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
    end: End


def kill(scene, seed, durability, way=None) -> Death:
    """Start a program that records, and end it at some instant of its first half second."""
    rng = random.Random(seed)
    way = way or rng.choice(WAYS)
    after = rng.random() * 0.5
    if way in SIGNALS:
        program = scene.start(f"victim({seed})", TCC_DURABILITY=durability)
        assert program.stdout.readline() == "ready\n", program.communicate()
        time.sleep(after)
        at_ns, ending = time.time_ns(), Ending(program)
        for number, each in enumerate(SIGNALS[way]):
            if number:
                time.sleep(rng.random() * 0.05)
            program.send_signal(each)
    else:
        program = scene.start(f"victim({seed}, {way!r}, {after})", TCC_DURABILITY=durability)
        assert program.stdout.readline() == "ready\n", program.communicate()
        at_ns, ending = int(program.stdout.readline()), Ending(program)
    return Death(way, program.pid, at_ns, ending.seen())


EXIT_CODES = {"kill -9": -9, "SIGTERM": -15, "SIGHUP": -1, "os._exit": 0, "abort": -6, "execv": 0}


def check_deaths(deaths):
    """Each ended as it was told to, in time, and without a word of ours to user code."""
    for death in deaths:
        assert "raised into user code" not in death.end.err, death.end
        assert death.end.code == EXIT_CODES.get(death.way, death.end.code), f"{death.way} of {death.pid}: {death.end}"
        assert death.end.took_s < EXIT_S, f"{death.way} of {death.pid}: {death.end}"


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


HELD = """
    import os, queue, signal, threading, time

    reached, released = queue.SimpleQueue(), queue.SimpleQueue()

    def redact(text, path):
        if threading.current_thread() is not threading.main_thread():  # the writer looks at what is open
            if text == "hold it":
                reached.put(None)
                released.get(timeout=10)
            elif text == "kill it":
                os.kill(os.getpid(), signal.SIGKILL)
        return text

    def opened(word):
        run = tcc.run(metadata={"word": word})
        ledger.began(run)
        return run

    def step_of(run):
        step = run.step()
        ledger.began(step)
        end(step.prompt("p").response("r"))

    tcc.configure(redact=redact)
    kept = [opened("hold it")]
    reached.get(timeout=10)
"""

MOMENTS = {
    "its run ends meanwhile": """
        kept.append(opened("hold it"))
        run = opened("parent")
        step_of(run)
        released.put(None)
        reached.get(timeout=10)
        end(run.prompt("p").response("r"))
        kept.append(opened("kill it"))
        released.put(None)
    """,
    "its run ends meanwhile and is forgotten": """
        kept.append(opened("hold it"))
        run = opened("parent")
        step_of(run)
        released.put(None)
        reached.get(timeout=10)
        end(run.prompt("p").response("r"))
        del run
        kept.append(opened("kill it"))
        released.put(None)
    """,
    "looking at others takes long": """
        kept.append(opened("hold it"))
        outer = opened("grandparent")
        with outer:
            call = outer.tool_call("search")
            ledger.began(call)
            with call:
                step_of(opened("parent"))
                released.put(None)
                reached.get(timeout=10)
                time.sleep(0.1)
                kept.append(opened("kill it"))
                released.put(None)
                time.sleep(10)
    """,
    "there is more than goes into one transaction": """
        run = opened("parent")
        for _ in range(600):
            step_of(run)
        kept.append(opened("kill it"))
        released.put(None)
    """,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_step_is_written_before_its_run(scene, moment):
    """What is above a step that has ended is in the same transaction, or an earlier one, whatever comes in between."""
    scene.endpoint.down()
    program = scene.start(textwrap.dedent(HELD) + textwrap.dedent(MOMENTS[moment]) + "\ntime.sleep(10)")
    assert program.wait(30) == -signal.SIGKILL, program.communicate()

    scene.settle()

    spans = scene.endpoint.spans
    assert any(span.name.startswith("chat") for span in spans.values())
    scene.check(killed={program.pid: 0})  # when it was killed does not matter: nothing may be without its parent
