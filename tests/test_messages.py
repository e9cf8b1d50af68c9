"""Messages of every library we know arrive in GenAI shape, and what we do not know arrives whole."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import json
import threading
import types

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextcompany._content import clean_text
from contextcompany._messages import prompt, response, system_parts, tool_definitions
from genai_shapes import (
    check_input_messages,
    check_output_messages,
    check_system_instructions,
    check_tool_definitions,
)

calm = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck), derandomize=True)


# -- stand-ins for library objects ---------------------------------------------------------------------------------


class Model:
    """Looks like a pydantic model: OpenAI's, Anthropic's, Google's and LangChain's objects are some."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self, *, exclude_none=False, **_):
        return {key: _dumped(value) for key, value in self.fields.items() if not (exclude_none and value is None)}


def _dumped(value):
    if isinstance(value, list):
        return [_dumped(item) for item in value]
    return value.model_dump(exclude_none=True) if isinstance(value, Model) else value


@dataclasses.dataclass
class Text:
    content: str
    type: str = "text"


@dataclasses.dataclass
class InputMessage:
    role: str
    parts: list


class Reason(str, enum.Enum):
    MAX = "MAX_TOKENS"


class Hostile:
    def __getattr__(self, name):
        raise RuntimeError(name)

    def __str__(self):
        raise RuntimeError("no text")

    def __iter__(self):
        raise RuntimeError("no items")

    @property
    def __class__(self):
        raise RuntimeError("no class")


class HostileDict(dict):
    def items(self):
        raise RuntimeError("dictionary changed size during iteration")

    get = keys = __iter__ = __getitem__ = items


class HostileModel:
    def model_dump(self, **_):
        raise MemoryError


# -- helpers -------------------------------------------------------------------------------------------------------


def messages(value):
    found = json.loads(prompt(value).messages)
    check_input_messages(found)
    return found


def output(value, finish_reason=None):
    found = json.loads(response(value).render(finish_reason))
    check_output_messages(found)
    return found


def parts_of(content, role="user"):
    (message,) = messages([{"role": role, "content": content}])
    assert message["role"] == role
    return message["parts"]


def text(content):
    return {"type": "text", "content": content}


def said(role, content):
    return {"role": role, "parts": [text(content)]}


def answer(*parts, finish="stop", role="assistant", **more):
    return {"role": role, "parts": list(parts), **more, "finish_reason": finish}


CALL = {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}}
RESULT = {"type": "tool_call_response", "id": "c1", "response": "2"}
OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
LANGCHAIN_CALL = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}


# -- prompts -------------------------------------------------------------------------------------------------------


class TestText:
    @pytest.mark.parametrize("value", ["", "hi", "[2026-01-01] log line", "{not json", "[1, 2, 3]", '{"a": 1}', " [] "])
    def test_text_is_one_user_message(self, value):
        """Text that holds no messages is kept as it is, JSON or not."""
        assert prompt(value)[:3] == (json.dumps([said("user", value)], separators=(",", ":")).encode(), None, None)

    @calm
    @given(st.text())
    def test_text_comes_back_byte_for_byte(self, value):
        """Whatever the text, it is the content of the one part of the one message, unchanged."""
        assert messages(value) == [said("user", value)]
        assert output(value) == [answer(text(value))]
        assert json.loads(system_parts(value)) == [text(value)]

    def test_lone_surrogates_are_repaired(self):
        """A lone surrogate becomes U+FFFD and the rest of the text stays."""
        assert messages("a\ud800b") == [said("user", "a\ufffdb")]
        assert messages([{"role": "user", "content": "a\ud800b"}]) == [said("user", "a\ufffdb")]

    @pytest.mark.parametrize(
        "value", [[1, 2, 3], {"a": None}, None, 1.5, ["a", "b"], {"text": "t"}, [{"text": "t"}], {"input": "i"}]
    )
    def test_other_values_are_one_text_part_with_their_json(self, value):
        """A value without messages is kept as its JSON text."""
        ((message),) = messages(value)
        ((part),) = message["parts"]

        assert (message["role"], json.loads(part["content"])) == ("user", value)

    def test_bytes_are_text(self):
        """Bytes are the text they encode."""
        assert messages(b"caf\xc3\xa9") == [said("user", "café")]

    def test_json_text_of_messages_is_read(self):
        """JSON text of a message array counts as the array, as the seeds' `json.dumps([…])` asks."""
        value = [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}]

        assert messages(f" {json.dumps(value)}\n") == [said("system", "be"), said("user", "hi")]

    def test_what_json_dumps_writes_is_read(self):
        """NaN, escaped lone surrogates and integers beyond 64 bits do not keep a JSON text from being read."""
        value = [{"role": "user", "content": "\ud800", "score": float("nan"), "id": 2**70}]

        assert messages(json.dumps(value)) == [{**said("user", "\ufffd"), "score": None, "id": str(2**70)}]


