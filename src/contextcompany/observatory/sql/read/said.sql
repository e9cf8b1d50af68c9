-- The newest texts that have these words, and a run in which each is said.
SELECT run.trace_id, run.name, run.start_ns, body.data
FROM (SELECT rowid AS id FROM body_search WHERE body_search MATCH ?1 ORDER BY rowid DESC LIMIT ?2) AS hit
JOIN body ON body.id = hit.id
JOIN run ON run.id = (SELECT max(piece.run) FROM piece WHERE piece.body = hit.id)
ORDER BY hit.id DESC
