-- Scores that were given and begin so.
SELECT label, count(DISTINCT trace_id) FROM feedback WHERE label >= ?1 AND label < ?1 || char(0x10FFFF)
GROUP BY label ORDER BY 2 DESC, 1 LIMIT ?2
