"""What a person at a terminal sees of a run."""

import io
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

import contextcompany as tcc
from contextcompany import _configure, _console
from contextcompany import semconv as sc
from contextcompany._console import Console
from contextcompany._settings import Settings
from contextcompany.testing import _CountingPipeline, _Memory

RUN = "7f3c1a2b-0000-4000-8000-000000000001"
OTHER = "deadbeef-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    """No variable about terminals reaches a test from outside, and what is shown on ends with the test."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    before = _configure.use(None)
    yield
    _configure.use(before)


class Fed(_Memory):
    """Hands each span on as it ends, as the pipeline does."""

    def __init__(self, stream):
        super().__init__()
        self.console = Console(stream)

    def put_span(self, span, destination):
        super().put_span(span, destination)
        self.console.put(span)


@pytest.fixture
def screen():
    """A stream that shows what is recorded, without a terminal."""
    stream = io.StringIO()
    show_on(stream)
    return stream


def show_on(stream):
    fed = Fed(stream)
    _configure.use(_CountingPipeline(fed))
    return fed


def at(seconds):
    return datetime(2025, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def run(run_id=RUN, **kwargs):
    return tcc.run(run_id, start_time=at(0), **kwargs).end_time(at(1))


def step(where, model=None, start=0, end=1):
    return where.step(model=model, start_time=at(start)).end_time(at(end))


def tool(where, name, start=0, end=1):
    return where.tool_call(name, start_time=at(start)).end_time(at(end))


@contextmanager
def inside(outer):
    token = attach(outer._inside)
    yield
    detach(token)


def weather():
    """The run that most tests look at: two steps that work, one that fails, a tool call in the first."""
    r = run(session_id="s-1", agent="support").end_time(at(2.31))
    first = step(r, "gpt-4o", 0.1, 0.92).tokens(402, None, 97).cost(0.0013)
    first.prompt("What's the weather?").response(
        [{"role": "assistant", "parts": [{"type": "tool_call", "name": "search", "arguments": {"city": "Paris"}}]}]
    )
    tool(first, "search", 0.5, 0.81).args({"city": "Paris"}).result("15 °C, cloudy").end()
    first.end()
    step(r, "gpt-4o", 1, 1.11).error("rate limited (429)")
    last = step(r, "gpt-4o", 1.3, 2.3).tokens(12, 1024, 118, reasoning=20).cost(0.0029)
    last.prompt("What's the weather?").response("It is 15 °C.").end()
    r.prompt("What's the weather?").response("It is 15 °C.").end()


class TestTree:
    def test_a_run_is_a_tree(self, screen):
        """The run is summed up on top; below stand steps and tool calls with their times, numbers and content."""
        weather()
        assert (
            screen.getvalue()
            == """\
✓ support  2.31 s  3 steps · 1 tool · 1,438 → 215 tokens (1,024 cached, 20 reasoning) · $0.0042
│  "What's the weather?" → "It is 15 °C."   run 7f3c1a2b…  session s-1
├─ ✓ chat gpt-4o  0.82 s  402 → 97 tokens · $0.0013  → search({"city": "Paris"})
│  └─ ✓ search    0.31 s  {"city": "Paris"} → "15 °C, cloudy"
├─ ✗ chat gpt-4o  0.11 s  rate limited (429)
└─ ✓ chat gpt-4o  1.00 s  1,036 → 118 tokens (1,024 cached, 20 reasoning) · $0.0029  → "It is 15 °C…
"""
        )

    def test_a_narrow_terminal_shows_less(self, screen, monkeypatch):
        """What does not fit is left out or cut with an ellipsis, never wrapped."""
        monkeypatch.setenv("COLUMNS", "60")
        weather()
        assert (
            screen.getvalue()
            == """\
✓ support  2.31 s  3 steps · 1 tool · 1,438 → 215 tokens ·…
│  "What's the… → "It is 15 °…   run 7f3c1a2b…  session s-1
├─ ✓ chat gpt-4o  0.82 s  402 → 97 tokens · $0.0013  → sear…
│  └─ ✓ search    0.31 s  {"city": "Paris… → "15 °C, cloudy"
├─ ✗ chat gpt-4o  0.11 s  rate limited (429)
└─ ✓ chat gpt-4o  1.00 s  1,036 → 118 tokens · $0.0029  → "…
"""
        )

    def test_a_run_alone(self, screen):
        """A run with nothing in it is its line and what was said."""
        run().prompt("hi").response("yo").end()
        assert (
            screen.getvalue()
            == """\
✓ run  1.00 s   run 7f3c1a2b…
   "hi" → "yo"
"""
        )

    def test_a_run_without_words(self, screen):
        """A run that was told nothing is one line."""
        run().prompt([]).end()
        assert (
            screen.getvalue()
            == """\
✓ run  1.00 s   run 7f3c1a2b…
"""
        )

    def test_a_failed_run(self, screen):
        """A failed run shows its message on a line of its own, a failed tool call beside its arguments."""
        r = run("order-123", agent="billing").prompt("Refund it").end_time(at(140))
        tool(r, "refund", 60, 135).args({"order": 123}).error("TimeoutError: no answer within 60 s")
        r.error("The refund could not be made.")
        assert (
            screen.getvalue()
            == """\
✗ billing  2m 20s  1 tool   run order-123
│  "Refund it"
│  The refund could not be made.
└─ ✗ refund  1m 15s  {"order": 123}  TimeoutError: no answer within 60 s
"""
        )

    def test_a_partial_success(self, screen):
        """A partial success has a mark of its own and shows its message."""
        r = run().prompt("q").status(1, "half of it")
        tool(r, "fetch").result("text").status(1, "first page only").end()
        r.end()
        assert (
            screen.getvalue()
            == """\
◐ run  1.00 s  1 tool   run 7f3c1a2b…
│  "q"
│  half of it
└─ ◐ fetch  1.00 s  → "text"  first page only
"""
        )

    def test_what_was_not_ended_says_so(self, screen):
        """A step that its run had to end is marked as incomplete, with the reason."""
        r = run().prompt("q")
        step(r, "gpt-4o")
        r.end()
        assert (
            screen.getvalue()
            == """\
✓ run  1.00 s  1 step   run 7f3c1a2b…
│  "q"
└─ ◐ chat gpt-4o  1.00 s  (incomplete: run_ended)  Ended with its run.
"""
        )

    def test_a_run_in_a_run_is_part_of_its_tree(self, screen):
        """A run inside another is printed once, in the other's tree, and counted in its sums."""
        outer = run(agent="planner").end_time(at(3700))
        with inside(outer):
            inner = run(OTHER, agent="researcher")
            step(inner, "gpt-4o").tokens(10, None, 5).cost(0.5).prompt("q").response("a").end()
            tool(inner, "fetch").end()
            inner.prompt("q").response("a").end()
        assert screen.getvalue() == ""
        step(outer, "gpt-4o", 1, 2).tokens(1000, None, 50).cost(1.25).prompt("q").response("a").end()
        outer.prompt("q").response("a").end()
        assert (
            screen.getvalue()
            == """\
✓ planner  1h 01m  2 steps · 1 tool · 1,010 → 55 tokens · $1.75   run 7f3c1a2b…
│  "q" → "a"
├─ ✓ researcher      1.00 s  1 step · 1 tool · 10 → 5 tokens · $0.5000  → "a"
│  ├─ ✓ chat gpt-4o  1.00 s  10 → 5 tokens · $0.5000  → "a"
│  └─ ✓ fetch        1.00 s
└─ ✓ chat gpt-4o     1.00 s  1,000 → 50 tokens · $1.25  → "a"
"""
        )

    def test_a_run_that_outlives_the_one_around_it_is_printed_by_itself(self, screen):
        """An inner run that ends after the outer one is a tree of its own."""
        outer = run(agent="outer")
        with inside(outer):
            inner = run(OTHER, agent="inner")
        outer.error()
        inner.error()
        assert (
            screen.getvalue()
            == """\
✗ outer  1.00 s   run 7f3c1a2b…
✗ inner  1.00 s   run deadbeef…
"""
        )

    def test_a_join_to_a_foreign_span_is_no_reason_to_wait(self, screen):
        """A run that is the child of somebody's HTTP span is printed when it ends."""
        _configure.pipeline().join_traces = True
        with inside_foreign_span():
            run(agent="joined").error()
        assert "joined" in screen.getvalue()

    def test_many_rows_are_counted(self, screen, monkeypatch):
        """Of a long run only the first rows are shown."""
        monkeypatch.setattr(_console, "_MAX_ROWS", 2)
        r = run().prompt([])
        for index in range(5):
            tool(r, f"t{index}").end()
        r.end()
        assert (
            screen.getvalue()
            == """\
✓ run  1.00 s  5 tools   run 7f3c1a2b…
├─ ✓ t0  1.00 s
├─ ✓ t1  1.00 s
└─ 3 more
"""
        )

    def test_deep_trees_keep_to_the_width(self, screen):
        """Guides take a third of the line at most."""
        r = run().prompt([])
        calls = [tool(r, "t0")]
        for index in range(1, 60):
            calls.append(tcc.tool_call(RUN, None, f"t{index}", parent=calls[-1]))
        for call in reversed(calls):
            call.end()
        r.end()
        assert max(map(len, screen.getvalue().splitlines())) <= 100
        assert "t59" in screen.getvalue()


class TestNumbers:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0, "0 ms"), (0.004, "4 ms"), (2.314, "2.31 s"), (12.34, "12.3 s"), (75, "1m 15s"), (3725, "1h 02m")],
    )
    def test_durations(self, screen, seconds, shown):
        """Times are shown in the unit that a person would use."""
        run().end_time(at(seconds)).prompt([]).end()
        assert screen.getvalue() == f"✓ run  {shown}   run 7f3c1a2b…\n"

    @pytest.mark.parametrize(
        ("dollars", "shown"),
        [(0, "$0"), (0.0000012345, "$0.0000012"), (0.00996, "$0.0100"), (0.21, "$0.2100"), (1234.5, "$1,234.50")],
    )
    def test_costs(self, screen, dollars, shown):
        """Small amounts keep two digits; nothing is shown with an exponent."""
        step(r := run(), None).cost(dollars).error()
        r.prompt([]).end()
        assert screen.getvalue().startswith(f"✓ run  1.00 s  1 step · {shown}   run")

    def test_a_calculated_cost_is_marked(self, screen):
        """`~` stands before a cost that was worked out from tokens."""
        step(r := run(), "gpt-4o").tokens(1000, None, 100).error()
        r.prompt([]).end()
        assert "1 step · 1,000 → 100 tokens · ~$0.0035   run" in screen.getvalue()

    def test_an_unknown_cost_is_nothing(self, screen):
        """Without a known price there is no amount."""
        step(r := run(), "my-model").tokens(10, None, 5).error()
        r.prompt([]).end()
        assert "$" not in screen.getvalue()

    def test_a_sum_with_gaps_says_so(self, screen):
        """A sum over steps of which one's cost is not known is a lower bound."""
        r = run()
        step(r, "my-model").tokens(10, None, 5).error()
        step(r, "my-model").tokens(10, None, 5).cost(1).error()
        r.prompt([]).end()
        assert "2 steps · 20 → 10 tokens · ≥ $1.00   run" in screen.getvalue()

    def test_half_known_tokens(self, screen):
        """A count that is not known is a question mark."""
        step(r := run(), "my-model").tokens(None, None, 5).error()
        r.prompt([]).end()
        assert "? → 5 tokens" in screen.getvalue()

    def test_one_request_recorded_twice_counts_once(self, screen):
        """A step directly in a step, as an instrumented client makes it, adds nothing to the sums."""
        r = run()
        outer = step(r, "gpt-4o").tokens(10, None, 5).cost(1)
        tcc.step(RUN, model="gpt-4o", parent=outer, start_time=at(0)).tokens(10, None, 5).cost(1).error()
        outer.error()
        r.prompt([]).end()
        assert screen.getvalue().startswith("✓ run  1.00 s  1 step · 10 → 5 tokens · $1.00   run")

    def test_the_inner_record_counts_when_the_outer_has_none(self, screen):
        """What only the inner of two such steps knows is counted."""
        r = run()
        outer = step(r, "gpt-4o")
        tcc.step(RUN, model="gpt-4o", parent=outer, start_time=at(0)).tokens(10, None, 5).cost(1).error()
        outer.error()
        r.prompt([]).end()
        assert screen.getvalue().startswith("✓ run  1.00 s  1 step · 10 → 5 tokens · $1.00   run")


