-- Whether somebody has said that of a run.
SELECT 1 FROM feedback WHERE trace_id = ? AND label IS ? AND text IS ? LIMIT 1
