-- The tables up to 0.31.
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
-- Responses that are in no conversation, or in one whose row is gone; one with a schema, one in another script.
INSERT INTO responses VALUES
  ('01jz000000000000000000001a', 'parrot-1', 'Alone', NULL, NULL, NULL, '{"lamp": "Янтарь"}', NULL, NULL, 5, '2025-07-02T00:00:00', 1, 1, NULL, '5c5c', NULL, NULL),
  ('01jz000000000000000000001c', 'parrot-1', 'Своего разговора нет', NULL, NULL, NULL, 'Понял.', NULL, '01jz000000000000000000001b', 5, NULL, 1, 1, NULL, NULL, NULL, NULL);
