"""Reading one chat: a row of the export or of the database, or a chat exported alone."""

from __future__ import annotations

from collections.abc import Set

from souviens.canon import Instant, make_id, unknown
from souviens.formats import Place
from souviens.formats._content import is_named_by
from souviens.formats._dialogue import Desk, Dialogue, Draft, Node, Path, loaded, refused, role_of
from souviens.formats._fields import Fields, name_type
from souviens.formats.openwebui import graph, known, parts
from souviens.jsonspan import Slice
from souviens.records import Head, Json, Reading, Topic


def read(slice: Slice, sidecars: Json) -> Reading:
    """A chat. One that has no messages because they cannot be read is refused, and not taken for an empty one."""
    slice = loaded(slice)
    reason = _refusal(slice.value) if isinstance(slice.value, dict) else ""
    if reason or not isinstance(slice.value, dict):
        return refused(slice, reason) if reason else _CHATS.read(slice, sidecars)
    return _CHATS.read(graph.folded(slice), sidecars)


def _refusal(value: dict[str, Json]) -> str:
    if value.get("chat") is not None and not isinstance(value["chat"], dict):
        return f"its chat is not an object but {name_type(value['chat'])}"
    chat = graph.at(value, graph.base(value))
    held = [chat.get("messages"), graph.at(chat, ("history",)).get("messages"), chat.get("history")]
    if graph.nodes(value) or not any(isinstance(each, kind) and each for each, kind in zip(held, (dict, list, list), strict=True)):
        return ""
    return "its messages are neither a tree nor a list"


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return _CHATS.locations(slice)


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """Where messages are repeated, a title that is one's words, files of the database that only these messages were given, and
    what was thought of them: with any judgement the client keeps the whole chat as it was."""
    value = loaded(slice).value
    if not isinstance(value, dict):
        return []
    chat = _CHATS.conversation_id(slice)
    found = [path for path, id, _ in graph.copies(value) if make_id("m", chat, id) in ids]
    if graph.identify(slice).provider_id:  # without an id the title is part of what the chat is known by
        found += _titles(value, [node.value.get("content") for node in graph.nodes(value) if _is_of(node, chat, ids)])
    return [Place(path) for path in (*found, *_files(value, chat, ids), *_judgements(value, chat, ids))]


def _titles(value: dict[str, Json], said: list[Json]) -> list[Path]:
    """The places of a title that is one of these words."""
    places: dict[Path, None] = dict.fromkeys((("title",), (*graph.base(value), "title")))
    return [path for path in places if any(is_named_by(graph.at(value, path[:-1]).get("title"), words) for words in said)]


def _files(value: dict[str, Json], chat: str, ids: Set[str]) -> list[Path]:
    """The rows of files that these messages were given, and of what links them; a file that others were given stays."""
    found: list[Path] = []
    kept, gone = set(graph.named_files(graph.at(value, graph.base(value)))), set[str]()
    for node in graph.nodes(value):
        (gone if _is_of(node, chat, ids) else kept).update(graph.named_files(node.value))
    for place, link in _rows(value, "chat_file"):
        message, file = link.get("message_id"), link.get("file_id")
        erased = isinstance(message, str) and make_id("m", chat, message) in ids
        found += [("chat_file", place)] if erased else []
        if isinstance(file, str):
            (gone if erased else kept).add(file)
    return [*found, *(("file", place) for place, file in _rows(value, "file") if _text(file.get("id")) in gone - kept)]


def _judgements(value: dict[str, Json], chat: str, ids: Set[str]) -> list[Path]:
    """Of what was thought of one of these messages all, of other judgements the chat as it was then."""
    found: list[Path] = []
    told = {make_id("m", chat, node.id) for node in graph.nodes(value) if node.id}
    for place, row in _rows(value, "feedback") if told & ids else ():
        message = _text(graph.at(row, ("meta",)).get("message_id"))
        of = make_id("m", chat, message) in ids
        found += [("feedback", place)] if of else [("feedback", place, "snapshot")] if row.get("snapshot") else []
    return found


