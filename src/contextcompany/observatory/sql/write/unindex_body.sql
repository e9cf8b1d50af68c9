-- A table without a copy of the texts is told what it forgets.
INSERT INTO body_search (body_search, rowid, text) VALUES ('delete', ?, ?)
