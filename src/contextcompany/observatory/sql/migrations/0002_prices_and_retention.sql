-- By run, because all costs of a run are counted at once. The comment is of the kind that stays with an added column.
ALTER TABLE run ADD COLUMN price_table TEXT /* The price table by which costs that nobody said were calculated; empty when none was. */;

INSERT INTO meta VALUES ('max_age_s', 0, 'Runs that are older are deleted by the Observatory that last received here, in seconds; 0: none for their age.');
INSERT INTO meta VALUES ('max_bytes', 0, 'When the file uses more, it deletes the oldest runs; 0: none for room.');
