"""What the original SDK posts → the spans and events that ours would send."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import contextcompany as tcc
from contextcompany import _identity
from contextcompany.observatory.custom import MAX_FEEDBACK, decode, decode_feedback
from contextcompany.observatory.otlp import DecodeError

RUN_ID = "0192f0c1-2b3c-4d5e-8f90-a1b2c3d4e5f6"
START, END = 1_767_323_045_678_000_000, 1_767_323_047_000_000_000
TIMES = {"start_time": "2026-01-02T03:04:05.678Z", "end_time": "2026-01-02T03:04:07.000Z", "status_code": 0}

RUN = {
    "type": "run",
    "run_id": RUN_ID,
    "session_id": "s-1",
    "conversational": True,
    "prompt": {"user_prompt": "How warm?", "system_prompt": "Be brief.", "full_input": '{"raw": 1}'},
    "response": "15 °C",
    "full_output": '{"raw": 2}',
    "status_message": "fine",
    "metadata": {"agent": "weather", "plan": "gold"},
    **TIMES,
}
STEP = {
    "type": "step",
    "run_id": RUN_ID,
    "step_id": "step-1",
    "prompt": "How warm?",
    "response": "15 °C",
    "model_requested": "gpt-4o",
    "model_used": "gpt-4o-2024-08-06",
    "finish_reason": "length",
    "prompt_uncached_tokens": 10,
    "prompt_cached_tokens": 500,
    "completion_tokens": 50,
    "real_total_cost": 0.0005,
    "tool_definitions": '[{"type": "function", "name": "search"}]',
    **TIMES,
}
TOOL_CALL = {
    "type": "tool_call",
    "run_id": RUN_ID,
    "tool_call_id": "call-1",
    "tool_name": "get_weather",
    "args": '{"city": "Paris"}',
    "result": "15 °C",
    **TIMES,
}


def read(*items):
    """The spans of a batch; nothing may be refused."""
    batch = decode(json.dumps({"type": "batch", "items": items}).encode())
    assert batch.refused == []
    return batch.spans


def plain(attributes):
    """Attributes with JSON text as values."""
    return {
        key: json.loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
        for key, value in attributes.items()
    }


def recorded_by_our_sdk(receiver):
    """The same run, step and tool call."""
    tcc.configure(url=receiver.url)
    tcc.send_run(
        run_id=RUN_ID,
        session_id="s-1",
        conversational=True,
        prompt=RUN["prompt"],
        response="15 °C",
        full_output='{"raw": 2}',
        metadata={"agent": "weather", "plan": "gold"},
        status_message="fine",
        start_time=TIMES["start_time"],
        end_time=TIMES["end_time"],
    )
    tcc.send_step(
        run_id=RUN_ID,
        step_id="step-1",
        prompt="How warm?",
        response="15 °C",
        model={"requested": "gpt-4o", "used": "gpt-4o-2024-08-06"},
        finish_reason="length",
        tokens={"uncached": 10, "cached": 500, "completion": 50},
        cost=0.0005,
        tool_definitions=STEP["tool_definitions"],
        start_time=TIMES["start_time"],
        end_time=TIMES["end_time"],
    )
    tcc.send_tool_call(
        run_id=RUN_ID,
        tool_call_id="call-1",
        name="get_weather",
        args='{"city": "Paris"}',
        result="15 °C",
        start_time=TIMES["start_time"],
        end_time=TIMES["end_time"],
    )
    assert tcc.flush(5)[1:] == (0, 0, {})
    return receiver.spans()


def test_it_becomes_what_our_sdk_sends(receiver):
    """The same names, attributes, times and places; but for the ids of children, which the original makes of theirs."""
    inferred = {"gen_ai.provider.name"}
    ours = recorded_by_our_sdk(receiver)
    theirs = read(RUN, STEP, TOOL_CALL)

    for our, their in zip(ours, theirs, strict=True):
        expected = {key: value for key, value in our.attributes.items() if key not in inferred}
        assert plain(their.attributes) == plain(expected)
        assert (their.name, their.start_ns, their.end_ns) == (our.name, START, END)
        assert (their.trace_id, their.parent_id) == (our.trace_id, our.parent_id)
        assert f"SPAN_KIND_{our.kind}".endswith({1: "INTERNAL", 3: "CLIENT"}[their.kind])
        assert their.status == (1, "")
    assert theirs[0].span_id == ours[0].span_id


def test_raw_is_a_span_of_otlp():
    """As of everything that is received."""
    (span,) = read(STEP)

    message = Span.FromString(span.raw)

    assert (message.name, message.span_id.hex()) == ("chat gpt-4o", span.span_id)
    assert {pair.key for pair in message.attributes} == set(span.attributes)


@given(st.text(min_size=1, max_size=40) | st.uuids().map(str) | st.uuids().map(lambda each: each.hex.upper()))
def test_runs_are_where_our_sdk_puts_them(run_id):
    """So feedback and steps of either meet."""
    (span,) = read({**RUN, "run_id": run_id})

    where = _identity.run_identity(run_id)

    assert (int(span.trace_id, 16), int(span.span_id, 16)) == where


def test_what_is_sent_twice_has_the_same_ids():
    """Also without an id of its own; and what is different has others."""
    nameless = {key: value for key, value in STEP.items() if key != "step_id"}

    first, again, other = read(nameless, nameless, {**nameless, "response": "16 °C"})

    assert first.span_id == again.span_id != other.span_id
    assert len({span.span_id for span in read(STEP, {**TOOL_CALL, "tool_call_id": "step-1"})}) == 2


def test_an_error_is_an_error():
    """With its message; partial success is none."""
    failed, partial = read(
        {**STEP, "status_code": 2, "status_message": "no"}, {**STEP, "status_code": 1, "status_message": "nearly"}
    )

    assert (failed.status, failed.attributes["error.type"]) == ((2, "no"), "_OTHER")
    assert failed.attributes["tcc.status.code"] == 2
    assert partial.status == (1, "")
    assert (partial.attributes["tcc.status.code"], partial.attributes["tcc.status.message"]) == (1, "nearly")


def test_what_was_not_said_is_not_there():
    """No tokens are not 0 tokens."""
    bare = {key: STEP[key] for key in ("type", "run_id", "step_id", "start_time", "status_code")}

    (span,) = read(bare)

    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "tcc.runId": RUN_ID,
        "tcc.step.id": "step-1",
        "tcc.status.code": 0,
    }
    assert span.end_ns == span.start_ns


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        ("Hi", [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
        ("[1] is a list", [{"role": "user", "parts": [{"type": "text", "content": "[1] is a list"}]}]),
        ('["a"]', [{"role": "user", "parts": [{"type": "text", "content": '["a"]'}]}]),
        ('[{"role": "user", "content": "Hi"}]', [{"role": "user", "content": "Hi"}]),
        ([{"role": "user", "content": "Hi"}], [{"role": "user", "content": "Hi"}]),
        ('{"role": "user", "content": "Hi"}', [{"role": "user", "content": "Hi"}]),
        ('{"city": "Oslo"}', [{"role": "user", "parts": [{"type": "text", "content": '{"city": "Oslo"}'}]}]),
        ("half \ud83d", [{"role": "user", "parts": [{"type": "text", "content": "half \ufffd"}]}]),
    ],
)
def test_prompts_are_text_or_messages(prompt, messages):
    """Messages stay in the shape that they have."""
    (span,) = read({**STEP, "prompt": prompt})

    assert json.loads(span.attributes["gen_ai.input.messages"]) == messages


@pytest.mark.parametrize(
    ("response", "messages"),
    [
        ("Hi", [{"role": "assistant", "parts": [{"type": "text", "content": "Hi"}], "finish_reason": "length"}]),
        ('{"role": "assistant", "tool_calls": []}', [{"role": "assistant", "tool_calls": []}]),
        ({"role": "assistant", "content": "Hi"}, [{"role": "assistant", "content": "Hi"}]),
        (
            '{"a": 1}',
            [{"role": "assistant", "parts": [{"type": "text", "content": '{"a": 1}'}], "finish_reason": "length"}],
        ),
    ],
)
def test_responses_are_text_or_a_message(response, messages):
    """As people give what a client returned."""
    (span,) = read({**STEP, "response": response})

    assert json.loads(span.attributes["gen_ai.output.messages"]) == messages


def test_a_single_item_needs_no_batch():
    """As Python's client sends each on its own."""
    batch = decode(json.dumps(TOOL_CALL).encode())

    assert [span.name for span in batch.spans] == ["execute_tool get_weather"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", 1_767_323_045_000_000_000),
        ("2026-01-02T03:04:05.123456789Z", 1_767_323_045_123_456_789),
        ("2026-01-02T03:04:05.5+02:00", 1_767_315_845_500_000_000),
        ("2026-01-02T03:04:05-0130", 1_767_328_445_000_000_000),
        ("2026-01-02 03:04", 1_767_323_040_000_000_000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times(text, expected):
    """To the nanosecond; without an offset they are UTC."""
    assert read({**RUN, "start_time": text})[0].start_ns == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "trace"}, "`type` is 'trace', not one of run, step, tool_call"),
        ({"type": None}, "`type` is None, not one of"),
        ({"type": ["run"]}, "`type` is ['run'], not one of"),
        ({"type": "batch"}, "`type` is 'batch', not one of"),
        ({"run_id": None}, "`run_id` is missing"),
        ({"run_id": ""}, "`run_id` is missing"),
        ({"start_time": None}, "`start_time` is None, not a time as 2026-11-02T09:15:00.000Z"),
        ({"start_time": 1767323045}, "`start_time` is 1767323045, not a time"),
        ({"start_time": "2026-02-30T00:00:00Z"}, "`start_time` is '2026-02-30T00:00:00Z': day is out of range"),
        ({"start_time": "1969-12-31T23:59:59Z"}, "before 1970"),
        ({"end_time": "9999-01-01T00:00:00Z"}, "before 1970 or after 2262"),
        ({"start_time": "0001-01-01T00:00:00+23:00"}, "before 1970"),
        ({"status_code": "no"}, "`status_code` is 'no', not a number"),
        ({"completion_tokens": 1.5}, "`completion_tokens` is 1.5, not a whole number"),
        ({"completion_tokens": 10**400}, "not a finite number"),
        ({"real_total_cost": True}, "`real_total_cost` is True, not a number"),
        ({"real_total_cost": float("nan")}, "not a finite number"),
    ],
)
def test_an_item_that_is_not_valid_says_why(changes, reason):
    """And its neighbours are read."""
    batch = decode(json.dumps({"type": "batch", "items": [RUN, {**STEP, **changes}, TOOL_CALL, 5]}).encode())

    assert [span.name for span in batch.spans] == ["invoke_agent", "execute_tool get_weather"]
    assert len(batch.refused) == 2
    assert batch.refused[0].startswith("items[1]: ")
    assert reason in batch.refused[0]
    assert batch.refused[1] == "items[3]: it is not an object"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type": "batch"}', b'{"type": "batch", "items": {}}', b"\xff"])
