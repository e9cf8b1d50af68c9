-- The newest spans whose names, errors or short texts have these words, and the run of each.
SELECT run.trace_id, run.name, run.start_ns, span.words
FROM (SELECT rowid AS id FROM span_search WHERE span_search MATCH ?1 ORDER BY rowid DESC LIMIT ?2) AS hit
JOIN span ON span.id = hit.id
JOIN run ON run.id = span.run
ORDER BY hit.id DESC
