-- What should not be there: rows whose other half is missing.
SELECT 'spans without their bytes', count(*) FROM span WHERE id NOT IN (SELECT span FROM wire)
UNION ALL SELECT 'spans without a run', count(*) FROM span WHERE run NOT IN (SELECT id FROM run)
UNION ALL SELECT 'bytes without a span', count(*) FROM wire WHERE span NOT IN (SELECT id FROM span)
UNION ALL SELECT 'bytes without a resource and scope', count(*) FROM wire WHERE envelope NOT IN (SELECT id FROM envelope)
UNION ALL SELECT 'pieces without their text', count(*) FROM piece WHERE body NOT IN (SELECT id FROM body)
UNION ALL SELECT 'pieces without a run', count(*) FROM piece WHERE run NOT IN (SELECT id FROM run)
UNION ALL SELECT 'feedback without its event', count(*) FROM feedback WHERE log NOT IN (SELECT id FROM log)
