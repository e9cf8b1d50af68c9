-- The runs that go first when there is no room.
SELECT id, start_ns, spans, size FROM run ORDER BY start_ns, id LIMIT ?
