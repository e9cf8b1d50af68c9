"""A scripted LLM on loopback that speaks OpenAI's and Anthropic's HTTP APIs to real client libraries."""

import base64
import dataclasses
import json
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import chain, zip_longest
from threading import Condition, Event
from types import TracebackType
from typing import Any, NamedTuple

from loopback import LoopbackServer, read_body

__all__ = ["Answer", "FakeLLM", "Request", "ToolCall", "Usage"]

Json = dict[str, Any]

CREATED = 1_760_000_000
"""When everything was made, in seconds since the epoch."""


@dataclass(frozen=True)
class Request:
    """One request as it was read: names of headers in lower case, the body as JSON (`None` for a GET)."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Usage(NamedTuple):
    """Token counts. The three input counts do not overlap; `reasoning` is a part of `output`."""

    uncached: int = 10
    cached: int = 0
    cache_write: int = 0
    output: int = 5
    reasoning: int = 0

    @property
    def input(self) -> int:
        """All input tokens, as OpenAI counts them."""
        return self.uncached + self.cached + self.cache_write


class ToolCall(NamedTuple):
    """A call that the model asks for; arguments that are text are sent as they are, valid JSON or not."""

    name: str
    arguments: Mapping[str, Any] | str = "{}"
    id: str | None = None

    @property
    def json(self) -> str:
        """The arguments as the text that OpenAI sends."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Answer:
    """What the model answers, whatever the API it is asked by.

    Args:
        text: What it says; None is no text at all.
        tool_calls: What it wants to have called.
        thinking: What it thinks aloud: Anthropic's thinking, Responses' reasoning summary, chat's `reasoning_content`.
        more: The texts of the other choices, when a chat request asks for `n`; by default the same text again.
        usage: Token counts, exactly as they are to arrive.
        finish: Why it stopped, in OpenAI's word (`stop`, `length`, `tool_calls`, `content_filter`), which is
            translated, or in any other, which is sent as it is. By default what the answer looks like.
        model: The model that answered; by default the one that was asked for.
        id: By default `chatcmpl-1`, `resp_1`, `msg_1`, counted over all answers of the server.
        status: The HTTP status; from 400 on the body is an error.
        error: The error's body, by default one in the API's shape. With status 200 a stream says it after `cut` events.
        headers: Extra HTTP headers.
        delay: Seconds before the answer, and in a stream before every event; closing the server breaks it off.
        cut: Drops the connection after so many events of a stream, or anywhere in the body of a plain answer.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    thinking: str | None = None
    more: Sequence[str] = ()
    usage: Usage = Usage()  # noqa: RUF009 - a tuple never changes
    finish: str | None = None
    model: str | None = None
    id: str | None = None
    status: int = 200
    error: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int | None = None


Scripted = Answer | str | Callable[[Request], Answer | str]
"""An answer, its text alone, or what makes one of a request; a callable answers all requests from then on."""


class FakeLLM:
    """Listens from construction until `close()`, and gives each POST the next answer of its script.

    When the script has no answer left, the answer is an error 400 that says so: clients raise it and do not retry.
    A request is kept before it is answered. Answers are given in the order in which requests arrive.
    """

    def __init__(self, *script: Scripted, models: Sequence[str] = ("gpt-4o-mini", "claude-answers-1")) -> None:
        self.models = models
        self._changed = Condition()
        self._script = list(script)
        self._answered = 0
        self._requests: list[Request] = []
        self._closing = Event()
        handler = type("Handler", (_Handler,), {"reply": staticmethod(self._reply), "closing": self._closing})
        self._server = LoopbackServer("fake-llm", handler)

    @property
    def url(self) -> str:
        """The origin, without a path: the base URL of `anthropic`."""
        return self._server.url

    @property
    def openai_url(self) -> str:
        """The base URL of `openai`."""
        return f"{self.url}/v1"

    @property
    def requests(self) -> list[Request]:
        """Every request so far."""
        with self._changed:
            return list(self._requests)

    @property
    def bodies(self) -> list[Any]:
        """The JSON body of every request so far."""
        return [request.body for request in self.requests]

    def then(self, *script: Scripted) -> None:
        """Add to the script."""
        with self._changed:
            self._script += script

    def close(self) -> None:
        """Stop listening and end the threads; may be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.close()

    def __enter__(self) -> "FakeLLM":  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _reply(self, request: Request) -> "_Reply":
        path = request.path.partition("?")[0].rstrip("/")
        with self._changed:
            self._requests.append(request)
        if path.endswith("/models"):
            return _Reply(_models(self.models, request))
        api = next((api for end, api in _APIS.items() if path.endswith(end)), None)
        if api is None or request.method != "POST":
            return _Reply(_openai_error(404, f"no {request.method} {path} here", 0), 404)
        with self._changed:
            self._answered += 1
            number = self._answered
            scripted = self._script[0] if self._script else _NOTHING_LEFT
            if self._script and not callable(scripted):
                self._script.pop(0)
        return _rendered(api, _made(scripted, request), request, number)


