"""The current run in threads, executors, queues and processes: what is whose child, and what is left behind."""

import asyncio
import contextvars
import functools
import gc
import logging
import multiprocessing
import pickle
import queue
import socket
import sys
import textwrap
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import contextcompany as tcc
from contextcompany import _configure
from programs import run_program

OUTCOMES = {
    "returns": ("OK", "", None),
    "raises": ("ERROR", "broken", "ValueError"),
    "is cancelled": ("ERROR", "", "asyncio.exceptions.CancelledError"),
    "exits": ("ERROR", "3", "SystemExit"),
}
"""The status of the step inside, and its `error.type`."""

ERRORS = {"raises": ValueError("broken"), "is cancelled": asyncio.CancelledError(), "exits": SystemExit(3)}


# --- what is done, and where -----------------------------------------------------------------------------------------


def end(outcome):
    """End in one of the ways."""
    if outcome != "returns":
        raise {"raises": ValueError("broken"), "is cancelled": asyncio.CancelledError(), "exits": SystemExit(3)}[
            outcome
        ]


def work(outcome):
    """Record a step, which ends in one of the ways."""
    with tcc.step(model="inner") as s:
        s.prompt("p").response("r")
        end(outcome)


async def async_work(outcome):
    """The same; cancelled for good, by its task."""
    with tcc.step(model="inner") as s:
        s.prompt("p").response("r")
        if outcome == "is cancelled":
            asyncio.current_task().cancel()
        await asyncio.sleep(0)
        end(outcome)


def generate(outcome):
    """The same, with a value yielded from inside of the step."""
    with tcc.step(model="inner") as s:
        s.prompt("p").response("r")
        received = yield tcc.current_step()
        assert received == "sent"
        assert tcc.current_step() is s
        end(outcome)


async def async_generate(outcome):
    """The same, asynchronously."""
    with tcc.step(model="inner") as s:
        s.prompt("p").response("r")
        received = yield tcc.current_step()
        assert received == "sent"
        assert tcc.current_step() is s
        if outcome == "is cancelled":
            asyncio.current_task().cancel()
        await asyncio.sleep(0)
        end(outcome)


def quietly(fn, *args):
    """What ends a thread would be said by pytest."""
    try:
        return fn(*args)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error


def call(fn, *args):
    """A function that returns a coroutine, and is no coroutine function."""
    return fn(*args)


async def quietly_await(awaitable):
    try:
        return await awaitable
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error


