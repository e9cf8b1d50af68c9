"""What the JSON API answers, over real sockets."""

import gzip
import itertools
import json
import math
import sqlite3
from contextlib import closing

import pytest
import requests
from spans import batch, feedback, log, messages, run, step, tool_call, trace_id

import contextcompany as tcc
from contextcompany.observatory import api, queries, searching
from contextcompany.observatory.store import SlowError, Store

NO_PROBLEM = {"token": None, "suggestion": None}


def get(observatory, path, **parameters):
    return requests.get(observatory.url + path, params=parameters, timeout=20)


def of(observatory, path, **parameters):
    """What is answered."""
    response = get(observatory, path, **parameters)
    assert response.status_code == 200, response.text
    return response.json()


# --- runs and spans --------------------------------------------------------------------------------------------------


def test_runs_come_on_pages(store, served):
    """Newest first, with where to go on; as little as possible may be kept of them on the way."""
    for number in range(1, 6):
        store.write(batch(run(number, start=number)))
    first = get(served, "/api/runs", limit=3)
    rest = of(served, "/api/runs", limit=3, after=first.json()["next"])

    assert [int(each["trace_id"], 16) for each in first.json()["runs"] + rest["runs"]] == [5, 4, 3, 2, 1]
    assert (rest["next"], rest["search"]) == (None, None)
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["content-type"] == "application/json"


def test_runs_are_filtered_and_sorted(store, served):
    """As on the page and the command line."""
    store.write(batch(run(1, end=9), run(2, status=(2, "no")), run(3, end=12)))

    found = of(served, "/api/runs", filter="duration>5s", sort="duration")
    assert [(int(each["trace_id"], 16), each["state"]) for each in found["runs"]] == [(3, "ok"), (1, "ok")]
    assert [each["status_message"] for each in of(served, "/api/runs", filter="status:error")["runs"]] == ["no"]


def test_a_run_has_its_spans_and_what_was_thought_of_it(store, served):
    """By its trace's id or its own."""
    store.write(batch(run(1, tcc__runId="r-1"), step(1, 2), tool_call(1, 3, 2, start=0.5), feedback(1, text="good")))
    whole = of(served, "/api/runs/r-1")

    assert whole == of(served, f"/api/runs/{trace_id(1)}")
    assert [(each["kind"], each["depth"]) for each in whole["spans"]] == [("run", 0), ("step", 1), ("tool_call", 2)]
    assert [each["text"] for each in whole["feedback"]] == ["good"]
    assert (whole["run"]["run_id"], whole["run"]["tool_calls"]) == ("r-1", 1)


def test_a_run_comes_in_columns(store, served):
    """The same values, one list per field."""
    store.write(batch(run(1), step(1, 2), step(1, 3)))
    whole, columns = (of(served, f"/api/runs/{trace_id(1)}", columns=each) for each in (0, 1))

    fields = columns["spans"]
    assert [dict(zip(fields, each, strict=True)) for each in zip(*fields.values(), strict=True)] == whole["spans"]
    assert columns["run"] == whole["run"]


def test_a_span_says_all_that_is_known_of_it(store, served):
    """Decoded as we understand it, and as it was received."""
    said = {"gen_ai__input__messages": messages("Hello"), "gen_ai__usage__input_tokens": 5, "bytes": b"\0\xff"}
    event = {"exception": {"exception.type": "Timeout"}}
    store.write(batch(step(1, 2, events=event, other=math.nan, **said), log(1, 2, event="noted", why="so")))
    found = of(served, f"/api/runs/{trace_id(1)}/spans/{2:016X}")

    assert found["fact"]["input"] == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    assert found["fact"]["tokens"]["input"] == 5
    assert (found["span"]["attributes"]["bytes"], found["span"]["attributes"]["other"]) == ("AP8=", None)
    assert found["span"]["events"][0]["attributes"] == {"exception.type": "Timeout"}
    assert found["span"]["resource"]["attributes"]["service.name"] == "shop"
    assert [each["attributes"] for each in found["logs"]] == [{"why": "so"}]
    assert "raw" not in found["span"]


