"""`s.stream(…)` and `s.first_token()`: streamed answers, put together again."""

import asyncio
import time
from types import SimpleNamespace

import pytest

import contextcompany as tcc
from contextcompany import _streams
from contextcompany.testing import capture


@pytest.fixture
def captured():
    with capture() as memory:
        yield memory


def stream(chunks):
    """Streams chunks through a step; what the consumer got."""
    with tcc.run(), tcc.step() as s:
        return list(s.prompt("p").stream(chunks))


def chat(delta=None, *, index=0, reason=None, **envelope):
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": reason}]
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024", "choices": choices, **envelope}


def call(index, arguments, **names):
    function = {"arguments": arguments, **({"name": names["name"]} if "name" in names else {})}
    return {"tool_calls": [{"index": index, "function": function, **({"id": names["id"]} if "id" in names else {})}]}


CHAT = [
    chat({"role": "assistant", "content": ""}),
    chat({"reasoning_content": "Hm"}),
    chat({"reasoning_content": "m."}),
    chat({"content": "It "}),
    chat({"content": "rains."}),
    chat(call(0, "", id="t-1", name="look")),
    chat(call(0, '{"city"')),
    chat(call(1, "{}", id="t-2", name="wait")),
    chat(call(0, ': "Oslo"}')),
    chat({}, reason="tool_calls"),
    chat(None, usage={"prompt_tokens": 5, "completion_tokens": 7}),
]

ANTHROPIC = [
    {"type": "message_start", "message": {"id": "m-1", "model": "claude", "content": [], "usage": {"input_tokens": 5}}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hmm."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "It "}},
    {"type": "text", "text": "It ", "snapshot": "It "},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "rains."}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t-1", "name": "look", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city"'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ': "Oslo"}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]

MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]}
ITEM = {"type": "function_call", "call_id": "t-1", "name": "look", "arguments": '{"city": "Oslo"}'}
RESPONSES = [
    {"type": "response.created", "response": {"id": "r-1", "object": "response", "model": "gpt-5", "output": []}},
    {"type": "response.output_text.delta", "delta": "It "},
    {"type": "response.output_text.delta", "delta": "rains."},
    {"type": "response.output_item.done", "item": MESSAGE},
    {"type": "response.output_item.done", "item": ITEM},
    {
        "type": "response.completed",
        "response": {"id": "r-1", "object": "response", "status": "completed", "output": [MESSAGE, ITEM]},
    },
]

GEMINI = [
    {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "It "}]}}], "responseId": "g-1"},
    {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "rains."}]}}]},
    {
        "candidates": [
            {
                "index": 0,
                "content": {"parts": [{"functionCall": {"name": "look", "args": {"city": "Oslo"}}}]},
                "finishReason": "STOP",
            }
        ]
    },
]

TEXT = {"type": "text", "content": "It rains."}
LOOK = {"type": "tool_call", "id": "t-1", "name": "look", "arguments": {"city": "Oslo"}}


@pytest.mark.parametrize(
    ("chunks", "parts", "reason"),
    [
        pytest.param(
            CHAT,
            [
                {"type": "reasoning", "content": "Hmm."},
                TEXT,
                LOOK,
                {"type": "tool_call", "id": "t-2", "name": "wait", "arguments": {}},
            ],
            "tool_calls",
            id="OpenAI chat",
        ),
        pytest.param(
            ANTHROPIC, [{"type": "reasoning", "content": "Hmm."}, TEXT, LOOK], "tool_use", id="Anthropic messages"
        ),
        pytest.param(RESPONSES, [TEXT, LOOK], "completed", id="OpenAI Responses"),
        pytest.param(RESPONSES[:-1], [TEXT, LOOK], None, id="OpenAI Responses without an end"),
        pytest.param(RESPONSES[:3], [TEXT], None, id="OpenAI Responses broken off"),
        pytest.param(GEMINI, [TEXT, {k: v for k, v in LOOK.items() if k != "id"}], "STOP", id="Gemini"),
    ],
)
@pytest.mark.parametrize("form", [dict, lambda fields: SimpleNamespace(**fields)], ids=["dict", "object"])
def test_chunks_become_one_response(captured, chunks, parts, reason, form):
    """Text, reasoning and tool calls are whole again, with the reason to stop; the consumer gets what came."""
    given = [form(chunk) for chunk in chunks]

    assert stream(given) == given
    [step] = captured.steps
    [message] = step.response if isinstance(step.response, list) else [{"parts": [TEXT]}]
    assert (message["parts"], step.finish_reason) == (parts, reason)


