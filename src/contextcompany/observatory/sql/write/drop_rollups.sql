-- What was taken back to the last.
DELETE FROM rollup WHERE hour = ? AND kind = ? AND agent = ? AND name = ? AND spans = 0
