-- The spans of a run as they arrived.
SELECT span.span_id FROM run JOIN span ON span.run = run.id WHERE run.trace_id = ? ORDER BY span.id
