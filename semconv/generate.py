"""Write semconv.py, observatory/readings.py and linting/conventions.py of the package, and ATTRIBUTES.md, from the
registry beside this file.

    python semconv/generate.py            write the files
    python semconv/generate.py --check    write nothing; exit 1 when one of them is stale

Needs PyYAML and Jinja2. The output depends on the registry and the templates only.
"""

import argparse
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
COMMAND = "python semconv/generate.py"
LINE_LENGTH = 110

TYPES = {"any", *(f"{t}{array}" for t in ("string", "int", "double", "boolean") for array in ("", "[]"))}
LEVELS = {"required", "recommended", "opt_in"}
CONDITIONAL_LEVELS = {"conditionally_required", "recommended"}
SHOWN = {"failed", "succeeded", "client", "log"}
"""What a span shows of itself, besides its attributes."""

Node = dict[str, Any]
"""An attribute, span, event or ref as it stands in its YAML file."""


@dataclass
class Registry:
    """The YAML files, as read; `readings.yaml` has all from `namespaces` on, `conventions.yaml` is whole."""

    manifest: Node
    attributes: list[Node]
    spans: list[Node]
    events: list[Node]
    namespaces: list[Node]
    spellings: list[Node] = field(default_factory=list)
    kinds: list[Node] = field(default_factory=list)
    content: list[Node] = field(default_factory=list)
    identity: list[Node] = field(default_factory=list)
    failures: list[Node] = field(default_factory=list)
    conventions: list[Node] = field(default_factory=list)
    operations: dict[str, list[str]] = field(default_factory=dict)
    roles: list[Node] = field(default_factory=list)
    shapes: list[Node] = field(default_factory=list)
    providers: dict[str, str] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    parameters: dict[str, list[str]] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    asked: Node = field(default_factory=lambda: {"missed": {}, "excuses": [], "spans": [], "events": []})


