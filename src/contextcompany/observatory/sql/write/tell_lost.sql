-- That a run is lost by now is in no column: it is a change all the same, for those who watch.
INSERT OR REPLACE INTO change (trace_id, is_gone)
SELECT trace_id, 0 FROM run WHERE is_open AND seen_ns >= ? AND seen_ns < ?
