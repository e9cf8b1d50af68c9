"""Disks that are full, read-only, damaged or gone (D1–D5), and an outage that lasts (N2)."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from oracle import SETTLE
from test_outboxes import LEAVE

# --- D1, D2: no room, and nowhere to write ---------------------------------------------------------------------------

FILL = """
    import json, resource, sys
    tcc.configure()
    {after}
    for _ in range({runs}):
        work(20_000)
    print("ready", flush=True)
    sys.stdin.readline()
    report = tcc.{ending}(10)
    print(json.dumps({{"waiting": report.waiting, **report.dropped}}))
"""

LIMIT_FILES = "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))"


def fill(scene, *, runs=100, after="", ending="flush", opened=True, first="", **environ):
    """Record 4 MB with the endpoint down, then let it up, or not; what the program says of it, and on the log."""
    scene.endpoint.down()
    source = FILL.format(runs=runs, after=after, ending=ending)
    program = scene.start(source, first=first, **environ)
    assert program.stdout.readline() == "ready\n", program.communicate()
    if opened:
        scene.endpoint.up()
    out, err = program.communicate("\n", timeout=60)
    assert program.returncode == 0, err
    return json.loads(out), err


def test_no_room_while_it_runs(scene):
    """What does not fit on the disk waits in memory, which is said, and arrives."""
    counts, err = fill(scene, after=LIMIT_FILES)

    assert counts.pop("outbox_in_memory") > 0
    assert counts == {"waiting": 0}
    assert "waits in memory" in err
    scene.settle()
    scene.check()


def test_no_room_and_nobody_there(scene):
    """What was in memory only when the process ends is lost, and counted; what is on disk is not."""
    counts, _ = fill(scene, after=LIMIT_FILES, ending="shutdown", opened=False)

    scene.settle()
    assert counts["not_sent"] > 0
    assert len(scene.ended()) == 400
    scene.check(counted=counts["not_sent"])
    assert len(scene.endpoint.spans) == 400 - counts["not_sent"]


@contextmanager
def small_disk(path, size="2m"):
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("may not mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("durability", ["async", "sync"])
def test_a_disk_that_is_full(scene, durability):
    """The same on a disk of 2 MB; what is left there is sent when there is room again."""
    with small_disk(scene.outbox):
        counts, err = fill(scene, TCC_DURABILITY=durability)

        assert counts.pop("outbox_in_memory") > 0
        assert counts == {"waiting": 0}
        assert err.count("waits in memory") == 1
        subprocess.run(["mount", "-o", "remount,size=20m", scene.outbox], check=True)
        scene.settle()
        scene.check()


NOWHERE = {
    "a file is there": lambda outbox: outbox.write_text("mine"),
    "it is below a file": lambda outbox: (outbox.parent / "file").write_text("mine"),
    "it cannot be made": lambda _: None,
    "it may not be written": lambda outbox: outbox.mkdir(mode=0o500),
    "it may not be entered": lambda outbox: outbox.mkdir(mode=0o400),
}
PATHS = {"it is below a file": "{parent}/file/outbox", "it cannot be made": "/proc/outbox"}
WITHOUT_POWERS = """
import ctypes
header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
ctypes.CDLL(None).capset(header, nothing)  # root may write everywhere
"""


@pytest.mark.parametrize("problem", NOWHERE)
def test_nowhere_to_write(scene, problem):
    """Without a directory to write in, what is recorded waits in memory; that is said once."""
    NOWHERE[problem](scene.outbox)
    path = PATHS.get(problem, str(scene.outbox)).format(parent=scene.outbox.parent)

    counts, err = fill(scene, first=WITHOUT_POWERS, runs=10, TCC_OUTBOX_DIR=path)

    assert counts.pop("outbox_in_memory") > 0
    assert counts == {"waiting": 0}
    assert err.count("\n") == 1
    assert "waits in memory" in err
    scene.check()


def test_a_directory_that_is_deleted(scene):
    """When the directory goes while the process runs, what waited still arrives, and what comes later is on disk."""
    scene.endpoint.down()
    program = scene.start(
        """
        import sys, time
        work()
        time.sleep(0.4)
        print("ready", flush=True)
        sys.stdin.readline()
        work()
        time.sleep(0.4)
        print("ready", flush=True)
        sys.stdin.readline()
        """
    )
    assert program.stdout.readline() == "ready\n"
    shutil.rmtree(scene.outbox)
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "ready\n"

    assert len(scene.files()) == 1
    scene.endpoint.up()
    _, err = program.communicate("\n", timeout=20)

    assert program.returncode == 0
    assert "was deleted" in err
    scene.settle()
    scene.check()


# --- D3: damage ------------------------------------------------------------------------------------------------------


def overwrite(path, position, content):
    with path.open("r+b") as file:
        file.seek(position)
        file.write(content)


def flip_bits(path, rng):
    """20 bits anywhere in the file."""
    content = bytearray(path.read_bytes())
    for _ in range(20):
        position = rng.randrange(len(content))
        content[position] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def older_schema(path):
    with sqlite3.connect(path) as database:
        database.executescript("PRAGMA user_version = 0; ALTER TABLE item RENAME TO spool")
    database.close()


def wal(path):
    return path.with_name(path.name + "-wal")


DAMAGE = {
    "the header": lambda path, _: (wal(path).unlink(), overwrite(path, 0, b"not a database")),
    "a torn journal": lambda path, rng: os.truncate(wal(path), rng.randrange(1, wal(path).stat().st_size)),
    "a garbled journal": lambda path, rng: overwrite(wal(path), rng.randrange(2000), os.urandom(5000)),
    "no journal": lambda path, _: wal(path).unlink(),
    "nothing in it": lambda path, _: (wal(path).unlink(), os.truncate(path, 0)),
    "half of it": lambda path, _: (checkpoint(path), os.truncate(path, path.stat().st_size // 2)),
    "an older schema": lambda path, _: older_schema(path),
    "flipped bits": lambda path, rng: (checkpoint(path), flip_bits(path, rng)),
    "flipped bits in the journal": lambda path, rng: flip_bits(wal(path), rng),
    "no database at all": lambda path, _: (wal(path).unlink(), path.write_bytes(os.urandom(50_000))),
}


SILENT = {damage for damage in DAMAGE if "journal" in damage} | {"nothing in it"}
"""SQLite cuts a journal where it is torn, and says nothing; an empty file holds nothing to be missed."""


def checkpoint(path):
    """Have everything in the one file."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def damaged(scene, damage, rng):
    """What two processes left behind, one of them with damage; the spans of the other one."""
    scene.endpoint.down()
    scene.run(LEAVE)
    (path,) = scene.files()
    DAMAGE[damage](path, rng)
    before = scene.ended()
    scene.run(LEAVE)
    return scene.ended() - before


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files(scene, seed, damage):
    """A damaged file costs only what is in it: others are sent, new spans are recorded, and it is said."""
    rng = random.Random(seed)
    sound = damaged(scene, damage, rng)
    scene.endpoint.up()

    scene.run(f"work()\n{SETTLE}")

    scene.settle()
    assert sound <= scene.endpoint.spans.keys()
    lost = scene.ended() - scene.endpoint.spans.keys()
    kept = {path.name for path in scene.outbox.iterdir()}
    assert len(lost) <= 12
    if damage not in SILENT:
        assert not lost or any("corrupt" in name or "dead-letters" in name for name in kept), kept