class TestOpenAIChat:
    def test_plain_messages(self):
        """Role and text become role and one text part; `developer` stays."""
        roles = ["system", "developer", "user", "assistant"]

        assert messages([{"role": role, "content": role} for role in roles]) == [said(role, role) for role in roles]

    def test_tool_calls_and_their_results(self):
        """Calls and results keep the id that pairs them; arguments become what their JSON text says."""
        value = [
            {"role": "assistant", "content": "", "tool_calls": [OPENAI_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "2"},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "2"}]},
        ]

        assert messages(value) == [
            {"role": "assistant", "parts": [CALL]},
            {"role": "tool", "parts": [RESULT]},
            {"role": "tool", "parts": [RESULT]},
        ]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [('{"a": [1]}', {"a": [1]}), ("[1]", [1]), ("{broken", "{broken"), ("", ""), ("5", "5"), ({"a": 1}, {"a": 1})],
    )
    def test_arguments_that_are_no_json_stay_text(self, given, expected):
        """JSON objects and arrays are read, anything else is kept as it came."""
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": given}}

        ((message),) = messages([{"role": "assistant", "content": None, "tool_calls": [call]}])

        assert message["parts"] == [{**CALL, "arguments": expected}]

    def test_digits_of_arguments_are_kept(self):
        """An integer beyond 64 bits inside arguments keeps all its digits, as text."""
        call = {"id": "c1", "function": {"name": "add", "arguments": f'{{"a": {2**70}}}'}}

        ((message),) = messages([{"role": "assistant", "tool_calls": [call]}])

        assert message["parts"] == [{**CALL, "arguments": {"a": str(2**70)}}]

    def test_legacy_functions(self):
        """`function_call` is a tool call and role `function` is role `tool`, without an id."""
        value = [
            {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}},
            {"role": "function", "name": "add", "content": "2"},
        ]

        assert messages(value) == [
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "add", "arguments": {}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "response": "2"}], "name": "add"},
        ]

    def test_custom_tools_names_refusals_reasoning_and_audio(self):
        """What stands beside the content becomes parts; a name and unknown keys stay on the message."""
        custom = {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
        value = {
            "role": "assistant",
            "name": "bob",
            "content": "x",
            "refusal": "no",
            "reasoning_content": "hm",
            "audio": {"id": "a1", "data": "aGk=", "transcript": "hi"},
            "tool_calls": [custom],
            "annotations": [],
            "mood": "calm",
        }

        assert messages([value]) == [
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "hm"},
                    text("x"),
                    {"type": "refusal", "refusal": "no"},
                    {"type": "blob", "modality": "audio", "content": "aGk=", "id": "a1", "transcript": "hi"},
                    {"type": "tool_call", "id": "c2", "name": "sql", "arguments": "select 1"},
                ],
                "name": "bob",
                "mood": "calm",
            }
        ]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("plain", text("plain")),
            ({"type": "text", "text": "t"}, text("t")),
            (
                {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
                {**text("t"), "cache_control": {"type": "ephemeral"}},
            ),
            ({"type": "refusal", "refusal": "no"}, {"type": "refusal", "refusal": "no"}),
            (
                {"type": "image_url", "image_url": {"url": "https://e.x/a.png", "detail": "low"}},
                {"type": "uri", "modality": "image", "uri": "https://e.x/a.png", "detail": "low"},
            ),
            (
                {"type": "image_url", "image_url": "https://e.x/a.png"},
                {"type": "uri", "modality": "image", "uri": "https://e.x/a.png"},
            ),
            (
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            ),
            (
                {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%3E"}},
                {"type": "blob", "modality": "image", "mime_type": "image/svg+xml", "content": "PHN2Zz4="},
            ),
            (
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
                {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "aGk="},
            ),
            ({"type": "file", "file": {"file_id": "f-1"}}, {"type": "file", "modality": "document", "file_id": "f-1"}),
            (
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
                {
                    "type": "blob",
                    "modality": "document",
                    "mime_type": "application/pdf",
                    "content": "aGk=",
                    "filename": "a.pdf",
                },
            ),
            ({"type": "sticker", "pack": 1}, {"type": "sticker", "pack": 1}),
            ({"type": "image_url"}, {"type": "image_url"}),
            ({"type": "text"}, {"type": "unknown", "value": {"type": "text"}}),
            ({"type": "text", "text": 5}, {"type": "unknown", "value": {"type": "text", "text": 5}}),
            ({"no": "type"}, {"type": "unknown", "no": "type"}),
            ({"type": 5}, {"type": "unknown", "value": {"type": 5}}),
            (5, {"type": "unknown", "value": 5}),
        ],
    )
    def test_content_parts(self, given, expected):
        """Every part has its GenAI shape; unknown and malformed ones are kept whole."""
        assert parts_of([given]) == [expected]


