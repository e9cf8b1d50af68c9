"""A run as a conversation, as one text, and as a graph: what they say, and once each the page."""

import json
from pathlib import Path

import pytest
import requests
from spans import batch, messages, run, step, tool_call, trace_id

from contextcompany.observatory import exchanges, exporting, files, graphs, importing, logbook, queries
from contextcompany.observatory.logbook import Entry

FIXTURES = Path(__file__).parent / "fixtures"


def talk(store, **options):
    """What was said in the run 1, as `role: kind text` for each part."""
    made = exchanges.talk(store, queries.run(store, trace_id(1)), **options)
    return [
        [f"{speech.role}: {part.kind} {part.value}" for speech in each.speeches for part in speech.parts]
        for each in made.exchanges
    ]


def page(observatory, path):
    answer = requests.get(f"{observatory.url}/runs/{trace_id(1)}/{path}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def said(*each):
    """Messages by `(role, text)` or `(role, part)`."""
    parts = [(role, [{"type": "text", "content": it} if isinstance(it, str) else it]) for role, it in each]
    return json.dumps([{"role": role, "parts": made} for role, made in parts])


def called(name, id_="c1", **arguments):
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments}


def came(response, id_="c1"):
    return {"type": "tool_call_response", "id": id_, "response": response}


def asks(trace, number, asked, answered, **more):
    given = {"gen_ai__input__messages": said(*asked), "gen_ai__output__messages": said(*answered)}
    return step(trace, number, **given, **more)


# --- the conversation ------------------------------------------------------------------------------------------------


def two_steps(store):
    """A call that is answered in the request after it."""
    first = [("user", "Find shoes")]
    call = [("assistant", called("search", q="shoes"))]
    tools = json.dumps([{"type": "function", "name": "search"}, {"type": "function", "name": "refund"}])
    store.write(
        batch(
            run(1, end=9),
            asks(1, 2, first, call, end=1, gen_ai__tool__definitions=tools),
            tool_call(1, 3, start=1, end=2, gen_ai__tool__call__id="c1", gen_ai__tool__call__result="3 shoes"),
            asks(1, 4, [*first, *call, ("tool", came("3 shoes"))], [("assistant", "Three.")], start=3),
        )
    )


def test_each_thing_is_said_once(store):
    """A result stands with its call, and what the request before had is not repeated."""
    two_steps(store)
    made = exchanges.talk(store, queries.run(store, trace_id(1))).exchanges

    assert talk(store) == [["user: text Find shoes", "assistant: call {'q': 'shoes'}"], ["assistant: text Three."]]
    assert made[0].speeches[1].parts[0].result == "3 shoes"
    assert (made[0].known, made[1].known) == (0, 2)


def test_all_of_each_call_is_there_when_it_is_asked_for(store):
    """With the history that was sent again."""
    two_steps(store)
    last = talk(store, is_whole=True)[-1]

    assert last == ["user: text Find shoes", "assistant: call {'q': 'shoes'}", "assistant: text Three."]


def test_tools_that_were_offered_are_told_from_those_that_were_called(store):
    """By name."""
    two_steps(store)
    (first, *_) = exchanges.talk(store, queries.run(store, trace_id(1))).exchanges

    assert first.tools == [("search", True), ("refund", False)]


def test_ids_that_models_use_again_lead_to_the_right_results(store):
    """What came of a call is what comes next."""
    history = []
    for number in (1, 2):
        call = [("assistant", called("search", "call_0", q=number))]
        asked = [*history, ("user", f"Find {number}")]
        answer = [*asked, *call, ("tool", came(f"found {number}", "call_0"))]
        start = number * 10
        store.write(batch(asks(1, start, asked, call, start=start), asks(1, start + 1, answer, [], start=start + 2)))
        history = answer
    store.write(batch(run(1, end=99)))
    made = exchanges.talk(store, queries.run(store, trace_id(1))).exchanges
    calls = [part for each in made for speech in each.speeches for part in speech.parts if part.kind == "call"]

    assert [(part.value["q"], part.result) for part in calls] == [(1, "found 1"), (2, "found 2")]


def test_what_only_the_run_says_is_said_too(store):
    """Its prompt before its requests, its answer after them; a tool call that no model asked for where it was."""
    asked = {"gen_ai__input__messages": said(("user", "Help")), "gen_ai__output__messages": said(("assistant", "Done"))}
    store.write(
        batch(
            run(1, end=9, **asked), asks(1, 2, [("user", "Plan")], [("assistant", "Search.")]), tool_call(1, 3, start=2)
        )
    )

    assert talk(store) == [
        ["user: text Help"],
        ["user: text Plan", "assistant: text Search."],
        ["tool: call None"],
        ["assistant: text Done"],
    ]


def test_a_long_conversation_comes_on_pages(store):
    """Each begins knowing what was said before it."""
    history, spans = [], []
    for number in range(exchanges.PAGE + 2):
        history.append(("user", f"question {number}"))
        spans.append(asks(1, number + 2, history, [], start=number, end=number + 1))
    store.write(batch(run(1, end=999), *spans))
    first = exchanges.talk(store, queries.run(store, trace_id(1)))

    assert first.next == exchanges.PAGE
    assert talk(store, since=first.next)[0] == [f"user: text question {exchanges.PAGE - 1}"]
    rest = exchanges.talk(store, queries.run(store, trace_id(1)), since=first.next)
    assert [*exchanges.everything(store, queries.run(store, trace_id(1)))] == first.exchanges + rest.exchanges


