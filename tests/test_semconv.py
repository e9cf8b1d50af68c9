"""The registry is sound, its generated files are fresh, and nobody else spells a wire name."""

import ast
import copy
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contextcompany import semconv

ROOT = Path(__file__).parents[1]
REGISTRY = ROOT / "semconv"
SOURCES = ROOT / "src" / "contextcompany"
GENERATED = ("semconv.py", "observatory/readings.py", "linting/conventions.py")


def load_generator():
    spec = importlib.util.spec_from_file_location("semconv_generate", REGISTRY / "generate.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()
registry = generate.load(REGISTRY)
SIGNALS = {s["type"]: s for s in registry.spans} | {e["name"]: e for e in registry.events}
REFS = [(name, ref) for name, signal in SIGNALS.items() for ref in signal.get("attributes", ())]


# --- The registry -------------------------------------------------------------------------------------------


def test_registry_has_no_problems():
    """The registry passes its own validation."""
    assert generate.problems(registry) == []


def test_attributes_say_what_they_mean():
    """Every attribute has a brief and an example."""
    assert [a["key"] for a in registry.attributes if not (a["brief"] and a["examples"])] == []


def test_attributes_say_where_they_are_from():
    """Every name that is not ours says which state of the conventions it was taken from; OpenInference has none."""
    homeless = [a["key"] for a in registry.attributes if "upstream" not in a["annotations"]["contextcompany"]]
    assert [key for key in homeless if not key.startswith("tcc.")] == [
        "input.value",
        "output.value",
        "gen_ai.usage.cost",
    ]


def test_refs_resolve():
    """Every ref of a span or event is a defined attribute that is not deprecated."""
    defined = {a["key"] for a in registry.attributes if "deprecated" not in a}
    assert {ref["ref"] for _, ref in REFS} <= defined


def test_our_attributes_are_written_somewhere():
    """Every attribute of ours is on a span or an event."""
    ours = {a["key"] for a in registry.attributes if a["key"].startswith("tcc.")}
    assert ours <= {ref["ref"] for _, ref in REFS}


def test_content_on_spans_is_opt_in():
    """No span needs an attribute that holds content."""
    spans = {span["type"] for span in registry.spans}
    content = [ref for name, ref in REFS if name in spans and ref["ref"] in semconv.SENSITIVE_KEYS]
    assert {ref["requirement_level"] for ref in content} == {"opt_in"}


# --- What validation says -----------------------------------------------------------------------------------


def make_registry(*attributes, refs=(), event_refs=()):
    """A registry with one good attribute, a.b, and what the test adds."""
    return generate.Registry(
        manifest={"annotations": {"contextcompany": {"upstream": {"v1": {}}}}},
        attributes=[make_attribute(key="a.b"), *attributes],
        spans=[{"type": "run", "brief": "A run.", "attributes": list(refs)}],
        events=[{"name": "done", "brief": "It is done.", "attributes": list(event_refs)}],
        namespaces=[],
        spellings=[],
        kinds=[],
    )


def make_attribute(*, sensitive=False, upstream="v1", **fields):
    return {
        "key": "a.c",
        "type": "string",
        "stability": "development",
        "brief": "A thing.",
        "examples": ["x"],
        "annotations": {"contextcompany": {"sensitive": sensitive, "upstream": upstream}},
        **fields,
    }


@pytest.mark.parametrize(
    ("facts", "plain", "problem"),
    [
        ({"model": ["a.b", "x"], "agent": ["x"]}, [], "x is read 2 times. An attribute holds one fact, or is plain."),
        ({"model": ["a.b", "x"]}, ["x"], "x is read 2 times. An attribute holds one fact, or is plain."),
        ({"model": ["x"]}, [], "nothing reads a.b. Add it to a fact, or to plain."),
        ({"model": ["x"]}, ["a.*"], None),
    ],
)
def test_each_attribute_is_read_once(facts, plain, problem):
    """A reading has one meaning, and nothing that the registry defines is forgotten."""
    small = make_registry()
    small.facts, small.plain = facts, plain
    assert generate.problems(small) == ([] if problem is None else [f"readings.yaml: {problem}"])


def test_small_registry_is_valid():
    """The registry that the following tests break is itself sound."""
    ref = {"ref": "a.b", "requirement_level": {"conditionally_required": "when it is known"}}
    assert generate.problems(make_registry(make_attribute(), refs=[ref], event_refs=[ref])) == []


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (make_attribute(key="a.b"), "a.b is defined 2 times. Define it once and ref it."),
        (make_attribute(key="a_b"), "a.b and a_b would both become A_B. Rename one."),
        (make_attribute(brief=""), "a.c has no brief. Say in one sentence what it means."),
        (make_attribute(examples=[]), "a.c has no examples. Give at least one."),
        (make_attribute(stability=None), "a.c has no stability. Say development or stable."),
        (
            make_attribute(type="text"),
            f"a.c has type 'text', which is none of {', '.join(sorted(generate.TYPES))}.",
        ),
        (
            make_attribute(type={"members": [{"id": "one", "value": "one"}]}),
            "a.c: the enum member one has no brief. Say in one sentence what it means.",
        ),
        (
            make_attribute(sensitive=None),
            "a.c does not say whether it is sensitive. Set annotations.contextcompany.sensitive.",
        ),
        (make_attribute(upstream="v2"), "a.c comes from 'v2', which manifest.yaml does not list."),
        (
            make_attribute(deprecated={"reason": "renamed", "renamed_to": "a.bb"}),
            "a.c was renamed to a.bb, which attributes.yaml does not define. Did you mean a.b?",
        ),
    ],
)
def test_bad_attribute_is_reported(attribute, message):
    """A mistake in attributes.yaml is named together with the way out."""
    assert generate.problems(make_registry(attribute)) == [f"attributes.yaml: {message}"]


