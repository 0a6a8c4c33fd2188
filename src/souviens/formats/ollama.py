"""Ollama's desktop app: `db.sqlite`, the database of its chats (schema 2, the first that was released, to 18), row by row.

A slice is {"chat": its row, "messages": [its rows]}; in a message stand the rows that belong to it under the names of their
tables (`tool_calls`, `attachments`), in the chat those of tables that later versions add. What says whose a row is, and its number,
is left out: the app writes all messages of a chat anew with each one that is sent, so that numbers say nothing but the order. A
message is known by its role and the time it was made, which stays. A chat is a line; the database knows no branches.

The users table (name, e-mail) and the device's id make the file private; where they are empty it is kept. Of other tables, and of
rows that belong to nothing, each is a slice of rows; of a private file a table that is not known is only named. Columns: app/store
of ollama/ollama, and its agent branch (images, tool_name, tool_call_id, archived, compactions).
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Guide, Place
from souviens.formats._content import INLINE, digest_of, media_of
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, role_of
from souviens.formats._fields import Fields
from souviens.formats._rows import ROWS, Shelf, is_cut_from, leftovers, plan_rows, read_rows, without
from souviens.formats._statements import whole
from souviens.jsonspan import Glue, Slice, load
from souviens.records import Head, Json, Opaque, Part, Reading, Reasoning, Text, ToolCall, ToolResult, Treatment
from souviens.rowstore import Row, document, opened

NAME = "ollama"
TITLE = "Ollama app database"
READER = 2
SUPPORT = "samples"
GUIDE = Guide(
    get=(
        "Quit Ollama, or leave it open: the database is copied before it is looked at.",
        "macOS: ~/Library/Application Support/Ollama/db.sqlite",
        "Windows: %LOCALAPPDATA%\\Ollama\\db.sqlite",
    ),
    notes=("The app has no export and takes no chats in.", "`ollama run` in a terminal keeps no chats, only what was typed."),
)
_CHATS = {"id", "title", "created_at"}
_KNOWN_CHAT = frozenset({"browser_state", "compactions"})
_READABLE = {"chats", "messages", "tool_calls", "attachments"}
_SECRET = {"users", "settings"}  # who it is, and how the app is set up
_MESSAGES = {"chat_id", "role", "content", "thinking", "model_name"}


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "app": the tables of chats and messages, with the columns that this app has from its beginning."""
    return "app" if any(_is_one(delivery.peek(entry)) for entry in delivery.entries) else None


