-- How many texts have these words, up to a number.
SELECT max(
    (SELECT count(*) FROM (SELECT 1 FROM body_search WHERE body_search MATCH ?1 LIMIT ?2)),
    (SELECT count(*) FROM (SELECT 1 FROM span_search WHERE span_search MATCH ?1 LIMIT ?2))
)
