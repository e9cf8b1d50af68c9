-- Feedback and events of runs that never arrived, from before a moment.
DELETE FROM feedback WHERE time_ns < ?1 AND trace_id NOT IN (SELECT trace_id FROM run);
DELETE FROM log WHERE time_ns < ?1 AND trace_id NOT IN (SELECT trace_id FROM run);
