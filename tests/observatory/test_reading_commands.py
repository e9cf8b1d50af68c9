"""`contextcompany runs`, `show` and the other commands over the Observatory's file, while a server writes to it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
from spans import batch, run, step
from starting import running, wait_until

from contextcompany.cli import main
from contextcompany.observatory import searching
from contextcompany.observatory.store import Store
from programs import finish, run_program, start_program

RECORD = """
    import sys, time
    import contextcompany as tcc

    now = time.time()
    tcc.configure(url=sys.argv[1], outbox="memory")

    def at(ago):
        return now - ago

    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is order 7?"}]
    r = tcc.run("11111111-0000-4000-8000-000000000001", "s-1", agent="support", start_time=at(300), tags=["a"])
    s = r.step(model="gpt-4o", start_time=at(300)).prompt(asked).tokens(400, 1000, 20).cost(0.0013)
    call = {"role": "assistant", "parts": [
        {"type": "tool_call", "id": "call_1", "name": "find_order", "arguments": {"order": 7}}
    ]}
    s.response([call]).end_time(at(299)).end()
    r.tool_call("find_order", "call_1", start_time=at(299)).args({"order": 7}).result("sent").end_time(at(298.5)).end()
    asked += [call, {"role": "tool", "tool_call_id": "call_1", "content": "sent"}]
    s = r.step(model="gpt-4o", start_time=at(298)).prompt(asked).response("It was sent.").tokens(1500, 0, 9).cost(0.002)
    s.end_time(at(297)).end()
    r.prompt("Where is order 7?", "Be brief.").response("It was sent.").end_time(at(297)).end()
    r.feedback("thumbs_down", "Nobody told me when.")

    r = tcc.run("11112222-0000-4000-8000-000000000002", "s-1", agent="support", start_time=at(240))
    s = r.step(model="house-model", start_time=at(240)).prompt("When?").response("Today.").tokens(10, 0, 2)
    s.end_time(at(239)).end()
    r.prompt("When?").response("Today.").status(1, "without the calendar").end_time(at(238.6)).end()

    r = tcc.run("import-17", agent="importer", start_time=at(180)).prompt("Import \\x1b[31m the\\x9b2J list.\\u202e")
    try:
        with r.tool_call("read\\x1b]0;title\\x07", start_time=at(180)) as t:
            t.args({"file": "\\x1b[2J"}).end_time(at(179))
            raise ValueError("no number: \\x1b[31m'x'")
    except ValueError as error:
        r.end_time(at(179)).error(str(error))

    with tcc.run("33333333-0000-4000-8000-000000000003", agent="planner", start_time=at(125)) as r:
        r.prompt("Plan the tour.")
        with r.step(model="gpt-4o", start_time=at(125)) as s:
            s.prompt("Plan the tour.").response("I will ask.").end_time(at(124))
        with tcc.run("44444444-0000-4000-8000-000000000004", agent="guide", start_time=at(123)) as inner:
            inner.prompt("What is open?")
            with inner.step(model="gpt-4o", start_time=at(123)) as s:
                s.prompt("What is open?").response("The museum.").end_time(at(122))
            inner.response("The museum.").end_time(at(122))
        r.response("Go to the museum.").end_time(at(121))

    assert tcc.flush(10)[1:] == (0, 0, {})
"""


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """A file in which runs are, with a server that has it open."""
    path = tmp_path_factory.mktemp("reading") / "runs.db"
    with running("--port", "0", "--db", str(path), "--json") as said:
        run_program(RECORD, said["url"])
        with Store.open(path, can_write=False) as store:
            wait_until(lambda: searching.trailing(store).trailing == 0)
        yield path


@pytest.fixture
def command(db, capsys, monkeypatch):
    """Exit code, standard output and standard error of a command about that file."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")

    def done(*arguments, file=db):
        capsys.readouterr()
        code = main([*arguments, "--db", str(file)])
        return code, *capsys.readouterr()

    return done


