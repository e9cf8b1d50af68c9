-- A table without a copy of the words is told what it forgets.
INSERT INTO span_search (span_search, rowid, words) VALUES ('delete', ?, ?)
