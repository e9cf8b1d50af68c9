DELETE FROM body WHERE id IN (SELECT value FROM json_each(?))
