"""Suspended runs as text: what a run is at that moment, signed if there is a key."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from contextcompany._content import dumps
from contextcompany._data import Scope, Status
from contextcompany.exceptions import TokenError

if TYPE_CHECKING:
    from contextcompany._mapping import Attributes

__all__ = ["Ids", "SavedEvent", "Suspension", "read_token", "write_token"]

_VERSION = 1


class Ids(NamedTuple):
    """The ids of a span, as numbers."""

    trace_id: int
    span_id: int


class SavedEvent(NamedTuple):
    """An event of the run's span."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


class Suspension(NamedTuple):
    """All that is needed to go on with a run: plain values."""

    scope: Scope
    start_ns: int
    suspended_ns: int
    waited: float
    """Seconds it was suspended before."""
    agent: str | None
    tags: list[str] | None
    status: Status
    has_prompt: bool
    attributes: Attributes
    """What its span carries so far."""
    shared: list[str]
    """The keys of those attributes that everything in it carries."""
    parent: Ids | None
    links: list[Ids]
    events: list[SavedEvent]


def write_token(suspension: Suspension, key: str | None) -> str:
    """JSON text of it; with a key, signed by HMAC-SHA256 over its canonical form."""
    plain = suspension._replace(
        attributes={key: _finite(value) for key, value in suspension.attributes.items()},
        parent=_hex(suspension.parent) if suspension.parent else None,  # type: ignore[arg-type]  # JSON's readers
        links=[_hex(link) for link in suspension.links],  # type: ignore[misc]  # have no 128-bit numbers
    )
    text = dumps({"version": _VERSION, **plain._asdict()})
    if not key:
        return text
    payload = orjson.loads(text)
    return dumps({**payload, "signature": _signature(payload, key)})


def read_token(text: str, key: str | None) -> Suspension:
    """What `write_token` was given.

    Raises:
        TokenError: it is no such text, or there is a key and it is not signed with it.
    """
    try:
        payload = orjson.loads(text)
        signature = payload.pop("signature", None)
        version = payload.pop("version")
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        raise TokenError("This is not the token of a suspended run.") from None
    from hmac import compare_digest  # noqa: PLC0415 - with hashlib 3 ms, and few suspend runs

    expected = _signature({"version": version, **payload}, key) if key else ""
    if key and not compare_digest(str(signature).encode(), expected.encode()):
        said = "is not signed" if signature is None else "is signed with another key, or was changed"
        raise TokenError(f"The token of the suspended run {said}; `signing_key` is set, so it is not continued.")
    if version != _VERSION:
        raise TokenError(f"The token of the suspended run has version {version!r}; this release reads {_VERSION}.")
    try:
        return _checked(payload)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        raise TokenError("The token of the suspended run is damaged.") from None


def _checked(payload: dict[str, Any]) -> Suspension:
    scope = Scope(**payload.pop("scope"))
    parent = payload.pop("parent")
    told = Suspension(
        scope=scope,
        parent=None if parent is None else _ids(parent),
        links=[_ids(link) for link in payload.pop("links")],
        events=[SavedEvent(**event) for event in payload.pop("events")],
        status=Status(**payload.pop("status")),
        waited=float(payload.pop("waited")),
        **payload,
    )
    for value, kind in (
        (scope.run_id, str),
        (told.start_ns, int),
        (told.suspended_ns, int),
        (told.status.code, int),
        (told.attributes, dict),
    ):
        if type(value) is not kind:
            raise TypeError
    if not set(told.shared) <= told.attributes.keys():
        raise KeyError
    return told


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinities; as text they are not lost."""
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _signature(payload: dict[str, Any], key: str) -> str:
    import hashlib  # noqa: PLC0415 - as above
    import hmac  # noqa: PLC0415 - as above

    # Sorted, because databases that know JSON may give back its keys in another order.
    return hmac.new(key.encode(), orjson.dumps(payload, option=orjson.OPT_SORT_KEYS), hashlib.sha256).hexdigest()


def _hex(ids: Ids) -> list[str]:
    return [f"{ids.trace_id:032x}", f"{ids.span_id:016x}"]


def _ids(pair: Any) -> Ids:
    trace_id, span_id = pair
    return Ids(int(trace_id, 16), int(span_id, 16))