def in_new_thread(fn, *args):
    """The result of `fn` in a thread that nothing follows into."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(quietly, fn, *args).result(10)


def thread(outcome):
    started = threading.Thread(target=quietly, args=(tcc.propagate(work), outcome))
    started.start()
    started.join()


def timer(outcome):
    started = threading.Timer(0, quietly, (tcc.propagate(work), outcome))
    started.start()
    started.join()


def bare_executor(outcome):
    with ThreadPoolExecutor() as pool:
        pool.submit(tcc.propagate(work), outcome).exception(10)


def executor_submit(outcome):
    with tcc.PropagatingExecutor(ThreadPoolExecutor()) as pool:
        pool.submit(work, outcome).exception(10)


def executor_map(outcome):
    with tcc.PropagatingExecutor(ThreadPoolExecutor()) as pool:
        quietly(list, pool.map(work, [outcome], timeout=10))


def run_in_executor(outcome):
    async def main():
        await quietly_await(asyncio.get_running_loop().run_in_executor(None, tcc.propagate(work), outcome))

    asyncio.run(main())


def run_in_our_executor(outcome):
    async def main():
        with tcc.PropagatingExecutor(ThreadPoolExecutor()) as pool:
            await quietly_await(asyncio.get_running_loop().run_in_executor(pool, work, outcome))

    asyncio.run(main())


def to_thread(outcome):
    async def main():
        await quietly_await(asyncio.to_thread(work, outcome))

    asyncio.run(main())


def task(outcome):
    async def main():
        await asyncio.create_task(quietly_await(async_work(outcome)))

    asyncio.run(main())


def queue_of_jobs(outcome, handle=async_work):
    """The worker is a task from before the run is current."""

    async def main():
        jobs = asyncio.Queue()
        worker = contextvars.Context().run(asyncio.create_task, work_off(jobs))
        jobs.put_nowait(functools.partial(tcc.propagate(handle), outcome))
        await worker

    async def work_off(jobs):
        assert tcc.current_run() is None
        job = await jobs.get()
        await quietly_await(job())
        assert tcc.current_run() is None

    asyncio.run(main())


def queue_of_run_ids(outcome):
    """The item holds the run id; what is current at the other end of the queue plays no part."""
    items = queue.SimpleQueue()
    items.put(tcc.current_run().run_id)

    def worker():
        with tcc.step(run_id=items.get(), model="inner") as s:
            s.prompt("p").response("r")
            end(outcome)

    in_new_thread(worker)


def callback_returning_a_coroutine(outcome):
    queue_of_jobs(outcome, functools.partial(call, async_work))


def generator(outcome):
    """Each step is taken in another thread, as web frameworks do."""
    steps = in_new_thread(tcc.propagate(generate), outcome)
    assert isinstance(in_new_thread(next, steps), tcc.Step)
    assert tcc.current_step() is None
    in_new_thread(steps.send, "sent")


def async_generator(outcome):
    async def main():
        steps = tcc.propagate(async_generate)(outcome)
        assert isinstance(await steps.__anext__(), tcc.Step)
        assert tcc.current_step() is None
        await quietly_await(steps.asend("sent"))

    asyncio.run(main())


CONSTRUCTS = [
    thread,
    timer,
    bare_executor,
    executor_submit,
    executor_map,
    run_in_executor,
    run_in_our_executor,
    to_thread,
    task,
    queue_of_jobs,
    callback_returning_a_coroutine,
    generator,
    async_generator,
]


# --- what arrived ----------------------------------------------------------------------------------------------------


@pytest.fixture
def spans(receiver, caplog):
    """Flushes, and gives what arrived by name; each name occurs once, and nobody has complained."""
    caplog.set_level(logging.DEBUG)
    tcc.configure(url=receiver.url)

    def by_name():
        assert tcc.flush(5).dropped == {}
        assert "detach" not in caplog.text
        arrived = {span.name: span for span in receiver.spans()}
        assert len(arrived) == len(receiver.spans())
        return arrived

    return by_name


def parents(spans):
    """Each span's name and its parent's."""
    names = {span.span_id: name for name, span in spans.items()}
    return {name: names.get(span.parent_id, "") for name, span in spans.items()}


def check(spans, outcome):
    """Run, tool call and step: each inside of the one before, and of its time."""
    assert parents(spans) == {
        "invoke_agent a": "",
        "execute_tool outer": "invoke_agent a",
        "chat inner": "execute_tool outer",
    }
    status, message, error_type = OUTCOMES[outcome]
    inner, outer, run = (spans[name] for name in ("chat inner", "execute_tool outer", "invoke_agent a"))
    assert (inner.status, inner.attributes.get("error.type")) == ((status, message), error_type)
    assert [outer.status, run.status] == [("OK", "")] * 2
    assert run.start_ns <= outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns <= run.end_ns
    assert {span.attributes["tcc.sessionId"] for span in spans.values()} == {"s-1"}
    assert "tcc.incomplete" not in inner.attributes


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.__name__)
def test_the_run_stays_the_parent(spans, construct, outcome):
    """Whatever carries the work, and however that ends, it is below what was current where it was handed over."""
    with tcc.run(agent="a", session_id="s-1"), tcc.tool_call(tool_name="outer"):
        construct(outcome)
    assert (tcc.current_run(), trace.get_current_span()) == (None, trace.INVALID_SPAN)

    check(spans(), outcome)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_queue_of_run_ids(spans, outcome):
    """A run id is all that has to be in the queue."""
    with tcc.run(agent="a"), tcc.tool_call(tool_name="outer"):
        queue_of_run_ids(outcome)

    assert parents(spans())["chat inner"] == "invoke_agent a"
    assert spans()["chat inner"].status[0] == OUTCOMES[outcome][0]


# --- the callable ----------------------------------------------------------------------------------------------------


def test_one_callable_in_many_threads(spans):
    """It may run in many threads at once, and inside itself."""
    both = threading.Barrier(4, timeout=5)

    def nested(name, depth):
        both.wait()
        if depth:
            return job(name, depth - 1)
        return tcc.step(model=name).prompt("p").response("r").end()

    with tcc.run(agent="a"):
        job = tcc.propagate(nested)
    with tcc.run(agent="another"), ThreadPoolExecutor(4) as pool:
        list(pool.map(job, "abcd", [3] * 4))
        assert job.__wrapped__ is nested

    assert {name: parent for name, parent in parents(spans()).items() if name.startswith("chat")} == {
        f"chat {name}": "invoke_agent a" for name in "abcd"
    }


def test_only_opentelemetry_context_comes_along():
    """Other context variables are those of the thread that calls."""
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("where it was made")

    assert in_new_thread(tcc.propagate(variable.get)) == "unset"


def test_the_result_is_the_callers():
    """Results, exceptions, name and signature are those of the function."""

    def divide(a: int, *, by: int) -> float:
        """Divides."""
        return a / by

    job = tcc.propagate(divide)

    assert job(1, by=2) == 0.5
    with pytest.raises(ZeroDivisionError):
        job(1, by=0)
    assert (job.__name__, job.__doc__) == ("divide", "Divides.")
    assert repr(job) == f"<propagated {divide!r}>"


def test_methods_and_decorators(spans):
    """A bound method may be propagated; inside a class the decorator makes methods."""
    with tcc.run(agent="a"):

        class Agent:
            name = "m"

            @tcc.propagate
            def decorated(self, suffix):
                tcc.step(model=self.name + suffix).prompt("p").response("r").end()

            def method(self, suffix):
                self.decorated(suffix)

        bound = tcc.propagate(Agent().method)
    Agent().decorated("1")
    bound("2")

    assert parents(spans()) == {
        "invoke_agent a": "",
        "chat m1": "invoke_agent a",
        "chat m2": "invoke_agent a",
    }


def test_coroutine_functions_stay_coroutine_functions():
    """Frameworks ask before they call."""
    job = tcc.propagate(async_work)

    assert asyncio.iscoroutinefunction(job.__call__)
    if sys.version_info >= (3, 12):
        import inspect

        assert inspect.iscoroutinefunction(job)


@pytest.mark.parametrize("handle", [async_work, functools.partial(call, async_work)], ids=["function", "callback"])
def test_cancelled_before_it_starts(spans, handle):
    """A task that is cancelled before its first step records nothing, and warns of nothing."""

    async def main():
        started = asyncio.ensure_future(tcc.propagate(handle)("returns"))
        started.cancel()
        return await quietly_await(started)

    with tcc.run(agent="a"):
        assert isinstance(asyncio.run(main()), asyncio.CancelledError)
    gc.collect()

    assert list(spans()) == ["invoke_agent a"]


@pytest.mark.parametrize("consume", [next, lambda steps: steps.close(), lambda steps: steps.throw(KeyError())])
def test_generators_end_early(spans, consume):
    """Closed, thrown into or forgotten, a generator ends its step, and complains about nothing."""
    with tcc.run(agent="a"):
        steps = tcc.propagate(generate)("returns")
        next(steps)
        quietly(consume, steps) if consume is not next else None
        del steps
        gc.collect()

    assert parents(spans()) == {"invoke_agent a": "", "chat inner": "invoke_agent a"}
    assert spans()["chat inner"].status[0] == "ERROR"


def test_an_async_generator_is_closed(spans):
    """Leaving an asynchronous generator early ends its step."""

    async def main():
        steps = tcc.propagate(async_generate)("returns")
        await steps.__anext__()
        await steps.aclose()

    with tcc.run(agent="a"):
        asyncio.run(main())

    assert spans()["chat inner"].attributes["error.type"] == "GeneratorExit"


def test_an_executor_of_ones_own(spans):
    """Any executor can be wrapped, and its shutdown is passed on."""

    class Immediately(ThreadPoolExecutor):
        """Runs tasks in a context of their own, on the spot."""

        def submit(self, fn, /, *args, **kwargs):
            done = Future()
            done.set_result(contextvars.Context().run(fn, *args, **kwargs))
            return done

    inner = Immediately(1)
    with tcc.run(agent="a"), tcc.PropagatingExecutor(inner) as pool:
        assert pool.submit(work, "returns").result() is None
        assert repr(pool) == f"<PropagatingExecutor of {inner!r}>"

    with pytest.raises(RuntimeError):
        ThreadPoolExecutor.submit(inner, print)
    assert parents(spans()) == {"invoke_agent a": "", "chat inner": "invoke_agent a"}


def test_nothing_is_kept_alive():
    """When the task is done its context is gone, however long the pool lives."""
    with tcc.PropagatingExecutor(ThreadPoolExecutor(1)) as pool:
        with tcc.run() as r:
            pool.submit(work, "returns").result()
            gone = weakref.ref(r)
        pool.submit(int).result()
        del r
        gc.collect()

        assert gone() is None


# --- patched on demand -----------------------------------------------------------------------------------------------


class Subclass(threading.Thread):
    """Overrides `run`, as the manual of `threading` has it."""

    def run(self):
        quietly(work, "returns")


def patched_thread():
    return threading.Thread(target=work, args=("returns",))


def patched_timer():
    return threading.Timer(0, work, ("returns",))


class PatchedPool:
    def start(self):
        with ThreadPoolExecutor() as pool:
            pool.submit(work, "returns").result()

    def join(self):
        pass


class PatchedLoop(PatchedPool):
    def start(self):
        async def main():
            await asyncio.get_running_loop().run_in_executor(None, work, "returns")

        asyncio.run(main())


@pytest.mark.parametrize("make", [patched_thread, patched_timer, Subclass, PatchedPool, PatchedLoop])
@pytest.mark.parametrize("times", [1, 2])
def test_context_follows_by_itself(spans, make, times):
    """With `propagate_threads` context follows into every kind of thread; switched on twice it is on once."""
    originals = threading.Thread.start, ThreadPoolExecutor.submit
    for _ in range(times):
        tcc.configure(propagate_threads=True)
    with tcc.run(agent="a", session_id="s-1"), tcc.tool_call(tool_name="outer"):
        made = make()
        made.start()
        made.join()
    check(spans(), "returns")

    tcc.configure(propagate_threads=False)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == originals


def test_it_is_off_unless_asked_for():
    """Importing and recording patch nothing."""
    printed = run_program("""
        import threading
        from concurrent.futures import ThreadPoolExecutor
        before = vars(threading.Thread).copy(), vars(threading.Timer).copy(), vars(ThreadPoolExecutor).copy()
        import contextcompany as tcc
        tcc.configure(console=False, url="http://127.0.0.1:9")
        tcc.run().error()
        assert before == (vars(threading.Thread), vars(threading.Timer), vars(ThreadPoolExecutor))
        tcc.shutdown(5)
    """)

    assert printed.out == ""


def test_shutdown_undoes_it(monkeypatch):
    """Switched on by the environment with the first run, off by shutdown(), and on again with the next run."""
    original = threading.Thread.start
    monkeypatch.setenv("TCC_PROPAGATE_THREADS", "1")
    seen = []
    for expected in (True, True):
        tcc.run().error()
        seen.append((threading.Thread.start is not original) is expected)
        tcc.shutdown(5)
        seen.append(threading.Thread.start is original)

    assert seen == [True] * 4


def test_somebody_elses_patch_stays(monkeypatch):
    """What was patched over ours meanwhile is not taken away; ours does nothing then, and goes on when asked to."""
    original = threading.Thread.start
    tcc.configure(propagate_threads=True)
    ours = threading.Thread.start
    calls = []

    def theirs(self):
        calls.append(self)
        ours(self)

    monkeypatch.setattr(threading.Thread, "start", theirs)
    follows = []
    for switch in (True, False, True, False):
        tcc.configure(propagate_threads=switch)
        follows.append(follows_into_a_thread())
    assert follows == [True, False, True, False]
    assert threading.Thread.start is theirs
    assert len(calls) >= 4
    monkeypatch.setattr(threading.Thread, "start", ours)
    assert not follows_into_a_thread()
    tcc.configure(propagate_threads=True)
    assert follows_into_a_thread()
    tcc.configure(propagate_threads=False)

    assert threading.Thread.start is original


def follows_into_a_thread():
    seen = []
    with tcc.run() as r:
        started = threading.Thread(target=lambda: seen.append(tcc.current_run()))
        started.start()
        started.join()
    return seen == [r]


@pytest.mark.parametrize("ours_first", [False, True])
def test_beside_opentelemetrys_own_instrumentation(receiver, caplog, ours_first):
    """Both may be on, whichever comes first, and both can be undone."""
    theirs = pytest.importorskip("opentelemetry.instrumentation.threading").ThreadingInstrumentor()
    originals = threading.Thread.start, threading.Thread.run, ThreadPoolExecutor.submit
    on = [lambda: tcc.configure(propagate_threads=True), theirs.instrument]
    off = [lambda: tcc.configure(propagate_threads=False), theirs.uninstrument]
    for switch in on if ours_first else reversed(on):
        switch()
    tcc.configure(url=receiver.url)
    with tcc.run():
        PatchedPool().start()
        made = patched_thread()
        made.start()
        made.join()
    for switch in (*off, off[0]):
        switch()
    if "start" in vars(threading.Timer):  # theirs leaves a copy of `Thread.start` behind
        del threading.Timer.start

    assert (threading.Thread.start, threading.Thread.run, ThreadPoolExecutor.submit) == originals
    assert tcc.flush(5) == (3, 0, 0, {})
    run = next(span for span in receiver.spans() if not span.parent_id)
    assert [span.parent_id for span in receiver.spans() if span is not run] == [run.span_id] * 2
    assert "detach" not in caplog.text


def test_a_thread_that_cannot_start():
    """When start() raises, the thread is as it was."""
    tcc.configure(propagate_threads=True)
    finished = threading.Thread(target=int)
    finished.start()
    finished.join()
    own = threading.Thread(target=int)
    own.run = print
    with tcc.run():
        for _ in range(2):
            with pytest.raises(RuntimeError):
                finished.start()
        own.start()
        own.join()

    assert "run" not in vars(finished)
    assert own.run is print


def test_threads_that_serve_many_carry_nobodys_context(receiver):
    """A pool's worker, or a thread of ours, that starts inside a run does not keep it, nor do threads that are done."""
    tcc.configure(propagate_threads=True, url=receiver.url)
    with ThreadPoolExecutor(1) as pool:
        with tcc.run(timeout=60) as r:
            pool.submit(work, "returns").result()
            done = threading.Thread(target=int)
            done.start()
            done.join()
            inside = tcc.run(timeout=30)
            inside.error()
            gone = weakref.ref(r)
        tcc.flush(5)
        seen = pool.submit(tcc.current_run).result()
        del r, inside
        gc.collect()

        assert seen is None
        assert gone() is None


