"""The dashboard, sessions, tool calls, views of a run, and files that go and come, as a person uses them."""

import json
import re
from pathlib import Path

import pytest
from accessibility import assert_accessible
from running import until

PATHS = ("/dashboard", "/sessions", "/sessions/visit-38", "/tool_calls", "/failures", "/feedback", "/settings")

FIGURES = """(rows) => rows.map((row) =>
  [...row.querySelectorAll(".num")].map((each) => [each.dataset.label, each.getBoundingClientRect().left]))
"""
"""Of each row, what the figures are called and where they stand."""


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible(page, axe_source, path):
    """Says axe-core, in light and in dark; and nothing is wider than a small screen."""
    page.goto(path)
    assert_accessible(page, axe_source)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page, axe_source)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", ["/sessions", "/failures", "/tool_calls", "/dashboard"])
def test_lists_are_read_on_a_small_screen(page, path):
    """All that is said of each, without moving it sideways; figures stand below each other, with their labels."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    page.locator("main details.numbers").evaluate_all("(all) => all.forEach((each) => each.open = true)")
    for table in page.locator("main .scroll").all():
        assert table.evaluate("(scroll) => scroll.scrollWidth - scroll.clientWidth") == 0
        heads = table.locator("thead .num").all_text_contents()
        first, *others = table.locator("tbody tr").evaluate_all(FIGURES)
        assert [label for label, _ in first] == heads
        assert others == [first] * len(others)


def test_lines_to_send_runs_are_copied(page):
    """With the Observatory's own address; beside them stands how much is kept."""
    page.goto("/settings")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_text("Copied.").wait_for()
    address = page.url.removesuffix("/settings")
    assert page.evaluate("navigator.clipboard.readText()") == f"TCC_URL={address}"
    assert re.search(r"Size\s+[\d.]+ [kMG]B", page.locator("main").inner_text())


def test_a_session_has_totals_and_turns_in_order(page):
    """Each with what was asked and answered."""
    page.goto("/sessions/visit-30")
    assert re.search(r"Runs\s+3", page.locator("main").inner_text())
    asked = page.get_by_text("Where is my order").all_inner_texts()
    assert [text.split("?")[0] for text in asked] == [f"Where is my order {number}" for number in (4090, 4091, 4092)]


def test_pages_weigh_less_than_150_kb(empty):
    """With their sheets and scripts, uncompressed, and without what agents say."""
    page = empty
    for path in ("/runs", *(path for path in PATHS if path.count("/") == 1)):
        page.goto(path)
        sizes = page.evaluate("performance.getEntries().map((each) => each.decodedBodySize ?? 0)")
        assert 20_000 < sum(sizes) < 150_000


def test_pages_are_read_without_scripts(browser, url):
    """Links lead on, forms are sent, and what is folded opens."""
    with browser.new_context(base_url=url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/dashboard?since=7d")
        page.locator(".by a").first.click()
        page.wait_for_url("**/runs?filter=agent*")
        page.goto("/sessions/visit-37")
        page.locator(".thumbs label").first.click()
        page.get_by_placeholder("A note").first.fill("By hand.")
        page.get_by_role("button", name="Keep").first.click()
        assert page.get_by_text("By hand.").is_visible()
        page.goto("/tool_calls?tool=refund")
        page.locator(".call summary").first.click()
        assert page.get_by_text("The payment provider did not answer").is_visible()


def test_a_bar_leads_to_its_runs(page):
    """As many as it says; arrow keys go from bar to bar."""
    page.goto("/dashboard")
    bars = page.locator(".chart[data-key=runs] .bars a")
    bars.last.focus()
    page.keyboard.press("ArrowLeft")
    title = page.evaluate("document.activeElement.querySelector('title').textContent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs?*")

    assert page.locator("tr[data-run]").count() == int(title.partition(": ")[2].partition(",")[0])


def test_two_runs_are_compared(page, axe_source):
    """From the list, side by side or inline, by a link that can be given to others."""
    page.goto("/runs?filter=agent:support user:user-1")
    for row in (0, 1):
        page.locator("tr[data-run] input[type=checkbox]").nth(row).check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?a=*&b=*")

    assert page.locator(".diff.sides mark").count()
    assert_accessible(page, axe_source)
    page.get_by_role("link", name="Inline").click()
    page.wait_for_url("**inline=1*")
    assert page.locator(".diff.inline .new mark").count()


def test_charts_of_one_agent(page):
    """A step from the table, and back; the numbers are in a table too."""
    page.goto("/dashboard")
    page.get_by_role("link", name="Charts of support only").click()
    page.get_by_text("Only the agent support").wait_for()
    page.get_by_text("The same in numbers").click()

    assert page.get_by_role("region", name="The same in numbers").get_by_role("row").count() > 20
    page.get_by_role("link", name="show all").click()
    assert "by=" not in page.url


def test_thumbs_are_given_in_a_session(page):
    """They stand at the turn at once."""
    page.goto("/sessions/visit-38")
    turn = page.locator(".turn").nth(1)
    turn.locator(".thumbs label").first.click()
    turn.get_by_placeholder("A note").fill("Well said.")
    turn.get_by_role("button", name="Keep").click()

    assert page.locator(".turn").nth(1).get_by_text("Well said.").is_visible()
    page.goto("/feedback")
    assert page.get_by_text("Well said.").count() == 1


def test_args_and_result_are_read_on_demand(page):
    """Where the call is listed."""
    page.goto("/tool_calls?tool=refund")
    call = page.locator(".call").first
    assert not call.get_by_text("The payment provider did not answer").is_visible()
    call.locator("summary").click()

    assert call.get_by_text("The payment provider did not answer").is_visible()
    assert "?span=" in call.get_by_role("link", name="In the run").get_attribute("href")


# --- views of a run --------------------------------------------------------------------------------------------------


def newest(page, filter_):
    """The trace of the newest run that a filter lets through."""
    return page.request.get("/api/runs", params={"filter": filter_, "limit": 1}).json()["runs"][0]["trace_id"]


@pytest.mark.parametrize("view", ["conversation", "log", "graph"])
def test_views_of_a_run_are_accessible(page, axe_source, view):
    """And not wider than a small screen."""
    page.goto(f"/runs/{newest(page, 'agent:support')}/{view}")
    assert_accessible(page, axe_source)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page, axe_source)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_conversation_leads_to_its_spans(page):
    """By its tabs and its headings."""
    trace_id = newest(page, "agent:support")
    page.goto(f"/runs/{trace_id}")
    page.get_by_role("link", name="Conversation").click()
    page.get_by_text("1 tool offered, none called").wait_for()
    assert page.get_by_text("Where is my order").first.is_visible()
    page.locator(".exchange[data-kind=tool_call] h2 a").click()
    page.wait_for_url(f"**/runs/{trace_id}?span=*")


