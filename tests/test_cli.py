"""The command `contextcompany`, as people run it: in processes of its own, against a real receiver."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from programs import finish, run_program, start_program

KEY = "tcc_0123456789abcdef"


def command(*arguments, **environ):
    """Exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "contextcompany", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        encoding=environ.get("PYTHONIOENCODING"),
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr


def findings(out):
    """What doctor has to say, without how long it took."""
    lines = out.partition("Findings\n")[2].splitlines()
    return [line.strip() for line in lines if not line.strip().startswith("It took")]


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "outbox"


# contextcompany doctor


def test_doctor(receiver, directory):
    """It shows each setting and where it came from, no secret, and sends a run that says that it is a test."""
    code, out, err = command(
        "doctor",
        TCC_API_KEY=KEY,
        TCC_URL=f"http://user:{KEY}@{receiver.url.removeprefix('http://')}/v1/traces?token={KEY}",
        TCC_OUTBOX_DIR=str(directory),
        TCC_SIGNING_KEY="short",
        TCC_RUN_TIMEOUT="90",
    )

    assert (code, err, findings(out)) == (0, "", ["✓ The test run was accepted: 200 OK."])
    (span,) = receiver.spans()
    assert (span.name, span.attributes["tcc.metadata.test"]) == (
        "invoke_agent contextcompany doctor",
        "contextcompany doctor",
    )
    assert span.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in out
    rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    for row in (
        ["api_key", "tcc_… (20 characters)", "TCC_API_KEY"],
        ["url", f"{receiver.url}/v1/traces", "TCC_URL"],
        ["signing_key", "(5 characters, not shown)", "TCC_SIGNING_KEY"],
        ["run_timeout", "90 s", "TCC_RUN_TIMEOUT"],
        ["max_outbox_size", "256 MiB", "default"],
        ["spans", f"{receiver.url}/v1/traces"],
        ["events", f"{receiver.url}/v1/logs"],
        ["headers", "authorization (values not shown)"],
        ["directory", str(directory)],
    ):
        assert row in cells


def test_doctor_as_json(receiver, directory):
    """Its JSON twin says the same; arguments win over the environment."""
    code, out, _ = command(
        "doctor",
        "--json",
        "--url",
        receiver.url,
        "--api-key",
        KEY,
        TCC_URL="http://nowhere.invalid",
        TCC_OUTBOX_DIR=str(directory),
    )
    found = json.loads(out)

    assert (code, found["ok"], found["test_run"]["ok"]) == (0, True, True)
    assert found["test_run"]["run_id"] == receiver.spans()[0].attributes["tcc.runId"]
    assert found["traces"]["url"] == f"{receiver.url}/v1/traces"
    assert {"name": "url", "value": receiver.url, "source": "argument"} in found["settings"]
    assert KEY not in out


