"""Kimi: what the web API answers, as tools and extensions save it; Kimi has no export of its own that we know of.

    {"messages": […]}                            ChatService/ListMessages: a page of one chat, the newest message first, no chat
    {"chat": {…}, "messages": […]}               the two put together by a tool
    {"share": {"chat": {…}, "messages": […]}}    a shared chat

It is protobuf in JSON: what is empty is left out, enums are names (MESSAGE_STATUS_COMPLETED), times have nanoseconds. A message is
a list of blocks, each with one kind of content: {"text": {"content"}}, {"think": {"content"}}, {"tool": {…}}, {"file": {…}}, and in
another writing {"blockType": "BLOCK_TYPE_TEXT", "text": "…"}. Messages hang together by `parentId`.

Shapes: formats.md 6; the fixture of chat-stasher; what convolvger measured in shared chats; the block kinds that exporters read.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.canon import ABSENT, make_id, rfc3339
from souviens.delivery import Delivery, Entry, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import beginnings
from souviens.formats._content import MEDIA
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, kept, list_nodes, loaded, role_of
from souviens.formats._document import is_any
from souviens.formats._fields import Fields, id_of, name_type
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment

NAME = "kimi"
TITLE = "Kimi chat"
READER = 2
SUPPORT = "samples"
WORDS = {"BLOCK_TYPE_TEXT": "text", "BLOCK_TYPE_THINK": "reasoning"}
GUIDE = Guide(
    get=("kimi.com > the chat", "an extension or script that saves ChatService/ListMessages, or a share link's data, as JSON"),
    notes=("Kimi has no export of its own that we know of, and takes no chats in.",),
)
_HOLDERS: tuple[tuple[str, ...], ...] = ((), ("share",), ("data",))
_CHAT_IDS = ("chatId", "chat_id")
_NO_PARENT = "00000000-0000-0000-0000-000000000000"
_ENVELOPE = ("id", "parentId", "messageId", "createTime", "blockType")
_PROGRESS = ("stage", "multiStage", "search")  # how an answer came to be, beside what it says
_KNOWN_HEAD = frozenset({"id", "messages", "chat", "share", "data", "creator", "createTime", "nextPageToken", *_CHAT_IDS})
_KNOWN_CHAT = frozenset({"id", "messageContent", "files"})
_KNOWN_MESSAGE = frozenset({
    "parentId", "childrenMessageIds", "chatId", "chat_id", "role", "status", "blocks", "scenario", "createTime", "updateTime",
    "isGoal", "refs",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "share": a shared chat. "messages": pages of messages."""
    kinds = {_kind(entry) for entry in delivery.entries}
    return next((shape for shape in ("share", "messages") if shape in kinds), None)


def _kind(entry: Entry) -> str:
    seen = peek(entry)
    if seen.look not in ("object", "array", "lines"):
        return ""
    chats = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    if not is_any(entry, chats, _is_chat):
        return ""
    return "share" if any("share" in _holder(chat) for chat in chats) else "messages"


def _is_chat(value: Json) -> bool | None:
    """Whether it holds messages of Kimi's; None for what says nothing, or holds none."""
    if not isinstance(value, dict) or not value:
        return None
    messages = _messages(value)
    return any(map(_is_message, messages)) if messages else None if _at(value, (*_holder(value), "messages")) is not None else False


def _is_message(value: Json) -> bool:
    """A message with blocks, and with what only Kimi says of one."""
    if not isinstance(value, dict) or not isinstance(value.get("blocks"), list) or "role" not in value:
        return False
    blocks = [block for block in value["blocks"] if isinstance(block, dict)]
    words = [value.get("status"), value.get("scenario"), *(block.get("blockType") for block in blocks)]
    enums = any(isinstance(word, str) and word.startswith(("MESSAGE_STATUS_", "SCENARIO_", "BLOCK_TYPE_")) for word in words)
    return enums or ("createTime" in value and bool({"parentId", "childrenMessageIds"} & value.keys()))


def _holder(value: Json) -> tuple[str, ...]:
    """Where the object with the messages stands."""
    return next((path for path in _HOLDERS if _at(value, (*path, "messages")) is not None), ())


def _at(value: Json, path: tuple[str, ...]) -> Json:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(entry)}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _DIALOGUE.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _DIALOGUE.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return []


def _messages(value: Json) -> list[Json]:
    held = _at(value, (*_holder(value), "messages"))
    return list(held.values()) if isinstance(held, dict) else held if isinstance(held, list) else []


def _identify(slice: Slice) -> Identity:
    """The chat's id; a page of messages without it is known by the message at the top of its graph, and without any ids by all that
    no erasure changes."""
    value = loaded(slice).value
    holder, items = _at(value, _holder(value)), [item for item in _messages(value) if isinstance(item, dict)]
    ids = (_at(holder, ("chat", "id")), *(held.get(key) for held in (holder, *items) for key in _CHAT_IDS))
    id = next((id for id in map(id_of, ids) if id), None)
    if id or not items:
        return Identity(id)
    path = (*_holder(value), "messages")
    return Identity(None, (top,) if (top := _top(items)) else (kept(slice, _nodes(value)), beginnings(slice.data, *path)))


