"""The command `contextcompany`, as people run it: in processes of its own, against a real receiver."""

import json
import os
import stat
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from programs import run_program

KEY = "tcc_0123456789abcdef"


def command(*arguments, **environ):
    """Exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "contextcompany", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
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


def test_doctor_says_who_can_look_into_the_outbox(receiver, directory):
    """What waits there is what people said."""
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    _, out, _ = command("doctor", TCC_URL=receiver.url, TCC_OUTBOX_DIR=str(directory))

    assert "writable, mode 0755, open to other users: it should have mode 0700; " in out
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755
