"""What type checkers say about decorated functions; the rest of `typing/` is checked by mypy alone."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = Path("tests", "typing", "decorators.py")

REVEALED = re.compile(r':(\d+): note: Revealed type is "(.*)"')
EXPECTED = re.compile(r"reveal_type\(.*\)  # (.*)")


def test_signatures_are_revealed_whole():
    """`reveal_type` shows parameters, defaults and results of decorated functions as they were written."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(PROGRAM)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    revealed = {int(line): shown.replace("typing.", "") for line, shown in REVEALED.findall(checked.stdout)}
    source = enumerate((ROOT / PROGRAM).read_text().splitlines(), 1)
    expected = {
        line: told[1].replace(" = 3", " =") for line, text in source if (told := EXPECTED.fullmatch(text.strip()))
    }

    assert len(expected) == 7
    assert revealed == expected