def test_an_error_mid_stream_keeps_what_came(captured):
    """An event that says an error is what the client raises; the response is what came before."""
    error = {"type": "error", "error": {"message": "overloaded"}}
    stream([*RESPONSES[:3], error])
    stream([*ANTHROPIC[:9], error])
    stream([*RESPONSES[:1], {"type": "response.refusal.delta", "delta": "I will not."}])
    call = {"type": "function_call", "call_id": "t-1", "name": "look", "arguments": ""}
    added = {"type": "response.output_item.added", "item": call}
    stream([*RESPONSES[:1], added, {"type": "response.function_call_arguments.delta", "delta": '{"city'}])

    assert [step.response_id for step in captured.steps] == ["r-1", "m-1", "r-1", "r-1"]
    assert captured.steps[0].response == "It rains."
    assert captured.steps[2].response[0]["parts"] == [{"type": "refusal", "refusal": "I will not."}]
    assert captured.steps[3].response[0]["parts"] == [{**LOOK, "arguments": '{"city'}]


@pytest.mark.parametrize(
    "calls",
    [
        [call(0, '{"a":1}', id="t-1", name="f"), call(0, '{"a":2}', id="t-2", name="g")],
        [
            {"tool_calls": [{"id": "t-1", "function": {"name": "f", "arguments": '{"a":1}'}}]},
            {"tool_calls": [{"id": "t-2", "function": {"name": "g", "arguments": '{"a":2}'}}]},
        ],
    ],
)
def test_calls_that_are_not_numbered(captured, calls):
    """Some endpoints give all tool calls the number 0, or none; a new id is a new call."""
    stream([chat(delta) for delta in calls])

    [message] = captured.steps[0].response
    assert [(part["id"], part["name"], part["arguments"]) for part in message["parts"]] == [
        ("t-1", "f", {"a": 1}),
        ("t-2", "g", {"a": 2}),
    ]


def test_openais_stream_helper(captured):
    """Its events hold the chunk as it came and, again and again, the answer so far: only the chunk is new."""
    events = [{"type": "chunk", "chunk": chunk, "snapshot": {"long": "answer"}} for chunk in CHAT]
    events.insert(4, {"type": "content.delta", "delta": "It ", "snapshot": "It "})
    stream(events)

    assert captured.steps[0].response[0]["parts"][1:3] == [TEXT, LOOK]
    assert captured.steps[0].tokens.input == 5


def test_lists_and_audio_go_on(captured):
    """Content that comes as lists of parts, legacy calls of functions, and audio are put together too."""
    stream([chat({"content": [{"type": "text", "text": text}]}) for text in ("It ", "rains.")])
    stream([chat({"function_call": {"name": "look", "arguments": part}}) for part in ('{"a"', ":1}")])
    stream([chat({"audio": {"id": "a-1", "transcript": part, "data": part}}) for part in ("YW", "Jj")])

    texts, function, audio = (step.response for step in captured.steps)
    assert [part["content"] for part in texts[0]["parts"]] == ["It ", "rains."]
    assert function[0]["parts"] == [{"type": "tool_call", "name": "look", "arguments": {"a": 1}}]
    assert "YWJj" in str(audio)


