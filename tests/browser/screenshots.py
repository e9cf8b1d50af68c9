"""Pictures of every page, light and dark, on a small, a usual and a large screen.

    python tests/browser/screenshots.py FOLDER [--url URL] [--only WORD]
    python tests/browser/screenshots.py tests/browser/pictures --readme

Without a URL, of an Observatory that is filled for it. With --readme, the two that README shows, of the demo.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser
from running import chromium, fill, newest, observatory

PAGES = {
    "runs": "/runs",
    "runs-failures": "/runs?filter=status:error",
    "runs-wrong": "/runs?filter=modle:gpt-4o",
    "runs-none": "/runs?filter=agent:nobody",
    "run": "/runs/{a}",
    "run-attributes": "/runs/{b}?tab=attributes",
    "run-errors": "/runs/{a}?only=error",
    "dashboard": "/dashboard",
    "dashboard-hour": "/dashboard?since=1h",
    "dashboard-agent": "/dashboard?since=7d&by=agent&name=support",
    "sessions": "/sessions",
    "session": "/sessions/visit-38",
    "tool-calls": "/tool_calls",
    "failures": "/failures",
    "feedback": "/feedback",
    "settings": "/settings",
    "conversation": "/runs/{b}/conversation",
    "log": "/runs/{b}/log",
    "graph": "/runs/{b}/graph",
    "compare": "/compare?a={b}&b={a}",
    "compare-inline": "/compare?a={b}&b={a}&inline=1",
}
WIDTHS = {360: 740, 1280: 800, 1920: 1080}

README = {"runs": ("/runs", 20), "run": ("{research}", 0)}
"""What README shows, and after how many seconds of the demo."""


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description="Takes pictures of every page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--only", default="", help="only pages with this in their names")
    parser.add_argument("--readme", action="store_true", help="the pictures of README")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.readme:
        for_readme(options.folder)
        return
    with ExitStack() as stack:
        url = options.url
        if url is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(observatory(path / "runs.db"))
            fill(url, path / "outbox")
        browser = stack.enter_context(chromium())
        for name, place in PAGES.items():
            if options.only in name:
                take(browser, url + place.format(**runs(url)), options.folder / name)


def for_readme(folder: Path) -> None:
    """The list while demo runs come in, and a run of an agent that asks others."""
    with (
        tempfile.TemporaryDirectory() as path,
        observatory(Path(path) / "runs.db", "--demo") as url,
        chromium() as browser,
    ):
        for name, (place, seconds) in README.items():
            time.sleep(seconds)
            page = browser.new_page(viewport={"width": 1280, "height": 640}, color_scheme="light")
            page.goto(url + place.format(research=newest(url, "agent:research -status:running")))
            page.wait_for_load_state("load")
            page.wait_for_timeout(1000)
            if name == "run":
                page.get_by_text("claude-sonnet-4-5").last.click()
                page.wait_for_timeout(1000)
            page.screenshot(path=folder / f"{name}.png")
            page.close()


def runs(url: str) -> dict[str, str]:
    """The two newest runs of an agent, for pages of runs."""
    with urlopen(f"{url}/api/runs?filter=agent:billing&limit=2", timeout=20) as answer:
        return {name: run["trace_id"] for name, run in zip("ab", json.load(answer)["runs"], strict=True)}


def take(browser: Browser, url: str, name: Path) -> None:
    """One page in all sizes and both schemes."""
    for scheme in ("light", "dark"):
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(url)
            page.wait_for_load_state("load")
            page.screenshot(path=f"{name}-{scheme}-{width}.png")
            page.close()


if __name__ == "__main__":
    main()
