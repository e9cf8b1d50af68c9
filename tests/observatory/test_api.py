"""What the JSON API answers, over real sockets."""

import json
import math

import pytest
import requests
from spans import batch, feedback, log, messages, run, step, tool_call, trace_id

from contextcompany.observatory import queries
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


def test_what_takes_too_long_is_stopped(tmp_path):
    """So that others get their answers; what is asked next is answered."""
    endless = "(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n)"
    with Store.open(tmp_path / "slow.db", read_limit_s=0.05) as store:
        store.write(batch(run(1)))
        with pytest.raises(SlowError, match=r"within 0\.05 s"), store.read() as reader:
            reader.rows("runs", 1, where=endless)

        assert len(queries.runs(store).runs) == 1


def test_a_file_that_cannot_be_read_is_said(tmp_path, observatories):
    """With when to ask again."""
    store = Store.open(tmp_path / "closed.db")
    served = observatories(store=store)
    store.close()
    response = get(served, "/api/runs")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["message"] == "The store is closed."
