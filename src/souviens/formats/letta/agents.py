"""Agents as conversations, and what lies in and beside them: blocks, passages, files, tools."""

from __future__ import annotations

from souviens.canon import make_id, tagged_hash
from souviens.formats._content import content_parts, tool_call, tool_result
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, role_of
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS, Statement
from souviens.jsonspan import Slice
from souviens.records import Document, Head, Json, Memory, Opaque, Part, Reasoning, Text, ToolCall, ToolResult, Topic

NAME = "letta"
# The lists of memories in an agent, and what their items are.
LISTS = {
    "core_memory": "block",
    "memory_blocks": "block",
    "blocks": "block",
    "archival_memory": "passage",
    "archival_passages": "passage",
    "passages": "passage",
}
BESIDE = ("files", "sources", "tools", "groups", "mcp_servers", "skills")
_MESSAGES = "messages of "
_ROLES = {"function": "tool"}
# Of a block: what it is about decides what it is. Any other label is a person's own.
_KINDS = {"human": "profile", "persona": "instruction"}
_NUMBERED = ("id", "agent_id")  # renumbered in every file
_KNOWN_MESSAGE = frozenset({
    "id", "agent_id", "type", "otid", "sender_id", "batch_item_id", "group_id", "step_id", "run_id", "tool_call_id",
    "tool_returns", "approve", "approvals", "approval_request_id", "denial_reason", "is_err", "date", "content", "text", "name",
    "model", "tool_calls",
})  # fmt: skip
_KNOWN_AGENT = frozenset({
    "id", "agent_type", "system", "description", "metadata", "metadata_", "tags", "tools", "tool_ids", "tool_rules", "source_ids",
    "folder_ids", "block_ids", "identity_ids", "group_ids", "multi_agent_group", "managed_group", "in_context_message_ids",
    "in_context_message_indices", "initial_message_sequence", "files_agents", "llm_config", "embedding_config", "model_settings",
    "compaction_settings", "response_format", "embedding", "context_window_limit", "max_tokens", "embedding_chunk_size",
    "max_reasoning_tokens", "enable_reasoner", "reasoning", "parallel_tool_calls", "include_base_tools",
    "include_multi_agent_tools", "include_base_tool_rules", "include_default_source", "from_template", "template", "template_id",
    "base_template_id", "project", "project_id", "deployment_id", "entity_id", "tool_exec_environment_variables", "secrets",
    "memory_variables", "message_buffer_autoclear", "enable_sleeptime", "timezone", "max_files_open",
    "per_file_view_window_char_limit", "hidden", "version", "model", "last_run_completion", "last_run_duration_ms",
    "model_endpoint", "model_endpoint_type",
})  # fmt: skip
_KNOWN_MEMORY = frozenset({
    "id", "label", "limit", "description", "metadata", "metadata_", "is_template", "template_name", "template_id",
    "base_template_id", "preserve_on_migration", "read_only", "project_id", "deployment_id", "entity_id", "hidden", "tags",
    "name", "organization_id", "source_id", "source_name", "file_id", "archive_id", "embedding", "embedding_config", "is_deleted",
    "created_by_id", "last_updated_by_id",
})  # fmt: skip
_KNOWN_BESIDE = frozenset({
    "id", "name", "description", "content", "source_code", "instructions", "metadata", "metadata_", "tags", "source_id",
    "file_name", "original_file_name", "file_path", "file_type", "file_size", "file_creation_date", "file_last_modified_date",
    "processing_status", "error_message", "total_chunks", "chunks_embedded", "embedding_config", "vector_db_provider",
    "tool_type", "source_type", "json_schema", "args_json_schema", "return_char_limit", "pip_requirements", "npm_requirements",
    "default_requires_approval", "enable_parallel_execution", "created_by_id", "last_updated_by_id", "project_id", "agent_ids",
    "manager_config", "manager_type", "shared_block_ids", "hidden", "server_type", "server_url", "stdio_config", "files",
    "source_url",
})  # fmt: skip


