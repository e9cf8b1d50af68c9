SELECT number FROM change WHERE trace_id = ?
