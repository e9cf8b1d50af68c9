-- The newest score of each of these runs, and how many there are; of columns beside max() SQLite gives those of the newest.
SELECT trace_id, label, value, count(*), max(time_ns)
FROM feedback WHERE trace_id IN (SELECT value FROM json_each(?)) GROUP BY trace_id
