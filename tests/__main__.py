"""Builds the wheel, installs it in a fresh virtual environment, and checks everything against it: `python3 -m tests`.

Arguments are passed on to pytest, which is then run once. Needs Python 3.10 or newer and a package index; nothing else
has to be installed.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BIN = BUILD / "venv" / ("Scripts" if sys.platform == "win32" else "bin")

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("python", "semconv/generate.py", "--check"),
)

NOTHING_COLLECTED = 5
"""What pytest ends with where there are no tests, as of faults on Windows."""

TESTS = (
    # Most tests wait more than they compute, so four at once take half the time on two cores. What a module sets up is
    # set up once, as a module's tests stay together.
    ("-n", "4", "--dist", "loadfile", "--ignore", "tests/faults"),
    # These start processes, and see how long they take: more of them at once would be too slow for that.
    ("-n", "2", "--dist", "worksteal", "tests/faults"),
)


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    venv.create(BUILD / "venv", with_pip=True)
    run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "build/dist", ".", check=True)
    (wheel,) = (BUILD / "dist").glob("*.whl")
    run("python", "-m", "pip", "install", "--quiet", f"{wheel}[dev]", check=True)
    failed = [command for command in CHECKS if run(*command)]
    tests = [("python", "-m", "pytest", *arguments) for arguments in ([sys.argv[1:]] if sys.argv[1:] else TESTS)]
    failed += [command for command in tests if run(*command) not in (0, NOTHING_COLLECTED)]
    for command in failed:
        print("FAILED:", " ".join(command), flush=True)
    return 1 if failed else 0


def run(program: str, *arguments: str, check: bool = False) -> int:
    print("$", program, *arguments, flush=True)
    # Without bytecode, each of the many processes that tests start would compile what it imports.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([BIN / program, *arguments], cwd=ROOT, env=environ, check=check).returncode


if __name__ == "__main__":
    sys.exit(main())
