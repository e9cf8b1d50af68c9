-- How many runs started in each bucket, and how many of these have errors.
SELECT (start_ns - ?) / ? AS bucket, count(*), sum(errors > 0 OR status = 'error')
FROM run WHERE /* where */ GROUP BY 1 ORDER BY 1
