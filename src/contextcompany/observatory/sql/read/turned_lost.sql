-- Whether there are open runs of which something came last between these times.
SELECT EXISTS (SELECT 1 FROM run WHERE is_open AND seen_ns >= ? AND seen_ns < ?)