@pytest.mark.soak
def test_bits_flipped_many_times(scene, seed):
    """The same for 300 files at once, each with 20 bits flipped."""
    rng = random.Random(seed)
    scene.endpoint.down()
    scene.run(LEAVE)
    (path,) = scene.files()
    checkpoint(path)
    for number in range(300):
        copy = path.with_name(f"{10**6 + number}-{number:012x}.outbox")
        shutil.copyfile(path, copy)
        flip_bits(copy, rng)

    scene.settle(300)

    assert scene.ended() <= scene.endpoint.spans.keys()


DAMAGED_WHILE_OPEN = """
    import glob, os, sys, time
    for _ in range(5):
        work()
    time.sleep(0.4)
    (path,) = glob.glob(os.environ["TCC_OUTBOX_DIR"] + "/*.outbox")
    for name in (path, path + "-wal"):
        with open(name, "r+b") as file:
            file.write(os.urandom(20_000))
    for _ in range(5):
        work()
        time.sleep(0.1)
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_damaged_while_it_runs(scene):
    """Damage to the file that a process writes reaches no user code, and what comes later is kept."""
    scene.endpoint.down()
    program = scene.start(DAMAGED_WHILE_OPEN)
    assert program.stdout.readline() == "ready\n", program.communicate()
    scene.endpoint.up()
    _, err = program.communicate("\n", timeout=20)

    assert (program.returncode, "Traceback" in err) == (0, False)
    scene.settle()
    scene.check()


# --- D4: the cap -----------------------------------------------------------------------------------------------------

OVERFLOW = """
    import json, os, sys
    first = tcc.run()
    ledger.began(first)
    step = first.step()
    ledger.began(step)
    end(step.prompt("p").response("r"))
    for _ in range({runs}):
        work({size})
    end(first.prompt("p"))
    report = tcc.flush(0.5)
    used = sum(entry.stat().st_size for entry in os.scandir(os.environ["TCC_OUTBOX_DIR"]))
    print(json.dumps([report.waiting, used]), flush=True)
    sys.stdin.readline()
    report = tcc.flush(60)
    print(json.dumps([report.waiting, report.dropped]))
