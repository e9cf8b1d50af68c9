"""One Observatory and one browser for all tests here; each test has a page, in which nothing may go wrong unseen."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import axe
from playwright.sync_api import Browser, Page
from running import CHROMIUM, chromium, fill, observatory

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser there is nothing to test here."""
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="There is no `chromium` on PATH: apt-get install chromium.")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an Observatory with the runs of `filling.py`."""
    path = tmp_path_factory.mktemp("observatory")
    with observatory(path / "runs.db") as started:
        fill(started, path / "outbox")
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window. While it is open, Playwright has an event loop in this thread, and no test
    can have another one: so it ends with the module.
    """
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page of a browser that has seen nothing yet; paths are the Observatory's."""
    yield from _watched(browser, url)


@pytest.fixture
def empty(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page of an Observatory of the test's own, which has no runs."""
    with observatory(tmp_path / "empty.db") as started:
        yield from _watched(browser, started)


def _watched(browser: Browser, url: str) -> Iterator[Page]:
    """The test fails when the page's console had an error, which breaches of the Content-Security-Policy are, and when
    it asked another origin for something.
    """
    wrong: list[str] = []
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    opened = context.new_page()
    opened.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    opened.on("request", lambda asked: wrong.append(f"asked: {asked.url}") if _is_foreign(asked.url, url) else None)
    yield opened
    context.close()
    assert wrong == []


def _is_foreign(asked: str, url: str) -> bool:
    return not asked.startswith((f"{url}/", "data:", "blob:"))


@pytest.fixture(scope="session")
def axe_source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, from npm."""
    try:
        return axe(tmp_path_factory.mktemp("npm"))
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core cannot be installed by npm: {error}")
