"""What those who watch are told, over real sockets."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from queue import Queue
from threading import Thread
from urllib.parse import urlencode

import pytest
import requests
from spans import batch, feedback, log, run, step, tool_call, trace_id
from starting import wait_until

from contextcompany.observatory import feed, queries
from contextcompany.observatory.store import Store

SOON_S = 10
"""How long a test waits for what should come at once."""


class Watcher:
    """Reads events in a thread until the response is closed."""

    def __init__(self, response: HTTPResponse) -> None:
        self.events: Queue[tuple[str, object, str | None]] = Queue()
        self.comments = 0
        self._response = response
        self.thread = Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(HTTPException, OSError):  # closed
            while line := self._response.readline().decode():
                key, _, value = line.rstrip("\n").partition(": ")
                if line.startswith(":"):
                    self.comments += 1
                elif key:
                    fields[key] = value
                elif "event" in fields:
                    self.events.put((fields["event"], json.loads(fields["data"]), fields.get("id")))
                    fields = {}

    def next(self) -> tuple[str, object, str | None]:
        """The next event: its name, its data and its id."""
        return self.events.get(timeout=SOON_S)

    def until(self, name: str) -> tuple[object, str | None]:
        """The data and the id of the next event of that name."""
        while True:
            event, data, id_ = self.next()
            if event == name:
                return data, id_


@contextmanager
def watching(observatory, path="/api/events", last: str | None = None, **parameters) -> Iterator[Watcher]:
    connection = HTTPConnection("127.0.0.1", observatory.port, timeout=SOON_S)
    headers = {} if last is None else {"Last-Event-ID": last}
    connection.request("GET", f"{path}?{urlencode(parameters)}", headers=headers)
    response = connection.getresponse()
    assert (response.status, response.headers.get_content_type()) == (200, "text/event-stream"), response.read()
    watcher = Watcher(response)
    yield watcher
    with suppress(OSError):  # the server may have ended it
        connection.sock.shutdown(socket.SHUT_RDWR)
    watcher.thread.join()
    connection.close()


def list_of(observatory):
    return requests.get(observatory.url + "/api/runs", timeout=SOON_S).json()


# --- all runs --------------------------------------------------------------------------------------------------------


def test_a_new_run_is_told(store, served):
    """As the list has it, within half a second of its arrival."""
    took = []
    with watching(served, since=0) as watcher:
        for number in range(1, 6):
            started = time.monotonic()
            store.write(batch(run(number)))
            name, data, _ = watcher.next()
            took.append(time.monotonic() - started)

    assert min(took) < 0.5  # of some, as others use this machine too
    assert (name, data) == ("run", list_of(served)["runs"][0])


def test_a_run_that_changes_is_told_again(store, served):
    """Whatever changes: its state, its counts, what is thought of it, what its log records say."""
    store.write(batch(run(1, end=None)))
    with watching(served, since=list_of(served)["change"]) as watcher:
        store.write(batch(step(1, 2)))
        steps = watcher.until("run")[0]["steps"]
        store.write(batch(run(1)))
        state = watcher.until("run")[0]["state"]
        store.write(batch(feedback(1)))
        thought = watcher.until("run")[0]["feedback"]

        store.write(batch(log(1, event="noted"), log(1, event="noted")))
        watcher.until("run")

    assert (steps, state, thought) == (1, "ok", "thumbs_up")


def test_only_what_the_filter_lets_through_is_told(store, served):
    """And of a run that it does not let through any more, that it is gone."""
    with watching(served, filter="status:running", since=0) as watcher:
        store.write(batch(run(1, end=None)))
        first = watcher.next()
        store.write(batch(run(1)))
        second = watcher.next()

    assert (first[0], first[1]["state"]) == ("run", "running")
    assert second[:2] == ("gone", [trace_id(1)])


def test_what_is_deleted_is_told(store, served):
    """By the trace's id."""
    store.write(batch(run(1), run(2)))
    with watching(served, since=list_of(served)["change"]) as watcher:
        store.delete([trace_id(2)])

        assert watcher.next()[:2] == ("gone", [trace_id(2)])


