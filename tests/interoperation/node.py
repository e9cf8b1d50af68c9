"""Programs for Node, with packages from npm in a directory of their own."""

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["Packages"]

PROGRAMS = Path(__file__).with_name("programs")


class Packages:
    """A directory with packages from npm, whose install scripts do not run; one that is there already is used again."""

    def __init__(self, directory: Path, *packages: str) -> None:
        self._directory = directory
        self.packages = packages
        installed = directory / "installed"
        if not installed.exists():
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "package.json").write_text("{}")
            command = ["npm", "install", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
            subprocess.run(command, cwd=directory, check=True, timeout=600)
            installed.touch()

    def run(self, program: str, *arguments: str, **environ: str) -> None:
        """Run one of `programs/` to its end, beside the packages that it imports."""
        beside = shutil.copy(PROGRAMS / f"{program}.mjs", self._directory)
        said = subprocess.run(
            ["node", beside, *arguments],
            cwd=self._directory,
            env={**os.environ, "AI_SDK_LOG_WARNINGS": "false", "TCC_DISABLE_ANONYMOUS_TELEMETRY": "true", **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert said.stdout == "", said.stdout

    def __str__(self) -> str:
        """The packages and their versions."""
        return ", ".join(" ".join(each.rsplit("@", 1)) for each in self.packages)