PARTIAL = ExportTraceServiceResponse(partial_success={"rejected_spans": 1, "error_message": "too old"})
WARNING = ExportTraceServiceResponse(partial_success={"error_message": "use gzip"})


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (
            {"status": 401, "headers": {"content-type": "text/plain"}, "body": b"who are you"},
            1,
            [
                "✗ The test run was not accepted: 401 Unauthorized: who are you.",
                "The key is missing or wrong; check TCC_API_KEY or the headers.",
            ],
        ),
        (
            {"status": 404, "headers": {"content-type": "text/html"}, "body": b"<html>no</html>"},
            1,
            [
                "✗ The test run was not accepted: 404 Not Found.",
                "Nothing is received at this path; check the URL.",
            ],
        ),
        (
            {
                "status": 400,
                "headers": {"content-type": "text/html"},
                "body": b"<html>\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
            },
            1,
            [
                "✗ The test run was not accepted: 400 Bad Request: 400 The plain HTTP request was sent to HTTPS port.",
                (
                    "The receiver does not take what it was sent; is it one for OTLP over HTTP, and is this its path "
                    "for spans?"
                ),
            ],
        ),
        (
            {"status": 403, "headers": {"content-type": "text/html"}, "body": b"<title>403 Forbidden</title>"},
            1,
            [
                "✗ The test run was not accepted: 403 Forbidden.",
                "A firewall or another server answers with a web page; check the URL.",
            ],
        ),
        (
            {"headers": {"content-type": "text/html"}, "body": b"<html><title lang=en>Log&nbsp;in &amp; go</title>"},
            1,
            [
                "✗ The test run was not accepted: 200 with a web page: Log in & go.",
                "A login page or another server answers; check the URL.",
            ],
        ),
        (
            {"status": 308, "headers": {"location": "https://a.example/v1/traces?token=hush"}},
            1,
            [
                "✗ The test run was not accepted: 308 Permanent Redirect.",
                "It redirects; is https://a.example/v1/traces the right URL?",
            ],
        ),
        (
            {"headers": {"content-type": "text/html"}, "body": b"<html>log in</html>"},
            1,
            [
                "✗ The test run was not accepted: 200 with a web page.",
                "A login page or another server answers; check the URL.",
            ],
        ),
        (
            {"status": 400},
            1,
            [
                "✗ The test run was not accepted: 400 Bad Request.",
                (
                    "The receiver does not take what it was sent; is it one for OTLP over HTTP, and is this its path "
                    "for spans?"
                ),
            ],
        ),
        (
            {"status": 429},
            1,
            [
                "✗ The test run was not accepted: 429 Too Many Requests.",
                "The receiver takes no more for now; programs keep what they record and try again.",
            ],
        ),
        (
            {"status": 503},
            1,
            [
                "✗ The test run was not accepted: 503 Service Unavailable.",
                "The receiver, or a proxy before it, is in trouble; programs keep what they record and try again.",
            ],
        ),
        (
            {"body": PARTIAL.SerializeToString()},
            1,
            ["✗ The test run was accepted, but then thrown away: too old.", "Ask who runs the receiver."],
        ),
        (
            {"body": WARNING.SerializeToString()},
            0,
            ["✓ The test run was accepted: 200 OK; the receiver says: use gzip."],
        ),
    ],
    ids=lambda value: str(value.get("status", 200)) if isinstance(value, dict) else "",
)
def test_doctor_says_what_an_answer_means(receiver, directory, answer, code, told):
    """What the receiver answered, and what to do about it."""
    receiver.answer(**answer)

    found, out, _ = command("doctor", TCC_URL=receiver.url, TCC_OUTBOX_DIR=str(directory))

    assert (found, findings(out)) == (code, told)


def test_doctor_does_not_repeat_what_a_server_says_about_a_key(receiver, directory):
    """Some servers say which key, token or password they do not know; what doctor prints goes into bug reports."""
    known = [KEY, "dG9rZW4tMTIzOnBhc3N3b3JkLTEyMw==", "password-123", "query-123"]
    receiver.answer(401, headers={"content-type": "text/plain"}, body="; ".join(known).encode())

    for options in ([], ["--json"]):
        _, out, _ = command(
            "doctor",
            *options,
            TCC_API_KEY=KEY,
            TCC_URL=f"http://token-123:password-123@{receiver.url.removeprefix('http://')}/v1/traces?k=query-123",
            TCC_OUTBOX_DIR=str(directory),
        )

        said = json.loads(out)["test_run"]["what"] if options else out
        assert "401 Unauthorized: …; …; …; …" in said
        assert [each for each in known if each in out] == []


