run.is_open AND (run.seen_ns >= ? OR /* waiting */)
