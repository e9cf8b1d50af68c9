-- What belongs to runs, by a JSON list of their ids. Their spans, and text that only they say, have been read before.
DELETE FROM wire WHERE span IN (SELECT id FROM span WHERE run IN (SELECT value FROM json_each(?1)));
DELETE FROM span WHERE run IN (SELECT value FROM json_each(?1));
DELETE FROM piece WHERE run IN (SELECT value FROM json_each(?1));
DELETE FROM run_name WHERE run IN (SELECT value FROM json_each(?1));
DELETE FROM feedback WHERE trace_id IN (SELECT trace_id FROM run WHERE id IN (SELECT value FROM json_each(?1)));
DELETE FROM log WHERE trace_id IN (SELECT trace_id FROM run WHERE id IN (SELECT value FROM json_each(?1)));
DELETE FROM run WHERE id IN (SELECT value FROM json_each(?1));
