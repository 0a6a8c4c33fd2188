"""The fields that exports have been seen to hold, object by object: whatever is in no table is reported as unknown.

Gathered from published field lists of the export (two generations), share snapshots and the site's own API, whose objects
some exporters write as they come. Objects that are passed on whole (tool input, settings, display_content) have no table.
"""

from __future__ import annotations

_TIMES = frozenset({"created_at", "updated_at"})

CONVERSATION = _TIMES | {
    "uuid", "name", "title", "summary", "account", "chat_messages", "messages", "model", "settings", "is_starred",
    "is_temporary", "is_wiggle_enabled", "current_leaf_message_uuid", "platform", "project", "project_uuid",
    "effective_thinking_mode", "organization",
    # share snapshots
    "snapshot_name", "conversation_uuid", "creator", "created_by", "is_public", "artifact_uuids",
}  # fmt: skip

MESSAGE = _TIMES | {
    "uuid", "text", "content", "sender", "role", "attachments", "files", "files_v2", "parent_message_uuid", "model", "index",
    "truncated", "input_mode", "stop_reason", "sync_sources", "compaction_summary",
}  # fmt: skip

_BLOCK = frozenset({"type", "start_timestamp", "stop_timestamp", "flags"})
_TOOL = _BLOCK | {
    "name", "message", "integration_name", "integration_icon_url", "icon_name", "approval_options", "approval_key",
    "context", "display_content", "is_mcp_app", "mcp_server_url", "meta", "hidden",
}  # fmt: skip
TEXT = _BLOCK | {"text", "title", "citations", "citations_grouping_mode"}
THINKING = _BLOCK | {
    "thinking", "text", "summaries", "cut_off", "truncated", "signature", "alternative_display_type", "thinking_hidden"
}  # fmt: skip
TOOL_USE = _TOOL | {"id", "input"}
TOOL_RESULT = _TOOL | {"tool_use_id", "content", "is_error", "structured_content"}
RESULT_ITEM = frozenset({
    "type", "text", "uuid", "title", "url", "uri", "name", "metadata", "is_missing", "is_citable", "prompt_context_metadata",
    "doc_uuid", "file_uuid", "file_path", "ingestion_date", "start", "end", "mime_type", "extras", "links", "source",
})  # fmt: skip
CITATION = frozenset({
    "uuid", "start_index", "end_index", "details", "url", "title", "metadata", "origin_tool_name", "sources"
})  # fmt: skip
# Blocks that are kept whole: known, but without a part of their own.
KEPT_WHOLE = frozenset({"redacted_thinking", "token_budget", "image"})

ATTACHMENT = frozenset({"id", "created_at", "file_name", "file_size", "file_type", "extracted_content"})
FILE = frozenset({
    "file_name", "file_uuid", "uuid", "created_at", "file_kind", "path", "size_bytes", "success", "preview_asset",
    "preview_url", "thumbnail_asset", "thumbnail_url",
})  # fmt: skip

PROJECT = _TIMES | {
    "uuid", "name", "description", "prompt_template", "is_private", "is_starter_project", "is_starred", "archived_at",
    "creator", "docs", "docs_count", "files_count",
}  # fmt: skip
DOCUMENT = frozenset({"uuid", "filename", "file_name", "content", "created_at", "project_uuid"})

MEMORIES = _TIMES | {"account_uuid", "conversations_memory", "project_memories", "memory_files"}
MEMORY_FILE = _TIMES | {"path", "content"}
MEMORY_ROW = _TIMES | {"uuid", "content", "memory", "text", "title", "account_uuid", "project_uuid"}

DESIGN_CHAT = _TIMES | {"uuid", "title", "name", "project", "messages", "account"}
DESIGN_MESSAGE = _TIMES | {"uuid", "role", "content"}
DESIGN_BODY = frozenset({
    "content", "contentBlocks", "attachments", "id", "role", "timestamp", "authorName", "authorAccountUuid", "pill",
    "turnInputTokens",
})  # fmt: skip
DESIGN_BLOCK = frozenset({"type", "text", "thinking", "message", "toolCall", "debugInfo"})
DESIGN_CALL = frozenset({"id", "input", "name", "output", "serverSide", "type"})
DESIGN_ATTACHMENT = frozenset({"id", "name", "path", "type", "content", "hidden"})
