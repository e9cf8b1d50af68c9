SELECT id, words FROM span WHERE id > (SELECT value FROM meta WHERE key = 'indexed_span') ORDER BY id LIMIT ?
