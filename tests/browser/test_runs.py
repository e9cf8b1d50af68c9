"""The list of runs, as a person uses it."""

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from accessibility import assert_accessible
from playwright.sync_api import expect
from running import until

import contextcompany as tcc


@pytest.fixture
def send(url):
    """Sends a run of an agent, now or from then; returns its id."""
    tcc.configure(url=url)

    def send(agent, **more):
        start = more.pop("start_time", time.time() - 2)
        said = {"prompt": "Hello?", "response": "Hello!", "start_time": start, "end_time": start + 1, **more}
        run_id = tcc.send_run(agent=agent, **said)
        assert tcc.flush(5).dropped == {}
        return run_id

    return send


@pytest.fixture
def many(empty):
    """Sends so many runs to the empty Observatory, by hand: faster than any SDK."""

    def send(count):
        now = time.time_ns()
        spans = [
            {
                "traceId": f"{number + 1:032x}",
                "spanId": f"{number + 1:016x}",
                "name": "invoke_agent",
                "startTimeUnixNano": str(now - number * 10**9),
                "endTimeUnixNano": str(now - number * 10**9 + 1),
                "attributes": [
                    {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}},
                    {"key": "gen_ai.agent.name", "value": {"stringValue": f"agent-{number}"}},
                ],
            }
            for number in range(count)
        ]
        body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "by hand"}, "spans": spans}]}]}
        assert empty.request.post("/v1/traces", data=body).ok

    return send


def agents(page):
    """As they stand in the list."""
    return page.locator("tr[data-run] td.c-name").all_inner_texts()


@pytest.mark.parametrize("path", ["/runs", "/runs?filter=modle:x", "/runs?filter=agent:nobody"])
def test_the_list_is_accessible(page, axe_source, path):
    """Says axe-core, in light and in dark; so is what is said when nothing is listed."""
    page.goto(path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert_accessible(page, axe_source)


def test_nothing_is_cut(page):
    """The page is as wide as the screen, whatever stands in it."""
    page.goto("/runs")
    for width in (360, 768, 800, 1024, 1160, 1280, 1920, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_row_says_when_and_what(page):
    """How long ago, and exactly under the pointer; a cost that is not known is called so."""
    page.goto("/runs?filter=model:model-of-nobody")
    row = page.locator("tr[data-run]")
    assert re.fullmatch(r"\d+ [sm] ago", row.locator("time").inner_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC", row.locator("time").get_attribute("title"))
    assert row.locator(".c-cost").inner_text() == "unknown"


def test_hostile_runs_are_text(page):
    """What looks like markup is read, not done."""
    page.goto("/runs")
    row = page.get_by_role("row").filter(has_text="onerror").first

    assert "<script>alert(1)</script>" in row.inner_text()
    assert row.locator("script, img").count() == 0


def test_a_run_opens_with_a_click_anywhere_in_its_row(page):
    """Or with Enter, where the keys j and k have led."""
    page.goto("/runs?filter=agent:support")
    first = page.locator("tr[data-run]").first
    opened = f"/runs/{first.get_attribute('data-run')}"
    asked = []
    page.route("**/runs/*", lambda route: asked.append(route.request.url) or route.fulfill(status=204))
    first.locator("td.c-duration").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)

    assert [each.partition("/runs/")[2] for each in asked] == [opened.partition("/runs/")[2]] * 2


def test_columns_and_order_are_chosen(page):
    """By a form and by the heads of columns; both are in the URL, and remembered."""
    page.goto("/runs")
    page.get_by_text("View", exact=True).click()
    page.get_by_label("Session", exact=True).uncheck()
    page.get_by_label("User", exact=True).check()
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Duration").click()

    heads = page.locator("thead th").all_inner_texts()
    assert "User" in heads
    assert "Session" not in heads
    assert "sort=duration" in page.url
    assert page.locator("th[aria-sort]").inner_text() == "Duration"
    durations = page.locator("td.c-duration").all_inner_texts()[:5]
    assert durations == sorted(durations, key=lambda each: -float(each.split()[0]))
    page.goto("/runs?filter=agent:support")
    assert "User" in page.locator("thead th").all_inner_texts()
    assert "sort=duration" in page.url


def test_quick_views(page):
    """Lead to what runs, what failed, and the calls of tools."""
    page.goto("/runs?filter=agent:billing")
    views = page.get_by_role("navigation", name="Views")
    views.get_by_role("link", name="Failures").click()

    assert agents(page) == ["billing"]
    assert views.get_by_role("link", name="Failures").get_attribute("aria-current") == "page"
    assert views.get_by_role("link", name="Tool calls").get_attribute("href") == "/tool_calls"


def test_a_wrong_filter_leads_to_a_right_one(page):
    """What is wrong is named, and what was perhaps meant is a link."""
    page.goto("/runs")
    page.keyboard.press("/")
    page.keyboard.type("agnet:support")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="agent:support").click()

    expect(page.get_by_label("Filter runs")).to_have_value("agent:support")
    assert set(agents(page)) == {"support"}


def test_the_filter_is_completed(page):
    """Keys with what they mean, values with how many runs have them; by mouse and by keyboard."""
    page.goto("/runs")
    box = page.get_by_role("combobox", name="Filter runs")
    box.focus()
    box.press_sequentially("ag")
    expect(page.get_by_role("listbox", name="Completions").get_by_role("option")).to_have_count(1)
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("agent:")
    expect(page.get_by_role("option", name="research")).to_be_visible()
    box.press_sequentially("sup")
    option = page.get_by_role("option", name=re.compile(r"agent:support\s*3\d runs"))
    expect(option).to_be_visible()
    option.click()
    expect(box).to_have_value("agent:support ")
    box.press("Enter")
    page.wait_for_url("**/runs?filter=agent%3Asupport**")
    assert set(agents(page)) == {"support"}


def test_more_runs_come_as_one_scrolls(page, url):
    """All of them, each once, while few are in the page at once."""
    page.goto("/runs")
    seen, is_last = {}, False
    while not is_last:
        is_last = page.locator("#more").is_hidden()
        for run in page.locator("tr[data-run]").evaluate_all("rows => rows.map((row) => row.dataset.run)"):
            seen[run] = None
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(30)
    listed = page.request.get(f"{url}/api/runs?limit=500").json()["runs"]

    assert {each["trace_id"] for each in listed} == seen.keys()


def test_a_long_list_is_light(empty, many):
    """Of many runs few are in the page; those that one comes back to are there again."""
    page = empty
    many(1200)
    page.goto("/runs")
    first = page.locator("tr[data-run]").first.inner_text()
    until(page, "() => { scrollTo(0, document.body.scrollHeight); return document.getElementById('more').hidden; }")
    until(page, "document.querySelectorAll('tr[data-run]').length < 300")
    assert page.locator("tbody").count() == 24
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("tr[data-run]").first).to_contain_text(first.split()[-1])

    assert page.locator("tr[data-run]").count() < 300


