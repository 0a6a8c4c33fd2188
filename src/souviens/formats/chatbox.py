"""Chatbox: `chatbox-exported-data-*.json` of its data backup, the ZIP backup that followed it, and one chat's own JSON export.

The old export is the app's storage, key by key: `session:<id>` each a chat, `chat-sessions-list` their titles, before that all
chats in `chat-sessions`; `settings` hold API keys and are withheld inside the file. The ZIP has `sessions/<id>/session.json`, and
pictures that `manifest.json` names by their storage keys. `myCopilots` are prompts that somebody made.

A chat's other branches lie in `messageForksHash`: by the message they follow, lists of what follows it, of which the one at
`position` is empty, for it is what stands in `messages`. `threads` are earlier talks of the same chat. Shapes: formats.md 7;
src/shared/types/session.ts, the tests of message-forks and packages/backup of chatboxai/chatbox.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Set
from io import BytesIO

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import Mark, carve, contents, members
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, Path, list_nodes, loaded
from souviens.formats._fields import Fields, Unknown, name_type
from souviens.formats._statements import stated, whole
from souviens.jsonspan import Glue, Slice, cut_elements, first_value
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Topic, Treatment, Uri

NAME = "chatbox"
TITLE = "Chatbox backup"
READER = 2
SUPPORT = "samples"
GUIDE = Guide(
    get=("Settings > Data Backup: Chat History, My Copilots", "Export Selected Data"),
    notes=(
        "Without `API KEY & License` the file holds no keys; souviens withholds them anyway.",
        "The JSON export names pictures without their bytes; the ZIP backup of newer versions holds them.",
    ),
)
_MS = 1000
_COPILOTS = "myCopilots"
_LISTS = ("chat-sessions-list", "chat-sessions")
_KNOWN_COPILOT = frozenset({
    "backgroundImage", "createdAt", "demoAnswer", "demoQuestion", "picUrl", "screenshots", "shared", "starred", "tags", "updatedAt",
    "usedCount", "avatar",
})  # fmt: skip
_SECRETS = {"settings": "API keys and licenses", "configs": "the id of this installation"}


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "backup": the ZIP. "export": the app's storage as one object. "chat": single chats."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    shapes = {"manifest": "backup", "export": "export", "chat": "chat", "session": "chat"}
    return next((shape for kind, shape in shapes.items() if kind in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look != "object":
        return ""
    first = seen.first
    if first.get("format") == "chatbox-backup":
        return "manifest"
    if "__exported_items" in seen.keys or any(key in _LISTS or key.startswith("session:") for key in seen.keys):
        return "export"
    if first.get("__source") == "chatbox" and isinstance(first.get("session"), dict):
        return "chat"
    messages = first.get("messages")
    said = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    return "session" if {"id", "name"} <= first.keys() and any("contentParts" in message for message in said) else ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut. The settings of a backup are a file of their own, and withheld."""
    kinds = {entry.name: _kind(delivery.peek(entry)) for entry in delivery.entries}
    backup = "manifest" in kinds.values()
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        # In a backup a chat without messages is known by its keys.
        if kinds[entry.name] in ("export", "chat", "session") or (backup and seen.has("id", "name", "messages")):
            found[entry.name] = "cut"
        elif backup and any(seen.has(key) for key in ("providers", "shortcuts", "licenseKey")):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """chats: what lists say of a chat, by its id. files: where the bytes of a storage key lie."""
    chats: dict[str, Json] = {}
    files: dict[str, str] = {}
    for entry in delivery.entries:
        kind = _kind(delivery.peek(entry))
        if kind == "export":
            with entry.open() as stream:
                for piece in cut_elements(stream, path=entry.name, kind="", keys=_LISTS[:1]):
                    if isinstance(piece, Slice):
                        _enter(piece.value, chats)
        elif kind == "manifest":
            with entry.open() as stream:
                manifest = Fields(value if isinstance(value := first_value(stream), dict) else {})
            for session in manifest.items("sessions"):
                _enter(session.get("meta") if isinstance(session, dict) else None, chats)
            folder = entry.name.removesuffix("manifest.json")
            for resource in manifest.items("resources"):
                told = Fields(resource if isinstance(resource, dict) else {})
                path = told.text("path")
                files |= {key: folder + path for key in told.items("originalStorageKeys") if isinstance(key, str) and path}
    return {"chats": chats, "files": {key: path for key, path in files.items() if delivery.entry(path) is not None}}


def _enter(meta: Json, chats: dict[str, Json]) -> None:
    if isinstance(meta, dict) and isinstance(meta.get("id"), str):
        chats[meta["id"]] = {key: meta[key] for key in ("name", "createdAt") if key in meta}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """Chats, each by itself, whatever file they stand in."""
    kind = _kind(peek(entry))
    if kind == "export":
        data = contents(entry)
        yield from carve(data, entry.name, _marks(data))
        return
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="session", keys=("session",) if kind == "chat" else ())


