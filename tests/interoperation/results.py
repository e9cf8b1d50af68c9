"""RESULTS.md: what was seen of our spans in other software, one part for each, written by the tests themselves."""

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import contextcompany
from recorded import FACTS

__all__ = ["note"]

FILE = Path(__file__).with_name("RESULTS.md")

HEAD = """# Seen in other software

Written by `pytest -m interoperation`; each part is what its test saw when it ran last. `–` is what is not shown.
"""


def note(title: str, seen: dict[str, Any], *remarks: str) -> None:
    """Put what was seen beside what was recorded, in place of what the part with this title said before."""
    today = datetime.now(timezone.utc).date()
    lines = [f"## {title}\n", f"{today}, contextcompany {contextcompany.__version__}.\n"]
    if seen:
        lines += ["| | recorded | shown |", "|---|---|---|"]
        lines += [f"| {fact} | {_cell(FACTS[fact])} | {_cell(shown, FACTS[fact])} |" for fact, shown in seen.items()]
        lines.append("")
    lines += [f"- {remark}" for remark in remarks]
    parts = _parts() | {title: "\n".join(lines).strip() + "\n"}
    FILE.write_text("\n".join([HEAD, *(parts[each] for each in sorted(parts))]))


def _parts() -> dict[str, str]:
    if not FILE.exists():
        return {}
    found = re.split(r"^(?=## )", FILE.read_text(), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.strip() + "\n" for part in found}


def _cell(value: Any, recorded: Any = None) -> str:
    if value is None:
        return "–"
    if value == recorded:
        return "the same"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")