# --- agents -----------------------------------------------------------------------------------------------------------


def dialogue(slice: Slice) -> Dialogue | None:
    """How a slice is read that holds a conversation; None for any other."""
    if slice.kind == "agent":
        return _AGENTS
    return _BARE if slice.kind.startswith(_MESSAGES) else None


def kind_of(agent: dict[str, Json]) -> str:
    """What a slice with nothing but the messages of an agent is called. They do not say whose they are, and have to: what an
    agent is known by goes into the name of the kind."""
    name = agent.get("name")
    return f"{_MESSAGES}{_known_by(agent)} {name if isinstance(name, str) else ''}"


def _known_by(agent: dict[str, Json]) -> str:
    """An agent has no id of its own in a file. Nothing of what can be erased may be part of what it is known by."""
    said = [agent.get(key) for key in ("name", "created_at", "system")]
    return tagged_hash([word if isinstance(word, str) else None for word in said])


def name_in(kind: str) -> str:
    """The agent's name in what `kind_of` made."""
    return kind.removeprefix(_MESSAGES).partition(" ")[2] if kind.startswith(_MESSAGES) else ""


def _identify(slice: Slice) -> Identity:
    return Identity(None, (_known_by(loaded(slice).value),))


def _identify_bare(slice: Slice) -> Identity:
    return Identity(None, (slice.kind.removeprefix(_MESSAGES).partition(" ")[0],))


def _nodes(value: Json) -> list[Node]:
    held = value.get("messages")
    return _numbered(held, "messages") if isinstance(held, list) else []


def _bare_nodes(value: Json) -> list[Node]:
    return _numbered(value)


def _numbered(items: list[Json], *path: str) -> list[Node]:
    """Messages in the file's order, known by what they say: their ids are renumbered with every export."""
    nodes = []
    for place, item in enumerate(items):
        item = None if item == {} else item  # in a quoted slice, what an erasure leaves
        key = {name: member for name, member in item.items() if name not in _NUMBERED} if isinstance(item, dict) else None
        nodes.append(Node((*path, place), item, key=key))
    return nodes


def _head(fields: Fields, desk: Desk) -> Head:
    for key in LISTS:
        if isinstance(fields.left.get(key), list):
            del fields.left[key]  # memories of their own
    created, updated = fields.time("created_at"), fields.time("updated_at")
    config = fields.left.get("llm_config")
    model = config.get("model") if isinstance(config, dict) else None
    return Head(fields.text("name"), created, updated, model=model if isinstance(model, str) and model else None)


def _bare_head(fields: Fields, desk: Desk) -> Head:
    return Head()


def _message(fields: Fields, desk: Desk) -> Draft:
    role = role_of(fields.text("role"), _ROLES)
    parts = _parts(fields, desk)
    author = fields.optional("name")
    if role == "tool":
        call, returns = fields.optional("tool_call_id"), fields.left.get("tool_returns")
        status = [item.get("status") for item in returns if isinstance(item, dict)] if isinstance(returns, list) else []
        failed = "error" in status
        parts = [ToolResult(p.text, author, call, failed, p.extra) if isinstance(p, Text) else p for p in parts]
        if call and not any(isinstance(part, ToolResult) for part in parts):
            parts.append(ToolResult("", author, call, failed))
        if not any(isinstance(part, ToolResult) for part in parts) and author:
            fields.left["name"] = author
        author = None
    parts += [tool_call(value) for value in fields.items("tool_calls")]
    time = fields.time("created_at" if "created_at" in fields.left else "timestamp")
    model, updated = fields.optional("model"), fields.updated("updated_at")
    hidden = role in ("system", "developer")
    return Draft(role, time, parts, author, model, updated, "hidden" if hidden else "visible")


def _parts(fields: Fields, desk: Desk) -> list[Part]:
    """The parts of a message's `content`: a string, or typed items."""
    key = "content" if fields.left.get("content") is not None else "text"
    content = fields.left.pop(key, None)
    if isinstance(content, list):
        return [part for item in content for part in _item(item, desk)]
    return content_parts(content, desk, f"{desk.path}.{key}")


