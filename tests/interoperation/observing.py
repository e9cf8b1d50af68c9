"""`contextcompany observatory` as a process, and what its JSON API says of what it received."""

import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from software import free_port, running, wait_until

__all__ = ["Observatory", "observing"]

Json = dict[str, Any]


class Observatory:
    """What one has, in the words of its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Json:
        """What it answers."""
        with urllib.request.urlopen(f"{self.url}/api/{path}", timeout=30) as answer:
            return json.load(answer)

    def runs(self, count: int) -> list[Json]:
        """Its runs by their names, as soon as there are so many and all are counted."""

        def arrived() -> Json | None:
            found = self.get("runs")
            whole = len(found["runs"]) >= count and not any(each["is_counting"] for each in found["runs"])
            return found if whole else None

        return sorted(wait_until(arrived)["runs"], key=lambda run: run["name"])

    def run(self, run_id: str) -> Json:
        """All of one."""
        return self.get(f"runs/{run_id}")

    def sent(self, run_id: str) -> dict[str, Json]:
        """The spans of a run as they came, in OTLP's JSON, by name."""
        with urllib.request.urlopen(f"{self.url}/api/export?runs={run_id}", timeout=30) as answer:
            groups = [group for line in answer for group in json.loads(line).get("resourceSpans", ())]
        spans = [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"]]
        named = {span["name"]: span for span in spans}
        assert len(named) == len(spans), [span["name"] for span in spans]
        return named

    def tree(self, run_id: str) -> str:
        """Its spans, one a line, each below its parent."""
        spans = self.run(run_id)["spans"]
        return "\n".join(f"{'  ' * each['depth']}{each['kind']} {each['name']}" for each in spans)

    def facts(self, run_id: str, kind: str) -> list[Json]:
        """What its spans of a kind say, in order."""
        spans = [each["span_id"] for each in self.run(run_id)["spans"] if each["kind"] == kind]
        return [self.get(f"runs/{run_id}/spans/{each}")["fact"] for each in spans]

    def unknown(self, run_id: str) -> set[str]:
        """Attributes of its spans that were not understood."""
        return {key for each in self.run(run_id)["spans"] for key in each["unknown"]}


@contextmanager
def observing(directory: Path) -> Iterator[Observatory]:
    """A process, with a file of its own, until the block ends."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "contextcompany",
        "observatory",
        "--port",
        str(port),
        "--db",
        directory / "runs.db",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/api/runs", directory, {}):
        yield Observatory(url)
