run.id IN (
    SELECT run FROM piece WHERE body IN (
        SELECT rowid FROM body_search WHERE body_search MATCH ? ORDER BY rowid DESC LIMIT ?
    )
    UNION
    SELECT run FROM span WHERE id IN (
        SELECT rowid FROM span_search WHERE span_search MATCH ? ORDER BY rowid DESC LIMIT ?
    )
)
