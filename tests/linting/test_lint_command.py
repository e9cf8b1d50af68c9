"""`contextcompany lint`, as users run it."""

import errno
import gzip
import http.client
import json
import signal
import socket
import socketserver
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sound import START, Item, pairs, sound

import contextcompany as tcc
from contextcompany.cli import main
from contextcompany.linting import RULES

LINT = [sys.executable, "-m", "contextcompany", "lint"]


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs it here, on a terminal of 100 columns: the exit code, and what it says."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        try:
            code = main(["lint", *map(str, arguments)])
        except SystemExit as error:
            code = error.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def written(tmp_path):
    """Puts an export into a file."""

    def write(*changes, name="export.json"):
        path = tmp_path / name
        path.write_bytes(sound(*changes).body())
        return path

    return write


def test_a_sound_file_is_said_to_be_sound(run, written):
    """In one line, with what was checked."""
    assert run(written()) == (0, "Checked 8 spans and 3 log records: 0 violations and 0 improvements.\n", "")


def test_a_finding_says_what_is_wrong_what_others_miss_and_what_to_do(run, written):
    """And where it is."""
    code, said, _ = run(written(lambda x: x.step.rename("gen_ai.provider.name", "gen_ai.system")))

    assert code == 1
    assert said == (
        "violation: deprecated\n"
        "  `gen_ai.system` has been given up. Write `gen_ai.provider.name`.\n"
        "  Others miss what it says, if they read the conventions as they are now.\n"
        "  In line 1: chat gpt-4o, span 0000000000000002, trace 5b8efff798038103d269b633813fc60c\n"
        "\n"
        "Checked 8 spans and 3 log records: 1 violation and 0 improvements.\n"
    )


def test_what_is_wrong_in_many_spans_is_said_once(run, tmp_path):
    """With their number, the most frequent first."""
    path = tmp_path / "many.jsonl"
    lines = []
    for number in range(500):
        export = sound(lambda x: x.step.set("gen_ai.usage.input_tokens", "100"))
        for each in vars(export).values():
            if isinstance(each, Item) and "traceId" in each.json:
                each.json["traceId"] = f"{number + 1:032x}"
        if number == 7:
            export.tool.fail()
        lines.append(export.body())
    path.write_bytes(b"\n".join(lines))

    code, said, _ = run(path)

    assert code == 1
    assert [line for line in said.splitlines() if line.startswith("violation")] == [
        "violation: type_mismatch, 500 times",
        "violation: conditionally_required_attribute_not_present",
    ]
    assert "  First in line 1: chat gpt-4o, span 0000000000000002" in said
    assert "  In line 8: execute_tool find_order, span 0000000000000003" in said


def test_levels(run, written):
    """What is less bad than the level is only counted."""
    path = written(lambda x: x.step.put(name="chat"), lambda x: x.find.set("gen_ai.request.top_k", 5))

    assert "span_name" in run(path)[1]
    assert run(path)[1].endswith("0 violations and 1 improvement. --level information shows 1 more.\n")
    assert "int_for_double" in run(path, "--level", "information")[1]
    assert run(path, "--level", "violation")[:2] == (
        0,
        "Checked 8 spans and 3 log records: 0 violations and 1 improvement. --level information shows 2 more.\n",
    )


def test_as_json(run, written):
    """The same, as data."""
    code, said, _ = run(written(lambda x: x.tool.fail()), "--json")

    told = json.loads(said)
    [found] = told.pop("findings")
    assert code == 1
    assert told == {"spans": 8, "logs": 3, "counts": {"violation": 1, "improvement": 0, "information": 0}}
    assert found == {
        "rule": "conditionally_required_attribute_not_present",
        "level": "violation",
        "attribute": "error.type",
        "message": "`error.type` is missing, which is required if the operation ended in an error.",
        "missed": "what kind of error it was, by which errors are grouped",
        "advice": "Set it.",
        "times": 1,
        "example": {
            "place": "line 1",
            "trace_id": "5b8efff798038103d269b633813fc60c",
            "span_id": "0000000000000003",
            "name": "execute_tool find_order",
        },
    }


