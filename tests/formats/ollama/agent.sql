-- The app's agent keeps images and tools' names in columns of messages, and what it summed up in a table of its own. A table and
-- a column that nobody knows yet stand beside.
CREATE TABLE chats (id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT '', model_name TEXT NOT NULL DEFAULT '',
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, browser_state TEXT, pinned INTEGER);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL DEFAULT '',
  thinking TEXT NOT NULL DEFAULT '', images TEXT NOT NULL DEFAULT '', tool_name TEXT NOT NULL DEFAULT '',
  tool_call_id TEXT NOT NULL DEFAULT '', archived INTEGER NOT NULL DEFAULT 0, model_name TEXT, created_at TIMESTAMP, updated_at TIMESTAMP,
  score REAL
);
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL, type TEXT, function_name TEXT, function_arguments TEXT, function_result TEXT, tool_call_id TEXT);
CREATE TABLE compactions (id INTEGER PRIMARY KEY, chat_id TEXT NOT NULL, summary TEXT NOT NULL, archived_message_ids TEXT, created_at TIMESTAMP);
CREATE TABLE votes (message_id INTEGER, vote TEXT, PRIMARY KEY (message_id, vote)) WITHOUT ROWID;
INSERT INTO chats VALUES ('agent-1', 'Sort the seeds', 'qwen3-coder:30b', '2026-09-01 08:00:00+02:00', NULL, 1);
INSERT INTO messages VALUES
  (1, 'agent-1', 'system', 'You sort seeds.', '', '', '', '', 1, NULL, '2026-09-01 08:00:00+02:00', '2026-09-01 08:00:00+02:00', NULL),
  (2, 'agent-1', 'user', 'Sort the seeds', '', '["iVBORw0KGgo="]', '', '', 1, NULL, '2026-09-01 08:00:01+02:00', '2026-09-01 08:00:01+02:00', 0.1),
  (3, 'agent-1', 'assistant', '', 'Look first.', '', '', '', 1, 'qwen3-coder:30b', '2026-09-01 08:00:02+02:00', '2026-09-01 08:00:03+02:00', 9e999),
  (4, 'agent-1', 'tool', 'kale.txt leek.txt', '', '', 'list_files', 'call_1', 1, NULL, '2026-09-01 08:00:04+02:00', '2026-09-01 08:00:04+02:00', NULL),
  (5, 'agent-1', 'oracle', 'Sorted.', '', '', '', '', 0, 'qwen3-coder:30b', NULL, NULL, -2.5);
INSERT INTO tool_calls VALUES (1, 3, 'function', 'list_files', '{"path": "seeds"}', NULL, 'call_1');
INSERT INTO compactions VALUES (1, 'agent-1', 'Seeds were listed.', '[1,2,3,4]', '2026-09-01 08:05:00+02:00');
INSERT INTO votes VALUES (5, 'up');
