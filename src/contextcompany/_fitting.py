"""Makes values fit into a number of bytes, inside their structure: JSON stays JSON, messages stay messages.

Long text keeps head and tail, lists and objects with too many entries keep the outer ones, base64 data becomes its
hash. Every marker says how much was left out and its SHA-256. Nothing here recurses.
"""

from __future__ import annotations

import binascii
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from contextcompany._content import clean_text, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "NESTS",
    "PAYLOAD_LIMIT",
    "STRUCTURE",
    "children",
    "cut_text",
    "ends",
    "fit",
    "level",
    "may_hold_payload",
    "size_of_text",
    "without_payload",
]

STRUCTURE = frozenset(
    {
        *("role", "type", "id", "name", "finish_reason", "modality", "mime_type", "media_type", "file_id", "index"),
        *("call_id", "tool_call_id", "tool_name", "tool_call_name", "kind", "part_kind", "event.name"),
    }
)
"""Keys of messages, their parts and tool definitions that say what these are; their values stay."""

_REQUIRED = ("parts", "content", "response", "uri", "server_tool_call", "server_tool_call_response")
"""Other keys without which a message or part is none; their values may shrink."""

NESTS = frozenset(
    {
        *("parts", "content", "contents", "message", "messages", "choices", "function", "tool_call", "tool_calls"),
        *("server_tool_call", "server_tool_call_response"),
    }
)
"""Keys of messages and parts under which a list or object has such structure again."""

PAYLOAD_LIMIT = 64 * 1024
"""Base64 text longer than this is replaced by its hash."""

_LEAST_MESSAGE = 320
_LEAST_PART = 192
_LEAST_ENTRY = 72
"""Bytes that an entry gets at least; where there is not as much for each, the middle ones go."""

_LONGER = 40
"""Bytes by which the roles and finish reasons of two messages can differ, where they are words."""

_LONGEST_KEY = 256


# --- text ------------------------------------------------------------------------------------------------------------


