"""`contextcompany reprice`: costs follow the price table that is installed; what was provided stays."""

import json
import random
import sqlite3
import threading
from contextlib import closing

import pytest
from spans import batch, run, step, trace_id

from contextcompany._rates import Price
from contextcompany.cli import main
from contextcompany.observatory import fold, queries
from contextcompany.observatory.filters import FilterError
from contextcompany.observatory.preparing import Reading
from contextcompany.observatory.prices import price_table
from contextcompany.observatory.repricing import reprice
from contextcompany.observatory.store import Store

CALCULATED = {"tcc__cost__source": "calculated"}
PROVIDED = {"tcc__cost__source": "provided"}


def table(version, **dollars):
    """A price table: what a token of each model costs."""

    def price(fact, _):
        rate = dollars.get(fact.model_used)
        return None if rate is None else Price((fact.tokens.input or 0) * rate, version)

    return Reading(fold.fold, fold.feedback, price)


OLD, NEW = table("old", a=0.001), table("new", a=0.002, b=0.01)


@pytest.fixture
def path(tmp_path):
    """Runs that were priced by an old table: what cost 1 is now 2, of `b` nothing was known, `c` is unknown still."""
    path = tmp_path / "o.db"
    usage = {"gen_ai__usage__input_tokens": 1000}
    with Store.open(path, reading=OLD) as store:
        store.write(batch(run(1), step(1, 2, model="a", **usage)))
        store.write(batch(run(2), step(2, 2, model="a", tcc__cost__total=7.0, **PROVIDED, **usage)))
        store.write(batch(run(3), step(3, 2, model="a", tcc__cost__total=7.0, **CALCULATED, **usage)))
        store.write(batch(run(4, agent="other"), step(4, 2, model="b", **usage), step(4, 3, model="a", **usage)))
        store.write(batch(run(5), step(5, 2, model="c", **usage)))
        store.write(batch(run(6), step(6, 2, model="c", tcc__cost__total=7.0, **CALCULATED, **usage)))
        store.write(batch(run(7)))
    return path


def costs(store):
    return [queries.run(store, trace_id(number)).run.cost for number in range(1, 8)]


def assert_rollups_are_the_sum(path):
    """The counts per hour are what the spans add up to."""
    with closing(sqlite3.connect(path)) as connection:
        rollups = connection.execute(
            "SELECT hour, kind, name, agent, spans, unpriced, cost FROM rollup WHERE spans ORDER BY 1, 2, 3, 4"
        ).fetchall()
        spans = connection.execute(
            """SELECT start_ns / 3600000000000, kind, iif(kind = 'step', coalesce(model, ''), name),
                coalesce(agent, ''), count(*), sum(unpriced), total(cost)
            FROM span WHERE kind <> 'other' AND end_ns GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
        ).fetchall()
    assert [row[:6] for row in rollups] == [row[:6] for row in spans]
    assert [row[6] for row in rollups] == pytest.approx([row[6] for row in spans])


def test_what_was_calculated_and_what_was_unknown_is_priced_anew(path):
    """What was provided stays, and what a sender calculated where the new table does not know better."""
    with Store.open(path, reading=NEW) as store:
        assert costs(store) == [1, 7, 7, 1, None, 7, None]
        done = reprice(store)
        assert costs(store) == [2, 7, 2, 12, None, 7, None]
        assert [queries.run(store, trace_id(number)).run.price_table for number in range(1, 8)] == [
            "new",
            None,
            "new",
            "new",
            None,
            None,
            None,
        ]
        assert store.problems() == []

    assert done == (price_table(), 5, 3, 9.0, 16.0, 1, ["c"])
    assert_rollups_are_the_sum(path)


def test_it_changes_nothing_twice(path):
    """Nor when the run is counted again, because something of it comes late."""
    with Store.open(path, reading=NEW) as store:
        reprice(store)
        before = costs(store)
        store.write(batch(step(3, 9, model="d"), step(1, 9, model="d")))
        assert costs(store) == before
        assert reprice(store).changed == 0
        assert queries.run(store, trace_id(3)).run.price_table == "new"
    assert_rollups_are_the_sum(path)


def test_a_dry_run_says_the_same_and_changes_nothing(path):
    """It needs no more than to read."""
    before = path.read_bytes()
    with Store.open(path, can_write=False, reading=NEW) as store:
        tried = reprice(store, is_dry=True)
    assert path.read_bytes() == before
    with Store.open(path, reading=NEW) as store:
        assert reprice(store) == tried


def test_a_filter_says_which(path):
    """In the language of the list of runs."""
    with Store.open(path, reading=NEW) as store:
        assert reprice(store, "agent:other").changed == 1
        assert costs(store) == [1, 7, 7, 12, None, 7, None]
        with pytest.raises(FilterError, match="there is no key `agnet`"):
            reprice(store, "agnet:other")


def test_a_table_that_knows_less_leaves_unknown(path):
    """A price that is gone is not kept: the run says by which table it was priced."""
    with Store.open(path, reading=table("empty")) as store:
        done = reprice(store)
        assert costs(store) == [None, 7, 7, None, None, 7, None]
    assert (done.changed, done.after, done.unpriced, done.models) == (2, 0.0, 4, ["a", "b", "c"])
    assert_rollups_are_the_sum(path)


def test_rollups_stay_the_sum_of_the_spans(tmp_path):
    """Over many runs, in many transactions, while others are written by another store, as a server has it open."""
    path = tmp_path / "o.db"
    pick = random.Random(7)

    def some(numbers):
        for number in numbers:
            yield run(number, agent=pick.choice("xyz"), start=number * 60, end=number * 60 + 9)
            for call in range(2, 2 + pick.randrange(8)):
                usage = {"gen_ai__usage__input_tokens": pick.randrange(1, 10**6)}
                said = pick.choice([{}, {}, {"tcc__cost__total": pick.random(), **pick.choice([PROVIDED, CALCULATED])}])
                yield step(number, call, model=pick.choice("abc"), start=number * 60 + call, **usage, **said)

    with Store.open(path, reading=OLD) as server:
        server.write(batch(*some(range(1, 400))))

        def write():
            for number in range(400, 460):
                server.write(batch(*some([number])))

        writing = threading.Thread(target=write)
        writing.start()
        with Store.open(path, reading=NEW) as store:
            done = reprice(store)
        writing.join()
        assert server.problems() == []

    assert done.changed > 200
    assert_rollups_are_the_sum(path)


def test_the_command_says_what_changed(path, capsys):
    """By the table of the installed genai-prices; here, of models that it does not know."""
    assert main(["reprice", "--db", str(path), "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        f"By {price_table()}, 2 of 5 runs with costs that nobody provided would cost something else:\n"
        "$2.0000 before, $0.0000 now.\n"
        "4 calls stay unpriced, of a, b, c.\n"
    )
    assert main(["reprice", "--db", str(path), "agent:other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "price_table": price_table(),
        "runs": 1,
        "changed": 1,
        "before": 1.0,
        "after": 0.0,
        "unpriced": 2,
        "models": ["b", "a"],
    }
    assert main(["reprice", "--db", str(path), "agent:other"]) == 0
    assert capsys.readouterr().out == (
        f"By {price_table()}, nothing changes: there is 1 run with costs that nobody provided.\n"
        "2 calls stay unpriced, of b, a.\n"
    )


def test_a_wrong_filter_is_named(path, capsys):
    """And the exit code is 2."""
    assert main(["reprice", "--db", str(path), "modell:gpt-4o"]) == 2
    assert "there is no key `modell`. Did you mean `model:gpt-4o`?" in capsys.readouterr().err