# --- other processes -------------------------------------------------------------------------------------------------

WORK = """
    import os, sys
    import contextcompany as tcc

    def work(outcome):
        with tcc.step(model=f"{outcome}") as s:
            s.prompt("p").response("r")
            if outcome == "raises":
                raise ValueError("broken")
            if outcome == "exits":
                sys.exit(3)
        return os.getpid()

    def sub_agent():
        with tcc.run(agent="inner") as r:
            r.prompt("p")

    def left_open():
        global step
        step = tcc.step(model="left open").prompt("p").response("r")

    def on_its_own():
        tcc.run(agent="on its own").prompt("p").end()
"""

PROCESSES = """
    import multiprocessing, os, sys, time
    from concurrent.futures import ProcessPoolExecutor
    import contextcompany as tcc

    def is_raised(fn, kind):
        try:
            fn()
        except kind:
            return True

    if __name__ == "__main__":
        method, folder, url = sys.argv[1:]
        sys.path.insert(0, folder)
        from work import left_open, on_its_own, sub_agent, work

        multiprocessing.set_start_method(method)
        tcc.configure(api_key="key-1", url=url, headers={"x-ours": "yes"})
        processes = []
        for kind in ("process", "executor", "pool"):
            with tcc.run(kind, session_id="s-1", agent=kind) as r, tcc.tool_call(tool_name="outer"):
                if kind == "process":
                    targets = [(work, "returns"), (work, "raises"), (work, "exits"), (sub_agent,), (left_open,)]
                    for fn, *args in targets:
                        processes.append(multiprocessing.Process(target=tcc.propagate(fn), args=args))
                        processes[-1].start()
                    for process in processes:
                        process.join()
                    assert [process.exitcode for process in processes] == [0, 1, 3, 0, 0]
                if kind == "executor":
                    with tcc.PropagatingExecutor(ProcessPoolExecutor(2)) as pool:
                        assert os.getpid() not in list(pool.map(work, ["returns"]))
                        assert is_raised(pool.submit(work, "raises").result, ValueError)
                        assert is_raised(pool.submit(work, "exits").result, SystemExit)
                if kind == "pool":
                    with multiprocessing.Pool(2) as pool:
                        assert os.getpid() not in pool.map(tcc.propagate(work), ["returns"])
                        assert is_raised(lambda: pool.apply(tcc.propagate(work), ("raises",)), ValueError)
        with tcc.run("own", api_key="key-2", tcc_url=url, agent="own") as r:
            process = multiprocessing.Process(target=tcc.propagate(work), args=("returns",))
            process.start()
            process.join()
        process = multiprocessing.Process(target=on_its_own)
        process.start()
        process.join()
        report = tcc.flush(20)
        assert (report.waiting, report.dropped) == (0, {}), report
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes(receiver, tmp_path, method):
    """Whatever starts the process, and whoever ends it, what it records arrives in the run, where the run goes."""
    (tmp_path / "work.py").write_text(textwrap.dedent(WORK))
    printed = run_program(PROCESSES, method, str(tmp_path), receiver.url, TCC_URL=receiver.url)

    assert "detach" not in printed.err
    spans = receiver.spans()
    names = {span.span_id: span for span in spans}

    def tell(span):
        parent = names.get(span.parent_id)
        assert parent is None or parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns
        return (span.name, parent.name if parent else "", span.status[0])

    for kind, last in (("process", "exits"), ("executor", "exits"), ("pool", None)):
        told = [tell(span) for span in spans if span.attributes["tcc.runId"] == kind]
        assert sorted(told) == sorted(
            [
                (f"invoke_agent {kind}", "", "OK"),
                ("execute_tool outer", f"invoke_agent {kind}", "OK"),
                ("chat returns", "execute_tool outer", "OK"),
                ("chat raises", "execute_tool outer", "ERROR"),
                *([("chat exits", "execute_tool outer", "ERROR")] if last else []),
                *([("chat left open", "execute_tool outer", "ERROR")] if kind == "process" else []),
            ]
        )
    (inner,) = (span for span in spans if span.name == "invoke_agent inner")
    assert tell(inner) == ("invoke_agent inner", "execute_tool outer", "OK")
    (left_open,) = (span for span in spans if span.name == "chat left open")
    assert left_open.attributes["tcc.incomplete_reason"] == "shutdown"
    keys = {"own": "Bearer key-2"}
    sessions = dict.fromkeys(["process", "executor", "pool", inner.attributes["tcc.runId"]], "s-1")
    for span in spans:
        if span.name != "invoke_agent on its own":
            assert span.headers["authorization"] == keys.get(span.attributes["tcc.runId"], "Bearer key-1")
            assert span.headers["x-ours"] == "yes"
            assert span.attributes.get("tcc.sessionId") == sessions.get(span.attributes["tcc.runId"])
    assert sum(span.name == "invoke_agent on its own" for span in spans) == 1
    assert len(spans) == 19


IN_A_CHILD = """
    import multiprocessing, os, sys
    import contextcompany as tcc

    def child():
        r.prompt("too late").metadata(a=1)
        s.response("too late").end()
        with s:
            tcc.tool_call(tool_name="in the child").end()
            tcc.step(model="left open").prompt("p").response("r")
        with r:
            pass
        r.error("not yours")
        r.tool_call("of the run").end()
        assert tcc.stats() == {"forked": 7}, tcc.stats()
        globals()["open"] = r.step(model="open")

    r = tcc.run("order-17").prompt("p")
    s = r.step(model="m").prompt("p").response("r")
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    s.end()
    r.end()
    assert tcc.flush(20) == (2, 0, 0, {})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_fork_leaves_alone_what_the_parent_has_open(receiver):
    """What a forked child says about its parent's run and step is counted and changes nothing; it may add to them."""
    printed = run_program(IN_A_CHILD, TCC_URL=receiver.url, PYTHONWARNINGS="ignore")

    assert "the parent of this process has the run open" in printed.err
    told = {span.name: (span.status[0], span.attributes.get("tcc.incomplete_reason")) for span in receiver.spans()}
    assert told == {
        "invoke_agent": ("OK", None),
        "chat m": ("OK", None),
        "execute_tool in the child": ("OK", None),
        "execute_tool of the run": ("OK", None),
        "chat left open": ("ERROR", "collected"),
        "chat open": ("ERROR", "shutdown"),
    }
    assert len(receiver.spans()) == len(told)


