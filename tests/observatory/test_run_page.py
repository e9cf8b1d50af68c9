"""The page of a run: the values it shows, and its HTML as it is without a script."""

import json
import re
import time

import pytest
import requests
from spans import FOREIGN, START, batch, feedback, messages, run, span, step, tool_call, trace_id

from contextcompany.observatory import bill, prices, queries, remarks, waterfall
from contextcompany.observatory.remarks import Remark
from contextcompany.observatory.waterfall import Bar, View

S = 10**9
PAGE = f"/runs/{trace_id(1)}"


def get(served, path, **options):
    return requests.get(served.url + path, timeout=10, **options)


def keep(store, *items):
    store.write(batch(*items))
    return queries.run(store, trace_id(1))


def span_id(number):
    return f"{number:016x}"


# --- the tree --------------------------------------------------------------------------------------------------------


def test_bars_are_to_scale(store):
    """In percent of the run; what is too short to be seen is wider, and nothing is outside."""
    whole = keep(store, run(1, end=10), step(1, 2, start=2, end=7), tool_call(1, 3, start=10, end=10))

    assert [row.bar for row in waterfall.rows(whole, View(""), 0).rows] == [
        Bar(0, 100, None, []),
        Bar(20, 50, None, []),
        Bar(99.7, 0.3, None, []),
    ]


def test_the_first_token_and_the_wait_for_a_person_are_in_the_bar(store):
    """A step says when its answer began; a run that was suspended has events of that."""
    streamed = step(1, 2, start=2, end=7, gen_ai__response__time_to_first_chunk=0.5)
    events = {"tcc.run.suspended": {}, "tcc.run.resumed": {}}
    waited = run(1, end=10, events=events)
    for event, at in zip(waited.events, (4, 6), strict=True):
        waited.events[waited.events.index(event)] = event._replace(time_ns=START + at * S)
    whole = keep(store, waited, streamed)

    assert [row.bar[2:] for row in waterfall.rows(whole, View(""), 0).rows] == [(None, [(40, 20)]), (25, [])]


def test_errors_are_seen_from_above(store):
    """Counted for each span above; having failed is another thing."""
    whole = keep(store, run(1, status=(2, "no")), step(1, 2), tool_call(1, 3, 2, status=(2, "x")), step(1, 4))
    rows = waterfall.rows(whole, View(""), 0).rows

    assert [(row.errors_below, row.line.status) for row in rows] == [(1, "error"), (1, "ok"), (0, "error"), (0, "ok")]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (View(""), [(1, True), (2, True), (3, True), (4, True)]),
        (View("", only="tool_call"), [(1, False), (2, False), (3, True)]),
        (View("", only="error"), [(1, False), (2, False), (3, True)]),
        (View("", find="GPT"), [(1, False), (2, True), (4, True)]),
        (View("", find="timed OUT"), [(1, False), (2, False), (3, True)]),
        (View("", only="step", find="nothing"), []),
        (View("", since=3), [(4, True)]),
    ],
)
def test_what_is_asked_for_is_shown_with_what_is_above(store, asked, shown):
    """By kind, by errors, by words."""
    whole = keep(store, run(1), step(1, 2), tool_call(1, 3, 2, status=(2, "Timed out")), step(1, 4, start=0.5))

    rows = waterfall.rows(whole, asked, 0).rows
    assert [(int(row.line.span_id), row.is_asked) for row in rows] == shown


def test_an_open_run_goes_on_until_now(store):
    """Its open spans do, in the tree."""
    now = time.time_ns()
    whole = keep(store, run(1, end=None), step(1, 2, start=1, end=2))
    since = START + 100 * S if whole.run.state != "running" else now

    start, end = waterfall.stretch(whole._replace(run=whole.run._replace(state="running")), since)
    assert (start, end) == (START, since)
    assert waterfall.stretch(whole._replace(run=whole.run._replace(state="lost")), since) == (START, START + 2 * S)


def test_the_script_has_the_tree_in_lists(store):
    """Times are microseconds after the start; a parent is a place in the lists."""
    whole = keep(store, run(1, end=10), step(1, 2, start=1, end=None, gen_ai__usage__input_tokens=7))
    lists = waterfall.columns(whole, 0)

    assert (lists["parent"], lists["start"], lists["took"]) == ([-1, 0], [0, 1_000_000], [10_000_000, -1])
    assert (lists["name"], lists["input"]) == (["support", "gpt-4o"], [None, 7])


