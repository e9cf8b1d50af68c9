"""What is written is there, once, and stays."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import pytest
from spans import START, batch, feedback, log, messages, run, span, step, tool_call, trace_id

from contextcompany.observatory import queries, searching, sql
from contextcompany.observatory.database import documentation, open_reader
from contextcompany.observatory.filters import KEYS
from contextcompany.observatory.group import SETTLED_AT_ONCE
from contextcompany.observatory.store import READING, BusyError, Retention, Store, StoreError

LONG = "The quick brown fox jumps over the lazy dog. " * 20


def span_id(number):
    return f"{number:016x}"


def found(store, filter_=""):
    return [each.trace_id for each in queries.runs(store, filter_).runs]


def searched(store, text):
    """The runs in which something was said, once all is indexed."""
    deadline = threading.Event()
    for _ in range(100):
        if not searching.trailing(store).trailing:
            break
        deadline.wait(0.05)
    return found(store, text)


def counts(store):
    """How many rows each table has."""
    with sqlite3.connect(store.path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        names = [name for (name,) in tables if "_search" not in name]
        made = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    connection.close()
    return made


# --- spans -----------------------------------------------------------------------------------------------------------


def test_a_span_comes_back_as_it_was_received(store):
    """Every field of it, its bytes included, with the resource and scope that sent it."""
    whole = span(
        1,
        2,
        3,
        name="name",
        status=(2, "broken"),
        text=LONG,
        events={"exception": {"exception.stacktrace": LONG * 2}},
        nested={"list": [LONG, 1, 2.5, True, None, b"\x00"], "same": LONG},
        short="short",
    )
    store.write(batch(whole))

    detail = queries.span(store, trace_id(1), span_id(2))

    assert detail.span == whole
    assert detail.fact.status == "error"


def test_a_final_span_replaces_its_snapshot(store):
    """Also in what the run says."""
    store.write(batch(run(1, end=None)))
    before = queries.run(store, trace_id(1)).run
    store.write(batch(run(1, end=3)))
    after = queries.run(store, trace_id(1))

    assert (before.state, before.open_spans, before.duration_ns) == ("running", 1, None)
    assert (after.run.state, after.run.open_spans, after.run.duration_ns) == ("ok", 0, 3 * 10**9)
    assert len(after.spans) == 1


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_late_snapshot_never_replaces_a_final_span(store, is_one_batch):
    """It is counted, whether it comes with the final span or after it."""
    spans = [run(1, end=3), run(1, end=None)]
    for each in [spans] if is_one_batch else [[spans[0]], [spans[1]]]:
        store.write(batch(*each))

    assert queries.run(store, trace_id(1)).run.duration_ns == 3 * 10**9
    with store.read() as reader:
        assert dict(reader.rows("meta"))["refused_snapshots"] == 1


def test_what_is_sent_twice_is_kept_and_counted_once(store):
    """Senders repeat what they have no answer to."""
    items = batch(run(1), step(1, 2, gen_ai__usage__input_tokens=10), feedback(1), log(1, 1, event="e"))
    store.write(items)
    once = counts(store)
    store.write(items)

    assert counts(store) == once
    (stat,) = queries.stats(store, by="model", since_ns=START, until_ns=START)
    assert (stat.spans, stat.input_tokens) == (1, 10)
    assert len(queries.feedback(store)) == 1


def test_what_others_recorded_counts_once(store):
    """An agent span that says the sum of its calls adds nothing, however late it comes."""
    usage = {"gen_ai__usage__input_tokens": 10, "gen_ai__usage__output_tokens": 2}
    store.write(batch(step(1, 2, **usage), step(1, 3, **usage)))
    store.write(batch(run(1, gen_ai__usage__input_tokens=20, gen_ai__usage__output_tokens=4)))
    whole = queries.run(store, trace_id(1))

    assert (whole.run.input_tokens, whole.run.output_tokens) == (20, 4)
    assert [bool(each.not_counted) for each in whole.spans] == [True, False, False]
    assert sum(each.input_tokens for each in queries.stats(store, since_ns=START, until_ns=START)) == 20


def test_a_large_run_settles(tmp_path):
    """It is in the list at once, and its counts are those of all its spans when it was quiet for a second."""
    size = SETTLED_AT_ONCE * 3
    path = tmp_path / "o.db"
    with Store.open(path) as store:
        for at in range(2, size, 250):
            spans = [step(1, number, gen_ai__usage__input_tokens=1) for number in range(at, min(at + 250, size))]
            store.write(batch(*spans))
        store.write(batch(run(1, end=9)))
        store.write(batch(step(1, 2, gen_ai__usage__input_tokens=3)))  # replaced
        now = queries.run(store, trace_id(1))
        assert len(now.spans) == size - 1
    with Store.open(path) as store:
        settled = queries.run(store, trace_id(1)).run
        (stat,) = queries.stats(store, by="model", since_ns=START, until_ns=START)

    assert (settled.state, settled.steps, settled.input_tokens, settled.is_counting) == ("ok", size - 2, size, False)
    assert (stat.spans, stat.input_tokens) == (size - 2, size)


def test_rollups_are_the_sum_of_the_spans(store):
    """Whatever the order in which snapshots, final spans and what is around them come."""
    usage = {"gen_ai__usage__input_tokens": 5}
    for spans in (
        [step(1, 2, end=None, **usage)],
        [step(1, 2, end=2, **usage), tool_call(1, 3, 2, end=None)],
        [run(1, end=None), tool_call(1, 3, 2, end=4, status=(2, "no"))],
        [run(1, end=5, status=(2, "no"))],
    ):
        store.write(batch(*spans))
    with sqlite3.connect(store.path) as connection:
        rollups = connection.execute(
            "SELECT kind, name, spans, errors, duration_ns, input_tokens FROM rollup"
        ).fetchall()
        latencies = connection.execute("SELECT kind, sum(spans) FROM latency GROUP BY kind").fetchall()
    connection.close()

    assert sorted(rollups) == [
        ("run", "support", 1, 1, 5 * 10**9, 0),
        ("step", "gpt-4o", 1, 0, 2 * 10**9, 5),
        ("tool_call", "search", 1, 1, 4 * 10**9, 0),
    ]
    assert sorted(latencies) == [("run", 1), ("step", 1), ("tool_call", 1)]


# --- texts -----------------------------------------------------------------------------------------------------------


def test_history_that_is_repeated_costs_what_is_new(tmp_path):
    """200 steps, each with all that was said before: the file is smaller than three times its unique text."""
    path = tmp_path / "o.db"
    random = Random(5)
    vocabulary = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9))) for _ in range(3000)]
    said = [" ".join(vocabulary[int(random.paretovariate(0.5)) % 3000] for _ in range(200)) for _ in range(400)]
    with Store.open(path) as store:
        for number in range(200):
            asked, answered = messages(*said[: 2 * number + 1]), messages(said[2 * number + 1], role="assistant")
            store.write(batch(step(1, number + 2, gen_ai__input__messages=asked, gen_ai__output__messages=answered)))
        store.write(batch(run(1)))
        last = queries.span(store, trace_id(1), span_id(201))

    assert [each["parts"][0]["content"] for each in last.fact.input] == said[:399]
    assert path.stat().st_size < 3 * sum(map(len, said))


def test_text_is_found_wherever_it_was_said(store):
    """In prompts, responses, args and results, in short ones and long ones, in names and errors."""
    store.write(
        batch(run(1, gen_ai__input__messages=messages("apple " + LONG), gen_ai__output__messages=messages("plum")))
    )
    store.write(batch(run(2), tool_call(2, 2, gen_ai__tool__call__arguments='{"q": "cherry"}')))
    store.write(batch(run(3), tool_call(3, 2, gen_ai__tool__call__result="banana")))
    store.write(batch(run(4, status=(2, "no melon today"))))
    store.write(batch(run(5, gen_ai__input__messages=messages('a "grape"\nand a fig ' + LONG))))

    by_word = {
        word: searched(store, word)
        for word in ("apple", "plum", "cherry", "banana", "melon", '"grape and a fig"', "nothing")
    }

    assert by_word == {
        "apple": [trace_id(1)],
        "plum": [trace_id(1)],
        "cherry": [trace_id(2)],
        "banana": [trace_id(3)],
        "melon": [trace_id(4)],
        '"grape and a fig"': [trace_id(5)],
        "nothing": [],
    }


def test_text_that_many_runs_say_is_kept_once_and_found_in_each(store):
    """A system prompt, for instance."""
    store.write(batch(run(1, gen_ai__input__messages=messages("kiwi " + LONG))))
    once = counts(store)["body"]
    for number in range(2, 6):
        store.write(batch(run(number, gen_ai__input__messages=messages("kiwi " + LONG))))

    assert len(searched(store, "kiwi")) == 5
    assert counts(store)["body"] == once


def test_search_finds_what_replaced_a_snapshot_and_nothing_else(store):
    """What a span said when it was open is not what it says."""
    store.write(batch(run(1, end=None, name="pending")))
    assert searched(store, "pending") == [trace_id(1)]
    store.write(batch(run(1, name="finished")))

    assert searched(store, "pending") == []
    assert searched(store, "finished") == [trace_id(1)]


# --- logs ------------------------------------------------------------------------------------------------------------


def test_feedback_waits_for_its_run(store):
    """It is listed before the run arrives, and with it afterwards."""
    store.write(batch(feedback(1, "thumbs_down", "wrong")))
    (early,) = queries.feedback(store)
    store.write(batch(run(1)))
    (late,) = queries.run(store, trace_id(1)).feedback

    assert (early.label, early.text, early.run) == ("thumbs_down", "wrong", None)
    assert late == early._replace(run="support")
    assert found(store, "feedback:thumbs_down") == [trace_id(1)]


def test_a_run_shows_what_was_said_not_what_was_thought(store):
    """Thoughts come first in a message; where nothing else was said, they are shown."""
    thought = {"type": "reasoning", "content": "Hmm."}
    for number, parts in ((1, [thought, {"type": "text", "content": "Hello."}]), (2, [thought])):
        said = json.dumps([{"role": "assistant", "parts": parts}])
        store.write(batch(run(number, gen_ai__output__messages=said)))

    assert [queries.run(store, trace_id(each)).run.response for each in (1, 2)] == ["Hello.", "Hmm."]


@pytest.mark.parametrize(
    ("about", "place"),
    [("r-1", (1, 1)), ("inner", (1, 1)), ("other", (9, 7))],
    ids=["a run", "a run inside of it", "a run that is not here"],
)
def test_feedback_finds_its_run_by_the_id_alone(store, about, place):
    """Who sends it may take the run for one whose trace is made of its id, which this is not."""
    store.write(batch(run(1, tcc__runId="r-1"), run(1, 2, 1, tcc__runId="inner")))
    said = log(9, 7, event="gen_ai.evaluation.result", gen_ai__evaluation__score__label="thumbs_up", tcc__runId=about)
    store.write(batch(said))

    (kept,) = queries.feedback(store)
    assert (kept.trace_id, kept.span_id) == (trace_id(place[0]), span_id(place[1]))
    assert (queries.run(store, trace_id(1)).feedback == [kept]) is (place[0] == 1)


def test_feedback_about_a_span_of_such_a_run_stays_there(store):
    """As our SDK sends it from another process about a run inside of a run: the span is right, the trace is not."""
    store.write(batch(run(1, tcc__runId="r-1"), run(1, 2, 1, tcc__runId="inner")))
    store.write(batch(log(9, 2, event="gen_ai.evaluation.result", tcc__runId="inner")))

    assert [(each.trace_id, each.span_id) for each in queries.feedback(store)] == [(trace_id(1), span_id(2))]


def test_logs_come_back_as_they_were_received(store):
    """With the span that they belong to."""
    said = log(1, 1, event="event", body=LONG)
    store.write(batch(run(1), said, log(1, 2, event="other")))

    assert queries.span(store, trace_id(1), span_id(1)).logs == [said]


# --- deleting --------------------------------------------------------------------------------------------------------


def test_a_deleted_run_leaves_nothing(store):
    """Of the run, that is: text that others say stays."""
    shared, own = "kiwi " + LONG, "quince " + LONG
    store.write(batch(run(1, gen_ai__input__messages=messages(shared)), feedback(1)))
    searched(store, "kiwi")
    before = counts(store) | {"rollup": 1}
    store.write(
        batch(run(2, gen_ai__input__messages=messages(shared), gen_ai__output__messages=messages(own)), feedback(2))
    )
    assert searched(store, "quince") == [trace_id(2)]

    deleted = store.delete([trace_id(2), trace_id(3)])

    after = counts(store)
    names = ("run", "span", "wire", "body", "piece", "run_name", "log", "feedback")
    assert deleted == 1
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert (searched(store, "kiwi"), searched(store, "quince")) == ([trace_id(1)], [])
    assert queries.stats(store, since_ns=START, until_ns=START)[0].spans == 1
    with store.read() as reader:
        assert reader.row("search_hits", '"quince"', 9) == (0,)


def test_the_oldest_runs_go_when_there_is_no_room(store):
    """How many went is said, and what they added to the counts per hour stays."""
    for number in range(1, 101):
        text = "".join(f"{number * 1000 + word:x} " for word in range(800))
        store.write(batch(run(number, start=number, end=number + 1, gen_ai__input__messages=messages(text))))
    searched(store, "nothing")
    with store.read() as reader:
        _, used = reader.row("pages")

    pruned = store.prune(Retention(max_bytes=used // 2))

    left = found(store)
    assert 0 < len(left) < 100
    assert left == [trace_id(number) for number in range(100, 100 - len(left), -1)]
    assert pruned.runs == 100 - len(left)
    assert pruned.size > 0
    with store.read() as reader:
        meta = dict(reader.rows("meta"))
        assert reader.row("pages")[1] <= used // 2
    assert (meta["pruned_runs"], meta["pruned_before"]) == (pruned.runs, START + pruned.runs * 10**9)
    assert queries.stats(store, since_ns=START, until_ns=START)[0].spans == 100


def test_old_runs_go_when_nothing_of_them_comes(store):
    """A run that started long ago and is heard of now stays."""
    store.write(batch(run(1), feedback(9)))

    assert store.prune(Retention(max_age_s=60)).runs == 0
    assert store.prune(Retention(max_age_s=-60)).runs == 1
    assert queries.feedback(store) == []


# --- the file --------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    """The process is killed while it writes; every batch that it said was written is there, and the file is whole."""
    path = tmp_path / "o.db"
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from pathlib import Path
from spans import batch, run, step
from contextcompany.observatory.store import Store
store = Store.open(Path({str(path)!r}))
for number in range(1, 100_000):
    store.write(batch(run(number), step(number, 2)))
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        said = [int(process.stdout.readline()) for _ in range(50)]
        process.kill()
        said += [int(line) for line in process.stdout.read().splitlines() if line]

    with Store.open(path) as store:
        assert store.problems() == []
        missing = [number for number in said if queries.run(store, trace_id(number)) is None]
    assert missing == []


def test_the_file_is_read_by_others_while_it_is_written(store):
    """By sqlite3, and by the command line through a store that cannot write."""
    store.write(batch(run(1)))
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT name, status FROM run").fetchall() == [("support", "ok")]
    connection.close()
    with Store.open(store.path, can_write=False) as other:
        store.write(batch(run(2)))
        assert len(found(other)) == 2
        with pytest.raises(StoreError, match="reading only"):
            other.write(batch(run(3)))


def test_two_processes_may_write(store):
    """What one remembers of the file is forgotten when the other has written."""
    with Store.open(store.path) as other:
        for number in range(1, 11):
            writing = store if number % 2 else other
            writing.write(batch(run(number, gen_ai__input__messages=messages(LONG)), step(1, number + 1)))
        other.delete([trace_id(2)])
        store.write(batch(step(2, 9, gen_ai__input__messages=messages(LONG))))

    assert len(found(store)) == 10
    assert len(queries.run(store, trace_id(1)).spans) == 11


def test_many_threads_write(store):
    """Each has its own answer; what they wrote is there."""

    def write(first):
        for number in range(first, first + 20):
            store.write(batch(run(number, gen_ai__input__messages=messages(LONG + str(number)))))

    threads = [threading.Thread(target=write, args=(1 + 100 * each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts(store)["run"] == 160


def test_a_batch_that_cannot_be_written_does_not_harm_others(store):
    """It raises where it is waited for."""
    bad = store.prepare(batch(run(1)))
    bad.spans[0] = bad.spans[0]._replace(row=bad.spans[0].row._replace(name=None))
    with pytest.raises(StoreError, match="NOT NULL"):
        store._writer.write(bad)
    store.write(batch(run(2)))

    assert found(store) == [trace_id(2)]


def test_too_much_at_once_is_refused(store, monkeypatch):
    """Rather than kept in memory without bounds; it may be sent again later."""
    monkeypatch.setattr("contextcompany.observatory.writing.MAX_WAITING", 10)
    started, go_on = threading.Event(), threading.Event()
    blocker = threading.Thread(target=store._writer.do, args=(lambda: (started.set(), go_on.wait(10)),))
    blocker.start()
    started.wait(10)
    waiting = threading.Thread(target=store.write, args=(batch(*(step(1, number) for number in range(2, 10))),))
    waiting.start()
    while not store._writer._waiting:
        threading.Event().wait(0.01)
    with pytest.raises(BusyError, match="Try again"):
        store.write(batch(*(step(2, number) for number in range(2, 10))))
    go_on.set()
    blocker.join()
    waiting.join()

    store.write(batch(run(1)))


def test_a_backup_is_whole(store, tmp_path):
    """It is a file like the other, and never replaces one."""
    store.write(batch(run(1, gen_ai__input__messages=messages("kiwi " + LONG))))
    searched(store, "kiwi")
    copy = tmp_path / "backup.db"
    store.backup(copy)
    with pytest.raises(StoreError, match="exists already"):
        store.backup(copy)
    with Store.open(copy) as other:
        assert other.problems() == []
        assert found(other, "kiwi") == [trace_id(1)]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_only_its_owner_reads_the_file(store):
    """Nor what SQLite keeps beside it."""
    store.write(batch(run(1)))

    assert {path.stat().st_mode & 0o777 for path in store.path.parent.glob(f"{store.path.name}*")} == {0o600}


def test_a_place_that_is_none_is_named(tmp_path):
    """With what the system says."""
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(tmp_path / "nowhere" / "o.db")
    with pytest.raises(StoreError, match=r"missing\.db"):
        Store.open(tmp_path / "missing.db", can_write=False)


@pytest.mark.parametrize("content", ["text", "sqlite", "newer"])
def test_another_file_is_not_touched(tmp_path, content):
    """A text, somebody else's database and a file of a later version are refused."""
    path = tmp_path / "o.db"
    if content == "text":
        path.write_text("This is no database, and it is longer than the header of one would be. " * 4)
    else:
        if content == "newer":
            Store.open(path).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99" if content == "newer" else "CREATE TABLE mine (a)")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=str(path)):
        Store.open(path)

    assert path.read_bytes() == before


