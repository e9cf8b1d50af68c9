"""What of a run each contender sends: one run of each, taken apart."""

import gzip
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import workload as w
from contenders import EVERYTHING
from environments import InstallationError, python
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from processes import WorkerError, work

__all__ = ["compare"]

FACTS = {
    "user prompt": [w.USER_PROMPT],
    "system prompt": [w.SYSTEM_PROMPT],
    "response": [w.RESPONSE],
    "agent": ["buyer"],
    "session": ["s-1"],
    "metadata": [*w.RUN_ATTRIBUTES.values()],
    "model asked": [w.MODEL],
    "model used": [w.MODEL_USED],
    "tokens": [w.CACHED, w.COMPLETION],
    "cost": [w.COST],
    "finish reason": ["stop"],
    "tool definitions": [tool["function"]["description"] for tool in w.TOOLS],
    "tool arguments": [*w.TOOL_ARGS.values()],
    "tool result": [each["supplier"] for each in w.TOOL_RESULT["offers"]],
}

LONG = 40
"""A text of more characters may be part of another; a shorter one would be found anywhere."""


def compare(names: Iterable[str], directory: Path | None) -> dict[str, Any]:
    """Whether each fact is among what arrives, and all of the messages, however long they are."""
    answer: dict[str, Any] = {}
    for name in names:
        for size in (w.LIGHT, w.HEAVY):
            try:
                answer[f"{name} {size.name}"] = looked_at(name, size, directory)
            except (WorkerError, InstallationError) as problem:
                print(f"{name}: {str(problem).splitlines()[-1]}")
                break
            show(f"{name} {size.name}", answer[f"{name} {size.name}"])
    return answer


def looked_at(name: str, size: w.Size, directory: Path | None) -> dict[str, Any]:
    label = next(key for key, value in vars(w).items() if value is size)
    environment = {} if directory is None else {"python": python(EVERYTHING[name], directory)}
    with receiver() as (url, requests):
        work("one", name, label, url, environ=EVERYTHING[name].environ, **environment)
    spans = [span for request in requests for span in taken_apart(request)]
    found = set(leaves(spans))
    long = [each for each in found if isinstance(each, str) and len(each) > LONG]
    wanted = {**FACTS, "messages": [each["content"] for each in size.messages]}
    missing = [fact for fact, values in wanted.items() if not all(is_there(value, found, long) for value in values)]
    others = [path for path, _ in requests if not path.endswith(("/v1/traces", "/v1/custom"))]
    return {"missing": missing, "other requests": others, "spans": spans}


def is_there(value: Any, found: set[Any], long: list[str]) -> bool:
    """Whether it is a value, or a long text in one."""
    return value in found or (isinstance(value, str) and len(value) > LONG and any(value in each for each in long))


def show(label: str, looked: dict[str, Any]) -> None:
    missing = ", ".join(f"no {fact}" for fact in looked["missing"]) or "everything"
    others = f"; besides: {', '.join(looked['other requests'])}" if looked["other requests"] else ""
    print(f"{label:24}{len(looked['spans'])} spans, {missing}{others}", flush=True)


def taken_apart(request: tuple[str, bytes]) -> list[dict[str, Any]]:
    """The spans of a request."""
    path, body = request
    if path.endswith("/v1/traces"):
        traces = MessageToDict(ExportTraceServiceRequest.FromString(body))
        return [
            span
            for resource in traces.get("resourceSpans", [])
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
    return [json.loads(body)] if path.endswith("/v1/custom") else []


def leaves(value: Any) -> Iterator[Any]:
    """All texts and numbers, of JSON in texts, too."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(int(each) if key == "intValue" else each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value
        if isinstance(value, str) and value[:1] in tuple('[{"'):
            try:
                yield from leaves(json.loads(value))
            except ValueError:
                return


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The URL of a receiver, and the paths and bodies of what is posted to it."""
    requests: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_gzip = self.headers.get("content-encoding") == "gzip"
            requests.append((self.path, gzip.decompress(body) if is_gzip else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
