"""Builds the wheel, installs it in a fresh virtual environment, and checks everything against it: `python3 -m tests`.

Arguments are passed on to pytest. Needs Python 3.10 or newer and a package index; nothing else has to be installed.
"""

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


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    venv.create(BUILD / "venv", with_pip=True)
    run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "build/dist", ".", check=True)
    (wheel,) = (BUILD / "dist").glob("*.whl")
    run("python", "-m", "pip", "install", "--quiet", f"{wheel}[dev]", check=True)
    failed = [command for command in CHECKS if run(*command)]
    if run("python", "-m", "pytest", *sys.argv[1:]):
        failed.append(("pytest",))
    for command in failed:
        print("FAILED:", " ".join(command), flush=True)
    return 1 if failed else 0


def run(program: str, *arguments: str, check: bool = False) -> int:
    print("$", program, *arguments, flush=True)
    return subprocess.run([BIN / program, *arguments], cwd=ROOT, check=check).returncode


if __name__ == "__main__":
    sys.exit(main())