def test_each_table_and_column_says_what_it_holds(store):
    """In the file itself, where `.schema` shows it; and nothing is said of what is not there."""
    connection = open_reader(store.path)
    tables = documentation(connection)
    columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables}
    connection.close()

    assert {"run", "span", "wire", "body", "piece", "log", "feedback", "rollup", "latency", "meta"} <= set(tables)
    assert {name: [*table.columns] for name, table in tables.items()} == columns
    sentences = [table.about for table in tables.values()]
    sentences += [sentence for table in tables.values() for sentence in table.columns.values()]
    assert [each for each in sentences if not each or not each.endswith(".")] == []


def test_each_column_is_written(store):
    """By a run in which everything happens."""
    store.write(
        batch(
            run(
                1,
                1,
                end=4,
                status=(2, "no"),
                error__type="E",
                gen_ai__input__messages=messages("hello " + LONG),
                gen_ai__output__messages=messages("bye " + LONG),
                tcc__runId="my-run",
                tcc__sessionId="s",
                tcc__userId="u",
                tcc__cost__total=0.5,
                tcc__unheard="x",
            ),
            step(
                1,
                2,
                gen_ai__response__model="gpt-4o-mini",
                gen_ai__provider__name="openai",
                gen_ai__response__time_to_first_chunk=0.25,
                gen_ai__usage__input_tokens=9,
                gen_ai__usage__output_tokens=8,
                gen_ai__usage__cache_read__input_tokens=3,
                gen_ai__usage__cache_write__input_tokens=2,
                gen_ai__usage__reasoning__output_tokens=1,
                tcc__cost__total=0.5,
                tcc__cost__source="provided",
            ),
            step(1, 3, 2, gen_ai__usage__input_tokens=9, gen_ai__usage__output_tokens=8),
            step(1, 4, gen_ai__usage__input_tokens=9, gen_ai__usage__output_tokens=8),
            tool_call(1, 3, 2, gen_ai__tool__call__id="call-1"),
            log(
                1,
                1,
                event="gen_ai.evaluation.result",
                tcc__runId="my-run",
                gen_ai__evaluation__name="user_feedback",
                gen_ai__evaluation__score__label="thumbs_up",
                gen_ai__evaluation__score__value=1.0,
                gen_ai__evaluation__explanation="good",
            ),
        )
    )
    with sqlite3.connect(store.path) as connection:
        empty = [
            f"{table}.{column}"
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            if "_search" not in table and not table.startswith("sqlite_")
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
            if not connection.execute(f"SELECT count({column}) FROM {table}").fetchone()[0]
        ]
    connection.close()

    assert empty == []


