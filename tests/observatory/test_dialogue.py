"""What pages make of values of strangers: conversations, trees, folded text."""

import base64

import pytest

from contextcompany.observatory.dialogue import MAX_SAID, MAX_SPEECHES, Part, Speech, dialogue
from contextcompany.observatory.values import MAX_NODES, MAX_TEXT, Node, folded, nodes, structure

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()


def said(role, *parts, **more):
    return {"role": role, "parts": [*parts], **more}


def text(content):
    return {"type": "text", "content": content}


def test_a_result_stands_with_its_call():
    """And not where it was sent back to the model."""
    call = {"type": "tool_call", "id": "c1", "name": "search", "arguments": {"q": "x"}}
    result = {"type": "tool_call_response", "id": "c1", "response": [1, 2]}

    assert dialogue([said("user", text("?")), said("assistant", call), said("tool", result)], [text("Be brief.")]) == [
        Speech("system", [Part("text", "Be brief.")]),
        Speech("user", [Part("text", "?")]),
        Speech("assistant", [Part("call", {"q": "x"}, "search", "c1", has_result=True, result=[1, 2])]),
    ]


def test_a_result_without_its_call_stands_for_itself():
    """As one does whose call was in a message that is not here; an id that comes again is of the newest call."""
    result = {"type": "tool_call_response", "id": "c1", "response": "old"}
    call = {"type": "tool_call", "id": "c1", "name": "search", "arguments": None}
    made = dialogue([said("tool", result), said("assistant", call, call), said("tool", result, result)])

    assert [[(part.kind, part.has_result) for part in speech.parts] for speech in made] == [
        [("result", False)],
        [("call", False), ("call", True)],
        [("result", False)],
    ]


@pytest.mark.parametrize(
    ("part", "kind", "value"),
    [
        ({"type": "blob", "modality": "image", "mime_type": "text/html", "content": PNG}, "image", "data:image/png;"),
        ({"type": "uri", "modality": "image", "uri": f"data:image/gif;base64,{PNG}"}, "image", "data:image/png;"),
        ({"type": "blob", "mime_type": "image/png", "content": "PHN2Zz4="}, "attachment", "image/png, 6 bytes"),
        ({"type": "blob", "mime_type": "image/png", "content": "not base64"}, "attachment", "image/png, "),
        ({"type": "uri", "uri": "https://a.test/x.png"}, "attachment", "file, https://a.test/x.png"),
        ({"type": "file", "modality": "image", "file_id": "f"}, "attachment", "image, f"),
        ({"type": "blob", "content": None}, "attachment", "file, without content"),
    ],
)
def test_only_what_is_a_picture_is_shown_as_one(part, kind, value):
    """Whatever its sender calls it, and never from elsewhere."""
    (speech,) = dialogue([said("user", part)])

    assert (speech.parts[0].kind, speech.parts[0].value[: len(value)]) == (kind, value)


def test_of_very_many_messages_the_first_and_the_last_are_shown():
    """And how many are between."""
    made = dialogue([said("user", text(str(number))) for number in range(1000)])

    assert len(made) == MAX_SPEECHES + 1
    assert [each.parts[0].value for each in (made[0], made[9], made[10], made[11], made[-1])] == [
        "0",
        "9",
        "700 messages between are not on the page: its JSON has them.",
        "710",
        "999",
    ]


def test_a_page_does_not_have_all_of_very_much():
    """Each text is cut where it has more than its share."""
    made = dialogue(
        [said("user", text("x" * MAX_SAID)), said("user", text("short")), said("user", text("y" * MAX_SAID))]
    )

    assert made[1].parts[0].value == "short"
    assert made[2].parts[0].value.endswith("y…\n\n1,333,334 characters more are in its JSON.")


@pytest.mark.parametrize("message", [{}, {"role": None, "parts": 5}, {"parts": [None, [1], 2]}, {"content": "x"}])
def test_messages_of_any_shape_are_shown(message):
    """What is no part is a value."""
    (speech,) = dialogue([message])

    assert speech.role == "unknown"
    assert speech.parts


def test_what_a_part_is_nobody_knows():
    """It is shown whole."""
    part = {"type": "hologram", "content": {"x": 1}}

    assert dialogue([said("user", part)])[0].parts == [Part("other", part, "hologram")]


def test_a_value_is_a_flat_tree():
    """What opens, what is in it, and its end."""
    assert [*nodes({"a": [1, "x"], "b": {}, "c": None})] == [
        Node("open", None, "3 fields", "object", is_open=True),
        Node("open", "a", "2 items", "array", is_open=True),
        Node("leaf", "0", "1", "number"),
        Node("leaf", "1", "x", "string"),
        Node("close"),
        Node("leaf", "b", "{}", "word"),
        Node("leaf", "c", "null", "word"),
        Node("close"),
    ]


@pytest.mark.parametrize("much", [[*range(100_000)], [[[0] * 300] * 300], ["x" * MAX_TEXT] * 3])
def test_a_tree_ends(much):
    """What is open is closed where it does."""
    made = [*nodes(much)]
    kinds = [each.kind for each in made]

    assert len(made) <= MAX_NODES + 20
    assert kinds.count("open") == kinds.count("close")
    assert "more" in kinds


def test_a_tree_is_not_deeper_than_a_page_can_be():
    """Nor does it take the interpreter's stack."""
    deep: list = []
    for _ in range(5_000):
        deep = [deep]

    assert len([*nodes(deep)]) < 100


def test_long_text_is_folded_after_a_line():
    """With its size in bytes; what is very long is cut, and said to be."""
    assert folded("short") == ("short", "", 5, 0)
    made = folded("é" * 1900 + "\n" + "x" * 5000)
    assert (len(made.head), len(made.rest), made.size, made.left_out) == (1901, 5000, 8801, 0)
    assert folded("x" * (MAX_TEXT + 7)).left_out == 7


def test_structure_is_what_has_something_inside():
    """Of a value or of JSON text."""
    assert structure('{"a": 1}') == {"a": 1}
    assert [structure(each) for each in ("12", "{}", "{broken", None, [])] == [None] * 5
