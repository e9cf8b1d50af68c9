-- The durations that belong to the answer of recent_stats.
SELECT span.start_ns - span.start_ns % ?1 AS since, CASE WHEN ?2 = 'agent' THEN coalesce(span.agent, '')
        WHEN ?2 = '' THEN '' WHEN span.kind = 'step' THEN coalesce(span.model, '') ELSE span.name END AS name,
    max(0, span.end_ns - span.start_ns)
FROM run JOIN span ON span.run = run.id
WHERE run.start_ns >= ?6 AND run.start_ns < ?5 AND span.start_ns >= ?4 AND span.start_ns < ?5 AND span.end_ns > 0
    AND span.kind = ?3
