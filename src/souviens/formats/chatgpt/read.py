"""One conversation of ChatGPT's, as it stands in the export, into records: the whole graph, not only its active path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from souviens.canon import Instant, epoch, make_id, unknown
from souviens.formats._fields import note
from souviens.formats.chatgpt import known
from souviens.formats.chatgpt.aside import Sidecars
from souviens.formats.chatgpt.capture import Path, at, envelope, places, written
from souviens.formats.chatgpt.cited import citations
from souviens.formats.chatgpt.content import Found, Voice, parts_of, uploads
from souviens.formats.chatgpt.context import memories
from souviens.formats.chatgpt.graph import Graph, of_node
from souviens.formats.chatgpt.known import count_unknown, remaining, take
from souviens.formats.chatgpt.shape import NAME
from souviens.jsonspan import Slice, load
from souviens.records import (
    Conversation,
    Evidence,
    Extra,
    Head,
    Json,
    Message,
    Part,
    Problem,
    Reading,
    Text,
    Topic,
    Visibility,
    sealed,
)

_ABSENT = unknown("absent")
_EVERYBODY = ("", "all")
# Keys that many conversations share.
_ROOTS = ("root", "client-created-root")
_HIDDEN_KINDS = ("user_editable_context", "model_editable_context")
_HIDING = frozenset(("is_visually_hidden_from_conversation", "is_user_system_message", "is_contextual_answers_system_message"))


def read(slice: Slice, sidecars: Json = None) -> Reading:
    """The conversation of one slice, or those of a capture's envelope. Never raises for what the slice holds: what cannot be read
    is a Problem."""
    if slice.value is None and slice.flaws is None and not slice.damage:
        slice = load(slice)
    if reason := _refusal(slice):
        return _refused(slice, reason)
    aside = sidecars if isinstance(sidecars, Sidecars) else Sidecars()
    paths = places(slice.value)
    readings = []
    for number, path in enumerate(paths):
        flawed = _flaws(slice, paths, number)
        readings.append(_refused(slice, flawed.header) if flawed.header else _conversation(slice, path, flawed, aside))
    if readings[0].conversations and paths != [()]:
        around = envelope(slice.value, paths)
        note(readings[0].conversations[0].head.extra, "capture", around)
        count_unknown(readings[0].unknown, "capture", around, known.CAPTURE)
    return readings[0] if len(readings) == 1 else _together(readings)


def _refused(slice: Slice, reason: str) -> Reading:
    return Reading(problems=(Problem("conversation", slice.path, slice.where, reason),))


def _together(readings: list[Reading]) -> Reading:
    unknown: dict[str, int] = {}
    for reading in readings:
        for path, count in reading.unknown.items():
            unknown[path] = unknown.get(path, 0) + count
    return Reading(
        tuple(conversation for reading in readings for conversation in reading.conversations),
        tuple({memory.id: memory for reading in readings for memory in reading.memories}.values()),
        tuple({topic.id: topic for reading in readings for topic in reading.topics}.values()),
        tuple(problem for reading in readings for problem in reading.problems),
        unknown,
    )


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    """Message id -> path, inside the slice, of what is blanked to `null` when that message is erased; its node stays."""
    if _refusal(slice):
        return {}
    found: dict[str, tuple[str | int, ...]] = {}
    for path in places(slice.value):
        value = at(slice.value, path)
        conversation = _identity(value)[0]
        for key, node in value["mapping"].items():
            if isinstance(node, dict) and node.get("message") is not None:
                found[make_id("m", conversation, key)] = (*path, "mapping", key, "message")
    return found


def _refusal(slice: Slice) -> str:
    """Why there is no conversation in this slice; "" if there is one."""
    if slice.damage:
        return slice.damage
    if slice.value is None:
        return "empty (null)"
    if not isinstance(slice.value, dict):
        return "not an object"
    return "" if places(slice.value) else "it has no mapping of nodes"


# --- what the strict decoder saw --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Flawed:
    """header: why the conversation is refused. nodes: node key -> why its message is refused. surrogates: node key (None for the
    header) -> [path, escape] of each lone surrogate."""

    header: str
    nodes: dict[str, str]
    surrogates: dict[str | None, list[list[str]]]


def _flaws(slice: Slice, paths: list[Path], number: int) -> _Flawed:
    """The flaws of one of a slice's conversations; the first one's are also those of the envelope."""
    flawed, flaws = _Flawed("", {}, {}), slice.flaws
    if flaws is None or not (flaws.unreal or flaws.bad_utf8 or flaws.surrogates):
        return flawed
    prefixes = [written(path) for path in paths]
    keys = sorted(at(slice.value, paths[number])["mapping"], key=len, reverse=True)
    for places_of, reason in ((flaws.unreal, "NaN or Infinity, which JSON does not have"), (flaws.bad_utf8, "invalid UTF-8")):
        for owner, place in (_owner(place, prefixes) for place in places_of):
            if owner != number:
                continue
            if (key := _node_of(place, keys)) is None:
                flawed.header = reason
            else:
                flawed.nodes[key] = reason
    for full, escape in flaws.surrogates:
        owner, place = _owner(full, prefixes)
        if owner == number:
            flawed.surrogates.setdefault(_node_of(place, keys), []).append([place, escape])
    return flawed


def _owner(place: str, prefixes: list[str]) -> tuple[int, str]:
    """Which conversation a flaw's path leads into, and the path inside it."""
    for number, prefix in enumerate(prefixes):
        if not prefix or place == prefix or place.startswith((f"{prefix}.", f"{prefix}[")):
            return number, place[len(prefix) :].removeprefix(".")
    return 0, place


