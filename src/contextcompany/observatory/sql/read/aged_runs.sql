-- Runs that started before this moment, and of which nothing came since.
SELECT id, start_ns, spans, size FROM run WHERE start_ns < ?1 AND seen_ns < ?1 ORDER BY start_ns, id LIMIT ?2
