"""What agents say is text on every page, whatever it looks like."""

import json
import re
from urllib.parse import quote

import pytest
from filling import HOSTILE

VIEWS = ("", "/conversation", "/log", "/graph")
MARKUP = """() => [
  ...document.querySelectorAll(
    'script:not([src], [type="application/json"]), iframe, object, embed, base, meta[http-equiv], svg[onload]'
  ),
  ...document.querySelectorAll('a[href^="javascript:" i], img:not([src^="data:"])'),
  ...[...document.querySelectorAll("*")].filter((each) => /(^| )on/.test(each.getAttributeNames().join(" "))),
].map((each) => each.outerHTML)"""
"""What no page of ours has, unless somebody's words have become part of it."""

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def hostile(browser, url):
    """The run that says nothing else, and the span of its tool call."""
    context = browser.new_context(base_url=url)
    listed = context.request.get("/api/runs?limit=500").json()["runs"]
    run = next(each["trace_id"] for each in listed if "onerror" in each["name"])
    spans = context.request.get(f"/api/runs/{run}").json()["spans"]
    other = next(each["trace_id"] for each in listed if each["name"] == "support")
    context.close()
    return {"run": run, "spans": [each["span_id"] for each in spans], "other": other}


@pytest.mark.parametrize(
    "path",
    [
        "/runs?filter=session:{session}",
        "/runs?filter={session}",
        *(f"/runs/{{run}}{view}" for view in VIEWS),
        *(f"/runs/{{run}}?span={{span{number}}}" for number in range(3)),
        "/compare?a={run}&b={other}",
        "/sessions",
        "/sessions/{session}",
        "/tool_calls",
        "/failures",
        "/feedback",
        "/dashboard",
        "/dashboard?by=tool&name={session}",
        "/settings",
    ],
)
def test_what_is_said_is_text(page, hostile, path):
    """No part of it becomes markup, runs, leads anywhere or turns the order of letters."""
    places = {"session": quote(HOSTILE, safe=""), "run": hostile["run"], "other": hostile["other"]}
    places |= {f"span{number}": span for number, span in enumerate(hostile["spans"])}
    page.on("dialog", lambda dialog: pytest.fail(f"A dialog said {dialog.message!r}."))
    page.goto(path.format(**places), wait_until="networkidle" if "{run}" in path else "load")

    assert page.evaluate(MARKUP) == []
    assert UNSEEN.findall(page.inner_text("body")) == []


def test_a_line_of_10_mb_opens(empty):
    """As it begins, on each page that shows it; none is as long as it."""
    page = empty
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "<b>long</b> " * 833_333}]}])
    span = {
        "traceId": "1" * 32,
        "spanId": "2" * 16,
        "name": "invoke_agent",
        "startTimeUnixNano": "1795000000000000000",
        "endTimeUnixNano": "1795000001000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}},
            {"key": "gen_ai.input.messages", "value": {"stringValue": said}},
        ],
    }
    sent = page.request.post("/v1/traces", data={"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    assert sent.ok
    for path in ("/runs", *(f"/runs/{'1' * 32}{view}" for view in ("", "/conversation", "/log"))):
        page.goto(path, wait_until="load")
        assert "<b>long</b>" in page.inner_text("main")
        assert len(page.content()) < 1_000_000
