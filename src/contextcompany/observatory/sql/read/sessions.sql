-- A page of sessions, the one with the newest run first.
SELECT session_id, count(*), min(start_ns), max(start_ns), sum(errors > 0), sum(input_tokens), sum(output_tokens), sum(cost)
FROM run WHERE session_id IS NOT NULL
GROUP BY session_id HAVING (max(start_ns), session_id) < (?, ?)
ORDER BY 4 DESC, 1 DESC LIMIT ?
