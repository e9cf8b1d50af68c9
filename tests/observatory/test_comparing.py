"""Two runs side by side: what belongs together, and what is different."""

import json
import time

import pytest
from spans import batch, messages, run, step, tool_call, trace_id

from contextcompany.observatory import comparing, gates, queries


def said(text, role="assistant"):
    return {"gen_ai__output__messages": messages(text, role=role)}


def asked(*texts):
    return {"gen_ai__input__messages": messages(*texts)}


def search(trace, number, query, result="found", **more):
    given = {"gen_ai__tool__call__arguments": json.dumps({"q": query}), "gen_ai__tool__call__result": result}
    return tool_call(trace, number, start=number, end=number + 0.5, **given, **more)


def ask(trace, number, *texts, answer="Hm.", tokens=10, **more):
    counts = {"gen_ai__usage__input_tokens": tokens, "gen_ai__usage__output_tokens": 1}
    return step(trace, number, start=number, end=number + 0.5, **asked(*texts), **said(answer), **counts, **more)


def compared(store, *spans):
    """Of the runs 1 and 2."""
    store.write(batch(*spans))
    return comparing.compare(store, *(queries.run(store, trace_id(number)) for number in (1, 2)))


def places(found):
    """Which span belongs to which, by number."""
    return [tuple(line and int(line.span_id, 16) for line in (each.before, each.after)) for each in found.pairs]


def changes(found):
    """What changed, where."""
    return {(each.name, change.what): change for each in found.pairs for change in each.changes}


# --- what belongs together -------------------------------------------------------------------------------------------


def test_equal_runs_have_no_difference(store):
    """Whatever their ids."""
    spans = [each for trace in (1, 2) for each in (run(trace), ask(trace, 2, "Hello"), search(trace, 3, "a"))]

    found = compared(store, *spans)

    assert places(found) == [(1, 1), (2, 2), (3, 3)]
    assert [each.changes for each in found.pairs] == [[], [], []]
    assert (found.prompt, found.response) == (None, None)
    assert {each.delta for each in found.totals if each.before is not None} == {0}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("abc", "abxc", [(2, 2), (3, 3), (None, 4), (4, 5)]),
        ("abc", "xabc", [(None, 2), (2, 3), (3, 4), (4, 5)]),
        ("abcd", "ad", [(2, 2), (3, None), (4, None), (5, 3)]),
        ("abc", "xyz", [(2, 2), (3, 3), (4, 4)]),
        ("", "ab", [(None, 2), (None, 3)]),
        ("abcde", "deabc", [(None, 2), (None, 3), (2, 4), (3, 5), (4, 6), (5, None), (6, None)]),
        ("aabb", "abb", [(2, None), (3, 2), (4, 3), (5, 4)]),
    ],
)
def test_calls_that_came_and_went_leave_the_others_together(store, before, after, expected):
    """By what they were given, and else by their place."""
    first = [search(1, number, query) for number, query in enumerate(before, 2)]
    second = [search(2, number, query) for number, query in enumerate(after, 2)]

    found = compared(store, run(1), run(2), *first, *second)

    assert places(found)[1:] == expected


def test_long_stretches_without_anything_in_common_are_aligned_in_pieces(store, monkeypatch):
    """By kind and place."""
    monkeypatch.setattr(comparing, "_WINDOW", 10)
    first = [search(1, number, f"a {number}") for number in range(2, 47)]
    second = [search(2, number, f"b {number}") for number in range(2, 52)]

    found = compared(store, run(1), run(2), *first, *second)

    assert places(found) == [(number, number) for number in range(1, 47)] + [(None, number) for number in range(47, 52)]


def test_another_tool_is_not_the_same_call(store):
    """It went, and another one came."""
    found = compared(store, run(1), run(2), tool_call(1, 2, tool="search"), tool_call(2, 2, tool="buy"))

    assert places(found) == [(1, 1), (2, None), (None, 2)]


def test_a_step_with_another_model_is_the_same_step(store):
    """The model is what changed."""
    found = compared(store, run(1), run(2), step(1, 2, model="gpt-4o"), step(2, 2, model="gpt-5"))

    assert places(found) == [(1, 1), (2, 2)]
    changed = changes(found)["gpt-5", "model"]
    assert (changed.before, changed.after) == ("gpt-4o", "gpt-5")


# --- what is different -----------------------------------------------------------------------------------------------


def test_what_changed_is_said(store):
    """Texts as a diff, values as they are."""
    error = {"status": (2, "too slow"), "error__type": "Timeout"}
    found = compared(
        store,
        run(1),
        ask(1, 2, "How warm is it in Oslo?", answer="15 °C", tcc__cost__total=0.1, gen_ai__request__temperature=0.1),
        search(1, 3, "Oslo", "sun"),
        run(2),
        ask(
            2,
            2,
            "How warm is it in Rome?",
            answer="25 °C",
            tokens=12,
            tcc__cost__total=0.2,
            gen_ai__request__temperature=0.2,
        ),
        search(2, 3, "Rome", **error),
    )

    made = changes(found)
    assert made["gpt-4o", "prompt"].diff[1:] == [
        " user:",
        "-How warm is it in Oslo?",
        "+How warm is it in Rome?",
    ]
    assert made.keys() == {
        ("gpt-4o", "prompt"),
        ("gpt-4o", "response"),
        ("gpt-4o", "parameters"),
        ("gpt-4o", "input_tokens"),
        ("gpt-4o", "cost"),
        ("search", "args"),
        ("search", "result"),
        ("search", "status"),
        ("search", "error"),
    }
    assert (made["search", "status"].before, made["search", "status"].after) == ("ok", "error")
    assert found.response.diff[1:] == [" assistant:", "-15 °C", "+25 °C"]
    totals = {each.what: each for each in found.totals}
    assert totals["input_tokens"][1:] == (10, 12, 2, pytest.approx(0.2))
    assert totals["errors"][1:] == (0, 1, 1, None)


