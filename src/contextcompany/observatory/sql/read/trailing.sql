-- What search does not find yet: bodies and spans, and since when.
SELECT
    (SELECT coalesce(max(id), 0) FROM body) - (SELECT value FROM meta WHERE key = 'indexed_body'),
    (SELECT coalesce(max(id), 0) FROM span) - (SELECT value FROM meta WHERE key = 'indexed_span'),
    (SELECT seen_ns FROM span WHERE id > (SELECT value FROM meta WHERE key = 'indexed_span') ORDER BY id LIMIT 1)
