"""All rules, in the order in which they are listed.

Those that the live check of OpenTelemetry's registries has too are called as they are there:
https://github.com/open-telemetry/weaver/tree/main/crates/weaver_live_check
"""

from __future__ import annotations

from typing import Final

from contextcompany import semconv as sc
from contextcompany.linting.findings import Rule

__all__ = ["RULES"]

_ALL_OF_IT: Final = "all of it: a receiver refuses it, or cannot tell what it is"

# --- how it is encoded -----------------------------------------------------------------------------------------------

UNREADABLE = Rule(
    "unreadable",
    "violation",
    "A file, line or message is not OTLP.",
    _ALL_OF_IT,
    "Write requests of OTLP: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/.",
)
REFUSED = Rule(
    "refused_item",
    "violation",
    "A span or log record has an id, a time, an enum or a value that OTLP does not allow.",
    _ALL_OF_IT,
    "Correct it where it is made: receivers drop the item, and some the whole request.",
)
ENUM_NAME = Rule(
    "enum_not_number",
    "violation",
    "An enum is written as its name in JSON.",
    "what it says, or the whole request: OTLP's JSON has numbers",
    "Write the number. Protobuf's own JSON writers need `use_integers_for_enums`.",
)
SNAKE_CASE = Rule(
    "key_not_camel_case",
    "violation",
    "A key in JSON is in snake_case.",
    "what it says: unknown keys are passed over",
    "Write it in lowerCamelCase. Protobuf's own JSON writers do unless told to keep the names of fields.",
)
PRECISION = Rule(
    "number_precision",
    "violation",
    "A 64-bit integer is written as a number in JSON and has more digits than a double.",
    "its last digits: a time is off by up to 128 ns",
    "Write it as text.",
)

# --- names -----------------------------------------------------------------------------------------------------------

MISSING_ATTRIBUTE = Rule(
    "missing_attribute",
    "improvement",
    "An attribute in a namespace of the conventions that they do not have.",
    "what it says: nobody else reads it",
    "Use the name that the conventions have, or one in a namespace of your own.",
)
DEPRECATED = Rule(
    "deprecated",
    "violation",
    "A name that the conventions have given up, without the one that took its place.",
    "what it says, if they read the conventions as they are now",
    "Write the new name, beside the old one for as long as somebody reads that.",
)
OTHERWISE = Rule(
    "spelled_otherwise",
    "improvement",
    "An attribute of another convention, without the one of OpenTelemetry that says the same.",
    "what it says, if they read OpenTelemetry's names only",
    "Write OpenTelemetry's name too.",
)
OTHER_CONVENTION = Rule(
    "other_convention",
    "improvement",
    "A run, step or tool call in another convention than GenAI.",
    "its model, tokens, cost and messages, if they read GenAI only: it is a span like any other to them",
    "Switch the names of GenAI on in the instrumentation, if it has them. An Observatory reads it as it is.",
)
MISSING_EVENT = Rule(
    "missing_event",
    "improvement",
    "An event in a namespace of the conventions that they do not have.",
    "what it says: nobody else reads it",
    "Use an event that the conventions have, or a name in a namespace of your own.",
)

# --- values ----------------------------------------------------------------------------------------------------------