def test_each_sql_file_is_used():
    """A query that nobody asks is deleted."""
    root = Path(sql.__file__).parent
    python = "".join(path.read_text() for path in root.parent.glob("*.py"))
    names = [
        f"{folder}/{path.stem}" for folder in ("read", "write", "filters") for path in (root / folder).glob("*.sql")
    ]

    by_key = {f"filters/{key}" for key in [*KEYS, "running", "lost", "name_like"]} | {
        "write/merge_body",
        "write/merge_span",
    }

    unused = {name for name in names if f'"{name.split("/")[1]}"' not in python and f'"{name}"' not in python}
    assert unused - by_key == set()


def test_keeping_knows_nothing_of_the_sdk():
    """But the generated names, of which the dictionary is made, and what a price is; and few modules know SQLite."""
    folder = Path(sql.__file__).parent.parent
    names = "database deleting envelopes filters preparing queries rows settling store texts writing"
    texts = {name: (folder / f"{name}.py").read_text() for name in names.split()}
    lines = {line.strip() for text in texts.values() for line in text.splitlines()}
    ours = {line for line in lines if re.match(r"(from|import) contextcompany(?!\.observatory)", line)}

    assert ours == {
        "from contextcompany import semconv",
        "from contextcompany._rates import Price",
        "from contextcompany._version import __version__",
    }
    assert [name for name, text in texts.items() if "import sqlite3" in text] == [
        "database",
        "deleting",
        "store",
        "writing",
    ]


