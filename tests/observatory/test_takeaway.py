"""Runs as one HTML file: what is in it, and that nothing in it needs, or does, anything."""

import hashlib
import re
from base64 import b64encode

from spans import batch, feedback, messages, run, step, tool_call, trace_id

from contextcompany.observatory import exporting

SAID = "<script>alert(1)</script> </style></details> {{ 7 * 7 }} \u202e javascript:x \x1b[31m"


def file(store, *numbers):
    found = exporting.of_runs(store, [trace_id(number) for number in numbers], "html")
    return b"".join(found.content).decode()


def test_a_run_is_one_file(store):
    """With its tree, its conversation, all that its spans say, and what people thought."""
    asked = {"gen_ai__input__messages": messages("Hello"), "gen_ai__output__messages": messages("Hi", role="assistant")}
    store.write(
        batch(
            run(1, end=3),
            step(1, 2, **asked),
            tool_call(1, 3, 2, gen_ai__tool__call__arguments='{"q": 1}', error__type="Timeout", status=(2, "slow")),
            feedback(1, text="Good."),
        )
    )
    html = file(store, 1)

    assert html.count('class="line"') == html.count('class="fold detail card"') == 3
    body = html[html.index("</style>") :]
    assert body.count("<details") == body.count("</details>")
    assert all(said in html for said in ("Hello", "Hi", "Timeout", "Good.", "gen_ai.request.model"))
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert f'id="{target}"' in html


def test_a_file_asks_nothing_of_anybody(store):
    """All it may load or run stands in it, by its hash, and no link leads away."""
    store.write(batch(run(1)))
    html = file(store, 1)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    (style,), (script,) = (
        re.findall(r"<style>(.*?)</style>", html, re.DOTALL),
        re.findall(r"<script>(.*?)</script>", html, re.DOTALL),
    )
    hashes = [b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style, script)]

    assert policy.replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r'(?:src|href|action)="(?!#)', html)
    assert "@import" not in style
    assert "url(" not in style


def test_what_was_said_is_text_in_a_file(store):
    """Whatever it looks like, wherever it stands."""
    said = {"gen_ai__input__messages": messages(SAID + "\ud83d"), f"key {SAID[:20]}": SAID, "session.id": SAID}
    failed = tool_call(1, 3, tool=SAID, status=(2, SAID), events={SAID: {"exception.stacktrace": f"a\n{SAID}"}})
    store.write(batch(run(1, agent=SAID, **said), step(1, 2, model=SAID, **said), failed))
    html = file(store, 1)
    body = re.sub(r'data-copy="[^"]*"', "", html[html.index("</style>") : html.rindex("<script>")])

    assert "<script" not in body
    assert body.count("</style>") == 1
    assert "49" not in re.sub(r"\d{3,}", "", "".join(re.findall(r"<bdi>([^<]*)", body)))
    assert "\x1b" not in body
    assert "\u202e" not in body
    assert body.count("<details") == body.count("</details>")


def test_several_runs_share_a_file(store):
    """Those that are not there are left out."""
    store.write(batch(run(1), run(2, start=1)))
    html = file(store, 1, 9, 2)

    assert html.count('class="kept"') == 2
    assert html.count("<!doctype html>") == 1
