"""What nobody says the cost of is priced, at the time it was called."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timezone

import genai_prices
import pytest
from spans import START, batch, run, span, step, trace_id

from contextcompany.observatory import queries, sql
from contextcompany.observatory.database import documentation, open_reader
from contextcompany.observatory.prices import price_table
from contextcompany.observatory.store import Store

USAGE = {
    "gen_ai__usage__input_tokens": 1000,
    "gen_ai__usage__cache_read__input_tokens": 600,
    "gen_ai__usage__cache_write__input_tokens": 100,
    "gen_ai__usage__output_tokens": 50,
    "gen_ai__usage__reasoning__output_tokens": 20,
}


def expected(model, provider, at_s=0.0):
    """What genai-prices says of `USAGE`."""
    usage = genai_prices.Usage(
        input_tokens=1000,
        cache_read_tokens=600,
        cache_write_tokens=100,
        output_tokens=50,
        output_reasoning_tokens=20,
    )
    when = datetime.fromtimestamp(START / 1e9 + at_s, timezone.utc)
    return float(genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=when).total_price)


@pytest.mark.parametrize(
    ("model", "provider", "price_list"),
    [
        ("claude-sonnet-4-5", "anthropic", "anthropic"),
        ("gpt-4o", "openai", "openai"),
        ("gpt-4o", "azure.ai.openai", "azure"),
        ("perplexity/sonar-deep-research", "openrouter", "openrouter"),
    ],
)
def test_a_call_costs_what_genai_prices_says(store, model, provider, price_list):
    """What was read from a cache, written to one, and reasoned costs what that costs with this provider."""
    store.write(batch(run(1), step(1, 2, model=model, gen_ai__provider__name=provider, **USAGE)))
    whole = queries.run(store, trace_id(1))

    cost = expected(model, price_list)
    assert (whole.run.cost, whole.run.unpriced, whole.run.price_table) == (cost, 0, price_table())
    assert [(each.cost, each.cost_source) for each in whole.spans] == [(None, None), (cost, "calculated")]
    (stat,) = queries.stats(store, by="model", since_ns=START, until_ns=START)
    assert (stat.cost, stat.unpriced) == (cost, 0)


def test_the_table_that_priced_is_named_as_it_names_itself():
    """By the version of the package."""
    assert price_table() == f"genai-prices/{genai_prices.__version__}"


def test_the_model_that_was_used_is_priced(store):
    """Not the one that was asked for."""
    store.write(batch(step(1, 2, 0, model="gpt-4o", gen_ai__response__model="gpt-4o-mini", **USAGE)))

    assert queries.run(store, trace_id(1)).run.cost == expected("gpt-4o-mini", "openai")


def test_the_price_is_that_of_the_time_of_the_call(store):
    """DeepSeek's was another at night, and is another since."""
    hours = range(0, 24, 3)
    for hour in hours:
        at = datetime(2025, 3, 1, hour, 45, tzinfo=timezone.utc).timestamp() - START / 1e9
        said = {"gen_ai__provider__name": "deepseek", "start": at, "end": at + 1, **USAGE}
        store.write(batch(step(1 + hour, 2, 0, model="deepseek-chat", **said)))
        assert queries.run(store, trace_id(1 + hour)).run.cost == expected("deepseek-chat", "deepseek", at)

    assert len({queries.run(store, trace_id(1 + hour)).run.cost for hour in hours}) > 1


@pytest.mark.parametrize("model", ["my-own-model", "whisper-large-v3", ""])
def test_what_has_no_price_is_unpriced(store, model):
    """Unknown is unknown, and never 0; the calls beside it are priced."""
    store.write(batch(run(1), step(1, 2, model=model, **USAGE), step(1, 3, model="gpt-4o", **USAGE)))
    whole = queries.run(store, trace_id(1))

    assert (whole.run.cost, whole.run.unpriced) == (expected("gpt-4o", "openai"), 1)
    assert [each.cost for each in whole.spans[1:]] == [None, expected("gpt-4o", "openai")]


