-- Negative: begin to put all parts of the index together; positive: go on for so many pages.
INSERT INTO body_search (body_search, rank) VALUES ('merge', ?)
