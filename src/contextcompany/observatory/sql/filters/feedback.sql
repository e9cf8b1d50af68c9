run.trace_id IN (SELECT trace_id FROM feedback WHERE label = ?)
