"""The fields of Open WebUI that have been seen: in its models and pages up to 0.12, and in published exports of 2024 to 2026."""

from __future__ import annotations

PROVIDER = "openwebui"

# A row of the table `chat`, which is an element of the export too; the names of tables are ours, see `database`.
ROW = frozenset({
    "user_id", "chat", "chat_id", "timestamp", "share_id", "archived", "pinned", "meta", "variables", "folder_id", "tasks",
    "summary", "current_message_id", "last_read_at", "timer_at", "context_usage", "chat_message", "chat_file", "file", "tag",
    "chatidtag", "feedback",
})  # fmt: skip
CHAT = frozenset({
    "id", "user_id", "title", "models", "params", "system", "options", "history", "messages", "tags", "files", "timestamp",
    "currentId", "originalChatId", "branchPointMessageId", "share_mode", "mergedResponses", "created_at", "updated_at",
})  # fmt: skip
MESSAGE = frozenset({
    "id", "chat_id", "user_id", "user", "role", "timestamp", "parentId", "childrenIds", "content", "originalContent",
    "edited", "models", "model", "modelName",
    "modelIdx", "selectedModelId", "output", "files", "sources", "citations", "embeds", "annotation", "feedbackId", "rating",
    "favorite", "arena", "merged", "done", "error", "usage", "info", "status", "statusHistory", "followUps", "suggestions",
    "code_executions", "codeExecutions", "lastSentence", "context", "userContext", "contextSummary", "meta", "data", "voice",
    "updated_at", "souviens",
    # what a copy says otherwise, see `graph`
    "chat.messages", "chat_message",
})  # fmt: skip
FILE = frozenset({
    "type", "id", "name", "url", "file", "collection_name", "collection_names", "status", "size", "error", "itemId", "docs",
    "content_type", "description", "context", "legacy", "user_id", "meta", "data", "knowledge", "created_at", "updated_at", "hash",
    "path", "access_control", "images",
})  # fmt: skip
SOURCE = frozenset({"source", "document", "metadata", "distances", "tool_result"})
# Items of `output` that are kept whole: a provider's own tools, and remarks of the client.
ITEMS = frozenset({
    "web_search_call", "file_search_call", "computer_call", "image_generation_call", "code_interpreter_call", "mcp_call",
    "mcp_list_tools", "open_webui:context_compaction",
})  # fmt: skip

FOLDER = frozenset({"user_id", "parent_id", "items", "meta", "data", "is_expanded"})
MEMORY = frozenset({"user_id", "type", "path", "meta"})
KNOWLEDGE = frozenset({"user_id", "data", "meta", "access_control", "file", "knowledge_file"})
DOCUMENT = frozenset({"user_id", "hash", "path", "data", "meta", "access_control", "updated_at"})
NOTE = frozenset({"user_id", "data", "meta", "access_control", "is_pinned"})
PROMPT = frozenset({
    "command", "user_id", "access_control", "data", "meta", "tags", "is_active", "version_id", "name",
})  # fmt: skip
MODEL = frozenset({"user_id", "base_model_id", "params", "meta", "access_control", "is_active"})
SKILL = frozenset({"user_id", "meta", "access_control", "is_active"})
COLLECTION = frozenset({"user_id", "name", "filename", "content"})
CHANNEL = frozenset({
    "user_id", "type", "description", "is_private", "data", "meta", "access_control", "updated_by", "archived_at", "archived_by",
    "deleted_at", "deleted_by", "message",
})  # fmt: skip
POST = frozenset({
    "user_id", "app_id", "channel_id", "parent_id", "reply_to_id", "is_pinned", "pinned_at", "pinned_by", "data", "meta",
    "message_reaction",
})  # fmt: skip
