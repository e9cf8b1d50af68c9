-- Of the events that were kept.
INSERT INTO feedback (log, trace_id, run_id, span_id, label, value, text, time_ns)
SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM log WHERE id = ?1
