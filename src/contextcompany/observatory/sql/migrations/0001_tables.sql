-- What is kept. The comments are part of the tables: `.schema` in sqlite3 shows them, and a test compares them with the columns.
-- Times are nanoseconds since 1970-01-01 UTC. Ids of traces and spans are lower-case hex.

CREATE TABLE run (
    -- One row for each trace: what a run is, with all that happened in it counted.
    id INTEGER PRIMARY KEY, -- Grows in the order in which runs arrive.
    trace_id TEXT NOT NULL UNIQUE, -- The trace's id: 32 hex digits.
    kind TEXT NOT NULL, -- run; or other: spans that belong together and say nothing of models or agents.
    top TEXT NOT NULL, -- The topmost span's id, which it is shown as: the outermost run, else the first GenAI span, else the first span.
    run_id TEXT, -- The id that its sender gave it, where that is not the trace id.
    session_id TEXT, -- The conversation it belongs to.
    user_id TEXT, -- Whom it was made for.
    agent TEXT, -- The agent's name.
    name TEXT NOT NULL, -- What to show as its name: of the topmost span.
    read_as TEXT NOT NULL, -- The convention by which the topmost span was understood.
    status TEXT NOT NULL, -- How it ended: ok, error, partial or unset.
    status_message TEXT, -- What the topmost span says about that.
    error_type TEXT, -- The kind of error with which the topmost span ended.
    is_open INTEGER NOT NULL, -- 1 while its topmost span has not ended, or the run around what arrived is missing.
    start_ns INTEGER NOT NULL, -- When its first span started.
    end_ns INTEGER NOT NULL, -- When the topmost span ended; 0 while that is open.
    duration_ns INTEGER, -- How long the topmost span took; empty while it is open.
    seen_ns INTEGER NOT NULL, -- When something of it last arrived here, by this machine's clock.
    spans INTEGER NOT NULL, -- How many spans have arrived.
    open_spans INTEGER NOT NULL, -- How many of these are snapshots of spans that have not ended.
    steps INTEGER NOT NULL, -- How many requests to models.
    tool_calls INTEGER NOT NULL, -- How many tool calls.
    errors INTEGER NOT NULL, -- How many spans ended in an error.
    input_tokens INTEGER, -- All input, cached included, each call counted once; empty when no span says.
    output_tokens INTEGER, -- All output, reasoning included, each call counted once; empty when no span says.
    cached_tokens INTEGER, -- The part of the input that was read from a cache.
    cache_write_tokens INTEGER, -- The part of the input that was written to a cache.
    reasoning_tokens INTEGER, -- The part of the output that was reasoning.
    cost REAL, -- In USD, each call counted once; empty when no span says.
    unpriced INTEGER NOT NULL, -- How many calls have no cost, so that the cost is too low.
    prompt TEXT, -- How the first prompt begins.
    response TEXT, -- How the last response begins.
    size INTEGER NOT NULL, -- Bytes of its spans as they arrived, before what repeats was stored once.
    settled_spans INTEGER NOT NULL -- How many spans had arrived when the counts, tokens and cost here were made.
);
CREATE INDEX run_by_start ON run (start_ns, id);
CREATE INDEX run_by_session ON run (session_id, start_ns) WHERE session_id IS NOT NULL;
CREATE INDEX run_by_run_id ON run (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX run_open ON run (seen_ns) WHERE is_open;
CREATE INDEX run_unsettled ON run (seen_ns) WHERE settled_spans < spans;

CREATE TABLE span (
    -- One row for each span: what it says, in our words.
    id INTEGER PRIMARY KEY, -- Grows in the order in which spans arrive; a span keeps it when it replaces its snapshot.
    run INTEGER NOT NULL, -- The run's id in the table `run`.
    span_id TEXT NOT NULL, -- 16 hex digits.
    parent_id TEXT NOT NULL, -- The parent's span id; empty when it has none.
    kind TEXT NOT NULL, -- run, step, tool_call or other.
    read_as TEXT NOT NULL, -- The convention by which it was understood.
    name TEXT NOT NULL, -- The agent's, model's or tool's name; of other spans the span's own.
    agent TEXT, -- The agent it belongs to.
    model TEXT, -- The model that was used, else the one that was requested.
    model_requested TEXT, -- The model that was requested, where another one was used.
    provider TEXT, -- Whose model it is.
    tool_call_id TEXT, -- The id by which the model asked for this tool call.
    status TEXT NOT NULL, -- ok, error, partial or unset.
    status_message TEXT, -- What the sender says about that.
    error_type TEXT, -- The kind of error with which it ended.
    start_ns INTEGER NOT NULL, -- When it started.
    end_ns INTEGER NOT NULL, -- When it ended; 0 in a snapshot of a span that has not.
    run_id TEXT, -- The id that its sender gave the run it belongs to.
    said TEXT, -- JSON, empty when it says nothing of that: input, output, cached, cache write and reasoning tokens, cost and its source, response id, whether another span counts.
    input_tokens INTEGER, -- What it adds to its run, cached included; empty when it adds none.
    output_tokens INTEGER, -- What it adds to its run, reasoning included.
    cached_tokens INTEGER, -- The part of the input that was read from a cache.
    cache_write_tokens INTEGER, -- The part of the input that was written to a cache.
    reasoning_tokens INTEGER, -- The part of the output that was reasoning.
    cost REAL, -- What it adds to its run in USD; empty when it adds none.
    cost_source TEXT, -- Who says so: provided, calculated, or a convention.
    unpriced INTEGER NOT NULL, -- 1 when it adds tokens and nobody knows what they cost.
    not_counted TEXT, -- Why it does not add what it says; empty when it does.
    is_settled INTEGER NOT NULL, -- 1 when it is in the table `rollup`.
    unknown TEXT, -- JSON: the attributes that were not understood.
    words TEXT NOT NULL, -- What search finds it by, beyond its long texts.
    seen_ns INTEGER NOT NULL, -- When it arrived here or was last counted anew, by this machine's clock: later than what could be seen before.
    UNIQUE (run, span_id)
);
CREATE INDEX span_tool ON span (name, start_ns, id) WHERE kind = 'tool_call';
CREATE INDEX span_tool_call ON span (start_ns, id) WHERE kind = 'tool_call';
CREATE INDEX span_failure ON span (start_ns) WHERE status = 'error';

CREATE TABLE wire (
    -- One row for each span: all that the wire carried. Its long texts are cut out of the bytes and kept as pieces.
    span INTEGER PRIMARY KEY, -- The span's id in the table `span`.
    envelope INTEGER NOT NULL, -- Which resource and scope sent it.
    cuts TEXT NOT NULL, -- JSON: [where, last piece] of each text that was cut out; where counts in what is left.
    raw BLOB NOT NULL -- OTLP's protobuf bytes without those texts, deflated with the dictionary in the table `meta`.
);

CREATE TABLE envelope (
    -- Resources and scopes of OTLP, each pair once.
    id INTEGER PRIMARY KEY, -- What `wire` and `log` say.
    content TEXT NOT NULL UNIQUE -- JSON: {"resource": …, "scope": …} with values as OTLP writes them in JSON.
);

CREATE TABLE body (
    -- Text that was said, each once in the whole file: a message, or a part of a long one.
    id INTEGER PRIMARY KEY, -- Grows in the order of arrival.
    digest BLOB NOT NULL UNIQUE, -- BLAKE2b of the text, 16 bytes.
    size INTEGER NOT NULL, -- Bytes of the text.
    data BLOB NOT NULL -- The text where it is short, else deflated (zlib).
);

CREATE TABLE piece (
    -- The texts of a run as a tree of bodies: a text is the way from a root to a piece, so that what grows is kept once.
    run INTEGER NOT NULL, -- The run's id in the table `run`.
    number INTEGER NOT NULL, -- Counts from 1 within the run.
    previous INTEGER NOT NULL, -- The piece before it in the text; 0 when it is the first.
    body INTEGER NOT NULL, -- Its text, in the table `body`.
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE INDEX piece_by_body ON piece (body, run);

CREATE TABLE run_name (
    -- What occurs in a run, for filters.
    kind TEXT NOT NULL, -- agent, model, tool, provider, error, user or run_id.
    name TEXT NOT NULL, -- As the spans say.
    run INTEGER NOT NULL, -- The run's id in the table `run`.
    PRIMARY KEY (kind, name, run)
) WITHOUT ROWID;
CREATE INDEX run_name_by_run ON run_name (run);

CREATE TABLE log (
    -- One row for each log record and event as it arrived, feedback included.
    id INTEGER PRIMARY KEY, -- Grows in the order of arrival.
    trace_id TEXT NOT NULL, -- The trace it belongs to, which may not have arrived; empty when it belongs to none.
    span_id TEXT NOT NULL, -- The span it belongs to; empty when it belongs to none.
    name TEXT NOT NULL, -- The event's name; empty in a plain log record.
    time_ns INTEGER NOT NULL, -- When it happened, else when it was observed.
    digest BLOB NOT NULL UNIQUE, -- BLAKE2b of the bytes and the trace, so that what is sent twice is kept once.
    envelope INTEGER NOT NULL, -- Which resource and scope sent it.
    raw BLOB NOT NULL -- OTLP's protobuf bytes, deflated with the dictionary in the table `meta`.
);
CREATE INDEX log_by_trace ON log (trace_id, time_ns);

CREATE TABLE feedback (
    -- What people thought of runs, also of runs that have not arrived.
    log INTEGER PRIMARY KEY, -- The event in the table `log`.
    trace_id TEXT NOT NULL, -- The run's trace.
    run_id TEXT, -- The run's id as its sender says it.
    span_id TEXT NOT NULL, -- The span it is about; empty when it is about the run.
    label TEXT, -- The score: thumbs_up or thumbs_down, or another word.
    value REAL, -- The score as a number.
    text TEXT, -- What the person wrote.
    time_ns INTEGER NOT NULL -- When.
);
CREATE INDEX feedback_by_trace ON feedback (trace_id);
CREATE INDEX feedback_by_time ON feedback (time_ns);

CREATE TABLE rollup (
    -- Counts per hour, for dashboards. They stay when runs are deleted for their age or for room.
    hour INTEGER NOT NULL, -- Hours since 1970, of when spans started.
    kind TEXT NOT NULL, -- run, step or tool_call.
    agent TEXT NOT NULL, -- The agent; empty when none is said.
    name TEXT NOT NULL, -- The agent of a run, the model of a step, the tool of a tool call.
    spans INTEGER NOT NULL, -- How many ended.
    errors INTEGER NOT NULL, -- How many of these in an error.
    duration_ns INTEGER NOT NULL, -- How long all of them took.
    input_tokens INTEGER NOT NULL, -- Each call counted once, cached included.
    output_tokens INTEGER NOT NULL, -- Each call counted once, reasoning included.
    cached_tokens INTEGER NOT NULL, -- The part of the input that was read from a cache.
    cache_write_tokens INTEGER NOT NULL, -- The part of the input that was written to a cache.
    reasoning_tokens INTEGER NOT NULL, -- The part of the output that was reasoning.
    cost REAL NOT NULL, -- In USD, each call counted once.
    unpriced INTEGER NOT NULL, -- How many calls have no cost.
    PRIMARY KEY (hour, kind, agent, name)
) WITHOUT ROWID;

CREATE TABLE latency (
    -- How long spans took: a histogram for each row of `rollup`.
    hour INTEGER NOT NULL, -- As in `rollup`.
    kind TEXT NOT NULL, -- As in `rollup`.
    agent TEXT NOT NULL, -- As in `rollup`.
    name TEXT NOT NULL, -- As in `rollup`.
    bucket INTEGER NOT NULL, -- Holds spans that took from 2^(bucket / 4) to 2^((bucket + 1) / 4) microseconds.
    spans INTEGER NOT NULL, -- How many.
    PRIMARY KEY (hour, kind, agent, name, bucket)
) WITHOUT ROWID;

CREATE TABLE meta (
    -- What there is one of.
    key TEXT PRIMARY KEY, -- Its name.
    value ANY NOT NULL, -- Its value.
    about TEXT NOT NULL -- What it means.
) WITHOUT ROWID;
INSERT INTO meta VALUES ('indexed_body', 0, 'The last row of `body` that search finds.');
INSERT INTO meta VALUES ('indexed_span', 0, 'The last row of `span` that search finds by its words.');
INSERT INTO meta VALUES ('pruned_runs', 0, 'How many runs were deleted for their age or for room.');
INSERT INTO meta VALUES ('pruned_before', 0, 'When the youngest run that was deleted for its age or for room started.');
INSERT INTO meta VALUES ('refused_snapshots', 0, 'How many snapshots came after their final span and were not kept.');

-- Search by words; the texts themselves are in `body` and `span`. Neither table has a copy of them.
CREATE VIRTUAL TABLE body_search USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE span_search USING fts5 (words, content = '', tokenize = 'unicode61 remove_diacritics 2');
-- Larger batches in memory and fewer, larger merges than FTS5 has by itself: indexing takes half the time.
INSERT INTO body_search (body_search, rank) VALUES ('hashsize', 8388608);
INSERT INTO body_search (body_search, rank) VALUES ('automerge', 8);
INSERT INTO span_search (span_search, rank) VALUES ('hashsize', 8388608);
INSERT INTO span_search (span_search, rank) VALUES ('automerge', 8);
