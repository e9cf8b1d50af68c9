INSERT OR REPLACE INTO wire (span, envelope, cuts, raw) VALUES (?, ?, ?, ?)