def test_what_is_nested_too_deep_for_json_says_so(store, served):
    """Rather than failing with all that is around it."""
    deep = "[" * 900 + "]" * 900
    store.write(batch(tool_call(1, 2, gen_ai__tool__call__arguments=deep)))
    found = of(served, f"/api/runs/{trace_id(1)}/spans/{2:016x}")

    assert "Nested deeper than" in json.dumps(found["fact"]["args"])
    assert found["fact"]["tool_name"] == "search"


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "parameters", "token", "suggestion"),
    [
        ("/api/runs", {"filter": "statsu:error"}, "statsu:error", "status:error"),
        ("/api/runs", {"filter": "since:" + "9" * 400 + "x"}, "since:" + "9" * 400 + "x", "since:1h"),
        ("/api/runs", {"sort": "durration"}, "durration", "duration"),
        ("/api/runs", {"after": "nonsense"}, "nonsense", None),
        ("/api/runs", {"limit": "many"}, "many", None),
        ("/api/runs", {"limit": "0"}, "0", None),
        ("/api/runs", {"limti": "5"}, "limti", "limit"),
        ("/api/runs", {"limit": ["5", "6"]}, "limit", None),
        ("/api/runs/1", {"columns": "yes"}, "yes", None),
        ("/api/runs/1/spans/2", {"x": "1"}, "x", None),
    ],
)
def test_what_is_wrong_in_a_question_is_named(served, path, parameters, token, suggestion):
    """With what was perhaps meant."""
    response = get(served, path, **parameters)

    assert response.status_code == 400
    assert response.json() == {"message": response.json()["message"], "token": token, "suggestion": suggestion}
    assert response.json()["message"][-1] in ".?"


@pytest.mark.parametrize("filter_", ["since:99999999999999999w", "until:0001-01-01", "duration>" + "9" * 400 + "w"])
def test_times_beyond_what_is_kept_are_just_far_away(store, served, filter_):
    """Rather than too large for the file."""
    store.write(batch(run(1)))

    assert get(served, "/api/runs", filter=filter_).status_code == 200


@pytest.mark.parametrize("path", ["/api/runs/nobody", "/api/runs/nobody/spans/0000000000000001"])
def test_what_is_not_there_is_said(served, path):
    """With what was looked for."""
    response = get(served, path)

    assert response.status_code == 404
    assert "`nobody`" in response.json()["message"]


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/rnus", "/api/runs/1/2"])
def test_who_asks_in_vain_is_told_where_the_document_is(served, path):
    """It has every question."""
    response = get(served, path)

    assert response.status_code == 404
    assert response.json()["message"].endswith("/api/openapi.json says what there is.")


def test_what_takes_too_long_is_stopped(tmp_path):
    """So that others get their answers; what is asked next is answered."""
    endless = "(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n)"
    with Store.open(tmp_path / "slow.db", read_limit_s=0.05) as store:
        store.write(batch(run(1)))
        with pytest.raises(SlowError, match=r"within 0\.05 s"), store.read() as reader:
            reader.rows("runs", 1, where=endless)

        assert len(queries.runs(store).runs) == 1


def test_a_file_that_has_lost_a_table_is_said(store, served):
    """Whatever SQLite finds wrong with it, it is a sentence and no traceback."""
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("ALTER TABLE feedback RENAME TO other")
        response = get(served, "/api/feedback")
        connection.execute("ALTER TABLE other RENAME TO feedback")

    assert response.status_code == 503
    assert "cannot be read: no such table: feedback" in response.json()["message"]