class TestOpenAIResponses:
    def test_items(self):
        """Items become messages of one part: calls the assistant's, outputs the tool's."""
        value = [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hi"},
                    {"type": "input_image", "file_id": "f-1", "detail": "auto"},
                ],
            },
            {
                "type": "reasoning",
                "id": "r1",
                "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            },
            {"type": "reasoning", "id": "r2", "summary": [], "encrypted_content": "gAAA"},
            {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "2"},
            {"type": "computer_call", "id": "cu", "action": {"type": "click"}},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "ok", "annotations": []}],
            },
        ]

        assert messages(value) == [
            {
                "role": "user",
                "parts": [text("hi"), {"type": "file", "modality": "image", "file_id": "f-1", "detail": "auto"}],
            },
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "a\n\nb", "id": "r1"}]},
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "", "id": "r2", "encrypted_content": "gAAA"}],
            },
            {"role": "assistant", "parts": [CALL]},
            {"role": "tool", "parts": [RESULT]},
            {"role": "assistant", "parts": [value[5]]},
            said("assistant", "ok"),
        ]

    def test_calls_the_provider_runs_are_kept_whole_inside(self):
        """A web search or code interpreter call is a server tool call around the provider's own item."""
        item = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "q"}}

        assert messages([item]) == [
            {
                "role": "assistant",
                "parts": [{"type": "server_tool_call", "id": "ws", "name": "web_search", "server_tool_call": item}],
            }
        ]


class TestAnthropic:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "reasoning", "content": "hm", "signature": "s"},
            ),
            ({"type": "redacted_thinking", "data": "xx"}, {"type": "redacted_thinking", "data": "xx"}),
            ({"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}, CALL),
            ({"type": "tool_result", "tool_use_id": "c1", "content": "2"}, RESULT),
            (
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [{"type": "text", "text": "2"}],
                    "is_error": True,
                },
                {**RESULT, "is_error": True},
            ),
            ({"type": "tool_result", "tool_use_id": "c1"}, {**RESULT, "response": ""}),
            (
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
                {
                    "type": "server_tool_call",
                    "id": "s1",
                    "name": "web_search",
                    "server_tool_call": {
                        "type": "server_tool_use",
                        "id": "s1",
                        "name": "web_search",
                        "input": {"query": "q"},
                    },
                },
            ),
            (
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                {
                    "type": "server_tool_call_response",
                    "id": "s1",
                    "server_tool_call_response": {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
                },
            ),
            (
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            ),
            (
                {"type": "image", "source": {"type": "url", "url": "https://e.x/a"}},
                {"type": "uri", "modality": "image", "uri": "https://e.x/a"},
            ),
            (
                {"type": "document", "source": {"type": "file", "file_id": "f-1"}, "title": "T"},
                {"type": "file", "modality": "document", "file_id": "f-1", "title": "T"},
            ),
            (
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                    "title": "T",
                },
                {**text("words"), "title": "T"},
            ),
        ],
    )
    def test_content_blocks(self, given, expected):
        """Blocks have their GenAI shape and the message keeps the role it has."""
        assert parts_of([given]) == [expected]

    def test_a_whole_request(self):
        """A request dict gives its messages, its system prompt and its tools."""
        value = {
            "model": "claude",
            "max_tokens": 10,
            "system": [{"type": "text", "text": "be"}],
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}],
        }

        found = prompt(value)

        assert json.loads(found.messages) == [said("user", "hi")]
        assert json.loads(found.system) == [text("be")]
        assert json.loads(found.tools) == [
            {"type": "function", "name": "add", "description": "Adds.", "parameters": {"type": "object"}}
        ]


