"""What of recorded content may travel, and how much: one policy for our own spans and those of others.

In this order: content that is not captured is left out; what detectors find is replaced; the user's `redact` has its
say; what is larger than the limits is cut, inside its structure. What needs none of this costs one look at its length.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from contextcompany import _diagnostics
from contextcompany._content import MAX_DEPTH, Utf8, as_text, clean_text, dumps
from contextcompany._detectors import DETECTORS
from contextcompany._fitting import (
    NESTS,
    PAYLOAD_LIMIT,
    STRUCTURE,
    children,
    cut_text,
    ends,
    fit,
    level,
    may_hold_payload,
    size_of_text,
    without_payload,
)
from contextcompany._mapping import (
    CONTENT,
    FAILURE,
    FAILURE_KEYS,
    IDENTITY,
    MESSAGES,
    attribute_kind,
    event_attribute_kind,
    truncated_and_redacted,
)
from contextcompany._message_parts import parsed_json
from contextcompany._redaction import REDACTED, is_secret, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["METADATA_ONLY", "Carried", "Policy"]

METADATA_ONLY: Final = "metadata-only"

_HOOK_FAILED = "[REDACTED: redact() failed]"
_SECRETS = "secrets"
_LEAST_VALUE = 96
_LONGEST_NAME = 256
_MAX_NAMED = 32
"""Names of attributes that were cut, or redacted, that a span carries; the others are only numbered."""

_SCHEMA = "parameters"
"""Of a tool: a JSON schema, which has to stay one."""

_SCALARS = frozenset({bool, int, float, type(None)})


class Carried(NamedTuple):
    """What a span or event carries that may hold content."""

    name: str
    attributes: Mapping[str, Any]
    events: Sequence[tuple[int, str, Mapping[str, Any]]] = ()
    """Each with its place among the events of the span."""
    links: Sequence[Mapping[str, Any]] = ()
    description: str | None = None


@dataclass(frozen=True)
class Policy:
    """What was configured; see `contextcompany.configure`. Sizes are bytes of UTF-8, of values and names."""

    capture: bool | Literal["metadata-only"] = True
    detectors: tuple[str, ...] = ()
    redact: Callable[[str, str], str | None] | None = None
    max_value_size: int = 2**20
    max_span_size: int = 4 * 2**20

    @functools.cached_property
    def _is_passive(self) -> bool:
        return self.capture is True and not self.detectors and self.redact is None

    @functools.cached_property
    def _small(self) -> int:
        """What has so many characters in all is within every limit, whatever they are."""
        return min(self.max_value_size, self.max_span_size // 2, PAYLOAD_LIMIT) // 4

    @property
    def reserve(self) -> int:
        """What of a span's size is set aside for the names of what was cut or redacted."""
        return min(2 * _MAX_NAMED * 128, self.max_span_size // 4)

    def size_if_sound(self, attributes: Mapping[str, Any]) -> int | None:
        """How many characters attributes that hold no failure have, if they may travel as they are; most do.

        `None` for those that need a closer look.
        """
        if not self._is_passive:
            return None
        total = len("".join(attributes))
        for value in attributes.values():
            kind = type(value)
            if kind is str:
                total += len(value)
            elif kind is Utf8:
                total += len(value.data)
            elif kind is int or kind is float or kind is bool:
                continue
            else:
                total += _rough_size(value)
        is_sound = total <= self._small or (4 * total <= self._room and self._fits(attributes))
        return total if is_sound else None

    def _fits(self, attributes: Mapping[str, Any]) -> bool:
        """Whether each attribute is within every limit, though not small."""
        for value in attributes.values():
            kind = type(value)
            if kind is Utf8:
                if len(value.data) > self.max_value_size or may_hold_payload(value.data):
                    return False
            elif kind in _SCALARS:
                continue
            elif kind is not str:
                if _rough_size(value) > self._small:
                    return False
            elif len(value) > self._small:
                if may_hold_payload(value):
                    return False
                if 4 * len(value) > self.max_value_size and size_of_text(value) > self.max_value_size:
                    return False
        return True

    @functools.cached_property
    def _room(self) -> int:
        return self.max_span_size - self.reserve

    def apply(self, carried: Carried, *, is_hooked: bool = False, is_last: bool = True) -> Carried:
        """What may travel of it: the same object if all of it may. Never raises.

        With `is_hooked`, its attributes and description have been through `redact` before. What is not the last of its
        span is not counted.
        """
        if (
            len(carried.name) <= _LONGEST_NAME
            and not (carried.events or carried.links or carried.description is not None)
            and carried.attributes.keys().isdisjoint(FAILURE_KEYS)
            and self.size_if_sound(carried.attributes) is not None
        ):
            return carried
        try:
            return _Pass(self, is_hooked=is_hooked, is_last=is_last).over(carried)
        except Exception:  # noqa: BLE001 - what cannot be looked at must neither travel nor reach the host program
            _diagnostics.internal_error("applying the content policy")
            attributes = {
                key: value
                for key, value in carried.attributes.items()
                if attribute_kind(key) is IDENTITY or type(value) in _SCALARS
            }
            return Carried("", attributes)


def _rough_size(value: Any) -> int:
    """At least a quarter of the size of a list of text; of anything else, too much."""
    if type(value) not in (list, tuple):
        return 2**62
    try:
        return len("".join(value)) + 3 * len(value)
    except TypeError:
        return 2**62


class _Item:
    """One value on its way."""

    __slots__ = ("is_cut", "key", "kind", "path", "place", "size", "value")

    def __init__(self, place: tuple[str, int], key: str, path: str, kind: str, value: Any) -> None:
        self.place = place
        self.key = key
        self.path = path
        self.kind = kind
        self.value = value
        self.size = 0
        self.is_cut = False


class _Pass:
    """One application of a policy to what one span carries."""

    def __init__(self, policy: Policy, *, is_hooked: bool, is_last: bool) -> None:
        self._policy = policy
        self._detect = tuple(DETECTORS[name] for name in policy.detectors)
        self._is_hooked = is_hooked
        self._is_last = is_last
        self._truncated: dict[str, None] = {}
        self._redacted: dict[str, None] = {}
        self._cuts = 0
        self._left_out = False
        self._is_rewritten = False

    def over(self, carried: Carried) -> Carried:
        items = [item for item in self._items(carried) if self._may_travel(item)]
        name = carried.name
        for detect in self._detect:
            name = detect(name)
        if len(name) > _LONGEST_NAME:
            name = cut_text(name, min(4 * _LONGEST_NAME, self._policy.max_span_size // 8))
        events = self._events_kept(carried)
        items = self._fitted(items, size_of_text(name) + sum(size_of_text(event[1]) for event in events))
        is_changed = self._truncated or self._redacted or self._left_out or self._is_rewritten
        if not is_changed and name == carried.name:
            return carried
        made: dict[tuple[str, int], dict[str, Any]] = {}
        for item in items:
            group = made.setdefault(item.place, {})
            group[item.key if item.key not in group else f"{item.key} {len(group)}"] = item.value
        attributes = made.get(("attributes", 0), {})
        attributes.update(
            truncated_and_redacted(carried.attributes, self._named(self._truncated), self._named(self._redacted))
        )
        if self._cuts and self._is_last:
            _diagnostics.count("truncated", self._cuts)
            _diagnostics.warn(
                "truncated", "Something was larger than `max_value_size` or `max_span_size` allow, and was cut."
            )
        return Carried(
            name,
            attributes,
            [(index, event, made.get(("event", index), {})) for index, event, _ in events],
            [made.get(("link", index), {}) for index in range(len(carried.links))],
            made.get(("status", 0), {}).get("description"),
        )

    def _named(self, names: Iterable[str]) -> list[str]:
        """The names in what the budget of a span sets aside for them."""
        room = self._policy.reserve // 2
        kept: list[str] = []
        every = [cut_text(name, 128) for name in names]
        for name in every[:_MAX_NAMED]:
            room -= size_of_text(name)
            if room < 0:
                break
            kept.append(name)
        return kept if len(kept) == len(every) else [*kept, f"…[{len(every) - len(kept):,} more]"]

    # -- what there is -------------------------------------------------------------------------------------------------

    def _items(self, carried: Carried) -> Iterable[_Item]:
        for key, value in carried.attributes.items():
            yield _Item(("attributes", 0), key, key, attribute_kind(key), value)
        for index, name, attributes in carried.events:
            for key, value in attributes.items():
                path = key if key.startswith(f"{name}.") else f"{name}.{key}"
                yield _Item(("event", index), key, path, event_attribute_kind(name, key), value)
        for index, attributes in enumerate(carried.links):
            for key, value in attributes.items():
                yield _Item(("link", index), key, f"links[{index}].{key}", attribute_kind(key), value)
        if carried.description is not None:
            yield _Item(("status", 0), "description", "status.description", FAILURE, carried.description)

    def _events_kept(self, carried: Carried) -> list[tuple[int, str, Mapping[str, Any]]]:
        events = list(carried.events)
        sizes = [size_of_text(name) + 16 for _, name, _ in events]
        if sum(sizes) > self._policy.max_span_size // 4:
            head, tail = ends(sizes, self._policy.max_span_size // 4)
            self._truncated["events"] = None
            self._cuts += len(events) - head - tail
            del events[head : len(events) - tail]
        return events

    # -- what may travel -----------------------------------------------------------------------------------------------

    def _may_travel(self, item: _Item) -> bool:
        """Rework the value for everything but its size; whether there is something left to send."""
        policy, value = self._policy, item.value
        use_hook = policy.redact is not None and not (self._is_hooked and item.place[0] in ("attributes", "status"))
        if policy.capture is not True and item.kind in (CONTENT, MESSAGES):
            self._left_out = True
            if policy.capture is False:
                return False
            value = _lengths(value, item.kind)
            use_hook = False
        detect, has_secrets = self._detect, _SECRETS in policy.detectors
        if item.kind is IDENTITY:
            detect, has_secrets, use_hook = (), False, False
        elif item.kind is FAILURE and not has_secrets:
            detect = (without_secrets, *detect)
        self._look_at_name(item, detect)
        rework = _Rework(
            detect,
            policy.redact if use_hook else None,
            has_secrets=has_secrets,
            is_structured=item.kind is MESSAGES,
        )
        item.value = rework.value(value, item.path, item.key)
        self._is_rewritten |= type(value) is str and item.value != value
        item.size = _size(item.value)
        if rework.is_redacted:
            self._redacted[item.path] = None
        if rework.is_cut:
            self._cut(item)
        return not rework.is_dropped

    def _look_at_name(self, item: _Item, detect: Sequence[Callable[[str], str]]) -> None:
        """People name metadata after addresses and numbers too; and what is redacted is told by its name."""
        if self._detect:
            name = item.key
            for replace in detect:
                name, item.path = replace(name), replace(item.path)
            if name != item.key:
                item.key = name
                self._redacted[item.path] = None

    def _cut(self, item: _Item) -> None:
        self._truncated[item.path] = None
        self._cuts += not item.is_cut
        item.is_cut = True

    # -- how much ------------------------------------------------------------------------------------------------------

    def _fitted(self, items: list[_Item], taken: int) -> list[_Item]:
        """Cut what is too large, the largest first, so that everything fits; what says what the span is goes last."""
        items, room = self._few_enough(items, self._policy.max_span_size - self._policy.reserve - taken)
        allowed = [min(item.size, self._policy.max_value_size) for item in items]
        share = level(allowed, room)
        for item, size in zip(items, allowed, strict=True):
            budget = size if share is None else min(size, share)
            if item.size > budget and type(item.value) not in _SCALARS:
                item.value = _fitted(item.value, budget, is_structured=item.kind is MESSAGES)
                self._cut(item)
        return items

    def _few_enough(self, items: list[_Item], room: int) -> tuple[list[_Item], int]:
        """Without the middle ones, where there are so many that each would get next to nothing; the room for values."""
        keys = [size_of_text(item.key) for item in items]
        least = [min(item.size, _LEAST_VALUE) + key + 1 for item, key in zip(items, keys, strict=True)]
        if sum(least) <= room:
            return items, room - sum(keys)
        essential = {index for index, item in enumerate(items) if item.kind is IDENTITY}
        others = [index for index in range(len(items)) if index not in essential]
        head, tail = ends([least[index] for index in others], room - sum(least[index] for index in essential))
        gone = set(others[head : len(others) - tail])
        for index in gone:
            self._cut(items[index])
        kept = [index for index in range(len(items)) if index not in gone]
        return [items[index] for index in kept], room - sum(keys[index] for index in kept)


class _Rework:
    """What detectors and the user's function make of one value, and its payloads replaced."""

    def __init__(
        self,
        detect: Sequence[Callable[[str], str]],
        redact: Callable[[str, str], str | None] | None,
        *,
        has_secrets: bool,
        is_structured: bool,
    ) -> None:
        self._detect = detect
        self._redact = redact
        self._has_secrets = has_secrets
        self._is_structured = is_structured
        self._is_active = bool(detect) or redact is not None
        self.is_redacted = self.is_cut = self.is_dropped = False

    def value(self, value: Any, path: str, name: str) -> Any:
        """The value as it may travel, but for its size; `is_dropped` says that it may not."""
        if type(value) in _SCALARS:
            return value
        if issubclass(type(value), (bytes, bytearray)):
            return self._bytes(value, path, name)
        if not issubclass(type(value), str):
            tree = _tree(value)
            self._walk(tree, path, name)
            return tree if self.is_redacted or self.is_cut else value
        if not (self._is_active or may_hold_payload(value)):
            return value
        tree = _parsed(value)
        if tree is None:
            text = self._text(value, path, name)
            self.is_dropped = text is None
            return text
        self._walk(tree, path, name)
        # What was looked at is what travels: a key that is there twice would hide its first value.
        return dumps(tree) if self._is_active or self.is_cut else value

    def _bytes(self, value: Any, path: str, name: str) -> Any:
        try:
            text = bytes(value).decode()
        except UnicodeDecodeError:
            return value
        made = self._text(text, path, name) if self._is_active else text
        self.is_dropped = made is None
        return value if made == text else made

    def _walk(self, tree: Any, path: str, name: str) -> None:
        """Rework each text in a JSON value, in place."""
        stack = [(tree, path, self._is_structured, name)]
        while stack:
            node, path, structured, name = stack.pop()
            is_object = type(node) is dict
            for key, child in list(node.items() if is_object else enumerate(node)):
                there = (f"{path}.{key}" if is_object else f"{path}[{key}]") if self._redact else ""
                called = key if is_object else name  # what is in a list is called as the list is
                if type(child) in (dict, list):
                    stack.append((child, there, structured and (not is_object or key in NESTS), called))
                elif type(child) is str:
                    pinned = is_object and structured and key in STRUCTURE
                    if pinned:
                        node[key] = self._pinned(child)
                    else:
                        made = self._text(child, there, called, node if is_object else None)
                        node[key] = REDACTED if made is None else made
                elif self._has_secrets and is_secret(called, child):
                    node[key] = self._changed(REDACTED)
            if is_object and self._detect:
                self._keys(node, structured)

    def _pinned(self, text: str) -> str:
        """What carries structure, which only loses what looks like a secret."""
        made = without_secrets(text) if self._has_secrets else text
        return made if made == text else self._changed(made)

    def _text(self, text: str, path: str, name: str, beside: dict[str, Any] | None = None) -> str | None:
        made: str | None = without_payload(text, name, beside)
        if made != text:
            self.is_cut = True
            text = made or ""
        if self._has_secrets and not text.startswith("[REDACTED") and is_secret(name, text):
            text = self._changed(REDACTED)
        for detect in self._detect:
            made = detect(text)
            if made != text:
                text = self._changed(made)
        if self._redact is None:
            return text
        made = self._ask(self._redact, text, path)
        return text if made == text else self._changed(made)

    def _ask(self, redact: Callable[[str, str], str | None], text: str, path: str) -> str | None:
        try:
            made = redact(text, path)
            if made is None:
                return None
            if issubclass(type(made), str):
                return clean_text(made)
            problem = f"returned a value of type {type(made).__name__}"
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            problem = f"raised {type(error).__name__}"
        _diagnostics.count("redact_failed")
        _diagnostics.warn("redact_failed", "`redact()` %s; the value it was given is not sent.", problem)
        return _HOOK_FAILED

    def _keys(self, node: dict[str, Any], structured: bool) -> None:
        """Look at the keys of an object too: people use addresses and numbers as such."""
        made: dict[str, Any] = {}
        for key, child in node.items():
            new = key
            if not (structured and key in STRUCTURE):
                for detect in self._detect:
                    new = detect(new)
            while new != key and (new in made or new in node):
                new = f"{new} {len(made)}"
            made[new] = child
        if made.keys() != node.keys():
            self.is_redacted = True
            node.clear()
            node.update(made)

    def _changed(self, made: Any) -> Any:
        self.is_redacted = True
        return made


# --- values ----------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> Any:
    """The list or object that a JSON text holds, in reasonable depth; `None` for any other text."""
    if text[:64].lstrip()[:1] not in ("[", "{"):
        return None
    try:
        tree = orjson.loads(text)
        if _has_huge_floats(tree):
            tree = parsed_json(text)
    except Exception:  # noqa: BLE001 - no JSON, or more than orjson reads
        try:
            tree = parsed_json(text)
        except Exception:  # noqa: BLE001 - no JSON, or too deep for any parser
            return None
    return _flattened(tree)


def _has_huge_floats(tree: Any) -> bool:
    """Whether there may have been integers outside 64 bits, which orjson turns into floats.

    `parsed_json` looks for their digits instead, which takes longer than parsing where most of the text is images.
    """
    nodes = [tree]
    while nodes:
        below = [child for node in nodes for child in children(node)]
        if any(type(child) is float and abs(child) >= 2**63 for child in below):
            return True
        nodes = [child for child in below if type(child) in (dict, list)]
    return False


def _tree(value: Any) -> Any:
    """A value that is no text as a list or object of JSON's own types, that nobody else has."""
    tree = _flattened(orjson.loads(dumps(value)))
    return tree if type(tree) in (dict, list) else [tree]


def _flattened(tree: Any) -> Any:
    """The same value; what lies deeper than `MAX_DEPTH` is JSON text."""
    nodes = [tree]
    for _ in range(MAX_DEPTH):
        nodes = [child for node in nodes for child in children(node) if type(child) in (dict, list)]
        if not nodes:
            return tree
    for node in nodes:
        for key, child in list(node.items() if type(node) is dict else enumerate(node)):
            if type(child) in (dict, list):
                node[key] = dumps(child)
    return tree


def _size(value: Any) -> int:
    if issubclass(type(value), str):
        return size_of_text(value)
    if type(value) in _SCALARS:
        return 8
    return len(value) if issubclass(type(value), (bytes, bytearray)) else size_of_text(dumps(value))


def _fitted(value: Any, budget: int, *, is_structured: bool) -> Any:
    """The value in at most `budget` bytes."""
    if issubclass(type(value), (bytes, bytearray)):
        return cut_text(f"[{len(value):,} bytes, sha256:{sha256(value).hexdigest()}]", budget)
    if not issubclass(type(value), str):
        made = fit(_tree(value), budget, is_structured=is_structured)
        return made if _size(made) <= budget else ""
    tree = _parsed(value)
    if tree is None:
        return cut_text(value, budget)
    text = dumps(fit(tree, budget, is_structured=is_structured))
    if size_of_text(text) > budget:
        text = "{}" if type(tree) is dict else "[]"
    return text if len(text) <= max(budget, 2) and budget >= 2 else ""


# --- metadata only ---------------------------------------------------------------------------------------------------


def _lengths(value: Any, kind: str) -> Any:
    """The value with each text, argument and result replaced by its length; of messages, the structure stays."""
    if kind is not MESSAGES or type(value) in _SCALARS:
        return _length(value)
    tree = _parsed(value) if issubclass(type(value), str) else _tree(value)
    if tree is None:
        return _length(value)
    stack = [tree]
    while stack:
        node = stack.pop()
        is_object = type(node) is dict
        for key, child in list(node.items() if is_object else enumerate(node)):
            if type(child) in (dict, list) and (not is_object or key in NESTS):
                stack.append(child)
            elif not (is_object and key in STRUCTURE and type(child) not in (dict, list)) and child is not None:
                node[key] = {"$comment": _length(child)} if key == _SCHEMA and type(child) is dict else _length(child)
    return dumps(tree)


def _length(value: Any) -> str:
    return f"[{len(as_text(value)):,} characters]"
