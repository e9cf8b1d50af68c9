UPDATE meta SET value = max(value, ?) WHERE key = ?