def test_nothing_is_lost_when_a_connection_breaks(store, served):
    """Who comes back with the last id is told what happened meanwhile, what was deleted included."""
    with watching(served, since=0) as watcher:
        store.write(batch(run(1)))
        last = watcher.next()[2]
    for number in range(2, 151):
        store.write(batch(run(number)))
    store.delete([trace_id(1)])

    told, gone = set(), []
    with watching(served, last=last) as watcher:
        while not gone:
            name, data, _ = watcher.next()
            gone += data if name == "gone" else []
            told |= {data["trace_id"]} if name == "run" else set()
    assert told == {trace_id(number) for number in range(2, 151)}
    assert gone == [trace_id(1)]


def test_what_happens_between_list_and_events_is_told(store, served):
    """The list says where to go on from."""
    store.write(batch(run(1)))
    change = list_of(served)["change"]
    store.write(batch(run(2)))
    with watching(served, since=change) as watcher:
        name, data, _ = watcher.next()

    assert (name, data["trace_id"]) == ("run", trace_id(2))


def test_who_is_too_far_behind_reads_anew(store, served):
    """Also who was told by another file."""
    store.write(batch(run(1)))
    with watching(served, since=10**9) as watcher:
        name, _, id_ = watcher.next()
        store.write(batch(run(2)))
        after = watcher.next()

    assert (name, int(id_)) == ("reload", int(list_of(served)["change"]) - 1)
    assert after[1]["trace_id"] == trace_id(2)


def test_what_another_process_writes_is_told(store, served):
    """Both use one file."""
    code = "import sys; from pathlib import Path; from contextcompany.observatory.store import Store\n"
    code += f"with Store.open(Path(sys.argv[1])) as store: store.delete(['{trace_id(1)}'])"
    store.write(batch(run(1)))
    with watching(served, since=list_of(served)["change"]) as watcher:
        subprocess.run([sys.executable, "-c", code, store.path], check=True, timeout=60)

        assert watcher.next()[:2] == ("gone", [trace_id(1)])


def test_a_comment_keeps_the_connection(store, served, monkeypatch):
    """While nothing happens."""
    monkeypatch.setattr(feed, "KEEP_ALIVE_S", 0.05)
    with watching(served) as watcher:
        deadline = time.monotonic() + SOON_S
        while watcher.comments < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert watcher.comments >= 2


@pytest.mark.parametrize(("parameters", "token"), [({"filter": "statsu:ok"}, "statsu:ok"), ({"since": "x"}, "x")])
def test_a_wrong_question_is_answered_at_once(served, parameters, token):
    """As everywhere."""
    response = requests.get(served.url + "/api/events", params=parameters, timeout=SOON_S)

    assert (response.status_code, response.json()["token"]) == (400, token)


