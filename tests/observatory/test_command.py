"""`contextcompany observatory`, as people start it."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
import requests
from otlp_bodies import some_span, traces
from starting import COMMAND, running

import contextcompany as tcc


def refused(*arguments):
    """What it says instead of starting."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_a_run_is_in_the_file(tmp_path):
    """The SDK sends it, the command keeps it, and sqlite3 opens the file."""
    path = tmp_path / "new" / "runs.db"
    with running("--port", "0", "--db", str(path), "--json") as said:
        assert said["db"] == str(path)
        tcc.configure(url=said["url"])
        tcc.run(agent="support").prompt("Hello").response("Hi!").end()
        assert tcc.flush(5)[1:] == (0, 0, {})

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT agent FROM run").fetchall() == [("support",)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_says_where_it_is(tmp_path, monkeypatch):
    """And keeps its file with this user's state, if no other is given."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TCC_OUTBOX_DIR", str(tmp_path / "elsewhere"))
    with running("--port", "0") as said:
        place = tmp_path / "contextcompany" / "observatory.db"

    assert said.startswith("The Observatory receives at http://127.0.0.1:")
    assert said.endswith(f" and keeps what it gets in {place}. Ctrl-C ends it.\n")
    assert place.exists()


def test_a_program_without_configuration_is_seen(tmp_path):
    """On its own address and port, which this test cannot have: by the default URL's other half."""
    from contextcompany import _settings
    from contextcompany.observatory import DEFAULT_HOST, DEFAULT_PORT

    settings = _settings.resolve({}, {})

    assert _settings.destination(settings, {}).label == f"http://{DEFAULT_HOST}:{DEFAULT_PORT}/v1/traces"


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    """Without an end."""
    path = tmp_path / "runs.db"
    command = [*COMMAND, "--port", "0", "--db", str(path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = json.loads("".join(process.stdout.readline() for _ in range(4)))["url"]
        headers = {"Content-Type": "application/x-protobuf"}
        codes = [
            requests.post(url + "/v1/traces", traces(some_span(number)), headers=headers, timeout=10).status_code
            for number in range(1, 31)
        ]
        os.kill(process.pid, signal.SIGKILL)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM span").fetchone() == (30,)
    assert codes == [200] * 30


def test_a_token_is_asked_for(tmp_path):
    """Also on loopback, when one is given."""
    with running("--port", "0", "--db", str(tmp_path / "runs.db"), "--token", "sesame", "--json") as said:
        assert requests.post(said["url"] + "/v1/traces", timeout=5).status_code == 401


def test_other_addresses_need_a_token(tmp_path):
    """It says so and ends."""
    said = refused("--host", "0.0.0.0", "--port", "0", "--db", str(tmp_path / "runs.db"))

    assert said == "✗ 0.0.0.0 can be reached from other machines: that needs a token (--token).\n"


def test_a_port_that_is_taken_is_said(tmp_path):
    """With its number, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--port", str(port), "--db", str(tmp_path / "runs.db"))

    taken = f"✗ Something listens at 127.0.0.1:{port} already, perhaps another Observatory."
    assert said == f"{taken} Stop it, or give another --port.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_is_said_where_it_was_started(tmp_path):
    """Once in a while. What is sent is refused meanwhile, so that it is sent again."""
    limited = ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", *COMMAND]
    command = [*limited, "--port", "0", "--db", str(tmp_path / "runs.db"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = json.loads("".join(process.stdout.readline() for _ in range(4)))["url"]
        headers = {"Content-Type": "application/x-protobuf"}
        spans = [some_span(number, name=os.urandom(20_000).hex()) for number in range(1, 51)]
        posted = [requests.post(url + "/v1/traces", traces(each), headers=headers, timeout=10) for each in spans]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert {each.status_code for each in posted} == {200, 503}
    assert said.count("What is sent is refused for now: The file cannot be written:") == 1


def test_a_file_that_is_none_of_its_own_is_left_alone(tmp_path):
    """It says so and ends."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 1000)

    said = refused("--port", "0", "--db", str(path))

    assert str(path) in said
    assert path.read_text() == "Dear diary, " * 1000


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_is_a_number(port):
    """As the command line says."""
    done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert f"{port!r} is no port" in done.stderr or "expected one argument" in done.stderr


def test_without_the_extra_it_says_what_to_install():
    """The rest of the command works without."""
    code = """import sys
sys.modules["starlette"] = sys.modules["uvicorn"] = None
from contextcompany.cli import main
sys.exit(main(["observatory"]))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert "which is not installed: pip install 'contextcompany[observatory]'" in done.stderr