def _is_one(seen: Peek) -> bool:
    return _CHATS.issubset(seen.tables.get("chats", ())) and _MESSAGES.issubset(seen.tables.get("messages", ()))


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """The database row by row; it is withheld if it says whose it is."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        if _is_one(delivery.peek(entry)):
            found |= plan_rows(delivery, entry, private=_is_private(entry))
    return found


def _is_private(entry: Entry) -> bool:
    with entry.open() as stream, opened(stream, entry.name) as database:
        return _says_whose(Shelf(database))


def _says_whose(shelf: Shelf) -> bool:
    return any(shelf.seen("users")) or any(row.get("device_id") for row in shelf.seen("settings"))


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """A slice a chat; what else is in the database is read too, or named if the file stays out. Raises SourceError where it cannot
    be read on."""
    with entry.open() as stream, opened(stream, entry.name) as database:
        shelf = Shelf(database)
        for number, chat in enumerate(_chats(shelf)):
            messages = [_with_own(shelf, row, "message_id", "chat_id") for row in shelf.of("messages", "chat_id", chat["id"])]
            data = document({"chat": _with_own(shelf, chat, "chat_id"), "messages": messages})
            yield load(Slice("chat", entry.name, f".chats[{number}]", data))
        yield from leftovers(shelf, entry.name, readable=_READABLE if _says_whose(shelf) else None, secret=_SECRET)


def _chats(shelf: Shelf) -> Iterator[Row]:
    """The chats, and behind them those of which only messages are left."""
    known = set()
    for chat in shelf.all("chats"):
        known.add(str(chat["id"]))
        yield chat
    others = {str(row["chat_id"]): row["chat_id"] for row in shelf.seen("messages") if str(row["chat_id"]) not in known}
    yield from ({"id": id} for id in others.values())


def _with_own(shelf: Shelf, row: Row, owner: str, *left_out: str) -> Row:
    """A row with the rows of other tables that name it as their owner."""
    own = without(row, *left_out, *(["id"] if left_out else []))
    for table, columns in shelf.tables.items() if row.get("id") is not None else ():
        if owner in columns and table != "messages" and (found := shelf.of(table, owner, row["id"])):
            own[table] = [without(each, "id", owner) for each in found]
    return own


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    return read_rows(NAME, slice) if slice.kind == ROWS else _CHAT.read(slice, sidecars)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {} if slice.kind == ROWS else _CHAT.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """The title, if it is the beginning of an erased message, and the pages that the model had open."""
    if slice.kind == ROWS:
        return whole(read_rows(NAME, slice), ids)
    value = loaded(slice).value
    erased = [path for id, path in locations(slice).items() if id in ids]
    chat = value.get("chat") if isinstance(value, dict) else None
    if not erased or not isinstance(chat, dict):
        return []
    words = [str(value["messages"][path[1]].get("content")) for path in erased]
    found = [Place(("chat", "title"))] if any(is_cut_from(chat.get("title"), said) for said in words) else []
    return [*found, Place(("chat", "browser_state"))] if chat.get("browser_state") else found


def _chat(value: Json) -> Row:
    chat = value.get("chat")
    return chat if isinstance(chat, dict) else {}


def _identify(slice: Slice) -> Identity:
    chat = _chat(loaded(slice).value)
    id = chat.get("id")
    return Identity(id if isinstance(id, str) else None, tuple(str(chat[key]) for key in ("title", "created_at") if chat.get(key)))


def _nodes(value: Json) -> list[Node]:
    messages = value.get("messages")
    return [
        Node(("messages", place), row, key=[row.get("role"), row.get("created_at")] if isinstance(row, dict) else None)
        for place, row in enumerate(messages if isinstance(messages, list) else ())
    ]


def _head(fields: Fields, desk: Desk) -> Head:
    chat = fields.inner("chat")
    if chat is None:
        return Head()
    _silent(chat)
    chat.identifier("id")
    title, created, model = chat.text("title"), chat.time("created_at"), chat.optional("model_name")
    del fields.left["chat"]
    fields.tidy("messages")
    return Head(title, created, model=model, extra=chat.rest(_KNOWN_CHAT, "chat", desk.unknown))


def _silent(fields: Fields) -> None:
    """Leave out columns that say nothing: a row has all of its table's."""
    fields.left = {column: value for column, value in fields.left.items() if value is not None and value != ""}


def _message(fields: Fields, desk: Desk) -> Draft:
    _silent(fields)
    role = role_of(fields.text("role"), {})
    parts: list[Part] = []
    if thought := fields.text("thinking"):
        parts.append(Reasoning(thought))
    if role == "tool" or "tool_result" in fields.left:
        parts.append(_result(fields))
    elif text := fields.text("content"):
        parts.append(Text(text))
    for call in fields.items("tool_calls"):
        parts += _call(call)
    parts += [_file(file, desk) for file in fields.items("attachments")]
    if isinstance(fields.left.get("images"), str):
        parts.append(_images(fields, desk))
    return Draft(role, fields.time("created_at"), parts, model=fields.optional("model_name"), updated=fields.updated("updated_at"))


def _result(fields: Fields) -> ToolResult:
    """A tool's answer: its words in `content`, what it gave besides in `tool_result`."""
    text = fields.text("content", "tool_result")
    extra = {"tool_result": fields.left.pop("tool_result")} if "tool_result" in fields.left else {}
    return ToolResult(text, fields.optional("tool_name"), fields.optional("tool_call_id"), extra=extra)


def _call(value: Json) -> list[Part]:
    if not isinstance(value, dict):
        return [Opaque("tool_call", value)]
    fields = Fields(value)
    _silent(fields)
    name, call = fields.text("function_name"), fields.optional("tool_call_id")
    arguments, result = fields.left.pop("function_arguments", None), fields.text("function_result")
    asked = ToolCall(name, arguments, call, fields.left)
    return [asked, ToolResult(result, name or None, call)] if result else [asked]


def _file(value: Json, desk: Desk) -> Part:
    if not isinstance(value, dict):
        return Opaque("attachment", value)
    fields = Fields(value)
    name = fields.text("filename")
    return desk.attach(digest_of(fields.left), media_of(name), name=name, missing=INLINE, extra=fields.left)


def _images(fields: Fields, desk: Desk) -> Part:
    images = fields.left.pop("images")
    return desk.attach(digest_of(images), "image", missing=INLINE, extra={"images": images})


_CHAT = Dialogue(
    NAME,
    _identify,
    _nodes,
    _head,
    _message,
    known_message=frozenset({"stream", "model_cloud", "model_ollama_host", "thinking_time_start", "thinking_time_end", "archived"}),
)
