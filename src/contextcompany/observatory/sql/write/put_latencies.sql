-- Adds to what is there; what is taken back is negative.
INSERT INTO latency (hour, kind, agent, name, bucket, spans) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET spans = spans + excluded.spans
