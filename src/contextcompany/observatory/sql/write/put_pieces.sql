INSERT INTO piece (run, number, previous, body) VALUES (?, ?, ?, ?)
