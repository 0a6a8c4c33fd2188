"""Portable AI Memory 1.0: `memory-store.json` with memories and relations, a conversation a file, in a folder, a zip, or one alone.

The index in the store tells of conversations too: of one whose file is not there it is all there is, of any other it says the same
again, and the two are one record. Relations hang at the memory they start from. `embeddings.json` repeats memories as vectors.

Shapes: the specification and its JSON Schemas (portable-ai-memory.org), and the package `portable-ai-memory` 1.0.0, whose
converters write most of what there is: they leave out messages, hang the next from nothing, and date with the time of the
conversion what has no date, which nobody can tell afterwards. What our own writer marks (`writing.MARK`) is read back as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from typing import BinaryIO, TypeGuard

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._dialogue import loaded, refused
from souviens.formats._document import BESIDE, read_beside, with_beside
from souviens.formats._fields import id_of, name_type
from souviens.formats._statements import stated, whole
from souviens.formats.pam.conversations import FILE, conversation_id, listed, mentions
from souviens.formats.pam.statements import memory, project
from souviens.formats.pam.writing import CANNOT, CARRIES, PROJECTS, write
from souviens.jsonspan import Glue, Slice, cut_elements, cut_members
from souviens.records import Json, Reading, Treatment

__all__ = ["CANNOT", "CARRIES", "cut", "identify", "locations", "plan", "read", "sidecars", "traces", "write"]
NAME = "pam"
TITLE = "Portable AI Memory (PAM)"
READER = 1
SUPPORT = "samples"
WORDS = {
    "portable-ai-memory-conversation": "pam",
    "multipart": "text",
    "code": "text",
    # `is_thought`, the one truth value that is not kept as it is
    "true": "reasoning",
    "false": "text",
    "identity": "profile",
}
GUIDE = Guide(
    get=("pip install 'portable-ai-memory[cli]'", "pam convert EXPORT -o FOLDER, of an export of ChatGPT, Claude, Gemini or Grok"),
    bring=("souviens move --to pam -o FOLDER", "pam validate FOLDER, of the package portable-ai-memory, checks it"),
    notes=("Better give souviens the export itself: that converter leaves out a good part of it.",),
)
_SCHEMAS = {
    "portable-ai-memory": "store",
    "portable-ai-memory-conversation": "conversation",
    "portable-ai-memory-embeddings": "embeddings",
    PROJECTS: "projects",
}
_ARRAYS = {"memories": "memory", "conversations_index": "index", "relations": "relation"}
# What a store says of itself.
_SAYS = frozenset(
    {"schema", "schema_version", "spec_uri", "export_id", "exported_by", "export_date", "export_type", "type_registry"}
)
# For a file whose `schema` stands too far behind to be seen at a glance.
_KEYS = {
    "store": ("schema", "schema_version", "owner", "memories"),
    "conversation": ("schema", "schema_version", "provider", "messages"),
}


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "bundle": a store with conversations. "store", "conversation": only the one."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    if {"store", "conversation"} <= kinds:
        return "bundle"
    return next((kind for kind in ("store", "conversation") if kind in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look != "object":
        return ""
    schema = seen.first.get("schema")
    if schema is None:
        return next((kind for kind, keys in _KEYS.items() if seen.has(*keys)), "")
    return _SCHEMAS.get(schema, "") if isinstance(schema, str) else ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Stores and conversations are cut; vectors repeat the memories they were made of."""
    kinds = {entry.name: _kind(delivery.peek(entry)) for entry in delivery.entries}
    return {name: "repeat" if kind == "embeddings" else "cut" for name, kind in kinds.items() if kind}


