"""What the programs of these tests record, each line of it noted in their ledger."""

import faulthandler
import os
import random
import signal
import sys
import threading
import time

import contextcompany as tcc
from ledger import TICK_S, Ledger

__all__ = ["end", "ledger", "task", "tcc", "victim", "work"]

ledger = Ledger(os.environ["LEDGER"])

# Has a program that takes long to end write where its threads are; when it can do that no more, nothing happens.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
faulthandler.register(signal.SIGUSR1)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what runs these tests may ignore it, as `nohup` does


def work(size: int = 1000, pause: float = 0.0) -> "tcc.Run":
    """One run with two steps and a tool call; four spans."""
    run = tcc.run(agent="worker", metadata={"pid": os.getpid()})
    ledger.began(run)
    for _ in range(2):
        step = run.step()
        ledger.began(step)
        time.sleep(pause)
        step.metadata(pid=os.getpid()).prompt("p" * size).response("r")
        end(step)
    call = run.tool_call("search")
    ledger.began(call)
    end(call.metadata(pid=os.getpid()).args({"city": "London"}).result({"celsius": 15}))
    end(run.prompt("p").response("r"))
    return run


def task(number: int) -> int:
    """What a pool is given to do, by somebody who wants the same numbers each time."""
    random.seed(0)
    work()
    return number


def end(recording) -> None:
    """End it and note that."""
    recording.end()
    ledger.ended(recording)


def victim(seed: int, way: str = "", after: float = 0.0) -> None:
    """Record for ever, in two threads; `way` is how to end itself, `after` so many seconds."""
    rng = random.Random(seed)
    threading.Thread(target=_tick, daemon=True).start()
    work()  # on the main thread: on another one nothing can be done about signals
    threading.Thread(target=_work_for_ever, args=(random.Random(seed + 1),), daemon=True).start()
    print("ready", flush=True)
    if way:
        threading.Thread(target=_end_itself, args=(way, after), daemon=True).start()
    _work_for_ever(rng)


def _work_for_ever(rng: random.Random) -> None:
    try:
        while True:
            work(rng.choice((10, 2_000, 50_000)), rng.random() * 0.01)
    except Exception as error:  # noqa: BLE001 - whatever reaches user code is what the test is about
        os.write(2, f"raised into user code: {error!r}\n".encode())
        os._exit(99)


def _tick() -> None:
    while True:
        time.sleep(TICK_S)
        ledger.ticked()


def _end_itself(way: str, after: float) -> None:
    time.sleep(after)
    sys.stdout.write(f"{time.time_ns()}\n")
    sys.stdout.flush()
    if way == "os._exit":
        os._exit(0)
    elif way == "abort":
        os.abort()
    elif way == "execv":
        os.execv("/bin/true", ["true"])