def rows(out):
    """The cells of a table, which two blanks and more keep apart."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()]


# contextcompany runs


def test_runs(command):
    """A line for each, the newest first; what is cut ends with an ellipsis, numbers stand under each other."""
    code, out, err = command("runs")

    assert (code, err) == (0, "")
    assert (
        out
        == """\
   run          age  name      input                                    time  steps  tools      tokens     cost  session
✓  33333333   2 min  planner   "Plan the tour."                       4.00 s      2      0
✗  import-17  3 min  importer  "Import \\x1b[31m the\\x9b2J list.\\u20…  1.00 s      0      1
◐  11112222   4 min  support   "When?"                                1.40 s      1      0      10 → 2  unknown  s-1
✓  11111111   5 min  support   "Where is order 7?"                    3.00 s      2      1  2,900 → 29  $0.0033  s-1
"""
    )


def test_the_same_as_json(command):
    """The documented context, with nothing left out."""
    code, out, _ = command("runs", "--json", "--limit", "2")
    page = json.loads(out)

    assert (code, [run["name"] for run in page["runs"]]) == (0, ["planner", "importer"])
    assert page["runs"][0]["run_id"] == "33333333-0000-4000-8000-000000000003"
    assert page["next"] is not None


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["status:error"], ["importer"]),
        (["agent:support", "-status:partial"], ["support"]),
        (["-agent:support"], ["planner", "importer"]),
        (["It was sent"], ["support"]),
        (["cost>0.001 session:s-1"], ["support"]),
        (["agent:guide", "tools<1"], ["planner"]),
    ],
)
def test_filters(command, filters, found):
    """In the language of the list; what the shell kept together is one phrase, a minus turns around."""
    _, out, _ = command("runs", *filters, "--json")

    assert [run["name"] for run in json.loads(out)["runs"]] == found


def test_an_order(command):
    """The largest first, or the smallest."""
    _, out, _ = command("runs", "--sort", "cost", "--json", "--limit", "1")
    assert json.loads(out)["runs"][0]["cost"] == pytest.approx(0.0033)

    _, out, _ = command("runs", "--sort=-duration", "--limit", "1")
    assert rows(out)[1][1] == "import-17"
    assert out.endswith("There are more; --limit shows them.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["agnet:support"], "✗ `agnet:support`: there is no key `agnet`. Did you mean `agent:support`?\n"),
        (
            ["status:eror"],
            "✗ `status:eror`: a status is one of ok, error, partial, unset, running, lost. Did you mean ",
        ),
        (["--sort", "speed"], "✗ `speed` is no order. Known are start, duration,"),
    ],
)
def test_what_is_asked_wrongly_is_named(command, arguments, said):
    """With what was perhaps meant; the exit code is that of a wrong usage."""
    code, out, err = command("runs", *arguments)

    assert (code, out) == (2, "")
    assert err.startswith(said)


def test_an_option_that_is_none(command, capsys):
    """Is no part of a filter."""
    with pytest.raises(SystemExit) as ended:
        command("runs", "--limt", "3")

    assert ended.value.code == 2
    assert "unrecognized arguments: --limt" in capsys.readouterr().err


def test_nothing_found(command):
    """Is said, and is the exit code."""
    assert command("runs", "agent:nobody") == (1, "", "No run fits `agent:nobody`.\n")
    assert command("search", "unheard-of") == (1, "", "Nobody said `unheard-of`.\n")
    assert command("runs", "agent:nobody", "--json")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs"],
        ["tail"],
        ["show", "last"],
        ["search", "x"],
        ["sessions"],
        ["stats"],
        ["failures"],
        ["feedback"],
        ["tools"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_file_yet(command, tmp_path, arguments):
    """It is said what makes one; none is made."""
    path = tmp_path / "no.db"
    code, out, err = command(*arguments, file=path)

    said = f"✗ There is no {path} yet. `contextcompany observatory` makes it; --db names another file.\n"
    assert (code, out, err) == (1, "", said)
    assert not path.exists()


def test_a_file_of_something_else(command, tmp_path):
    """Is left alone, and called by its name."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)

    code, out, err = command("runs", file=path)

    assert (code, out) == (1, "")
    assert str(path) in err


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (1, "was made by an older version of contextcompany: `contextcompany observatory` brings it to this one."),
        (99, "was made by a newer version of contextcompany. Update, or name another file."),
    ],
)
def test_a_file_of_another_version(command, tmp_path, version, said):
    """It is said what to do; reading changes nothing."""
    path = tmp_path / "runs.db"
    with Store.open(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")

    assert command("runs", file=path) == (1, "", f"✗ {path} {said}\n")


def test_a_narrow_terminal(command, monkeypatch):
    """Columns that matter less are left out, and no line is longer than the terminal is wide."""
    monkeypatch.setenv("COLUMNS", "70")
    _, out, _ = command("runs")

    assert max(map(len, out.splitlines())) <= 70
    assert rows(out)[0] == ["run", "age", "name", "input", "time", "cost"]


def test_a_pipe_is_not_cut(command, monkeypatch):
    """Nobody says how wide it is."""
    monkeypatch.delenv("COLUMNS")
    _, out, _ = command("runs", "agent:importer")

    assert "\\u202e" in out


def test_reading_needs_no_server(db):
    """Nor what one is made of, which takes a third of the time to load."""
    program = f"""
        import sys
        sys.modules["starlette"] = sys.modules["uvicorn"] = sys.modules["jinja2"] = None
        from contextcompany.cli import main
        sys.exit(main(["runs", "--db", {str(db)!r}]) or main(["show", "last", "--db", {str(db)!r}]))
    """

    assert "planner" in run_program(program).out


# contextcompany show


def test_show(command):
    """The run as the SDK's console draws it, and what people thought of it."""
    code, out, err = command("show", "11111111")

    assert (code, err) == (0, "")
    assert (
        out
        == """\
✓ support  3.00 s  2 steps · 1 tool · 2,900 → 29 tokens (1,000 cached) · $0.0033   run 11111111…  session s-1
│  "Where is order 7?" → "It was sent."
├─ ✓ chat gpt-4o  1.00 s  1,400 → 20 tokens (1,000 cached) · $0.0013  → find_order({"order": 7})
├─ ✓ find_order   0.50 s  {"order": 7} → "sent"
└─ ✓ chat gpt-4o  1.00 s  1,500 → 9 tokens · $0.0020  → "It was sent."
feedback  thumbs_down  "Nobody told me when."
"""
    )


def test_a_run_inside_a_run(command):
    """Stands where it was started."""
    _, out, _ = command("show", "last")

    assert (
        out
        == """\
✓ planner  4.00 s  2 steps   run 33333333…
│  "Plan the tour." → "Go to the museum."
├─ ✓ chat gpt-4o     1.00 s  → "I will ask."
└─ ✓ guide           1.00 s  → "The museum."
   └─ ✓ chat gpt-4o  1.00 s  → "The museum."
"""
    )


def test_a_step_whose_model_nobody_says(command, store):
    """Is called by what it does, once."""
    store.write(batch(run(9), step(9, 2, model="", name="chat")))
    _, out, _ = command("show", "last", file=store.path)

    assert out.splitlines()[-1] == "└─ ✓ chat  1.00 s"


def test_what_went_wrong(command):
    """Stands beside what it went wrong in; nothing of it is obeyed."""
    _, out, _ = command("show", "import-17")

    assert (
        out
        == """\
✗ importer  1.00 s  1 tool   run import-17
│  "Import \\x1b[31m the\\x9b2J list.\\u202e"
│  no number: \\x1b[31m'x'
└─ ✗ read\\x1b]0;title\\x07  1.00 s  {"file": "\\u001b[2J"}  no number: \\x1b[31m'x'
"""
    )


@pytest.mark.parametrize(
    "wanted", ["11111111-0000-4000-8000-000000000001", "1" * 8 + "000040008000000000000001", "11111"]
)
def test_ids_of_runs(command, wanted):
    """Its own, its trace's, or how one begins, also as it is shown where it is cut."""
    for each in (wanted, wanted + "…"):
        _, out, _ = command("show", each, "--json")

        assert json.loads(out)["run"]["run_id"] == "11111111-0000-4000-8000-000000000001"


def test_a_run_that_is_inside_another_is_found(command):
    """As the one around it, which it is shown in."""
    assert command("show", "44444444")[1] == command("show", "33333333")[1]


def test_an_id_that_may_mean_several(command):
    """They are named."""
    code, out, err = command("show", "1111")

    assert (code, out) == (1, "")
    assert err == (
        "✗ `1111` begins more than one run's id: 11112222-0000-4000-8000-000000000002 (support, 4 min ago), "
        "11111111-0000-4000-8000-000000000001 (support, 5 min ago).\n"
    )


def test_a_run_that_is_not_there(command):
    """Is named."""
    assert command("show", "9999") == (1, "", "✗ There is no run `9999`.\n")
    assert json.loads(command("show", "9999", "--json")[1]) == {"ok": False, "error": "There is no run `9999`."}


def test_no_runs_yet(command, tmp_path):
    """The newest of none."""
    with Store.open(tmp_path / "runs.db"):
        pass

    assert command("show", "last", file=tmp_path / "runs.db") == (1, "", "✗ There are no runs yet.\n")
    assert command("runs", file=tmp_path / "runs.db") == (1, "", "There are no runs yet.\n")


def span_of(command, run, name):
    """The id of the first span of that name."""
    lines = json.loads(command("show", run, "--json")[1])["spans"]
    return next(line["span_id"] for line in lines if line["name"] == name)


def test_a_span_in_full(command):
    """All it says; its messages under who said them."""
    span_id = span_of(command, "1" * 8, "gpt-4o")
    _, out, _ = command("show", "1" * 8, "--span", span_id[:6])

    assert ["model", "gpt-4o"] in rows(out)
    assert ["cost", "$0.0013 (provided)"] in rows(out)
    assert ["tokens", "1,400 input, 20 output, 1,000 cached"] in rows(out)
    assert (
        out.partition("\ninput\n")[2]
        == """\
  system
    Be brief.
  user
    Where is order 7?

output
  assistant
    → find_order({"order": 7})
"""
    )


def test_an_exception_of_a_span(command):
    """With its stack trace, line by line."""
    name = "read\x1b]0;title\x07"
    _, out, _ = command("show", "import-17", "--span", span_of(command, "import-17", name))

    assert "Traceback (most recent call last):" in out
    assert "\x1b" not in out


def test_a_conversation(command):
    """Each message once, though the second step was told all of them again."""
    _, out, _ = command("show", "1" * 8, "--conversation")

    assert (
        out
        == """\
system
  Be brief.

user
  Where is order 7?

assistant  gpt-4o
  → find_order({"order": 7})
  ← sent

assistant  gpt-4o
  It was sent.
"""
    )


def test_a_conversation_of_several_agents(command):
    """Says whose it is."""
    _, out, _ = command("show", "3" * 8, "--conversation")

    talk = json.loads(command("show", "3" * 8, "--conversation", "--json")[1])

    assert [line for line in out.splitlines() if line.startswith("–")] == ["–– planner", "–– guide", "–– planner"]
    assert [each["agent"] for each in talk["exchanges"]] == ["planner", "guide", "planner"]
    assert talk["next"] is None


# contextcompany tail

GOES_ON = """
    import sys
    import contextcompany as tcc

    tcc.configure(url=sys.argv[1], outbox="memory")
    tcc.run(agent="early").prompt("First?").response("Yes.").end()
    tcc.flush(10)
    run = tcc.run(agent="night shift").prompt("Count the stock.")
    sys.stdin.readline()
    run.error("no stock")
    tcc.flush(10)
"""


def test_tail(tmp_path):
    """A run is told of when it comes and when it ends, until somebody has seen enough; as text and as JSON."""
    path = tmp_path / "runs.db"
    with running("--port", "0", "--db", str(path), "--json") as said, tail(path) as text, tail(path, "--json") as lines:
        program = start_program(GOES_ON, said["url"], stdin=subprocess.PIPE)
        assert next(line for line in text.stdout if "night shift" in line).split()[1] == "●"
        came = next(line for line in map(json.loads, lines.stdout) if line["state"] == "running")
        print(file=program.stdin, flush=True)
        assert "no stock" in next(line for line in text.stdout if "✗" in line)
        ended = next(line for line in map(json.loads, lines.stdout) if line["state"] == "error")
        finish(program)

    assert (came["trace_id"], came["name"]) == (ended["trace_id"], "night shift")


@contextmanager
def tail(path, *options):
    """The command, which must end well when it is interrupted."""
    command = [sys.executable, "-m", "contextcompany", "tail", "agent:night*", "--db", str(path), *options]
    environ = {**os.environ, "COLUMNS": "200"}  # importing readline says 80 to all that is started, but not to Python
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
            process.send_signal(signal.SIGINT)
            assert (process.communicate(timeout=20)[1], process.returncode) == ("", 0)
        finally:
            process.kill()  # a failed test must not wait for it


# the other lists


def test_search(command):
    """Finds what was said, and says in which run."""
    code, out, _ = command("search", "order", "7")

    assert code == 0
    assert rows(out)[0] == ["run", "age", "name", "text"]
    assert {row[0] for row in rows(out)[1:]} == {"1" * 8}


def test_sessions(command):
    """Summed up; and the runs of one, in order."""
    _, out, _ = command("sessions")
    assert rows(out) == [
        ["session", "runs", "failed", "first", "last", "tokens", "cost"],
        ["s-1", "2", "0", "5 min", "4 min", "2,910 → 31", "$0.0033"],
    ]

    _, out, _ = command("sessions", "s-1")
    assert [row[1] for row in rows(out)[1:]] == ["1" * 8, "11112222"]
    assert command("sessions", "s-2") == (1, "", "There is no session `s-2`.\n")


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("", [["5", "1"]]),
        ("model", [["gpt-4o", "4", "0"], ["house-model", "1", "0"]]),
        ("tool", [["find_order", "1", "0"], ["read\\x1b]0;title\\x07", "1", "1"]]),
    ],
)
def test_stats(command, by, found):
    """In all, or by what; the most frequent first."""
    _, out, _ = command("stats", *(["--by", by] if by else []))

    assert [row[: len(found[0])] for row in rows(out)[1:]] == found


