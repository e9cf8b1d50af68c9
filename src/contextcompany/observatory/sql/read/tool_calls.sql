-- A page of tool calls of all runs, newest first.
SELECT span.id, run.trace_id, run.name, span.span_id, span.name, span.agent, span.status, span.status_message,
    span.error_type, span.start_ns, span.end_ns
FROM span JOIN run ON run.id = span.run
WHERE span.kind = 'tool_call' AND (span.start_ns, span.id) < (?, ?)
ORDER BY span.start_ns DESC, span.id DESC LIMIT ?
