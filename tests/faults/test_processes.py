"""Forks, `multiprocessing` and prefork servers (P4): everybody's spans arrive, and no connection is shared."""

import textwrap

import pytest

FORKED = """
    import os, random, threading, time

    def fork(target):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                target()
                code = 0
            finally:
                os._exit(code)
        return child

    def joined(children):
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert codes == [0] * len(children), codes
"""

CASES = {
    "a prefork server": """
        def serve():
            random.seed(0)
            for _ in range(10):
                work(20_000)
            time.sleep(0.4)

        work()
        tcc.flush(5)
        children = [fork(serve) for _ in range(3)]
        for _ in range(10):
            work(20_000)
        joined(children)
    """,
    "children that flush": """
        def serve():
            work()
            tcc.flush(10)

        work()
        joined([fork(serve) for _ in range(3)])
    """,
    "a step that is open": """
        def serve():
            step.prompt("p").response("r")
            step.end()
            work()
            time.sleep(0.4)

        run = tcc.run()
        ledger.began(run)
        step = run.step()
        ledger.began(step)
        children = [fork(serve) for _ in range(2)]
        joined(children)
        end(step.prompt("p").response("r"))
        end(run.prompt("p"))
    """,
    "while requests are on their way": """
        def serve():
            work()
            time.sleep(0.4)

        children = []
        for _ in range(10):
            for _ in range(3):
                work(100_000)
            children.append(fork(serve))
        joined(children)
    """,
    "from a thread, while others record": """
        stop = threading.Event()

        def record():
            while not stop.is_set():
                work(5_000, 0.002)

        def serve():
            work()
            time.sleep(0.4)

        tcc.configure()
        threads = [threading.Thread(target=record) for _ in range(3)]
        children = []
        forking = threading.Thread(target=lambda: children.extend(fork(serve) for _ in range(5)))
        for thread in [*threads, forking]:
            thread.start()
        forking.join()
        joined(children)
        stop.set()
    """,
    "grandchildren": """
        def serve():
            work()
            joined([fork(lambda: (work(), time.sleep(0.4)))])
            work()
            time.sleep(0.4)

        work()
        joined([fork(serve) for _ in range(2)])
    """,
    "a child that executes another program": """
        def serve():
            work()
            time.sleep(0.4)
            os.execv("/bin/true", ["true"])

        work()
        joined([fork(serve)])
        work()
    """,
    "before anything was recorded": """
        joined([fork(lambda: (work(), time.sleep(0.4))) for _ in range(2)])
        work()
    """,
    "after a shutdown": """
        work()
        tcc.shutdown(5)
        joined([fork(lambda: (work(), time.sleep(0.4))) for _ in range(2)])
        work()
    """,
    "a parent that is gone first": """
        if os.fork() == 0:
            time.sleep(0.2)
            work()
            time.sleep(0.4)
            os._exit(0)
        work()
    """,
}


@pytest.mark.parametrize("state", [pytest.param("up", marks=pytest.mark.soak), "down"])
@pytest.mark.parametrize("case", CASES)
def test_forks(scene, case, state):
    """What parents and children record arrives, children that leave by `os._exit` included."""
    if state == "down":
        scene.endpoint.down()

    printed = scene.run(textwrap.dedent(FORKED) + textwrap.dedent(CASES[case]))

    assert "Traceback" not in printed.err
    scene.settle()
    scene.check()


SHARING = """
    import os, random, time

    work(20_000)
    tcc.flush(10)
    ready, go = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            random.seed(0)
            code = 1
            try:
                for _ in range(8):
                    work(20_000)
                    assert tcc.flush(10).waiting == 0
                code = 0
                os.read(ready, 1)
            finally:
                os._exit(code)
        children.append(child)
    for _ in range(8):
        work(20_000)
        assert tcc.flush(10).waiting == 0
    time.sleep(1)
    os.write(go, b"." * len(children))
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
"""


def test_no_connection_is_shared(scene):
    """Each process has connections of its own: of what comes by one, all was recorded in one process."""
    scene.run(SHARING)

    scene.check()
    assert len(scene.ended()) == 4 * (1 + 5 * 8)
    assert [pids for pids in scene.endpoint.senders.values() if len(pids) > 1] == []
    assert set(scene.endpoint.times.values()) == {1}


POOLS = {
    "Process": """
        children = [context.Process(target=task, args=(number,)) for number in range(6)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
    """,
    "Pool": """
        with context.Pool(2) as pool:
            pool.map(task, range(6), chunksize=1)
    """,
    "Pool, closed": """
        pool = context.Pool(2, maxtasksperchild=2)
        pool.map(task, range(6), chunksize=1)
        pool.close()
        pool.join()
    """,
    "ProcessPoolExecutor": """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(task, range(6)))
    """,
}


@pytest.mark.parametrize(
    ("method", "state"),
    [("fork", "down"), pytest.param("fork", "up", marks=pytest.mark.soak), ("spawn", "up"), ("forkserver", "down")],
)
@pytest.mark.parametrize("pool", POOLS)
def test_multiprocessing(scene, pool, method, state):
    """What children of `multiprocessing` record arrives, under ids of their own though each seeds `random` with 0."""
    if state == "down":
        scene.endpoint.down()
    source = f"""
        import multiprocessing
        context = multiprocessing.get_context({method!r})
        work()
        tcc.flush(1)
    """

    printed = scene.run(textwrap.dedent(source) + textwrap.dedent(POOLS[pool]) + "work()\n")

    assert "Traceback" not in printed.err
    scene.settle()
    scene.check()
    assert len(scene.ended()) == len(scene.endpoint.spans) == 4 * (1 + 6 + 1)
    assert len({entry.pid for entry in scene.entries()}) > 1
