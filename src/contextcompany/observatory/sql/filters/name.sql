-- The plus keeps SQLite from reading the runs one by one by their ids and sorting them: it goes along the list instead.
+run.id IN (SELECT run FROM run_name WHERE kind = ? AND name = ?)
