INSERT INTO envelope (content) VALUES (?) ON CONFLICT (content) DO UPDATE SET content = content RETURNING id
