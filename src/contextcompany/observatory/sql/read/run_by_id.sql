-- A run by its trace id, or by the id that its sender gave it or a run inside of it.
SELECT id, trace_id, kind, top, run_id, session_id, user_id, agent, name, read_as, status, status_message, error_type, is_open, start_ns, end_ns, duration_ns, seen_ns, spans, open_spans, steps, tool_calls, errors, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost, unpriced, prompt, response, size, settled_spans, price_table
FROM run WHERE id IN (
    SELECT id FROM run WHERE trace_id IN (?1, replace(?1, '-', ''))
    UNION SELECT id FROM run WHERE run_id = ?1
    UNION SELECT run FROM run_name WHERE kind = 'run_id' AND name = ?1
)
ORDER BY run_id IS NOT ?1, start_ns DESC LIMIT 1
