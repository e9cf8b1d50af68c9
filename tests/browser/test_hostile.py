"""What runs say is text on every page and in the exported file, whatever it is, in whichever field.

A store is filled with it by OTLP's JSON, as anybody might send it, and then all pages are walked.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page
from running import observatory

MARK = "<script>hit(1)</script>"
"""Stands on every page as text."""

SAID = "".join(
    (
        MARK,
        "<img src=x onerror=hit(2)><svg onload=hit(3)><use href=//elsewhere.example/x.svg#a></svg>",
        '"\'><a href="javascript:hit(4)">x</a></script></style></title></textarea></details>-->]]>',
        "{{ 7 * 7 }}{% raw %}${7*7}<%= 7*7 %>",
        "<iframe src=//elsewhere.example></iframe><link rel=stylesheet href=//elsewhere.example/x.css>",
        "<meta http-equiv=refresh content='0;url=//elsewhere.example'><base href=//elsewhere.example>",
        "\u202eevil\u202c\u2066\u200f مرحبا \x1b[31mred\x1b[0m\x1b]0;title\x07 \0 \x08 \x7f \x85 \ufeff ",
        "javascript:hit(5) %s `` ![x](//elsewhere.example)",
    )
)
LONG = SAID + "x" * 10_000_000
"""A line of ten megabytes."""

SVG = "PHN2ZyBvbmxvYWQ9ImhpdCg2KSIgeG1sbnM9Imh0dHA6Ly93d3cudzMub3JnLzIwMDAvc3ZnIi8+"
TRACE, OTHER = "a1" * 16, "b2" * 16
RUN, STEP, CALL, BAD, LINKED = (f"{number:016x}" for number in range(1, 6))
START = 1_790_000_000_000_000_000


def attributes(**named: Any) -> list[dict[str, Any]]:
    """Those of that name, `__` in which is a dot, and one whose key is hostile too."""
    named = {key.replace("__", "."): value for key, value in named.items()} | {SAID: SAID, f"x.{MARK}": SAID}
    return [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]


def messages(role: str, text: str = SAID) -> str:
    """Every part that there is, and some that there are not; with a lone surrogate."""
    parts = [
        {"type": "text", "content": text + "\ud83d"},
        {"type": "reasoning", "content": SAID},
        {"type": "tool_call", "id": SAID, "name": SAID, "arguments": {SAID: [SAID]}},
        {"type": "tool_call_response", "id": SAID, "response": SAID},
        {"type": "blob", "mime_type": "image/svg+xml", "modality": "image", "content": SVG},
        {"type": "blob", "mime_type": SAID, "content": SAID},
        {"type": "uri", "mime_type": "image/png", "uri": "javascript:hit(7)"},
        {"type": "uri", "mime_type": "image/png", "uri": "https://elsewhere.example/x.png"},
        {"type": "uri", "uri": f"data:image/svg+xml;base64,{SVG}"},
        {"type": SAID, SAID: SAID},
        SAID,
    ]
    said = {"role": role, "name": SAID, "parts": parts, "finish_reason": SAID}
    return json.dumps([said, {"role": SAID, "parts": parts[:1]}])


def span(span_id: str, parent: str, end: int = 2, trace: str = TRACE, **more: Any) -> dict[str, Any]:
    """A span, hostile in all that it can be."""
    event = {"name": SAID, "timeUnixNano": str(START), "attributes": attributes(exception__stacktrace=f"a\n{SAID}")}
    link = {"traceId": OTHER, "spanId": RUN, "attributes": attributes(), "traceState": SAID}
    made = {
        "traceId": trace,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": SAID,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + end * 10**9),
        "status": {"code": 2, "message": SAID},
        "events": [event],
        "links": [link],
    }
    return made | {"attributes": attributes(error__type=SAID, **more)}


def spans() -> list[dict[str, Any]]:
    """Two runs, so that they can be compared; one says what is long."""
    asked = {"gen_ai__input__messages": messages("user"), "gen_ai__output__messages": messages("assistant")}
    whole = {
        "gen_ai__operation__name": "invoke_agent",
        "gen_ai__agent__name": SAID,
        "gen_ai__conversation__id": SAID,
        "tcc__userId": SAID,
        "tcc__metadata__key": SAID,
        "tcc__run__full_input": SAID,
    }
    step = {
        "gen_ai__operation__name": "chat",
        "gen_ai__request__model": SAID,
        "gen_ai__provider__name": SAID,
        "gen_ai__system_instructions": json.dumps([{"type": "text", "content": SAID}]),
        "gen_ai__tool__definitions": json.dumps([{"type": "function", "name": SAID, "description": SAID}]),
        "gen_ai__response__id": SAID,
    }
    call = {
        "gen_ai__operation__name": "execute_tool",
        "gen_ai__tool__name": SAID,
        "gen_ai__tool__call__id": SAID,
        "gen_ai__tool__description": SAID,
        "gen_ai__tool__call__arguments": json.dumps({SAID: [SAID, {SAID: SAID}]}),
        "gen_ai__tool__call__result": SAID,
    }
    return [
        span(RUN, "", 9, tcc__runId=SAID, **whole, **asked),
        span(STEP, RUN, **step, **asked),
        span(CALL, RUN, **call),
        span(BAD, STEP, gen_ai__operation__name=SAID, gen_ai__input__messages=SAID),
        span(LINKED, RUN, **(call | {"gen_ai__tool__call__arguments": LONG})),
        span(RUN, "", 5, OTHER, **whole, gen_ai__input__messages=messages("user", LONG)),
        span(STEP, RUN, 3, OTHER, **step, **asked),
    ]


def post(url: str, body: object, kind: str = "application/json") -> None:
    data = json.dumps(body).encode() if not isinstance(body, bytes) else body
    with urlopen(Request(url, data, {"Content-Type": kind}), timeout=60) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an Observatory with all that."""
    with observatory(tmp_path_factory.mktemp("hostile") / "runs.db") as url:
        sender = {"resource": {"attributes": attributes(service__name=SAID)}}
        scope = {"scope": {"name": SAID, "version": SAID, "attributes": attributes()}, "schemaUrl": SAID}
        for each in spans():
            post(f"{url}/v1/traces", {"resourceSpans": [sender | {"scopeSpans": [scope | {"spans": [each]}]}]})
        log = {
            "traceId": TRACE,
            "spanId": STEP,
            "timeUnixNano": str(START),
            "eventName": SAID,
            "severityText": SAID,
            "body": {"stringValue": SAID},
            "attributes": attributes(),
        }
        post(f"{url}/v1/logs", {"resourceLogs": [sender | {"scopeLogs": [scope | {"logRecords": [log]}]}]})
        post(f"{url}/api/feedback", {"run_id": TRACE, "label": SAID, "text": SAID})
        post(f"{url}/api/feedback", {"run_id": SAID, "label": "thumbs_down", "text": SAID})
        yield url