def _node_of(path: str, keys: list[str]) -> str | None:
    """The node a path leads into. Longest keys first: a key may hold a dot."""
    if not path.startswith("mapping."):
        return None
    inside = path.removeprefix("mapping.")
    return next((key for key in keys if inside == key or inside.startswith((f"{key}.", f"{key}["))), None)


# --- the conversation -------------------------------------------------------------------------------------------------


def _conversation(slice: Slice, path: Path, flawed: _Flawed, sidecars: Sidecars) -> Reading:
    value = at(slice.value, path)
    conversation, provider_id, header = _identity(value)
    found = Found(conversation, sidecars)
    count_unknown(found.unknown, "", value, known.CONVERSATION)
    mapping = header.pop("mapping")
    refused = flawed.nodes | {key: reason for key, node in mapping.items() if (reason := _wrong(node))}
    graph = Graph(conversation, mapping, refused)
    messages: list[Message] = []
    for key in graph.read:
        try:
            messages.append(_message(graph, key, flawed.surrogates.get(key), found))
        except RecursionError:
            refused[key] = "nested too deeply"
    before = ".".join(filter(None, (slice.where, written(path), "mapping")))
    problems = tuple(Problem("message", slice.path, f"{before}.{key}", refused[key]) for key in mapping if key in refused)
    topic = _project(value)
    head = _head(header, graph, topic)
    if surrogates := flawed.surrogates.get(None):
        head.extra["surrogates"] = surrogates
    if slice.flaws and slice.flaws.duplicates:
        head.extra["duplicate_keys"] = [{"key": key, "values": values} for key, values in slice.flaws.duplicates]
    whole = Conversation(conversation, NAME, provider_id, head, tuple(messages), tuple(found.attachments.values()))
    topics = (topic,) if topic else ()
    return Reading((whole,), tuple(found.memories.values()), topics, problems, found.unknown)


def _identity(value: dict[str, Json]) -> tuple[str, str | None, dict[str, Json]]:
    """The conversation's id, the provider's own, and what is left of the header.

    Without a provider's id it is the key of the first node and the time of creation (else the title): these stay when a
    conversation grows, and when any of its messages is erased.
    """
    header = dict(value)
    provider_id = take(header, "conversation_id")
    if not provider_id or header.get("id") == provider_id:
        provider_id = take(header, "id") or provider_id
    if provider_id:
        return make_id("c", NAME, provider_id), provider_id, header
    first = next((key for key in value["mapping"] if key not in _ROOTS), "")
    return make_id("c", NAME, "first node", first, str(value.get("create_time") or value.get("title"))), None, header


def _head(header: dict[str, Json], graph: Graph, topic: Topic | None) -> Head:
    tip = take(header, "current_node") or None
    if tip and tip not in graph.read:
        header["current_node"] = tip
    return Head(
        title=take(header, "title"),
        created=_time(header, "create_time"),
        updated=_time(header, "update_time"),
        tip=graph.id(tip) if tip else None,
        project=topic.id if topic else None,
        model=take(header, "default_model_slug") or None,
        extra=remaining(header),
    )


def _project(value: dict[str, Json]) -> Topic | None:
    """The project a conversation belongs to; its name is in no export."""
    for key in ("conversation_template_id", "gizmo_id"):
        identity = value.get(key)
        if isinstance(identity, str) and identity.startswith("g-p-"):
            return Topic(make_id("t", NAME, identity), "project", provider=NAME, provider_id=identity)
    return None


def _time(fields: dict[str, Json], key: str) -> Instant:
    """The time under `key`, taken out of `fields`; what can be no time stays there."""
    if key not in fields:
        return _ABSENT
    value = fields[key]
    if isinstance(value, (bool, dict, list)):
        return unknown("not a number")
    del fields[key]
    return epoch(value)


# --- one message ------------------------------------------------------------------------------------------------------


def _wrong(node: Json) -> str:
    """Why a node cannot be read; "" if it can."""
    if not isinstance(node, dict):
        return "the node is not an object"
    message = node.get("message")
    if message is None:
        return ""
    if not isinstance(message, dict):
        return "the message is not an object"
    author, content = message.get("author"), message.get("content")
    if author is not None and not isinstance(author, dict):
        return "its author is not an object"
    if content is not None and not isinstance(content, dict):
        return "its content is not an object"
    if author and not isinstance(author.get("role", ""), str) and author["role"] is not None:
        return "its role is not a word"
    if content and not isinstance(content.get("parts", []), list) and content["parts"] is not None:
        return "its parts are not a list"
    return ""


