"""One exported chat: `messages` as a list with `parentMessageId`, or a tree of `children` under `messages` or `messagesTree`.

A message of the tree has all that follows it inside. Erasing it blanks its own fields one by one, and what is left, a node with
nothing but ids, is read as a hole: its children stay where they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.canon import Instant, make_id, unknown
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Place
from souviens.formats._content import content_parts, digest_of, media_part
from souviens.formats._dialogue import PREVIOUS, Desk, Dialogue, Draft, Identity, Node, Path, loaded, name_holes
from souviens.formats._fields import Fields, name_type
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment

PROVIDER = "librechat"
NO_PARENT = "00000000-0000-0000-0000-000000000000"
_IDS = ("messageId", "parentMessageId", "conversationId", "children")
_NAMELESS = ("", "user", "assistant")
_KNOWN = frozenset({
    "_id", "__v", "user", "messageId", "parentMessageId", "conversationId", "children", "createdAt", "updatedAt", "sender", "text",
    "content", "isCreatedByUser", "model", "endpoint", "error", "unfinished", "isEdited", "cancelled", "files", "attachments",
    "tokenCount", "summary", "summaryTokenCount", "finish_reason", "feedback", "iconURL", "plugin", "plugins", "thread_id",
    "metadata", "bg", "clientId", "invocationId", "conversationSignature", "depth", "siblingIndex", "siblingCount", "searchResult",
    "isTemporary", "expiredAt", "addedConvo", "contextMeta", "manualSkills", "alwaysAppliedSkills", "quotes", "tenantId",
    "langfuseSampled", "langfuseDestinationIds", "jailbreakAttempts", "current", "submitting", "generation", "souviens",
})  # fmt: skip
_KNOWN_HEAD = frozenset({
    "conversationId", "endpoint", "title", "exportAt", "branches", "recursive", "options", "messages", "messagesTree",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "tree": messages with children. "list": messages in a row."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("tree", "list") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    chat = seen.first if seen.look in ("array", "object") else {}
    if not _text(chat, "conversationId"):
        return ""
    held = chat.get("messagesTree", chat.get("messages"))
    messages = [m for m in (held if isinstance(held, list) else [held]) if isinstance(m, dict)]
    ours = [m for m in messages if "messageId" in m and ("isCreatedByUser" in m or "sender" in m)]
    if messages and not ours:
        return ""
    if not messages and not {"exportAt", "endpoint"} & chat.keys():
        return ""
    nested = "messagesTree" in chat or chat.get("recursive") is True or any(m.get("children") for m in ours)
    return "tree" if nested else "list"


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="conversation")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return _CHATS.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, Path]:
    """Where each message stands; of one that holds others, the first of its own fields (`traces` has the rest)."""
    found = _CHATS.locations(slice)
    value = loaded(slice).value
    for id, path in found.items():
        if own := _own_fields(value, path):
            found[id] = (*path, own[0])
    return found


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """The other fields of erased messages that hold others."""
    value = loaded(slice).value
    places = [(path, _own_fields(value, path)) for id, path in _CHATS.locations(slice).items() if id in ids]
    return [Place((*path, key)) for path, keys in places for key in keys[1:]]


def _own_fields(value: Json, path: Path) -> list[str]:
    """What a message with children says itself; [] for one without, which can go whole."""
    for step in path:
        value = value[step]
    return [key for key in value if key not in _IDS] if value.get("children") else []


def _identify(slice: Slice) -> Identity:
    value = loaded(slice).value
    id, title = _text(value, "conversationId"), value.get("title")
    return Identity(id or None, (title,) if isinstance(title, str) and title else ())


def _nodes(value: Json) -> list[Node]:
    """Messages in the order of the file, those inside a message after it. In a tree a message hangs from what it lies in."""
    key = "messagesTree" if value.get("messagesTree") else "messages"
    held = value.get(key)
    top: list[tuple[Path, Json]] = [((key,), held)] if isinstance(held, dict) else []
    top += [((key, place), item) for place, item in enumerate(held if isinstance(held, list) else ())]
    linked = any(isinstance(item, dict) and "parentMessageId" in item for _, item in top)
    found: list[Node] = []
    # above: the id of the message it lies in, or its place if it has none.
    waiting: list[tuple[Path, Json, str | int | None, bool]] = [(path, item, None, False) for path, item in reversed(top)]
    while waiting:
        path, item, above, inside = waiting.pop()
        if not isinstance(item, dict):
            found.append(Node(path, item, None, above if inside or linked else PREVIOUS))
            continue
        id, inner = _text(item, "messageId") or None, item.get("children")
        parent = above if inside else (_parent(item) if linked else PREVIOUS)
        found.append(Node(path, _without_children(item), id, parent))
        here = len(found) - 1 if id is None else id
        waiting += reversed([((*path, "children", n), child, here, True) for n, child in enumerate(_list(inner))])
    return name_holes(found, (node.parent for node in found if isinstance(node.parent, str)))


def _without_children(item: dict[str, Json]) -> Json:
    """A message by itself; None if it was erased and holds nothing but its place."""
    if not _list(item.get("children")):
        return item
    own = {key: value for key, value in item.items() if key != "children"}
    words = [value for key, value in own.items() if key not in _IDS]
    erased = None in words and all(value in (None, "", 0) and value is not False for value in words)
    return None if erased else own


def _parent(item: dict[str, Json]) -> str | None:
    above = _text(item, "parentMessageId")
    return above if above and above != NO_PARENT else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _text(item: dict[str, Json], key: str) -> str:
    """An id as the string it stands for: some exporters write numbers."""
    value = item.get(key)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _head(fields: Fields, desk: Desk) -> Head:
    fields.identifier("conversationId")
    options = fields.inner("options")
    model = options.optional("model") if options else None
    title = fields.text("title")
    if options:
        options.drop("title", title)
        options.drop("endpoint", fields.left.get("endpoint"))
    return Head(title, model=model)


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("messageId")
    fields.identifier("parentMessageId")
    fields.drop("children", None, [])
    if (chat := _text(fields.left, "conversationId")) and make_id("c", PROVIDER, chat) == desk.conversation:
        del fields.left["conversationId"]
    created, updated = fields.left.get("createdAt"), fields.left.get("updatedAt")
    time = _time(fields)
    if updated == created:
        fields.left.pop("updatedAt", None)
    sender = fields.left.get("sender")
    author = sender if isinstance(sender, str) and sender.lower() not in _NAMELESS else None
    if isinstance(sender, str):
        del fields.left["sender"]
    said = _said(fields, desk)
    said += [_file(file, desk) for file in fields.items("files")]
    said += [_attachment(item, desk) for item in fields.items("attachments")]
    return Draft(
        _role(fields, sender),
        time,
        said,
        author=author,
        model=fields.optional("model"),
        updated=fields.updated("updatedAt"),
    )


def _time(fields: Fields) -> Instant:
    """A time that our own writer had to put where none was known is not one."""
    mark = fields.left.get("souviens")
    if isinstance(mark, dict) and mark.get("time") == "unknown":
        return unknown("not known to the export this was written from")
    return fields.time("createdAt")


def _role(fields: Fields, sender: Json) -> str:
    if isinstance(fields.left.get("isCreatedByUser"), bool):
        return "user" if fields.left.pop("isCreatedByUser") else "assistant"
    return "user" if isinstance(sender, str) and sender.lower() == "user" else "assistant" if sender else ""


# --- parts ------------------------------------------------------------------------------------------------------------


def _said(fields: Fields, desk: Desk) -> list[Part]:
    """Newer messages have `content`, and `text` may repeat its words; older ones have `text` alone."""
    content = fields.left.get("content")
    parts = [part for item in content for part in _content(item, desk)] if isinstance(content, list) else []
    if isinstance(content, list):
        del fields.left["content"]
    words = fields.left.get("text")
    texts = [part.text for part in parts if isinstance(part, Text)]
    if isinstance(words, str) and words and not texts:
        parts.append(Text(words))
        texts = [words]
    fields.drop("text", None, "", *texts, "".join(texts), " ".join(texts), "\n".join(texts))
    return parts


def _content(value: Json, desk: Desk) -> list[Part]:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return [Opaque(name_type(value), value)]
    fields = Fields(value)
    if kind in ("text", "think"):
        held = value.get(kind)
        inner = fields.inner(kind)  # of assistants: {value, annotations}
        words = inner.left.pop("value", None) if inner else fields.left.pop(kind, None)
        if not isinstance(words, str):
            return [Opaque(kind, value)]
        del fields.left["type"]
        fields.tidy(kind)
        extra = fields.left if not isinstance(held, dict) else {k: v for k, v in fields.left.items() if v != []}
        return [Reasoning(words, extra=extra) if kind == "think" else Text(words, extra=extra)]
    if kind == "tool_call" and (inner := fields.inner(kind)):
        return _tool(inner, fields)
    if kind == "image_file" and (inner := fields.inner(kind)):
        return [_stored(inner, desk, "image", fields)]
    if kind in ("image_url", "input_audio", "video_url"):
        return [media_part(kind, fields, desk)] if kind == "image_url" else content_parts([value], desk, "content")
    if kind not in ("error", "agent_update", "summary"):
        desk.unknown.note(f"content.type={kind[:40]}")
    return [Opaque(kind, value)]


def _tool(call: Fields, around: Fields) -> list[Part]:
    """A call and what came of it: an agent's tool, a function, or code that was run."""
    around.drop("type", "tool_call")
    inner: Fields = call.inner("function") or call.inner("code_interpreter") or call
    ran = isinstance(call.left.get("code_interpreter"), dict)
    asked = "args" in inner.left or "arguments" in inner.left or ran or "name" not in inner.left
    id = call.optional("id")
    name = inner.optional("name") or ("code_interpreter" if ran else "")
    arguments = inner.left.pop("input" if ran else "args" if "args" in inner.left else "arguments", None)
    output = str(inner.left.pop("output")) if isinstance(inner.left.get("output"), str) else _logs(inner)
    call.drop("type", "tool_call", "function")
    call.tidy("function", "code_interpreter")
    around.tidy("tool_call")
    if output is None:
        return [ToolCall(name, arguments, id, around.left)]
    if not asked:
        return [ToolResult(output, name or None, id, extra=around.left)]
    return [ToolCall(name, arguments, id, around.left), ToolResult(output, name or None, id)]