def test_bodies_that_are_no_payload(body):
    """Say in a sentence what is wrong."""
    with pytest.raises(DecodeError, match=r"\.$"):
        decode(body)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.sampled_from([RUN, STEP, TOOL_CALL]), st.dictionaries(st.sampled_from([*RUN, *STEP, *TOOL_CALL]), JSON_VALUES)
)
def test_any_values_are_read_or_refused(item, changes):
    """Nothing else comes of them, and what is read can be encoded."""
    batch = decode(json.dumps({"type": "batch", "items": [{**item, **changes}]}).encode())

    assert len(batch.spans) + len(batch.refused) == 1
    assert all(reason.encode() for reason in batch.refused)


# --- feedback --------------------------------------------------------------------------------------------------------


def test_feedback_becomes_what_our_sdk_sends(receiver):
    """The same event in the same place."""
    tcc.configure(url=receiver.url)
    tcc.submit_feedback("run 7", score="thumbs_down", text="No.")
    assert tcc.flush(5)[1:] == (0, 0, {})
    (our,) = receiver.logs()

    body = json.dumps({"runId": "run 7", "score": "thumbs_down", "text": "No."}).encode()
    (their,) = decode_feedback(body, 17).logs

    assert their.attributes == our.attributes
    assert (their.event_name, their.trace_id, their.span_id) == (our.event_name, our.trace_id, our.span_id)
    assert (their.time_ns, their.observed_ns) == (17, 17)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"score": "thumbs_up"}, "`runId` is missing"),
        ({"runId": "r"}, "it needs `score` or `text`"),
        ({"runId": "r", "score": None, "text": ""}, "it needs `score` or `text`"),
        ({"runId": "r", "score": "great"}, "`score` is 'great', not one of thumbs_up, thumbs_down"),
        ({"runId": "r", "text": "x" * (MAX_FEEDBACK + 1)}, "`text` has 2,001 characters, more than 2,000"),
    ],
)
def test_feedback_that_is_not_complete_says_why(payload, reason):
    """In a sentence."""
    with pytest.raises(DecodeError) as caught:
        decode_feedback(json.dumps(payload).encode(), 1)

    assert str(caught.value) == f"The feedback is not complete: {reason}."
