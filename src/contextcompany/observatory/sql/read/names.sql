-- What begins so among what occurs in runs, the most frequent first.
SELECT name, count(*) FROM run_name WHERE kind = ?1 AND name >= ?2 AND name < ?2 || char(0x10FFFF)
GROUP BY name ORDER BY 2 DESC, 1 LIMIT ?3