class TestGemini:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"text": "t"}, text("t")),
            (
                {"text": "hm", "thought": True, "thought_signature": b"\xff"},
                {"type": "reasoning", "content": "hm", "thought_signature": "/w=="},
            ),
            (
                {"functionCall": {"name": "add", "args": {"a": 1}}},
                {"type": "tool_call", "name": "add", "arguments": {"a": 1}},
            ),
            ({"function_call": {"id": "c1", "name": "add", "args": {"a": 1}}}, CALL),
            (
                {"functionResponse": {"id": "c1", "name": "add", "response": {"r": 2}}},
                {"type": "tool_call_response", "id": "c1", "response": {"r": 2}, "name": "add"},
            ),
            (
                {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
                {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "aGk="},
            ),
            (
                {"inline_data": {"mime_type": "image/png", "data": b"hi"}},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            ),
            (
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}},
                {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://b/v"},
            ),
            (
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {
                    "type": "server_tool_call",
                    "name": "code_execution",
                    "server_tool_call": {"type": "executableCode", "language": "PYTHON", "code": "1"},
                },
            ),
            (
                {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
                {
                    "type": "server_tool_call_response",
                    "server_tool_call_response": {"type": "codeExecutionResult", "outcome": "OUTCOME_OK"},
                },
            ),
        ],
    )
    def test_parts(self, given, expected):
        """Parts are told by their key, in both spellings; bytes are base64; `model` is the assistant."""
        assert messages([{"role": "model", "parts": [given]}]) == [{"role": "assistant", "parts": [expected]}]

    @pytest.mark.parametrize(
        "more",
        [
            {"systemInstruction": {"parts": [{"text": "be"}]}, "tools": [{"functionDeclarations": [{"name": "add"}]}]},
            {"config": {"system_instruction": "be", "tools": [{"function_declarations": [{"name": "add"}]}]}},
        ],
    )
    @pytest.mark.parametrize("contents", ["hi", ["hi"], {"parts": [{"text": "hi"}]}, [{"parts": [{"text": "hi"}]}]])
    def test_a_whole_request(self, contents, more):
        """A request gives messages, system prompt and tools, with its config beside or around them."""
        found = prompt({"model": "gemini", "contents": contents, **more})

        assert json.loads(found.messages) == [said("user", "hi")]
        assert json.loads(found.system) == [text("be")]
        assert json.loads(found.tools) == [{"type": "function", "name": "add"}]

    def test_text_beside_an_image_is_one_message(self):
        """Gemini's flat list of texts and parts is one user message."""
        image = Model(inline_data=Model(mime_type="image/png", data=b"hi"), text=None)

        ((message),) = messages(["what is this?", image])

        assert message["parts"] == [
            text("what is this?"),
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
        ]


class TestLangChain:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda kind, fields: Model(type=kind, additional_kwargs={}, response_metadata={}, name=None, **fields),
            lambda kind, fields: {"type": kind, **fields},
            lambda kind, fields: {"type": kind, "data": {"type": kind, **fields}},
            lambda kind, fields: {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain"],
                "kwargs": {"type": kind, **fields},
            },
        ],
        ids=["object", "dump", "messages_to_dict", "dumpd"],
    )
    def test_messages(self, wrap):
        """Objects and their serialised forms are told by their type; a call in both places appears once."""
        value = [
            wrap("system", {"content": "be"}),
            wrap("human", {"content": [{"type": "text", "text": "hi"}]}),
            wrap(
                "ai",
                {
                    "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}],
                    "tool_calls": [LANGCHAIN_CALL],
                },
            ),
            wrap("tool", {"content": "2", "tool_call_id": "c1"}),
        ]

        assert messages(value) == [
            said("system", "be"),
            said("user", "hi"),
            {"role": "assistant", "parts": [CALL]},
            {"role": "tool", "parts": [RESULT]},
        ]

    def test_pairs(self):
        """A pair of role and text is a message."""
        assert messages([("system", "be"), ("human", "hi"), ("ai", "yo")]) == [
            said("system", "be"),
            said("user", "hi"),
            said("assistant", "yo"),
        ]


class TestGenAI:
    def test_its_own_shape_passes_unchanged(self):
        """What is in GenAI shape already comes out as it went in, keys of its own included."""
        value = [
            {"role": "user", "parts": [text("t"), {"type": "mine", "x": None}], "name": "bob", "extra": []},
            {
                "role": "assistant",
                "parts": [CALL, {"type": "reasoning", "content": ""}, {"type": "tool_call", "name": "n", "id": None}],
            },
            {"role": "tool", "parts": [RESULT, {"type": "tool_call_response", "response": None}]},
            {"role": "critic", "parts": [{"type": "blob", "modality": "image", "content": "aGk=", "mime_type": None}]},
            {
                "role": "user",
                "parts": [
                    {"type": "uri", "modality": "x", "uri": "u"},
                    {"type": "file", "modality": "x", "file_id": "f"},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"type": "server_tool_call", "name": "n", "server_tool_call": {"type": "t"}},
                    {"type": "compaction"},
                ],
            },
        ]

        assert messages(value) == value
        assert messages(json.dumps(value)) == value
        assert output(value, "length") == [{**message, "finish_reason": "length"} for message in value]
        assert json.loads(system_parts(value[0]["parts"])) == value[0]["parts"]

    def test_objects_of_its_shape(self):
        """Dataclasses in GenAI shape, as util-genai has them, become what they look like."""
        assert messages([InputMessage("user", [Text("hi")])]) == [said("user", "hi")]


