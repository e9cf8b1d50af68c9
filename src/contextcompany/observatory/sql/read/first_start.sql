SELECT start_ns FROM run WHERE /* where */ ORDER BY start_ns, id LIMIT 1
