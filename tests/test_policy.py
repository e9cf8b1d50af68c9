"""What of content travels, and how much: searched for in the bytes that a receiver got, and tried with any value."""

import base64
import hashlib
import json
import random
import re
import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

import contextcompany as tcc
from contextcompany import _diagnostics
from contextcompany._policy import Carried, Policy
from contextcompany.testing import capture
from genai_shapes import check_input_messages, check_output_messages, check_tool_definitions

SECRETS = ("sk-proj-PLANTED0aB3dEfGh1jKlM", "hunter2PLANTED", "ghp_PLANTED0123456789abcdefghij")
PLANTED = f"key {SECRETS[0]}, postgres://me:{SECRETS[1]}@db/x, token={SECRETS[2]}"
KEYS = {"api_key": "PLANTED-a", "nested": [{"password": "PLANTED b c"}], "said": PLANTED}


def raw(receiver):
    """Everything that was sent, as bytes."""
    return b"".join(request.body for request in receiver.requests)


def span_size(span):
    """UTF-8 bytes of all names and values of a span that arrived."""

    def size(value):
        if isinstance(value, (list, tuple)):
            return sum(map(size, value))
        return len(value.encode()) if isinstance(value, str) else 8

    groups = [span.attributes, *(attributes for _, attributes, _ in span.events)]
    inside = sum(len(key.encode()) + size(value) for group in groups for key, value in group.items())
    return inside + size(span.name) + size(span.status[1]) + sum(size(name) for name, _, _ in span.events)