def _marks(data: bytes) -> Iterator[Mark]:
    """Of the storage, and of any other that follows it in the file: its chats. What else follows it is a chat to be refused."""
    end = yield from _of_storage(data, "")
    before = end - 1  # what follows is read as the elements of an array: with a bracket before it
    for number, (start, after) in enumerate(_elements(b"[" + data[end:]), 1):
        document = data[before + start : before + after]
        inside = list(_of_storage(document, f"[{number}]."))
        for mark in inside or [Mark(0, len(document), f"[{number}]", "session")]:
            yield mark._replace(start=before + start + mark.start, end=before + start + mark.end)


def _of_storage(data: bytes, above: str) -> Generator[Mark, None, int]:
    """Chats and the titles of chats, each by itself; settings as a secret. Returns where the storage ends."""
    found = members(data)
    while True:
        try:
            key, start, end = next(found)
        except StopIteration as ended:
            return int(ended.value)
        if key in _SECRETS and end - start > 2:
            yield Mark(start + 1, end - 1, above + key, secret=_SECRETS[key])
        elif key.startswith("session:") and data[start : start + 4] != b"null":
            yield Mark(start, end, above + key, "session")
        elif key in (*_LISTS, _COPILOTS):
            for number, (first, after) in enumerate(_elements(data[start:end])):
                yield Mark(start + first, start + after, f"{above}{key}[{number}]", "copilot" if key == _COPILOTS else "session")


