"""Python programs in processes of their own, as users have them."""

import os
import subprocess
import sys
import textwrap
from typing import NamedTuple

__all__ = ["Printed", "finish", "run_program", "start_program"]


class Printed(NamedTuple):
    """What a program that ended well wrote."""

    out: str
    err: str


def run_program(source: str, *arguments: str, **environ: str) -> Printed:
    """Run a program to its end."""
    return finish(start_program(source, *arguments, **environ))


def start_program(source: str, *arguments: str, stdin: int | None = None, **environ: str) -> "subprocess.Popen[str]":
    """Start a program and return at once. `environ` is added to this process's own, which the tests have cleaned."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        env={**os.environ, **environ},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(program: "subprocess.Popen[str]", timeout: float = 60) -> Printed:
    """Wait for the end of a program; an exit code other than 0 is an AssertionError that shows what it wrote."""
    try:
        out, err = program.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        program.kill()
        out, err = program.communicate()
        raise AssertionError(f"still running after {timeout} s; it wrote {out}{err}") from None
    assert program.returncode == 0, f"exit code {program.returncode}; it wrote {out}{err}"
    return Printed(out, err)
