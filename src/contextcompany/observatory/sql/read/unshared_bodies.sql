-- Text that only these runs say. Of what many runs say, one other is looked for, and not all are gone through.
SELECT id, data FROM body
WHERE id IN (SELECT body FROM piece WHERE run IN (SELECT value FROM json_each(?1)))
    AND NOT EXISTS (
        SELECT 1 FROM piece AS other
        WHERE other.body = body.id AND other.run NOT IN (SELECT value FROM json_each(?1))
    )