def test_two_hundred_watch_at_once(store, served):
    """All are told the same, and one look at the file does for all of them."""
    sockets = []
    for _ in range(200):
        sockets.append(socket.create_connection(("127.0.0.1", served.port), timeout=SOON_S))
        sockets[-1].sendall(b"GET /api/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    started = time.monotonic()
    for number in range(1, 6):
        store.write(batch(run(number)))
    took = time.monotonic() - started
    wanted = trace_id(5).encode()
    for each in sockets:
        read = b""
        while wanted not in read:
            read += each.recv(2**16)
        each.close()

    assert took < 5  # a tenth of a second, on a machine that does nothing else


def test_no_more_watch_than_there_is_memory_for(served, monkeypatch):
    """Who is too many is told to come back."""
    monkeypatch.setattr(feed, "MAX_WATCHERS", 1)
    with watching(served):
        response = requests.get(served.url + "/api/events", timeout=SOON_S)

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


def test_who_reads_nothing_keeps_nobody_waiting(store, served):
    """What it is not told yet is kept nowhere but in the file."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=SOON_S) as asleep:
        asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asleep.sendall(b"GET /api/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with watching(served, since=0) as watcher:
            for number in range(1, 401):
                store.write(batch(run(number, agent="a" * 500)))
            told = set()
            while len(told) < 400:
                told.add(watcher.until("run")[0]["trace_id"])


# --- one run ---------------------------------------------------------------------------------------------------------


def events_of(number: int) -> str:
    return f"/api/runs/{trace_id(number)}/events"


def test_a_run_is_told_as_it_grows(store, served):
    """The spans that are new or have changed, and the run as it is then."""
    store.write(batch(run(1, end=None), step(1, 2)))
    whole = requests.get(f"{served.url}/api/runs/{trace_id(1)}", timeout=SOON_S).json()
    with watching(served, events_of(1), since=whole["change"]) as watcher:
        store.write(batch(tool_call(1, 3, 2)))
        spans = watcher.until("spans")[0]
        about, last = watcher.until("run")
        store.write(batch(run(1)))
        ended = watcher.until("spans")[0]

    assert [(each["kind"], each["depth"]) for each in spans] == [("tool_call", 2)]
    assert (about["tool_calls"], about["state"]) == (1, "running")
    assert [each["kind"] for each in ended] == ["run"]
    with watching(served, events_of(1), last=last) as watcher:
        assert watcher.until("spans")[0] == ended


def test_a_run_is_told_whole_to_who_has_nothing_of_it(store, served):
    """In parts, where it is large."""
    for at in range(0, 1500, 100):
        store.write(batch(*(step(1, number, start=number) for number in range(at + 2, at + 102))))
    store.write(batch(run(1)))
    wait_until(lambda: not queries.run(store, trace_id(1)).run.is_counting)
    told = {}
    with watching(served, events_of(1)) as watcher:
        while len(told) < 1501:
            spans, _ = watcher.until("spans")
            assert len(spans) <= 500
            told |= {each["span_id"]: each for each in spans}

    whole = requests.get(f"{served.url}/api/runs/{trace_id(1)}", timeout=SOON_S).json()
    assert {**told} == {each["span_id"]: each for each in whole["spans"]}


def test_spans_that_hang_elsewhere_are_told(store, served):
    """Their parent came after them."""
    store.write(batch(tool_call(1, 3, 2), run(1)))
    with watching(served, events_of(1)) as watcher:
        first = {each["span_id"]: each["parent_id"] for each in watcher.until("spans")[0]}
        store.write(batch(step(1, 2)))
        second = {each["span_id"]: each["parent_id"] for each in watcher.until("spans")[0]}

    moved = f"{3:016x}"
    assert first[moved] != second[moved] == f"{2:016x}"


def test_what_is_thought_of_a_run_is_told(store, served):
    """At once, as all that was said of it."""
    store.write(batch(run(1)))
    with watching(served, events_of(1)) as watcher:
        watcher.until("run")
        store.write(batch(feedback(1, text="good")))

        assert [each["text"] for each in watcher.until("feedback")[0]] == ["good"]


def test_the_events_of_a_run_end_with_it(store, served):
    """When it is deleted; of one that is not there none are told."""
    store.write(batch(run(1)))
    with watching(served, events_of(1)) as watcher:
        watcher.until("run")
        store.delete([trace_id(1)])

        assert watcher.next()[:2] == ("gone", [trace_id(1)])
    assert requests.get(served.url + events_of(1), timeout=SOON_S).status_code == 404


def test_who_watches_what_cannot_be_read_is_sent_away(tmp_path, observatories, caplog):
    """And told again when it comes back, if it can be read then; the log says why."""
    store = Store.open(tmp_path / "o.db")
    served = observatories(store=store)
    store.close()
    with watching(served) as watcher:
        watcher.thread.join(SOON_S)
        assert not watcher.thread.is_alive()
    assert "The store is closed." in caplog.text


def test_watching_ends_with_the_server(tmp_path, observatories):
    """At once, not after the time that answers have."""
    with Store.open(tmp_path / "o.db") as store:
        served = observatories(store=store)
        with watching(served, since=0) as watcher:
            store.write(batch(run(1)))
            watcher.next()
            started = time.monotonic()
            served.close()

            assert time.monotonic() - started < 3
