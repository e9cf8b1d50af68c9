-- The plus is that of name.sql.
+run.id IN (SELECT run FROM run_name WHERE kind = ? AND name GLOB ?)