@pytest.mark.parametrize("level", [None, "always", "conditionally_required", {"conditionally_required": ""}, []])
def test_bad_requirement_level_is_reported(level):
    """A requirement level that the conventions do not know is named with those they know."""
    [problem] = generate.problems(make_registry(refs=[{"ref": "a.b", "requirement_level": level}]))
    assert problem == (
        f"spans.yaml: run: a.b has requirement level {level!r}. "
        "Use required, recommended, opt_in or {conditionally_required: when …}."
    )


def test_unknown_ref_is_reported_with_the_nearest_key():
    """A ref to an attribute that is not defined is named, with what was probably meant."""
    assert generate.problems(make_registry(event_refs=[{"ref": "a.bb", "requirement_level": "required"}])) == [
        "events.yaml: done refs a.bb, which attributes.yaml does not define. Did you mean a.b?"
    ]


def test_ref_twice_is_reported():
    """A span that refs an attribute twice is named."""
    ref = {"ref": "a.b", "requirement_level": "required"}
    assert generate.problems(make_registry(refs=[ref, ref])) == ["spans.yaml: run refs a.b twice."]


@pytest.mark.parametrize("when", ["a.bb", "not a.bb", "not a.b, a.bb"])
def test_condition_that_nothing_shows_is_reported(when):
    """A condition is an attribute, the lack of some, or what a span shows of itself."""
    level = {"conditionally_required": "when it is so"}
    ref = {"ref": "a.b", "requirement_level": level, "annotations": {"contextcompany": {"when": when}}}
    assert generate.problems(make_registry(refs=[ref])) == [
        "spans.yaml: run: a.b is needed when there is a.bb, which attributes.yaml does not define. Did you mean a.b?"
    ]


def test_what_others_miss_is_of_the_registry():
    """What conventions.yaml says of an attribute that is not defined is named."""
    broken = make_registry()
    broken.asked["missed"]["a.bb"] = "something"
    assert generate.problems(broken) == [
        "conventions.yaml has a.bb, which attributes.yaml does not define. Did you mean a.b?"
    ]


def test_signal_without_brief_is_reported():
    """A span or event that does not say what it is is named."""
    broken = make_registry()
    del broken.events[0]["brief"]
    assert generate.problems(broken) == ["events.yaml: done has no brief. Say in one sentence what it is."]


# --- The generated files ------------------------------------------------------------------------------------


@pytest.fixture
def copied_project(tmp_path):
    """A copy of the registry and its generated files that a test may spoil."""
    shutil.copytree(REGISTRY, tmp_path / "semconv")
    for name in GENERATED:
        copy = tmp_path / "src" / "contextcompany" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCES / name, copy)
    return tmp_path


def run_generator(project, *args):
    command = [sys.executable, project / "semconv" / "generate.py", *args]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def test_generated_files_are_fresh(capsys):
    """What is checked in is what the registry generates."""
    status = generate.main(["--check"])
    assert (status, capsys.readouterr().err) == (0, "")


def test_check_names_the_stale_file_and_the_command(copied_project):
    """A stale file fails the check, which names it and the command to run, and leaves it as it is."""
    stale = copied_project / "src" / "contextcompany" / "semconv.py"
    stale.write_text("old")
    result = run_generator(copied_project, "--check")
    assert result.returncode == 1
    assert result.stderr == ("src/contextcompany/semconv.py is out of date, please run `python semconv/generate.py`.\n")
    assert stale.read_text() == "old"


def test_generate_writes_what_is_missing(copied_project):
    """The command that the check names makes the check pass."""
    (copied_project / "semconv" / "ATTRIBUTES.md").unlink()
    assert run_generator(copied_project).returncode == 0
    assert run_generator(copied_project, "--check").returncode == 0