"""


@pytest.mark.parametrize("state", ["down", "hanging"])
def test_more_than_may_be_kept(scene, state):
    """The oldest finished traces go, whole and counted, those of open runs do not; what is sent gives its room back."""
    cap = 16_000_000
    scene.endpoint.down() if state == "down" else scene.endpoint.hang()
    program = scene.start(OVERFLOW.format(runs=300, size=50_000), TCC_MAX_OUTBOX_SIZE=str(cap))
    waiting, used = json.loads(program.stdout.readline())
    recorded = [entry.ids for entry in scene.entries() if entry.what == "ended"]
    assert cap / 2 < used < cap * 1.5 + 5_000_000  # the journal
    scene.endpoint.up()
    out, err = program.communicate("\n", timeout=90)

    assert program.returncode == 0, err
    left, counts = json.loads(out)
    arrived = scene.endpoint.spans
    assert (left, counts.keys()) == (0, {"evicted"})
    assert scene.files() == []
    assert err.count("is full") == 1
    missing = set(recorded) - arrived.keys()
    assert len(missing) == counts["evicted"]
    assert recorded[0] in arrived
    assert recorded[-1] in arrived
    sizes = Counter(ids.partition("-")[0] for ids in arrived)
    assert set(sizes.values()) == {2, 4}
    assert sum(recorded[1 + 4 * index] in arrived for index in range(300)) == len(sizes) - 1
    if state == "down":
        assert waiting == len(arrived)
        assert missing == set(recorded[1 : 1 + len(missing)])
    scene.settle()
    scene.check(counted=counts["evicted"])


# --- D5: many files, and clocks that jump ----------------------------------------------------------------------------


@pytest.mark.parametrize("files", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_very_many_files(scene, files):
    """Files that others left do not slow a process down, however many there are; ours among them are found."""
    scene.endpoint.down()
    scene.run(LEAVE, TCC_URL="http://127.0.0.1:9")
    (strange,) = scene.files()
    checkpoint(strange)
    for number in range(files):
        shutil.copyfile(strange, strange.with_name(f"{number}-{number:012x}.outbox"))
    scene.ledger.unlink()
    scene.run(LEAVE)
    scene.endpoint.up()

    before = time.monotonic()
    scene.run("work()")
    took = time.monotonic() - before

    assert took < 5
    assert len(scene.ended()) == 16
    deadline = time.monotonic() + 60
    while not scene.ended() <= scene.endpoint.spans.keys() and time.monotonic() < deadline:
        scene.run(SETTLE)
    scene.check()
    assert len(list(scene.outbox.glob("*.outbox"))) == files + 1


def test_many_files_of_ours(scene):
    """What a crash loop left in 40 files is delivered by a few processes."""
    scene.endpoint.down()
    scene.run(LEAVE)
    (path,) = scene.files()
    checkpoint(path)
    for number in range(39):
        shutil.copyfile(path, path.with_name(f"{number}-{number:012x}.outbox"))
    scene.endpoint.up()

    scene.settle()

    assert set(scene.endpoint.times.values()) == {40}


SHIFT = """
    import time
    shifts = [0.0]
    for name in ("time", "time_ns"):
        def shifted(real=getattr(time, name), unit=10**9 if name == "time_ns" else 1):
            return real() + type(real())(shifts[0] * unit)
        setattr(time, name, shifted)
