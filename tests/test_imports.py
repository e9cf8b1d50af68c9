"""Who may import whom inside the package."""

import ast
import subprocess
import sys
from pathlib import Path

import contextcompany

SRC = Path(contextcompany.__file__).parent

LEAVES = {
    "_data",
    "_diagnostics",
    "_identity",
    "_otel_environment",
    "_processes",
    "_providers",
    "_redaction",
    "_timeouts",
    "_version",
    "exceptions",
    "semconv",
}
"""These import nothing of ours, except that everything may use `exceptions` and `_diagnostics`."""

SDK = {"_console", "_export", "_foreign", "_pipeline", "_reading", "_span", "testing"}
"""Only these touch the OpenTelemetry SDK, and they are imported when the pipeline is built."""


def imports(node: ast.AST) -> set[str]:
    """Everything that is imported at run time, as dotted names."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return set()
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {f"{node.module}.{alias.name}" for alias in node.names}
    return set().union(*map(imports, ast.iter_child_nodes(node)))


MODULES = {path.stem: imports(ast.parse(path.read_text())) for path in SRC.glob("*.py")}


def ours(name: str) -> set[str]:
    """The modules of ours that a module imports."""
    dotted = (each.removeprefix("contextcompany.") for each in MODULES[name] if each.startswith("contextcompany."))
    return {each.split(".")[0] for each in dotted} & MODULES.keys()


def test_leaves_import_nothing_of_ours():
    """What everything stands on stands alone."""
    assert [name for name in LEAVES if ours(name) - {"exceptions", "_diagnostics"}] == []


def test_wire_names_have_one_writer():
    """Only the mapping, and the modules that read spans, import the generated names."""
    assert {name for name in MODULES if "semconv" in ours(name)} == {
        "_console",
        "_mapping",
        "_pipeline",
        "_reading",
    }


def test_the_sdk_is_touched_in_few_places():
    """No module that `import contextcompany` loads imports the OpenTelemetry SDK or its exporters."""
    touching = {name for name, names in MODULES.items() if any("opentelemetry.sdk" in each for each in names)}

    assert touching <= SDK


def test_libraries_that_may_be_missing_are_imported_by_one_module_each():
    """And by none that `import contextcompany` loads."""
    optional = ("opentelemetry.util.genai", "opentelemetry.instrumentation", "litellm", "claude_agent_sdk")

    assert {name for name, names in MODULES.items() if any(each.startswith(optional) for each in names)} == {
        "_inference",
        "claude",
        "clientai",
        "litellm",
    }


def test_builders_know_no_settings_and_no_exporter():
    """Values go in, a span's lifecycle comes out."""
    forbidden = {"_settings", "_export", "_pipeline", "_console", "semconv"}
    builders = ("_run", "_step", "_tool_call", "_feedback", "_recording", "_propagation", "_headers", "_executor")

    assert {name: ours(name) & forbidden for name in builders} == {name: set() for name in builders}


def test_delivery_is_made_of_parts_that_know_little_of_each_other():
    """HTTP knows no OTLP, what an answer means is a function of it, and nobody but the lane knows both."""
    assert ours("_http") == {"_settings", "_version"}
    assert ours("_verdict") == set()
    assert ours("_lane") == {"_diagnostics", "_encoding", "_http", "_verdict"}
    assert ours("_sender") == {"_diagnostics", "_lane"}


def test_the_observatory_stands_alone():
    """Of the SDK it knows the wire's names, and how messages of any shape are read and priced, which is pure.

    The SDK never imports it, but for the commands.
    """
    inside = {name for path in (SRC / "observatory").rglob("*.py") for name in imports(ast.parse(path.read_text()))}
    used = {name.split(".")[1] for name in inside if name.startswith("contextcompany.")} - {"observatory"}

    assert used == {"semconv", "_envelopes", "_message_parts", "_messages", "_rates", "_version"}
    assert {name for name, names in MODULES.items() if any("observatory" in each for each in names)} == set()


def test_the_observatory_reads_by_pure_knowledge():
    """The shapes of messages and of usage, and prices, are known once, for who writes them and for who reads them.

    Only the modules that read need it; it touches no OpenTelemetry, and nothing else of the SDK.
    """
    pure = {"_content", "_data", "_envelopes", "_message_parts", "_messages", "_providers", "_rates", "_version"}
    told = {path.stem: imports(ast.parse(path.read_text())) for path in (SRC / "observatory").glob("*.py")}

    assert {name for name, names in told.items() if any(each.startswith("contextcompany._") for each in names)} == {
        "conversation",
        "counts",
        "fold",
        "prices",
        "queries",
        "shapes",
    }
    assert set().union(*map(ours, pure)) <= pure
    assert [name for name in pure if any(each.startswith("opentelemetry") for each in MODULES[name])] == []


def test_the_checker_reads_and_records_nothing():
    """It knows the names, and how the Observatory reads what comes in; only a command uses it."""
    inside = {name for path in (SRC / "linting").glob("*.py") for name in imports(ast.parse(path.read_text()))}
    used = {name.removeprefix("contextcompany.") for name in inside if name.startswith("contextcompany.")}

    assert {".".join(name.split(".")[:2]) for name in used if not name.startswith("linting")} == {
        "observatory.files",
        "observatory.fold",
        "observatory.inflate",
        "observatory.otlp",
        "observatory.otlp_json",
        "semconv",
    }
    assert {name for name, names in MODULES.items() if any("linting" in each for each in names)} == set()


def test_imports_point_one_way():
    """There is no cycle, but for the pipeline that `_configure` imports when it builds it."""
    left = {name: ours(name) - {name} - ({"_pipeline"} if name == "_configure" else set()) for name in MODULES}
    while free := {name for name, needs in left.items() if not needs & left.keys()}:
        left = {name: needs for name, needs in left.items() if name not in free}

    assert left == {}


def test_protobuf_is_known_to_few():
    """Bytes go in and out of everything else."""
    protobuf = ("google.protobuf", "opentelemetry.proto", "opentelemetry.exporter")

    assert {name for name in MODULES if any(each.startswith(protobuf) for each in MODULES[name])} <= {
        "_decoding",
        "_encoding",
        "_export",
    }


def test_encoding_is_light():
    """The classes of protobuf and the SDK are loaded by what needs them, which most programs never do."""
    code = """import sys, contextcompany._encoding as e
assert e.partial_success(b"\\x0a\\x00", "application/x-protobuf") == (0, "")
print([name for name in sys.modules if name.startswith(("google", "opentelemetry.proto", "opentelemetry.sdk"))])"""

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
