"""The dashboard, sessions, tool calls, failures, feedback and settings, as a person uses them."""

import pytest
from accessibility import assert_accessible

PATHS = ("/dashboard", "/sessions", "/sessions/visit-38", "/tool_calls", "/failures", "/feedback", "/settings")


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible(page, axe_source, path):
    """Says axe-core, in light and in dark; and nothing is wider than a small screen."""
    page.goto(path)
    assert_accessible(page, axe_source)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page, axe_source)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


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
    page.goto("/runs?filter=agent:support")
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
