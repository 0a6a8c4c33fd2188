"""Where the messages of a chat lie, and how often.

The tree is `chat.history.messages`. The path that was last shown is repeated in `chat.messages`, and since 2026 the database holds
each message once more as a row of `chat_message`. Of a message that stands in several places the tree's is read; where another
place says something else, its other words are kept with the message. The oldest chats have `chat.messages` alone, some without
ids; and a message can be in a row alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from souviens.formats._dialogue import PREVIOUS, Identity, Node, Path, loaded, name_holes
from souviens.jsonspan import Flaws, Slice
from souviens.records import Json

ROWS = "chat_message"
OWN_ID = "history.messages.id"  # under which `folded` keeps a message's id that is not the key it stands under
# How the table calls what the tree calls otherwise.
_COLUMNS = {
    "parent_id": "parentId",
    "model_id": "model",
    "status_history": "statusHistory",
    "context_summary": "contextSummary",
    "created_at": "timestamp",
}


def identify(slice: Slice) -> Identity:
    """By the chat's id, which a chat exported alone may not have: then by its title and time."""
    value = loaded(slice).value
    chat = at(value, base(value))
    id = next((id for v in (value, chat) if isinstance(v, dict) and (id := named(v.get("id")))), None)
    words = [value.get("title"), *(chat.get(key) for key in ("title", "timestamp"))]
    return Identity(id, tuple(str(word) for word in words if isinstance(word, (str, int)) and word != ""))


def base(value: Json) -> Path:
    """Where the chat stands: in a row under `chat`, else it is the value itself."""
    return ("chat",) if isinstance(value.get("chat"), dict) else ()


def at(value: Json, path: Path) -> dict[str, Json]:
    """The object at a path of keys, {} if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def nodes(value: Json) -> list[Node]:
    """Every message once: the tree's, then those that only the list or only a row has."""
    where = base(value)
    tree = at(value, (*where, "history", "messages"))
    above = _named_by_parents(tree.items())
    found = [Node((*where, "history", "messages", id), item, id, _parent(item, above.get(id))) for id, item in tree.items()]
    listed = at(value, where).get("messages")
    listed = listed if isinstance(listed, list) else []
    linked = any(isinstance(item, dict) and "parentId" in item for item in listed)
    held = _held(tree)
    for place, item in enumerate(listed):
        id = _text(item, "id")
        if (id not in held) if id else not tree:
            parent = _parent(item, None) if linked else PREVIOUS
            found.append(Node((*where, "messages", place), item, id or None, parent, len(tree) + place))
    if not tree:
        found = name_holes(found, _named_by_parents((_text(item, "id"), item) for item in listed))
    known = {node.id for node in found}
    for place, id, row in _rows(value):
        if id not in known:
            parent = _own(value, _text(row, "parent_id")) or None
            found.append(Node((ROWS, place), row, id, parent, len(tree) + len(listed) + place))
    return found


def files_of(chat: dict[str, Json]) -> list[str]:
    """What a chat calls the files that it or its messages name."""
    listed = chat.get("messages")
    messages = [chat, *at(chat, ("history", "messages")).values(), *(listed if isinstance(listed, list) else ())]
    return [name for message in messages for name in named_files(message)]


def named_files(message: Json) -> list[str]:
    """What a message calls its files: by their ids, alone or in a path."""
    files = message.get("files") if isinstance(message, dict) else None
    found: list[str] = []
    for file in files if isinstance(files, list) else ():
        inner = at(file, ("file",)) if isinstance(file, dict) else {}
        words = [_text(file, "id"), _text(inner, "id"), *_text(file, "url").split("/")]
        found += [word for word in words if word]
    return found


def copies(value: Json) -> Iterator[tuple[Path, str, dict[str, Json]]]:
    """(path, message id, message) of what repeats a message of `nodes`, with the tree's names of its fields."""
    where = base(value)
    tree = at(value, (*where, "history", "messages"))
    listed = at(value, where).get("messages")
    known, held = set(tree), _held(tree)
    for place, item in enumerate(listed if isinstance(listed, list) else ()):
        id = _text(item, "id")
        if id in held:
            yield (*where, "messages", place), id, item
        known.add(id)
    for place, id, row in _rows(value):
        if id in known:
            yield (ROWS, place), id, renamed(row)