THROUGH_A_PROCESSOR = """
    import multiprocessing
    import contextcompany as tcc
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(tcc.ObservatorySpanProcessor(all_spans=True))

    def child():
        provider.get_tracer("child").start_span("in the child").end()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_processor_of_ours_sends_before_a_child_ends(receiver):
    """Without any run of ours too."""
    run_program(THROUGH_A_PROCESSOR, TCC_URL=receiver.url)

    assert [span.name for span in receiver.spans()] == ["in the child"]


HANGING = """
    import multiprocessing, sys, time
    import contextcompany as tcc
    tcc.configure(shutdown_timeout=0.2)

    def work(_):
        tcc.run().prompt("p").end()

    started = time.monotonic()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.map(tcc.propagate(work), range(20))
    process = multiprocessing.get_context("fork").Process(target=tcc.propagate(work), args=(0,))
    process.start()
    process.join()
    assert time.monotonic() - started < 3
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_receiver_that_hangs_holds_up_no_task(receiver):
    """What a worker recorded waits on disk; a child that ends waits for a bounded time."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        printed = run_program(HANGING, TCC_URL=f"http://127.0.0.1:{hanging.getsockname()[1]}")

    assert "1 spans or events could not be sent before the end" in printed.err


def test_what_cannot_be_pickled_is_said(receiver, caplog):
    """A setting that cannot go to another process stays, is counted and named; the others go, and on from there.

    Where the user's `redact` stays behind, no content is captured.
    """
    tcc.configure(url=receiver.url, headers=MappingProxyType({"x-ours": "yes"}))
    _configure._explicit["redact"] = lambda value: value

    job = pickle.loads(pickle.dumps(tcc.propagate(int)))
    again = pickle.loads(pickle.dumps(job))

    settings = {"url": receiver.url, "headers": {"x-ours": "yes"}, "capture_content": False}
    assert job._settings == again._settings == settings
    assert tcc.stats() == {"setting_not_propagated": 1}
    assert "`redact` cannot be pickled" in caplog.text


def test_a_propagated_generator_that_is_dropped_is_quiet(caplog):
    """It is closed in the context variables that its blocks were entered in, those of other libraries too."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("theirs")

    def generate():
        with tracer.start_as_current_span("a"):
            yield 1
            yield 2

    for _ in tcc.propagate(generate)():
        break

    assert "detach" not in caplog.text


