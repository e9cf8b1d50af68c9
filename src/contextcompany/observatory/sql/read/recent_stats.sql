-- As `stats`, in parts of any length, from the spans themselves: of a short time, and of runs that started after a moment.
SELECT span.start_ns - span.start_ns % ?1 AS since, CASE WHEN ?2 = 'agent' THEN coalesce(span.agent, '')
        WHEN ?2 = '' THEN '' WHEN span.kind = 'step' THEN coalesce(span.model, '') ELSE span.name END AS name,
    sum(span.kind = ?3), sum(span.kind = ?3 AND span.status = 'error'),
    sum(CASE WHEN span.kind = ?3 THEN max(0, span.end_ns - span.start_ns) ELSE 0 END),
    sum(coalesce(span.input_tokens, 0)), sum(coalesce(span.output_tokens, 0)), sum(coalesce(span.cached_tokens, 0)),
    sum(coalesce(span.cache_write_tokens, 0)), sum(coalesce(span.reasoning_tokens, 0)),
    sum(coalesce(span.cost, 0.0)), sum(span.unpriced)
FROM run JOIN span ON span.run = run.id
WHERE run.start_ns >= ?6 AND run.start_ns < ?5 AND span.start_ns >= ?4 AND span.start_ns < ?5 AND span.end_ns > 0
    AND (span.kind = ?3 OR (?3 = 'run' AND span.kind != 'other'))
GROUP BY 1, 2 ORDER BY 1, 2
