"""What the pages of a run say of what is in it, as a person reads it."""

import base64
import itertools
import json
import re
import sqlite3
import time
import zlib
from contextlib import closing

import pytest
from playwright.sync_api import expect
from sending import send, span

PIXEL = base64.b64encode(
    b"\x89PNG\r\n\x1a\n"
    + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in (
            (b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])),
            (b"IDAT", zlib.compress(b"\0\0")),
            (b"IEND", b""),
        )
    )
).decode()
ASKED = [
    {"role": "system", "parts": [{"type": "text", "content": "You look at pictures."}]},
    {
        "role": "user",
        "parts": [
            {"type": "text", "content": "What is this?"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL},
            {"type": "hologram", "depth": 3},
        ],
    },
]
ANSWERED = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "It is small."},
            {"type": "tool_call", "id": "c1", "name": "measure", "arguments": {"side": "left"}},
        ],
    }
]
CAME = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "1 px"}]}]
BOXES = """(texts) => texts.map((each) => {
  const box = each.getBBox();
  return [box.x, box.y, box.x + box.width, box.y + box.height];
})"""
ARGUMENTS = {f"key-{number}": f"value-{number}" for number in range(20)} | {"long": "word " * 3000}


@pytest.fixture(scope="module")
def run(url):
    """Of which much is to be said."""
    first = {"gen_ai.input.messages": json.dumps(ASKED), "gen_ai.output.messages": json.dumps(ANSWERED)}
    first |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
    then = {"gen_ai.input.messages": json.dumps(ASKED + ANSWERED + CAME), "gen_ai.usage.input_tokens": 50}
    waits = [("tcc.run.suspended", 4, {}), ("tcc.run.resumed", 6, {})]
    broke = {"exception.type": "OSError", "exception.message": "no ruler", "exception.stacktrace": "Traceback: line 7"}
    tool = {"gen_ai.tool.call.id": "c1", "gen_ai.tool.call.arguments": json.dumps(ARGUMENTS)}
    return send(
        url,
        0xC1,
        span(1, 0, "run", "looker", end=9, events=waits),
        span(2, 1, "step", "gpt-4o", end=2, **first, **{"gen_ai.response.time_to_first_chunk": 0.5}),
        span(3, 1, "tool_call", "measure", start=2, end=4, error="no ruler", events=[("exception", 3, broke)], **tool),
        span(4, 1, "step", "model-of-nobody", start=6, end=9, **then),
    )


def test_a_conversation_shows_whatever_was_said(page, run):
    """System and reasoning folded, pictures as pictures, a result with its call, and what is unknown as JSON."""
    page.goto(f"{run}/conversation")
    expect(page.locator("details[data-role=system]").first).not_to_have_attribute("open", "")
    reasoning = page.locator("details.reasoning").first
    expect(reasoning).to_contain_text("Reasoning, 12 characters")
    expect(reasoning.get_by_text("It is small.")).to_be_hidden()
    reasoning.locator("summary").click()
    expect(reasoning.get_by_text("It is small.")).to_be_visible()
    picture = page.get_by_alt_text("A picture in the conversation")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 1)
    expect(page.locator(".unknown")).to_contain_text(re.compile("hologram.*depth.*3", re.DOTALL))
    expect(page.locator(".call", has_text="measure").first).to_contain_text("1 px")


def test_a_conversation_is_shown_in_full_when_asked(page, run):
    """Else each call has only what is new in it."""
    page.goto(f"{run}/conversation")
    asked = page.get_by_text("What is this?", exact=True)
    expect(asked).to_have_count(1)
    page.get_by_role("link", name="All of each call").click()
    expect(asked).to_have_count(2)


def test_bars_tell_when_and_how_long(page, run):
    """In exact words under the pointer; a tick is the first token, and hatched is the wait for a person."""
    page.goto(run)
    row = page.locator("#rows .row")
    expect(row.nth(1).locator("title")).to_have_text(
        re.compile(r"^From .* to 2.00 s of the run: 2.00 s; first token after 500 ms$")
    )
    boxes = {name: row.locator(f".{name}").bounding_box() for name in ("tick", "wait")}
    whole = row.first.locator(".blk").bounding_box()
    assert boxes["tick"]["x"] - whole["x"] == pytest.approx(whole["width"] * 0.5 / 9, abs=2)
    assert boxes["wait"]["width"] == pytest.approx(whole["width"] * 2 / 9, abs=2)


def test_long_values_are_folded_and_found(page, run):
    """With their size; of JSON only what has the word stays."""
    page.goto(f"{run}?span={3:016x}&tab=input")
    page.locator("#span summary", has_text="Show all, 15.0 kB").click()
    page.get_by_label("Find in these values").fill("value-17")
    expect(page.locator("#span .leaf:visible")).to_have_text([re.compile("key-17.*value-17")])


def test_where_it_failed_is_shown(page, run):
    """With the stack trace, as an event of its span."""
    page.goto(run)
    page.keyboard.press("e")
    page.locator("#span").get_by_role("link", name="Events").click()
    expect(page.locator("#span")).to_contain_text("Traceback: line 7")


