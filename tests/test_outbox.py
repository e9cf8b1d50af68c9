"""The outbox: what is kept is handed out once, survives its process, and stays within its bounds."""

import os
import shutil
import sqlite3
import threading
import time
from collections import Counter

import pytest

from contextcompany import _dead_letters, _diagnostics, _disk_store, _outbox
from contextcompany._disk_store import SUFFIX, DiskStore, InUseError
from contextcompany._item import Entry
from contextcompany._memory_store import MemoryStore
from contextcompany._outbox import Outbox, Shelf

MIB = 2**20


@pytest.fixture
def directory(tmp_path):
    """Where the files are."""
    return tmp_path / "outbox"


@pytest.fixture
def make_outbox(directory):
    """Outboxes that are closed after the test."""
    made = []

    def make(directory=directory, max_size=64 * MIB):
        made.append(Outbox(directory, max_size))
        return made[-1]

    yield make
    for outbox in made:
        outbox.close()


def entry(number, *, to="a", signal="traces", size=0, trace=None):
    """Something to keep that can be told by its body."""
    body = b"%d" % number + b"." * size
    return Entry(to, f"label of {to}", signal, b"head", b"scope", body, number if trace is None else trace, number)


def shelf_of(outbox, to="a", counts=None):
    def settle(outcome, quantity):
        if counts is not None:
            counts[outcome] += quantity

    return Shelf(outbox, to, f"label of {to}", settle)


def numbers(items):
    return [int(item.body.rstrip(b".")) for item in items]


def everything(outbox, to="a"):
    """All that waits for a destination, as numbers; it counts as delivered."""
    shelf, found = shelf_of(outbox, to), []
    while items := shelf.take(MIB):
        found += numbers(items)
        shelf.delivered(items)
    return found


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_items_come_once_in_order_by_destination_and_signal(make_outbox):
    """Nothing is handed out twice, and what goes to different places never comes together."""
    outbox = make_outbox()
    outbox.keep([entry(1), entry(2, to="b"), entry(3, signal="logs"), entry(4)])
    outbox.keep([entry(5)])
    shelf = shelf_of(outbox)

    taken = [(items[0].signal, numbers(items)) for _ in range(2) if (items := shelf.take(MIB))]

    assert taken == [("traces", [1, 4, 5]), ("logs", [3])]
    assert shelf.take(MIB) == []
    assert everything(outbox, "b") == [2]


def test_a_request_is_filled_up_to_its_size(make_outbox):
    """One item alone may be larger."""
    outbox = make_outbox()
    outbox.keep([entry(1, size=400), entry(2, size=400), entry(3, size=4000), entry(4, size=10)])
    shelf = shelf_of(outbox)

    assert [numbers(shelf.take(1000)) for _ in range(4)] == [[1, 2], [3], [4], []]


@pytest.mark.parametrize("cached", [0, 1000, 16 * MIB])
def test_what_has_no_room_in_memory_is_read_back(make_outbox, monkeypatch, cached):
    """Whatever waits in memory too, all of it comes, in order, while more is kept."""
    monkeypatch.setattr(_disk_store, "_MAX_CACHED", cached)
    outbox = make_outbox()
    outbox.keep([entry(number, size=100) for number in range(50)])
    shelf = shelf_of(outbox)
    found = []
    for number in range(50, 80):
        items = shelf.take(350)
        found += numbers(items)
        shelf.delivered(items)
        outbox.keep([entry(number, size=100)])
    found += everything(outbox)

    assert found == list(range(80))
    assert outbox.waiting() == 0


def test_what_a_process_leaves_is_sent_by_the_next(make_outbox, directory):
    """From where it is; the file goes when it is empty."""
    first, second = make_outbox(), make_outbox()
    first.keep([entry(1), entry(2), entry(3)])
    shelf = shelf_of(first)
    shelf.delivered(shelf.take(1))
    first.close()

    assert second.adopt({"a"}) == {"a"}
    assert everything(second) == [2, 3]
    second.tidy({"a"})
    assert files(directory) == []


def test_an_empty_file_goes_with_its_process(make_outbox, directory):
    """Nothing is left to look at."""
    outbox = make_outbox()
    outbox.keep([entry(1)], [entry(2)])
    assert everything(outbox) == [1]
    outbox.keep([], [], [2])

    outbox.close()

    assert files(directory) == []


