"""How long a process takes to end, and what it leaves behind (P2), whatever the endpoint does."""

import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from oracle import EXIT_S, End, Ending
from programs import finish

RECORD = """
    import atexit, os, signal, sys, threading, time
    {before}
    tcc.configure()
    {after}
    for _ in range({runs}):
        work({size})
    print(time.time(), flush=True)
    {ending}
"""

ENDINGS = {
    "falls off its end": "pass",
    "sys.exit": "sys.exit(0)",
    "raises": "raise LookupError",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "SIGTERM, in C code": "signal.alarm(60); os.kill(os.getpid(), signal.SIGTERM); threading.Event().wait()",
    "SIGTERM, handled": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
    ),
    "shutdown": "tcc.shutdown(1)",
    "a thread that ends later": "threading.Thread(target=lambda: (time.sleep(0.2), work())).start()",
    "a moment later, os._exit": "time.sleep(1.5); os._exit(0)",
    "a moment later, abort": "time.sleep(1.5); os.abort()",
    "a moment later, execv": "time.sleep(1.5); os.execv('/bin/true', ['true'])",
    "a moment later, SIGHUP": "time.sleep(1.5); os.kill(os.getpid(), signal.SIGHUP); time.sleep(60)",
}

EXIT_CODES = {
    "raises": 1,
    "SIGTERM": -15,
    "SIGTERM, in C code": -15,
    "a moment later, abort": -6,
    "a moment later, SIGHUP": -1,
}

ENDPOINTS = {
    "up": lambda endpoint: None,
    "down": lambda endpoint: endpoint.down(),
    "hanging": lambda endpoint: endpoint.hang(),
    "slow": lambda endpoint: endpoint.receiver.answer(delay=1),
    "unavailable": lambda endpoint: endpoint.receiver.answer(503),
}


def end_of(program) -> End:
    """How it ended after its last statement."""
    program.stdout.readline()
    return Ending(program).seen()


def check_exits(scene, sources):
    """Start the programs, three at a time; each ends in time, and nothing is lost."""
    with ThreadPoolExecutor(3) as waiting:
        ends = dict(
            zip(sources, waiting.map(lambda source: end_of(scene.start(source)), sources.values()), strict=True)
        )
    for ending, end in ends.items():
        expected = end.code if ending == "SIGINT" else EXIT_CODES.get(ending, 0)  # 1 or -2: it depends on the Python
        assert end.code == expected, f"{ending}: {end}"
        assert end.took_s < EXIT_S, f"{ending}: {end}"
    scene.settle()
    scene.check()


def program(ending: str = "pass", *, runs: int = 3, size: int = 1000, before: str = "", after: str = "") -> str:
    return textwrap.dedent(RECORD).format(ending=ending, runs=runs, size=size, before=before, after=after)


@pytest.mark.parametrize(
    "state", [pytest.param(state, marks=[pytest.mark.soak] * (state in ("slow", "unavailable"))) for state in ENDPOINTS]
)
def test_ways_to_end(scene, state):
    """A process ends in time however it ends, and what it did not send is sent by the next one."""
    ENDPOINTS[state](scene.endpoint)

    check_exits(scene, {ending: program(statement) for ending, statement in ENDINGS.items()})


@pytest.mark.parametrize("state", ["up", "hanging", "slow"])
def test_with_much_left_to_send(scene, state):
    """2,000 spans that wait do not hold the exit either."""
    ENDPOINTS[state](scene.endpoint)

    ways = ["falls off its end", "SIGTERM", "shutdown"]
    check_exits(scene, {ending: program(ENDINGS[ending], runs=500, size=5_000) for ending in ways})


@pytest.mark.parametrize("moment", ["before", "after"])
def test_recording_in_an_exit_hook(scene, moment):
    """A run recorded in a hook of `atexit` arrives; one that runs after everything was shut down is counted."""
    report = "atexit.register(lambda: print(sum(tcc.stats().values())))"
    hooks = {"before": report, "after": "", moment: f"{report}; atexit.register(work)"}

    out, err = finish(scene.start(program(**hooks)))

    counted = int(out.split()[-1])
    scene.check(counted=counted)
    assert counted == 0 or "shut down" in err


def test_an_own_signal_handler_stays(scene):
    """A program that handles SIGTERM itself goes on, as without us."""
    source = program(
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1); work(); print(handled)",
        before="handled = []; signal.signal(signal.SIGTERM, lambda *_: handled.append('SIGTERM'))",
    )

    end = end_of(scene.start(source))

    assert (end.code, end.err) == (0, "")
    scene.settle()
    scene.check()


def test_ignored_signals_stay_ignored(scene):
    """SIGTERM that is ignored stays so."""
    source = program(
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1); work()",
        before="signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    )

    end = end_of(scene.start(source))

    assert (end.code, end.err) == (0, "")
    scene.settle()
    scene.check()


INTERRUPTED_TWICE = """
    import threading

    looking, leaving = threading.Event(), threading.Event()

    def redact(text, path):
        if threading.current_thread() is not threading.main_thread():  # the writer looks at what is open
            looking.set()
            time.sleep(60)
        if leaving.is_set():
            leaving.clear()
            raise KeyboardInterrupt  # the second one: what is open is being ended
        return text

    tcc.configure(redact=redact, durability="{durability}")
    kept = [tcc.run(metadata={{"plan": "gold"}}) for _ in range(3)]
    kept += [run.step().metadata(plan="gold") for run in kept]
    for each in kept: ledger.began(each)
    looking.wait(10)
    leaving.set()
    print(time.time(), flush=True)
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize("durability", ["async", "sync"])
def test_interrupted_twice(scene, durability):
    """Who presses Ctrl-C again while the program ends does not wait for locks of threads that are no more."""
    source = "import time\n" + textwrap.dedent(INTERRUPTED_TWICE).format(durability=durability)

    end = end_of(scene.start(source))

    assert end.code != 0
    assert end.took_s < EXIT_S, end