def main(argv: list[str] | None = None) -> int:
    """Write the generated files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(description="Generate semconv.py and ATTRIBUTES.md from the registry.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check = parser.parse_args(argv).check

    registry = load(HERE)
    if errors := problems(registry):
        print("\n".join(errors), file=sys.stderr)
        return 1
    stale = [(path, text) for path, text in render(registry).items() if not _holds(path, text)]
    if not check:
        for path, text in stale:
            path.write_text(text, encoding="utf-8", newline="\n")
        return 0
    for path, _ in stale:
        name = path.relative_to(ROOT).as_posix()
        print(f"{name} is out of date, please run `{COMMAND}`.", file=sys.stderr)
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def load(folder: Path) -> Registry:
    """The registry in `folder`, not yet validated."""

    def read(name: str) -> Any:
        return yaml.safe_load((folder / name).read_text(encoding="utf-8"))

    return Registry(
        manifest=read("manifest.yaml"),
        attributes=read("attributes.yaml")["attributes"],
        spans=read("spans.yaml")["spans"],
        events=read("events.yaml")["events"],
        asked=read("conventions.yaml"),
        **read("readings.yaml"),
    )


# --- Validation -------------------------------------------------------------------------------------------


def problems(registry: Registry) -> list[str]:
    """What is wrong with the registry, one sentence each; empty when nothing is."""
    found = list(_duplicates(registry))
    for attribute in registry.attributes:
        found += _attribute_problems(attribute, registry)
    for span in registry.spans:
        found += _signal_problems(f"spans.yaml: {span['type']}", span, registry)
    for event in registry.events:
        found += _signal_problems(f"events.yaml: {event['name']}", event, registry)
    for spelling in registry.spellings:
        found += _unknown(f"readings.yaml: {spelling['key']} means", spelling["means"], registry)
    for asked in [*registry.asked["spans"], *registry.asked["events"]]:
        found += _signal_problems(f"conventions.yaml: {asked.get('type') or asked['name']}", asked, registry)
    for key in [*registry.asked["missed"], *registry.asked["excuses"]]:
        found += _unknown("conventions.yaml has", key, registry)
    return found + list(_reading_problems(registry))


def _duplicates(registry: Registry) -> Iterator[str]:
    keys = Counter(attribute["key"] for attribute in registry.attributes)
    for key, count in keys.items():
        if count > 1:
            yield f"attributes.yaml: {key} is defined {count} times. Define it once and ref it."
    named: dict[str, str] = {}
    for key in dict.fromkeys(a["key"] for a in registry.attributes if not _is_renamed(a)):
        other = named.setdefault(constant(key), key)
        if other != key:
            yield f"attributes.yaml: {other} and {key} would both become {constant(key)}. Rename one."


def _reading_problems(registry: Registry) -> Iterator[str]:
    read = _places(registry, {**registry.facts, **registry.parameters})
    counts = Counter(key for _, key, _ in read)
    counts.update(registry.plain)
    for key, count in counts.items():
        if count > 1:
            yield f"readings.yaml: {key} is read {count} times. An attribute holds one fact, or is plain."
    for attribute in registry.attributes:
        key = attribute["key"] + (".*" if str(attribute.get("type")).startswith("template") else "")
        if registry.facts and not any(fnmatch(key, pattern) for pattern in counts):
            yield f"readings.yaml: nothing reads {key}. Add it to a fact, or to plain."


def _attribute_problems(attribute: Node, registry: Registry) -> Iterator[str]:
    where = f"attributes.yaml: {attribute['key']}"
    if not attribute.get("brief"):
        yield f"{where} has no brief. Say in one sentence what it means."
    if not attribute.get("examples"):
        yield f"{where} has no examples. Give at least one."
    if not attribute.get("stability"):
        yield f"{where} has no stability. Say development or stable."
    if not _is_enum(attribute) and _plain_type(attribute) not in TYPES:
        yield f"{where} has type {attribute.get('type')!r}, which is none of {', '.join(sorted(TYPES))}."
    for member in _members(attribute):
        if not member.get("brief"):
            yield f"{where}: the enum member {member['id']} has no brief. Say in one sentence what it means."

    ours = attribute.get("annotations", {}).get("contextcompany", {})
    if not isinstance(ours.get("sensitive"), bool):
        yield f"{where} does not say whether it is sensitive. Set annotations.contextcompany.sensitive."
    states = registry.manifest["annotations"]["contextcompany"]["upstream"]
    if "upstream" in ours and ours["upstream"] not in states:
        yield f"{where} comes from {ours['upstream']!r}, which manifest.yaml does not list."
    if _is_renamed(attribute):
        yield from _unknown(f"{where} was renamed to", attribute["deprecated"].get("renamed_to"), registry)


def _signal_problems(where: str, signal: Node, registry: Registry) -> Iterator[str]:
    if not signal.get("brief"):
        yield f"{where} has no brief. Say in one sentence what it is."
    seen = set()
    for ref in signal.get("attributes", ()):
        key = ref["ref"]
        yield from _unknown(f"{where} refs", key, registry)
        if key in seen:
            yield f"{where} refs {key} twice."
        seen.add(key)
        level = ref.get("requirement_level")
        if not _is_level(level):
            yield (
                f"{where}: {key} has requirement level {level!r}. "
                "Use required, recommended, opt_in or {conditionally_required: when …}."
            )
        for when in _when(ref).removeprefix("not ").split(", "):
            if when and when not in SHOWN:
                yield from _unknown(f"{where}: {key} is needed when there is", when, registry)


def _unknown(what: str, key: Any, registry: Registry) -> Iterator[str]:
    keys = [attribute["key"] for attribute in registry.attributes]
    if key not in keys:
        near = get_close_matches(str(key), keys, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        yield f"{what} {key}, which attributes.yaml does not define.{hint}"


def _is_level(level: Any) -> bool:
    if isinstance(level, dict):
        return len(level) == 1 and all(k in CONDITIONAL_LEVELS and when for k, when in level.items())
    return isinstance(level, str) and level in LEVELS


# --- What the YAML says, asked in one place -----------------------------------------------------------------


def _is_enum(attribute: Node) -> bool:
    return isinstance(attribute.get("type"), dict)


def _is_renamed(attribute: Node) -> bool:
    return bool(attribute.get("deprecated", {}).get("reason") == "renamed")


def _is_sensitive(attribute: Node) -> bool:
    return _annotation(attribute, "sensitive")


def _annotation(attribute: Node, name: str) -> bool:
    return bool(_annotations(attribute).get(name))


def _annotations(attribute: Node) -> Node:
    return dict(attribute["annotations"]["contextcompany"])


def _is_identity(attribute: Node) -> bool:
    """Whether it holds text, or one of a few numbers, that says what a span is."""
    tells = _is_enum(attribute) or _plain_type(attribute).startswith("string")
    return tells and not (_is_sensitive(attribute) or _annotation(attribute, "free_text"))


def _members(attribute: Node) -> list[Node]:
    """The known values: of the attribute, or of each element when it is an array."""
    if _is_enum(attribute):
        return list(attribute["type"]["members"])
    return list(attribute.get("annotations", {}).get("contextcompany", {}).get("members", ()))


def _refs(signal: Node) -> list[str]:
    return [ref["ref"] for ref in signal.get("attributes", ())]


def _when(ref: Node) -> str:
    """How a span shows that the condition of a level holds; empty when no span does."""
    return str(ref.get("annotations", {}).get("contextcompany", {}).get("when", ""))


def _plain_type(attribute: Node) -> str:
    """The type of one value: `string` for an enum of strings, for `string` and for `template[string]`."""
    if _is_enum(attribute):
        return "int" if all(isinstance(m["value"], int) for m in attribute["type"]["members"]) else "string"
    return re.sub(r"^template\[(.*)\]$", r"\1", str(attribute.get("type")))


# --- Names --------------------------------------------------------------------------------------------------


def constant(key: str) -> str:
    """`gen_ai.input.messages` → `GEN_AI_INPUT_MESSAGES`, `tcc.runId` → `TCC_RUN_ID`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    return re.sub(r"\W", "_", snake).upper()


