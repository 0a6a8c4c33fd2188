-- Values of other types than the columns say: SQLite keeps them.
CREATE TABLE chats (id TEXT PRIMARY KEY, title TEXT, created_at TIMESTAMP, browser_state TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id TEXT, role TEXT, content TEXT, thinking TEXT, model_name TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, tool_result TEXT);
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY, message_id INTEGER, type TEXT, function_name TEXT, function_arguments TEXT, function_result TEXT);
CREATE TABLE attachments (id INTEGER PRIMARY KEY, message_id INTEGER, filename TEXT, data BLOB);
INSERT INTO chats VALUES
  (NULL, 'No id', '2026-01-01 00:00:00', NULL),
  (X'00ff', 'An id of bytes', 1767225600, 7),
  ('odd', X'c3', X'', NULL);
INSERT INTO messages VALUES
  (1, 'odd', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (2, 'odd', 'user', X'ff00', 3.5, 12, 1767225600, 'soon', 5),
  (3, 'odd', 'assistant', CAST(X'61ff62' AS TEXT), 'I thought', 'llama3', '2026-01-01 00:00:05', NULL, NULL),
  (4, 'odd', 5, 'a role that is a number', '', '', '2026-01-01 00:00:06', '', ''),
  (5, NULL, 'user', 'Of no chat at all', '', NULL, '2026-01-01 00:00:07', NULL, NULL),
  (6, X'00ff', 'user', 'Of the chat of bytes', '', NULL, '2026-01-01 00:00:08', NULL, NULL);
INSERT INTO tool_calls VALUES (1, 3, NULL, NULL, NULL, NULL), (2, 3, 'mcp', 7, X'7b7d', 4);
INSERT INTO attachments VALUES (1, 2, NULL, NULL), (2, 2, 3, 'text where bytes should be');
