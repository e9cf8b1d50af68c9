"""What the dashboard and the pages of sessions, tool calls, failures, feedback and settings show, and are told."""

import re
import sqlite3
from contextlib import closing

import pytest
import requests
from spans import batch, feedback, messages, run, step, tool_call, trace_id

from contextcompany.observatory import exporting

DAY = "since=2025-10-08&until=2025-10-10"


def get(observatory, path, **options):
    return requests.get(observatory.url + path, timeout=10, **options)


def page(observatory, path):
    """The HTML of a page that is there."""
    answer = get(observatory, path)
    assert answer.status_code == 200, answer.text
    return answer.text


# --- the dashboard ---------------------------------------------------------------------------------------------------


def some_runs(store):
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 2}
    store.write(batch(run(1, end=4), step(1, 2, end=2, **usage), tool_call(1, 3, status=(2, "no"))))
    store.write(batch(run(2, start=-7200, end=-7190, agent="billing", status=(2, "no"))))


def test_every_mark_leads_to_the_runs_of_its_time(store, served):
    """And every name to the runs that have it."""
    some_runs(store)
    html = page(served, f"/dashboard?{DAY}")
    marks = re.findall(r'<a href="([^"]+)"><title>([^<]+)</title>', html)
    href = next(href for href, title in marks if title == "2025-10-09 08:00: 1, 1 with errors").replace("&amp;", "&")
    agents = re.findall(r'c-name cut" scope="row"><a href="([^"]+)"', html)

    assert trace_id(1) in page(served, href)
    assert trace_id(2) not in page(served, href)
    assert "agent%3Abilling" in agents[0]


# --- compare ---------------------------------------------------------------------------------------------------------


def test_two_runs_are_compared(store, served):
    """Step by step, with what is different; the same is folded until it is asked for."""
    for number, said in ((1, "Find <b>shoes</b>"), (2, "Find <b>boots</b>")):
        asked = {"gen_ai__input__messages": messages(said)}
        store.write(batch(run(number, **asked), step(number, 2, **asked), tool_call(number, 3)))
    url = f"/compare?a={trace_id(1)}&b={trace_id(2)}"
    html = page(served, url)

    assert "Find &lt;b&gt;<mark>shoes</mark>&lt;/b&gt;" in html
    assert "1 span says the same." in html
    assert page(served, url + "&all=1").count('data-way="same"') == 2
    assert "<mark>boots</mark>" in page(served, url + "&inline=1")
    assert get(served, "/api" + url).json()["after"]["trace_id"] == trace_id(2)


def test_two_picked_runs_lead_to_their_comparison(store, served):
    """Any other number is explained."""
    store.write(batch(run(1), run(2, start=1)))
    both = get(served, f"/runs/selected?do=compare&back=/runs&run={trace_id(2)}&run={trace_id(1)}")

    assert both.url == f"{served.url}/compare?a={trace_id(1)}&b={trace_id(2)}"
    assert both.status_code == 200
    assert "Two runs are compared, not 1: pick two of the list." in get(served, "/runs/selected?run=x").text
    assert get(served, "/compare?a=x&b=y").status_code == 404
    assert get(served, "/compare").status_code == 400


# --- sessions, tool calls, failures, feedback ------------------------------------------------------------------------


def test_a_session_is_its_turns(store, served):
    """In order, with what was asked, answered and thought."""
    for number, said in ((2, "And now?"), (1, "Hello <b>there</b>")):
        asked = {"gen_ai__conversation__id": "s/1", "gen_ai__input__messages": messages(said)}
        store.write(batch(run(number, start=number, **asked), feedback(number, text=f"note {number}")))
    html = page(served, "/sessions/s%2F1")

    assert html.index("Hello &lt;b&gt;there") < html.index("And now?")
    assert html.index("note 1") < html.index("note 2")
    assert 'href="/sessions/s%2F1"' in page(served, "/sessions")


def test_what_is_not_there_is_said(served):
    """On a page, with a way on; and so is what is wrong in a URL."""
    missing, wrong = get(served, "/sessions/nobody"), get(served, "/sessions?aftr=x")

    assert (missing.status_code, wrong.status_code) == (404, 400)
    assert "There is no session <code><bdi>nobody</bdi></code>." in missing.text
    assert "Did you mean <code><bdi>after</bdi></code>?" in wrong.text


def test_pages_go_on(store, served):
    """By a link to what follows."""
    for number in range(1, 4):
        store.write(batch(run(number, start=number), tool_call(number, 2, start=number)))
    (more,) = re.findall(r'<p class="more"><a class="button" href="([^"]+)"', page(served, "/tool_calls?limit=2"))
    rest = page(served, more.replace("&amp;", "&"))

    assert trace_id(1) in rest
    assert trace_id(3) not in rest


def test_tool_calls_say_what_came_of_them(store, served):
    """Arguments and result, as text; by tool with its share of errors."""
    said = {"gen_ai__tool__call__arguments": '{"q": "<i>"}', "gen_ai__tool__call__result": "found"}
    store.write(batch(run(1), tool_call(1, 2, **said), tool_call(1, 3, tool="other", status=(2, "no answer"))))
    html = page(served, "/tool_calls?tool=search")

    assert "&#34;q&#34;: &#34;&lt;i&gt;&#34;" in html
    assert "found" in html
    assert "no answer" not in html


