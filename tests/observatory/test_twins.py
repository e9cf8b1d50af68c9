"""What the dashboard and the pages of sessions, tool calls, failures, feedback and settings show, and are told."""

import re

import pytest
import requests
from spans import START, batch, feedback, messages, run, step, tool_call, trace_id

from contextcompany.observatory import charts, dashboards, diffs, exporting
from contextcompany.observatory.diffs import Bit, Row
from contextcompany.observatory.filters import FilterError, parse, token

HOUR = 3600 * 10**9
DAY = "since=2025-10-08&until=2025-10-10"


def get(observatory, path, **options):
    return requests.get(observatory.url + path, timeout=10, **options)


def page(observatory, path):
    """The HTML of a page that is there."""
    answer = get(observatory, path)
    assert answer.status_code == 200, answer.text
    return answer.text


def of_dashboard(store, hours=24, **options):
    until = START + HOUR
    return dashboards.dashboard(store, since_ns=until - hours * HOUR, until_ns=until, **options)


# --- the dashboard ---------------------------------------------------------------------------------------------------


def some_runs(store):
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 2}
    store.write(batch(run(1, end=4), step(1, 2, end=2, **usage), tool_call(1, 3, status=(2, "no"))))
    store.write(batch(run(2, start=-7200, end=-7190, agent="billing", status=(2, "no"))))


@pytest.mark.parametrize("hours", [1, 24, 7 * 24, 30 * 24])
def test_bars_have_no_gaps(store, hours):
    """They reach from the beginning of the time to its end, whatever their width."""
    some_runs(store)
    made = of_dashboard(store, hours)

    assert len(made.bars) == len(made.runs) == (made.until_ns - made.since_ns) // made.width_ns <= 51
    assert [each.start_ns for each in made.bars] == [each.start_ns for each in made.runs]
    assert made.bars[0].start_ns == made.since_ns
    assert made.since_ns % made.width_ns == 0


def test_all_bars_together_are_the_whole(store):
    """Of runs, tokens and errors; each agent, model and tool has its share."""
    some_runs(store)
    made = of_dashboard(store)

    assert (sum(each.runs for each in made.runs), sum(each.errors for each in made.runs)) == (2, 2)
    assert sum(each.input_tokens for each in made.bars) == made.whole.input_tokens == 10
    assert [(each.name, each.spans, each.errors) for each in made.agents] == [("billing", 1, 1), ("support", 1, 0)]
    assert [(each.name, each.output_tokens) for each in made.models] == [("gpt-4o", 2)]
    assert [(each.name, each.errors) for each in made.tools] == [("search", 1)]


def test_a_short_time_is_counted_to_the_minute(store):
    """From the spans themselves, to the same numbers."""
    some_runs(store)
    made, by_hour = of_dashboard(store, 1), of_dashboard(store, 24)

    assert made.width_ns == 120 * 10**9
    assert made.agents == [each._replace(start_ns=0) for each in by_hour.agents if each.name == "support"]
    assert (made.models, made.tools) == (by_hour.models, by_hour.tools)
    assert made.whole.input_tokens == 10


def test_a_dashboard_of_one(store):
    """An agent, a model or a tool."""
    some_runs(store)
    agent, tool = of_dashboard(store, by="agent", name="billing"), of_dashboard(store, by="tool", name="search")

    assert sum(each.runs for each in agent.runs) == agent.whole.spans == 1
    assert (tool.whole.spans, tool.whole.errors) == (1, 1)
    assert of_dashboard(store, by="tool", name="nothing").whole.spans == 0
    assert [each.key for each in charts.charts(tool)] == ["runs", "latency"]


@pytest.mark.parametrize("hours", [1, 24])
def test_charts_begin_at_nothing(store, hours):
    """The largest bar ends below the uppermost line, whose label is round, and what is not nothing is seen."""
    some_runs(store)
    for chart in charts.charts(of_dashboard(store, hours)):
        assert chart.lines[0].y == charts.HEIGHT
        assert chart.lines[0].label in ("0", "$0")
        heights = [sum(piece.height for piece in mark.pieces) for mark in chart.marks if mark.pieces]
        assert all(2 <= height <= charts.HEIGHT - chart.lines[-1].y + 0.01 for height in heights)
        assert chart.key == "cost" or heights


@pytest.mark.parametrize("cost", [0.04, 0.041, 0.06, 0.3, 1.1, 7, 1234.5])
def test_an_axis_ends_above_what_is_drawn(store, cost):
    """With a line every so often, the last at its end."""
    store.write(batch(run(1), step(1, 2, gen_ai__usage__cost=cost)))
    chart = charts.charts(of_dashboard(store))[-1]
    places = [line.y for line in chart.lines]

    assert 3 <= len(places) <= 6
    assert (places[0], places[-1]) == (charts.HEIGHT, 10)
    assert max(piece.height for mark in chart.marks for piece in mark.pieces) <= charts.HEIGHT - 10 + 0.01


def test_charts_of_nothing(store):
    """Have an axis all the same."""
    for chart in charts.charts(of_dashboard(store)):
        assert len(chart.lines) >= 2
        assert {mark.title.partition(": ")[2] for mark in chart.marks} == {"nothing"}


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


@pytest.mark.parametrize("name", ["support", "two words", 'with "quotes" in it', "", "a*b"])
def test_a_name_can_be_asked_for(name):
    """With a filter that is right, whatever it holds."""
    asked = token("agent", name)
    if not name:
        with pytest.raises(FilterError, match="says no value"):
            parse(asked, 0)
        return
    assert name.replace('"', "*") in parse(asked, 0).values


# --- compare ---------------------------------------------------------------------------------------------------------


def test_a_diff_has_two_sides():
    """In which the words that changed are marked; what is left out is told."""
    diff = ["@@ -1 +1 @@", " same", "-one old line", "+one new line", "+more", "@@ -9 +9 @@", "-gone", " end"]

    assert [*diffs.rows(diff)] == [
        Row("same", [Bit("same")], [Bit("same")]),
        Row(
            "changed",
            [Bit("one "), Bit("old", True), Bit(" line")],
            [Bit("one "), Bit("new", True), Bit(" line")],
        ),
        Row("new", [], [Bit("more")]),
        Row("gap", [], []),
        Row("gone", [Bit("gone")], []),
        Row("same", [Bit("end")], [Bit("end")]),
    ]


def test_lines_that_have_little_in_common_have_changed_as_a_whole():
    """So have lines of a thousand words."""
    assert [*diffs.rows(["-abc def", "+xyz"])] == [Row("changed", [Bit("abc def", True)], [Bit("xyz", True)])]
    assert len(next(diffs.rows(["-" + "a " * 1000, "+" + "a " * 1001])).before) == 1


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
    html = page(served, "/failures")

    assert f'href="/runs/{trace_id(2)}?span={2:016x}"' in html
    assert "no &lt;answer&gt;" in html
    assert 'href="/runs?filter=tool%3Asearch+error%3ATimeout"' in html


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