@pytest.mark.parametrize(
    "query", ["", "?span=ABC", "?tab=raw&raw=1", "?only=error&find=a+b&since=300", "?tab=nothing&only=x&since=-1"]
)
def test_a_view_is_its_url(query):
    """What is as usual, or wrong, is not in it."""
    params = dict(re.findall(r"(\w+)=([^&]*)", query.replace("+", " ")))
    seen = waterfall.view("t", params)

    assert seen.url().replace("/runs/t", "") == {"?span=ABC": "?span=abc"}.get(
        query, "" if "nothing" in query else query
    )


# --- cost and remarks ------------------------------------------------------------------------------------------------


def test_the_cost_box_says_what_is_in_it(store):
    """By kinds of tokens and by model, with the prices that were used, and what was not counted."""
    used = {"gen_ai__usage__input_tokens": 1000, "gen_ai__usage__output_tokens": 100}
    cached = {"gen_ai__usage__cache_read__input_tokens": 600}
    whole = keep(
        store,
        run(1, gen_ai__usage__input_tokens=2000, gen_ai__usage__output_tokens=200),
        step(1, 2, **used, **cached),
        step(1, 3, model="model-of-nobody", **used),
    )
    made = bill.bill(whole, prices.rates)

    assert [(each.name, each.tokens) for each in made.buckets] == [("Uncached", 1400), ("Cached", 600), ("Output", 200)]
    assert [(each.model, each.source, each.cost is None) for each in made.items] == [
        ("gpt-4o", "calculated", False),
        ("model-of-nobody", "", True),
    ]
    rates = made.items[0].rates
    assert made.items[0].cost == pytest.approx((400 * rates.uncached + 600 * rates.cached + 100 * rates.output) / 1e6)
    assert [(count, "sum" in reason) for reason, count in made.not_counted] == [(1, True)]


def test_what_is_missing_is_explained(store):
    """Of a run whose own span has not come, of which nothing comes any more, and of one that is still counting."""
    whole = keep(store, step(1, 2, tcc__runId="r"))
    later = whole.run.seen_ns + 600 * S
    lost = whole._replace(run=whole.run._replace(state="lost", is_counting=True))
    said = [each.text for each in remarks.of_run(lost, later)]

    assert said[0].startswith("The span of the run itself has not arrived")
    assert said[1].startswith("Nothing has come of it for 10 m 00 s")
    assert said[2].startswith("More has just arrived")
    assert remarks.of_run(keep(store, run(1, 1), feedback(1)), later) == []


def test_what_happened_to_a_span_on_its_way_is_explained(store):
    """It was masked, cut, not ended, or a receiver refused it."""
    told = {"tcc__redacted": ["a"], "tcc__truncated": ["b"], "tcc__incomplete_reason": "process_died"}
    keep(store, run(1, **told), step(1, 2, tcc__undeliverable_reason="413", tcc__undeliverable_size=9_437_184))
    of = {number: remarks.of_span(queries.span(store, trace_id(1), span_id(number))) for number in (1, 2)}

    assert [each.text.partition(":")[0] for each in of[1]] == [
        "Its program was killed or crashed before it ended; this is as far as it came.",
        "Parts were masked before they were sent",
        "Larger than its sender's limits, and cut there",
        "It carries nothing of what was said",
    ]
    said = "A receiver did not take the whole span of 9.4 MB (413): what was large in it is left out."
    assert of[2] == [Remark("warning", said)]


# --- the page --------------------------------------------------------------------------------------------------------


def test_a_run_is_a_page_without_a_script(served, store):
    """Its tree is links, the span that one leads to is beside it, and its tabs are links."""
    said = {"gen_ai__input__messages": messages("How are <b>you</b>?")}
    keep(store, run(1), step(1, 2, **said), tool_call(1, 3, gen_ai__tool__call__arguments='{"q": "x"}'))
    page = get(served, f"{PAGE}?span={span_id(2)}").text

    assert f'href="{PAGE}?span={span_id(3)}#span"' in page
    assert "How are &lt;b&gt;you&lt;/b&gt;?" in page
    assert f'href="{PAGE}?span={span_id(2)}&amp;tab=raw"' in page
    assert not re.search(r"<script(?![^>]* (?:src|type=\"application/json\"))|style=|\son\w+=", page)


