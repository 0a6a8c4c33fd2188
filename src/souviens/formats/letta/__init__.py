"""Letta (MemGPT): agent files (.af), and dumps of agents with their core and archival memory.

An agent file holds agents with their messages, and beside them blocks (the memory that is always in view), files, sources, tools
and more; the older kind is one agent with everything in it. Some files are such a document inside of a JSON string. Ids are
renumbered in every file ("agent-0", "message-0") and identify nothing beyond it: an agent is known by its name, its creation and
its system prompt, messages and blocks by what they say. Keys of tools and servers are cut out. Shapes: formats.md 9, letta-ai/letta
(schemas/agent_file.py, serialize_schemas), letta-ai/agent-file, and the dump that cognee imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from io import BytesIO
from typing import BinaryIO

from msgspec.structs import replace

from souviens.delivery import Delivery, Entry, Peek, peek
from souviens.formats import Bytes, Guide, Locations, Place
from souviens.formats._carving import Mark, carve, contents, secret_at
from souviens.formats._dialogue import loaded
from souviens.formats._document import BESIDE as ASIDE
from souviens.formats._document import read_beside, with_beside
from souviens.formats._statements import stated, whole
from souviens.formats.letta import agents
from souviens.formats.letta.agents import BESIDE, LISTS
from souviens.formats.letta.quoted import Quoted, unquoted
from souviens.jsonspan import Flaws, Glue, Slice, cut_elements, cut_members, load, locate, sample
from souviens.records import Json, Reading, Treatment

NAME = agents.NAME
TITLE = "Letta agent file"
READER = 1
SUPPORT = "samples"
WORDS = {"function": "tool_call", "tool_return": "tool_result"}
GUIDE = Guide(
    get=("GET /v1/agents/{agent_id}/export of the server (api.letta.com or your own), saved as it comes, for each agent",),
    bring=("POST the file to /v1/agents/import of the server",),
    notes=("Newer servers write only some of an agent's latest messages, and no archival memory.",),
)
_ARRAYS = {"agents": "agent", "blocks": "block", "passages": "passage", "archival_passages": "passage"} | {
    name: name.removesuffix("s") for name in BESIDE
}
_QUOTED = "quoted "
PLAIN = frozenset(_QUOTED + kind for kind in (*_ARRAYS.values(), *LISTS.values(), ASIDE))
_MARKS = frozenset({
    "agent_type", "llm_config", "embedding_config", "core_memory", "memory_blocks", "block_ids", "in_context_message_ids",
    "in_context_message_indices", "archival_memory", "tool_rules",
})  # fmt: skip
_SECRETS = "keys of tools and servers"
_SECRET_NAMES = frozenset({"api_key", "auth_token", "auth_header", "access_token", "refresh_token", "token", "password", "secret"})
_SECRET_MAPS = frozenset({"tool_exec_environment_variables", "secrets", "env", "custom_headers", "headers"})
_SECRET = re.compile(
    b'"(?:%s)"\\s*:\\s*"[^"]|"(?:%s)"\\s*:\\s*[{[]\\s*["{]' % ("|".join(_SECRET_NAMES).encode(), "|".join(_SECRET_MAPS).encode())
)
_OPEN = frozenset(("messages", "json_schema", "args_json_schema", *LISTS))  # where such names are words of somebody's


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "file": agents and what they share. "agent": one agent, as older servers wrote it."""
    kinds = {_kind(delivery.peek(entry)) for entry in delivery.entries}
    return next((shape for shape in ("file", "agent") if shape in kinds), None)


def _kind(seen: Peek) -> str:
    document = seen.sample
    if seen.look == "text" and (inside := unquoted(seen.head)) is not None:
        document = sample(inside.data)
    if not isinstance(document, dict):
        return ""
    agents = document.get("agents")
    if isinstance(agents, list):
        named = any(isinstance(agent, dict) and _is_agent(agent) for agent in agents)
        return "file" if named or seen.has("agents", "blocks", "tools", "groups") else ""
    return "agent" if _is_agent(document) and {"messages", "core_memory"} & document.keys() else ""


def _is_agent(value: dict[str, Json]) -> bool:
    return len(_MARKS & value.keys()) > 1 or {"core_memory", "messages"} <= value.keys()