def test_crossing_twice(spans):
    """What arrived by pickle can be sent on, and still knows the run, its session and the span."""
    with tcc.run(agent="a", session_id="s-1") as r, tcc.tool_call(tool_name="outer"):
        job = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(tcc.propagate(work)))))
    job("returns")

    assert r.run_id == spans()["chat inner"].attributes["tcc.runId"]
    assert spans()["chat inner"].attributes["tcc.sessionId"] == "s-1"
    assert parents(spans())["chat inner"] == "execute_tool outer"


def test_attributes_cross_too(spans):
    """What `attributes()` hands down, outside of the run and inside, reaches the other process; nothing comes twice."""
    with tcc.attributes(user_id="outer", metadata={"a": 1}), tcc.run(user_id="u"), tcc.attributes(metadata={"b": 2}):
        crossed = pickle.loads(pickle.dumps(tcc.propagate(work)))
    crossed("returns")

    attributes = spans()["chat inner"].attributes
    assert (attributes["tcc.userId"], attributes["tcc.metadata.a"], attributes["tcc.metadata.b"]) == ("u", 1, 2)


def test_settings_of_a_child_win(receiver):
    """A process that was configured itself stays as it is."""
    job = pickle.loads(pickle.dumps(tcc.propagate(int)))
    tcc.configure(url=receiver.url)
    job._settings = {"url": "http://127.0.0.1:9"}
    job()

    assert _configure.configured() == {"url": receiver.url}