def test_the_bars_lead_to_their_time(page):
    """One by a click, some by dragging over them; and back to all."""
    page.goto("/runs?filter=agent:support")
    bar = page.locator("#timeline svg a").nth(3)
    bar.click()
    page.wait_for_url("**since*")
    assert len(agents(page)) >= 1
    page.get_by_role("link", name="all times").click()
    box = page.locator("#timeline svg").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_url("**since*")

    value = page.get_by_label("Filter runs").input_value()
    assert re.fullmatch(r"agent:support since:\S+Z until:\S+Z", value)
    assert 4 <= len(agents(page)) <= 8


def test_new_runs_appear(page, send):
    """At the top, by themselves, when they pass the filter."""
    page.goto("/runs?filter=agent:newcomer*")
    expect(page.get_by_text("No run is like that")).to_be_visible()
    send("newcomer-1")
    expect(page.locator("tr[data-run]")).to_have_count(1)
    send("newcomer-2")
    send("other")

    expect(page.locator("tr[data-run]")).to_have_count(2)
    assert agents(page) == ["newcomer-2", "newcomer-1"]
    expect(page.locator("#timeline")).to_contain_text("2 runs")


def test_the_chart_follows_runs_that_do_not_stop_coming(page, send):
    """It waits for no pause between them."""
    send("busy-0")
    page.goto("/runs?filter=agent:busy*")
    expect(page.locator("#timeline")).to_contain_text("1 run")
    counted = page.locator("#timeline b").first
    for number in range(1, 12):
        send(f"busy-{number}")
        page.wait_for_timeout(500)
        if counted.inner_text() != "1":
            break

    assert int(counted.inner_text()) > 1


def test_the_list_can_be_held_still(page, send):
    """What comes meanwhile is counted, and shown when somebody wants it."""
    send("held-0")
    page.goto("/runs?filter=agent:held*")
    page.get_by_role("button", name="Live").click()
    send("held-1")
    news = page.get_by_role("button", name="1 new")
    expect(news).to_be_visible()
    assert agents(page) == ["held-0"]
    news.click()

    expect(page.locator("tr[data-run]")).to_have_count(2)


def test_what_others_do_is_not_news(page, send):
    """Runs that the filter does not let through are neither shown nor counted."""
    send("mine-1")
    page.goto("/runs?filter=agent:mine*")
    page.get_by_role("button", name="Live").click()
    for number in range(3):
        send(f"theirs-{number}")
    send("mine-2")

    expect(page.get_by_role("button", name="1 new")).to_be_visible()


