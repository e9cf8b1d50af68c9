-- Runs with an id that begins like this, from one text to just before another, newest first.
SELECT id, trace_id, kind, top, run_id, session_id, user_id, agent, name, read_as, status, status_message, error_type, is_open, start_ns, end_ns, duration_ns, seen_ns, spans, open_spans, steps, tool_calls, errors, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost, unpriced, prompt, response, size, settled_spans
FROM run WHERE id IN (
    SELECT id FROM run WHERE trace_id >= ?1 AND trace_id < ?2
    UNION SELECT id FROM run WHERE run_id >= ?3 AND run_id < ?4
    UNION SELECT run FROM run_name WHERE kind = 'run_id' AND name >= ?3 AND name < ?4
)
ORDER BY start_ns DESC, id DESC LIMIT ?5
