run.is_open AND run.seen_ns < ? AND NOT /* waiting */
