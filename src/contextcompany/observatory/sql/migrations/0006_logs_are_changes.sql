-- A log record may say that its run waits, and feedback is one too.
DROP TRIGGER feedback_given;
CREATE TRIGGER log_put AFTER INSERT ON log BEGIN
    -- Not by REPLACE: within INSERT OR IGNORE it would be ignored.
    DELETE FROM change WHERE trace_id = new.trace_id AND NOT is_gone;
    INSERT INTO change (trace_id, is_gone) SELECT trace_id, 0 FROM run WHERE trace_id = new.trace_id;
END;
