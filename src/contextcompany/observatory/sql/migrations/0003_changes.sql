-- For those who watch. By triggers, so that nothing that writes can forget to say so, in whatever process.

CREATE TABLE change (
    -- The last change of each run, and of runs that were deleted lately.
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- Grows with each change, in the order in which they can be seen.
    trace_id TEXT NOT NULL UNIQUE, -- The run's trace.
    is_gone INTEGER NOT NULL -- 1 when the run was deleted.
);
CREATE INDEX change_gone ON change (number) WHERE is_gone;

INSERT INTO change (trace_id, is_gone) SELECT trace_id, 0 FROM run ORDER BY id;

CREATE TRIGGER run_put AFTER INSERT ON run BEGIN
    INSERT OR REPLACE INTO change (trace_id, is_gone) VALUES (new.trace_id, 0);
END;
CREATE TRIGGER run_updated AFTER UPDATE ON run BEGIN
    INSERT OR REPLACE INTO change (trace_id, is_gone) VALUES (new.trace_id, 0);
END;
CREATE TRIGGER feedback_given AFTER INSERT ON feedback BEGIN
    INSERT OR REPLACE INTO change (trace_id, is_gone) SELECT trace_id, 0 FROM run WHERE trace_id = new.trace_id;
END;
CREATE TRIGGER run_deleted AFTER DELETE ON run BEGIN
    INSERT OR REPLACE INTO change (trace_id, is_gone) VALUES (old.trace_id, 1);
    -- As many as `changes.MAX_BEHIND`: who is further behind reads everything anew.
    DELETE FROM change WHERE is_gone AND number <= (SELECT max(number) FROM change) - 10000;
END;