class TestMixed:
    def test_an_unknown_element_keeps_the_others(self):
        """An element that is no message becomes a user message that holds it whole."""
        value = [{"role": "user", "content": "hi"}, "text", {"a": 1}, 5, {"role": "user"}]

        assert messages(value) == [
            said("user", "hi"),
            said("user", "text"),
            {"role": "user", "parts": [{"type": "unknown", "a": 1}]},
            {"role": "user", "parts": [{"type": "unknown", "value": 5}]},
            {"role": "user", "parts": [{"type": "unknown", "role": "user"}]},
        ]

    def test_hostile_values_cost_only_themselves(self):
        """Values that raise at everything are replaced by a marker; the messages beside them stay."""
        value = [{"role": "user", "content": "hi"}, Hostile(), HostileDict(role="user"), HostileModel()]

        first, *others = messages(value)

        assert first == said("user", "hi")
        assert len(others) == 3
        assert others[0]["parts"] == [{"type": "unknown", "value": "<unprintable Hostile>"}]

    @pytest.mark.parametrize(
        "make", [Hostile, HostileModel, HostileDict, lambda: {"role": Hostile(), "content": Hostile()}]
    )
    def test_a_hostile_value_is_one_text(self, make):
        """A value that raises at everything still gives valid messages, system parts and tools."""
        assert len(messages(make())) == 1
        assert len(output(make())) == 1
        check_system_instructions(json.loads(system_parts(make())))
        check_tool_definitions(json.loads(tool_definitions(make())))

    def test_one_message_and_one_part(self):
        """A single message, or a single typed part, needs no list around it."""
        assert messages({"role": "user", "content": "hi"}) == [said("user", "hi")]
        assert messages({"type": "text", "text": "hi"}) == [said("user", "hi")]

    def test_an_empty_list_has_no_messages(self):
        """No messages are no messages."""
        assert messages([]) == []

    def test_the_given_system_prompt_wins(self):
        """A system prompt given beside a request takes the place of the request's own."""
        found = prompt({"system": "theirs", "messages": [{"role": "user", "content": "hi"}]}, system="ours")

        assert json.loads(found.system) == [text("ours")]

    @pytest.mark.parametrize(
        "request_",
        [
            {"model": "gpt", "input": "hi", "instructions": "be"},
            {"model": "gpt", "input": [{"role": "user", "content": "hi"}], "instructions": "be"},
            types.SimpleNamespace(messages=[{"role": "user", "content": "hi"}], instructions="be"),
        ],
    )
    def test_responses_requests_and_objects(self, request_):
        """`input` with `instructions` is a request, and so is an object that has messages."""
        found = prompt(request_)

        assert (json.loads(found.messages), json.loads(found.system), found.tools) == (
            [said("user", "hi")],
            [text("be")],
            None,
        )

    def test_messages_changed_by_another_thread(self):
        """A history that another thread changes meanwhile is recorded without an error."""
        history = [{"role": "user", "content": [{"type": "text", "text": str(n)}], n: n} for n in range(50)]
        stop = threading.Event()

        def change():
            while not stop.is_set():
                for message in history:
                    message[len(message)] = 1
                    message.pop(len(message) - 1, None)

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(30):
                check_input_messages(json.loads(prompt(history).messages))
        finally:
            stop.set()
            thread.join()


# -- responses -----------------------------------------------------------------------------------------------------

CHAT = {
    "id": "x",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
        }
    ],
}
BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}},
]
ITEMS = [
    {"type": "reasoning", "id": "r1", "summary": [{"type": "summary_text", "text": "hm"}]},
    {
        "type": "function_call",
        "id": "fc",
        "call_id": "c1",
        "name": "add",
        "arguments": '{"a": 1}',
        "status": "completed",
    },
    {
        "type": "message",
        "id": "m1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "ok"}],
    },
]
ITEM_PARTS = [{"type": "reasoning", "content": "hm", "id": "r1"}, {**CALL, "status": "completed"}, text("ok")]
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "MAX_TOKENS"}]}


