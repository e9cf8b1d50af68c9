"""`contextcompany export`, `import` and `diff`, as people call them."""

import json
import os
import pty
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spans import START, batch, feedback, messages, run, step, tool_call, trace_id

from contextcompany.cli import main
from contextcompany.observatory import queries
from contextcompany.observatory.store import Store

RUN = {
    "type": "run",
    "run_id": "run-1",
    "prompt": "How warm?",
    "response": "15 °C",
    "start_time": "2026-01-02T03:04:05.678Z",
    "end_time": "2026-01-02T03:04:07.000Z",
    "status_code": 0,
}


@pytest.fixture
def db(store):
    """A file with two runs."""
    said = {"gen_ai__output__messages": messages("It is on its way.", role="assistant")}
    changed = {"gen_ai__output__messages": messages("It is \x1b[31mlost.", role="assistant")}
    store.write(batch(run(1), step(1, 2, **said), tool_call(1, 3), feedback(1)))
    store.write(batch(run(2, agent="other"), step(2, 2, **changed), tool_call(2, 3), tool_call(2, 4, tool="notify")))
    return str(store.path)


def runs(path):
    with Store.open(Path(path), can_write=False) as store:
        return [*queries.trace_ids(store)]


# --- export and import -----------------------------------------------------------------------------------------------


def test_what_is_exported_is_imported(db, tmp_path, capsys):
    """Into a file that is made for it, and which only this user can read."""
    path, other = tmp_path / "runs.jsonl", tmp_path / "new" / "other.db"

    assert main(["export", "--db", db, "-o", str(path)]) == 0
    assert main(["import", "--db", str(other), str(path)]) == 0

    wrote, took = capsys.readouterr().out.splitlines()
    assert wrote.startswith("Wrote ")
    assert wrote.endswith(f" KiB to {path}.")
    assert took == f"{path}: took 7 spans and 1 log record."
    assert runs(other) == runs(db) == [trace_id(1), trace_id(2)]
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [1, 2]),
        ([trace_id(2)], [2]),
        ([trace_id(2), trace_id(1)], [2, 1]),
        (["--filter", "agent:other"], [2]),
        (["--filter", "agent:nobody"], []),
    ],
)
def test_runs_are_chosen_by_id_or_by_a_filter(db, capsys, arguments, expected):
    """And go to standard output."""
    assert main(["export", "--db", db, "--format", "jsonl", *arguments]) == (0 if expected else 1)

    said = capsys.readouterr()
    assert [json.loads(line)["run"]["trace_id"] for line in said.out.splitlines()] == [*map(trace_id, expected)]
    assert said.err == ("" if expected else "There is nothing to export.\n")


def test_a_run_can_be_read(db, capsys):
    """As Markdown."""
    assert main(["export", "--db", db, "--format", "markdown", trace_id(1)]) == 0

    assert capsys.readouterr().out.startswith("# support\n\n- **Status:** ok\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["export", "nobody"], 1, "There is no run `nobody`."),
        (["export", "--filter", "agnt:x"], 2, "Did you mean `agent:x`?"),
        (["export", trace_id(1), "--filter", ""], 2, "Name runs, or give a --filter, not both."),
        (
            ["export", "-o", "/nowhere/runs.jsonl"],
            1,
            "/nowhere/runs.jsonl cannot be written: No such file or directory.",
        ),
        (["import", "missing.json"], 1, "the file: It cannot be read: No such file or directory."),
        (["diff", trace_id(1), "nobody"], 1, "There is no run `nobody`"),
    ],
)
def test_what_cannot_be_done_is_said(db, capsys, arguments, code, said):
    """In a sentence."""
    assert main([*arguments, "--db", db]) == code
    assert said in capsys.readouterr().err


