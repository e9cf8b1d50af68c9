"""What pages show and how they are answered: the values, and once the HTML."""

import re

import pytest
import requests
from spans import batch, feedback, messages, run, step, trace_id

from contextcompany.observatory import listing
from contextcompany.observatory.listing import Listing


def get(observatory, path, **options):
    return requests.get(observatory.url + path, timeout=10, **options)


def test_the_way_in_leads_to_the_runs(served):
    """So does the bare address."""
    answer = get(served, "/")

    assert (answer.url, answer.status_code) == (f"{served.url}/runs", 200)


def test_a_page_keeps_to_itself(served):
    """Nothing but its own files is loaded, nothing is sent elsewhere, nobody frames it, and no script stands in it."""
    answer = get(served, "/runs")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|style=|\son\w+=", answer.text)


def test_files_of_pages_are_kept_for_ever(served):
    """Under a name that changes when they do; under another one they are not kept."""
    (sheet,) = re.findall(r'href="(/static/[^"]+/base.css)"', get(served, "/runs").text)
    answer = get(served, sheet)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    assert get(served, "/static/before/base.css").headers["cache-control"] == "no-store"
    assert get(served, "/static/before/nothing.css").status_code == 404
    assert get(served, "/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_a_run_is_a_row(served, store):
    """With what it was, what was said, and what a person thought of it."""
    said = {"gen_ai__input__messages": messages("How are <b>you</b>?"), "gen_ai__usage__input_tokens": 1240}
    store.write(batch(run(1, gen_ai__conversation__id="s/1"), step(1, 2, **said), feedback(1, text="Nice.")))
    (row,) = re.findall(r"<tr data-run.*?</tr>", get(served, "/runs").text, re.DOTALL)

    assert f'href="/runs/{trace_id(1)}"' in row
    assert "<bdi>How are &lt;b&gt;you&lt;/b&gt;?</bdi>" in row
    assert "<span>1.2k</span>" in row
    assert 'href="/sessions/s%2F1"' in row
    assert 'aria-label="thumbs up"' in row


def test_a_wrong_filter_is_explained(served):
    """With a link to what was perhaps meant."""
    page = get(served, "/runs?filter=agent:x+modle:gpt-4o").text

    assert "there is no key `modle`" in page
    assert 'href="/runs?filter=agent%3Ax+model%3Agpt-4o"' in page


def test_a_choice_is_remembered(served):
    """By the browser, in the words of the URL, where it appears again."""
    with requests.Session() as browser:
        chosen = browser.get(f"{served.url}/runs?sort=cost&columns=name&columns=cost&keep=1", timeout=10)
        again = browser.get(f"{served.url}/runs?filter=agent:x", timeout=10)
        usual = browser.get(f"{served.url}/runs?filter=agent:x&keep=1", timeout=10)
        at_last = browser.get(f"{served.url}/runs?filter=agent:y", timeout=10)

    assert chosen.url == f"{served.url}/runs?sort=cost&columns=name%2Ccost"
    assert again.url == f"{served.url}/runs?filter=agent%3Ax&sort=cost&columns=name%2Ccost"
    assert usual.url == f"{served.url}/runs?filter=agent%3Ax"
    assert at_last.url == f"{served.url}/runs?filter=agent:y"


@pytest.mark.parametrize("cookie", ["", "x=y", "sort=", "columns=nothing", "%00", "sort=start"])
def test_nothing_to_remember(cookie):
    """Whatever stands in the cookie."""
    assert listing.remembered(Listing(), cookie, {}) is None


def test_a_url_says_only_what_is_not_usual():
    """And a filter or order that changes begins at its first page."""
    here = listing.wanted({"filter": " status:error a ", "after": "x", "sort": "cost"}, ["name,bogus", "cost"])

    assert here == Listing("status:error a", "cost", ("name", "cost"), "x")
    assert listing.wanted({}, []).url() == "/runs"
    assert here.url() == "/runs?filter=status%3Aerror+a&sort=cost&columns=name%2Ccost"
    assert here.with_part("status", "status:running") == here.url(filter="a status:running")


def test_quick_views_keep_the_rest_of_the_filter():
    """The one that is shown is told from the others."""
    shown = listing.tabs(Listing("agent:x status:error"))

    assert [(tab.label, tab.is_current) for tab in shown] == [
        ("All", False),
        ("Running", False),
        ("Failures", True),
        ("Tool calls", False),
    ]
    assert shown[1].href == "/runs?filter=agent%3Ax+status%3Arunning"
