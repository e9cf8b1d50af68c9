"""The list of runs, as a person uses it."""

from accessibility import assert_accessible


def test_the_list_is_accessible(page, axe_source):
    """Says axe-core, in light and in dark."""
    page.goto("/runs")
    assert_accessible(page, axe_source)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page, axe_source)


def test_hostile_runs_are_text(page):
    """What looks like markup is read, not done."""
    page.goto("/runs")
    row = page.get_by_role("row").filter(has_text="onerror").first

    assert "<script>alert(1)</script>" in row.inner_text()
    assert row.locator("script, img").count() == 0
