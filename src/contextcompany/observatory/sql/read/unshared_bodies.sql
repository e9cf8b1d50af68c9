-- Text that only these runs say.
SELECT id, data FROM body WHERE id IN (
    SELECT body FROM piece WHERE run IN (SELECT value FROM json_each(?1))
    EXCEPT
    SELECT other.body FROM piece AS mine CROSS JOIN piece AS other ON other.body = mine.body
    WHERE mine.run IN (SELECT value FROM json_each(?1)) AND other.run NOT IN (SELECT value FROM json_each(?1))
)