def test_stats_per_hour(command):
    """A line for each hour, the oldest first."""
    _, out, _ = command("stats", "--hours", "--json")
    hours = [each["start_ns"] for each in json.loads(out)]

    assert hours == sorted(hours)
    assert sum(each["spans"] for each in json.loads(out)) == 5


def test_failures(command):
    """Alike errors together."""
    _, out, _ = command("failures")

    assert [row[-1] for row in rows(out)[1:]] == ["no number: \\x1b[31m'x'"] * 2
    assert [row[:2] for row in rows(out)[1:]] == [["1", "1"]] * 2
    assert "run importer" in out
    assert "tool call read\\x1b]0;title\\x07" in out


def test_feedback(command):
    """What people said."""
    _, out, _ = command("feedback")

    assert rows(out)[1][1:] == ["1" * 8, "support", "thumbs_down", '"Nobody told me when."']


def test_tools(command):
    """What each was given, and what came out."""
    _, out, _ = command("tools", "find_order")

    row = rows(out)[1]
    assert [row[0], row[1], *row[3:]] == ["✓", "1" * 8, "find_order", "0.50 s", '{"order": 7}', '"sent"']
    assert command("tools", "nothing") == (1, "", "Nobody called `nothing`.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs"],
        ["show", "import-17"],
        ["show", "import-17", "--conversation"],
        ["search", "list"],
        ["sessions"],
        ["stats", "--by", "tool"],
        ["failures"],
        ["feedback"],
        ["tools"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("columns", ["40", "100"])
def test_nothing_is_obeyed(command, monkeypatch, arguments, columns):
    """No control character of what was said reaches the terminal, in text or in JSON."""
    monkeypatch.setenv("COLUMNS", columns)
    for options in ([], ["--json"]):
        _, out, err = command(*arguments, *options)

        assert [char for char in out + err if not char.isprintable() and char != "\n"] == []
