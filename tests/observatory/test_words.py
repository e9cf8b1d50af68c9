"""What pages say of values."""

import pytest

from contextcompany.observatory import words

SECOND = 10**9


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (None, "–"),
        (0, "0 µs"),
        (820_000, "820 µs"),
        (340 * 10**6, "340 ms"),
        (999_600_000, "1.00 s"),
        (1.24 * SECOND, "1.24 s"),
        (59.94 * SECOND, "59.9 s"),
        (59.96 * SECOND, "1 m 00 s"),
        (125 * SECOND, "2 m 05 s"),
        (3720 * SECOND, "1 h 02 m"),
        (273_600 * SECOND, "3 d 04 h"),
    ],
)
def test_durations(ns, said):
    """Three digits, in the unit that suits."""
    assert words.duration(ns) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "now"),
        (-30, "now"),
        (12.4, "12 s ago"),
        (59.7, "1 m ago"),
        (119, "1 m ago"),
        (7199, "1 h ago"),
        (4 * 86_400, "4 d ago"),
        (8 * 86_400, "19 Nov 2026"),
        (-86_400, "28 Nov 2026"),
    ],
)
def test_ages(seconds, said):
    """A number that is small, or a date; clocks of senders may go ahead."""
    now = 1_795_780_800 * SECOND  # 2026-11-27 12:00 UTC

    assert words.age(now - int(seconds * SECOND), now) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(None, "–"), (0, "0"), (950, "950"), (1240, "1.2k"), (99_960, "100k"), (999_600, "1.0M"), (48_000_000, "48.0M")],
)
def test_tokens(number, said):
    """Short enough for a column."""
    assert words.tokens(number) == said


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        (None, "unknown"),
        (0, "$0"),
        (0.00004, "<$0.0001"),
        (0.0012, "$0.0012"),
        (1.239, "$1.24"),
        (1240, "$1,240"),
        (-1.5, "−$1.50"),  # noqa: RUF001
    ],
)
def test_costs(dollars, said):
    """What nobody knows is not $0."""
    assert words.cost(dollars) == said


@pytest.mark.parametrize(("number", "said"), [(None, "–"), (820, "820 B"), (1240, "1.2 kB"), (480 * 10**6, "480 MB")])
def test_sizes(number, said):
    """In thousands."""
    assert words.size(number) == said


def test_moments_are_utc():
    """To the millisecond, for people and for machines; a clock gone mad costs nothing but itself."""
    assert words.moment(1_795_780_800_123_000_000) == "2026-11-27 12:00:00.123 UTC"
    assert words.iso(1_795_780_800_123_000_000) == "2026-11-27T12:00:00.123Z"
    assert words.iso(2**63 - 1) == "2262-04-11T23:47:16.854Z"
    assert words.iso(-(2**70)) == "1970-01-01T00:00Z"


def test_nothing_in_text_is_unseen():
    """Control characters and those that turn the order have pictures; letters of any script stay."""
    assert words.shown("a\tb\nc \x1b[31m \x00 \x7f") == "a\tb\nc ␛[31m ␀ ␡"
    assert words.shown("\u202egpj.exe \u2066") == "⟨U+202E⟩gpj.exe ⟨U+2066⟩"
    assert words.shown("שלום 👩‍💻 é") == "שלום 👩‍💻 é"
    assert words.shown(None) == ""