def test_failures_lead_to_their_runs(store, served):
    """Those that are alike are one, with the newest of them."""
    for number in (1, 2):
        failed = tool_call(number, 2, start=number, status=(2, "no <answer>"), error__type="Timeout")
        store.write(batch(run(number, start=number), failed))
    store.write(batch(run(3), tool_call(3, 2, status=(2, "broken"), error__type="_OTHER")))
    html = page(served, "/failures")

    assert f'href="/runs/{trace_id(2)}?span={2:016x}"' in html
    assert "no &lt;answer&gt;" in html
    assert 'href="/runs?filter=tool%3Asearch+error%3ATimeout"' in html
    assert 'href="/runs?filter=tool%3Asearch+errors%3E0"' in html
    assert "_OTHER" not in html


def test_feedback_is_given_by_a_form(store, served):
    """Which leads back to where it was, on this site."""
    store.write(batch(run(1)))
    fields = {"run_id": trace_id(1), "label": "thumbs_down", "text": "Too <slow>.", "back": "/feedback?limit=3"}
    for back in ("/feedback?limit=3", "//elsewhere.example", "https://elsewhere.example"):
        headers = {"Origin": served.url}
        url = f"{served.url}/feedback"
        answer = requests.post(url, fields | {"back": back}, headers=headers, allow_redirects=False, timeout=10)
        assert answer.status_code == 303
        assert answer.headers["location"] == (back if back.startswith("/f") else "/feedback")

    assert "Too &lt;slow&gt;." in page(served, "/feedback")
    assert 'title="Without' not in page(served, "/feedback")


@pytest.mark.parametrize("fields", [{}, {"run_id": "x"}, {"run_id": "x", "text": " "}])
def test_feedback_that_says_nothing_is_refused(served, fields):
    """With a sentence."""
    answer = requests.post(f"{served.url}/feedback", fields or {"a": "b"}, headers={"Origin": served.url}, timeout=10)

    assert answer.status_code == 400
    assert "That was not understood" in answer.text


def test_settings_say_what_is_kept(store, served):
    """And how runs get here, with the address to copy."""
    store.write(batch(run(1)))
    html = page(served, "/settings")

    assert str(store.path) in html
    assert f"TCC_URL={served.url}" in html
    assert get(served, "/api/settings").json()["runs"] == 1


def test_pages_have_their_json(store, served):
    """Behind a link, with what the page shows."""
    some_runs(store)
    for path in ("/dashboard", "/sessions", "/tool_calls?tool=search", "/failures", "/feedback", "/settings"):
        (twin,) = re.findall(r'<link rel="alternate" type="application/json" href="([^"]+)">', page(served, path))
        assert get(served, twin.replace("&amp;", "&")).status_code == 200


# --- what is brought -------------------------------------------------------------------------------------------------


def bring(observatory, content):
    """Posted by a form, as a browser does without a script."""
    headers = {"Origin": observatory.url}
    return requests.post(f"{observatory.url}/import", files={"file": content}, headers=headers, timeout=20)


def test_a_file_is_brought_by_a_form(store, served):
    """Whatever is in it, boundaries of others and large parts included; what came is said."""
    store.write(batch(run(1, gen_ai__input__messages=messages("\r\n--x\r\n" * 50_000)), tool_call(1, 2)))
    content = b"".join(exporting.of_run(store, trace_id(1), "otlp").content)
    store.delete([trace_id(1)])
    answer = bring(served, content)

    assert answer.status_code == 200
    assert "2 spans and 0 log records came" in answer.text
    assert get(served, f"/api/runs/{trace_id(1)}").json()["run"]["tool_calls"] == 1


@pytest.mark.parametrize("content", [b"<b>no</b>", b"", b"\x00\xff" * 100])
def test_what_is_no_file_of_runs_is_refused(served, content):
    """With the reason."""
    answer = bring(served, content)

    assert answer.status_code == 200
    assert "Nothing came" in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nhalf"),
        ("multipart/form-data; boundary=x", b"y" * 100_000),
        ("application/x-www-form-urlencoded", b"file=x"),
    ],
)
def test_a_form_without_a_whole_file_is_refused(served, kind, body):
    """Nothing of it is taken."""
    headers = {"Origin": served.url, "Content-Type": kind}
    answer = requests.post(f"{served.url}/import", body, headers=headers, timeout=20)

    assert answer.status_code == 400
    assert "There is no file in this form" in answer.text


@pytest.mark.parametrize("path", ["/feedback", f"/runs/{trace_id(1)}/conversation"])
def test_a_file_that_cannot_be_read_is_said_on_a_page(store, served, path):
    """With a sentence, and no traceback."""
    store.write(batch(run(1)))
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("ALTER TABLE feedback RENAME TO other")
        answer = get(served, path)
        connection.execute("ALTER TABLE other RENAME TO feedback")

    assert answer.status_code == 503
    assert "no such table: feedback" in answer.text