def _message(graph: Graph, key: str, surrogates: list[list[str]] | None, found: Found) -> Message:
    """The message of a node that is not `_wrong`; a placeholder where the node has none."""
    node, parent = graph.nodes[key], graph.parents[key]
    count_unknown(found.unknown, "mapping.*", node, known.NODE)
    extra: Extra = {}
    if apart := of_node(graph, key, node):
        extra["node"] = apart
    if surrogates:
        extra["surrogates"] = surrogates
    message, place = node.get("message"), graph.id(key)
    told = _Told("", _ABSENT, (), None, None, None, "placeholder", extra)
    if message is not None:
        told = _told(place, key, message, extra, found)
    return sealed(Message(place, key, graph.id(parent) if parent is not None else None, graph.ranks[key], *told))


class _Told(NamedTuple):
    """What a message says of itself: `records.Message` from `role` on, in its order."""

    role: str
    time: Instant
    parts: tuple[Part, ...]
    author: str | None
    model: str | None
    updated: Instant | None
    visibility: Visibility
    extra: Extra


def _told(id: str, key: str, message: dict[str, Json], extra: Extra, found: Found) -> _Told:
    """Each step takes what it reads out of a copy; the rest goes to `extra`."""
    left = dict(message)
    author, content, metadata = _fields(left, "author"), _fields(left, "content"), _fields(left, "metadata")
    count_unknown(found.unknown, "mapping.*.message", message, known.MESSAGE)
    count_unknown(found.unknown, "mapping.*.message.author", author, known.AUTHOR)
    count_unknown(found.unknown, "mapping.*.message.metadata", metadata, known.METADATA)
    role, name, kind = _role(author), take(author, "name") or None, content.get("content_type")
    visibility = _visibility(role, kind, message.get("weight"), metadata)
    if kind in _HIDDEN_KINDS or "user_context_message_data" in metadata:
        evidence = Evidence(found.conversation, id)
        found.memories.update({memory.id: memory for memory in memories(content, metadata, evidence)})
    own_id = message.get("id")
    voice = Voice(role, name, _recipient(message), own_id if isinstance(own_id, str) else "", _failed(metadata), found)
    parts: list[Part] = parts_of(content, voice)
    if metadata:
        parts += uploads(metadata, parts, voice)
        parts += citations(metadata)
    if kind == "text" and parts and isinstance(parts[0], Text):
        del content["content_type"]  # a Text part says as much
    if own_id == key:
        del left["id"]
    model, time = _model(role, metadata), _time(left, "create_time")
    updated = _time(left, "update_time") if left.get("update_time") is not None else None
    extra |= remaining(left)
    for place, fields in (("author", author), ("content", content), ("metadata", metadata)):
        if fields and (rest := remaining(fields)):
            extra[place] = rest
    return _Told(role, time, tuple(parts), name, model, updated, visibility, extra)


def _fields(message: dict[str, Json], name: str) -> dict[str, Json]:
    """A copy of an object of the message, which is taken out of it; anything but an object stays where it is."""
    value = message.get(name)
    return dict(message.pop(name)) if isinstance(value, dict) else {}


def _recipient(message: dict[str, Json]) -> str | None:
    """The tool a message is addressed to; None when it is for everybody."""
    recipient = message.get("recipient")
    return recipient if isinstance(recipient, str) and recipient not in _EVERYBODY else None


def _role(author: dict[str, Json]) -> str:
    """The role in lower case, "" if none is given. A word that had to be lowered stays in `author` as it was."""
    given = author.get("role")
    if not isinstance(given, str):
        return ""
    role = given.lower()
    if role == given:
        del author["role"]
    return role


def _visibility(role: str, kind: Json, weight: Json, metadata: dict[str, Json]) -> Visibility:
    """Hidden is what was never shown. An answer that was regenerated away has weight 0 too, and was."""
    flagged = not _HIDING.isdisjoint(metadata) and any(metadata.get(flag) is True for flag in _HIDING)
    if flagged or kind in _HIDDEN_KINDS:
        return "hidden"
    return "hidden" if role == "system" and weight == 0 and not isinstance(weight, bool) else "visible"


def _failed(metadata: dict[str, Json]) -> bool:
    """Whether the message is the output of code that raised."""
    result = metadata.get("aggregate_result")
    return isinstance(result, dict) and bool(result.get("in_kernel_exception") or result.get("system_exception"))


def _model(role: str, metadata: dict[str, Json]) -> str | None:
    """The model that wrote a message: the one that answered before the one that was asked for, which then stays in `extra`."""
    if role not in ("assistant", "tool"):
        return None
    return take(metadata, "resolved_model_slug") or take(metadata, "model_slug") or None
