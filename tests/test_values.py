"""Whatever a program passes in, nothing is raised, the span arrives, and only what is bad is replaced."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import traceback
import uuid
from collections.abc import Mapping

import pytest

import contextcompany as tcc
from contextcompany import _diagnostics
from wire import assistant, deliver, told, user

# --- bad values ------------------------------------------------------------------------------------------------------


def refuse(*args, **kwargs):
    raise RuntimeError("the value's own code fails")


class Unprintable:
    __str__ = __repr__ = __format__ = refuse


class Hostile:
    """Everything that Python may ask of an object fails."""

    __str__ = __repr__ = __format__ = __bool__ = __len__ = __iter__ = __getattr__ = __eq__ = __hash__ = refuse
    __int__ = __float__ = __index__ = __mul__ = __lt__ = __contains__ = __getitem__ = items = keys = refuse


class HostileText(str):
    __slots__ = ()
    __str__ = __repr__ = __len__ = __bool__ = __iter__ = __format__ = encode = isascii = strip = refuse


class HostileNumber(float):
    __str__ = __repr__ = __format__ = __bool__ = __float__ = __int__ = __mul__ = __lt__ = __ge__ = refuse


class HostileDict(dict):
    __iter__ = __str__ = __repr__ = __bool__ = __getitem__ = __contains__ = items = keys = values = get = refuse


class HostileList(list):
    __iter__ = __str__ = __repr__ = __bool__ = __getitem__ = __len__ = refuse


class HostileMapping(Mapping):
    __iter__ = __len__ = __getitem__ = refuse


class HostileModel:
    model_dump = dict = to_dict = refuse


class HostileError(Exception):
    __str__ = __repr__ = refuse


@dataclasses.dataclass
class Record:
    name: object = None


class Colour(enum.Enum):
    RED = object()


class Word(str, enum.Enum):
    HELLO = "hello \ud800"


def nested(depth, wrap):
    value = "core"
    for _ in range(depth):
        value = wrap(value)
    return value


def circular(kind):
    value = kind()
    if kind is dict:
        value["self"] = [value]
    elif kind is list:
        value.append({"self": value})
    else:
        value.name = value
    return value


BAD = {
    "empty": lambda: "",
    "blank": lambda: " \t\n",
    "lone surrogate": lambda: "a\ud800b",
    "surrogate pair in halves": lambda: "\ud83d\ude00",
    "null characters": lambda: "a\x00b\x1b[31m",
    "5 MB with a surrogate": lambda: "x" * 2_500_000 + "\udfff" + "y" * 2_500_000,
    "None": lambda: None,
    "True": lambda: True,
    "zero": lambda: 0,
    "negative": lambda: -1,
    "float": lambda: 1.5,
    "NaN": lambda: math.nan,
    "infinity": lambda: math.inf,
    "minus infinity": lambda: -math.inf,
    "2 ** 70": lambda: 2**70,
    "-2 ** 70": lambda: -(2**70),
    "10 ** 5000": lambda: 10**5000,
    "decimal": lambda: decimal.Decimal("NaN"),
    "bytes": lambda: b"\xff\xfe\x00",
    "bytearray": lambda: bytearray(b"\x80"),
    "memoryview": lambda: memoryview(b"\x80"),
    "circular dict": lambda: circular(dict),
    "circular list": lambda: circular(list),
    "40 dicts deep": lambda: nested(40, lambda inner: {"deeper": inner}),
    "40 lists deep": lambda: nested(40, lambda inner: [inner]),
    "10,000 dicts deep": lambda: nested(10_000, lambda inner: {"deeper": inner}),
    "10,000 lists deep": lambda: nested(10_000, lambda inner: [inner]),
    "JSON text 10,000 deep": lambda: "[" * 10_000 + "]" * 10_000,
    "keys that are no text": lambda: {1: "a", None: "b", (1, 2): "c", b"\xff": "d", "\ud800": "e", math.nan: "f"},
    "set": lambda: {"a", ("b", 1), "\ud800"},
    "mixed list": lambda: ["a", 1, None, "\ud800", 2**70, math.nan, {"b": b"\xff"}],
    "date": lambda: dt.date(2025, 1, 1),
    "naive datetime": lambda: dt.datetime(1, 1, 1),  # noqa: DTZ001 - that is what is bad about it
    "aware datetime": lambda: dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-23))),
    "timedelta": lambda: dt.timedelta.max,
    "UUID": lambda: uuid.UUID(int=0),
    "enum": lambda: Colour.RED,
    "enum of text": lambda: Word.HELLO,
    "enum class": lambda: Colour,
    "generator": lambda: (n for n in range(3)),
    "generator that fails": lambda: (1 / 0 for _ in range(3)),
    "function": lambda: refuse,
    "module": lambda: math,
    "exception": lambda: ValueError("a\ud800"),
    "dataclass": lambda: Record(name=math.nan),
    "circular dataclass": lambda: circular(Record),
    "no str or repr": Unprintable,
    "hostile object": Hostile,
    "hostile text": lambda: HostileText("a\ud800"),
    "hostile number": lambda: HostileNumber(1.5),
    "hostile dict": lambda: HostileDict(a=1),
    "hostile list": lambda: HostileList([1]),
    "hostile mapping": HostileMapping,
    "hostile model": HostileModel,
    "hostile error": HostileError,
}


# --- and where they can be put ---------------------------------------------------------------------------------------


def run(*args, **settings):
    return tcc.run(*args, **settings).prompt("p")


def step(*args, **settings):
    return tcc.step("r", *args, **settings).prompt("p").response("r")


def call(*args, **settings):
    return tcc.tool_call("r", *args, **{"tool_name": "search", **settings})


def in_run(record):
    r = run()
    record(r)
    r.end()


RUN_PLACES = {
    "run(run_id)": lambda bad: run(bad).end(),
    "run(session_id)": lambda bad: run(session_id=bad).end(),
    "run(conversational)": lambda bad: run(conversational=bad).end(),
    "run(agent)": lambda bad: run(agent=bad).end(),
    "run(user_id)": lambda bad: run(user_id=bad).end(),
    "run(org_id)": lambda bad: run(org_id=bad).end(),
    "run(tags)": lambda bad: run(tags=bad).end(),
    "run(tags=[…])": lambda bad: run(tags=[bad, "good"]).end(),
    "run(metadata)": lambda bad: run(metadata=bad).end(),
    "run(start_time)": lambda bad: run(start_time=bad).end(),
    "run(timeout)": lambda bad: run(timeout=bad).error(),
    "run.prompt": lambda bad: tcc.run().prompt(bad).end(),
    "run.prompt(system_prompt)": lambda bad: tcc.run().prompt("p", bad).end(),
    "run.prompt(full_input)": lambda bad: tcc.run().prompt("p", full_input=bad).end(),
    "run.prompt({user_prompt})": lambda bad: tcc.run().prompt({"user_prompt": bad, "system_prompt": bad}).end(),
    "run.prompt([message])": lambda bad: tcc.run().prompt([{"role": "user", "content": bad}]).end(),
    "run.prompt([{role}])": lambda bad: tcc.run().prompt([{"role": bad, "content": "p"}]).end(),
    "run.response": lambda bad: run().response(bad).end(),
    "run.response(full_output)": lambda bad: run().response("r", full_output=bad).end(),
    "run.agent": lambda bad: run().agent(bad).end(),
    "run.tags": lambda bad: run().tags("good", bad).end(),
    "run.metadata": lambda bad: run().metadata(bad).end(),
    "run.metadata(key=…)": lambda bad: run().metadata(key=bad).end(),
    "run.metadata({…: …})": lambda bad: run().metadata({bad: "value"} if is_hashable(bad) else {}).end(),
    "run.status": lambda bad: run().status(bad).end(),
    "run.status(message)": lambda bad: run().status(2, bad).end(),
    "run.end_time": lambda bad: run().end_time(bad).end(),
    "run.error": lambda bad: run().error(bad),
    "run.step": lambda bad: in_run(lambda r: r.step(bad, model=bad, provider=bad, start_time=bad).error()),
    "run.tool_call": lambda bad: in_run(lambda r: r.tool_call(bad, bad, start_time=bad).error()),
}
STEP_PLACES = {
    "step(run_id)": lambda bad: tcc.step(bad).error(),
    "step(step_id)": lambda bad: step(bad).end(),
    "step(model)": lambda bad: step(model=bad).end(),
    "step(provider)": lambda bad: step(provider=bad).end(),
    "step(start_time)": lambda bad: step(start_time=bad).end(),
    "step.prompt": lambda bad: step().prompt(bad).end(),
    "step.prompt([message])": lambda bad: step().prompt([{"role": "user", "content": bad}]).end(),
    "step.prompt([{parts}])": lambda bad: step().prompt([{"role": "user", "parts": bad}]).end(),
    "step.prompt({messages})": lambda bad: step().prompt({"messages": bad, "system": bad, "tools": bad}).end(),
    "step.response": lambda bad: step().response(bad).end(),
    "step.response({choices})": lambda bad: step().response({"choices": bad}).end(),
    "step.response({content})": lambda bad: step().response({"role": "assistant", "content": [bad]}).end(),
    "step.response({tool_calls})": lambda bad: step().response({"role": "assistant", "tool_calls": bad}).end(),
    "step.model": lambda bad: step().model(bad).end(),
    "step.model(used)": lambda bad: step().model("gpt-4o", bad).tokens(1).end(),
    "step.model({…})": lambda bad: step().model({"requested": bad, "used": bad}).tokens(1).end(),
    "step.provider": lambda bad: step().model("gpt-4o").provider(bad).tokens(1).end(),
    "step.tokens": lambda bad: step().tokens(bad, bad, bad, cache_write=bad, reasoning=bad).end(),
    "step.cost": lambda bad: step().cost(bad).end(),
    "step.finish_reason": lambda bad: step().finish_reason(bad).end(),
    "step.response_id": lambda bad: step().response_id(bad).end(),
    "step.tool_definitions": lambda bad: step().tool_definitions(bad).end(),
    "step.tool_definitions([…])": lambda bad: step().tool_definitions([bad, {"name": bad, "parameters": bad}]).end(),
    "step.parameters": lambda bad: step().parameters(**dict.fromkeys(PARAMETERS, bad)).end(),
    "step.metadata": lambda bad: step().metadata(key=bad).end(),
    "step.status": lambda bad: step().status(bad, bad).end(),
    "step.end_time": lambda bad: step().end_time(bad).end(),
    "step.error": lambda bad: step().error(bad),
}
CALL_PLACES = {
    "tool_call(run_id)": lambda bad: tcc.tool_call(bad).error(),
    "tool_call(tool_name)": lambda bad: call(tool_name=bad).error(),
    "tool_call(tool_call_id)": lambda bad: call(bad).end(),
    "tool_call(start_time)": lambda bad: call(start_time=bad).end(),
    "tool_call.name": lambda bad: call().name(bad).error(),
    "tool_call.description": lambda bad: call().description(bad).end(),
    "tool_call.args": lambda bad: call().args(bad).end(),
    "tool_call.args({…})": lambda bad: call().args({"good": 1, "bad": bad}).end(),
    "tool_call.result": lambda bad: call().result(bad).end(),
    "tool_call.metadata": lambda bad: call().metadata(key=bad).end(),
    "tool_call.status": lambda bad: call().status(bad, bad).end(),
    "tool_call.end_time": lambda bad: call().end_time(bad).end(),
    "tool_call.error": lambda bad: call().error(bad),
}
SEND_PLACES = {
    "send_run": lambda bad: tcc.send_run(
        prompt=bad, response=bad, status_message=bad, metadata={"key": bad}, tags=[bad], start_time=bad, end_time=bad
    ),
    "send_step": lambda bad: tcc.send_step(
        run_id="r", prompt=bad, response=bad, model=bad, cost=bad, tokens={"uncached": bad}, start_time=1, end_time=bad
    ),
    "send_tool_call": lambda bad: tcc.send_tool_call(
        run_id="r", name="search", args=bad, result=bad, status_code=bad, start_time=bad, end_time=bad
    ),
}
FEEDBACK_PLACES = {
    "submit_feedback(run_id)": lambda bad: tcc.submit_feedback(bad, "thumbs_up"),
    "submit_feedback(score)": lambda bad: tcc.submit_feedback("r", bad, "text"),
    "submit_feedback(text)": lambda bad: tcc.submit_feedback("r", "thumbs_up", bad),
    "submit_feedback(name)": lambda bad: tcc.submit_feedback("r", "thumbs_up", name=bad),
    "submit_feedback(name, score)": lambda bad: tcc.submit_feedback("r", bad, name="mood", value=1),
    "submit_feedback(value)": lambda bad: tcc.submit_feedback("r", "thumbs_up", value=bad),
}
SPAN_PLACES = RUN_PLACES | STEP_PLACES | CALL_PLACES | SEND_PLACES
PARAMETERS = ("temperature", "max_tokens", "stop_sequences", "stream", "output_type")
"""One of each type."""


def is_hashable(value):
    try:
        hash(value)
    except Exception:  # noqa: BLE001 - hostile objects raise anything
        return False
    return True


@pytest.fixture
def observatory(receiver):
    tcc.configure(url=receiver.url)
    _diagnostics.reset_for_tests(reraise=True)
    return receiver


def raised_by(place, *, but=()):
    """Names of the bad values that raise something in this place, and what."""
    raised = {name: fault(place, make(), but) for name, make in BAD.items()}
    return {name: error for name, error in raised.items() if error}


def fault(place, bad, but):
    """What is raised, and the line of ours nearest to it."""
    try:
        place(bad)
    except but:
        return None
    except Exception as error:  # noqa: BLE001 - the test is that there is none
        ours = [line for line in traceback.extract_tb(error.__traceback__) if "contextcompany" in line.filename]
        return f"{type(error).__name__} in {ours[-1]}" if ours else f"{type(error).__name__} in the test"
    return None


@pytest.mark.parametrize("place", SPAN_PLACES)
@pytest.mark.unsound
def test_bad_values_in_spans(observatory, place):
    """No value raises in this place, or costs more than itself: each span arrives and can be decoded."""
    per_value = 2 if place in ("run.step", "run.tool_call") else 1

    assert raised_by(SPAN_PLACES[place]) == {}
    delivered, waiting, _, dropped = tcc.flush(20)
    assert (delivered, waiting) == (len(BAD) * per_value, 0)
    assert set(dropped) <= {"bad_value", "truncated"}
    assert len(observatory.spans()) == delivered


@pytest.mark.parametrize("place", FEEDBACK_PLACES)
@pytest.mark.unsound
def test_bad_values_in_feedback(observatory, place):
    """Feedback raises its ValueErrors for what it refuses, and nothing else; what it takes arrives."""
    accepted = []

    def try_it(bad):
        accepted.append(FEEDBACK_PLACES[place](bad))

    assert raised_by(try_it, but=tcc.IncompleteError) == {}
    delivered, waiting, _, dropped = tcc.flush(20)
    assert (accepted, delivered, waiting) == ([True] * len(accepted), len(accepted), 0)
    assert set(dropped) <= {"bad_value", "truncated"}
    assert len(observatory.logs()) == delivered > 0


def test_bad_values_are_not_logged(observatory, caplog):
    """Log lines about bad values stay short and hold no content."""
    run(start_time="a secret").status("a secret").end_time("a secret" * 1000).end()
    step().cost("a secret").tokens("a secret").end()
    tcc.submit_feedback("r", "thumbs_up", value="a secret")

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5
    assert [line for line in lines if "secret" in line or len(line) > 300] == []


# --- only what is bad is replaced ------------------------------------------------------------------------------------


def test_one_bad_value_among_many_good_ones(observatory):
    """Of 501 steps in one batch, each arrives whole; in the bad one only the bad value is replaced."""
    r = tcc.run("order-17").prompt("p")
    for n in range(501):
        one = r.step(f"step-{n}", model="gpt-4o").metadata(n=n)
        text = "bad \ud800 value" if n == 250 else "good"
        one.prompt([{"role": "user", "content": text}]).response("r").metadata({"key": text}).end()
    r.end()

    deliver()
    *steps, root = observatory.spans()
    expected = [
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": user("bad \ufffd value" if n == 250 else "good"),
            "gen_ai.output.messages": assistant("r"),
            "tcc.runId": "order-17",
            "tcc.step.id": f"step-{n}",
            "tcc.metadata.n": n,
            "tcc.metadata.key": "bad \ufffd value" if n == 250 else "good",
            "tcc.status.code": 0,
        }
        for n in range(501)
    ]
    assert [span["attributes"] for span in told([*steps, root])[:-1]] == expected
    assert {(span.trace_id, span.parent_id) for span in steps} == {(root.trace_id, root.span_id)}


def test_what_stands_for_bad_values(observatory):
    """Text keeps all but the bad character, numbers that do not fit become text, the rest a short marker."""
    bad = {
        "text": "a\ud800b",
        "pair": "\ud83d\ude00",
        "big": 2**70,
        "nan": [1, math.nan],
        "bytes": b"\xff",
        "circular": circular(list),
        "unprintable": Unprintable(),
        "keys": {1: "a", "\ud800": "b"},
    }
    call().args(bad).metadata(bad).end()

    deliver()
    (span,) = observatory.spans()
    assert json.loads(span.attributes["gen_ai.tool.call.arguments"]) == {
        "text": "a\ufffdb",
        "pair": "😀",
        "big": str(2**70),
        "nan": [1, None],
        "bytes": "/w==",
        "circular": [{"self": "<circular reference>"}],
        "unprintable": "<unprintable Unprintable>",
        "keys": {"1": "a", "\ufffd": "b"},
    }
    assert {
        key.removeprefix("tcc.metadata."): value
        for key, value in span.attributes.items()
        if key.startswith("tcc.metadata.")
    } == {
        "text": "a\ufffdb",
        "pair": "😀",
        "big": str(2**70),
        "nan": "[1,null]",
        "bytes": "\ufffd",
        "circular": '[{"self":"<circular reference>"}]',
        "unprintable": "<unprintable Unprintable>",
        "keys": '{"1":"a","\ufffd":"b"}',
    }


def test_a_large_text_keeps_all_but_one_character(observatory):
    """5 MB of text with one lone surrogate arrive with that one character replaced."""
    tcc.configure(max_value_size=2**23, max_span_size=2**23)
    run().response("x" * 2_500_000 + "\ud800" + "y" * 2_500_000).end()

    deliver()
    (span,) = observatory.spans()
    (message,) = json.loads(span.attributes["gen_ai.output.messages"])
    assert message["parts"][0]["content"] == "x" * 2_500_000 + "\ufffd" + "y" * 2_500_000


@pytest.mark.parametrize("depth", [0, 1, 31, 32, 33, 34, 48, 49, 50, 51, 63, 64, 65, 66, 100, 200])
def test_nesting(observatory, depth):
    """However deep a value is nested, nothing of it is lost, and receivers can read the span."""
    value = nested(depth, lambda inner: {"deeper": [inner]})
    call().args(value).metadata(nested=value).end()

    deliver()
    (span,) = observatory.spans()
    text = span.attributes["gen_ai.tool.call.arguments"]
    assert text.count("deeper") == depth
    assert text == span.attributes["tcc.metadata.nested"] or depth == 0
    assert "core" in text


def test_many_attributes(observatory):
    """A run keeps all its metadata, and its id, beyond the 128 attributes that the SDK allows by default."""
    run("order-17").metadata({f"key {n}": n for n in range(1000)}).end()

    deliver()
    (span,) = observatory.spans()
    kept = {key: value for key, value in span.attributes.items() if key.startswith("tcc.metadata.")}
    assert kept == {f"tcc.metadata.key {n}": n for n in range(1000)}
    assert span.attributes["tcc.runId"] == "order-17"
