-- The next texts for search: as many as there are, up to a number of rows (?1) and of bytes (?2), but one at least.
SELECT body.id, body.data
FROM (
    SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM (
        SELECT id, size FROM body
        WHERE id > (SELECT value FROM meta WHERE key = 'indexed_body') ORDER BY id LIMIT ?1
    )
) AS next
JOIN body ON body.id = next.id
WHERE next.before < ?2 ORDER BY body.id
