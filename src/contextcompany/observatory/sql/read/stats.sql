-- Counts per span of hours and name. By agent, the tokens are those of all that its runs did. `total`, as `sum` would
-- raise where durations of spans whose clocks are wrong add up to more than 64 bits.
SELECT hour - hour % ?1 AS since, CASE WHEN ?2 = 'agent' THEN agent WHEN ?2 = '' THEN '' ELSE name END AS name,
    sum(CASE WHEN kind = ?3 THEN spans ELSE 0 END), sum(CASE WHEN kind = ?3 THEN errors ELSE 0 END),
    CAST(total(CASE WHEN kind = ?3 THEN duration_ns ELSE 0 END) AS INTEGER), sum(input_tokens), sum(output_tokens), sum(cached_tokens),
    sum(cache_write_tokens), sum(reasoning_tokens), sum(cost), sum(unpriced)
FROM rollup WHERE hour >= ?4 AND hour < ?5 AND (kind = ?3 OR ?3 = 'run')
GROUP BY 1, 2 ORDER BY 1, 2