@pytest.mark.parametrize(
    "chunks",
    [
        [{**event, "index": None if n % 2 else n} for n, event in enumerate(ANTHROPIC) if "index" in event],
        [chat({"content": "a"}, index=1), chat({"content": "b"}, index="x")],
        [
            {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": "[" * 200_000},
            },
        ],
    ],
    ids=["mixed numbers", "mixed choices", "deep JSON"],
)
def test_chunks_that_do_not_fit_together_break_nothing(captured, chunks):
    """Whatever the chunks are, the consumer gets them, the user's own exception goes on, and the step ends."""

    @tcc.llm
    def ask(question):
        yield from chunks
        raise ConnectionError("the user's own")

    with tcc.run() as r:
        s = r.step().prompt("p")
        assert list(s.stream(chunks)) == chunks
        s.end()
        with pytest.raises(ConnectionError):
            list(ask("q"))

    assert [step.status for step in captured.steps] == [0, 2]


def test_what_chunks_say_beside_the_answer_is_taken(captured):
    """Model, response id and token counts come with the stream."""
    stream(CHAT)
    stream(ANTHROPIC)

    told = [(s.model_used, s.response_id, s.tokens.input, s.tokens.output) for s in captured.steps]
    assert told == [("gpt-4o-2024", "c-1", 5, 7), ("claude", "m-1", 5, 7)]


def test_several_choices_stay_apart(captured):
    """Chunks of several choices are as many messages, in order."""
    stream([chat({"content": "b"}, index=1), chat({"content": "a"}), chat({"content": "b"}, index=1, reason="length")])

    assert [(m["parts"][0]["content"], m["finish_reason"]) for m in captured.steps[0].response] == [
        ("a", "stop"),
        ("bb", "length"),
    ]


@pytest.mark.parametrize(
    ("chunks", "response"),
    [
        (["It ", "rains."], "It rains."),
        (["It rains.", chat({"content": " Still."})], None),
        ([{"odd": 1}, 2], None),
        ([chat({"content": None}), SimpleNamespace(choices=None)], None),
    ],
)
def test_what_is_mixed_or_unknown_is_kept(captured, receiver, chunks, response):
    """Text is joined; anything else is kept as far as it can be, and the consumer gets it all."""
    assert stream(chunks) == chunks
    assert response in (None, captured.steps[0].response)
    assert captured.steps[0].response is not None


def test_asynchronous_streams(captured):
    """An asynchronous stream is iterated asynchronously."""

    async def chunks():
        for chunk in CHAT:
            await asyncio.sleep(0)
            yield chunk

    async def ask():
        async with tcc.run(), tcc.step() as s:
            return [chunk async for chunk in s.stream(chunks())]

    assert asyncio.run(ask()) == CHAT
    assert captured.steps[0].finish_reason == "tool_calls"


def test_what_is_told_wins(captured):
    """A response that is set by hand stays, before and after the stream."""
    with tcc.run() as r:
        s = r.step().prompt("p").response("mine")
        list(s.stream(["theirs"]))
        s.end()
        s = r.step().prompt("p")
        list(s.stream(["theirs"]))
        s.response("mine").end()

    assert [step.response for step in captured.steps] == ["mine", "mine"]


def test_what_came_before_the_end_counts(captured):
    """A step that ends in the middle of its stream has the answer so far, however it ends."""
    with tcc.run() as r:
        ended, failed, broken = (r.step().prompt("p") for _ in range(3))
        next(iter(ended.stream(["so ", "far"])))
        ended.end()
        next(failed.stream(["so ", "far"]))
        failed.error("no more")
        with pytest.raises(ConnectionError), broken:
            for _ in broken.stream(breaks()):
                pass

    assert [(step.response, step.status) for step in captured.steps] == [("so ", 0), ("so ", 2), ("so ", 2)]


def breaks():
    yield "so "
    raise ConnectionError("reset by peer")


def test_the_first_token_is_timed(captured):
    """The time until the first piece counts once, from `first_token()` or from the stream."""
    with tcc.run() as r, r.step() as s:
        time.sleep(0.02)
        s.first_token()
        time.sleep(0.02)
        list(s.stream(["a"]))

    [step] = captured.steps
    assert 0.02 <= step.time_to_first_chunk <= step.duration_s - 0.02
    assert step.parameters == {"stream": True}


def test_a_step_that_does_not_stream_has_no_first_token(captured):
    """Neither a time nor `stream` is made up."""
    with tcc.run() as r, r.step() as s:
        s.prompt("p").response("r")

    assert (captured.steps[0].time_to_first_chunk, captured.steps[0].parameters) == (None, {})


def test_a_piece_that_cannot_be_read_costs_itself(captured, caplog):
    """The consumer gets it all the same, and it is counted."""

    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError("no")

        def __str__(self):
            raise RuntimeError("no")

    hostile = Hostile()
    assert stream(["a", hostile, "b"])[1] is hostile
    assert "a" in str(captured.steps[0].response)


def test_a_stream_without_end_does_not_fill_the_memory(captured, monkeypatch, caplog):
    """Beyond the limit pieces pass but are not kept, which is said and counted."""
    monkeypatch.setattr(_streams, "MAX_TEXT", 10)

    assert len(stream(["12345"] * 5)) == 5
    assert captured.steps[0].response == "123451234512345"
    assert tcc.stats() == {"truncated": 1}
    assert "longer than 10 characters" in caplog.text


def test_long_streams_cost_little(captured):
    """Time grows with the number of pieces, not with its square: 50,000 chunks take well under ten seconds."""
    chunk = chat({"content": "word "})
    started = time.process_time()
    stream([chunk] * 50_000)

    assert time.process_time() - started < 5
    assert len(captured.steps[0].response) == 250_000
