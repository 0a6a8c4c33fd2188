"""Conversations: an element of conversations.json, or a conversation in a file of its own (share snapshots among them)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from souviens.canon import make_id, sha256
from souviens.formats._fields import NOT_A_NUMBER, NOT_UTF8, Fields, name_type, note
from souviens.formats.claude import known
from souviens.formats.claude.graph import Graph, is_hole, place_ids, trace
from souviens.formats.claude.parts import ATTACHMENTS, FILES, Desk, read_content, read_files, settle_text
from souviens.jsonspan import Flaws, Slice
from souviens.records import Conversation, Extra, Head, Json, Message, Part, Problem, Reading, Topic, sealed

MakeMessage: TypeAlias = Callable[[dict[str, Json], int, Graph, "Damage", Desk], Message]
_ROLES = {"human": "user", "assistant": "assistant"}


def read(slice: Slice, sidecars: Json) -> Reading:
    """One conversation: its messages as a graph, and its project as far as the export says."""
    key = messages_key(slice.value)
    flaws = Damage(slice.flaws or Flaws(), key)
    if flaws.header:
        return refused(slice, flaws.header)
    id, fields = conversation_id(slice), Fields(slice.value)
    items = fields.items(key)
    graph = trace(id, items)
    desk = Desk(id, key, sidecars or {})
    messages, problems = read_messages(slice, items, graph, flaws, desk, _message)
    uuid = fields.optional("uuid")
    leaf = fields.left.get("current_leaf_message_uuid")
    topic = topic_of(slice.value)
    head = Head(
        title=fields.text("name", "title", "snapshot_name"),
        created=fields.time("created_at"),
        updated=fields.time("updated_at"),
        tip=make_id("m", id, leaf) if isinstance(leaf, str) and leaf else None,
        project=topic.id if topic else None,
        model=fields.optional("model"),
        extra=flaws.noted(fields.rest(known.CONVERSATION, "", desk.unknown), graph.source),
    )
    conversation = Conversation(id, "claude", uuid, head, messages, tuple(desk.attachments.values()))
    return Reading((conversation,), topics=(topic,) if topic else (), problems=problems, unknown=desk.unknown)


def read_messages(
    slice: Slice, items: list[Json], graph: Graph, flaws: Damage, desk: Desk, make: MakeMessage
) -> tuple[tuple[Message, ...], tuple[Problem, ...]]:
    """Every message that can be read, sealed, and a Problem for every other; holes are neither."""
    messages: list[Message] = []
    problems: list[Problem] = []
    for place, item in enumerate(items):
        if is_hole(item):
            continue
        reason = flaws.messages.get(place, "") if isinstance(item, dict) else f"not an object but {name_type(item)}"
        if not reason:
            try:
                messages.append(sealed(make(item, place, graph, flaws, desk)))
            except RecursionError:
                reason = "nested too deeply to be written again"
        if reason:
            problems.append(Problem("message", slice.path, f"{slice.where}.{desk.path}[{place}]".lstrip("."), reason))
    return tuple(messages), tuple(problems)


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    """Message id -> path in the slice."""
    key = messages_key(slice.value)
    items = slice.value.get(key)
    if not isinstance(items, list):
        return {}
    ids, _ = place_ids(conversation_id(slice), items)
    return {id: (key, place) for place, (id, item) in enumerate(zip(ids, items, strict=True)) if isinstance(item, dict)}


def messages_key(value: dict[str, Json]) -> str:
    """Where the messages are: `messages` in the oldest exports."""
    return "messages" if "chat_messages" not in value and "messages" in value else "chat_messages"


def conversation_id(slice: Slice) -> str:
    """From the export's uuid; without one from title and creation time, which no later export changes; else from the bytes."""
    value = slice.value
    if isinstance(uuid := value.get("uuid"), str) and uuid:
        return make_id("c", "claude", uuid)
    said = [text for key in ("name", "title", "created_at") if isinstance(text := value.get(key), str) and text]
    return make_id("c", "claude", "", *(said or [sha256(slice.data)]))


