"""What happened in a time, counted bar by bar, and the charts that are drawn of it."""

import pytest
from spans import START, batch, run, step, tool_call

from contextcompany.observatory import charts, dashboards

HOUR = 3600 * 10**9


def of_dashboard(store, hours=24, **options):
    until = START + HOUR
    return dashboards.dashboard(store, since_ns=until - hours * HOUR, until_ns=until, **options)


def some_runs(store):
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 2}
    store.write(batch(run(1, end=4), step(1, 2, end=2, **usage), tool_call(1, 3, status=(2, "no"))))
    store.write(batch(run(2, start=-7200, end=-7190, agent="billing", status=(2, "no"))))


@pytest.mark.parametrize("hours", [1, 24, 7 * 24, 30 * 24])
def test_bars_have_no_gaps(store, hours):
    """They reach from the beginning of the time to its end, whatever their width."""
    some_runs(store)
    made = of_dashboard(store, hours)

    assert len(made.bars) == len(made.runs) == (made.until_ns - made.since_ns) // made.width_ns <= 51
    assert [each.start_ns for each in made.bars] == [each.start_ns for each in made.runs]
    assert made.bars[0].start_ns == made.since_ns
    assert made.since_ns % made.width_ns == 0


def test_all_bars_together_are_the_whole(store):
    """Of runs, tokens and errors; each agent, model and tool has its share."""
    some_runs(store)
    made = of_dashboard(store)

    assert (sum(each.runs for each in made.runs), sum(each.errors for each in made.runs)) == (2, 2)
    assert sum(each.input_tokens for each in made.bars) == made.whole.input_tokens == 10
    assert [(each.name, each.spans, each.errors) for each in made.agents] == [("billing", 1, 1), ("support", 1, 0)]
    assert [(each.name, each.output_tokens) for each in made.models] == [("gpt-4o", 2)]
    assert [(each.name, each.errors) for each in made.tools] == [("search", 1)]


def test_a_short_time_is_counted_to_the_minute(store):
    """From the spans themselves, to the same numbers."""
    some_runs(store)
    made, by_hour = of_dashboard(store, 1), of_dashboard(store, 24)

    assert made.width_ns == 120 * 10**9
    assert made.agents == [each._replace(start_ns=0) for each in by_hour.agents if each.name == "support"]
    assert (made.models, made.tools) == (by_hour.models, by_hour.tools)
    assert made.whole.input_tokens == 10


def test_a_dashboard_of_one(store):
    """An agent, a model or a tool."""
    some_runs(store)
    agent, tool = of_dashboard(store, by="agent", name="billing"), of_dashboard(store, by="tool", name="search")

    assert sum(each.runs for each in agent.runs) == agent.whole.spans == 1
    assert (tool.whole.spans, tool.whole.errors) == (1, 1)
    assert of_dashboard(store, by="tool", name="nothing").whole.spans == 0
    assert of_dashboard(store, by="tool") == of_dashboard(store)
    assert [each.key for each in charts.charts(tool)] == ["runs", "latency"]


@pytest.mark.parametrize("hours", [1, 24])
def test_charts_begin_at_nothing(store, hours):
    """The largest bar ends below the uppermost line, whose label is round, and what is not nothing is seen."""
    some_runs(store)
    for chart in charts.charts(of_dashboard(store, hours)):
        assert chart.lines[0].y == charts.HEIGHT
        assert chart.lines[0].label in ("0", "$0")
        heights = [sum(piece.height for piece in mark.pieces) for mark in chart.marks if mark.pieces]
        assert all(2 <= height <= charts.HEIGHT - chart.lines[-1].y + 0.01 for height in heights)
        assert chart.key == "cost" or heights


@pytest.mark.parametrize("cost", [0.04, 0.041, 0.06, 0.3, 1.1, 7, 1234.5])
def test_an_axis_ends_above_what_is_drawn(store, cost):
    """With a line every so often, the last at its end."""
    store.write(batch(run(1), step(1, 2, gen_ai__usage__cost=cost)))
    chart = charts.charts(of_dashboard(store))[-1]
    places = [line.y for line in chart.lines]

    assert 3 <= len(places) <= 6
    assert (places[0], places[-1]) == (charts.HEIGHT, 10)
    assert max(piece.height for mark in chart.marks for piece in mark.pieces) <= charts.HEIGHT - 10 + 0.01


def test_charts_of_nothing(store):
    """Have an axis all the same."""
    for chart in charts.charts(of_dashboard(store)):
        assert len(chart.lines) >= 2
        assert {mark.title.partition(": ")[2] for mark in chart.marks} == {"nothing"}