TYPE = Rule(
    "type_mismatch",
    "violation",
    "A value of another type than its attribute has.",
    "the value: numbers that are text are in no sum, and stores that keep a column for each name refuse them",
    "Give it the type that the conventions say.",
)
INT_FOR_DOUBLE = Rule(
    "int_for_double",
    "information",
    "A whole number as an integer where the attribute is a double.",
    "the value in stores that keep a column for each name and type",
    "Write a double, where the language can: the SDK for JavaScript makes integers of whole numbers by itself.",
)
ENUM = Rule(
    "undefined_enum_variant",
    "information",
    "A value that is none of those that the conventions know. Others are legal.",
    "what it means: they group it by itself",
    "Use a known value if there is one for it.",
)
RANGE = Rule(
    "value_out_of_range",
    "violation",
    "A number that cannot be.",
    "sums and averages that are right",
    "Leave the attribute out where the number is not known.",
)
PART = Rule(
    "part_exceeds_total",
    "violation",
    "Tokens of a part are more than those of the whole.",
    "the right cost: parts are subtracted from the total before each is priced",
    "Count all input and all output in the totals. Anthropic's `input_tokens`, for one, is without what was cached.",
)
TWIN = Rule(
    "twins_differ",
    "violation",
    "Two attributes that say the same are different.",
    "one of the two values: which one depends on the reader",
    "Write the same value under both.",
)
DUPLICATE_ATTRIBUTE = Rule(
    "duplicate_attribute",
    "violation",
    "An attribute is there twice.",
    "one of the values: which one depends on the reader",
    "Write each name once.",
)
DROPPED = Rule(
    "dropped_attributes",
    "improvement",
    "The sender left attributes, events or links out, as there were more than its limits.",
    "what was left out: nobody gets it",
    "Raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT or OTEL_SPAN_EVENT_COUNT_LIMIT, or record less.",
)

# --- what has to be there --------------------------------------------------------------------------------------------

REQUIRED = Rule(
    "required_attribute_not_present",
    "violation",
    "An attribute is missing that the conventions require.",
    "what it would say",
    "Set it.",
)
CONDITIONAL = Rule(
    "conditionally_required_attribute_not_present",
    "violation",
    "An attribute is missing that the conventions require on a condition, which holds.",
    "what it would say",
    "Set it.",
)
RECOMMENDED = Rule(
    "recommended_attribute_not_present",
    "improvement",
    "An attribute is missing that the conventions recommend, or require if it is known, and that others need.",
    "what it would say",
    "Set it if it is known.",
)
SERVICE_NAME = Rule(
    "service_name",
    "improvement",
    "The resource has no `service.name`, or the one that SDKs have when nobody gives one.",
    "which program it was: everything is in one service, `unknown_service`",
    "Set OTEL_SERVICE_NAME.",
)
SCOPE_NAME = Rule(
    "scope_name",
    "improvement",
    "The scope has no name.",
    "by which instrumentation, and so by which convention, it was written",
    "Give the tracer the name of the instrumentation.",
)

# --- spans -----------------------------------------------------------------------------------------------------------

SPAN_NAME = Rule(
    "span_name",
    "improvement",
    "A span is not called as the conventions say.",
    "that it is one of many alike: lists, metrics and filters go by the name",
    "Call it so.",
)
SPAN_KIND = Rule(
    "span_kind",
    "improvement",
    "A span has a kind that its operation has not.",
    "where one service calls another: maps of services are drawn by kinds",
    "Set the kind when the span is started; it cannot be changed later.",
)
STATUS = Rule(
    "status_mismatch",
    "violation",
    "The status of a span contradicts an attribute.",
    "that it failed, or that it did not: error rates go by the status",
    "Set the status to error, with the attribute, if and only if it failed.",
)
STATUS_MESSAGE = Rule(
    "status_message",
    "improvement",
    "A status that is no error has a description.",
    "the description: OpenTelemetry has it for errors only",
    "Put it into an attribute.",
)
NOT_ENDED = Rule(
    "not_ended",
    "violation",
    "A span has no end.",
    "how long it took; some show that it ended in 1970",
    "Export spans when they have ended. Snapshots of open spans are for receivers that take them, as the Observatory.",
)
END = Rule(
    "end_before_start",
    "violation",
    "A span ends before it starts.",
    "its duration, which is negative or huge",
    "Take both times from one clock.",
)
TIME_UNSET = Rule(
    "time_unset",
    "violation",
    "A time is missing.",
    "when it was: it is shown in 1970, and pruned as too old",
    "Set it, in nanoseconds since 1970.",
)
TIME_UNIT = Rule(
    "time_unit",
    "violation",
    "A time is in another unit than nanoseconds.",
    "when it was: it is shown in 1970, and pruned as too old",
    "Write nanoseconds since 1970.",
)
EVENT_TIME = Rule(
    "event_outside_span",
    "information",
    "An event of a span is before its start or after its end.",
    "where it belongs in the timeline",
    "Take all times from one clock.",
)
LINK = Rule(
    "invalid_link",
    "violation",
    "A link names no span.",
    "the link, or with it the span",
    "Link to spans whose context is valid.",
)

