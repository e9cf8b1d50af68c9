SELECT feedback.log, feedback.trace_id, feedback.run_id, feedback.span_id, feedback.label, feedback.value, feedback.text,
    feedback.time_ns, run.name
FROM feedback JOIN run ON run.trace_id = feedback.trace_id
WHERE feedback.trace_id IN (SELECT value FROM json_each(?)) ORDER BY feedback.time_ns