def values_class(key: str) -> str:
    """`gen_ai.operation.name` → `GenAiOperationNameValues`."""
    return "".join(word.capitalize() for word in constant(key).split("_")) + "Values"


# --- Rendering ----------------------------------------------------------------------------------------------


def render(registry: Registry) -> dict[Path, str]:
    """Each generated file's path and text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=False,  # noqa: S701 - it writes Python and Markdown
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        asked=_asked, cell=_cell, docstring=_docstring, literal=_literal, python=_python, tuple=_tuple
    )

    def fill(template: str, context: Node) -> str:
        return environment.get_template(template).render(context)

    environment.filters["signal"] = lambda node: _signal(node, registry)
    return {
        ROOT / "src" / "contextcompany" / "semconv.py": fill("semconv.py.j2", _module(registry)),
        ROOT / "src" / "contextcompany" / "observatory" / "readings.py": fill("readings.py.j2", _readings(registry)),
        ROOT / "src" / "contextcompany" / "linting" / "conventions.py": fill("conventions.py.j2", _asked_for(registry)),
        HERE / "ATTRIBUTES.md": fill("ATTRIBUTES.md.j2", _document(registry)),
    }


def _module(registry: Registry) -> Node:
    attributes = registry.attributes
    # A name that nobody may write gets no constant, only its place in RENAMED.
    named = [(constant(a["key"]), a["key"], _text(a)) for a in attributes if not _is_renamed(a)]
    named += [(f"EVENT_{constant(e['name'])}", e["name"], e["brief"]) for e in registry.events]
    enums = _enums(registry)
    tables = [
        "CONTENT_PATTERNS",
        "FAILURE_KEYS",
        "GENAI_NAMESPACES",
        "IDENTITY_KEYS",
        "KINDS",
        "MESSAGE_PATTERNS",
        "RENAMED",
        "SCHEMA_URL",
        "SENSITIVE_KEYS",
        "SPELLINGS",
    ]
    return {
        "exported": sorted([name for name, _, _ in named] + tables) + [enum["name"] for enum in enums],
        "schema_url": registry.manifest["schema_url"],
        "names": sorted(named),
        "namespaces": sorted(registry.namespaces, key=lambda n: str(n["prefix"])),
        "renamed": sorted((a["key"], a["deprecated"]["renamed_to"]) for a in attributes if _is_renamed(a)),
        "spellings": sorted((s["key"], s["means"]) for s in registry.spellings),
        "kinds": [(k["key"], sorted(k["values"].items())) for k in registry.kinds],
        "sensitive": sorted(a["key"] for a in attributes if _is_sensitive(a)),
        "content": sorted({str(c["key"]) for c in [*registry.content, *filter(_is_sensitive, attributes)]}),
        "messages": sorted(
            {str(c["key"]) for c in registry.content if c.get("messages")}
            | {str(a["key"]) for a in attributes if _annotation(a, "messages")}
        ),
        "failures": sorted(
            {str(c["key"]) for c in registry.failures}
            | {str(a["key"]) for a in attributes if _annotation(a, "failure")}
        ),
        "identity": sorted(
            {str(c["key"]) for c in registry.identity} | {str(a["key"]) for a in attributes if _is_identity(a)}
        ),
        "enums": enums,
    }


def _readings(registry: Registry) -> Node:
    roles: dict[str, dict[str, str]] = {}
    for role in [*registry.roles, *registry.kinds]:
        roles.setdefault(role["key"], {}).update(role["values"])
    known = [str(m["value"]) for a in registry.attributes if a["key"] == OPERATION for m in _members(a)]
    roles[OPERATION] = {**{operation: operation for operation in known}, **roles.get(OPERATION, {})}
    facts, parameters = _places(registry, registry.facts), _places(registry, registry.parameters)
    return {
        "conventions": registry.conventions,
        "operations": sorted((o, kind) for kind, operations in registry.operations.items() for o in operations),
        "roles": [(key, sorted(values.items())) for key, values in roles.items()],
        "shapes": [(shape["key"], shape["is"]) for shape in registry.shapes],
        "providers": sorted(registry.providers.items()),
        "facts": [place for place in facts if not place[1].endswith("*")],
        "families": sorted(
            ((key[:-1], fact, rank) for fact, key, rank in facts if key.endswith("*")), key=lambda f: (-len(f[0]), f[0])
        ),
        "parameters": parameters,
        "plain": sorted(key for key in registry.plain if not key.endswith("*")),
        "quoted": registry.quoted,
        "plain_prefixes": sorted(key[:-1] for key in registry.plain if key.endswith("*")),
    }


OPERATION = "gen_ai.operation.name"
FOREIGN = {"input.value", "output.value"}
"""What the registry defines of other conventions."""


def _places(registry: Registry, facts: dict[str, list[str]]) -> list[tuple[str, str, int]]:
    """Each fact, the attribute it may stand in and the rank of that place, with those of other spellings."""
    others: dict[str, list[str]] = {}
    for attribute in filter(_is_renamed, registry.attributes):
        others.setdefault(attribute["deprecated"]["renamed_to"], []).append(attribute["key"])
    for spelling in registry.spellings:
        others.setdefault(spelling["means"], []).append(spelling["key"])
    places = []
    for fact, keys in facts.items():
        every = [each for key in keys for each in (key, *sorted(others.get(key, ())))]
        places += [(fact, key, rank) for rank, key in enumerate(every)]
    return places


def _asked_for(registry: Registry) -> Node:
    attributes = sorted(registry.attributes, key=lambda a: str(a["key"]))
    current = [e for e in registry.events if "deprecated" not in e]
    ours = [s for s in registry.spans if s["type"] in registry.operations]

    def annotated(name: str) -> list[tuple[str, Any]]:
        return [(a["key"], value) for a in attributes if (value := _annotations(a).get(name)) is not None]

    bounds = [(a["key"], tuple(map(_annotations(a).get, ("minimum", "maximum")))) for a in attributes]
    return {
        "signals": [
            ("SPANS", registry.asked["spans"], "What is asked of a span, by its type."),
            ("OURS", ours, "What is asked of a span of our own SDK, by its type: these levels come first."),
            ("EVENTS", registry.asked["events"], "What is asked of an event, on a span or as a log record."),
            ("OUR_EVENTS", current, "The same of events of our own SDK."),
        ],
        "tables": [
            ("OPERATIONS", "str", _operations(registry.asked["spans"]), "Operations, and the type of their spans."),
            (
                "OUR_OPERATIONS",
                "str",
                sorted((o, s["type"]) for s in ours for o in registry.operations[s["type"]]),
                "The same of spans of our own SDK.",
            ),
            (
                "TYPES",
                "str",
                [(a["key"], _plain_type(a)) for a in attributes],
                "All attributes of the registry, and the types of their values.",
            ),
            (
                "MEMBERS",
                "tuple[str | int, ...]",
                [
                    (a["key"], tuple(m["value"] for m in _members(a)))
                    for a in attributes
                    if _members(a) and not _annotation(a, "open")
                ],
                "Attributes with known values. Others are legal.",
            ),
            (
                "RANGES",
                "tuple[float | None, float | None]",
                [bound for bound in bounds if bound[1] != (None, None)],
                "Numbers, and the least and the most that they can be.",
            ),
            ("TWINS", "str", annotated("same_as"), "Attributes, and those that say the same."),
            ("SHAPES", "str", annotated("shape"), "Attributes of structured content, and what it has to look like."),
            (
                "DEPRECATED",
                "str",
                [(a["key"], _replacement(a)) for a in attributes if "deprecated" in a],
                "Older names, and what to do about them.",
            ),
            (
                "DEPRECATED_EVENTS",
                "str",
                [(e["name"], e["deprecated"]["note"]) for e in registry.events if "deprecated" in e],
                "Older events, and what became of them.",
            ),
            (
                "OTHERWISE",
                "str",
                _otherwise(registry),
                "Attributes of other conventions, and the one of OpenTelemetry that says the same.",
            ),
            ("MISSED", "str", sorted(registry.asked["missed"].items()), "What other back ends do not show without it."),
        ],
        "parts": _parts(attributes),
        "prefixes": [f"{a['key']}." for a in attributes if str(a["type"]).startswith("template")],
        "excuses": sorted(registry.asked["excuses"]),
    }


def _operations(spans: list[Node]) -> list[tuple[str, str]]:
    return sorted((str(operation), span["type"]) for span in spans for operation in span["operations"])


def _otherwise(registry: Registry) -> list[tuple[str, str]]:
    current = {a["key"] for a in registry.attributes if "upstream" in _annotations(a) and "deprecated" not in a}
    own = {a["key"] for a in registry.attributes if a["key"] not in FOREIGN}
    facts: dict[str, list[str]] = {}
    for fact, key, _ in _places(registry, {**registry.facts, **registry.parameters}):
        facts.setdefault(fact, []).append(key)
    named = [(next((key for key in keys if key in current), None), keys) for keys in facts.values()]
    return sorted((key, name) for name, keys in named if name for key in keys if "*" not in key and key not in own)


def _parts(attributes: list[Node]) -> list[tuple[str, list[str]]]:
    """Totals, and parts of them that do not overlap."""
    parts: dict[tuple[str, str], list[str]] = {}
    for attribute in attributes:
        ours = _annotations(attribute)
        if "part_of" in ours:
            parts.setdefault((ours["part_of"], ours["by"]), []).append(attribute["key"])
    return [(total, keys) for (total, _), keys in sorted(parts.items())]


def _signal(signal: Node, registry: Registry) -> Node:
    kinds = signal.get("kinds") or ([signal["kind"]] if "kind" in signal else [])
    return {
        "type": signal.get("type") or signal["name"],
        "kinds": kinds,
        "target": signal["name"].get("target", "") if isinstance(signal["name"], dict) else "",
        "unless": signal.get("unless", ""),
        "asked": [ask for ref in signal.get("attributes", ()) if (ask := _ask(ref, registry)) is not None],
    }


def _ask(ref: Node, registry: Registry) -> tuple[str, str, str, str] | None:
    """What can be checked of a ref; `None` where no span shows whether it is missed."""
    level, when = ref["requirement_level"], _when(ref)
    name, condition = next(iter(level.items())) if isinstance(level, dict) else (level, "")
    if name == "opt_in" or not (name == "required" or when or ref["ref"] in registry.asked["missed"]):
        return None
    return ref["ref"], name.removesuffix("ly_required"), condition, when


def _replacement(attribute: Node) -> str:
    new = attribute["deprecated"].get("renamed_to")
    return f"Write `{new}`." if new else str(attribute["deprecated"]["note"])


def _document(registry: Registry) -> Node:
    attributes = sorted(registry.attributes, key=lambda a: str(a["key"]))
    current = [a for a in attributes if "deprecated" not in a]
    return {
        "schema_url": registry.manifest["schema_url"],
        "upstream": list(registry.manifest["annotations"]["contextcompany"]["upstream"].values()),
        "namespaces": [
            (namespace, [_row(a, registry) for a in group])
            for namespace, group in groupby(current, key=lambda a: a["key"].partition(".")[0])
        ],
        "enums": _enums(registry),
        "deprecated": [_old(a) for a in attributes if "deprecated" in a]
        + [{"key": e["name"], "now": e["deprecated"]["note"]} for e in registry.events if "deprecated" in e],
        "signals": [_section(f"Span `{s['type']}`", s) for s in registry.spans]
        + [_section(f"Event `{e['name']}`", e) for e in registry.events if "deprecated" not in e],
    }


def _enums(registry: Registry) -> list[Node]:
    enums = [
        {
            "name": values_class(attribute["key"]),
            "key": attribute["key"],
            "members": [(constant(m["id"]), m["value"], m["brief"]) for m in _members(attribute)],
        }
        for attribute in registry.attributes
        if _members(attribute)
    ]
    return sorted(enums, key=lambda enum: str(enum["name"]))


def _row(attribute: Node, registry: Registry) -> Node:
    kind = str(attribute["type"])
    if _is_enum(attribute):
        kind = f"{_plain_type(attribute)} (known values)"
    signals = [(s["type"], s) for s in registry.spans] + [(e["name"], e) for e in registry.events]
    return {
        "key": attribute["key"] + (".<key>" if kind.startswith("template") else ""),
        "type": kind,
        "text": _text(attribute),
        "example": attribute["examples"][0],
        "sensitive": _is_sensitive(attribute),
        "on": ", ".join(name for name, signal in signals if attribute["key"] in _refs(signal)),
    }


def _old(attribute: Node) -> Node:
    new = attribute["deprecated"].get("renamed_to")
    return {"key": attribute["key"], "now": f"`{new}`" if new else attribute["brief"]}


def _section(title: str, signal: Node) -> Node:
    facts = f"Kind {signal['kind'].upper()}, name {signal['name']['note']}" if "kind" in signal else ""
    refs = [(ref["ref"], _level(ref)) for ref in signal["attributes"]]
    return {"title": title, "brief": signal["brief"], "facts": facts, "refs": refs}


def _level(ref: Node) -> str:
    level = ref["requirement_level"]
    name, when = next(iter(level.items())) if isinstance(level, dict) else (level, "")
    words = f"{name.replace('_', ' ')} {when}".strip()
    start = "; at start" if ref.get("sampling_relevant") else ""
    note = f". {ref['note']}" if "note" in ref else ""
    return words + start + note


def _text(node: Node) -> str:
    return " ".join(str(node[part]) for part in ("brief", "note") if part in node)


def _docstring(text: str, indent: int = 0) -> str:
    """`text` as a docstring whose first line starts where the template put it."""
    pad = " " * indent
    one_line = f'"""{text}"""'
    if len(pad + one_line) <= LINE_LENGTH:
        return one_line
    wrapped = textwrap.wrap(f'"""{text}', LINE_LENGTH - indent, break_on_hyphens=False)
    return f"\n{pad}".join([*wrapped, '"""'])


