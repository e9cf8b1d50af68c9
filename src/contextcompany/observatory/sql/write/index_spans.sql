INSERT INTO span_search (rowid, words) VALUES (?, ?)
