"""Lists, pages and counts."""

import time

import pytest
from spans import FOREIGN, START, batch, feedback, log, messages, run, step, tool_call, trace_id

import contextcompany as tcc
from contextcompany.observatory import queries, searching
from contextcompany.observatory.filters import FilterError

HOUR = 3600


@pytest.mark.parametrize("sort", queries.SORTS)
def test_pages_hold_each_run_once(store, sort):
    """In the same order as one long page, also where many are equal and others arrive meanwhile."""
    for number in range(1, 26):
        extra = {"tcc__cost__total": number % 4 / 10} if number % 3 else {}
        store.write(batch(run(number, start=number // 2, end=number), step(number, 2, start=number // 2, **extra)))
    whole = queries.runs(store, sort=sort, limit=100)
    paged, after = [], None
    while True:
        page = queries.runs(store, sort=sort, after=after, limit=7)
        paged += page.runs
        after = page.next
        if after is None:
            break
        if len(paged) == 14:
            first = {"start": 1000, "end": 2000, "status": (2, ""), "tcc__cost__total": 9}
            calls = [step(99, each, gen_ai__usage__input_tokens=9, **first) for each in (2, 3)]
            store.write(batch(run(99, **first), *calls))  # on the first page

    assert paged == whole.runs
    assert len(whole.runs) == 25


@pytest.mark.parametrize("sort", queries.SORTS)
def test_orders_can_be_turned_around(store, sort):
    """On pages too."""
    for number in range(1, 12):
        store.write(batch(run(number, start=number // 2, end=number), step(number, 2, start=number // 2)))
    whole = queries.runs(store, sort=sort)
    first = queries.runs(store, sort=f"-{sort}", limit=6)
    rest = queries.runs(store, sort=f"-{sort}", after=first.next, limit=6)

    assert [*first.runs, *rest.runs] == whole.runs[::-1]


@pytest.mark.parametrize("after", ["nonsense", "e30", "WyJjb3N0IiwxLDFd", "é"])
def test_a_wrong_place_to_go_on_is_named(store, after):
    """Also one from another order."""
    with pytest.raises(FilterError, match="after="):
        queries.runs(store, after=after)


def test_an_order_that_is_none_is_named(store):
    """With those that there are."""
    with pytest.raises(FilterError, match="duration"):
        queries.runs(store, sort="speed")


def test_a_lost_run_is_told_from_a_running_one(store):
    """By how long nothing came of it."""
    store.write(batch(run(1, end=None)))
    (now,) = queries.runs(store).runs
    later_ns = now.seen_ns + 700 * 10**9
    (later,) = queries.runs(store, now_ns=later_ns).runs

    assert (now.state, later.state) == ("running", "lost")
    assert queries.lost(store) == []
    assert queries.lost(store, now_ns=later_ns) == [later]


def test_a_run_has_its_spans_in_order(store):
    """Each after the one it hangs under, whatever the order of arrival."""
    store.write(batch(tool_call(1, 4, 3, start=2), step(1, 3, 1, start=2), step(1, 2, 1, start=1)))
    store.write(batch(run(1)))
    whole = queries.run(store, trace_id(1))

    assert [(int(each.span_id, 16), each.depth) for each in whole.spans] == [(1, 0), (2, 1), (3, 1), (4, 2)]


def test_a_run_is_found_by_its_own_id(store):
    """By its trace id, with or without dashes, and by the id that its sender gave it, a run inside included."""
    store.write(batch(run(1, tcc__runId="outer"), run(1, 2, 1, tcc__runId="inner")))
    ids = [trace_id(1), "00000000-0000-0000-0000-000000000001", "outer", "inner"]

    assert [queries.run(store, each).run.trace_id for each in ids] == [trace_id(1)] * 4
    assert queries.run(store, "other") is None
    assert queries.span(store, trace_id(1), "other") is None


def test_messages_may_come_in_events(store):
    """In log records of the span, which says none itself."""
    event = log(1, 2, event="gen_ai.client.inference.operation.details", gen_ai__input__messages=messages("hello"))
    store.write(batch(event))
    store.write(batch(run(1), step(1, 2)))

    assert queries.span(store, trace_id(1), f"{2:016x}").fact.input[0]["parts"][0]["content"] == "hello"


def test_a_foreign_trace_shows_as_a_run(store):
    """By its first call, where nothing is around it."""
    store.write(batch(step(1, 2, 0, end=2, scope=FOREIGN)))
    (only,) = queries.runs(store).runs

    assert (only.name, only.steps, only.state) == ("gpt-4o", 1, "ok")


def test_sessions_sum_up_their_runs(store):
    """The one with the newest run first, on pages."""
    for number in range(1, 7):
        session = f"s{number % 3}"
        error = (2, "no") if number == 1 else (1, "")
        asked = step(number, 2, start=number, gen_ai__usage__input_tokens=number)
        store.write(batch(run(number, start=number, gen_ai__conversation__id=session, status=error), asked))
    first = queries.sessions(store, limit=2)
    rest = queries.sessions(store, after=(first[-1].last_ns, first[-1].session_id))

    assert [each.session_id for each in first + rest] == ["s0", "s2", "s1"]
    assert rest[0]._replace(first_ns=0, last_ns=0) == ("s1", 2, 0, 0, 1, 5, None, 0.0000125)


def test_feedback_comes_on_pages(store):
    """Newest first."""
    for number in range(1, 6):
        store.write(batch(feedback(number, text=str(number))))
    first = queries.feedback(store, limit=3)
    rest = queries.feedback(store, after=(first[-1].time_ns, first[-1].id))

    assert [each.text for each in first + rest] == ["5", "4", "3", "2", "1"]


def test_tool_calls_of_all_runs(store):
    """Newest first, of one tool or all, with what was given and came out when somebody wants it."""
    for number in range(1, 4):
        said = {"gen_ai__tool__call__arguments": f'{{"n": {number}}}', "gen_ai__tool__call__result": "r" * 100}
        store.write(batch(run(number, start=number), tool_call(number, 2, tool=f"t{number % 2}", start=number, **said)))
    calls = queries.tool_calls(store, with_content=True)
    first = queries.tool_calls(store, limit=1)
    rest = queries.tool_calls(store, after=(first[0].start_ns, first[0].id))

    assert [(each.tool, each.args, each.result) for each in calls] == [
        ("t1", {"n": 3}, "r" * 100),
        ("t0", {"n": 2}, "r" * 100),
        ("t1", {"n": 1}, "r" * 100),
    ]
    assert [int(each.trace_id, 16) for each in queries.tool_calls(store, "t1")] == [3, 1]
    assert [int(each.trace_id, 16) for each in first + rest] == [3, 2, 1]


def test_failures_that_are_alike_are_one(store):
    """With how many there were, and the newest."""
    for number in range(1, 4):
        failed = tool_call(number, 2, start=number, status=(2, "no answer"), error__type="Timeout")
        store.write(batch(run(number, start=number), failed))
    (failure,) = queries.failures(store)

    assert (failure.name, failure.error_type, failure.spans, failure.runs) == ("search", "Timeout", 3, 3)
    assert (failure.message, failure.trace_id) == ("no answer", trace_id(3))
    assert queries.failures(store, since_ns=START + 4 * 10**9) == []


def test_tokens_are_those_of_the_agent_that_used_them(store):
    """Not of one that it had work for it, though that run ends, and arrives, before its own."""
    used = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 1}
    spans = [
        step(1, 2, 1, **used),
        step(1, 5, 4, **{**used, "gen_ai__usage__input_tokens": 7}),
        run(1, 4, 3, agent="reader", tcc__runId="inner"),
        tool_call(1, 3, 1),
        run(1, 1, agent="planner", tcc__runId="outer"),
    ]
    for each in spans:
        store.write(batch(each))
    by_agent = queries.stats(store, by="agent", since_ns=START, until_ns=START, hours=10**6)

    assert {stat.name: (stat.spans, stat.input_tokens) for stat in by_agent} == {"planner": (1, 10), "reader": (1, 7)}
    (calls,) = queries.tool_calls(store)
    assert calls.agent == "planner"


def test_stats_over_time(store):
    """Per hour and name, with quantiles that are right to 10 %."""
    for number in range(1, 101):
        start = HOUR * (number % 2)
        usage = {"gen_ai__usage__input_tokens": 2, "gen_ai__usage__output_tokens": 1}
        asked = step(number, 2, start=start, end=start + number, **usage)
        called = tool_call(number, 3, start=start, end=start + 1, status=(2 - number % 2, ""))
        store.write(batch(run(number, start=start, agent=f"a{number % 2}"), asked, called))
    times = {"since_ns": START, "until_ns": START + HOUR * 10**9}

    by_model = queries.stats(store, by="model", **times)
    whole = queries.stats(store, by="model", hours=10_000_000, **times)
    by_agent = queries.stats(store, by="agent", **times)
    by_tool = queries.stats(store, by="tool", **times)

    assert [(each.name, each.spans, each.input_tokens) for each in by_model] == [("gpt-4o", 50, 100)] * 2
    assert by_model[1].start_ns - by_model[0].start_ns == HOUR * 10**9
    assert whole[0].spans == 100
    assert whole[0].p50_ns == pytest.approx(50e9, rel=0.12)
    assert whole[0].p95_ns == pytest.approx(95e9, rel=0.12)
    assert [(each.name, each.spans, each.output_tokens) for each in by_agent] == [("a0", 50, 50), ("a1", 50, 50)]
    assert [each.errors for each in by_tool] == [50, 0]
    with pytest.raises(ValueError, match="agent, model or tool"):
        queries.stats(store, by="day", **times)


def test_search_says_how_far_it_is(store):
    """And shows what it found."""
    store.write(batch(run(1, gen_ai__input__messages=messages("x " * 200 + "the needle is here " + "y " * 200))))
    while searching.trailing(store).trailing:
        pass
    (hit,), how_far = searching.search(store, "needle")

    assert (hit.trace_id, hit.run) == (trace_id(1), "support")
    assert "the needle is here" in hit.excerpt
    assert (how_far.trailing, how_far.is_capped) == (0, False)


def test_search_finds_what_is_too_short_for_a_text_of_its_own(store):
    """Each once, in the newest run; by what was said, not by what the span is called."""
    short = '[{"role":"user","content":"Rain in Zürich?"}]'
    for number in (1, 2):
        store.write(batch(run(number, start=number, agent="rain"), step(number, 2, gen_ai__input__messages=short)))
    args = {"gen_ai__tool__call__arguments": '{"city":"Bern"}'}
    store.write(batch(tool_call(3, 1, 0, **args), tool_call(3, 2, 0, tool="bern", status=(2, "No such town"))))
    while searching.trailing(store).trailing:
        pass

    def found(text):
        return [(hit.trace_id, hit.excerpt) for hit in searching.search(store, text)[0]]

    assert found("rain") == found("in zurich") == found("RAI*") == [(trace_id(2), "Rain in Zürich?")]
    assert found("rai") == []
    assert found("bern") == [(trace_id(3), "city Bern")]
    assert found("no such town") == [(trace_id(3), "No such town")]


def test_search_says_that_it_trails(store):
    """What is written is listed at once, and found when it is indexed."""
    store._writer._index_at = time.monotonic() + 100
    store.write(batch(run(1, gen_ai__input__messages=messages("needle " * 100))))
    page = queries.runs(store, "needle")
    store._writer._index_at = 0.0

    assert page.runs == []
    assert page.search.trailing > 0
    assert len(queries.runs(store).runs) == 1


def test_a_run_that_waits_for_a_person_is_not_lost(store, served):
    """It said so when it was suspended. When it goes on it does not wait any more."""
    tcc.configure(url=served.url)
    run = tcc.run(agent="refunds").prompt("Money back")
    run.step(model="gpt-4o").prompt("Money back").response("May I?").end()
    token = run.suspend()
    assert tcc.flush(5)[1:] == (0, 0, {})
    later_ns = time.time_ns() + 10**6 * 10**9
    (waiting,) = queries.runs(store, "status:running", now_ns=later_ns).runs

    assert queries.lost(store, now_ns=later_ns) == []
    assert (waiting.state, waiting.waiting_ns is None) == ("running", False)

    resumed = tcc.resume(token)
    resumed.step(model="gpt-4o").prompt("Yes").response("Done.").end()
    assert tcc.flush(5)[1:] == (0, 0, {})
    (lost,) = queries.lost(store, now_ns=later_ns)
    assert (lost.state, lost.waiting_ns) == ("lost", None)
    resumed.response("Done.").end()
    assert tcc.flush(5)[1:] == (0, 0, {})
    (ended,) = queries.runs(store).runs
    assert (ended.state, ended.waiting_ns) == ("ok", None)
