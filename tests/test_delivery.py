"""From `.end()` into the outbox and on: whatever interrupts it, nothing is lost, and nothing is said that is not so."""

import json
import os
import socket
import time

import pytest

import contextcompany as tcc
from contextcompany import _configure, _delivery
from contextcompany._disk_store import DiskStore
from contextcompany._recording import Recording
from programs import run_program

INTERRUPTED = """
    import json, signal, sys, contextcompany as tcc

    class Interrupt(BaseException): pass

    def interrupt(*_):
        raise Interrupt

    tcc.configure(durability="sync", shutdown_timeout=10.0)
    signal.signal(signal.SIGALRM, interrupt)
    ended = []
    for number in range(400):
        try:
            run = tcc.run().prompt("p").response("r")
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + number * 0.000002)
            run.end()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupt:
            pass
        ended.append(run.run_id)
    print(json.dumps([tcc.flush(20).dropped, ended]))
"""


SETTLE = """
    import time, contextcompany as tcc
    tcc.configure()
    time.sleep(0.5)
    assert tcc.flush(20).waiting == 0
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.unsound
def test_interrupted_while_it_writes(receiver):
    """Ctrl-C in the midst of `.end()` damages nothing: what was being written is written by the next who does."""
    program = run_program(INTERRUPTED, TCC_URL=receiver.url)
    dropped, ended = json.loads(program.out)
    assert dropped == {}
    assert program.err == ""
    # What was interrupted before it was handed over is sent as it was last seen.
    run_program(SETTLE, TCC_URL=receiver.url)
    arrived = {span.attributes["tcc.runId"] for span in receiver.spans()}
    assert len(set(ended) - arrived) == 0


THREADS_THAT_FORK = """
    import os, threading, time, contextcompany as tcc

    tcc.configure()
    tcc.run().prompt("p").response("r").end()

    def fork():
        for _ in range(60):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    tcc.run().prompt("p").response("r").end()
    began = time.monotonic()
    report = tcc.flush(5)
    print(report.delivered, report.waiting)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is about forks")
def test_threads_that_fork_at_once(receiver):
    """Each lets go of what it held itself."""
    program = run_program(THREADS_THAT_FORK, TCC_URL=receiver.url)
    assert program.out == "2 0\n"
    assert "RuntimeError" not in program.err


FORK_WHILE_CONFIGURING = """
    import os, threading, time, faulthandler, contextcompany as tcc

    faulthandler.dump_traceback_later(40, exit=True)
    tcc.configure()
    done = threading.Event()

    def configure():
        size = 2**24
        while not done.is_set():
            size += 1
            time.sleep(0.01)
            tcc.configure(max_outbox_size=size)

    thread = threading.Thread(target=configure)
    thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    done.set()
    thread.join()
    tcc.run().prompt("p").response("r").end()
    print(tcc.flush(5).delivered)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is about forks")
def test_a_fork_while_another_thread_configures(receiver):
    """Neither waits for the other for ever."""
    program = run_program(FORK_WHILE_CONFIGURING, TCC_URL=receiver.url)
    assert program.out == "1\n"


def test_what_waits_follows_when_the_way_to_the_same_place_changes(receiver, tmp_path):
    """What the old sender has in hand goes to the new one, not to the next process."""
    receiver.answer(503, headers={"Retry-After": "600"}, times=1)
    tcc.configure(url=receiver.url)
    tcc.run("order-1").prompt("p").response("r").end()
    tcc.flush(1)
    assert receiver.spans() == []

    (tmp_path / "ca.pem").write_text("for https alone\n")
    tcc.configure(certificate=tmp_path / "ca.pem")
    tcc.run("order-2").prompt("p").response("r").end()
    report = tcc.flush(10)
    receiver.wait_for(spans=2)
    assert (tcc.flush(10).waiting, report.dropped) == (0, {})


CHILD_WITH_PROCESSORS = """
    import multiprocessing, sys, time, contextcompany as tcc
    from opentelemetry.sdk.trace import TracerProvider

    def work():
        tcc.configure(shutdown_timeout=1.0)
        provider = TracerProvider(shutdown_on_exit=False)
        for _ in range(3):
            provider.add_span_processor(tcc.ObservatorySpanProcessor(url=sys.argv[1], all_spans=True))
        provider.get_tracer("t").start_span("theirs").end()
        tcc.run().prompt("p").response("r").end()

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    began = time.monotonic()
    process.join()
    print(time.monotonic() - began)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is about forks")
