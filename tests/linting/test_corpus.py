"""Each planted fault is found, by exactly its rule and no other."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound import OUR_TRACE, START, findings, rules_found, sound

from contextcompany.linting import LEVELS, RULES
from contextcompany.linting.conventions import SHAPES, TYPES

S = 10**9


def messages(**fields):
    """Input messages with one that is sound but for these fields; what is None is not there."""
    message = {"role": "user", "parts": [{"type": "text", "content": "Hi"}], **fields}
    return json.dumps([{key: each for key, each in message.items() if each is not None}])


def parts(*these):
    return messages(parts=list(these))


def answer(**fields):
    return messages(**{"role": "assistant", "finish_reason": "stop", **fields})


IN, OUT = "gen_ai.input.messages", "gen_ai.output.messages"

FAULTS = {
    # How it is encoded.
    "not JSON": ("unreadable", lambda x: setattr(x, "text", '{"resourceSpans": [')),
    "metrics": ("unreadable", lambda x: setattr(x, "text", '{"resourceMetrics": []}')),
    "a payload of the original SDK": ("unreadable", lambda x: setattr(x, "text", '{"type": "run", "run_id": "r"}')),
    "a trace id in base64": ("refused_item", lambda x: x.step.put(traceId="W47/95gDgQPSabYzgT/GDA==")),
    "a span id of zeros": ("refused_item", lambda x: x.find.put(spanId="0" * 16)),
    "a trace id that is too short": ("refused_item", lambda x: x.find.put(traceId="abcd")),
    "no trace id": ("refused_item", lambda x: x.find.json.pop("traceId")),
    "a kind in lower case": ("refused_item", lambda x: x.find.put(kind="client")),
    "a time after 2262": ("refused_item", lambda x: x.find.put(endTimeUnixNano=str(2**63))),
    "a negative time": ("refused_item", lambda x: x.find.put(startTimeUnixNano="-1")),
    "a number where a text is": ("refused_item", lambda x: x.find.put(name=5)),
    "the name of a kind": ("enum_not_number", lambda x: x.step.put(kind="SPAN_KIND_CLIENT")),
    "the name of a severity": ("enum_not_number", lambda x: x.verdict.put(severityNumber="SEVERITY_NUMBER_INFO")),
    "a key in snake_case": ("key_not_camel_case", lambda x: x.step.put(trace_state="")),
    "a time as a number": ("number_precision", lambda x: x.step.put(startTimeUnixNano=START + 2 * S)),
    "a large integer as a number": (
        "number_precision",
        lambda x: x.step.json["attributes"].append({"key": "order", "value": {"intValue": 2**60}}),
    ),
    # Names.
    "a name that is not there": ("missing_attribute", lambda x: x.step.set("gen_ai.request.modle", "gpt-4o")),
    "a name of ours that is not there": ("missing_attribute", lambda x: x.our_step.set("tcc.run_id", "r-1")),
    "a name on an event that is not there": ("missing_attribute", lambda x: x.verdict.set("gen_ai.score", 1.0)),
    "an older name": ("deprecated", lambda x: x.step.rename("gen_ai.provider.name", "gen_ai.system")),
    "an older name of tokens": (
        "deprecated",
        lambda x: x.step.rename("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    ),
    "an older name of cached tokens": (
        "deprecated",
        lambda x: x.step.rename("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    ),
    "messages as many attributes": ("deprecated", lambda x: x.step.set("gen_ai.prompt.0.content", "Hi")),
    "a message as an event": ("deprecated", lambda x: x.step.event("gen_ai.user.message", content="Hi")),
    "an event that is not there": ("missing_event", lambda x: x.verdict.put(eventName="gen_ai.evaluation.verdict")),
    "a name of OpenInference": (
        "spelled_otherwise",
        lambda x: x.step.rename("gen_ai.request.model", "llm.model_name") or x.step.put(name="chat"),
    ),
    "a name of Vercel": (
        "spelled_otherwise",
        lambda x: x.step.rename("gen_ai.usage.input_tokens", "ai.usage.inputTokens"),
    ),
    "a span of OpenInference": (
        "other_convention",
        lambda x: x.find.put(attributes=[{"key": "openinference.span.kind", "value": {"stringValue": "LLM"}}]),
    ),
    # Values.
    "tokens as text": ("type_mismatch", lambda x: x.step.set("gen_ai.usage.input_tokens", "100")),
    "tokens as a double": ("type_mismatch", lambda x: x.step.set("gen_ai.usage.input_tokens", 100.0)),
    "a cost as text": ("type_mismatch", lambda x: x.step.set("gen_ai.usage.cost", "$0.01")),
    "a finish reason that is no list": (
        "type_mismatch",
        lambda x: x.step.set("gen_ai.response.finish_reasons", "stop"),
    ),
    "a list with something else in it": (
        "type_mismatch",
        lambda x: x.step.set("gen_ai.request.stop_sequences", ["END", 1]),
    ),
    "a flag as text": ("type_mismatch", lambda x: x.step.set("gen_ai.request.stream", "true")),
    "nothing in an attribute": ("type_mismatch", lambda x: x.step.set("gen_ai.response.id", None)),
    "an integer for a double": ("int_for_double", lambda x: x.step.set("gen_ai.request.temperature", 1)),
    "an unknown operation": (
        "undefined_enum_variant",
        lambda x: x.find.set("gen_ai.operation.name", "rerank") or x.find.put(name="rerank"),
    ),
    "an unknown provider": ("undefined_enum_variant", lambda x: x.step.set("gen_ai.provider.name", "OpenAI")),
    "an unknown status of ours": ("undefined_enum_variant", lambda x: x.our_step.set("tcc.status.code", 7)),
    "an unknown role": ("undefined_enum_variant", lambda x: x.step.set(IN, messages(role="developer"))),
    "an unknown part": ("undefined_enum_variant", lambda x: x.step.set(IN, parts({"type": "tool_use"}))),
    "an unknown finish reason in a message": (
        "undefined_enum_variant",
        lambda x: x.step.set(OUT, answer(finish_reason="end_turn")),
    ),
    "negative tokens": ("value_out_of_range", lambda x: x.embed.set("gen_ai.usage.input_tokens", -8)),
    "a negative cost": ("value_out_of_range", lambda x: x.step.set("gen_ai.usage.cost", -0.01)),
    "a cost that is no number": ("value_out_of_range", lambda x: x.step.set("gen_ai.usage.cost", float("nan"))),
    "a share of more than all": ("value_out_of_range", lambda x: x.step.set("gen_ai.request.top_p", 40.0)),
    "a port that is none": ("value_out_of_range", lambda x: x.step.set("server.port", 70_000)),
    "more cached than went in": (
        "part_exceeds_total",
        lambda x: (
            x.step.set("gen_ai.usage.cache_read.input_tokens", 101)
            or x.step.drop("gen_ai.usage.cache_write.input_tokens")
        ),
    ),
    "more read and written than went in": (
        "part_exceeds_total",
        lambda x: x.step.set("gen_ai.usage.cache_write.input_tokens", 41),
    ),
    "more thoughts than came out": (
        "part_exceeds_total",
        lambda x: x.step.set("gen_ai.usage.reasoning.output_tokens", 21),
    ),
    "two costs": ("twins_differ", lambda x: x.our_step.set("gen_ai.usage.cost", 0.02)),
    "two sessions": ("twins_differ", lambda x: x.our_run.set("tcc.sessionId", "s-2")),
    "two users": ("twins_differ", lambda x: x.our_run.set("tcc.userId", "u-2")),
    "an attribute twice": ("duplicate_attribute", lambda x: x.step.add("gen_ai.provider.name", "openai")),
    "attributes that were dropped": ("dropped_attributes", lambda x: x.step.put(droppedAttributesCount=3)),
    "events that were dropped": ("dropped_attributes", lambda x: x.step.put(droppedEventsCount=1)),
    # What has to be there.
    "no provider": ("required_attribute_not_present", lambda x: x.step.drop("gen_ai.provider.name")),
    "no operation": ("required_attribute_not_present", lambda x: x.step.drop("gen_ai.operation.name")),
    "no run id of ours": ("required_attribute_not_present", lambda x: x.our_tool.drop("tcc.runId")),
    "no status of ours": ("required_attribute_not_present", lambda x: x.our_run.drop("tcc.status.code")),
    "an evaluation of nothing": ("required_attribute_not_present", lambda x: x.verdict.drop("gen_ai.evaluation.name")),
    "feedback on no run": ("required_attribute_not_present", lambda x: x.our_verdict.drop("tcc.runId")),
    "details without a provider": ("required_attribute_not_present", lambda x: x.details.drop("gen_ai.provider.name")),
    "an error without a type": ("conditionally_required_attribute_not_present", lambda x: x.tool.fail()),
    "an error of ours without a type": (
        "conditionally_required_attribute_not_present",
        lambda x: x.our_step.fail(tcc__status__code=2),
    ),
    "a user whom others do not see": (
        "conditionally_required_attribute_not_present",
        lambda x: x.our_run.drop("user.id"),
    ),
    "a host without a port": (
        "conditionally_required_attribute_not_present",
        lambda x: x.step.drop("server.port"),
    ),
    "a streamed answer that does not say so": (
        "conditionally_required_attribute_not_present",
        lambda x: x.step.drop("gen_ai.request.stream"),
    ),
    "an agent's service without a provider": (
        "conditionally_required_attribute_not_present",
        lambda x: x.run.put(kind=3),
    ),
    "a cost of ours without its source": (
        "conditionally_required_attribute_not_present",
        lambda x: x.our_step.drop("tcc.cost.source"),
    ),
    "a verdict without a score": (
        "conditionally_required_attribute_not_present",
        lambda x: x.verdict.drop("gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"),
    ),
    "an exception without type and message": (
        "conditionally_required_attribute_not_present",
        lambda x: x.step.event("exception"),
    ),
    "no model": (
        "recommended_attribute_not_present",
        lambda x: x.step.drop("gen_ai.request.model") or x.step.put(name="chat"),
    ),
    "no tokens": ("recommended_attribute_not_present", lambda x: x.embed.drop("gen_ai.usage.input_tokens")),
    "no finish reason": (
        "recommended_attribute_not_present",
        lambda x: x.step.drop("gen_ai.response.finish_reasons"),
    ),
    "no provider of ours": ("recommended_attribute_not_present", lambda x: x.our_step.drop("gen_ai.provider.name")),
    "no name of an agent": (
        "recommended_attribute_not_present",
        lambda x: x.run.drop("gen_ai.agent.name") or x.run.put(name="invoke_agent"),
    ),
    "no service": ("service_name", lambda x: x.resource.drop("service.name")),
    "an unknown service": ("service_name", lambda x: x.resource.set("service.name", "unknown_service:python")),
    "no scope": ("scope_name", lambda x: x.scope.pop("name")),
    # Spans.
    "another name": ("span_name", lambda x: x.step.put(name="openai.chat")),
    "a name with another model": ("span_name", lambda x: x.step.put(name="chat gpt-4o-mini")),
    "a tool call as a server": ("span_kind", lambda x: x.tool.put(kind=2)),
    "a step without a kind": ("span_kind", lambda x: x.step.json.pop("kind")),
    "an error type without an error": ("status_mismatch", lambda x: x.step.set("error.type", "timeout")),
    "an error of ours without an error": (
        "status_mismatch",
        lambda x: x.our_step.set("tcc.status.code", 2),
    ),
    "a success of ours with an error": ("status_mismatch", lambda x: x.our_tool.fail(error__type="Timeout")),
    "a description of success": ("status_message", lambda x: x.step.put(status={"code": 1, "message": "fine"})),
    "no end": ("not_ended", lambda x: x.find.put(endTimeUnixNano="0")),
    "an end before the start": ("end_before_start", lambda x: x.find.put(endTimeUnixNano=str(START + S))),
    "no start": ("time_unset", lambda x: x.our_run.json.pop("startTimeUnixNano")),
    "an event without a time": (
        "time_unset",
        lambda x: x.step.event("exception", 0, exception__type="E", exception__message="e"),
    ),
    "a log record without a time": ("time_unset", lambda x: x.verdict.json.pop("timeUnixNano")),
    "times in seconds": (
        "time_unit",
        lambda x: x.run.put(startTimeUnixNano=str(START // S), endTimeUnixNano=str(START // S + 60)),
    ),
    "a start in milliseconds": ("time_unit", lambda x: x.run.put(startTimeUnixNano=str(START // 10**6))),
    "a record in microseconds": ("time_unit", lambda x: x.verdict.put(timeUnixNano=str(START // 10**3))),
    "an event after the end": ("event_outside_span", lambda x: x.step.event("first token", START + 40 * S)),
    "a link to nothing": ("invalid_link", lambda x: x.step.put(links=[{"traceId": "0" * 32, "spanId": "0" * 16}])),
    "a link with a short id": ("invalid_link", lambda x: x.step.put(links=[{"traceId": OUR_TRACE, "spanId": "ab"}])),
    # Content.
    "messages that were cut": ("invalid_json", lambda x: x.step.set(IN, messages()[:-5])),
    "messages as text": ("invalid_json", lambda x: x.step.set(IN, "Where is it?")),
    "messages that are no list": ("message_schema", lambda x: x.step.set(IN, '{"role": "user"}')),
    "a message that is text": ("message_schema", lambda x: x.step.set(IN, '["Hi"]')),
    "no role": ("message_schema", lambda x: x.step.set(IN, messages(role=None))),
    "a role that is no text": ("message_schema", lambda x: x.step.set(IN, messages(role=1))),
    "no parts": ("message_schema", lambda x: x.step.set(IN, messages(parts=None))),
    "a message of OpenAI": ("message_schema", lambda x: x.step.set(IN, messages(parts=None, content="Hi"))),
    "a part without a type": ("message_schema", lambda x: x.step.set(IN, parts({"content": "Hi"}))),
    "text without content": ("message_schema", lambda x: x.step.set(IN, parts({"type": "text", "text": "Hi"}))),
    "a tool call without a name": ("message_schema", lambda x: x.step.set(IN, parts({"type": "tool_call", "id": "c"}))),
    "a response without a response": (
        "message_schema",
        lambda x: x.step.set(IN, parts({"type": "tool_call_response", "result": 1})),
    ),
    "an id that is a number": (
        "message_schema",
        lambda x: x.step.set(IN, parts({"type": "tool_call", "name": "f", "id": 7})),
    ),
    "a blob without a modality": (
        "message_schema",
        lambda x: x.step.set(IN, parts({"type": "blob", "content": "aGk="})),
    ),
    "instructions as a message": (
        "message_schema",
        lambda x: x.step.set("gen_ai.system_instructions", '[{"role": "system", "content": "Be brief."}]'),
    ),
    "a tool of OpenAI": (
        "message_schema",
        lambda x: x.step.set("gen_ai.tool.definitions", '[{"type": "function", "function": {"name": "f"}}]'),
    ),
    "a document without a number": (
        "message_schema",
        lambda x: x.find.set("gen_ai.retrieval.documents", '[{"id": "d", "score": "high"}]'),
    ),
    "an answer without a reason": ("finish_reason_not_present", lambda x: x.step.set(OUT, answer(finish_reason=None))),
    "text on an event": ("not_structured_on_event", lambda x: x.details.set(IN, messages())),
    # What they are to each other.
    "a parent that is nowhere": ("parent_not_present", lambda x: x.find.put(parentSpanId="f" * 16)),
    "two roots": ("more_than_one_root", lambda x: x.find.json.pop("parentSpanId")),
    "a span in itself": ("parent_loop", lambda x: x.find.put(parentSpanId=x.find.json["spanId"])),
    "spans in each other": (
        "parent_loop",
        lambda x: x.find.put(parentSpanId=x.embed.json["spanId"]) or x.embed.put(parentSpanId=x.find.json["spanId"]),
    ),
    "two spans with one id": ("duplicate_span", lambda x: x.find.put(spanId=x.embed.json["spanId"])),
    "a child before its parent": ("child_before_parent", lambda x: x.find.put(startTimeUnixNano=str(START))),
    "a child after its parent": ("child_after_parent", lambda x: x.find.put(endTimeUnixNano=str(START + 61 * S))),
    "feedback in no trace": (
        "event_unattached",
        lambda x: x.verdict.json.pop("traceId") and x.verdict.json.pop("spanId"),
    ),
}
"""What is planted, the rule that finds it, and how it is made of a sound export."""


def test_a_sound_export_has_no_faults():
    """Not even such as are only information."""
    assert findings(sound().body()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_its_rule(fault):
    """And by no other."""
    rule, change = FAULTS[fault]

    assert rules_found(sound(change)) == {rule}


def test_every_rule_has_a_planted_fault():
    """None is there for nothing, and none has two names."""
    assert [each.id for each in RULES] == list(dict.fromkeys(each.id for each in RULES))
    assert {rule for rule, _ in FAULTS.values()} == {each.id for each in RULES}


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5)
WORDS = st.sampled_from(["role", "parts", "type", "content", "name", "id", "text", "tool_call", "function", "score"])
VALUES = st.recursive(SCALARS | WORDS, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=8)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[*HealthCheck])
@given(
    st.dictionaries(st.sampled_from([*TYPES]) | st.text(min_size=1, max_size=5), VALUES, max_size=6),
    st.dictionaries(st.sampled_from([*SHAPES]), VALUES.map(json.dumps)),
    st.sampled_from(["step", "our_run", "verdict"]),
    st.integers(-1, 9),
)
def test_nothing_is_too_odd_to_be_checked(attributes, contents, where, kind):
    """Whatever is in an export, there are findings and no exception."""
    export = sound()
    item = getattr(export, where)
    for key, value in (attributes | contents).items():
        item.set(key, value)
    item.event("gen_ai.choice", START, **attributes)
    item.put(kind=kind)

    assert {each.level for each in findings(export.body())} <= set(LEVELS)
