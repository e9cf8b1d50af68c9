"""Whatever happens between a start and an end, there is one span, it says what happened, and the program goes on."""

import gc
import logging
import sys
import threading
import time
import warnings

import pytest
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import contextcompany as tcc
from contextcompany import _diagnostics, _mapping, _timeouts
from programs import run_program
from wire import deliver, told, user


@pytest.fixture
def observatory(receiver):
    tcc.configure(url=receiver.url)
    return receiver


@pytest.fixture
def guarded():
    """As in users' programs: what goes wrong inside is counted, not raised."""
    _diagnostics.reset_for_tests(reraise=False)


@pytest.fixture
def make_provider():
    def make(*processors):
        provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        return provider

    return make


def flushed(receiver, spans, timeout=5):
    """What arrived, as soon as it is so many."""
    deadline = time.monotonic() + timeout
    while len(receiver.spans()) < spans:
        assert time.monotonic() < deadline, "they were not ended in time"
        tcc.flush()
    return receiver.spans()


def race(*calls):
    """Make the calls at the same moment, in a thread each; what they raised."""
    together, raised = threading.Barrier(len(calls), timeout=5), []

    def play(call):
        together.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever it is
            raised.append(error)

    threads = [threading.Thread(target=play, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def tell(span):
    """Status and what is said about the end of a span."""
    said = ("tcc.status.code", "tcc.status.message", "error.type", "tcc.incomplete", "tcc.incomplete_reason")
    return (*span.status, {key: span.attributes[key] for key in said if key in span.attributes})


# --- time-outs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["argument", "configure", "environment"])
def test_a_run_times_out(receiver, monkeypatch, by):
    """A run that does not end within its time is ended as an error, with what was in it."""
    if by == "environment":
        monkeypatch.setenv("TCC_RUN_TIMEOUT", "0.05")
    tcc.configure(url=receiver.url, run_timeout=0.05 if by == "configure" else None)
    run = tcc.run(timeout=0.05 if by == "argument" else None).prompt("p").metadata(kept="yes")
    step = run.step()

    child, root = flushed(receiver, 2)
    message = "The run did not end within 0.05 s."
    assert tell(root) == (
        "ERROR",
        message,
        {
            "tcc.status.code": 2,
            "tcc.status.message": message,
            "error.type": "timeout",
            "tcc.incomplete": True,
            "tcc.incomplete_reason": "timeout",
        },
    )
    assert root.attributes["tcc.metadata.kept"] == "yes"
    assert tell(child)[2]["tcc.incomplete_reason"] == "run_ended"
    assert not step.span.is_recording()


def test_no_time_out(observatory):
    """A run that ended in time is left alone, and 0 means never even when runs time out by default."""
    tcc.configure(run_timeout=0.05)
    never = tcc.run("never", timeout=0).prompt("p")
    in_time = tcc.run("in time").prompt("p")
    in_time.end()
    late = tcc.run("late").prompt("p")

    flushed(observatory, 2)
    assert (late.span.is_recording(), never.span.is_recording()) == (False, True)
    never.end()
    assert [span.attributes["tcc.runId"] for span in flushed(observatory, 3)] == ["in time", "late", "never"]


def test_calls_after_a_time_out(observatory, caplog):
    """The program did nothing wrong, so nothing is raised; what comes late is counted and said once."""
    run = tcc.run(timeout=0.01).prompt("p")
    flushed(observatory, 1)
    run.response("too late").metadata(a=1)
    run.end()
    run.error("too late")

    assert tcc.flush() == (1, 0, 0, {"late": 4})
    (line,) = [r.getMessage() for r in caplog.records if r.name == "contextcompany"]
    assert line.startswith("`response()` came after the run")


@pytest.mark.parametrize("timeout", ["soon", -1, float("nan"), [1], True], ids=repr)
def test_what_is_no_time_out(observatory, timeout):
    """A wrong timeout never stops a run from being recorded."""
    tcc.run(timeout=timeout).prompt("p").end()

    assert tcc.flush()[:2] == (1, 0)


def test_very_long_time_outs(observatory):
    """A timeout of years, or for ever, waits that long."""
    runs = [tcc.run(timeout=seconds).prompt("p") for seconds in (1e9, 1e300, float("inf"))]
    short = tcc.run(timeout=0.01).prompt("p")
    flushed(observatory, 1)

    assert [run.span.is_recording() for run in (*runs, short)] == [True, True, True, False]
    for run in runs:
        run.end()


def test_time_outs_of_runs_that_are_gone_are_forgotten(observatory):
    """Millions of runs with a long timeout do not fill the memory."""
    for _ in range(3000):
        tcc.run(timeout=3600).prompt("p").end()

    assert len(_timeouts._deadlines) <= _timeouts._FEW + 1


# --- ends ------------------------------------------------------------------------------------------------------------


def test_a_forgotten_run(observatory):
    """A run that is garbage-collected gives a ResourceWarning and arrives as an error, with what was in it."""
    run = tcc.run("order-17").prompt("p")
    run.step()
    with pytest.warns(ResourceWarning, match="<Run of run 'order-17': open> was never ended"):
        del run

    deliver()
    step, root = observatory.spans()
    message = "The run was never ended."
    assert tell(root) == (
        "ERROR",
        message,
        {
            "tcc.status.code": 2,
            "tcc.status.message": message,
            "error.type": "_OTHER",
            "tcc.incomplete": True,
            "tcc.incomplete_reason": "collected",
        },
    )
    assert (tell(step)[2]["tcc.incomplete_reason"], step.parent_id) == ("run_ended", root.span_id)


@pytest.mark.parametrize("make", [lambda: tcc.step("order-17"), lambda: tcc.tool_call("order-17", tool_name="search")])
def test_a_forgotten_step_of_a_run_elsewhere(observatory, make):
    """Steps and tool calls of a run in another process are not forgotten in silence either."""

    def forget():
        make()
        gc.collect()

    with pytest.warns(ResourceWarning, match="was never ended"):
        forget()

    deliver()
    (span,) = observatory.spans()
    assert tell(span)[2]["tcc.incomplete_reason"] == "collected"


def test_a_forgotten_run_when_warnings_are_errors(observatory):
    """The span arrives even where a ResourceWarning is turned into an exception, which Python then ignores."""
    run = tcc.run().prompt("p")
    ignored = []
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", ignored.append)
        warnings.simplefilter("error")
        del run
        gc.collect()

    assert [type(each.exc_value) for each in ignored] == [ResourceWarning]
    assert tcc.flush()[:2] == (1, 0)


@pytest.mark.parametrize("second", ["end", "error"])
def test_two_threads_end_a_run(observatory, second):
    """Of two ends at the same moment one counts, the other raises a RuntimeError, and there is one span each."""
    raised = []
    for _ in range(100):
        run = tcc.run().prompt("p")
        raised += race(run.end, getattr(run, second))

    assert [type(error) for error in raised] == [tcc.EndedError] * 100
    assert tcc.flush() == (100, 0, 0, {})


def test_a_time_out_and_an_end_at_once(observatory):
    """When the time-out comes first, the program's own end raises nothing."""
    raised = []
    for _ in range(100):
        run = tcc.run().prompt("p")
        raised += race(run.end, lambda run=run: run._time_out(1))

    assert (raised, tcc.flush()[:2]) == ([], (100, 0))


def test_setters_while_another_thread_ends(observatory):
    """Setting things from many threads during the end loses neither the span nor what was set before."""
    for _ in range(50):
        run = tcc.run().prompt("p").metadata({f"key {n}": n for n in range(200)})

        def keep_setting(run=run):
            for n in range(200):
                run.metadata({f"late {n}": n})

        errors = race(run.end, keep_setting, keep_setting)
        assert {type(error) for error in errors} <= {tcc.EndedError}

    delivered, waiting, _, dropped = tcc.flush()
    assert (delivered, waiting, dropped) == (50, 0, {})
    assert all(span.attributes["tcc.metadata.key 199"] == 199 for span in observatory.spans())


def test_the_tree_of_errors():
    """Each error is also the built-in one that the original API raised."""
    assert issubclass(tcc.EndedError, (RuntimeError, tcc.ContextCompanyError))
    bases = (RuntimeError, ValueError, tcc.ContextCompanyError)
    assert {kind.__name__: [base for base in bases if issubclass(kind, base)] for kind in tcc_errors()} == {
        "ConfigurationError": [ValueError, tcc.ContextCompanyError],
        "EndedError": [RuntimeError, tcc.ContextCompanyError],
        "IncompleteError": [ValueError, tcc.ContextCompanyError],
        "TokenError": [ValueError, tcc.ContextCompanyError],
    }


def tcc_errors():
    return tcc.ContextCompanyError.__subclasses__()


def test_everything_after_the_end_raises(observatory):
    """Each method of a run, step and tool call that ended raises an EndedError that names the call."""
    run = tcc.run().prompt("p")
    step = run.step().prompt("p").response("r")
    call = run.tool_call("search")
    for each in (step, call, run):
        each.end()

    arguments = {
        "declared": ("analyze", "think"),
        "status": (0,),
        "end_time": (1,),
        "parameters": (),
        "end": (),
        "error": (),
        "metadata": (),
        "tags": (),
        "first_token": (),
        "suspend": (),
    }
    for each in (run, step, call):
        own = [name for name in dir(each) if not name.startswith("_") and callable(getattr(each, name))]
        for method in set(own) - {"feedback", "step", "tool_call"}:
            with pytest.raises(tcc.EndedError, match=rf"`{method}\(\)` is not possible after"):
                getattr(each, method)(*arguments.get(method, ("x",)))
    assert tcc.flush() == (3, 0, 0, {})


def test_incomplete_things_stay_open(observatory):
    """An `end()` that lacks something raises a ValueError and may be repeated; `error()` needs nothing."""
    run = tcc.run()
    step, call = run.step().prompt("p"), run.tool_call()
    for each in (run, step, call):
        with pytest.raises(tcc.IncompleteError):
            each.end()
    step.response("r").end()
    call.error("no name")
    run.prompt("p").end()

    assert tcc.flush() == (3, 0, 0, {})


def test_reasons_are_counted(observatory):
    """`stats()` says what was lost, cut or replaced, each under its own reason."""
    run = tcc.run(start_time="yesterday").prompt("p")
    step = run.step().prompt("p").response("r").cost("free").tokens(-1)
    run.end()
    step.finish_reason("stop")

    assert tcc.stats() == {"bad_value": 3, "late": 1}


# --- what goes wrong elsewhere ---------------------------------------------------------------------------------------


class Raising(SpanProcessor):
    """A processor of the user's that fails."""

    def __init__(self, *methods):
        for method in methods:
            setattr(self, method, self.fail)

    def fail(self, *args, **kwargs):
        raise OSError("a processor failed")


@pytest.mark.parametrize("methods", [("on_start",), ("on_end",), ("_on_ending",), ("on_start", "on_end")])
def test_a_processor_that_raises(receiver, make_provider, guarded, caplog, methods):
    """A failing span processor of the user's costs spans, not the program; it is counted and said."""
    provider = make_provider(SimpleSpanProcessor(tcc.observatory_exporter(url=receiver.url)), Raising(*methods))
    tcc.configure(tracer_provider=provider)
    run = tcc.run().prompt("p")
    run.step().prompt("p").response("r").end()
    run.tool_call("search").end()
    run.end()

    assert tcc.stats()["internal_error"] >= 3
    assert [r for r in caplog.records if r.name == "contextcompany"]


START = (
    "run_name",
    "step_name",
    "tool_call_name",
    "run_start_attributes",
    "step_start_attributes",
    "tool_call_start_attributes",
    "scope_attributes",
)
END = ("run_attributes", "step_attributes", "tool_call_attributes")


@pytest.mark.parametrize("broken", [*START, *END, "evaluation_attributes"])
@pytest.mark.unsound
def test_a_bug_of_ours(observatory, guarded, monkeypatch, caplog, broken):
    """A bug in how we write spans never reaches the program: it is counted and said, and all else arrives."""

    def bug(*args, **kwargs):
        raise KeyError("a bug")

    for module in [each for name, each in sys.modules.items() if name.startswith("contextcompany.")]:
        if hasattr(module, broken):
            monkeypatch.setattr(module, broken, bug)
    run = tcc.run().prompt("p").response("r")
    step = run.step().prompt("p").response("r")
    call = step.tool_call("search").args({}).result({})
    for each in (call, step, run):
        each.end()
    run.feedback("thumbs_up")
    tcc.submit_feedback(run.run_id, "thumbs_up")

    report = tcc.flush()
    assert (report.waiting, list(report.dropped)) == (0, ["internal_error"])
    assert any("contextcompany failed while" in r.getMessage() for r in caplog.records)
    if broken in END:
        assert sorted(span.attributes["gen_ai.operation.name"] for span in observatory.spans()) == [
            "chat",
            "execute_tool",
            "invoke_agent",
        ]


@pytest.mark.unsound
def test_bugs_are_seen_in_our_tests(observatory, monkeypatch):
    """With `reraise`, which our fixtures set, the same bug is not hidden."""
    _diagnostics.reset_for_tests(reraise=True)

    def bug(*args):
        raise KeyError("a bug")

    monkeypatch.setattr(_mapping, "run_attributes", bug)
    run = tcc.run().prompt("p")
    with pytest.raises(KeyError, match="a bug"):
        run.end()


def test_exceptions_of_the_program_are_not_touched(observatory):
    """What the program raises while something is open goes through, and does not end it."""
    run = tcc.run().prompt("p")
    token = attach(run._inside)
    with pytest.raises(ZeroDivisionError):
        1 / 0  # noqa: B018
    detach(token)
    run.end()

    deliver()
    assert told(observatory.spans()) == [
        {
            "name": "invoke_agent",
            "kind": "INTERNAL",
            "parent": None,
            "status": ("OK", ""),
            "attributes": {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": user("p"),
                "tcc.runId": "<run 1>",
                "tcc.status.code": 0,
            },
        }
    ]


# --- forks -----------------------------------------------------------------------------------------------------------


FORKED = """
    import os, sys
    import contextcompany as tcc

    run = tcc.run("order-17").prompt("p")
    step = run.step().prompt("p").response("r")
    child = os.fork()
    if child == 0:
        other = tcc.run("child", timeout=0.1).prompt("p")
        tcc.step("order-17").prompt("in the child").response("r").end()
        {child}
    assert os.waitpid(child, 0)[1] == 0
    step.end()
    run.end()
    report = tcc.flush(20)
    assert report == (2, 0, 0, {{}}), report
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize(
    "child",
    [
        "other.end(); tcc.flush(20); os._exit(0)",
        "other.end(); sys.exit(0)",
        "del run, step; other.end(); tcc.flush(20); os._exit(0)",
    ],
    ids=["leaves", "exits", "forgets"],
)
def test_a_fork_with_an_open_run(receiver, child):
    """A run that is open during a fork stays the parent's: the child adds to it, but does not end it."""
    source = FORKED.format(child=child)
    printed = run_program(source, TCC_URL=receiver.url, PYTHONWARNINGS="ignore::DeprecationWarning")

    assert printed.err == ""
    assert sorted((span.attributes["tcc.runId"], span.name, *tell(span)) for span in receiver.spans()) == [
        ("child", "invoke_agent", "OK", "", {"tcc.status.code": 0}),
        ("order-17", "chat", "OK", "", {"tcc.status.code": 0}),
        ("order-17", "chat", "OK", "", {"tcc.status.code": 0}),
        ("order-17", "invoke_agent", "OK", "", {"tcc.status.code": 0}),
    ]


FORKED_WITH_A_DEADLINE = """
    import os
    import contextcompany as tcc
    from contextcompany import _timeouts

    run = tcc.run("order-17", timeout=3600).prompt("p")
    child = os.fork()
    if child == 0:
        assert _timeouts._deadlines == []
        other = tcc.run("child", timeout=0.01).prompt("p")
        while not tcc.flush(20).delivered:
            pass
        assert not other.span.is_recording()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    run.end()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_fork_with_a_deadline(receiver):
    """A child does not watch its parent's runs, and watches its own."""
    run_program(FORKED_WITH_A_DEADLINE, TCC_URL=receiver.url)

    ended = {span.attributes["tcc.runId"]: span.attributes.get("tcc.incomplete_reason") for span in receiver.spans()}
    assert ended == {"child": "timeout", "order-17": None}


def test_a_log_handler_that_raises(receiver):
    """What the program's own log handler raises neither reaches the program nor costs a span."""

    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("full disk")

    tcc.configure(url=receiver.url)
    broken = Broken()
    logging.getLogger().addHandler(broken)
    try:
        run = tcc.run().prompt("p")
        run.step()
        run.end()
    finally:
        logging.getLogger().removeHandler(broken)

    assert tcc.flush(5) == (2, 0, 0, {"log_handler": 1})
