-- The runs that go first when there is no room.
SELECT id, trace_id, start_ns, size FROM run ORDER BY start_ns, id LIMIT ?
