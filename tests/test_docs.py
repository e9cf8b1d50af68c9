"""What the README says is so."""

import re
from pathlib import Path

import pytest

import contextcompany as tcc
from contextcompany._settings import SETTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SECOND = ("TCC_BASE_URL", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
"""Variables that share their setting with another."""
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_readme_code_runs(receiver, monkeypatch):
    """Every Python block of the README runs, one after the other, and loses nothing."""
    monkeypatch.setenv("TCC_URL", receiver.url)
    namespace: dict[str, object] = {}

    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), namespace)
    report = tcc.flush(5)
    namespace["provider"].shutdown()

    assert report.dropped == {}
    assert len(receiver.spans()) == 32
    assert len(receiver.logs()) == 3
    spans = {(span.trace_id, span.span_id) for span in receiver.spans()}
    parents = {(span.trace_id, span.parent_id) for span in receiver.spans() if span.parent_id}
    assert parents <= spans
    assert "execute_tool" not in [span.name for span in receiver.spans()]  # a tool call without a name


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable or setting.field)
def test_each_setting_is_documented(setting):
    """The README's table has a row for each setting and environment variable, with its brief."""
    name = "" if setting.variable in SECOND else f"`{setting.field}`"
    variable = f"`{setting.variable}`" if setting.variable else ""
    row = next(line for line in README.splitlines() if line.startswith("|") and (variable or name) in line)

    cells = [cell.strip() for cell in row.strip("|").split("|")]

    assert cells[:2] == [name, variable]
    assert cells[2].replace("`", "").startswith(setting.brief.replace("`", "").rstrip("."))


def test_each_environment_variable_that_is_read_is_documented():
    """A TCC_* name anywhere in the source is in the README."""
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))

    assert set(re.findall(r"(?<!EVENT_)TCC_[A-Z_]+[A-Z]", source)) - constants() <= set(
        re.findall(r"TCC_[A-Z_]+", README)
    )


def test_each_argument_of_configure_is_documented():
    """The README's table has a row for each argument of configure()."""
    arguments = tcc.configure.__annotations__.keys() - {"return"}

    assert {name for name in arguments if f"| `{name}` |" not in README} == set()


def test_all_is_sorted_and_complete():
    """`__all__` holds every public name of the package, sorted the way ruff sorts it."""
    assert all(hasattr(tcc, name) for name in tcc.__all__)
    assert {name for name in tcc.__all__ if name not in README} <= {
        "ConfigurationError",
        "ContextCompanyError",
        "EndedError",
        "FlushReport",
        "IncompleteError",
        "TokenError",
        "Run",
        "Step",
        "ToolCall",
        "__version__",
        "send_step",
    }


def constants() -> set[str]:
    """Names of generated constants for attributes, which start like environment variables."""
    from contextcompany import semconv

    return {name for name in vars(semconv) if name.startswith("TCC_")}