def renamed(row: dict[str, Json]) -> dict[str, Json]:
    """A row of `chat_message` with the tree's names; columns that are null say nothing."""
    return {_COLUMNS.get(column, column): value for column, value in row.items() if value is not None}


def folded(slice: Slice) -> Slice:
    """The slice with every message in one place: copies become null, and what they say otherwise stands in the tree's message,
    under the name of the place; so does an id of its own. A flaw in a copy is a flaw of the message."""
    slice = loaded(slice)
    if not isinstance(slice.value, dict):
        return slice
    where, value = base(slice.value), dict(slice.value)
    chat = dict(at(value, where)) if where else value
    tree = at(chat, ("history", "messages"))
    if not tree:
        return slice
    messages = {key: _keyed(key, item) if isinstance(item, dict) else item for key, item in tree.items()}
    moved: dict[str, str] = {}
    lists: dict[Path, list[Json]] = {}
    for path, id, copy in copies(slice.value):
        if not isinstance(messages.get(id), dict):
            continue
        (*before, key), name = path[:-1], ".".join(map(str, path[:-1]))
        lists.setdefault(path[:-1], list(at(slice.value, tuple(before))[str(key)]))
        others = {key: member for key, member in copy.items() if not _same(messages[id].get(key), member)}
        if others:
            messages[id] = {**messages[id], ROWS if path[0] == ROWS else "chat.messages": others}
        lists[path[:-1]][int(path[-1])] = None
        moved[f"{name}[{path[-1]}]"] = ".".join((*map(str, where), "history.messages", id))
    if ROWS in value:
        value[ROWS] = lists.get((ROWS,), value[ROWS])
    if (*where, "messages") in lists:
        chat["messages"] = lists[(*where, "messages")]
    chat["history"] = {**chat["history"], "messages": messages}
    if where:
        value["chat"] = chat
    return Slice(slice.kind, slice.path, slice.where, slice.data, value, _moved(slice.flaws, moved), slice.damage)


def _keyed(key: str, item: dict[str, Json]) -> dict[str, Json]:
    """A message of the tree with its key for its id."""
    own = item.get("id")
    return {**item, "id": key, **({} if own is None or named(own) == key else {OWN_ID: own})}


def _moved(flaws: Flaws | None, moved: dict[str, str]) -> Flaws | None:
    """The flaws, with those in copies said of the messages that they repeat."""
    if flaws is None or not (flaws.surrogates or flaws.unreal or flaws.bad_utf8):
        return flaws

    def path(given: str) -> str:
        inside = next((copy for copy in moved if given == copy or given.startswith((copy + ".", copy + "["))), "")
        return moved[inside] + given[len(inside) :] if inside else given

    return replace(
        flaws,
        surrogates=[(path(given), escape) for given, escape in flaws.surrogates],
        unreal=[path(given) for given in flaws.unreal],
        bad_utf8=[path(given) for given in flaws.bad_utf8],
    )


def _held(tree: dict[str, Json]) -> set[str]:
    """The messages of the tree that can be read there."""
    return {id for id, item in tree.items() if isinstance(item, dict)}


def _rows(value: Json) -> Iterator[tuple[int, str, dict[str, Json]]]:
    rows = value.get(ROWS)
    for place, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict):
            yield place, _own(value, _text(row, "id")), row


def _own(value: Json, id: str) -> str:
    """A message's id out of a row's, which is "chat id-message id"."""
    return id.removeprefix(f"{_text(value, 'id')}-")


def _parent(item: Json, otherwise: str | None) -> str | None:
    """What a message hangs from: its own word goes before that of the message which lists it."""
    if isinstance(item, dict) and "parentId" not in item:
        return otherwise
    return _text(item, "parentId") or None


def _named_by_parents(messages: Iterable[tuple[str, Json]]) -> dict[str, str]:
    """Message id -> the message that names it as a child."""
    above: dict[str, str] = {}
    for id, item in messages:
        children = item.get("childrenIds") if isinstance(item, dict) else None
        for child in map(named, children if isinstance(children, list) else ()):
            if child is not None and child != id:
                above.setdefault(child, id)
    return above


def _same(one: Json, other: Json) -> bool:
    return type(one) is type(other) and bool(one == other)


def _text(item: Json, key: str) -> str:
    return (named(item.get(key)) if isinstance(item, dict) else None) or ""


def named(value: Json) -> str | None:
    """An id as the string it stands for: some exporters write numbers. None if it is none."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None
