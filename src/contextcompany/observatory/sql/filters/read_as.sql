run.read_as = ?