def sidecars(delivery: Delivery) -> Json:
    """relations: memory id -> those that start from it. memories: their ids. repeated: ids that more than one memory bears.
    index: conversation id -> its entry. heads: conversation id -> what its file says of it. files: the names of all files, for
    attachments."""
    aside: Json = {"relations": {}, "index": {}, "heads": {}, "files": [entry.name for entry in delivery.entries]}
    met: Counter[str] = Counter()
    kinds = {entry.name: _kind(delivery.peek(entry)) for entry in delivery.entries}
    for entry in delivery.entries:
        if kinds[entry.name] == "store":
            with entry.open() as stream:
                for piece in cut_members(stream, path=entry.name, kinds=_ARRAYS):
                    if isinstance(piece, Slice) and isinstance(piece.value, dict):
                        _set_aside(aside, met, piece.kind, piece.value)
    aside["memories"] = set(met)
    aside["repeated"] = {id for id, count in met.items() if count > 1}
    for entry in delivery.entries:
        if kinds[entry.name] == "conversation":
            for piece in cut(entry):
                if isinstance(piece, Slice):
                    aside["heads"] |= {c.provider_id: c.head for c in FILE.read(piece, aside).conversations}
    return aside


def _set_aside(aside: Json, met: Counter[str], kind: str, value: dict[str, Json]) -> None:
    id = value.get("from" if kind == "relation" else "id")
    if not isinstance(id, str):
        return
    if kind == "relation":
        aside["relations"].setdefault(id, []).append({name: said for name, said in value.items() if name != "from"})
    elif kind == "index":
        aside["index"][id] = value
    else:
        met[id] += 1


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice a memory, an entry of the index, a project of ours, or a file of a conversation; of a store also one for each
    member beside those, and for each relation that starts from none of its memories."""
    kind = _kind(peek(entry))
    with entry.open() as stream:
        if kind == "store":
            yield from _store(entry, stream)
        elif kind == "projects":
            yield from cut_members(stream, path=entry.name, kinds={"projects": "project"})
        else:
            yield from cut_elements(stream, path=entry.name, kind="conversation")


def _store(entry: Entry, stream: BinaryIO) -> Iterator[Glue | Slice]:
    with entry.open() as first:
        ids = {_from(piece, "id") for piece in cut_members(first, path=entry.name, kinds=_ARRAYS) if _is(piece, "memory")}
    for piece in with_beside(cut_members(stream, path=entry.name, kinds=_ARRAYS), entry.name, _ARRAYS, _SAYS):
        yield Glue(piece.data) if _is(piece, "relation") and _from(piece, "from") in ids else piece


def _is(piece: Glue | Slice, kind: str) -> TypeGuard[Slice]:
    return isinstance(piece, Slice) and piece.kind == kind


def _from(piece: Slice, key: str) -> str | None:
    return id_of(piece.value.get(key)) if isinstance(piece.value, dict) else None


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A memory, a project, a conversation, or what the index says of one."""
    if slice.kind == "conversation":
        return FILE.read(slice, sidecars)
    if slice.kind == "project":
        return stated(slice, project)
    if slice.kind == BESIDE:
        return read_beside(slice)
    if slice.kind == "relation":
        return _relation(loaded(slice), sidecars)
    if slice.kind == "index":
        slice = loaded(slice)
        if slice.damage or not isinstance(slice.value, dict) or conversation_id(slice.value) is None:
            return refused(slice, slice.damage or "names no conversation")
        return listed(slice, sidecars)
    return stated(slice, lambda fields, unknown: memory(fields, unknown, sidecars))


def _relation(slice: Slice, sidecars: Json) -> Reading:
    """One that starts from no memory of its own file: another's may have it, and then it hangs there."""
    if slice.damage or not isinstance(slice.value, dict):
        return refused(slice, slice.damage or f"not an object but {name_type(slice.value)}", "memory")
    there = slice.value.get("from") in sidecars.get("memories", ())
    return Reading() if there else refused(slice, "starts from a memory that is not there", "memory")


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return FILE.locations(slice) if slice.kind == "conversation" else {}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    """Where messages are named as another's children; all of a memory or a project."""
    if slice.kind == "conversation":
        return list(mentions(slice, ids))
    if slice.kind in ("project", "relation", BESIDE):
        return whole(read(slice, {}), ids)
    # Whether others bear its id as well is not to be seen from here.
    told = loaded(slice).value
    repeated = {told.get("id") if isinstance(told, dict) and isinstance(told.get("id"), str) else ""}
    asides: list[Json] = [{}, {"repeated": repeated}] if slice.kind == "memory" else []
    return next((places for aside in asides if (places := whole(read(slice, aside), ids))), [])
