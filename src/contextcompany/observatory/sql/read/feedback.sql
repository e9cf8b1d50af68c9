-- A page of feedback, newest first, with the run where that has arrived.
SELECT feedback.log, feedback.trace_id, feedback.run_id, feedback.span_id, feedback.label, feedback.value, feedback.text,
    feedback.time_ns, run.name
FROM feedback LEFT JOIN run ON run.trace_id = feedback.trace_id
WHERE (feedback.time_ns, feedback.log) < (?, ?)
ORDER BY feedback.time_ns DESC, feedback.log DESC LIMIT ?