def test_escaped_lone_surrogates_are_kept_out(store):
    """JSON can say them and no text can hold them: they become U+FFFD, and the span is kept."""
    said = messages("a \ud83d b \ud83d\ude00 \\ud83d")
    called = tool_call(1, 2, gen_ai__tool__call__arguments=r'["\ud800"]')
    store.write(batch(run(1, gen_ai__input__messages=said), called))

    assert queries.run(store, trace_id(1)).run.prompt == "a \ufffd b 😀 \\ud83d"
    assert queries.span(store, trace_id(1), f"{2:016x}").fact.args == ["\ufffd"]


def test_a_span_that_cannot_be_read_is_kept_as_it_came(tmp_path, caplog):
    """Whatever goes wrong in reading it costs what it says, and nothing else; the log says so."""

    def fold(span):
        if span.span_id == span_id(2):
            raise ZeroDivisionError
        return READING.fold(span)

    with Store.open(tmp_path / "store.db", reading=READING._replace(fold=fold)) as opened:
        opened.write(batch(run(1), step(1, 2), tool_call(1, 3)))
        kinds = [(line.kind, line.read_as != "") for line in queries.run(opened, trace_id(1)).spans]
    with Store.open(tmp_path / "store.db", can_write=False) as opened:
        later = queries.span(opened, trace_id(1), span_id(2))

    assert sorted(kinds) == [("other", False), ("run", True), ("tool_call", True)]
    assert "could not be read. It is kept as it came." in caplog.text
    assert later.fact.kind == "step"
