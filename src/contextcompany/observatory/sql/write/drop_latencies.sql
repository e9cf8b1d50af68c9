DELETE FROM latency WHERE hour = ? AND kind = ? AND agent = ? AND name = ? AND bucket = ? AND spans = 0