@pytest.fixture
def foreign(receiver):
    """A tracer of somebody else's, with our processor and an exporter of their own."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tcc.ObservatorySpanProcessor(url=receiver.url))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    yield provider, kept
    provider.shutdown()


def plant(secret=PLANTED):
    """Runs, steps, tool calls and feedback with secrets wherever text can be."""
    with suppress(ValueError), tcc.run("r-1", metadata={"note": secret}, tags=[secret]) as r:
        r.prompt(secret, secret, full_input=KEYS).response(secret, full_output=secret)
        r.span.set_attribute("mine", secret)
        r.span.add_event("noted", {"said": secret})
        r.span.update_name(secret)
        with r.step(model="m") as s:
            call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": json.dumps(KEYS)}}
            s.prompt([{"role": "user", "content": secret}, {"role": "assistant", "tool_calls": [call]}])
            s.response(secret).status(2, secret)
        with r.tool_call("search") as t:
            t.args(KEYS).result([secret]).description(secret)
        raise ValueError(secret)
    tcc.submit_feedback("r-1", text=secret)


def plant_foreign(provider, secret=PLANTED):
    span = provider.get_tracer("theirs").start_span("chat", attributes={"gen_ai.prompt.0.content": secret})
    span.set_attributes({"gen_ai.input.messages": json.dumps([{"role": "user", "content": secret}]), "any": [secret]})
    span.set_attribute("input.value", '{"twice": "' + SECRETS[0] + '", "twice": 1}')
    span.set_attribute("escaped", '{"a": "\\u0073k-proj-PLANTED0aB3dEfGh1jKlM"}')
    span.add_event("gen_ai.user.message", {"content": secret})
    span.record_exception(ValueError(secret))
    span.add_link(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(1)), {"why": secret})
    span.set_status(Status(StatusCode.ERROR, secret))
    span.end()


class TestSecrets:
    def test_none_reaches_the_receiver_on_request(self, receiver, foreign):
        """With the detector on, no secret is in the bytes: content, metadata, errors, feedback, and foreign spans."""
        tcc.configure(url=receiver.url, detectors=["secrets"])
        plant()
        plant_foreign(foreign[0])

        assert tcc.flush(5).dropped == {}
        assert len(receiver.spans()) == 4
        assert len(receiver.logs()) == 1
        assert b"PLANTED" not in raw(receiver)
        assert raw(receiver).count(b"[REDACTED]") > 20

    def test_none_reaches_the_receiver_through_the_users_provider(self, receiver, foreign):
        """Our spans are clean for every processor of the user's provider."""
        provider, kept = foreign
        tcc.configure(url=receiver.url, detectors=["secrets"], tracer_provider=provider)
        plant()

        assert tcc.flush(5).dropped == {}
        assert len(receiver.spans()) == 3
        assert b"PLANTED" not in raw(receiver)
        assert "PLANTED" not in "".join(str(dict(span.attributes)) for span in kept.get_finished_spans())

    def test_those_in_errors_never_do(self, receiver, foreign):
        """By default only what says what went wrong is looked at: statuses and exceptions, ours and foreign."""
        tcc.configure(url=receiver.url)
        span = foreign[0].get_tracer("theirs").start_span("chat", attributes={"gen_ai.system": "openai"})
        span.record_exception(ValueError(PLANTED))
        span.set_status(Status(StatusCode.ERROR, PLANTED))
        span.end()
        r = tcc.run()
        r.span.add_event("exception", {"exception.message": PLANTED})
        r.span.set_attribute("exception.message", PLANTED)
        r.error(PLANTED)

        assert tcc.flush(5).dropped == {}
        assert b"PLANTED" not in raw(receiver)
        theirs = next(span for span in receiver.spans() if span.name == "chat")
        assert theirs.attributes["tcc.redacted"] == [
            "exception.message",
            "exception.stacktrace",
            "status.description",
        ]

    def test_content_is_left_alone_by_default(self, receiver, foreign):
        """Nobody asked for it, so prompts are sent as they are."""
        tcc.configure(url=receiver.url)
        tcc.run().prompt(PLANTED).end()

        tcc.flush(5)
        assert SECRETS[0].encode() in raw(receiver)

    def test_what_others_export_is_theirs(self, receiver, foreign):
        """Foreign spans are copied, not changed."""
        tcc.configure(url=receiver.url, capture_content=False)
        plant_foreign(foreign[0])

        (span,) = foreign[1].get_finished_spans()
        assert span.attributes["gen_ai.prompt.0.content"] == PLANTED
        assert span.status.description == PLANTED

    def test_names_tell_secrets(self):
        """What stands under such a name is one, in JSON and as an attribute; names themselves are looked at too."""
        attributes = {
            "tcc.metadata.api_key": "PLANTED",
            "http.request.header.authorization": ["PLANTED", "PLANTED"],
            f"tcc.metadata.{SECRETS[0]}": 1,
            "gen_ai.tool.call.arguments": json.dumps({"password": "123456", "pins": {"secret": 7}, SECRETS[0]: 1}),
            "usage": '{"total_tokens": 150, "max_tokens": "20"}',
        }
        made = Policy(detectors=("secrets",)).apply(Carried("", attributes)).attributes

        assert "PLANTED" not in str(made)
        assert json.loads(made["gen_ai.tool.call.arguments"]) == {
            "password": "[REDACTED]",
            "pins": {"secret": "[REDACTED]"},
            "[REDACTED]": 1,
        }
        assert made["http.request.header.authorization"] == ["[REDACTED]", "[REDACTED]"]
        assert json.loads(made["usage"]) == json.loads(attributes["usage"])

    def test_ids_and_names_stay(self, receiver):
        """What says what a span is, and who said what, is never touched."""
        tcc.configure(url=receiver.url, detectors=["secrets", "emails", "phones", "cards"], redact=lambda *_: None)
        card = "4111111111111111"
        r = tcc.run(card, "me@example.com", agent="me@example.com", user_id="+49 30 901820")
        call = {"id": card, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        r.prompt([{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": card, "content": "x"}])
        r.end()

        tcc.flush(5)
        (span,) = receiver.spans()
        assert span.attributes["tcc.runId"] == card
        assert span.attributes["gen_ai.conversation.id"] == span.attributes["gen_ai.agent.name"] == "me@example.com"
        assert span.attributes["tcc.userId"] == span.attributes["user.id"] == "+49 30 901820"
        assert [part["id"] for m in json.loads(span.attributes["gen_ai.input.messages"]) for part in m["parts"]] == [
            card,
            card,
        ]


FOREIGN_CONTENT = (
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0.tool_calls.0.arguments",
    "gen_ai.completion.1.content",
    "gen_ai.input.messages",
    "gen_ai.retrieval.query.text",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "input.value",
    "output.value",
    "llm.input_messages.0.message.content",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
    "llm.input_messages.0.message.contents.1.message_content.text",
    "llm.prompts",
    "llm.prompts.0.content",
    "llm.prompt_template.variables",
    "retrieval.documents.0.document.content",
    "ai.prompt",
    "ai.prompt.messages",
    "ai.response.text",
    "ai.response.toolCalls",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "langfuse.observation.input",
    "langfuse.trace.output",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "all_messages_events",
    "pydantic_ai.all_messages",
    "tool_arguments",
    "tool_response",
    "final_result",
    "logfire.msg",
)
NO_CONTENT = {
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.name": "greeting",
    "gen_ai.request.model": "m",
    "llm.input_messages.0.message.role": "user",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
    "llm.token_count.total": 7,
    "openinference.span.kind": "LLM",
    "ai.response.finishReason": "stop",
    "langfuse.observation.type": "generation",
    "http.route": "/",
}


class TestCapture:
    def record(self):
        r = tcc.run("r-1", metadata={"plan": "gold"})
        r.prompt("a prompt", "a system", full_input={"raw": "an input"}).response("an answer").status(1, "so so")
        s = r.step(model="m").tokens(1, 2, 3).finish_reason("stop")
        s.prompt([{"role": "user", "content": "a prompt"}]).response("an answer")
        s.tool_definitions([{"name": "find", "description": "a tool", "parameters": {"x": "a parameter"}}]).end()
        r.tool_call("find", "c-1").args({"q": "an argument"}).result("a result").end()
        r.end()
        tcc.submit_feedback("r-1", "thumbs_up", "an opinion")
        tcc.flush(5)

    SAID = (
        b"a prompt",
        b"a system",
        b"an input",
        b"an answer",
        b"a parameter",
        b"an argument",
        b"a result",
        b"opinion",
    )

    def test_nothing(self, receiver):
        """Without content, everything else stays."""
        tcc.configure(url=receiver.url, capture_content=False)
        self.record()

        assert [said for said in self.SAID if said in raw(receiver)] == []
        attributes = {span.name.split()[0]: span.attributes for span in receiver.spans()}
        assert attributes["invoke_agent"]["tcc.metadata.plan"] == "gold"
        assert attributes["invoke_agent"]["tcc.status.message"] == "so so"
        assert attributes["chat"]["gen_ai.usage.input_tokens"] == 3
        assert attributes["execute_tool"]["gen_ai.tool.name"] == "find"
        assert not any(key.endswith("messages") for span in attributes.values() for key in span)
        assert receiver.logs()[0].attributes["gen_ai.evaluation.score.label"] == "thumbs_up"

    def test_metadata_only(self, receiver):
        """The structure of messages stays; texts, arguments and results are lengths."""
        tcc.configure(url=receiver.url, capture_content="metadata-only")
        self.record()

        assert [said for said in self.SAID if said in raw(receiver)] == []
        attributes = {span.name.split()[0]: span.attributes for span in receiver.spans()}
        chat, tool = attributes["chat"], attributes["execute_tool"]
        assert json.loads(chat["gen_ai.input.messages"]) == [
            {"role": "user", "parts": [{"type": "text", "content": "[8 characters]"}]}
        ]
        assert json.loads(chat["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
        assert json.loads(chat["gen_ai.tool.definitions"])[0] == {
            "type": "function",
            "name": "find",
            "description": "[6 characters]",
            "parameters": {"$comment": "[19 characters]"},
        }
        assert tool["gen_ai.tool.call.arguments"] == "[19 characters]"
        assert tool["gen_ai.tool.call.result"] == "[8 characters]"
        assert receiver.logs()[0].attributes["gen_ai.evaluation.explanation"] == "[10 characters]"

    def test_metadata_only_keeps_all_kinds_of_parts(self):
        """Roles, types, tool names and ids stay; valid messages stay valid."""
        parts = [
            {"type": "tool_call", "id": "c-1", "name": "find", "arguments": {"name": "Ada"}},
            {"type": "tool_call_response", "id": "c-1", "response": [{"name": "Ada"}]},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "Ada"},
            {"type": "server_tool_call", "name": "web", "server_tool_call": {"type": "search", "query": "Ada"}},
            {"type": "reasoning", "content": "Ada"},
        ]
        said = json.dumps([{"role": "assistant", "parts": parts}])
        made = Policy("metadata-only").apply(Carried("", {"gen_ai.input.messages": said}))
        (message,) = json.loads(made.attributes["gen_ai.input.messages"])

        check_input_messages([message])
        assert "Ada" not in str(message)
        assert [part["type"] for part in message["parts"]] == [part["type"] for part in parts]
        assert message["parts"][0] == {"type": "tool_call", "id": "c-1", "name": "find", "arguments": "[14 characters]"}

    @pytest.mark.parametrize("key", FOREIGN_CONTENT)
    @pytest.mark.parametrize("mode", [False, "metadata-only"])
    def test_content_in_other_conventions(self, key, mode):
        """It is known where others keep content, and only that is left out."""
        attributes = {key: "PLANTED", **NO_CONTENT}
        made = Policy(mode).apply(Carried("", attributes)).attributes

        assert made == (NO_CONTENT if mode is False else {key: "[7 characters]", **NO_CONTENT})

    def test_content_in_events(self, receiver, foreign):
        """Events of GenAI are content but for their structure; others are not."""
        tcc.configure(url=receiver.url, capture_content=False)
        span = foreign[0].get_tracer("theirs").start_span("chat", attributes={"gen_ai.system": "openai"})
        span.add_event("gen_ai.choice", {"index": 0, "role": "assistant", "message": "PLANTED", "content": "PLANTED"})
        span.add_event("gen_ai.content.prompt", {"gen_ai.prompt": "PLANTED"})
        span.add_event("cache miss", {"key": "k"})
        span.end()

        tcc.flush(5)
        (span,) = receiver.spans()
        assert [(name, attributes) for name, attributes, _ in span.events] == [
            ("gen_ai.choice", {"index": 0, "role": "assistant"}),
            ("gen_ai.content.prompt", {}),
            ("cache miss", {"key": "k"}),
        ]

    def test_a_processor_follows_what_is_configured_later(self, receiver, foreign):
        """The policy in force when a span ends counts, and it outlives a shutdown."""
        for step in (lambda: tcc.configure(url=receiver.url, capture_content=False), tcc.shutdown):
            step()
            plant_foreign(foreign[0])
        foreign[0].force_flush()

        assert len(receiver.spans()) == 2
        assert not any("gen_ai.prompt.0.content" in span.attributes for span in receiver.spans())

    def test_what_is_shown_is_what_is_sent(self, receiver, capsys):
        """Captures in tests and the console apply the same policy."""
        tcc.configure(url=receiver.url, console=True, redact=lambda value, _: value.replace("Ada", "A."))
        with capture() as captured:
            tcc.run().prompt("p").response("I am Ada").end()
        tcc.run().prompt("p").response("I am Ada").end()

        assert captured.run.response == "I am A."
        assert "I am A." in capsys.readouterr().err

    def test_a_wrong_variable_captures_nothing(self, receiver, monkeypatch):
        """Where the policy cannot be read, nothing of ours is recorded, and foreign content is refused at once."""
        monkeypatch.setenv("TCC_CAPTURE_CONTENT", "flase")
        monkeypatch.setenv("TCC_URL", receiver.url)
        tcc.run().prompt("PLANTED").end()

        with pytest.raises(tcc.ConfigurationError, match="TCC_CAPTURE_CONTENT"):
            tcc.ObservatorySpanProcessor()
        assert tcc.flush(5).dropped == {"misconfigured": 1}


class TestHook:
    def test_it_sees_each_text_with_its_path(self, receiver):
        """Texts inside structures, metadata, tags and failures; no ids, names, roles or types."""
        seen = {}
        tcc.configure(url=receiver.url, redact=lambda value, path: seen.setdefault(path, value))
        with suppress(KeyError), tcc.run("r", tags=["t"], metadata={"note": "n"}) as r:
            r.prompt("p", full_input="raw")
            r.tool_call("f", "c").args({"a": ["x", 1]}).result("res").end()
            raise KeyError("k")

        tcc.flush(5)
        seen.pop("exception.stacktrace")
        assert seen == {
            "gen_ai.input.messages[0].parts[0].content": "p",
            "tcc.run.full_input": "raw",
            "tcc.tags[0]": "t",
            "tcc.metadata.note": "n",
            "gen_ai.tool.call.arguments.a[0]": "x",
            "gen_ai.tool.call.result": "res",
            "tcc.status.message": "'k'",
            "exception.message": "'k'",
            "status.description": "'k'",
        }

    def test_it_replaces_and_drops(self, receiver):
        """What it returns is sent; `None` leaves the value out, and a marker where the structure needs one."""
        tcc.configure(url=receiver.url, redact=lambda value, _: None if "drop" in value else value.upper())
        tcc.run(metadata={"a": "drop it", "b": "keep"}).prompt([{"role": "user", "content": ["drop", "keep"]}]).end()

        assert tcc.flush(5).dropped == {}
        (span,) = receiver.spans()
        assert "tcc.metadata.a" not in span.attributes
        assert span.attributes["tcc.metadata.b"] == "KEEP"
        (message,) = json.loads(span.attributes["gen_ai.input.messages"])
        assert [part["content"] for part in message["parts"]] == ["[REDACTED]", "KEEP"]
        assert span.attributes["tcc.redacted"] == ["tcc.metadata.a", "tcc.metadata.b", "gen_ai.input.messages"]

    @pytest.mark.parametrize("hook", [lambda value, _: 1 / 0, lambda *_: 7, lambda: ""], ids=["raises", "int", "arity"])
    def test_one_that_fails_costs_the_value(self, receiver, hook, caplog):
        """What it failed on is not sent; the span is. It is counted, and said without content."""
        tcc.configure(url=receiver.url, redact=hook)
        tcc.run().prompt("PLANTED").response("PLANTED").end()

        assert tcc.flush(5).dropped == {"redact_failed": 2}
        assert b"PLANTED" not in raw(receiver)
        assert len(receiver.spans()) == 1
        assert len([r for r in caplog.records if "redact()" in r.getMessage()]) == 1
        assert "PLANTED" not in caplog.text

    def test_it_runs_once_per_text(self, receiver, foreign):
        """Also where a span of ours passes the user's provider and then our processor."""
        tcc.configure(url=receiver.url, tracer_provider=foreign[0], redact=lambda value, _: value + "!")
        r = tcc.run().prompt("p")
        r.span.add_event("noted", {"said": "e"})
        r.error("failed")

        tcc.flush(5)
        (span,) = receiver.spans()
        assert json.loads(span.attributes["gen_ai.input.messages"])[0]["parts"][0]["content"] == "p!"
        assert (span.status, span.events[0][1]) == (("ERROR", "failed!"), {"said": "e!"})

    def test_it_comes_after_detectors_and_before_the_limits(self):
        """It sees no secrets, and whole texts."""
        seen = []
        policy = Policy(detectors=("secrets",), redact=lambda value, _: seen.append(value) or value, max_value_size=200)
        policy.apply(Carried("", {"x": SECRETS[0] + "y" * 1000}))

        assert seen == ["[REDACTED]"]


def image(size, seed=1):
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


class TestSize:
    def test_a_50_mb_prompt_with_images(self, receiver):
        """It arrives within the budget, valid and marked: images as hashes, long texts by head and tail."""
        images = [image(3_500_000, seed) for seed in range(10)]
        prompt = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": f"What is on picture {i}? {'é ' * 100_000} Answer {i}."},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
                ],
            }
            for i, data in enumerate(images)
        ]
        tcc.configure(url=receiver.url)
        step = tcc.step("r-1").prompt(prompt).response("Cats.")
        before = time.perf_counter()
        step.end()
        took = time.perf_counter() - before

        assert tcc.flush(20) == (1, 0, 0, {"truncated": 1})
        assert took < 5, "0.3 s on the machine this was written on"
        (span,) = receiver.spans()
        text = span.attributes["gen_ai.input.messages"]
        messages = json.loads(text)
        check_input_messages(messages)
        assert len(text.encode()) <= 2**20
        assert span.attributes["tcc.truncated"] == ["gen_ai.input.messages"]
        assert len(messages) == 10
        for i, message in enumerate(messages):
            said, seen = message["parts"]
            digest = hashlib.sha256(base64.b64decode(images[i])).hexdigest()
            assert said["content"].startswith(f"What is on picture {i}? é")
            assert said["content"].endswith(f"é  Answer {i}.")
            assert re.search(r"…\[\d{2,3},\d{3} characters, sha256:[0-9a-f]{16}\]…", said["content"])
            assert (seen["type"], seen["mime_type"]) == ("blob", "image/png")
            assert seen["content"] == f"[image/png, 3,500,000 bytes, sha256:{digest}]"

    def test_a_marker_says_what_was_left_out(self):
        """Number and hash are of the characters between head and tail."""
        text = "".join(map(str, range(10_000)))
        made = Policy(max_value_size=1000).apply(Carried("", {"a": text})).attributes
        head, count, digest, tail = re.fullmatch(
            r"(\d+)…\[([\d,]+) characters, sha256:([0-9a-f]{16})\]…(\d+)", made["a"]
        ).groups()
        gone = text[len(head) : -len(tail)]

        assert text == head + gone + tail
        assert (int(count.replace(",", "")), digest) == (len(gone), hashlib.sha256(gone.encode()).hexdigest()[:16])
        assert 990 <= len(made["a"].encode()) <= 1000
        assert made["tcc.truncated"] == ["a"]

    def test_too_many_messages(self, receiver):
        """The middle ones of a hundred thousand are one message that says so."""
        tcc.configure(url=receiver.url)
        tcc.run().prompt([{"role": "user", "content": f"message {i} {'x' * 300}"} for i in range(100_000)]).end()

        assert tcc.flush(20).dropped == {"truncated": 1}
        messages = json.loads(receiver.spans()[0].attributes["gen_ai.input.messages"])
        check_input_messages(messages)
        texts = [message["parts"][0]["content"] for message in messages]
        (marker,) = [text for text in texts if text.startswith("…[")]
        assert texts[0].startswith("message 0 ")
        assert texts[-1].startswith("message 99999 ")
        assert f"…[{100_000 - len(texts) + 1:,} messages, sha256:" in marker

    def test_the_largest_values_of_a_span_give_first(self, receiver):
        """Small values and what says what a span is stay whole."""
        tcc.configure(url=receiver.url, max_span_size=100_000)
        r = tcc.run("r-1", agent="a", metadata={"small": "s" * 5000})
        r.prompt("p" * 90_000, full_input="f" * 80_000).response("r" * 1000).end()

        tcc.flush(5)
        (span,) = receiver.spans()
        assert span_size(span) <= 100_000
        assert span.attributes["tcc.truncated"] == ["gen_ai.input.messages", "tcc.run.full_input"]
        assert span.attributes["tcc.metadata.small"] == "s" * 5000
        sizes = [len(span.attributes[key]) for key in span.attributes["tcc.truncated"]]
        assert max(sizes) - min(sizes) < 200

    def test_too_many_attributes_and_events(self, receiver):
        """A span stays within its budget whatever it is made of."""
        tcc.configure(url=receiver.url, max_span_size=50_000)
        r = tcc.run("r-1", metadata={f"key {i}": "v" * 50 for i in range(5000)}).prompt("p")
        for i in range(5000):
            r.span.add_event(f"event {i}", {"n": i, "text": "t" * 100})
        r.end()

        tcc.flush(5)
        (span,) = receiver.spans()
        assert span_size(span) <= 50_000
        assert (span.attributes["tcc.runId"], span.attributes["tcc.status.code"]) == ("r-1", 0)
        assert span.events[0][0] == "event 0"
        assert span.events[-1][0] == "event 4999"
        assert "more]" in span.attributes["tcc.truncated"][-1]

    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            (
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image(60_000)}},
                "png, 60,",
            ),
            ({"input_audio": {"data": image(60_000), "format": "wav"}}, "[wav, 60,000 bytes"),
            ({"b64_json": base64.b64encode(bytes(60_000)).decode()}, "[base64 data, 60,000 bytes"),
            ({"any": image(60_000)}, "[base64 data, 60,000 bytes"),
            (f"![](data:image/gif;base64,{image(60_000)}) is a cat", "![]([image/gif, 60,000 bytes"),
            ({"mail": base64.encodebytes(random.Random(1).randbytes(60_000)).decode()}, "[base64 data, 60,000 bytes"),
        ],
    )
    def test_base64_becomes_its_hash(self, value, kept):
        """Wherever it is, and far below the limit for a value."""
        text = value if isinstance(value, str) else json.dumps(value)
        made = Policy().apply(Carried("", {"a": text})).attributes

        assert kept in made["a"]
        assert len(made["a"]) < 300
        assert made["tcc.truncated"] == ["a"]

    @pytest.mark.parametrize(
        "text", [image(45_000), "x" * 200_000, "0123456789abcdef" * 20_000, "word/word_" * 20_000, "Ab1 " * 50_000]
    )
    def test_other_text_is_no_base64(self, text):
        """Short data, long words and hexadecimal digits stay."""
        carried = Carried("", {"a": text, "b": json.dumps({"text": text})})

        assert Policy().apply(carried) == carried

    def test_by_default_what_is_within_the_limits_is_not_touched(self):
        """The same object comes back, its JSON as it was, however strange."""
        carried = Carried("n", {"a": '{"a" : 1, "a": 2}', "b": ["x"], "c": 1, "d": "é" * 250_000, "e": (1.5, 2)})

        assert Policy().apply(carried) is carried

    def test_a_secret_is_not_cut_in_half(self):
        """What is replaced is replaced before anything is cut."""
        for size in range(100, 400, 7):
            text = "x " * 60 + SECRETS[0] + " y" * 200
            made = Policy(detectors=("secrets",), max_value_size=size).apply(Carried("", {"a": text})).attributes
            assert "sk-" not in made["a"]
            assert "PLANTED" not in made["a"]


