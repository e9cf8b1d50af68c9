"""What pages show and how they are answered: the values, and once the HTML."""

import re

import pytest
import requests
from spans import START, batch, feedback, messages, run, step, trace_id

from contextcompany.observatory import axes, listing, queries
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


def test_modules_are_asked_for_at_once(served):
    """Those too that only others name."""
    page = get(served, "/runs").text
    asked = set(re.findall(r'<link rel="modulepreload" href="/static/[^/]+/(\w+\.js)">', page))

    assert {"keys.js", "complete.js", "list.js", "live.js", "picked.js", "brush.js"} <= asked


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

    assert "there is no key <code><bdi>modle</bdi></code>" in page
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
    assert listing.wanted({}, ["cost"]).columns == ("name", "cost")
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


def test_rows_are_answered_without_their_page(served, store):
    """Those after a place in the list, or those of some runs that the filter still lets through."""
    for number in range(1, 4):
        store.write(batch(run(number, start=number, agent=f"a{number % 2}")))
    after = queries.runs(store, limit=1).next

    def rows(query):
        answer = get(served, f"/runs/rows?{query}")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        return [int(each, 16) for each in re.findall(r'data-run="(\w+)"', answer.text)]

    assert rows(f"after={after}") == [2, 1]
    assert rows(f"runs={trace_id(1)},{trace_id(2)}&filter=agent:a0") == [2]
    assert get(served, "/runs/rows?filter=modle:x").status_code == 400


def test_bars_lead_to_their_time(served, store):
    """With what else the filter says."""
    for number in range(3):
        store.write(batch(run(number + 1, start=number * 3600, end=number * 3600 + 1)))
    page = get(served, "/runs?filter=agent:support+since:2025-01-01").text
    first, *_ = re.findall(r'<a href="([^"]+)">\s*<title>([^<]+)</title>', page)

    assert first == (
        "/runs?filter=agent%3Asupport+since%3A2025-10-09T08%3A53Z+until%3A2025-10-09T08%3A54Z",
        "2025-10-09 08:53:00.000 UTC: 1 run",
    )
    assert "<b>3</b> runs" in page
    assert 'href="/runs?filter=agent%3Asupport">all times' in page


def test_the_chart_is_answered_without_its_page(served, store):
    """Nothing where there is nothing to draw."""
    assert get(served, "/runs/timeline").text.strip() == ""
    store.write(batch(run(1)))

    assert "<b>1</b> run<" in get(served, "/runs/timeline?filter=agent:support&sort=cost").text
    assert get(served, "/runs/timeline?filter=modle:x").status_code == 400


def test_a_list_is_short_whatever_is_said(served, store):
    """Names, ids and messages of any length are shown as they begin."""
    long = "x" * 100_000
    store.write(
        batch(run(1, agent=long, status=(2, long), gen_ai__conversation__id=long, user__id=long, error__type=long))
    )

    assert len(get(served, "/runs?columns=name,status,output,user,id").text) < 50_000


@pytest.mark.parametrize(
    ("does", "place"),
    [("compare", "/compare?a=1&b=2"), ("otlp", "/api/export?format=otlp&runs=2%2C1"), ("nothing", "/compare?a=1&b=2")],
)
def test_what_is_done_with_selected_runs(served, does, place):
    """Of two the newer one, which stands above, is compared with the older."""
    answer = get(served, f"/runs/selected?run=2&run=1&do={does}", allow_redirects=False)

    assert answer.headers["location"] == place


def test_two_runs_are_compared(served):
    """And no other number."""
    answer = get(served, "/runs/selected?run=1&do=compare")

    assert answer.status_code == 400
    assert "Two runs are compared, not 1: pick two of the list." in answer.text


def test_who_looks_for_a_page_gets_one(served):
    """That says that it is not here; programs get JSON."""
    page = get(served, "/nowhere", headers={"Accept": "text/html,*/*"})

    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is at GET /nowhere." in page.text
    assert get(served, "/nowhere").headers["content-type"] == "application/json"


def test_deleting_asks_first(served, store):
    """A form without a word of being sure is answered with the question."""
    store.write(batch(run(1), run(2)))
    form = {"run": [trace_id(1)], "back": "/runs?filter=x"}
    headers = {"Origin": served.url}
    asked = requests.post(f"{served.url}/runs/delete", form, headers=headers, timeout=10)
    assert "Delete this run?" in asked.text
    assert queries.run(store, trace_id(1)) is not None
    done = requests.post(f"{served.url}/runs/delete", form | {"sure": "1"}, headers=headers, timeout=10)

    assert (done.url, done.status_code) == (f"{served.url}/runs?filter=x", 200)
    assert queries.run(store, trace_id(1)) is None


@pytest.mark.parametrize("back", ["https://example.com/", "//example.com", "/runs\r\nX: y"])
def test_a_form_leads_nowhere_else(served, back):
    """Whatever it says."""
    form = {"run": [], "sure": "1", "back": back}
    answer = requests.post(
        f"{served.url}/runs/delete", form, headers={"Origin": served.url}, timeout=10, allow_redirects=False
    )

    assert answer.headers["location"].startswith("/runs")
    assert "x" not in answer.headers


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=" + b"x" * (2**20)])
def test_what_is_no_form_is_refused(served, body):
    """Or a form that is too large."""
    headers = {"Origin": served.url, "Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{served.url}/runs/delete", body, headers=headers, timeout=10)

    assert answer.status_code == 400


def test_the_last_refusal_is_shown(served):
    """To who waits for the first run: that something came, and why it is not there."""
    requests.post(f"{served.url}/v1/traces", b"x", headers={"Content-Type": "text/html"}, timeout=10)
    requests.post(f"{served.url}/v1/trace", b"x", headers={"Content-Type": "application/json"}, timeout=10)
    page = get(served, "/runs").text

    assert f"TCC_URL={served.url}" in page
    assert "with 404 at <code><bdi>/v1/trace</bdi></code>" in page


def test_a_page_is_light(served, store):
    """With fifty runs it weighs less than 150 kB, all that it loads included."""
    for number in range(1, 61):
        store.write(batch(run(number, start=number * 60, end=number * 60 + 1)))
    page = get(served, "/runs").text
    known = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    modules = [each for each in known if each.endswith(".js")]
    for module in modules:
        found = re.findall(r'from "\./(\w+\.js)"', get(served, module).text)
        modules += [url for url in (module.rpartition("/")[0] + "/" + each for each in found) if url not in modules]

    assert sum(len(get(served, each).content) for each in {*known, *modules}) + len(page.encode()) < 150_000


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [(10, ["2", "4", "6", "8"]), (3600, ["600", "1200", "1800", "2400", "3000"]), (0, [])],
)
def test_axes_have_round_times(seconds, texts):
    """Not so many that they touch, and none at the ends."""
    since = START - START % (3600 * 10**9)

    assert [str((each.ns - since) // 10**9) for each in axes.ticks(since, since + seconds * 10**9)] == texts
