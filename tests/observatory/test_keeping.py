"""What is kept, for how long, and how people delete and copy it."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import requests
from otlp_bodies import some_span, traces
from spans import START, batch, messages, run, step, trace_id

from contextcompany import __version__
from contextcompany._words import bytes_of
from contextcompany.cli import _parser, main
from contextcompany.observatory import changes, queries, sql
from contextcompany.observatory.keeping import DEFAULT_RETENTION, Keeper
from contextcompany.observatory.prices import price_table
from contextcompany.observatory.store import Retention, Store

TEXT = os.urandom(40_000).hex()
"""Which no deflating makes small."""


def wait_until(is_so, timeout_s=20.0):
    """Look again and again; what is waited for is done by another thread."""
    pause, ends = threading.Event(), time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends
        pause.wait(0.02)


def said(number):
    """A run that says 20 kB that no other says."""
    at = number * 501 % 60_000
    return run(number, start=number, end=number + 1, gen_ai__input__messages=messages(TEXT[at : at + 20_000]))


def kept(store):
    return [each.trace_id for each in queries.runs(store, limit=500).runs]


# --- by itself -------------------------------------------------------------------------------------------------------


def test_the_oldest_runs_go_when_there_is_too_much(store):
    """Soon, while others are written; it is counted, and the file becomes no larger than it may."""
    limit = 2_000_000
    with Keeper(store, Retention(max_bytes=limit), every_s=0.05):
        for number in range(1, 301):
            store.write(batch(said(number)))
        wait_until(lambda: not store.is_due(Retention(max_bytes=limit)))
        about = queries.about(store)

    assert about.bytes - about.free_bytes < 1.5 * limit
    assert about.pruned_runs + about.runs == 300
    assert kept(store) == [trace_id(number) for number in range(300, about.pruned_runs, -1)]
    assert about.pruned_before_ns == START + about.pruned_runs * 10**9
    assert (about.max_age_s, about.max_bytes) == (None, limit)


def test_runs_go_for_their_age(store):
    """Which is that of their start, but not while something of them comes."""
    store.write(batch(said(1), run(2, start=time.time() - START / 1e9)))
    assert not store.is_due(Retention(max_age_s=3600))

    with Keeper(store, Retention(max_age_s=0.05), every_s=0.02):
        wait_until(lambda: not kept(store))
    about = queries.about(store)
    assert (about.pruned_runs, about.max_age_s, about.max_bytes) == (2, 0.05, None)


def test_deleting_takes_no_longer_in_a_larger_file(store):
    """Though all runs say something that all others say, as the JSON around messages: by what SQLite has to do."""

    def steps():
        done = []
        with closing(sqlite3.connect(store.path)) as connection:
            connection.set_progress_handler(lambda: done.append(1), 100)
            connection.execute(sql.text("read/unshared_bodies"), ("[1, 2, 3, 4, 5]",)).fetchall()
        return len(done)

    said = [f"This is said by run {number} alone. " * 10 for number in range(500)]
    store.write(batch(*(run(n, gen_ai__input__messages=messages(said[n], said[n] * 2)) for n in range(1, 50))))
    few = steps()
    store.write(batch(*(run(n, gen_ai__input__messages=messages(said[n], said[n] * 2)) for n in range(50, 500))))

    assert 0 < steps() < 2 * few


def test_who_watches_is_told_of_runs_that_become_lost(store):
    """Though nobody writes; once, and of no others."""
    lost_after_s = 0.3
    with Keeper(store, every_s=0.01, lost_after_s=lost_after_s):
        store.write(batch(run(1, end=None), run(2)))
        before = changes.of_trace(store, trace_id(2))
        wait_until(lambda: changes.of_trace(store, trace_id(1)) > before)
        told = changes.of_runs(store, "status:lost", before, lost_after_s=lost_after_s)
        store.write(batch(run(3)))

    assert [(each.trace_id, each.state) for each in told.runs] == [(trace_id(1), "lost")]
    assert [each.trace_id for each in changes.of_runs(store, "", told.change).runs] == [trace_id(3)]


def test_a_keeper_ends_with_its_store(tmp_path, caplog):
    """Quietly, whatever it is doing."""
    with Store.open(tmp_path / "o.db") as store, Keeper(store, Retention(max_bytes=1), every_s=0.001):
        store.write(batch(*map(said, range(1, 100))))
    with Store.open(tmp_path / "o.db") as store:
        assert store.problems() == []

    assert caplog.records == []


def test_the_command_has_the_defaults_that_are_documented():
    """10 GB, and nothing for its age; `none` is no limit."""
    parse = _parser().parse_args

    options = parse(["observatory"])
    assert (options.max_age, options.max_size) == DEFAULT_RETENTION
    options = parse(["observatory", "--max-age", "30d", "--max-size", "none"])
    assert (options.max_age, options.max_size) == (30 * 86_400, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("10 gb", 10**10),
        ("1.5GiB", 1_610_612_736),
        ("4096B", 4096),
        ("1k", 1000),
        ("2tb", 2 * 10**12),
    ],
)
def test_a_size_is_read_as_people_write_it(text, size):
    """Decimal, or binary with an i."""
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "10", "10 apples", "1e9"])
def test_what_is_no_size_is_said(text, capsys):
    """With examples."""
    with pytest.raises(SystemExit):
        _parser().parse_args(["prune", f"--max-size={text}"])
    assert f"{text!r} is no size like 500MB, 10GB or 1.5GiB" in capsys.readouterr().err


def test_the_observatory_keeps_what_it_is_told_to(tmp_path):
    """The file says so, to whoever looks."""
    path = tmp_path / "o.db"
    command = [sys.executable, "-m", "contextcompany", "observatory", "--port", "0", "--json", "--db", str(path)]
    with subprocess.Popen([*command, "--max-age", "30d"], stdout=subprocess.PIPE, text=True) as process:
        url = json.loads("".join(process.stdout.readline() for _ in range(4)))["url"]
        headers = {"Content-Type": "application/x-protobuf"}
        assert requests.post(url + "/v1/traces", traces(some_span(1)), headers=headers, timeout=10).status_code == 200
        with Store.open(path, can_write=False) as store:
            about = queries.about(store)
        process.send_signal(signal.SIGINT)

    assert process.returncode == 0
    assert (about.max_age_s, about.max_bytes) == (30 * 86_400, DEFAULT_RETENTION.max_bytes)


# --- what there is ---------------------------------------------------------------------------------------------------


def test_an_empty_file_says_so(store):
    """And what it is kept for."""
    about = queries.about(store)

    assert (about.runs, about.spans, about.texts, about.oldest_ns, about.pruned_before_ns) == (0, 0, 0, None, None)
    newest = max(number for number, _ in sql.migrations())
    assert (about.price_table, about.schema_version, about.version) == (price_table(), newest, __version__)
    assert about.path == str(store.path)
    assert about.bytes > 0


def test_a_file_says_what_is_in_it(store):
    """How much, from when to when, and how far search is."""
    store.write(batch(said(1), step(1, 2), said(2)))
    store.write(batch(run(2, end=None)))
    wait_until(lambda: not queries.about(store).trailing)
    about = queries.about(store)

    assert (about.runs, about.spans, about.refused_snapshots) == (2, 3, 1)
    assert (about.oldest_ns, about.newest_ns) == (START, START + 2 * 10**9)
    assert about.texts > 1


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    """A file with ten runs."""
    path = tmp_path / "o.db"
    with Store.open(path) as store:
        store.write(batch(*map(said, range(1, 10)), run(10, agent="test", tcc__runId="mine")))
    return path


def command(capsys, *arguments):
    """Its exit code, and what it prints."""
    code = main([*map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_runs_are_deleted_by_id(path, capsys):
    """Their sender's, or their trace's."""
    assert command(capsys, "delete", "mine", trace_id(3), "--db", path, "--yes") == (0, "Deleted: 2 runs.\n")
    with Store.open(path) as store:
        assert kept(store) == [trace_id(number) for number in (9, 8, 7, 6, 5, 4, 2, 1)]
        assert store.problems() == []


def test_runs_are_deleted_by_a_filter(path, capsys):
    """All that it lets through."""
    assert command(capsys, "delete", "--filter", "agent:test", "--db", path, "--yes", "--json") == (
        0,
        '{\n  "runs": 1\n}\n',
    )
    assert command(capsys, "delete", "--filter", "agent:test", "--db", path, "--yes") == (
        0,
        "There was nothing to delete.\n",
    )


def test_nothing_is_deleted_unasked(path, capsys):
    """Where there is nobody to ask, the answer is no."""
    code, text = command(capsys, "delete", trace_id(1), "--filter", "agent:support", "--db", path)

    assert (code, text) == (1, f"✗ Delete 9 runs in {path}? There is nobody to ask; say --yes.\n")
    with Store.open(path) as store:
        assert len(kept(store)) == 10


def test_nothing_is_deleted_when_one_name_is_wrong(path, capsys):
    """It is said which. How an id begins is not enough for what cannot be taken back; the whole one is said."""
    assert command(capsys, "delete", "mine", "yours", "--db", path, "--yes") == (1, "✗ There is no run `yours`.\n")
    code, text = command(capsys, "delete", "min", "--db", path, "--yes")

    assert (code, text.partition(", ")[0]) == (1, "✗ There is no run `min`. Say the whole id: mine (test")
    with Store.open(path) as store:
        assert len(kept(store)) == 10


def test_what_nothing_was_asked_of_does_nothing(path, capsys):
    """`delete` and `prune` say what they need."""
    asked = "✗ Nothing says what is to be deleted: name runs, or give --filter. `kind:run` is every run.\n"
    assert command(capsys, "delete", "--db", path) == (2, asked)
    asked = "✗ Nothing says what is to be kept: give --max-age, --max-size, or both.\n"
    assert command(capsys, "prune", "--db", path) == (2, asked)


def test_old_runs_are_pruned(path, capsys):
    """The counts per hour stay, and the file becomes smaller."""
    code, text = command(capsys, "prune", "--max-size", "1kB", "--db", path, "--json")

    pruned = json.loads(text)
    assert code == 0
    assert pruned["runs"] == 10
    assert pruned["bytes"] > 50_000
    with Store.open(path) as store:
        assert sum(each.spans for each in queries.stats(store, since_ns=START, until_ns=START)) == 10
    assert command(capsys, "prune", "--max-age", "1h", "--db", path) == (0, "There was nothing to delete.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_a_copy_is_for_its_owner(path, tmp_path, capsys):
    """It is made beside a store that is open, and never replaces a file."""
    copy = tmp_path / "copy.db"
    with Store.open(path):
        code, text = command(capsys, "backup", copy, "--db", path)
    assert (code, text.startswith(f"{copy} is a copy of {path}: ")) == (0, True)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert command(capsys, "backup", copy, "--db", path) == (1, f"✗ {copy} exists already. Name another file.\n")
    with Store.open(copy) as store:
        assert len(kept(store)) == 10


def test_a_copy_that_cannot_be_made_leaves_nothing(path, tmp_path, capsys):
    """The system's reason is said."""
    code, text = command(capsys, "backup", tmp_path / "nowhere" / "copy.db", "--db", path)

    assert (code, text) == (1, f"✗ {tmp_path / 'nowhere' / 'copy.db'} cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    "arguments", [["delete", "x", "--yes"], ["prune", "--max-age", "1d"], ["reprice"], ["backup", "x"]]
)
def test_a_file_that_is_not_there_is_not_made(tmp_path, capsys, arguments):
    """It is said who makes it."""
    path = tmp_path / "o.db"
    code, text = command(capsys, *arguments, "--db", path)

    assert (code, text) == (
        1,
        f"✗ There is no {path} yet. `contextcompany observatory` makes it; --db names another file.\n",
    )
    assert not path.exists()


def test_a_server_goes_on_while_a_command_deletes(path, capsys):
    """Both write to the file; what was written meanwhile is there, and what was deleted is not."""
    with Store.open(path) as server:
        writing = threading.Thread(
            target=lambda: [server.write(batch(run(number, start=number))) for number in range(100, 200)]
        )
        writing.start()
        assert (
            command(capsys, "delete", "--filter", "agent:support until:2025-10-09T08:54:00Z", "--db", path, "--yes")[0]
            == 0
        )
        writing.join()
        assert server.problems() == []
        assert {trace_id(number) for number in range(100, 200)} <= {*kept(server)}


def test_the_copy_is_opened_by_sqlite3(path, tmp_path):
    """It is one file."""
    copy = tmp_path / "copy.db"
    with Store.open(path) as store:
        store.backup(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (10,)
    assert not copy.with_name("copy.db-wal").exists()