def test_doctor_without_an_answer(receiver, directory):
    """Nobody there, no TLS, or nothing for too long: it is said which."""
    where = {"TCC_OUTBOX_DIR": str(directory)}
    place = receiver.url.removeprefix("http://")
    receiver.answer(delay=5)
    slow = command("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_EXPORTER_OTLP_TIMEOUT="200", **where)
    no_tls = command("doctor", TCC_URL=f"https://{place}", **where)
    receiver.close()
    nobody = command("doctor", TCC_URL=receiver.url, **where)

    assert findings(slow[1]) == [
        f"✗ No answer from {place} to the test run: it did not answer within 0.2 s.",
        "Is there a firewall, or does this network need a proxy (TCC_PROXY)?",
    ]
    assert findings(no_tls[1]) == [
        f"✗ No answer from {place} to the test run: it does not speak TLS; should the URL start with http://?",
        "Check the URL, TCC_CERTIFICATE and this machine's certificates.",
    ]
    assert findings(nobody[1]) == [
        f"✗ No answer from {place} to the test run: nothing listens there.",
        "Is the receiver running, and is the port right?",
    ]
    assert [slow[0], no_tls[0], nobody[0]] == [1, 1, 1]


def test_doctor_where_a_proxy_is_down(receiver, directory):
    """It is the proxy that does not listen, not the receiver."""
    receiver.close()
    proxy = receiver.url.replace("http://", f"http://user:{KEY}@")
    code, out, _ = command("doctor", TCC_URL="https://a.example", TCC_PROXY=proxy, TCC_OUTBOX_DIR=str(directory))

    assert (code, findings(out)) == (
        1,
        [
            "✗ No answer from a.example to the test run: the proxy does not listen.",
            f"The way there is through the proxy {receiver.url}: check TCC_PROXY.",
        ],
    )


def test_doctor_where_a_name_is_unknown(directory):
    """The resolver's no is said in words."""
    program = """
        import socket, sys
        from contextcompany.cli import main

        def getaddrinfo(*args, **kwargs):
            raise socket.gaierror(-2, "Name or service not known")

        socket.getaddrinfo = getaddrinfo
        assert main(["doctor"]) == 1
    """
    out = run_program(program, TCC_URL="http://nowhere.example:4318", TCC_OUTBOX_DIR=str(directory)).out

    assert findings(out) == [
        "✗ No answer from nowhere.example:4318 to the test run: its name could not be resolved.",
        "Is the host's name right, and is there a network?",
    ]


def test_doctor_finds_a_wrong_setting():
    """A wrong setting is what it says, as text and as JSON."""
    wrong = "`TCC_CONSOLE` must be one of 1, true, yes, on, 0, false, no, off, got 'maybe'."

    assert command("doctor", TCC_CONSOLE="maybe") == (1, "", f"✗ {wrong}\n")
    code, out, _ = command("doctor", "--json", TCC_CONSOLE="maybe")
    assert (code, json.loads(out)) == (1, {"ok": False, "error": wrong})


def test_doctor_finds_what_keeps_programs_from_recording(receiver, tmp_path):
    """An outbox that cannot be used, and OpenTelemetry switched off, are findings too."""
    file = tmp_path / "file"
    file.touch()
    code, out, _ = command("doctor", TCC_URL=receiver.url, TCC_OUTBOX_DIR=str(file / "x"), OTEL_SDK_DISABLED="true")

    assert (code, findings(out)) == (
        1,
        [
            "✗ OTEL_SDK_DISABLED=true: programs record nothing.",
            f"✗ The outbox cannot be used: {file} is no directory; what is recorded waits in memory.",
            "✓ The test run was accepted: 200 OK.",
        ],
    )


def test_doctor_finds_what_is_wrong_in_variables_of_others(receiver, directory):
    """They keep nothing from working, but somebody meant something by them."""
    code, out, _ = command(
        "doctor",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_TIMEOUT="10",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS="x-team=blue",
        TCC_OUTBOX_DIR=str(directory),
    )

    assert (code, findings(out)) == (
        0,
        [
            "! `OTEL_EXPORTER_OTLP_TIMEOUT` must be a number of milliseconds from 100 on; the default is used.",
            "✓ The test run was accepted: 200 OK.",
        ],
    )
    assert "  headers of spans   –\n  headers of events  x-team (values not shown)\n" in out


def test_doctor_says_who_can_look_into_the_outbox(receiver, directory):
    """What waits there is what people said."""
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    _, out, _ = command("doctor", TCC_URL=receiver.url, TCC_OUTBOX_DIR=str(directory))

    assert "writable, mode 0755, open to other users: it should have mode 0700; " in out
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755


# contextcompany outbox

LEAVES = """
    import os, sys, time

    behind = float(sys.argv[3]) if len(sys.argv) > 3 else 0
    clock = time.time
    time.time = lambda: clock() - behind

    import contextcompany as tcc

    tcc.configure(durability="sync")
    for agent in filter(None, sys.argv[1].split(",")):
        tcc.run(agent=agent).prompt("q").response("a").end()
    for _ in range(sys.argv[2].count("feedback")):
        tcc.submit_feedback("r", score="thumbs_up")
    if sys.argv[2] == "open":
        still_open = tcc.run(agent="open").prompt("q")
    if sys.argv[2] == "stays":
        print("ready", flush=True)
        sys.stdin.read()
    os._exit(0)
"""
"""Runs of the agents named by the first argument; then the process ends without sending them."""


@pytest.fixture
def outbox(receiver, directory):
    """The environment of programs whose receiver takes nothing at first."""
    receiver.answer(503)
    return {"TCC_OUTBOX_DIR": str(directory), "TCC_URL": receiver.url, "TCC_API_KEY": KEY}


@pytest.fixture
def running(outbox):
    """A process that holds a file of its own."""
    program = start_program(LEAVES, "busy", "stays", stdin=subprocess.PIPE, **outbox)
    assert program.stdout.readline() == "ready\n"
    yield program
    finish(program)


def leave(agents, outbox, then="", behind=0.0, **environ):
    run_program(LEAVES, agents, then, str(behind), **{**outbox, **environ})


def status(outbox):
    """What waits; how large files are varies with when SQLite writes its journal back."""
    told = json.loads(command("outbox", "--json", **outbox)[1])
    return {**told, "files": [{**file, "bytes": None} for file in told["files"]]}


def names(receiver):
    return sorted(span.name.removeprefix("invoke_agent ") for span in receiver.spans())


def test_an_outbox_that_is_not_there(directory):
    """Nothing is no error, and looking makes no directory."""
    where = {"TCC_OUTBOX_DIR": str(directory)}

    assert command("outbox", **where) == (
        0,
        f"{directory} (from TCC_OUTBOX_DIR)\nNothing of ended processes waits.\n",
        "",
    )
    assert command("outbox", "dead", **where) == (0, "There are no dead letters.\n", "")
    assert not directory.exists()


def test_what_waits(outbox, running, receiver, directory):
    """Each file with what it holds, for whom and since when; that of a running process only by its size."""
    leave("a,b", outbox, "feedback", behind=3 * 3600)
    leave("c", outbox, "open", TCC_URL="http://127.0.0.1:9/in?token=hush", behind=600)
    (directory / "7-x.outbox").write_text("no database")

    code, out, _ = command("outbox", **outbox)

    told = re.sub(r"(?m)(?<=  )[\d.]+ (KiB|bytes)$|^  \d+ ", "#", out)
    rows = [re.split(r"\s{2,}", line.strip()) for line in told.splitlines()]
    assert code == 0
    assert rows == [
        [f"{directory} (from TCC_OUTBOX_DIR)"],
        [""],
        ["process", "what waits", "for", "oldest", "size"],
        ["#", "2 spans", f"{receiver.url}/v1/traces", "3 h", "#"],
        ["1 event", f"{receiver.url}/v1/traces", "3 h"],
        ["#", "1 span", "http://127.0.0.1:9/in", "10 min", "#"],
        ["1 span left open"],
        ["#", "damaged: 7-x.outbox", "#"],
        ["#", "in use by a running process", "#"],
        [""],
        ["5 spans or events of ended processes wait. The next program here that sends to the same place sends"],
        ["them along; `contextcompany outbox flush` does it now."],
        ["1 file of a running process, which sends what is in it."],
    ]


def test_looking_changes_nothing(outbox):
    """What was seen once is seen again, runs that were left open included."""
    leave("a", outbox, "open")
    first, second = status(outbox), status(outbox)

    (file,) = first["files"]
    assert first == second
    assert (file["state"], file["open"], [each["items"] for each in file["waiting"]]) == ("waiting", 1, [1])


def test_flush(outbox, receiver, running):
    """It sends what ended processes left, runs left open as incomplete; who runs sends what is theirs themselves."""
    leave("a,b", outbox, "feedback")
    leave("c", outbox, "open")

    refused = command("outbox", "flush", "--timeout", "5", **outbox)
    receiver.answer()
    done = command("outbox", "flush", **outbox)
    again = command("outbox", "flush", "--json", **outbox)

    there = f"{receiver.url}/v1/traces"
    assert refused == (
        1,
        (
            f"0 delivered to {there}, 5 left, 0 dead.\n"
            "It takes no more: 503 Service Unavailable. `contextcompany doctor` says what to do.\n"
            "1 file of a running process, which sends what is in it.\n"
        ),
        "",
    )
    assert done == (
        0,
        f"5 delivered to {there}, 0 left, 0 dead.\n1 file of a running process, which sends what is in it.\n",
        "",
    )
    assert (again[0], json.loads(again[1])["delivered"]) == (0, 0)
    assert [name for name in names(receiver) if name != "busy"] == ["a", "b", "c", "open"]
    assert len(receiver.logs()) == 1
    assert [file["state"] for file in status(outbox)["files"]] == ["in use"]


def test_flush_by_destination(outbox, receiver):
    """What was meant for another key stays, but with --any-key; what was meant for another place stays anyway."""
    receiver.answer()
    leave("a", outbox, TCC_URL="http://127.0.0.1:9")
    receiver.answer(503)
    leave("b", outbox, TCC_API_KEY="tcc_other")
    receiver.answer()

    code, out, _ = command("outbox", "flush", **outbox)
    assert (code, out.splitlines()[1:], names(receiver)) == (
        0,
        [
            "1 span or event for the same URL under another key; `--any-key` sends them with this.",
            "1 span or event for other places.",
        ],
        [],
    )
    code, out, _ = command("outbox", "flush", "--any-key", **outbox)
    assert (code, out.splitlines()[1:], names(receiver)) == (0, ["1 span or event for other places."], ["b"])
    assert receiver.spans()[0].headers["authorization"] == f"Bearer {KEY}"


def refuse(receiver, *statuses):
    """Answer so one after the other, and then take everything."""
    receiver.answer()
    for status in statuses:
        receiver.answer(status, body=b"too long", headers={"content-type": "text/plain"}, times=1)


@pytest.fixture
def dead(outbox, receiver):
    """An outbox with one dead letter, a run of the agent "a"; the receiver takes everything now."""
    leave("a", outbox)
    refuse(receiver, 400, 200, 400)  # the run, a stub in its place, the run again
    code, out, _ = command("outbox", "flush", **outbox)
    assert (code, out) == (
        0,
        (
            f"0 delivered to {receiver.url}/v1/traces, 0 left, 1 dead.\n"
            "What it refuses for good: `contextcompany outbox dead`.\n"
        ),
    )
    receiver.clear()
    return outbox


def test_dead_letters(dead, receiver):
    """Each with what it is, and why nobody took it."""
    code, out, _ = command("outbox", "dead", **dead)
    (letter,) = json.loads(command("outbox", "dead", "--json", **dead)[1])

    assert code == 0
    assert re.sub(r"\d+ (s|bytes)", "N", out) == (
        "span invoke_agent a, N\n"
        "  refused  400 Bad Request: too long (N ago)\n"
        f"  by       {receiver.url}/v1/traces\n"
        f"  trace    {letter['trace_id']}\n"
        f"  span     {letter['span_id']}\n"
    )
    assert (letter["name"], letter["signal"], letter["reason"]) == (
        "invoke_agent a",
        "traces",
        "400 Bad Request: too long",
    )


def test_dead_letters_can_be_sent_again(dead, receiver):
    """Put back, the next flush sends all of it, to where it was meant to go."""
    (letter,) = json.loads(command("outbox", "dead", "--json", **dead)[1])

    assert command("outbox", "dead", "--retry", **dead) == (
        0,
        "1 span or event put back; `contextcompany outbox flush` sends what waits.\n",
        "",
    )
    assert command("outbox", "dead", **dead)[1] == "There are no dead letters.\n"
    assert command("outbox", "flush", **dead)[0] == 0
    (span,) = receiver.spans()
    assert (span.name, span.trace_id, span.span_id) == (letter["name"], letter["trace_id"], letter["span_id"])
    assert "gen_ai.input.messages" in span.attributes


def test_dead_letters_can_be_exported(dead, tmp_path):
    """As OTLP, JSON or protobuf, in a file that nobody else can read."""
    (letter,) = json.loads(command("outbox", "dead", "--json", **dead)[1])
    as_json, as_protobuf = tmp_path / "letters.json", tmp_path / "letters.pb"
    told = command("outbox", "dead", "--export", str(as_json), **dead)[1]
    command("outbox", "dead", "--export", str(as_protobuf), **dead)

    assert told == f"1 dead letter written to {as_json}. They may hold what people said.\n"
    (from_json,) = json.loads(as_json.read_text())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    (from_protobuf,) = (
        ExportTraceServiceRequest.FromString(as_protobuf.read_bytes()).resource_spans[0].scope_spans[0].spans
    )
    ids = (letter["trace_id"], letter["span_id"])
    assert (from_json["name"], from_json["traceId"], from_json["spanId"]) == ("invoke_agent a", *ids)
    assert (from_protobuf.name, from_protobuf.trace_id.hex(), from_protobuf.span_id.hex()) == ("invoke_agent a", *ids)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (as_json, as_protobuf)} == {0o600}