def test_a_living_process_keeps_its_file(make_outbox, directory):
    """Nobody else can have it."""
    first, second = make_outbox(), make_outbox()
    first.keep([entry(1)])

    assert second.adopt({"a"}) == set()
    (name,) = [name for name in files(directory) if name.endswith(SUFFIX)]
    with pytest.raises(InUseError):
        DiskStore.adopt(directory / name, MIB)
    assert everything(first) == [1]


def test_what_was_open_is_closed_by_the_next_process(make_outbox):
    """As it was last seen; what was closed meanwhile is not."""
    first, second = make_outbox(), make_outbox()
    first.keep([entry(1)], [entry(7), entry(8), entry(9)])
    first.keep([entry(8)], [entry(9, size=5)], [8])
    first.close()

    second.adopt({"a"})

    assert sorted(everything(second)) == [1, 7, 8, 9]


def test_files_for_other_destinations_are_left_alone(make_outbox, directory):
    """Until somebody comes who sends there."""
    first, second = make_outbox(), make_outbox()
    first.keep([entry(1, to="theirs")])
    first.close()
    before = files(directory)

    assert second.adopt({"mine"}) == set()
    assert files(directory) == before
    assert second.adopt({"mine", "theirs"}) == {"theirs"}
    assert everything(second, "theirs") == [1]


def test_what_is_too_old_is_deleted_and_counted(make_outbox, monkeypatch):
    """Seven days after it was recorded; a clock that jumps a day deletes nothing."""
    first = make_outbox()
    first.keep([entry(1)])
    real = time.time()
    for jump, expected in ((-86400, [1]), (86400, [1]), (8 * 86400, [])):
        first.close()
        monkeypatch.setattr(time, "time", lambda jump=jump: real + jump)
        second = make_outbox()
        second.adopt({"a"})
        assert numbers(shelf_of(second).take(MIB)) == expected
        first = second

    assert _diagnostics.counts() == {"expired": 1}


