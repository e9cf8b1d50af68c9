-- What is sent twice is kept once.
INSERT OR IGNORE INTO log (id, trace_id, span_id, name, time_ns, digest, envelope, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
