"""What a file of Open WebUI's is, by what is inside it, and how it is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats._rows import plan_rows
from souviens.formats.openwebui import database
from souviens.jsonspan import Glue, Slice, cut_elements
from souviens.records import Json, Treatment

_ROW = {"user_id", "folder_id", "share_id", "archived", "pinned", "created_at", "updated_at", "meta", "timestamp"}
_UPLOAD = re.compile(r"(?:^|/)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[^/]*$")
_KEY = ".webui_secret_key"


def identify(delivery: Delivery) -> str | None:
    """ "chats": the export, rows with their chats. "chat": chats without their rows. "database": webui.db."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("database", "chats", "chat") if shape in kinds), None)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Chats are cut; the database is read by rows and withheld with its logins, as is the key that signs them."""
    found: dict[str, Treatment] = {}
    for entry in delivery.entries:
        kind = _kind(delivery.peek(entry))
        if kind == "database":
            found |= plan_rows(delivery, entry, private=True)
        elif kind:
            found[entry.name] = "cut"
        elif entry.name.endswith(_KEY):
            found[entry.name] = "withhold"
    return found


def sidecars(delivery: Delivery) -> Json:
    """Id of an uploaded file -> the entry that holds it: the client names it "id_name"."""
    return {found[1]: entry.name for entry in delivery.entries if (found := _UPLOAD.search(entry.name))}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    if peek(entry).look == "sqlite":
        yield from database.cut(entry)
        return
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="chat")


def _kind(seen: Peek) -> str:
    if seen.look == "sqlite":
        return "database" if database.is_one(seen) else ""
    if seen.look not in ("array", "object"):
        return ""
    # One odd chat at the beginning says nothing of the others.
    shown = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    chats = [value for value in shown if isinstance(value, dict)]
    if any(map(_is_qwens, chats)):
        return ""
    kinds = set(map(_kind_of, chats))
    return next((kind for kind in ("chats", "chat") if kind in kinds), "")


def _kind_of(value: dict[str, Json]) -> str:
    chat = value.get("chat")
    if isinstance(chat, dict) and _ROW & value.keys() and _is_chat(chat, alone=False):
        return "chats"
    return "chat" if _is_chat(value, alone=True) else ""


def _is_qwens(value: dict[str, Json]) -> bool:
    """Whether a message is as Qwen keeps it, which grew out of this client: then so are the others of its file."""
    chat = value.get("chat")
    return any({"content_list", "fid"} & message.keys() for message in _messages(chat if isinstance(chat, dict) else value))


def _messages(chat: dict[str, Json]) -> list[dict[str, Json]]:
    history, listed = chat.get("history"), chat.get("messages")
    tree = history.get("messages") if isinstance(history, dict) else None
    messages = [*(tree.values() if isinstance(tree, dict) else ()), *(listed if isinstance(listed, list) else ())]
    return [message for message in messages if isinstance(message, dict)]


def _is_chat(value: dict[str, Json], *, alone: bool) -> bool:
    """Whether it holds messages as this client keeps them. alone: nothing around it says so, so that it must itself."""
    history, listed = value.get("history"), value.get("messages")
    tree = history.get("messages") if isinstance(history, dict) else None
    if isinstance(tree, dict):
        return not alone or "currentId" in value["history"] or isinstance(value.get("models"), list)
    if not isinstance(listed, list):
        return False
    if not alone:
        return True
    spoken = [message for message in listed if isinstance(message, dict) and {"role", "content"} <= message.keys()]
    return bool(spoken) and isinstance(value.get("models"), list) and "title" in value
