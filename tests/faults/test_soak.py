"""A service that runs for long, on a network that fails and in processes that are killed (L1)."""

import os
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

SERVICE = """
    import random
    rng = random.Random({seed})
    print("ready", flush=True)
    while True:
        work(rng.choice((100, 2_000, 20_000)), rng.random() * 0.1)
"""


def rss_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"{pid} has ended")


def used(directory):
    total = 0
    with suppress(FileNotFoundError):
        for entry in os.scandir(directory):
            with suppress(FileNotFoundError):
                total += entry.stat().st_size
    return total


def start(scene, seed):
    program = scene.start(SERVICE.format(seed=seed))
    assert program.stdout.readline() == "ready\n"
    return program


def soak(scene, seed, seconds, life):
    """One process lives on, another one is killed every `life` seconds; memory and disk of the first, over time."""
    rng = random.Random(seed)
    scene.endpoint.unreliable(rng)
    steady, killed = start(scene, seed), start(scene, seed + 1)
    deaths, memory, disk = {}, [], []
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(life * (0.5 + rng.random()))
            deaths[killed.pid] = time.time_ns()
            killed.kill()
            _, err = killed.communicate()
            assert "Traceback" not in err
            killed = start(scene, seed + len(deaths) + 1)
            memory.append(rss_kb(steady.pid))
            disk.append(used(scene.outbox))
    finally:
        for program in (steady, killed):
            deaths[program.pid] = time.time_ns()
            program.kill()
            _, err = program.communicate()
    assert "Traceback" not in err
    print("resident KB:", memory, "bytes on disk:", disk)
    scene.endpoint.reliable()
    scene.settle(120)
    scene.check(killed=deaths)
    return memory, disk


def test_a_few_seconds(scene, seed):
    """The soak, in short."""
    soak(scene, seed, seconds=8, life=2)


@pytest.mark.soak
def test_an_hour(scene, seed):
    """`SOAK_MINUTES` of it: everything arrives, and neither memory nor disk grow."""
    memory, disk = soak(scene, seed, seconds=60 * float(os.environ.get("SOAK_MINUTES", "60")), life=60)

    early, late = memory[: len(memory) // 2], memory[len(memory) // 2 :]
    assert max(late) < max(early) * 1.2 + 10_000
    assert max(disk) < 64 * 2**20