def test_the_oldest_finished_traces_give_way(make_outbox, monkeypatch):
    """What belongs to a run that is still open comes last, and every span that goes is counted."""
    monkeypatch.setattr(_disk_store, "_MAX_CACHED", 0)
    outbox = make_outbox(max_size=10_000)
    outbox.keep([entry(0, trace=77, size=900)], [entry(77, trace=77)])
    for number in range(1, 31):
        outbox.keep([entry(number, trace=number // 2, size=900)])

    left = everything(outbox)

    assert left[0] == 0
    assert left[1:] == list(range(left[1], 31))
    assert _diagnostics.counts() == {"evicted": 31 - len(left)}
    assert 5 <= len(left) <= 10


def test_one_open_run_alone_gives_way_too(make_outbox):
    """A single run that never ends stays within the bound."""
    outbox = make_outbox(max_size=10_000)
    outbox.keep([], [entry(77, trace=1)])
    for number in range(40):
        outbox.keep([entry(number, trace=1, size=900)])

    left = everything(outbox)

    assert left == list(range(left[0], 40))
    assert _diagnostics.counts() == {"evicted": 40 - len(left)}


def test_what_is_being_sent_does_not_give_way(make_outbox):
    """It arrives, so it must not be counted as deleted."""
    outbox = make_outbox(max_size=10_000)
    outbox.keep([entry(number, size=900) for number in range(5)])
    shelf = shelf_of(outbox)
    in_hand = shelf.take(MIB)
    for number in range(5, 30):
        outbox.keep([entry(number, size=900)])
    shelf.delivered(in_hand)

    left = everything(outbox)

    assert numbers(in_hand) == [0, 1, 2, 3, 4]
    assert left == list(range(left[0], 30))
    assert _diagnostics.counts() == {"evicted": 25 - len(left)}
    assert outbox.waiting() == 0


def test_the_disk_gets_its_room_back(make_outbox, directory):
    """After a backlog, the file is small again."""
    outbox = make_outbox()
    outbox.keep([entry(number, size=MIB) for number in range(30)])
    assert sum(path.stat().st_size for path in directory.iterdir()) > 30 * MIB
    everything(outbox)
    for _ in range(10):
        outbox.tidy({"a"})

    assert sum(path.stat().st_size for path in directory.iterdir()) < MIB


def test_without_a_disk_it_waits_in_memory(make_outbox, directory, caplog):
    """A directory that cannot be made is said once."""
    directory.parent.joinpath("file").write_text("")
    outbox = make_outbox(directory.parent / "file")
    outbox.keep([entry(1)])
    outbox.keep([entry(2)])

    assert everything(outbox) == [1, 2]
    assert len(caplog.messages) == 1
    assert "waits in memory" in caplog.text


def test_memory_is_bounded(make_outbox, monkeypatch):
    """The oldest gives way, and is counted; so is what is left when the process ends."""
    outbox = make_outbox(None)
    outbox._memory = MemoryStore(5000)
    outbox.keep([entry(number, size=900) for number in range(20)])

    items = shelf_of(outbox).take(MIB)
    outbox.close()

    assert numbers(items) == list(range(20 - len(items), 20))
    assert _diagnostics.counts() == {"evicted": 20 - len(items), "not_sent": len(items)}


def test_the_disk_is_tried_again(make_outbox, directory, monkeypatch):
    """What was kept in memory meanwhile is sent too."""
    directory.parent.mkdir(exist_ok=True)
    directory.write_text("in the way")
    outbox = make_outbox()
    outbox.keep([entry(1)])
    directory.unlink()
    monkeypatch.setattr(outbox, "_disk_retry_at", 0.0)

    outbox.keep([entry(2)])

    assert outbox.is_on_disk
    assert sorted(everything(outbox)) == [1, 2]


def test_a_deleted_directory_is_made_again(make_outbox, directory):
    """What the process has already is still sent."""
    outbox = make_outbox()
    outbox.keep([entry(1)])
    shutil.rmtree(directory)
    outbox.keep([entry(2)])

    assert files(directory)
    assert everything(outbox) == [1, 2]


@pytest.mark.parametrize("damage", ["header", "other", "version", "signal", "schema"])
def test_damaged_files_are_put_aside(make_outbox, directory, damage):
    """They neither stop the others nor come again."""
    directory.mkdir()
    path = directory / f"1-bad{SUFFIX}"
    if damage == "header":
        path.write_bytes(b"x" * 5000)
    elif damage in ("signal", "schema"):
        store = DiskStore.create(directory, MIB)
        store.put([entry(2)], [], [])
        with sqlite3.connect(path) as connection:
            store._connection.backup(connection)
            if damage == "signal":
                connection.execute("UPDATE item SET signal = 9")
        connection.close()
        store.delete(store.take("a", "traces", MIB))
        store.close()
        if damage == "schema":
            path.write_bytes(path.read_bytes().replace(b"itemitem", b"\xeetemitem"))
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE other (a)")
            if damage == "version":
                connection.execute(f"PRAGMA application_id = {_disk_store._APPLICATION_ID}")
                connection.execute("PRAGMA user_version = 99")
        connection.close()
    first, second = make_outbox(), make_outbox()
    first.keep([entry(1)])
    first.close()

    assert second.adopt({"a"}) == {"a"}
    assert everything(second) == [1]
    assert f"1-bad{SUFFIX}.corrupt" in files(directory)
    assert _diagnostics.counts() == {"outbox_corrupt": 1}


def test_an_empty_file_is_deleted(make_outbox, directory):
    """Its process died when it had just made it."""
    directory.mkdir()
    (directory / f"1-new{SUFFIX}").write_bytes(b"")

    assert make_outbox().adopt({"a"}) == set()
    assert files(directory) == []


def test_the_file_is_damaged_while_it_is_used(make_outbox, monkeypatch):
    """What is in memory is still sent, and the next goes into a new file."""
    outbox = make_outbox()
    outbox.keep([entry(1)])
    store = outbox._own
    monkeypatch.setattr(store, "put", lambda *_: (_ for _ in ()).throw(sqlite3.DatabaseError("malformed")))
    outbox.keep([entry(2)])
    outbox.keep([entry(3)])

    assert sorted(everything(outbox)) == [1, 2, 3]


def test_delivered_while_the_disk_fails(make_outbox, monkeypatch):
    """What was received is not handed out again, and is deleted when the disk is back."""
    outbox = make_outbox()
    outbox.keep([entry(1), entry(2)])
    store = outbox._own
    shelf = shelf_of(outbox)
    items = shelf.take(1)
    with monkeypatch.context() as failing:
        failing.setattr(store, "_connection", sqlite3.connect(":memory:"))
        shelf.delivered(items)
    assert outbox.waiting() == 1
    shelf.delivered(shelf.take(1))

    outbox.close()
    second = make_outbox()
    assert second.adopt({"a"}) == set()


def test_each_outcome_is_counted(make_outbox):
    """Delivered, rejected by the receiver, dead, and given up."""
    outbox, counts = make_outbox(), Counter()
    outbox.keep([entry(number) for number in range(6)])
    shelf = shelf_of(outbox, counts=counts)
    items = shelf.take(MIB)
    shelf.delivered(items[:3], rejected=1)
    shelf.dead(items[3], "400 bad")
    shelf.dropped(items[4:], "outbox_off")

    assert +counts == {"delivered": 2, "rejected_partial": 1, "dead": 1, "outbox_off": 2}
    assert outbox.waiting() == shelf.waiting() == 0
    (letter,) = outbox.dead_letters.letters()
    assert (letter.reason, letter.body, letter.label, letter.signal) == ("400 bad", b"3", "label of a", "traces")


@pytest.mark.parametrize("spoil", [0, 4096], ids=["no database", "a damaged page"])
def test_damaged_dead_letters_are_put_aside(make_outbox, spoil):
    """Those that come after them are kept."""
    outbox = make_outbox()
    outbox.keep([entry(number, size=900) for number in range(20)])
    shelf = shelf_of(outbox)
    *items, last = shelf.take(MIB)
    for item in items:
        shelf.dead(item, "400")
    path = outbox.dead_letters.path
    path.write_bytes(path.read_bytes()[:spoil] + b"x" * 20_000)

    shelf.dead(last, "400")

    assert numbers(outbox.dead_letters.letters()) == [19]
    assert path.with_name("dead-letters.db.corrupt").exists()


def test_dead_letters_are_bounded(make_outbox, monkeypatch):
    """The oldest give way."""
    monkeypatch.setattr("contextcompany._dead_letters._MAX_SIZE", 5000)
    outbox = make_outbox()
    outbox.keep([entry(number, size=900) for number in range(20)])
    shelf = shelf_of(outbox)
    for item in shelf.take(MIB):
        shelf.dead(item, "400")

    letters = outbox.dead_letters.letters()
    outbox.dead_letters.delete([letters[0].id])

    assert numbers(letters) == list(range(15, 20))
    assert numbers(outbox.dead_letters.letters()) == list(range(16, 20))


@pytest.mark.skipif(os.name != "posix", reason="files have modes on POSIX")
def test_files_are_for_the_user_alone(make_outbox, directory):
    """They hold what people said."""
    outbox = make_outbox()
    outbox.keep([entry(1), entry(2)])
    shelf = shelf_of(outbox)
    shelf.dead(shelf.take(1)[0], "400")

    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert len(files(directory)) == 3


def test_a_file_that_is_being_made_is_not_taken(make_outbox, directory, monkeypatch):
    """Between its creation and its lock another process may think that nobody has it."""
    other = make_outbox()
    connect, stolen = _disk_store._connect, []

    def connect_late(path, **options):
        if not stolen:
            stolen.append(path.name)
            other.adopt({"a"})
        return connect(path, **options)

    monkeypatch.setattr(_disk_store, "_connect", connect_late)
    outbox = make_outbox()
    outbox.keep([entry(1)])

    assert stolen
    assert any(name.endswith(SUFFIX) and name not in stolen for name in files(directory))
    assert everything(outbox) == [1]


def test_what_was_in_hand_when_the_file_was_damaged_is_not_counted_as_lost(make_outbox):
    """What was taken before can still be delivered; only what was in the file alone is lost."""
    outbox = make_outbox()
    counts = Counter()
    shelf = shelf_of(outbox, counts=counts)
    outbox.keep([entry(1), entry(2), entry(3)])
    taken = shelf.take(1)
    outbox._own.quarantine()

    assert outbox.waiting() == 3
    assert "corrupt" not in _diagnostics.counts()

    shelf.delivered(taken)
    assert outbox.waiting() == 2
    assert everything(outbox) == [2, 3]
    assert outbox.waiting() == 0
    assert counts["delivered"] == 1


def test_what_is_opened_again_at_once_is_kept(make_outbox):
    """A run that is suspended and resumed in one moment is still open: its snapshot stays."""
    first = make_outbox()
    first.keep([], [entry(1)])
    first.keep([], [entry(1)], closed=[1])
    first.close()

    second = make_outbox()
    second.adopt({"a"})
    assert everything(second) == [1]


def test_what_is_open_stays_open_when_the_outbox_changes(make_outbox, directory):
    """Until it ends, whatever becomes of the file that knows of it; nobody reports the death of a living process."""
    outbox = make_outbox()
    outbox.keep([], [entry(1), entry(2)])
    outbox.become(Outbox(directory, 32 * MIB))
    outbox.keep([entry(1)], closed=[1])
    outbox.tidy({"a"})
    assert outbox.adopt({"a"}) == set()
    assert make_outbox().adopt({"a"}) == set()
    assert everything(outbox) == [1]

    outbox.keep([entry(2)], closed=[2])
    outbox.tidy({"a"})
    assert everything(outbox) == [2]
    outbox.close()
    assert files(directory) == []


def test_what_is_in_memory_is_taken_from_a_damaged_file_at_once(make_outbox, monkeypatch):
    """Whoever finds the damage gets what is there: nobody may ask again soon."""
    monkeypatch.setattr(_disk_store, "_MAX_CACHED", 2)
    outbox = make_outbox()
    outbox.keep([entry(1), entry(2), entry(3)])
    shelf = shelf_of(outbox)
    assert numbers(shelf.take(1)) == [1]
    outbox._own._connection.execute("DROP TABLE envelope")

    assert numbers(shelf.take(MIB)) == [2]
    assert _diagnostics.counts()["corrupt"] == 1


def test_no_more_is_rejected_than_was_sent(make_outbox):
    """Whatever a receiver says, what was delivered is no negative number."""
    outbox = make_outbox()
    counts = Counter()
    shelf = shelf_of(outbox, counts=counts)
    outbox.keep([entry(1)])
    shelf.delivered(shelf.take(MIB), rejected=10)
    assert counts == {"delivered": 0, "rejected_partial": 1}


def test_files_for_others_are_looked_at_when_the_others_are_known(make_outbox):
    """Also when as many destinations as before are known, only other ones."""
    first = make_outbox()
    first.keep([entry(1, to="b")])
    first.close()

    second = make_outbox()
    assert second.adopt({"a"}) == set()
    assert second.adopt({"b"}) == {"b"}
    assert everything(second, "b") == [1]


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_a_python_without_sqlite(make_outbox, directory, monkeypatch, where):
    """Everything works in memory, the end included."""
    for module in (_outbox, _disk_store, _dead_letters):
        monkeypatch.setattr(module, "sqlite3", None)
    monkeypatch.setattr(_outbox, "_can_use_disk", lambda: False)
    outbox = make_outbox(directory if where == "disk" else None)
    outbox.prepare()
    outbox.keep([entry(1)])
    outbox.tidy({"a"})
    assert outbox.adopt({"a"}) == set()
    assert everything(outbox) == [1]
    outbox.close()


@pytest.mark.parametrize("max_size", [1000, 1 << 40])
def test_memory_has_the_size_that_is_set(make_outbox, max_size):
    """At most what memory may take at all."""
    outbox = make_outbox(None, max_size=max_size)
    for number in range(20):
        outbox.keep([entry(number, size=100)])
    assert outbox.waiting() == (6 if max_size == 1000 else 20)


def test_closing_does_not_wait_for_files_of_others(make_outbox):
    """Whoever takes over a large file on a slow disk does not hold up the end of the process."""
    outbox = make_outbox()
    outbox.keep([entry(1)])
    go_on, began = threading.Event(), threading.Event()

    def adopt():
        with outbox._adopting:
            began.set()
            go_on.wait(10)

    thread = threading.Thread(target=adopt)
    thread.start()
    began.wait(10)
    before = time.monotonic()
    outbox.close(0.1)
    assert time.monotonic() - before < 2
    go_on.set()
    thread.join()
    assert make_outbox().adopt({"a"}) == {"a"}


def test_a_directory_that_cannot_have_a_name(make_outbox, tmp_path):
    """What no system takes as a name is a disk that does not work."""
    outbox = make_outbox(tmp_path / "a\0b")
    outbox.keep([entry(1)])
    assert outbox.adopt({"a"}) == set()
    assert everything(outbox) == [1]


def test_dead_letters_do_not_stay(make_outbox, monkeypatch):
    """They go after seven days, also when no other ones come."""
    outbox = make_outbox()
    outbox.keep([entry(1)])
    shelf = shelf_of(outbox)
    now = time.time()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now - 7 * 24 * 3600 - 1)
        shelf.dead(shelf.take(MIB)[0], "400")
    assert len(outbox.dead_letters.letters()) == 1
    outbox.tidy({"a"})
    assert outbox.dead_letters.letters() == []
