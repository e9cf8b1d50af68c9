"""A sound export, by another instrumentation and by ours, that tests spoil: OTLP in JSON, with handles on all items."""

import io
import json
import math
from typing import Any

from contextcompany.linting import Linter
from contextcompany.observatory import files

__all__ = ["Export", "Item", "findings", "rules_found", "sound"]

START = 1_760_000_000_000_000_000
TRACE = "5b8efff798038103d269b633813fc60c"


def value(of: Any) -> dict[str, Any]:
    """A value as OTLP's JSON has it."""
    if isinstance(of, bool):
        return {"boolValue": of}
    if isinstance(of, int):
        return {"intValue": str(of)}
    if isinstance(of, float):
        return {"doubleValue": of if math.isfinite(of) else "NaN"}
    if isinstance(of, list):
        return {"arrayValue": {"values": [value(each) for each in of]}}
    if isinstance(of, dict):
        return {"kvlistValue": {"values": pairs(of)}}
    return {} if of is None else {"stringValue": of}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(each)} for key, each in attributes.items()]


class Item:
    """A span, log record, event or resource: `json` is what is written."""

    def __init__(self, json: dict[str, Any]) -> None:
        self.json = json

    def set(self, key: str, of: Any) -> None:
        self.drop(key)
        self.json["attributes"] += pairs({key: of})

    def add(self, key: str, of: Any) -> None:
        self.json["attributes"] += pairs({key: of})

    def drop(self, *keys: str) -> None:
        self.json["attributes"] = [each for each in self.json["attributes"] if each["key"] not in keys]

    def rename(self, key: str, new: str) -> None:
        for each in self.json["attributes"]:
            if each["key"] == key:
                each["key"] = new

    def put(self, **fields: Any) -> None:
        self.json.update(fields)

    def event(self, name: str, at: int | None = None, /, **attributes: Any) -> None:
        """With an event; `__` in attributes is a dot."""
        when = int(self.json["startTimeUnixNano"]) + 1000 if at is None else at
        made = pairs({key.replace("__", "."): each for key, each in attributes.items()})
        self.json.setdefault("events", []).append({"name": name, "timeUnixNano": str(when), "attributes": made})

    def fail(self, **attributes: Any) -> None:
        self.json["status"] = {"code": 2}
        for key, each in attributes.items():
            self.set(key.replace("__", "."), each)


class Export:
    """Three spans and an event of another instrumentation, and three spans and an event of ours."""

    def __init__(self) -> None:
        self.run = span(1, 0, "invoke_agent support", 1, RUN)
        self.step = span(2, 1, "chat gpt-4o", 3, STEP)
        self.tool = span(3, 1, "execute_tool find_order", 1, TOOL)
        self.embed = span(4, 1, "embeddings text-embedding-3-small", 3, EMBED)
        self.find = span(5, 1, "retrieval orders", 3, FIND)
        self.details = log("gen_ai.client.inference.operation.details", 2, DETAILS)
        self.verdict = log("gen_ai.evaluation.result", 2, VERDICT)
        self.our_run = span(0xA1, 0, "invoke_agent support", 1, RUN | OURS, trace=OUR_TRACE)
        self.our_step = span(0xA2, 0xA1, "chat gpt-4o", 3, STEP | OURS | OUR_STEP, trace=OUR_TRACE)
        self.our_tool = span(0xA3, 0xA1, "execute_tool find_order", 1, TOOL | OURS, trace=OUR_TRACE)
        self.our_verdict = log("gen_ai.evaluation.result", 0xA1, VERDICT | {"tcc.runId": "r-1"}, trace=OUR_TRACE)
        for each in (self.our_run, self.our_step, self.our_tool):
            each.drop("tcc.step.id" if each is not self.our_step else "")
        self.our_run.set("tcc.agent", "support")
        self.resource = Item({"attributes": pairs({"service.name": "shop"})})
        self.scope: dict[str, Any] = {"name": "shop.instrumentation", "version": "1"}
        self.text = ""

    def body(self) -> bytes:
        """All of it, or the `text` that was put in its place."""
        if self.text:
            return self.text.encode()
        spans = [self.run, self.step, self.tool, self.embed, self.find], [self.our_run, self.our_step, self.our_tool]
        logs = [self.details, self.verdict], [self.our_verdict]
        return json.dumps(
            {
                "resourceSpans": [self._resource("scopeSpans", "spans", spans)],
                "resourceLogs": [self._resource("scopeLogs", "logRecords", logs)],
            }
        ).encode()

    def _resource(self, scopes: str, items: str, both: tuple[list[Item], list[Item]]) -> dict[str, Any]:
        of_scopes = [self.scope, {"name": "contextcompany", "version": "1"}]
        return {
            "resource": self.resource.json,
            scopes: [
                {"scope": scope, items: [each.json for each in of]} for scope, of in zip(of_scopes, both, strict=True)
            ],
        }


