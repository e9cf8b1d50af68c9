run.status = ? AND NOT run.is_open