@pytest.fixture(scope="module")
def walked(browser: Browser, hostile: str) -> Iterator[tuple[Page, list[str]]]:
    """One page for all, and what happens in it: what is said on the console, asked for, opened, or run."""
    happened: list[str] = []
    context = browser.new_context(base_url=hostile, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    opened.expose_function("hit", lambda *arguments: happened.append(f"ran: {arguments}"))
    opened.on("console", lambda said: happened.append(f"console: {said.text[:500]}"))
    opened.on("pageerror", lambda error: happened.append(f"error: {error}"))
    opened.on("dialog", lambda dialog: (happened.append(f"dialog: {dialog.message[:100]}"), dialog.dismiss()))
    opened.on("popup", lambda popup: happened.append(f"opened: {popup.url}"))
    opened.on("request", lambda asked: happened.append(f"asked: {asked.url[:200]}"))
    yield opened, happened
    context.close()


@pytest.fixture
def page(walked: tuple[Page, list[str]], hostile: str) -> Iterator[Page]:
    """The test fails when more happens in it than that our files are asked for, or that a page is not there."""
    opened, happened = walked
    happened.clear()
    yield opened
    ours = (NOT_THERE, f"asked: {hostile}/", "asked: data:image/png", "asked: file:///")
    assert [each for each in happened if not each.startswith(ours)] == []


NOT_THERE = "console: Failed to load resource: the server responded with a status of 404"

FOREIGN = (
    "script:not([src]):not([type='application/json']), iframe, object, embed, base, meta[http-equiv=refresh], "
    "img:not([src^='data:image/png']), [onerror], [onload], [src^='//'], [src^='http'], "
    "[href]:not([href^='/']):not([href^='#']), [href^='//']"
)
"""What no template of ours has."""

HANDLERS = """() =>
  [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames()).filter((name) => /^on/i.test(name))
"""

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

READ = """() => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  const drawn = [...document.querySelectorAll("svg text, input:not([type=hidden])")];
  return document.body.innerText + drawn.map((each) => each.textContent + (each.value ?? "")).join(" ");
}"""
"""The text that a person sees who unfolds everything."""


PATHS = (
    "/runs",
    "/runs?columns=status,name,input,output,session,user,feedback,id",
    f"/runs?filter={quote('agent:' + MARK)}",
    *(f"/runs/{TRACE}?span={span_id}&tab={tab}" for span_id in (STEP, CALL) for tab in ("input", "output")),
    *(f"/runs/{TRACE}?span={STEP}&tab={tab}" for tab in ("attributes", "events", "links", "feedback", "raw")),
    *(f"/runs/{TRACE}?span={LINKED}&tab={tab}&raw=1" for tab in ("input", "output")),
    f"/runs/{TRACE}/spans/{BAD}",
    f"/runs/{TRACE}/conversation",
    f"/runs/{TRACE}/conversation?whole=1",
    f"/runs/{OTHER}/conversation",
    f"/runs/{TRACE}/log",
    f"/runs/{OTHER}/log",
    f"/runs/{TRACE}/graph",
    f"/compare?a={TRACE}&b={OTHER}&all=1",
    f"/compare?a={TRACE}&b={OTHER}&inline=1",
    "/sessions",
    f"/sessions/{quote(SAID, safe='')}",
    "/tool_calls",
    f"/tool_calls?tool={quote(SAID)}",
    "/failures",
    "/feedback",
    "/dashboard?since=2026-09-20&until=2026-09-23",
    f"/dashboard?since=2026-09-20&until=2026-09-23&by=agent&name={quote(SAID)}",
    f"/sessions/{quote('nobody ' + MARK, safe='')}",
    f"/runs/{quote(MARK, safe='')}",
    f"/nothing/{quote(MARK, safe='')}",
)


def assert_inert(page: Page) -> None:
    """What was said is there, as text, and nothing is there that it would be as markup."""
    assert page.locator(FOREIGN).count() == 0
    assert page.evaluate(HANDLERS) == []
    text = page.evaluate(READ)
    assert MARK in text
    assert UNSEEN.findall(text) == []


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_what_runs_say_is_text_on_every_page(page, path):
    """Nothing of it runs, loads, leads away, speaks on the console, or turns what is around it."""
    answer = page.goto(path)

    assert answer.status in (200, 404)
    assert_inert(page)


@pytest.mark.parametrize("path", ["/runs", f"/runs/{OTHER}", f"/runs/{OTHER}/conversation", f"/runs/{OTHER}/log"])
def test_a_line_of_10_mb_opens(page, path):
    """As it begins; no page is as long as it."""
    page.goto(path)

    assert MARK in page.inner_text("main")
    assert len(page.content()) < 1_500_000


def test_what_runs_say_is_text_in_a_file(page, tmp_path: Path):
    """Which has it in full, but for what is long, and opens from the disk."""
    path = tmp_path / "runs.html"
    path.write_bytes(page.request.get("/api/export", params={"format": "html", "runs": f"{TRACE},{OTHER}"}).body())
    page.goto(path.as_uri())

    assert page.locator("script").count() == 1
    assert page.locator(FOREIGN.partition("iframe")[2].removeprefix(", ")).count() == 0
    assert MARK in page.evaluate(READ)
    assert page.locator(".line").count() == 7


def test_what_a_file_says_of_itself_is_text(page):
    """Its name, and why it is refused, where it is dropped."""
    page.goto("/settings")
    page.evaluate(
        """(name) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([name], name));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        MARK + SAID[:200],
    )
    page.get_by_role("dialog").get_by_text(MARK).wait_for()

    assert page.locator(FOREIGN).count() == 0