def _literal(value: Any) -> str:
    """`value` in double quotes when it is text; the same in Python and in YAML."""
    return json.dumps(value, ensure_ascii=False)


def _tuple(values: list[str], indent: int = 0) -> str:
    """Texts as a tuple, in one line when they fit into it."""
    texts = [_literal(value) for value in values]
    line = f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    if indent + len(line) < 120:
        return line
    pad = " " * indent
    return "\n".join(["(", *(f"{pad}    {text}," for text in texts), f"{pad})"])


def _python(value: Any) -> str:
    """`value` as the formatter writes it."""
    if isinstance(value, tuple):
        return _tuple(list(value), 4) if all(isinstance(each, str) for each in value) else repr(value)
    return _literal(value)


def _asked(asked: list[tuple[str, ...]], indent: int) -> str:
    """What is asked for as a tuple, as the formatter writes it."""
    each = [_call([_literal(text) for text in one], indent + 4) for one in asked]
    if len(each) < 2 and "\n" not in "".join(each):
        return f"({''.join(f'{one},' for one in each)})"
    pad = " " * indent
    return "\n".join(["(", *(f"{pad}    {one}," for one in each), f"{pad})"])


def _call(texts: list[str], indent: int) -> str:
    line = f"Asked({', '.join(texts)})"
    if indent + len(line) < 120:
        return line
    pad = " " * indent
    return "\n".join(["Asked(", *(f"{pad}    {text}," for text in texts), f"{pad})"])


def _cell(value: Any) -> str:
    """`value` as it may stand between two bars of a Markdown table."""
    text = value if isinstance(value, str) else _literal(value)
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