def sound(*changes: Any) -> Export:
    """The export, with what the changes make of it."""
    export = Export()
    for change in changes:
        change(export)
    return export


def findings(body: bytes) -> list[Any]:
    """What is found in a file."""
    linter = Linter()
    found = [each for part in files.parts(io.BytesIO(body), START) for each in linter.take(part)]
    return [*found, *linter.finish()]


def rules_found(export: Export) -> set[str]:
    """The rules that are broken in an export."""
    return {each.rule for each in findings(export.body())}


# --- what is in it ---------------------------------------------------------------------------------------------------

OUR_TRACE = "0123456789abcdef0123456789abcdef"

RUN = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "support", "gen_ai.conversation.id": "s-1"}

STEP = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.conversation.id": "s-1",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.stream": True,
    "gen_ai.response.time_to_first_chunk": 0.2,
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 60,
    "gen_ai.usage.cache_write.input_tokens": 40,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "find_order", "arguments": {}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "shipped"}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}], "finish_reason": "stop"}]
    ),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "find_order", "parameters": {}}]),
}

TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "find_order",
    "gen_ai.tool.type": "function",
    "gen_ai.tool.call.id": "c",
    "gen_ai.tool.call.arguments": "{}",
    "gen_ai.tool.call.result": '"shipped"',
    "gen_ai.conversation.id": "s-1",
}

EMBED = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "text-embedding-3-small",
    "gen_ai.usage.input_tokens": 8,
    "gen_ai.embeddings.dimension.count": 512,
}

FIND = {
    "gen_ai.operation.name": "retrieval",
    "gen_ai.data_source.id": "orders",
    "gen_ai.retrieval.documents": json.dumps([{"id": "d-1", "score": 0.5}]),
}

VERDICT = {
    "gen_ai.evaluation.name": "relevance",
    "gen_ai.evaluation.score.value": 1.0,
    "gen_ai.evaluation.score.label": "relevant",
}

DETAILS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}],
}

USER = {"user.id": "u-1", "tcc.userId": "u-1"}

OURS = {"tcc.runId": "r-1", "tcc.sessionId": "s-1", **USER, "tcc.status.code": 0, "tcc.step.id": "p-1"}

OUR_STEP = {"tcc.cost.total": 0.01, "gen_ai.usage.cost": 0.01, "tcc.cost.source": "provided"}


def span(number: int, parent: int, name: str, kind: int, attributes: dict[str, Any], *, trace: str = TRACE) -> Item:
    """One that is within its parent; numbers are ids, and seconds."""
    start = START + (number & 15) * 10**9
    return Item(
        {
            "traceId": trace,
            "spanId": f"{number:016x}",
            **({"parentSpanId": f"{parent:016x}"} if parent else {}),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 5 * 10**8 if parent else START + 60 * 10**9),
            "attributes": pairs(attributes),
            "status": {},
        }
    )


def log(event: str, number: int, attributes: dict[str, Any], *, trace: str = TRACE) -> Item:
    return Item(
        {
            "timeUnixNano": str(START),
            "eventName": event,
            "traceId": trace,
            "spanId": f"{number:016x}",
            "attributes": pairs(attributes),
        }
    )
