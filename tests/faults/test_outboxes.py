"""Several processes and one directory (P5): who takes what somebody left behind."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from oracle import SETTLE

LEAVE = """
import os
for _ in range(3):
    work(20_000)
tcc.flush(0.5)  # nobody takes it, but it is on the disk then
os._exit(0)
"""

HOLD = """
    import sys
    work()
    tcc.flush(0.5)
    print("ready", flush=True)
    sys.stdin.readline()
"""


def leave(scene, processes):
    """As many outboxes of processes that are gone, with 12 spans each."""
    scene.endpoint.down()
    with ThreadPoolExecutor(4) as starting:
        list(starting.map(scene.run, [LEAVE] * processes))
    assert len(scene.files()) == processes


def test_processes_that_start_at_once(scene):
    """Processes that use one directory at the same time do not disturb each other."""
    programs = [scene.start("work()\ntcc.flush(10)") for _ in range(10)]

    assert [(program.communicate(timeout=60)[1], program.returncode) for program in programs] == [("", 0)] * 10
    scene.check()
    assert set(scene.endpoint.times.values()) == {1}
    assert scene.files() == []


def test_who_comes_first(scene):
    """Processes that race for what others left behind deliver each span once."""
    leave(scene, 12)
    scene.endpoint.up()

    programs = [scene.start(SETTLE) for _ in range(4)]

    assert [program.wait(60) for program in programs] == [0] * 4
    assert [program.communicate()[1] for program in programs] == [""] * 4
    scene.settle()
    scene.check()
    assert len(scene.ended()) == 12 * 12
    assert set(scene.endpoint.times.values()) == {1}


def test_killed_while_taking_over(scene, seed):
    """A process that is killed in the middle of what it took over leaves it to the next one."""
    rng = random.Random(seed)
    leave(scene, 6)
    scene.endpoint.up()
    scene.endpoint.receiver.answer(delay=0.05)
    for _ in range(6):
        program = scene.start('print("ready", flush=True)\n' + SETTLE)
        assert program.stdout.readline() == "ready\n"
        time.sleep(rng.random() * 0.3)
        program.kill()
        program.communicate()

    scene.endpoint.receiver.answer()
    scene.settle()

    scene.check()
    assert len(scene.ended()) == 6 * 12


@pytest.mark.parametrize("state", ["up", "down"])
def test_what_a_running_process_has_is_its_own(scene, state):
    """Others leave it alone."""
    scene.endpoint.down()
    holders = [scene.start(HOLD) for _ in range(2)]
    for each in holders:
        assert each.stdout.readline() == "ready\n"
    files = scene.files()
    if state == "up":
        scene.endpoint.up()

    scene.run("tcc.configure()\ntcc.flush(1)")

    if state == "down":
        assert scene.files() == files
    scene.endpoint.up()
    for each in holders:
        each.communicate("\n", timeout=20)
        assert each.returncode == 0
    scene.settle()
    scene.check()
    assert set(scene.endpoint.times.values()) == {1}


def test_process_ids_come_again(scene):
    """A file with the id of a process that runs is taken all the same, if its own process is gone."""
    leave(scene, 1)
    (path,) = scene.files()
    for each in list(scene.outbox.glob(path.name + "*")):
        each.rename(each.with_name(each.name.replace(path.name.split("-")[0], str(os.getpid()), 1)))

    scene.settle()

    scene.check()


def test_somebody_elses_receiver(scene, endpoint):
    """What was recorded for one place is sent to no other."""
    leave(scene, 2)

    scene.run("work()", TCC_API_KEY="other", TCC_URL=endpoint.url)

    assert len(scene.files()) == 3
    endpoint.up()
    scene.run(SETTLE, TCC_API_KEY="other")
    assert len(endpoint.spans) == 4
    scene.settle()
    scene.check()


def test_keys_are_not_on_disk(scene):
    """Nothing in the outbox tells the API key or a header."""
    scene.endpoint.down()

    scene.run('tcc.configure(api_key="key-17", headers={"x-token": "token-17"})' + LEAVE)

    held = b"".join(path.read_bytes() for path in scene.outbox.iterdir())
    assert b"worker" in held
    assert b"key-17" not in held
    assert b"token-17" not in held
    assert [oct(path.stat().st_mode & 0o777) for path in [scene.outbox, *scene.files()]] == ["0o700", "0o600"]