def _rows(value: dict[str, Json], table: str) -> list[tuple[int, dict[str, Json]]]:
    rows = value.get(table)
    return [(place, row) for place, row in enumerate(rows if isinstance(rows, list) else ()) if isinstance(row, dict)]


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _is_of(node: Node, chat: str, ids: Set[str]) -> bool:
    return isinstance(node.value, dict) and node.id is not None and make_id("m", chat, node.id) in ids


def folder_id(provider_id: str) -> str:
    return make_id("t", known.PROVIDER, provider_id)


def _head(fields: Fields, desk: Desk) -> Head:
    row = isinstance(fields.left.get("chat"), dict)
    chat = (fields.inner("chat") if row else None) or fields
    title = fields.text("title") or chat.text("title")
    created = fields.epoch("created_at" if "created_at" in fields.left else "timestamp")
    if created.given is None and "timestamp" in chat.left:
        created = chat.epoch("timestamp")
    updated = fields.epoch("updated_at")
    own = fields.identifier("id")
    models = chat.left.get("models")
    model = models[0] if isinstance(models, list) and len(models) == 1 and isinstance(models[0], str) and models[0] else None
    if model:
        del chat.left["models"]
    folder = fields.identifier("folder_id")
    if folder:
        desk.topics.append(Topic(folder_id(folder), "project", provider=known.PROVIDER, provider_id=folder))
    tip = _tip(chat, fields.left.get("current_message_id"))
    if row:
        chat.drop("id", "", own)
        chat.drop("title", title)
        chat.rest(known.CHAT, "chat", desk.unknown)
    for key in (graph.ROWS, "messages"):
        for held in (fields, chat):
            if isinstance(held.left.get(key), list) and not any(held.left[key]):
                del held.left[key]  # each of them stands in the tree
    if row:
        fields.tidy("chat")
    return Head(
        title,
        created,
        updated,
        tip=desk.message(tip) if tip else None,
        project=folder_id(folder) if folder else None,
        model=model,
    )


def _tip(chat: Fields, current: Json) -> str:
    """The leaf that was last shown. It stays where it stands: it may name a message that is not there."""
    history = chat.left.get("history")
    words = [history.get("currentId") if isinstance(history, dict) else None, current, chat.left.get("currentId")]
    return next((word for word in map(graph.named, words) if word), "")


def _message(fields: Fields, desk: Desk) -> Draft:
    if "chat_id" in fields.left and "parent_id" in fields.left:  # a message that only the table has
        renamed = graph.renamed(fields.left)
        fields.left.clear()
        fields.left.update(renamed)
    else:
        desk.drop_children(fields, "childrenIds", fields.identifier("id"))
    if graph.OWN_ID in fields.left:
        fields.left["id"] = fields.left.pop(graph.OWN_ID)
    fields.identifier("parentId")
    time = _time(fields)
    role, model = role_of(fields.text("role"), {}), fields.optional("model")
    fields.drop("modelName", model)
    said = parts.said(fields, desk, by_model=role == "assistant")
    said += [parts.file(file, desk) for file in fields.items("files")]
    said += parts.sources([*fields.items("sources"), *fields.items("citations")], desk)
    return Draft(role, time, said, author=_author(fields), model=model)


def _author(fields: Fields) -> str | None:
    """Who spoke: the account, where the export names it, or what our own writer kept of it."""
    named = ((fields.left.get("user"), "name"), (fields.left.get("souviens"), "author"))
    names = [held.get(key) for held, key in named if isinstance(held, dict)]
    return next((name for name in names if isinstance(name, str) and name), None)


def _time(fields: Fields) -> Instant:
    """In seconds. A time that our own writer had to put where none was known is not one."""
    mark = fields.left.get("souviens")
    if isinstance(mark, dict) and mark.get("time") == "unknown":
        return unknown("not known to the export this was written from")
    return fields.epoch("timestamp")


_CHATS = Dialogue(
    known.PROVIDER,
    graph.identify,
    graph.nodes,
    _head,
    _message,
    known_head=known.ROW | known.CHAT,
    known_message=known.MESSAGE,
)
