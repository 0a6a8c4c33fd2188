"""Zep and Graphiti: the graph a person's memory is kept in, as dumped from the API or the database.

An *edge* is a fact with two clocks: it held from `valid_at` to `invalid_at`, and the graph learned of it at `created_at` and let go
of it at `expired_at`. The first two are the memory's validity; the others never stand in for them. An *episode* is what was said or
written, verbatim: a conversation of one message, which is the evidence of the facts drawn from it. A *node* is a topic.

An object with lists under the names below, a bare list as the API answers it, or one record a line; keys as in Python or, from the
JavaScript SDK, in camel case. Sources: formats.md 9, getzep/graphiti (nodes.py, edges.py), help.getzep.com.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from msgspec.structs import replace

from souviens.canon import make_id
from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Guide, Place
from souviens.formats._carving import cut_lines
from souviens.formats._dialogue import Desk, Dialogue, Draft, Identity, Node, loaded, role_of
from souviens.formats._document import BESIDE, read_beside, with_beside
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS, stated, whole
from souviens.jsonspan import Glue, Slice, cut_elements, cut_members
from souviens.records import Evidence, Head, Json, Memory, Part, Reading, Text, Topic, Treatment

NAME = "zep"
TITLE = "Zep or Graphiti graph"
READER = 2
SUPPORT = "samples"
WORDS = {"function": "tool"}
GUIDE = Guide(
    get=(
        "Zep Cloud: the lists of graph.episode, graph.node and graph.edge for a user or a graph, saved as JSON",
        'Graphiti: the same three from the database, saved as {"episodes": […], "nodes": […], "edges": […]}',
    ),
    bring=("graph.add (add_episode) for each episode: facts are drawn from them anew, by a model",),
)
_ARRAYS = {
    "edges": "edge",
    "facts": "edge",
    "entity_edges": "edge",
    "episodes": "episode",
    "episodic_nodes": "episode",
    "nodes": "node",
    "entities": "node",
    "entity_nodes": "node",
    "communities": "node",
    "community_nodes": "node",
    "episodic_edges": "edge",
    "community_edges": "edge",
    "items": "record",
}
_PAGED = frozenset({"exported_by", "exported_at", "row_count", "total_count", "next_cursor", "cursor"})
_ENDS = (("source_node_uuid", "sourceNodeUuid"), ("target_node_uuid", "targetNodeUuid"))
_EPISODE = frozenset({
    "valid_at", "validAt", "source_description", "sourceDescription", "entity_edges", "entityEdges", "role_type", "roleType",
    "episode_body",
})  # fmt: skip
_NODE = frozenset({"labels", "label", "group_id", "groupId", "attributes", "graph_uuid"})
_KNOWN = frozenset({
    "uuid_", "group_id", "graph_uuid", "user_id", "session_id", "thread_id", "document_id", "name", "labels", "label",
    "attributes", "metadata", "score", "relevance", "source", "source_description", "entity_edges", "processed", "role",
    "created_at", "updated_at", "expired_at", "reference_time", "episodes", "episode_uuids", "source_node_uuid",
    "target_node_uuid", "source_node_name", "target_node_name", "source_node_labels", "target_node_labels", "hyperedge_uuid",
    "fact_embedding", "name_embedding",
})  # fmt: skip
# The JavaScript SDK's spelling of the same.
_KNOWN |= {first + "".join(map(str.title, rest)) for first, *rest in (key.split("_") for key in _KNOWN)}


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "graph": an object of lists. "list": one list as the API answers it. "lines": a record a line."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("graph", "list", "lines") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    if seen.look in ("array", "lines") and isinstance(seen.sample, list):
        shape = "list" if seen.look == "array" else "lines"
        return shape if any(_record(item) for item in seen.sample) else ""
    if seen.look != "object" or not isinstance(seen.sample, dict):
        return ""
    lists = [seen.sample[key] for key in _ARRAYS if isinstance(seen.sample.get(key), list)]
    return "graph" if any(_record(item) for items in lists for item in items) else ""


def _record(value: Json) -> str:
    """ "edge", "episode" or "node", by what only they have; "" for anything else."""
    if not isinstance(value, dict) or not {"uuid", "uuid_"} & value.keys():
        return ""
    if all(value.keys() & set(names) for names in _ENDS):
        return "edge"
    if {"content", "episode_body"} & value.keys() and value.keys() & _EPISODE:
        return "episode"
    return "node" if {"name", "summary"} <= value.keys() and value.keys() & _NODE else ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice an edge, an episode or a node, and one for each list or text beside theirs."""
    kind = _kind(peek(entry))
    if kind == "lines":
        yield from cut_lines(entry, "record")
        return
    with entry.open() as stream:
        if kind == "graph":
            yield from with_beside(cut_members(stream, path=entry.name, kinds=_ARRAYS), entry.name, _ARRAYS, _PAGED)
        else:
            yield from cut_elements(stream, path=entry.name, kind="record")


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """An episode as a conversation, an edge as a memory, or a node as a topic."""
    slice = loaded(slice)
    if slice.kind == BESIDE:
        return read_beside(slice)
    if not _is_episode(slice):
        return stated(slice, _edge if (_record(slice.value) or slice.kind) == "edge" else _node)
    reading = _EPISODES.read(slice, sidecars)
    # A conversation of one message is named by it.
    title = slice.value.get("name")
    named = tuple(replace(c, head=replace(c.head, title=title)) if isinstance(title, str) else c for c in reading.conversations)
    return replace(reading, conversations=named)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    slice = loaded(slice)
    return _EPISODES.locations(slice) if _is_episode(slice) else {}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return whole(read(slice, {}), ids)


