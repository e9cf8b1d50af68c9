-- It said that it was suspended, and nothing has started in it since.
EXISTS (
    SELECT 1 FROM log WHERE log.trace_id = run.trace_id AND log.name = ?
    AND NOT EXISTS (SELECT 1 FROM span WHERE span.run = run.id AND span.start_ns > log.time_ns)
)
