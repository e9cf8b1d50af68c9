-- A page of sessions, the one with the newest run first. Which they are an index says; only their runs are read.
SELECT run.session_id, count(*), min(start_ns), max(start_ns), sum(errors > 0), sum(input_tokens), sum(output_tokens), sum(cost)
FROM (
    SELECT session_id FROM run WHERE session_id IS NOT NULL
    GROUP BY session_id HAVING (max(start_ns), session_id) < (?, ?)
    ORDER BY max(start_ns) DESC, session_id DESC LIMIT ?
) AS page CROSS JOIN run ON run.session_id = page.session_id
GROUP BY run.session_id ORDER BY 4 DESC, 1 DESC
