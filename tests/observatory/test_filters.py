"""What a filter lets through, and what is said of one that is wrong."""

import pytest
from spans import FOREIGN, START, batch, feedback, messages, run, span, step, tool_call, trace_id

from contextcompany.observatory import queries, searching
from contextcompany.observatory.filters import FilterError, parse, phrase, token

NOW = START + 3600 * 10**9


@pytest.fixture
def filled(store):
    """Four runs that differ."""
    usage = {"gen_ai__usage__input_tokens": 100, "gen_ai__usage__output_tokens": 10, "gen_ai__provider__name": "openai"}
    store.write(
        batch(
            run(1, end=20, gen_ai__conversation__id="chat 1", tcc__userId="ada"),
            step(1, 2, tcc__cost__total=0.2, **usage),
            run(2, agent="research", start=1800, end=1805, status=(2, "no"), error__type="Timeout"),
            step(2, 2, start=1800, model="gpt-4o-mini"),
            tool_call(2, 3, start=1800, tool="web search"),
            feedback(2, "thumbs_down"),
            run(3, end=None, start=3000, tcc__runId="my-run"),
            run(4, start=60, end=61, gen_ai__input__messages=messages("the needle in the haystack")),
            span(5, name="GET /", scope=FOREIGN),
        )
    )
    return store


@pytest.mark.parametrize(
    ("filter_", "numbers"),
    [
        ("", {1, 2, 3, 4}),
        ("kind:other", {5}),
        ("status:ok", {1, 4}),
        ("status:error", {2}),
        ("status:running", {3}),
        ("-status:error", {1, 3, 4}),
        ("agent:support", {1, 3, 4}),
        ("model:gpt-4o", {1}),
        ("model:gpt-4o*", {1, 2}),
        ("model:GPT-4o", set()),
        ("model:[a-z]*", set()),
        ('tool:"web search"', {2}),
        ("provider:openai", {1}),
        ('session:"chat 1"', {1}),
        ("user:ada", {1}),
        ("run:my-run", {3}),
        (f"run:{trace_id(2)}", {2}),
        ("run:00000000-0000-0000-0000-000000000002", {2}),
        ("error:Timeout", {2}),
        ("feedback:thumbs_down", {2}),
        ("read_as:contextcompany", {1, 2, 3, 4}),
        ("since:45m", {2, 3}),
        ("until:45m", {1, 4}),
        ("since:2025-10-09T09:00", {2, 3}),
        ("duration>10s", {1}),
        ("duration<=5s", {2, 4}),
        ("duration>500ms duration<2s", {4}),
        ("cost>0.1", {1}),
        ("cost:0.2", {1}),
        ("tokens>=110", {1}),
        ("input>100", set()),
        ("output=10", {1}),
        ("steps>0 tools:0", {1}),
        ("errors>0", {2}),
        ("spans>2", {2}),
        ("needle", {4}),
        ('"needle in"', {4}),
        ('"in needle"', set()),
        ("need*", {4}),
        ("-needle", {1, 2, 3}),
        ("needle status:ok since:2h agent:support", {4}),
        ("' OR 1=1 --", set()),
        ("session:' OR 1=1", set()),
    ],
)
def test_a_filter_lets_through(filled, filter_, numbers):
    """What all of its parts say."""
    while searching.trailing(filled).trailing:
        pass

    page = queries.runs(filled, filter_, now_ns=NOW, lost_after_s=1e9)
    assert {int(each.trace_id, 16) for each in page.runs} == numbers


@pytest.mark.parametrize(
    ("filter_", "token", "suggestion"),
    [
        ("stats:error", "stats:error", "status:error"),
        ("status:ok modle:gpt-4o", "modle:gpt-4o", "model:gpt-4o"),
        ("status:eror", "status:eror", "status:error"),
        ("cost>much", "cost>much", "cost>100"),
        ("duration>10", "duration>10", "duration>10s"),
        ("model>gpt", "model>gpt", "model:gpt"),
        ("since:yesterday", "since:yesterday", "since:1h"),
        ("kind:runs", "kind:runs", "kind:run"),
        ("xyzzy:1", "xyzzy:1", None),
        ("session:", "session:", None),
    ],
)
def test_a_bad_part_is_named(store, filter_, token, suggestion):
    """With what was perhaps meant."""
    with pytest.raises(FilterError, match="`") as raised:
        queries.runs(store, filter_)

    assert (raised.value.token, raised.value.suggestion) == (token, suggestion)


def test_a_filter_has_an_end(store):
    """A text of any length is no query of any length."""
    with pytest.raises(FilterError, match="at most"):
        queries.runs(store, "a " * 1000)


@pytest.mark.parametrize("text", ['"', "*", "", "NEAR(a b)", "a AND", "text:x", "(", "\x00", "-"])
def test_search_takes_any_text(store, text):
    """FTS5's own language is not the filter's."""
    assert searching.search(store, text)[0] == []
    assert phrase(text).startswith('"')


@pytest.mark.parametrize("name", ["support", "two words", 'with "quotes" in it', "", "a*b"])
def test_a_name_can_be_asked_for(name):
    """With a filter that is right, whatever it holds."""
    asked = token("agent", name)
    if not name:
        with pytest.raises(FilterError, match="says no value"):
            parse(asked, 0)
        return
    assert name.replace('"', "*") in parse(asked, 0).values