@pytest.mark.parametrize("tab", waterfall.TABS)
def test_each_tab_is_answered(served, store, tab):
    """On the run's page, for its script, and on a page of its own."""
    events = {"exception": {"exception.type": "E", "exception.stacktrace": "line 1\nline 2"}}
    keep(store, run(1), step(1, 2, events=events, gen_ai__input__messages=messages("Hello")))
    for path in (f"{PAGE}?span={span_id(2)}&", f"{PAGE}/spans/{span_id(2)}?", f"{PAGE}/spans/{span_id(2)}/part?"):
        for raw in ("", "&raw=1"):
            answer = get(served, f"{path}tab={tab}{raw}")
            assert (answer.status_code, 'aria-current="true"' in answer.text) == (200, True)


def test_a_large_run_has_pages(served, store):
    """Each row is on one of them."""
    store.write(batch(run(1), *(step(1, number) for number in range(2, 402))))
    first, second = (get(served, f"{PAGE}{query}").text for query in ("", "?since=300"))

    assert [page.count('aria-level="') for page in (first, second)] == [300, 101]
    assert f'href="{PAGE}?since=300"' in first
    assert "301 to 401 of 401" in second


def test_what_looks_like_the_end_of_a_script_is_none(served, store):
    """In the lists that the page's script reads."""
    keep(store, run(1, agent="</script><script>alert(1)</script>"))
    page = get(served, PAGE).text
    (data,) = re.findall(r'<script type="application/json" id="spans">(.*?)</script>', page)

    assert json.loads(data)["name"] == ["</script><script>alert(1)</script>"]
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/runs/nothing", "/runs/nothing/head", f"/runs/{trace_id(9)}/spans/1"])
def test_what_is_not_here_is_said(served, path):
    """With a way on."""
    answer = get(served, path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "It has not arrived, or it was deleted" in answer.text


def test_a_page_whose_span_is_wrong_shows_the_topmost(served, store):
    """As without one."""
    keep(store, run(1), step(1, 2))

    assert f'data-span="{span_id(1)}"' in get(served, f"{PAGE}?span=bogus").text


def test_an_opinion_is_given_by_a_form(served, store):
    """And leads back to where it was given; one that says nothing is refused."""
    keep(store, run(1), step(1, 2))
    form = {"label": "thumbs_down", "text": "Wrong <b>order</b>.", "back": f"{PAGE}?tab=feedback", "span": span_id(2)}
    origin = {"Origin": served.url}
    answer = requests.post(f"{served.url}{PAGE}/feedback", form, headers=origin, timeout=10)
    refused = requests.post(f"{served.url}{PAGE}/feedback", {"text": " "}, headers=origin, timeout=10)
    [given] = queries.run(store, trace_id(1)).feedback

    assert (answer.url, answer.history[0].status_code) == (f"{served.url}{PAGE}?tab=feedback", 303)
    assert (given.label, given.value, given.text, given.span_id) == (
        "thumbs_down",
        0,
        "Wrong <b>order</b>.",
        span_id(2),
    )
    assert "Wrong &lt;b&gt;order&lt;/b&gt;." in answer.text
    assert refused.status_code == 400
    assert "Say a label, a value or a text." in re.sub("<[^>]+>", "", refused.text)


def test_a_form_does_not_lead_elsewhere(served, store):
    """Whatever it says."""
    keep(store, run(1))
    form = {"label": "thumbs_up", "back": "https://elsewhere.test/"}
    options = {"headers": {"Origin": served.url}, "allow_redirects": False, "timeout": 10}

    assert requests.post(f"{served.url}{PAGE}/feedback", form, **options).headers["location"] == PAGE


def test_a_span_that_speaks_no_genai_is_shown(served, store):
    """With what it has."""
    keep(store, run(1), span(1, 2, 1, name="GET /", scope=FOREIGN, http__route="/x", deep={"a": [1, {"b": None}]}))
    page = get(served, f"{PAGE}/spans/{span_id(2)}?tab=attributes").text

    assert "no GenAI convention" in page
    assert "http.route" in page