def test_a_log_is_copied(page):
    """As Markdown, or with a word to the model that reads it."""
    page.goto(f"/runs/{newest(page, 'agent:support')}/log")
    page.get_by_role("button", name="Copy as Markdown").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# support")
    page.get_by_role("button", name="Copy for an LLM").click()
    until(page, "navigator.clipboard.readText().then((text) => text.startsWith('This is the record'))")


def test_a_node_leads_to_its_spans_in_the_tree(page):
    """Where they are found among the others."""
    page.goto(f"/runs/{newest(page, 'agent:support')}/graph")
    page.locator(".node[data-kind=tool_call]").get_by_text("search_orders", exact=True).click()
    page.wait_for_url("**only=tool_call*find=search_orders*")


# --- files -----------------------------------------------------------------------------------------------------------


def exported(page, trace_id, format_):
    return page.request.get(f"/api/runs/{trace_id}/export", params={"format": format_}).body()


def test_a_run_is_taken_along_as_a_file(page, tmp_path, axe_source):
    """It opens from the disk without a network: links open what they lead to, and spans are found."""
    path = tmp_path / "run.html"
    path.write_bytes(exported(page, newest(page, "agent:support"), "html"))
    page.context.set_offline(True)
    asked, said = [], []
    page = page.context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())

    page.locator(".spans a").nth(1).click()
    assert page.locator(".detail.card[open]").get_by_text("Where is my order").first.is_visible()
    page.get_by_label("Find spans").fill("search_orders")
    assert page.locator(".spans .line:not(.aside)").count() == 1
    assert {url.partition("#")[0] for url in asked} == {path.as_uri()}
    assert_accessible(page, axe_source)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page, axe_source)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert said == []


def test_runs_are_taken_along_to_read(page):
    """One as Markdown from its menu, several as one HTML file from the list."""
    trace_id = newest(page, "agent:writer")
    page.goto(f"/runs/{trace_id}")
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("# ")
    assert "Where is my order" in text

    page.goto("/runs?filter=agent:writer")
    for row in (0, 1):
        page.locator("tr[data-run] input[type=checkbox]").nth(row).check()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML").click()
    whole = Path(download.value.path()).read_text()
    rows = page.locator("tr[data-run]")
    assert [rows.nth(at).get_attribute("data-run") in whole for at in range(3)] == [True, True, False]


def test_feedback_is_given_on_its_page(page):
    """To any run, by its id."""
    page.goto("/feedback")
    page.get_by_text("Say what you think of a run").click()
    page.get_by_label("Run", exact=True).fill(newest(page, "agent:writer"))
    page.get_by_title("Good").click()
    page.get_by_label("Note").fill("Written with care.")
    page.get_by_role("button", name="Keep").click()

    page.locator("main").get_by_text("Written with care.").wait_for()


def drop(page, name, content):
    """As a person drops a file on the page."""
    page.evaluate(
        """([name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          for (const type of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [name, content],
    )


def test_files_are_imported_by_dropping_them(page):
    """On any page; what came is said, and what was refused."""
    trace_id = newest(page, "agent:writer")
    content = exported(page, trace_id, "otlp").decode()
    other = "d0" * 16
    page.goto("/failures")
    drop(page, "run.jsonl", content.replace(trace_id, other))
    page.get_by_text("run.jsonl: 3 spans and").wait_for()
    page.get_by_role("link", name="Show the runs").click()
    page.locator(f"tr[data-run='{other}']").wait_for()
    page.wait_for_load_state("load")

    drop(page, "page.html", "<b>no</b>")
    said = page.get_by_text("page.html: 0 spans").inner_text()
    assert "1 part refused" in said


def test_files_are_imported_by_a_form(page, tmp_path):
    """Where no script runs."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(exported(page, newest(page, "agent:billing"), "otlp"))
    page.goto("/settings")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Import").click()

    assert re.search(r"\d spans and \d log records? came", page.locator("#brought h1").inner_text())
    assert json.loads(path.read_text().splitlines()[0])
