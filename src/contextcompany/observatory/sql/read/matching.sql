-- Some of the runs that a filter lets through, in the order of their arrival.
SELECT id, trace_id, start_ns, spans FROM run WHERE id > ? AND (/* where */) ORDER BY id LIMIT ?
