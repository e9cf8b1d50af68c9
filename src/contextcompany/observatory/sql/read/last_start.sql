SELECT start_ns FROM run WHERE /* where */ ORDER BY start_ns DESC, id DESC LIMIT 1
