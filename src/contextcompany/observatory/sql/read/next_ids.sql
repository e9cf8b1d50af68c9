-- Ids are given out by the writer.
SELECT
    (SELECT coalesce(max(id), 0) FROM run),
    max((SELECT coalesce(max(id), 0) FROM span), (SELECT value FROM meta WHERE key = 'indexed_span')),
    max((SELECT coalesce(max(id), 0) FROM body), (SELECT value FROM meta WHERE key = 'indexed_body')),
    (SELECT coalesce(max(id), 0) FROM log)
