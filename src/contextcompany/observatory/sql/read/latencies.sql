-- The histograms that belong to the answer of stats.
SELECT hour - hour % ?1 AS since, CASE WHEN ?2 = 'agent' THEN agent WHEN ?2 = '' THEN '' ELSE name END AS name,
    bucket, sum(spans)
FROM latency WHERE hour >= ?4 AND hour < ?5 AND kind = ?3 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
