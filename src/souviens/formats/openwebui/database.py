"""`webui.db`: the client's SQLite database, row by row.

A slice is the row of a chat with the rows that belong to it under the names of their tables (`chat_message`, `chat_file`, `file`,
`tag`, `chatidtag`, `feedback`); or the row of a memory, a folder, a collection of knowledge with its files, a note, a channel with
its messages and what was thought of them, a prompt, a model that somebody made, a skill, a collection of the first versions, or a
file that nothing names. Columns that hold JSON stand there as the JSON they hold, byte for byte. Messages whose chat or channel is
gone are one without a row.

The file itself holds logins, sessions and keys (auth, user, api_key, oauth_session, config, the valves of functions and tools), so
that it is withheld; none of the tables of `_SECRET` is looked at. Rows of the tables of `_READABLE` that belong to nothing are a
slice a table; rows of any other table are counted and withheld by name. Columns: Open WebUI's migrations up to 0.12; the chats
themselves are in `chat.chat` in all of them, since February 2026 in `chat_message` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeAlias

from souviens import rowstore
from souviens.delivery import Entry, Peek
from souviens.formats._rows import Shelf, leftovers
from souviens.formats.openwebui import graph
from souviens.jsonspan import Glue, Slice, decode, load
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
    "prompt": {"access_control", "data", "meta", "tags"},
    "model": {"params", "meta", "access_control"},
    "skill": {"meta", "access_control"},
    "document": {"content"},
    "feedback": {"data", "meta", "snapshot"},
}
_READABLE = {*_JSON, "chat_file", "chatidtag", "knowledge_file", "message_reaction"}  # that hold no key
# Accounts, logins and keys, and what the database notes of its own migrations.
_SECRET = {"auth", "user", "api_key", "oauth_session", "oauth_client", "config", "alembic_version", "migratehistory"}
_MARKS = {"chat": {"id", "user_id", "title", "chat"}, "auth": {"id", "email", "password"}}
_Belonging: TypeAlias = dict[str, list[Row]]


def is_one(seen: Peek) -> bool:
    """Whether a database has the client's tables of chats and of logins."""
    return all(columns <= set(seen.tables.get(table, ())) for table, columns in _MARKS.items())


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """The slices of a database. Raises SourceError where it cannot be read on."""
    with entry.open() as stream, rowstore.opened(stream, entry.name) as database:
        shelf = _Shelf(database)
        for table, belonging in _SLICES.items():
            for number, row in enumerate(_rows(shelf, table)):
                members = _columns(table, row)
                members += [_member(name, _together(name, rows)) for name, rows in belonging(shelf, row).items() if rows]
                kind = "chat" if table == "shared_chat" else table
                yield load(Slice(kind, entry.name, f".{table}[{number}]", b"{" + b",".join(members) + b"}"))
        yield from leftovers(shelf, entry.name, readable=_READABLE, secret=_SECRET)


def _rows(shelf: _Shelf, table: str) -> Iterator[Row]:
    """The rows of a table that is read; behind chats and channels those of which only messages are left, and of files those that
    nothing has."""
    if table == "file":
        yield from shelf.left(table)
        shelf.all(table)
        return
    yield from shelf.all(table)
    messages, column = _MESSAGES.get(table, ("", ""))
    if messages:
        known = {row.get("id") for row in shelf.seen(table)}
        gone = (row.get(column) for row in shelf.seen(messages))
        yield from ({"id": id} for id in dict.fromkeys(id for id in gone if isinstance(id, str) and id not in known))


class _Shelf(Shelf):
    """The rows of this database: what was thought of an answer says only in its JSON of which chat it was."""

    @cached_property
    def _judged(self) -> dict[str, list[Json]]:
        """The ids of feedback by chat."""
        found: dict[str, list[Json]] = {}
        for row in self.seen("feedback"):
            if isinstance(chat := _decoded(row.get("meta")).get("chat_id"), str):
                found.setdefault(chat, []).append(row.get("id"))
        return found

    def feedback(self, chat: Json) -> list[Row]:
        return [row for id in self._judged.get(str(chat), ()) for row in self.of("feedback", "id", id)]


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


def _of_chat(shelf: _Shelf, row: Row) -> _Belonging:
    """Its files: those that links tell of, and those that only a message names."""
    id, person = row.get("id"), row.get("user_id")
    messages, links = shelf.of("chat_message", "chat_id", id), shelf.of("chat_file", "chat_id", id)
    tagged = shelf.of("chatidtag", "chat_id", id)
    named = graph.files_of(_decoded(row.get("chat"))) if "file" in shelf.tables else []
    named += [name for message in messages for name in graph.named_files({"files": _value_of(message.get("files"))})]
    return {
        "chat_message": messages,
        "chat_file": links,
        "file": _files(shelf, [*(link.get("file_id") for link in links), *named]),
        "chatidtag": tagged,
        "tag": [
            *(tag for name in _listed(row.get("meta"), "tags") for tag in shelf.of("tag", "id", name, user_id=person)),
            *(tag for link in tagged for tag in shelf.of("tag", "name", link.get("tag_name"), user_id=person)),
        ],
        "feedback": shelf.feedback(id),
    }


def _of_knowledge(shelf: _Shelf, row: Row) -> _Belonging:
    """Its files: by links since 2026, before that by their ids in `data`."""
    links = shelf.of("knowledge_file", "knowledge_id", row.get("id"))
    ids = [*(link.get("file_id") for link in links), *_listed(row.get("data"), "file_ids")]
    return {"knowledge_file": links, "file": _files(shelf, ids)}


def _of_channel(shelf: _Shelf, row: Row) -> _Belonging:
    """Its posts, in each what people set below it."""
    posts = shelf.of("message", "channel_id", row.get("id"))
    reactions = [shelf.of("message_reaction", "message_id", post.get("id")) for post in posts]
    return {"message": [{**post, "message_reaction": own} if own else post for post, own in zip(posts, reactions, strict=True)]}


def _alone(shelf: _Shelf, row: Row) -> _Belonging:
    return {}


def _files(shelf: _Shelf, ids: list[Json]) -> list[Row]:
    """The rows of files, each once."""
    once = dict.fromkeys(id for id in ids if isinstance(id, str))
    return [file for id in once for file in shelf.of("file", "id", id)]


def _value_of(text: Json) -> Json:
    """What a column holds as JSON; None if it holds none."""
    try:
        return decode(text.encode())[0] if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _decoded(text: Json) -> dict[str, Json]:
    value = _value_of(text)
    return value if isinstance(value, dict) else {}


def _listed(text: Json, key: str) -> list[Json]:
    """A list in an object that a column holds as JSON; [] if there is none."""
    listed = _decoded(text).get(key)
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


# Tables whose rows are what was said in those of another, and the column that says in which.
_MESSAGES = {"chat": ("chat_message", "chat_id"), "channel": ("message", "channel_id")}
_SLICES: dict[str, Callable[[_Shelf, Row], _Belonging]] = {
    "chat": _of_chat,
    "shared_chat": _alone,
    "memory": _alone,
    "folder": _alone,
    "knowledge": _of_knowledge,
    "note": _alone,
    "channel": _of_channel,
    "prompt": _alone,
    "model": _alone,
    "skill": _alone,
    "document": _alone,
    "file": _alone,  # the last, when it is known which files belong to something
}
