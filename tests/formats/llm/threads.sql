-- The tables since 0.32, beside the older ones, with the same older conversation.
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
INSERT INTO conversations VALUES ('01jz000000000000000000000a', 'What is the lamp called?', 'parrot-1'), ('01jz00000000000000000000zz', 'Never used', 'parrot-1');
INSERT INTO attachments VALUES
  ('5a5a0001', 'text/plain', NULL, NULL, X'6c616d7020616e64207175617900'),
  ('5a5a0002', 'image/png', '/home/ines/lamp.png', NULL, NULL),
  ('5a5a0003', 'audio/wav', NULL, 'https://lamp.example/horn.wav', NULL);
INSERT INTO fragments VALUES (1, 'f0f0', 'The quay is forty metres long.
It faces west.', '2025-07-01 08:00:00', 'quay.txt'), (2, 'f0f1', 'Be kind.', '2025-07-01 08:00:00', NULL);
INSERT INTO fragment_aliases VALUES ('quay', 1);
INSERT INTO schemas VALUES ('5c5c', '{"type":"object","properties":{"lamp":{"type":"string"}}}');
INSERT INTO tools VALUES (1, '70707', 'weather', 'Weather at a place', '{"properties": {"place": {"type": "string"}}}', 'llm_weather');
INSERT INTO tool_instances VALUES (1, 'llm_weather', 'Weather', '{"unit": "m/s"}');
INSERT INTO responses VALUES
  ('01jz000000000000000000000b', 'parrot-1', 'What is the lamp called?', 'Be terse.', '{"messages": [{"role": "user", "content": "What is the lamp called?"}]}',
   '{"temperature": 0.20}', 'Amber Kestrel', '{"id": "r-1", "usage": {"total": 1e2}}', '01jz000000000000000000000a', 812, '2025-07-01T08:12:56.000001+00:00', 12, 4,
   '{"cached": 1}', NULL, 'parrot-1-2025-06', 'A bird, for a lamp.'),
  ('01jz000000000000000000000c', 'parrot-1', 'How long is the quay?', '', '{"messages": [{"$": "f1"}]}', '{}', 'Forty metres.', 'not {json', '01jz000000000000000000000a', 90,
   '2025-07-01T08:13:30+00:00', NULL, NULL, NULL, NULL, NULL, NULL),
  ('01jz000000000000000000000d', 'parrot-2', 'And the weather there?', NULL, NULL, '{}', '', NULL, '01jz000000000000000000000a', 15,
   '2025-07-01T08:14:00+00:00', NULL, NULL, NULL, NULL, NULL, NULL),
  ('01jz000000000000000000000e', 'parrot-2', '', NULL, NULL, '{}', 'Windy. 🌬', NULL, '01jz000000000000000000000a', 20,
   '2025-07-01T08:14:02+00:00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO prompt_attachments VALUES ('01jz000000000000000000000b', '5a5a0002', 1), ('01jz000000000000000000000b', '5a5a0001', 0);
INSERT INTO prompt_fragments VALUES ('01jz000000000000000000000c', 1, 0);
INSERT INTO system_fragments VALUES ('01jz000000000000000000000c', 2, 0);
INSERT INTO tool_responses VALUES (1, '01jz000000000000000000000d');
INSERT INTO tool_calls VALUES (1, '01jz000000000000000000000d', 1, 'weather', '{"place": "quay", "hours": 3.0}', 'call_1');
INSERT INTO tool_results VALUES (1, '01jz000000000000000000000e', 1, 'weather', 'wind 9', 'call_1', 1, NULL),
  (2, '01jz000000000000000000000e', NULL, 'tides', '', 'call_2', NULL, 'KeyError: quay');
INSERT INTO tool_results_attachments VALUES (1, '5a5a0003', 0);
-- The older conversation went on: its history was written anew, and hangs together by hashes.
INSERT INTO messages VALUES
  ('b2:01', NULL, 'system', NULL), ('b2:02', 'b2:01', 'user', NULL), ('b2:03', 'b2:02', 'assistant', NULL),
  ('b2:04', 'b2:03', 'system', NULL), ('b2:05', 'b2:04', 'user', NULL), ('b2:06', 'b2:05', 'assistant', NULL),
  ('b2:07', 'b2:06', 'user', NULL), ('b2:08', 'b2:07', 'assistant', NULL), ('b2:09', 'b2:08', 'tool', NULL),
  ('b2:10', 'b2:09', 'assistant', NULL), ('b2:11', 'b2:10', 'user', NULL), ('b2:12', 'b2:11', 'assistant', '{"openai": {"id": "msg_1"}}'),
  -- A conversation of its own, its fork, its history sent again with another question; a message that is in no thread.
  ('b2:20', NULL, 'system', NULL), ('b2:21', 'b2:20', 'user', NULL), ('b2:22', 'b2:21', 'assistant', NULL),
  ('b2:23', 'b2:22', 'tool', NULL), ('b2:24', 'b2:23', 'assistant', NULL), ('b2:30', 'b2:22', 'user', NULL),
  ('b2:31', 'b2:30', 'assistant', NULL), ('b2:32', 'b2:31', 'assistant', NULL), ('b2:40', 'b2:20', 'user', NULL), ('b2:41', 'b2:40', 'assistant', NULL),
  ('b2:50', NULL, 'user', NULL), ('b2:51', 'b2:50', 'assistant', NULL);
INSERT INTO parts VALUES
  (1, 'b2:01', 0, 'text', NULL, 'Be terse.', NULL),
  (2, 'b2:02', 0, 'text', NULL, 'What is the lamp called?', NULL),
  (3, 'b2:02', 1, 'attachment', NULL, NULL, '{"attachment": {"id": "5a5a0001"}}'),
  (4, 'b2:02', 2, 'attachment', NULL, NULL, '{"attachment": {"id": "5a5a0002"}}'),
  (5, 'b2:03', 0, 'reasoning', NULL, 'A bird, for a lamp.', NULL),
  (6, 'b2:03', 1, 'text', NULL, 'Amber Kestrel', NULL),
  (7, 'b2:04', 0, 'text', NULL, NULL, '{"text_ref": [{"fragment": 2}]}'),
  (8, 'b2:05', 0, 'text', NULL, NULL, '{"text_ref": [{"fragment": 1}, {"literal": "\nHow long is the quay?"}]}'),
  (9, 'b2:06', 0, 'text', NULL, 'Forty metres.', NULL),
  (10, 'b2:07', 0, 'text', NULL, 'And the weather there?', NULL),
  (11, 'b2:08', 0, 'tool_call', 'weather', NULL, '{"name": "weather", "arguments": {"place": "quay", "hours": 3.0}, "tool_call_id": "call_1"}'),
  (12, 'b2:09', 0, 'tool_result', 'weather', NULL, '{"name": "weather", "output": "wind 9", "tool_call_id": "call_1"}'),
  (13, 'b2:09', 1, 'tool_result', 'tides', NULL, '{"name": "tides", "output": "", "tool_call_id": "call_2", "exception": "KeyError: quay"}'),
  (14, 'b2:10', 0, 'text', NULL, 'Windy. 🌬', NULL),
  (15, 'b2:11', 0, 'text', NULL, 'And tomorrow?', NULL),
  (16, 'b2:12', 0, 'reasoning', NULL, '', '{"redacted": true, "provider_metadata": {"openai": {"encrypted": "gAAA"}}}'),
  (17, 'b2:12', 1, 'text', NULL, 'Calm.', NULL),
  (20, 'b2:20', 0, 'text', NULL, 'You keep the quay.', NULL),
  (21, 'b2:21', 0, 'text', NULL, NULL, '{"text_ref": [{"literal": "Read this: "}, {"fragment": 1}, {"fragment": 9}]}'),
  (22, 'b2:21', 1, 'attachment', NULL, NULL, '{"attachment": {"id": "5a5a0003"}, "provider_metadata": {"detail": "low"}}'),
  (23, 'b2:22', 0, 'tool_call', 'weather', NULL, '{"name": "weather", "arguments": {"place": "quay"}, "tool_call_id": "call_9", "server_executed": true}'),
  (24, 'b2:23', 0, 'tool_result', 'weather', NULL, '{"name": "weather", "output": "wind 2", "tool_call_id": "call_9", "attachments": [{"id": "5a5a0001"}]}'),
  (25, 'b2:24', 0, 'text', NULL, 'A light wind.', NULL),
  (26, 'b2:24', 1, 'hologram', NULL, 'shimmering', '{"angle": 30}'),
  (30, 'b2:30', 0, 'text', NULL, 'Ask nobody, guess.', NULL),
  (31, 'b2:31', 0, 'text', NULL, 'Let me think.', NULL),
  (32, 'b2:32', 0, 'text', NULL, 'Rain, I guess.', NULL),
  (40, 'b2:40', 0, 'text', NULL, 'Forget the paper.', NULL),
  (41, 'b2:41', 0, 'text', NULL, 'Forgotten.', NULL),
  (50, 'b2:50', 0, 'text', NULL, 'In no thread at all', NULL),
  (51, 'b2:51', 0, 'text', NULL, 'Nor this.', NULL);
INSERT INTO part_attachments VALUES (3, '5a5a0001', 0), (4, '5a5a0002', 0), (22, '5a5a0003', 0), (24, '5a5a0001', 0);
INSERT INTO part_fragments VALUES (7, 2, 0), (8, 1, 0), (21, 1, 0);
INSERT INTO threads VALUES
  ('01jz000000000000000000000a', 'And tomorrow?', 'b2:12', NULL, '2026-08-10 06:00:00.250000+00:00'),
  ('01k2000000000000000000000a', 'Read this: The quay is forty…', 'b2:41', NULL, '2026-08-11 09:00:00+00:00'),
  ('01k2000000000000000000000f', 'Guessing', 'b2:32', '01k2000000000000000000000a', '2026-08-11 10:00:00+00:00');
INSERT INTO turns VALUES
  ('01k1000000000000000000000b', '01jz000000000000000000000a', 'b2:11', 'b2:12', 'parrot-3', 'parrot-3-mini', NULL, NULL, 40, 2, NULL, 300, '2026-08-10T06:00:00+00:00', '{"output": {"$": "1.text"}}'),
  ('01k2000000000000000000000b', '01k2000000000000000000000a', 'b2:21', 'b2:22', 'parrot-3', NULL, '{"top_p": 0.50}', '5c5c', 9, 1, NULL, 80, '2026-08-11T09:00:00+00:00', NULL),
  ('01k2000000000000000000000c', '01k2000000000000000000000a', 'b2:23', 'b2:24', 'parrot-3', NULL, NULL, NULL, 9, 1, NULL, 80, '2026-08-11T09:00:05+00:00', NULL),
  ('01k2000000000000000000000d', '01k2000000000000000000000f', 'b2:30', 'b2:32', 'parrot-4', NULL, NULL, NULL, 9, 1, NULL, 80, '2026-08-11T10:00:05+00:00', NULL),
  ('01k2000000000000000000000e', '01k2000000000000000000000a', 'b2:40', 'b2:41', 'parrot-3', NULL, NULL, NULL, 9, 1, NULL, 80, '2026-08-11T11:00:05+00:00', NULL),
  ('01k2000000000000000000000g', '01k2000000000000000000000a', 'b2:98', 'b2:99', 'parrot-3', NULL, NULL, NULL, 9, 1, NULL, 80, '2026-08-11T11:30:00+00:00', NULL);
INSERT INTO turn_tools VALUES ('01k2000000000000000000000b', 1, 1);
INSERT INTO turn_fragments VALUES ('01k2000000000000000000000b', 1, 0, 'prompt');
INSERT INTO tool_instantiations VALUES ('01k2000000000000000000000c', 'call_9', 1);
INSERT INTO turn_search VALUES (1, '01k1000000000000000000000b', 'And tomorrow?', 'Calm.');