class TestResponse:
    @pytest.mark.parametrize(
        ("value", "reason", "expected"),
        [
            ("ok", None, [answer(text("ok"))]),
            (None, None, [answer()]),
            ({"answer": 42}, None, [answer(text('{"answer":42}'))]),
            ('{"answer": 42}', None, [answer(text('{"answer": 42}'))]),
            (CHAT, "tool_calls", [answer(CALL, finish="tool_call")]),
            (CHAT["choices"], "tool_calls", [answer(CALL, finish="tool_call")]),
            (CHAT["choices"][0], "tool_calls", [answer(CALL, finish="tool_call")]),
            (CHAT["choices"][0]["message"], None, [answer(CALL)]),
            (json.dumps(CHAT), "tool_calls", [answer(CALL, finish="tool_call")]),
            (
                {
                    "choices": [
                        {"message": {"role": "assistant", "content": "a"}, "finish_reason": "length"},
                        {"message": {"role": "assistant", "content": "b"}},
                    ]
                },
                "length",
                [answer(text("a"), finish="length"), answer(text("b"))],
            ),
            ({"choices": [{"text": "ok", "finish_reason": "stop"}]}, "stop", [answer(text("ok"))]),
            (
                {
                    "id": "m",
                    "type": "message",
                    "role": "assistant",
                    "content": BLOCKS,
                    "stop_reason": "tool_use",
                    "model": "c",
                    "usage": {"a": 1},
                },
                "tool_use",
                [answer({"type": "reasoning", "content": "hm", "signature": "s"}, CALL, finish="tool_call", id="m")],
            ),
            (BLOCKS, None, [answer({"type": "reasoning", "content": "hm", "signature": "s"}, CALL)]),
            ({"object": "response", "status": "completed", "output": ITEMS}, "completed", [answer(*ITEM_PARTS)]),
            (
                {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": ITEMS},
                "max_output_tokens",
                [answer(*ITEM_PARTS, finish="length")],
            ),
            (ITEMS, None, [answer(*ITEM_PARTS)]),
            (GEMINI, "MAX_TOKENS", [answer(text("ok"), finish="length")]),
            (
                {"candidates": [{"finish_reason": "SAFETY", "content": None}]},
                "SAFETY",
                [answer(finish="content_filter")],
            ),
            ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY", [answer(finish="content_filter")]),
            (
                {"type": "ai", "content": "ok", "response_metadata": {"finish_reason": "length"}},
                "length",
                [answer(text("ok"), finish="length")],
            ),
            (
                {
                    "generations": [
                        [
                            {
                                "text": "ok",
                                "message": {"type": "ai", "content": "ok"},
                                "generation_info": {"finish_reason": "stop"},
                            }
                        ]
                    ]
                },
                "stop",
                [answer(text("ok"))],
            ),
            (
                {"model": "llama", "message": {"role": "assistant", "content": "ok"}, "done_reason": "stop"},
                "stop",
                [answer(text("ok"))],
            ),
            (
                {"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "max_tokens"},
                "max_tokens",
                [answer(text("ok"), finish="length")],
            ),
            (
                [{"role": "user", "content": "q"}, {"role": "assistant", "content": "ok"}],
                None,
                [answer(text("q"), role="user"), answer(text("ok"))],
            ),
            (
                [{"role": "assistant", "parts": [text("ok")], "finish_reason": "end_turn"}],
                "end_turn",
                [answer(text("ok"))],
            ),
        ],
    )
    def test_every_shape(self, value, reason, expected):
        """Whole responses, their choices, their messages and their parts become output messages."""
        assert response(value).finish_reason == reason
        assert output(value) == expected

    def test_objects(self):
        """A response object of a client library is read through its fields."""
        message = Model(role="assistant", content="ok", tool_calls=None, refusal=None)

        found = response(Model(id="x", choices=[Model(index=0, finish_reason=Reason.MAX, message=message)]))

        assert found.finish_reason == "MAX_TOKENS"
        assert json.loads(found.render(None)) == [answer(text("ok"), finish="length")]

    @pytest.mark.parametrize(
        "value",
        [
            {"choices": []},
            {"choices": ["a", "b"]},
            {"candidates": [{"name": "Ann"}]},
            {"output": "x", "input": "y"},
            {"message": "hi"},
            {"messages": []},
            {"text": "t"},
            {"jobs": [{"role": "Engineer", "content": "builds"}]},
        ],
    )
    def test_structured_output_that_resembles_a_response_is_kept_whole(self, value):
        """A model's own JSON answer is not mistaken for a provider's envelope."""
        (found,) = output(value)

        assert json.loads(found["parts"][0]["content"]) == value
        assert output(json.dumps(value)) == [answer(text(json.dumps(value)))]

    def test_text_with_a_role_nobody_uses_is_text(self):
        """JSON text of an object with a role of its own invention is an answer, not a message."""
        value = '{"role": "Engineer", "content": "builds"}'

        assert output(value) == [answer(text(value))]
        assert messages(value) == [said("user", value)]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("tool_calls", "tool_call"),
            ("tool_use", "tool_call"),
            ("function_call", "tool_call"),
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("STOP", "stop"),
            ("completed", "stop"),
            ("max_tokens", "length"),
            ("MAX_TOKENS", "length"),
            ("length", "length"),
            ("SAFETY", "content_filter"),
            ("content_filter", "content_filter"),
            ("refusal", "content_filter"),
            ("pause_turn", "pause_turn"),
            ("weird\ud800", "weird\ufffd"),
            ("", "stop"),
            (None, "stop"),
        ],
    )
    def test_reasons_in_messages_are_genai_words(self, given, expected):
        """The messages say why they ended in GenAI's words; words that are none stay."""
        assert output("ok", given) == [answer(text("ok"), finish=expected)]

    def test_a_reason_of_its_own_wins(self):
        """The given reason serves only messages that came without one."""
        assert output(GEMINI, "stop") == [answer(text("ok"), finish="length")]

    def test_it_is_as_it_was(self):
        """What the caller changes afterwards does not change the response."""
        value = copy.deepcopy(CHAT)
        found = response(value)

        value["choices"][0]["message"]["tool_calls"].clear()

        assert json.loads(found.render(None)) == [answer(CALL, finish="tool_call")]


