"""A virtual environment for each contender, made once with what it requires and used again."""

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

from contenders import Contender

__all__ = ["InstallationError", "packages", "python"]

ROOT = Path(__file__).parents[2]

DONE = "packages.json"
"""Written last, so that an environment whose making was interrupted is made again."""


class InstallationError(Exception):
    """What a contender requires cannot be installed here."""


def python(contender: Contender, directory: Path) -> str:
    """The interpreter of a contender's environment in this directory, which is made if it is not there."""
    place = environment(contender, directory)
    if not (place / DONE).exists():
        make(place, contender)
    return str(place / "bin" / "python")


def packages(contender: Contender, directory: Path) -> dict[str, str]:
    """What is installed beside a contender, and in which version."""
    return json.loads((environment(contender, directory) / DONE).read_text())


def environment(contender: Contender, directory: Path) -> Path:
    wanted = json.dumps([installed(contender), sys.version])
    return directory / f"{contender.module}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"


def installed(contender: Contender) -> list[str]:
    """What pip is told. This repository is installed in place, so that it is measured as it is now."""
    return [part for each in contender.requires for part in (("--editable", str(ROOT)) if each == "." else (each,))]


def make(place: Path, contender: Contender) -> None:
    venv.create(place, with_pip=True, clear=True)
    # The pip that comes with Python 3.11 takes more than ten minutes to find versions that agree.
    pip(place, "install", "--quiet", "--upgrade", "pip")
    pip(place, "install", "--quiet", *installed(contender))
    found = json.loads(pip(place, "list", "--format", "json"))
    (place / DONE).write_text(json.dumps({each["name"]: each["version"] for each in found}))


def pip(place: Path, *arguments: str) -> str:
    command = [place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1200)
    except subprocess.TimeoutExpired as late:
        raise InstallationError(f"pip {arguments[0]} took longer than {late.timeout:.0f} s") from late
    if answer.returncode:
        last = answer.stderr.strip().splitlines() or [f"pip ended with {answer.returncode}"]
        raise InstallationError(last[-1])
    return answer.stdout
