-- With all that a histogram of runs, and most of their filters, look at, so that these read no whole rows.
DROP INDEX run_by_start;
CREATE INDEX run_by_start ON run (start_ns, id, kind, status, errors, is_open);
