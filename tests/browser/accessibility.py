"""What axe-core has to say about a page."""

import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Page

__all__ = ["assert_accessible", "axe"]


def axe(folder: Path) -> str:
    """The script, installed by npm into that folder."""
    npm = shutil.which("npm") or "npm"
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), "axe-core@4"]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


def assert_accessible(page: Page, axe_source: str) -> None:
    """Nothing on the page keeps somebody from using it, says axe-core; contrast included."""
    page.evaluate(axe_source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(map(_sentence, serious))


def _sentence(violation: dict) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"][:5])
    return f"{violation['id']} ({violation['impact']}): {violation['help']} – {places}"
