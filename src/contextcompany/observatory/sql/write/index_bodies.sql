INSERT INTO body_search (rowid, text) VALUES (?, ?)