def test_a_file_that_cannot_be_read_is_said(tmp_path, observatories):
    """With when to ask again."""
    store = Store.open(tmp_path / "closed.db")
    served = observatories(store=store)
    store.close()
    response = get(served, "/api/runs")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["message"] == "The store is closed."


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(store, served):
    """Six runs in two sessions, each with a step, a failed tool call and a thumb."""
    for number in range(1, 7):
        said = {"gen_ai__input__messages": messages(f"question {number}"), "tcc__runId": f"run-{number}"}
        asked = step(number, 2, start=number, gen_ai__usage__input_tokens=number, gen_ai__usage__output_tokens=1)
        args = {"gen_ai__tool__call__arguments": f'{{"n": {number}}}'}
        called = tool_call(number, 3, 2, start=number, tool=f"t{number % 2}", status=(2, "no"), error__type="E", **args)
        session = f"s/{number % 2}"
        store.write(batch(run(number, start=number, gen_ai__conversation__id=session, **said), asked, called))
        store.write(batch(feedback(number, text=f"text {number}")))
    return served


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/runs", "runs"),
        ("/api/sessions", "sessions"),
        ("/api/sessions/s/1", "turns"),
        ("/api/feedback", "feedback"),
        ("/api/tool_calls", "tool_calls"),
        ("/api/tool_calls?tool=t1", "tool_calls"),
    ],
)
def test_pages_of_every_list_hold_each_item_once(filled, path, key):
    """In the order of one long page."""
    parameters = {"limit": 1}
    paged = []
    while True:
        page = of(filled, path, **parameters)
        paged += page[key]
        if page["next"] is None:
            break
        parameters["after"] = page["next"]

    whole = of(filled, path, limit=500)[key]
    assert paged == whole
    assert len(whole) == {"runs": 6, "sessions": 2, "turns": 3, "feedback": 6}.get(key, 6 if path[-1] == "s" else 3)


@pytest.mark.parametrize("path", ["/api/sessions", "/api/sessions/s/1", "/api/feedback", "/api/tool_calls"])
def test_a_page_of_another_list_is_none_of_this(filled, path):
    """Its `next` is refused."""
    after = of(filled, "/api/runs", limit=1)["next"]

    assert get(filled, path, after=after).json()["token"] == after


def test_a_session_has_its_turns_in_order(filled):
    """With what was said when somebody wants it, what was thought of each, and totals."""
    found = of(filled, "/api/sessions/s/1", content=1)
    plain = of(filled, "/api/sessions/s/1")

    assert [each["run"]["run_id"] for each in found["turns"]] == ["run-1", "run-3", "run-5"]
    assert [each["input"][0]["parts"][0]["content"] for each in found["turns"]] == [
        "question 1",
        "question 3",
        "question 5",
    ]
    assert [each["feedback"][0]["text"] for each in found["turns"]] == ["text 1", "text 3", "text 5"]
    assert (found["session"]["runs"], found["session"]["input_tokens"], found["session"]["failed"]) == (3, 9, 3)
    assert (plain["turns"][0]["input"], plain["turns"][0]["run"]["prompt"]) == (None, "question 1")
    assert get(filled, "/api/sessions/nobody").status_code == 404


def test_tool_calls_have_their_content_on_demand(filled):
    """It is read span by span."""
    plain, whole = (of(filled, "/api/tool_calls", tool="t1", content=each)["tool_calls"] for each in (0, 1))

    assert [each["args"] for each in whole] == [{"n": 5}, {"n": 3}, {"n": 1}]
    assert [each["args"] for each in plain] == [None] * 3


def test_failures_are_counted(filled):
    """Since a time."""
    (t0, t1) = of(filled, "/api/failures")["failures"]

    assert {(each["name"], each["spans"], each["message"]) for each in (t0, t1)} == {("t0", 3, "no"), ("t1", 3, "no")}
    assert of(filled, "/api/failures", since="1h")["failures"] == []


def test_counts_over_time(filled):
    """By model, agent or tool, or all together; of the last day unless the time is given."""
    found = of(filled, "/api/stats", by="model", since="2025-01-01", hours=24)
    together = of(filled, "/api/stats", since="2025-01-01")

    assert [(each["name"], each["spans"], each["input_tokens"]) for each in found["stats"]] == [("gpt-4o", 6, 21)]
    assert sum(each["spans"] for each in together["stats"]) == 6
    assert of(filled, "/api/stats")["stats"] == []