# -- system and tools ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("be", [text("be")]),
        ("[be brief]", [text("[be brief]")]),
        ('[{"type": "text", "text": "be"}]', [text("be")]),
        (None, []),
        ([], []),
        (["be", "brief"], [text("be"), text("brief")]),
        ([{"type": "text", "text": "be"}], [text("be")]),
        ([{"text": "be"}], [text("be")]),
        ({"role": "system", "content": "be"}, [text("be")]),
        ({"parts": [{"text": "be"}]}, [text("be")]),
        (Model(type="system", content="be"), [text("be")]),
        ([text("be"), 5], [text("be"), {"type": "unknown", "value": 5}]),
        ([1, 2], [text("[1,2]")]),
        ({"a": 1}, [text('{"a":1}')]),
    ],
)
def test_system_instructions(value, expected):
    """System instructions are a list of parts, whatever they came as."""
    found = json.loads(system_parts(value))

    check_system_instructions(found)
    assert found == expected


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ADD = {"type": "function", "name": "add", "description": "Adds.", "parameters": SCHEMA}


class Args:
    @classmethod
    def model_json_schema(cls):
        return SCHEMA


def add():
    """Adds."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": SCHEMA}}], [ADD]),
        ([ADD], [ADD]),
        ([{**ADD, "strict": True}], [{**ADD, "strict": True}]),
        ([{"name": "add", "description": "Adds.", "input_schema": SCHEMA}], [ADD]),
        ([{"type": "custom", "name": "add", "description": "Adds.", "input_schema": SCHEMA}], [ADD]),
        (
            [
                {"functionDeclarations": [{"name": "add", "description": "Adds.", "parameters": SCHEMA}]},
                {"googleSearch": {}},
            ],
            [ADD, {"type": "googleSearch", "name": "googleSearch", "googleSearch": {}}],
        ),
        (Model(function_declarations=[Model(name="add", description="Adds.", parameters_json_schema=SCHEMA)]), [ADD]),
        (Model(name="add", description="Adds.", args_schema=Args, verbose=False), [ADD]),
        ([add], [{"type": "function", "name": "add", "description": "Adds."}]),
        ([{"name": "add", "description": "Adds."}], [{"type": "function", "name": "add", "description": "Adds."}]),
        ([{"type": "web_search"}], [{"type": "web_search", "name": "web_search"}]),
        (
            [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}],
            [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}],
        ),
        (
            [{"type": "function", "function": {}}],
            [{"type": "unknown", "name": "unknown", "value": {"type": "function", "function": {}}}],
        ),
        (
            [{"type": "function", "name": 5}, "add", 5],
            [
                {"type": "unknown", "name": "unknown", "value": value}
                for value in ({"type": "function", "name": 5}, "add", 5)
            ],
        ),
        ({"name": "add", "description": "Adds."}, [{"type": "function", "name": "add", "description": "Adds."}]),
        (
            '[{"name": "get_weather", "description": "d"}]',
            [{"type": "function", "name": "get_weather", "description": "d"}],
        ),
        ([], []),
        (None, []),
    ],
)
def test_tool_definitions(value, expected):
    """Tool definitions of every provider are functions in GenAI shape; other tools are kept whole."""
    found = json.loads(tool_definitions(value))

    check_tool_definitions(found)
    assert found == expected


@pytest.mark.parametrize("value", ["no json", "[broken", "5", ""])
def test_tool_definitions_that_are_no_json_are_kept(value):
    """Text that is no JSON list or object is given back byte for byte."""
    assert tool_definitions(value) == value.encode()


# -- anything ------------------------------------------------------------------------------------------------------

WORDS = [
    *("role", "content", "parts", "type", "text", "tool_calls", "id", "name", "function", "arguments", "function_call"),
    *(
        "input",
        "output",
        "messages",
        "contents",
        "choices",
        "candidates",
        "message",
        "delta",
        "finish_reason",
        "summary",
    ),
    *(
        "source",
        "data",
        "url",
        "image_url",
        "file_id",
        "mime_type",
        "args",
        "tool_use_id",
        "call_id",
        "response",
        "model",
    ),
    *(
        "functionCall",
        "inlineData",
        "system",
        "tools",
        "lc",
        "kwargs",
        "refusal",
        "audio",
        "reasoning_content",
        "status",
    ),
    *(
        "functionDeclarations",
        "parameters",
        "description",
        "input_schema",
        "server_tool_call",
        "thought",
        "generations",
    ),
]
VALUES = [
    *(
        "user",
        "assistant",
        "tool",
        "system",
        "model",
        "human",
        "ai",
        "function",
        "text",
        "tool_call",
        "tool_use",
        "image",
    ),
    *(
        "tool_result",
        "tool_call_response",
        "blob",
        "file",
        "uri",
        "reasoning",
        "thinking",
        "message",
        "server_tool_call",
    ),
    *("function_call", "function_call_output", "web_search_call", "x_tool_result", "compaction", "custom", "document"),
    *("{}", "[", '{"a":1}', "data:,", "stop", "response"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.binary(max_size=4)
    | st.text(st.characters(), max_size=4)
    | st.sampled_from(VALUES)
)
keys = st.sampled_from(WORDS) | st.text(st.characters(), max_size=2) | st.integers(0, 3) | st.none()


def values(leaves):
    """Anything made of these leaves, and above all what nearly is a message."""
    return st.recursive(leaves, shapes, max_leaves=12)


def shapes(inner):
    fields = st.dictionaries(keys, inner, max_size=4)
    return (
        st.lists(inner, max_size=3)
        | fields
        | st.tuples(inner, inner)
        | fields.map(lambda some: Model(**{str(key): value for key, value in some.items()}))
        | fields.map(lambda some: {"role": "user", "type": "text", "content": "c", **some})
        | st.lists(inner, max_size=3).map(lambda items: [{"role": "user", "content": items}])
        | st.tuples(st.sampled_from(VALUES), fields).map(lambda pair: {"type": pair[0], **pair[1]})
    )


@settings(calm, max_examples=600)
@given(values(scalars))
def test_any_value_gives_valid_messages(value):
    """Whatever the value, what comes out is UTF-8, is JSON and has GenAI's shape."""
    for given_value in (value, [value], {"messages": value, "tools": value, "system": value}):
        check_all(given_value)


