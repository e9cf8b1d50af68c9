"""From a run id alone, any process finds the run's span; and no two runs share one by accident."""

import hashlib
import re
import subprocess
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contextcompany as tcc
from contextcompany._identity import random_span_id, random_trace_id, run_identity
from programs import finish, start_program
from wire import deliver, run_span_id, trace_id

UUID = "3f2b8c1e-9d47-4a60-8e15-d0c9b7a4f632"
SAME_UUID = (UUID, UUID.upper(), UUID.replace("-", ""), UUID.replace("-", "").upper())

LOOK_LIKE_A_UUID = (
    "0x" + "0" * 29 + "1",
    "urn:" + "0" * 31 + "1",
    "0_" * 15 + "01",
    " " + "0" * 30 + "1",
    "+" + "0" * 30 + "1",
    "\uff11" * 32,
    "{" + "0" * 30 + "}",
    "1234-" * 6 + "123456",
    "3f2b8c1e9d47-4a60-8e15-d0c9b7a4f632-",
    UUID + "\n",
)
OTHER_TEXT = (
    "order-17",
    "0",
    "l'été à Zürich, 東京 🗼",
    "x" * 10_240,
    "null\x00byte",
    *LOOK_LIKE_A_UUID,
)


@pytest.fixture
def observatory(receiver):
    tcc.configure(url=receiver.url)
    return receiver


def record(run_id=None):
    run = tcc.run(run_id)
    run.prompt("p").end()
    return run


def where(run_id):
    """Trace id, span id and `tcc.runId` of what a run with this id is recorded as."""
    run = record(run_id)
    context = run.span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", run.run_id


# --- run id → ids ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run_id", SAME_UUID)
def test_a_uuid_is_the_trace_id(observatory, run_id):
    """All spellings of a UUID are its 128 bits; the run id itself stays as it was written."""
    record(run_id)

    deliver()
    (span,) = observatory.spans()
    assert (span.trace_id, span.span_id) == (uuid.UUID(run_id).hex, run_span_id(UUID))
    assert (span.parent_id, span.attributes["tcc.runId"]) == ("", run_id)


@pytest.mark.parametrize("run_id", OTHER_TEXT, ids=lambda text: ascii(text[:20]))
def test_other_text_is_hashed(observatory, run_id):
    """The trace id is half of the text's SHA-256, also for what Python's `uuid.UUID()` would take for a UUID."""
    record(run_id)

    deliver()
    (span,) = observatory.spans()
    assert (span.trace_id, span.attributes["tcc.runId"]) == (hashlib.sha256(run_id.encode()).hexdigest()[:32], run_id)


def test_golden_ids():
    """The rule never changes: runs recorded by older versions, and by other languages, keep their place."""
    assert {run_id: run_identity(run_id) for run_id in (UUID, "order-17")} == {
        UUID: (0x3F2B8C1E9D474A608E15D0C9B7A4F632, 0x1F9A057619DE84BF),
        "order-17": (0x72A90EA3DA8B5DD01BDE2F27314E02E2, 0xECCEF68A5574874E),
    }


def test_the_nil_uuid_is_hashed(observatory):
    """All zeros is no valid trace id, and a span with it would be dropped by receivers."""
    nil = str(uuid.UUID(int=0))

    assert where(nil)[0] == hashlib.sha256(nil.encode()).hexdigest()[:32]


def test_lone_surrogates_are_replaced_first(observatory):
    """What cannot be sent is U+FFFD in the run id too, so that run, steps and feedback still agree."""
    run = tcc.run("order \ud83d")
    tcc.step("order \ud83d").prompt("p").response("r").end()
    run.prompt("p").end()

    deliver()
    step, root = observatory.spans()
    replaced = "order \ufffd"
    assert (run.run_id, root.attributes["tcc.runId"], root.trace_id) == (replaced, replaced, trace_id(replaced))
    assert (step.trace_id, step.parent_id) == (root.trace_id, root.span_id)


@pytest.mark.parametrize("given_id", [uuid.UUID(UUID), 17, b"order-17"], ids=repr)
def test_ids_that_are_not_text(observatory, given_id):
    """A UUID object, a database key or bytes are taken as the text they stand for."""
    text = given_id.decode() if isinstance(given_id, bytes) else str(given_id)

    assert where(given_id) == (trace_id(text), run_span_id(text), text)


@pytest.mark.parametrize("nothing", [None, ""])
def test_default_ids_are_random_uuids(observatory, nothing):
    """Without a run id, each run gets a UUID of version 4, which is its trace id."""
    found = [where(nothing) for _ in range(100)]

    assert all(run_id == str(uuid.UUID(trace, version=4)) for trace, _, run_id in found)
    assert len({trace for trace, _, _ in found}) == len({span for _, span, _ in found}) == 100