def _item(item: Json, desk: Desk) -> list[Part]:
    kind = item.get("type") if isinstance(item, dict) else None
    fields = Fields(item) if isinstance(item, dict) else Fields({})
    if kind == "tool_call":
        del fields.left["type"]
        return [ToolCall(fields.text("name"), fields.left.pop("input", None), fields.optional("id"), fields.left)]
    if kind == "tool_return":
        del fields.left["type"]
        return [tool_result(fields)]
    if kind == "summarized_reasoning":
        summary = item.get("summary")
        texts = [part.get("text") for part in summary if isinstance(part, dict)] if isinstance(summary, list) else []
        return [Reasoning("\n\n".join(text for text in texts if isinstance(text, str)), extra=item)]
    if kind in ("redacted_reasoning", "omitted_reasoning"):
        return [Opaque(str(kind), item)]
    return content_parts([item], desk, f"{desk.path}.content")


_AGENTS = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_KNOWN_AGENT, known_message=_KNOWN_MESSAGE)
_BARE = Dialogue(NAME, _identify_bare, _bare_nodes, _bare_head, _message, known_message=_KNOWN_MESSAGE, shape=list)


# --- what is no conversation ------------------------------------------------------------------------------------------


def statement(kind: str) -> Statement:
    """How a slice of this kind is read that holds no conversation."""
    return {"block": _block, "passage": _passage}.get(kind, _beside(kind))


def _block(fields: Fields, unknown: Unknown) -> Memory | Topic | str:
    text = fields.text("value", "content")
    if not text and fields.left.get("label"):
        return _beside("block")(fields, unknown)  # nothing is in it yet
    if not text:
        return NO_WORDS
    label = fields.left.get("label")
    kind = _KINDS.get(label, "fact") if isinstance(label, str) else "fact"
    return _memory(kind, text, label if isinstance(label, str) else "", fields, unknown)


def _passage(fields: Fields, unknown: Unknown) -> Memory | str:
    text = fields.text("text", "content")
    return _memory("fact", text, "", fields, unknown) if text else NO_WORDS


def _memory(kind: str, text: str, label: str, fields: Fields, unknown: Unknown) -> Memory:
    created, updated = fields.time("created_at"), fields.updated("updated_at")
    return Memory(
        id=make_id("y", NAME, kind, label, text),
        kind=kind,
        text=text,
        authority="imported",
        provider=NAME,
        provider_id=fields.identifier("id"),
        created=created,
        updated=updated,
        extra=fields.rest(_KNOWN_MEMORY, "blocks", unknown),
    )


def _beside(kind: str) -> Statement:
    """A file, a source, a tool, a group, a server or a skill: a topic with its texts as documents."""

    def topic(fields: Fields, unknown: Unknown) -> Topic | str:
        if not fields.left:
            return "empty"
        known_by = tagged_hash({key: member for key, member in fields.left.items() if key != "id"})
        id, name = fields.identifier("id"), fields.text("name", "server_name", "label")
        texts = {key: fields.text(key) for key in ("content", "source_code")}
        file = fields.left.get("file_name")
        title = name or (file if isinstance(file, str) else "")
        documents = [Document(title or kind, text) for text in texts.values() if text]
        held = fields.left.get("files")
        if isinstance(held, dict) and all(isinstance(text, str) for text in held.values()):
            documents += [Document(path, text) for path, text in fields.left.pop("files").items()]
        return Topic(
            id=make_id("t", NAME, kind, known_by),
            kind="topic",
            name=title,
            provider=NAME,
            provider_id=id,
            summary=fields.text("description"),
            instructions=fields.text("instructions"),
            documents=tuple(documents),
            created=fields.time("created_at"),
            updated=fields.updated("updated_at"),
            extra=fields.rest(_KNOWN_BESIDE | _KNOWN_MEMORY, f"{kind}s", unknown),
        )

    return topic