def test_events_among_dead_letters(dead, outbox, receiver, tmp_path):
    """Feedback is an event; it has a name and ids, and a file of its own beside the spans."""
    receiver.answer(503)
    leave("", outbox, "feedback, feedback")
    refuse(receiver, 400, 400, 200, 400)  # both, the first, the second, the first again
    command("outbox", "flush", **outbox)

    span, event = json.loads(command("outbox", "dead", "--json", **outbox)[1])
    as_json, as_protobuf = tmp_path / "letters.jsonl", tmp_path / "letters.pb"
    command("outbox", "dead", "--export", str(as_json), **outbox)
    told = command("outbox", "dead", "--export", str(as_protobuf), **outbox)[1]
    again = command("outbox", "dead", "--retry", **outbox)[0], command("outbox", "flush", **outbox)[0]

    assert (span["signal"], event["signal"], event["name"]) == ("traces", "logs", "gen_ai.evaluation.result")
    assert f"{as_protobuf} and {tmp_path / 'letters.logs.pb'}" in told
    records = ExportLogsServiceRequest.FromString((tmp_path / "letters.logs.pb").read_bytes())
    assert records.resource_logs[0].scope_logs[0].log_records[0].trace_id.hex() == event["trace_id"]
    spans, logs = map(json.loads, as_json.read_text().splitlines())
    assert (list(spans), list(logs)) == (["resourceSpans"], ["resourceLogs"])
    assert logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["traceId"] == event["trace_id"]
    assert again == (0, 0)
    assert len(receiver.logs()) == 2


