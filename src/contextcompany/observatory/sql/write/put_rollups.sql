-- Adds to what is there; what is taken back is negative.
INSERT INTO rollup (
    hour, kind, agent, name, spans, errors, duration_ns, input_tokens, output_tokens, cached_tokens,
    cache_write_tokens, reasoning_tokens, cost, unpriced
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    spans = spans + excluded.spans,
    errors = errors + excluded.errors,
    duration_ns = duration_ns + excluded.duration_ns,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
    cost = cost + excluded.cost,
    unpriced = unpriced + excluded.unpriced
