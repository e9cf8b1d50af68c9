SELECT id, data FROM body WHERE id > (SELECT value FROM meta WHERE key = 'indexed_body') ORDER BY id LIMIT ?
