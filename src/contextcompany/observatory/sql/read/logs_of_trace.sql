SELECT log.span_id, log.raw, envelope.content
FROM log JOIN envelope ON envelope.id = log.envelope WHERE log.trace_id = ? ORDER BY log.time_ns, log.id
