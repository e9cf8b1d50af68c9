"""Runs that only one test needs, span by span, as OTLP's JSON."""

import time

import requests

__all__ = ["send", "span"]

KINDS = {"run": ("invoke_agent", "gen_ai.agent.name"), "step": ("chat", "gen_ai.request.model")}
KINDS["tool_call"] = ("execute_tool", "gen_ai.tool.name")


def span(number, parent, kind, name, *, start=0.0, end=1.0, error="", events=(), links=(), **attributes):
    """A span, in seconds before now; `end=None` is still open.

    Events are `(name, second, attributes)`, and links `(trace, span, attributes)`.
    """
    operation, key = KINDS[kind]
    now = time.time() - 10
    return {
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": _nanoseconds(now + start),
        "endTimeUnixNano": "0" if end is None else _nanoseconds(now + end),
        "attributes": _pairs({"gen_ai.operation.name": operation, key: name} | attributes),
        "events": [
            {"name": each, "timeUnixNano": _nanoseconds(now + at), "attributes": _pairs(told)}
            for each, at, told in events
        ],
        "links": [
            {"traceId": f"{trace:032x}", "spanId": f"{other:016x}", "attributes": _pairs(told)}
            for trace, other, told in links
        ],
        "status": {"code": 2, "message": error} if error else {"code": 1},
    }


def send(url, trace, *spans):
    """Have an Observatory receive spans of a run."""
    told = [each | {"traceId": f"{trace:032x}"} for each in spans]
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "contextcompany"}, "spans": told}]}]}
    requests.post(f"{url}/v1/traces", json=body, timeout=10).raise_for_status()
    return f"/runs/{trace:032x}"


def _nanoseconds(seconds):
    return str(int(seconds * 1e9))


def _pairs(told):
    return [{"key": key, "value": _value(value)} for key, value in told.items()]


def _value(value):
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {{int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]: value}