def _top(items: list[dict[str, Json]]) -> str:
    """The id of the first message. Its children name it, so that it is known even after it was erased."""
    ids = {id_of(item.get("id")) for item in items}
    tops = [
        (str(item.get("createTime")), parent or id_of(item.get("id"))) for item in items if (parent := _parent(item)) not in ids
    ]
    return min(((time, id) for time, id in tops if id), default=("", ""))[1]


def _parent(item: dict[str, Json]) -> str | None:
    parent = id_of(item.get("parentId"))
    return parent if parent != _NO_PARENT else None


def _nodes(value: Json) -> list[Node]:
    holder, linked = _holder(value), any(isinstance(item, dict) and "parentId" in item for item in _messages(value))
    nodes = list_nodes(_at(value, (*holder, "messages")), *holder, "messages", id="id", parent=_parent if linked else None)
    # The newest message may come first: where the graph is given, siblings are ranked by their times, if they say them.
    return [node._replace(order=0) if linked and _is_dated(node.value) else node for node in nodes]


def _is_dated(item: Json) -> bool:
    return isinstance(item, dict) and rfc3339(item.get("createTime")).us is not None


def _head(fields: Fields, desk: Desk) -> Head:
    holder = fields.inner("share") or fields.inner("data") or fields
    _drop_chat(holder, desk, *_CHAT_IDS)
    chat = holder.inner("chat") or Fields({})
    _drop_chat(chat, desk, "id")
    head = Head(chat.text("name", "title"), chat.time("createTime"), chat.updated("updateTime") or ABSENT)
    chat.rest(_KNOWN_CHAT, "chat", desk.unknown)
    holder.tidy("chat")
    if holder is not fields:
        holder.rest(_KNOWN_HEAD, "share", desk.unknown)
    return head


def _drop_chat(fields: Fields, desk: Desk, *keys: str) -> None:
    """Leave out the chat's id where it is the conversation's."""
    for key in keys:
        id = id_of(fields.left.get(key))
        if id and make_id("c", NAME, id) == desk.conversation:
            del fields.left[key]


def _message(fields: Fields, desk: Desk) -> Draft:
    own = desk.node.id
    fields.drop_id("id", own)
    if fields.left.get("parentId") != _NO_PARENT:
        fields.identifier("parentId")
    fields.drop("parentId", "")
    _drop_chat(fields, desk, *_CHAT_IDS)
    parts = [part for block in fields.several("blocks") for part in _block(block, own, desk)]
    return Draft(role_of(fields.text("role"), WORDS), fields.time("createTime"), parts, updated=fields.updated("updateTime"))


def _block(value: Json, own: str | None, desk: Desk) -> list[Part]:
    if not isinstance(value, dict):
        return [Opaque(name_type(value), value)]
    fields, word = Fields(value), value.get("blockType")
    fields.drop("messageId", own)
    kind = word if isinstance(word, str) else next((key for key in value if key not in _ENVELOPE), "")
    kind = kind.removeprefix("BLOCK_TYPE_").lower() if kind == word else kind
    if kind in ("text", "think", "thinking") and (text := _words(fields, kind)):
        fields.drop("blockType", *WORDS)
        return [Text(text, extra=fields.left) if kind == "text" else Reasoning(text, extra=fields.left)]
    if kind == "tool" and (tool := fields.inner("tool")):
        return _tool(tool, fields)
    if kind == "file" and (file := fields.inner("file")):
        return [_file(file, fields, value, desk)]
    if kind not in ("", *_PROGRESS, "text", "think", "thinking", "tool", "file"):
        desk.unknown.note(f"messages.blocks.{kind[:40]}")
    return [Opaque(kind, value)]


def _words(fields: Fields, kind: str) -> str:
    """What a block says: a string, or the `content` of an object, under its kind or under "text"."""
    for key in (kind, "text", "content"):
        inner = fields.inner(key)
        if text := inner.text("content") if inner else fields.text(key):
            fields.tidy(key)
            return text
    return ""


def _tool(tool: Fields, fields: Fields) -> list[Part]:
    """A call and what it gave back, in one block."""
    call, name, arguments = tool.optional("toolCallId", "id"), tool.text("name"), tool.left.pop("args", None)
    fields.tidy("tool")
    return [ToolCall(name, arguments, call), ToolResult(name=name or None, call=call, extra=fields.left)]


def _file(file: Fields, fields: Fields, value: Json, desk: Desk) -> Part:
    meta = file.inner("meta") or Fields({})
    pointer, name = file.text("id", "fileId", "url") or fields.text("id"), meta.text("name") or file.text("name")
    if not pointer and not name:
        return Opaque("file", value)
    media_type, size = meta.text("contentType"), meta.number("sizeBytes")
    media = next((media for media in MEDIA if media == media_type.partition("/")[0]), "file")
    file.tidy("meta")
    fields.tidy("file")
    return desk.attach(pointer or name, media, name=name, media_type=media_type, size=size, extra=fields.left)


_DIALOGUE = Dialogue(NAME, _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN_MESSAGE)