def test_protobuf_and_gzip(run, tmp_path):
    """Whatever a file is called."""
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name="chat",
        kind=3,
        start_time_unix_nano=START,
        end_time_unix_nano=START - 1,
    )
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    path = tmp_path / "spans"
    path.write_bytes(gzip.compress(request.SerializeToString()))

    told = json.loads(run(path, "--json")[1])

    assert [each["rule"] for each in told["findings"]] == ["end_before_start", "service_name", "scope_name"]


def test_files_are_one_export(run, written, tmp_path):
    """What is the parent of a span may be in another file."""
    child = written(lambda x: x.find.put(parentSpanId="f" * 16), name="children.json")
    parent = Item({**sound().run.json, "spanId": "f" * 16, "parentSpanId": f"{1:016x}", "attributes": pairs({})})
    request = {"resourceSpans": [{"resource": sound().resource.json, "scopeSpans": [{"spans": [parent.json]}]}]}
    request["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": "x"}
    (tmp_path / "parents.json").write_text(json.dumps(request))

    assert "parent_not_present" in run(child)[1]
    assert "parent_not_present" not in run(child, tmp_path / "parents.json")[1]


def test_standard_input():
    """As from `contextcompany export`."""
    body = sound(lambda x: x.step.put(links=[{}])).body()
    done = subprocess.run([*LINT, "-"], input=body, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(b"violation: invalid_link")


def test_it_needs_nothing_of_the_observatory(written):
    """Files are checked where the packages of the extra are not installed, and so is what comes."""
    blocked = "import sys; sys.modules.update(dict.fromkeys(('starlette', 'uvicorn', 'jinja2', 'anyio')));"
    code = f"{blocked} from contextcompany.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "lint"]

    assert subprocess.run([*command, written()], capture_output=True, check=False).returncode == 0
    done = subprocess.run([*command, "--listen", "0", "--for", "0.1"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_a_name_holds_is_not_obeyed(run, written):
    """By the terminal."""
    said = run(written(lambda x: x.step.put(name="chat\x1b[31m\nviolation: fake")))[1]

    assert "\x1b" not in said
    assert "chat\\x1b[31m violation: fake" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name files, - for standard input, or give --listen."),
        (["-", "--listen"], "Name files, - for standard input, or give --listen."),
        (["-", "--for", "3"], "--for and --count are for --listen."),
        (["there-is-none.json"], "there-is-none.json cannot be read: No such file or directory."),
        (["--listen", "notaport"], "'notaport' is no port"),
    ],
)
def test_asked_wrongly(run, arguments, said):
    """Exits with 2: 1 says that there are violations."""
    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert said in err


def test_rules_are_listed(run):
    """All of them."""
    code, said, _ = run("--rules")
    told = json.loads(run("--rules", "--json")[1])

    assert code == 0
    assert all(f"  {rule.id} " in said and rule.brief in said for rule in RULES)
    assert told == [rule._asdict() for rule in RULES]


# --- what comes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def listen():
    """Starts it, on a free port; gives the process and its URL."""
    started = []

    def start(*arguments):
        command = [*LINT, "--listen", "0", "--json", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        started.append(process)
        return process, json.loads(process.stdout.readline())["url"]

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait()


def post(url, path, body, content_type="application/json", **headers):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    headers = {"Content-Type": content_type, **{key.replace("_", "-"): value for key, value in headers.items()}}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answered = answer.status, answer.read()
    connection.close()
    return answered


def test_what_many_items_are_refused_for_is_said_once(run, written):
    """With the first of them, and what it has."""
    base64 = {"traceId": "W47/95gDgQPSabYzgT/GDA=="}, {"traceId": "W47/95gDgQPSabYzgT/GDQ=="}
    code, said, _ = run(written(lambda x: x.step.put(**base64[0]), lambda x: x.find.put(**base64[1], name="a): b")))

    assert code == 1
    assert said.startswith(
        "violation: refused_item, 2 times\n"
        "  An item cannot be taken: `traceId` is not an id in hex. Write ids in hex. Protobuf's own JSON\n"
        "  writers make base64 of them.\n"
    )
    assert "\n  First in line 1: span 2: `traceId` is 'W47/95gDgQPSabYzgT/GDA==', not an id in hex\n" in said


def test_there_is_an_end_to_what_is_shown(run, written):
    """Of each level by itself, and it is said how much is left out."""
    made_up = {f"gen_ai.{number:x<30}": number for number in range(1002)}
    code, said, _ = run(
        written(
            lambda x: [x.run.set(*each) for each in made_up.items()],
            lambda x: x.step.set("gen_ai.usage.input_tokens", "100"),
        )
    )

    assert code == 1
    assert said.startswith("violation: type_mismatch\n")
    assert said.count("improvement: missing_attribute\n") == 1000
    assert said.endswith("There were too many different ones: 2 are not shown.\n")


def test_what_comes_is_said_at_once(listen):
    """From a program that records with the SDK; at the end, what there was."""
    process, url = listen("--count", "1")
    tcc.configure(url=url)
    tcc.run("r-1", agent="support").prompt("p").response("r").end()
    tcc.flush(5)

    *found, told = map(json.loads, process.stdout)
    assert process.wait(10) == 0
    assert [each["rule"] for each in found] == ["service_name"]
    assert told["spans"] == 1
    assert told["counts"]["violation"] == 0


def test_requests_are_answered_as_a_receiver_answers(listen):
    """So that exporters go on; what is no OTLP is a finding too."""
    process, url = listen("--count", "4")
    spoilt = sound(lambda x: x.step.set("gen_ai.usage.input_tokens", "100")).body()

    assert post(url, "/v1/traces", gzip.compress(spoilt), Content_Encoding="gzip") == (200, b"{}")
    assert post(url, "/v1/traces", sound(lambda x: x.find.put(spanId="")).body())[0] == 200
    assert post(url, "/v1/metrics", b"{}") == (200, b"{}")
    assert post(url, "/v1/elsewhere", b"{}")[0] == 404
    assert post(url, "/v1/traces", b"not JSON")[0] == 400
    assert post(url, "/v1/traces", b"x", "text/plain")[0] == 400

    rules = [each.get("rule") for each in map(json.loads, process.stdout)][:-1]
    assert process.wait(10) == 1
    assert rules[:3] == ["type_mismatch", "refused_item", "unreadable"]


def test_a_body_may_come_in_chunks(listen):
    """As the exporters for Node.js send all of theirs; the connection is used again."""
    process, url = listen("--count", "3")
    body = gzip.compress(sound(lambda x: x.step.set("gen_ai.usage.input_tokens", "100")).body())
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answers = []
    for _ in range(2):
        pieces = iter([body[:100], body[100:]])
        connection.request("POST", "/v1/traces", pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        answers.append((answer.status, answer.read()))
    connection.request("POST", "/v1/traces", b"many\r\n", {**headers, "Transfer-Encoding": "chunked"})
    refused = connection.getresponse()

    assert answers == [(200, b"{}")] * 2
    assert (refused.status, refused.read()) == (
        400,
        b'{"code":3,"message":"The body has chunks of no size, or of too much."}',
    )
    connection.close()
    *found, told = map(json.loads, process.stdout)
    assert process.wait(10) == 1
    assert [each["rule"] for each in found] == ["type_mismatch", "unreadable"]
    assert found[1]["message"] == "It cannot be read as OTLP: The body has chunks of no size, or of too much."
    assert told["spans"] == 16


def test_a_client_that_goes_away_is_not_worth_a_word(listen):
    """The others are heard as before."""
    process, url = listen("--count", "1")
    client = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    client.sendall(b"POST /v1/metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    assert client.recv(12) == b"HTTP/1.1 200"
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it is cut, rather than closed
    client.close()
    assert post(url, "/v1/traces", sound().body()) == (200, b"{}")

    assert process.wait(10) == 0
    assert process.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGINT for one process")
def test_it_ends_with_ctrl_c(listen):
    """And says what there was, as at any end."""
    process, url = listen()
    post(url, "/v1/traces", sound(lambda x: x.find.put(parentSpanId="f" * 16)).body())
    process.send_signal(signal.SIGINT)

    *found, told = map(json.loads, process.stdout)
    assert process.wait(10) == 0
    assert "parent_not_present" in [each["rule"] for each in found]
    assert told["spans"] == 8


def test_a_port_that_is_taken(run, receiver):
    """Is said with the way out."""
    port = receiver.url.rpartition(":")[2]

    code, _, said = run("--listen", port)

    assert (code, said) == (2, f"✗ Something listens at port {port} already. Give another: --listen PORT.\n")


def test_a_port_that_may_not_be_had(run, monkeypatch):
    """As below 1024; 1 would say that there are violations."""

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socketserver.TCPServer, "server_bind", refuse)

    assert run("--listen", "80") == (
        2,
        "",
        "✗ Port 80 cannot be listened at: Permission denied. Give another: --listen PORT.\n",
    )


# --- exports of others -----------------------------------------------------------------------------------------------

FIXTURES = Path(__file__).parents[1] / "observatory" / "fixtures"

FOUND = {
    "langfuse": {"other_convention"},
    "logfire_anthropic": {"missing_attribute", "span_name", "type_mismatch"},
    "logfire_openai": {"missing_attribute", "span_name", "type_mismatch"},
    "mlflow": {"other_convention"},
    "official_anthropic": {"conditionally_required_attribute_not_present", "span_name", "spelled_otherwise"},
    "official_genai": {"conditionally_required_attribute_not_present"},
    "official_langchain": set(),
    "official_v2": {"conditionally_required_attribute_not_present", "deprecated", "missing_attribute"},
    "openinference_anthropic": {"other_convention"},
    "openinference_langchain": {"other_convention"},
    "openinference_openai": {"other_convention"},
    "openllmetry_anthropic": {
        "conditionally_required_attribute_not_present",
        "deprecated",
        "recommended_attribute_not_present",
        "required_attribute_not_present",
        "span_name",
        "spelled_otherwise",
    },
    "openllmetry_openai": {
        "deprecated",
        "missing_attribute",
        "other_convention",
        "recommended_attribute_not_present",
        "required_attribute_not_present",
        "span_name",
        "spelled_otherwise",
    },
    "pydantic_ai": {
        "conditionally_required_attribute_not_present",
        "message_schema",
        "missing_attribute",
        "spelled_otherwise",
    },
    "vercel_7": {
        "conditionally_required_attribute_not_present",
        "missing_attribute",
        "service_name",
        "span_name",
        "spelled_otherwise",
    },
    "vercel_by_tcc": {
        "deprecated",
        "other_convention",
        "required_attribute_not_present",
        "service_name",
        "span_name",
        "spelled_otherwise",
    },
    "vercel": {
        "deprecated",
        "other_convention",
        "required_attribute_not_present",
        "service_name",
        "span_name",
        "spelled_otherwise",
    },
}
"""What is found in what other SDKs export, but that it was recorded with the names of enums."""


def test_payloads_of_the_original_sdk(run, tmp_path):
    """They are no OTLP, and what an Observatory makes of them is not checked."""
    sent = json.loads((FIXTURES / "custom" / "contextcompany.json").read_bytes())
    payloads = [payload for path, payload in sent if path == "/v1/custom"]
    file = tmp_path / "payloads.jsonl"
    file.write_text("\n".join(map(json.dumps, payloads)))

    told = json.loads(run(file, "--json")[1])

    assert (told["spans"], told["logs"]) == (0, 0)
    assert [(each["rule"], each["times"]) for each in told["findings"]] == [("unreadable", len(payloads))]


def test_all_fixtures_are_here():
    """Those that are spans."""
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_exports_of_others(run, name):
    """Each was looked at, and is true."""
    told = json.loads(run(FIXTURES / f"{name}.json", "--json")[1])

    assert {each["rule"] for each in told["findings"]} - {"enum_not_number"} == FOUND[name]