def test_nothing_is_written_from_a_broken_registry(copied_project):
    """A registry with a problem is reported and the generated files stay as they are."""
    spans = copied_project / "semconv" / "spans.yaml"
    spans.write_text(spans.read_text(encoding="utf-8").replace("ref: tcc.runId", "ref: tcc.runID"), encoding="utf-8")
    result = run_generator(copied_project)
    assert result.returncode == 1
    assert "run refs tcc.runID, which attributes.yaml does not define. Did you mean tcc.runId?" in result.stderr
    generated = copied_project / "src" / "contextcompany" / "semconv.py"
    assert generated.read_bytes() == (SOURCES / "semconv.py").read_bytes()


def test_output_does_not_depend_on_the_order_of_definitions():
    """Moving an attribute within its file changes nothing in the module."""
    turned = copy.deepcopy(registry)
    turned.attributes.reverse()
    assert generate.render(turned) == generate.render(registry)


# --- The generated module -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("gen_ai.input.messages", "GEN_AI_INPUT_MESSAGES"),
        ("tcc.runId", "TCC_RUN_ID"),
        ("tcc.sessionId", "TCC_SESSION_ID"),
        ("tcc.metadata", "TCC_METADATA"),
    ],
)
def test_constant_is_named_after_its_key(key, name):
    """A constant is its key in upper case, with an underscore for each dot and before each inner capital."""
    assert generate.constant(key) == name
    assert getattr(semconv, name) == key


def test_every_attribute_is_a_constant_or_an_older_spelling():
    """Each key of the registry is a constant of the module, or has its successor in RENAMED."""
    constants = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    assert {a["key"] for a in registry.attributes} <= constants | semconv.RENAMED.keys()


def test_enum_members_are_their_wire_values():
    """A known value is an attribute of the class that is named after its key."""
    assert semconv.GenAiOperationNameValues.CHAT == "chat"
    assert semconv.GenAiProviderNameValues.AZURE_AI_OPENAI == "azure.ai.openai"
    assert semconv.TccStatusCodeValues.PARTIAL_SUCCESS == 1


def test_older_spellings_lead_to_a_current_name():
    """Every older spelling leads to a name that is not itself an older spelling."""
    assert semconv.RENAMED["gen_ai.system"] == semconv.GEN_AI_PROVIDER_NAME
    assert not semconv.RENAMED.keys() & set(semconv.RENAMED.values())


def test_all_is_complete_and_sorted():
    """`__all__` holds every public name: the constants in order, then the classes in order."""
    public = [name for name in vars(semconv) if name[0].isalpha() and name != "Final"]
    assert semconv.__all__ == sorted(public, key=lambda name: (not name.isupper(), name))


def test_module_imports_only_typing():
    """The module is a leaf: it costs nothing to import."""
    tree = ast.parse((SOURCES / "semconv.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["from typing import Final"]


# --- Nobody else spells a wire name -------------------------------------------------------------------------

WIRE_NAME = re.compile(r"\b(?:gen_ai|tcc)\.(?!\w+\()")
"""A call in a message, such as `tcc.configure()`, is no wire name."""


def wire_names(source):
    """The string literals in `source`, docstrings aside, that spell a wire name."""
    keys = {attribute["key"] for attribute in registry.attributes}
    nodes = list(ast.walk(ast.parse(source)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    literals = [
        node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)) and id(node) not in docstrings
    ]
    return [text for text in literals if text in keys or WIRE_NAME.search(text)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('key = "gen_ai.request.model"', ["gen_ai.request.model"]),
        ('key = f"tcc.metadata.{name}"', ["tcc.metadata."]),
        ('key = "gen_" "ai.request.model"', ["gen_ai.request.model"]),
        ('key = b"tcc.runId"', ["tcc.runId"]),
        ('key = "error.type"', ["error.type"]),
        ('"""Sets gen_ai.request.model."""', []),
        ("key = semconv.GEN_AI_REQUEST_MODEL  # gen_ai.request.model", []),
        ('raise ValueError("call tcc.configure() first")', []),
    ],
)
def test_wire_name_is_found_in_code_only(source, found):
    """The search sees through f-strings, bytes and joined literals; it skips comments and docstrings."""
    assert wire_names(source) == found


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCES.rglob("*.py")) if path not in [SOURCES / name for name in GENERATED]],
    ids=lambda path: path.relative_to(SOURCES).as_posix(),
)
def test_wire_name_is_spelled_in_the_registry_only(path):
    """No module but the generated ones has a wire name as a literal."""
    assert wire_names(path.read_text(encoding="utf-8")) == []
