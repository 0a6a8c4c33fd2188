"""`webui.db`: the client's SQLite database, row by row.

A slice is the row of a chat with the rows that belong to it under the names of their tables (`chat_message`, `chat_file`, `file`,
`tag`, `chatidtag`); or the row of a memory, a folder, a collection of knowledge with its files, a note, or a channel with its
messages. Columns that hold JSON stand there as the JSON they hold, byte for byte.

The file itself holds logins, sessions and keys (auth, user, api_key, oauth_session, config, the valves of functions and tools), so
that it is withheld; none of those tables is looked at. Columns: Open WebUI's migrations up to 0.12; the chats themselves are in
`chat.chat` in all of them, since February 2026 in `chat_message` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from souviens import rowstore
from souviens.delivery import Entry, Peek
from souviens.formats._rows import Shelf
from souviens.jsonspan import Slice, decode, load
from souviens.records import Json
from souviens.rowstore import Row

_JSON = {
    "chat": {"chat", "meta", "variables", "tasks"},
    "shared_chat": {"chat"},
    "chat_message": {"content", "output", "files", "sources", "embeds", "meta", "status_history", "error", "usage"},
    "memory": {"meta"},
    "folder": {"items", "meta", "data"},
    "tag": {"meta"},
    "file": {"data", "meta", "access_control"},
    "knowledge": {"data", "meta", "access_control"},
    "note": {"data", "meta", "access_control"},
    "channel": {"data", "meta", "access_control"},
    "message": {"data", "meta"},
}
_MARKS = {"chat": {"id", "user_id", "title", "chat"}, "auth": {"id", "email", "password"}}
_Belonging: TypeAlias = dict[str, list[Row]]


def is_one(seen: Peek) -> bool:
    """Whether a database has the client's tables of chats and of logins."""
    return all(columns <= set(seen.tables.get(table, ())) for table, columns in _MARKS.items())


def cut(entry: Entry) -> Iterator[Slice]:
    """The slices of a database. Raises SourceError where it cannot be read on."""
    with entry.open() as stream, rowstore.opened(stream, entry.name) as database:
        shelf = Shelf(database)
        for table, belonging in _SLICES.items():
            for number, row in enumerate(shelf.all(table)):
                members = _columns(table, row)
                members += [_member(name, _together(name, rows)) for name, rows in belonging(shelf, row).items() if rows]
                kind = "chat" if table == "shared_chat" else table
                yield load(Slice(kind, entry.name, f".{table}[{number}]", b"{" + b",".join(members) + b"}"))


def _together(table: str, rows: list[Row]) -> bytes:
    return b"[" + b",".join(b"{" + b",".join(_columns(table, row)) + b"}" for row in rows) + b"]"


def _columns(table: str, row: Row) -> list[bytes]:
    """The members of a row. What a column of JSON holds is JSON if it can be read as such."""
    return [_member(column, _value(value, column in _JSON.get(table, ()))) for column, value in row.items()]


def _value(value: Json, is_json: bool) -> bytes:
    if is_json and isinstance(value, str):
        data = value.encode()
        try:
            decode(data)
        except ValueError:
            return rowstore.document(value)
        return data
    return rowstore.document(value)


def _member(name: str, value: bytes) -> bytes:
    return rowstore.document(name) + b":" + value


# --- what belongs to a row --------------------------------------------------------------------------------------------


def _of_chat(shelf: Shelf, row: Row) -> _Belonging:
    id, person = row.get("id"), row.get("user_id")
    links = shelf.of("chat_file", "chat_id", id)
    tags = _listed(row.get("meta"), "tags")
    return {
        "chat_message": shelf.of("chat_message", "chat_id", id),
        "chat_file": links,
        "file": _files(shelf, [link.get("file_id") for link in links]),
        "chatidtag": shelf.of("chatidtag", "chat_id", id),
        "tag": [tag for name in tags for tag in shelf.of("tag", "id", name) if tag.get("user_id") == person],
    }


def _of_knowledge(shelf: Shelf, row: Row) -> _Belonging:
    """Its files: by links since 2026, before that by their ids in `data`."""
    links = shelf.of("knowledge_file", "knowledge_id", row.get("id"))
    ids = [*(link.get("file_id") for link in links), *_listed(row.get("data"), "file_ids")]
    return {"knowledge_file": links, "file": _files(shelf, ids)}


def _of_channel(shelf: Shelf, row: Row) -> _Belonging:
    return {"message": shelf.of("message", "channel_id", row.get("id"))}


def _alone(shelf: Shelf, row: Row) -> _Belonging:
    return {}


def _files(shelf: Shelf, ids: list[Json]) -> list[Row]:
    """The rows of files, each once."""
    once = dict.fromkeys(id for id in ids if isinstance(id, str))
    return [file for id in once for file in shelf.of("file", "id", id)]


def _listed(text: Json, key: str) -> list[Json]:
    """A list in an object that a column holds as JSON; [] if there is none."""
    try:
        value = decode(text.encode())[0] if isinstance(text, str) else None
    except ValueError:
        return []
    listed = value.get(key) if isinstance(value, dict) else None
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


_SLICES: dict[str, Callable[[Shelf, Row], _Belonging]] = {
    "chat": _of_chat,
    "shared_chat": _alone,
    "memory": _alone,
    "folder": _alone,
    "knowledge": _of_knowledge,
    "note": _alone,
    "channel": _of_channel,
}