class TestLateAndAlone:
    def test_what_ends_after_its_run_is_one_more_line(self, screen):
        """A step that is recorded after its run was printed is printed as late."""
        run().prompt([]).end()
        screen.truncate(screen.seek(0))
        tcc.step(run_id=RUN, model="gpt-4o", start_time=at(1)).end_time(at(2)).tokens(3, None, 1).cost(1).error()
        assert screen.getvalue() == "  + late: ✗ chat gpt-4o  1.00 s  3 → 1 tokens · $1.00   run 7f3c1a2b…\n"

    def test_a_foreign_span_that_is_late_is_nothing(self, screen):
        """A span that is neither run, step nor tool call is not worth a line."""
        run().prompt([]).end()
        screen.truncate(screen.seek(0))
        context = SpanContext(int(RUN.replace("-", ""), 16), 5, is_remote=False)
        Console(screen).put(ReadableSpan("GET", context, attributes={sc.TCC_RUN_ID: RUN}))
        assert screen.getvalue() == ""

    def test_a_step_of_a_run_in_another_process_stands_alone(self, screen):
        """What was recorded by run id alone is printed when it ends, with what is in it."""
        s = tcc.step(run_id="elsewhere", model="gpt-4o", start_time=at(0)).end_time(at(1)).prompt("q").response("a")
        tool(s, "search").end()
        assert screen.getvalue() == ""
        s.end()
        assert (
            screen.getvalue()
            == """\
✓ chat gpt-4o  1.00 s   run elsewhere
│  "q" → "a"
└─ ✓ search  1.00 s
"""
        )

    def test_only_so_many_runs_are_waited_for(self, monkeypatch):
        """Of too many open runs, what was collected for the oldest is forgotten."""
        monkeypatch.setattr(_console, "_MAX_OPEN", 2)
        console = show_on(io.StringIO()).console
        runs = [run(f"r{index}") for index in range(4)]
        for each in runs:
            tool(each, "t").end()
        assert len(console._open) == 2
        for each in runs:
            each.error()
        counts = [line for line in console._stream.getvalue().splitlines() if "1 tool" in line]
        assert [line.split()[-1] for line in counts] == ["r2", "r3"]

    def test_only_so_many_printed_runs_are_remembered(self, monkeypatch):
        """What is late for a run of long ago is printed as standing alone."""
        monkeypatch.setattr(_console, "_MAX_PRINTED", 2)
        console = show_on(io.StringIO()).console
        for index in range(4):
            run(f"r{index}").error()
        assert list(console._printed) == ["r2", "r3"]
        assert console._open == {}

    def test_an_abandoned_run_is_printed(self, screen):
        """A run that was never ended is printed when it is collected."""
        r = run(agent="lost")
        reference = [r]
        del r
        with pytest.warns(ResourceWarning):
            reference.clear()
        assert "✗ lost  1.00 s  (incomplete: collected)" in screen.getvalue()


