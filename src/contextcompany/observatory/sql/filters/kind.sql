run.kind = ?
