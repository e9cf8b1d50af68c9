SELECT id, trace_id, start_ns FROM run WHERE trace_id IN (SELECT value FROM json_each(?))
