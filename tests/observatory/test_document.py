"""A run as a document that a person reads."""

import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from spans import batch, feedback, messages, run, span, step, tool_call, trace_id

from contextcompany.observatory import comparing, exporting, queries
from contextcompany.observatory.contexts import as_json
from contextcompany.observatory.store import Store


def read(store, trace=1):
    """A run, as Markdown."""
    return b"".join(exporting.of_run(store, trace_id(trace), "markdown").content).decode()


def headings(text):
    return [line for line in text.splitlines() if line.startswith("#")]


def message(role, *parts):
    return {"role": role, "parts": [*parts]}


def text(content):
    return {"type": "text", "content": content}


CALL = {"type": "tool_call", "id": "c1", "name": "search", "arguments": {"order": 17}}
FOUND = {"type": "tool_call_response", "id": "c1", "response": "on its way"}


def test_a_run_reads_from_its_question_to_its_answer(store):
    """With what it cost, and nothing twice, though each step repeats what came before."""
    asked = message("user", text("Where is order 17?"))
    called, found = message("assistant", CALL), message("tool", FOUND)
    answered = message("assistant", text("It is on its way."))
    store.write(
        batch(
            run(
                1,
                gen_ai__input__messages=json.dumps([asked]),
                gen_ai__output__messages=json.dumps([answered]),
                gen_ai__conversation__id="s-1",
            ),
            step(
                1,
                2,
                gen_ai__system_instructions=json.dumps([text("Be brief.")]),
                gen_ai__input__messages=json.dumps([asked]),
                gen_ai__output__messages=json.dumps([called]),
                gen_ai__usage__input_tokens=100,
                gen_ai__usage__cache_read__input_tokens=80,
                gen_ai__usage__output_tokens=10,
                tcc__cost__total=0.25,
            ),
            tool_call(
                1,
                3,
                start=1,
                end=1.5,
                gen_ai__tool__call__arguments='{"order":17}',
                gen_ai__tool__call__result="on its way",
            ),
            step(
                1,
                4,
                start=2,
                end=2.5,
                gen_ai__system_instructions=json.dumps([text("Be brief.")]),
                gen_ai__input__messages=json.dumps([asked, called, found]),
                gen_ai__output__messages=json.dumps([answered]),
                tcc__cost__total=0.5,
            ),
            feedback(1, text="Thank you"),
        )
    )

    assert (
        read(store)
        == f"""\
# support

- **Status:** ok
- **Started:** 2025-10-09 08:53:20.000 UTC
- **Took:** 1.00 s
- **Steps:** 2
- **Tool calls:** 1
- **Tokens:** 100 in (80 cached), 10 out
- **Cost:** $0.7500
- **Session:** s-1
- **Run:** {trace_id(1)}

**user**

```text
Where is order 17?
```

## Step: gpt-4o

1.00 s, 100 in (80 cached), 10 out, $0.2500

**system**

```text
Be brief.
```

**assistant calls search**

```json
{{
  "order": 17
}}
```

## Tool call: search

500 ms

**Arguments**

```json
{{
  "order": 17
}}
```

**Result**

```text
on its way
```

## Step: gpt-4o

500 ms, $0.5000

**assistant**

```text
It is on its way.
```

## Feedback

- thumbs_up Thank you

"""
    )


def test_agents_inside_are_headings(store):
    """And what they called is one level below, until Markdown has no deeper one."""
    agents = [run(1, number, number - 1, agent=f"agent {number}", start=number / 10) for number in range(1, 8)]
    answer = messages("Done.", role="assistant")
    inner = run(1, 20, 1, agent="late", start=3, end=4, gen_ai__output__messages=answer)
    store.write(batch(*agents, tool_call(1, 9, 2, start=0.9), tool_call(1, 10, 7, start=0.9), inner))

    assert headings(read(store)) == [
        "# agent 1",
        "## Agent: agent 2",
        "### Agent: agent 3",
        "#### Agent: agent 4",
        "##### Agent: agent 5",
        "###### Agent: agent 6",
        "###### Agent: agent 7",
        "###### Tool call: search",
        "### Tool call: search",
        "## Agent: late",
        "## Answer",
    ]


def test_what_strangers_say_is_text(store):
    """No heading, no link, no markup, nothing that a terminal obeys, and no end of the fence that it is in."""
    hostile = "````\n# Heading\n<script>alert(1)</script>\n[link](javascript:alert(1))\x1b[31m"
    store.write(
        batch(
            run(1, agent="<b>*bold*</b> `x`\n# not_a_heading_", status=(2, hostile)),
            step(1, 2, gen_ai__input__messages=messages(hostile)),
        )
    )
    made = read(store)

    assert made.startswith("# \\<b\\>\\*bold\\*\\</b\\> \\`x\\` \\# not_a_heading\\_\n")
    assert "\n`````text\n" + hostile.replace("\x1b", "␛") + "\n`````\n" in made
    assert "\x1b" not in made
    assert headings(made.replace(hostile.replace("\x1b", "␛"), "")) == [made.splitlines()[0], "## Step: gpt-4o"]


def test_other_spans_are_left_out_unless_they_say_something(store):
    """What wraps around calls repeats them; what failed, and what looked something up, is told."""
    store.write(
        batch(
            run(1),
            span(1, 2, 1, name="wrapper", **{"input.value": "x"}),
            step(1, 3, 2),
            span(1, 4, 1, name="lookup", start=0.5, **{"input.value": "y", "output.value": "z"}),
            span(1, 5, 1, name="http", start=0.6),
            span(1, 6, 1, name="broken", start=0.7, status=(2, "no route")),
        )
    )

    assert headings(read(store)) == ["# support", "## Step: gpt-4o", "## Span: lookup", "## Span: broken"]
    assert "1.00 s, no route\n" not in read(store)
    assert "300 ms, no route\n" in read(store)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "parts", "type", "content", "name", "arguments", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
TEXTS = (
    VALUES.map(json.dumps) | st.text(max_size=20) | st.integers(300, 1100).map(lambda depth: "[" * depth + "]" * depth)
)
KEYS = ["gen_ai__input__messages", "gen_ai__output__messages", "gen_ai__system_instructions"]
TOOL_KEYS = ["gen_ai__tool__call__arguments", "gen_ai__tool__call__result"]
DEEP = '[{"role": "user", "parts": [{"type": "x", "y": %s}]}]' % ("[" * 970 + "]" * 970)


class Many(NamedTuple):
    """A store, and numbers for traces that are not in it."""

    store: Store
    traces: Iterator[int]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("store") / "runs.db") as store:
        yield Many(store, itertools.count(1))


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.fixed_dictionaries(dict.fromkeys(KEYS + TOOL_KEYS, TEXTS | st.just(DEEP))))
def test_whatever_was_said_can_be_read_and_compared(many, said):
    """Messages of any shape, or of none, nested as deeply as may be."""
    given_ = {key: said[key] for key in TOOL_KEYS}
    messages_ = {key: said[key] for key in KEYS}
    traces = next(many.traces), next(many.traces)
    for trace in traces:
        spans = run(trace, **messages_), step(trace, 2, **messages_, start=0.1), step(trace, 3, **messages_, start=0.2)
        many.store.write(batch(*spans, tool_call(trace, 4, **given_), tool_call(trace, 5, **given_, tool=str(trace))))
    wholes = [queries.run(many.store, trace_id(trace)) for trace in traces]

    assert read(many.store, traces[0]).startswith("# support\n")
    assert len(as_json(comparing.compare(many.store, *wholes))) > 100