@settings(calm, max_examples=150)
@given(values(scalars | st.builds(Hostile) | st.builds(HostileModel) | st.builds(HostileDict)))
def test_hostile_values_anywhere_give_valid_messages(value):
    """Values that raise at everything, wherever they stand, keep nothing else from being recorded."""
    check_all([{"role": "user", "content": "hi"}, value])


@settings(calm, max_examples=150)
@given(values(scalars))
def test_any_json_text_gives_valid_messages(value):
    """The JSON text of any value gives valid messages too."""
    check_all(json.dumps(value, default=str, skipkeys=True))


def check_all(value):
    found = prompt(value, system=value)
    check_input_messages(json.loads(found.messages))
    check_system_instructions(json.loads(system_parts(value)))
    if found.tools is not None:
        found.tools.decode()
    check_output_messages(json.loads(response(value).render(None)))
    tools = tool_definitions(value)
    tools.decode()
    if type(value) is not str or tools.decode() != clean_text(value):
        check_tool_definitions(json.loads(tools))


def deep(depth):
    value = "bottom"
    for _ in range(depth):
        value = {"content": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [
        deep(5_000),
        {"role": "user", "content": deep(5_000)},
        [{"role": "user", "content": "hi"}, {"role": "user", "content": [deep(5_000)]}],
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[" * 9_000 + "]" * 9_000}}],
        },
    ],
    ids=["value", "message", "part", "arguments"],
)
def test_ten_thousand_levels(value):
    """Nesting of any depth is recorded without reaching a recursion limit."""
    check_all(value)
    if isinstance(value, dict):
        assert b"bottom" in prompt(value).messages or b"[[[" in prompt(value).messages


def test_text_that_nests_ten_thousand_levels_stays_text():
    """JSON text too deep to be read is text like any other."""
    value = "[" * 100_000 + "]" * 100_000

    assert messages(value) == [said("user", value)]
    assert output(value) == [answer(text(value))]
    assert tool_definitions(value) == value.encode()


def test_five_megabytes_with_one_surrogate():
    """One bad character in five megabytes of a message costs that character."""
    content = "x" * 5_000_000

    assert messages([{"role": "user", "content": content + "\ud800"}]) == [said("user", content + "\ufffd")]


def test_circular_messages():
    """A history that holds itself is recorded once, with a marker in its place."""
    value: list = [{"role": "user", "content": "hi"}]
    value.append(value)
    part = collections.OrderedDict(type="mine")
    part["self"] = part

    assert messages(value)[0] == said("user", "hi")
    assert b"<circular reference>" in prompt(value).messages
    assert parts_of([part]) == [{"type": "mine", "self": {"type": "mine", "self": "<circular reference>"}}]
