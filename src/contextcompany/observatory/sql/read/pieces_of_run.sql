SELECT previous, body, number FROM piece WHERE run = ?