def test_runs_are_meant_by_how_their_ids_begin(db, capsys):
    """As lists show them; one that may mean several is named, and `last` is the newest."""
    assert main(["export", "--db", db, "--format", "jsonl", f"{trace_id(2)[:31]}…", "last"]) == 1
    assert "begins more than one run's id" in capsys.readouterr().err
    assert main(["export", "--db", db, "--format", "jsonl", "last"]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["trace_id"] == trace_id(2)
    assert main(["diff", "--db", db, trace_id(1), "last", "--fail-on", "tools"]) == 1


def test_a_file_that_cannot_be_read_costs_that_file(db, tmp_path, capsys):
    """The others are taken, and told, also as JSON."""
    path, other, missing = tmp_path / "runs.jsonl", tmp_path / "other.db", tmp_path / "missing.jsonl"
    assert main(["export", "--db", db, "-o", str(path)]) == 0
    capsys.readouterr()

    assert main(["import", "--db", str(other), str(missing), str(path), "--json"]) == 1

    reports = [(each["file"], each["spans"], each["refused"]) for each in json.loads(capsys.readouterr().out)]
    assert reports == [(str(missing), 0, 1), (str(path), 7, 0)]
    assert runs(other) == runs(db)


def test_what_was_refused_is_named(tmp_path, capsys):
    """The rest is taken; the exit code says that something is missing."""
    path, db = tmp_path / "payloads.jsonl", str(tmp_path / "runs.db")
    path.write_text(f'{json.dumps(RUN)}\nnope\n\n{{"type": "\\u001b[31mred"}}\n')

    assert main(["import", "--db", db, str(path)]) == 1
    said = capsys.readouterr()
    assert main(["import", "--db", db, str(path), "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)

    assert said.out == f"{path}: took 1 span; 2 refused.\n"
    assert said.err.splitlines() == [
        "  line 2: The body is not JSON: Expecting value at character 0.",
        "  line 4: `type` is '\\x1b[31mred', not one of run, step, tool_call",
    ]
    assert (report["file"], report["spans"], report["refused"]) == (str(path), 1, 2)
    assert [each["place"] for each in report["refusals"]] == ["line 2", "line 4"]
    assert len(runs(db)) == 1


README = Path(__file__).parents[2] / "README.md"


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """On the file of this user, in the order in which they stand there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    section = README.read_text().partition("### Take it along")[2].partition("```console\n")[2].partition("```")[0]
    commands = [shlex.split(line[2:].partition(" | ")[0]) for line in section.splitlines() if line.startswith("$ ")]
    (tmp_path / "contextcompany").mkdir()
    now = {"start": time.time() - START / 1e9 - 2, "end": time.time() - START / 1e9}
    with Store.open(tmp_path / "contextcompany" / "observatory.db") as store:
        store.write(batch(run(1, tcc__runId="order-17", **now), step(1, 2, **now), tool_call(1, 3, **now), feedback(1)))
        store.write(batch(run(2, tcc__runId="order-18"), step(2, 2), tool_call(2, 3), tool_call(2, 4)))

    codes = [main(arguments) for _, *arguments in commands]

    assert codes == [0, 0, 0, 0, 1]
    assert capsys.readouterr().err.splitlines() == [
        "✗ cost+10%: cost is not known before and after.",
        "✗ tools: the tool call search came.",
    ]


COMMAND = [sys.executable, "-m", "contextcompany"]


def test_files_go_through_pipes(db, tmp_path):
    """From one command into the other."""
    other = str(tmp_path / "other.db")
    with subprocess.Popen([*COMMAND, "export", "--db", db], stdout=subprocess.PIPE) as export:
        command = [*COMMAND, "import", "--db", other, "-"]
        done = subprocess.run(command, stdin=export.stdout, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "-: took 7 spans and 1 log record.\n", "")
    assert runs(other) == runs(db)


def test_an_observatory_receives_meanwhile(store, tmp_path):
    """Two processes write to the file, and both find all that they wrote."""
    path = tmp_path / "payloads.jsonl"
    path.write_text("".join(json.dumps(RUN | {"run_id": f"run-{number}"}) + "\n" for number in range(2000)))
    command = [*COMMAND, "import", "--db", str(store.path), str(path)]
    written = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        while program.poll() is None and written < 5000:
            written += 1
            store.write(batch(run(written), step(written, 2)))
        said = program.communicate(timeout=60)[0]

    assert said == f"{path}: took 2,000 spans.\n"
    assert len([*queries.trace_ids(store)]) == 2000 + written
    assert written > 1


def test_a_terminal_sees_how_far_it_is(tmp_path):
    """Bytes, lines and how fast, on a line that is gone at the end."""
    path = tmp_path / "payloads.jsonl"
    path.write_text("".join(json.dumps(RUN | {"run_id": f"run-{number}"}) + "\n" for number in range(3000)))
    ours, theirs = pty.openpty()
    command = [*COMMAND, "import", "--db", str(tmp_path / "runs.db"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "COLUMNS": "200"}):
        os.close(theirs)
        shown = b""
        while more := _read(ours):
            shown += more
        os.close(ours)

    *_, last = shown.decode().split("\r")
    assert " KiB, " in shown.decode()
    assert " lines, " in shown.decode()
    assert "% of " in shown.decode()
    assert last == "\x1b[K"


def _read(descriptor):
    try:
        return os.read(descriptor, 1000)
    except OSError:  # Linux's way of saying that the other side is closed
        return b""


# --- diff ------------------------------------------------------------------------------------------------------------


def test_a_diff_says_what_is_different(db, capsys):
    """In what was said, what was done, and the totals."""
    assert main(["diff", "--db", db, trace_id(1), trace_id(2)]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"--- {trace_id(1)}  support",
        f"+++ {trace_id(2)}  other",
        "",
        "  tool calls  1  2  +100%",
        "  spans       3  4  +33%",
        "",
        "~ run other",
        "    name: support → other",
        "",
        "~   step gpt-4o",
        "      response:",
        "         assistant:",
        "        -It is on its way.",
        "        +It is \\x1b[31mlost.",
        "",
        "+   tool call notify",
        "",
        "1 span says the same (--all shows it).",
    ]


def test_a_diff_of_equal_runs_says_so(db, capsys):
    """With --all, all of it."""
    assert main(["diff", "--db", db, trace_id(1), trace_id(1)]) == 0
    short = capsys.readouterr().out
    assert main(["diff", "--db", db, trace_id(1), trace_id(1), "--all"]) == 0

    assert short.splitlines()[2:] == ["", "3 spans say the same (--all shows them)."]
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "  run support",
        "",
        "    step gpt-4o",
        "",
        "    tool call search",
    ]


def test_a_diff_fails_on_what_must_not_change(db, capsys):
    """And says on what; in JSON beside the whole comparison."""
    command = ["diff", "--db", db, trace_id(1), trace_id(2), "--fail-on", "response", "--fail-on", "tools+50%"]
    said = ["response: the response is another one.", "tools+50%: tools was 1 and is 2, +100.0%."]

    assert main(command) == 1
    assert capsys.readouterr().err.splitlines() == [f"✗ {each}" for each in said]
    assert main([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == said
    assert found["pairs"][1]["changes"][0]["what"] == "response"
    assert main(["diff", "--db", db, trace_id(1), trace_id(2), "--fail-on", "status"]) == 0


def test_a_gate_that_is_none_is_a_wrong_argument(db, capsys):
    """Told from a difference by the exit code."""
    assert main(["diff", "--db", db, trace_id(1), trace_id(2), "--fail-on", "speed"]) == 2
    assert capsys.readouterr().err.startswith("✗ `speed` is nothing to fail on. Known are status, ")