def _is_episode(slice: Slice) -> bool:
    return isinstance(slice.value, dict) and (_record(slice.value) or slice.kind) == "episode"


def _identifier(fields: Fields) -> str | None:
    return fields.identifier("uuid") or fields.identifier("uuid_") or fields.identifier("id")


def _camel(fields: Fields, key: str) -> str:
    """The key as this record spells it."""
    first, *rest = key.split("_")
    spelled = first + "".join(map(str.title, rest))
    return spelled if spelled in fields.left and key not in fields.left else key


def _edge(fields: Fields, unknown: Unknown) -> Memory | str:
    text, kind = fields.text("fact"), "fact"
    ends = [fields.left.get(_camel(fields, key)) for key in ("source_node_uuid", "target_node_uuid")]
    source, target = (end if isinstance(end, str) else "" for end in ends)
    if not text:  # what links an episode or a community to its nodes has no words but its ends
        name, kind = fields.left.get("name"), "relationship"
        text = " ".join(word for word in (source, name, target) if isinstance(word, str) and word)
    if not text:
        return NO_WORDS
    id = _identifier(fields)
    start = fields.bound(_camel(fields, "valid_at"))
    # What held twice is two facts: one that has no id is known by its ends and since when it held, too.
    known_by = [id] if id else [text, *([source, target, start.given or ""] if start else [])]
    episodes = fields.left.get(_camel(fields, "episode_uuids" if "episodes" not in fields.left else "episodes"))
    return Memory(
        id=make_id("y", NAME, kind, *known_by),
        kind=kind,
        text=text,
        authority="imported",
        provider=NAME,
        provider_id=id,
        evidence=tuple(_evidence(uuid) for uuid in episodes if isinstance(uuid, str)) if isinstance(episodes, list) else (),
        created=fields.time(_camel(fields, "created_at")),
        valid_from=start,
        valid_to=fields.bound(_camel(fields, "invalid_at")),
        topic=make_id("t", NAME, source) if source else None,
        extra=fields.rest(_KNOWN, "edges", unknown),
    )


def _evidence(episode: str) -> Evidence:
    conversation = make_id("c", NAME, episode)
    return Evidence(conversation, make_id("m", conversation, episode))


def _node(fields: Fields, unknown: Unknown) -> Topic | str:
    name, summary, id = fields.text("name"), fields.text("summary"), _identifier(fields)
    if not (id or name):
        return "has neither a name nor an id"
    return Topic(
        id=make_id("t", NAME, *([id] if id else ["", name])),
        kind="topic",
        name=name,
        provider=NAME,
        provider_id=id,
        summary=summary,
        created=fields.time(_camel(fields, "created_at")),
        extra=fields.rest(_KNOWN, "nodes", unknown),
    )


# --- episodes ---------------------------------------------------------------------------------------------------------


def _episode_id(value: dict[str, Json]) -> str | None:
    return _identifier(Fields(value))


def _identify_episode(slice: Slice) -> Identity:
    return Identity(_episode_id(loaded(slice).value))


def _episode_nodes(value: Json) -> list[Node]:
    return [Node((), value, _episode_id(value))]


def _message(fields: Fields, desk: Desk) -> Draft:
    """An episode is dated by when it was said; when the graph took it in stays beside it, unless that is all there is."""
    _identifier(fields)
    text = fields.text("content", "episode_body")
    parts: list[Part] = [Text(text)] if text else []
    said = fields.left.get(_camel(fields, "valid_at")) is not None
    time = fields.time(_camel(fields, "valid_at" if said else "created_at"))
    role = fields.text("role_type", "roleType")
    author = fields.optional("role") if role else None
    return Draft(role_of(role or fields.text("role"), WORDS), time, parts, author=author)


_EPISODES = Dialogue(NAME, _identify_episode, _episode_nodes, lambda fields, desk: Head(), _message, known_message=_KNOWN)
