INSERT INTO body (id, digest, size, data) VALUES (?, ?, ?, ?)
