"""Long texts are cut out, split and put together again."""

import json

from hypothesis import given
from hypothesis import strategies as st
from spans import messages, span

from contextcompany.observatory.texts import MIN_CUT, cut, joined, split, words

SAID = st.text(max_size=700)


@given(st.dictionaries(st.text(max_size=5), st.lists(SAID, max_size=4), max_size=4))
def test_what_is_cut_is_put_together_again(attributes):
    """Whatever the attributes are, the bytes come back."""
    whole = span(1, **{f"a{key}": value for key, value in attributes.items()})

    left, cuts = cut(whole.raw, [each for value in whole.attributes.values() for each in value])

    assert joined(left, cuts) == whole.raw


def test_only_long_texts_are_cut():
    """A short text is cheaper where it is."""
    short, long = "s" * (MIN_CUT - 1), "l" * MIN_CUT
    whole = span(1, a=short, b=long)

    left, cuts = cut(whole.raw, [short, long])

    assert [text for _, text in cuts] == [long.encode()]
    assert short.encode() in left


@given(st.binary(max_size=9000))
def test_pieces_are_the_text(text):
    """Nothing is lost between pieces."""
    assert b"".join(split(text)) == text


def test_a_conversation_that_grows_begins_with_the_same_pieces():
    """A step that says what was said before adds pieces for what is new."""
    said = [f"{number} " * 100 for number in range(50)]
    before = split(messages(*said[:49]).removesuffix("]").encode())
    after = split(messages(*said).removesuffix("]").encode())

    assert after[: len(before) - 1] == before[:-1]
    assert len(after) == len(before) + 2
    assert said[49].encode() in after


def test_a_plain_text_that_grows_begins_with_the_same_pieces():
    """So do transcripts that are no messages."""
    lines = [f"line {number} " * 10 + "\n" for number in range(400)]
    before, after = split("".join(lines[:300]).encode()), split("".join(lines).encode())

    assert after[: len(before) - 1] == before[:-1]


def test_search_reads_json_like_a_person():
    """Escapes are what they stand for; roles, and names of fields, are not what was said."""
    text = json.dumps([{"role": "user", "parts": [{"type": "text", "content": 'Grüße\nan "Zoë" 🎉'}]}])

    found = words(text.encode())

    assert 'Grüße an "Zoë" 🎉' in found
    assert "user" not in found
    assert "content" not in found
