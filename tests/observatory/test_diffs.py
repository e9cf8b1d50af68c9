"""Rows with two sides, made of the lines of a diff."""

from contextcompany.observatory import diffs
from contextcompany.observatory.diffs import Bit, Row


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
