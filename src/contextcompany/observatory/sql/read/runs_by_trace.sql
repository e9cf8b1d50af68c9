SELECT id, start_ns, spans, size FROM run WHERE trace_id IN (SELECT value FROM json_each(?))
