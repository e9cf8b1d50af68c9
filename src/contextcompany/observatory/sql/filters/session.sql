run.session_id = ?
