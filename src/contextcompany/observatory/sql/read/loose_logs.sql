-- Some of the log records whose run is not there, or that belong to none.
SELECT log.id, log.raw, envelope.content
FROM log JOIN envelope ON envelope.id = log.envelope
WHERE log.id > ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.trace_id = log.trace_id) ORDER BY log.id LIMIT ?
