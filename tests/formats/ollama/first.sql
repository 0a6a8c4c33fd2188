-- Schema 2, the first that was released: no attachments, no tool_result, no users.
CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), device_id TEXT NOT NULL DEFAULT '', schema_version INTEGER NOT NULL DEFAULT 2);
INSERT INTO settings (id) VALUES (1);
CREATE TABLE chats (id TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT '', created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL DEFAULT '',
  thinking TEXT NOT NULL DEFAULT '', stream BOOLEAN NOT NULL DEFAULT 0, model_name TEXT, model_cloud BOOLEAN,
  model_ollama_host BOOLEAN, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, thinking_time_start TIMESTAMP, thinking_time_end TIMESTAMP
);
CREATE TABLE tool_calls (
  id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL, type TEXT NOT NULL, function_name TEXT NOT NULL,
  function_arguments TEXT NOT NULL, function_result TEXT
);
INSERT INTO chats VALUES ('chat-a', 'Bread', '2025-07-31 10:00:00');
INSERT INTO messages (chat_id, role, content, model_name, model_cloud, created_at, updated_at) VALUES
  ('chat-a', 'user', 'How long does rye rise?', NULL, NULL, '2025-07-31 10:00:01', '2025-07-31 10:00:01'),
  ('chat-a', 'assistant', 'Three hours, in a warm kitchen.', 'gemma3:4b', 0, '2025-07-31 10:00:02', '2025-07-31 10:00:09');
