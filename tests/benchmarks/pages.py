"""Measures the pages by the browser's own clock: `python tests/benchmarks/pages.py FILE`, a store of many runs.

answered      until the first byte of the page is there
shown         until something of it is seen
interactive   until the page is whole and its scripts have run
frames        while the list is scrolled for some seconds: their median and the 99th percentile, and the longest task

`python tests/benchmarks/observatory.py large --file FILE` makes a store of 100,000 runs. Needs `chromium` on PATH.
"""

import argparse
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))

from running import chromium, observatory

PAGES = {
    "all runs": "/runs",
    "by agent": "/runs?filter=agent:support",
    "failures": "/runs?filter=status:error",
    "a word": "/runs?filter=refund",
    "by cost": "/runs?sort=cost",
    "dashboard": "/dashboard",
    "tool calls": "/tool_calls",
    "sessions": "/sessions",
}

TIMINGS = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [shown] = performance.getEntriesByName("first-contentful-paint");
  return [page.responseStart, shown?.startTime ?? page.loadEventEnd, page.domContentLoadedEventEnd];
}"""

WATCH = """() => {
  window.frames_ms = [];
  window.tasks_ms = [];
  const noted = (list) => tasks_ms.push(...list.getEntries().map((each) => each.duration));
  new PerformanceObserver(noted).observe({ type: "longtask" });
  let last = performance.now();
  const tick = (now) => { frames_ms.push(now - last); last = now; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with observatory(options.file) as url, chromium() as browser:
        print(f"{'ms, medians':14}{'answered':>10}{'shown':>10}{'interactive':>13}")
        for name, path in PAGES.items():
            print(f"{name:14}" + opened(browser, url + path, options.repetitions), flush=True)
        print(scrolled(browser, f"{url}/runs"))


def opened(browser: Browser, url: str, repetitions: int) -> str:
    """Each time with nothing in its cache, once before the clock counts."""
    times = []
    for _ in range(repetitions + 1):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url, wait_until="load")
        page.wait_for_timeout(200)
        times.append(page.evaluate(TIMINGS))
        page.close()
    answered, shown, interactive = (statistics.median(each) for each in zip(*times[1:], strict=True))
    return f"{answered:10.0f}{shown:10.0f}{interactive:13.0f}"


def scrolled(browser: Browser, url: str, steps: int = 300) -> str:
    """How smoothly the list runs under a wheel that turns all the time."""
    page: Page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url, wait_until="load")
    page.evaluate(WATCH)
    for _ in range(steps):
        page.mouse.wheel(0, 1000)
        page.wait_for_timeout(16)
    frames, tasks, rows = page.evaluate("[frames_ms, tasks_ms, document.querySelectorAll('tr[data-run]').length]")
    height = page.evaluate("scrollY")
    page.close()
    quantiles = statistics.quantiles(frames, n=100)
    return (
        f"scrolled {height:,.0f} px, {rows} rows in the page: frames of {quantiles[49]:.0f} ms, 99 % within "
        f"{quantiles[98]:.0f} ms; the longest task took {max(tasks, default=0):.0f} ms"
    )


if __name__ == "__main__":
    main()