def refused(slice: Slice, reason: str) -> Reading:
    return Reading(problems=(Problem("conversation", slice.path, slice.where, reason),))


def _message(item: dict[str, Json], place: int, graph: Graph, flaws: Damage, desk: Desk) -> Message:
    fields = Fields(item)
    id = graph.ids[place]
    parts: list[Part] = []
    if isinstance(content := fields.left.get("content"), str):
        parts = read_content([{"type": "text", "text": content}], desk)
        del fields.left["content"]
    elif blocks := fields.items("content"):
        parts = read_content(blocks, desk)
    text = fields.text("text") if isinstance(fields.left.get("text"), str) else None
    attached = read_files(fields.items("attachments"), ATTACHMENTS, id, desk) + read_files(fields.items("files"), FILES, id, desk)
    uuid, role, model = fields.optional("uuid"), _role(fields), fields.optional("model")
    time, updated = fields.time("created_at"), fields.updated("updated_at")
    extra = fields.rest(known.MESSAGE, desk.path, desk.unknown)
    parts = parts if text is None else settle_text(text, parts, extra)
    note_place(extra, place, graph, flaws)
    return Message(
        id=id,
        provider_id=uuid,
        parent=graph.parents[place],
        order=place,
        role=role,
        time=time,
        parts=(*parts, *attached),
        model=model,
        updated=updated,
        extra=extra,
    )


def note_place(extra: Extra, place: int, graph: Graph, flaws: Damage) -> None:
    """What is to be remarked on the message at a place."""
    if place in graph.repeats:
        note(extra, "repeated_uuid", graph.repeats[place])
    if place in flaws.surrogates:
        note(extra, "surrogates", flaws.surrogates[place])


def _role(fields: Fields) -> str:
    sender = fields.text("sender") or fields.text("role")
    return _ROLES.get(sender, sender.lower())


def topic_of(value: dict[str, Json]) -> Topic | None:
    """The project a conversation says it belongs to. What it says stays in `extra` whole: the project's own file knows better."""
    link = value.get("project")
    uuid = link.get("uuid") if isinstance(link, dict) else value.get("project_uuid")
    name = link.get("name") if isinstance(link, dict) else ""
    if not isinstance(uuid, str) or not uuid:
        return None
    return Topic(make_id("t", "claude", uuid), "project", name if isinstance(name, str) else "", "claude", uuid)


# --- damage -----------------------------------------------------------------------------------------------------------

_PLACE = {key: re.compile(key + r"\[(\d+)\]") for key in ("chat_messages", "messages")}


class Damage:
    """The flaws of a conversation, sorted by the smallest unit they touch.

    header: why the whole conversation is refused, "" if it is not. messages: place -> why that message is refused.
    surrogates: place -> [path, escape] pairs; those of the head itself are in `noted`.
    """

    def __init__(self, flaws: Flaws, key: str) -> None:
        self.header = ""
        self.messages: dict[int, str] = {}
        self.surrogates: dict[int, list[list[str]]] = {}
        self._head_surrogates: list[list[str]] = []
        self._duplicates = flaws.duplicates
        for paths, reason in ((flaws.unreal, NOT_A_NUMBER), (flaws.bad_utf8, NOT_UTF8)):
            for path in paths:
                if match := _PLACE[key].match(path):
                    self.messages.setdefault(int(match[1]), reason)
                else:
                    self.header = self.header or f"{reason} outside its messages"
        for path, escape in flaws.surrogates:
            if match := _PLACE[key].match(path):
                pair = [path[match.end() :].removeprefix("."), escape]
                self.surrogates.setdefault(int(match[1]), []).append(pair)
            else:
                self._head_surrogates.append([path, escape])

    def noted(self, extra: Extra, source: str) -> Extra:
        """The head's `extra`, with what has to be said of the whole conversation."""
        if source:
            note(extra, "graph", source)
        if self._head_surrogates:
            note(extra, "surrogates", self._head_surrogates)
        if self._duplicates:
            note(extra, "duplicate_keys", [[key, values] for key, values in self._duplicates])
        return extra
