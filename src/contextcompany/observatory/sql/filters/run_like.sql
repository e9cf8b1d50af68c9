run.id IN (
    SELECT id FROM run WHERE trace_id >= ? AND trace_id < ?
    UNION SELECT id FROM run WHERE run_id >= ? AND run_id < ?
    UNION SELECT run FROM run_name WHERE kind = 'run_id' AND name >= ? AND name < ?
)
