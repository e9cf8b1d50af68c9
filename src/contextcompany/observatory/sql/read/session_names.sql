-- Sessions whose id begins so, the one with the newest run first.
SELECT session_id, count(*) FROM run WHERE session_id >= ?1 AND session_id < ?1 || char(0x10FFFF)
GROUP BY session_id ORDER BY max(start_ns) DESC LIMIT ?2
