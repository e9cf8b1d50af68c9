"""Finding what was said in a run."""

import pytest
import requests
from spans import batch, messages, run, step, tool_call, trace_id

from contextcompany.observatory import finding
from contextcompany.observatory.contexts import Found

LONG = "Zürich is a city, and this text is so long that it is kept apart from its span. " * 3


def span_ids(*numbers):
    return [f"{number:016x}" for number in numbers]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("KEPT APART", [2]),
        ("zürich", [2]),
        ('"quoted"', [3]),
        ("line\nbreak", [3]),
        ("support", [1]),
        ("nothing", []),
        ("", []),
    ],
)
def test_a_text_is_found_wherever_it_stands(store, text, found):
    """In long texts, in JSON in texts, in names, in capital letters or not."""
    said = {"gen_ai__input__messages": messages(LONG)}
    args = {"gen_ai__tool__call__arguments": '{"q": "a \\"quoted\\" word, and a line\\nbreak"}'}
    store.write(batch(run(1), step(1, 2, **said), tool_call(1, 3, **args)))

    assert finding.find(store, trace_id(1), text) == Found(span_ids(*found), 3, 3)


def test_it_is_looked_for_as_long_as_time_allows(store):
    """And it says how far it came."""
    store.write(batch(run(1), step(1, 2)))

    assert finding.find(store, trace_id(1), "gpt", max_s=-1) == Found([], 1, 2)


def test_the_api_looks_in_a_run(served, store):
    """By its id or its trace's; of another it says that there is none."""
    store.write(batch(run(1, tcc__runId="mine"), step(1, 2)))
    ask = f"{served.url}/api/runs/%s/search?q=GPT-4O"

    assert requests.get(ask % "mine", timeout=10).json() == {"span_ids": span_ids(2), "looked": 2, "spans": 2}
    assert requests.get(ask % "other", timeout=10).status_code == 404