def test_what_is_new_is_counted_for_who_has_scrolled(page, send):
    """And nothing moves under their eyes."""
    page.goto("/runs")
    page.mouse.wheel(0, 1500)
    until(page, "scrollY > 500")
    before = page.evaluate("scrollY")
    send("later")
    news = page.get_by_role("button", name="new")
    expect(news).to_be_visible()
    assert page.evaluate("scrollY") == before
    news.click()

    expect(page.locator("tr[data-run]").first).to_contain_text("later")
    assert page.evaluate("scrollY") == 0


def test_selected_runs_are_deleted(page, send):
    """When somebody is sure; a range with Shift."""
    for number in range(4):
        send(f"doomed-{number}", start_time=time.time() - 10 + number)
    page.goto("/runs?filter=agent:doomed*")
    boxes = page.locator("tbody input[type=checkbox]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.get_by_text("3 selected")).to_be_visible()
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete these 3 runs?")).to_be_visible()
    page.get_by_role("button", name="Keep them").click()
    assert len(agents(page)) == 4
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_text("3 runs deleted.")).to_be_visible()
    assert agents(page) == ["doomed-0"]
    page.locator("#pick-all").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No run is like that")).to_be_visible()


def test_selected_runs_are_exported_and_compared(page, send):
    """Those too whose rows are out of sight."""
    runs = [send(f"taken-{number}", start_time=time.time() - 10 + number) for number in range(2)]
    page.goto("/runs?filter=agent:taken*")
    page.locator("#pick-all").check()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON, a line for each run").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 2
    asked = []
    page.route("**/runs/selected?*", lambda route: asked.append(route.request.url) or route.fulfill(status=204))
    page.keyboard.press("Escape")
    with page.expect_request("**/runs/selected?*"):
        page.get_by_role("button", name="Compare").click()

    newest, oldest = (run_id.replace("-", "") for run_id in reversed(runs))
    assert f"?run={newest}&run={oldest}&" in asked[0]
    assert asked[0].endswith("&do=compare")


def test_it_all_works_without_scripts(browser, url, send):
    """Reading, filtering, sorting, paging and deleting are links and forms."""
    send("plain")
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/runs")
    page.get_by_role("link", name="More runs").click()
    assert "after=" in page.url
    page.get_by_label("Filter runs").fill("agent:plain")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Duration").click()
    page.locator("tbody input[type=checkbox]").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete").click()

    expect(page.get_by_text("No run is like that")).to_be_visible()
    context.close()


def test_an_empty_observatory_says_how_to_begin(empty):
    """With its own address, and with what went wrong when somebody tried."""
    page = empty
    page.goto("/runs")
    origin = page.url.removesuffix("/runs")
    assert f"TCC_URL={origin}" in page.inner_text("main")
    page.get_by_role("button", name="Copy").first.click()
    assert "tcc.run(agent=" in page.evaluate("navigator.clipboard.readText()")
    page.request.post(f"{origin}/v1/traces", data="x", headers={"Content-Type": "application/x-protobuf"})
    page.reload()

    assert "was refused with 400 at /v1/traces" in page.inner_text("#refused").replace("\n", " ")


def test_the_first_run_takes_the_place_of_the_instructions(empty):
    """By itself."""
    page = empty
    page.goto("/runs")
    expect(page.get_by_text("Waiting for the first run")).to_be_visible()
    tcc.configure(url=page.url.removesuffix("/runs"))
    tcc.run(agent="first").prompt("Is anybody there?").response("Yes.").end()
    assert tcc.flush(5).dropped == {}

    expect(page.locator("tr[data-run]")).to_have_count(1)


@contextmanager
def opened(page, path):
    """The demo as somebody starts it who has nothing in their home yet, opened by `BROWSER` in a page."""
    script, asked = path / "browser", path / "asked"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {asked}.part && mv {asked}.part {asked}')
    script.chmod(0o755)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(path), "BROWSER": str(script)}
    command = [sys.executable, "-m", "contextcompany", "observatory", "--port", "0", "--demo", "--open"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 20
            while not asked.exists():
                assert time.monotonic() < end
                page.wait_for_timeout(20)
            page.goto(asked.read_text())
            yield
        finally:
            process.send_signal(signal.SIGINT)


def test_a_demo_opens_by_itself_and_is_live(browser, tmp_path):
    """With runs of the last day in the list, and more while one looks."""
    page = browser.new_page()
    with opened(page, tmp_path):
        rows = page.locator("tr[data-run]")
        rows.first.wait_for()
        newest = rows.first.get_attribute("data-run")

        expect(rows.first).not_to_have_attribute("data-run", newest, timeout=10_000)
    page.close()