# --- content ---------------------------------------------------------------------------------------------------------

JSON = Rule(
    "invalid_json",
    "violation",
    "The text of a structured attribute is no JSON.",
    "the conversation: they show the raw text, or nothing",
    "Serialise it whole. What is too large has to be cut inside of the texts, not at the end.",
)
SCHEMA = Rule(
    "message_schema",
    "violation",
    "Messages, parts, tool definitions or documents are not as the JSON schemas of GenAI have them.",
    "the conversation: they show the raw text, or nothing",
    "Messages are [{role, parts: [{type, …}]}], instructions [{type, …}], and tools [{type, name, …}].",
)
FINISH = Rule(
    "finish_reason_not_present",
    "improvement",
    "An output message has no `finish_reason`.",
    "why the model stopped; and the whole message, if they validate by the schema of before autumn 2026",
    "Set it.",
)
STRUCTURED = Rule(
    "not_structured_on_event",
    "violation",
    "Structured content is a text on an event or log record.",
    "the conversation: on events it has to be structured, and is read so",
    "Write it as arrays and maps of OTLP. Only spans may have it as JSON text.",
)

# --- traces ----------------------------------------------------------------------------------------------------------

DUPLICATE_SPAN = Rule(
    "duplicate_span",
    "violation",
    "Two different spans have the same ids.",
    "one of the two, or the shape of the trace",
    "Make span ids at random, in each process by itself. If it is one span that was sent twice, it is harmless.",
)
PARENT = Rule(
    "parent_not_present",
    "improvement",
    "A parent is nowhere in what was checked, and is not said to be in another process.",
    "the root of the trace: they show the span at the top, or wait for its parent",
    "Export all spans of a trace, or sample by parents. If the parent is in another file, check both together.",
)
ROOTS = Rule(
    "more_than_one_root",
    "improvement",
    "A trace has more than one span without a parent.",
    "which of them the trace is named after, and all but one of them in lists",
    "Start a new trace for each, and link them; or give all but one a parent.",
)
LOOP = Rule(
    "parent_loop",
    "violation",
    "A span is in itself.",
    "the spans of the loop, which no tree can show",
    "Give each span an id of its own.",
)
EARLY = Rule(
    "child_before_parent",
    "improvement",
    "A span starts before its parent does, in one process.",
    "where it belongs in the timeline: bars begin left of what they are in",
    "Start the parent first, and take all times from one clock.",
)
LATE = Rule(
    "child_after_parent",
    "information",
    "A span ends after its parent did, in one process. This is legal.",
    "how long the whole took: it is longer than its root",
    "End the parent last, if it waits for the child.",
)
UNATTACHED = Rule(
    "event_unattached",
    "improvement",
    "A GenAI event belongs to no span, and names no response.",
    "what it is about",
    f"Emit it in the context of the span, or set `{sc.GEN_AI_RESPONSE_ID}`.",
)

RULES: Final = (
    UNREADABLE,
    REFUSED,
    ENUM_NAME,
    SNAKE_CASE,
    PRECISION,
    MISSING_ATTRIBUTE,
    DEPRECATED,
    OTHERWISE,
    OTHER_CONVENTION,
    MISSING_EVENT,
    TYPE,
    INT_FOR_DOUBLE,
    ENUM,
    RANGE,
    PART,
    TWIN,
    DUPLICATE_ATTRIBUTE,
    DROPPED,
    REQUIRED,
    CONDITIONAL,
    RECOMMENDED,
    SERVICE_NAME,
    SCOPE_NAME,
    SPAN_NAME,
    SPAN_KIND,
    STATUS,
    STATUS_MESSAGE,
    NOT_ENDED,
    END,
    TIME_UNSET,
    TIME_UNIT,
    EVENT_TIME,
    LINK,
    JSON,
    SCHEMA,
    FINISH,
    STRUCTURED,
    DUPLICATE_SPAN,
    PARENT,
    ROOTS,
    LOOP,
    EARLY,
    LATE,
    UNATTACHED,
)
"""All of them."""
