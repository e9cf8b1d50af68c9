SELECT session_id, count(*), min(start_ns), max(start_ns), sum(errors > 0), sum(input_tokens), sum(output_tokens), sum(cost)
FROM run WHERE session_id = ? GROUP BY session_id
