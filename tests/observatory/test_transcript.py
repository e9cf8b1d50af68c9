"""Messages as text that people read, whatever their parts are."""

import pytest

from contextcompany.observatory.fold import Fact
from contextcompany.observatory.transcript import fresh, readable, written


def said(role, *parts):
    return {"role": role, "parts": [*parts]}


def text(content):
    return {"type": "text", "content": content}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (said("user", text("Hello")), "user:\nHello"),
        (said("user", text("Hello"), text("again")), "user:\nHello\n\nuser:\nagain"),
        (said("assistant", {"type": "reasoning", "content": "Hm"}), "assistant, reasoning:\nHm"),
        (
            said("assistant", {"type": "tool_call", "id": "c", "name": "search", "arguments": {"q": "é"}}),
            'assistant calls search:\n{\n  "q": "é"\n}',
        ),
        (
            said("assistant", {"type": "tool_call", "name": "search", "arguments": '{"q":1}'}),
            'assistant calls search:\n{\n  "q": 1\n}',
        ),
        (said("tool", {"type": "tool_call_response", "id": "c", "response": "found"}), "tool result:\nfound"),
        (said("tool", {"type": "tool_call_response", "response": None}), "tool result:\n"),
        (
            said("user", {"type": "blob", "mime_type": "image/png", "content": "AAAA" * 1000}),
            "user, attachment:\nimage/png, 3,000 bytes",
        ),
        (
            said("user", {"type": "uri", "modality": "image", "uri": "https://images.example/1"}),
            "user, attachment:\nimage, https://images.example/1",
        ),
        (said("user", {"type": "file", "file_id": "file-1"}), "user, attachment:\nfile, file-1"),
        (said("user", {"type": "new", "x": 1}), 'user, new:\n{\n  "type": "new",\n  "x": 1\n}'),
        (said("user", "Hello"), "user:\nHello"),
        ({"role": "user", "content": "Hello"}, "user:\nHello"),
        ({"parts": [text("Hello")]}, "somebody:\nHello"),
    ],
)
def test_each_part_is_written(message, expected):
    """With who said it, and what kind it is."""
    assert written([message], "somebody") == expected


def test_instructions_are_parts_without_a_role():
    """They are the system's."""
    assert written([text("Be brief."), text("Be kind.")], "system") == "system:\nBe brief.\n\nsystem:\nBe kind."


def test_what_is_nested_deeply_is_not_put_in_lines():
    """Each would begin with more blanks than it holds, and there may be a million."""
    deep = "[" * 900 + "1, 1" + "]" * 900
    value = []
    for _ in range(200_000):
        value = [value]

    assert readable(deep) == deep
    assert readable([[[]]]) == "[\n  [\n    []\n  ]\n]"
    assert readable(value) == "[nested too deeply to be written]"


def test_nothing_is_no_text():
    """None, and an empty text."""
    assert (readable(None), readable(""), written(None)) == ("", "", "")


ASKED, ANSWERED, MORE = said("user", text("a")), said("assistant", text("b")), said("user", text("c"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, [ASKED], [ASKED]),
        (([ASKED], [ANSWERED]), [ASKED, ANSWERED, MORE], [MORE]),
        (([ASKED], [ANSWERED | {"finish_reason": "stop"}]), [ASKED, ANSWERED, MORE], [MORE]),
        (([ASKED], None), [ASKED, MORE], [MORE]),
        (([ASKED], [ANSWERED]), [ASKED, said("assistant", text("x")), MORE], [said("assistant", text("x")), MORE]),
        (([ASKED], [ANSWERED]), [MORE], [MORE]),
        (([ASKED], [ANSWERED]), [], []),
        ((None, None), [ASKED], [ASKED]),
    ],
)
def test_what_is_new_in_a_step(before, after, expected):
    """Is what neither the step before it was asked nor answered; of another history, all."""
    last = None if before is None else Fact("step", "", "", input=before[0], output=before[1])

    assert fresh(Fact("step", "", "", input=after), last) == expected