def test_a_conversation_is_a_page(store, served):
    """With a switch, links to the spans, and a twin in JSON."""
    two_steps(store)
    html = page(served, "conversation")
    twin = requests.get(f"{served.url}/api/runs/{trace_id(1)}/conversation", timeout=10).json()

    assert "2 tools offered, 1 called" in html
    assert "After 2 messages that the call before had too." in html
    assert "After 2 messages" not in page(served, "conversation?whole=1")
    assert [each["line"]["span_id"] for each in twin["exchanges"]] == [f"{2:016x}", f"{4:016x}"]
    assert requests.get(f"{served.url}/runs/{trace_id(1)}/conversation?since=x", timeout=10).status_code == 400
    assert requests.get(f"{served.url}/runs/nobody/conversation", timeout=10).status_code == 404


# --- the text and the graph ------------------------------------------------------------------------------------------


def test_a_document_is_taken_apart():
    """What was said keeps its fences and marks; ours go."""
    text = "# A\\_b\n\n- **Status:** ok\n\n**user**\n\n````text\n```\n# no heading\n```\n````\n"

    assert [*logbook.entries([text])] == [
        Entry("heading", "A_b"),
        Entry("about", "- Status: ok"),
        Entry("label", "user"),
        Entry("said", "```\n# no heading\n```"),
    ]


def test_the_text_of_a_run_is_a_page(store, served):
    """As text; its file can be had from there."""
    store.write(batch(run(1, gen_ai__input__messages=messages("<script>x</script>"))))
    html = page(served, "log")

    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert f'href="/api/runs/{trace_id(1)}/export?format=markdown"' in html


def test_a_graph_counts_who_calls_whom(store):
    """Each agent, model and tool once; a step is no caller of the tool that it asked for."""
    store.write(
        batch(
            run(1, end=20),
            step(1, 2, gen_ai__usage__input_tokens=5),
            step(1, 3, start=1, end=2, status=(2, "no")),
            tool_call(1, 4, 2, start=2, end=3),
            run(1, 5, 4, agent="helper", start=3, end=4),
            step(1, 6, 5, model="small", start=3, end=4),
        )
    )
    made = graphs.graph(queries.run(store, trace_id(1)).spans)

    assert [(each.kind, each.name, each.spans, each.errors) for each in made.nodes] == [
        ("run", "support", 1, 0),
        ("run", "helper", 1, 0),
        ("step", "gpt-4o", 2, 1),
        ("step", "small", 1, 0),
        ("tool_call", "search", 1, 0),
    ]
    assert {(each.caller.name, each.called.name, each.calls, each.errors) for each in made.edges} == {
        ("support", "gpt-4o", 2, 1),
        ("support", "search", 1, 0),
        ("search", "helper", 1, 0),
        ("helper", "small", 1, 0),
    }


def test_nodes_do_not_overlap(store):
    """However many there are; those that did least are left out, and counted."""
    tools = [tool_call(1, 10 + number, tool=f"t{number}", start=number) for number in range(250)]
    store.write(batch(run(1, end=999), *tools))
    made = graphs.graph(queries.run(store, trace_id(1)).spans)

    assert len({(each.x, each.y) for each in made.nodes}) == len(made.nodes) == 200
    assert made.left_out == 51
    assert all(
        0 <= each.x <= made.width - graphs.WIDTH and each.y <= made.height - graphs.HEIGHT for each in made.nodes
    )


def test_numbers_of_lines_to_one_node_are_apart(store):
    """Each stands on its own line."""
    store.write(batch(run(1), step(1, 2), run(1, 3, 1, agent="helper"), step(1, 4, 3)))
    edges = graphs.graph(queries.run(store, trace_id(1)).spans).edges

    assert [each.caller.name for each in edges if each.called.name == "gpt-4o"] == ["support", "helper"]
    assert len({(each.x, each.y) for each in edges}) == len(edges) == 3


def test_agents_that_hand_back_stand_where_they_came_first(store):
    """The agent of the run is on the left, though another calls it; a line in a column goes around its nodes."""
    helpers = [run(1, 10 + number, 1, agent=name) for number, name in enumerate(("a", "b"))]
    store.write(batch(run(1), *helpers, run(1, 20, 10), run(1, 21, 10, agent="b"), step(1, 30), step(1, 31, 20)))
    made = graphs.graph(queries.run(store, trace_id(1)).spans)

    columns = sorted({each.x for each in made.nodes})
    assert [(each.name, columns.index(each.x)) for each in made.nodes] == [
        ("support", 0),
        ("b", 1),
        ("a", 1),
        ("gpt-4o", 1),
    ]
    beside = next(each for each in made.edges if (each.caller.name, each.called.name) == ("a", "b"))
    assert columns[0] + graphs.WIDTH < beside.x < columns[1] - 7


@pytest.mark.parametrize("lines", [0, 1])
def test_a_graph_is_a_page(store, served, lines):
    """Its nodes lead to their spans in the tree; a run of nothing says so."""
    store.write(batch(*([run(1)] if lines else [tool_call(1, 2)])))
    html = page(served, "graph")

    assert ("only=run&amp;find=support" if lines else "only=tool_call&amp;find=search") in html


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_runs_of_every_convention_can_be_viewed(store, served, fixture):
    """Which say what they say in other places, or do not say it."""
    with fixture.open("rb") as file:
        importing.load(store, files.parts(file, 0))
    for number in queries.trace_ids(store):
        for view in ("conversation", "conversation?whole=1", "log", "graph"):
            assert requests.get(f"{served.url}/runs/{number}/{view}", timeout=10).status_code == 200
        assert b"".join(exporting.of_runs(store, [number], "html").content).endswith(b"</html>")