def test_a_cost_says_how_it_was_found(page, run):
    """Kinds of tokens, the prices and their date, and what has none."""
    page.goto(run)
    page.locator("#run-head summary", has_text="$").click()
    box = page.locator("#run-head details", has=page.get_by_role("heading", name="Tokens and cost"))
    expect(box).to_contain_text(re.compile(r"1 call, 1.0k in, 100 out;\s+calculated.*with prices of \d{4}-\d\d-\d\d"))
    expect(box).to_contain_text(re.compile(r"model-of-nobody.*no price is known for this model", re.DOTALL))


def test_what_is_missing_is_explained(page, url):
    """A run whose own span has not come; what was masked, what was cut, and that nothing was captured."""
    told = {"tcc.runId": "c2", "tcc.redacted": ["gen_ai.input.messages"], "tcc.truncated": ["gen_ai.output.messages"]}
    page.goto(send(url, 0xC2, span(2, 1, "step", "gpt-4o", **told)))
    for said in (
        "The span of the run itself has not arrived",
        "Parts were masked before they were sent: in gen_ai.input.messages.",
        "Larger than its sender's limits, and cut there: gen_ai.output.messages.",
        "It carries nothing of what was said",
    ):
        expect(page.locator(".notice", has_text=said)).to_be_visible()


def test_keys_are_explained(page, run):
    """By a key, until Escape; what had the keys has them again."""
    page.goto(run)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("the next error")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    expect(page.locator("#rows .row[aria-selected=true]")).to_be_focused()


def test_counts_of_a_graph_are_apart(page, url):
    """Those too of lines that lead to the same or cross; and all of them are on their lines."""
    lines = [span(2 + n, 1, "run", f"helper-{n}", start=n) for n in range(7)]
    lines += [span(10 + 7 * n + m, 2 + n, "step", f"model-{m}", start=n) for n in range(7) for m in range(7)]
    page.goto(send(url, 0xC3, span(1, 0, "run", "lead", end=9), *lines) + "/graph")
    boxes = page.locator(".graph text").evaluate_all(BOXES)
    assert len(boxes) == 15 * 3 + 56
    for one, other in itertools.combinations(boxes, 2):
        assert not _touch(one, other), (one, other)


def _touch(one, other):
    return all(max(one[at], other[at]) < min(one[at + 2], other[at + 2]) for at in (0, 1))


def test_what_runs_at_once_stands_below_each_other(page, url):
    """Bars begin and end where their spans do."""
    page.goto(
        send(
            url,
            0xC7,
            span(1, 0, "run", "parallel", end=10),
            span(2, 1, "tool_call", "left", start=2, end=6),
            span(3, 1, "tool_call", "right", start=4, end=9),
        )
    )
    whole, left, right = (page.locator("#rows .row .blk").nth(at).bounding_box() for at in range(3))
    second = whole["width"] / 10

    assert (left["x"] - whole["x"], right["x"] - whole["x"]) == pytest.approx((2 * second, 4 * second), abs=2)
    assert right["x"] < left["x"] + left["width"]
    assert left["y"] < right["y"]


def test_links_lead_to_what_they_name(page, url):
    """With what was noted at them."""
    other = send(url, 0xC8, span(7, 0, "run", "asked before"))
    linked = span(1, 0, "run", "asks again", links=[(0xC8, 7, {"reason": "the same question"})])
    page.goto(send(url, 0xC9, linked) + "?tab=links")
    expect(page.locator("#span")).to_contain_text("the same question")
    page.locator("#span").get_by_role("link", name=f"{0xC8:032x}").click()
    page.wait_for_url(f"**{other}?span={7:016x}")

    expect(page.get_by_role("heading", name="asked before").first).to_be_visible()


def test_what_is_not_counted_says_why(page, url):
    """In the box of what the run cost."""
    page.goto(
        send(
            url,
            0xCA,
            span(1, 0, "run", "sums up", **{"gen_ai.usage.input_tokens": 10}),
            span(2, 1, "step", "gpt-4o", **{"gen_ai.usage.input_tokens": 10}),
        )
    )
    page.locator("summary", has_text="What it is made of").click()

    expect(page.get_by_text("1 span: It holds the calls that it is the sum of.")).to_be_visible()


def test_a_run_of_which_nothing_comes_is_lost(empty, tmp_path):
    """After a while, by itself, in the list and in its page."""
    page = empty
    address = page.request.get("/api/settings").url.removesuffix("/api/settings")
    lost = send(address, 0xCB, span(1, 0, "run", "gone", end=None))
    other = page.context.new_page()
    page.goto("/runs")
    other.goto(lost)
    expect(page.locator("tr[data-state=running]")).to_have_count(1)
    expect(other.locator("#run-head [data-state=running]")).to_have_count(1)
    with closing(sqlite3.connect(tmp_path / "empty.db", timeout=10)) as connection, connection:
        connection.execute("UPDATE run SET seen_ns = ?", (time.time_ns() - 599 * 10**9,))

    expect(page.locator("tr[data-state=lost]")).to_have_count(1)
    expect(other.locator("#run-head [data-state=lost]")).to_have_count(1)
