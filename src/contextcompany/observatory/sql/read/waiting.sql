-- Of these traces, those that wait for a person, and since when: as filters/waiting.sql.
SELECT run.trace_id, max(log.time_ns)
FROM run JOIN log ON log.trace_id = run.trace_id
WHERE run.trace_id IN (SELECT value FROM json_each(?)) AND run.is_open AND log.name = ?
    AND NOT EXISTS (SELECT 1 FROM span WHERE span.run = run.id AND span.start_ns > log.time_ns)
GROUP BY run.trace_id