class TestHostileContent:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
            ("a\x9b2Jb", r"a\x9b2Jb"),
            ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
            ("a\r\n\t b\u2028c", "a b c"),
            ("a\x00\x7f", r"a\x00\x7f"),
            ("e\u0301 👩\u200d👧 日本", "e\u0301 👩\u200d👧 日本"),
        ],
    )
    def test_nothing_of_the_user_reaches_the_terminal(self, screen, text, shown):
        """Control and direction characters are shown escaped, white space as one space; other text as it is."""
        run().prompt(text).end()
        assert screen.getvalue().splitlines()[1] == f'   "{shown}"'

    @pytest.mark.parametrize("column", ["agent", "session_id", "run_id"])
    def test_names_are_as_dangerous_as_content(self, screen, column):
        """Agent, session and run id are escaped too."""
        tcc.run(**{column: "\x1b]0;x\x07"}).prompt([]).end()
        assert r"\x1b]0;x\x07" in screen.getvalue()
        assert "\x1b" not in screen.getvalue()

    def test_steps_and_tool_calls_are_escaped_too(self, screen):
        """Whatever field of a step or tool call holds an escape sequence, none gets through."""
        evil = "\x1b[2J"
        r = run()
        step(r, evil).prompt(evil).response(evil).finish_reason(evil).status(2, evil).end()
        tool(r, evil).args({evil: evil}).result(evil).status(1, evil).end()
        r.prompt([]).error(evil)
        assert "\x1b" not in screen.getvalue()

    def test_wide_characters_count_twice(self, screen):
        """Lines of wide characters end at the edge, not beyond it."""
        run().prompt("日" * 100).end()
        line = screen.getvalue().splitlines()[1]
        assert line == '   "' + "日" * 47 + "…"

    def test_huge_text_is_cut(self, screen):
        """Only the beginning of a long text is looked at."""
        run().prompt("x" * 10_000_000).end()
        assert screen.getvalue().splitlines()[1] == '   "' + "x" * 95 + "…"


