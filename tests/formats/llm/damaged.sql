CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (
  id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT, response TEXT, response_json TEXT,
  conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT,
  schema_id TEXT, resolved_model TEXT, reasoning TEXT
);
CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER, PRIMARY KEY (response_id, attachment_id));
CREATE TABLE schemas (id TEXT PRIMARY KEY, content TEXT);
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE fragment_aliases (alias TEXT PRIMARY KEY, fragment_id INTEGER);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE system_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE tools (id INTEGER PRIMARY KEY, hash TEXT, name TEXT, description TEXT, input_schema TEXT, plugin TEXT);
CREATE TABLE tool_responses (tool_id INTEGER, response_id TEXT, PRIMARY KEY (tool_id, response_id));
CREATE TABLE tool_calls (id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, arguments TEXT, tool_call_id TEXT);
CREATE TABLE tool_instances (id INTEGER PRIMARY KEY, plugin TEXT, name TEXT, arguments TEXT);
CREATE TABLE tool_results (id INTEGER PRIMARY KEY, response_id TEXT, tool_id INTEGER, name TEXT, output TEXT, tool_call_id TEXT,
  instance_id INTEGER, exception TEXT);
CREATE TABLE tool_results_attachments (tool_result_id INTEGER, attachment_id TEXT, "order" INTEGER);
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT, tool_name TEXT, text TEXT, payload TEXT);
CREATE TABLE part_attachments (part_id INTEGER, attachment_id TEXT, "order" INTEGER);
CREATE TABLE part_fragments (part_id INTEGER, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT, datetime_utc TEXT);
CREATE TABLE turns (
  id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT, model TEXT, resolved_model TEXT,
  options_json TEXT, schema_id TEXT, input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, duration_ms INTEGER,
  datetime_utc TEXT, response_json TEXT
);
CREATE TABLE turn_fragments (turn_id TEXT, fragment_id INTEGER, "order" INTEGER, kind TEXT);
CREATE TABLE turn_search (id INTEGER PRIMARY KEY, turn_id TEXT, prompt TEXT, response TEXT);
CREATE TABLE turn_tools (turn_id TEXT, tool_id INTEGER, instance_id INTEGER, PRIMARY KEY (turn_id, tool_id));
CREATE TABLE tool_instantiations (turn_id TEXT, tool_call_id TEXT, instance_id INTEGER, PRIMARY KEY (turn_id, tool_call_id));
-- Values of other types than the columns say, links to nowhere, a message that is its own parent.
INSERT INTO conversations VALUES (NULL, 3, 4), ('odd', X'ff', NULL);
INSERT INTO responses (id, model, prompt, system, response, conversation_id, datetime_utc, options_json, prompt_json) VALUES
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('r1', X'00', X'01', CAST(X'ff' AS TEXT), 5, 'odd', 20250101, '{"deep": NaN}', 7),
  ('r2', 'm', 'Under an id of bytes', NULL, 'Seen.', X'0102', '2025-01-01T00:00:00', '{"a": 1, "a": 2}', '[]');
INSERT INTO prompt_fragments VALUES ('r1', 77, 'x'), ('r1', NULL, NULL);
INSERT INTO prompt_attachments VALUES ('r1', '5a5a', NULL), ('r1', 'gone', 1);
INSERT INTO attachments VALUES ('5a5a', NULL, 3, NULL, 'text where bytes should be');
INSERT INTO tool_calls VALUES (1, 'r1', 9, NULL, '[1', 3);
INSERT INTO tool_results VALUES (1, 'r1', NULL, NULL, X'09', NULL, 5, NULL);
INSERT INTO messages VALUES (X'aa', X'bb', NULL, '{'), ('self', 'self', 'user', NULL), ('orphan', 'nowhere', 'user', NULL);
INSERT INTO parts VALUES
  (1, 'self', 'first', 'text', NULL, 'I am my own parent', NULL), (2, 'self', 0, NULL, NULL, NULL, '[]'), (3, 'self', 1, 'text', NULL, NULL, '{"text_ref": [5, {}]}'),
  (4, 'orphan', 0, 'tool_call', 'named here', NULL, NULL), (5, 'orphan', 1, 'tool_result', NULL, NULL, '{"output": {"n": 1}, "attachments": 4}'),
  (6, 'orphan', 2, 'attachment', NULL, NULL, '{"attachment": null}'), (7, X'aa', 0, 'text', NULL, 'Under bytes', NULL);
INSERT INTO threads VALUES ('t', NULL, 'self', NULL, 'tomorrow'), ('u', NULL, X'cc', NULL, NULL);
INSERT INTO turns (id, thread_id, parent_message_hash, tip_message_hash, model, datetime_utc) VALUES
  ('w', 'gone', NULL, NULL, 5, 6), (NULL, 't', 'self', 'self', 7, 8);
INSERT INTO turn_tools VALUES ('w', 5, 6);
