"""Design chats: conversations about a canvas, with blocks of their own and projects that are not the projects of the chats."""

from __future__ import annotations

from souviens.canon import make_id
from souviens.formats._fields import Fields, name_type, note
from souviens.formats.claude import known
from souviens.formats.claude.conversations import Damage, conversation_id, note_place, read_messages, refused
from souviens.formats.claude.graph import Graph, place_ids, trace
from souviens.formats.claude.parts import DESIGN_FILES, Desk, read_files, settle_text
from souviens.jsonspan import Flaws, Slice
from souviens.records import Conversation, Head, Json, Message, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic

_NAMESPACE = "design:"  # of 5 real projects of design chats none was a project of the chats
_KEY = "messages"


def read(slice: Slice, sidecars: Json) -> Reading:
    """One design chat; its messages name no parents, so the chain is the file's order."""
    flaws = Damage(slice.flaws or Flaws(), _KEY)
    if flaws.header:
        return refused(slice, flaws.header)
    id, fields = conversation_id(slice), Fields(slice.value)
    items = fields.items(_KEY)
    graph = trace(id, items)
    desk = Desk(id, _KEY, sidecars or {})
    messages, problems = read_messages(slice, items, graph, flaws, desk, _message)
    uuid, topic = fields.optional("uuid"), topic_of(slice.value)
    title = fields.text("title", "name")
    created, updated = fields.time("created_at"), fields.time("updated_at")
    extra = flaws.noted(fields.rest(known.DESIGN_CHAT, "", desk.unknown), graph.source)
    note(extra, "kind", "design_chat")
    head = Head(title, created, updated, project=topic.id if topic else None, extra=extra)
    conversation = Conversation(id, "claude", uuid, head, messages, tuple(desk.attachments.values()))
    return Reading((conversation,), topics=(topic,) if topic else (), problems=problems, unknown=desk.unknown)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    """Message id -> path in the slice."""
    items = slice.value.get(_KEY)
    if not isinstance(items, list):
        return {}
    ids, _ = place_ids(conversation_id(slice), items)
    return {id: (_KEY, place) for place, (id, item) in enumerate(zip(ids, items, strict=True)) if isinstance(item, dict)}


def topic_of(value: dict[str, Json]) -> Topic | None:
    """A canvas project, in a namespace of its own; the object itself stays in the conversation's `extra`."""
    link = value.get("project")
    uuid, name = (link.get("uuid"), link.get("name")) if isinstance(link, dict) else (None, None)
    if not isinstance(uuid, str) or not uuid:
        return None
    key = _NAMESPACE + uuid
    return Topic(make_id("t", "claude", key), "project", name if isinstance(name, str) else "", "claude", key)


def _message(item: dict[str, Json], place: int, graph: Graph, flaws: Damage, desk: Desk) -> Message:
    fields = Fields(item)
    body = Fields(content) if isinstance(content := fields.left.get("content"), dict) else None
    parts: list[Part] = []
    author = None
    if body is not None:
        del fields.left["content"]
        text = body.text("content")
        blocks = [part for block in body.items("contentBlocks") for part in _block(block, desk)]
        files = read_files(body.items("attachments"), DESIGN_FILES, graph.ids[place], desk)
        author = body.optional("authorName")
        if rest := body.rest(known.DESIGN_BODY, f"{_KEY}.content", desk.unknown):
            fields.left["content"] = rest
        parts = [*settle_text(text, blocks, fields.left), *files]
    elif isinstance(content, str):
        parts = [Text(fields.text("content"))]
    uuid, role = fields.optional("uuid"), fields.text("role").lower()
    time, updated = fields.time("created_at"), fields.updated("updated_at")
    extra = fields.rest(known.DESIGN_MESSAGE | {"text", "text_joined_by"}, _KEY, desk.unknown)
    note_place(extra, place, graph, flaws)
    return Message(
        graph.ids[place], uuid, graph.parents[place], place, role, time, tuple(parts), author, updated=updated, extra=extra
    )


def _block(block: Json, desk: Desk) -> list[Part]:
    """text, thinking, tool_call, error and user_interjection (words the person threw in while the model worked)."""
    if not isinstance(block, dict):
        return [Opaque(name_type(block), block)]
    path, kind = f"{_KEY}.content.contentBlocks", block.get("type")
    fields = Fields(block)
    if kind == "tool_call" and isinstance(block.get("toolCall"), dict):
        return _call(fields, f"{path}.toolCall", desk)
    if kind == "text" or kind == "thinking":
        del fields.left["type"]
        text = fields.text("text", "thinking")
        extra = fields.rest(known.DESIGN_BLOCK, path, desk.unknown)
        return [Text(text, extra=extra) if kind == "text" else Reasoning(text, extra=extra)]
    if kind == "error" or kind == "user_interjection":
        text = fields.text("message")
        if not text and isinstance(said := fields.left.get("message"), dict):
            inner = Fields(said)
            text, fields.left["message"] = inner.text("content"), inner.left
        text = text or fields.text("text")
        return [Text(text, extra=fields.rest(known.DESIGN_BLOCK, path, desk.unknown))]
    word = kind if isinstance(kind, str) else name_type(kind)
    desk.unknown.note(f"{path}.type={word[:40]}")
    return [Opaque(word, block)]


def _call(fields: Fields, path: str, desk: Desk) -> list[Part]:
    call = Fields(fields.left.pop("toolCall"))
    del fields.left["type"]
    id, name = call.optional("id"), call.text("name")
    arguments = call.left.pop("input", None)
    answered, output = isinstance(call.left.get("output"), str), call.text("output")
    extra = fields.rest(known.DESIGN_BLOCK, path.rpartition(".")[0], desk.unknown)
    if rest := call.rest(known.DESIGN_CALL, path, desk.unknown):
        extra["toolCall"] = rest
    made = ToolCall(name, arguments, id, extra)
    return [made, ToolResult(output, name or None, id)] if answered else [made]
