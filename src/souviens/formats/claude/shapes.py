"""What the files of a delivery are, told by their structure: names and folders change with every generation of the export."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.errors import SourceError
from souviens.jsonspan import Glue, Slice, cut_elements, first_value
from souviens.records import Json, Treatment

RECORDS = ("conversation", "project", "memories", "design_chat")
PRIVATE = ("account", "person", "logins")
# What makes a delivery Claude's. Logins and persons do not: other providers' exports hold them too.
_OURS = (*RECORDS, "manifest", "account")
_PROBES = 8  # elements looked at when the first one of an array is damaged or null
_LARGEST = 256 << 20  # bytes of an element that are decoded to recognise it
# Keys of a single object that may be ours though its beginning does not show it.
_MEMORIES = {"conversations_memory", "project_memories", "memory_files"}
_TELLING = {"chat_messages", "messages", "prompt_template", "data_files", *_MEMORIES}
_ADDRESS, _AGENT = {"ip", "ip_address"}, {"user_agent", "useragent"}
_ROW_TEXT = ("content", "memory", "text")
_ROW_FIELDS = {"uuid", "content", "memory", "text", "title", "account_uuid", "project_uuid", "created_at", "updated_at"}


def kind_of(value: Json) -> str | None:
    """What one object of an export is: one of RECORDS, of PRIVATE, "manifest", or None for something else."""
    if not isinstance(value, dict):
        return None
    tests = {
        "conversation": _is_conversation,
        "project": lambda v: "uuid" in v and "prompt_template" in v and ("docs" in v or "is_starter_project" in v),
        "memories": _is_memories,
        "design_chat": _is_design_chat,
        "manifest": _is_manifest,
        "account": lambda v: v.keys() >= {"uuid", "full_name", "email_address"},
        "person": lambda v: bool({"email_address", "verified_phone_number", "full_name"} & v.keys()),
        "logins": _is_logins,
    }
    return next((kind for kind, test in tests.items() if test(value)), None)


def _is_conversation(value: dict[str, Json]) -> bool:
    if isinstance(value.get("chat_messages"), list):
        return True
    messages = value.get("messages")
    if not isinstance(messages, list) or "uuid" not in value:
        return False
    senders = [message.get("sender") for message in messages if isinstance(message, dict)]
    return any(sender in ("human", "assistant") for sender in senders) or (not messages and _has_uuid(value.get("account")))


def _is_memories(value: dict[str, Json]) -> bool:
    if _MEMORIES & value.keys():
        return True
    # Rows of the older export. Every field must be one of theirs: others also write objects with a uuid and a content.
    if not value.keys() <= _ROW_FIELDS or not {"account_uuid", "updated_at"} & value.keys():
        return False
    return "uuid" in value and any(isinstance(value.get(key), str) for key in _ROW_TEXT)


def _is_design_chat(value: dict[str, Json]) -> bool:
    messages = value.get("messages")
    if not isinstance(messages, list) or not isinstance(value.get("uuid"), str):
        return False
    bodies = [message.get("content") for message in messages if isinstance(message, dict) and "uuid" in message]
    if not bodies:
        return not messages and _has_uuid(value.get("project"))
    return any(isinstance(body, dict) and ("contentBlocks" in body or {"content", "role"} <= body.keys()) for body in bodies)


def _is_manifest(value: dict[str, Json]) -> bool:
    files = value.get("data_files")
    return isinstance(files, list) and any(isinstance(f, dict) and {"category", "filename"} <= f.keys() for f in files)


def _is_logins(value: dict[str, Json]) -> bool:
    keys = {key.lower() for key in value}
    if _ADDRESS & keys and _AGENT & keys:
        return True
    rows = [row for inner in value.values() if isinstance(inner, list) for row in inner[:_PROBES]]
    return any(isinstance(row, dict) and _is_logins({k: v for k, v in row.items() if not isinstance(v, list)}) for row in rows)


def _has_uuid(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("uuid"), str)


def _probe(entry: Entry, seen: Peek) -> tuple[str | None, bool]:
    """(kind of the entry's objects, whether the file is an array of them); (None, False) for one that cannot be read.

    A damaged file costs only itself: intake names it when it comes to it.
    """
    if seen.look not in ("array", "object"):
        return None, False
    is_array = seen.look == "array"
    kind = kind_of({**dict.fromkeys(seen.keys), **seen.first})
    # The beginning may not tell: the first element damaged, or what tells it far behind. An object is not decoded for nothing.
    if kind is None and (is_array or _TELLING & set(seen.keys)):
        try:
            kind = _looked_into(entry, is_array)
        except SourceError:
            return None, False
    return kind, is_array


def _looked_into(entry: Entry, is_array: bool) -> str | None:
    with entry.open() as stream:
        kind = kind_of(first_value(stream, limit=_LARGEST))
    if kind is None and is_array:
        with entry.open() as stream:
            pieces = cut_elements(stream, path=entry.name, kind="", limit=_LARGEST)
            elements = islice((piece for piece in pieces if isinstance(piece, Slice)), _PROBES)
            kind = next((kind for element in elements if (kind := kind_of(element.value))), None)
    return kind


def identify(delivery: Delivery) -> str | None:
    """The shape, if any file of the delivery is Claude's; None otherwise.

    "archives": zips inside (the five-archive delivery, batches). "parts": several kinds of records in files of their own.
    "batches": several arrays of conversations. "single": one array. "conversation": one conversation by itself (a share
    snapshot, an extension's file). A kind given alone bears its name: "projects", "memories", "design_chats", "account".
    """
    found = [probe for entry in delivery.entries if (probe := _probe(entry, delivery.peek(entry)))[0] in _OURS]
    kinds = {kind for kind, _ in found}
    if not kinds:
        return None
    if any("!/" in entry.name for entry in delivery.entries):
        return "archives"
    records = kinds & set(RECORDS)
    if len(records) > 1:
        return "parts"
    if not records:
        return "manifest" if kinds == {"manifest"} else "account"
    if records == {"conversation"}:
        conversations = [is_array for kind, is_array in found if kind == "conversation"]
        return "batches" if len(conversations) > 1 else "single" if conversations[0] else "conversation"
    names = {"project": "projects", "memories": "memories", "design_chat": "design_chats"}
    return next(name for kind, name in names.items() if kind in records)


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Cut what holds records, withhold accounts and logins, keep the manifest. All others are kept, and are not named here."""
    kinds = {entry.name: _probe(entry, delivery.peek(entry))[0] for entry in delivery.entries}
    return {name: _treatment(kind) for name, kind in kinds.items() if kind}


def _treatment(kind: str) -> Treatment:
    if kind in RECORDS:
        return "cut"
    return "withhold" if kind in PRIVATE else "keep"


def sidecars(delivery: Delivery) -> dict[str, str]:
    """Entries that may hold an attachment's bytes: every part of the path, and the name without its suffix -> entry name.

    An uploaded file is looked up by its uuid or its name; a word that two entries share finds neither.
    """
    if len(delivery.entries) < 2:
        return {}
    found: dict[str, str] = {}
    shared: set[str] = set()
    treatments = plan(delivery)
    for name in (entry.name for entry in delivery.entries):
        if treatments.get(name, "keep") != "keep":
            continue
        *folders, last = name.split("/")
        for word in {*folders, last, last.rpartition(".")[0]} - {""}:
            if found.setdefault(word, name) != name:
                shared.add(word)
    return {word: name for word, name in found.items() if word not in shared}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """The entry's bytes: each element of an array, or the whole object, as a slice of the kind that it is."""
    kind = _probe(entry, peek(entry))[0]
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind=kind if kind in RECORDS else "conversation")