def test_a_histogram_counts_what_the_filter_lets_through(store, served):
    """In bars of a width that a person reads, without gaps, with errors."""
    for number in range(1, 31):
        store.write(batch(run(number, start=number * 60, status=(2 if number == 7 else 1, ""))))
    found = of(served, "/api/histogram", bars=10)
    some = of(served, "/api/histogram", filter="status:error")

    assert found["width_ns"] == 300 * 10**9
    assert sum(each["runs"] for each in found["bars"]) == 30
    assert [each["errors"] for each in found["bars"]].count(1) == 1
    starts = [each["start_ns"] for each in found["bars"]]
    assert {after - before for before, after in itertools.pairwise(starts)} == {found["width_ns"]}
    assert all(each % found["width_ns"] == 0 for each in starts)
    assert len(found["bars"]) <= 11
    assert [(each["runs"], each["errors"]) for each in some["bars"]] == [(1, 1)]
    assert of(served, "/api/histogram", since="1h")["bars"] == []
    assert of(served, "/api/histogram", filter="model:none")["bars"] == []


@pytest.mark.parametrize(
    ("parameters", "values"),
    [
        ({"key": "tool"}, ["t0", "t1"]),
        ({"key": "tool", "prefix": "t1"}, ["t1"]),
        ({"key": "session", "prefix": "s"}, ["s/0", "s/1"]),
        ({"key": "feedback"}, ["thumbs_up"]),
        ({"key": "run", "prefix": "run-4"}, ["run-4"]),
        ({"key": "status", "prefix": "l"}, ["lost"]),
        ({"key": "cost"}, []),
    ],
)
def test_values_that_occur_complete_a_filter(filled, parameters, values):
    """Those that begin so."""
    assert sorted(each["value"] for each in of(filled, "/api/values", **parameters)["values"]) == values


def test_keys_complete_a_filter(served):
    """With what each means."""
    (key,) = of(served, "/api/values", prefix="sta")["keys"]

    assert key == {"name": "status", "about": "ok, error, partial, unset, running or lost"}


def test_a_phrase_is_searched(store, filled):
    """And it is said how far the search looked."""
    while searching.trailing(store).trailing:
        pass
    found = of(filled, "/api/search", q="question 4")

    assert [each["trace_id"] for each in found["hits"]] == [trace_id(4)]
    assert found["search"]["trailing"] == 0
    assert get(filled, "/api/search").json()["token"] == "q"


def test_two_runs_are_compared(filled):
    """Side by side; both must be there."""
    found = of(filled, "/api/compare", a="run-1", b="run-2")

    assert (found["before"]["run_id"], found["after"]["run_id"]) == ("run-1", "run-2")
    assert [each["kind"] for each in found["pairs"] if each["before"] and each["after"]][:2] == ["run", "step"]
    assert "`nobody`" in get(filled, "/api/compare", a="run-1", b="nobody").json()["message"]
    assert get(filled, "/api/compare", a="run-1").json()["token"] == "b"


def test_the_file_tells_of_itself(filled):
    """How large it is, and what is in it."""
    about = of(filled, "/api/settings")

    assert (about["runs"], about["spans"]) == (6, 18)
    assert about["bytes"] > 0


# --- to take along ---------------------------------------------------------------------------------------------------