def _logs(code: Fields) -> str | None:
    """What code that was run printed, if it did nothing but print."""
    outputs = code.left.get("outputs")
    only = outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else None
    if not isinstance(only, dict) or only.keys() != {"type", "logs"} or only["type"] != "logs":
        return None
    if not isinstance(only["logs"], str):
        return None
    del code.left["outputs"]
    return only["logs"]


def _file(value: Json, desk: Desk) -> Part:
    return _stored(Fields(value), desk, "file", None) if isinstance(value, dict) else Opaque("file", value)


def _attachment(value: Json, desk: Desk) -> Part:
    """What a tool left: a file, or what a search found, which is kept whole."""
    if isinstance(value, dict) and ("file_id" in value or "filename" in value):
        return _stored(Fields(value), desk, "file", None)
    return Opaque("attachment", value)


def _stored(fields: Fields, desk: Desk, media: str, around: Fields | None) -> Part:
    """A file in LibreChat's storage. type: its media type."""
    name, kind = fields.text("filename"), fields.left.get("type")
    pointer = next((v for k in ("file_id", "filepath") if isinstance(v := fields.left.get(k), str) and v), "") or name
    if pointer == fields.left.get("file_id"):
        del fields.left["file_id"]
    size = fields.number("bytes")
    media_type = kind if isinstance(kind, str) and "/" in kind else ""
    if media_type:
        del fields.left["type"]
    media = next((m for m in ("image", "audio", "video") if media_type.startswith(m)), media)
    extra = fields.left
    if around is not None:
        around.drop("type", "image_file")
        around.tidy("image_file")
        extra = around.left
    return desk.attach(pointer or digest_of(fields.left), media, name=name, media_type=media_type, size=size, extra=extra)


_CHATS = Dialogue(PROVIDER, _identify, _nodes, _head, _message, known_head=_KNOWN_HEAD, known_message=_KNOWN)