def _elements(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the elements of an array stand, or documents that follow each other."""
    here = 0
    for piece in cut_elements(BytesIO(data), path="", kind=""):
        if isinstance(piece, Slice):
            yield here, here + len(piece.data)
        here += len(piece.data)


# --- a chat -----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A chat; an entry of a list of chats is one without messages. Or a copilot, which is what a model is told to be."""
    if slice.kind == "copilot":
        return stated(slice, _copilot)
    slice = loaded(slice)
    messages = slice.value.get("messages") if isinstance(slice.value, dict) else None
    return _CHATS.read(slice, {**sidecars, "shown": len(messages) if isinstance(messages, list) else 0})


def locations(slice: Slice) -> dict[str, Path]:
    return {} if slice.kind == "copilot" else _CHATS.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return whole(read(slice, {}), ids) if slice.kind == "copilot" else []


def _copilot(fields: Fields, unknown: Unknown) -> Topic | str:
    id, name = fields.identifier("id"), fields.text("name")
    prompt, summary = fields.text("prompt"), fields.text("description")
    if not prompt and not name:
        return "a copilot without a name and without words"
    made = make_id("t", NAME, *([id] if id else ["", name or prompt]))
    extra = fields.rest(_KNOWN_COPILOT, _COPILOTS, unknown)
    return Topic(made, "project", name, NAME, id, summary=summary, instructions=prompt, extra=extra)


def _identify(slice: Slice) -> Identity:
    id = loaded(slice).value.get("id")
    return Identity(id if isinstance(id, str) else None)


def _nodes(value: Json) -> list[Node]:
    """The messages, those of earlier threads, and those of other branches below the message they follow.

    Branches are ranked from the one that is shown: it is 0 wherever it stands, so that an erasure moves none of them.
    """
    nodes = _chain(value.get("messages"), ("messages",), 0)
    threads = value.get("threads")
    for place, thread in enumerate(threads if isinstance(threads, list) else ()):
        if isinstance(thread, dict):
            nodes += _chain(thread.get("messages"), ("threads", place, "messages"), len(nodes))
    forks = value.get("messageForksHash")
    for pivot, fork in forks.items() if isinstance(forks, dict) else ():
        lists, position = (fork.get("lists"), fork.get("position")) if isinstance(fork, dict) else (None, None)
        for place, branch in enumerate(lists if isinstance(lists, list) else ()):
            if not isinstance(branch, dict):
                continue
            added = _chain(branch.get("messages"), ("messageForksHash", pivot, "lists", place, "messages"), len(nodes))
            rank = place - position if type(position) is int else place + 1
            nodes += [node._replace(parent=pivot, order=rank) if number == 0 else node for number, node in enumerate(added)]
    return _hung(nodes)


def _chain(items: Json, path: Path, before: int) -> list[Node]:
    """The nodes of a list, each below the one before it. before: how many nodes stand before them."""
    found = list_nodes(items, *path, id="id")
    return [node._replace(parent=before + place - 1 if place else None, order=0) for place, node in enumerate(found)]


def _hung(nodes: list[Node]) -> list[Node]:
    """Branches below the message they follow. A summary of what stands above it stays above them."""
    places = {node.id: place for place, node in reversed(list(enumerate(nodes)))}
    below = {node.parent: place for place, node in enumerate(nodes) if isinstance(node.parent, int)}
    hung = list(nodes)
    for number, node in enumerate(nodes):
        if isinstance(node.parent, str) and node.parent in places:
            above = places[node.parent]
            while (place := below.get(above)) is not None and _is_summary(nodes[place]):
                above = place
            hung[number] = node._replace(parent=above)
    return hung


def _is_summary(node: Node) -> bool:
    return isinstance(node.value, dict) and node.value.get("isSummary") is True


def _head(fields: Fields, desk: Desk) -> Head:
    id = fields.identifier("id")
    listed = Fields(desk.sidecars["chats"].get(id) or {})
    created = fields.epoch("createdAt", unit=_MS) if "createdAt" in fields.left else listed.epoch("createdAt", unit=_MS)
    settings = fields.inner("settings")
    model = settings.optional("modelId") if settings else None
    fields.tidy("settings")
    shown = desk.sidecars["shown"]
    return Head(fields.text("name") or listed.text("name"), created, tip=desk.ids[shown - 1] if shown else None, model=model)


# --- a message --------------------------------------------------------------------------------------------------------


def _message(fields: Fields, desk: Desk) -> Draft:
    fields.identifier("id")
    parts: list[Part] = []
    if thought := fields.text("reasoningContent"):
        parts.append(Reasoning(thought))
    for item in fields.items("contentParts"):
        parts += _parts(item, desk)
    # Before there were parts; some versions write both, and then `content` only repeats them.
    if not any(isinstance(part, Text) for part in parts) and isinstance(fields.left.get("content"), str):
        parts += [Text(text)] if (text := fields.text("content")) else []
    parts += [_file(item, "image", desk) for item in fields.items("pictures")]
    parts += [_file(item, "file", desk) for item in fields.items("files")]
    parts += [_link(item) for item in fields.items("links")]
    return Draft(
        fields.text("role").lower(),
        fields.epoch("timestamp", unit=_MS),
        parts,
        author=fields.optional("name"),
        model=fields.optional("model"),
        updated=fields.epoch_updated("updatedAt", unit=_MS),
    )


def _parts(item: Json, desk: Desk) -> list[Part]:
    """What one item says: a call holds its result as well."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(kind, str):
        return [Opaque(name_type(item), item)]
    fields = Fields(item)
    if kind in ("text", "reasoning") and isinstance(item.get("text"), str):
        del fields.left["type"]
        text = str(fields.left.pop("text"))
        return [Text(text, extra=fields.left) if kind == "text" else Reasoning(text, extra=fields.left)]
    if kind == "image":
        return [_file(item, "image", desk)]
    if kind == "tool-call":
        return _call(fields)
    if kind not in ("info", "app"):
        desk.unknown.note(f"{desk.path}.contentParts.type={kind[:40]}")
    return [Opaque(kind, item)]


def _call(fields: Fields) -> list[Part]:
    name, call = fields.text("toolName"), fields.optional("toolCallId")
    made = ToolCall(name, fields.left.pop("args", None), call, fields.left)
    if "result" not in fields.left:
        return [made]
    given = fields.left.pop("result")
    failed = fields.left.get("state") == "error"
    if isinstance(given, str):
        return [made, ToolResult(given, name or None, call, failed)]
    return [made, ToolResult("", name or None, call, failed, {} if given is None else {"result": given})]


def _file(item: Json, media: str, desk: Desk) -> Part:
    """A picture or a file: its bytes lie under a storage key. Of a file that is read for its text both are kept by the app."""
    fields = Fields(item if isinstance(item, dict) else {})
    pointer = fields.text("rawStorageKey", "storageKey", "url", "id")
    if not pointer:
        return Opaque(media, item)
    return desk.attach(
        pointer,
        media,
        name=fields.text("name"),
        media_type=fields.text("fileType"),
        member=desk.sidecars["files"].get(pointer),
        extra=fields.left,
    )


def _link(item: Json) -> Part:
    fields = Fields(item if isinstance(item, dict) else {})
    return Uri(url, fields.text("title"), extra=fields.left) if (url := fields.text("url")) else Opaque("link", item)


_CHATS = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_head=frozenset(
        {
            "archivedAt",
            "assistantAvatarKey",
            "backgroundImage",
            "compactionPoints",
            "copilotId",
            "hidden",
            "messageForksHash",
            "messages",
            "picUrl",
            "settings",
            "sortOrder",
            "starred",
            "threadName",
            "threads",
            "type",
        }
    ),
    known_message=frozenset(
        {
            "aiProvider",
            "cancel",
            "content",
            "error",
            "errorCode",
            "errorExtra",
            "finishReason",
            "firstTokenLatency",
            "generating",
            "isStreamingMode",
            "isSummary",
            "status",
            "style",
            "tokenCalculatedAt",
            "tokenCount",
            "tokenCountMap",
            "tokensUsed",
            "usage",
            "wordCount",
        }
    ),
)
