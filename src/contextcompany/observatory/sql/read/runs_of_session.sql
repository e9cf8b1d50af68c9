-- A page of the runs of a session, in the order in which they started.
SELECT * FROM run WHERE session_id = ? AND (start_ns, id) > (?, ?) ORDER BY start_ns, id LIMIT ?