def _made(scripted: Scripted, request: Request) -> Answer:
    try:
        made = scripted(request) if callable(scripted) else scripted
    except Exception as error:  # noqa: BLE001  # a failed assertion about the request reaches the test as an answer
        return Answer(f"the script raised {error!r}", status=400)
    return Answer(made) if isinstance(made, str) else made


_NOTHING_LEFT = Answer("The script has no answer left.", status=400)


# -- HTTP --------------------------------------------------------------------------------------------------------


class _Reply(NamedTuple):
    """A JSON body, or the events of a stream."""

    body: Json | Iterable[Json | str]
    status: int = 200
    headers: Mapping[str, str] = {}
    delay: float = 0
    cut: int | None = None


class _Handler(BaseHTTPRequestHandler):
    reply: Callable[[Request], _Reply]
    closing: Event
    protocol_version = "HTTP/1.1"  # keep-alive, as real services have it
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = read_body(self.headers, self.rfile)
        if raw is None:
            self.close_connection = True  # the client died while sending
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.reply(Request(self.command, self.path, headers, json.loads(raw) if raw else None))
        self.close_connection = answer.cut is not None
        if isinstance(answer.body, dict):
            self._send(answer, json.dumps(answer.body).encode())
        else:
            self._stream(answer, answer.body)

    def _send(self, answer: _Reply, body: bytes) -> None:
        if self.closing.wait(answer.delay):
            self.close_connection = True
            return
        self._head(answer, {"content-type": "application/json", "content-length": str(len(body))})
        self.wfile.write(body if answer.cut is None else body[: len(body) // 2])

    def _stream(self, answer: _Reply, events: Iterable[Json | str]) -> None:
        self._head(answer, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})
        for event in events:
            if self.closing.wait(answer.delay):
                self.close_connection = True
                return
            data = _server_sent(event)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        if not self.close_connection:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: _Reply, usual: Mapping[str, str]) -> None:
        self.send_response(answer.status)
        for name, value in {**usual, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Tests are quiet."""


def _server_sent(event: Json | str) -> bytes:
    """One server-sent event; it has a name when its data has a type, as with Responses and Anthropic."""
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if isinstance(event.get("type"), str) else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


# -- answers -----------------------------------------------------------------------------------------------------


class _Api(NamedTuple):
    """How one API says an answer. What is rendered has an id, a model, and ids of its tool calls."""

    id_prefix: str
    call_prefix: str
    request_id: str
    plain: Callable[[Answer, Json], Json]
    events: Callable[[Answer, Json], Iterator[Json | str]]
    error: Callable[[int, str, int], Json]


def _rendered(api: _Api, answer: Answer, request: Request, number: int) -> _Reply:
    headers = {api.request_id: f"req_{number}", **answer.headers}
    if answer.status >= 400:
        default = api.error(answer.status, answer.text or f"error {answer.status}", number)
        body = default if answer.error is None else answer.error
        return _Reply(body, answer.status, headers, answer.delay, answer.cut)
    calls = [
        call if call.id else call._replace(id=f"{api.call_prefix}{number}_{index}")
        for index, call in enumerate(answer.tool_calls)
    ]
    answer = dataclasses.replace(
        answer,
        id=answer.id or f"{api.id_prefix}{number}",
        model=answer.model or request.body.get("model"),
        tool_calls=calls,
        finish=answer.finish or ("tool_calls" if calls else "stop"),
    )
    if not request.body.get("stream"):
        return _Reply(api.plain(answer, request.body), answer.status, headers, answer.delay, answer.cut)
    events: Iterable[Json | str] = api.events(answer, request.body)
    cut = answer.cut
    if cut is not None:
        events = [event for _, event in zip(range(cut), events, strict=False)]
        if answer.error is not None:
            events, cut = [*events, answer.error], None
    return _Reply(events, answer.status, headers, answer.delay, cut)


def _words(text: str | None) -> list[str]:
    """The text in pieces of a word each, as tokens are."""
    return re.findall(r"\s*\S+|\s+$", text or "")


def _pieces(text: str) -> list[str]:
    """JSON text in pieces that respect nothing."""
    return [text[start : start + 7] for start in range(0, len(text), 7)]


# -- OpenAI: chat completions ------------------------------------------------------------------------------------


def _chat(answer: Answer, request: Json) -> Json:
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": answer.finish}
        for index, text in enumerate(_texts(answer, request))
        for message in [_chat_message(answer, text)]
    ]
    return {**_chat_head(answer, "chat.completion"), "choices": choices, "usage": _chat_usage(answer.usage)}


def _chat_head(answer: Answer, kind: str) -> Json:
    fixed = {"created": CREATED, "service_tier": "default", "system_fingerprint": "fp_fake"}
    return {"id": answer.id, "object": kind, "model": answer.model, **fixed}


def _texts(answer: Answer, request: Json) -> list[str | None]:
    others = list(answer.more)
    return [answer.text, *(others.pop(0) if others else answer.text for _ in range(1, request.get("n") or 1))]


def _chat_message(answer: Answer, text: str | None) -> Json:
    message: Json = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if answer.thinking is not None:
        message["reasoning_content"] = answer.thinking
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.json}}
            for call in answer.tool_calls
        ]
    return message


def _chat_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "audio_tokens": 0,
            **({"cache_write_tokens": usage.cache_write} if usage.cache_write else {}),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _chat_events(answer: Answer, request: Json) -> Iterator[Json | str]:
    """Chunks of all choices in turn, the finish reason in a last one; then the usage, if it was asked for."""
    with_usage = (request.get("stream_options") or {}).get("include_usage")
    head = {**_chat_head(answer, "chat.completion.chunk"), **({"usage": None} if with_usage else {})}
    of_choices = [list(_chat_deltas(answer, text)) for text in _texts(answer, request)]
    for deltas in zip_longest(*of_choices):
        for index, delta in enumerate(deltas):
            if delta is not None:
                finish = None if delta else answer.finish
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
                yield {**head, "choices": [choice]}
    if with_usage:
        yield {**head, "choices": [], "usage": _chat_usage(answer.usage)}
    yield "[DONE]"


def _chat_deltas(answer: Answer, text: str | None) -> Iterator[Json]:
    yield {"role": "assistant", "content": None if text is None else "", "refusal": None}
    for word in _words(answer.thinking):
        yield {"reasoning_content": word}
    for word in _words(text):
        yield {"content": word}
    for index, call in enumerate(answer.tool_calls):
        function: Json = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}
        for piece in _pieces(call.json):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
    yield {}


def _openai_error(status: int, message: str, number: int) -> Json:
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(
        status, "server_error" if status >= 500 else "invalid_request_error"
    )
    code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# -- OpenAI: Responses -------------------------------------------------------------------------------------------

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHOED = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What a response repeats of its request, with what it says when the request said nothing."""


def _responses(answer: Answer, request: Json) -> Json:
    cause = _INCOMPLETE.get(answer.finish or "")
    status = (
        "incomplete"
        if cause
        else {"stop": "completed", "tool_calls": "completed"}.get(str(answer.finish), answer.finish)
    )
    return {
        "id": answer.id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": cause} if cause else None,
        "model": answer.model,
        "output": _items(answer, "incomplete" if cause else "completed"),
        **{key: request.get(key, usual) for key, usual in _ECHOED.items()},
        "usage": _responses_usage(answer.usage),
        "user": None,
    }


def _items(answer: Answer, status: str) -> list[Json]:
    items: list[Json] = []
    if answer.thinking is not None:
        summary = [{"type": "summary_text", "text": answer.thinking}]
        items.append({"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary})
    if answer.text is not None:
        content = [{"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}]
        message = {"id": f"msg_{answer.id}", "type": "message", "role": "assistant"}
        items.append({**message, "status": status, "content": content})
    items += [
        {
            "id": f"fc_{call.id}",
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.json,
        }
        for call in answer.tool_calls
    ]
    return items


def _responses_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _responses_events(answer: Answer, request: Json) -> Iterator[Json | str]:
    whole = _responses(answer, request)
    begun = {**whole, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    events = chain(
        [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}],
        *(_ITEM_EVENTS[item["type"]](item, index) for index, item in enumerate(whole["output"])),
        [{"type": f"response.{whole['status']}", "response": whole}],
    )
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


def _added_and_done(item: Json, empty: Json, index: int, between: Iterable[Json]) -> Iterator[Json]:
    added = {**item, **empty, **({"status": "in_progress"} if "status" in item else {})}
    yield {"type": "response.output_item.added", "output_index": index, "item": added}
    for event in between:
        yield {**event, "item_id": item["id"], "output_index": index}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _message_events(item: Json, index: int) -> Iterator[Json]:
    (part,) = item["content"]
    at: Json = {"content_index": 0}
    events = [
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": w, "logprobs": []} for w in _words(part["text"])),
        {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
    ]
    return _added_and_done(item, {"content": []}, index, events)


def _call_events(item: Json, index: int) -> Iterator[Json]:
    kind = "response.function_call_arguments"
    events = [
        *({"type": f"{kind}.delta", "delta": piece} for piece in _pieces(item["arguments"])),
        {"type": f"{kind}.done", "name": item["name"], "arguments": item["arguments"]},
    ]
    return _added_and_done(item, {"arguments": ""}, index, events)


def _reasoning_events(item: Json, index: int) -> Iterator[Json]:
    (part,) = item["summary"]
    kind, at = "response.reasoning_summary", {"summary_index": 0}
    events = [
        {"type": f"{kind}_part.added", **at, "part": {**part, "text": ""}},
        *({"type": f"{kind}_text.delta", **at, "delta": word} for word in _words(part["text"])),
        {"type": f"{kind}_text.done", **at, "text": part["text"]},
        {"type": f"{kind}_part.done", **at, "part": part},
    ]
    return _added_and_done(item, {"summary": []}, index, events)


_ITEM_EVENTS = {"message": _message_events, "function_call": _call_events, "reasoning": _reasoning_events}


# -- OpenAI: embeddings and models -------------------------------------------------------------------------------


def _embeddings(answer: Answer, request: Json) -> Json:
    """The same vector for every input: 1/1, 1/2, 1/3 and so on."""
    given = request["input"]
    count = len(given) if isinstance(given, list) and given and not isinstance(given[0], int) else 1
    vector = [1 / n for n in range(1, (request.get("dimensions") or 3) + 1)]
    as_base64 = request.get("encoding_format") == "base64"  # what `openai` asks for when its user does not say
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": packed if as_base64 else vector}
            for index in range(count)
        ],
        "model": answer.model,
        "usage": {"prompt_tokens": answer.usage.input, "total_tokens": answer.usage.input},
    }


def _no_events(answer: Answer, request: Json) -> Iterator[Json | str]:
    raise AssertionError("embeddings are not streamed")


def _models(names: Sequence[str], request: Request) -> Json:
    if "anthropic-version" in request.headers:
        made = "2025-10-09T08:53:20Z"
        data = [{"type": "model", "id": name, "display_name": name, "created_at": made} for name in names]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": CREATED, "owned_by": "fake"} for name in names],
    }


# -- Anthropic: messages -----------------------------------------------------------------------------------------

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def _messages(answer: Answer, request: Json) -> Json:
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": _blocks(answer),
        "stop_reason": _STOP_REASONS.get(str(answer.finish), answer.finish),
        "stop_sequence": None,
        "usage": {**_messages_usage(answer.usage), "service_tier": "standard"},
    }


def _blocks(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.thinking is not None:
        blocks.append({"type": "thinking", "thinking": answer.thinking, "signature": "c2lnbmF0dXJl"})
    if answer.text is not None:
        blocks.append({"type": "text", "text": answer.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.json)}
        for call in answer.tool_calls
    ]
    return blocks


def _messages_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output,
        **({"output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else {}),
    }


def _messages_events(answer: Answer, request: Json) -> Iterator[Json | str]:
    """The first event says what is known at the start – one output token –, the last but one the whole usage."""
    whole = _messages(answer, request)
    begun = {"content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": {**whole, **begun}}
    for index, block in enumerate(whole["content"]):
        empty, deltas = _block_deltas(block)
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    usage = {key: value for key, value in _messages_usage(answer.usage).items() if key != "cache_creation"}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": usage}
    yield {"type": "message_stop"}


def _block_deltas(block: Json) -> tuple[Json, list[Json]]:
    """What a content block starts empty of, and the deltas that fill it."""
    if block["type"] == "text":
        return {"text": ""}, [{"type": "text_delta", "text": word} for word in _words(block["text"])]
    if block["type"] == "tool_use":
        pieces = ["", *_pieces(json.dumps(block["input"]))]
        return {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    thought = [{"type": "thinking_delta", "thinking": word} for word in _words(block["thinking"])]
    signature = {"type": "signature_delta", "signature": block["signature"]}
    return {"thinking": "", "signature": ""}, [*thought, signature]


_ANTHROPIC_ERRORS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _anthropic_error(status: int, message: str, number: int) -> Json:
    kind = _ANTHROPIC_ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{number}"}


_APIS = {
    "/chat/completions": _Api("chatcmpl-", "call_", "x-request-id", _chat, _chat_events, _openai_error),
    "/responses": _Api("resp_", "call_", "x-request-id", _responses, _responses_events, _openai_error),
    "/embeddings": _Api("", "", "x-request-id", _embeddings, _no_events, _openai_error),
    "/messages": _Api("msg_", "toolu_", "request-id", _messages, _messages_events, _anthropic_error),
}
"""By the end of the path: whatever comes before it is a proxy's business."""
