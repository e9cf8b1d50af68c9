-- The pieces of a text, in order: from the last back to the first.
WITH RECURSIVE text (previous, body, depth) AS (
    SELECT previous, body, 0 FROM piece WHERE run = ?1 AND number = ?2
    UNION ALL
    SELECT piece.previous, piece.body, text.depth + 1
    FROM text CROSS JOIN piece ON piece.run = ?1 AND piece.number = text.previous
)
SELECT body.data FROM text CROSS JOIN body ON body.id = text.body ORDER BY text.depth DESC
