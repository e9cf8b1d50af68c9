-- What has changed since, in order: its trace, whether the filter lets it through, and the run, empty where it is gone.
SELECT change.number, change.trace_id, coalesce((/* where */), 0), run.*
FROM change LEFT JOIN run ON run.trace_id = change.trace_id
WHERE change.number > ? ORDER BY change.number LIMIT ?