def size_of_text(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _written_size(value: object) -> int:
    """Bytes of a text or scalar as JSON."""
    return len(dumps(value).encode()) if type(value) is not str else _written_text(value)


def _written_text(text: str) -> int:
    return size_of_text(dumps(text))


def cut_text(text: str, budget: int, size: Callable[[str], int] = size_of_text) -> str:
    """The text in at most `budget` bytes: head, `…[12,345 characters, sha256:…]…`, tail.

    Count and hash are of what is left out. Where not even the marker fits, `…` stands alone, or nothing.
    """
    if size(text) <= budget:
        return text
    spare = budget - size(_marker(len(text), "characters"))
    if spare < 0:
        return next((short for short in ("…", "") if size(short) <= budget), "")
    frame = size("")
    head = _start(text, spare - spare // 2, size, frame)
    end = text[-(spare // 2) :] if spare > 1 else ""
    tail = _start(end[::-1], spare // 2, size, frame)[::-1]
    left_out = text[len(head) : len(text) - len(tail)]
    return f"{head}{_marker(len(left_out), 'characters', left_out)}{tail}"


def _start(text: str, budget: int, size: Callable[[str], int], frame: int) -> str:
    """As much of the start of a text as has at most `budget` bytes, or a little less."""
    length = min(len(text), budget)
    while length > 0:
        start = text[:length]
        has = size(start) - frame
        if has <= budget:
            return start
        length = min(length - 1, length * budget // has)
    return ""


def _marker(count: int, what: str, left_out: object = "") -> str:
    text = left_out if type(left_out) is str else dumps(left_out)
    return f"…[{count:,} {what}, sha256:{sha256(clean_text(text).encode()).hexdigest()[:16]}]…"


# --- base64 ----------------------------------------------------------------------------------------------------------

_STEP = PAYLOAD_LIMIT // 2
_SAMPLE = re.compile(r"[A-Za-z0-9+/_=\\\r\n-]{96}")
_SAMPLE_OF_UTF8 = re.compile(_SAMPLE.pattern.encode())
_DATA_URL = re.compile(r"data:([\w.+/-]{0,100})(?:;[\w.=+-]{1,100}){0,4};base64,\Z")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_RUN = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/_-]{65537,}={0,2}|(?:[A-Za-z0-9+/]{60,100}\r?\n){650,}[A-Za-z0-9+/]*={0,2})"
)
"""Base64 in one piece, or in lines as in e-mail."""

_DATA_KEYS = frozenset({"data", "b64_json", "base64", "bytes", "file_data"})
_MIME_KEYS = ("mime_type", "media_type", "mimeType", "mediaType", "format", "modality")


def may_hold_payload(text: str | bytes) -> bool:
    """Whether text, or its UTF-8, can hold more than `PAYLOAD_LIMIT` of base64, which covers one of these places."""
    if len(text) <= PAYLOAD_LIMIT:
        return False
    match: Any = _SAMPLE.match if type(text) is str else _SAMPLE_OF_UTF8.match
    for place in range(0, len(text), _STEP):  # noqa: SIM110 - every large span comes here; a generator takes twice as long
        if match(text, place):
            return True
    return False


def without_payload(text: str, key: object = None, beside: dict[str, Any] | None = None) -> str:
    """The text with base64 data that is too long replaced by its type, length and SHA-256.

    `key` and `beside`, the object that it stands in, tell what is data and of which type. Elsewhere it is data after
    `data:…;base64,`, and where it looks so.
    """
    if not may_hold_payload(text):
        return text
    if beside is not None and (key in _DATA_KEYS or any(other in beside for other in _MIME_KEYS)):
        whole = _described(text, _mime(beside))
        if whole is not None:
            return whole
    return _RUN.sub(_replaced, text) if ";base64," not in text else _without_data_urls(text)


def _without_data_urls(text: str) -> str:
    out, done = [], 0
    for run in _RUN.finditer(text):
        before = text[max(run.start() - 600, done) : run.start()]
        at = before.rfind("data:")
        url = _DATA_URL.match(before, at) if at >= 0 else None
        start = run.start() - len(before) + at if url else run.start()
        described = _described(run[0], url[1]) if url else _replaced(run)
        out += [text[done:start], described or text[start : run.end()]]
        done = run.end()
    return "".join([*out, text[done:]])


def _replaced(run: re.Match[str]) -> str:
    sample = {*run[0][:4096], *run[0][len(run[0]) // 2 :][:4096]}
    looks_encoded = len(sample) >= 32 and any(map(str.islower, sample)) and any(map(str.isupper, sample))
    return (looks_encoded and any(map(str.isdigit, sample)) and _described(run[0], "")) or run[0]


def _described(text: str, mime: str) -> str | None:
    """The marker for base64 text; `None` when it is none. Length and hash are those of the data."""
    try:
        raw = text.encode("ascii")
        if b"-" in raw or b"_" in raw:
            raw = raw.translate(_URL_SAFE)
        data = binascii.a2b_base64(raw.rstrip(b"=") + b"==")
    except ValueError:
        return None
    # The decoder skips what is not in the alphabet; then there are fewer bytes than the characters stand for.
    if len(data) != (len(raw.rstrip(b"=")) - raw.count(b"\n") - raw.count(b"\r")) * 3 // 4:
        return None
    return f"[{mime or 'base64 data'}, {len(data):,} bytes, sha256:{sha256(data).hexdigest()}]"


def _mime(beside: dict[str, Any]) -> str:
    return next((mime[:100] for key in _MIME_KEYS if type(mime := beside.get(key)) is str), "")


# --- structures ------------------------------------------------------------------------------------------------------


def level(sizes: Iterable[int], room: int) -> int | None:
    """The size down to which the largest must shrink so that the sum fits into `room`; `None` when it does."""
    ordered = sorted(sizes)
    for index, size in enumerate(ordered):
        if size * (len(ordered) - index) > room:
            return max(room // (len(ordered) - index), 0)
        room -= size
    return None


def fit(tree: Any, budget: int, *, is_structured: bool) -> Any:
    """A JSON value in at most `budget` bytes of JSON. Containers are changed in place.

    With `is_structured` it consists of messages, parts or tool definitions, and still does afterwards.
    """
    sizes = _sizes(tree)
    holder = [tree]
    work: list[tuple[Any, Any, int, bool]] = [(holder, 0, budget, is_structured)]
    while work:
        parent, key, budget, structured = work.pop()
        node = parent[key]
        if _size(node, sizes) <= budget:
            continue
        if type(node) is list:
            work += _fit_list(node, budget, structured, sizes)
        elif type(node) is dict:
            work += _fit_dict(node, budget, structured, sizes)
        else:
            parent[key] = cut_text(node if type(node) is str else dumps(node), budget, _written_text)
    return holder[0]


def _size(node: Any, sizes: dict[int, int]) -> int:
    return sizes[id(node)] if type(node) in (dict, list) else _written_size(node)


def _sizes(tree: Any) -> dict[int, int]:
    """Bytes of each container as JSON, by its id."""
    containers = [tree] if type(tree) in (dict, list) else []
    for node in containers:  # it grows meanwhile
        containers.extend(child for child in children(node) if type(child) in (dict, list))
    sizes: dict[int, int] = {}
    for node in reversed(containers):
        inside = sum(_size(child, sizes) for child in children(node))
        keys = sum(_written_text(key) + 1 for key in node) if type(node) is dict else 0
        sizes[id(node)] = inside + keys + max(len(node) + 1, 2)
    return sizes


def children(node: Any) -> Iterable[Any]:
    """The values in a list or object."""
    return node.values() if type(node) is dict else node


def _fit_list(
    node: list[Any], budget: int, structured: bool, sizes: dict[int, int]
) -> list[tuple[Any, Any, int, bool]]:
    each = [_size(child, sizes) for child in node]
    least = _LEAST_ENTRY
    if structured and node and type(node[0]) is dict:
        least = _LEAST_MESSAGE if "role" in node[0] else _LEAST_PART
    share = level(each, budget - len(node) - 1)
    if share is not None and share < least:
        marker = _stand_in(node, 0, _marker(len(node), "items"), structured)
        # Another role or reason than that of the first can make it longer.
        room = budget - 3 - _size_of(marker) - (_LONGER if structured else 0)
        head, tail = ends([min(size, least) for size in each], room)
        end = len(node) - tail
        marker = _stand_in(node, head, _marker(end - head, "items", node[head:end]), structured)
        node[head:end] = [marker]
        if _size_of(marker) + 2 > budget:
            node.clear()
        each = [_size_of(child) if child is marker else _size(child, sizes) for child in node]
        share = level(each, budget - len(node) - 1)
    return [] if share is None else [(node, i, share, structured) for i, size in enumerate(each) if size > share]


def _fit_dict(
    node: dict[str, Any], budget: int, structured: bool, sizes: dict[int, int]
) -> list[tuple[Any, Any, int, bool]]:
    if any(len(key) > _LONGEST_KEY for key in node):
        entries = [(cut_text(key, _LONGEST_KEY), child) for key, child in node.items()]
        node.clear()
        node.update(entries)
    pinned = {key for key in node if structured and key in STRUCTURE}
    keys = {key: _written_text(key) + 2 for key in node}
    each = {key: _size(child, sizes) for key, child in node.items()}
    if sum(min(size, _LEAST_ENTRY) + keys[key] for key, size in each.items()) + 1 > budget:
        _drop_entries(node, budget, pinned, each, keys)
        each = {key: _size(child, sizes) for key, child in node.items()}
    room = budget - 1 - sum(_written_text(key) + 2 for key in node)
    fixed = sum(each[key] for key in pinned)
    if fixed <= room // 2:
        room -= fixed
        each = {key: size for key, size in each.items() if key not in pinned}
    share = level(each.values(), room)
    if share is None:
        return []
    return [(node, key, share, structured and key in NESTS) for key, size in each.items() if size > share]


def _drop_entries(
    node: dict[str, Any], budget: int, pinned: set[str], each: dict[str, int], keys: dict[str, int]
) -> None:
    """Leave out the middle entries, but not what carries the structure."""
    pinned = pinned | {key for key in _REQUIRED if pinned and key in node}
    others = [key for key in node if key not in pinned]
    fixed = sum(min(each[key], _LEAST_ENTRY) + keys[key] for key in pinned)
    fixed += _written_text(_marker(len(others), "entries")) + 10
    head, tail = ends([min(each[key], _LEAST_ENTRY) + keys[key] for key in others], budget - fixed)
    left_out = {key: node.pop(key) for key in others[head : len(others) - tail]}
    last = {key: node.pop(key) for key in others[len(others) - tail :]}
    if fixed <= budget:
        node["…"] = _marker(len(left_out), "entries", left_out)
    node.update(last)


def ends(sizes: list[int], room: int) -> tuple[int, int]:
    """How many from the start and from the end, in turn, fit into `room`; never all."""
    head = tail = 0
    while head + tail < len(sizes) - 1:
        from_head = head <= tail
        room -= 1 + (sizes[head] if from_head else sizes[-1 - tail])
        if room < 0:
            break
        head, tail = (head + 1, tail) if from_head else (head, tail + 1)
    return head, tail


def _size_of(tree: Any) -> int:
    return _size(tree, _sizes(tree))


def _stand_in(items: list[Any], index: int, text: str, structured: bool) -> Any:
    """What stands for items from `index` on: the text, or a message, part or definition that holds it."""
    first = items[index]
    if not structured or type(first) is not dict:
        return text
    if "role" in first:
        text = text.replace(" items,", " messages,")
        role = first["role"] if _is_word(first["role"]) else "user"
        body = {"parts": [{"type": "text", "content": text}]} if "parts" in first else {"content": text}
        reason = first.get("finish_reason", "")
        return {"role": role, **body, **({"finish_reason": reason if _is_word(reason) else "stop"} if reason else {})}
    if first.get("type") == "function":
        return {"type": "function", "name": "…", "description": text}
    return {"type": "text", "content": text}


def _is_word(value: object) -> bool:
    return (
        type(value) is str and len(value) <= _LONGER // 2 and value.replace("-", "_").isidentifier() and value.isascii()
    )
