"""Mem0: memories as `get_all` and the platform's API answer them, their history, and the relations of its graph.

Memories come as a bare array, under "results" (with "relations" beside it if there is a graph) or under "memories", and one a
line. A row of `history` is an event: what a memory said before and after; the memory itself may be gone by now. Shapes:
formats.md 9, mem0ai/mem0 (memory/main.py, memory/storage.py) and the API reference. An *export job* of the platform is no dump:
a model fills in a schema of the caller's, so that its shape and its words are anyone's; it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from souviens.canon import ABSENT, make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import cut_lines
from souviens.formats._document import BESIDE, read_beside, with_beside
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS, stated, whole
from souviens.jsonspan import Glue, Slice, cut_elements, cut_members
from souviens.records import Json, Memory, Reading, Treatment

NAME = "mem0"
TITLE = "Mem0 memories"
READER = 1
SUPPORT = "samples"
GUIDE = Guide(
    get=(
        "with the API key of app.mem0.ai: MemoryClient().get_all(filters={...}), every page of it, saved as JSON",
        "self-hosted: Memory().get_all(...) for each user, agent or run, saved as JSON",
        "for what memories said before: history(memory_id) of each, saved beside it",
    ),
    bring=("add() each memory with infer=False: otherwise a model rewrites it",),
    notes=("The export jobs of the platform let a model rewrite the memories: take get_all instead.",),
)
_ARRAYS = {"results": "memory", "memories": "memory", "items": "memory", "history": "memory", "relations": "relation"}
_PAGED = frozenset({"count", "total", "page", "page_size", "next", "previous"})
_KNOWN = frozenset({
    "user_id", "agent_id", "app_id", "run_id", "actor_id", "role", "hash", "score", "categories", "metadata", "owner",
    "organization", "immutable", "expiration_date", "input", "event", "memory_id", "old_memory", "new_memory", "is_deleted",
    "structured_attributes", "internal_metadata",
})  # fmt: skip
# A memory has one of these beside its id and its words: "memory" alone is anybody's word.
_MARKS = frozenset({"user_id", "agent_id", "app_id", "run_id", "hash", "score", "categories", "metadata", "created_at", "event"})
_KNOWN_RELATION = frozenset({"source", "relationship", "target", "destination", "source_type", "target_type", "score"})


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "memories": what is remembered now. "history": only how it came to be."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("memories", "history") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look not in ("array", "object", "lines"):
        return ""
    values = seen.sample if isinstance(seen.sample, list) else [seen.sample]
    items = [value for value in values if isinstance(value, dict)]
    if seen.look == "object" and items:
        items += [
            item for key in _ARRAYS if isinstance(items[0].get(key), list) for item in items[0][key] if isinstance(item, dict)
        ]
    if any(isinstance(item.get("memory"), str) and "id" in item and not _MARKS.isdisjoint(item) for item in items):
        return "memories"
    return "history" if any(_is_event(item) for item in items) else ""


def _is_event(item: dict[str, Json]) -> bool:
    return {"memory_id", "event"} <= item.keys() and bool({"old_memory", "new_memory"} & item.keys())


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice a memory, a row of history or a relation, and one for each list or text beside theirs."""
    seen = peek(entry)
    if seen.look == "lines":
        yield from cut_lines(entry, "memory")
        return
    with entry.open() as stream:
        if seen.look == "object" and not seen.has("memory") and not seen.has("memory_id"):
            yield from with_beside(cut_members(stream, path=entry.name, kinds=_ARRAYS), entry.name, _ARRAYS, _PAGED)
        else:
            yield from cut_elements(stream, path=entry.name, kind="memory")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    if slice.kind == BESIDE:
        return read_beside(slice)
    return stated(slice, _relation if slice.kind == "relation" else _memory)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return whole(read(slice, {}), ids)


def _memory(fields: Fields, unknown: Unknown) -> Memory | str:
    if _is_event(fields.left):
        return _event(fields, unknown)
    text = fields.text("memory")
    if not text:
        return NO_WORDS
    id = fields.identifier("id")
    return Memory(
        id=make_id("y", NAME, "fact", id or text),
        kind="fact",
        text=text,
        authority="imported",
        provider=NAME,
        provider_id=id,
        created=fields.epoch("created_at"),
        updated=fields.epoch_updated("updated_at"),
        extra=fields.rest(_KNOWN, "", unknown),
    )


def _event(fields: Fields, unknown: Unknown) -> Memory | str:
    """A row of history: the words after it, or of a deletion those before. They held no longer than to the deletion."""
    text = fields.text("new_memory", "old_memory")
    if not text:
        return NO_WORDS
    id = fields.identifier("id")
    gone = fields.left.get("event") == "DELETE" or fields.left.get("is_deleted") in (True, 1)
    created, updated = fields.epoch("created_at"), fields.epoch_updated("updated_at")  # created: of the memory, not of the row
    return Memory(
        id=make_id("y", NAME, "event", *([id] if id else [str(fields.left["memory_id"]), str(fields.left["event"]), text])),
        kind="event",
        text=text,
        authority="imported",
        provider=NAME,
        provider_id=id,
        created=created,
        updated=updated,
        valid_to=(updated or ABSENT) if gone else None,
        extra=fields.rest(_KNOWN, "history", unknown),
    )


def _relation(fields: Fields, unknown: Unknown) -> Memory | str:
    """An edge of the graph, as the words it is made of."""
    words = [fields.left.get(key) for key in ("source", "relationship", "target", "destination")]
    text = " ".join(word for word in words if isinstance(word, str) and word)
    if not text:
        return NO_WORDS
    return Memory(
        id=make_id("y", NAME, "relationship", text),
        kind="relationship",
        text=text,
        authority="imported",
        provider=NAME,
        extra=fields.rest(_KNOWN_RELATION, "relations", unknown),
    )
