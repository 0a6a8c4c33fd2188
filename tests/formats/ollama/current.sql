-- Schema 18, as the app makes it.
CREATE TABLE settings (
  id INTEGER PRIMARY KEY CHECK (id = 1), device_id TEXT NOT NULL DEFAULT '', survey BOOLEAN NOT NULL DEFAULT TRUE,
  models TEXT NOT NULL DEFAULT '', context_length INTEGER NOT NULL DEFAULT 0, selected_model TEXT NOT NULL DEFAULT '',
  think_level TEXT NOT NULL DEFAULT '', remote TEXT NOT NULL DEFAULT '', schema_version INTEGER NOT NULL DEFAULT 18
);
INSERT INTO settings (id, selected_model) VALUES (1, 'gpt-oss:20b');
CREATE TABLE chats (
  id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT '', created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, browser_state TEXT
);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL DEFAULT '',
  thinking TEXT NOT NULL DEFAULT '', stream BOOLEAN NOT NULL DEFAULT 0, model_name TEXT, model_cloud BOOLEAN,
  model_ollama_host BOOLEAN, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, thinking_time_start TIMESTAMP, thinking_time_end TIMESTAMP,
  tool_result TEXT, FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE
);
CREATE INDEX idx_messages_chat_id ON messages(chat_id);
CREATE TABLE tool_calls (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL, type TEXT NOT NULL, function_name TEXT NOT NULL,
  function_arguments TEXT NOT NULL, function_result TEXT, FOREIGN KEY (message_id) REFERENCES messages(id) ON DELETE CASCADE
);
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL, filename TEXT NOT NULL, data BLOB NOT NULL,
  FOREIGN KEY (message_id) REFERENCES messages(id) ON DELETE CASCADE
);
CREATE TABLE users (
  name TEXT NOT NULL DEFAULT '', email TEXT NOT NULL DEFAULT '', plan TEXT NOT NULL DEFAULT '',
  cached_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO chats VALUES
  ('0198f0aa-0000-7000-8000-000000000001', 'When do the swifts leave?', '2026-07-30 06:12:09.184512-05:00',
   '{"page_stack":["swifts.example"],"view_tokens":1024}'),
  ('0198f0aa-0000-7000-8000-000000000002', '', '2026-08-02 21:00:00', NULL),
  ('0198f0aa-0000-7000-8000-000000000003', 'Nothing said yet', '2026-08-03 00:00:00+00:00', NULL);
-- Two chats were written to in turn: their rows lie mixed, and their numbers do not begin at 1.
INSERT INTO messages (id, chat_id, role, content, thinking, stream, model_name, created_at, updated_at, thinking_time_start, thinking_time_end, tool_result) VALUES
  (41, '0198f0aa-0000-7000-8000-000000000001', 'user', 'When do the swifts leave? Here is my list.', '', 0, NULL,
   '2026-07-30 06:12:09.200000001-05:00', '2026-07-30 06:12:09.200000001-05:00', NULL, NULL, NULL),
  (42, '0198f0aa-0000-7000-8000-000000000002', 'user', 'Как зовут маяк?', '', 0, NULL, '2026-08-02 21:00:01', '2026-08-02 21:00:01', NULL, NULL, NULL),
  (43, '0198f0aa-0000-7000-8000-000000000001', 'assistant', '', 'I should look it up.', 1, 'gpt-oss:20b',
   '2026-07-30 06:12:11-05:00', '2026-07-30 06:12:14.5-05:00', '2026-07-30 06:12:11.1-05:00', '2026-07-30 06:12:12.9-05:00', NULL),
  (44, '0198f0aa-0000-7000-8000-000000000001', 'tool', 'Swifts are gone by early August.', '', 0, NULL,
   '2026-07-30 06:12:15-05:00', '2026-07-30 06:12:15-05:00', NULL, NULL, '{"results":[{"url":"https://swifts.example/leave","title":"Leaving"}]}'),
  (45, '0198f0aa-0000-7000-8000-000000000001', 'assistant', 'By the first week of August.', '', 1, 'gpt-oss:20b',
   '2026-07-30 06:12:16-05:00', '2026-07-30 06:12:18-05:00', NULL, NULL, NULL),
  (46, '0198f0aa-0000-7000-8000-000000000002', 'assistant', 'Янтарный Сокол 🦅', '', 0, 'qwen3:8b', 'yesterday', '2026-08-02 21:00:05', NULL, NULL, NULL),
  (47, '0198f0aa-0000-7000-8000-000000000009', 'user', 'My chat is gone, I am left.', '', 0, NULL, '2026-08-01 09:00:00', '2026-08-01 09:00:00', NULL, NULL, NULL);
INSERT INTO tool_calls (message_id, type, function_name, function_arguments, function_result) VALUES
  (43, 'function', 'web_search', '{"query":"swifts leave", "max_results": 3}', NULL),
  (43, 'function', 'clock', '{}', '"06:12"');
INSERT INTO attachments (message_id, filename, data) VALUES
  (41, 'sightings.txt', X'33206f76657220746865207175617279'),
  (41, 'roof.png', X'89504e470d0a1a0a00ff');