def test_a_span_is_there_as_it_was_received(filled):
    """As a request of OTLP's JSON."""
    found = of(filled, f"/api/runs/run-1/spans/{2:016x}/otlp")

    (of_resource,) = found["resourceSpans"]
    assert of_resource["scopeSpans"][0]["spans"][0]["name"] == "span"
    assert get(filled, "/api/runs/run-1/spans/00/otlp").status_code == 404


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        ({}, {1, 2, 3, 4, 5, 6}),
        ({"filter": "tool:t1"}, {1, 3, 5}),
        ({"runs": "run-1,nobody,run-2"}, {1, 2}),
    ],
)
def test_runs_are_exported_and_imported_again(filled, tmp_path, observatories, parameters, ids):
    """All, those that a filter lets through, or some by their ids; what is imported twice is kept once."""
    exported = get(filled, "/api/export", **parameters)
    with Store.open(tmp_path / "other.db") as store:
        other = observatories(store=store)
        headers = {"Content-Type": "application/x-ndjson"}
        reports = [
            requests.post(other.url + "/api/import", data=body, headers=headers, timeout=20).json()
            for body in (exported.content, gzip.compress(exported.content))
        ]
        found = of(other, "/api/runs")["runs"]
        thought = of(other, "/api/feedback")["feedback"]

    assert exported.headers["content-disposition"] == 'attachment; filename="runs.otlp.jsonl"'
    assert {int(each["trace_id"], 16) for each in found} == ids
    assert len(thought) == len(ids)
    assert [(each["spans"], each["refused"]) for each in reports] == [(3 * len(ids), 0)] * 2


def test_one_run_is_exported(filled):
    """In the form that is asked for."""
    line = get(filled, "/api/runs/run-1/export", format="jsonl")

    assert json.loads(line.content)["run"]["run_id"] == "run-1"
    assert trace_id(1) in line.headers["content-disposition"]
    assert get(filled, "/api/runs/nobody/export").status_code == 404
    assert get(filled, "/api/runs/run-1/export", format="pdf").json()["token"] == "pdf"
    assert get(filled, "/api/export", runs="run-1", filter="tool:t1").json()["token"] == "runs"


def test_what_is_no_file_of_runs_is_refused_line_by_line(served):
    """With where and why."""
    headers = {"Content-Type": "application/json"}
    report = requests.post(served.url + "/api/import", data=b'{"a": 1}', headers=headers, timeout=20).json()

    assert (report["spans"], report["refused"]) == (0, 1)
    assert "neither OTLP" in report["refusals"][0]["reason"]


def test_a_file_that_is_too_large_is_refused(served, monkeypatch):
    """While it arrives."""
    monkeypatch.setattr(api, "MAX_IMPORT_BYTES", 2**20)
    headers = {"Content-Type": "application/json"}
    response = requests.post(served.url + "/api/import", data=b" " * 2**21, headers=headers, timeout=20)

    assert response.status_code == 413
    assert "contextcompany import" in response.json()["message"]


# --- what changes something ------------------------------------------------------------------------------------------


def post(observatory, path, **body):
    return requests.post(observatory.url + path, json=body, timeout=20)


def test_feedback_is_kept_as_if_the_sdk_had_sent_it(filled):
    """About a run by its id, or one of its spans."""
    kept = post(filled, "/api/feedback", run_id="run-1", label="thumbs_down", text="wrong").json()
    post(filled, "/api/feedback", run_id=trace_id(1), span_id=f"{2:016x}", value=0.25)
    first, second, _ = reversed(of(filled, "/api/runs/run-1")["feedback"])

    assert kept == {"trace_id": trace_id(1), "span_id": f"{1:016x}"}
    assert (first["value"], first["span_id"], first["label"]) == (0.25, f"{2:016x}", None)
    assert (second["label"], second["value"], second["text"]) == ("thumbs_down", 0.0, "wrong")


def test_feedback_may_come_before_its_run(store, served):
    """It is there when the run arrives."""
    answer = post(served, "/api/feedback", run_id="early", label="thumbs_up")
    place = answer.json()
    tcc.configure(url=served.url)
    tcc.run(run_id="early").prompt("Hello").response("Hi").end()
    assert tcc.flush(5).delivered == 1
    whole = of(served, "/api/runs/early")

    assert [each["label"] for each in whole["feedback"]] == ["thumbs_up"]
    assert (whole["run"]["trace_id"], whole["run"]["top"]) == (place["trace_id"], place["span_id"])