def plan(delivery: Delivery) -> dict[str, Treatment]:
    return {entry.name: "cut" for entry in delivery.entries if _kind(delivery.peek(entry))}


def sidecars(delivery: Delivery) -> Json:
    return {}


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    """One slice an agent, a block, a file, a tool and so on, and one for whatever else stands beside them. Of an agent with keys in
    it, a slice of its messages and one of each of its memories: a slice has no holes."""
    seen = peek(entry)
    whole = _kind(seen) == "agent"
    if seen.look == "object":
        with entry.open() as stream:
            if whole:
                yield from _open(cut_elements(stream, path=entry.name, kind="agent"))
            else:
                yield from _open(_members(stream, entry.name))
        return
    data = contents(entry)
    inside = unquoted(data) or Quoted(0, b"")
    stream = BytesIO(inside.data)
    pieces = cut_elements(stream, path=entry.name, kind="agent") if whole else _members(stream, entry.name)
    yield from _as_quoted(data, inside, _open(pieces))


def _members(stream: BinaryIO, path: str) -> Iterator[Glue | Slice]:
    for piece in with_beside(cut_members(stream, path=path, kinds=_ARRAYS), path, _ARRAYS, frozenset({"created_at", "version"})):
        says_nothing = isinstance(piece, Slice) and piece.kind == ASIDE and _is_revision(piece.value)
        yield Glue(piece.data) if says_nothing else piece


def _is_revision(value: Json) -> bool:
    """Whether it is what a server says of its own version."""
    return isinstance(value, dict) and value.keys() == {"revision_id"}


def _open(pieces: Iterator[Glue | Slice]) -> Iterator[Glue | Slice]:
    """The pieces, with those that hold secrets cut open."""
    for piece in pieces:
        if isinstance(piece, Slice) and _is_doubtful(piece):
            end = len(piece.data) - piece.data.endswith((b"}", b"]"))
            yield from (Glue(piece.data[:1]), Glue(piece.data[1:end], _SECRETS, piece.where), Glue(piece.data[end:]))
            continue
        secrets = list(_secrets(piece.value)) if isinstance(piece, Slice) else []
        if not isinstance(piece, Slice) or not secrets:
            yield piece
            continue
        marks = [mark for path in secrets if (mark := secret_at(piece.data, path, _SECRETS))]
        if piece.kind == "agent" and isinstance(piece.value, dict):
            marks += _memorable(piece)
        yield from carve(piece.data, piece.path, (mark._replace(where=_below(piece.where, mark.where)) for mark in marks))


def _is_doubtful(piece: Slice) -> bool:
    """Whether there are secrets in a slice whose place cannot be told: it is damaged, or names them twice."""
    twice = {key for key, _ in piece.flaws.duplicates} if piece.flaws else set()
    return bool((piece.damage or twice & (_SECRET_NAMES | _SECRET_MAPS)) and _SECRET.search(piece.data))


def _secrets(value: Json) -> Iterator[tuple[str | int, ...]]:
    """Where secrets stand that are not blank: values with the name of a key, and maps of variables."""
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:  # no recursion: what decodes may be nested deeper than that goes
        path, value = waiting.pop()
        key = path[-1] if path else ""
        if isinstance(value, str):
            named = key in _SECRET_NAMES or (key == "value" and not _SECRET_MAPS.isdisjoint(path))
            yield from [path] if value and named else ()
        elif isinstance(value, dict) and key in _SECRET_MAPS and any(word not in ("", None) for word in value.values()):
            yield path
        elif key not in _OPEN and isinstance(value, (dict, list)):
            members = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [((*path, place), member) for place, member in members]


def _memorable(piece: Slice) -> Iterator[Mark]:
    """What can be read of an agent beside its secrets."""
    for key, kind in LISTS.items():
        items = piece.value.get(key)
        for place in range(len(items) if isinstance(items, list) else 0):
            if span := locate(piece.data, (key, place)):
                yield Mark(*span, f"{key}[{place}]", kind)
    if isinstance(piece.value.get("messages"), list) and (span := locate(piece.data, ("messages",))):
        yield Mark(*span, "messages", agents.kind_of(piece.value))


def _below(where: str, inner: str) -> str:
    return f"{where}.{inner}".lstrip(".")