def test_what_somebody_says_is_not_calculated(store):
    """Not even where the table says something else; and no table is named."""
    store.write(batch(run(1), step(1, 2, tcc__cost__total=0.5, tcc__cost__source="provided", **USAGE)))
    whole = queries.run(store, trace_id(1))

    assert (whole.run.cost, whole.run.price_table) == (0.5, None)
    assert whole.spans[1].cost_source == "provided"


def test_the_sum_that_an_agent_says_is_not_priced_again(store):
    """The calls in it are."""
    store.write(batch(step(1, 2, **USAGE), step(1, 3, **USAGE)))
    both = {key: 2 * value for key, value in USAGE.items()}
    store.write(batch(run(1, gen_ai__request__model="gpt-4o", **both)))

    assert queries.run(store, trace_id(1)).run.cost == pytest.approx(2 * expected("gpt-4o", "openai"))


def test_a_cost_that_comes_late_takes_the_place_of_the_calculated_one(store):
    """When a final span says it, and its snapshot did not."""
    store.write(batch(step(1, 2, 0, end=None, **USAGE)))
    assert queries.run(store, trace_id(1)).run.cost == expected("gpt-4o", "openai")
    store.write(batch(step(1, 2, 0, tcc__cost__total=0.5, tcc__cost__source="provided", **USAGE)))

    run_ = queries.run(store, trace_id(1)).run
    assert (run_.cost, run_.price_table) == (0.5, None)


def in_a_process(code, path):
    """What is logged by a program that begins with these lines, writes a step and ends; its cost is in the file."""
    program = f"""
import sys, time
from pathlib import Path
sys.path[:0] = {sys.path!r}
{code}
from spans import batch, step
from contextcompany.observatory import prices
from contextcompany.observatory.store import Store
prices.load()
with Store.open(Path({str(path)!r})) as store:
    store.write(batch(step(1, 2, 0, gen_ai__usage__input_tokens=1000)))
    store.write(batch(step(2, 2, 0, gen_ai__usage__input_tokens=1000)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    with closing(sqlite3.connect(path)) as connection:
        return done.stderr, connection.execute("SELECT cost, unpriced FROM run").fetchall()


def test_what_arrives_before_the_table_is_there_is_priced(tmp_path):
    """However long it takes to load."""
    slow = """
import builtins, threading
real = builtins.__import__
def late(name, *rest):
    if name == "genai_prices" and name not in sys.modules:
        time.sleep(0.5)
    return real(name, *rest)
builtins.__import__ = late
"""
    said, costs = in_a_process(slow, tmp_path / "o.db")

    assert said == ""
    assert costs == [(0.0025, 0), (0.0025, 0)]


def test_without_a_table_all_is_kept_and_nothing_priced(tmp_path):
    """It is said once."""
    said, costs = in_a_process("sys.modules['genai_prices'] = None", tmp_path / "o.db")

    assert said.count("genai-prices cannot be imported; costs that nobody says stay unknown.") == 1
    assert costs == [(None, 1), (None, 1)]


def test_a_file_of_the_first_version_is_brought_to_this_one(tmp_path):
    """With all that is in it; the new column says what it holds, as the others do."""
    path = tmp_path / "o.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA auto_vacuum = INCREMENTAL")
        old.executescript(sql.text("migrations/0001_tables"))
        old.executescript("PRAGMA application_id = 1952673651; PRAGMA user_version = 1")
        old.execute("INSERT INTO meta VALUES ('dictionary', x'', 'None.')")
    with Store.open(path) as store:
        store.write(batch(step(1, 2, 0, **USAGE), span(1, 3)))
        assert queries.run(store, trace_id(1)).run.price_table == price_table()
        assert store.problems() == []
    with closing(open_reader(path)) as connection:
        tables = documentation(connection)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(run)")]

    assert [*tables["run"].columns] == columns
    assert tables["run"].columns["price_table"].startswith("The price table by which")