def canonical(run_id):
    """What two run ids of the same run have in common."""
    if re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}", run_id):
        return run_id.replace("-", "").lower()
    return run_id


RUN_IDS = st.one_of(
    st.text(),
    st.uuids().map(str),
    st.sampled_from([*SAME_UUID, *LOOK_LIKE_A_UUID]),
    st.text("0123456789abcdefABCDEF-_x", min_size=31, max_size=37),
)


@given(RUN_IDS, RUN_IDS)
def test_different_runs_have_different_ids(one, other):
    """Trace id and span id are valid, always the same for one run, and never those of another."""
    first, second = run_identity(one), run_identity(other)

    assert first == run_identity(one)
    assert 0 < first.trace_id < 2**128
    assert 0 < first.span_id < 2**64
    is_same = canonical(one) == canonical(other)
    assert (first.trace_id == second.trace_id, first.span_id == second.span_id) == (is_same, is_same)


def test_random_ids_are_never_zero(monkeypatch):
    """Zero means "no id" in OpenTelemetry, so not even a broken source of randomness leads to it."""
    monkeypatch.setattr("os.urandom", bytes)

    assert (random_trace_id(), random_span_id()) == (1, 1)


# --- the same in every process ---------------------------------------------------------------------------------------


SEEDED = """
    import os, random
    import contextcompany as tcc

    def record():
        random.seed(0)
        run = tcc.run().prompt("p")
        run.step().prompt("p").response("r").end()
        run.end()
        assert tcc.flush(20)[1:] == (0, 0, {})

    record()
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                record()
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_seeding_random_repeats_no_ids(receiver):
    """Programs and forked workers that all call `random.seed(0)` get ids of their own."""
    for program in [start_program(SEEDED, TCC_URL=receiver.url) for _ in range(2)]:
        finish(program)

    spans = receiver.spans()
    assert len(spans) == len({span.span_id for span in spans}) == 12
    assert len({span.trace_id for span in spans}) == len({span.attributes["tcc.runId"] for span in spans}) == 6


ELSEWHERE = """
import multiprocessing, os, subprocess, sys
import contextcompany as tcc

def work(run_id):
    tcc.step(run_id).prompt("p").response("r").end()
    tcc.tool_call(run_id, tool_name="search").end()
    assert tcc.submit_feedback(run_id, "thumbs_up")
    assert tcc.flush(20)[1:] == (0, 0, {})

def by_subprocess(run_id):
    subprocess.run([sys.executable, __file__, "work", run_id], check=True)

def by_fork(run_id):
    child = os.fork()
    if child == 0:
        try:
            work(run_id)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

def by_multiprocessing(method, run_id):
    child = multiprocessing.get_context(method).Process(target=work, args=(run_id,))
    child.start()
    child.join()
    assert child.exitcode == 0

def go(how, run_id):
    if how in ("work", "by_subprocess", "by_fork"):
        globals()[how](run_id)
    else:
        by_multiprocessing(how, run_id)

if __name__ == "__main__":
    how, run_id = sys.argv[1:]
    if how == "work":
        work(run_id)
    else:
        run = tcc.run(run_id).prompt("p")
        go(how, run_id)
        run.end()
        assert tcc.flush(20)[1:] == (0, 0, {})
        go(how, run_id)
"""


@pytest.mark.parametrize(
    ("how", "run_id"), [("by_subprocess", UUID), ("by_fork", "order-17"), ("fork", UUID), ("spawn", "order-17")]
)
def test_a_run_is_found_from_other_processes(receiver, tmp_path, monkeypatch, how, run_id):
    """Steps, tool calls and feedback that know nothing but the run id land under the run, open or ended."""
    if "fork" in how and sys.platform == "win32":
        pytest.skip("Windows has no fork")
    monkeypatch.setenv("TCC_URL", receiver.url)
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)

    subprocess.run([sys.executable, tmp_path / "elsewhere.py", how, run_id], check=True, timeout=60)

    run = (trace_id(run_id), run_span_id(run_id))
    found = sorted((span.name, span.trace_id, span.parent_id or span.span_id) for span in receiver.spans())
    assert found == [("chat", *run)] * 2 + [("execute_tool search", *run)] * 2 + [("invoke_agent", *run)]
    assert [(log.trace_id, log.span_id) for log in receiver.logs()] == [run] * 2
    assert {item.attributes["tcc.runId"] for item in [*receiver.spans(), *receiver.logs()]} == {run_id}
