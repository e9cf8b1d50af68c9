-- What failed since a moment, alike errors together; of columns beside max() SQLite gives those of the newest.
SELECT span.kind, span.name, span.error_type, substr(span.status_message, 1, 200) AS message, count(*),
    count(DISTINCT span.run), min(span.start_ns), max(span.start_ns), span.span_id,
    (SELECT trace_id FROM run WHERE run.id = span.run)
FROM span WHERE span.status = 'error' AND span.start_ns >= ?
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 8 DESC LIMIT ?