"""


DAY = 86_400


@pytest.mark.parametrize("jumps", [[DAY, 0], [-DAY, 0], [DAY, -DAY, 8 * DAY]], ids=["forward", "back", "about"])
def test_clocks_that_jump(scene, jumps):
    """A wall clock that jumps while spans wait neither loses them nor holds them up."""
    scene.endpoint.down()
    program = scene.start(
        f"""
        import sys
        work()
        for shifts[0] in {jumps}:
            work()
            time.sleep(0.4)
        tcc.flush(0.5)
        print("ready", flush=True)
        sys.stdin.readline()
        report = tcc.flush(10)
        assert (report.waiting, report.dropped) == (0, {{}}), report
        """,
        first=SHIFT,
    )
    assert program.stdout.readline() == "ready\n", program.communicate()
    scene.endpoint.up()
    _, err = program.communicate("\n", timeout=30)

    assert program.returncode == 0, err
    scene.check()


@pytest.mark.parametrize(("days", "expired"), [(-1, 0), (1, 0), (6.5, 0), (7.5, 12)])
def test_how_long_it_waits(scene, days, expired):
    """What a process left behind is sent for seven days, and then deleted and counted."""
    scene.endpoint.down()
    scene.run(LEAVE)
    scene.endpoint.up()

    source = f"shifts[0] = {days * DAY}\nimport json{SETTLE}print(json.dumps(tcc.stats().get('expired', 0)))"
    assert json.loads(scene.run(source, first=SHIFT).out) == expired

    scene.settle()
    scene.check(counted=expired)
    assert len(scene.endpoint.spans) == 12 - expired


# --- N2: an outage of ten minutes ------------------------------------------------------------------------------------

OUTAGE = """
    import json, sys
    spans = 0
    while spans < {spans}:
        work(20_000)
        spans += 4
        shifts[0] += 4 / 50  # 50 spans a second
    print("ready", flush=True)
    sys.stdin.readline()
    report = tcc.flush(120)
    print(json.dumps([report.waiting, report.dropped]))
"""

SHIFT_ALL = SHIFT.replace('("time", "time_ns")', '("time", "time_ns", "monotonic", "monotonic_ns")').replace(
    'name == "time_ns"', 'name.endswith("_ns")'
)


def outage(scene, spans, cap):
    scene.endpoint.down()
    source = OUTAGE.format(spans=spans).replace("work(20_000)", "work(40_000)")  # two of four spans are large
    program = scene.start(source, first=SHIFT_ALL, TCC_MAX_OUTBOX_SIZE=str(cap))
    assert program.stdout.readline() == "ready\n", program.communicate()
    used = sum(entry.stat().st_size for entry in os.scandir(scene.outbox))
    scene.endpoint.up()
    out, err = program.communicate("\n", timeout=300)
    assert program.returncode == 0, err
    waiting, counts = json.loads(out)
    assert waiting == 0
    assert used < cap * 1.2 + 10_000_000
    evicted = counts.pop("evicted", 0)
    assert counts == {}
    scene.check(counted=evicted)
    assert len(scene.endpoint.spans) == len(scene.ended()) - evicted
    return evicted


def test_an_outage(scene):
    """One minute of 50 spans a second with 20 KB each waits until somebody listens again."""
    assert outage(scene, 3_000, 256 * 2**20) == 0


def test_an_outage_that_is_too_long(scene):
    """When more comes than may be kept, what is evicted is counted."""
    assert outage(scene, 3_000, 30 * 2**20) > 0


@pytest.mark.soak
@pytest.mark.parametrize("cap", [2**30, 256 * 2**20])
def test_an_outage_of_ten_minutes(scene, cap):
    """The same in full: 600 MB."""
    assert (outage(scene, 30_000, cap) == 0) == (cap == 2**30)
