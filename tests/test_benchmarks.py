"""The benchmarks work: they take minutes to say anything, so this asks little of them and looks at no figure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read memory from /proc")

CONTENDERS = ("ours", "by-hand")
TOOL = (sys.executable, "-m", "tests.benchmarks")


def benchmark(measure, *arguments):
    command = [*TOOL, measure, "--here", "--contenders", *CONTENDERS, *arguments]
    root = Path(__file__).parent.parent
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def test_contenders_are_compared(tmp_path):
    """The table has a line for each contender, and the file the figures that it shows."""
    file = tmp_path / "figures.json"

    table = benchmark("compare", "--quick", "--cases", "hot 4 KB", "--json", str(file))

    compared = json.loads(file.read_text())["figures"]
    medians = [[name, f"{compared['figures'][name]['hot 4 KB']['app_us']:,.0f}"] for name in CONTENDERS]
    assert compared["problems"] == {}
    assert [line.split()[:2] for line in table.splitlines() if line.startswith(CONTENDERS)][:2] == medians


def test_contenders_send_the_same_facts():
    """Nothing of a run is missing in what arrives, of this SDK and of spans by hand."""
    lines = benchmark("facts").splitlines()[1:]

    assert [line.split() for line in lines] == [
        [name, *size.split(), "4", "spans,", "everything"] for name in CONTENDERS for size in ("4 KB", "200 KB")
    ]
