-- All that was received of these spans of a run.
SELECT span.span_id, span.run, wire.cuts, wire.raw, envelope.content
FROM run JOIN span ON span.run = run.id JOIN wire ON wire.span = span.id JOIN envelope ON envelope.id = wire.envelope
WHERE run.trace_id = ? AND span.span_id IN (SELECT value FROM json_each(?))
