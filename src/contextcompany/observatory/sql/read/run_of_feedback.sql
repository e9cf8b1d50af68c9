-- Where feedback belongs whose trace is no run's: its sender made trace and span of the run's id, as for a run of our SDK,
-- and the run is in a trace of its own, as those of the original SDK for TypeScript, or inside of another.
SELECT trace_id, CASE WHEN EXISTS (SELECT 1 FROM span WHERE span.run = run.id AND span.span_id = ?2) THEN ?2 ELSE top END
FROM run
WHERE id IN (SELECT id FROM run WHERE run_id = ?3 UNION SELECT run FROM run_name WHERE kind = 'run_id' AND name = ?3)
    AND NOT EXISTS (SELECT 1 FROM run WHERE trace_id = ?1)
ORDER BY run_id IS NOT ?3, start_ns DESC LIMIT 1