def _as_quoted(data: bytes, inside: Quoted, pieces: Iterator[Glue | Slice]) -> Iterator[Glue | Slice]:
    """Pieces of a document that stands inside of a string, as pieces of the string."""
    yield Glue(data[: inside.at(0)])
    here = 0
    for piece in pieces:
        raw = data[inside.at(here) : inside.at(here + len(piece.data))]
        here += len(piece.data)
        if isinstance(piece, Glue):
            yield Glue(raw, piece.secret, piece.where, piece.damage)
        else:
            yield Slice(_QUOTED + piece.kind, piece.path, piece.where, raw)
    yield Glue(data[inside.at(here) :])


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """An agent's conversation with the memories it holds, or one block, passage, file or tool."""
    slice = _unquoted(slice)[0]
    if slice.value == {}:  # of a quoted object its inside is erased
        return Reading()
    if slice.kind == ASIDE:
        return read_beside(slice)
    if dialogue := agents.dialogue(slice):
        return _with_memories(slice, dialogue.read(slice, sidecars))
    return stated(slice, agents.statement(slice.kind))


def _with_memories(slice: Slice, reading: Reading) -> Reading:
    """What an agent says, and the memories it holds itself."""
    if name := agents.name_in(slice.kind):
        named = (replace(c, head=replace(c.head, title=name)) for c in reading.conversations)
        return replace(reading, conversations=tuple(named))
    readings = [reading, *(stated(inner, agents.statement(inner.kind)) for _, inner in _memories(slice))]
    unknown: dict[str, int] = {}
    for path, count in (item for each in readings for item in each.unknown.items()):
        unknown[path] = unknown.get(path, 0) + count
    return Reading(
        reading.conversations,
        tuple(memory for each in readings for memory in each.memories),
        tuple(topic for each in readings for topic in each.topics),
        tuple(problem for each in readings for problem in each.problems),
        unknown,
    )


def _memories(slice: Slice) -> Iterator[tuple[tuple[str, int], Slice]]:
    """Each block and passage inside of an agent, with its path. Damage in one refuses the agent."""
    if slice.kind != "agent" or not isinstance(slice.value, dict):
        return
    for key, kind in LISTS.items():
        items = slice.value.get(key)
        for place, item in enumerate(items if isinstance(items, list) else ()):
            if item not in (None, {}):  # erased
                where = _below(slice.where, f"{key}[{place}]")
                yield (key, place), Slice(kind, slice.path, where, b"", item, Flaws())


def locations(slice: Slice) -> Locations:
    """Where an agent's messages stand; of a quoted file as bytes."""
    inner, inside = _unquoted(slice)
    dialogue = agents.dialogue(inner)
    found = dialogue.locations(inner) if dialogue else {}
    if inside is None:
        return found
    return {id: place for id, path in found.items() if (place := _inside(inner, inside, path)) is not None}


def traces(slice: Slice, ids: Set[str]) -> list[Place | Bytes]:
    """Where blocks, passages and topics stand. What an agent remembers may be repeated in its system message, which is no statement
    of its own and goes with the conversation."""
    inner, inside = _unquoted(slice)
    if agents.dialogue(inner):
        held: list[tuple[tuple[str | int, ...], Reading]] = [
            (path, stated(each, agents.statement(each.kind))) for path, each in _memories(inner)
        ]
    else:
        held = [((), read(inner, {}))]
    paths = [path for path, said in held if whole(said, ids)]
    if inside is None:
        return [Place(path) for path in paths]
    return [place for path in paths if (place := _inside(inner, inside, path)) is not None]


def value(slice: Slice) -> Json:
    """What a quoted slice says."""
    return _unquoted(slice)[0].value


def _unquoted(slice: Slice) -> tuple[Slice, Quoted | None]:
    """A slice as JSON, and how it stands in its string if it does."""
    if not slice.kind.startswith(_QUOTED):
        return loaded(slice), None
    inside = Quoted(0, slice.data)
    return load(Slice(slice.kind.removeprefix(_QUOTED), slice.path, slice.where, inside.data)), inside


def _inside(slice: Slice, inside: Quoted, path: tuple[str | int, ...]) -> Bytes | None:
    """The inside of an object of a quoted slice: its brackets stay, so that what is around it stays JSON."""
    span = locate(slice.data, path)
    return Bytes(inside.at(span[0] + 1), inside.at(span[1] - 1)) if span else None