def test_purge(dead, running, directory):
    """It deletes what ended processes left and the dead letters, and nothing that is in use."""
    leave("b,c", dead, TCC_URL="http://127.0.0.1:9")
    (directory / "7-x.outbox").write_text("no database")
    before = status(dead)

    refused = command("outbox", "purge", **dead)
    assert (refused[0], refused[2]) == (
        1,
        (
            f"✗ Delete what waits of ended processes, and the dead letters in {dead['TCC_OUTBOX_DIR']}? "
            "There is nobody to ask; say --yes.\n"
        ),
    )
    assert status(dead) == before
    assert command("outbox", "purge", "--dead", "--yes", **dead)[1] == "Deleted: 1 dead letter.\n"
    assert status(dead)["files"] == before["files"]
    assert command("outbox", "purge", "--yes", **dead)[1] == "Deleted: 2 spans or events, 1 damaged file.\n"
    assert [file["state"] for file in status(dead)["files"]] == ["in use"]


def test_purge_by_age(outbox, directory):
    """Only what is older, and what was said is not left behind in the file."""
    leave("a", outbox, "open", behind=3 * 3600)
    leave("b", outbox, behind=3600)

    assert command("outbox", "purge", "--older-than", "7d", "--yes", **outbox)[1] == "There was nothing to delete.\n"
    assert command("outbox", "purge", "--older-than", "2h", "--yes", **outbox)[1] == "Deleted: 2 spans or events.\n"
    (file,) = status(outbox)["files"]
    assert [each["items"] for each in file["waiting"]] == [1]
    assert command("outbox", "purge", "--older-than", "soon", **outbox)[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("said", "left"), [("y\n", []), ("\n", ["waiting"]), ("\x04", ["waiting"])])