def test_all_that_ends_with_a_child_shares_its_time(receiver):
    """Processors whose endpoint hangs take no more than `shutdown_timeout` in all, and our runs go first."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        program = run_program(CHILD_WITH_PROCESSORS, url, TCC_URL=receiver.url, TCC_SHUTDOWN_TIMEOUT="1")
    assert [span.name for span in receiver.spans()] == ["invoke_agent"]
    assert float(program.out) < 3.5


def test_a_run_that_garbage_collection_ends_while_something_is_deleted(receiver, monkeypatch):
    """The file is in the midst of a transaction of the same thread: it is written afterwards."""
    abandoned = []
    delete = DiskStore._delete

    def collecting(self):
        while abandoned:
            abandoned.pop().end()
        return delete(self)

    monkeypatch.setattr(DiskStore, "_delete", collecting)
    tcc.configure(url=receiver.url, durability="sync")
    abandoned.append(tcc.run("order-1").prompt("p").response("r"))
    tcc.run("order-2").prompt("p").response("r").end()
    receiver.wait_for(spans=2)
    assert tcc.flush(10) == (2, 0, 0, {})


def test_what_cannot_be_described_at_first_is_described_later(monkeypatch):
    """Another thread may be changing what was opened at the moment it is looked at."""
    tcc.configure()
    snapshot, failures = Recording._snapshot, iter([RuntimeError("dictionary changed size during iteration")] * 2)

    def failing(self, *, whole):
        for error in failures:
            raise error
        return snapshot(self, whole=whole)

    monkeypatch.setattr(Recording, "_snapshot", failing)
    run = tcc.run()
    delivery = _configure._built.delivery
    until = time.monotonic() + 5
    while not delivery._watched and time.monotonic() < until:
        time.sleep(0.01)
    assert len(delivery._watched) == 1
    run.error()


def test_what_is_cut_is_counted_once(receiver):
    """What is kept of a run in case the process dies is within the content policy too, and is not what is sent."""
    tcc.configure(url=receiver.url, max_value_size=1000)
    run = tcc.run().prompt("p" * 10_000)
    time.sleep(0.3)
    run.end()

    assert tcc.flush() == (1, 0, 0, {"truncated": 1})


def test_a_run_that_was_open_before_the_first_answer_is_shown_after_it(receiver):
    """Nobody knew yet that snapshots are taken; with the next that happens, it is sent as it is."""
    receiver.answer(headers={"TCC-Open-Spans": "1"})
    tcc.configure(url=receiver.url)
    run = tcc.run(agent="support").prompt("p")
    step = run.step(model="gpt-4o").prompt("p").response("r")
    time.sleep(0.3)
    step.end()
    receiver.wait_for(spans=1)
    run.tool_call("search").end()

    while not (shown := [span for span in receiver.spans() if span.name == "invoke_agent support"]):
        receiver.wait_for(spans=len(receiver.spans()) + 1)
    assert shown[0].end_ns == 0
    assert "gen_ai.input.messages" in shown[0].attributes
    run.end()


def test_many_runs_that_were_open_before_the_first_answer_are_shown_after_it(receiver, monkeypatch):
    """All of them soon, though not in one go, which would keep what has ended from being written."""
    monkeypatch.setattr(_delivery, "_SNAPSHOTS_S", 0.001)
    receiver.answer(headers={"TCC-Open-Spans": "1"})
    tcc.configure(url=receiver.url)
    runs = [tcc.run() for _ in range(200)]
    delivery = _configure._built.delivery
    until = time.monotonic() + 10
    while len(delivery._watched) < 200 and time.monotonic() < until:
        time.sleep(0.01)
    for number in (1, 2):
        tcc.run().prompt("p").response("r").end()
        receiver.wait_for(spans=number)

    opened = {run.run_id for run in runs}
    while not opened <= {span.attributes["tcc.runId"] for span in receiver.spans() if span.end_ns == 0}:
        receiver.wait_for(spans=len(receiver.spans()) + 1)
    for run in runs:
        run.error()
