-- Negative: begin to put all parts of the index together; positive: go on for so many pages.
INSERT INTO span_search (span_search, rank) VALUES ('merge', ?)