def test_purge_asks_on_a_terminal(outbox, said, left):
    """Anything but a yes is a no."""
    leave("a", outbox)
    ours, theirs = os.openpty()
    os.write(ours, said.encode())
    try:
        done = subprocess.run(
            [sys.executable, "-m", "contextcompany", "outbox", "purge"],
            env={**os.environ, **outbox},
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.stdout.startswith(
        f"Delete what waits of ended processes, and the dead letters in {outbox['TCC_OUTBOX_DIR']}?"
    )
    assert (done.returncode, done.stderr) == (len(left), "")
    assert [file["state"] for file in status(outbox)["files"]] == left


# The rest.


@pytest.mark.parametrize(
    "arguments", [["--help"], ["outbox", "--help"], ["outbox", "flush", "--help"], ["doctor", "--help"]]
)
def test_help(arguments):
    """Every command says what it does."""
    code, out, _ = command(*arguments)

    assert (code, out.startswith("usage: contextcompany")) == (0, True)


def test_dead_letters_that_are_damaged(directory):
    """They are shown as a damaged file, and can be deleted."""
    directory.mkdir(0o700)
    (directory / "dead-letters.db").write_bytes(b"x" * 5000)
    environ = {"TCC_OUTBOX_DIR": str(directory)}

    code, out, err = command("outbox", **environ)

    assert (code, err, "damaged: dead-letters.db.corrupt" in out) == (0, "", True)
    assert command("outbox", "purge", "--yes", **environ) == (0, "Deleted: 1 damaged file.\n", "")


def test_terminals_without_our_signs(directory):
    """On Windows, what goes into a file is cp1252, which has no check mark."""
    for encoding in ("cp1252", "ascii"):
        code, out, err = command("doctor", TCC_OUTBOX_DIR=str(directory), PYTHONIOENCODING=encoding)
        assert (code, err, "Findings" in out) == (1, "", True)

        code, out, err = command("outbox", "purge", TCC_OUTBOX_DIR=str(directory), PYTHONIOENCODING=encoding)
        assert (code, out, "Traceback" in err) == (1, "", False)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_that_has_seen_enough(directory):
    """`contextcompany doctor | head -1` ends without a word about it."""
    done = subprocess.run(
        f'"{sys.executable}" -m contextcompany outbox | true',
        env={**os.environ, "TCC_OUTBOX_DIR": str(directory)},
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_an_outbox_that_cannot_be_read(tmp_path):
    """An error of the disk is told, not a traceback."""
    (tmp_path / "outbox").touch()

    code, out, err = command("outbox", TCC_OUTBOX_DIR=str(tmp_path / "outbox"))

    assert (code, out) == (1, "")
    assert err.startswith("✗ The outbox cannot be read or written: ")