class TestStreams:
    def test_ascii_where_the_encoding_has_no_more(self):
        """Where the stream cannot show box drawing, ASCII stands for it, and other characters are escaped."""
        raw = io.BytesIO()
        show_on(io.TextIOWrapper(raw, encoding="ascii"))
        weather()
        assert (
            raw.getvalue().decode("ascii")
            == """\
+ support  2.31 s  3 steps, 1 tool, 1,438 -> 215 tokens (1,024 cached, 20 reasoning), $0.0042
|  "What's the weather?" -> "It is 15 \\xb0C."   run 7f3c1a2b...  session s-1
|- + chat gpt-4o  0.82 s  402 -> 97 tokens, $0.0013  -> search({"city": "Paris"})
|  `- + search    0.31 s  {"city": "Paris"} -> "15 \\xb0C, cloudy"
|- x chat gpt-4o  0.11 s  rate limited (429)
`- + chat gpt-4o  1.00 s  1,036 -> 118 tokens (1,024 cached, 20 reasoning), $0.0029  -> "It is 15...
"""
        )

    def test_a_western_encoding_keeps_its_letters(self):
        """ASCII stands for what is missing only."""
        raw = io.BytesIO()
        show_on(io.TextIOWrapper(raw, encoding="cp1252"))
        run().prompt("café 日").end()
        assert raw.getvalue().decode("cp1252").splitlines()[1] == r'   "café \u65e5"'

    def test_an_unknown_encoding_is_ascii(self):
        """A stream with an encoding nobody knows gets ASCII."""

        class Odd(io.StringIO):
            encoding = "no-such-encoding"

        stream = Odd()
        show_on(stream)
        run().prompt("é").end()
        assert stream.getvalue().isascii()

    def test_colour_on_a_terminal(self):
        """On a terminal, marks, errors and what is secondary are coloured."""
        show_on(stream := Terminal())
        r = run(agent="a")
        tool(r, "t").error("boom")
        r.prompt([]).end()
        assert stream.getvalue() == (
            "\x1b[32m✓\x1b[0m \x1b[1ma\x1b[0m  1.00 s  1 tool   \x1b[2mrun 7f3c1a2b…\x1b[0m\n"
            "\x1b[2m└─ \x1b[0m\x1b[31m✗\x1b[0m \x1b[36mt\x1b[0m  1.00 s  \x1b[31mboom\x1b[0m\n"
        )

    @pytest.mark.parametrize(
        ("variables", "stream", "is_coloured"),
        [
            ({}, "Terminal", True),
            ({}, "StringIO", False),
            ({"NO_COLOR": "1"}, "Terminal", False),
            ({"NO_COLOR": ""}, "Terminal", True),
            ({"FORCE_COLOR": "1"}, "StringIO", True),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "Terminal", False),
            ({"TERM": "dumb"}, "Terminal", False),
        ],
    )
    def test_who_decides_about_colour(self, monkeypatch, variables, stream, is_coloured):
        """`NO_COLOR` wins over `FORCE_COLOR`, which wins over what the stream is."""
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        show_on(written := {"Terminal": Terminal, "StringIO": io.StringIO}[stream]())
        run().error()
        assert ("\x1b[" in written.getvalue()) is is_coloured

    def test_standard_error_is_looked_up_when_printing(self, capsys):
        """Without a stream, it is whatever `sys.stderr` is at the moment."""
        show_on(None)
        run().error()
        assert capsys.readouterr().err == "✗ run  1.00 s   run 7f3c1a2b…\n"

    def test_no_standard_error(self, monkeypatch):
        """Where there is no standard error, nothing happens but a count."""
        monkeypatch.setattr("sys.stderr", None)
        show_on(None)
        run().error()
        assert tcc.stats() == {"console": 1}

    @pytest.mark.parametrize("error", [BrokenPipeError, ValueError, RuntimeError])
    def test_a_broken_stream_raises_nothing(self, error):
        """Whatever a stream raises, the program goes on."""

        class Broken(io.StringIO):
            def write(self, text):
                raise error

            isatty = fileno = write

        show_on(Broken())
        run().error()

    def test_a_closed_stream_raises_nothing(self):
        """A stream that was closed is left alone."""
        stream = io.StringIO()
        stream.close()
        show_on(stream)
        run().error()

    def test_one_write_per_run(self):
        """A tree is written at once, so that other output cannot get between its lines."""
        writes = []

        class Counting(io.StringIO):
            def write(self, text):
                writes.append(text)
                return len(text)

        show_on(Counting())
        weather()
        run("other").error()
        assert len(writes) == 2

    def test_threads_do_not_mix(self, screen):
        """Runs of several threads are printed whole, each once."""

        def work(name):
            for index in range(20):
                r = run(f"{name}{index}", agent="agent")
                tool(r, "t").end()
                r.prompt([]).end()

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = screen.getvalue().splitlines()
        assert len(lines) == 160
        assert {line.split()[1] for line in lines[::2]} == {"agent"}
        assert set(lines[1::2]) == {"└─ ✓ t  1.00 s"}

    def test_a_lock_that_nobody_will_release_is_not_waited_for(self, screen, monkeypatch):
        """In a forked child the lock may be held for ever; then nothing is printed."""
        monkeypatch.setattr(_console, "_WAIT_S", 0.01)
        console = _configure.pipeline().delivery.console
        held = threading.Thread(target=console._lock.acquire)
        held.start()
        held.join()
        run().error()
        assert screen.getvalue() == ""

    def test_the_console_setting_prints_to_standard_error(self, capsys):
        """`console=True` is all that it takes."""
        _configure.use(_CountingPipeline(_Memory(), Settings(console=True)))
        run().error()
        assert "✗ run" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextmanager
def inside_foreign_span():
    from opentelemetry.sdk.trace import TracerProvider

    with TracerProvider(shutdown_on_exit=False).get_tracer("http").start_as_current_span("GET /"):
        yield
