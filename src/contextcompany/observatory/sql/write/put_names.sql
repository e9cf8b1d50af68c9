INSERT OR IGNORE INTO run_name (kind, name, run) VALUES (?, ?, ?)
