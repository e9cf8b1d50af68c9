-- New spans, and those that replace their snapshot under its id.
INSERT OR REPLACE INTO span (
    id, run, span_id, parent_id, kind, read_as, name, agent, model, model_requested, provider,
    tool_call_id, status, status_message, error_type, start_ns, end_ns, run_id, said, input_tokens, output_tokens,
    cached_tokens, cache_write_tokens, reasoning_tokens, cost, cost_source, unpriced, not_counted, is_settled,
    unknown, words, seen_ns, moments
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
