"""Resources and scopes ⇄ text: values as OTLP writes them in JSON, which can say bytes, NaN and 64-bit integers."""

from __future__ import annotations

import base64
import math
from typing import Any, Final

import orjson

from contextcompany.observatory.otlp import EntityRef, Resource, Scope

__all__ = ["as_otlp", "decode", "encode"]

_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(resource: Resource, scope: Scope) -> str:
    """Both as JSON; equal values give equal text."""
    about = resource._asdict() | {
        "attributes": _pairs(resource.attributes),
        "entity_refs": [each._asdict() for each in resource.entity_refs],
    }
    return orjson.dumps(
        {"resource": about, "scope": scope._asdict() | {"attributes": _pairs(scope.attributes)}}
    ).decode()


def decode(content: str) -> tuple[Resource, Scope]:
    """What `encode` was given."""
    both = orjson.loads(content)
    resource, scope = both["resource"], both["scope"]
    refs = [EntityRef(**each) for each in resource["entity_refs"]]
    return (
        Resource(**resource | {"attributes": _values(resource["attributes"]), "entity_refs": refs}),
        Scope(**scope | {"attributes": _values(scope["attributes"])}),
    )


def as_otlp(content: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `encode` made, as OTLP has it in JSON around a resource's scopes and around a scope's items."""
    both = orjson.loads(content)
    resource, scope = both["resource"], both["scope"]
    refs = [{_KEYS.get(key, key): value for key, value in each.items()} for each in resource.pop("entity_refs")]
    return _around("resource", resource | {"entityRefs": refs}), _around("scope", scope)


_KEYS: Final = {
    "dropped_attributes": "droppedAttributesCount",
    "schema_url": "schemaUrl",
    "id_keys": "idKeys",
    "description_keys": "descriptionKeys",
}


def _around(name: str, about: dict[str, Any]) -> dict[str, Any]:
    """What is empty is left out, as OTLP has it."""
    schema_url = about.pop("schema_url")
    said = {_KEYS.get(key, key): value for key, value in about.items() if value}
    return {name: said} | ({"schemaUrl": schema_url} if schema_url else {})


def _pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _values(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _any_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        special = "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
        return {"doubleValue": value if math.isfinite(value) else special}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(each) for each in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value)}}
    return {"stringValue": value}


def _value(value: dict[str, Any]) -> Any:
    for kind, held in value.items():
        if kind == "intValue":
            return int(held)
        if kind == "doubleValue":
            return _NUMBERS[held] if isinstance(held, str) else float(held)
        if kind == "bytesValue":
            return base64.b64decode(held)
        if kind == "arrayValue":
            return [_value(each) for each in held["values"]]
        if kind == "kvlistValue":
            return _values(held["values"])
        return held
    return None
