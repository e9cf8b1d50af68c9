INSERT OR REPLACE INTO run (
    id, trace_id, kind, top, run_id, session_id, user_id, agent, name, read_as, status, status_message,
    error_type, is_open, start_ns, end_ns, duration_ns, seen_ns, spans, open_spans, steps, tool_calls,
    errors, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost,
    unpriced, prompt, response, size, settled_spans, price_table
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
