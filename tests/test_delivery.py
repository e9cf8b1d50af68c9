"""From `.end()` into the outbox and on: whatever interrupts it, nothing is lost, and nothing is said that is not so."""

import json
import os

import pytest

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