def test_a_history_that_grows_is_compared_by_what_is_new(store):
    """What changed at first does not change again with each step that repeats it."""
    spans = []
    for trace, word in ((1, "red"), (2, "blue")):
        first, second = f"I like {word}.", "And you?"
        history = [
            {"role": "user", "parts": [{"type": "text", "content": first}]},
            {"role": "assistant", "parts": [{"type": "text", "content": "Nice."}]},
            {"role": "user", "parts": [{"type": "text", "content": second}]},
        ]
        spans += [run(trace), ask(trace, 2, first, answer="Nice.")]
        spans.append(step(trace, 3, start=3, gen_ai__input__messages=json.dumps(history), **said("I do not know.")))

    found = compared(store, *spans)

    assert [[each.what for each in pair.changes] for pair in found.pairs] == [[], ["prompt"], []]


def test_almost_equal_durations_are_equal(store):
    """Within a tenth."""
    ends = [(2.0, 2.1), (2.0, 3.0)]
    first = [step(1, 2 + each, start=1, end=1 + end) for each, (end, _) in enumerate(ends)]
    second = [step(2, 2 + each, start=1, end=1 + end) for each, (_, end) in enumerate(ends)]

    found = compared(store, run(1), run(2), *first, *second)

    assert [[each.what for each in pair.changes] for pair in found.pairs] == [[], [], ["duration_ns"]]


def test_long_texts_have_bounded_diffs(store):
    """It is said that there is more."""
    one, other = ("\n".join(f"{word} {number} {'x' * 50}" for number in range(9000)) for word in ("a", "b"))

    found = compared(store, run(1), run(2), search(1, 2, "q", one), search(2, 2, "q", other))

    change = changes(found)["search", "result"]
    assert change.is_cut
    assert len(change.diff) <= 200


@pytest.mark.parametrize("is_different", [False, True])
def test_runs_of_a_thousand_spans_are_compared_soon(store, is_different):
    """Equal ones, and those in which every prompt is another and many calls came and went."""
    spans = [run(1), run(2)]
    for trace in (1, 2):
        for number in range(2, 1001):
            word = f"{trace} {number}" if is_different else str(number)
            if number % 3 == 0:
                spans.append(ask(trace, number, word))
            elif not is_different or number * trace % 7:
                spans.append(search(trace, number, word))
    store.write(batch(*spans))
    wholes = [queries.run(store, trace_id(number)) for number in (1, 2)]

    began = time.process_time()
    found = comparing.compare(store, *wholes)

    assert len(found.pairs) > 900
    assert time.process_time() - began < 3  # it takes 0.3 s


# --- gates -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(store):
    """Another answer, a call more, 20 % more tokens, twice as long, and no cost."""
    return compared(
        store,
        run(1, end=10),
        ask(1, 2, "a", answer="yes", tokens=99, model="unheard-of"),
        run(2, end=20),
        ask(2, 2, "a", answer="no", tokens=119, model="unheard-of"),
        search(2, 3, "q"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("status", None),
        ("prompt", None),
        ("response", "response: the response is another one."),
        ("steps", None),
        ("tools", "tools: the tool call search came."),
        ("tools+1", None),
        ("tools+0", "tools+0: tools was 0 and is 1."),
        ("tokens+20%", None),
        ("tokens+5%", "tokens+5%: tokens was 100 and is 120, +20.0%."),
        ("input+20", None),
        ("duration+100%", None),
        ("duration+20%", "duration+20%: duration was 10.000 s and is 20.000 s, +100.0%."),
        ("duration+2s", "duration+2s: duration was 10.000 s and is 20.000 s, +100.0%."),
        ("duration+10000ms", None),
        ("cost+10%", "cost+10%: cost is not known before and after."),
        ("errors", None),
        ("model", None),
        ("args", None),
        ("spans", "spans: spans was 2 and is 3, +50.0%."),
    ],
)
def test_a_gate_fails_with_a_sentence(found, text, sentence):
    """Or holds."""
    assert gates.broken(gates.parse(text), found) == sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("costs+10%", "Did you mean `cost`?"),
        ("", "Known are status"),
        ("cost-10%", "nothing to fail on"),
        ("status+1", "status is no number"),
        ("cost+2s", "write it as cost+10%"),
        ("duration+2", "write it as duration+20% or duration+2s"),
    ],
)
def test_what_is_no_gate_is_named(text, said):
    """With what was perhaps meant."""
    with pytest.raises(ValueError, match=said.replace("?", r"\?").replace("+", r"\+")):
        gates.parse(text)
