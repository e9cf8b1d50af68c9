-- How much there is, and since when.
SELECT count(*), coalesce(sum(spans), 0), (SELECT count(*) FROM body), min(start_ns), max(start_ns),
    (SELECT user_version FROM pragma_user_version())
FROM run