# --- any value -------------------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["x" * 3000, 'é\n"\\' * 700, "🎉" * 900, PLANTED, "a " * 1500]),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=8), st.dictionaries(TEXTS, inner, max_size=8)),
    max_leaves=40,
)
PARTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "content": TEXTS}),
    st.fixed_dictionaries(
        {"type": st.just("tool_call"), "id": st.just("c-1"), "name": st.just("f"), "arguments": VALUES}
    ),
    st.fixed_dictionaries({"type": st.just("tool_call_response"), "id": st.just("c-1"), "response": VALUES}),
    st.fixed_dictionaries({"type": st.just("uri"), "modality": st.just("image"), "uri": TEXTS}),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "tool"]),
            "parts": st.lists(PARTS, max_size=5),
            "finish_reason": st.just("stop"),
        }
    ),
    max_size=30,
)


def total(attributes):
    """UTF-8 bytes of names and values."""
    return sum(
        len(key.encode()) + len((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode())
        for key, value in attributes.items()
    )


@settings(max_examples=150, deadline=None)
@given(messages=MESSAGES, size=st.integers(200, 20_000), detectors=st.sampled_from([(), ("secrets",)]))
def test_messages_stay_messages(messages, size, detectors):
    """Within the limit, valid, with their roles; a second time changes nothing."""
    key = "gen_ai.output.messages"
    policy = Policy(detectors=detectors, max_value_size=size)
    made = policy.apply(Carried("", {key: json.dumps(messages)})).attributes
    kept = json.loads(made[key])

    check_output_messages(kept)
    assert len(made[key].encode()) <= size or made[key] == json.dumps(messages)
    assert policy.apply(Carried("", made)).attributes == made
    assert not detectors or "PLANTED" not in made[key]
    if len(kept) == len(messages):
        assert [message["role"] for message in kept] == [message["role"] for message in messages]


def test_a_key_that_is_there_twice():
    """What was looked at is what travels: the second value does not hide the first."""
    twice = '{"note": "token=PLANTED-SECRET sk-proj-PLANTED0123456789abcdefPLANTED", "note": "fine"}'
    made = Policy(detectors=("secrets",)).apply(Carried("n", {"x.json": twice})).attributes

    assert json.loads(made["x.json"]) == {"note": "fine"}
    assert "PLANTED" not in made["x.json"]


@settings(max_examples=150, deadline=None)
@example(attributes={"": [None, ["", None, "", "\x1f" * 5]]}, value_size=52, span_size=2000)
@given(
    attributes=st.dictionaries(st.text(max_size=50), VALUES, max_size=12),
    value_size=st.integers(1, 5000),
    span_size=st.integers(2000, 10_000),
)
def test_any_attributes(attributes, value_size, span_size):
    """Whatever the values are, nothing raises, no secret survives, and everything is within the budget."""
    _diagnostics.reset_for_tests(reraise=True)
    attributes = {f"x.{key}": value for key, value in attributes.items()}  # no ids, which are left alone
    policy = Policy(detectors=("secrets",), max_value_size=value_size, max_span_size=span_size)
    texts = {f"{key}.json": json.dumps(value) for key, value in attributes.items()}
    made = policy.apply(Carried("n", {**attributes, **texts})).attributes

    assert total(made) <= span_size
    assert "PLANTED" not in json.dumps(made)
    for key, value in made.items():
        if key in texts and texts[key][0] in "[{" and value_size > 1:
            json.loads(value)
        if key not in ("tcc.truncated", "tcc.redacted") and isinstance(value, str):
            assert len(value.encode()) <= value_size


@pytest.mark.parametrize("depth", [60, 64, 65, 200, 500, 2000, 20_000])
def test_deep_nesting(depth):
    """However deep, it is looked at and cut without a deep stack."""
    deep = '{"a":[' * depth + json.dumps(PLANTED) + "]}" * depth
    policy = Policy(detectors=("secrets",), max_value_size=5000)
    made = policy.apply(Carried("", {"gen_ai.tool.call.arguments": deep})).attributes["gen_ai.tool.call.arguments"]

    assert "PLANTED" not in made
    assert len(made) <= 5000


def test_tool_definitions_stay_definitions():
    """Names and types stay when the rest is cut, and there are too many."""
    tools = [
        {"type": "function", "name": f"f{i}", "description": "d" * 500, "parameters": {"a": "b" * 500}}
        for i in range(99)
    ]
    for size in (1000, 10_000, 60_000):
        made = Policy(max_value_size=size).apply(Carried("", {"gen_ai.tool.definitions": json.dumps(tools)}))
        kept = json.loads(made.attributes["gen_ai.tool.definitions"])
        check_tool_definitions(kept)
        assert (kept[0]["name"], kept[-1]["name"]) == ("f0", "f98")