@pytest.mark.parametrize(
    ("body", "token"),
    [
        ({}, "run_id"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": "x"}, "label"),
        ({"run_id": 5, "label": "x"}, "run_id"),
        ({"run_id": "x", "label": "x" * 3000}, "label"),
        ({"run_id": "x", "text": ""}, "text"),
        ({"run_id": "x", "value": True}, "value"),
        ({"run_id": "x", "value": 1, "span_id": "zz"}, "span_id"),
        ({"run_id": "x", "lable": "x"}, "lable"),
    ],
)
def test_wrong_feedback_is_refused(served, body, token):
    """With the field that is wrong."""
    response = requests.post(served.url + "/api/feedback", json=body, timeout=20)

    assert (response.status_code, response.json()["token"]) == (400, token)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"5"])
def test_a_body_that_is_no_object_is_refused(served, body):
    """With a sentence."""
    headers = {"Content-Type": "application/json"}
    response = requests.post(served.url + "/api/feedback", data=body, headers=headers, timeout=20)

    assert response.status_code == 400
    assert response.json()["message"].startswith("The body is no JSON")


def test_a_run_is_deleted(filled):
    """With all that belongs to it."""
    first = requests.delete(f"{filled.url}/api/runs/run-1", timeout=20)
    second = requests.delete(f"{filled.url}/api/runs/run-1", timeout=20)

    assert first.json() == {"runs": 1}
    assert second.status_code == 404
    assert len(of(filled, "/api/feedback")["feedback"]) == 5


def test_many_runs_are_deleted(filled):
    """By their ids, or by a filter, which is never empty by mistake."""
    assert post(filled, "/api/runs/delete", ids=["run-1", trace_id(2), "nobody", "run-1"]).json() == {"runs": 2}
    assert post(filled, "/api/runs/delete", filter="").json()["suggestion"] == "kind:run"
    assert post(filled, "/api/runs/delete", filter="statsu:ok").json()["token"] == "statsu:ok"
    assert post(filled, "/api/runs/delete").json()["token"] == "ids"
    assert post(filled, "/api/runs/delete", filter="tool:t1").json() == {"runs": 2}
    assert len(of(filled, "/api/runs")["runs"]) == 2


# --- who may ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", None])
def test_a_form_of_another_site_changes_nothing(filled, kind):
    """A browser that says where it comes from may send one from here."""
    url, body = filled.url + "/api/runs/delete", b'{"filter": "kind:run"}'
    headers = {"Content-Type": kind} if kind else {}
    strange = requests.post(url, data=body, headers=headers, timeout=20)
    foreign = requests.post(url, data=body, headers=headers | {"Origin": "https://evil.example"}, timeout=20)
    ours = requests.post(url, data=body, headers=headers | {"Origin": filled.url}, timeout=20)
    local = requests.post(url, data=body, headers=headers | {"Sec-Fetch-Site": "same-origin"}, timeout=20)

    assert [each.status_code for each in (strange, foreign, ours, local)] == [403, 403, 415, 415]
    assert len(of(filled, "/api/runs")["runs"]) == 6


def test_a_browser_asks_for_the_token(tmp_path, observatories):
    """It sends what a person types as a password, with any name; a program sends it as Bearer."""
    with Store.open(tmp_path / "o.db") as store:
        served = observatories(store=store, token="sécret")
        url = served.url + "/api/runs"
        refused = requests.get(url, timeout=20)
        wrong = [requests.get(url, auth=("ada", each), timeout=20) for each in ("", "wrong")]
        right = [
            requests.get(url, auth=("ada", "sécret".encode()), timeout=20),
            requests.get(url, auth=("", "sécret".encode()), timeout=20),
            requests.get(url, headers={"Authorization": "Bearer sécret".encode()}, timeout=20),
        ]
        broken = requests.get(url, headers={"Authorization": "Basic ???"}, timeout=20)

    assert refused.headers["www-authenticate"] == 'Bearer, Basic realm="Observatory", charset="UTF-8"'
    assert [each.status_code for each in (refused, *wrong, *right, broken)] == [401, 401, 401, 200, 200, 200, 401]
