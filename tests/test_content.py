"""Any value becomes text that can be encoded, and only what is bad in it is replaced."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import types
import uuid

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextcompany import _content
from contextcompany._content import as_text, attribute_value, clean_text, dumps

calm = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True)


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def __class__(self):
        raise RuntimeError("no class")


class BrokenMapping(collections.UserDict):
    def items(self):
        raise RuntimeError("dictionary changed size during iteration")


class BrokenModel:
    def model_dump(self, **_):
        raise ValueError("circular")

    def __str__(self):
        return "a model"


class Model:
    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self):
        return self.fields


class Endless:
    def model_dump(self):
        return {"next": Endless()}

    def __str__(self):
        return "…"


class Interrupting:
    def __str__(self):
        raise KeyboardInterrupt


class Color(enum.Enum):
    RED = "red"
    RAW = b"raw"


class Level(enum.IntEnum):
    HIGH = 3


class Word(str):
    __slots__ = ()

    def encode(self, *_):
        raise RuntimeError("no")

    def isascii(self):
        raise RuntimeError("no")


@dataclasses.dataclass
class Point:
    x: int
    _hidden: object = None


Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024  # untyped ones are passed too


def nested(depth, make):
    value = "bottom"
    for _ in range(depth):
        value = make(value)
    return value


def circular():
    value = {"fine": 1}
    value["self"] = [value]
    return value


def graph(size):
    nodes = [{} for _ in range(size)]
    for node in nodes:
        node.update((str(index), other) for index, other in enumerate(nodes))
    return nodes


class TestCleanText:
    @pytest.mark.parametrize("text", ["", "plain", "schön 😀", "\x00"])
    def test_good_text_is_the_same_object(self, text):
        """Text that can be encoded is given back as the very same object."""
        assert clean_text(text) is text

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a\ud800b", "a\ufffdb"),
            ("\udc00", "\ufffd"),
            ("\ud83d\ude00!", "😀!"),
            ("\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
            ("\ufeffü\ud800", "\ufeffü\ufffd"),
        ],
    )
    def test_surrogates_are_repaired(self, text, expected):
        """Pairs are joined into their character, lone surrogates become U+FFFD, the rest stays."""
        assert clean_text(text) == expected

    def test_a_subclass_gives_its_characters(self):
        """A subclass of str becomes plain text, whatever its methods do."""
        assert type(clean_text(Word("w\ud800"))) is str
        assert clean_text(Word("w\ud800")) == "w\ufffd"

    @calm
    @given(st.text(st.characters()))
    def test_the_result_can_always_be_encoded(self, text):
        """Whatever the text, the result is valid UTF-8, and repairing it again changes nothing."""
        cleaned = clean_text(text)

        cleaned.encode()
        assert clean_text(cleaned) is cleaned


class TestAsText:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("text", "text"),
            ("\ud800", "\ufffd"),
            (b"caf\xc3\xa9 \xff", "café \ufffd"),
            (bytearray(b"raw"), "raw"),
            (None, ""),
            (True, "True"),
            (1.5, "1.5"),
            (math.nan, "nan"),
            (2**70, "1180591620717411303424"),
            ({"a": [1, None]}, '{"a":[1,null]}'),
            ((1, 2), "[1,2]"),
            ({3}, "[3]"),
            (Model(a=1), '{"a":1}'),
            (Point(1), '{"x":1,"_hidden":null}'),
            (Color.RED, "red"),
            (Level.HIGH, "3"),
            (decimal.Decimal("1.10"), "1.10"),
            (ValueError("why"), "why"),
            (BrokenModel(), "a model"),
        ],
    )
    def test_every_value_has_a_text(self, value, expected):
        """Text stays, bytes are decoded, containers and models are JSON, the rest is what `str()` says."""
        assert as_text(value) == expected

    def test_a_value_that_fails_at_everything_is_named(self):
        """A value whose every method raises is replaced by a marker with its class, alone."""
        marker = "<unprintable Unprintable>"

        assert as_text(Unprintable()) == marker
        assert attribute_value(Unprintable()) == marker
        assert dumps([Unprintable(), "kept"]) == f'["{marker}","kept"]'

    def test_an_interrupt_passes(self):
        """Ctrl-C while a value is printed reaches the caller."""
        with pytest.raises(KeyboardInterrupt):
            as_text(Interrupting())


class TestDumps:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a\ud800", "a\ufffd"),
            ({"k\udfff": "\ud83d\ude00"}, {"k\ufffd": "😀"}),
            ([2**70, -(2**63), 2**63 - 1], ["1180591620717411303424", -(2**63), 2**63 - 1]),
            ([math.nan, math.inf, 1.5], [None, None, 1.5]),
            ([b"text", b"\xff\x00", bytearray(b"x")], ["text", "/wA=", "x"]),
            ({None: "b", True: "c"}, {"null": "b", "true": "c"}),
            ({2: "a", None: "b", 1.5: "c", Color.RED: "d"}, {"2": "a", "null": "b", "1.5": "c", "red": "d"}),
            ({(1, 2): "tuple", 2: 2**70}, {"(1, 2)": "tuple", "2": str(2**70)}),
            ([{1}, frozenset({2}), collections.deque([3]), {"k": 4}.keys()], [[1], [2], [3], ["k"]]),
            (collections.UserDict(a=1), {"a": 1}),
            (types.MappingProxyType({"a": {1}}), {"a": [1]}),
            (Pair(1, (2, 2**70)), {"left": 1, "right": [2, str(2**70)]}),
            (Point(1, Point(2)), {"x": 1, "_hidden": {"x": 2, "_hidden": None}}),
            (Model(a=Model(b=b"c")), {"a": {"b": "c"}}),
            ([Color.RED, Color.RAW, Level.HIGH], ["red", "raw", 3]),
            (
                [dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc), dt.date(2026, 1, 2)],
                ["2026-01-02T03:04:00+00:00", "2026-01-02"],
            ),
            (
                [uuid.UUID(int=5), pathlib.PurePosixPath("/a"), decimal.Decimal("1.0")],
                [str(uuid.UUID(int=5)), "/a", "1.0"],
            ),
            ([range(3), collections.UserString("u"), int], ["range(0, 3)", "u", "<class 'int'>"]),
            (circular(), {"fine": 1, "self": ["<circular reference>"]}),
            ({"bad": BrokenMapping({"a": 1}), "good": 1}, {"bad": "{'a': 1}", "good": 1}),
            ([BrokenModel(), 1], ["a model", 1]),
        ],
    )
    def test_every_value_has_its_plain_form(self, value, expected):
        """Each kind of value has its form in JSON, and only what is bad is replaced."""
        assert json.loads(dumps(value)) == expected

    @pytest.mark.parametrize("value", [Point(1), Pair(1, 2), Model(a=1), {1}, Color.RED, Level.HIGH, 1.5])
    def test_the_careful_way_writes_the_same(self, value):
        """A bad value elsewhere does not change how a good one is written."""
        fast, careful = dumps([value, "!"]), dumps([value, "\ud800"])

        assert careful == fast.replace("!", "\ufffd")

    def test_text_of_another_class_is_its_characters(self):
        """A subclass of str is written as its characters, as key and as value, whatever its methods do."""
        assert json.loads(dumps({Word("k"): [Word("v"), "\ud800"]})) == {"k": ["v", "\ufffd"]}

    def test_huge_integers_keep_their_value(self):
        """An integer too long for decimal text is written in hexadecimal."""
        assert int(json.loads(dumps(10**5000)), 16) == 10**5000

    def test_shared_values_are_written_in_full(self):
        """A value that appears twice without holding itself is written twice."""
        shared = {"a": 2**70}

        assert json.loads(dumps([shared, shared])) == [{"a": str(2**70)}] * 2

    @pytest.mark.parametrize("make", [lambda value: {"k": value}, lambda value: [value, b"\xff"]])
    def test_ten_thousand_levels_become_text_below_the_64th(self, make):
        """Deep nesting stays readable: what lies below 64 levels is one JSON text, complete."""
        value = json.loads(dumps(nested(10_000, make)))

        for _ in range(_content.MAX_DEPTH):
            value = next(iter(value.values())) if isinstance(value, dict) else value[0]
        assert isinstance(value, str)
        assert value.count('"bottom"') == 1

    def test_objects_without_end_are_cut(self):
        """A model that makes a new model for ever is printed below 64 levels."""
        assert json.loads(dumps(Endless()))["next"]["next"]
        assert '"…"' in dumps(Endless())

    def test_a_dense_graph_is_not_written_path_by_path(self):
        """Thirty dicts that all hold each other are written in bounded size, with markers for the rest."""
        text = dumps(graph(30))

        assert _content.CIRCULAR in text
        assert _content.REPEATED in text
        assert len(text) < 20_000_000

    def test_five_megabytes_with_one_surrogate(self):
        """One bad character in five megabytes costs that character."""
        assert dumps({"a": "x" * 5_000_000 + "\ud800"}) == '{"a":"' + "x" * 5_000_000 + '\ufffd"}'

    @calm
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(st.characters()),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.text(st.characters()) | st.integers() | st.none() | st.tuples(st.integers()), inner, max_size=4
                )
                | st.tuples(inner)
            ),
        )
    )
    def test_any_value_is_valid_json(self, value):
        """Whatever the value, the text is UTF-8, is JSON, and is read the same by two readers."""
        text = dumps(value)

        assert orjson.loads(text.encode()) == json.loads(text)
        as_text(value).encode()
        attribute_value(value)


class TestAttributeValue:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("text", "text"),
            ("\ud800", "\ufffd"),
            (True, True),
            (2**63 - 1, 2**63 - 1),
            (2**63, "9223372036854775808"),
            (math.inf, math.inf),
            (Level.HIGH, "3"),
            (None, ""),
            (["a", "\ud800"], ["a", "\ufffd"]),
            (("a",), ["a"]),
            (["a", 1], '["a",1]'),
            ([], "[]"),
            ({"a": 1}, '{"a":1}'),
            (b"raw", "raw"),
        ],
    )
    def test_scalars_and_lists_of_text_pass_and_the_rest_is_text(self, value, expected):
        """Attributes hold text, booleans, 64-bit integers, floats and lists of text; others become text."""
        result = attribute_value(value)

        assert result == expected
        assert type(result) is type(expected)

    def test_subclasses_of_numbers_become_plain(self):
        """A float of another class, as numpy's is, becomes a float."""
        assert type(attribute_value(type("float64", (float,), {})(1.5))) is float
