"""`contextcompany observatory --demo --open`: what a person sees who has nothing to show yet."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starting import COMMAND, running, wait_until

from contextcompany import _demo_scenes as scenes
from contextcompany._demo_shop import Then
from contextcompany.cli import main
from contextcompany.observatory import queries
from contextcompany.observatory.store import Store
from contextcompany.testing import capture


def has_screen_that_writes(monkeypatch, path):
    """A browser that notes what it is asked to open."""
    script = path.with_suffix(".py")
    script.write_text(f"import sys; open({str(path)!r}, 'w').write(sys.argv[1])")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The file of an Observatory that was started with demo runs, some of which are still to come; and what it said."""
    directory = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TCC_URL", "http://nowhere.invalid")
        patch.setenv("TCC_OUTBOX_DIR", str(directory / "outbox"))
        has_screen_that_writes(patch, directory / "opened")
        with running("--port", "0", "--db", str(directory / "demo.db"), "--demo", "--open", "--json") as said:
            with Store.open(directory / "demo.db", can_write=False) as store:
                wait_until(lambda: queries.runs(store, "status:running agent:reporter").runs)
            yield Path(directory), said


@pytest.fixture
def kept(demo):
    """What is in that file."""
    with Store.open(demo[0] / "demo.db", can_write=False) as store:
        yield store


def test_it_is_opened_in_the_browser(demo):
    """At the address where it is."""
    opened = wait_until(lambda: (demo[0] / "opened").exists() and (demo[0] / "opened").read_text())

    assert opened == demo[1]["url"]
    assert demo[1]["demo"] is True


def test_nothing_of_the_user_is_touched(demo):
    """Neither settings nor the outbox."""
    assert not (demo[0] / "outbox").exists()


def test_every_run_says_that_it_is_a_demo(kept):
    """By its tag."""
    listed = queries.runs(kept, limit=500).runs

    assert len(listed) > 100
    assert {"demo" in queries.span(kept, run.trace_id, run.top).fact.tags for run in listed} == {True}


@pytest.mark.parametrize(
    "filter_",
    [
        "status:ok",
        "status:partial",
        "status:error error:ValueError",
        "status:ok errors>0",
        "status:error error:ValueError since:5m",
        "agent:reader tool:read_about",
        "model:shop-model-7b",
        "feedback:thumbs_up",
        "feedback:thumbs_down",
        "tools>=3",
        "user:customer-17",
        '"brake pads"',
    ],
)
def test_there_is_something_to_find(kept, filter_):
    """For each thing that an Observatory shows."""
    assert wait_until(lambda: queries.runs(kept, filter_).runs)


def test_a_session_has_several_turns(kept):
    """Each sends the ones before along, which a cache then has."""
    turns = queries.runs(kept, "session:demo-order-1042").runs[::-1]

    assert len(turns) == 4
    assert all(turn.cost and turn.cached_tokens and turn.reasoning_tokens for turn in turns)
    assert [turn.input_tokens for turn in turns] == sorted(turn.input_tokens for turn in turns)


def test_charts_are_not_empty(kept):
    """Runs are spread over a day."""
    now = time.time_ns()
    hours = queries.stats(kept, since_ns=now - 24 * 3600 * 10**9, until_ns=now)

    assert len(hours) >= 23
    assert all(hour.cost > 0 for hour in hours)
    assert sum(hour.errors for hour in hours) > 2


def test_what_costs_nothing_known_is_unknown(kept):
    """Not free."""
    assert {(run.cost, run.unpriced) for run in queries.runs(kept, "model:shop-model-7b").runs} == {(None, 1)}


README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("arguments", [["runs", "since:20m", "until:3m"], ["show", "06a56f4b"]], ids=" ".join)
def test_the_readme_shows_what_is_printed(demo, monkeypatch, capsys, arguments):
    """But for ages and prices, which change."""
    monkeypatch.setenv("COLUMNS", "112")
    shown = README.partition(f"$ contextcompany {' '.join(arguments)}\n")[2]

    main([*arguments, "--db", str(demo[0] / "demo.db")])

    assert words_of(re.split(r"^[$`]", shown, maxsplit=1, flags=re.MULTILINE)[0]) == words_of(capsys.readouterr().out)


def words_of(text):
    return re.sub(r"\d+ min|~?\$[\d.]+", "…", text).split()


def test_a_file_that_has_runs_gets_none(tmp_path):
    """It says so, and goes on."""
    path = tmp_path / "mine.db"
    with running("--port", "0", "--db", str(path), "--json") as said:
        record(said["url"])
    with running("--port", "0", "--db", str(path), "--demo", "--json") as said:
        assert said["demo"] is False
    with Store.open(path) as store:
        assert [run.name for run in queries.runs(store).runs] == ["mine"]


def record(url):
    """A run of somebody's own."""
    code = (
        f"import contextcompany as t; t.configure(url={url!r}, outbox='memory'); t.run(agent='mine').prompt('p').end()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_it_ends_with_the_observatory(tmp_path):
    """However that ends: the pipe that both write to is closed."""
    command = [*COMMAND, "--port", "0", "--db", str(tmp_path / "demo.db"), "--demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout.readline().startswith("The Observatory receives at")
        assert process.stdout.readline() == "Demo runs come in for a minute; they have the tag `demo`.\n"
        process.kill()
        assert process.communicate(timeout=20)[0] == ""


def test_no_browser_is_no_failure(tmp_path, monkeypatch):
    """It is served anyway."""
    monkeypatch.setenv("BROWSER", str(tmp_path / "none"))
    with running("--port", "0", "--db", str(tmp_path / "runs.db"), "--open") as said:
        assert said.startswith("The Observatory receives at")


SCENES = [
    scenes.conversation,
    scenes.research,
    scenes.rate_limited,
    scenes.out_of_stock,
    scenes.overloaded,
    scenes.broken_import,
    scenes.local_model,
    scenes.write,
    scenes.refund,
    scenes.report,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_content_is_the_same_each_time(scene):
    """With the same ids."""
    told = []
    for _ in range(2):
        with capture() as captured:
            scene(Then(1_790_000_000))
        told.append([(run.run_id, run.prompt, run.response, run.status, len(run.steps)) for run in captured.runs])

    assert told[0] == told[1] != []


def test_a_person_is_waited_for():
    """The run that asks is suspended, and goes on."""
    with capture() as captured:
        scenes.refund(Then(1_790_000_000))

    assert captured.run.waiting_s is not None
    assert captured.run.metadata["approved"] is True


def test_an_answer_is_streamed():
    """With the time until its first chunk."""
    with capture() as captured:
        scenes.write(Then(1_790_000_000))

    assert captured.run.steps[0].time_to_first_chunk is not None
